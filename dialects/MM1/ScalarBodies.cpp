//===- ScalarBodies.cpp - What each elementwise op computes, said once ---------===//
// Every body is built on scalars or on vectors, as the reader asks: the CPU emitter gets vector<16xf32> code, the
// CUDA emitter gets scalars that it prints as C++. A number that is the same for a whole row arrives as a scalar and
// is broadcast here.
//===---------------------------------------------------------------------------===//
#include "dialects/MM1/MM1.h"
#include "dialects/MM1/ScalarMath.h"

#include <numeric>

using namespace mlir;
using namespace mlir::mm1;

namespace {

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
bool EmbeddingOp::copiesNumbers() { return true; }

SmallVector<Value> GatherRowsOp::buildScalarBody(ImplicitLocOpBuilder &,
                                                 OperandReader &reader) {
  return {reader.gather(0, reader.perRow(1))};
}
bool GatherRowsOp::copiesNumbers() { return true; }

//===------------------------------- Elementwise --------------------------------===//

SmallVector<Value> ResidualOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                               OperandReader &reader) {
  ScalarMath body{builder, reader.lanes()};
  double alpha = getAlpha().convertToDouble(),
         beta = getBeta().convertToDouble();
  Value stream = body.mul(body.constant(alpha), reader.here(0));
  return {body.add(stream, body.mul(body.constant(beta), reader.here(1)))};
}

SmallVector<Value> SiluOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                           OperandReader &reader) {
  ScalarMath body{builder, reader.lanes()};
  Value x = reader.here(0);
  return {body.mul(x, body.sigmoid(x))};
}

SmallVector<Value> MulOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                          OperandReader &reader) {
  ScalarMath body{builder, reader.lanes()};
  return {body.mul(reader.here(0), reader.here(1))};
}

SmallVector<Value> SigmoidGateOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                                  OperandReader &reader) {
  ScalarMath body{builder, reader.lanes()};
  return {body.mul(reader.here(0), body.sigmoid(reader.here(1)))};
}

SmallVector<Value> BlendOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                            OperandReader &reader) {
  ScalarMath scalar{builder, 1};
  Value s = scalar.sigmoid(reader.perRow(0));
  Value rest = arith::SubFOp::create(builder, scalar.constant(1.0), s);
  ScalarMath body{builder, reader.lanes()};
  return {body.add(body.mul(body.splat(rest), reader.here(1)),
                   body.mul(body.splat(s), reader.here(2)))};
}

SmallVector<Value> CombineOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                              OperandReader &reader) {
  ScalarMath body{builder, reader.lanes()};
  Value sum;
  for (int64_t j = 0; j < tensorType(getInput()).getDimSize(1); ++j) {
    Value term =
        body.mul(body.splat(reader.perRowInner(1, j)), reader.inner(0, j));
    sum = sum ? body.add(sum, term) : term;
  }
  return {sum};
}

//===----------------------------- Norms in pieces -------------------------------===//

SmallVector<Value> NormRowsOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                               OperandReader &reader) {
  ScalarMath scalar{builder, 1};
  Value sum;
  for (int64_t p = 0; p < tensorType(getSums()).getDimSize(1); ++p) {
    Value part = reader.perRowInner(1, p);
    sum = sum ? scalar.add(sum, part) : part;
  }
  Value factor =
      buildInverseRms(builder, sum, getWidth(), getEps().convertToDouble());
  ScalarMath math{builder, reader.lanes()};
  return {math.mul(reader.here(0), math.splat(factor))};
}

SmallVector<Value>
ScaleColumnsOp::buildScalarBody(ImplicitLocOpBuilder &builder,
                                OperandReader &reader) {
  ScalarMath math{builder, reader.lanes()};
  return {math.mul(reader.here(0), reader.perColumn(1))};
}

//===------------------------------ Rotary embedding -----------------------------===//

SmallVector<Value> RopeAnglesOp::buildScalarBody(ImplicitLocOpBuilder &b,
                                                 OperandReader &reader) {
  ScalarMath body{b, reader.lanes()};
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

SmallVector<Value> RopeOp::buildScalarBody(ImplicitLocOpBuilder &b,
                                           OperandReader &reader) {
  // c is the column inside its head; the three pieces [0, R), [R, 2R), [2R, head_dim) differ only in their partner
  // column, in the sign of its term, and in whether there is a rotation at all.
  ScalarMath body{b, reader.lanes()};
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
int64_t RopeOp::getLaneGranularity() {
  int64_t half = tensorType(getCos()).getDimSize(1);
  return std::gcd(half, static_cast<int64_t>(getHeadDim()));
}
