//===- lightning_attention.h - Attention with a decaying state -----------===//
// For every token of a sequence in order, with lambda = exp(-slope):
//
//   S = lambda S + k^T v          o = q S
//
// A task is one head of `kPer` sequences and kColumns of its v channels: those
// do not need each other. It goes over the sequence in chunks of up to `kChunk`
// tokens. A few tokens are taken one by one (`steps`): a single pass over S,
// whose part a thread keeps in registers meanwhile. More go together, exactly
// (`chunk`):
//
//   O = diag(lambda^(i+1)) Q S + ((Q K^T) o D) V     D[i][j] = lambda^(i-j)
//   S = lambda^m S + K^T diag(lambda^(m-1-j)) V      for j <= i
//
// Every power of lambda is exp(-slope * x). A state lives for up to ten million
// steps, and lambda = 0.99999 has only the leading bits of a slope of 1e-5: it
// would forget at a rate 0.3 % off. So it decays by S - (1 - lambda^m) S, whose
// factor has all of them. All sums are f32, each in one order: that of the
// channels (in `steps` 8 of them at a time) or tokens that it goes over.
//
// Bits: which form a chunk takes depends on its own tokens alone. A token of a
// decode step and a piece of up to kMostSteps tokens give the same bits, and so
// do prompts cut at multiples of kChunk; neither the batch, nor the task's
// columns or warps change one.
//
// What a token must not see is left out of its sums, not multiplied by zero: a
// later token's NaN reaches no earlier one. A sequence that begins (position 0)
// takes zeros for what lies in its slot, whatever that is.
//
// Cluster
//   kHeads, kHeadDim                     of the state [?, kHeads, D, D]
//   kSlotFloats                          from one slot of it to the next
//   kPer, kWarps                         sequences of a task; warps of a block
//   kColumns                             v channels of a task, 32 or 64
//   kChunk                               tokens of a chunk, at most 64; 1 where
//                                        no sequence has more in a step
//   kSumColumns                          columns of a sum of squares, a divisor
//                                        of kColumns; 0: there are none
//   state(), slopes(), slots(), starts(), positions()      where they lie
//   qkv(row, column)                     [T, heads * 3 * D], a head's q, k, v
//   store(row, column, out)              makes one place of the results; gives
//                                        what is summed (or anything)
//   accumulate(x, sum) -> sum            e.g. sum + x * x
//   store_sum(row, part, sum)            of kSumColumns columns
//   clear(row, column)                   puts zeros behind the results' rows,
//                                        where heads * D is no multiple of 32
//   clear_sums(row, column)              the same of the sums
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/cluster.h"

namespace skeletons {

/// Tokens that are taken one by one: passes over S cost less than the tiles of
/// a chunk that are mostly empty.
constexpr int kMostSteps = 4;
constexpr int kMostChunk = 64;
/// k channels of S that a thread has in registers in `steps`, and that a block
/// has in shared memory in `chunk`.
constexpr int kStrip = 8, kSlab = 16;

/// 1 - exp(-x) of x >= 0, to a few ulp also where x is small.
DP_DEVICE float one_minus_exp(float x) {
  // x (1 - x/2 (1 - x/3 (1 - ...))); ten terms leave 1e-9 at x = 1/2.
  float series = 1.0f;
  DP_UNROLL
  for (int i = 10; i >= 2; --i)
    series = dp::fma(x * (-1.0f / float(i)), series, 1.0f);
  return x < 0.5f ? x * series : 1.0f - dp::exp(-x);
}

/// Sizes of a task and where its numbers lie in shared memory, in floats.
template <typename Cluster> struct LightningSizes {
  static constexpr int kD = Cluster::kHeadDim, kColumns = Cluster::kColumns,
                       kChunk = Cluster::kChunk,
                       kThreads = Cluster::kWarps * 32, kTiles = kColumns / 32,
                       kStrips = ceil_div(kD, kStrip),
                       kBlocks = ceil_div(kD, kColumns);
  static_assert(kChunk <= kMostChunk, "a chunk lies in shared memory");
  static_assert(kColumns == 32 || kColumns == 64,
                "a warp has 32 columns, a block one or two times as many");
  static_assert(kThreads % kColumns == 0, "a thread has one column");

  // steps: what each strip adds to o, [token][strip][column].
  static constexpr int kSteps = kChunk < kMostSteps ? kChunk : kMostSteps,
                       kStepFloats = kSteps * kStrips * kColumns;
  // chunk: q and k of a slab, [token][channel], and its S, [channel][column].
  static constexpr int kStride = kSlab + 1, // the next token in another bank
      kKeys = kChunk * kStride, kStates = 2 * kKeys;
  // (Q K^T) o D, [token][token], and then what is summed, [token][column].
  static constexpr int kScores = kStates + kSlab * kColumns,
                       kWide = kChunk < kColumns ? kColumns : kChunk;
  // v, [token][column], and lambda^x for x = 0 .. kChunk.
  static constexpr int kValues = kScores + kChunk * kWide,
                       kDecays = kValues + kChunk * kColumns,
                       kChunkFloats = kChunk > 1 ? kDecays + kChunk + 1 : 0;
  static constexpr int kFloats =
      kStepFloats < kChunkFloats ? kChunkFloats : kStepFloats;
};

template <typename Cluster>
DP_DEVICE constexpr int lightning_attention_shared_bytes() {
  return LightningSizes<Cluster>::kFloats * int(sizeof(float));
}

/// One head and kColumns v channels of a sequence.
template <typename Cluster> struct LightningTask {
  using Sizes = LightningSizes<Cluster>;
  static constexpr int kD = Sizes::kD, kColumns = Sizes::kColumns,
                       kThreads = Sizes::kThreads, kChunk = Sizes::kChunk;

  const Cluster &cluster;
  float *shared;
  int head, firstColumn;
  float slope;
  float
      *state; ///< of the sequence's slot and this head, [k channel][v channel]

  /// q, k and v of a token are parts 0, 1 and 2.
  DP_METHOD float part(int row, int number, int channel) const {
    return cluster.qkv(row, (head * 3 + number) * kD + channel);
  }
  DP_METHOD float load_state(bool isFresh, int channel, int column) const {
    if (isFresh || channel >= kD || column >= kD)
      return 0.0f;
    return dp::load(state + channel * kD + column);
  }
  DP_METHOD void store_state(int channel, int column, float s) const {
    if (channel < kD && column < kD)
      dp::store(state + channel * kD + column, s);
  }

  DP_METHOD void steps(int row, int count, bool isFresh) const;
  DP_METHOD void chunk(int row, int count, bool isFresh) const;
  DP_METHOD void sum_up(int row, int count, const float *values,
                        int stride) const;
  DP_METHOD void clear(int row, int count) const;
};

//===--------------------------- Token by token ---------------------------===//

/// Takes `count` tokens from `row` on. A warp has 8 k channels x 32 columns of
/// S at a time.
template <typename Cluster>
DP_METHOD void LightningTask<Cluster>::steps(int row, int count,
                                             bool isFresh) const {
  const float loss = one_minus_exp(slope);
  for (int cell = dp::warp(); cell < Sizes::kTiles * Sizes::kStrips;
       cell += Cluster::kWarps) {
    const int strip = cell % Sizes::kStrips,
              c = cell / Sizes::kStrips * 32 + dp::lane(),
              column = firstColumn + c;
    float s[kStrip];
    DP_UNROLL
    for (int i = 0; i < kStrip; ++i)
      s[i] = load_state(isFresh, strip * kStrip + i, column);
    for (int t = 0; t < count; ++t) {
      const float value = column < kD ? part(row + t, 2, column) : 0.0f;
      float out = 0.0f;
      DP_UNROLL
      for (int i = 0; i < kStrip; ++i) {
        const int channel = strip * kStrip + i;
        if (channel < kD) {
          s[i] = dp::fma(part(row + t, 1, channel), value,
                         dp::fma(-loss, s[i], s[i]));
          out = dp::fma(part(row + t, 0, channel), s[i], out);
        }
      }
      shared[(t * Sizes::kStrips + strip) * kColumns + c] = out;
    }
    DP_UNROLL
    for (int i = 0; i < kStrip; ++i)
      store_state(strip * kStrip + i, column, s[i]);
  }
  dp::sync_block();

  constexpr int stride = Sizes::kStrips * kColumns;
  for (int i = dp::thread(); i < count * kColumns; i += kThreads) {
    const int t = i / kColumns, column = firstColumn + i % kColumns;
    float *mine = shared + t * stride + i % kColumns;
    float out = mine[0];
    DP_UNROLL
    for (int strip = 1; strip < Sizes::kStrips; ++strip)
      out = out + mine[strip * kColumns];
    if (column < kD)
      mine[0] = cluster.store(row + t, head * kD + column, out);
  }
  if constexpr (Cluster::kSumColumns != 0) {
    dp::sync_block();
    sum_up(row, count, shared, stride);
  }
}

//===------------------------------ A chunk -------------------------------===//

/// Takes `count` tokens from `row` on together. A thread has one column of
/// every kTurn'th token's o, and of every kTurn'th k channel of a slab of S.
template <typename Cluster>
DP_METHOD void LightningTask<Cluster>::chunk(int row, int count,
                                             bool isFresh) const {
  constexpr int kTurn = kThreads / kColumns, kOuts = ceil_div(kChunk, kTurn),
                kRows = ceil_div(kSlab, kTurn), kStride = Sizes::kStride,
                kPairTurn = kThreads / kMostChunk,
                kPairs = ceil_div(kChunk, kPairTurn);
  static_assert(kThreads % kMostChunk == 0,
                "a thread has one token's k for Q K^T");
  float *queries = shared, *keys = shared + Sizes::kKeys,
        *states = shared + Sizes::kStates, *scores = shared + Sizes::kScores,
        *values = shared + Sizes::kValues, *decays = shared + Sizes::kDecays;
  const int c = dp::thread() % kColumns, turn = dp::thread() / kColumns,
            column = firstColumn + c;
  const int j = dp::thread() % kMostChunk, // of Q K^T
      pairTurn = dp::thread() / kMostChunk;

  for (int t = turn; t < count; t += kTurn)
    values[t * kColumns + c] = column < kD ? part(row + t, 2, column) : 0.0f;
  for (int x = dp::thread(); x <= count; x += kThreads)
    decays[x] = dp::exp(-(slope * float(x)));
  const float loss = one_minus_exp(slope * float(count));

  float outs[kOuts] = {}, products[kPairs] = {};
  for (int first = 0; first < kD; first += kSlab) {
    const int channels = dp::min(kSlab, kD - first);
    dp::sync_block(); // the slab before has been read
    for (int i = dp::thread(); i < count * kSlab; i += kThreads) {
      const int t = i / kSlab, d = i % kSlab;
      if (d < channels) {
        queries[t * kStride + d] = part(row + t, 0, first + d);
        keys[t * kStride + d] = part(row + t, 1, first + d);
      }
    }
    float s[kRows];
    DP_UNROLL
    for (int n = 0; n < kRows; ++n) {
      const int d = turn + n * kTurn;
      s[n] = 0.0f;
      if (d < channels) {
        s[n] = load_state(isFresh, first + d, column);
        states[d * kColumns + c] = s[n];
      }
    }
    dp::sync_block();

    for (int d = 0; d < channels; ++d) {
      if (j < count) { // Q K^T
        const float key = keys[j * kStride + d];
        DP_UNROLL
        for (int n = 0; n < kPairs; ++n) {
          const int i = pairTurn + n * kPairTurn;
          if (i < count && j <= i)
            products[n] = dp::fma(queries[i * kStride + d], key, products[n]);
        }
      }
      const float mine = states[d * kColumns + c]; // Q S
      DP_UNROLL
      for (int n = 0; n < kOuts; ++n) {
        const int i = turn + n * kTurn;
        if (i < count)
          outs[n] = dp::fma(queries[i * kStride + d], mine, outs[n]);
      }
    }
    float sums[kRows] = {}; // K^T diag(lambda^(m-1-j)) V
    for (int t = 0; t < count; ++t) {
      const float value = values[t * kColumns + c] * decays[count - 1 - t];
      DP_UNROLL
      for (int n = 0; n < kRows; ++n) {
        const int d = turn + n * kTurn;
        if (d < channels)
          sums[n] = dp::fma(keys[t * kStride + d], value, sums[n]);
      }
    }
    DP_UNROLL
    for (int n = 0; n < kRows; ++n) {
      const int d = turn + n * kTurn;
      if (d < channels)
        store_state(first + d, column, dp::fma(-loss, s[n], s[n]) + sums[n]);
    }
  }

  DP_UNROLL
  for (int n = 0; n < kPairs; ++n) {
    const int i = pairTurn + n * kPairTurn;
    if (i < count && j <= i)
      scores[i * kChunk + j] = products[n] * decays[i - j];
  }
  dp::sync_block();
  DP_UNROLL
  for (int n = 0; n < kOuts; ++n) {
    const int i = turn + n * kTurn;
    if (i >= count || column >= kD)
      continue;
    float out = outs[n] * decays[i + 1];
    for (int j = 0; j <= i; ++j)
      out = dp::fma(scores[i * kChunk + j], values[j * kColumns + c], out);
    outs[n] = cluster.store(row + i, head * kD + column, out);
  }
  if constexpr (Cluster::kSumColumns != 0) {
    dp::sync_block(); // all scores have been read
    DP_UNROLL
    for (int n = 0; n < kOuts; ++n)
      if (turn + n * kTurn < count)
        scores[(turn + n * kTurn) * kColumns + c] = outs[n];
    dp::sync_block();
    sum_up(row, count, scores, kColumns);
  }
}

//===---------------------------- Behind them -----------------------------===//

/// Sums what `count` tokens' results gave, columns in order.
/// \param values  [token] of kColumns numbers, `stride` apart
template <typename Cluster>
DP_METHOD void LightningTask<Cluster>::sum_up(int row, int count,
                                              const float *values,
                                              int stride) const {
  constexpr int width = Cluster::kSumColumns, parts = kColumns / width;
  static_assert(kColumns % width == 0 && kD % width == 0,
                "a sum's columns belong to one task");
  for (int i = dp::thread(); i < count * parts; i += kThreads) {
    const int t = i / parts, c = i % parts * width;
    if (firstColumn + c >= kD)
      continue;
    float sum = 0.0f;
    for (int n = 0; n < width; ++n)
      sum = cluster.accumulate(values[t * stride + c + n], sum);
    cluster.store_sum(row + t, (head * kD + firstColumn + c) / width, sum);
  }
}

/// The last task of a row writes what lies behind its columns.
template <typename Cluster>
DP_METHOD void LightningTask<Cluster>::clear(int row, int count) const {
  constexpr int columns = Cluster::kHeads * kD;
  if (head != Cluster::kHeads - 1 || firstColumn + kColumns < kD)
    return;
  for (int i = dp::thread(); i < count * 32; i += kThreads) {
    const int t = row + i / 32, lane = i % 32;
    if constexpr (columns < padded(columns))
      if (columns + lane < padded(columns))
        cluster.clear(t, columns + lane);
    if constexpr (Cluster::kSumColumns != 0) {
      constexpr int sums = columns / Cluster::kSumColumns;
      if constexpr (sums < padded(sums))
        if (sums + lane < padded(sums))
          cluster.clear_sums(t, sums + lane);
    }
  }
}

template <typename Cluster>
DP_DEVICE void lightning_attention(const Cluster &cluster, int task,
                                   dp::Shared shared) {
  using Sizes = LightningSizes<Cluster>;
  constexpr int tasks = Cluster::kHeads * Sizes::kBlocks, size = Sizes::kD,
                chunk = Sizes::kChunk;
  const int head = task % tasks / Sizes::kBlocks,
            first = task / tasks * Cluster::kPer,
            end = dp::min(first + Cluster::kPer, dp::sequences(cluster.dims));
  LightningTask<Cluster> mine{cluster,
                              floats(shared),
                              head,
                              task % Sizes::kBlocks * Sizes::kColumns,
                              dp::load(cluster.slopes() + head),
                              nullptr};
  for (int sequence = first; sequence < end; ++sequence) {
    const int begin = dp::load(cluster.starts() + sequence),
              last = dp::load(cluster.starts() + sequence + 1),
              slot = dp::load(cluster.slots() + sequence);
    mine.state = cluster.state() + dp::i64(slot) * Cluster::kSlotFloats +
                 head * (size * size);
    for (int row = begin; row < last; row += chunk) {
      const int count = dp::min(chunk, last - row);
      const bool isFresh =
          row == begin && dp::load(cluster.positions() + row) == 0;
      dp::sync_block(); // the tokens before are done
      if (chunk == 1 || count <= kMostSteps)
        mine.steps(row, count, isFresh);
      else if constexpr (chunk > 1)
        mine.chunk(row, count, isFresh);
      mine.clear(row, count);
    }
  }
}

} // namespace skeletons
