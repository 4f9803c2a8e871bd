//===- TileWeights.cpp - Choose how each weight lies in memory ------------===//
// @layers.0.out_proj : tensor<64x128xbf16> is multiplied by a linear, so its
// recipe ends with #mm1.tile<panel = 32, depth = 2> and its type carries
// #mm1.tiled<panel = 32, depth = 2> (for a GPU: #mm1.swizzle<rows = 64, order =
// natural>); a norm's weight is padded. The type's shape stays the logical one.
// Runs on modules with or without clusters.
//
// A matrix whose rows fill no more than half of its swizzled tiles stays row
// after row: padding would at least double what a kernel reads of it. M1's
// router is such a one: 32 x 6144 f32 is 786,432 bytes, in a tile of 64 rows
// twice that, in each of 80 layers. Columns do not count: a row ends in at most
// 127 bytes of padding.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/Target.h"
#include "passes/Passes.h"

#include "llvm/Support/MathExtras.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_TILEWEIGHTS
#include "passes/Passes.h.inc"

namespace {

/// Whether the operand is a matrix that the op multiplies rows with.
bool isMatrixUse(OpOperand &use) {
  auto matmul = dyn_cast<MatmulOpInterface>(use.getOwner());
  return matmul && matmul.isMatrix(use.getOperandNumber());
}

/// Calls `visit` for every use of the value, looking through clusters.
void forEachUse(Value value, llvm::function_ref<void(OpOperand &)> visit) {
  for (OpOperand &use : value.getUses())
    if (auto cluster = dyn_cast<ClusterOp>(use.getOwner()))
      forEachUse(cluster.getBody().getArgument(use.getOperandNumber()), visit);
    else
      visit(use);
}

/// The recipe step that lays out a matrix.
Attribute matrixStep(const TargetFacts &target, RankedTensorType type) {
  MLIRContext *context = type.getContext();
  Type element = type.getElementType();
  if (target.swizzledRows == 0)
    return TileAttr::get(context, target.panel, target.depth(element));
  int64_t rows = type.getDimSize(type.getRank() - 2);
  if (int64_t(llvm::alignTo(rows, target.swizzledRows)) >= 2 * rows)
    return PadAttr::get(context, target.rowMultiple);
  return SwizzleAttr::get(context, target.swizzledRows,
                          element.isInteger(8) ? LineOrder::Fragment
                                               : LineOrder::Natural);
}

/// Gives a loaded weight and all block arguments it becomes another type.
void retype(Value value, Type type) {
  value.setType(type);
  for (OpOperand &use : value.getUses())
    if (auto cluster = dyn_cast<ClusterOp>(use.getOwner()))
      retype(cluster.getBody().getArgument(use.getOperandNumber()), type);
}

struct TileWeightsPass : impl::TileWeightsBase<TileWeightsPass> {
  using TileWeightsBase::TileWeightsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<const Target *> machine = getTarget(&getContext(), target);
    if (failed(machine))
      return signalPassFailure();
    const TargetFacts &facts = (*machine)->facts();
    SymbolTable symbols(module);
    DenseMap<WeightOp, SmallVector<LoadWeightOp>> loadsOf;
    module.walk([&](LoadWeightOp load) {
      loadsOf[symbols.lookup<WeightOp>(load.getWeight())].push_back(load);
    });
    for (WeightOp weight : module.getOps<WeightOp>()) {
      auto loads = loadsOf.find(weight);
      if (loads != loadsOf.end() && !weight.getWeightType().getEncoding() &&
          failed(layOut(weight, loads->second, facts)))
        return signalPassFailure();
    }
  }

  LogicalResult layOut(WeightOp weight, ArrayRef<LoadWeightOp> loads,
                       const TargetFacts &facts) {
    Operation *matrixUser = nullptr, *otherUser = nullptr;
    for (LoadWeightOp load : loads)
      forEachUse(load.getValue(), [&](OpOperand &use) {
        (isMatrixUse(use) ? matrixUser : otherUser) = use.getOwner();
      });
    if (matrixUser && otherUser) {
      InFlightDiagnostic diag =
          weight.emitOpError()
          << "is read as a matrix and as a table, which lie differently in "
             "memory; give each reader a weight of its own";
      diag.attachNote(matrixUser->getLoc())
          << "matrix of '" << matrixUser->getName() << "'";
      diag.attachNote(otherUser->getLoc())
          << "read by '" << otherUser->getName() << "'";
      return diag;
    }
    if (!matrixUser && !otherUser)
      return success(); // loaded for nobody
    Attribute step = PadAttr::get(&getContext(), facts.rowMultiple);
    if (matrixUser)
      step = matrixStep(facts, weight.getWeightType());
    RecipeAttr recipe = weight.getRecipe().withStep(step);
    FailureOr<RankedTensorType> type = recipe.inferType(
        [&] { return weight.emitOpError("cannot be laid out: "); });
    if (failed(type))
      return failure();
    weight.setRecipeAttr(recipe);
    weight.setTypeAttr(TypeAttr::get(*type));
    for (LoadWeightOp load : loads)
      retype(load.getValue(), *type);
    return success();
  }
};

} // namespace
} // namespace mlir::mm1
