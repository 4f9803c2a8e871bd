//===- Schedule.h - Streams, and who goes next ----------------------------===//
// Work lies in the queues of streams until a call runs it: the call that gave
// it (config.late = 0), or one that waits or asks. What may run next is the
// front of any stream, any node of a launched graph whose predecessors have
// ended, and every kernel that spins; config.order chooses. So kernels of
// several GPUs that wait for each other get on, and a program that forgot an
// event meets the order that it did not think of.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/driver/Objects.h"

#include <functional>

namespace mm1::emulated {

class Call;

/// Gives `stream` a piece of work, or adds it to the graph that it captures.
cuda::Result give(Call &call, cuda::StreamHandle &stream, Piece piece);

/// Works until `done`. The answer is the context's state then.
cuda::Result workUntil(Call &call, const std::function<bool()> &done);

/// Runs one piece of work, if there is any: what a query does.
void workOnce();

/// Says which work that has yet to run uses [address, address + bytes), or
/// nothing.
std::string pendingUse(uintptr_t address, size_t bytes);
/// Whether a copy that has yet to run writes there.
bool isPendingTarget(uintptr_t address, size_t bytes);

/// Reports writes around live blocks.
void checkRedZones();

} // namespace mm1::emulated
