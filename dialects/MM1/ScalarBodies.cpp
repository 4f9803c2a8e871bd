//===- ScalarBodies.cpp - What each elementwise op computes, said once ---------===//
// Every body is built on scalars or on vectors, as the reader asks: the CPU emitter gets vector<16xf32> code, the
// CUDA emitter gets scalars that it prints as C++. A number that is the same for a whole row arrives as a scalar and
// is broadcast here.
//===---------------------------------------------------------------------------===//
#include "dialects/MM1/MM1.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace mlir::mm1;

namespace {

/// Builds arith/math ops on f32 values of `lanes` lanes.
struct Body {
  ImplicitLocOpBuilder &b;
  int64_t lanes;

  Type type(Type element) const {
    return lanes == 1 ? element : VectorType::get({lanes}, element);
  }
  Value constant(double value) {
    Type f32 = b.getF32Type();
    if (lanes == 1)
      return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(VectorType::get({lanes}, f32), float(value)));
  }
  /// A scalar as a value of all lanes.
  Value splat(Value value) {
    if (lanes == 1 || isa<VectorType>(value.getType()))
      return value;
    return vector::BroadcastOp::create(
        b, VectorType::get({lanes}, value.getType()), value);
  }
  Value add(Value lhs, Value rhs) { return arith::AddFOp::create(b, lhs, rhs); }
  Value mul(Value lhs, Value rhs) { return arith::MulFOp::create(b, lhs, rhs); }
  /// 1 / (1 + exp(-x))
  Value sigmoid(Value x) {
    Value one = constant(1.0);
    Value e = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    return arith::DivFOp::create(b, one, add(one, e));
  }
};

Value index(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

} // namespace

//===------------------------------- Row lookups --------------------------------===//

SmallVector<Value> EmbeddingOp::buildScalarBody(ImplicitLocOpBuilder &,
                                                OperandReader &reader) {
  return {reader.gather(1, reader.perRow(0))};
}
bool EmbeddingOp::readsInPlace(unsigned) { return false; }
bool EmbeddingOp::copiesNumbers() { return true; }

SmallVector<Value> GatherRowsOp::buildScalarBody(ImplicitLocOpBuilder &,
                                                 OperandReader &reader) {
  return {reader.gather(0, reader.perRow(1))};
}
bool GatherRowsOp::readsInPlace(unsigned) { return false; }
bool GatherRowsOp::copiesNumbers() { return true; }

//===------------------------------- Elementwise --------------------------------===//

SmallVector<Value> ResidualOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                               OperandReader &reader) {
  Body body{builder, reader.lanes()};
  double alpha = getAlpha().convertToDouble(),
         beta = getBeta().convertToDouble();
  Value stream = body.mul(body.constant(alpha), reader.here(0));
  return {body.add(stream, body.mul(body.constant(beta), reader.here(1)))};
}
bool ResidualOp::readsInPlace(unsigned) { return true; }

SmallVector<Value> SiluOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                           OperandReader &reader) {
  Body body{builder, reader.lanes()};
  Value x = reader.here(0);
  return {body.mul(x, body.sigmoid(x))};
}
bool SiluOp::readsInPlace(unsigned) { return true; }

SmallVector<Value> MulOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                          OperandReader &reader) {
  Body body{builder, reader.lanes()};
  return {body.mul(reader.here(0), reader.here(1))};
}
bool MulOp::readsInPlace(unsigned) { return true; }

SmallVector<Value> SigmoidGateOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                                  OperandReader &reader) {
  Body body{builder, reader.lanes()};
  return {body.mul(reader.here(0), body.sigmoid(reader.here(1)))};
}
bool SigmoidGateOp::readsInPlace(unsigned) { return true; }

SmallVector<Value> BlendOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                            OperandReader &reader) {
  Body scalar{builder, 1};
  Value s = scalar.sigmoid(reader.perRow(0));
  Value rest = arith::SubFOp::create(builder, scalar.constant(1.0), s);
  Body body{builder, reader.lanes()};
  return {body.add(body.mul(body.splat(rest), reader.here(1)),
                   body.mul(body.splat(s), reader.here(2)))};
}
bool BlendOp::readsInPlace(unsigned operand) { return operand != 0; }

SmallVector<Value> CombineOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                              OperandReader &reader) {
  Body body{builder, reader.lanes()};
  Value sum;
  for (int64_t j = 0; j < tensorType(getInput()).getDimSize(1); ++j) {
    Value term =
        body.mul(body.splat(reader.perRowInner(1, j)), reader.inner(0, j));
    sum = sum ? body.add(sum, term) : term;
  }
  return {sum};
}
bool CombineOp::readsInPlace(unsigned) { return false; }

//===------------------------------ Rotary embedding -----------------------------===//

SmallVector<Value> RopeAnglesOp::buildScalarBody(ImplicitLocOpBuilder &b,
                                                 OperandReader &reader) {
  Body body{b, reader.lanes()};
  // i32 -> f32 and the product in f32: its rounding is part of the model at long context.
  Value position = arith::SIToFPOp::create(b, b.getF32Type(), reader.perRow(0));
  Value phi = body.mul(body.splat(position), reader.perColumn(1));
  // Sine and cosine in f64, so that the range reduction of angles up to 1e7 is exact enough for 2 ulp of f32.
  Value wide = arith::ExtFOp::create(b, body.type(b.getF64Type()), phi);
  Value cos =
      arith::TruncFOp::create(b, phi.getType(), math::CosOp::create(b, wide));
  Value sin =
      arith::TruncFOp::create(b, phi.getType(), math::SinOp::create(b, wide));
  return {cos, sin};
}
bool RopeAnglesOp::readsInPlace(unsigned) { return false; }

SmallVector<Value> RopeOp::buildScalarBody(ImplicitLocOpBuilder &b,
                                           OperandReader &reader) {
  // c is the column inside its head; the three pieces [0, R), [R, 2R), [2R, head_dim) differ only in their partner
  // column, in the sign of its term, and in whether there is a rotation at all.
  Body body{b, reader.lanes()};
  int64_t half = tensorType(getCos()).getDimSize(1);
  Value column = reader.column();
  Value c = arith::RemUIOp::create(b, column, index(b, getHeadDim()));
  auto below = [&](int64_t bound) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, c,
                                 index(b, bound));
  };
  Value isLow = below(half), isRotated = below(2 * half);
  Value up = arith::AddIOp::create(b, column, index(b, half));
  Value down = arith::SubIOp::create(b, column, index(b, half));
  Value partner = arith::SelectOp::create(
      b, isRotated, arith::SelectOp::create(b, isLow, up, down), column);
  Value pair = arith::SelectOp::create(
      b, isLow, c, arith::SubIOp::create(b, c, index(b, half)));
  pair = arith::SelectOp::create(b, isRotated, pair, index(b, 0));

  Value x = reader.here(0), y = reader.at(0, partner);
  Value cos = reader.at(1, pair), sin = reader.at(2, pair);
  Value signedSin = arith::SelectOp::create(
      b, isLow, Value(arith::NegFOp::create(b, sin)), sin);
  Value rotated = body.add(body.mul(x, cos), body.mul(y, signedSin));
  return {arith::SelectOp::create(b, isRotated, rotated, x)};
}
bool RopeOp::readsInPlace(unsigned) { return false; }
int64_t RopeOp::getLaneGranularity() {
  int64_t half = tensorType(getCos()).getDimSize(1);
  return std::gcd(half, static_cast<int64_t>(getHeadDim()));
}
