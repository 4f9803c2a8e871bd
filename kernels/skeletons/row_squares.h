//===- row_squares.h - Sums of stretches of a row, as results ------------===//
// sum_squares: a row's columns are cut into stretches of equal length, and each
// has a sum of its own. A task is `kPer` rows; each warp takes every `kWarps`th
// stretch. Order: a lane adds every 32nd column of the stretch, then
// dp::warp_sum.
//
// Cluster
//   kPer, kWarps, kColumns, kStretches   rows of a task, warps, width, sums
//   reduced(row, column), accumulate(x, sum), finish(sum)
//                                        as in row_reduction.h
//   store(row, stretch, sum)             the sum of a stretch
//   clear(row, stretch)                  puts zeros behind the sums; needed
//                                        where kStretches is not a multiple of 32
//   kStoresRows                          whether there are other results, of
//     store_row(row, column)             kColumns
//     clear_row(row, column)
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/cluster.h"

namespace skeletons {

template <typename Cluster>
DP_DEVICE void row_squares(const Cluster &cluster, int task, dp::Shared) {
  constexpr int columns = Cluster::kColumns, stretches = Cluster::kStretches,
                length = columns / stretches;
  const int end = dp::min((task + 1) * Cluster::kPer, dp::tokens(cluster.dims));
  for (int row = task * Cluster::kPer; row < end; ++row) {
    for (int stretch = dp::warp(); stretch < stretches;
         stretch += Cluster::kWarps) {
      float sum = 0.0f;
      for (int i = dp::lane(); i < length; i += 32)
        sum =
            cluster.accumulate(cluster.reduced(row, stretch * length + i), sum);
      sum = cluster.finish(dp::warp_sum(sum));
      if (dp::lane() == 0)
        cluster.store(row, stretch, sum);
    }
    if constexpr (stretches < padded(stretches))
      if (dp::thread() < padded(stretches) - stretches)
        cluster.clear(row, stretches + dp::thread());
    if constexpr (Cluster::kStoresRows)
      for (int column = dp::thread(); column < padded(columns);
           column += dp::num_threads()) {
        if (column < columns)
          cluster.store_row(row, column);
        else if constexpr (columns < padded(columns))
          cluster.clear_row(row, column);
      }
  }
}

} // namespace skeletons
