//===- CudaHarness.h - Clusters and whole models to CUDA C++ --------------===//
// Two ways to a program: a cluster written as text, with its schedule,
//
//   Expected<std::string> text = emitText(context, R"(
//     func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
//       %y = mm1.cluster elementwise (%x) schedule {...} : ... { ... }
//       return %y : tensor<?x64xf32>
//     })");
//
// and a folder with a config.json, which goes through every phase to the plan.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CUDA/EmitCUDA.h"
#include "compiler/Codegen/CUDA/Nvrtc.h"
#include "compiler/Import/ImportIR.h"
#include "dialects/MM1/MM1.h"
#include "dialects/Plan/Plan.h"
#include "passes/Pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <string>

namespace mlir::mm1::cuda::test {

inline void loadDialects(MLIRContext &context) {
  context
      .loadDialect<MM1Dialect, ::mlir::plan::PlanDialect, func::FuncDialect>();
}

/// What the emitter says about the cluster in `source`: its text as a kernel
/// `kernel`, alone and as a program, or its error.
struct Emitted {
  std::string text, program, error;
};
inline Emitted emitText(llvm::StringRef source) {
  MLIRContext context;
  loadDialects(context);
  Emitted emitted;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (emitted.error.empty())
      emitted.error = diagnostic.str();
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  if (!module)
    return emitted;
  module->walk([&](ClusterOp cluster) {
    FailureOr<CUDAKernel> kernel = emitCUDAKernel(cluster, "kernel");
    if (failed(kernel))
      return;
    emitted.text = kernel->text;
    emitted.program = joinProgram(*kernel);
  });
  return emitted;
}

/// The plan of the model in `folder` (its config.json is enough); null when
/// something failed, which is reported.
inline OwningOpRef<ModuleOp>
planModel(MLIRContext &context, const std::string &folder,
          llvm::StringRef target, ComputeType compute, llvm::StringRef scheme,
          PipelineOptions options = {}) {
  auto config = ::mm1::ModelConfig::load(folder + "/config.json");
  if (!config) {
    ADD_FAILURE() << config.error().message;
    return nullptr;
  }
  auto checkpoint = ::mm1::Checkpoint::openMetadata(folder, *config);
  if (!checkpoint) {
    ADD_FAILURE() << checkpoint.error().message;
    return nullptr;
  }
  FailureOr<OwningOpRef<ModuleOp>> module =
      importModel(context, *checkpoint, {compute});
  options.target = target.str();
  options.scheme = scheme.str();
  PassManager passes(&context);
  buildPipeline(passes, options, Stage::Plan);
  if (failed(module) || failed(passes.run(**module))) {
    ADD_FAILURE() << "the passes fail";
    return nullptr;
  }
  return std::move(*module);
}

/// The programs of the model's modules of kernels.
inline std::vector<std::string> emitModel(const std::string &folder,
                                          llvm::StringRef target,
                                          ComputeType compute,
                                          llvm::StringRef scheme,
                                          PipelineOptions options = {}) {
  MLIRContext context;
  loadDialects(context);
  OwningOpRef<ModuleOp> module =
      planModel(context, folder, target, compute, scheme, options);
  std::vector<std::string> programs;
  if (!module)
    return programs;
  for (auto part : module->getOps<::mlir::plan::KernelModuleOp>()) {
    FailureOr<std::string> text = emitCUDAModule(part);
    EXPECT_TRUE(succeeded(text));
    if (succeeded(text))
      programs.push_back(*text);
  }
  return programs;
}

} // namespace mlir::mm1::cuda::test
