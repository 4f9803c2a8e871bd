//===- ReferenceOps.h - What each op of mm1 means, in double --------------===//
// One function per op, named like it; the formulas and shapes are in
// dialects/MM1/MM1Ops.td. Nothing is rounded to the types of the IR. The caller
// (Evaluate.cpp) has checked shapes, indices and the batch.
//
//   Tensor u = rmsNorm(x, w, 1e-5);
//   Tensor q = linear(u, wq, nullptr);
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Reference/Tensor.h"

#include <utility>

namespace mlir::mm1 {

/// The tokens of one sequence of a ragged batch.
struct Sequence {
  int64_t begin, end; ///< its tokens, end exclusive
  int64_t number;     ///< its place in the batch
};
/// The sequences of a batch that have tokens.
using Batch = std::vector<Sequence>;

Tensor embedding(const Tensor &tokens, const Tensor &table);
Tensor gatherRows(const Tensor &x, const Tensor &rows);

Tensor rmsNorm(const Tensor &x, const Tensor &weight, double eps);
Tensor sumSquares(const Tensor &x, int64_t parts);
Tensor normRows(const Tensor &x, const Tensor &sums, int64_t width, double eps);
Tensor scaleColumns(const Tensor &x, const Tensor &weight);
Tensor residual(const Tensor &stream, const Tensor &branch, double alpha,
                double beta);
Tensor silu(const Tensor &x);
Tensor mul(const Tensor &a, const Tensor &b);
Tensor sigmoidGate(const Tensor &x, const Tensor &gate);
Tensor blend(const Tensor &coefficient, const Tensor &routed,
             const Tensor &shared);

/// One weight of mm1.linear; `scale` is null for float weights.
Tensor linear(const Tensor &x, const Tensor &weight, const Tensor *scale);

/// Returns the output and the next state pool. Tokens of no sequence get zeros.
std::pair<Tensor, Tensor> lightningAttention(const Tensor &qkv,
                                             const Tensor &slopes, Tensor state,
                                             const Batch &batch,
                                             const Tensor &slots,
                                             const Tensor &positions);

/// Cosines and sines of f32(position) * f32(frequency), a product in f32.
std::pair<Tensor, Tensor> ropeAngles(const Tensor &positions,
                                     const Tensor &frequencies);
Tensor rope(const Tensor &x, const Tensor &cos, const Tensor &sin,
            int64_t headDim);
Tensor cacheAppend(const Tensor &k, const Tensor &v, Tensor cache,
                   const Batch &batch, const Tensor &slots,
                   const Tensor &positions, const Tensor &pages);
/// Tokens of no sequence get zeros.
Tensor softmaxAttention(const Tensor &q, const Tensor &cache,
                        const Batch &batch, const Tensor &slots,
                        const Tensor &positions, const Tensor &pages,
                        double scale);
/// How mm1.attention_partials cuts a context.
struct Spans {
  int64_t count;
  int64_t tokens; ///< of each span; 0: even stretches of pages
};
/// Returns stats and weighted. Tokens of no sequence get empty spans.
std::pair<Tensor, Tensor>
attentionPartials(const Tensor &q, const Tensor &cache, const Batch &batch,
                  const Tensor &slots, const Tensor &positions,
                  const Tensor &pages, double scale, const Spans &spans);
/// The same as softmaxAttention of the spans' tokens.
Tensor mergePartials(const Tensor &stats, const Tensor &weighted);

/// Returns ids and weights, `[T, choices]` each.
std::pair<Tensor, Tensor> router(const Tensor &logits, int64_t choices);
/// Returns order and offsets.
std::pair<Tensor, Tensor> groupTokens(const Tensor &ids, int64_t experts);
/// One weight of mm1.expert_linear; `scale` is null for float weights.
Tensor expertLinear(const Tensor &x, const Tensor &ids, const Tensor &weight,
                    const Tensor *scale);
Tensor combine(const Tensor &x, const Tensor &weights);

/// What mm1.top_candidates gives, `[R, k]`, `[R, k]` and `[R, 2]`.
struct TopCandidates {
  Tensor values, ids, sums;
};
TopCandidates topCandidates(const Tensor &logits, const Tensor &mask,
                            const Tensor &counts,
                            const Tensor &inverseTemperatures, int64_t k);

} // namespace mlir::mm1
