//===- WeightMemory.h - Where the cpu's kernels read weights --------------===//
// Two places are possible for each tensor: the file's own pages, mapped, which
// cost nothing and are shared with other processes; or a copy on huge pages,
// from which a decode step reads some 5 % faster, because it needs fewer
// entries of the address cache. Copying a GB takes 0.15 s where the machine has
// the memory at hand, and ten times that where a hypervisor first has to find
// it; so we copy in the order of the file for a limited time, and map the rest.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Artifact.h"
#include "runtime/Device/CpuMemory.h"
#include "runtime/Device/Device.h"
#include "runtime/Device/ThreadPool.h"

#include <vector>

namespace mm1 {

class LoadReport;

enum class WeightPlacement : uint8_t {
  Auto, ///< copy for kAutoCopyMs, when the copy leaves half of the free memory
  Copy, ///< all, however long it takes
  Map,  ///< all
};

class WeightMemory {
public:
  static constexpr uint32_t kAutoCopyMs = 400;

  /// Places all weights of the plan. `pool` gives the threads; `onProgress` may
  /// be empty; `autoCopyMs` is the limit for Auto. Machine error: not enough
  /// memory for Copy, or the disk fails; usage error: stopped by onProgress.
  Status load(const Artifact &artifact, WeightPlacement placement,
              ThreadPool &pool,
              const std::function<bool(const Device::Progress &)> &onProgress,
              uint32_t autoCopyMs = kAutoCopyMs);

  /// Random numbers instead. Machine error: not enough memory.
  Status fill(const Plan &plan, uint64_t seed);

  /// Of plan().weights[weight]; good as long as this object and the artifact.
  void *address(size_t weight) const { return addresses[weight]; }
  uint64_t copiedBytes() const { return copied; }

private:
  Status copy(const Artifact &artifact, uint64_t begin, uint64_t end,
              uint64_t deadlineNs, ThreadPool &pool, LoadReport &report);

  CpuMemory memory;
  std::vector<void *> addresses;
  uint64_t copied = 0;
};

} // namespace mm1
