//===- StoredTensor.h - What a tensor type is called on disk --------------===//
#pragma once

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

} // namespace mm1
