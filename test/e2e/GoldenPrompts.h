//===- GoldenPrompts.h - Prompts with the logits they must give -----------===//
// What test/data/goldens stores, and how far a compiled artifact is from it.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mm1::test {

/// One prompt of a golden case.
struct Prompt {
  std::vector<int32_t> ids, positions;
  std::vector<double> logits; ///< [positions, vocab]
  int64_t vocab = 0;
};

/// The prompts of a case that store logits under this name: "logits",
/// "logits_int8_experts".
std::vector<Prompt> readPrompts(const std::string &name,
                                const std::string &logitsKey);

/// Runs mm1-run logits on a prompt and gives logits [T, vocab]; empty, and a
/// failure is reported, when it fails.
std::vector<float> runLogits(const std::string &artifact, const Prompt &prompt,
                             const std::vector<std::string> &options);

/// The largest error of a logit at the stored positions; infinite where one is
/// missing or no number.
double maxError(const Prompt &prompt, const std::vector<float> &logits);

/// KL divergence of the reference's next-token distribution from ours at stored
/// position i, in nats.
double divergence(const Prompt &prompt, const std::vector<float> &logits,
                  size_t i);

} // namespace mm1::test
