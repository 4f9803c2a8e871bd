//===- LowerMath.cpp - exp, sin and cos without libm ---------------------===//
#include "compiler/Codegen/CPU/LowerMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace {

/// Builds arithmetic on values of one shape: scalars or vectors.
struct Arithmetic {
  ImplicitLocOpBuilder &b;
  Type floats;

  Type withElement(Type element) const {
    if (auto vector = dyn_cast<VectorType>(floats))
      return vector.clone(element);
    return element;
  }
  Type integers() const {
    Type element = getElementTypeOrSelf(floats);
    return withElement(b.getIntegerType(element.getIntOrFloatBitWidth()));
  }
  Value constant(TypedAttr scalar) const {
    Type type = withElement(scalar.getType());
    if (auto vector = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(
          b,
          cast<TypedAttr>(DenseElementsAttr::get(vector, Attribute(scalar))));
    return arith::ConstantOp::create(b, scalar);
  }
  Value number(double value) const {
    return constant(b.getFloatAttr(getElementTypeOrSelf(floats), value));
  }
  Value integer(int64_t value) const {
    return constant(b.getIntegerAttr(getElementTypeOrSelf(integers()), value));
  }
  Value fma(Value x, Value y, Value z) const {
    return math::FmaOp::create(b, x, y, z);
  }
  Value toBits(Value x) const {
    return arith::BitcastOp::create(b, integers(), x);
  }
  Value toFloats(Value bits) const {
    return arith::BitcastOp::create(b, floats, bits);
  }
  /// c[0] + c[1] x + c[2] x^2 + ...
  Value polynomial(Value x, ArrayRef<double> c) const {
    Value sum = number(c.back());
    for (double coefficient : llvm::reverse(c.drop_back()))
      sum = fma(sum, x, number(coefficient));
    return sum;
  }
};

/// 1 / n!
double inverseFactorial(int n) {
  double product = 1;
  for (int i = 2; i <= n; ++i)
    product *= i;
  return 1 / product;
}

/// e^x = 2^n e^r with n the integer nearest to x / ln 2.
Value buildExp(ImplicitLocOpBuilder &b, Value x) {
  Arithmetic a{b, x.getType()};
  // Beyond these bounds the result is inf or 0 anyway; a NaN fails both
  // comparisons and stays.
  auto clamp = [&](arith::CmpFPredicate beyond, double bound) {
    Value limit = a.number(bound);
    Value isBeyond = arith::CmpFOp::create(b, beyond, x, limit);
    x = arith::SelectOp::create(b, isBeyond, limit, x);
  };
  clamp(arith::CmpFPredicate::OGT, 89.0);
  clamp(arith::CmpFPredicate::OLT, -104.0);

  // Adding 1.5 * 2^23 leaves the rounded integer in the low bits.
  Value shift = a.number(12582912.0);
  Value shifted = a.fma(x, a.number(1.44269504088896341), shift);
  Value n = arith::SubFOp::create(b, shifted, shift);
  Value bits = arith::SubIOp::create(b, a.toBits(shifted), a.toBits(shift));
  // ln 2 = 0x1.62e400p-1 (15 bits: n times it is exact) + the rest.
  Value r = a.fma(n, a.number(-0x1.62e4p-1), x);
  r = a.fma(n, a.number(-1.42860682030941723e-6), r);

  // |r| <= ln 2 / 2: the first term left out is r^8 / 8! < 6e-9.
  SmallVector<double> c;
  for (int i = 0; i <= 7; ++i)
    c.push_back(inverseFactorial(i));
  Value e = a.polynomial(r, c);
  // 2^n in two factors, each a normal number: n goes from -150 to 129.
  Value half = arith::ShRSIOp::create(b, bits, a.integer(1));
  auto power = [&](Value exponent) {
    Value biased = arith::AddIOp::create(b, exponent, a.integer(127));
    return a.toFloats(arith::ShLIOp::create(b, biased, a.integer(23)));
  };
  e = arith::MulFOp::create(b, e, power(half));
  return arith::MulFOp::create(b, e,
                               power(arith::SubIOp::create(b, bits, half)));
}

/// sin(x), or cos(x), in f64: x = n pi/2 + r, and n's low bits pick the series
/// and its sign.
Value buildSinCos(ImplicitLocOpBuilder &b, Value x, bool cosine) {
  Arithmetic a{b, x.getType()};
  Value shift = a.number(6755399441055744.0); // 1.5 * 2^52
  Value shifted = a.fma(x, a.number(0.636619772367581343), shift);
  Value n = arith::SubFOp::create(b, shifted, shift);
  Value quadrant = a.toBits(shifted);
  if (cosine) // cos(x) = sin(x + pi/2)
    quadrant = arith::AddIOp::create(b, quadrant, a.integer(1));
  // pi/2 to 106 bits. The first difference is exact but for its own rounding:
  // fma does not round the product.
  Value r = a.fma(n, a.number(-0x1.921fb54442d18p0), x);
  r = a.fma(n, a.number(-0x1.1a62633145c07p-54), r);

  // |r| <= pi/4: the terms left out are below 1e-18.
  SmallVector<double> sine, cosineTerms;
  for (int i = 0; i <= 8; ++i) {
    double sign = i % 2 ? -1 : 1;
    sine.push_back(sign * inverseFactorial(2 * i + 1));
    cosineTerms.push_back(sign * inverseFactorial(2 * i));
  }
  Value square = arith::MulFOp::create(b, r, r);
  // r + r^3 (...) and 1 + r^2 (...): the large term is added last.
  Value cubic = arith::MulFOp::create(b, square, r);
  Value s = a.fma(cubic, a.polynomial(square, ArrayRef(sine).drop_front()), r);
  Value c =
      a.fma(square, a.polynomial(square, ArrayRef(cosineTerms).drop_front()),
            a.number(1.0));

  auto isSet = [&](int64_t bit) -> Value {
    Value masked = arith::AndIOp::create(b, quadrant, a.integer(bit));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, masked,
                                 a.integer(0));
  };
  Value result = arith::SelectOp::create(b, isSet(1), c, s);
  Value negated = arith::NegFOp::create(b, result);
  return arith::SelectOp::create(b, isSet(2), negated, result);
}

} // namespace

void mlir::mm1::cpu::lowerMath(ModuleOp kernels) {
  kernels.walk([](Operation *op) {
    ImplicitLocOpBuilder b(op->getLoc(), op);
    Value result;
    if (auto exp = dyn_cast<math::ExpOp>(op))
      result = buildExp(b, exp.getOperand());
    else if (auto sin = dyn_cast<math::SinOp>(op))
      result = buildSinCos(b, sin.getOperand(), false);
    else if (auto cos = dyn_cast<math::CosOp>(op))
      result = buildSinCos(b, cos.getOperand(), true);
    else
      return;
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  });
}
