//===- elementwise.h - Results that need only their own place ------------===//
// A task is `kPer` rows; the threads of its block walk over the columns.
// Results of one shape, [T, kColumns] or [T, kInner, kColumns], are a part.
//
// Cluster
//   kPer                              rows of a task
//   kParts, kInner[], kColumns[]      their shapes; kInner is 1 for rank 2
//   store(part, row, inner, column)   makes one place of the part's results
//   clear(part, row, inner, column)   puts zeros behind their rows; needed
//                                     where kColumns is not a multiple of 32
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/cluster.h"

namespace skeletons {

/// One row of the results of part `number` and of all behind it.
template <int number, typename Cluster>
DP_DEVICE void store_parts(const Cluster &cluster, int row) {
  if constexpr (number < Cluster::kParts) {
    constexpr int columns = Cluster::kColumns[number];
    for (int inner = 0; inner < Cluster::kInner[number]; ++inner)
      for (int column = dp::thread(); column < padded(columns);
           column += dp::num_threads()) {
        if (column < columns)
          cluster.store(Part<number>(), row, inner, column);
        else if constexpr (columns < padded(columns))
          cluster.clear(Part<number>(), row, inner, column);
      }
    store_parts<number + 1>(cluster, row);
  }
}

template <typename Cluster>
DP_DEVICE void elementwise(const Cluster &cluster, int task, dp::Shared) {
  const int end = dp::min((task + 1) * Cluster::kPer, dp::tokens(cluster.dims));
  for (int row = task * Cluster::kPer; row < end; ++row)
    store_parts<0>(cluster, row);
}

} // namespace skeletons
