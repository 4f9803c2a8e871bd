//===- CudaWeights.h - Weights on their way to a GPU ----------------------===//
// One block of the GPU's memory takes the tensors as they lie in the file. The
// file is read into a ring of pinned buffers, and each is copied from there
// while the next is read:
//
//   buffer 0   read 0-32 MiB   copy ...        read 128-160 MiB   copy
//   buffer 1                   read 32-64 MiB  copy ...
//
// A copy from the file's own mapping would be staged by the driver, one piece
// after the other, and pinning the mapping takes longer than reading it.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Artifact.h"
#include "runtime/Device/CudaContext.h"
#include "runtime/Device/Device.h"

#include <functional>
#include <vector>

namespace mm1 {

class CudaWeights {
public:
  /// Of the block, whether the weights are loaded or filled.
  static uint64_t sizeBytes(const Artifact &artifact);

  /// Takes the block and fills it; `onProgress` may be empty. Machine error: no
  /// memory, the disk or the GPU fails; input error: a tensor lies where
  /// kernels cannot read it; usage error: stopped by onProgress.
  Status load(CudaContext &gpu, const Artifact &artifact,
              const std::function<bool(const Device::Progress &)> &onProgress);

  /// Takes the block and fills it with random numbers (RandomWeights.h), which
  /// the GPU copies to all of it. Machine error: no memory, the GPU fails.
  Status fill(CudaContext &gpu, const Plan &plan, uint64_t seed);

  /// Of plan.weights[weight].
  cuda::Address address(size_t weight) const { return addresses[weight]; }

private:
  Status
  upload(CudaContext &gpu, const Artifact &artifact, uint64_t begin,
         uint64_t end,
         const std::function<bool(const Device::Progress &)> &onProgress);

  CudaMemory block;
  std::vector<cuda::Address> addresses;
};

} // namespace mm1
