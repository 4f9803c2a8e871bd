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

/// The program of the model in `folder` (its config.json is enough).
inline std::string emitModel(const std::string &folder, llvm::StringRef target,
                             ComputeType compute, llvm::StringRef scheme) {
  auto config = ::mm1::ModelConfig::load(folder + "/config.json");
  if (!config) {
    ADD_FAILURE() << config.error().message;
    return "";
  }
  auto checkpoint = ::mm1::Checkpoint::openMetadata(folder, *config);
  if (!checkpoint) {
    ADD_FAILURE() << checkpoint.error().message;
    return "";
  }
  MLIRContext context;
  loadDialects(context);
  FailureOr<OwningOpRef<ModuleOp>> module =
      importModel(context, *checkpoint, {compute});
  PipelineOptions options;
  options.target = target.str();
  options.scheme = scheme.str();
  PassManager passes(&context);
  buildPipeline(passes, options, Stage::Plan);
  if (failed(module) || failed(passes.run(**module))) {
    ADD_FAILURE() << "the passes fail";
    return "";
  }
  FailureOr<std::string> text = emitCUDAModule(
      *(*module)->getOps<::mlir::plan::KernelModuleOp>().begin());
  EXPECT_TRUE(succeeded(text));
  return succeeded(text) ? *text : "";
}

} // namespace mlir::mm1::cuda::test
