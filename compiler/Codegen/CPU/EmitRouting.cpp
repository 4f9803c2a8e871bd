//===- EmitRouting.cpp - Choice of experts, and tokens by expert ---------===//
// router, per token: the k experts with the largest logits, the lower index
// first among equals, and exp(l - max) of each over the sum of the chosen k (the
// denominator of the softmax over all experts cancels).
//
//   logits (1, 3, 3, 0), k = 2  ->  ids (1, 2), weights (0.5, 0.5)
//
// Finding the largest is k passes over a copy of the row, from which the winner
// is struck. Ids are in range whatever the logits are: a NaN counts as the
// smallest float, and gives a NaN weight should it be chosen.
//
// group_tokens is a counting sort, stable, in one task:
//
//   ids (2, 0, 2), 3 experts  ->  order (1, 0, 2), offsets (0, 1, 1, 3)
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"
#include "compiler/Codegen/CPU/StatefulHelpers.h"
#include "dialects/Plan/Layout.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

namespace {

constexpr int64_t kWordBytes = 4;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLowest = std::numeric_limits<float>::lowest();

Value wordAt(KernelBuilder &k, Value base, Value index) {
  return k.at(base, k.mul(index, kWordBytes));
}

class Router {
public:
  Router(KernelFrame &frame, RouterOp op, unsigned idsResult,
         unsigned weightsResult)
      : k(frame.k), reader(frame.reader), f32(k.b.getF32Type()),
        logitsType(cast<RankedTensorType>(op.getLogits().getType())),
        weightsType(cast<RankedTensorType>(op.getWeights().getType())),
        experts(logitsType.getDimSize(1)), chosen(weightsType.getDimSize(1)),
        lanes(k.target.lanes), padded(plan::roundUp(experts, lanes)),
        logits(reader.inputAddress(op.getLogits())),
        ids(reader.outputAddress(idsResult)),
        weights(reader.outputAddress(weightsResult)),
        keys(k.scratch(padded * kWordBytes)) {}

  void emitToken(Value token);

private:
  /// Copies the row to `keys`: NaN and -inf become the lowest float, columns
  /// behind the last expert -inf, as struck ones will be.
  void copyRow(Value row);
  /// The first expert whose key is the largest.
  Value findLargest();

  KernelBuilder &k;
  ClusterReader &reader;
  Type f32;
  RankedTensorType logitsType, weightsType;
  int64_t experts, chosen, lanes, padded;
  Value logits, ids, weights, keys;
};

void Router::copyRow(Value row) {
  Value lowest = k.floats(kLowest, lanes), struck = k.floats(-kInfinity, lanes);
  k.forLoop(k.index(0), k.index(padded), lanes, [&](Value c) {
    Value x = k.loadFloats(wordAt(k, row, c), f32, lanes);
    x = k.select(k.less(lowest, x), x, lowest);
    Value left = k.toFloats(k.sub(k.i32(experts), k.toI32(c)));
    Value isExpert = k.less(laneNumbers(k, lanes), k.splat(left, lanes));
    k.store(k.select(isExpert, x, struck), wordAt(k, keys, c));
  });
}

Value Router::findLargest() {
  Type vector = k.vectorOf(f32, lanes);
  SmallVector<Value> largest = k.forLoop(
      k.index(0), k.index(padded), lanes, {k.floats(-kInfinity, lanes)},
      [&](Value c, ValueRange carried) {
        Value x = k.load(vector, wordAt(k, keys, c));
        return SmallVector<Value>{k.max(carried[0], x)};
      });
  Value top = k.splat(k.horizontalMax(largest[0]), lanes);
  // The lowest index among equals is the largest of the negated ones.
  SmallVector<Value> index = k.forLoop(
      k.index(0), k.index(padded), lanes, {k.floats(-padded, lanes)},
      [&](Value c, ValueRange carried) {
        Value x = k.load(vector, wordAt(k, keys, c));
        Value first = k.splat(k.toFloats(k.toI32(c)), lanes);
        Value negated =
            k.sub(k.floats(0.0, lanes), k.add(first, laneNumbers(k, lanes)));
        Value candidate =
            k.select(k.equal(x, top), negated, k.floats(-padded, lanes));
        return SmallVector<Value>{k.max(carried[0], candidate)};
      });
  Value negated = k.horizontalMax(index[0]);
  return arith::FPToSIOp::create(k.b, k.b.getI32Type(),
                                 k.sub(k.f32(0.0), negated));
}

void Router::emitToken(Value token) {
  Value row = reader.rowAddress(logits, logitsType, token, Value());
  Value weightRow = reader.rowAddress(weights, weightsType, token, Value());
  Value idRow = wordAt(k, ids, k.mul(token, chosen));
  copyRow(row);
  SmallVector<Value> numerators;
  Value top, sum;
  for (int64_t j = 0; j < chosen; ++j) {
    Value id = findLargest();
    k.store(id, k.at(idRow, j * kWordBytes));
    Value place = k.toIndex(id);
    k.store(k.f32(-kInfinity), wordAt(k, keys, place));
    Value logit = k.load(f32, wordAt(k, row, place));
    top = top ? top : logit;
    Value numerator = k.exp(k.sub(logit, top));
    numerators.push_back(numerator);
    sum = sum ? k.add(sum, numerator) : numerator;
  }
  for (int64_t j = 0; j < chosen; ++j)
    k.store(k.div(numerators[j], sum), k.at(weightRow, j * kWordBytes));
  storeRowPadding(k, weightsType, weightRow);
}

/// Pair r of expert e goes to place cursor[e]++ of `order`, r = 0, 1, ...
void emitGroupTokens(KernelFrame &frame, GroupTokensOp op, Value order,
                     Value offsets) {
  KernelBuilder &k = frame.k;
  Type i32 = k.b.getI32Type();
  int64_t experts =
      cast<RankedTensorType>(op.getOffsets().getType()).getDimSize(0) - 1;
  int64_t choices = cast<RankedTensorType>(op.getIds().getType()).getDimSize(1);
  Value ids = frame.reader.inputAddress(op.getIds());
  Value cursors = k.scratch(experts * kWordBytes);
  Value pairs = k.mul(k.dim(::mm1::kDimTokens), choices);
  auto increment = [&](Value pair) -> Value {
    Value cursor = wordAt(k, cursors, loadEntry(k, ids, pair));
    Value count = k.load(i32, cursor);
    k.store(k.add(count, k.i32(1)), cursor);
    return count;
  };

  k.forTasks(frame.schedule, [&](Value, Value, Value) {
    k.forLoop(k.index(0), k.index(experts), 1,
              [&](Value e) { k.store(k.i32(0), wordAt(k, cursors, e)); });
    k.forLoop(k.index(0), pairs, 1, [&](Value pair) { increment(pair); });
    SmallVector<Value> total =
        k.forLoop(k.index(0), k.index(experts), 1, {k.i32(0)},
                  [&](Value e, ValueRange carried) {
                    Value cursor = wordAt(k, cursors, e);
                    Value count = k.load(i32, cursor);
                    k.store(carried[0], cursor);
                    k.store(carried[0], wordAt(k, offsets, e));
                    return SmallVector<Value>{k.add(carried[0], count)};
                  });
    k.store(total[0], k.at(offsets, experts * kWordBytes));
    k.forLoop(k.index(0), pairs, 1, [&](Value pair) {
      Value place = k.toIndex(increment(pair));
      k.store(k.toI32(pair), wordAt(k, order, place));
    });
  });
}

} // namespace

LogicalResult mlir::mm1::cpu::emitRouting(KernelFrame &frame) {
  ClusterOp cluster = frame.cluster;
  Operation *anchor = cluster.getOnlyAnchor();
  if (auto op = dyn_cast<GroupTokensOp>(anchor)) {
    FailureOr<unsigned> order = findResult(cluster, op.getOrder());
    FailureOr<unsigned> offsets = findResult(cluster, op.getOffsets());
    if (failed(order) || failed(offsets))
      return failure();
    if (frame.schedule.unit != GridUnit::One || frame.schedule.tasks != 1)
      return cluster.emitOpError()
             << "expects a single task, found " << frame.schedule.attributes;
    emitGroupTokens(frame, op, frame.reader.outputAddress(*order),
                    frame.reader.outputAddress(*offsets));
    return success();
  }
  auto op = cast<RouterOp>(anchor);
  FailureOr<unsigned> ids = findResult(cluster, op.getIds());
  FailureOr<unsigned> weights = findResult(cluster, op.getWeights());
  if (failed(ids) || failed(weights))
    return failure();
  if (frame.schedule.unit != GridUnit::Tokens || frame.schedule.tasks != 1)
    return cluster.emitOpError()
           << "expects tasks of tokens, found " << frame.schedule.attributes;
  Router router(frame, op, *ids, *weights);
  frame.k.forTasks(frame.schedule, [&](Value, Value first, Value last) {
    frame.k.forLoop(first, last, 1,
                    [&](Value token) { router.emitToken(token); });
  });
  return success();
}
