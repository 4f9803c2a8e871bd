//===- Quantize.cpp - Store some weights in fewer bits -------------------------===//
// int8-experts: for @w1 : [4, 96, 64] bf16 read by an expert_linear, @w1 becomes int8 by one more step of its recipe,
// @w1.scale : [4, 96] f32 appears beside it, and the ops that read @w1 get the scales as operands. No number is touched
// here: the packer evaluates the recipes.
// Idea: vLLM's experts_int8, the vendor's own way to serve the model (model-spec 4.1), with f32 scales.
//===---------------------------------------------------------------------------===//
#include "passes/Passes.h"

#include "llvm/ADT/MapVector.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_QUANTIZE
#include "passes/Passes.h.inc"

namespace {

/// The recipe without a cast at its end: a scheme starts from the checkpoint's own numbers.
RecipeAttr withoutLastCast(RecipeAttr recipe) {
  ArrayRef<Attribute> steps = recipe.getSteps().getValue();
  if (steps.empty() || !isa<CastAttr>(steps.back()))
    return recipe;
  return RecipeAttr::get(
      recipe.getContext(), recipe.getSources(),
      ArrayAttr::get(recipe.getContext(), steps.drop_back()));
}

struct QuantizePass : impl::QuantizeBase<QuantizePass> {
  using QuantizeBase::QuantizeBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (scheme != "none" && scheme != "int8-experts") {
      module.emitError() << "unknown quantisation scheme '" << scheme
                         << "'; known are none, int8-experts";
      return signalPassFailure();
    }
    if (scheme == "int8-experts" && failed(quantizeExperts(module)))
      return signalPassFailure();
    module->setAttr("mm1.scheme", StringAttr::get(&getContext(), scheme));
  }

  LogicalResult quantizeExperts(ModuleOp module) {
    SymbolTable symbols(module);
    SmallVector<ExpertLinearOp> readers;
    llvm::MapVector<WeightOp, SmallVector<LoadWeightOp>>
        weights; // float weights of experts, and their loads
    module.walk([&](ExpertLinearOp op) { readers.push_back(op); });
    for (ExpertLinearOp op : readers) {
      if (cast<RankedTensorType>(op.getWeights().front().getType())
              .getElementType()
              .isInteger(8))
        continue;
      for (Value value : op.getWeights()) {
        auto load = value.getDefiningOp<LoadWeightOp>();
        if (!load)
          return op.emitOpError("expects its weights from 'mm1.load_weight'; "
                                "quantize runs before fuse");
        weights[symbols.lookup<WeightOp>(load.getWeight())];
      }
    }
    WalkResult result = module.walk([&](LoadWeightOp load) {
      auto found = weights.find(symbols.lookup<WeightOp>(load.getWeight()));
      if (found == weights.end())
        return WalkResult::advance();
      for (OpOperand &use : load.getValue().getUses())
        if (!isa<ExpertLinearOp>(use.getOwner())) {
          InFlightDiagnostic diag =
              use.getOwner()->emitOpError()
              << "reads @" << load.getWeight()
              << ", a weight of experts, and has no int8 form";
          return diag.attachNote(found->first.getLoc()) << "declared here",
                 WalkResult::interrupt();
        }
      found->second.push_back(load);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();

    DenseMap<Value, Value> scaleOf;
    for (auto &[weight, loads] : weights)
      if (failed(quantizeWeight(weight, loads, symbols, scaleOf)))
        return failure();
    for (ExpertLinearOp op : readers) {
      SmallVector<Value> scales;
      for (Value value : op.getWeights())
        if (Value scale = scaleOf.lookup(value))
          scales.push_back(scale);
      op.getScalesMutable().append(scales);
    }
    return success();
  }

  /// Makes one weight int8, adds its scales, and loads them beside every load of the weight.
  LogicalResult quantizeWeight(WeightOp weight, ArrayRef<LoadWeightOp> loads,
                               SymbolTable &symbols,
                               DenseMap<Value, Value> &scaleOf) {
    auto emit = [&] { return weight.emitOpError("cannot be quantised: "); };
    RecipeAttr plain = withoutLastCast(weight.getRecipe());
    RecipeAttr integers =
        plain.withStep(QuantizeAttr::get(&getContext(), QuantScheme::Int8Rows));
    RecipeAttr scales = plain.withStep(
        QuantizeScalesAttr::get(&getContext(), QuantScheme::Int8Rows));
    FailureOr<RankedTensorType> type = integers.inferType(emit);
    if (failed(type))
      return failure();
    FailureOr<RankedTensorType> scaleType = scales.inferType(emit);
    if (failed(scaleType))
      return failure();
    std::string scaleName = (weight.getSymName() + ".scale").str();
    if (Operation *other = symbols.lookup(scaleName)) {
      InFlightDiagnostic diag = weight.emitOpError()
                                << "needs the name @" << scaleName
                                << " for its scales";
      diag.attachNote(other->getLoc()) << "taken here";
      return diag;
    }
    weight.setRecipeAttr(integers);
    weight.setTypeAttr(TypeAttr::get(*type));
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfter(weight);
    WeightOp::create(builder, weight.getLoc(), scaleName, *scaleType, scales);
    for (LoadWeightOp load : loads) {
      load.getValue().setType(*type);
      builder.setInsertionPointAfter(load);
      scaleOf[load.getValue()] =
          LoadWeightOp::create(builder, load.getLoc(), *scaleType, scaleName);
    }
    return success();
  }
};

} // namespace
} // namespace mlir::mm1
