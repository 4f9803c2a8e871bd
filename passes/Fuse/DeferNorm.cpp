//===- DeferNorm.cpp - Move a norm's factor behind what is linear in rows -===//
// A norm divides a row by one number, and a linear maps c * x to c * y: the
// division may wait until after the matrix.
//
//   y = rms_norm(o, w); a = linear(sigmoid_gate(y, g))
//                                  becomes
//   s = sum_squares(o); v = scale_columns(o, w)
//   a = norm_rows(linear(sigmoid_gate(v, g)), s)
//
// Worth it where tasks make the row in parts (the heads of a recurrence): they
// go on with their part without waiting for the others, and on several ranks the
// sum rides in the sum of the products, one collective less. Exact but for
// rounding; source: model-spec 6.3.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/ExplainFusion.h"
#include "passes/Passes.h"

#include <numeric>

namespace mlir::mm1 {
#define GEN_PASS_DEF_DEFERNORM
#include "passes/Passes.h.inc"

namespace {

/// The op behind `value` that a factor per row passes through, or null.
Operation *nextLinearOp(Value value) {
  if (!value.hasOneUse())
    return nullptr;
  OpOperand &use = *value.use_begin();
  auto linear = dyn_cast<RowLinearOpInterface>(use.getOwner());
  return linear && linear->getNumResults() == 1 &&
                 linear.isRowLinearIn(use.getOperandNumber())
             ? linear.getOperation()
             : nullptr;
}

struct DeferNormPass : impl::DeferNormBase<DeferNormPass> {
  using DeferNormBase::DeferNormBase;

  void runOnOperation() override {
    FusionExplainer explainer("defer-norm", getOperation(), explain);
    for (RMSNormOp norm : llvm::to_vector(getOperation().getOps<RMSNormOp>())) {
      auto maker =
          dyn_cast_or_null<AnchorOpInterface>(norm.getInput().getDefiningOp());
      if (!maker || maker.getRowParts() <= 1)
        continue;
      int64_t parts = maker.getRowParts();
      std::string what = "{rms_norm} of " + describeOps(maker.getOperation());
      if (!passesAMatrix(norm)) {
        explainer.decline(norm.getLoc(), what,
                          "more than ops linear in rows reads it");
        continue;
      }
      explainer.take(norm.getLoc(), what,
                     Twine(parts) + " parts of a row go on without the others");
      defer(norm, parts);
    }
  }

private:
  static bool passesAMatrix(RMSNormOp norm) {
    for (Operation *op = nextLinearOp(norm.getResult()); op;
         op = nextLinearOp(op->getResult(0)))
      if (isa<MatmulOpInterface>(op))
        return true;
    return false;
  }

  void defer(RMSNormOp norm, int64_t rowParts) {
    OpBuilder builder(norm);
    Location loc = norm.getLoc();
    auto type = cast<RankedTensorType>(norm.getResult().getType());
    int64_t width = type.getDimSize(1);
    int64_t stretch = std::gcd(width / rowParts, int64_t(columns));
    auto sumsType = RankedTensorType::get({type.getDimSize(0), width / stretch},
                                          builder.getF32Type());
    Value sums = SumSquaresOp::create(builder, loc, sumsType, norm.getInput());
    Value value = ScaleColumnsOp::create(builder, loc, type, norm.getInput(),
                                         norm.getWeight());
    norm.replaceAllUsesWith(value);
    Operation *last = value.getDefiningOp();
    while (Operation *next = nextLinearOp(last->getResult(0)))
      last = next;
    Value end = last->getResult(0);
    builder.setInsertionPointAfter(last);
    auto divided =
        NormRowsOp::create(builder, loc, end.getType(), end, sums,
                           builder.getI64IntegerAttr(width), norm.getEpsAttr());
    end.replaceAllUsesExcept(divided, divided);
    norm.erase();
  }
};

} // namespace
} // namespace mlir::mm1
