//===- HostCalls.cpp - Clusters that the runtime's own functions do -------===//
#include "passes/Plan/HostCalls.h"
#include "dialects/Plan/Layout.h"
#include "runtime/Artifact/HostCalls.h"

using namespace mlir;
using namespace mlir::plan;

/// Whether the cluster is this op and passes its operands and results in order.
static bool isJust(mlir::mm1::ClusterOp cluster, Operation *op) {
  Block &block = cluster.getBody().front();
  return &block.front() == op && op->getNextNode() == block.getTerminator() &&
         op->getOperands() == ValueRange(block.getArguments()) &&
         block.getTerminator()->getOperands() == ValueRange(op->getResults());
}

std::optional<HostCall> plan::hostCallOf(mlir::mm1::ClusterOp cluster,
                                         bool selectsOnHost) {
  auto op =
      dyn_cast<mlir::mm1::TopCandidatesOp>(cluster.getBody().front().front());
  if (!selectsOnHost || !op || !isJust(cluster, op))
    return std::nullopt;
  auto columnsOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getDimSize(1);
  };
  auto strideOf = [&](Value value) {
    return rowStride(columnsOf(value),
                     cast<RankedTensorType>(value.getType()).getElementType());
  };
  HostCall call{std::string(::mm1::kTopCandidates),
                SmallVector<int64_t>(::mm1::kNumTopNumbers)};
  call.numbers[::mm1::kTopVocabulary] = columnsOf(op.getLogits());
  call.numbers[::mm1::kTopCount] = op.getK();
  call.numbers[::mm1::kTopLogitsStride] = strideOf(op.getLogits());
  call.numbers[::mm1::kTopValuesStride] = strideOf(op.getValues());
  call.numbers[::mm1::kTopIdsStride] = strideOf(op.getIds());
  call.numbers[::mm1::kTopSumsStride] = strideOf(op.getSums());
  return call;
}
