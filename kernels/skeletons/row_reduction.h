//===- row_reduction.h - rms_norm and what is fused to it ----------------===//
// A task is `kPer` rows, one after the other, each in two passes of its block:
//
//   1  x = what is normed (residual, combine, embedding, ...) at each column,
//      kept in registers, and a number of the whole row from the sum over x
//   2  the results, from x and that number
//
// Cluster
//   kPer, kWarps, kColumns             rows of a task, warps of a block; width
//   reduced(row, column) -> x
//   accumulate(x, sum) -> sum          e.g. sum + x * x
//   finish(sum) -> stat                e.g. 1 / sqrt(sum / kColumns + eps)
//   store(row, column, x, stat)        makes one place of the results
//   clear(row, column)                 puts zeros behind their rows; needed
//                                      where kColumns is not a multiple of 32
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/row_sums.h"

namespace skeletons {

/// Columns of a row that a thread may keep in registers.
constexpr int kMostKept = 64;

/// Two rows' partial sums: a block writes a row's while the one before is read.
template <typename Cluster>
DP_DEVICE constexpr int row_reduction_shared_bytes() {
  return 2 * RowSums<Cluster::kWarps, 1>::kPartials * int(sizeof(float));
}

template <typename Cluster>
DP_DEVICE void row_reduction(const Cluster &cluster, int task,
                             dp::Shared shared) {
  using Sums = RowSums<Cluster::kWarps, 1>;
  constexpr int columns = Cluster::kColumns, threads = Cluster::kWarps * 32,
                kept = ceil_div(columns, threads);
  static_assert(kept <= kMostKept, "a row must fit the registers of its block");
  const int end = dp::min((task + 1) * Cluster::kPer, dp::tokens(cluster.dims));
  for (int row = task * Cluster::kPer; row < end; ++row) {
    float x[kept] = {};
    Sums sums;
    DP_UNROLL
    for (int i = 0; i < kept; ++i) {
      const int column = i * threads + dp::thread();
      if (column < columns) {
        x[i] = cluster.reduced(row, column);
        sums.chain(0, i) = cluster.accumulate(x[i], sums.chain(0, i));
      }
    }
    float *partials = floats(shared) + row % 2 * Sums::kPartials;
    sums.finish(partials);
    const float stat = cluster.finish(Sums::total(partials, 0));
    DP_UNROLL
    for (int i = 0; i < kept; ++i) {
      const int column = i * threads + dp::thread();
      if (column < columns)
        cluster.store(row, column, x[i], stat);
    }
    if constexpr (columns < padded(columns))
      for (int column = columns + dp::thread(); column < padded(columns);
           column += threads)
        cluster.clear(row, column);
  }
}

} // namespace skeletons
