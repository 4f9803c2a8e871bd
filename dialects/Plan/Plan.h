//===- Plan.h - The plan dialect: buffers, launches, order ----------------===//
// Start reading at PlanOps.td. Sizes of everything are in Layout.h.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <optional>

#include "dialects/Plan/PlanDialect.h.inc"
#include "dialects/Plan/PlanEnums.h.inc"

namespace mlir::plan {

/// What a kernel takes at one place of its argument list.
struct KernelParameter {
  RankedTensorType type;
  Access access;
};

/// Threads of a builtin's only block.
inline constexpr int64_t kBuiltinThreads = 256;

/// An input of a cluster that its kernel changes in place (lightning state, KV
/// pages), and which result is its next value; a cluster that does not yield it
/// changes the input all the same.
struct InPlaceResult {
  unsigned input;
  std::optional<unsigned> result;
};

/// What a cluster changes in place, in the order of its ops.
SmallVector<InPlaceResult> inPlaceResults(mm1::ClusterOp cluster);

/// What a kernel of this cluster takes: the inputs, then the results that are
/// not written in place.
SmallVector<KernelParameter> kernelParameters(mm1::ClusterOp cluster);

} // namespace mlir::plan

#include "dialects/Plan/PlanInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialects/Plan/PlanOps.h.inc"

namespace mlir::plan {

/// Bytes of weight argument `parameter` that one call of `kernel` for `tokens`
/// tokens reads at most: of experts only the chosen ones, of an embedding table
/// only the tokens' rows.
int64_t weightBytesRead(KernelOp kernel, unsigned parameter, int64_t tokens);

/// The module's limits, or null.
LimitsOp getLimits(ModuleOp module);

/// What all entries together must keep, besides what each keeps alone: a name
/// has one place in the arena whatever the bucket, no buffer without a name
/// lies where another entry has a name, and every bucket exists in every
/// pipeline stage.
LogicalResult verifyPlan(ModuleOp module);

} // namespace mlir::plan
