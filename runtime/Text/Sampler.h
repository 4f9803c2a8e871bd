//===- Sampler.h - Choosing the next token from logits --------------------===//
// One per sequence. Greedy, or drawn after temperature, top-k and top-p in this
// order (the order of vLLM and transformers). All memory is taken at
// construction.
//
//   SamplerParams params{.temperature = 1, .topP = 0.95f, .seed = 7};
//   auto sampler = Sampler::create(params, tokenizer.idRanges(V), V);
//   auto token = sampler->sample(logits);   // V floats
//
// A row need not come whole: a device that gives the largest logits of a row
// (Candidates.h) nearly always gives enough,
//
//   uint32_t count = sampler->neededCandidates(64);    // 0: whole rows
//   auto token = sampler->sample(candidates);          // a token, or nothing:
//   if (*token == std::nullopt)                        // the row must come
//     token = sampler->sample(logits);
//
// and the token is the one that the whole row would have given: where the sum
// that came with the candidates is too rough to tell, nothing is said.
//
// The same parameters, logits and number of earlier draws give the same token
// on every machine: the generator, the exponential and the order of all sums
// are our own. Draw n of a seed is a pure function of both (SplitMix64, Steele,
// Lea and Flood 2014), so a sequence can be resumed with setDraws().
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Candidates.h"
#include "runtime/Support/Expected.h"
#include "runtime/Text/Tokenizer.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace mm1 {

struct SamplerParams {
  float temperature = 0; ///< 0: greedy
  int32_t topK = 0;      ///< keep this many of the largest logits; 0: all
  float topP =
      1; ///< keep the fewest tokens whose probabilities reach this, in (0, 1]
  uint64_t seed = 0;
};

class Sampler {
public:
  /// `allowed`: what may be chosen, as disjoint ranges in ascending order
  /// (Tokenizer::idRanges); `vocabSize`: logits per token. Usage error for a
  /// parameter out of its range; internal error for bad ranges.
  static Expected<Sampler> create(const SamplerParams &params,
                                  std::vector<IdRange> allowed,
                                  int32_t vocabSize);

  /// The next token. Of equal logits the lowest id comes first. Internal error
  /// when the size of `logits` is not vocabSize, when an allowed logit is NaN
  /// or +inf, or when all of them are -inf.
  Expected<int32_t> sample(std::span<const float> logits);

  /// Candidates to ask for, of at most `most` that a device gives; 0 when it
  /// takes whole rows: no cut, or a larger top-k.
  uint32_t neededCandidates(uint32_t most) const;
  /// The temperature that their sum is wanted at, inverted.
  float inverseTemperature() const {
    return params.temperature == 0 ? 1 : 1 / params.temperature;
  }
  /// The next token, or nothing when these candidates of a row, as many as were
  /// needed, do not decide it. They hold allowed ids only. Errors as above.
  Expected<std::optional<int32_t>> sample(const Candidates &candidates);
  /// The ids that may be chosen, as bits: id i is bit i % 32 of word i / 32.
  std::vector<uint32_t> allowedMask() const;

  /// Random numbers used so far: one for each token that was not chosen
  /// greedily.
  uint64_t draws() const { return drawCount; }
  void setDraws(uint64_t count) { drawCount = count; }

private:
  static constexpr int32_t kBlockIds = 256;
  /// Some allowed ids that follow each other, and their weights' sum in the
  /// present draw.
  struct Block {
    int32_t begin, end;
    double sum;
  };

  Sampler(const SamplerParams &params, std::vector<IdRange> allowed,
          int32_t vocabSize);
  double nextUniform();
  double weight(float logit, float largest) const;
  double sumWeights(std::span<const float> logits, float largest);
  int32_t drawFromAll(std::span<const float> logits, float largest);
  int32_t drawFromBest(std::span<const float> logits, float largest);
  template <typename Share, typename Id>
  int32_t drawFromKept(size_t count, double kept, Share share, Id id);

  SamplerParams params;
  std::vector<IdRange> allowed;
  size_t allowedCount = 0;
  int32_t vocabSize;
  uint64_t drawCount = 0;
  std::vector<Block> blocks; // the allowed ids
  /// For top-k and top-p: candidates; a smaller key is a larger logit, or the
  /// lower of two ids with the same.
  std::vector<uint64_t> keys;
};

} // namespace mm1
