//===- MergeLinears.cpp - Make one op of linears that read the same rows --===//
// q = linear(u, wq) and k = linear(u, wk) become q, k = linear(u, wq, wk). A
// linear joins the first one with the same key: op, rows (and routing), type of
// weights but for their width. The target says whether its kernel takes all of
// them.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/ExplainFusion.h"
#include "passes/Fuse/Target.h"
#include "passes/Passes.h"

#include <map>

namespace mlir::mm1 {
#define GEN_PASS_DEF_MERGELINEARS
#include "passes/Passes.h.inc"

namespace {

/// What two linears share when they can be one.
SmallVector<void *> mergeKey(MatmulOpInterface op) {
  SmallVector<void *> key{
      const_cast<void *>(op->getName().getAsOpaquePointer())};
  for (Value value :
       op->getOperands().take_front(op.getMatrices().getBeginOperandIndex()))
    key.push_back(value.getAsOpaquePointer());
  RankedTensorType type = op.getMatrixType();
  key.push_back(const_cast<void *>(type.getElementType().getAsOpaquePointer()));
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (dim != type.getRank() - 2) // the width
      key.push_back(reinterpret_cast<void *>(type.getDimSize(dim)));
  return key;
}

/// Whether `value` is available in front of `op`, or can be: it is a load of a
/// weight.
bool reaches(Value value, Operation *op) {
  Operation *producer = value.getDefiningOp();
  return !producer || producer->getBlock() != op->getBlock() ||
         producer->isBeforeInBlock(op) || isa<LoadWeightOp>(producer);
}

void hoist(Value value, Operation *op) {
  Operation *producer = value.getDefiningOp();
  if (producer && producer->getBlock() == op->getBlock() &&
      !producer->isBeforeInBlock(op))
    producer->moveBefore(op);
}

struct MergeLinearsPass : impl::MergeLinearsBase<MergeLinearsPass> {
  using MergeLinearsBase::MergeLinearsBase;

  void runOnOperation() override {
    FailureOr<const Target *> machine = getTarget(&getContext(), target);
    FailureOr<Bucket> bucket = Bucket::of(getOperation());
    if (failed(machine) || failed(bucket))
      return signalPassFailure();
    FusionExplainer explainer("merge-linears", getOperation(), explain);
    for (Block &block : getOperation().getBody())
      mergeIn(block, **machine, *bucket, explainer);
  }

private:
  void mergeIn(Block &block, const Target &target, const Bucket &bucket,
               const FusionExplainer &explainer) {
    // Groups grow into their first op's place. A full group is closed: the next
    // op of its kind starts another.
    std::map<SmallVector<void *>, MatmulOpInterface> open;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      auto matmul = dyn_cast<MatmulOpInterface>(op);
      if (!matmul)
        continue;
      auto [found, isNew] = open.try_emplace(mergeKey(matmul), matmul);
      if (isNew)
        continue;
      Location at = matmul.getLoc();
      std::string what = describe(found->second) + " and " + describe(matmul);
      std::string why;
      Operation *merged = merge(found->second, matmul, target, bucket, why);
      if (merged)
        explainer.take(at, what, "they read the same rows");
      else
        explainer.decline(at, what, why);
      found->second = merged ? cast<MatmulOpInterface>(merged) : matmul;
    }
  }

  /// "linear of 6144"
  static std::string describe(MatmulOpInterface matmul) {
    std::string text = matmul->getName().stripDialect().str() + " of ";
    for (auto [i, type] : llvm::enumerate(matmul->getResultTypes()))
      text += (i == 0 ? "" : " + ") +
              std::to_string(cast<RankedTensorType>(type).getShape().back());
    return text;
  }

  /// One op for both at the first one's place, or null and `why` when that
  /// cannot be.
  Operation *merge(MatmulOpInterface first, MatmulOpInterface second,
                   const Target &target, const Bucket &bucket,
                   std::string &why) {
    if (first.getMatrices().size() + second.getMatrices().size() > maxWeights) {
      why = "one op has at most " + std::to_string(maxWeights) + " weights";
      return nullptr;
    }
    auto isReady = [&](Value value) { return reaches(value, first); };
    if (!llvm::all_of(second.getMatrices(), isReady) ||
        !llvm::all_of(second.getMatrixScales(), isReady)) {
      why = "a weight of the second is made behind the first";
      return nullptr;
    }
    for (Value value : second.getMatrices())
      hoist(value, first);
    for (Value value : second.getMatrixScales())
      hoist(value, first);
    OpBuilder builder(first);
    Operation *merged = first.mergeWith(
        builder, builder.getFusedLoc({first->getLoc(), second->getLoc()}),
        second);
    Operation *alone[] = {merged};
    if (auto refusal = target.accepts(ClusterView(alone, bucket))) {
      why = refusal->why;
      merged->erase();
      return nullptr;
    }
    first->replaceAllUsesWith(
        merged->getResults().take_front(first->getNumResults()));
    second->replaceAllUsesWith(
        merged->getResults().drop_front(first->getNumResults()));
    first->erase();
    second->erase();
    return merged;
  }
};

} // namespace
} // namespace mlir::mm1
