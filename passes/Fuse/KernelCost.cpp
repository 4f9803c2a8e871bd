//===- KernelCost.cpp - What a kernel costs, roughly ----------------------===//
#include "passes/Fuse/KernelCost.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Bytes behind one entry of the first dimension.
int64_t entryBytes(Value value) {
  RankedTensorType type = typeOf(value);
  int64_t bytes = elementBytes(type.getElementType());
  for (int64_t size : type.getShape().drop_front(type.getRank() ? 1 : 0))
    bytes *= ShapedType::isDynamic(size) ? 1 : size;
  return bytes;
}

/// Bytes of an input that the kernel reads at least once, pools left out.
int64_t bytesRead(const ClusterView &view, Value input) {
  int64_t most = 0;
  for (OpOperand *use : view.readers(input)) {
    auto reader = cast<RowOpInterface>(use->getOwner());
    if (reader.getReach(use->getOperandNumber()) != Reach::State)
      most = std::max(most, reader.getMostRead(use->getOperandNumber(),
                                               view.bucket().tokens));
  }
  return most * entryBytes(input);
}

/// Whether every task of the kernel needs all rows of the batch, because each
/// makes some columns of all of them.
bool tasksShareRows(const ClusterView &view) {
  return llvm::any_of(view.ops(),
                      [](Operation *op) { return isa<MatmulOpInterface>(op); });
}

} // namespace

KernelCost mm1::costOf(const ClusterView &view, const TargetFacts &facts,
                       int64_t tasks) {
  // A CPU's plan does not know its threads: take the middle of what it may get.
  int64_t workers = facts.workers[facts.workers.size() / 2];
  int64_t tokens = view.bucket().tokens;
  KernelCost cost;
  cost.tasks = tasks;
  cost.launchSeconds = facts.launchSeconds;
  bool sharesRows = tasksShareRows(view);
  for (Value input : view.inputs()) {
    int64_t bytes = bytesRead(view, input);
    cost.streamBytes += bytes;
    // What belongs to rows, or to a norm in front of them, each task reads.
    bool isWeight = llvm::any_of(view.readers(input), [](OpOperand *use) {
      auto matmul = dyn_cast<MatmulOpInterface>(use->getOwner());
      return matmul && use->getOperandNumber() >=
                           matmul.getMatrices().getBeginOperandIndex();
    });
    if (sharesRows && !isWeight)
      cost.repeatBytes += bytes;
  }
  for (Value result : view.storedResults())
    if (!result.getDefiningOp<StateUpdateOpInterface>() ||
        typeOf(result).getRank() <= 2)
      cost.streamBytes += tokens * entryBytes(result);
  // A reduction that every task makes again passes over its rows once more.
  if (sharesRows)
    for (Operation *op : view.ops())
      if (auto reduction = dyn_cast<RowReductionOpInterface>(op))
        cost.repeatBytes +=
            tokens * entryBytes(op->getOperand(reduction.getReducedOperand()));

  double bandwidth = facts.streamBytesPerSecond *
                     double(std::clamp<int64_t>(tasks, 1, workers));
  int64_t waves = llvm::divideCeil(tasks, workers);
  cost.streamSeconds = double(cost.streamBytes) / bandwidth;
  cost.repeatSeconds =
      double(waves) * (facts.taskSeconds +
                       double(cost.repeatBytes) / facts.cacheBytesPerSecond);
  return cost;
}
