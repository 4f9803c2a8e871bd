//===- cluster.h - What a skeleton and a cluster say to each other --------===//
// A skeleton is the loops of a kernel; a cluster is what stands in them. The
// emitter prints a struct for each cluster, with the kernel's parameters as
// members, sizes as constants, and member functions that a skeleton calls:
// holes. Each skeleton's file lists those that it wants.
//
//   struct scale_0_cluster {
//     const float *in0;
//     float *out0;
//     const dp::i64 *dims;
//     static constexpr int kParts = 1, ...;
//     DP_METHOD void store(skeletons::Part<0>, int row, int,
//                          int column) const {
//       dp::store(out0 + row * 32 + column,
//                 2.0f * dp::load(in0 + row * 32 + column));
//     }
//   };
//   DP_KERNEL(256) scale_0(const float *in0, float *out0,
//                          const dp::i64 *dims) {
//     dp::wait_grid();
//     dp::trigger_grid();
//     const scale_0_cluster cluster{in0, out0, dims};
//     skeletons::elementwise(cluster, dp::block(), {});
//   }
//   DP_EXPORT(scale_0)
//===----------------------------------------------------------------------===//
#pragma once

#include "dp/dp.h"

namespace skeletons {

/// Results of a cluster that are made together are a part; a hole that a
/// cluster has for each of its parts takes the part's number as a type.
template <int number> struct Part {
  static constexpr int kNumber = number;
};

/// Shared memory as floats.
DP_DEVICE float *floats(dp::Shared shared) {
  return reinterpret_cast<float *>(shared.bytes);
}

DP_DEVICE constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

/// The sum of `count` numbers of a row, one after the other.
template <int count> DP_DEVICE float sum_of_parts(const float *row) {
  float sum = dp::load(row);
  for (int i = 1; i < count; ++i)
    sum = sum + dp::load(row + i);
  return sum;
}

/// Rows of activations are multiples of this many elements, and whoever writes
/// a row writes zeros behind its columns (dialects/Plan/Layout.h).
constexpr int kRowMultiple = 32;
DP_DEVICE constexpr int padded(int columns) {
  return ceil_div(columns, kRowMultiple) * kRowMultiple;
}

} // namespace skeletons
