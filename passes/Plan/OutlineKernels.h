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

/// Where kernels will run.
struct KernelPlace {
  DeviceKind device = DeviceKind::CPU;
  StringRef arch;          ///< of a GPU
  bool isEmulated = false; ///< each module is built for the processor, too
};

class KernelOutliner {
public:
  /// Kernels are created at the end of `module`, their modules at `builder`:
  /// one of a cpu, and of a GPU one for every kKernelsInModule kernels, which
  /// are built side by side.
  KernelOutliner(ModuleOp module, OpBuilder builder, KernelPlace place);

  static constexpr int64_t kKernelsInModule = 16;

  /// The kernel that does what `cluster` does, made if there is none yet.
  KernelOp outline(mm1::ClusterOp cluster);

  /// The builtin kernel for ports of these names, accesses and types.
  KernelOp outlineBuiltin(Builtin builtin, ArrayRef<StringRef> ports,
                          ArrayRef<Access> access, ArrayRef<Type> types,
                          Location location);

private:
  /// `kernel` as it is, or the one made before that equals it.
  KernelOp share(KernelOp kernel, StringRef name);
  KernelModuleOp makeModule();
  KernelModuleOp moduleOfNext();

  ModuleOp module;
  OpBuilder builder;
  KernelPlace place;
  KernelModuleOp current;
  int64_t numKernels = 0, numModules = 0;
  llvm::StringMap<KernelOp> byText;
  llvm::StringMap<unsigned> numNamed;
};

/// The cluster's ops as a name: "linear_silu"; each op once, in order.
std::string describeCluster(mm1::ClusterOp cluster);

/// Where the cluster comes from and what it does, for people:
/// "layers.3.self_attn/linear_silu".
std::string labelOf(mm1::ClusterOp cluster);

} // namespace mlir::plan
