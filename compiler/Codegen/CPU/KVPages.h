//===- KVPages.h - How keys and values lie inside a page -----------------===//
// A page holds [2, kv_heads] blocks (keys, then values) of 64 tokens x D
// channels; this is what lies inside a block, for cache_append, which writes it,
// and attention, which reads it. State outlives kernels and may be
// restored on another machine, so every CPU level uses the same bytes.
//
// Attention broadcasts one number of q or p and multiplies whole vectors of K or
// V with it, so that neither product needs a sum across lanes. Scores take one
// channel of 64 tokens at a time, the weighted sum one token of D channels:
//
//   keys    [channels / depth][64 tokens][depth]
//   values  [64 tokens / depth][channels][depth]
//
// f32 has depth 1: keys are transposed, values are plain rows. bf16 has depth 2,
// 4 bytes of two consecutive channels (tokens, for values), which is what the
// bf16 dot product of AVX-512 eats; without it, a shift and a mask make two f32
// vectors. For D = 4 in bf16, token u and channel c of a block of keys lie at
// element (c / 2) * 128 + u * 2 + c % 2.
//
// Channels are rounded up to 32. Of the padding some is written, as zeros: the
// odd channel out of a pair of keys, which attention multiplies with zero and
// which must not be a NaN, and, because whole units are written, the token to
// come of a pair of values and the padding channels of values. What lies behind
// a sequence's last token may be anything.
//===---------------------------------------------------------------------===//
#pragma once

#include "dialects/Plan/Layout.h"

namespace mlir::mm1::cpu {

/// The layout of a pool `[?, 2, kv_heads, page, D]`; offsets are in bytes.
struct KVPages {
  /// Every place below is in units of 4 bytes: one f32 or two bf16.
  static constexpr int64_t kUnitBytes = 4;

  explicit KVPages(RankedTensorType pool)
      : element(pool.getElementType()), kvHeads(pool.getDimSize(2)),
        tokens(pool.getDimSize(3)), channels(pool.getDimSize(4)),
        depth(kUnitBytes / plan::elementBytes(element)),
        rowUnits(plan::roundUp(channels, plan::kRowMultiple)),
        blockBytes(plan::kvBlockElements(pool) * plan::elementBytes(element)),
        pageBytes(plan::stateUnitBytes(pool)) {}

  Type element;
  int64_t kvHeads, tokens, channels;
  int64_t depth;
  /// Units from one (pair of) token(s) of a block of values to the next.
  int64_t rowUnits;
  int64_t blockBytes, pageBytes;

  /// Units of one token's key, `tokens` units apart.
  int64_t keyUnits() const { return plan::ceilDiv(channels, depth); }
  /// Bytes from one (pair of) channel(s) of a block of keys to the next.
  int64_t keyStride() const { return tokens * kUnitBytes; }
  /// Bytes from one (pair of) token(s) of a block of values to the next.
  int64_t valueStride() const { return rowUnits * kUnitBytes; }
};

} // namespace mlir::mm1::cpu
