//===- CpuBounds.h - What this processor can do at best -------------------===//
#pragma once

#include "runtime/Device/Bounds.h"
#include "runtime/Device/CpuMemory.h"
#include "runtime/Device/ThreadPool.h"

#include <memory>
#include <string_view>
#include <vector>

namespace mm1 {

/// Streams a buffer through all threads, and runs each kind of multiply-add
/// that kernels of a level use.
class CpuBounds final : public Bounds {
public:
  /// Takes a buffer of 512 MiB; machine error when that is not there.
  static Expected<std::unique_ptr<CpuBounds>> create(uint32_t threads,
                                                     std::string_view level);

  void measureRead() override;
  void measurePeaks() override;
  double bestRead() const override;
  double medianRead() const override;

private:
  CpuBounds() = default;
  double timeSteps(KernelFunction function, void *buffer, uint32_t tasks);

  bool hasAvx512Kernels = false;
  CpuMemory buffer;
  std::unique_ptr<ThreadPool> pool;
  std::vector<double> readRates;
};

} // namespace mm1
