//===- EmitRowReduction.cpp - Norms and sums of rows, and what is fused ---===//
// rms_norm is filled into row_reduction.h: what is normed, the number of a row,
// and all results at a place. sum_squares, whose results are the sums, into
// row_squares.h.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"
#include "dialects/Plan/Layout.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;

LogicalResult
mlir::mm1::cuda::printReduction(ClusterText &text,
                                RowReductionOpInterface reduction) {
  if (!isa<RMSNormOp, SumSquaresOp>(reduction))
    return reduction.emitOpError("has sums that no CUDA skeleton adds up");
  {
    Hole hole(text, "reduced", "float");
    Place place{hole.index("row"), {}, hole.index("column")};
    Value x = hole.values.evaluate(
        reduction->getOperand(reduction.getReducedOperand()), place);
    if (failed(hole.end(x)))
      return failure();
  }
  {
    Hole hole(text, "accumulate", "float");
    Value x = hole.number("x"), sum = hole.number("sum");
    if (failed(hole.end(hole.values.accumulate(reduction, x, sum))))
      return failure();
  }
  Hole hole(text, "finish", "float");
  Value sum = hole.number("sum");
  return hole.end(hole.values.finish(reduction, sum));
}

namespace {

RowReductionOpInterface reductionOf(ClusterOp cluster) {
  if (cluster.getOnlyKind() != AnchorKind::RowReduction)
    return nullptr;
  return cast<RowReductionOpInterface>(cluster.getOnlyAnchor().getOperation());
}

Value reducedBy(RowReductionOpInterface reduction) {
  return reduction->getOperand(reduction.getReducedOperand());
}

/// Warps that the order of sums allows (row_sums.h).
constexpr int64_t kSumGroups = 8;
/// Columns of a row that a thread may keep in registers (row_reduction.h).
constexpr int64_t kMostKept = 64;

FailureOr<KernelHead> printSizes(ClusterText &text, int64_t columns) {
  ClusterOp cluster = text.cluster;
  FailureOr<int64_t> per = scheduled(cluster, "per", 1 << 20),
                     warps = scheduled(cluster, "warps", kSumGroups);
  if (failed(per) || failed(warps) || failed(expectUnit(cluster, "tokens")))
    return failure();
  if (kSumGroups % *warps != 0)
    return cluster.emitOpError()
           << "expects a schedule with 1, 2, 4 or 8 warps, found "
           << cluster.getScheduleAttr();
  text.constant("kPer", *per);
  text.constant("kWarps", *warps);
  text.constant("kColumns", columns);
  return rowHead(*per, *warps * 32);
}

//===---------------------------------- rms_norm ----------------------------===//

bool acceptsNorm(ClusterOp cluster) {
  RowReductionOpInterface reduction = reductionOf(cluster);
  return reduction && !reduction.yieldsSums();
}

FailureOr<KernelHead> printNorm(ClusterText &text) {
  ClusterOp cluster = text.cluster;
  RowReductionOpInterface reduction = reductionOf(cluster);
  Value x = reducedBy(reduction);
  int64_t columns = numColumns(x);
  SmallVector<unsigned> results;
  for (auto [i, value] : llvm::enumerate(cluster.getYield().getOperands())) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() != 2 || type.getDimSize(1) != columns)
      return cluster.emitOpError() << "expects results as wide as the norm, "
                                   << columns << " columns, found " << type;
    results.push_back(i);
  }
  FailureOr<KernelHead> head = printSizes(text, columns);
  if (failed(head))
    return failure();
  int64_t kept = ::mlir::plan::ceilDiv(columns, head->threads);
  if (kept > kMostKept)
    return cluster.emitOpError()
           << "expects a schedule with at least "
           << ::mlir::plan::ceilDiv(columns, kMostKept * 32)
           << " warps for rows of " << columns << " columns, found "
           << head->threads / 32;
  if (failed(printReduction(text, reduction)))
    return failure();
  Hole hole(text, "store");
  Place place{hole.index("row"), {}, hole.index("column")};
  hole.values.bind(x, hole.number("x"), /*isRounded=*/true);
  hole.values.bindStat(reduction, hole.number("stat"));
  for (unsigned result : results)
    hole.store(result, place);
  if (failed(hole.end()) || failed(printClear(text, "clear", "", results)))
    return failure();
  head->usesSharedMemory = true;
  return head;
}

//===-------------------------------- sum_squares ---------------------------===//

bool acceptsSums(ClusterOp cluster) {
  RowReductionOpInterface reduction = reductionOf(cluster);
  return reduction && reduction.yieldsSums();
}

FailureOr<KernelHead> printSums(ClusterText &text) {
  ClusterOp cluster = text.cluster;
  RowReductionOpInterface reduction = reductionOf(cluster);
  int64_t columns = numColumns(reducedBy(reduction));
  FailureOr<KernelHead> head = printSizes(text, columns);
  if (failed(head))
    return failure();
  SmallVector<unsigned> sums, others;
  for (auto [i, value] : llvm::enumerate(cluster.getYield().getOperands())) {
    auto type = cast<RankedTensorType>(value.getType());
    bool isSum = value == reduction->getResult(0);
    if (!isSum && (dependsOn(value, reduction->getResult(0)) ||
                   type.getRank() != 2 || type.getDimSize(1) != columns))
      return cluster.emitOpError()
             << "expects the sums, and results of " << columns
             << " columns that do not need them, found " << type;
    (isSum ? sums : others).push_back(i);
  }
  text.constant("kStretches", reduction.getReducedParts());
  text.flag("kStoresRows", !others.empty());
  if (failed(printReduction(text, reduction)))
    return failure();
  {
    Hole hole(text, "store");
    Place place{hole.index("row"), {}, hole.index("stretch")};
    Value sum = hole.number("sum");
    for (unsigned result : sums)
      hole.storeValue(result, place, sum);
    if (failed(hole.end()) || failed(printClear(text, "clear", "", sums)))
      return failure();
  }
  if (others.empty())
    return head;
  Hole hole(text, "store_row");
  Place place{hole.index("row"), {}, hole.index("column")};
  for (unsigned result : others)
    hole.store(result, place);
  if (failed(hole.end()) || failed(printClear(text, "clear_row", "", others)))
    return failure();
  return head;
}

} // namespace

const Skeleton mlir::mm1::cuda::kRowReduction{
    "row_reduction", "skeletons/row_reduction.h", acceptsNorm, printNorm};
const Skeleton mlir::mm1::cuda::kRowSquares{
    "row_squares", "skeletons/row_squares.h", acceptsSums, printSums};
