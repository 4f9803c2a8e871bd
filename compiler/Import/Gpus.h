//===- Gpus.h - Memory, bandwidth and peak of the GPUs we plan for --------===//
// Figures from the makers' public data sheets, for bounds and not for promises:
//
//   findGpu("h200")->bandwidth; // 4.8e12 bytes per second
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mm1 {

struct GpuModel {
  std::string_view name;  ///< what --gpu takes
  std::string_view title; ///< as the maker calls it
  uint64_t memoryBytes;   ///< what a program can have, rounded down
  double bandwidth;       ///< of its memory, bytes per second
  double bf16Flops;       ///< dense tensor-core peak, float32 sums
  std::string_view source;
};

std::span<const GpuModel> allGpus();
/// The GPU called `name`, or null.
const GpuModel *findGpu(std::string_view name);
/// "a100-40, a100-80, ...": for messages and help.
std::string gpuNames();

} // namespace mm1
