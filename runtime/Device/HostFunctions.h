//===- HostFunctions.h - What a plan may call by name ---------------------===//
// The functions of runtime/Artifact/HostCalls.h as the cpu device has them: it
// runs them as tasks of its thread pool, like kernels.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/KernelABI.h"
#include "runtime/Support/Expected.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace mm1 {

struct HostFunction {
  std::string_view name;
  /// Called with the step's buffers, and then a pointer to its numbers.
  KernelFunction function;
  /// Checks a step of a plan that anybody may have written: bytes of each
  /// buffer, its numbers, and the most tasks it may have. Input error.
  Status (*check)(std::span<const uint64_t> bufferBytes,
                  std::span<const int64_t> numbers, uint64_t tasks);
};

/// The function called `name`, or null.
const HostFunction *findHostFunction(std::string_view name);

} // namespace mm1
