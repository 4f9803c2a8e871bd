//===- mm1-opt.cpp - Runs passes on IR text ------------------------------------===//
// Every phase of the compiler on text, for tests and for people who change passes:
//
//   mm1-opt model.mlir --mm1-form-clusters               one pass
//   mm1-opt model.mlir --mm1-pipeline=to=fused           everything up to a phase (passes/Pipeline.cpp)
//   mm1-opt model.mlir --verify-roundtrip                parse, check, print, parse again
//===---------------------------------------------------------------------------===//
#include "compiler/tools/Dialects.h"
#include "passes/Passes.h"
#include "passes/Pipeline.h"
#include "passes/Plan/Passes.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::registerCanonicalizer();
  mlir::registerCSE();
  mlir::mm1::registerMM1Passes();
  mlir::plan::registerPlanPasses();
  mlir::mm1::registerPipelines();
  mlir::DialectRegistry registry;
  mlir::mm1::registerDialects(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "mm1c's IR and passes, on text\n", registry));
}
