//===- Stateful.cpp - Holes of the skeletons that have state --------------===//
#include "compiler/Codegen/CUDA/Stateful.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;

LogicalResult mlir::mm1::cuda::printAddress(ClusterText &text, StringRef name,
                                            Value operand, bool isWritten) {
  auto argument = dyn_cast<BlockArgument>(operand);
  if (!argument)
    return operand.getDefiningOp()->emitOpError()
           << "makes '" << name << "' in the cluster that reads it from memory";
  auto type = cast<RankedTensorType>(operand.getType());
  Hole hole(text, ("*" + name).str(),
            ((isWritten ? "" : "const ") + storageType(type)).str());
  hole.endWith(inputName(argument.getArgNumber()));
  return success();
}

LogicalResult mlir::mm1::cuda::printBatch(ClusterText &text, Value slots,
                                          Value starts, Value positions,
                                          Value pages) {
  if (failed(printAddress(text, "slots", slots)) ||
      failed(printAddress(text, "starts", starts)) ||
      failed(printAddress(text, "positions", positions)))
    return failure();
  return pages ? printAddress(text, "pages", pages) : success();
}

LogicalResult mlir::mm1::cuda::printValue(ClusterText &text, StringRef name,
                                          Value value, StringRef inner) {
  Hole hole(text, name, "float");
  Place place;
  place.row = hole.index("row");
  if (!inner.empty())
    place.inner = hole.index(inner);
  place.column = hole.index("column");
  return hole.end(hole.values.evaluate(value, place));
}

LogicalResult mlir::mm1::cuda::printStoreOf(ClusterText &text, Value out) {
  SmallVector<unsigned> results;
  for (auto [i, value] :
       llvm::enumerate(text.cluster.getYield().getOperands())) {
    auto type = cast<RankedTensorType>(value.getType());
    if (isa_and_nonnull<StateUpdateOpInterface>(value.getDefiningOp()))
      continue;
    if (type.getRank() != 2 || numColumns(value) != numColumns(out))
      return text.cluster.emitOpError()
             << "expects results as wide as what it makes, " << numColumns(out)
             << " columns, found " << type;
    results.push_back(i);
  }
  Hole hole(text, "store");
  Place place{hole.index("row"), {}, hole.index("column")};
  hole.values.bind(out, hole.number("out"));
  for (unsigned result : results)
    hole.store(result, place);
  if (failed(hole.end()))
    return failure();
  return results.empty() ? success() : printClear(text, "clear", "", results);
}
