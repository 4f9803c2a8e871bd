//===- Passes.h - Constructors and registration of the passes ------------------===//
// Passes.td documents every pass; Pipeline.h says in which order they run.
//===---------------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::mm1 {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace mlir::mm1
