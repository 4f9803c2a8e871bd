//===- Candidates.h - The largest logits of a row -------------------------===//
// What a step says of a row's logits instead of the whole row: enough to choose
// a token greedily, by top-k, and nearly always by top-p. Made on the device
// (mm1.top_candidates), read by Sampler:
//
//   logits 1 9 4 2 4, all ids allowed, three asked for, temperature 2:
//   ids 1 2 4, logits 9 4 4, largest 9, sum 1 + 2 exp(-2.5) + ...
//===----------------------------------------------------------------------===//
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

namespace mm1 {

/// Longest list of candidates that any device gives.
inline constexpr int64_t kMostCandidates = 1024;

struct Candidates {
  /// Relative error of `sum` that a device may have.
  static constexpr double kSumError = 1e-4;

  std::span<const int32_t>
      ids; ///< falling logits, the lower id first among equals
  std::span<const float> logits; ///< of these ids
  float largest;
  /// Over all allowed ids, of exp((logit - largest) / temperature), when more
  /// than one candidate was asked for, else 0; NaN when an allowed logit is
  /// NaN.
  float sum;
};

/// A number that orders ids of a row as candidates stand: by falling logit, NaN
/// last, and by rising id among equals.
inline uint64_t candidateKey(float logit, int32_t id) {
  // -0 equals 0.
  uint32_t bits = std::bit_cast<uint32_t>(logit == 0 ? 0.0f : logit);
  uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  if (std::isnan(logit))
    ascending = 0;
  return (uint64_t(~ascending) << 32) | uint32_t(id);
}
inline int32_t idOfKey(uint64_t key) { return int32_t(key & 0xffffffffu); }

} // namespace mm1
