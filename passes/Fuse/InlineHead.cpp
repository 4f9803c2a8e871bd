//===- InlineHead.cpp - Decode computes logits and candidates itself ------===//
// A decode step wants the logits of all its rows, and then tokens. So `decode`
// takes the head in: the gather of rows folds away, since row i of the hidden
// rows is sequence i, and what a sampler needs follows:
//
//   decode(tokens, ...) -> hidden            hidden = last layer
//   head(hidden, rows) -> logits             logits = lm_head(norm(hidden[rows]))
//
//   decode(tokens, ..., mask, counts, inverse temperatures)
//       -> logits, values, ids, sums         lm_head(norm(last layer)), best of it
//   head(hidden, rows, mask, counts, inverse temperatures)
//       -> logits, values, ids, sums
//
// The final norm can now join the last layer's residual: two launches fewer a
// token than decode and head one after the other. Prefill keeps its hidden rows,
// of which only some get logits (compiler/decisions/0006).
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "runtime/Support/Candidates.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_INLINEHEAD
#include "passes/Passes.h.inc"

namespace {

constexpr StringLiteral kResultNames[] = {"logits", "candidate_values",
                                          "candidate_ids", "candidate_sums"};

void name(func::FuncOp function, unsigned result, StringRef name) {
  function.setResultAttr(result, "mm1.name",
                         StringAttr::get(function.getContext(), name));
}

/// The argument called `wanted`, or null.
BlockArgument argument(func::FuncOp function, StringRef wanted) {
  for (BlockArgument each : function.getArguments())
    if (auto name = function.getArgAttrOfType<StringAttr>(each.getArgNumber(),
                                                          "mm1.name");
        name && name.getValue() == wanted)
      return each;
  return {};
}

func::ReturnOp returnOf(func::FuncOp function) {
  return cast<func::ReturnOp>(function.getBody().front().getTerminator());
}

/// Makes the operands of a function's return its results.
void updateResults(func::FuncOp function) {
  function.setType(FunctionType::get(
      function.getContext(), function.getArgumentTypes(),
      TypeRange(returnOf(function).getOperands().getTypes())));
  for (auto [i, each] : llvm::enumerate(kResultNames))
    name(function, i, each);
}

/// A new argument at the end, with a name.
Value addArgument(func::FuncOp function, StringRef name, Type type) {
  unsigned index = function.getNumArguments();
  Builder builder(function.getContext());
  NamedAttribute attribute =
      builder.getNamedAttr("mm1.name", builder.getStringAttr(name));
  LogicalResult status = function.insertArgument(
      index, type, builder.getDictionaryAttr(attribute), function.getLoc());
  assert(succeeded(status) && "a tensor is a fine argument");
  (void)status;
  return function.getArgument(index);
}

struct InlineHeadPass : impl::InlineHeadBase<InlineHeadPass> {
  using InlineHeadBase::InlineHeadBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> decodes;
    func::FuncOp head;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      auto entry = function->getAttrOfType<StringAttr>("mm1.entry");
      if (entry && entry.getValue() == "decode")
        decodes.push_back(function);
      if (entry && entry.getValue() == "head")
        head = function;
    }
    if (!head)
      return;
    if (failed(checkHead(head)) || failed(addCandidates(head)))
      return signalPassFailure();
    for (func::FuncOp decode : decodes)
      if (failed(inlineInto(decode, head)))
        return signalPassFailure();
  }

  /// hidden and rows in, logits out; rows say which hidden rows, nothing else.
  LogicalResult checkHead(func::FuncOp head) {
    BlockArgument hidden = argument(head, "hidden"),
                  rows = argument(head, "rows");
    if (!hidden || !rows || head.getNumArguments() != 2)
      return head.emitOpError("expects the arguments 'hidden' and 'rows'");
    auto types = head.getResultTypes();
    auto logits =
        types.size() == 1 ? dyn_cast<RankedTensorType>(types[0]) : nullptr;
    if (!logits || logits.getRank() != 2 || logits.isDynamicDim(1) ||
        !logits.getElementType().isF32())
      return head.emitOpError("expects one result, the logits in f32");
    for (OpOperand &use : rows.getUses()) {
      auto gather = dyn_cast<GatherRowsOp>(use.getOwner());
      if (!gather || gather.getInput() != hidden)
        return use.getOwner()->emitOpError(
            "reads the rows that get logits; only an 'mm1.gather_rows' of the "
            "hidden rows may");
    }
    return success();
  }

  LogicalResult addCandidates(func::FuncOp head) {
    func::ReturnOp end = returnOf(head);
    Value logits = end.getOperand(0);
    int64_t vocabulary = cast<RankedTensorType>(logits.getType()).getDimSize(1);
    if (candidates < 1 || candidates > ::mm1::kMostCandidates)
      return head.emitOpError()
             << "expects from 1 to " << ::mm1::kMostCandidates
             << " candidates, found " << int64_t(candidates);
    int64_t k = std::min<int64_t>(candidates, vocabulary);
    Builder b(&getContext());
    auto tensorOf = [](ArrayRef<int64_t> shape, Type element) {
      return RankedTensorType::get(shape, element);
    };
    constexpr int64_t any = ShapedType::kDynamic;
    Value mask =
        addArgument(head, "vocabulary_mask",
                    tensorOf({(vocabulary + 31) / 32}, b.getI32Type()));
    Value counts =
        addArgument(head, "candidate_counts", tensorOf({any}, b.getI32Type()));
    Value scales = addArgument(head, "inverse_temperatures",
                               tensorOf({any}, b.getF32Type()));
    OpBuilder builder(end);
    auto top = TopCandidatesOp::create(
        builder, NameLoc::get(b.getStringAttr("sampling")),
        tensorOf({any, k}, b.getF32Type()), tensorOf({any, k}, b.getI32Type()),
        tensorOf({any, 2}, b.getF32Type()), logits, mask, counts, scales, k);
    end->insertOperands(1, top.getResults());
    updateResults(head);
    return success();
  }

  LogicalResult inlineInto(func::FuncOp decode, func::FuncOp head) {
    func::ReturnOp end = returnOf(decode);
    BlockArgument hidden = argument(head, "hidden"),
                  rows = argument(head, "rows");
    if (end.getNumOperands() != 1 ||
        end.getOperand(0).getType() != hidden.getType())
      return decode.emitOpError()
             << "expects to return the hidden rows, " << hidden.getType();
    IRMapping map;
    map.map(hidden, end.getOperand(0));
    for (BlockArgument each : head.getArguments())
      if (each != hidden && each != rows)
        map.map(each, addArgument(decode,
                                  head.getArgAttrOfType<StringAttr>(
                                          each.getArgNumber(), "mm1.name")
                                      .getValue(),
                                  each.getType()));
    OpBuilder builder(end);
    for (Operation &op : head.getBody().front().without_terminator())
      if (auto gather = dyn_cast<GatherRowsOp>(op);
          gather && gather.getRows() == rows)
        map.map(gather.getResult(), map.lookup(gather.getInput()));
      else
        builder.clone(op, map);
    SmallVector<Value> results;
    for (Value result : returnOf(head).getOperands())
      results.push_back(map.lookup(result));
    end->setOperands(results);
    updateResults(decode);
    return success();
  }
};

} // namespace
} // namespace mlir::mm1
