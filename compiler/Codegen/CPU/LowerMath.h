//===- LowerMath.h - exp, sin and cos without libm -----------------------===//
// Replaces math.exp of f32 and math.sin, math.cos of f64, on scalars and
// vectors, by arithmetic, so that kernels call nothing. Errors, held by tests:
//
//   exp  2 ulp; e^x overflows to inf and underflows through the denormals to 0
//        where f32 does; NaN stays NaN
//   sin, cos  1 ulp of f64 up to |x| = 2^31 (f32 angles: positions times
//        frequencies), so that rounding to f32 is right to its last bit or two
//
// Where it comes from: reduction by a multiple of ln 2 or pi/2, split in parts
// so that the difference is exact (Cody and Waite, 1980), then a Taylor series.
//===---------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace mlir::mm1::cpu {

void lowerMath(ModuleOp kernels);

} // namespace mlir::mm1::cpu
