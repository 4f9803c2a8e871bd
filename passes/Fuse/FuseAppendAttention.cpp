//===- FuseAppendAttention.cpp - Append to the cache, and attend, in one --===//
// With one token of each sequence, the task that attends for a token and a KV
// head is the only one that reads what this token adds to the cache: it can
// write the row itself (and rotate it, and its queries) before it reads the
// pages. With more tokens of a sequence a token's task would read what others
// write.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/MergeClusters.h"
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_FUSEAPPENDATTENTION
#include "passes/Passes.h.inc"

namespace {

bool isProducer(ClusterOp cluster) {
  return cluster.getOnlyKind() == AnchorKind::CacheAppend;
}

void run(ClusterMerger &merger, ClusterOp cluster) {
  SmallVector<ClusterOp> readers = readersOf(cluster);
  if (readers.size() == 1 &&
      readers.front().getOnlyKind() == AnchorKind::Attention)
    merger.merge(cluster, readers.front());
}

struct FuseAppendAttentionPass
    : impl::FuseAppendAttentionBase<FuseAppendAttentionPass> {
  using FuseAppendAttentionBase::FuseAppendAttentionBase;

  void runOnOperation() override {
    FailureOr<const Target *> machine = getTarget(&getContext(), target);
    FailureOr<Bucket> bucket = Bucket::of(getOperation());
    if (failed(machine) || failed(bucket))
      return signalPassFailure();
    FusionExplainer explainer("append-attention", getOperation(), explain);
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
