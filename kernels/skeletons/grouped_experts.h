//===- grouped_experts.h - expert_linear for many rows --------------------===//
// The pairs (token, choice) come sorted by expert (grouping.h). An item is up to
// kItemRows pairs of one expert times one block of columns; tasks take items in
// turn, so that it does not matter which experts are in favour:
//
//   offsets 0 100 100 130, 2 blocks of columns, 3 tasks
//   ->  expert 0: items 0 to 3, expert 1: none, expert 2: items 4 and 5
//       task 0 does 0 and 3, task 1 does 1 and 4, task 2 does 2 and 5
//
// An item's blocks of columns are neighbours, so that its rows stay in the
// cache. A place has the bits that experts.h gives it.
//
// Cluster
//   kDepth, kExperts, kChoices, kWarps, kBlockColumns, kParts, kColumns[],
//   kProducts[], matrix, row, store and clear as in experts.h, with kIsMade and
//   kCombines false; and
//   kRows, kTasks                rows of a tile; tasks of the launch
//   offset(expert) -> int        where an expert's pairs begin
//   pair(place) -> int           token * kChoices + choice
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/experts.h"

namespace skeletons {

constexpr int kItemRows = 64;

template <typename Cluster>
DP_DEVICE constexpr int grouped_experts_shared_bytes() {
  return (Cluster::kExperts + 1) * int(sizeof(int));
}

/// Pairs [first, last) of an expert times block `block` of a part.
template <typename Cluster, typename Part>
DP_DEVICE void multiply_item(const Cluster &cluster, Part part, int block,
                             int expert, int first, int last) {
  constexpr int columns = Cluster::kColumns[Part::kNumber],
                products = Cluster::kProducts[Part::kNumber],
                rows = Cluster::kRows, choices = Cluster::kChoices;
  using Order = typename decltype(cluster.matrix(part, 0, 0))::Order;
  const int end = dp::min((block + 1) * Cluster::kBlockColumns, columns);
  DP_NO_UNROLL
  for (int column = block * Cluster::kBlockColumns + dp::warp() * kTileColumns;
       column < end; column += Cluster::kWarps * kTileColumns)
    DP_NO_UNROLL
  for (int place = first; place < last; place += rows) {
    const int count = dp::min(last - place, rows);
    int pairs[rows];
    DP_UNROLL
    for (int r = 0; r < rows; ++r)
      pairs[r] = cluster.pair(place + dp::min(r, count - 1));
    float tile[products][rows][kTileColumns] = {};
    multiply<Order>(
        tile, count, [&](int i) { return cluster.matrix(part, i, expert); },
        [&](int r, int k) {
          return pair_chunk<Order>(cluster, pairs[r] / choices,
                                   pairs[r] % choices, k);
        },
        column);
    float sums[products];
    keep_own(tile, count, sums);
    const int own = column + own_column();
    if (own_row() < count && own < columns) {
      const int pair = cluster.pair(place + own_row());
      cluster.store(part, pair / choices, pair % choices, own, expert, sums);
    }
    if constexpr (columns < padded(columns))
      if (column + kTileColumns >= columns &&
          columns + dp::lane() < padded(columns)) {
        DP_UNROLL
        for (int r = 0; r < rows; ++r)
          if (r < count)
            cluster.clear(part, pairs[r] / choices, pairs[r] % choices,
                          columns + dp::lane());
      }
  }
}

template <typename Cluster>
DP_DEVICE void grouped_experts(const Cluster &cluster, int task,
                               dp::Shared shared) {
  constexpr int blocks = count_column_blocks<Cluster>();
  int *offsets = reinterpret_cast<int *>(shared.bytes);
  for (int i = dp::thread(); i <= Cluster::kExperts; i += dp::num_threads())
    offsets[i] = cluster.offset(i);
  dp::sync_block();
  int item = task; // the next one of this task, counted from the expert's first
  for (int expert = 0; expert < Cluster::kExperts; ++expert) {
    const int first = offsets[expert], last = offsets[expert + 1];
    const int items = ceil_div(last - first, kItemRows) * blocks;
    for (; item < items; item += Cluster::kTasks) {
      const int begin = first + item / blocks * kItemRows;
      with_column_block<Cluster>(item % blocks, [&](auto part, int block) {
        multiply_item(cluster, part, block, expert, begin,
                      dp::min(begin + kItemRows, last));
      });
    }
    item -= items;
  }
}

} // namespace skeletons
