//===- TinyModel.h - Sizes of the tiny model, and what it computes --------===//
// One recurrent state, one state in pages, and logits that show both:
//
//   x_t = table[token_t][0];  S_t = S_(t-1) / 2 + x_t
//   A_t = sum over p <= t of (p + 1) * x_p
//   logits_t[v] = S_t * v + A_t
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mm1::tiny {

inline constexpr int64_t kVocab = 7;
inline constexpr int64_t kWidth = 32; // floats a row
inline constexpr int64_t kSequences = 3, kContext = 22, kPrefill = 8,
                         kPageTokens = 4, kPages = 9;
inline constexpr int64_t kPageColumns =
    (kContext + kPageTokens - 1) / kPageTokens;
inline constexpr int64_t kHeadRows = 4;
inline constexpr int64_t kCandidates = 5; // of a row
inline constexpr int64_t kSlotFloats = 16,
                         kPageFloats = 16;  // units of 64 bytes
inline constexpr int64_t kAttendTokens = 3; // tokens a task of attend

inline float tableValue(int64_t token, int64_t column) {
  return float(token * 3 + 1) * 0.25f + float(column);
}

/// The logits of the last of `tokens`.
inline std::vector<float> expectedLogits(std::span<const int32_t> tokens) {
  float state = 0, sum = 0;
  for (size_t p = 0; p < tokens.size(); ++p) {
    float x = tableValue(tokens[p], 0);
    float half = state * 0.5f, weighted = float(p + 1) * x;
    state = half + x;
    sum += weighted;
  }
  std::vector<float> logits;
  for (int64_t v = 0; v < kVocab; ++v) {
    float product = state * float(v);
    logits.push_back(product + sum);
  }
  return logits;
}

} // namespace mm1::tiny
