//===- BuildArtifact.h - From a plan to an artifact on disk ---------------===//
// The last steps of mm1c compile: kernels for every CPU level, golden prompts,
// then plan, weights and manifest by compiler/Artifact, whole or absent.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/EmitKernel.h"
#include "compiler/Import/Checkpoint.h"
#include "compiler/Import/FirstError.h"
#include "compiler/tools/Commands.h"
#include "compiler/tools/CompileSource.h"

#include "mlir/IR/OwningOpRef.h"

#include <vector>

namespace mm1 {

/// All kernels of a plan for one CPU level, before lowering.
struct EmittedKernels {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<mlir::mm1::cpu::KernelInfo>
      kernels; ///< in the order of the plan's plan.kernel ops
};

/// Emits every plan.kernel of `plan`; reports errors on the kernel.
mlir::FailureOr<EmittedKernels>
emitKernels(mlir::ModuleOp plan, const mlir::mm1::cpu::CPUTarget &target);

/// Writes the artifact of `source`, whose module is a plan by now, to
/// arguments.output.
/// \param moduleText  the module at stage source.stage
/// \param error       of the module's context
Status buildArtifact(const CompileSource &source, std::string moduleText,
                     const CompileArguments &arguments, FirstError &error);

} // namespace mm1
