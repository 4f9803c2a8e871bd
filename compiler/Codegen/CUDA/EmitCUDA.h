//===- EmitCUDA.h - A cluster becomes CUDA C++ ---------------------------===//
//   %y = mm1.cluster matmul (%x, %w) schedule {panels = 8, rows = 8, ...} {
//     %0 = mm1.linear %x weights(%w) ...
//     %1 = mm1.silu %0
//     mm1.yield %1
//   }
// becomes a kernel whose text a person can read, in the words of
// kernels/dp/dp.h. The schedule and the weights' encodings decide its
// loops, the region's scalar bodies its arithmetic: they are the ones that the
// CPU emitter builds vectors from.
//===---------------------------------------------------------------------===//
#pragma once

#include "dialects/Plan/Plan.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mlir::mm1::cuda {

/// Whether the cluster's kernel can be printed yet. The target's plans hold more
/// forms than that (passes/Fuse/CudaTarget.cpp).
bool hasEmitter(ClusterOp cluster);

/// The kernel of a scheduled cluster as `extern "C"` function `symbol`.
/// Parameters: the cluster's inputs, then its outputs, then the step's dims
/// (KernelABI.h), all pointers to device memory in the layouts of Layout.h.
/// Emits an error on the cluster and fails when the kind has no emitter, the
/// schedule is missing or does not fit, or a layout is not its own.
FailureOr<std::string> emitCUDAKernel(ClusterOp cluster, StringRef symbol);

/// A whole program for NVRTC: the include of dp.h and every `plan.kernel` in
/// `part`, in order. A kernel whose form the target takes, but whose text is
/// not written yet, leaves a line
/// `// @lightning_0: no CUDA emitter yet`. Fails like emitCUDAKernel.
FailureOr<std::string> emitCUDAModule(::mlir::plan::KernelModuleOp part);

} // namespace mlir::mm1::cuda
