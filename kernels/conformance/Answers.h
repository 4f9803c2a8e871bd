//===- Answers.h - What primitives.cu must answer -------------------------===//
// The kernels of primitives.cu with inputs and answers, for whoever runs them:
// a test in the emulation, and the kit on a GPU. Answers come from plain loops
// and share nothing with either.
//
//   for (const Case &c : cases())
//     run(c.kernel, kBlocks, kBlockThreads, c.in, c.weights, out);  // == c.out
//
// That tensor cores cut their sums is a model until a GPU has been asked.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <vector>

namespace mm1::conformance {

using Words = std::vector<uint32_t>;

/// Of each of a kernel's three buffers: in, weights, out.
inline constexpr int kWords = 4096;
inline constexpr int kBlocks = 2, kBlockThreads = 64;

struct Case {
  const char *kernel;
  Words in, weights;
  Words out; ///< what must lie there, where zeros lay
  /// How far words, as floats, may be off in their last place.
  int ulps;
};

/// At least one for each kernel. Those of cp_async_bulk and mbarrier need
/// sm_90.
std::vector<Case> cases();

} // namespace mm1::conformance
