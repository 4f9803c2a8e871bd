//===- Timings.cpp - How long kernels take, and how long they must --------===//
#include "test/gpu/Timings.h"

#include <algorithm>
#include <cmath>

namespace mm1::kit {

using namespace cuda;

Expected<Stopwatch> Stopwatch::create(CudaContext &gpu, bool isEmulated) {
  Stopwatch watch(gpu, isEmulated);
  auto bounds = CudaBounds::create(gpu);
  if (!bounds)
    return bounds.takeError();
  watch.bounds = std::move(*bounds);
  watch.bounds->measureRead();
  if (!gpu.lost())
    return gpu.lost().takeError();
  for (CudaEvent *event : {&watch.begun, &watch.ended}) {
    auto made = gpu.makeEvent(kEventDefault);
    if (!made)
      return made.takeError();
    *event = std::move(*made);
  }
  return watch;
}

/// Seconds of one launch.
Expected<double> Stopwatch::timeBatch(const std::function<Status()> &start,
                                      int launches) {
  const CudaDriver &cu = gpu->driver();
  if (Status status = gpu->check(cu.cuEventRecord(begun.get(), gpu->stream()),
                                 "cuEventRecord");
      !status)
    return status.takeError();
  for (int i = 0; i < launches; ++i)
    if (Status status = start(); !status)
      return status.takeError();
  if (Status status = gpu->check(cu.cuEventRecord(ended.get(), gpu->stream()),
                                 "cuEventRecord");
      !status)
    return status.takeError();
  if (Status status = gpu->synchronize(); !status)
    return status.takeError();
  float milliseconds = 0;
  if (Status status = gpu->check(
          cu.cuEventElapsedTime(&milliseconds, begun.get(), ended.get()),
          "cuEventElapsedTime");
      !status)
    return status.takeError();
  return double(milliseconds) * 1e-3 / launches;
}

Expected<Timing> Stopwatch::time(const std::function<Status()> &start) {
  constexpr int kBatches = 7;
  constexpr double kBatchSeconds = 1e-3;
  Timing timing;
  if (isEmulated) {
    Expected<double> only = timeBatch(start, timing.launches = 1);
    if (!only)
      return only.takeError();
    return timing;
  }
  Expected<double> first = timeBatch(start, 3); // loads code, wakes clocks
  if (!first)
    return first.takeError();
  timing.launches = std::clamp(
      int(std::lround(kBatchSeconds / std::max(*first, 1e-7))), 3, 1000);
  std::vector<double> seconds;
  for (int batch = 0; batch < kBatches; ++batch) {
    Expected<double> one = timeBatch(start, timing.launches);
    if (!one)
      return one.takeError();
    seconds.push_back(*one);
  }
  std::sort(seconds.begin(), seconds.end());
  timing.medianSeconds = seconds[kBatches / 2];
  if (timing.medianSeconds > 0)
    timing.spread = (seconds.back() - seconds.front()) / timing.medianSeconds;
  return timing;
}

} // namespace mm1::kit
