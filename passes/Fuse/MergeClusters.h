//===- MergeClusters.h - Two kernels become one, if that is better --------===//
// What the passes that merge clusters share. Each pass has one idea (a norm in
// front of the linears that read it) and finds a producer and the clusters that
// shall take it; here it is decided and done:
//
//   legal    no task needs what another makes         ClusterView.h, interfaces
//   worth    launches and bytes against repetition    KernelCost.h, numbers
//   able     the target has such a kernel             Target.h
//
// A producer may go into several clusters: it is cheap, and each makes its
// values again. If others read it too, the first of the takers stores it.
//
// A pass is then its idea alone: which clusters shall take a producer.
//
//   mergeClusters(function, {"append-attention", target, explain},
//                 [](ClusterOp append) { return attentionBehind(append); });
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/Fuse/ExplainFusion.h"
#include "passes/Fuse/KernelCost.h"

namespace mlir::mm1 {

class ClusterMerger {
public:
  ClusterMerger(const Target &target, const Bucket &bucket,
                const FusionExplainer &explainer)
      : target(target), bucket(bucket), explainer(explainer) {}

  /// Puts what `producer` does in front of what each of `takers` does, which
  /// read its results and stand in the order of the block; true when it was
  /// done, and then `producer` and `takers` are gone.
  bool merge(ClusterOp producer, ArrayRef<ClusterOp> takers);

private:
  std::optional<std::string> whyNot(ClusterOp producer,
                                    ArrayRef<ClusterOp> takers,
                                    ArrayRef<OpResult> kept, std::string &gain);
  int64_t tasksOf(ClusterOp cluster) const;
  ClusterOp build(ClusterOp producer, ClusterOp taker,
                  ArrayRef<OpResult> kept) const;

  const Target &target;
  const Bucket &bucket;
  const FusionExplainer &explainer;
};

struct MergeIdea {
  StringRef fusion; // "norm-linears"
  StringRef target;
  bool explain;
};

/// Offers each cluster of `function` to the ones that shall take it: none, for
/// clusters that the idea is not about. Takers are never of a kind that has
/// takers itself. Fails when there is no such target, or no bucket.
LogicalResult
mergeClusters(func::FuncOp function, const MergeIdea &idea,
              function_ref<SmallVector<ClusterOp>(ClusterOp)> takersOf);

/// The clusters that read the producer's results, in the order of the block.
SmallVector<ClusterOp> readersOf(ClusterOp producer);

/// Whether an op inside of a cluster reads a result of `producer` by this
/// operand.
bool readsAs(Operation *op, unsigned operand, ClusterOp producer);

} // namespace mlir::mm1
