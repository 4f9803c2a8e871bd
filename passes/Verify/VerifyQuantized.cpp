//===- VerifyQuantized.cpp - What the quantize phase promises ------------------===//
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_VERIFYQUANTIZED
#include "passes/Passes.h.inc"

namespace {

bool isInt8(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType().isInteger(8);
}

/// Whether the scales come from the sources and steps that the integers come from.
bool belongTogether(RecipeAttr integers, RecipeAttr scales) {
  ArrayRef<Attribute> made = integers.getSteps().getValue(),
                      with = scales.getSteps().getValue();
  if (integers.getSources() != scales.getSources() || made.empty() ||
      with.empty() || made.drop_back() != with.drop_back())
    return false;
  auto quantize = dyn_cast<QuantizeAttr>(made.back());
  auto quantizeScales = dyn_cast<QuantizeScalesAttr>(with.back());
  return quantize && quantizeScales &&
         quantize.getScheme() == quantizeScales.getScheme();
}

struct VerifyQuantizedPass : impl::VerifyQuantizedBase<VerifyQuantizedPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    ModuleOp module = getOperation();
    auto scheme = module->getAttrOfType<StringAttr>("mm1.scheme");
    if (!scheme) {
      module.emitError("has no 'mm1.scheme' after the quantize phase "
                       "(mm1-quantize sets it)");
      return signalPassFailure();
    }
    SymbolTable symbols(module);
    WalkResult result = module.walk([&](Operation *op) {
      if (auto experts = dyn_cast<ExpertLinearOp>(op))
        return WalkResult(verifyExperts(experts, scheme, symbols));
      if (isa<LoadWeightOp>(op))
        return WalkResult::advance();
      for (OpOperand &operand : op->getOpOperands())
        if (isa<RankedTensorType>(operand.get().getType()) &&
            isInt8(operand.get())) {
          op->emitOpError() << "reads an int8 weight (operand "
                            << operand.getOperandNumber() << "), which scheme '"
                            << scheme.getValue() << "' does not make for it";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  LogicalResult verifyExperts(ExpertLinearOp op, StringAttr scheme,
                              SymbolTable &symbols) {
    bool wanted = scheme.getValue() == "int8-experts";
    if (isInt8(op.getWeights().front()) != wanted)
      return op.emitOpError()
             << "expects " << (wanted ? "int8" : "float")
             << " weights under scheme '" << scheme.getValue() << "', found "
             << op.getWeights().front().getType();
    for (auto [value, scale] : llvm::zip(op.getWeights(), op.getScales())) {
      auto load = value.getDefiningOp<LoadWeightOp>(),
           scaleLoad = scale.getDefiningOp<LoadWeightOp>();
      if (!load || !scaleLoad)
        return op.emitOpError(
            "expects weights and scales from 'mm1.load_weight'");
      auto weight = symbols.lookup<WeightOp>(load.getWeight());
      auto scales = symbols.lookup<WeightOp>(scaleLoad.getWeight());
      if (belongTogether(weight.getRecipe(), scales.getRecipe()))
        continue;
      InFlightDiagnostic diag = op.emitOpError()
                                << "multiplies @" << load.getWeight()
                                << " with the scales @" << scaleLoad.getWeight()
                                << ", which another recipe makes";
      diag.attachNote(weight.getLoc()) << "integers: " << weight.getRecipe();
      diag.attachNote(scales.getLoc()) << "scales: " << scales.getRecipe();
      return diag;
    }
    return success();
  }
};

} // namespace
} // namespace mlir::mm1
