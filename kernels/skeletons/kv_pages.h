//===- kv_pages.h - How keys and values lie inside a page on a GPU -------===//
// The page image "gpu-1": the one place that knows it. A page [2, kv_heads,
// tokens, channels] holds for each KV head its keys and then its values, so
// that what a task reads of a page is one piece:
//
//   page    [kv_heads][keys, values] blocks
//   block   [lines][tokens] rows of up to 128 bytes, the channels of a token
//           (rounded up to 32) cut into lines of 128 bytes; the last is what is
//           left
//   row     pieces of 16 bytes; byte b of a block lies at
//           b ^ (b / 128 % 8) * 16
//
// With 128 channels in bf16 a block is two lines of 64 channels, of 64 rows of
// 128 bytes each, and piece p of a row lies at p ^ (token % 8): eight tokens'
// pieces of one channel lie in different banks of shared memory, into which a
// page is copied as it stands (compiler/decisions/0010-gpu-page-image.md). With
// 32 channels in bf16 two tokens share 128 bytes: piece p of token 5 (byte
// 64 * 5 + 16 p) lies at 64 * 5 + 16 (p ^ 2).
//
// Whoever writes a token writes zeros behind its channels. What lies behind a
// sequence's last token may be anything.
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/cluster.h"

namespace skeletons {

/// A pool [?, 2, kKVHeads, kPageTokens, kHeadDim] of elements T.
template <typename T, int kKVHeads, int kPageTokens, int kHeadDim>
struct KVPages {
  static constexpr int kBytes = int(sizeof(T)),
                       kRowBytes = padded(kHeadDim) * kBytes,
                       kLineBytes = kRowBytes < 128 ? kRowBytes : 128,
                       kBlockBytes = kPageTokens * kRowBytes;
  static_assert(kBlockBytes % 128 == 0,
                "pieces change places inside of 128 bytes");
  /// Channels of a piece: they lie side by side.
  static constexpr int kPieceChannels = 16 / kBytes;

  /// Where the keys (values, if `isValue`) of a KV head lie; `Pool` is T or
  /// const T.
  template <typename Pool>
  static DP_METHOD Pool *block(Pool *pool, int page, int head, bool isValue) {
    return pool + ((dp::i64(page) * kKVHeads + head) * 2 + int(isValue)) *
                      (kBlockBytes / kBytes);
  }
  /// The element of a block that holds this channel of a token.
  static DP_METHOD int offset(int token, int channel) {
    const int inRow = channel * kBytes, line = inRow / kLineBytes,
              width = dp::min(kLineBytes, kRowBytes - line * kLineBytes),
              byte = line * kLineBytes * kPageTokens + token * width +
                     inRow % kLineBytes;
    return (byte ^ (byte / 128 % 8) * 16) / kBytes;
  }
};

} // namespace skeletons
