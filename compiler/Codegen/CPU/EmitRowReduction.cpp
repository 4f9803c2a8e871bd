//===- EmitRowReduction.cpp - rms_norm and what is fused to it -----------===//
// A task is a block of rows. Each row is walked twice:
//
//   1  x = the prologue (residual, combine, embedding, ...) at each column,
//      kept in scratch as f32; its squares are summed. Results that do not
//      need the norm are stored here.
//   2  y = x * (1 / sqrt(mean + eps)) * w, then the epilogue and its results.
//
// The sum runs in four vectors over the columns, which are then added pairwise:
// a fixed order, whatever the task.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"
#include "dialects/Plan/Layout.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

LogicalResult mlir::mm1::cpu::emitRowReduction(KernelFrame &frame) {
  KernelBuilder &k = frame.k;
  ClusterReader &reader = frame.reader;
  if (frame.schedule.unit != GridUnit::Tokens || frame.schedule.tasks != 1)
    return frame.cluster.emitOpError()
           << "expects a schedule with tasks = 1, unit = \"tokens\", found "
           << frame.schedule.attributes;
  auto norm = cast<RMSNormOp>(frame.cluster.getAnchorOp().getOperation());
  Value input = norm.getInput(), normed = norm.getResult();
  int64_t columns = cast<RankedTensorType>(input.getType()).getDimSize(1);
  SmallVector<unsigned> early, late;
  for (auto [i, value] :
       llvm::enumerate(frame.cluster.getYield().getOperands())) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() != 2 || type.getDimSize(1) != columns)
      return frame.cluster.emitOpError()
             << "expects results as wide as the norm, " << columns
             << " columns, found " << type;
    (ClusterReader::dependsOn(value, normed) ? late : early).push_back(i);
  }

  constexpr int64_t kSums = 4;
  int64_t lanes = k.target.lanes;
  int64_t width = plan::roundUp(columns, plan::kRowMultiple);
  Type f32 = k.b.getF32Type();
  // A row that is read from memory as it is needs no copy.
  Value kept = isa<BlockArgument>(input) ? Value() : k.scratch(width * 4);

  k.forTasks(frame.schedule, [&](Value, Value first, Value last) {
    k.forLoop(first, last, 1, [&](Value row) {
      auto valueAt = [&](Value column) {
        return reader.evaluate(input, {row, Value(), column}, lanes);
      };
      // Columns beyond the row's end are zeros in memory and in the sum; what
      // a prologue makes there is not.
      auto squares = [&](Value column, Value sum) {
        Value x = valueAt(column);
        if (kept) {
          if (width != columns)
            x = k.zeroFrom(x, column, columns);
          k.store(x, k.at(kept, k.mul(column, 4)));
          reader.bind(input, x);
          for (unsigned result : early)
            reader.storeResult(result, {row, Value(), column}, lanes);
          reader.unbind(input);
        } else {
          for (unsigned result : early)
            reader.storeResult(result, {row, Value(), column}, lanes);
        }
        return k.fma(x, x, sum);
      };
      SmallVector<Value> sums(kSums, k.floats(0.0, lanes));
      int64_t step = kSums * lanes, whole = width / step * step;
      sums = k.forLoop(k.index(0), k.index(whole), step, sums,
                       [&](Value column, ValueRange carried) {
                         SmallVector<Value> next;
                         for (int64_t i = 0; i < kSums; ++i)
                           next.push_back(
                               squares(k.add(column, i * lanes), carried[i]));
                         return next;
                       });
      for (int64_t c = whole, i = 0; c < width; c += lanes, ++i)
        sums[i] = squares(k.index(c), sums[i]);
      Value sum = k.add(k.add(sums[0], sums[1]), k.add(sums[2], sums[3]));
      Value mean = k.div(k.horizontalSum(sum), k.f32(columns));
      Value scale =
          k.rsqrt(k.add(mean, k.f32(norm.getEps().convertToDouble())));
      Value scales = k.splat(scale, lanes);

      if (late.empty())
        return;
      k.forLoop(k.index(0), k.index(width), lanes, [&](Value column) {
        Value x = kept ? k.loadFloats(k.at(kept, k.mul(column, 4)), f32, lanes)
                       : valueAt(column);
        Value weight = reader.evaluateVector(norm.getWeight(), column, lanes);
        if (kept)
          reader.bind(input, x);
        reader.bind(normed, k.mul(k.mul(x, scales), weight));
        for (unsigned result : late)
          reader.storeResult(result, {row, Value(), column}, lanes);
        reader.unbind(normed);
        if (kept)
          reader.unbind(input);
      });
    });
  });
  return success();
}
