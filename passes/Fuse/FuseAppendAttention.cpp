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

/// The attention that alone reads what `cluster` appends, or nothing.
SmallVector<ClusterOp> attentionBehind(ClusterOp cluster) {
  SmallVector<ClusterOp> readers = readersOf(cluster);
  bool isIdea = cluster.getOnlyKind() == AnchorKind::CacheAppend &&
                readers.size() == 1 &&
                readers.front().getOnlyKind() == AnchorKind::Attention;
  return isIdea ? readers : SmallVector<ClusterOp>();
}

struct FuseAppendAttentionPass
    : impl::FuseAppendAttentionBase<FuseAppendAttentionPass> {
  using FuseAppendAttentionBase::FuseAppendAttentionBase;

  void runOnOperation() override {
    if (failed(mergeClusters(getOperation(),
                             {"append-attention", target, explain},
                             attentionBehind)))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlir::mm1
