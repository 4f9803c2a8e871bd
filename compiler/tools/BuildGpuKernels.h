//===- BuildGpuKernels.h - The files of a GPU's kernels -------------------===//
// From the kernel modules of a plan to what an artifact holds of them:
//
//   plan.kernel_module @kernels_0 cuda arch = "sm_90a"
//     -> kernels/kernels_0-sm_90a.cubin
//   plan.kernel_module @kernels_0_host cpu host_of = @kernels_0
//     -> kernels/kernels_0_host.so, the same text built for the processor
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Artifact/ArtifactWriter.h"
#include "compiler/Codegen/CUDA/BuildPrograms.h"
#include "compiler/Import/FirstError.h"
#include "compiler/tools/Commands.h"

namespace mm1 {

/// Whether the plan's kernels are a GPU's.
bool isForGpu(mlir::ModuleOp plan);

/// The printed programs of a plan's GPU modules, in order.
Expected<std::vector<mlir::mm1::cuda::Program>>
printGpuPrograms(mlir::ModuleOp plan, FirstError &error);

struct GpuKernels {
  std::string arch;
  std::vector<mlir::mm1::cuda::BuiltProgram> programs;
  std::vector<ArtifactFile> files;
  BuiltKernels built;
  bool isEmulated = false;
  /// [{"name", "module", "arch", "registers", "shared_bytes", "spill_bytes",
  /// "stack_bytes"}, ...] in the order of the plan: for the manifest.
  nlohmann::ordered_json resources;
};

/// Prints and builds them. Input error: a kernel spills or is over its budget;
/// machine error: no NVRTC, or no C++ compiler for an emulated target; internal
/// error: NVRTC refuses what was printed.
Expected<GpuKernels> buildGpuKernels(mlir::ModuleOp plan,
                                     const CompileArguments &arguments,
                                     FirstError &error);

} // namespace mm1
