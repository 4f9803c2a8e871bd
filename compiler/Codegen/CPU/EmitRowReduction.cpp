//===- EmitRowReduction.cpp - Norms and what is fused to them ------------===//
// A task is a block of rows. For rms_norm each row is walked twice:
//
//   1  x = the prologue (residual, combine, embedding, ...) at each column,
//      kept in scratch as f32; its squares are summed. Results that do not
//      need the norm are stored here.
//   2  y = x * (1 / sqrt(mean + eps)) * w, then the epilogue and its results.
//
// What is summed, how sums are finished and what is made of them, the op says
// (RowReductionOpInterface). The sums run in four vectors over the columns,
// which are then added pairwise: a fixed order, whatever the task.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"
#include "dialects/Plan/Layout.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

namespace {

class RowReduction {
public:
  RowReduction(KernelFrame &frame, RowReductionOpInterface op)
      : k(frame.k), reader(frame.reader), op(op),
        input(op->getOperand(op.getReducedOperand())),
        columns(cast<RankedTensorType>(input.getType()).getDimSize(1)),
        width(plan::roundUp(columns, plan::kRowMultiple)),
        lanes(k.target.lanes) {
    for (auto [i, value] :
         llvm::enumerate(frame.cluster.getYield().getOperands()))
      (ClusterReader::dependsOn(value, op->getResult(0)) ? late : early)
          .push_back(i);
    // A row that is read from memory as it is needs no copy.
    if (!isa<BlockArgument>(input) && !op.yieldsSums())
      kept = k.scratch(width * 4);
  }

  void emitRow(Value row) {
    if (op.yieldsSums()) {
      emitSums(row);
      return;
    }
    SmallVector<Value> sums =
        sumUp(row, k.index(0), columns, width, [&](Value x, Value column) {
          if (kept)
            k.store(x, k.at(kept, k.mul(column, 4)));
          storeAll(early, row, column);
        });
    if (!late.empty())
      emitApply(row, op.buildFinish(k.b, sums));
  }

private:
  Value valueAt(Value row, Value column) {
    return reader.evaluate(input, {row, Value(), column}, lanes);
  }
  void storeAll(ArrayRef<unsigned> results, Value row, Value column) {
    for (unsigned result : results)
      reader.storeResult(result, {row, Value(), column}, lanes);
  }

  /// The sums of `count` columns from `first` on, as scalars. `visit` sees each
  /// vector of the operand up to `end`, a multiple of the lanes, while the
  /// reader has it in a register; from `count` on it is zero.
  SmallVector<Value> sumUp(Value row, Value first, int64_t count, int64_t end,
                           function_ref<void(Value x, Value column)> visit) {
    unsigned numSums = op.getNumSums();
    int64_t step = kChains * lanes, whole = end / step * step;
    auto accumulate = [&](Value offset, ValueRange sums) {
      Value column = k.add(first, offset);
      Value x = valueAt(row, column);
      if (end != count)
        x = k.zeroFrom(x, offset, count);
      reader.bind(input, x);
      visit(x, column);
      reader.unbind(input);
      return op.buildAccumulate(k.b, x, sums);
    };
    auto chain = [&](ValueRange all, int64_t i) {
      return all.slice(i * numSums, numSums);
    };
    SmallVector<Value> sums(kChains * numSums, k.floats(0.0, lanes));
    if (whole > 0)
      sums = k.forLoop(k.index(0), k.index(whole), step, sums,
                       [&](Value offset, ValueRange carried) {
                         SmallVector<Value> next;
                         for (int64_t i = 0; i < kChains; ++i)
                           next.append(accumulate(k.add(offset, i * lanes),
                                                  chain(carried, i)));
                         return next;
                       });
    for (int64_t c = whole, i = 0; c < end; c += lanes, ++i)
      llvm::copy(accumulate(k.index(c), chain(sums, i)),
                 sums.begin() + i * numSums);
    SmallVector<Value> low =
        op.buildCombine(k.b, chain(sums, 0), chain(sums, 1));
    SmallVector<Value> high =
        op.buildCombine(k.b, chain(sums, 2), chain(sums, 3));
    return combineLanes(op.buildCombine(k.b, low, high));
  }

  /// The sums of all lanes, by halving.
  SmallVector<Value> combineLanes(SmallVector<Value> sums) {
    for (int64_t half = lanes / 2; half >= 1; half /= 2) {
      SmallVector<Value> low, high;
      for (Value sum : sums) {
        low.push_back(k.slice(sum, 0, half));
        high.push_back(k.slice(sum, half, half));
      }
      sums = op.buildCombine(k.b, low, high);
    }
    return sums;
  }

  void emitApply(Value row, SmallVector<Value> stats) {
    k.forLoop(k.index(0), k.index(width), lanes, [&](Value column) {
      Value x = kept ? k.loadFloats(k.at(kept, k.mul(column, 4)),
                                    k.b.getF32Type(), lanes)
                     : valueAt(row, column);
      reader.bind(input, x);
      Place place{row, Value(), column};
      for (auto [i, result] : llvm::enumerate(op->getResults()))
        reader.bind(result, reader.applyReduction(op, i, stats, place, lanes));
      storeAll(late, row, column);
      for (Value result : op->getResults())
        reader.unbind(result);
      reader.unbind(input);
    });
  }

  /// The sums are the result: one number for each stretch of columns.
  void emitSums(Value row) {
    int64_t parts = op.getReducedParts(), stretch = columns / parts;
    unsigned result = late.front();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    Value address =
        reader.rowAddress(reader.outputAddress(result), type, row, Value());
    k.forLoop(k.index(0), k.index(parts), 1, [&](Value part) {
      SmallVector<Value> sums =
          sumUp(row, k.mul(part, stretch), stretch,
                plan::roundUp(stretch, lanes), [](Value, Value) {});
      k.store(op.buildFinish(k.b, sums).front(), k.at(address, k.mul(part, 4)));
    });
    for (int64_t c = parts; c < plan::roundUp(parts, plan::kRowMultiple); ++c)
      k.store(k.f32(0.0), k.at(address, c * 4));
  }

  static constexpr int64_t kChains = 4;
  KernelBuilder &k;
  ClusterReader &reader;
  RowReductionOpInterface op;
  Value input;
  int64_t columns, width, lanes;
  /// Results that need no stats, and those that do.
  SmallVector<unsigned> early, late;
  Value kept;
};

} // namespace

LogicalResult mlir::mm1::cpu::emitRowReduction(KernelFrame &frame) {
  KernelBuilder &k = frame.k;
  if (frame.schedule.unit != GridUnit::Tokens || frame.schedule.tasks != 1)
    return frame.cluster.emitOpError()
           << "expects a schedule with tasks = 1, unit = \"tokens\", found "
           << frame.schedule.attributes;
  RowReduction reduction(frame,
                         cast<RowReductionOpInterface>(
                             frame.cluster.getOnlyAnchor().getOperation()));
  k.forTasks(frame.schedule, [&](Value, Value first, Value last) {
    k.forLoop(first, last, 1, [&](Value row) { reduction.emitRow(row); });
  });
  return success();
}
