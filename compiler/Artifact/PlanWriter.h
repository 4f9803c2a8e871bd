//===- PlanWriter.h - From the plan dialect to plan.bin -------------------===//
// Says in runtime/Artifact/plan.fbs what the module says in plan ops:
//
//   plan.launch @silu_0 (read %x : ..., write %y : ...) tasks = 1 unit = tokens per = 4
//   ->  Launch {kernel = 3, args = [Arena Read 8192 (128 bytes), Arena Write 8320 (128 bytes)], tasks = 1, ...}
//
// Kernels, weights and states get the index of their place in the module.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <span>
#include <string>

namespace mm1 {

/// The bytes of plan.bin for one rank of `module` (after mm1-lower-to-plan).
/// \param scratchBytes  one per `plan.kernel`, in order
/// Internal error: the module has steps that the format cannot say yet (several
/// streams, collectives, host calls), or lacks its limits or ports.
Expected<std::string> writePlan(mlir::ModuleOp module, int64_t rank,
                                std::span<const uint64_t> scratchBytes);

} // namespace mm1
