//===- ExpectShapes.h - What verifiers ask of shapes ----------------------===//
// Each reports on the op what it expected and what it found. For the verifiers
// of this folder; nobody else includes it.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"

namespace mlir::mm1 {

inline RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Fails unless the value has this rank.
inline LogicalResult expectRank(Operation *op, StringRef name, Value value,
                                int64_t rank) {
  if (tensorType(value).getRank() == rank)
    return success();
  return op->emitOpError() << "expects '" << name << "' of rank " << rank
                           << ", found " << value.getType();
}

/// Fails unless dimension `dim` of the value is `size`; `why` says where the
/// size comes from.
inline LogicalResult expectDim(Operation *op, StringRef name, Value value,
                               int64_t dim, int64_t size, const Twine &why) {
  int64_t found = tensorType(value).getDimSize(dim);
  if (found == size)
    return success();
  return op->emitOpError() << "expects dimension " << dim << " of '" << name
                           << "' to be " << size << " (" << why << "), found "
                           << found;
}

/// Whether widths can be computed from these sizes.
inline bool isKnownAndPositive(ArrayRef<int64_t> sizes) {
  return llvm::all_of(
      sizes, [](int64_t size) { return size > 0; }); // kDynamic is negative
}

/// The rank-1 and rank-2 values that describe the batch.
inline LogicalResult expectBatch(Operation *op,
                                 ArrayRef<std::pair<StringRef, Value>> vectors,
                                 Value pages = {}) {
  for (auto [name, value] : vectors)
    if (failed(expectRank(op, name, value, 1)))
      return failure();
  return pages ? expectRank(op, "pages", pages, 2) : success();
}

} // namespace mlir::mm1
