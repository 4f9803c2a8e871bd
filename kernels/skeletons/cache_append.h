//===- cache_append.h - New keys and values go to their pages ------------===//
// A task is one KV head of `kPer` sequences: the token at position p goes to
// row p % kPageTokens of page pages[slot, p / kPageTokens], as kv_pages.h says.
// The threads walk over tokens and channels.
//
// Cluster
//   Element                             what pages hold, float or dp::bf16
//   kKVHeads, kPageTokens, kHeadDim     the pool [?, 2, heads, page, channels]
//   kPer                                sequences of a task
//   cache(), slots(), starts(), positions(), pages()      where they lie
//   key(row, column), value(row, column)    what is appended; column is that of
//                                           the row, head * kHeadDim + channel
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/kv_pages.h"

namespace skeletons {

template <typename Cluster>
using PagesOf = KVPages<typename Cluster::Element, Cluster::kKVHeads,
                        Cluster::kPageTokens, Cluster::kHeadDim>;

/// Appends one channel (or a zero behind them) of a row of the batch.
/// \param table  the page table's row of the sequence
template <typename Cluster>
DP_DEVICE void append_channel(const Cluster &cluster, const dp::i32 *table,
                              int row, int head, int channel) {
  using Element = typename Cluster::Element;
  using Pages = PagesOf<Cluster>;
  constexpr int tokens = Cluster::kPageTokens, channels = Cluster::kHeadDim;
  const int position = dp::load(cluster.positions() + row);
  const int page = dp::load(table + position / tokens);
  const int at = Pages::offset(position % tokens, channel);
  const int column = head * channels + channel;
  float key = 0.0f, value = 0.0f;
  if (channel < channels) {
    key = cluster.key(row, column);
    value = cluster.value(row, column);
  }
  dp::store(Pages::block(cluster.cache(), page, head, false) + at,
            dp::convert<Element>(key));
  dp::store(Pages::block(cluster.cache(), page, head, true) + at,
            dp::convert<Element>(value));
}

template <typename Cluster>
DP_DEVICE void cache_append(const Cluster &cluster, int task, dp::Shared) {
  constexpr int width = padded(Cluster::kHeadDim);
  const int head = task % Cluster::kKVHeads,
            first = task / Cluster::kKVHeads * Cluster::kPer,
            end = dp::min(first + Cluster::kPer, dp::sequences(cluster.dims));
  for (int sequence = first; sequence < end; ++sequence) {
    const int begin = dp::load(cluster.starts() + sequence),
              count = dp::load(cluster.starts() + sequence + 1) - begin;
    const dp::i32 *table =
        cluster.pages() + dp::i64(dp::load(cluster.slots() + sequence)) *
                              dp::page_columns(cluster.dims);
    for (int i = dp::thread(); i < count * width; i += dp::num_threads())
      append_channel(cluster, table, begin + i / width, head, i % width);
  }
}

} // namespace skeletons
