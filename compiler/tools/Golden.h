//===- Golden.h - The prompts an artifact tests itself with -------------------===//
// mm1c compile stores a prompt and, for models small enough, its logits by the reference evaluator; mm1c verify and
// mm1-run --self-test read them.
//===--------------------------------------------------------------------------===//
#pragma once

#include "compiler/Import/Checkpoint.h"

#include <span>
#include <string>
#include <vector>

namespace mm1 {

inline constexpr char kGoldenPrompts[] = "golden/prompts.safetensors";
inline constexpr char kGoldenIds[] = "golden/ids.json";

/// Checkpoints up to this size get reference logits when they are compiled: a double-precision run of the prompt takes
/// seconds for them. Larger ones get them from `mm1c verify --checkpoint`, when somebody wants to wait.
inline constexpr uint64_t kMostGoldenBytes = uint64_t(64) << 20;

/// A prompt of `count` ids, spread over the vocabulary; the same for every compilation.
std::vector<int32_t> goldenPrompt(int64_t count, int64_t vocabSize);

/// What mm1-run's self-test and mm1c verify accept, as root mean square error over the logits' standard deviation.
/// f32: float32 rounding of a deep model stays below 1e-3, a wrong kernel makes it about 1. bf16: rounding is about 0.01 per
/// position, but a rounded router logit may choose another expert, which changes a position's logits like noise of that size
/// would; half the spread over all positions is beyond what a few such positions do to a short prompt.
double selfTestTolerance(const std::string &compute);

/// The bytes of kGoldenPrompts: ids and logits of one prompt. `logits` is [ids, vocab].
Expected<std::string> goldenFile(std::span<const int32_t> ids,
                                 std::span<const double> logits);

} // namespace mm1
