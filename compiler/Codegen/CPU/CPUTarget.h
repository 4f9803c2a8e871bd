//===- CPUTarget.h - The CPU levels that kernels are generated for -------===//
// An artifact carries one shared library of kernels per level, and the runtime
// loads the best one that cpuid allows:
//
//   x86-64-v3        AVX2 and FMA, 8 floats a register, 16 registers
//   x86-64-v4-bf16   AVX-512 with VNNI, VBMI and BF16 (Zen 4, Sapphire Rapids)
//
// Another architecture is another row of the table: emitters ask for lanes,
// registers and abilities, never for a name.
//===---------------------------------------------------------------------===//
#pragma once

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace mlir::mm1::cpu {

struct CPUTarget {
  /// The level's name: of the file in the artifact, and what the runtime asks
  /// cpuid for.
  StringRef name;
  StringRef triple;
  /// What LLVM calls the processor, and features beyond it.
  StringRef processor;
  StringRef features;
  /// f32 values in one vector register.
  int64_t lanes;
  int64_t vectorRegisters;
  /// acc[i] += a[2i] b[2i] + a[2i+1] b[2i+1] on bf16 pairs, and rounding to
  /// bf16, in one instruction each.
  bool hasDotBF16;
  /// Looks bytes up in a table of 128 (vpermi2b).
  bool hasByteLookup;
};

/// Every level, best last.
ArrayRef<CPUTarget> cpuTargets();

/// The level of this name, or null.
const CPUTarget *findCPUTarget(StringRef name);

} // namespace mlir::mm1::cpu
