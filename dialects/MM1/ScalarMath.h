//===- ScalarMath.h - arith and math ops on scalars or vectors ------------===//
// What scalar bodies and row reductions are written in: the same words build
// f32 scalars (lanes = 1) or vectors of `lanes` f32.
//
//   ScalarMath math{builder, reader.lanes()};
//   Value y = math.mul(x, math.sigmoid(x));
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mm1 {

struct ScalarMath {
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

/// 1 / sqrt(sum / width + eps) of a scalar sum of squares.
Value buildInverseRms(ImplicitLocOpBuilder &builder, Value sum, int64_t width,
                      double eps);

} // namespace mlir::mm1
