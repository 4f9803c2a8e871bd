//===- Bounds.h - What this machine can do at most -----------------------===//
// Kernels that only read, or only multiply, made with the same builder as the
// real ones, so that a figure of bench-cpu-kernels stands beside the bound of
// the same run, level and threads.
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/KernelBuilder.h"

namespace mlir::mm1::cpu {

/// Bytes that one task of the read kernel reads.
inline constexpr int64_t kReadTaskBytes = 2 << 20;

/// Task t reads bytes [t, t+1) * kReadTaskBytes of buffer 0, each line asked
/// for 4 KiB ahead of its use, and adds them up into buffer 1.
void emitRead(ModuleOp out, StringRef symbol, const CPUTarget &target);

/// A task makes kPeakSteps rounds of independent multiply-adds in registers.
inline constexpr int64_t kPeakSteps = 20000;
/// The operations (two for a multiply-add) of one task.
int64_t peakOperations(const CPUTarget &target, bool dot);
void emitPeak(ModuleOp out, StringRef symbol, const CPUTarget &target,
              bool dot);

} // namespace mlir::mm1::cpu
