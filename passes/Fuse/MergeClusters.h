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

#include "dialects/MM1/MM1.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::mm1 {

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
