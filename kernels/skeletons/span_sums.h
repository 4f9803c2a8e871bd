//===- span_sums.h - Softmax over spans of a context, put together -------===//
// softmax_attention merges spans while it walks over a context, merge_partials
// merges those that others have walked over. Both go through here, so that they
// give the same bits. For a span, over its tokens u,
//
//   maximum = max_u score[u]      sum = sum_u exp(score[u] - maximum)
//   outs    = sum_u exp(score[u] - maximum) V[u]       some channels of it
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/cluster.h"

namespace skeletons {

/// The maximum of no score: exp(m - m') is never NaN, and 0 beside any score.
constexpr float kNoMaximum = -1e30f;

/// Of some tokens; `channels` of the weighted sum are this thread's.
template <int channels> struct SpanSums {
  float maximum = kNoMaximum, sum = 0.0f;
  float outs[channels] = {};

  /// Adds the tokens of the span behind; nothing, if it has none.
  DP_METHOD void merge(const SpanSums &next) {
    if (next.sum == 0.0f)
      return;
    const float top = dp::max(maximum, next.maximum),
                ofThis = dp::exp(maximum - top),
                ofNext = dp::exp(next.maximum - top);
    maximum = top;
    sum = dp::fma(next.sum, ofNext, sum * ofThis);
    DP_UNROLL
    for (int i = 0; i < channels; ++i)
      outs[i] = dp::fma(next.outs[i], ofNext, outs[i] * ofThis);
  }
};

} // namespace skeletons
