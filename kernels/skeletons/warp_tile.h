//===- warp_tile.h - A warp's products of a few rows and four columns ----===//
// What all matmuls are made of. The lanes share k: lane l has chunks l, l + 32,
// ... of 16 bytes of each column's weights, so that a step of the loop brings
// 512 bytes of every column, and up to `rows` rows use them while they are in
// registers. Then each sum is added up over the lanes, and lane r * 4 + c keeps
// the one of row r, column c: it finishes that place.
//
//   float tile[products][rows][kTileColumns] = {};
//   multiply(tile, count, matrix, rowChunk, column);
//   float sums[products];
//   keep_own(tile, count, sums);
//   if (own_row() < count) store(row + own_row(), column + own_column(), sums);
//
// A place's sum has one order, by k and lane alone: it does not depend on the
// rows, columns, products and warps around it.
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/matrix.h"

namespace skeletons {

constexpr int kTileColumns = 4;

/// The place in a tile that a lane finishes.
DP_DEVICE int own_row() { return dp::lane() / kTileColumns; }
DP_DEVICE int own_column() { return dp::lane() % kTileColumns; }

/// Adds the lane's products to `tile`.
/// \param count     rows that there are, of `rows`; the same for all lanes
/// \param matrix    matrix(i) is the matrix of product i
/// \param rowChunk  rowChunk(r, k): what chunk k of row r's numbers are, in the
///                  order of the matrices
/// \param column    the first of four columns. Layouts have weights for all
///                  four, also where the matrix ends before.
template <typename Order, int products, int rows, typename Matrices,
          typename Rows>
DP_DEVICE void multiply(float (&tile)[products][rows][kTileColumns], int count,
                        const Matrices &matrix, const Rows &rowChunk,
                        int column) {
  using Chunk = decltype(matrix(0).chunk(0, 0));
  constexpr int step = 32 * Order::kChunk;
  for (int k = dp::lane() * Order::kChunk; k < Order::kEnd; k += step) {
    Chunk weights[products][kTileColumns];
    DP_UNROLL
    for (int i = 0; i < products; ++i) {
      DP_UNROLL
      for (int c = 0; c < kTileColumns; ++c)
        weights[i][c] = matrix(i).chunk(column + c, k);
    }
    DP_UNROLL
    for (int r = 0; r < rows; ++r) {
      if (r < count) {
        const auto x = rowChunk(r, k);
        DP_UNROLL
        for (int i = 0; i < products; ++i) {
          DP_UNROLL
          for (int c = 0; c < kTileColumns; ++c)
            tile[i][r][c] = dp::dot(x, weights[i][c], tile[i][r][c]);
        }
      }
    }
  }
}

/// Adds the tile up over the lanes; `sums` are those of the lane's own place.
/// All lanes must call it.
template <int products, int rows>
DP_DEVICE void keep_own(float (&tile)[products][rows][kTileColumns], int count,
                        float (&sums)[products]) {
  static_assert(rows * kTileColumns <= 32, "a lane finishes one place");
  DP_UNROLL
  for (int i = 0; i < products; ++i) {
    sums[i] = 0.0f;
    DP_UNROLL
    for (int r = 0; r < rows; ++r) {
      if (r < count) {
        dp::warp_sums(tile[i][r]);
        DP_UNROLL
        for (int c = 0; c < kTileColumns; ++c)
          sums[i] =
              dp::lane() == r * kTileColumns + c ? tile[i][r][c] : sums[i];
      }
    }
  }
}

} // namespace skeletons
