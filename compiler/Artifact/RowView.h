//===- RowView.h - The rows of a weight before its numbers change ---------===//
// The first steps of a recipe (stack, concat, slice) move bytes but change
// none. A RowView finds, for any row of the tensor they make, the stretches of
// the mapped checkpoint it is made of; nothing is copied:
//
//   sources a, b: [96, 64]; stack, slice<axis = 1, offset = 48, size = 48>
//   -> [2, 48, 64]; row 50 is row 48 + 2 of b: one stretch of 64 elements
//
// Rows are counted over all dimensions but the last; a vector is one row.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/ElementType.h"
#include "runtime/Support/Expected.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mm1 {

/// Consecutive bytes of one row.
using Stretch = std::span<const std::byte>;

class RowView {
public:
  virtual ~RowView() = default;

  /// Appends the stretches of row `row`, from its first column to its last.
  virtual void appendRow(int64_t row, std::vector<Stretch> &out) const = 0;

  std::span<const int64_t> shape() const { return dims; }
  ElementType type() const { return element; }
  int64_t columns() const { return dims.empty() ? 1 : dims.back(); }
  int64_t numRows() const;

protected:
  RowView(std::vector<int64_t> dims, ElementType element)
      : dims(std::move(dims)), element(element) {}

  std::vector<int64_t> dims;
  ElementType element;
};

using RowViewPtr = std::unique_ptr<RowView>;

/// A tensor in memory, row after row; `bytes` must outlive the view.
RowViewPtr viewOf(Stretch bytes, std::vector<int64_t> shape, ElementType type);
/// Equal tensors behind each other, along a new first dimension.
RowViewPtr stackViews(std::vector<RowViewPtr> parts);
/// Tensors that agree in all dimensions but `axis`.
RowViewPtr concatViews(std::vector<RowViewPtr> parts, int64_t axis);
/// Indices `offset .. offset+size-1` of dimension `axis`.
RowViewPtr sliceView(RowViewPtr whole, int64_t axis, int64_t offset,
                     int64_t size);

} // namespace mm1
