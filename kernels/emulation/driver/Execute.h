//===- Execute.h - Do one piece of work -----------------------------------===//
// Copies and fills are done at once. A kernel becomes a Flight: usually it ends
// in its first advance(), but one that spins for another GPU's kernel stays in
// flight while the scheduler lets others work.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/driver/Clock.h"

#include <cstdint>
#include <memory>
#include <string>

namespace mm1::cuda {
struct ContextHandle;
}

namespace mm1::emulated {

struct KernelWork;
struct CopyWork;
struct FillWork;

/// A kernel that has been started and has not ended.
class Flight {
public:
  virtual ~Flight() = default;
  /// Works on until the kernel has ended (true) or only spins (false).
  virtual bool advance() = 0;
  /// What it may rely on; `done` is there when it has ended.
  Order order;
};

/// Starts a kernel whose order.start and .waited are known. Null when it cannot
/// start: the context has failed then.
std::unique_ptr<Flight> startKernel(cuda::ContextHandle &context,
                                    const KernelWork &work, Order order,
                                    Moment moment);

/// Whether the host left the source of a copy alone since it asked for it.
bool isSourceUnchanged(const CopyWork &copy);

/// Does a copy or a fill that is behind `clock`.
void runCopy(const CopyWork &copy, const Clock &clock, Moment moment);
void runFill(const FillWork &fill, const Clock &clock, Moment moment);

} // namespace mm1::emulated
