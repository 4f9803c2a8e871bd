//===- FuseNormLinears.cpp - A norm in front of the linears that read it --===//
// Decode on a GPU: a norm of one row is a launch for a few kilobytes. Put in
// front of the linear that reads it, every block makes the norm again from a row
// that lies in the last cache, and the first block stores it for whoever else
// needs it (the residual, in a normalised stream). A CPU has tasks by the
// hundred, which would all pass over the row once more.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/MergeClusters.h"
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_FUSENORMLINEARS
#include "passes/Passes.h.inc"

namespace {

/// A matmul in the cluster that reads the norm's rows.
bool multiplies(ClusterOp taker, ClusterOp norm) {
  return llvm::any_of(
      taker.getBody().front().getOps<MatmulOpInterface>(),
      [&](MatmulOpInterface matmul) {
        return llvm::any_of(matmul->getOpOperands(), [&](OpOperand &use) {
          return use.get() == matmul.getRows() &&
                 readsAs(matmul, use.getOperandNumber(), norm);
        });
      });
}

/// The first cluster that reads the norm in `cluster`, if that multiplies.
SmallVector<ClusterOp> linearBehind(ClusterOp cluster) {
  auto reduction = dyn_cast_or_null<RowReductionOpInterface>(
      cluster.getOnlyAnchor().getOperation());
  if (!reduction || reduction.yieldsSums())
    return {};
  SmallVector<ClusterOp> readers = readersOf(cluster);
  if (readers.empty() || !multiplies(readers.front(), cluster))
    return {};
  return {readers.front()};
}

struct FuseNormLinearsPass : impl::FuseNormLinearsBase<FuseNormLinearsPass> {
  using FuseNormLinearsBase::FuseNormLinearsBase;

  void runOnOperation() override {
    if (failed(mergeClusters(getOperation(), {"norm-linears", target, explain},
                             linearBehind)))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlir::mm1
