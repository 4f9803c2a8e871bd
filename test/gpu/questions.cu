//===- questions.cu - What is asked of hardware --------------------------===//
// Kernels whose answers are not known before a GPU gives them. Those that look
// at bits take words and leave words; Questions.cpp has what each may say.
// Those that are timed (Measurements.h) leave a word for each thread, so that
// nothing of them can be left out.
//===----------------------------------------------------------------------===//
#include "dp/dp.h"

namespace {
DP_DEVICE dp::u32 pair(float low, float high) {
  return dp::to_bits(dp::to_float(dp::convert<dp::bf16>(low))) >> 16 |
         (dp::to_bits(dp::to_float(dp::convert<dp::bf16>(high))) & 0xffff0000u);
}
} // namespace

//===---------------------------------- Bits ------------------------------===//

// d = d + a b, in[0] times: a [16, 16] is all in[1], b [16, 8] all in[2] where
// k < in[3], d begins as in[4]. Floats; every lane leaves its four sums.
DP_KERNEL(32) mma_chain(const dp::u32 *in, dp::u32 *out) {
  const int steps = int(dp::load(in)), columns = int(dp::load(in + 3));
  const float x = dp::from_bits(dp::load(in + 1)),
              y = dp::from_bits(dp::load(in + 2)),
              start = dp::from_bits(dp::load(in + 4));
  const int k = dp::lane() % 4 * 2; // of the lane's first pair in b
  const dp::u32 a[4] = {pair(x, x), pair(x, x), pair(x, x), pair(x, x)};
  const dp::u32 b[2] = {
      pair(k < columns ? y : 0.0f, k + 1 < columns ? y : 0.0f),
      pair(k + 8 < columns ? y : 0.0f, k + 9 < columns ? y : 0.0f)};
  float d[4] = {start, start, start, start};
  for (int i = 0; i < steps; ++i)
    dp::mma_bf16(d, a, b);
  for (int i = 0; i < 4; ++i)
    dp::store(out + 4 * dp::lane() + i, dp::to_bits(d[i]));
}
DP_EXPORT(mma_chain)

// A 64 x 64 tile of bf16, in rows of 128 bytes whose pieces of 16 bytes lie at
// piece ^ row % 8, read transposed: as attention reads values.
DP_KERNEL(32) swizzled_transpose(const dp::u32 *in, dp::u32 *out) {
  DP_SHARED_MEMORY(shared, 8192);
  dp::u32 *words = reinterpret_cast<dp::u32 *>(shared.bytes);
  for (int i = dp::lane(); i < 2048; i += 32) {
    const int row = i / 32, piece = i % 32 / 4;
    words[32 * row + 4 * (piece ^ row % 8) + i % 4] = dp::load(in + i);
  }
  dp::sync_warp();
  // Four matrices: rows 0 to 7, 8 to 15 of two pieces.
  const int matrix = dp::lane() / 8;
  for (int row = 0; row < 64; row += 16)
    for (int piece = 0; piece < 8; piece += 2) {
      const int from = row + matrix % 2 * 8 + dp::lane() % 8,
                at = piece + matrix / 2;
      dp::u32 four[4];
      dp::ldmatrix_transposed(four, words + 32 * from + 4 * (at ^ from % 8));
      for (int i = 0; i < 4; ++i)
        dp::store(out + (row / 16 * 4 + piece / 2) * 128 + 4 * dp::lane() + i,
                  four[i]);
    }
}
DP_EXPORT(swizzled_transpose)

DP_KERNEL(32) exp2_of(const dp::u32 *in, dp::u32 *out) {
  dp::store(out + dp::lane(),
            dp::to_bits(dp::exp2(dp::from_bits(dp::load(in + dp::lane())))));
}
DP_EXPORT(exp2_of)

//===---------------------------------- Times -----------------------------===//

// in[0] rounds of eight products that do not need each other, in each warp.
DP_KERNEL(256) mma_rate(const dp::u32 *in, dp::u32 *out) {
  const int rounds = int(dp::load(in));
  const dp::u32 a[4] = {dp::load(in + 1), dp::load(in + 1), dp::load(in + 1),
                        dp::load(in + 1)},
                b[2] = {dp::load(in + 1), dp::load(in + 1)};
  float d[8][4] = {};
  for (int i = 0; i < rounds; ++i) {
    DP_UNROLL for (int j = 0; j < 8; ++j) dp::mma_bf16(d[j], a, b);
  }
  float sum = 0;
  DP_UNROLL for (int j = 0; j < 8; ++j) sum += d[j][0] + d[j][3];
  dp::store(out + dp::block() * 256 + dp::thread(), dp::to_bits(sum));
}
DP_EXPORT(mma_rate)

// in[0] rounds of eight sums that do not need each other, in each thread.
DP_KERNEL(256) fma_rate(const dp::u32 *in, dp::u32 *out) {
  const int rounds = int(dp::load(in));
  const float x = dp::from_bits(dp::load(in + 1));
  float sums[8] = {};
  for (int i = 0; i < rounds; ++i) {
    DP_UNROLL for (int j = 0; j < 8; ++j) sums[j] = dp::fma(sums[j], x, x);
  }
  float sum = 0;
  DP_UNROLL for (int j = 0; j < 8; ++j) sum += sums[j];
  dp::store(out + dp::block() * 256 + dp::thread(), dp::to_bits(sum));
}
DP_EXPORT(fma_rate)

// Reads in[0 .. sizes[0]), pieces of 4 KiB dealt to the blocks in turn, with so
// many pieces on their way in each block.
namespace {
template <int kPieces>
DP_DEVICE void read_all(const dp::u32 *in, const dp::u32 *sizes, dp::u32 *out,
                        dp::Shared shared) {
  const int count = int(dp::load(sizes)) / 1024,
            step = int(dp::load(sizes + 1));
  dp::u32 *words = reinterpret_cast<dp::u32 *>(shared.bytes) + 4 * dp::thread();
  const auto ask = [&](int number) {
    const int piece = dp::block() + number * step;
    if (piece < count)
      dp::cp_async16(words + number % kPieces * 1024,
                     in + dp::i64(piece) * 1024 + 4 * dp::thread(), true);
    dp::cp_async_commit();
  };
  for (int number = 0; number < kPieces - 1; ++number)
    ask(number);
  dp::u32 sum = 0;
  for (int number = 0; dp::block() + number * step < count; ++number) {
    ask(number + kPieces - 1);
    dp::cp_async_wait<kPieces - 1>();
    sum ^= words[number % kPieces * 1024]; // its own thread's copy
  }
  dp::cp_async_wait<0>();
  dp::store(out + dp::block() * 256 + dp::thread(), sum);
}
} // namespace

#define READ_KERNEL(pieces)                                                    \
  DP_KERNEL(256)                                                               \
  read_##pieces(const dp::u32 *in, const dp::u32 *sizes, dp::u32 *out) {       \
    DP_SHARED_MEMORY(shared, pieces * 4096);                                   \
    read_all<pieces>(in, sizes, out, shared);                                  \
  }                                                                            \
  DP_EXPORT(read_##pieces)
READ_KERNEL(2)
READ_KERNEL(4)
READ_KERNEL(6)
READ_KERNEL(8)
READ_KERNEL(12)

// A thread follows sizes[1] places through sizes[0] lines of 128 bytes; each
// place is known when the one before it was read. All bytes of `in` are 0xff.
DP_KERNEL(32) chase(const dp::u32 *in, const dp::u32 *sizes, dp::u32 *out) {
  if (dp::thread() != 0)
    return;
  const dp::u32 lines = dp::load(sizes), hops = dp::load(sizes + 1);
  dp::u32 line = 0;
  for (dp::u32 i = 0; i < hops; ++i)
    line = (line * 1664525u + 1013904223u + dp::load(in + dp::i64(line) * 32) +
            1u) %
           lines;
  dp::store(out, line);
}
DP_EXPORT(chase)

// Nothing, as a step of a plan does it.
DP_KERNEL(32) nothing(const dp::u32 *, dp::u32 *) {
  dp::wait_grid();
  dp::trigger_grid();
}
DP_EXPORT(nothing)
