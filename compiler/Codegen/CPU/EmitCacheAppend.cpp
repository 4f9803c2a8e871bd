//===- EmitCacheAppend.cpp - Writes new keys and values into their pages -===//
// One task is one KV head of one sequence: its tokens go to row p % 64 of page
// pages[slots[b], p / 64], as KVPages.h lays them out. With D = 4 in bf16, token
// 3 of a page writes its key as units (c0 c1), (c2 c3) at 4 * 3 and 4 * (64 + 3), and
// its value beside that of token 2:
//
//   units of tokens 2, 3     before: v2 0 | v2 0 | v2 0 | v2 0
//                            after:  v2 v3 | ...
//
// The first token of a pair writes whole units, with zeros in the second's place.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"
#include "compiler/Codegen/CPU/KVPages.h"
#include "compiler/Codegen/CPU/StatefulHelpers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

namespace {

class CacheAppend {
public:
  CacheAppend(KernelFrame &frame, CacheAppendOp op)
      : k(frame.k), reader(frame.reader), op(op),
        pages(cast<RankedTensorType>(op.getCache().getType())),
        lanes(dividingLanes(pages.channels, k.target.lanes)),
        keyRow(k.scratch((pages.keyUnits() + 1) * KVPages::kUnitBytes)),
        valueRow(k.scratch(lanes * KVPages::kUnitBytes)) {}

  /// Appends `token` to the page at `page`, as its row `row`.
  void emitToken(Value head, Value token, Value page, Value row);

private:
  void emitKey(Value head, Value token, Value block, Value row);
  void emitValue(Value head, Value token, Value block, Value row);
  Value evaluate(Value operand, Value head, Value token, Value column) {
    Value place = k.add(k.mul(head, pages.channels), column);
    return reader.evaluate(operand, {token, Value(), place}, lanes);
  }

  KernelBuilder &k;
  ClusterReader &reader;
  CacheAppendOp op;
  KVPages pages;
  int64_t lanes;
  Value keyRow, valueRow;
};

void CacheAppend::emitToken(Value head, Value token, Value page, Value row) {
  Value keys = k.at(page, k.mul(head, pages.blockBytes));
  emitKey(head, token, keys, row);
  emitValue(head, token, k.at(keys, pages.kvHeads * pages.blockBytes), row);
}

void CacheAppend::emitKey(Value head, Value token, Value block, Value row) {
  Type element = pages.element;
  int64_t elementBytes = plan::elementBytes(element);
  k.forLoop(k.index(0), k.index(pages.channels), lanes, [&](Value c) {
    k.storeFloats(evaluate(op.getK(), head, token, c),
                  k.at(keyRow, k.mul(c, elementBytes)), element);
  });
  if (pages.channels % pages.depth != 0)
    k.storeFloats(k.f32(0.0), k.at(keyRow, pages.channels * elementBytes),
                  element);
  Value place = k.at(block, k.mul(row, KVPages::kUnitBytes));
  k.forLoop(k.index(0), k.index(pages.keyUnits()), 1, [&](Value unit) {
    Value bits = k.load(k.b.getI32Type(),
                        k.at(keyRow, k.mul(unit, KVPages::kUnitBytes)));
    k.store(bits, k.at(place, k.mul(unit, pages.keyStride())));
  });
}

void CacheAppend::emitValue(Value head, Value token, Value block, Value row) {
  Value place =
      k.at(block, k.mul(k.div(row, pages.depth), pages.valueStride()));
  auto unitAt = [&](Value c) {
    return k.at(place, k.mul(c, KVPages::kUnitBytes));
  };
  if (pages.depth == 1) {
    k.forLoop(k.index(0), k.index(pages.channels), lanes, [&](Value c) {
      k.store(evaluate(op.getV(), head, token, c), unitAt(c));
    });
    k.forLoop(k.index(pages.channels), k.index(pages.rowUnits), lanes,
              [&](Value c) { k.store(k.floats(0.0, lanes), unitAt(c)); });
    return;
  }
  Type words = k.vectorOf(k.b.getI32Type(), lanes);
  Type halves = k.vectorOf(k.b.getI16Type(), lanes);
  auto loadBits = [&](Value c) -> Value {
    k.storeFloats(evaluate(op.getV(), head, token, c), valueRow, pages.element);
    return arith::ExtUIOp::create(k.b, words, k.load(halves, valueRow));
  };
  k.ifElse(
      k.equal(k.rem(row, 2), k.index(0)), {},
      [&] {
        k.forLoop(k.index(0), k.index(pages.channels), lanes,
                  [&](Value c) { k.store(loadBits(c), unitAt(c)); });
        Value zero = k.splat(k.i32(0), lanes);
        k.forLoop(k.index(pages.channels), k.index(pages.rowUnits), lanes,
                  [&](Value c) { k.store(zero, unitAt(c)); });
        return SmallVector<Value>();
      },
      [&] {
        k.forLoop(k.index(0), k.index(pages.channels), lanes, [&](Value c) {
          Value second = arith::ShLIOp::create(k.b, loadBits(c),
                                               k.splat(k.i32(16), lanes));
          Value first = arith::AndIOp::create(k.b, k.load(words, unitAt(c)),
                                              k.splat(k.i32(0xffff), lanes));
          k.store(arith::OrIOp::create(k.b, first, second), unitAt(c));
        });
        return SmallVector<Value>();
      });
}

} // namespace

LogicalResult mlir::mm1::cpu::emitCacheAppend(KernelFrame &frame) {
  KernelBuilder &k = frame.k;
  auto op = cast<CacheAppendOp>(frame.cluster.getOnlyAnchor());
  KVPages pages(cast<RankedTensorType>(op.getCache().getType()));
  if (pages.tokens % 2 != 0)
    return frame.cluster.emitOpError()
           << "expects pages of an even number of tokens, found "
           << pages.tokens;
  if (frame.schedule.unit != GridUnit::Sequences ||
      frame.schedule.tasks != pages.kvHeads)
    return frame.cluster.emitOpError()
           << "expects one task per KV head and sequence, found "
           << frame.schedule.attributes;

  CacheAppend append(frame, op);
  Value slots = frame.reader.inputAddress(op.getSlots());
  Value starts = frame.reader.inputAddress(op.getStarts());
  Value positions = frame.reader.inputAddress(op.getPositions());
  Value table = frame.reader.inputAddress(op.getPages());
  Value cache = frame.reader.inputAddress(op.getCache());
  k.forTasks(frame.schedule, [&](Value head, Value firstSeq, Value lastSeq) {
    k.forLoop(firstSeq, lastSeq, 1, [&](Value b) {
      Value first = loadEntry(k, starts, b);
      Value last = loadEntry(k, starts, k.add(b, 1));
      Value tableRow =
          k.mul(loadEntry(k, slots, b), k.dim(::mm1::kDimPageColumns));
      k.forLoop(first, last, 1, [&](Value token) {
        Value position = loadEntry(k, positions, token);
        Value column = k.div(position, pages.tokens);
        Value page = loadEntry(k, table, k.add(tableRow, column));
        append.emitToken(head, token, k.at(cache, k.mul(page, pages.pageBytes)),
                         k.rem(position, pages.tokens));
      });
    });
  });
  return success();
}
