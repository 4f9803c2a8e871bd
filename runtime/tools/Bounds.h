//===- Bounds.h - What this machine can do at best -----------------------------===//
// Two bounds hold whatever the code: bytes read from memory, and multiply-adds in registers. Both are measured with the
// same number of threads as the model, in the same run, because these machines are often shared.
//===---------------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CpuDevice.h"

#include <memory>
#include <vector>

namespace mm1 {

/// Measures when asked, again and again; figures are over all rounds so far.
class Bounds {
public:
  /// Takes a buffer of 512 MiB; machine error when that is not there.
  static Expected<std::unique_ptr<Bounds>> create(uint32_t threads);

  /// Streams the buffer some times through all threads.
  void measureRead();
  /// Runs each kind of multiply-add that the processor has.
  void measurePeaks();

  /// Bytes per second of the fastest and of the middle round.
  double bestRead() const;
  double medianRead() const;
  /// Operations (two per multiply-add) per second over all threads; 0 where the processor has no such instruction.
  double f32Peak = 0, bf16Peak = 0, int8Peak = 0;

private:
  Bounds() = default;
  double timeSteps(KernelFunction function, void *buffer, uint32_t tasks);

  std::unique_ptr<CpuDevice> memoryOwner; // before buffer
  Device::Memory buffer;
  std::unique_ptr<ThreadPool> pool;
  std::vector<double> readRates;
};

} // namespace mm1
