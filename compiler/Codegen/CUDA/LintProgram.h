//===- LintProgram.h - Rules that only a program's text can break ---------===//
// A kernel may start while the ones in front still run (dp.h, wait_grid), and
// the path of ld.global.nc does not see what they write. So of every kernel:
//
//   all threads wait before they touch anything but weights
//   the trigger stands behind the wait
//   ld.global.nc reads weights only: parameters with __restrict__
//
// NVRTC makes ld.global.nc of its own accord, where __restrict__ lets it, and
// moves what is not held; so the PTX is read, not just the text:
//
//   if (llvm::Error error = lintProgram(text, compiled.ptx)) ...
//   // kernel 'silu_0': 'ld.global.nc.u16 %rs1, [%rd4+2]' reads parameter 0,
//   // which is no weight
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace mlir::mm1::cuda {

/// Whether a parameter of a kernel is a weight.
using IsWeight = llvm::function_ref<bool(llvm::StringRef kernel, unsigned)>;

/// All rules, of a program that was printed and what NVRTC made of it. An error
/// names the kernel, the line and the rule.
llvm::Error lintProgram(llvm::StringRef text, llvm::StringRef ptx);

/// The text speaks only dp: no assembly, no names of CUDA C++, no header but
/// those of kernels/; and each kernel begins with its wait.
llvm::Error lintText(llvm::StringRef text);

/// Each ld.global.nc reads a weight.
llvm::Error lintWeightLoads(llvm::StringRef ptx, IsWeight isWeight);

/// Each kernel waits, before it touches anything but weights, and then
/// triggers. Nothing is asked of PTX for an architecture without
/// griddepcontrol.
llvm::Error lintWaits(llvm::StringRef ptx, IsWeight isWeight);

/// The kernels of a printed program: which of its parameters are weights.
llvm::StringMap<llvm::SmallVector<bool>> weightsOf(llvm::StringRef text);

} // namespace mlir::mm1::cuda
