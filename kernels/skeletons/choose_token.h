//===- choose_token.h - A row's next token, chosen on the device ----------===//
// Among the candidates of a row, which fall by logit: temperature, then top-k,
// then top-p (the order of runtime/Text/Sampler.h), then a draw.
//
//   logits 9 8 8 5, inverse temperature 1, top-k 3, top-p 0.8
//   weights 1 .37 .37 | cut     sum 1.74; the first two reach 0.8 of it
//   draw 0.9: 0.9 * 1.37 = 1.23 lies behind the first: the second
//
// Nothing is drawn from behind the candidates. The random number is a function
// of the slot's seed and the row's position alone, so a sequence gets the same
// tokens in any batch and however far steps run ahead. Sums go from the first
// candidate on, by one thread: the same bits everywhere that exp is the same.
//===----------------------------------------------------------------------===//
#pragma once

#include "dp/dp.h"
#include "step/step_block.h"

namespace skeletons {

/// The first word of Philox4x32-10 for counter {counter, 0} and key `key`
/// (Salmon and others, Parallel Random Numbers: As Easy as 1, 2, 3, 2011).
DP_DEVICE constexpr dp::u32 random_word(dp::u64 key, dp::u64 counter) {
  dp::u32 x[4] = {dp::u32(counter), dp::u32(counter >> 32), 0, 0};
  dp::u32 k[2] = {dp::u32(key), dp::u32(key >> 32)};
  for (int round = 0; round < 10; ++round) {
    const dp::u64 left = dp::u64(0xd2511f53u) * x[0],
                  right = dp::u64(0xcd9e8d57u) * x[2];
    const dp::u32 next[4] = {dp::u32(right >> 32) ^ x[1] ^ k[0], dp::u32(right),
                             dp::u32(left >> 32) ^ x[3] ^ k[1], dp::u32(left)};
    for (int i = 0; i < 4; ++i)
      x[i] = next[i];
    k[0] += 0x9e3779b9u;
    k[1] += 0xbb67ae85u;
  }
  return x[0];
}
// The paper's own example.
static_assert(random_word(0, 0) == 0x6627e8d5u);

/// In [0, 1), in steps of 2^-24.
DP_DEVICE float random_unit(dp::u64 seed, int position) {
  return float(random_word(seed, dp::u64(position)) >> 8) * 0x1p-24f;
}

/// One of the `count` candidates, whose logits fall, as `settings` says; `unit`
/// is random, in [0, 1). One thread. \returns its place in the list
DP_DEVICE int choose_candidate(const float *logits, int count,
                               const mm1::SlotUpdate &settings, float unit) {
  const int kept = dp::max(1, dp::min(dp::load(&settings.topK), count));
  const float scale = dp::load(&settings.inverseTemperature),
              largest = dp::load(logits);
  auto weight = [&](int i) {
    return dp::exp((dp::load(logits + i) - largest) * scale);
  };
  float all = 0;
  for (int i = 0; i < kept; ++i)
    all += weight(i);
  // The fewest that reach top-p, and their sum.
  const float enough = dp::load(&settings.topP) * all;
  float sum = 0;
  int end = 0;
  while (end < kept && (end == 0 || sum < enough))
    sum += weight(end++);
  const float drawn = unit * sum;
  float before = 0;
  for (int i = 0; i + 1 < end; ++i)
    if (drawn < (before += weight(i)))
      return i;
  return end - 1;
}

/// The token of a row at `position` (of its slot), which the slot keeps for the
/// next step, and whether the slot stops behind it. `ids` and `logits` are its
/// `count` candidates, where places without one are -1. Of a negative position
/// nothing is kept. One thread. \returns the token, -1 when there is none
DP_DEVICE int choose_token(const int *ids, const float *logits, int count,
                           int position, mm1::SlotState &slot) {
  if (dp::load(&slot.hasStopped) != 0)
    return -1;
  const mm1::SlotUpdate &settings = slot.settings;
  const bool chooses = dp::load(&settings.chooses) != 0;
  int given = 0;
  while (given < count && dp::load(ids + given) >= 0)
    ++given;
  int place = 0;
  if (chooses && given > 1)
    place = choose_candidate(
        logits, given, settings,
        random_unit(dp::load(&settings.seed), dp::max(position, 0)));
  const int token = given == 0 ? -1 : dp::load(ids + place);
  if (position < 0)
    return token;
  dp::store(&slot.lastToken, dp::max(token, 0));
  bool stops = token < 0 || position >= dp::load(&settings.lastPosition);
  for (int i = 0; i < mm1::kMostStopTokens; ++i)
    stops = stops || token == dp::load(&settings.stopTokens[i]);
  if (chooses && stops)
    dp::store(&slot.hasStopped, 1);
  return token;
}

} // namespace skeletons
