//===- Passes.h - The passes of the plan phase ----------------------------===//
// Their descriptions are in Passes.td.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Plan/Plan.h"

#include "mlir/Pass/Pass.h"

namespace mlir::plan {

#define GEN_PASS_DECL
#include "passes/Plan/Passes.h.inc"

/// Registers the passes for command lines.
#define GEN_PASS_REGISTRATION
#include "passes/Plan/Passes.h.inc"

} // namespace mlir::plan
