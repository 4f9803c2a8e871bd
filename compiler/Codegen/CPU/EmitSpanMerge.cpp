//===- EmitSpanMerge.cpp - Spans of attention become one -----------------===//
// One task is one query head of a block of tokens. It goes over the spans of a
// token twice: first over their stats, which leaves a list of those that have
// tokens,
//
//   spans 0 1 2 3, of which 2 is empty    list: (1, a, b), (3, a', b')
//
// then over the columns, a tile of o in registers at a time:
//
//   o = o_0;  o = fma(o_1, b, o a);  o = fma(o_3, b', o a');  o / l
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"
#include "compiler/Codegen/CPU/SpanMerge.h"
#include "compiler/Codegen/CPU/StatefulHelpers.h"
#include "dialects/Plan/Layout.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

Value MergedSpans::weigh(KernelBuilder &k, Value before, Value next) const {
  int64_t lanes = KernelBuilder::lanesOf(before);
  return k.fma(next, k.splat(ofNext, lanes),
               k.mul(before, k.splat(ofBefore, lanes)));
}

MergedSpans mlir::mm1::cpu::mergeSpans(KernelBuilder &k, SpanStats before,
                                       SpanStats next) {
  Value maximum = k.max(before.maximum, next.maximum);
  Value ofBefore = k.exp(k.sub(before.maximum, maximum));
  Value ofNext = k.exp(k.sub(next.maximum, maximum));
  Value sum = k.fma(next.sum, ofNext, k.mul(before.sum, ofBefore));
  return {{maximum, sum}, ofBefore, ofNext};
}

namespace {

constexpr int64_t kFloatBytes = 4;
/// Vectors of o in registers, beside two factors.
constexpr int64_t kTileVectors = 4;

class SpanMerge {
public:
  SpanMerge(KernelFrame &frame, MergePartialsOp op, unsigned result)
      : k(frame.k), reader(frame.reader), op(op),
        outType(cast<RankedTensorType>(op.getOut().getType())), result(result),
        spans(op.getNumSpans()),
        channels(outType.getDimSize(1) / op.getHeads()),
        lanes(dividingLanes(channels, k.target.lanes)),
        list(k.scratch(spans * kEntryBytes)) {}

  void emitToken(Value head, Value token);

private:
  /// An entry of the list: the span as i32, and the two factors.
  static constexpr int64_t kEntryBytes = 3 * kFloatBytes;
  struct Merged {
    Value entries, sum;
  };
  Merged mergeStats(Value head, Value token);
  void mergeColumns(Value head, Value token, const Merged &merged);
  SpanStats loadStats(Value head, Value token, Value span);
  /// A vector of o, from `column` of the row on.
  Value loadWeighted(Value token, Value span, Value column);

  KernelBuilder &k;
  ClusterReader &reader;
  MergePartialsOp op;
  RankedTensorType outType;
  unsigned result;
  int64_t spans, channels, lanes;
  Value list;
};

void SpanMerge::emitToken(Value head, Value token) {
  mergeColumns(head, token, mergeStats(head, token));
  if (outType.getDimSize(1) % plan::kRowMultiple != 0)
    k.ifThen(k.equal(head, k.index(op.getHeads() - 1)), [&] {
      storeRowPadding(k, outType,
                      reader.rowAddress(reader.outputAddress(result), outType,
                                        token, Value()));
    });
}

SpanStats SpanMerge::loadStats(Value head, Value token, Value span) {
  Value row = reader.rowAddress(reader.inputAddress(op.getStats()),
                                cast<RankedTensorType>(op.getStats().getType()),
                                token, span);
  Value place = k.at(row, k.mul(head, 2 * kFloatBytes));
  Type f32 = k.b.getF32Type();
  return {k.load(f32, place), k.load(f32, k.at(place, kFloatBytes))};
}

Value SpanMerge::loadWeighted(Value token, Value span, Value column) {
  Value row = reader.rowAddress(
      reader.inputAddress(op.getWeighted()),
      cast<RankedTensorType>(op.getWeighted().getType()), token, span);
  return k.loadFloats(k.at(row, k.mul(column, kFloatBytes)), k.b.getF32Type(),
                      lanes);
}

SpanMerge::Merged SpanMerge::mergeStats(Value head, Value token) {
  SpanStats first = loadStats(head, token, k.index(0));
  SmallVector<Value> last = k.forLoop(
      k.index(1), k.index(spans), 1, {k.index(0), first.maximum, first.sum},
      [&](Value span, ValueRange carried) {
        SpanStats before{carried[1], carried[2]};
        SpanStats next = loadStats(head, token, span);
        return k.ifElse(
            k.less(k.f32(0.0), next.sum), carried.getTypes(),
            [&] {
              MergedSpans merged = mergeSpans(k, before, next);
              Value entry = k.at(list, k.mul(carried[0], kEntryBytes));
              k.store(k.toI32(span), entry);
              k.store(merged.ofBefore, k.at(entry, kFloatBytes));
              k.store(merged.ofNext, k.at(entry, 2 * kFloatBytes));
              return SmallVector<Value>{k.add(carried[0], 1),
                                        merged.stats.maximum, merged.stats.sum};
            },
            [&] { return SmallVector<Value>(carried); });
      });
  return {last[0], last[2]};
}

void SpanMerge::mergeColumns(Value head, Value token, const Merged &merged) {
  Type element = outType.getElementType();
  Value row =
      reader.rowAddress(reader.outputAddress(result), outType, token, Value());
  Value factor = k.splat(k.div(k.f32(1.0), merged.sum), lanes);
  forTiles(
      k, channels / lanes, kTileVectors, [&](Value first, int64_t vectors) {
        auto columnOf = [&](int64_t n) {
          return k.add(k.add(k.mul(head, channels), k.mul(first, lanes)),
                       n * lanes);
        };
        SmallVector<Value> o;
        for (int64_t n = 0; n < vectors; ++n)
          o.push_back(loadWeighted(token, k.index(0), columnOf(n)));
        o = k.forLoop(
            k.index(0), merged.entries, 1, o, [&](Value i, ValueRange carried) {
              Value entry = k.at(list, k.mul(i, kEntryBytes));
              Value span = k.loadIndex(entry);
              auto factorAt = [&](int64_t place) {
                return k.load(k.b.getF32Type(),
                              k.at(entry, place * kFloatBytes));
              };
              MergedSpans spans{{}, factorAt(1), factorAt(2)};
              SmallVector<Value> sums;
              for (int64_t n = 0; n < vectors; ++n)
                sums.push_back(spans.weigh(
                    k, carried[n], loadWeighted(token, span, columnOf(n))));
              return sums;
            });
        for (int64_t n = 0; n < vectors; ++n)
          k.storeFloats(
              k.mul(o[n], factor),
              k.at(row, k.mul(columnOf(n), plan::elementBytes(element))),
              element);
      });
}

} // namespace

LogicalResult mlir::mm1::cpu::emitSpanMerge(KernelFrame &frame) {
  auto op = cast<MergePartialsOp>(frame.cluster.getOnlyAnchor());
  FailureOr<unsigned> out = findResult(frame.cluster, op.getOut());
  if (failed(out))
    return failure();
  if (frame.schedule.unit != GridUnit::Tokens ||
      frame.schedule.tasks != op.getHeads())
    return frame.cluster.emitOpError()
           << "expects one task per query head and block of tokens, found "
           << frame.schedule.attributes;
  SpanMerge merge(frame, op, *out);
  frame.k.forTasks(frame.schedule, [&](Value head, Value first, Value last) {
    frame.k.forLoop(first, last, 1,
                    [&](Value token) { merge.emitToken(head, token); });
  });
  return success();
}
