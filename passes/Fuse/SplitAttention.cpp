//===- SplitAttention.cpp - Cut long contexts into spans ------------------===//
// A decode step has one attention task for each token and KV head. With one
// sequence of 100,000 tokens and four KV heads that is four tasks on any number
// of cores, and in a ragged batch one thread may get the longest sequence. So
// the context of a token is cut into spans, which are tasks of their own:
//
//   softmax_attention   ->   attention_partials   ->   merge_partials
//
// Bits. Where a context is cut decides in which order it is summed, so it must
// not depend on the batch, or on which entry runs. A CPU cuts at fixed places,
// L tokens apart, and prefill, which has tasks enough, walks over the same spans
// inside one task (`span_tokens`): a token has the same bits however it comes.
// GPUs cut a sequence's own pages evenly (`even_spans`), so that all
// multiprocessors have as much to read.
//
// L and the number of spans follow from the plan's longest context alone. For
// 16,384 tokens on a CPU: 16 spans of 1024. Above 131,072 the spans grow (and not
// their number, because every token has room for all spans' sums): a million
// tokens are 128 spans of 8192.
//
// Idea: Flash-Decoding (Dao et al. 2023).
//===----------------------------------------------------------------------===//
#include "passes/Fuse/ExplainFusion.h"
#include "passes/Fuse/Target.h"
#include "passes/Passes.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using llvm::formatv;

namespace mlir::mm1 {
#define GEN_PASS_DEF_SPLITATTENTION
#include "passes/Passes.h.inc"

namespace {

struct Spans {
  SpanCut cut;
  /// The most that a context has; 1: there is nothing to cut.
  int64_t count;
  /// Of each, with the cut `fixed`.
  int64_t tokens = 0;
};

/// How contexts of up to `context` tokens on pages of `page` are cut, if `op`
/// does not say it.
Spans chooseSpans(const TargetFacts &facts, int64_t context, int64_t page,
                  SoftmaxAttentionOp op) {
  if (std::optional<int64_t> asked = op.getEvenSpans())
    return {SpanCut::Even, *asked};
  std::optional<int64_t> asked = op.getSpanTokens();
  if (!asked && !facts.spanTokens) {
    // A span has at least two pages.
    int64_t pages = llvm::divideCeil(context, page);
    return {SpanCut::Even, std::clamp<int64_t>(pages / 2, 1, facts.mostSpans)};
  }
  int64_t least = std::max<int64_t>(facts.spanTokens,
                                    llvm::divideCeil(context, facts.mostSpans));
  int64_t tokens = asked.value_or(llvm::alignTo(least, page));
  return {SpanCut::Fixed, int64_t(llvm::divideCeil(context, tokens)), tokens};
}

struct SplitAttentionPass : impl::SplitAttentionBase<SplitAttentionPass> {
  using SplitAttentionBase::SplitAttentionBase;

  void runOnOperation() override {
    FailureOr<const Target *> machine = getTarget(&getContext(), target);
    FailureOr<Bucket> bucket = Bucket::of(getOperation());
    if (failed(machine) || failed(bucket))
      return signalPassFailure();
    FusionExplainer explainer("split-attention", getOperation(), explain);
    SmallVector<SoftmaxAttentionOp> ops;
    getOperation().walk([&](SoftmaxAttentionOp op) { ops.push_back(op); });
    for (SoftmaxAttentionOp op : ops)
      run(op, (*machine)->facts(), *bucket, explainer);
  }

  void run(SoftmaxAttentionOp op, const TargetFacts &facts,
           const Bucket &bucket, const FusionExplainer &explainer) {
    auto decline = [&](StringRef why) {
      explainer.decline(op.getLoc(), "{softmax_attention} into spans", why);
    };
    auto cache = cast<RankedTensorType>(op.getCache().getType());
    Spans spans = chooseSpans(facts, maxContext, cache.getDimSize(3), op);
    if (spans.count == 1)
      return decline("one span holds the longest context");
    if (spans.cut == SpanCut::Fixed)
      op.setSpanTokens(spans.tokens);
    else
      op.setEvenSpans(spans.count);
    if (!split)
      return decline("it is switched off");
    if (!bucket.hasOneTokenEach())
      return decline("many tokens are tasks enough");
    explainer.take(
        op.getLoc(), "{softmax_attention} into spans",
        spans.cut == SpanCut::Fixed
            ? formatv("{0} of {1} tokens", spans.count, spans.tokens).str()
            : formatv("{0} of equally many pages", spans.count).str());
    splitInto(op, spans);
  }

  void splitInto(SoftmaxAttentionOp op, const Spans &spans) {
    OpBuilder builder(op);
    auto cache = cast<RankedTensorType>(op.getCache().getType());
    int64_t columns = cast<RankedTensorType>(op.getQ().getType()).getDimSize(1);
    int64_t heads = columns / cache.getDimSize(4);
    auto partialsOf = [&](int64_t width) {
      return RankedTensorType::get({ShapedType::kDynamic, spans.count, width},
                                   builder.getF32Type());
    };
    auto partials = AttentionPartialsOp::create(
        builder, op.getLoc(), partialsOf(2 * heads), partialsOf(columns),
        op.getQ(), op.getCache(), op.getSlots(), op.getStarts(),
        op.getPositions(), op.getPages(), op.getScaleAttr(),
        SpanCutAttr::get(op.getContext(), spans.cut), op.getSpanTokensAttr());
    auto merged =
        MergePartialsOp::create(builder, op.getLoc(), op.getOut().getType(),
                                partials.getStats(), partials.getWeighted());
    op.replaceAllUsesWith(merged.getOut());
    op.erase();
  }
};

} // namespace
} // namespace mlir::mm1
