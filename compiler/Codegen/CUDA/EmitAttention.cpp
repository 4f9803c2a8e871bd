//===- EmitAttention.cpp - The cache, and attention over its pages -------===//
// Fills cache_append.h, attention.h and merge_partials.h. Rows that are
// appended or asked for are made where they are loaded: a rope stands in the
// hole.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"
#include "compiler/Codegen/CUDA/Stateful.h"
#include "dialects/Plan/Layout.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

namespace {

/// What kernels may have, and what a warp of attention wants of it.
constexpr int64_t kMostSharedBytes = 48 * 1024;

bool accepts(ClusterOp cluster, ArrayRef<AnchorKind> kinds) {
  SmallVector<AnchorKind> found;
  for (AnchorOpInterface anchor : cluster.getAnchorOps())
    found.push_back(anchor.getAnchorKind());
  return ArrayRef<AnchorKind>(found) == kinds;
}

std::string gridOf(int64_t tasks, StringRef unit, int64_t per) {
  return per == 1
             ? formatv("grid {0} * {1}", tasks, unit).str()
             : formatv("grid {0} * ceil({1} / {2})", tasks, unit, per).str();
}

/// Constants and the address of a pool `[?, 2, kv_heads, page, D]`.
LogicalResult printPool(ClusterText &text, Value cache) {
  auto pool = cast<RankedTensorType>(cache.getType());
  auto append = cache.getDefiningOp<CacheAppendOp>();
  if (append)
    cache = append.getCache();
  if (::mlir::plan::kvBlockElements(pool) *
          ::mlir::plan::elementBytes(pool.getElementType()) % 128 !=
      0)
    return text.cluster.emitOpError()
           << "expects pages whose keys are a multiple of 128 bytes, found "
           << pool;
  text.os() << formatv("  using Element = {0};\n",
                       cppType(pool.getElementType()));
  text.constant("kKVHeads", pool.getDimSize(2));
  text.constant("kPageTokens", pool.getDimSize(3));
  text.constant("kHeadDim", pool.getDimSize(4));
  return printAddress(text, "cache", cache, /*isWritten=*/bool(append));
}

LogicalResult printAppended(ClusterText &text, CacheAppendOp op) {
  if (failed(printValue(text, "key", op.getK())))
    return failure();
  return printValue(text, "value", op.getV());
}

//===------------------------------- Append -------------------------------===//

bool acceptsAppend(ClusterOp cluster) {
  return accepts(cluster, AnchorKind::CacheAppend);
}

FailureOr<KernelHead> printAppend(ClusterText &text) {
  ClusterOp cluster = text.cluster;
  auto op = cast<CacheAppendOp>(cluster.getAnchorOps().front().getOperation());
  for (Value value : cluster.getYield().getOperands())
    if (value != op.getNextCache())
      return cluster.emitOpError()
             << "expects no result but the cache, found " << value.getType();
  int64_t heads = cast<AnchorOpInterface>(op.getOperation()).getRowParts();
  FailureOr<int64_t> tasks = scheduled(cluster, "tasks", INT32_MAX),
                     per = scheduled(cluster, "per", 1 << 20),
                     warps = scheduled(cluster, "warps", 32);
  if (failed(tasks) || failed(per) || failed(warps) ||
      failed(expectUnit(cluster, "sequences")))
    return failure();
  if (*tasks != heads)
    return cluster.emitOpError()
           << "expects a schedule with one task for each of " << heads
           << " KV heads, found " << cluster.getScheduleAttr();
  text.constant("kPer", *per);
  if (failed(printPool(text, op.getNextCache())) ||
      failed(printBatch(text, op.getSlots(), op.getStarts(), op.getPositions(),
                        op.getPages())) ||
      failed(printAppended(text, op)))
    return failure();
  return KernelHead{formatv("{0}, block {1}: a KV head of a sequence",
                            gridOf(*tasks, "B", *per), *warps * 32),
                    "memory: each key and value once in and out", *warps * 32};
}

//===----------------------------- Attention ------------------------------===//

Operation *attentionOf(ClusterOp cluster) {
  if (!accepts(cluster, AnchorKind::Attention) &&
      !accepts(cluster, {AnchorKind::CacheAppend, AnchorKind::Attention}))
    return nullptr;
  return cluster.getAnchorOps().back().getOperation();
}

bool acceptsWhole(ClusterOp cluster) {
  return isa_and_nonnull<SoftmaxAttentionOp>(attentionOf(cluster));
}
bool acceptsPartials(ClusterOp cluster) {
  return isa_and_nonnull<AttentionPartialsOp>(attentionOf(cluster));
}

/// Spans of a context at most, and their pages, or 0: as many each.
struct Cut {
  int64_t spans, pages;
};

Cut cutOf(SoftmaxAttentionOp op, int64_t page) {
  if (std::optional<int64_t> tokens = op.getSpanTokens())
    return {INT32_MAX, int64_t(*tokens) / page};
  return {int64_t(op.getEvenSpans().value_or(1)), 0};
}
Cut cutOf(AttentionPartialsOp op, int64_t page) {
  return {op.getNumSpans(), int64_t(op.getSpanTokens().value_or(0)) / page};
}

/// Everything but the results. `tasks` becomes those of a block of tokens.
template <typename AttentionOp>
FailureOr<KernelHead> printAttention(ClusterText &text, AttentionOp op,
                                     int64_t &tasks) {
  ClusterOp cluster = text.cluster;
  auto pool = cast<RankedTensorType>(op.getCache().getType());
  int64_t channels = pool.getDimSize(4), page = pool.getDimSize(3),
          heads = numColumns(op.getQ()) / channels;
  FailureOr<int64_t> numTasks = scheduled(cluster, "tasks", INT32_MAX),
                     per = scheduled(cluster, "per", 1 << 20),
                     warps = scheduled(cluster, "warps", 32);
  if (failed(numTasks) || failed(per) || failed(warps) ||
      failed(expectUnit(cluster, "tokens")))
    return failure();
  tasks = *numTasks;
  if (int64_t bytes = *warps * (channels + page) * 4; bytes > kMostSharedBytes)
    return cluster.emitOpError()
           << "expects a schedule with fewer warps: " << *warps << " want "
           << bytes << " bytes of shared memory, and a block has "
           << kMostSharedBytes;
  auto append = op.getCache().template getDefiningOp<CacheAppendOp>();
  Cut cut = cutOf(op, page);
  text.constant("kHeads", heads);
  text.constant("kPer", *per);
  text.constant("kWarps", *warps);
  text.constant("kSpans", cut.spans);
  text.constant("kSpanPages", cut.pages);
  text.os() << formatv("  static constexpr float kScale = {0};\n",
                       spellFloat(op.getScale().convertToDouble()));
  text.flag("kAppends", bool(append));
  if (failed(printPool(text, op.getCache())) ||
      failed(printBatch(text, op.getSlots(), op.getStarts(), op.getPositions(),
                        op.getPages())) ||
      failed(printValue(text, "query", op.getQ())) ||
      (append && failed(printAppended(text, append))))
    return failure();
  return KernelHead{formatv("{0}, block {1}: a query head of a token a warp",
                            gridOf(tasks, "T", *per), *warps * 32),
                    "memory: the pages of each token's context", *warps * 32,
                    /*usesSharedMemory=*/true};
}

LogicalResult expectTasks(ClusterOp cluster, bool isRight, StringRef wanted) {
  if (isRight)
    return success();
  return cluster.emitOpError() << "expects a schedule with " << wanted
                               << ", found " << cluster.getScheduleAttr();
}

FailureOr<KernelHead> printWhole(ClusterText &text) {
  auto op = cast<SoftmaxAttentionOp>(attentionOf(text.cluster));
  int64_t tasks = 0;
  FailureOr<KernelHead> head = printAttention(text, op, tasks);
  if (failed(head) ||
      failed(expectTasks(
          text.cluster,
          tasks == cast<AnchorOpInterface>(op.getOperation()).getRowParts(),
          "one task for each KV head")) ||
      failed(printStoreOf(text, op.getOut())))
    return failure();
  return head;
}

/// The holes store_NAME(row, span, column, x) and clear_NAMES for a result.
LogicalResult printPartial(ClusterText &text, StringRef store, StringRef clear,
                           Value made) {
  SmallVector<unsigned> results;
  for (auto [i, value] : llvm::enumerate(text.cluster.getYield().getOperands()))
    if (value == made)
      results.push_back(i);
  if (results.size() != 1)
    return text.cluster.emitOpError()
           << "expects each of the spans' results once among its own";
  Hole hole(text, store);
  Place place{hole.index("row"), hole.index("span"), hole.index("column")};
  hole.storeValue(results.front(), place, hole.number("x"));
  if (failed(hole.end()))
    return failure();
  return printClear(text, clear, "", results);
}

FailureOr<KernelHead> printPartials(ClusterText &text) {
  auto op = cast<AttentionPartialsOp>(attentionOf(text.cluster));
  int64_t heads = cast<AnchorOpInterface>(op.getOperation()).getRowParts(),
          tasks = 0;
  FailureOr<KernelHead> head = printAttention(text, op, tasks);
  if (failed(head) || failed(expectTasks(text.cluster, tasks % heads == 0,
                                         "as many tasks for each KV head")))
    return failure();
  text.constant("kShares", tasks / heads);
  size_t numResults = op.getCache().getDefiningOp() ? 3 : 2;
  if (text.cluster.getNumResults() != numResults)
    return text.cluster.emitOpError()
           << "expects no results but the spans' and the cache";
  if (failed(printPartial(text, "store_stat", "clear_stats", op.getStats())) ||
      failed(printPartial(text, "store_weighted", "clear_weighted",
                          op.getWeighted())))
    return failure();
  return head;
}

//===------------------------------- Merge --------------------------------===//

bool acceptsMerge(ClusterOp cluster) {
  return accepts(cluster, AnchorKind::SpanMerge);
}

FailureOr<KernelHead> printMerge(ClusterText &text) {
  ClusterOp cluster = text.cluster;
  auto op =
      cast<MergePartialsOp>(cluster.getAnchorOps().front().getOperation());
  int64_t heads = op.getHeads();
  FailureOr<int64_t> tasks = scheduled(cluster, "tasks", INT32_MAX),
                     per = scheduled(cluster, "per", 1 << 20),
                     warps = scheduled(cluster, "warps", 32);
  if (failed(tasks) || failed(per) || failed(warps) ||
      failed(expectUnit(cluster, "tokens")) ||
      failed(expectTasks(cluster, *tasks == heads,
                         "one task for each query head")))
    return failure();
  text.constant("kHeads", heads);
  text.constant("kHeadDim", numColumns(op.getOut()) / heads);
  text.constant("kSpans", op.getNumSpans());
  text.constant("kPer", *per);
  if (failed(printValue(text, "stat", op.getStats(), "span")) ||
      failed(printValue(text, "weighted", op.getWeighted(), "span")) ||
      failed(printStoreOf(text, op.getOut())))
    return failure();
  return KernelHead{formatv("{0}, block {1}: a channel of a query head a "
                            "thread",
                            gridOf(*tasks, "T", *per), *warps * 32),
                    "memory: the spans' sums", *warps * 32};
}

} // namespace

const Skeleton mlir::mm1::cuda::kCacheAppend{
    "cache_append", "skeletons/cache_append.h", acceptsAppend, printAppend};
const Skeleton mlir::mm1::cuda::kAttention{"attention", "skeletons/attention.h",
                                           acceptsWhole, printWhole};
const Skeleton mlir::mm1::cuda::kAttentionPartials{
    "attention_partials", "skeletons/attention.h", acceptsPartials,
    printPartials};
const Skeleton mlir::mm1::cuda::kMergePartials{
    "merge_partials", "skeletons/merge_partials.h", acceptsMerge, printMerge};
