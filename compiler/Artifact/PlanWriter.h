//===- PlanWriter.h - From the plan dialect to plan.bin -------------------===//
// Says in runtime/Artifact/plan.fbs what the module says in plan ops:
//
//   plan.launch @silu_0 (read %x : ..., write %y : ...) tasks = 1 unit = tokens
//       per = 4
//   ->  Step {args = [Arena Read 8192 (128 bytes), Arena Write 8320 (128 bytes)]
//             action = Launch {kernel = 3, grid = {1, Tokens, 4}, ...}}
//
// Modules, kernels, weights and states get the index of their place in the IR.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mm1 {

/// What codegen made of the kernels of a plan.
struct BuiltKernels {
  /// A file of one module, for a level of a cpu or an architecture.
  struct Variant {
    std::string name, path;
  };
  /// For each `plan.kernel_module`, in order: its builds, best first.
  std::vector<std::vector<Variant>> variants;
  /// For each `plan.kernel`, in order: scratch memory of a worker.
  std::vector<uint64_t> scratchBytes;
};

/// The bytes of plan.bin for the ranks of one pipeline stage of `module` (after
/// mm1-lower-to-plan). Internal error: the module lacks its limits or ports, or
/// `built` is of other kernels.
Expected<std::string> writePlan(mlir::ModuleOp module, int64_t stage,
                                const BuiltKernels &built);

} // namespace mm1
