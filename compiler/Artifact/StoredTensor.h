//===- StoredTensor.h - What a tensor type is called on disk --------------===//
#pragma once

#include "dialects/MM1/MM1.h"
#include "runtime/Support/ElementType.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/ErrorHandling.h"

namespace mm1 {

/// The number format of an element type that weights, states or ports have.
inline ElementType storedElement(mlir::Type type) {
  if (type.isF32())
    return ElementType::F32;
  if (type.isBF16())
    return ElementType::BF16;
  if (type.isInteger(32))
    return ElementType::I32;
  if (type.isInteger(8))
    return ElementType::I8;
  llvm_unreachable("no such tensors in the mm1 dialect");
}

/// The same of a weight in its layout: integers in fragment order are stored as
/// q + 128.
inline ElementType storedElement(mlir::RankedTensorType type) {
  auto layout =
      mlir::dyn_cast_or_null<mlir::mm1::SwizzledAttr>(type.getEncoding());
  return layout && layout.getOrder() == mlir::mm1::LineOrder::Fragment
             ? ElementType::U8
             : storedElement(type.getElementType());
}

} // namespace mm1
