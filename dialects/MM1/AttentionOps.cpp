//===- AttentionOps.cpp - Verifiers of the ops that mix tokens ------------===//
// Labels C1, C2, ... are those of MM1Ops.td and of the tests.
//===----------------------------------------------------------------------===//
#include "dialects/MM1/ExpectShapes.h"

using namespace mlir;
using namespace mlir::mm1;

//===---------------------------- Lightning attention ---------------------------===//

LogicalResult LightningAttentionOp::verify() {
  auto state = tensorType(getState());
  if (state.getRank() != 4 || state.getDimSize(2) != state.getDimSize(3) ||
      !isKnownAndPositive(state.getShape().drop_front()))
    return emitOpError() << "expects 'state' to be [slots, heads, D, D], found "
                         << state;
  int64_t heads = getHeads(), dim = getHeadDim();
  if (failed(expectRank(*this, "qkv", getQkv(), 2)) ||
      failed(expectRank(*this, "out", getOut(), 2)) ||
      failed(expectDim(*this, "qkv", getQkv(), 1, heads * 3 * dim,
                       "heads * 3 * D of 'state'")) ||
      failed(expectDim(*this, "out", getOut(), 1, heads * dim,
                       "heads * D of 'state'"))) // C2
    return failure();
  if (failed(expectRank(*this, "slopes", getSlopes(), 1)))
    return failure();
  int64_t slopes = tensorType(getSlopes()).getDimSize(0);
  if (slopes != heads) // C3
    return emitOpError() << "expects one slope per head: 'slopes' has "
                         << slopes
                         << " values, but dimension 1 (heads) of 'state' is "
                         << heads;
  return expectBatch(*this, {{"slots", getSlots()},
                             {"starts", getStarts()},
                             {"positions", getPositions()}}); // C4
}
AnchorKind LightningAttentionOp::getAnchorKind() {
  return AnchorKind::Recurrence;
}

//===----------------------------- Softmax attention ----------------------------===//

LogicalResult RopeAnglesOp::verify() {
  if (failed(expectRank(*this, "positions", getPositions(), 1)) ||
      failed(expectRank(*this, "inv_freq", getInvFreq(), 1)) ||
      failed(expectRank(*this, "cos", getCos(), 2)))
    return failure();
  return expectDim(*this, "cos", getCos(), 1,
                   tensorType(getInvFreq()).getDimSize(0),
                   "one per frequency"); // C2
}

LogicalResult RopeOp::verify() {
  if (failed(expectRank(*this, "input", getInput(), 2)) ||
      failed(expectRank(*this, "cos", getCos(), 2)))
    return failure();
  int64_t width = tensorType(getInput()).getDimSize(1), headDim = getHeadDim();
  if (headDim <= 0 || width % headDim != 0) // C2
    return emitOpError() << "expects head_dim to divide the width " << width
                         << ", found " << headDim;
  int64_t half = tensorType(getCos()).getDimSize(1);
  if (2 * half > headDim) // C3
    return emitOpError() << "rotates " << 2 * half
                         << " channels of each head, but head_dim is "
                         << headDim;
  return success();
}

namespace {
/// Width of [T, heads * D] against a cache [?, 2, kv_heads, page, D].
LogicalResult verifyCacheUse(Operation *op, StringRef name, Value value,
                             Value cache, bool exact) {
  auto type = tensorType(cache);
  if (type.getRank() != 5 || type.getDimSize(1) != 2 ||
      !isKnownAndPositive(type.getShape().drop_front(2)))
    return op->emitOpError()
           << "expects a cache [?, 2, kv_heads, page, D], found " << type;
  if (failed(expectRank(op, name, value, 2)))
    return failure();
  int64_t width = type.getDimSize(2) * type.getDimSize(4),
          found = tensorType(value).getDimSize(1);
  if (exact ? found != width : found % width != 0)
    return op->emitOpError()
           << "expects '" << name << "' to have "
           << (exact ? "" : "a multiple of ") << width
           << " columns (kv_heads * D of the cache), found " << found;
  return success();
}
} // namespace

LogicalResult CacheAppendOp::verify() {
  if (failed(verifyCacheUse(*this, "k", getK(), getCache(), true)) ||
      failed(verifyCacheUse(*this, "v", getV(), getCache(), true))) // C2
    return failure();
  if (getK().getType() != getV().getType())
    return emitOpError() << "expects 'k' and 'v' of one type, found "
                         << getK().getType() << " and " << getV().getType();
  return expectBatch(*this,
                     {{"slots", getSlots()},
                      {"starts", getStarts()},
                      {"positions", getPositions()}},
                     getPages()); // C3
}
AnchorKind CacheAppendOp::getAnchorKind() { return AnchorKind::CacheAppend; }

namespace {

/// C1 (of q) to C3 of softmax_attention and attention_partials.
template <typename AttentionOp> LogicalResult verifyAttention(AttentionOp op) {
  if (failed(verifyCacheUse(op, "q", op.getQ(), op.getCache(), false)) ||
      failed(expectBatch(op,
                         {{"slots", op.getSlots()},
                          {"starts", op.getStarts()},
                          {"positions", op.getPositions()}},
                         op.getPages())))
    return failure();
  double scale = op.getScale().convertToDouble();
  if (!(scale > 0))
    return op.emitOpError() << "expects scale > 0, found " << scale;
  std::optional<int64_t> spanTokens = op.getSpanTokens();
  int64_t page = tensorType(op.getCache()).getDimSize(3);
  if (spanTokens && (*spanTokens < 1 || *spanTokens % page != 0))
    return op.emitOpError()
           << "expects span_tokens to be a multiple of the page, " << page
           << " tokens, found " << *spanTokens;
  return success();
}

} // namespace

LogicalResult SoftmaxAttentionOp::verify() {
  if (failed(verifyAttention(*this))) // C1 to C4
    return failure();
  if (getOut().getType() != getQ().getType()) // C1
    return emitOpError() << "expects the result to be of type "
                         << getQ().getType() << " like 'q', found "
                         << getOut().getType();
  std::optional<int64_t> evenSpans = getEvenSpans();
  if (evenSpans && *evenSpans < 1) // C5
    return emitOpError() << "expects even_spans >= 1, found " << *evenSpans;
  if (evenSpans && getSpanTokens()) // C5
    return emitOpError() << "expects span_tokens or even_spans, found both";
  return success();
}
AnchorKind SoftmaxAttentionOp::getAnchorKind() { return AnchorKind::Attention; }

/// Partials `[T, spans, columns]` of at least one span.
static LogicalResult expectPartials(Operation *op, StringRef name, Value value,
                                    int64_t columns, const Twine &why) {
  if (failed(expectRank(op, name, value, 3)) ||
      failed(expectDim(op, name, value, 2, columns, why)))
    return failure();
  if (int64_t spans = tensorType(value).getDimSize(1); spans < 1)
    return op->emitOpError()
           << "expects '" << name << "' of at least one span, found "
           << value.getType();
  return success();
}

/// The two partial results have one number of spans.
static LogicalResult expectSameSpans(Operation *op, Value stats,
                                     Value weighted) {
  return expectDim(op, "weighted", weighted, 1, tensorType(stats).getDimSize(1),
                   "spans of 'stats'");
}

LogicalResult AttentionPartialsOp::verify() {
  if (failed(verifyAttention(*this))) // C1 to C3, C5
    return failure();
  int64_t columns = tensorType(getQ()).getDimSize(1),
          heads = columns / tensorType(getCache()).getDimSize(4);
  if (failed(expectPartials(*this, "stats", getStats(), 2 * heads,
                            "two for each query head")) || // C4
      failed(expectPartials(*this, "weighted", getWeighted(), columns,
                            "columns of 'q'")) ||
      failed(expectSameSpans(*this, getStats(), getWeighted())))
    return failure();
  if ((getCut() == SpanCut::Fixed) != getSpanTokens().has_value()) // C5
    return emitOpError() << "expects span_tokens with the cut 'fixed' and "
                            "only with it, found the cut '"
                         << stringifySpanCut(getCut()) << "' "
                         << (getSpanTokens() ? "with" : "without") << " them";
  return success();
}
AnchorKind AttentionPartialsOp::getAnchorKind() {
  return AnchorKind::Attention;
}

LogicalResult MergePartialsOp::verify() {
  if (failed(expectRank(*this, "result", getOut(), 2)) ||
      failed(expectRank(*this, "stats", getStats(), 3))) // C1
    return failure();
  int64_t columns = tensorType(getOut()).getDimSize(1),
          numStats = tensorType(getStats()).getDimSize(2);
  if (columns < 1 || numStats < 2 || numStats % 2 != 0 ||
      columns % (numStats / 2) != 0) // C1, C2
    return emitOpError() << "expects 'stats' of two columns for each head, "
                            "and heads that divide the "
                         << columns << " columns of the result, found "
                         << getStats().getType();
  if (failed(expectPartials(*this, "stats", getStats(), numStats, "its own")) ||
      failed(expectPartials(*this, "weighted", getWeighted(), columns,
                            "columns of the result"))) // C1, C2
    return failure();
  return expectSameSpans(*this, getStats(), getWeighted()); // C1
}
AnchorKind MergePartialsOp::getAnchorKind() { return AnchorKind::SpanMerge; }
