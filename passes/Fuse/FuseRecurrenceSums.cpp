//===- FuseRecurrenceSums.cpp - Sums of squares where rows are made -------===//
// A deferred norm (DeferNorm.cpp) needs the sum of squares of what the
// recurrence makes. The kernel that makes a head's part of a row has it in
// registers: it sums it up there, part by part, and the row need not be stored
// for it.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/MergeClusters.h"
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_FUSERECURRENCESUMS
#include "passes/Passes.h.inc"

namespace {

/// The first sums over what the recurrence in `cluster` makes, or nothing.
SmallVector<ClusterOp> sumsBehind(ClusterOp cluster) {
  if (cluster.getOnlyKind() == AnchorKind::Recurrence)
    for (ClusterOp reader : readersOf(cluster)) {
      auto reduction = dyn_cast_or_null<RowReductionOpInterface>(
          reader.getOnlyAnchor().getOperation());
      if (reduction && reduction.yieldsSums())
        return {reader};
    }
  return {};
}

struct FuseRecurrenceSumsPass
    : impl::FuseRecurrenceSumsBase<FuseRecurrenceSumsPass> {
  using FuseRecurrenceSumsBase::FuseRecurrenceSumsBase;

  void runOnOperation() override {
    if (failed(mergeClusters(getOperation(),
                             {"recurrence-sums", target, explain}, sumsBehind)))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlir::mm1
