//===- Fault.h - Survive a kernel's wild access ---------------------------===//
// A kernel that touches memory that is not there raises SIGSEGV in the fiber of
// its thread. On a GPU the context would be lost, the process not:
//
//   if (auto address = runGuarded([&] { launch.advance(); }))
//     report(*address);       // the launch is not to be advanced again
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace mm1::emulated {

/// Runs `work`, which must hold nothing that needs a destructor. \returns the
/// address of the access that ended it, if one did.
std::optional<uintptr_t> runGuarded(const std::function<void()> &work);

} // namespace mm1::emulated
