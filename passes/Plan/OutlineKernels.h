//===- OutlineKernels.h - Equal clusters become one kernel ----------------===//
// 80 layers hold a dozen different clusters. Two are equal when their text is:
// ops, attributes, types and schedule. A kernel is named for its ops,
//
//   linear + silu                       @linear_silu_0
//   the same with other shapes          @linear_silu_1
//   combine + residual + rms_norm       @combine_residual_rms_norm_0
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Plan/Plan.h"

#include "llvm/ADT/StringMap.h"

namespace mlir::plan {

class KernelOutliner {
public:
  /// Kernels are created at the end of `module`, as part of `kernels`.
  KernelOutliner(ModuleOp module, KernelModuleOp kernels);

  /// The kernel that does what `cluster` does, made if there is none yet.
  KernelOp outline(mm1::ClusterOp cluster);

private:
  ModuleOp module;
  KernelModuleOp kernels;
  llvm::StringMap<KernelOp> byText;
  llvm::StringMap<unsigned> numNamed;
};

/// The cluster's ops as a name: "linear_silu"; each op once, in order.
std::string describeCluster(mm1::ClusterOp cluster);

/// Where the cluster comes from and what it does, for people:
/// "layers.3.self_attn/linear_silu".
std::string labelOf(mm1::ClusterOp cluster);

} // namespace mlir::plan
