//===- EmitAttention.cpp - Softmax attention over pages ------------------===//
// One task is one KV head of a block of consecutive tokens of the batch. All G
// query heads that share the KV head go together: with 16 tokens and G = 4 they
// are 64 rows, and each page of keys and values is read once for all of them.
//
// For every page of the tokens' sequence, in order (the online softmax):
//
//   scores = Q K^T              tiles of rows x tokens      (KVPages.h: no
//   per row: m' = max(m, scale * scores), p = exp(scale * scores - m')   sums
//            l = l exp(m - m') + sum p                      across lanes)
//   O = diag(exp(m - m')) O + P V   tiles of rows x channels
//
// and at the end O / l. With `span_tokens` the walk starts anew behind every so
// many tokens, and what the spans gave is merged in order (SpanMerge.h):
//
//   softmax_attention      a task walks over all spans and merges as it goes
//   attention_partials     a task walks over spans j, j + R, ... of R tasks that
//                          share the head, and stores each; merge_partials
//                          merges them
//
// so that a long context is work for many threads, and both forms give the same
// bits. How many tasks share a head is the schedule's to say and changes none.
//
// A row's numbers are made in the order of its pages and tokens, whatever other
// rows share its block, and a page that its row may not see changes nothing
// (m' = m): decoding and prefill give the same bits. What a row may not see is
// left out of its sums, not multiplied by p = 0, so that a NaN or infinity there
// (a later token's, or whatever lies behind the end of a page) stays there.
// A block may span sequences; each run of tokens of one sequence goes by itself.
//
// In bf16 on a target with a bf16 dot product, q and p are bf16 (as the
// published flash path has it) and sums f32; everywhere else q and p are f32.
// The idea is Milakov and Gimelshein's, in blocks as in FlashAttention.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"
#include "compiler/Codegen/CPU/KVPages.h"
#include "compiler/Codegen/CPU/SpanMerge.h"
#include "compiler/Codegen/CPU/StatefulHelpers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

namespace {

constexpr int64_t kFloatBytes = 4;
/// Into the second cache, which waits for more lines at once than the first
/// (measured on blocks of 8 KiB anywhere: 18 GB/s; into the first 10, unasked 9).
constexpr int kAheadLocality = 2;

/// What softmax_attention and attention_partials have in common, and where
/// their results go.
struct AttentionOperands {
  template <typename AttentionOp>
  explicit AttentionOperands(AttentionOp op)
      : q(op.getQ()), cache(op.getCache()), slots(op.getSlots()),
        starts(op.getStarts()), positions(op.getPositions()),
        table(op.getPages()), scale(op.getScale().convertToDouble()),
        spanTokens(op.getSpanTokens().value_or(0)) {}

  Value q, cache, slots, starts, positions, table;
  double scale;
  /// 0: the context is one span.
  int64_t spanTokens;
};

/// Which results of the cluster an op's are: of softmax_attention `out`, of
/// attention_partials the others.
struct AttentionResults {
  unsigned out = 0, stats = 0, weighted = 0;
  /// Spans of attention_partials, 0 for softmax_attention.
  int64_t numSpans = 0;
};

class Attention {
public:
  Attention(KernelFrame &frame, const AttentionOperands &op,
            const AttentionResults &results);
  void emit();

private:
  /// Tokens [first, last) of sequence `b`.
  void emitRun(Value b, Value first, Value last);
  /// Where a run finds its pages.
  struct Context {
    Value rows, tokens, numPages, tableRow;
  };
  /// The run's rows, in the context that the last of them sees.
  void emitWhole(const Context &context, Value first, Value last);
  void emitPartials(const Context &context, Value first, Value last);
  /// Walks over pages [begin, end), from nothing; `after` will be read next.
  void emitSpan(const Context &context, Value begin, Value end, Value after);
  void loadQueries(Value first, Value last);
  void clearRows(Value rows);
  /// Merges the span that begins at token `start` into the totals.
  void addToTotals(Value rows, Value start);
  /// `next` is the block that will be read after this one.
  void emitScores(Value keys, Value rows, Value count, Value next);
  void emitSoftmax(Value rows, Value firstPosition);
  void emitWeightedSum(Value values, Value rows, Value firstPosition,
                       Value next);
  /// Rows' numbers in scratch.
  struct RowSums {
    Value maxima, sums, outs;
  };
  SpanStats statsOf(const RowSums &rows, Value row);
  Value outAddress(const RowSums &rows, Value row, Value column) {
    return at(rows.outs, row, outColumns * kFloatBytes,
              k.mul(column, kFloatBytes));
  }
  void storeOutputs(const RowSums &rows, Value first, Value last);
  /// Stores span j, which begins at token `start`; rows that do not see it have
  /// an empty one.
  void storePartials(Value j, Value start, Value first, Value last);

  /// acc[r][n] += sum over units i of left[r][i] * right[i][n], where a unit is
  /// one f32 or two bf16. `left` are rows of q or p, `right` and `next` (which
  /// is asked for on the way) rows of whole vectors of units in a page.
  struct Product {
    Value left;
    int64_t leftStride;
    Value right, next;
    int64_t rightStride;
    Value rightAt(KernelBuilder &k, Value i) const {
      return k.at(right, k.mul(i, rightStride));
    }
    Value nextAt(KernelBuilder &k, Value i) const {
      return k.at(next, k.mul(i, rightStride));
    }
  };
  /// A tile of it over units 0 <= i < count.
  SmallVector<Value> unitTile(int64_t rows, int64_t vectors, Value count,
                              ValueRange inits, const Product &product);
  /// A tile of it over units first <= i < last of two (or one) tokens, of which
  /// row r takes those below token seen[r].
  SmallVector<Value> edgeTile(ArrayRef<Value> seen, int64_t vectors,
                              Value first, Value last, ValueRange inits,
                              const Product &product);
  SmallVector<Value> loadUnits(Value address, Value ahead, int64_t vectors);
  /// What addProduct takes of units, first part 0, then 1: one pair, or one
  /// number after the other.
  Value partOf(Value units, int64_t part);
  Value loadLeft(Value unit, int64_t part);
  Value addProduct(Value sum, Value left, Value right);
  Value at(Value base, Value row, int64_t stride, Value offset) {
    return k.at(base, k.add(k.mul(row, stride), offset));
  }

  KernelFrame &frame;
  KernelBuilder &k;
  ClusterReader &reader;
  AttentionOperands op;
  AttentionResults results;
  KVPages pages;
  Type f32;
  /// Query heads per KV head; the most rows of a run, as whole tiles.
  int64_t group, mostRows;
  int64_t lanes, headLanes;
  int64_t tileRows, tileVectors;
  /// With few rows the time goes into waiting for pages, which lie anywhere, so
  /// that the hardware cannot guess the next.
  bool asksAhead;
  /// Channels of o in whole vectors.
  int64_t outColumns;
  /// q and p: bf16 where the dot product eats them, else f32.
  bool useDot;
  Type left;
  /// Bytes of a unit (two numbers in bf16), and of a row, of q and of p.
  int64_t leftBytes, leftUnitBytes, queryStride, probabilityStride;
  /// Multiplications for a unit.
  int64_t numParts;

  /// Of the task: its KV head, and the first of its spans.
  Value head, share;
  /// Tasks that share a head.
  int64_t numShares;
  /// Scratch. [mostRows] of: rows of q, scores and p; exp(m - m'), and the
  /// number of tokens that the row may see; m, l and o of the present span, and
  /// of all spans before it.
  Value queries, scores, probabilities, corrections, limits;
  RowSums span, totals;
};

Attention::Attention(KernelFrame &frame, const AttentionOperands &op,
                     const AttentionResults &results)
    : frame(frame), k(frame.k), reader(frame.reader), op(op), results(results),
      pages(cast<RankedTensorType>(op.cache.getType())), f32(k.b.getF32Type()),
      lanes(k.target.lanes), headLanes(dividingLanes(pages.channels, lanes)),
      outColumns(plan::roundUp(pages.channels, lanes)),
      useDot(pages.depth == 2 && k.target.hasDotBF16),
      left(useDot ? Type(k.b.getBF16Type()) : f32),
      leftBytes(plan::elementBytes(left)),
      leftUnitBytes(leftBytes * pages.depth),
      numParts(useDot ? 1 : pages.depth) {
  group = cast<RankedTensorType>(op.q.getType()).getDimSize(1) /
          pages.channels / pages.kvHeads;
  numShares = frame.schedule.tasks / pages.kvHeads;
  int64_t rows = frame.schedule.per * group;
  // The tallest tile wastes the fewest rows: 4 rows of 4 vectors for G = 4.
  bool manyRegisters = k.target.vectorRegisters >= 32;
  int64_t highest = manyRegisters ? 8 : 4;
  tileRows = 1;
  for (int64_t n = 2; n <= highest; ++n)
    if (plan::roundUp(rows, n) <= plan::roundUp(rows, tileRows))
      tileRows = n;
  bool isFlat = tileRows <= highest / 2;
  tileVectors = std::gcd(pages.tokens / lanes, int64_t(isFlat ? 4 : 2));
  mostRows = plan::roundUp(rows, tileRows);
  asksAhead = mostRows <= 2 * tileRows;

  queryStride = plan::roundUp(pages.keyUnits() * leftUnitBytes, 64);
  probabilityStride = pages.tokens * leftBytes;
  queries = k.scratch(mostRows * queryStride);
  scores = k.scratch(mostRows * pages.tokens * kFloatBytes);
  probabilities = k.scratch(mostRows * probabilityStride);
  auto rowSums = [&]() -> RowSums {
    return {k.scratch(mostRows * kFloatBytes),
            k.scratch(mostRows * kFloatBytes),
            k.scratch(mostRows * outColumns * kFloatBytes)};
  };
  span = rowSums();
  totals = op.spanTokens && !results.numSpans ? rowSums() : span;
  corrections = k.scratch(mostRows * kFloatBytes);
  limits = k.scratch(mostRows * kFloatBytes);
}

void Attention::emit() {
  Value starts = reader.inputAddress(op.starts);
  Value count = k.dim(::mm1::kDimSequences);
  k.forTasks(frame.schedule, [&](Value part, Value first, Value last) {
    head = k.rem(part, pages.kvHeads);
    share = k.div(part, pages.kvHeads);
    auto isLater = [&](ValueRange run) { return k.less(run[0], last); };
    k.whileLoop({first, k.index(0)}, isLater, [&](ValueRange run) {
      Value token = run[0];
      // The sequence that holds the token ends behind it.
      Value b = k.whileLoop(
          {run[1]},
          [&](ValueRange at) {
            Value next = k.add(at[0], 1);
            Value end = loadEntry(k, starts, next);
            return k.both(k.less(next, count), k.less(end, k.add(token, 1)));
          },
          [&](ValueRange at) {
            return SmallVector<Value>{k.add(at[0], 1)};
          })[0];
      Value end = k.min(last, loadEntry(k, starts, k.add(b, 1)));
      emitRun(b, token, end);
      return SmallVector<Value>{end, b};
    });
  });
}

void Attention::emitRun(Value b, Value first, Value last) {
  Value positions = reader.inputAddress(op.positions);
  Value tokens = k.add(loadEntry(k, positions, k.sub(last, k.index(1))), 1);
  Value slot = loadEntry(k, reader.inputAddress(op.slots), b);
  Context context{.rows = k.mul(k.sub(last, first), group),
                  .tokens = tokens,
                  .numPages =
                      k.div(k.add(tokens, pages.tokens - 1), pages.tokens),
                  .tableRow = k.mul(slot, k.dim(::mm1::kDimPageColumns))};
  if (results.numSpans)
    emitPartials(context, first, last);
  else
    emitWhole(context, first, last);
}

void Attention::emitWhole(const Context &context, Value first, Value last) {
  loadQueries(first, last);
  Value lastPage = k.sub(context.numPages, k.index(1));
  if (!op.spanTokens) {
    emitSpan(context, k.index(0), context.numPages, lastPage);
    return storeOutputs(span, first, last);
  }
  int64_t spanPages = op.spanTokens / pages.tokens;
  k.forLoop(k.index(0), context.numPages, spanPages, [&](Value begin) {
    Value end = k.min(k.add(begin, spanPages), context.numPages);
    emitSpan(context, begin, end, k.min(end, lastPage));
    addToTotals(context.rows, k.mul(begin, pages.tokens));
  });
  storeOutputs(totals, first, last);
}

void Attention::emitPartials(const Context &context, Value first, Value last) {
  int64_t spanPages = op.spanTokens / pages.tokens;
  auto startOf = [&](Value j) { return k.mul(j, op.spanTokens); };
  k.ifThen(k.less(startOf(share), context.tokens),
           [&] { loadQueries(first, last); });
  k.forLoop(share, k.index(results.numSpans), numShares, [&](Value j) {
    Value start = startOf(j), begin = k.mul(j, spanPages);
    k.ifThen(k.less(start, context.tokens), [&] {
      Value end = k.min(k.add(begin, spanPages), context.numPages);
      // The last span has what is left.
      end = k.select(k.equal(j, k.index(results.numSpans - 1)),
                     context.numPages, end);
      Value after = k.min(k.add(begin, numShares * spanPages),
                          k.sub(context.numPages, k.index(1)));
      emitSpan(context, begin, end, after);
    });
    storePartials(j, start, first, last);
  });
}

void Attention::emitSpan(const Context &context, Value begin, Value end,
                         Value after) {
  Value table = reader.inputAddress(op.table);
  Value cache = reader.inputAddress(op.cache);
  clearRows(context.rows);
  k.forLoop(begin, end, 1, [&](Value column) {
    auto keysOf = [&](Value column) {
      Value page = loadEntry(k, table, k.add(context.tableRow, column));
      return k.at(cache, k.add(k.mul(page, pages.pageBytes),
                               k.mul(head, pages.blockBytes)));
    };
    Value keys = keysOf(column);
    Value values = k.at(keys, pages.kvHeads * pages.blockBytes);
    Value next = k.add(column, 1);
    next = keysOf(k.select(k.less(next, end), next, after));
    Value firstPosition = k.mul(column, pages.tokens);
    Value count =
        k.min(k.index(pages.tokens), k.sub(context.tokens, firstPosition));
    emitScores(keys, context.rows, count, values);
    emitSoftmax(context.rows, firstPosition);
    emitWeightedSum(values, context.rows, firstPosition, next);
  });
}

void Attention::loadQueries(Value first, Value last) {
  // Row (token - first) * group + g.
  Value positions = reader.inputAddress(op.positions);
  k.forLoop(first, last, 1, [&](Value token) {
    Value limit = k.toI32(k.add(loadEntry(k, positions, token), 1));
    k.forLoop(k.index(0), k.index(group), 1, [&](Value g) {
      Value row = k.add(k.mul(k.sub(token, first), group), g);
      Value queryHead = k.add(k.mul(head, group), g);
      k.forLoop(k.index(0), k.index(pages.channels), headLanes, [&](Value c) {
        Value column = k.add(k.mul(queryHead, pages.channels), c);
        Value q = reader.evaluate(op.q, {token, Value(), column}, headLanes);
        k.storeFloats(q, at(queries, row, queryStride, k.mul(c, leftBytes)),
                      left);
      });
      if (pages.channels % pages.depth != 0)
        k.storeFloats(
            k.f32(0.0),
            at(queries, row, queryStride, k.index(pages.channels * leftBytes)),
            left);
      k.store(limit, k.at(limits, k.mul(row, kFloatBytes)));
    });
  });
}

void Attention::clearRows(Value rows) {
  k.forLoop(k.index(0), rows, 1, [&](Value row) {
    Value place = k.mul(row, kFloatBytes);
    k.store(k.f32(kNoMaximum), k.at(span.maxima, place));
    k.store(k.f32(0.0), k.at(span.sums, place));
    k.forLoop(k.index(0), k.index(outColumns), lanes, [&](Value c) {
      k.store(k.floats(0.0, lanes), outAddress(span, row, c));
    });
  });
}

SpanStats Attention::statsOf(const RowSums &rows, Value row) {
  Value place = k.mul(row, kFloatBytes);
  return {k.load(f32, k.at(rows.maxima, place)),
          k.load(f32, k.at(rows.sums, place))};
}

void Attention::addToTotals(Value rows, Value start) {
  Type vector = k.vectorOf(f32, lanes);
  k.forLoop(k.index(0), rows, 1, [&](Value row) {
    SpanStats next = statsOf(span, row);
    auto store = [&](SpanStats stats, function_ref<Value(Value, Value)> merge) {
      Value place = k.mul(row, kFloatBytes);
      k.store(stats.maximum, k.at(totals.maxima, place));
      k.store(stats.sum, k.at(totals.sums, place));
      k.forLoop(k.index(0), k.index(outColumns), lanes, [&](Value c) {
        Value address = outAddress(totals, row, c);
        k.store(merge(address, k.load(vector, outAddress(span, row, c))),
                address);
      });
    };
    Value isFirst = k.equal(start, k.index(0));
    k.ifElse(
        isFirst, {},
        [&] {
          store(next, [](Value, Value next) { return next; });
          return SmallVector<Value>();
        },
        [&] {
          k.ifThen(k.less(start, loadEntry(k, limits, row)), [&] {
            MergedSpans merged = mergeSpans(k, statsOf(totals, row), next);
            store(merged.stats, [&](Value address, Value next) {
              return merged.weigh(k, k.load(vector, address), next);
            });
          });
          return SmallVector<Value>();
        });
  });
}

SmallVector<Value> Attention::loadUnits(Value address, Value ahead,
                                        int64_t vectors) {
  SmallVector<Value> units;
  for (int64_t n = 0; n < vectors; ++n)
    units.push_back(k.load(k.vectorOf(k.b.getI32Type(), lanes),
                           k.at(address, n * lanes * KVPages::kUnitBytes)));
  for (int64_t line = 0; asksAhead && line < vectors * lanes / 16; ++line)
    k.prefetch(k.at(ahead, line * 64), kAheadLocality);
  return units;
}

Value Attention::partOf(Value units, int64_t part) {
  if (useDot)
    return k.bitcast(units, k.vectorOf(k.b.getBF16Type(), 2 * lanes));
  if (pages.depth == 2 && part == 0)
    units = arith::ShLIOp::create(k.b, units, k.splat(k.i32(16), lanes));
  else if (pages.depth == 2)
    units = arith::AndIOp::create(k.b, units, k.splat(k.i32(-0x10000), lanes));
  return k.bitcast(units, k.vectorOf(f32, lanes));
}

Value Attention::loadLeft(Value unit, int64_t part) {
  if (!useDot)
    return k.splat(k.load(f32, k.at(unit, part * leftBytes)), lanes);
  return partOf(k.splat(k.load(k.b.getI32Type(), unit), lanes), 0);
}

Value Attention::addProduct(Value sum, Value left, Value right) {
  return useDot ? dotBF16(k, sum, left, right) : k.fma(left, right, sum);
}

SmallVector<Value> Attention::unitTile(int64_t rows, int64_t vectors,
                                       Value count, ValueRange inits,
                                       const Product &product) {
  return k.forLoop(
      k.index(0), count, 1, inits, [&](Value i, ValueRange carried) {
        SmallVector<Value> units =
            loadUnits(product.rightAt(k, i), product.nextAt(k, i), vectors);
        Value left = k.at(product.left, k.mul(i, leftUnitBytes));
        SmallVector<Value> result(carried);
        for (int64_t part = 0; part < numParts; ++part) {
          SmallVector<Value> rights;
          for (Value unit : units)
            rights.push_back(partOf(unit, part));
          for (int64_t r = 0; r < rows; ++r) {
            Value number = loadLeft(k.at(left, r * product.leftStride), part);
            for (int64_t n = 0; n < vectors; ++n) {
              Value &sum = result[r * vectors + n];
              sum = addProduct(sum, number, rights[n]);
            }
          }
        }
        return result;
      });
}

SmallVector<Value> Attention::edgeTile(ArrayRef<Value> seen, int64_t vectors,
                                       Value first, Value last,
                                       ValueRange inits,
                                       const Product &product) {
  return k.forLoop(first, last, 1, inits, [&](Value i, ValueRange carried) {
    SmallVector<Value> units =
        loadUnits(product.rightAt(k, i), product.nextAt(k, i), vectors);
    Value left = k.at(product.left, k.mul(i, leftUnitBytes));
    Value token = k.mul(i, pages.depth);
    SmallVector<Value> result(carried);
    for (auto [r, count] : llvm::enumerate(seen)) {
      Value isSeen = k.less(token, count);
      // Of the last unit, maybe the first token only.
      Value isWhole = k.less(k.add(token, pages.depth - 1), count);
      Value mask = k.select(isWhole, k.i32(-1), k.i32(0xffff));
      for (int64_t part = 0; part < numParts; ++part) {
        Value number = loadLeft(k.at(left, r * product.leftStride), part);
        for (int64_t n = 0; n < vectors; ++n) {
          Value right =
              arith::AndIOp::create(k.b, units[n], k.splat(mask, lanes));
          Value &sum = result[r * vectors + n];
          sum = k.select(isSeen, addProduct(sum, number, partOf(right, part)),
                         sum);
        }
      }
    }
    return result;
  });
}

void Attention::emitScores(Value keys, Value rows, Value count, Value next) {
  SmallVector<Value> zeros(tileRows * tileVectors, k.floats(0.0, lanes));
  int64_t stride = pages.tokens * kFloatBytes;
  k.forLoop(k.index(0), rows, tileRows, [&](Value r) {
    k.forLoop(k.index(0), count, tileVectors * lanes, [&](Value u) {
      SmallVector<Value> sums = unitTile(
          tileRows, tileVectors, k.index(pages.keyUnits()), zeros,
          {k.at(queries, k.mul(r, queryStride)), queryStride,
           k.at(keys, k.mul(u, KVPages::kUnitBytes)),
           k.at(next, k.mul(u, KVPages::kUnitBytes)), pages.keyStride()});
      Value place = at(scores, r, stride, k.mul(u, kFloatBytes));
      for (int64_t n = 0; n < tileRows * tileVectors; ++n)
        k.store(sums[n],
                k.at(place, n / tileVectors * stride +
                                n % tileVectors * lanes * kFloatBytes));
    });
  });
}

void Attention::emitSoftmax(Value rows, Value firstPosition) {
  int64_t vectors = pages.tokens / lanes;
  Value scale = k.floats(op.scale, lanes);
  k.forLoop(k.index(0), rows, 1, [&](Value r) {
    Value place = k.mul(r, kFloatBytes);
    // Tokens of this page that the row may see; what lies behind them in
    // `scores` may be anything.
    Value seen =
        k.toFloats(k.toI32(k.sub(loadEntry(k, limits, r), firstPosition)));
    SmallVector<Value> scaled;
    Value top;
    for (int64_t n = 0; n < vectors; ++n) {
      Value s = k.load(k.vectorOf(f32, lanes),
                       at(scores, r, pages.tokens * kFloatBytes,
                          k.index(n * lanes * kFloatBytes)));
      Value left = k.splat(k.sub(seen, k.f32(n * lanes)), lanes);
      Value isSeen = k.less(laneNumbers(k, lanes), left);
      s = k.select(isSeen, k.mul(s, scale), k.floats(kNoMaximum, lanes));
      scaled.push_back(s);
      top = top ? k.max(top, s) : s;
    }
    Value before = k.load(f32, k.at(span.maxima, place));
    Value maximum = k.max(before, k.horizontalMax(top));
    Value sum, splat = k.splat(maximum, lanes);
    for (int64_t n = 0; n < vectors; ++n) {
      Value p = k.exp(k.sub(scaled[n], splat));
      sum = sum ? k.add(sum, p) : p;
      k.storeFloats(p,
                    at(probabilities, r, probabilityStride,
                       k.index(n * lanes * leftBytes)),
                    left);
    }
    Value correction = k.exp(k.sub(before, maximum));
    Value total = k.load(f32, k.at(span.sums, place));
    total = k.fma(total, correction, k.horizontalSum(sum));
    k.store(maximum, k.at(span.maxima, place));
    k.store(correction, k.at(corrections, place));
    k.store(total, k.at(span.sums, place));
  });
}

void Attention::emitWeightedSum(Value values, Value rows, Value firstPosition,
                                Value next) {
  int64_t stride = outColumns * kFloatBytes;
  Value zero = k.index(0), one = k.index(1);
  k.forLoop(zero, rows, tileRows, [&](Value r) {
    // The tokens of this page that each row sees: the first row the fewest, the
    // last one the most.
    SmallVector<Value> seen;
    for (int64_t row = 0; row < tileRows; ++row)
      seen.push_back(k.sub(loadEntry(k, limits, k.add(r, row)), firstPosition));
    auto seenBy = [&](Value row) {
      Value count = k.sub(loadEntry(k, limits, row), firstPosition);
      return k.max(zero, k.min(count, k.index(pages.tokens)));
    };
    Value whole = k.div(seenBy(r), pages.depth);
    Value last = k.min(k.add(r, tileRows), rows);
    Value end =
        k.div(k.add(seenBy(k.sub(last, one)), pages.depth - 1), pages.depth);
    forTiles(
        k, outColumns / lanes, tileVectors, [&](Value first, int64_t vectors) {
          Value column = k.mul(first, lanes * kFloatBytes);
          auto place = [&](int64_t row, int64_t n) {
            return k.at(at(span.outs, r, stride, column),
                        row * stride + n * lanes * kFloatBytes);
          };
          SmallVector<Value> tile;
          for (int64_t row = 0; row < tileRows; ++row) {
            Value correction =
                k.splat(k.load(f32, k.at(corrections,
                                         k.mul(k.add(r, row), kFloatBytes))),
                        lanes);
            for (int64_t n = 0; n < vectors; ++n)
              tile.push_back(k.mul(
                  correction, k.load(k.vectorOf(f32, lanes), place(row, n))));
          }
          Product product{k.at(probabilities, k.mul(r, probabilityStride)),
                          probabilityStride, k.at(values, column),
                          k.at(next, column), pages.valueStride()};
          tile = unitTile(tileRows, vectors, whole, tile, product);
          tile = edgeTile(seen, vectors, whole, end, tile, product);
          for (int64_t row = 0; row < tileRows; ++row)
            for (int64_t n = 0; n < vectors; ++n)
              k.store(tile[row * vectors + n], place(row, n));
        });
  });
}

void Attention::storeOutputs(const RowSums &rows, Value first, Value last) {
  auto type =
      cast<RankedTensorType>(frame.cluster.getOutputs()[results.out].getType());
  Type element = type.getElementType();
  Value base = reader.outputAddress(results.out);
  k.forLoop(first, last, 1, [&](Value token) {
    Value address = reader.rowAddress(base, type, token, Value());
    k.forLoop(k.index(0), k.index(group), 1, [&](Value g) {
      Value row = k.add(k.mul(k.sub(token, first), group), g);
      Value queryHead = k.add(k.mul(head, group), g);
      Value factor =
          k.splat(k.div(k.f32(1.0), statsOf(rows, row).sum), headLanes);
      k.forLoop(k.index(0), k.index(pages.channels), headLanes, [&](Value c) {
        Value o = k.load(k.vectorOf(f32, headLanes), outAddress(rows, row, c));
        Value column = k.add(k.mul(queryHead, pages.channels), c);
        k.storeFloats(k.mul(o, factor),
                      k.at(address, k.mul(column, plan::elementBytes(element))),
                      element);
      });
    });
    if (type.getDimSize(1) % plan::kRowMultiple != 0)
      k.ifThen(k.equal(head, k.index(pages.kvHeads - 1)),
               [&] { storeRowPadding(k, type, address); });
  });
}

void Attention::storePartials(Value j, Value start, Value first, Value last) {
  auto rowOf = [&](unsigned result, Value token) {
    auto type =
        cast<RankedTensorType>(frame.cluster.getOutputs()[result].getType());
    Value address =
        reader.rowAddress(reader.outputAddress(result), type, token, j);
    if (type.getDimSize(2) % plan::kRowMultiple != 0)
      k.ifThen(k.equal(head, k.index(pages.kvHeads - 1)),
               [&] { storeRowPadding(k, type, address); });
    return address;
  };
  Value positions = reader.inputAddress(op.positions);
  k.forLoop(first, last, 1, [&](Value token) {
    Value stats = rowOf(results.stats, token),
          weighted = rowOf(results.weighted, token);
    Value isSeen = k.less(start, k.add(loadEntry(k, positions, token), 1));
    k.forLoop(k.index(0), k.index(group), 1, [&](Value g) {
      Value row = k.add(k.mul(k.sub(token, first), group), g);
      Value queryHead = k.add(k.mul(head, group), g);
      auto storeStats = [&](SpanStats values) {
        Value place = k.at(stats, k.mul(queryHead, 2 * kFloatBytes));
        k.store(values.maximum, place);
        k.store(values.sum, k.at(place, kFloatBytes));
        return SmallVector<Value>();
      };
      auto storeSpan = [&] {
        k.forLoop(k.index(0), k.index(pages.channels), headLanes, [&](Value c) {
          Value column = k.add(k.mul(queryHead, pages.channels), c);
          k.store(k.load(k.vectorOf(f32, headLanes), outAddress(span, row, c)),
                  k.at(weighted, k.mul(column, kFloatBytes)));
        });
        return storeStats(statsOf(span, row));
      };
      k.ifElse(isSeen, {}, storeSpan,
               [&] { return storeStats({k.f32(kNoMaximum), k.f32(0.0)}); });
    });
  });
}

} // namespace

LogicalResult mlir::mm1::cpu::emitAttention(KernelFrame &frame) {
  ClusterOp cluster = frame.cluster;
  Operation *anchor = cluster.getOnlyAnchor();
  auto whole = dyn_cast<SoftmaxAttentionOp>(anchor);
  auto partials = dyn_cast<AttentionPartialsOp>(anchor);
  if (whole ? whole.getEvenSpans().has_value()
            : partials.getCut() == SpanCut::Even)
    return cluster.emitOpError()
           << "cuts its context at places that are '"
           << stringifySpanCut(SpanCut::Even)
           << "'; kernels of the cpu target cut at 'fixed' ones";
  AttentionOperands operands =
      whole ? AttentionOperands(whole) : AttentionOperands(partials);
  KVPages pages(cast<RankedTensorType>(operands.cache.getType()));
  if (pages.tokens % 16 != 0)
    return cluster.emitOpError()
           << "expects pages of a multiple of 16 tokens, found "
           << pages.tokens;

  AttentionResults results;
  for (auto [value, result] :
       whole ? SmallVector<std::pair<Value, unsigned *>>{{whole.getOut(),
                                                          &results.out}}
             : SmallVector<std::pair<Value, unsigned *>>{
                   {partials.getStats(), &results.stats},
                   {partials.getWeighted(), &results.weighted}}) {
    FailureOr<unsigned> found = findResult(cluster, value);
    if (failed(found))
      return failure();
    *result = *found;
  }
  results.numSpans = whole ? 0 : partials.getNumSpans();
  bool fits = whole ? frame.schedule.tasks == pages.kvHeads
                    : frame.schedule.tasks % pages.kvHeads == 0;
  if (frame.schedule.unit != GridUnit::Tokens || !fits)
    return cluster.emitOpError()
           << "expects one task" << (whole ? "" : ", or several,")
           << " per KV head and block of tokens, found "
           << frame.schedule.attributes;
  Attention(frame, operands, results).emit();
  return success();
}
