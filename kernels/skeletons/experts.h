//===- experts.h - expert_linear for few rows ------------------------------===//
// Each choice of a token has matrices of its own, so a task has one token: up to
// `kBlockColumns` columns of one part (matmul.h) of one choice,
//
//   2 choices, parts of 96 and 32 columns, blocks of 32, token 5:
//   tasks 40 to 43 choice 0, 44 to 47 choice 1
//
// or of all choices, when what follows sums them up (combine). Where the choice
// of experts stands in front, every warp makes it again (routing.h), and the
// first task of a token stores it if others need it, too.
//
// Cluster
//   kDepth, kExperts, kChoices, kWarps, kBlockColumns
//   kParts, kColumns[], kProducts[]     as in matmul.h
//   matrix(part, i, expert)             matrix i of the part (matrix.h)
//   kIsMade                             whether activations are made here:
//     no:   row(row, choice)            address of the pair's activations
//     yes:  activation(row, choice, column)
//   kRoutes                             whether the choice is made here:
//     no:   expert(row, choice) -> int
//     yes:  logit(row, expert)          as in routing.h
//   kStoresChoices                      whether it is stored:
//     store_choice, clear_choice        as in routing.h
//   kCombines                           whether choices are summed up:
//     no:   store(part, row, choice, column, expert, sums)
//           clear(part, row, choice, column)
//     yes:  store(part, row, column, choice, sums), sums[j] those of choice j
//           clear(part, row, 0, column)
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/routing.h"
#include "skeletons/warp_tile.h"

namespace skeletons {

/// Tasks that make the columns of all parts.
template <typename Cluster> DP_DEVICE constexpr int count_column_blocks() {
  int blocks = 0;
  for (int part = 0; part < Cluster::kParts; ++part)
    blocks += ceil_div(Cluster::kColumns[part], Cluster::kBlockColumns);
  return blocks;
}

/// f(part, b): block `block` of all parts is block b of `part`.
template <typename Cluster, int number = 0, typename Function>
DP_DEVICE void with_column_block(int block, const Function &f) {
  if constexpr (number < Cluster::kParts) {
    constexpr int blocks =
        ceil_div(Cluster::kColumns[number], Cluster::kBlockColumns);
    if (block < blocks)
      f(Part<number>(), block);
    else
      with_column_block<Cluster, number + 1>(block - blocks, f);
  }
}

/// Numbers of a row that chunk k is multiplied with.
template <typename Order, typename Cluster>
DP_DEVICE auto pair_chunk(const Cluster &cluster, int row, int choice, int k) {
  if constexpr (Cluster::kIsMade) {
    dp::Values<Order::kChunk> x;
    DP_UNROLL
    for (int i = 0; i < Order::kChunk; ++i) {
      const int at = Order::chunk_column(k, i);
      x.values[i] = Order::kIsWhole || at < Cluster::kDepth
                        ? cluster.activation(row, choice, at)
                        : 0.0f;
    }
    return x;
  } else {
    return Order::row_chunk(cluster.row(row, choice), k);
  }
}

/// The token's experts. All lanes of a warp must call it.
template <typename Cluster>
DP_DEVICE Choice<Cluster::kChoices> find_experts(const Cluster &cluster,
                                                 int row) {
  if constexpr (Cluster::kRoutes) {
    return choose_experts(cluster, row);
  } else {
    Choice<Cluster::kChoices> choice = {};
    DP_UNROLL
    for (int j = 0; j < Cluster::kChoices; ++j)
      choice.ids[j] = cluster.expert(row, j);
    return choice;
  }
}

/// The lane's own sums of a row's four columns with one expert.
template <typename Cluster, typename Part, int products>
DP_DEVICE void multiply_pair(const Cluster &cluster, Part part, int row,
                             int choice, int expert, int column,
                             float (&sums)[products]) {
  using Order = typename decltype(cluster.matrix(part, 0, 0))::Order;
  float tile[products][1][kTileColumns] = {};
  multiply<Order>(
      tile, 1, [&](int i) { return cluster.matrix(part, i, expert); },
      [&](int, int k) { return pair_chunk<Order>(cluster, row, choice, k); },
      column);
  keep_own(tile, 1, sums);
}

/// The columns of block `block` of a part.
/// \param number  of the choice; of no meaning when all are summed up
template <typename Cluster, typename Part>
DP_DEVICE void multiply_experts(const Cluster &cluster, Part part, int block,
                                int row, int number,
                                const Choice<Cluster::kChoices> &choice) {
  constexpr int columns = Cluster::kColumns[Part::kNumber],
                products = Cluster::kProducts[Part::kNumber],
                choices = Cluster::kChoices;
  const int end = dp::min((block + 1) * Cluster::kBlockColumns, columns);
  DP_NO_UNROLL
  for (int column = block * Cluster::kBlockColumns + dp::warp() * kTileColumns;
       column < end; column += Cluster::kWarps * kTileColumns) {
    const int own = column + own_column();
    const bool isOwn = own_row() == 0 && own < columns;
    if constexpr (Cluster::kCombines) {
      float sums[choices][products];
      DP_UNROLL
      for (int j = 0; j < choices; ++j)
        multiply_pair(cluster, part, row, j, choice.ids[j], column, sums[j]);
      if (isOwn)
        cluster.store(part, row, own, choice, sums);
    } else {
      int expert = choice.ids[0];
      DP_UNROLL
      for (int j = 1; j < choices; ++j)
        expert = number == j ? choice.ids[j] : expert;
      float sums[products];
      multiply_pair(cluster, part, row, number, expert, column, sums);
      if (isOwn)
        cluster.store(part, row, number, own, expert, sums);
    }
    if constexpr (columns < padded(columns))
      if (column + kTileColumns >= columns &&
          columns + dp::lane() < padded(columns))
        cluster.clear(part, row, number, columns + dp::lane());
  }
}

template <typename Cluster>
DP_DEVICE void experts(const Cluster &cluster, int task, dp::Shared) {
  constexpr int blocks = count_column_blocks<Cluster>(),
                tasks =
                    Cluster::kCombines ? blocks : blocks * Cluster::kChoices;
  const int row = task / tasks, number = task % tasks / blocks;
  if (row >= dp::tokens(cluster.dims))
    return;
  const auto choice = find_experts(cluster, row);
  if constexpr (Cluster::kStoresChoices)
    if (task % tasks == 0 && dp::warp() == 0)
      store_choices(cluster, row, choice);
  with_column_block<Cluster>(task % blocks, [&](auto part, int block) {
    multiply_experts(cluster, part, block, row, number, choice);
  });
}

} // namespace skeletons
