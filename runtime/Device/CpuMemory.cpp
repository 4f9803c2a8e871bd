//===- CpuMemory.cpp - Zeroed memory on huge pages ------------------------===//
#include "runtime/Device/CpuMemory.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <sys/mman.h>

namespace mm1 {

namespace {

constexpr uint64_t kHugePage = uint64_t(2) << 20;

uint64_t roundedToPages(uint64_t bytes) {
  return (bytes + 4095) & ~uint64_t(4095);
}

std::string mebibytes(uint64_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

} // namespace

Expected<CpuMemory> CpuMemory::allocate(uint64_t sizeBytes,
                                        std::string_view what) {
  auto refusal = [&](const std::string &reason) {
    return machineError("not enough memory: " + std::string(what) + " needs " +
                        mebibytes(sizeBytes) + ", " + reason +
                        "; free some, ask for a smaller --kv-tokens, or "
                        "recompile with a smaller --context or --sequences");
  };
  uint64_t available = availableMemory();
  if (sizeBytes > available)
    return refusal(mebibytes(available) + " are available");
  // A region that starts on a huge page; what sticks out on both sides is given
  // back.
  uint64_t alignment = sizeBytes >= kHugePage ? kHugePage : 4096;
  uint64_t rounded = roundedToPages(sizeBytes);
  void *region = ::mmap(nullptr, rounded + alignment, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (region == MAP_FAILED)
    return refusal(std::strerror(errno));
  auto base = static_cast<std::byte *>(region);
  uint64_t before = -reinterpret_cast<uintptr_t>(base) & (alignment - 1);
  if (before != 0)
    ::munmap(base, before);
  ::munmap(base + before + rounded, alignment - before);
  (void)::madvise(base + before, rounded,
                  MADV_HUGEPAGE); // only speed hangs on it
  CpuMemory memory;
  memory.address = base + before;
  memory.bytes = sizeBytes;
  return memory;
}

CpuMemory::~CpuMemory() {
  if (address)
    ::munmap(address, roundedToPages(bytes));
}

uint64_t availableMemory() {
  std::FILE *file = std::fopen("/proc/meminfo", "re");
  if (!file)
    return UINT64_MAX;
  char line[128];
  unsigned long long kib = 0;
  uint64_t result = UINT64_MAX;
  while (std::fgets(line, sizeof(line), file))
    if (std::sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
      result = uint64_t(kib) << 10;
  std::fclose(file);
  return result;
}

} // namespace mm1
