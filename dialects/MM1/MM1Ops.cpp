//===- MM1Ops.cpp - Verifiers, folders and small methods of the ops ------------===//
// Labels C1, C2, ... are those of MM1Ops.td and of the tests; a constraint without a check here is held by a trait.
//===---------------------------------------------------------------------------===//
#include "dialects/MM1/MM1.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::mm1;

#define GET_OP_CLASSES
#include "dialects/MM1/MM1Interfaces.cpp.inc"
#include "dialects/MM1/MM1Ops.cpp.inc"

namespace {

RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Fails unless the value has this rank.
LogicalResult expectRank(Operation *op, StringRef name, Value value,
                         int64_t rank) {
  if (tensorType(value).getRank() == rank)
    return success();
  return op->emitOpError() << "expects '" << name << "' of rank " << rank
                           << ", found " << value.getType();
}

/// Fails unless dimension `dim` of the value is `size`; `why` says where the size comes from.
LogicalResult expectDim(Operation *op, StringRef name, Value value, int64_t dim,
                        int64_t size, const Twine &why) {
  int64_t found = tensorType(value).getDimSize(dim);
  if (found == size)
    return success();
  return op->emitOpError() << "expects dimension " << dim << " of '" << name
                           << "' to be " << size << " (" << why << "), found "
                           << found;
}

/// Whether widths can be computed from these sizes.
bool isKnownAndPositive(ArrayRef<int64_t> sizes) {
  return llvm::all_of(
      sizes, [](int64_t size) { return size > 0; }); // kDynamic is negative
}

/// The rank-1 and rank-2 values that describe the batch.
LogicalResult expectBatch(Operation *op,
                          ArrayRef<std::pair<StringRef, Value>> vectors,
                          Value pages = {}) {
  for (auto [name, value] : vectors)
    if (failed(expectRank(op, name, value, 1)))
      return failure();
  return pages ? expectRank(op, "pages", pages, 2) : success();
}

/// C1-C4 of linear and expert_linear: weights of one type, results of one type, a scale per int8 weight.
LogicalResult verifyWeights(Operation *op, OperandRange weights,
                            OperandRange scales, ResultRange outputs,
                            int64_t weightRank) {
  if (weights.empty())
    return op->emitOpError("expects at least one weight"); // C1
  auto type = tensorType(weights.front());
  if (type.getRank() != weightRank)
    return op->emitOpError()
           << "expects weights of rank " << weightRank << ", found " << type;
  for (Value weight : weights)
    if (weight.getType() != type)
      return op->emitOpError() << "expects weights of one type, found " << type
                               << " and " << weight.getType();
  if (outputs.size() != weights.size()) // C3
    return op->emitOpError()
           << "expects one result per weight, found " << weights.size()
           << " weights and " << outputs.size() << " results";
  for (Value output : outputs)
    if (output.getType() != outputs.front().getType())
      return op->emitOpError()
             << "expects results of one type, found "
             << outputs.front().getType() << " and " << output.getType();
  bool quantised = type.getElementType().isInteger(8); // C4
  if (scales.size() != (quantised ? weights.size() : 0))
    return op->emitOpError() << "expects "
                             << (quantised ? "one scale per int8 weight"
                                           : "no scales for float weights")
                             << ", found " << scales.size() << " scales for "
                             << weights.size() << " weights";
  for (Value scale : scales) {
    auto scaleType = tensorType(scale);
    if (scaleType.getShape() != type.getShape().drop_back())
      return op->emitOpError()
             << "expects scales of shape [" << type.getShape().drop_back()
             << "], found " << scaleType;
  }
  return success();
}

template <typename SymbolOp>
LogicalResult verifySymbolUse(Operation *op, FlatSymbolRefAttr name, Type type,
                              StringRef kind, SymbolTableCollection &tables) {
  auto symbol = tables.lookupNearestSymbolFrom<SymbolOp>(op, name);
  if (!symbol) // C1
    return op->emitOpError()
           << "expects " << name << " to name an '" << kind << "'";
  if (symbol.getType() == type)
    return success(); // C2
  InFlightDiagnostic diag = op->emitOpError()
                            << "has type " << type << ", but " << name << " is "
                            << symbol.getType();
  diag.attachNote(symbol.getLoc()) << name << " declared here";
  return diag;
}

} // namespace

//===-------------------------------- Symbols ----------------------------------===//

LogicalResult WeightOp::verify() {
  FailureOr<RankedTensorType> made =
      getRecipe().inferType([&] { return emitOpError(); });
  if (failed(made))
    return failure();
  if (*made != getType()) // C1
    return emitOpError() << "has type " << getType()
                         << ", but its recipe makes " << *made;
  return success();
}

LogicalResult StateOp::verify() {
  RankedTensorType type = getStateType();
  if (getKind() == StateKind::Recurrent) { // C1
    if (type.getRank() != 4 || !type.isDynamicDim(0) ||
        type.getDimSize(2) != type.getDimSize(3) || type.isDynamicDim(2) ||
        type.isDynamicDim(1) || !type.getElementType().isF32())
      return emitOpError()
             << "expects a recurrent pool '[?, heads, D, D]' in f32, found "
             << type;
    return success();
  }
  bool shaped = type.getRank() == 5 && type.isDynamicDim(0) &&
                type.getDimSize(1) == 2; // C2
  for (int64_t dim = 2; shaped && dim < 5; ++dim)
    shaped = !type.isDynamicDim(dim);
  if (!shaped ||
      !(type.getElementType().isF32() || type.getElementType().isBF16()))
    return emitOpError() << "expects a KV pool '[?, 2, kv_heads, page, D]' in "
                            "f32 or bf16, found "
                         << type;
  return success();
}

LogicalResult LoadWeightOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifySymbolUse<WeightOp>(*this, getWeightAttr(), getValue().getType(),
                                   "mm1.weight", tables);
}
LogicalResult LoadStateOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifySymbolUse<StateOp>(*this, getStateAttr(), getResult().getType(),
                                  "mm1.state", tables);
}
LogicalResult StoreStateOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifySymbolUse<StateOp>(*this, getStateAttr(), getValue().getType(),
                                  "mm1.state", tables);
}

//===-------------------------------- Row lookups ------------------------------===//

LogicalResult EmbeddingOp::verify() {
  if (failed(expectRank(*this, "tokens", getTokens(), 1)) ||
      failed(expectRank(*this, "table", getTable(), 2)) ||
      failed(expectRank(*this, "result", getResult(), 2))) // C1
    return failure();
  return expectDim(*this, "result", getResult(), 1,
                   tensorType(getTable()).getDimSize(1),
                   "the table's width"); // C2
}

LogicalResult GatherRowsOp::verify() {
  if (failed(expectRank(*this, "input", getInput(), 2)) ||
      failed(expectRank(*this, "rows", getRows(), 1)) ||
      failed(expectRank(*this, "result", getResult(), 2))) // C1
    return failure();
  if (tensorType(getInput()).getElementType() !=
      tensorType(getResult()).getElementType())
    return emitOpError() << "expects one element type, found "
                         << getInput().getType() << " and "
                         << getResult().getType();
  return expectDim(*this, "result", getResult(), 1,
                   tensorType(getInput()).getDimSize(1),
                   "the input's width"); // C2
}

//===----------------------------- Norms and blends ----------------------------===//

LogicalResult RMSNormOp::verify() {
  if (failed(expectRank(*this, "weight", getWeight(), 1)) ||
      failed(expectRank(*this, "input", getInput(), 2)))
    return failure();
  if (failed(expectDim(*this, "weight", getWeight(), 0,
                       tensorType(getInput()).getDimSize(1),
                       "columns of 'input'")))
    return failure(); // C2
  double eps = getEps().convertToDouble();
  if (!(eps > 0)) // C3
    return emitOpError() << "expects eps > 0, found " << eps;
  return success();
}
AnchorKind RMSNormOp::getAnchorKind() { return AnchorKind::RowReduction; }
bool RMSNormOp::takesPrologue(unsigned operand) { return operand == 0; }
bool RMSNormOp::takesEpilogue(unsigned) { return true; }

LogicalResult BlendOp::verify() {
  if (failed(expectRank(*this, "coefficient", getCoefficient(), 2)))
    return failure();
  return expectDim(*this, "coefficient", getCoefficient(), 1, 1,
                   "one number per token"); // C2
}

//===--------------------------------- Linears ---------------------------------===//

LogicalResult LinearOp::verify() {
  if (failed(
          verifyWeights(*this, getWeights(), getScales(), getOutputs(), 2)) ||
      failed(expectRank(*this, "input", getInput(), 2)))
    return failure();
  auto weight = tensorType(getWeights().front());
  if (failed(expectDim(*this, "input", getInput(), 1, weight.getDimSize(1),
                       "columns of the weights"))) // C2
    return failure();
  Value output = getOutputs().front();
  if (failed(expectRank(*this, "result", output, 2)))
    return failure();
  return expectDim(*this, "result", output, 1, weight.getDimSize(0),
                   "rows of the weights"); // C3
}
AnchorKind LinearOp::getAnchorKind() { return AnchorKind::Matmul; }
bool LinearOp::takesPrologue(unsigned operand) { return false; }
bool LinearOp::takesEpilogue(unsigned) { return true; }

//===---------------------------- Lightning attention ---------------------------===//

LogicalResult LightningAttentionOp::verify() {
  auto state = tensorType(getState());
  if (state.getRank() != 4 || state.getDimSize(2) != state.getDimSize(3) ||
      !isKnownAndPositive(state.getShape().drop_front()))
    return emitOpError() << "expects 'state' to be [slots, heads, D, D], found "
                         << state;
  int64_t heads = getHeads(), dim = getHeadDim();
  if (failed(expectRank(*this, "qkv", getQkv(), 2)) ||
      failed(expectRank(*this, "out", getOut(), 2)) ||
      failed(expectDim(*this, "qkv", getQkv(), 1, heads * 3 * dim,
                       "heads * 3 * D of 'state'")) ||
      failed(expectDim(*this, "out", getOut(), 1, heads * dim,
                       "heads * D of 'state'"))) // C2
    return failure();
  if (failed(expectRank(*this, "slopes", getSlopes(), 1)))
    return failure();
  int64_t slopes = tensorType(getSlopes()).getDimSize(0);
  if (slopes != heads) // C3
    return emitOpError() << "expects one slope per head: 'slopes' has "
                         << slopes
                         << " values, but dimension 1 (heads) of 'state' is "
                         << heads;
  return expectBatch(*this, {{"slots", getSlots()},
                             {"starts", getStarts()},
                             {"positions", getPositions()}}); // C4
}
AnchorKind LightningAttentionOp::getAnchorKind() {
  return AnchorKind::Recurrence;
}
bool LightningAttentionOp::takesPrologue(unsigned) { return false; }
bool LightningAttentionOp::takesEpilogue(unsigned) { return false; }

//===----------------------------- Softmax attention ----------------------------===//

LogicalResult RopeAnglesOp::verify() {
  if (failed(expectRank(*this, "positions", getPositions(), 1)) ||
      failed(expectRank(*this, "inv_freq", getInvFreq(), 1)) ||
      failed(expectRank(*this, "cos", getCos(), 2)))
    return failure();
  return expectDim(*this, "cos", getCos(), 1,
                   tensorType(getInvFreq()).getDimSize(0),
                   "one per frequency"); // C2
}

LogicalResult RopeOp::verify() {
  if (failed(expectRank(*this, "input", getInput(), 2)) ||
      failed(expectRank(*this, "cos", getCos(), 2)))
    return failure();
  int64_t width = tensorType(getInput()).getDimSize(1), headDim = getHeadDim();
  if (headDim <= 0 || width % headDim != 0) // C2
    return emitOpError() << "expects head_dim to divide the width " << width
                         << ", found " << headDim;
  int64_t half = tensorType(getCos()).getDimSize(1);
  if (2 * half > headDim) // C3
    return emitOpError() << "rotates " << 2 * half
                         << " channels of each head, but head_dim is "
                         << headDim;
  return success();
}

namespace {
/// Width of [T, heads * D] against a cache [?, 2, kv_heads, page, D].
LogicalResult verifyCacheUse(Operation *op, StringRef name, Value value,
                             Value cache, bool exact) {
  auto type = tensorType(cache);
  if (type.getRank() != 5 || type.getDimSize(1) != 2 ||
      !isKnownAndPositive(type.getShape().drop_front(2)))
    return op->emitOpError()
           << "expects a cache [?, 2, kv_heads, page, D], found " << type;
  if (failed(expectRank(op, name, value, 2)))
    return failure();
  int64_t width = type.getDimSize(2) * type.getDimSize(4),
          found = tensorType(value).getDimSize(1);
  if (exact ? found != width : found % width != 0)
    return op->emitOpError()
           << "expects '" << name << "' to have "
           << (exact ? "" : "a multiple of ") << width
           << " columns (kv_heads * D of the cache), found " << found;
  return success();
}
} // namespace

LogicalResult CacheAppendOp::verify() {
  if (failed(verifyCacheUse(*this, "k", getK(), getCache(), true)) ||
      failed(verifyCacheUse(*this, "v", getV(), getCache(), true))) // C2
    return failure();
  if (getK().getType() != getV().getType())
    return emitOpError() << "expects 'k' and 'v' of one type, found "
                         << getK().getType() << " and " << getV().getType();
  return expectBatch(*this,
                     {{"slots", getSlots()},
                      {"starts", getStarts()},
                      {"positions", getPositions()}},
                     getPages()); // C3
}
AnchorKind CacheAppendOp::getAnchorKind() { return AnchorKind::CacheAppend; }
bool CacheAppendOp::takesPrologue(unsigned operand) { return operand < 2; }
bool CacheAppendOp::takesEpilogue(unsigned) { return false; }

LogicalResult SoftmaxAttentionOp::verify() {
  if (failed(verifyCacheUse(*this, "q", getQ(), getCache(), false)))
    return failure();
  if (getOut().getType() != getQ().getType()) // C1
    return emitOpError() << "expects the result to be of type "
                         << getQ().getType() << " like 'q', found "
                         << getOut().getType();
  if (failed(expectBatch(*this,
                         {{"slots", getSlots()},
                          {"starts", getStarts()},
                          {"positions", getPositions()}},
                         getPages()))) // C2
    return failure();
  double scale = getScale().convertToDouble();
  if (!(scale > 0)) // C3
    return emitOpError() << "expects scale > 0, found " << scale;
  return success();
}
AnchorKind SoftmaxAttentionOp::getAnchorKind() { return AnchorKind::Attention; }
bool SoftmaxAttentionOp::takesPrologue(unsigned operand) {
  return operand == 0;
}
bool SoftmaxAttentionOp::takesEpilogue(unsigned) { return false; }

//===---------------------------------- Experts ---------------------------------===//

LogicalResult RouterOp::verify() {
  if (failed(expectRank(*this, "logits", getLogits(), 2)) ||
      failed(expectRank(*this, "ids", getIds(), 2)) ||
      failed(expectRank(*this, "weights", getWeights(), 2))) // C1
    return failure();
  int64_t k = tensorType(getIds()).getDimSize(1),
          experts = tensorType(getLogits()).getDimSize(1);
  if (failed(expectDim(*this, "weights", getWeights(), 1, k, "as many as ids")))
    return failure();
  if (k < 1 || k > experts) // C2
    return emitOpError() << "expects between 1 and " << experts
                         << " experts per token, found " << k;
  return success();
}
AnchorKind RouterOp::getAnchorKind() { return AnchorKind::Routing; }
bool RouterOp::takesPrologue(unsigned) { return false; }
bool RouterOp::takesEpilogue(unsigned) { return false; }

LogicalResult GroupTokensOp::verify() {
  if (failed(expectRank(*this, "ids", getIds(), 2)) ||
      failed(expectRank(*this, "offsets", getOffsets(), 1)))
    return failure();
  if (getIds().getType() != getOrder().getType()) // C1
    return emitOpError() << "expects order of type " << getIds().getType()
                         << " like 'ids', found " << getOrder().getType();
  if (tensorType(getOffsets()).isDynamicDim(0) ||
      tensorType(getOffsets()).getDimSize(0) < 2) // C2
    return emitOpError() << "expects one offset per expert and one more, found "
                         << getOffsets().getType();
  return success();
}
AnchorKind GroupTokensOp::getAnchorKind() { return AnchorKind::Routing; }
bool GroupTokensOp::takesPrologue(unsigned) { return false; }
bool GroupTokensOp::takesEpilogue(unsigned) { return false; }

LogicalResult ExpertLinearOp::verify() {
  if (failed(
          verifyWeights(*this, getWeights(), getScales(), getOutputs(), 3)) ||
      failed(expectRank(*this, "order", getOrder(), 2)))
    return failure();
  auto weight = tensorType(getWeights().front()),
       input = tensorType(getInput());
  int64_t choices = tensorType(getOrder()).getDimSize(1);
  if (input.getRank() != 2 && input.getRank() != 3) // C2
    return emitOpError() << "expects 'input' [T, K] or [T, k, K], found "
                         << input;
  if (input.getRank() == 3 &&
      failed(expectDim(*this, "input", getInput(), 1, choices,
                       "choices per token in 'order'")))
    return failure();
  if (failed(expectDim(*this, "input", getInput(), input.getRank() - 1,
                       weight.getDimSize(2), "columns of the weights")))
    return failure();
  Value output = getOutputs().front(); // C3
  if (failed(expectRank(*this, "result", output, 3)) ||
      failed(expectDim(*this, "result", output, 1, choices,
                       "choices per token in 'order'")) ||
      failed(expectDim(*this, "result", output, 2, weight.getDimSize(1),
                       "rows of the weights")))
    return failure();
  if (failed(expectRank(*this, "offsets", getOffsets(), 1)))
    return failure();
  return expectDim(*this, "offsets", getOffsets(), 0, weight.getDimSize(0) + 1,
                   "experts + 1"); // C5
}
AnchorKind ExpertLinearOp::getAnchorKind() { return AnchorKind::GroupedMatmul; }
bool ExpertLinearOp::takesPrologue(unsigned operand) { return false; }
bool ExpertLinearOp::takesEpilogue(unsigned) { return true; }

LogicalResult CombineOp::verify() { // C1
  if (failed(expectRank(*this, "input", getInput(), 3)) ||
      failed(expectRank(*this, "weights", getWeights(), 2)) ||
      failed(expectRank(*this, "result", getResult(), 2)))
    return failure();
  auto input = tensorType(getInput());
  if (input.isDynamicDim(1))
    return emitOpError()
           << "expects a known number of choices per token, found " << input;
  if (input.getElementType() != tensorType(getResult()).getElementType())
    return emitOpError() << "expects one element type, found " << input
                         << " and " << getResult().getType();
  if (failed(expectDim(*this, "weights", getWeights(), 1, input.getDimSize(1),
                       "choices per token in 'input'")))
    return failure();
  return expectDim(*this, "result", getResult(), 1, input.getDimSize(2),
                   "the input's width");
}

//===------------------------------ Choosing tokens -----------------------------===//

LogicalResult TopCandidatesOp::verify() {
  if (failed(expectRank(*this, "logits", getLogits(), 2)) ||
      failed(expectRank(*this, "mask", getMask(), 1)))
    return failure();
  int64_t vocabulary = tensorType(getLogits()).getDimSize(1), k = getK();
  if (ShapedType::isDynamic(vocabulary)) // C1
    return emitOpError() << "expects logits of a known vocabulary, found "
                         << getLogits().getType();
  if (failed(expectDim(*this, "mask", getMask(), 0, (vocabulary + 31) / 32,
                       "a bit for each logit"))) // C1
    return failure();
  if (k < 1 || k > vocabulary) // C2
    return emitOpError() << "expects k between 1 and " << vocabulary
                         << ", found " << k;
  if (failed(expectRank(*this, "counts", getCounts(), 1)) ||
      failed(expectRank(*this, "inverse_temperatures", getInverseTemperatures(),
                        1))) // C3
    return failure();
  for (auto [name, value] : // C4
       {std::pair<StringRef, Value>{"values", getValues()}, {"ids", getIds()}})
    if (failed(expectRank(*this, name, value, 2)) ||
        failed(expectDim(*this, name, value, 1, k, "candidates of a row")))
      return failure();
  if (failed(expectRank(*this, "sums", getSums(), 2)))
    return failure();
  return expectDim(*this, "sums", getSums(), 1, 2, "largest logit and sum");
}
AnchorKind TopCandidatesOp::getAnchorKind() { return AnchorKind::Selection; }
bool TopCandidatesOp::takesPrologue(unsigned) { return false; }
bool TopCandidatesOp::takesEpilogue(unsigned) { return false; }

//===-------------------------------- Collectives -------------------------------===//

LogicalResult AllReduceOp::verify() {
  if (static_cast<int64_t>(getRanks()) < 1) // C2
    return emitOpError() << "expects at least one rank, found "
                         << static_cast<int64_t>(getRanks());
  return success();
}
OpFoldResult AllReduceOp::fold(FoldAdaptor) {
  return getRanks() == 1 ? OpFoldResult(getInput()) : OpFoldResult();
}
AnchorKind AllReduceOp::getAnchorKind() { return AnchorKind::Collective; }
bool AllReduceOp::takesPrologue(unsigned) { return false; }
bool AllReduceOp::takesEpilogue(unsigned) { return false; }

LogicalResult AllGatherOp::verify() {
  int64_t ranks = getRanks();
  if (ranks < 1) // C2
    return emitOpError() << "expects at least one rank, found " << ranks;
  auto input = tensorType(getInput());
  SmallVector<int64_t> shape(input.getShape());
  if (shape.empty() || ShapedType::isDynamic(shape.back()))
    return emitOpError() << "expects a last dimension of known size, found "
                         << input;
  shape.back() *= ranks;
  auto wanted = RankedTensorType::get(shape, input.getElementType());
  if (getResult().getType() != wanted) // C1
    return emitOpError() << "of " << ranks << " ranks makes " << wanted
                         << ", but the result is " << getResult().getType();
  return success();
}
OpFoldResult AllGatherOp::fold(FoldAdaptor) {
  return getRanks() == 1 ? OpFoldResult(getInput()) : OpFoldResult();
}
AnchorKind AllGatherOp::getAnchorKind() { return AnchorKind::Collective; }
bool AllGatherOp::takesPrologue(unsigned) { return false; }
bool AllGatherOp::takesEpilogue(unsigned) { return false; }

//===---------------------------------- Clusters --------------------------------===//

AnchorOpInterface ClusterOp::getAnchorOp() {
  for (Operation &op : *getBody().begin())
    if (auto anchor = dyn_cast<AnchorOpInterface>(op))
      return anchor;
  return {};
}
YieldOp ClusterOp::getYield() {
  return cast<YieldOp>(getBody().front().getTerminator());
}

LogicalResult ClusterOp::verify() {
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes()) // C1
    return emitOpError() << "has " << getInputs().size()
                         << " inputs, but its block takes "
                         << block.getNumArguments()
                         << " arguments or other types";
  if (TypeRange(getYield().getOperands()) != TypeRange(getOutputs())) // C2
    return emitOpError("yields other types than its results");
  AnchorOpInterface found;
  for (Operation &op : block.without_terminator()) {
    if (auto anchor = dyn_cast<AnchorOpInterface>(op)) { // C3
      if (found)
        return emitOpError() << "holds two anchors, '" << found->getName()
                             << "' and '" << op.getName() << "'";
      found = anchor;
    } else if (!isa<ScalarBodyOpInterface>(op)) { // C4
      return emitOpError()
             << "holds '" << op.getName()
             << "', which is neither an anchor nor has a scalar body";
    }
  }
  AnchorKind kind = found ? found.getAnchorKind() : AnchorKind::Elementwise;
  if (kind != getAnchor())
    return emitOpError() << "is of kind '" << stringifyAnchorKind(getAnchor())
                         << "', but what it holds makes it '"
                         << stringifyAnchorKind(kind) << "'";
  return success();
}
