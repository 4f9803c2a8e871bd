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

/// The experts behind a routing, if nothing else needs to know of it.
SmallVector<ClusterOp> expertsBehind(ClusterOp cluster) {
  SmallVector<ClusterOp> readers = readersOf(cluster);
  bool isIdea = cluster.getOnlyKind() == AnchorKind::Routing &&
                llvm::all_of(readers, [](ClusterOp reader) {
                  return reader.getOnlyKind() == AnchorKind::GroupedMatmul;
                });
  return isIdea ? readers : SmallVector<ClusterOp>();
}

struct FuseRoutingExpertsPass
    : impl::FuseRoutingExpertsBase<FuseRoutingExpertsPass> {
  using FuseRoutingExpertsBase::FuseRoutingExpertsBase;

  void runOnOperation() override {
    if (failed(mergeClusters(getOperation(),
                             {"routing-experts", target, explain},
                             expertsBehind)))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlir::mm1
