//===- EmitKernel.h - A cluster becomes a function -----------------------===//
//   %y = mm1.cluster matmul (%x, %w) schedule {...} : ...
// becomes, in `out`, a function of type KernelFunction (KernelABI.h) in the
// dialects func, scf, arith, math, vector and llvm, ready for ObjectFile.h.
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/CPUTarget.h"
#include "dialects/MM1/MM1.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir::mm1::cpu {

struct KernelInfo {
  std::string symbol;
  /// Memory that every thread running the kernel needs.
  int64_t scratchBytes = 0;
};

/// Loads the dialects that the emitters build and compileToSharedObject reads.
void loadKernelDialects(MLIRContext &context);

/// Emits the kernel of a scheduled cluster as function `symbol` at the end of
/// `out`. Emits an error on the cluster (a schedule that is missing or does
/// not fit, a layout it cannot read) and fails.
FailureOr<KernelInfo> emitKernel(ClusterOp cluster, StringRef symbol,
                                 const CPUTarget &target, ModuleOp out);

} // namespace mlir::mm1::cpu
