//===- EmitRouting.cpp - router and group_tokens --------------------------===//
// Fills routing.h and grouping.h.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"
#include "compiler/Codegen/CUDA/Routing.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

SmallVector<unsigned> mlir::mm1::cuda::resultsThatAre(ClusterOp cluster,
                                                      Value value) {
  SmallVector<unsigned> results;
  for (auto [i, yielded] : llvm::enumerate(cluster.getYield().getOperands()))
    if (yielded == value)
      results.push_back(i);
  return results;
}

//===---------------------------------- Router ------------------------------===//

LogicalResult mlir::mm1::cuda::printRouter(ClusterText &text, RouterOp router) {
  text.constant("kExperts", numColumns(router.getLogits()));
  text.constant("kChoices", numColumns(router.getIds()));
  Hole hole(text, "logit", "float");
  Place place{hole.index("row"), {}, hole.index("expert")};
  return hole.end(hole.values.evaluate(router.getLogits(), place));
}

LogicalResult mlir::mm1::cuda::printStoreChoice(ClusterText &text,
                                                RouterOp router) {
  SmallVector<unsigned> ids = resultsThatAre(text.cluster, router.getIds()),
                        weights =
                            resultsThatAre(text.cluster, router.getWeights());
  Hole hole(text, "store_choice");
  Place place{hole.index("row"), {}, hole.index("choice")};
  Value id = hole.index("id"), weight = hole.number("weight");
  for (unsigned result : ids)
    hole.storeValue(result, place, id);
  for (unsigned result : weights)
    hole.storeValue(result, place, weight);
  if (failed(hole.end()))
    return failure();
  if (!weights.empty())
    return printClear(text, "clear_choice", "", weights);
  // Ids have no padding.
  Hole clear(text, "clear_choice");
  clear.tag("int");
  clear.tag("int");
  return clear.end();
}

static bool acceptsRouter(ClusterOp cluster) {
  SmallVector<AnchorOpInterface> anchors = cluster.getAnchorOps();
  auto router = anchors.size() == 1
                    ? dyn_cast<RouterOp>(anchors.front().getOperation())
                    : RouterOp();
  return router && llvm::all_of(cluster.getYield().getOperands(), [&](Value y) {
           return y == router.getIds() || y == router.getWeights();
         });
}

static FailureOr<KernelHead> printRouting(ClusterText &text) {
  ClusterOp cluster = text.cluster;
  FailureOr<int64_t> per = scheduled(cluster, "per", 1 << 20),
                     warps = scheduled(cluster, "warps", 32);
  if (failed(per) || failed(warps) || failed(expectUnit(cluster, "tokens")))
    return failure();
  auto router = cast<RouterOp>(cluster.getOnlyAnchor().getOperation());
  text.constant("kPer", *per);
  text.constant("kWarps", *warps);
  if (failed(printRouter(text, router)) ||
      failed(printStoreChoice(text, router)))
    return failure();
  return KernelHead{formatv("grid ceil(T / {0}), block {1}: a warp for each "
                            "of {0} rows",
                            *per, *warps * 32),
                    "latency: top-k by one warp", *warps * 32};
}

//===------------------------------- group_tokens ---------------------------===//

static bool acceptsGrouping(ClusterOp cluster) {
  SmallVector<AnchorOpInterface> anchors = cluster.getAnchorOps();
  auto group = anchors.size() == 1
                   ? dyn_cast<GroupTokensOp>(anchors.front().getOperation())
                   : GroupTokensOp();
  return group && isa<BlockArgument>(group.getIds()) &&
         llvm::all_of(cluster.getYield().getOperands(), [&](Value y) {
           return y == group.getOrder() || y == group.getOffsets();
         });
}

/// The hole name(to, value): a store into each of some dense integer results.
static void printIntegerStore(ClusterText &text, StringRef name, StringRef to,
                              StringRef value, ArrayRef<unsigned> results) {
  Hole hole(text, name);
  hole.index(to);
  hole.index(value);
  std::string stores;
  for (unsigned result : results)
    stores +=
        formatv("{0}dp::store({1} + {2}, {3})", stores.empty() ? "" : ", ",
                outputName(result), to, value);
  hole.endWith(results.empty() ? "void()" : stores);
}

static FailureOr<KernelHead> printGrouping(ClusterText &text) {
  ClusterOp cluster = text.cluster;
  FailureOr<int64_t> tasks = scheduled(cluster, "tasks", 1),
                     warps = scheduled(cluster, "warps", 32);
  if (failed(tasks) || failed(warps) || failed(expectUnit(cluster, "one")))
    return failure();
  auto group = cast<GroupTokensOp>(cluster.getOnlyAnchor().getOperation());
  text.constant("kExperts", numColumns(group.getOffsets()) - 1);
  text.constant("kChoices", numColumns(group.getIds()));
  text.constant("kWarps", *warps);
  Hole expert(text, "expert", "int");
  expert.index("pair");
  expert.endWith(
      formatv("dp::load({0} + pair)",
              inputName(cast<BlockArgument>(group.getIds()).getArgNumber()))
          .str());
  printIntegerStore(text, "store_order", "place", "pair",
                    resultsThatAre(cluster, group.getOrder()));
  printIntegerStore(text, "store_offset", "expert", "place",
                    resultsThatAre(cluster, group.getOffsets()));
  return KernelHead{
      formatv("grid 1, block {0}: a stretch of pairs a warp", *warps * 32),
      "latency: two passes over all pairs", *warps * 32,
      /*usesSharedMemory=*/true};
}

const Skeleton mlir::mm1::cuda::kRouting{"routing", "skeletons/routing.h",
                                         acceptsRouter, printRouting};
const Skeleton mlir::mm1::cuda::kGrouping{"grouping", "skeletons/grouping.h",
                                          acceptsGrouping, printGrouping};
