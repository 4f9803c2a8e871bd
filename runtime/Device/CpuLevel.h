//===- CpuLevel.h - Which kernels this processor runs --------------------------===//
// An artifact for the cpu carries its kernels once per level, kernels/cpu-LEVEL.so, and the best one is chosen at load:
//
//   x86-64-v3        AVX2, FMA, F16C
//   x86-64-v4-bf16   AVX-512 F BW CD DQ VL, VNNI and BF16 (Sapphire Rapids, Zen 4 and later)
//===---------------------------------------------------------------------------===//
#pragma once

#include <string_view>
#include <vector>

namespace mm1 {

/// The levels this processor and system run, best first; empty on a machine with none.
std::vector<std::string_view> supportedCpuLevels();

} // namespace mm1
