//===- row_sums.h - Sums over the columns of rows, in one order ----------===//
// The same row gives the same bits wherever it is summed: alone, by a block of
// any width, or by every block of a matmul again. So the order follows from the
// column's number and nothing else. Eight groups of 32 chains share the
// columns,
//
//   column c is in chain c % 32 of group c / 32 % 8     c = 300: 12 of group 1
//
// a chain takes its columns in rising order, a group's chains are added as
// dp::warp_sum adds lanes, and then the groups in order. A warp of W has the
// groups warp, warp + W, ...; W is 1, 2, 4 or 8.
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/cluster.h"

namespace skeletons {

constexpr int kSumGroups = 8;

/// This thread's chains of some rows, and what becomes of them.
template <int warps, int rows> struct RowSums {
  static_assert(kSumGroups % warps == 0,
                "columns of a group of chains belong to one warp");
  /// Groups that a warp has of each row.
  static constexpr int kGroups = kSumGroups / warps;
  /// Floats of shared memory that finish() wants.
  static constexpr int kPartials = rows * kSumGroups;

  float chains[rows * kGroups] = {};

  /// The chain that a thread adds its column `step * threads + thread` to.
  DP_METHOD float &chain(int row, int step) {
    return chains[row * kGroups + step % kGroups];
  }

  /// Adds up the chains; then total() may be asked. All threads of the block
  /// must call it. A second call with the same `partials` must stand behind
  /// another sync_block.
  DP_METHOD void finish(float *partials) {
    dp::warp_sums(chains);
    if (dp::lane() == 0) {
      DP_UNROLL
      for (int row = 0; row < rows; ++row) {
        DP_UNROLL
        for (int i = 0; i < kGroups; ++i)
          partials[row * kSumGroups + i * warps + dp::warp()] =
              chains[row * kGroups + i];
      }
    }
    dp::sync_block();
  }

  /// The sum of a row, for any thread that asks.
  static DP_METHOD float total(const float *partials, int row) {
    float sum = partials[row * kSumGroups];
    DP_UNROLL
    for (int group = 1; group < kSumGroups; ++group)
      sum = sum + partials[row * kSumGroups + group];
    return sum;
  }
};

} // namespace skeletons
