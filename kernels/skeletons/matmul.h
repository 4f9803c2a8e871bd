//===- matmul.h - linear of several widths, with what stands around it ---===//
// Products that an epilogue joins (silu(g) * u) are a part; parts have widths
// of their own. A task is up to `kBlockColumns` columns of one part, for all
// rows:
//
//   parts of 24576 and 8192 columns, blocks of 256: tasks 0 to 95, 96 to 127
//
// Each warp takes every `kWarps`th panel of four columns, and for each `kRows`
// rows of it makes a tile (warp_tile.h), whose lanes then finish a place each:
// scales, epilogue, store.
//
// What stands in front of the products is made again by every task. A norm in
// front, or a factor of the row behind, wants a number of the whole row first:
// the block makes those of kGroupRows rows, then multiplies them. Task 0 stores
// what others need of the rows in front.
//
// Cluster
//   kDepth, kRows, kWarps, kBlockColumns
//   kParts, kColumns[], kProducts[]     of each part: its width, its matrices
//   matrix(part, i)                     matrix i of the part (matrix.h)
//   store(part, row, column, sums, stat)
//                                       makes one place of the part's results
//   clear(part, row, column)            puts zeros behind their rows; needed
//                                       where kColumns is not a multiple of 32
//   kIsMade                             whether activations are made here:
//     no:   row(row)                    a row's address
//     yes:  activation(row, column, stat)
//                                       one number, rounded as if it was stored
//   kIsReduced                          whether a norm is in front:
//     reduced(row, column), accumulate(x, sum), finish(sum) -> stat
//                                       as in row_reduction.h
//   kHasRowStats                        whether the row's number is simply
//     row_stat(row) -> stat             there; without both stat is 0
//   kStoresRows                         whether task 0 stores what is in front:
//     store_row(row, column, stat), clear_row(row, column)
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/row_sums.h"
#include "skeletons/warp_tile.h"

namespace skeletons {

/// Rows whose numbers are made before they are multiplied: so many that prefill
/// does not read a block's weights often.
constexpr int kGroupRows = 1024;

/// Of clusters with kIsReduced or kHasRowStats; others need none.
template <typename Cluster> DP_DEVICE constexpr int matmul_shared_bytes() {
  return (kGroupRows + RowSums<Cluster::kWarps, Cluster::kRows>::kPartials) *
         int(sizeof(float));
}

/// stats[r] for the rows [first, last), at most kGroupRows. All threads of the
/// block must call it, and find the stats written.
template <typename Cluster>
DP_DEVICE void load_row_stats(const Cluster &cluster, int first, int last,
                              float *stats) {
  for (int row = first + dp::thread(); row < last; row += dp::num_threads())
    stats[row - first] = cluster.row_stat(row);
  dp::sync_block();
}

/// The same of a norm.
template <typename Cluster>
DP_DEVICE void make_row_stats(const Cluster &cluster, int first, int last,
                              float *stats, float *partials) {
  using Sums = RowSums<Cluster::kWarps, Cluster::kRows>;
  constexpr int columns = Cluster::kDepth, threads = Cluster::kWarps * 32;
  for (int row = first; row < last; row += Cluster::kRows) {
    const int count = dp::min(last - row, Cluster::kRows);
    Sums sums;
    for (int step = 0; step * threads < columns; step += Sums::kGroups) {
      DP_UNROLL
      for (int i = 0; i < Sums::kGroups; ++i) {
        const int column = (step + i) * threads + dp::thread();
        DP_UNROLL
        for (int r = 0; r < Cluster::kRows; ++r)
          if (r < count && column < columns)
            sums.chain(r, i) = cluster.accumulate(
                cluster.reduced(row + r, column), sums.chain(r, i));
      }
    }
    sums.finish(partials);
    if (dp::thread() < count)
      stats[row - first + dp::thread()] =
          cluster.finish(Sums::total(partials, dp::thread()));
    dp::sync_block();
  }
}

/// Stores what is in front of the products, of rows [first, last).
template <typename Cluster>
DP_DEVICE void store_rows(const Cluster &cluster, int first, int last,
                          const float *stats) {
  constexpr int columns = Cluster::kDepth;
  for (int row = first; row < last; ++row) {
    float stat = 0.0f;
    if constexpr (Cluster::kIsReduced || Cluster::kHasRowStats)
      stat = stats[row - first];
    for (int column = dp::thread(); column < padded(columns);
         column += dp::num_threads()) {
      if (column < columns)
        cluster.store_row(row, column, stat);
      else if constexpr (columns < padded(columns))
        cluster.clear_row(row, column);
    }
  }
}

/// The columns of block `block` of a part, of rows [first, last).
/// \param stats  of those rows; null when there are none
template <typename Cluster, typename Part>
DP_DEVICE void multiply_part(const Cluster &cluster, Part part, int block,
                             int first, int last, const float *stats) {
  constexpr int columns = Cluster::kColumns[Part::kNumber],
                products = Cluster::kProducts[Part::kNumber],
                rows = Cluster::kRows;
  static_assert(Cluster::kBlockColumns % kTileColumns == 0 ||
                    columns <= Cluster::kBlockColumns,
                "a panel's columns belong to one block");
  using Order = typename decltype(cluster.matrix(part, 0))::Order;
  auto statOf = [&](int row) {
    if constexpr (Cluster::kIsReduced || Cluster::kHasRowStats)
      return stats[row - first];
    else
      return 0.0f;
  };
  auto matrix = [&](int i) { return cluster.matrix(part, i); };

  const int end = dp::min((block + 1) * Cluster::kBlockColumns, columns);
  for (int column = block * Cluster::kBlockColumns + dp::warp() * kTileColumns;
       column < end; column += Cluster::kWarps * kTileColumns) {
    for (int row = first; row < last; row += rows) {
      const int count = dp::min(last - row, rows);
      auto rowChunk = [&](int r, int k) {
        if constexpr (Cluster::kIsMade) {
          const float stat = statOf(row + r);
          dp::Values<Order::kChunk> x;
          DP_UNROLL
          for (int i = 0; i < Order::kChunk; ++i) {
            const int at = Order::chunk_column(k, i);
            x.values[i] = Order::kIsWhole || at < Cluster::kDepth
                              ? cluster.activation(row + r, at, stat)
                              : 0.0f;
          }
          return x;
        } else {
          return Order::row_chunk(cluster.row(row + r), k);
        }
      };
      float tile[products][rows][kTileColumns] = {};
      multiply<Order>(tile, count, matrix, rowChunk, column);
      float sums[products];
      keep_own(tile, count, sums);
      if (own_row() < count && column + own_column() < columns)
        cluster.store(part, row + own_row(), column + own_column(), sums,
                      statOf(row + dp::min(own_row(), count - 1)));
      if constexpr (columns < padded(columns))
        if (column + kTileColumns >= columns)
          for (int r = 0; r < count; ++r)
            if (columns + dp::lane() < padded(columns))
              cluster.clear(part, row + r, columns + dp::lane());
    }
  }
}

/// Block `block` of part `number` and those behind it.
template <int number, typename Cluster>
DP_DEVICE void multiply_block(const Cluster &cluster, int block, int first,
                              int last, const float *stats) {
  if constexpr (number < Cluster::kParts) {
    constexpr int blocks =
        ceil_div(Cluster::kColumns[number], Cluster::kBlockColumns);
    if (block < blocks)
      multiply_part(cluster, Part<number>(), block, first, last, stats);
    else
      multiply_block<number + 1>(cluster, block - blocks, first, last, stats);
  }
}

template <typename Cluster>
DP_DEVICE void matmul(const Cluster &cluster, int task, dp::Shared shared) {
  auto multiplyRows = [&](int first, int last, const float *stats) {
    if constexpr (Cluster::kStoresRows)
      if (task == 0)
        store_rows(cluster, first, last, stats);
    multiply_block<0>(cluster, task, first, last, stats);
  };
  const int rows = dp::tokens(cluster.dims);
  if constexpr (Cluster::kIsReduced || Cluster::kHasRowStats) {
    float *stats = floats(shared), *partials = stats + kGroupRows;
    for (int first = 0; first < rows; first += kGroupRows) {
      const int last = dp::min(first + kGroupRows, rows);
      if constexpr (Cluster::kIsReduced)
        make_row_stats(cluster, first, last, stats, partials);
      else
        load_row_stats(cluster, first, last, stats);
      multiplyRows(first, last, stats);
      dp::sync_block(); // the stats have been read
    }
  } else {
    multiplyRows(0, rows, nullptr);
  }
}

} // namespace skeletons
