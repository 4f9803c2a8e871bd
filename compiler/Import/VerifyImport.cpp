//===- VerifyImport.cpp - Nothing of the checkpoint was forgotten ---------===//
// Compares the sources of all recipes with the tensors of the checkpoint, in
// both directions.
//===----------------------------------------------------------------------===//
#include "compiler/Import/ImportIR.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::mm1;
using ::mm1::CheckpointTensor;
using ::mm1::ElementType;

/// Fails unless `source` is what the checkpoint holds under its name.
static LogicalResult verifySource(WeightOp weight, SourceAttr source,
                                  const CheckpointTensor *tensor) {
  if (!tensor)
    return weight.emitOpError() << "reads tensor '" << source.getName()
                                << "', which the checkpoint does not have";
  RankedTensorType type = source.getType();
  bool sameType = tensor->type == ElementType::BF16
                      ? type.getElementType().isBF16()
                      : type.getElementType().isF32();
  if (sameType && type.getShape() == ArrayRef<int64_t>(tensor->shape))
    return success();
  return weight.emitOpError()
         << "reads tensor '" << source.getName() << "' as " << type
         << ", but the checkpoint holds " << ::mm1::describeShape(tensor->shape)
         << " in " << ::mm1::name(tensor->type);
}

LogicalResult mlir::mm1::verifyImported(ModuleOp module,
                                        const ::mm1::Checkpoint &checkpoint) {
  // Loads before the plan phase, references from entries after it.
  llvm::StringSet<> used, read;
  module.walk([&](Operation *op) {
    for (NamedAttribute attribute : op->getAttrs())
      if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
        used.insert(symbol.getValue());
  });
  for (WeightOp weight : module.getOps<WeightOp>()) {
    if (!used.contains(weight.getSymName()))
      return weight.emitOpError("is used by no function");
    for (auto source :
         weight.getRecipe().getSources().getAsRange<SourceAttr>()) {
      if (failed(verifySource(weight, source,
                              checkpoint.tensor(source.getName()))))
        return failure();
      read.insert(source.getName());
    }
  }
  for (const CheckpointTensor &tensor : checkpoint.tensors())
    if (!read.contains(tensor.name))
      return module.emitError()
             << "tensor '" << tensor.name
             << "' of the checkpoint is the source of no weight";
  return success();
}
