//===- WeightMemory.h - Where the cpu's kernels read weights -------------------===//
// Two places are possible for each tensor: the file's own pages, mapped, which cost nothing and are shared with other
// processes; or a copy on huge pages, from which a decode step reads some 5 % faster, because it needs fewer entries of
// the address cache. Copying a GB takes 0.15 s where the machine has the memory at hand, and ten times that where a
// hypervisor first has to find it; so we copy in the order of the file for a limited time, and map the rest.
//===---------------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Artifact.h"
#include "runtime/Device/Device.h"
#include "runtime/Device/ThreadPool.h"

#include <vector>

namespace mm1 {

enum class WeightPlacement : uint8_t {
  Auto, ///< copy for kAutoCopyMs, when the copy leaves half of the free memory
  Copy, ///< all, however long it takes
  Map,  ///< all
};

class WeightMemory {
public:
  static constexpr uint32_t kAutoCopyMs = 400;

  /// Places all weights of the plan. `device` gives the memory, `pool` the threads; `autoCopyMs` is the limit for Auto.
  /// Machine error: not enough memory for Copy, or the disk fails.
  Status load(const Artifact &artifact, WeightPlacement placement,
              Device &device, ThreadPool &pool,
              uint32_t autoCopyMs = kAutoCopyMs);

  /// Of plan().weights[weight]; good as long as this object and the artifact.
  void *address(size_t weight) const { return addresses[weight]; }
  uint64_t copiedBytes() const { return copied; }

private:
  Status copy(const Artifact &artifact, uint64_t begin, uint64_t end,
              uint64_t deadlineNs, Device &device, ThreadPool &pool);

  Device::Memory memory;
  std::vector<void *> addresses;
  uint64_t copied = 0;
};

/// What the system says it could hand out without swapping, in bytes; UINT64_MAX when it does not say.
uint64_t availableMemory();

} // namespace mm1
