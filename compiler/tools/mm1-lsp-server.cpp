//===- mm1-lsp-server.cpp - Editor support for mm1's IR text -------------------===//
// Point an editor's MLIR plug-in at this program: it then knows the ops, shows their docs and the verifier's errors.
//===---------------------------------------------------------------------------===//
#include "compiler/tools/Dialects.h"

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::mm1::registerDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
