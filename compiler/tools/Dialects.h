//===- Dialects.h - The dialects that mm1's IR text may hold -------------------===//
// Shared by mm1-opt and mm1-lsp-server, so that the editor understands what the tool does.
//===---------------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"
#include "dialects/Plan/Plan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::mm1 {

/// The model's own dialects, and those that its scalar bodies and CPU kernels are made of.
inline void registerDialects(DialectRegistry &registry) {
  registry.insert<MM1Dialect, plan::PlanDialect>();
  registry.insert<func::FuncDialect, arith::ArithDialect, math::MathDialect,
                  vector::VectorDialect, scf::SCFDialect, LLVM::LLVMDialect>();
}

} // namespace mlir::mm1
