//===- EmitSelection.cpp - top_candidates ---------------------------------===//
// Fills selection.h.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"
#include "compiler/Codegen/CUDA/Routing.h" // resultsThatAre

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

static TopCandidatesOp selectionOf(ClusterOp cluster) {
  SmallVector<AnchorOpInterface> anchors = cluster.getAnchorOps();
  return anchors.size() == 1
             ? dyn_cast<TopCandidatesOp>(anchors.front().getOperation())
             : TopCandidatesOp();
}

static bool accepts(ClusterOp cluster) {
  TopCandidatesOp op = selectionOf(cluster);
  return op && isa<BlockArgument>(op.getMask()) &&
         isa<BlockArgument>(op.getCounts()) &&
         isa<BlockArgument>(op.getInverseTemperatures()) &&
         llvm::all_of(cluster.getYield().getOperands(), [&](Value yielded) {
           return yielded.getDefiningOp() == op;
         });
}

/// The hole name(at): one entry of a vector.
static LogicalResult printEntry(ClusterText &text, StringRef name,
                                StringRef type, StringRef at, Value vector) {
  Hole hole(text, name, type);
  return hole.end(hole.values.evaluateVector(vector, hole.index(at)));
}

static LogicalResult printStores(ClusterText &text, TopCandidatesOp op) {
  SmallVector<unsigned> values = resultsThatAre(text.cluster, op.getValues());
  Hole candidate(text, "store_candidate");
  Place place{candidate.index("row"), {}, candidate.index("place")};
  Value id = candidate.index("id"), logit = candidate.number("logit");
  for (unsigned result : values)
    candidate.storeValue(result, place, logit);
  for (unsigned result : resultsThatAre(text.cluster, op.getIds()))
    candidate.storeValue(result, place, id);
  if (failed(candidate.end()) ||
      failed(printClear(text, "clear_candidate", "", values)))
    return failure();

  SmallVector<unsigned> sums = resultsThatAre(text.cluster, op.getSums());
  Hole both(text, "store_sums");
  Value row = both.index("row"), largest = both.number("largest"),
        sum = both.number("sum");
  for (unsigned result : sums) {
    both.storeValue(result, {row, {}, both.values.index(0)}, largest);
    both.storeValue(result, {row, {}, both.values.index(1)}, sum);
  }
  if (failed(both.end()))
    return failure();
  return printClear(text, "clear_sums", "", sums);
}

static FailureOr<KernelHead> print(ClusterText &text) {
  ClusterOp cluster = text.cluster;
  FailureOr<int64_t> per = scheduled(cluster, "per", 1 << 20),
                     warps = scheduled(cluster, "warps", 8);
  if (failed(per) || failed(warps) || failed(expectUnit(cluster, "tokens")))
    return failure();
  TopCandidatesOp op = selectionOf(cluster);
  if (llvm::popcount(uint64_t(*warps)) != 1)
    return cluster.emitOpError()
           << "expects a schedule with 1, 2, 4 or 8 warps, found "
           << cluster.getScheduleAttr();
  for (Value value : {Value(op.getValues()), Value(op.getSums())})
    if (resultsThatAre(cluster, value).empty())
      return cluster.emitOpError(
          "expects the candidates' logits and sums among its results");
  text.constant("kPer", *per);
  text.constant("kWarps", *warps);
  text.constant("kColumns", numColumns(op.getLogits()));
  text.constant("kCandidates", op.getK());
  Hole hole(text, "logit", "float");
  Place place{hole.index("row"), {}, hole.index("id")};
  if (failed(hole.end(hole.values.evaluate(op.getLogits(), place))) ||
      failed(printEntry(text, "mask", "dp::u32", "word", op.getMask())) ||
      failed(printEntry(text, "count", "int", "row", op.getCounts())) ||
      failed(printEntry(text, "inverse_temperature", "float", "row",
                        op.getInverseTemperatures())) ||
      failed(printStores(text, op)))
    return failure();
  KernelHead head = rowHead(*per, *warps * 32);
  head.bound = "memory: each row twice";
  head.usesSharedMemory = true;
  return head;
}

const Skeleton mlir::mm1::cuda::kSelection{"selection", "skeletons/selection.h",
                                           accepts, print};
