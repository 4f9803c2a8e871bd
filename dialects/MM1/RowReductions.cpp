//===- RowReductions.cpp - How each norm sums up a row, said once ---------===//
// rms_norm: sums = sum of x^2; stats = 1 / sqrt(sums / N + eps); y = x * stats *
// weight. Emitters bring the loops, the order of sums and the places
// (RowReductionOpInterface in MM1Interfaces.td); a norm of another kind is
// another set of these functions.
//===----------------------------------------------------------------------===//
#include "dialects/MM1/MM1.h"
#include "dialects/MM1/ScalarMath.h"

using namespace mlir;
using namespace mlir::mm1;

/// 1 / sqrt(sum / width + eps), on a scalar: what rms_norm and norm_rows both
/// divide by.
Value mm1::buildInverseRms(ImplicitLocOpBuilder &builder, Value sum,
                           int64_t width, double eps) {
  ScalarMath scalar{builder, 1};
  Value mean =
      arith::DivFOp::create(builder, sum, scalar.constant(double(width)));
  Value root =
      math::SqrtOp::create(builder, scalar.add(mean, scalar.constant(eps)));
  return arith::DivFOp::create(builder, scalar.constant(1.0), root);
}

namespace {

/// sum + x * x, rounded once.
SmallVector<Value> accumulateSquare(ImplicitLocOpBuilder &builder, Value x,
                                    ValueRange sums) {
  return {math::FmaOp::create(builder, x, x, sums.front())};
}
SmallVector<Value> addSums(ImplicitLocOpBuilder &builder, ValueRange sums,
                           ValueRange others) {
  return {arith::AddFOp::create(builder, sums.front(), others.front())};
}

} // namespace

//===---------------------------------- rms_norm ------------------------------===//

SmallVector<Value> RMSNormOp::buildAccumulate(ImplicitLocOpBuilder &builder,
                                              Value x, ValueRange sums) {
  return accumulateSquare(builder, x, sums);
}
SmallVector<Value> RMSNormOp::buildCombine(ImplicitLocOpBuilder &builder,
                                           ValueRange sums, ValueRange others) {
  return addSums(builder, sums, others);
}
SmallVector<Value> RMSNormOp::buildFinish(ImplicitLocOpBuilder &builder,
                                          ValueRange sums) {
  int64_t width = cast<RankedTensorType>(getInput().getType()).getDimSize(1);
  return {buildInverseRms(builder, sums.front(), width,
                          getEps().convertToDouble())};
}
SmallVector<Value> RMSNormOp::buildApply(ImplicitLocOpBuilder &builder,
                                         OperandReader &reader,
                                         ValueRange stats) {
  ScalarMath math{builder, reader.lanes()};
  Value scaled = math.mul(reader.here(0), math.splat(stats.front()));
  return {math.mul(scaled, reader.perColumn(1))};
}

//===-------------------------------- sum_squares -----------------------------===//

int64_t SumSquaresOp::getReducedParts() {
  return cast<RankedTensorType>(getSums().getType()).getDimSize(1);
}
bool SumSquaresOp::yieldsSums() { return true; }
SmallVector<Value> SumSquaresOp::buildAccumulate(ImplicitLocOpBuilder &builder,
                                                 Value x, ValueRange sums) {
  return accumulateSquare(builder, x, sums);
}
SmallVector<Value> SumSquaresOp::buildCombine(ImplicitLocOpBuilder &builder,
                                              ValueRange sums,
                                              ValueRange others) {
  return addSums(builder, sums, others);
}
SmallVector<Value> SumSquaresOp::buildFinish(ImplicitLocOpBuilder &,
                                             ValueRange sums) {
  return SmallVector<Value>(sums);
}
SmallVector<Value> SumSquaresOp::buildApply(ImplicitLocOpBuilder &,
                                            OperandReader &, ValueRange) {
  llvm_unreachable("sum_squares yields its sums");
}
