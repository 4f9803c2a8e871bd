//===- HostCalls.h - What a plan may call by name -------------------------===//
// plan.host_call names a function of the runtime, and the compiler and the
// device must agree in what it takes: buffers in order, and numbers besides.
//
//   "top_candidates"   mm1.top_candidates on the processor. Buffers: logits,
//                      mask, counts, inverse temperatures, values, ids, sums.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string_view>

namespace mm1 {

inline constexpr std::string_view kTopCandidates = "top_candidates";

/// The numbers of "top_candidates": sizes, and the distances between rows in
/// elements.
enum TopCandidatesNumber : uint32_t {
  kTopVocabulary = 0,
  kTopCount = 1, ///< k of the op: columns of values and ids
  kTopLogitsStride = 2,
  kTopValuesStride = 3,
  kTopIdsStride = 4,
  kTopSumsStride = 5,
  kNumTopNumbers = 6,
};

} // namespace mm1
