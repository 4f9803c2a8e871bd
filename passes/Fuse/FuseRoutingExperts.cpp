//===- FuseRoutingExperts.cpp - The choice of experts where it is needed --===//
// Softmax, top-k and renormalisation of 32 numbers are less work than a launch.
// With few rows each block of both expert matmuls makes them again from the
// logits, and neither ids nor weights are stored. Where pairs are grouped by
// expert the choice of all tokens must be in memory first.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/MergeClusters.h"
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_FUSEROUTINGEXPERTS
#include "passes/Passes.h.inc"

namespace {

bool isProducer(ClusterOp cluster) {
  return cluster.getOnlyKind() == AnchorKind::Routing;
}

void run(ClusterMerger &merger, ClusterOp cluster) {
  SmallVector<ClusterOp> readers = readersOf(cluster);
  auto isOfExperts = [](ClusterOp reader) {
    return reader.getOnlyKind() == AnchorKind::GroupedMatmul;
  };
  if (!readers.empty() && llvm::all_of(readers, isOfExperts))
    merger.merge(cluster, readers);
}

struct FuseRoutingExpertsPass
    : impl::FuseRoutingExpertsBase<FuseRoutingExpertsPass> {
  using FuseRoutingExpertsBase::FuseRoutingExpertsBase;

  void runOnOperation() override {
    FailureOr<const Target *> machine = getTarget(&getContext(), target);
    FailureOr<Bucket> bucket = Bucket::of(getOperation());
    if (failed(machine) || failed(bucket))
      return signalPassFailure();
    FusionExplainer explainer("routing-experts", getOperation(), explain);
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
