//===- EmitCUDA.h - A cluster becomes CUDA C++ ---------------------------===//
//   %y = mm1.cluster matmul (%x, %w) schedule {panels = 8, rows = 8, ...} {
//     %0 = mm1.linear %x weights(%w) ...
//     %1 = mm1.silu %0
//     mm1.yield %1
//   }
// becomes a kernel whose text a person can read, in the words of kernels/dp:
//
//   struct linear_silu_0_cluster { ... };   sizes, and holes made of the region
//   DP_KERNEL(256) linear_silu_0(...) {     its parameters
//     skeletons::matmul(linear_silu_0_cluster{...}, dp::block(), shared);
//   }
//
// The loops are those of a skeleton (kernels/skeletons). The schedule and the
// weights' encodings give its constants, the region's scalar bodies its
// arithmetic: they are the ones that the CPU emitter builds vectors from.
// Emitters.h says how a skeleton is added.
//===---------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"
#include "dialects/Plan/Plan.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mlir::mm1::cuda {

/// The text of a kernel, and the skeleton's header that it needs.
struct CUDAKernel {
  std::string text;
  StringRef header;
};

/// The kernel of a scheduled cluster as `extern "C"` function `symbol`.
/// Parameters: the cluster's inputs, then its outputs (but not updated states,
/// which are written through their inputs), then the step's dims (KernelABI.h),
/// all pointers to device memory in the layouts of Layout.h. Emits an error on
/// the cluster and fails when no skeleton accepts it, the schedule is missing
/// or does not fit, or a layout is not the skeleton's.
FailureOr<CUDAKernel> emitCUDAKernel(ClusterOp cluster, StringRef symbol);

/// The kernel of a builtin of the plan: parameters are its ports, and then those
/// that kernels/step/step_block.h names. Emits an error and fails when a port is
/// not one that step.h knows.
FailureOr<CUDAKernel> emitCUDABuiltin(::mlir::plan::KernelOp kernel);

/// Kernels as a program for NVRTC or a host compiler, with its includes.
std::string joinProgram(ArrayRef<CUDAKernel> kernels);

/// The kernels of one module of the plan, as one program. Fails like
/// emitCUDAKernel.
FailureOr<std::string> emitCUDAModule(::mlir::plan::KernelModuleOp part);

} // namespace mlir::mm1::cuda
