//===- EmitElementwise.cpp - Clusters without an anchor ------------------===//
// A task is a block of tokens. Each row is walked in vectors of columns; the
// results that have the same width are made together, so that
//
//   %cos, %sin = mm1.rope_angles %positions, %freq
//
// reduces its angle once. Operands that are rows of other tensors (embedding)
// come through the reader.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"
#include "dialects/Plan/Layout.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

LogicalResult mlir::mm1::cpu::emitElementwise(KernelFrame &frame) {
  KernelBuilder &k = frame.k;
  if (frame.schedule.unit != GridUnit::Tokens || frame.schedule.tasks != 1)
    return frame.cluster.emitOpError()
           << "expects a schedule with tasks = 1, unit = \"tokens\", found "
           << frame.schedule.attributes;

  // Results by shape: [T, N] or [T, k, N].
  SmallVector<std::pair<SmallVector<int64_t>, SmallVector<unsigned>>> groups;
  for (auto [i, output] : llvm::enumerate(frame.cluster.getOutputs())) {
    auto type = cast<RankedTensorType>(output.getType());
    if (type.getRank() < 2 || !isa<FloatType>(type.getElementType()))
      return frame.cluster.emitOpError()
             << "expects elementwise results [T, N] or [T, k, N] of floats, "
                "found "
             << type;
    SmallVector<int64_t> shape(type.getShape());
    auto it = llvm::find_if(groups, [&](auto &g) { return g.first == shape; });
    if (it == groups.end())
      it = groups.insert(groups.end(), {shape, {}});
    it->second.push_back(i);
  }

  int64_t lanes = k.target.lanes;
  k.forTasks(frame.schedule, [&](Value, Value first, Value last) {
    k.forLoop(first, last, 1, [&](Value row) {
      for (auto &[shape, results] : groups) {
        auto eachColumn = [&, &shape = shape, &results = results](Value inner) {
          Value width =
              k.index(plan::roundUp(shape.back(), plan::kRowMultiple));
          k.forLoop(k.index(0), width, lanes, [&](Value column) {
            for (unsigned result : results)
              frame.reader.storeResult(result, {row, inner, column}, lanes);
          });
        };
        if (shape.size() == 2)
          eachColumn(Value());
        else
          k.forLoop(k.index(0), k.index(shape[1]), 1, eachColumn);
      }
    });
  });
  return success();
}
