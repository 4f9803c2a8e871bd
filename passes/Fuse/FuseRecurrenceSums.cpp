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

bool isProducer(ClusterOp cluster) {
  return cluster.getOnlyKind() == AnchorKind::Recurrence;
}

void run(ClusterMerger &merger, ClusterOp cluster) {
  for (ClusterOp reader : readersOf(cluster)) {
    auto reduction = dyn_cast_or_null<RowReductionOpInterface>(
        reader.getOnlyAnchor().getOperation());
    if (reduction && reduction.yieldsSums()) {
      merger.merge(cluster, reader);
      return;
    }
  }
}

struct FuseRecurrenceSumsPass
    : impl::FuseRecurrenceSumsBase<FuseRecurrenceSumsPass> {
  using FuseRecurrenceSumsBase::FuseRecurrenceSumsBase;

  void runOnOperation() override {
    FailureOr<const Target *> machine = getTarget(&getContext(), target);
    FailureOr<Bucket> bucket = Bucket::of(getOperation());
    if (failed(machine) || failed(bucket))
      return signalPassFailure();
    FusionExplainer explainer("recurrence-sums", getOperation(), explain);
    ClusterMerger merger(**machine, *bucket, explainer);
    // Takers are of other kinds than producers: merging leaves these in place.
    SmallVector<ClusterOp> producers;
    getOperation().walk([&](ClusterOp cluster) {
      if (isProducer(cluster))
        producers.push_back(cluster);
    });
    for (ClusterOp cluster : producers)
      run(merger, cluster);
  }
};

} // namespace
} // namespace mlir::mm1
