//===- SpanMerge.h - Softmax over spans of a context, put together -------===//
// softmax_attention merges spans while it walks over a context, merge_partials
// merges those that others have walked over. Both go through here, so that they
// give the same bits (MM1Ops.td, mm1.merge_partials, has the formula).
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/KernelBuilder.h"

namespace mlir::mm1::cpu {

/// The maximum of no score: exp(m - m') is never NaN, and 0 beside any score.
inline constexpr double kNoMaximum = -1e30;

/// Of some tokens: their largest score and the sum of exp(score - maximum); f32
/// scalars.
struct SpanStats {
  Value maximum, sum;
};

/// Two spans as one: its stats, and what each part's weighted sum counts for.
struct MergedSpans {
  SpanStats stats;
  Value ofBefore, ofNext;

  /// The weighted sum of both, from vectors of the parts' sums.
  Value weigh(KernelBuilder &k, Value before, Value next) const;
};

MergedSpans mergeSpans(KernelBuilder &k, SpanStats before, SpanStats next);

} // namespace mlir::mm1::cpu
