//===- CudaBounds.cpp - What a GPU can do at best -------------------------===//
#include "runtime/Device/CudaBounds.h"

#include <algorithm>

namespace mm1 {

using namespace cuda;

Expected<std::unique_ptr<CudaBounds>> CudaBounds::create(CudaContext &gpu) {
  constexpr uint64_t kMostBytes = uint64_t(1) << 30;
  const CudaDriver &cu = gpu.driver();
  std::unique_ptr<CudaBounds> bounds(new CudaBounds(gpu));
  size_t free = 0, total = 0;
  if (Status status = gpu.check(cu.cuMemGetInfo(&free, &total), "cuMemGetInfo");
      !status)
    return status.takeError();
  bounds->sizeBytes = std::clamp<uint64_t>(free / 16, 1, kMostBytes);
  for (CudaMemory *memory : {&bounds->from, &bounds->to}) {
    auto allocated = gpu.allocate(bounds->sizeBytes, "measuring memory");
    if (!allocated)
      return allocated.takeError();
    *memory = std::move(*allocated);
  }
  if (Status status =
          gpu.check(cu.cuMemsetD8Async(bounds->from.get(), 1, bounds->sizeBytes,
                                       gpu.stream()),
                    "cuMemsetD8Async");
      !status)
    return status.takeError();
  for (CudaEvent *event : {&bounds->begun, &bounds->ended}) {
    auto made = gpu.makeEvent(kEventDefault);
    if (!made)
      return made.takeError();
    *event = std::move(*made);
  }
  if (Status status = gpu.synchronize(); !status)
    return status.takeError();
  return bounds;
}

void CudaBounds::measureRead() {
  const CudaDriver &cu = gpu.driver();
  for (int round = 0; round < 5; ++round) {
    float milliseconds = 0;
    // A failure loses the GPU, which its next step tells.
    if (!gpu.check(cu.cuEventRecord(begun.get(), gpu.stream()),
                   "cuEventRecord") ||
        !gpu.check(
            cu.cuMemcpyDtoDAsync(to.get(), from.get(), sizeBytes, gpu.stream()),
            "cuMemcpyDtoDAsync") ||
        !gpu.check(cu.cuEventRecord(ended.get(), gpu.stream()),
                   "cuEventRecord") ||
        !gpu.synchronize() ||
        !gpu.check(
            cu.cuEventElapsedTime(&milliseconds, begun.get(), ended.get()),
            "cuEventElapsedTime"))
      return;
    if (milliseconds > 0)
      rates.push_back(2e3 * double(sizeBytes) / double(milliseconds));
  }
  std::sort(rates.begin(), rates.end());
}

double CudaBounds::bestRead() const { return rates.empty() ? 0 : rates.back(); }

double CudaBounds::medianRead() const {
  return rates.empty() ? 0 : rates[rates.size() / 2];
}

} // namespace mm1
