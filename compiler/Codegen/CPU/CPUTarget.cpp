//===- CPUTarget.cpp - The table of CPU levels ---------------------------===//
#include "compiler/Codegen/CPU/CPUTarget.h"

using namespace mlir;
using namespace mlir::mm1::cpu;

static const CPUTarget targets[] = {
    {.name = "x86-64-v3",
     .triple = "x86_64-unknown-linux-gnu",
     .processor = "x86-64-v3",
     .features = "",
     .lanes = 8,
     .vectorRegisters = 16,
     .hasDotBF16 = false,
     .hasByteLookup = false},
    {.name = "x86-64-v4-bf16",
     .triple = "x86_64-unknown-linux-gnu",
     .processor = "x86-64-v4",
     .features = "+avx512vnni,+avx512bf16,+avx512vbmi",
     .lanes = 16,
     .vectorRegisters = 32,
     .hasDotBF16 = true,
     .hasByteLookup = true},
};

ArrayRef<CPUTarget> mlir::mm1::cpu::cpuTargets() { return targets; }

const CPUTarget *mlir::mm1::cpu::findCPUTarget(StringRef name) {
  for (const CPUTarget &target : targets)
    if (target.name == name)
      return &target;
  return nullptr;
}
