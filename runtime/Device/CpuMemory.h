//===- CpuMemory.h - Zeroed memory on huge pages --------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace mm1 {

/// Anonymous memory, on huge pages where the system has them; freed with the
/// object.
class CpuMemory {
public:
  /// `sizeBytes` of zeros, aligned to kBufferAlignment and more. Machine error
  /// naming `what` when there is not that much memory.
  static Expected<CpuMemory> allocate(uint64_t sizeBytes,
                                      std::string_view what);

  CpuMemory() = default;
  CpuMemory(CpuMemory &&other) noexcept { *this = std::move(other); }
  CpuMemory &operator=(CpuMemory &&other) noexcept {
    std::swap(address, other.address);
    std::swap(bytes, other.bytes);
    return *this;
  }
  ~CpuMemory();

  std::byte *data() const { return address; }
  uint64_t sizeBytes() const { return bytes; }

private:
  std::byte *address = nullptr;
  uint64_t bytes = 0;
};

/// What the system says it could hand out without swapping, in bytes;
/// UINT64_MAX when it does not say.
uint64_t availableMemory();

} // namespace mm1
