//===- attention.h - Softmax attention over pages ------------------------===//
// A row is one query head of one token, and a warp's: it walks over the pages
// of a span of the token's context, in order (the online softmax):
//
//   score[u] = scale * (q . K[u])      a lane has the tokens lane, lane + 32
//   m' = max(m, score)                 over the lanes
//   p[u] = exp(score[u] - m')          through shared memory to all lanes
//   l = l exp(m - m') + sum p          every lane, tokens in order
//   o = o exp(m - m') + p V            a lane has the channels lane, lane + 32,
//                                      ...; tokens in order
//
// and spans are merged in order (span_sums.h). So a row's bits follow from its
// own context: they are the same whatever other rows are in the batch, whether
// the token came alone or as part of a prompt, and whichever form made it:
//
//   attention            a task is one KV head of `kPer` tokens; its warps take
//                        rows in turn and walk over all spans of each
//   attention_partials   a task is one KV head of a token and every `kShares`th
//                        span; merge_partials.h puts the spans together
//
// Where a context is cut follows from its length: `even`, into s = pages / 2
// spans of as many pages each, but at most kSpans; or at fixed places,
// kSpanPages pages apart. 9 pages cut evenly: pages 0 1 | 2 3 | 4 5 | 6 7 8.
//
// With one token of each sequence, the task that has the last page may append
// the token's own key and value to it (kAppends) before it reads it.
//
// What a token may not see is not read. Products are f32 throughout.
//
// Cluster: what cache_append.h wants (key and value if kAppends), and
//   kHeads, kWarps                      query heads; warps of a block
//   kPer                                tokens of a task
//   kSpans, kSpanPages                  how contexts are cut; kSpanPages = 0:
//                                       evenly, into kSpans at most
//   kScale, kAppends
//   query(row, column)                  column is that of the row, head *
//                                       kHeadDim + channel
//   attention: store(row, column, out), clear(row, column) as in
//              merge_partials.h
//   attention_partials: kShares         tasks that share the spans of a head
//              store_stat, store_weighted(row, span, column, x),
//              clear_stats, clear_weighted(row, span, column)
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/batch.h"
#include "skeletons/cache_append.h"
#include "skeletons/span_sums.h"

namespace skeletons {

/// A warp's row: its query, and p of a page's tokens.
template <typename Cluster> DP_DEVICE constexpr int attention_shared_bytes() {
  return Cluster::kWarps * (Cluster::kHeadDim + Cluster::kPageTokens) *
         int(sizeof(float));
}
template <typename Cluster>
DP_DEVICE constexpr int attention_partials_shared_bytes() {
  return attention_shared_bytes<Cluster>();
}

/// Channels of a head that a lane has.
template <typename Cluster>
constexpr int kLaneChannels = ceil_div(Cluster::kHeadDim, 32);
template <typename Cluster> using SumsOf = SpanSums<kLaneChannels<Cluster>>;

/// What a token sees of its sequence.
struct Context {
  const dp::i32 *table; ///< row of the page table
  int tokens, pages;
};

template <typename Cluster>
DP_DEVICE Context context_of(const Cluster &cluster, int row, int sequence) {
  const int tokens = dp::load(cluster.positions() + row) + 1;
  const int slot = dp::load(cluster.slots() + sequence);
  return {cluster.pages() + dp::i64(slot) * dp::page_columns(cluster.dims),
          tokens, ceil_div(tokens, Cluster::kPageTokens)};
}

/// Spans that a context of so many pages has.
template <typename Cluster> DP_DEVICE int count_spans(int pages) {
  const int spans = Cluster::kSpanPages
                        ? ceil_div(pages, dp::max(Cluster::kSpanPages, 1))
                        : dp::max(pages / 2, 1);
  return dp::min(spans, Cluster::kSpans);
}
/// The first page of span `i` of `spans`; for i = spans that behind the last.
template <typename Cluster>
DP_DEVICE int span_begin(int i, int spans, int pages) {
  if (i == spans) // the last span has what is left
    return pages;
  return Cluster::kSpanPages ? i * Cluster::kSpanPages
                             : int(dp::i64(i) * pages / spans);
}

/// A warp's shared memory.
struct RowMemory {
  float *query, *weights;
};
template <typename Cluster> DP_DEVICE RowMemory row_memory(dp::Shared shared) {
  constexpr int size = Cluster::kHeadDim + Cluster::kPageTokens;
  float *mine = floats(shared) + dp::warp() * size;
  return {mine, mine + Cluster::kHeadDim};
}

/// Puts the query of a row where all lanes of the warp find it. The one before
/// has been read: attend() waits behind each product.
template <typename Cluster>
DP_DEVICE void load_query(const Cluster &cluster, int row, int queryHead,
                          float *query) {
  constexpr int channels = Cluster::kHeadDim;
  for (int c = dp::lane(); c < channels; c += 32)
    query[c] = cluster.query(row, queryHead * channels + c);
  dp::sync_warp();
}

/// query . K[token], channels in order.
template <typename Cluster>
DP_DEVICE float key_product(const typename Cluster::Element *keys, int token,
                            const float *query) {
  using Pages = PagesOf<Cluster>;
  constexpr int piece = Pages::kPieceChannels;
  float sum = 0.0f;
  DP_UNROLL
  for (int c = 0; c < Cluster::kHeadDim; c += piece) {
    const auto key = dp::load_vector<piece>(keys + Pages::offset(token, c));
    DP_UNROLL
    for (int i = 0; i < piece; ++i)
      if (c + i < Cluster::kHeadDim)
        sum = dp::fma(query[c + i], element(key, i), sum);
  }
  return sum;
}

/// Adds pages [begin, end) of a KV head to a span's sums. All lanes of the warp
/// must call it.
template <typename Cluster>
DP_DEVICE void attend(const Cluster &cluster, const Context &context, int head,
                      int begin, int end, const RowMemory &memory,
                      SumsOf<Cluster> &span) {
  using Pages = PagesOf<Cluster>;
  constexpr int tokens = Cluster::kPageTokens,
                laneTokens = ceil_div(tokens, 32);
  for (int page = begin; page < end; ++page) {
    const int number = dp::load(context.table + page);
    const auto *keys = Pages::block(cluster.cache(), number, head, false);
    const auto *values = Pages::block(cluster.cache(), number, head, true);
    const int seen = dp::min(tokens, context.tokens - page * tokens);
    float scores[laneTokens], top = kNoMaximum;
    DP_UNROLL
    for (int i = 0; i < laneTokens; ++i) {
      const int token = i * 32 + dp::lane();
      scores[i] = kNoMaximum;
      if (token < seen)
        scores[i] =
            key_product<Cluster>(keys, token, memory.query) * Cluster::kScale;
      top = dp::max(top, scores[i]);
    }
    const float maximum = dp::max(span.maximum, dp::warp_max(top));
    dp::sync_warp(); // the page before has been read
    DP_UNROLL
    for (int i = 0; i < laneTokens; ++i) {
      const int token = i * 32 + dp::lane();
      if (token < seen)
        memory.weights[token] = dp::exp(scores[i] - maximum);
    }
    dp::sync_warp();

    const float ofSpan = dp::exp(span.maximum - maximum);
    span.maximum = maximum;
    DP_UNROLL
    for (int i = 0; i < kLaneChannels<Cluster>; ++i)
      span.outs[i] = span.outs[i] * ofSpan;
    float sum = 0.0f;
    for (int token = 0; token < seen; ++token) {
      const float weight = memory.weights[token];
      sum = sum + weight;
      DP_UNROLL
      for (int i = 0; i < kLaneChannels<Cluster>; ++i) {
        const int c = i * 32 + dp::lane();
        if (c < Cluster::kHeadDim)
          span.outs[i] = dp::fma(
              weight, dp::to_float(dp::load(values + Pages::offset(token, c))),
              span.outs[i]);
      }
    }
    span.sum = dp::fma(span.sum, ofSpan, sum);
  }
}

/// The block appends the row's own key and value, and reads them from here on.
template <typename Cluster>
DP_DEVICE void append_row(const Cluster &cluster, const Context &context,
                          int row, int head) {
  for (int c = dp::thread(); c < padded(Cluster::kHeadDim);
       c += dp::num_threads())
    append_channel(cluster, context.table, row, head, c);
  dp::sync_block();
}

//===--------------------------- Whole contexts ---------------------------===//

template <typename Cluster>
DP_DEVICE void attention(const Cluster &cluster, int task, dp::Shared shared) {
  constexpr int channels = Cluster::kHeadDim,
                columns = Cluster::kHeads * channels,
                group = Cluster::kHeads / Cluster::kKVHeads;
  const int head = task % Cluster::kKVHeads,
            first = task / Cluster::kKVHeads * Cluster::kPer,
            end = dp::min(first + Cluster::kPer, dp::tokens(cluster.dims)),
            sequences = dp::sequences(cluster.dims);
  if constexpr (Cluster::kAppends)
    for (int row = first; row < end; ++row) {
      const int sequence = sequence_of(cluster.starts(), sequences, row);
      append_row(cluster, context_of(cluster, row, sequence), row, head);
    }
  const RowMemory memory = row_memory<Cluster>(shared);
  int sequence = 0;
  for (int i = dp::warp(); i < (end - first) * group; i += Cluster::kWarps) {
    const int row = first + i / group, queryHead = head * group + i % group;
    sequence = sequence_of(cluster.starts(), sequences, row, sequence);
    const Context context = context_of(cluster, row, sequence);
    load_query(cluster, row, queryHead, memory.query);
    const int spans = count_spans<Cluster>(context.pages);
    SumsOf<Cluster> total;
    for (int j = 0; j < spans; ++j) {
      SumsOf<Cluster> span;
      attend(cluster, context, head,
             span_begin<Cluster>(j, spans, context.pages),
             span_begin<Cluster>(j + 1, spans, context.pages), memory, span);
      total.merge(span);
    }
    DP_UNROLL
    for (int n = 0; n < kLaneChannels<Cluster>; ++n) {
      const int c = n * 32 + dp::lane();
      if (c < channels)
        cluster.store(row, queryHead * channels + c, total.outs[n] / total.sum);
    }
    if constexpr (columns < padded(columns))
      if (queryHead == Cluster::kHeads - 1 &&
          columns + dp::lane() < padded(columns))
        cluster.clear(row, columns + dp::lane());
  }
}

//===------------------------------- Spans --------------------------------===//

/// Span `j` of a token; empty ones have stats only.
template <typename Cluster>
DP_DEVICE void attend_span(const Cluster &cluster, const Context &context,
                           int row, int head, int j, dp::Shared shared) {
  constexpr int channels = Cluster::kHeadDim,
                columns = Cluster::kHeads * channels,
                group = Cluster::kHeads / Cluster::kKVHeads;
  const int spans = count_spans<Cluster>(context.pages);
  if constexpr (Cluster::kAppends)
    if (j == spans - 1)
      append_row(cluster, context, row, head);
  const RowMemory memory = row_memory<Cluster>(shared);
  for (int i = dp::warp(); i < group; i += Cluster::kWarps) {
    const int queryHead = head * group + i;
    SumsOf<Cluster> span;
    if (j < spans) {
      load_query(cluster, row, queryHead, memory.query);
      attend(cluster, context, head,
             span_begin<Cluster>(j, spans, context.pages),
             span_begin<Cluster>(j + 1, spans, context.pages), memory, span);
      DP_UNROLL
      for (int n = 0; n < kLaneChannels<Cluster>; ++n) {
        const int c = n * 32 + dp::lane();
        if (c < channels)
          cluster.store_weighted(row, j, queryHead * channels + c,
                                 span.outs[n]);
      }
    }
    if (dp::lane() < 2)
      cluster.store_stat(row, j, 2 * queryHead + dp::lane(),
                         dp::lane() ? span.sum : span.maximum);
  }
  if (head == Cluster::kKVHeads - 1 && dp::warp() == 0) {
    constexpr int stats = 2 * Cluster::kHeads;
    if constexpr (stats < padded(stats))
      if (stats + dp::lane() < padded(stats))
        cluster.clear_stats(row, j, stats + dp::lane());
    if constexpr (columns < padded(columns))
      if (columns + dp::lane() < padded(columns))
        cluster.clear_weighted(row, j, columns + dp::lane());
  }
}

template <typename Cluster>
DP_DEVICE void attention_partials(const Cluster &cluster, int task,
                                  dp::Shared shared) {
  constexpr int tasks = Cluster::kKVHeads * Cluster::kShares;
  const int head = task % Cluster::kKVHeads,
            share = task % tasks / Cluster::kKVHeads,
            first = task / tasks * Cluster::kPer,
            end = dp::min(first + Cluster::kPer, dp::tokens(cluster.dims));
  for (int row = first; row < end; ++row) {
    const int sequence =
        sequence_of(cluster.starts(), dp::sequences(cluster.dims), row);
    const Context context = context_of(cluster, row, sequence);
    for (int j = share; j < Cluster::kSpans; j += Cluster::kShares)
      attend_span(cluster, context, row, head, j, shared);
  }
}

} // namespace skeletons
