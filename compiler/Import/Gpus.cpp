//===- Gpus.cpp - Memory, bandwidth and peak of the GPUs we plan for ------===//
// Bandwidth and peak are the data sheet's. A sheet's "80 GB" is what the chips
// hold; the driver keeps some, and what is left for a program is given here in
// whole GiB, rounded down.
#include "compiler/Import/Gpus.h"

#include <array>

namespace mm1 {

static constexpr uint64_t GiB = uint64_t(1) << 30;

static constexpr std::array<GpuModel, 7> kGpus = {{
    {"a100-40", "A100 40GB", 39 * GiB, 1.555e12, 312e12,
     "NVIDIA A100 data sheet, 40GB SXM"},
    {"a100-80", "A100 80GB", 79 * GiB, 2.039e12, 312e12,
     "NVIDIA A100 data sheet, 80GB SXM"},
    {"h100", "H100 SXM", 79 * GiB, 3.35e12, 989e12,
     "NVIDIA H100 data sheet, SXM; half of the figure with sparsity"},
    {"h200", "H200 SXM", 139 * GiB, 4.8e12, 989e12,
     "NVIDIA H200 data sheet, SXM; half of the figure with sparsity"},
    {"h20", "H20", 95 * GiB, 4.0e12, 148e12, "NVIDIA H20 product brief, 96GB"},
    {"b200", "B200", 178 * GiB, 8.0e12, 2250e12,
     "NVIDIA DGX B200 data sheet, an eighth; half of the figure with sparsity"},
    {"rtx4090", "GeForce RTX 4090", 23 * GiB, 1.008e12, 165e12,
     "NVIDIA Ada architecture paper; dense, float32 sums"},
}};

std::span<const GpuModel> allGpus() { return kGpus; }

const GpuModel *findGpu(std::string_view name) {
  for (const GpuModel &gpu : kGpus)
    if (gpu.name == name)
      return &gpu;
  return nullptr;
}

std::string gpuNames() {
  std::string names;
  for (const GpuModel &gpu : kGpus)
    names += (names.empty() ? "" : ", ") + std::string(gpu.name);
  return names;
}

} // namespace mm1
