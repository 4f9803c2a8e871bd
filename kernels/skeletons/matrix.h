//===- matrix.h - Where a weight's numbers are, and what they multiply ---===//
// A matrix [N, K] is read in chunks of 16 bytes: column n of the result, and k
// of some neighbours. The layouts (dialects/Plan/Layout.h) differ in where a
// chunk lies and in which k it holds:
//
//   PaddedMatrix     row after row                              k, k+1, ...
//   SwizzledMatrix   tiles of 64 rows x 128 bytes (#mm1.swizzle) k, k+1, ...
//                    of dp::u8: integers q + 128 in fragment order, for which
//                    `k` is the chunk's place, and chunk_column() says which
//                    k of the 64 around it byte i holds
//
// `chunk(n, k)` is the chunk, `row_chunk(row, k)` the numbers of a row of
// activations that it is multiplied with.
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/cluster.h"

namespace skeletons {

/// Chunks that hold k, k + 1, ...
template <typename T, int depth> struct NaturalOrder {
  /// Numbers of a chunk, and where the last chunk's k end.
  static constexpr int kChunk = 16 / int(sizeof(T)), kEnd = depth;
  static constexpr bool kIsWhole = depth % kChunk == 0;

  static DP_METHOD int chunk_column(int k, int i) { return k + i; }
  template <typename X>
  static DP_METHOD dp::Vector<X, kChunk> row_chunk(const X *row, int k) {
    return dp::load_vector<kChunk>(row + k);
  }
};

/// Byte 4 j + 2 c + b of chunk 4 h + t of a line holds
/// k = 64 h + 16 j + 8 b + 2 t + c.
template <int depth> struct FragmentOrder {
  static constexpr int kChunk = 16, kEnd = ceil_div(depth, 64) * 64;
  static constexpr bool kIsWhole = depth % 64 == 0;

  static DP_METHOD int chunk_column(int k, int i) {
    return k / 64 * 64 + k % 64 / 16 * 2 + i / 4 * 16 + i % 2 * 8 + i % 4 / 2;
  }
  template <typename X>
  static DP_METHOD dp::Values<16> row_chunk(const X *row, int k) {
    dp::Values<16> x;
    DP_UNROLL
    for (int i = 0; i < 16; ++i) {
      const int column = chunk_column(k, i);
      x.values[i] = kIsWhole || column < depth
                        ? dp::to_float(dp::load(row + column))
                        : 0.0f;
    }
    return x;
  }
};

template <typename T, int depth> struct ChunkOrder : NaturalOrder<T, depth> {};
template <int depth> struct ChunkOrder<dp::u8, depth> : FragmentOrder<depth> {};

/// Rows of `stride` elements, a multiple of 16 bytes.
template <typename T, int columns, int depth, int stride> struct PaddedMatrix {
  using Order = ChunkOrder<T, depth>;
  static constexpr dp::i64 kElements = dp::i64(columns) * stride;
  const T *from;

  /// Columns behind the last one give it again: panels of 4 may ask.
  DP_METHOD auto chunk(int column, int k) const {
    if constexpr (columns % 4 != 0)
      column = dp::min(column, columns - 1);
    return dp::stream_vector<Order::kChunk>(from + dp::i64(column) * stride +
                                            k);
  }
};

/// Tiles of `tileRows` columns and 128 bytes of their k.
template <typename T, int columns, int depth, int tileRows>
struct SwizzledMatrix {
  using Order = ChunkOrder<T, depth>;
  static constexpr int kLines = ceil_div(depth, 8 * Order::kChunk);
  static constexpr dp::i64 kElements = dp::i64(ceil_div(columns, tileRows)) *
                                       tileRows * kLines * 8 * Order::kChunk;
  const T *from;

  DP_METHOD auto chunk(int column, int k) const {
    return dp::stream_vector<Order::kChunk>(
        dp::swizzled_chunk<tileRows, kLines>(from, column, k));
  }
};

} // namespace skeletons
