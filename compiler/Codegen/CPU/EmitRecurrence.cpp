//===- EmitRecurrence.cpp - Lightning attention --------------------------===//
// For every token of a sequence in order, with lambda = exp(-slope):
//
//   S = lambda S + k^T v          o = q S
//
// One task is one head of one sequence, in chunks of m <= `chunk` tokens. A few
// tokens are taken one by one: a single pass over S reads, decays, updates,
// writes and multiplies it. More go together, exactly (model-spec 3.5.4):
//
//   O = ((Q K^T) o D) V + diag(lambda^(i+1)) Q S     D[i][j] = lambda^(i-j)
//   S = lambda^m S + K^T diag(lambda^(m-1-j)) V      for j <= i
//
// All in f32, as tiles of products (StatefulHelpers.h). Every power of lambda is
// exp(-slope * x), from one table `decays`: entry chunk - x is lambda^x, so that
// row i of D is the table from entry chunk - i on. What D does not define is
// left out of the sums rather than multiplied by zero: a later token's NaN or
// infinity reaches no earlier one.
//
// A state lives for up to ten million steps, and lambda = 0.99999 has only the
// leading bits of a slope of 1e-5: the state would forget at a rate 0.3 % off.
// So it decays by S - (1 - lambda^m) S, whose factor has all of them.
//
// Which of the two forms a chunk takes depends on its own m alone. So a
// sequence's bits depend on how its tokens are cut into calls (a cut at a
// multiple of `chunk` changes nothing), not on its batch, tasks or threads.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"
#include "compiler/Codegen/CPU/StatefulHelpers.h"
#include "dialects/Plan/Layout.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

namespace {

constexpr int64_t kFloatBytes = 4;

class Recurrence {
public:
  Recurrence(KernelFrame &frame, LightningAttentionOp op, unsigned outResult,
             int64_t chunk);
  void emit();

private:
  /// All tokens [first, last) of sequence `b`; there is at least one.
  void emitSequence(Value b, Value first, Value last);
  /// One token: one pass over the state.
  void emitStep(Value token);
  /// m tokens from `token` on.
  void emitChunk(Value token, Value m);
  void emitDecayTable();
  void loadChunk(Value token, Value m);
  void transposeKeys(Value m);
  void emitScores(Value m);
  void emitOutputs(Value token, Value m);
  void updateState(Value m);

  /// 1 - exp(-x) of a scalar x >= 0, to a few ulp also where x is small.
  Value oneMinusExp(Value x);
  /// lambda^(chunk - entry).
  Value decayAt(Value entry, int64_t lanes);
  /// Part 0, 1, 2 = q, k, v of this head, from `column` on.
  Value loadPart(Value rowAddress, int64_t part, Value column);
  Value tokenAddress(Value token);
  void storeOut(Value token, Value column, Value floats);
  /// The last head's task writes the zeros behind a row.
  void emitPadding(Value token);

  Value floatAt(Value base, Value index) {
    return k.at(base, k.mul(index, kFloatBytes));
  }
  Value floatAt(Value base, Value row, int64_t stride, Value column) {
    return floatAt(base, k.add(k.mul(row, stride), column));
  }
  Value loadVector(Value address, int64_t lanes) {
    return k.load(k.vectorOf(f32, lanes), address);
  }

  KernelFrame &frame;
  KernelBuilder &k;
  LightningAttentionOp op;
  unsigned outResult;
  Type f32;
  RankedTensorType qkvType, outType;
  int64_t heads, size, chunk;
  /// Lanes over the channels of a head, and over the tokens of a chunk.
  int64_t lanes, tokenLanes;
  /// Accumulators of a tile: rows x vectors; and vectors of v and of o that a
  /// single token's pass keeps in registers.
  int64_t tileRows, tileVectors, stepVectors;
  /// Entries before the table and rows behind a chunk that partial tiles touch.
  int64_t paddedChunk;

  Value qkv, head, slope, state;
  /// Scratch: [chunk][size] each, but keysT [size][chunk], scores
  /// [chunk][chunk]; decayedV is v_j lambda^(m-1-j).
  Value q, key, v, decayedV, keysT, scores, decays;
};

Recurrence::Recurrence(KernelFrame &frame, LightningAttentionOp op,
                       unsigned outResult, int64_t chunk)
    : frame(frame), k(frame.k), op(op), outResult(outResult),
      f32(k.b.getF32Type()),
      qkvType(cast<RankedTensorType>(op.getQkv().getType())),
      outType(cast<RankedTensorType>(op.getOut().getType())),
      heads(op.getHeads()), size(op.getHeadDim()), chunk(chunk),
      lanes(dividingLanes(size, k.target.lanes)), tokenLanes(k.target.lanes) {
  bool manyRegisters = k.target.vectorRegisters >= 32;
  tileRows = manyRegisters ? 8 : 4;
  tileVectors = 2;
  stepVectors = manyRegisters ? 8 : 4;
  paddedChunk = plan::roundUp(chunk, tileVectors * tokenLanes);
  qkv = frame.reader.inputAddress(op.getQkv());

  int64_t matrix = paddedChunk * size * kFloatBytes;
  q = k.scratch(matrix);
  key = k.scratch(matrix);
  v = k.scratch(matrix);
  decayedV = k.scratch(matrix);
  keysT = k.scratch(matrix);
  scores = k.scratch(paddedChunk * paddedChunk * kFloatBytes);
  // Rows of the last tile reach below entry 0, its columns beyond 2 * chunk
  decays = k.at(k.scratch(2 * paddedChunk * kFloatBytes),
                (paddedChunk - chunk) * kFloatBytes);
}

void Recurrence::emit() {
  Value starts = frame.reader.inputAddress(op.getStarts());
  k.forTasks(frame.schedule, [&](Value part, Value firstSeq, Value lastSeq) {
    head = part;
    slope =
        k.load(f32, floatAt(frame.reader.inputAddress(op.getSlopes()), head));
    k.forLoop(firstSeq, lastSeq, 1, [&](Value b) {
      Value first = loadEntry(k, starts, b);
      Value last = loadEntry(k, starts, k.add(b, 1));
      k.ifThen(k.less(first, last), [&] { emitSequence(b, first, last); });
    });
  });
}

void Recurrence::emitSequence(Value b, Value first, Value last) {
  ClusterReader &reader = frame.reader;
  auto stateType = cast<RankedTensorType>(op.getState().getType());
  Value slot = loadEntry(k, reader.inputAddress(op.getSlots()), b);
  int64_t bytes = size * size * kFloatBytes;
  state = k.at(
      reader.inputAddress(op.getState()),
      k.add(k.mul(slot, plan::stateUnitBytes(stateType)), k.mul(head, bytes)));

  Value position = loadEntry(k, reader.inputAddress(op.getPositions()), first);
  k.ifThen(k.equal(position, k.index(0)), [&] {
    k.forLoop(k.index(0), k.index(size * size), lanes, [&](Value i) {
      k.store(k.floats(0.0, lanes), floatAt(state, i));
    });
  });

  // Passes over a state in the cache cost less than tiles of a chunk that are
  // mostly empty: measured, up to three quarters of a tile.
  Value mostSteps = k.index(tileRows * 3 / 4);
  k.ifThen(k.less(mostSteps, k.sub(last, first)), [&] { emitDecayTable(); });
  k.forLoop(first, last, chunk, [&](Value token) {
    Value m = k.min(k.index(chunk), k.sub(last, token));
    auto tiles = [&]() -> SmallVector<Value> {
      emitChunk(token, m);
      return {};
    };
    auto steps = [&]() -> SmallVector<Value> {
      k.forLoop(token, k.add(token, m), 1, [&](Value t) { emitStep(t); });
      return {};
    };
    k.ifElse(k.less(mostSteps, m), {}, tiles, steps);
  });
}

//===---------------------------------- Memory ------------------------------===//

Value Recurrence::tokenAddress(Value token) {
  return frame.reader.rowAddress(qkv, qkvType, token, Value());
}

Value Recurrence::loadPart(Value rowAddress, int64_t part, Value column) {
  Type element = qkvType.getElementType();
  Value place = k.add(k.add(k.mul(head, 3 * size), part * size), column);
  return k.loadFloats(
      k.at(rowAddress, k.mul(place, plan::elementBytes(element))), element,
      lanes);
}

void Recurrence::storeOut(Value token, Value column, Value floats) {
  Value address = frame.reader.rowAddress(frame.reader.outputAddress(outResult),
                                          outType, token, Value());
  Type element = outType.getElementType();
  Value place = k.add(k.mul(head, size), column);
  k.storeFloats(floats,
                k.at(address, k.mul(place, plan::elementBytes(element))),
                element);
}

void Recurrence::emitPadding(Value token) {
  if (outType.getDimSize(1) % plan::kRowMultiple == 0)
    return;
  k.ifThen(k.equal(head, k.index(heads - 1)), [&] {
    Value base = frame.reader.outputAddress(outResult);
    storeRowPadding(k, outType,
                    frame.reader.rowAddress(base, outType, token, Value()));
  });
}

//===---------------------------------- Decays ------------------------------===//

Value Recurrence::oneMinusExp(Value x) {
  // x (1 - x/2 (1 - x/3 (1 - ...))); ten terms leave 1e-9 at x = 1/2.
  Value series = k.f32(1.0);
  for (int64_t i = 10; i >= 2; --i)
    series = k.fma(k.mul(x, k.f32(-1.0 / i)), series, k.f32(1.0));
  Value small = k.mul(x, series);
  Value large = k.sub(k.f32(1.0), k.exp(k.sub(k.f32(0.0), x)));
  return k.select(k.less(x, k.f32(0.5)), small, large);
}

Value Recurrence::decayAt(Value entry, int64_t lanes) {
  return loadVector(floatAt(decays, entry), lanes);
}

void Recurrence::emitDecayTable() {
  // Entries before 0 belong to rows that do not exist, but are read: from
  // chunk - paddedChunk on everything is written.
  Value rate = k.splat(k.sub(k.f32(0.0), slope), tokenLanes);
  k.forLoop(k.index(0), k.index(2 * paddedChunk), tokenLanes, [&](Value i) {
    // x = paddedChunk - i, the power of lambda at this entry.
    Value first = k.toFloats(k.sub(k.i32(paddedChunk), k.toI32(i)));
    Value power = k.sub(k.splat(first, tokenLanes), laneNumbers(k, tokenLanes));
    Value decay = k.exp(k.mul(rate, power));
    k.store(decay,
            floatAt(k.at(decays, (chunk - paddedChunk) * kFloatBytes), i));
  });
}

//===---------------------------------- One token ---------------------------===//

void Recurrence::emitStep(Value token) {
  Value row = tokenAddress(token);
  // q and k as floats to broadcast from.
  k.forLoop(k.index(0), k.index(size), lanes, [&](Value c) {
    k.store(loadPart(row, 0, c), floatAt(q, c));
    k.store(loadPart(row, 1, c), floatAt(key, c));
  });
  Value loss = k.splat(k.sub(k.f32(0.0), oneMinusExp(slope)), lanes);
  forTiles(k, size / lanes, stepVectors, [&](Value firstVector, int64_t count) {
    Value column = k.mul(firstVector, lanes);
    SmallVector<Value> values, zeros(count, k.floats(0.0, lanes));
    for (int64_t n = 0; n < count; ++n)
      values.push_back(loadPart(row, 2, k.add(column, n * lanes)));
    SmallVector<Value> outs = k.forLoop(
        k.index(0), k.index(size), 1, zeros, [&](Value i, ValueRange carried) {
          Value keySplat = k.splat(k.load(f32, floatAt(key, i)), lanes);
          Value querySplat = k.splat(k.load(f32, floatAt(q, i)), lanes);
          Value address = floatAt(state, i, size, column);
          SmallVector<Value> next;
          for (int64_t n = 0; n < count; ++n) {
            Value place = k.at(address, n * lanes * kFloatBytes);
            Value s = loadVector(place, lanes);
            s = k.fma(keySplat, values[n], k.fma(loss, s, s));
            k.store(s, place);
            next.push_back(k.fma(querySplat, s, carried[n]));
          }
          return next;
        });
    for (int64_t n = 0; n < count; ++n)
      storeOut(token, k.add(column, n * lanes), outs[n]);
  });
  emitPadding(token);
}

//===---------------------------------- A chunk -----------------------------===//

void Recurrence::emitChunk(Value token, Value m) {
  loadChunk(token, m);
  transposeKeys(m);
  emitScores(m);
  emitOutputs(token, m);
  updateState(m);
}

void Recurrence::loadChunk(Value token, Value m) {
  k.forLoop(k.index(0), m, 1, [&](Value j) {
    Value row = tokenAddress(k.add(token, j));
    // lambda^(m-1-j)
    Value entry = k.sub(k.add(j, chunk + 1), m);
    Value decay = k.splat(decayAt(entry, 1), lanes);
    k.forLoop(k.index(0), k.index(size), lanes, [&](Value c) {
      k.store(loadPart(row, 0, c), floatAt(q, j, size, c));
      k.store(loadPart(row, 1, c), floatAt(key, j, size, c));
      Value value = loadPart(row, 2, c);
      k.store(value, floatAt(v, j, size, c));
      k.store(k.mul(value, decay), floatAt(decayedV, j, size, c));
    });
  });
}

void Recurrence::transposeKeys(Value m) {
  // Rows from m on are left from earlier chunks; what they make is not read.
  k.forLoop(k.index(0), m, lanes, [&](Value j) {
    k.forLoop(k.index(0), k.index(size), lanes, [&](Value c) {
      SmallVector<Value> rows;
      for (int64_t n = 0; n < lanes; ++n)
        rows.push_back(loadVector(floatAt(key, k.add(j, n), size, c), lanes));
      if (lanes > 1)
        rows = transpose(k, rows);
      for (int64_t n = 0; n < lanes; ++n)
        k.store(rows[n], floatAt(keysT, k.add(c, n), paddedChunk, j));
    });
  });
}

void Recurrence::emitScores(Value m) {
  SmallVector<Value> zeros(tileRows * tileVectors, k.floats(0.0, tokenLanes));
  k.forLoop(k.index(0), m, tileRows, [&](Value i) {
    // Columns behind the tile's last row are not read.
    Value end = k.min(m, k.add(i, tileRows));
    k.forLoop(k.index(0), end, tileVectors * tokenLanes, [&](Value j) {
      SmallVector<Value> sums = productTile(
          k, tileRows, tileVectors, k.index(size), zeros,
          [&](int64_t r, Value d) {
            return k.load(f32, floatAt(q, k.add(i, r), size, d));
          },
          [&](int64_t n, Value d) {
            return loadVector(
                floatAt(keysT, d, paddedChunk, k.add(j, n * tokenLanes)),
                tokenLanes);
          });
      for (int64_t r = 0; r < tileRows; ++r)
        for (int64_t n = 0; n < tileVectors; ++n) {
          Value row = k.add(i, r), column = k.add(j, n * tokenLanes);
          Value entry = k.sub(k.add(column, chunk), row);
          Value score =
              k.mul(sums[r * tileVectors + n], decayAt(entry, tokenLanes));
          k.store(score, floatAt(scores, row, paddedChunk, column));
        }
    });
  });
}

void Recurrence::emitOutputs(Value token, Value m) {
  k.forLoop(k.index(0), m, tileRows, [&](Value i) {
    forTiles(k, size / lanes, tileVectors, [&](Value first, int64_t count) {
      Value column = k.mul(first, lanes);
      SmallVector<Value> sums(tileRows * count, k.floats(0.0, lanes));
      sums = productTile(
          k, tileRows, count, k.index(size), sums,
          [&](int64_t r, Value d) {
            return k.load(f32, floatAt(q, k.add(i, r), size, d));
          },
          [&](int64_t n, Value d) {
            return loadVector(floatAt(state, d, size, k.add(column, n * lanes)),
                              lanes);
          });
      // lambda^(i+1)
      for (int64_t r = 0; r < tileRows; ++r) {
        Value entry = k.sub(k.index(chunk - 1 - r), i);
        Value decay = k.splat(decayAt(entry, 1), lanes);
        for (int64_t n = 0; n < count; ++n)
          sums[r * count + n] = k.mul(sums[r * count + n], decay);
      }
      auto score = [&](int64_t r, Value j) {
        return k.load(f32, floatAt(scores, k.add(i, r), paddedChunk, j));
      };
      auto value = [&](int64_t n, Value j) {
        return loadVector(floatAt(v, j, size, k.add(column, n * lanes)), lanes);
      };
      // Tokens before the tile's, then of the tile's those that a row may see.
      sums = productTile(k, tileRows, count, i, sums, score, value);
      for (int64_t j = 0; j < tileRows; ++j)
        for (int64_t n = 0; n < count; ++n) {
          Value right = value(n, k.add(i, j));
          for (int64_t r = j; r < tileRows; ++r) {
            Value left = k.splat(score(r, k.add(i, j)), lanes);
            Value &sum = sums[r * count + n];
            sum = k.fma(left, right, sum);
          }
        }
      auto storeRow = [&](int64_t r) {
        for (int64_t n = 0; n < count; ++n)
          storeOut(k.add(token, k.add(i, r)), k.add(column, n * lanes),
                   sums[r * count + n]);
      };
      auto storeAll = [&]() -> SmallVector<Value> {
        for (int64_t r = 0; r < tileRows; ++r)
          storeRow(r);
        return {};
      };
      auto storeSome = [&]() -> SmallVector<Value> {
        for (int64_t r = 0; r < tileRows; ++r)
          k.ifThen(k.less(k.add(i, r), m), [&] { storeRow(r); });
        return {};
      };
      // A condition for each row only where it is needed: behind one, LLVM
      // would make the row's sums there, each alone.
      k.ifElse(k.less(m, k.add(i, tileRows)), {}, storeSome, storeAll);
    });
  });
  k.forLoop(k.index(0), m, 1, [&](Value i) { emitPadding(k.add(token, i)); });
}

void Recurrence::updateState(Value m) {
  Value loss = oneMinusExp(k.mul(slope, k.toFloats(k.toI32(m))));
  loss = k.splat(k.sub(k.f32(0.0), loss), lanes);
  forTiles(k, size, tileRows, [&](Value firstRow, int64_t rows) {
    forTiles(k, size / lanes, tileVectors, [&](Value first, int64_t count) {
      Value column = k.mul(first, lanes);
      auto place = [&](int64_t r, int64_t n) {
        return floatAt(state, k.add(firstRow, r), size,
                       k.add(column, n * lanes));
      };
      SmallVector<Value> sums;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t n = 0; n < count; ++n) {
          Value s = loadVector(place(r, n), lanes);
          sums.push_back(k.fma(loss, s, s));
        }
      sums = productTile(
          k, rows, count, m, sums,
          [&](int64_t r, Value j) {
            return k.load(f32, floatAt(key, j, size, k.add(firstRow, r)));
          },
          [&](int64_t n, Value j) {
            return loadVector(
                floatAt(decayedV, j, size, k.add(column, n * lanes)), lanes);
          });
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t n = 0; n < count; ++n)
          k.store(sums[r * count + n], place(r, n));
    });
  });
}

} // namespace

LogicalResult mlir::mm1::cpu::emitRecurrence(KernelFrame &frame) {
  auto op = cast<LightningAttentionOp>(frame.cluster.getOnlyAnchor());
  FailureOr<unsigned> out = findResult(frame.cluster, op.getOut());
  if (failed(out))
    return failure();
  int64_t chunk = frame.schedule.get("chunk", 64);
  if (chunk < 1 || chunk > 4096)
    return frame.cluster.emitOpError()
           << "expects chunks of 1 to 4096 tokens, found chunk = " << chunk;
  if (frame.schedule.unit != GridUnit::Sequences ||
      frame.schedule.tasks != op.getHeads())
    return frame.cluster.emitOpError()
           << "expects one task per head and sequence, found "
           << frame.schedule.attributes;
  Recurrence(frame, op, *out, chunk).emit();
  return success();
}
