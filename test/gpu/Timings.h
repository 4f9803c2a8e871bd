//===- Timings.h - How long kernels take, and how long they must ----------===//
// A kernel's time is the mean over a batch of launches between two events; of
// several batches the median is told, and how far the others lie from it. Its
// bound is what this GPU needs for the bytes that the kernel moves, by a copy,
// or for its products with weights, by multiply-adds of floats, whichever is
// more. Both are measured in the same run (CudaBounds.h, Measurements.h):
//
//   linear_silu_0   12 us +- 3 %   26 MB   bound 6.9 us by bytes   ratio 1.75
//
// Kernels that are launched again and again find their bytes in the caches when
// these are small: a ratio below 1 says so, and nothing else.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CudaBounds.h"
#include "test/gpu/Launcher.h"

#include <functional>

namespace mm1::kit {

struct Timing {
  double medianSeconds = 0;
  double spread = 0; ///< (slowest - fastest batch) / median
  int launches = 0;
};

class Stopwatch {
public:
  /// \param isEmulated  one launch is enough where times say nothing
  static Expected<Stopwatch> create(CudaContext &gpu, bool isEmulated);

  /// Warms up, then times batches of launches of about a millisecond each.
  Expected<Timing> time(PreparedCase &what) {
    return time([&] { return what.launch(); });
  }
  /// The same of any work that `start` gives the GPU.
  Expected<Timing> time(const std::function<Status()> &start);
  /// Bytes a second that a copy moves, read and written.
  double bytesPerSecond() const { return bounds->bestRead(); }

private:
  Stopwatch(CudaContext &gpu, bool isEmulated)
      : gpu(&gpu), isEmulated(isEmulated) {}
  Expected<double> timeBatch(const std::function<Status()> &start,
                             int launches);

  CudaContext *gpu;
  bool isEmulated;
  std::unique_ptr<CudaBounds> bounds;
  CudaEvent begun, ended;
};

} // namespace mm1::kit
