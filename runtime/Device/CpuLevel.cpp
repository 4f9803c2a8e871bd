//===- CpuLevel.cpp - Which kernels this processor runs ------------------------===//
#include "runtime/Device/CpuLevel.h"

namespace mm1 {

std::vector<std::string_view> supportedCpuLevels() {
  std::vector<std::string_view> levels;
#if defined(__x86_64__)
  // The builtin also asks whether the system saves the wide registers.
  __builtin_cpu_init();
  bool isV3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
              __builtin_cpu_supports("f16c");
  bool isV4 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (isV3 && isV4 && __builtin_cpu_supports("avx512vnni") &&
      __builtin_cpu_supports("avx512bf16") &&
      __builtin_cpu_supports("avx512vbmi"))
    levels.push_back("x86-64-v4-bf16");
  if (isV3)
    levels.push_back("x86-64-v3");
#endif
  return levels;
}

} // namespace mm1
