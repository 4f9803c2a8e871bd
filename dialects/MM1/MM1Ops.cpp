//===- MM1Ops.cpp - Verifiers, folders and small methods of the ops -------===//
// Labels C1, C2, ... are those of MM1Ops.td and of the tests; a constraint
// without a check here is held by a trait. Attention: AttentionOps.cpp.
//===----------------------------------------------------------------------===//
#include "dialects/MM1/ExpectShapes.h"

#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::mm1;

//===-------------------------- The assembly format ----------------------------===//

namespace {

/// One type for all values, or the types of a function: `(f32, bf16) -> f32`.
ParseResult parseTypes(OpAsmParser &parser, ArrayRef<Type *> operands,
                       Type &result) {
  SMLoc loc = parser.getCurrentLocation();
  Type type;
  if (parser.parseType(type))
    return failure();
  auto function = dyn_cast<FunctionType>(type);
  if (!function) {
    for (Type *operand : operands)
      *operand = type;
    result = type;
    return success();
  }
  if (function.getNumInputs() != operands.size() ||
      function.getNumResults() != 1)
    return parser.emitError(loc)
           << "expects one type for all, or " << operands.size()
           << " operand types and one result type";
  for (auto [operand, input] : llvm::zip(operands, function.getInputs()))
    *operand = input;
  result = function.getResult(0);
  return success();
}

void printTypes(OpAsmPrinter &printer, Operation *op, TypeRange operands,
                Type result) {
  if (llvm::all_of(operands, [&](Type type) { return type == result; }))
    printer << result;
  else
    printer.printFunctionalType(op);
}

ParseResult parseSameOperandsAndResultType(OpAsmParser &parser, Type &operand,
                                           Type &result) {
  return parseTypes(parser, {&operand}, result);
}
ParseResult parseSameOperandsAndResultType(OpAsmParser &parser, Type &lhs,
                                           Type &rhs, Type &result) {
  return parseTypes(parser, {&lhs, &rhs}, result);
}
void printSameOperandsAndResultType(OpAsmPrinter &printer, Operation *op,
                                    Type operand, Type result) {
  printTypes(printer, op, operand, result);
}
void printSameOperandsAndResultType(OpAsmPrinter &printer, Operation *op,
                                    Type lhs, Type rhs, Type result) {
  printTypes(printer, op, {lhs, rhs}, result);
}

} // namespace

namespace {

/// C1-C4 of linear and expert_linear: weights of one element type, a result of
/// its width for each, a scale per int8 weight.
/// \param leading  what stands before the width in a result: T, or T and k
LogicalResult verifyWeights(MatmulOpInterface op, int64_t weightRank,
                            ArrayRef<int64_t> leading) {
  if (op.getMatrices().empty())
    return op->emitOpError("expects at least one weight"); // C1
  RankedTensorType first = op.getMatrixType();
  if (first.getRank() != weightRank)
    return op->emitOpError()
           << "expects weights of rank " << weightRank << ", found " << first;
  auto kindOf = [](RankedTensorType type) { // all but the width
    SmallVector<int64_t> shape(type.getShape());
    if (shape.size() >= 2)
      shape[shape.size() - 2] = 0;
    return std::pair(shape, type.getElementType());
  };
  for (auto [i, weight] : llvm::enumerate(op.getMatrices()))
    if (kindOf(op.getMatrixType(i)) != kindOf(first))
      return op->emitOpError()
             << "expects weights of one element type, alike but for their "
                "width, found "
             << first << " and " << weight.getType();
  if (op->getNumResults() != op.getMatrices().size()) // C3
    return op->emitOpError()
           << "expects one result per weight, found " << op.getMatrices().size()
           << " weights and " << op->getNumResults() << " results";
  for (auto [i, output] : llvm::enumerate(op->getResults())) {
    if (failed(expectRank(op, "result", output, leading.size() + 1)))
      return failure();
    for (auto [dim, size] : llvm::enumerate(leading))
      if (!ShapedType::isDynamic(size) &&
          failed(expectDim(op, "result", output, dim, size,
                           "choices per token in 'ids'")))
        return failure();
    if (failed(expectDim(op, "result", output, leading.size(),
                         op.getMatrixType(i).getDimSize(weightRank - 2),
                         "rows of its weight")))
      return failure();
  }
  bool quantised = first.getElementType().isInteger(8); // C4
  OperandRange scales = op.getMatrixScales();
  if (scales.size() != (quantised ? op.getMatrices().size() : 0))
    return op->emitOpError() << "expects "
                             << (quantised ? "one scale per int8 weight"
                                           : "no scales for float weights")
                             << ", found " << scales.size() << " scales for "
                             << op.getMatrices().size() << " weights";
  for (auto [i, scale] : llvm::enumerate(scales)) {
    ArrayRef<int64_t> wanted = op.getMatrixType(i).getShape().drop_back();
    if (tensorType(scale).getShape() != wanted)
      return op->emitOpError() << "expects scales of shape [" << wanted
                               << "], found " << tensorType(scale);
  }
  return success();
}

/// The operands of a matmul that merges `first` with `others`: all their
/// matrices, and all their scales.
struct MergedOperands {
  SmallVector<Value> matrices, scales;
  SmallVector<Type> results;

  MergedOperands(MatmulOpInterface first, ArrayRef<MatmulOpInterface> others) {
    add(first);
    llvm::for_each(others, [&](MatmulOpInterface other) { add(other); });
  }
  void add(MatmulOpInterface op) {
    llvm::append_range(matrices, op.getMatrices());
    llvm::append_range(scales, op.getMatrixScales());
    llvm::append_range(results, op->getResultTypes());
  }
};

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

LogicalResult SumSquaresOp::verify() {
  if (failed(expectRank(*this, "input", getInput(), 2)) ||
      failed(expectRank(*this, "result", getSums(), 2))) // C1
    return failure();
  int64_t columns = tensorType(getInput()).getDimSize(1),
          parts = tensorType(getSums()).getDimSize(1);
  if (parts < 1 || columns % parts != 0) // C2
    return emitOpError() << "expects a number of stretches that divides the "
                         << columns << " columns of 'input', found " << parts;
  return success();
}
AnchorKind SumSquaresOp::getAnchorKind() { return AnchorKind::RowReduction; }

/// The shape of `value` is that of the result.
static LogicalResult expectShapeOfResult(Operation *op, StringRef name,
                                         Value value) {
  if (tensorType(value).getShape() == tensorType(op->getResult(0)).getShape())
    return success();
  return op->emitOpError() << "expects '" << name << "' and its result of one "
                           << "shape, found " << value.getType() << " and "
                           << op->getResult(0).getType();
}

LogicalResult NormRowsOp::verify() {
  if (failed(expectRank(*this, "input", getInput(), 2)) ||
      failed(expectShapeOfResult(*this, "input", getInput())) || // C1
      failed(expectRank(*this, "sums", getSums(), 2)))           // C2
    return failure();
  double eps = getEps().convertToDouble();
  if (static_cast<int64_t>(getWidth()) < 1 || !(eps > 0)) // C3
    return emitOpError() << "expects width > 0 and eps > 0, found "
                         << static_cast<int64_t>(getWidth()) << " and " << eps;
  return success();
}

LogicalResult ScaleColumnsOp::verify() {
  if (failed(expectRank(*this, "input", getInput(), 2)) ||
      failed(expectShapeOfResult(*this, "input", getInput())) || // C1
      failed(expectRank(*this, "weight", getWeight(), 1)))
    return failure();
  return expectDim(*this, "weight", getWeight(), 0,
                   tensorType(getInput()).getDimSize(1),
                   "columns of 'input'"); // C2
}

LogicalResult BlendOp::verify() {
  if (failed(expectRank(*this, "coefficient", getCoefficient(), 2)))
    return failure();
  return expectDim(*this, "coefficient", getCoefficient(), 1, 1,
                   "one number per token"); // C2
}

//===--------------------------------- Linears ---------------------------------===//

LogicalResult LinearOp::verify() {
  if (failed(verifyWeights(*this, 2, {ShapedType::kDynamic})) ||
      failed(expectRank(*this, "input", getInput(), 2)))
    return failure();
  return expectDim(*this, "input", getInput(), 1, getMatrixType().getDimSize(1),
                   "columns of the weights"); // C2
}
Value LinearOp::getRows() { return getInput(); }
OperandRange LinearOp::getMatrices() { return getWeights(); }
OperandRange LinearOp::getMatrixScales() { return getScales(); }
Operation *LinearOp::mergeWith(OpBuilder &builder, Location location,
                               ArrayRef<MatmulOpInterface> others) {
  MergedOperands all(*this, others);
  return LinearOp::create(builder, location, all.results, getInput(),
                          all.matrices, all.scales);
}
AnchorKind LinearOp::getAnchorKind() { return AnchorKind::Matmul; }

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

LogicalResult ExpertLinearOp::verify() {
  if (failed(expectRank(*this, "ids", getIds(), 2)))
    return failure();
  int64_t choices = getNumChoices();
  if (failed(verifyWeights(*this, 3, {ShapedType::kDynamic, choices})))
    return failure();
  RankedTensorType weight = getMatrixType(), input = tensorType(getInput());
  if (input.getRank() != 2 && input.getRank() != 3) // C2
    return emitOpError() << "expects 'input' [T, K] or [T, k, K], found "
                         << input;
  if (input.getRank() == 3 &&
      failed(expectDim(*this, "input", getInput(), 1, choices,
                       "choices per token in 'ids'")))
    return failure();
  if (failed(expectDim(*this, "input", getInput(), input.getRank() - 1,
                       weight.getDimSize(2), "columns of the weights")))
    return failure();
  if (!getOrder() != !getOffsets()) // C5
    return emitOpError("expects 'order' and 'offsets' together");
  if (!getOrder())
    return success();
  if (getOrder().getType() != getIds().getType())
    return emitOpError() << "expects 'order' of type " << getIds().getType()
                         << " like 'ids', found " << getOrder().getType();
  if (failed(expectRank(*this, "offsets", getOffsets(), 1)))
    return failure();
  return expectDim(*this, "offsets", getOffsets(), 0, weight.getDimSize(0) + 1,
                   "experts + 1");
}
Value ExpertLinearOp::getRows() { return getInput(); }
OperandRange ExpertLinearOp::getMatrices() { return getWeights(); }
OperandRange ExpertLinearOp::getMatrixScales() { return getScales(); }
int64_t ExpertLinearOp::getNumExperts() {
  return getMatrixType().getDimSize(0);
}
int64_t ExpertLinearOp::getNumChoices() {
  return tensorType(getIds()).getDimSize(1);
}
Operation *ExpertLinearOp::mergeWith(OpBuilder &builder, Location location,
                                     ArrayRef<MatmulOpInterface> others) {
  MergedOperands all(*this, others);
  return ExpertLinearOp::create(builder, location, all.results, getInput(),
                                getIds(), getOrder(), getOffsets(),
                                all.matrices, all.scales);
}
AnchorKind ExpertLinearOp::getAnchorKind() { return AnchorKind::GroupedMatmul; }

LogicalResult CombineOp::verify() { // C1
  if (failed(expectRank(*this, "input", getInput(), 3)) ||
      failed(expectRank(*this, "weights", getWeights(), 2)) ||
      failed(expectRank(*this, "result", getResult(), 2)))
    return failure();
  auto input = tensorType(getInput());
  if (input.isDynamicDim(1))
    return emitOpError()
           << "expects a known number of choices per token, found " << input;
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

//===---------------------------------- Clusters --------------------------------===//

SmallVector<AnchorOpInterface> ClusterOp::getAnchorOps() {
  return llvm::to_vector(getBody().front().getOps<AnchorOpInterface>());
}
AnchorOpInterface ClusterOp::getOnlyAnchor() {
  SmallVector<AnchorOpInterface> anchors = getAnchorOps();
  return anchors.size() == 1 ? anchors.front() : AnchorOpInterface();
}
std::optional<AnchorKind> ClusterOp::getOnlyKind() {
  ArrayRef<int32_t> kinds = getAnchors();
  if (kinds.size() > 1)
    return std::nullopt;
  return kinds.empty() ? AnchorKind::Elementwise : AnchorKind(kinds.front());
}
YieldOp ClusterOp::getYield() {
  return cast<YieldOp>(getBody().front().getTerminator());
}
SmallVector<int32_t> ClusterOp::kindsOf(ArrayRef<Operation *> ops) {
  SmallVector<int32_t> kinds;
  for (Operation *op : ops)
    if (auto anchor = dyn_cast<AnchorOpInterface>(op))
      kinds.push_back(static_cast<int32_t>(anchor.getAnchorKind()));
  return kinds;
}

namespace {

/// "row_reduction, matmul", or "elementwise" for none.
std::string spellKinds(ArrayRef<int32_t> kinds) {
  if (kinds.empty())
    return stringifyAnchorKind(AnchorKind::Elementwise).str();
  return llvm::join(
      llvm::map_range(kinds,
                      [](int32_t kind) {
                        return stringifyAnchorKind(AnchorKind(kind)).str();
                      }),
      ", ");
}

} // namespace

static ParseResult parseAnchorKinds(OpAsmParser &parser,
                                    DenseI32ArrayAttr &anchors) {
  SmallVector<int32_t> kinds;
  auto parseOne = [&]() -> ParseResult {
    StringRef keyword;
    SMLoc place = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return failure();
    std::optional<AnchorKind> kind = symbolizeAnchorKind(keyword);
    if (!kind)
      return parser.emitError(place)
             << "expects a kind of anchor, found '" << keyword << "'";
    if (*kind != AnchorKind::Elementwise)
      kinds.push_back(static_cast<int32_t>(*kind));
    return success();
  };
  if (parser.parseCommaSeparatedList(parseOne))
    return failure();
  anchors = parser.getBuilder().getDenseI32ArrayAttr(kinds);
  return success();
}

static void printAnchorKinds(OpAsmPrinter &printer, Operation *,
                             DenseI32ArrayAttr anchors) {
  printer << spellKinds(anchors.asArrayRef());
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
  SmallVector<Operation *> ops;
  for (Operation &op : block.without_terminator()) {
    if (!isa<AnchorOpInterface, ScalarBodyOpInterface>(op)) // C4
      return emitOpError()
             << "holds '" << op.getName()
             << "', which is neither an anchor nor has a scalar body";
    ops.push_back(&op);
  }
  SmallVector<int32_t> kinds = kindsOf(ops);
  if (ArrayRef<int32_t>(kinds) != getAnchors()) // C3
    return emitOpError() << "says it is '" << spellKinds(getAnchors())
                         << "', but what it holds makes it '"
                         << spellKinds(kinds) << "'";
  return success();
}

#define GET_OP_CLASSES
#include "dialects/MM1/MM1Interfaces.cpp.inc"
#include "dialects/MM1/MM1Ops.cpp.inc"
