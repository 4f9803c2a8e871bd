//===- Tensor.h - A tensor of the reference evaluator ---------------------===//
// Shape and doubles, row-major; integers are doubles too (every i32 is exact).
//===----------------------------------------------------------------------===//
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

namespace mlir::mm1 {

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<double> values;

  Tensor() = default;
  /// All zeros.
  explicit Tensor(std::vector<int64_t> shape)
      : shape(std::move(shape)), values(count(this->shape)) {}
  Tensor(std::vector<int64_t> shape, std::vector<double> values)
      : shape(std::move(shape)), values(std::move(values)) {
    assert(this->values.size() == count(this->shape));
  }

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t dim(int64_t i) const { return shape[static_cast<size_t>(i)]; }
  int64_t size() const { return static_cast<int64_t>(values.size()); }
  /// Elements of the last dimension: the columns of a row.
  int64_t width() const { return shape.back(); }
  /// How many rows of width() there are, over all other dimensions.
  int64_t numRows() const {
    return count(shape) / std::max<size_t>(1, width());
  }

  double &operator[](int64_t i) { return values[static_cast<size_t>(i)]; }
  double operator[](int64_t i) const { return values[static_cast<size_t>(i)]; }
  double *row(int64_t r) { return values.data() + r * width(); }
  const double *row(int64_t r) const { return values.data() + r * width(); }

  static size_t count(const std::vector<int64_t> &shape) {
    return static_cast<size_t>(std::accumulate(
        shape.begin(), shape.end(), int64_t(1), std::multiplies<>()));
  }
};

} // namespace mlir::mm1
