//===- CudaBounds.h - What a GPU can do at best ---------------------------===//
// Memory is measured by copying on the GPU a block that no cache holds: each
// byte is read and written. Multiply-adds are not measured: that takes kernels,
// which an artifact does not have.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/Bounds.h"
#include "runtime/Device/CudaContext.h"

#include <memory>
#include <vector>

namespace mm1 {

class CudaBounds final : public Bounds {
public:
  /// Takes memory, at most an eighth of what is free. `gpu` outlives it.
  static Expected<std::unique_ptr<CudaBounds>> create(CudaContext &gpu);

  /// Bytes that go over the memory's wires, read and written.
  void measureRead() override;
  void measurePeaks() override {}
  double bestRead() const override;
  double medianRead() const override;

private:
  explicit CudaBounds(CudaContext &gpu) : gpu(gpu) {}

  CudaContext &gpu;
  uint64_t sizeBytes = 0;
  CudaMemory from, to;
  CudaEvent begun, ended;
  std::vector<double> rates; // sorted
};

} // namespace mm1
