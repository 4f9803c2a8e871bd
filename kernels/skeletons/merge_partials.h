//===- merge_partials.h - Spans of attention become one -------------------===//
// A task is one query head of `kPer` tokens. A thread has every kWarps * 32th
// channel of the head, and goes over the spans in order: their stats, which all
// threads read, and its channel of those that have tokens.
//
// Cluster
//   kHeads, kHeadDim, kSpans            query heads, channels of one, spans
//   kPer                                tokens of a task
//   stat(row, span, column)             [T, spans, 2 heads]: maximum and sum
//   weighted(row, span, column)         [T, spans, heads * channels]
//   store(row, column, out)             makes one place of the results
//   clear(row, column)                  puts zeros behind their rows; needed
//                                       where heads * channels is no multiple
//                                       of 32
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/span_sums.h"

namespace skeletons {

template <typename Cluster>
DP_DEVICE void merge_partials(const Cluster &cluster, int task, dp::Shared) {
  constexpr int channels = Cluster::kHeadDim,
                columns = Cluster::kHeads * channels;
  const int head = task % Cluster::kHeads,
            first = task / Cluster::kHeads * Cluster::kPer,
            end = dp::min(first + Cluster::kPer, dp::tokens(cluster.dims));
  for (int row = first; row < end; ++row) {
    for (int channel = dp::thread(); channel < channels;
         channel += dp::num_threads()) {
      const int column = head * channels + channel;
      SpanSums<1> total;
      for (int span = 0; span < Cluster::kSpans; ++span) {
        SpanSums<1> next;
        next.maximum = cluster.stat(row, span, 2 * head);
        next.sum = cluster.stat(row, span, 2 * head + 1);
        if (next.sum != 0.0f) // else nobody wrote the weighted sum
          next.outs[0] = cluster.weighted(row, span, column);
        total.merge(next);
      }
      cluster.store(row, column, total.outs[0] / total.sum);
    }
    if constexpr (columns < padded(columns))
      if (head == Cluster::kHeads - 1)
        for (int column = columns + dp::thread(); column < padded(columns);
             column += dp::num_threads())
          cluster.clear(row, column);
  }
}

} // namespace skeletons
