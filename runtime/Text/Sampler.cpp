//===- Sampler.cpp - Choosing the next token from logits -----------------===//
// Built with -ffp-contract=off: a fused multiply-add on some machines would
// change low bits of the weights.
#include "runtime/Text/Sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace mm1 {

namespace {

/// Tokens whose weight is below exp(-kNegligible) of the largest are never
/// drawn: 16 million of them would have less than 1e-9 of the probability.
constexpr double kNegligible = 40;

} // namespace

/// exp(x) for x in [-kNegligible, 0] to 1e-14 relative, in plain IEEE
/// operations that compilers vectorise.
static double portableExp(double x) {
  constexpr double kLog2e = 1.4426950408889634;
  constexpr double kLn2High = 0.693147180369123816490,
                   kLn2Low = 1.90821492927058770002e-10;
  constexpr double kRound =
      0x1.8p52; // adding it rounds to an integer, which the low bits then hold
  double shifted = x * kLog2e + kRound;
  double exponent = shifted - kRound;
  double r = (x - exponent * kLn2High) - exponent * kLn2Low; // |r| <= ln(2) / 2
  double sum = 1.0 / 479001600; // Taylor's series to r^12 / 12!
  for (double inverse :
       {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
        1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0})
    sum = sum * r + inverse;
  return sum * std::bit_cast<double>((std::bit_cast<uint64_t>(shifted) << 52) +
                                     (uint64_t{1023} << 52));
}

/// Orders like (logit descending, id ascending). The logit is not NaN.
static uint64_t keyOf(float logit, int32_t id) {
  uint32_t bits =
      std::bit_cast<uint32_t>(logit == 0 ? 0.0f : logit); // -0 equals 0
  uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return (static_cast<uint64_t>(~ascending) << 32) | static_cast<uint32_t>(id);
}
static int32_t idOfKey(uint64_t key) {
  return static_cast<int32_t>(key & 0xffffffffu);
}

static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

Expected<Sampler> Sampler::create(const SamplerParams &params,
                                  std::vector<IdRange> allowed,
                                  int32_t vocabSize) {
  if (!(params.temperature >= 0) || std::isinf(params.temperature))
    return usageError("temperature is " + std::to_string(params.temperature) +
                      "; expected 0 (greedy) or more");
  if (params.topK < 0)
    return usageError("top-k is " + std::to_string(params.topK) +
                      "; expected 0 (all) or more");
  if (!(params.topP > 0 && params.topP <= 1))
    return usageError("top-p is " + std::to_string(params.topP) +
                      "; expected more than 0 and at most 1");
  int32_t end = 0;
  for (IdRange range : allowed) {
    if (range.begin < end || range.end <= range.begin || range.end > vocabSize)
      return internalError("sampler: ids " + std::to_string(range.begin) +
                           " to " + std::to_string(range.end) +
                           " are no range after " + std::to_string(end) +
                           " within " + std::to_string(vocabSize));
    end = range.end;
  }
  if (allowed.empty())
    return internalError("sampler: no id may be chosen");
  return Sampler(params, std::move(allowed), vocabSize);
}

Sampler::Sampler(const SamplerParams &params,
                 std::vector<IdRange> allowedRanges, int32_t vocabSize)
    : params(params), allowed(std::move(allowedRanges)), vocabSize(vocabSize) {
  bool cuts = params.temperature > 0 && (params.topK > 0 || params.topP < 1);
  keys.reserve(cuts ? static_cast<size_t>(vocabSize) : 0);
  for (IdRange range : allowed)
    for (int32_t begin = range.begin; begin < range.end; begin += kBlockIds)
      blocks.push_back({begin, std::min(begin + kBlockIds, range.end), 0});
}

/// In [0, 1), 53 bits.
double Sampler::nextUniform() {
  uint64_t bits = mix(mix(params.seed + 0x9e3779b97f4a7c15u) +
                      ++drawCount * 0x9e3779b97f4a7c15u);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

/// The token's probability up to a common factor; the largest logit has 1.
double Sampler::weight(float logit, float largest) const {
  double exponent =
      (static_cast<double>(logit) - static_cast<double>(largest)) /
      static_cast<double>(params.temperature);
  double value = portableExp(std::max(exponent, -kNegligible));
  return exponent < -kNegligible ? 0 : value;
}

/// The sum of all weights, and that of each block.
double Sampler::sumWeights(std::span<const float> logits, float largest) {
  std::array<double, kBlockIds> weights;
  double total = 0;
  for (Block &block : blocks) {
    auto count = static_cast<size_t>(block.end - block.begin);
    const float *values = &logits[static_cast<size_t>(block.begin)];
    for (size_t index = 0; index < count; ++index)
      weights[index] = weight(values[index], largest);
    block.sum = 0;
    for (size_t index = 0; index < count; ++index)
      block.sum += weights[index];
    total += block.sum;
  }
  return total;
}

Expected<int32_t> Sampler::sample(std::span<const float> logits) {
  if (logits.size() != static_cast<size_t>(vocabSize))
    return internalError("sampler: has " + std::to_string(logits.size()) +
                         " logits; expected " + std::to_string(vocabSize));
  float largest = -std::numeric_limits<float>::infinity();
  int32_t best = -1;
  for (IdRange range : allowed)
    for (int32_t id = range.begin; id < range.end; ++id) {
      float logit = logits[static_cast<size_t>(id)];
      if (!(logit < std::numeric_limits<float>::infinity()))
        return internalError("logit of id " + std::to_string(id) + " is " +
                             (std::isnan(logit) ? "nan" : "inf") +
                             "; expected a finite number");
      if (logit > largest) {
        largest = logit;
        best = id;
      }
    }
  if (best < 0)
    return internalError(
        "all logits are -inf; expected one that can be chosen");
  if (params.temperature == 0)
    return best;
  return keys.capacity() > 0 ? drawFromBest(logits, largest)
                             : drawFromAll(logits, largest);
}

/// Without top-k and top-p: finds the block, then the id in it. Where rounding
/// leaves the target past the end, the last block or id that has a weight is
/// chosen.
int32_t Sampler::drawFromAll(std::span<const float> logits, float largest) {
  double target = nextUniform() * sumWeights(logits, largest);
  const Block *chosen = nullptr;
  for (const Block &block : blocks) {
    if (block.sum == 0)
      continue;
    chosen = &block;
    if (target < block.sum)
      break;
    target -= block.sum;
  }
  int32_t token = -1;
  for (int32_t id = chosen->begin; id < chosen->end; ++id) {
    double share = weight(logits[static_cast<size_t>(id)], largest);
    if (share == 0)
      continue;
    token = id;
    if (target < share)
      break;
    target -= share;
  }
  return token;
}

/// Keeps the top-k, then the fewest of them that reach top-p, and draws from
/// those, best first.
int32_t Sampler::drawFromBest(std::span<const float> logits, float largest) {
  double total = 0, lowest = -kNegligible;
  if (params.topK == 0) {
    // Tokens with less than this share of (1 - p) cannot reach it together: the
    // others reach p without them. A little lower, because log() is not the
    // same everywhere and must not decide.
    total = sumWeights(logits, largest);
    lowest = std::max(lowest, std::log((1 - static_cast<double>(params.topP)) *
                                       total / vocabSize) -
                                  0.01);
  }
  double cut = static_cast<double>(largest) +
               lowest * static_cast<double>(params.temperature);
  keys.clear();
  for (const Block &block : blocks)
    for (int32_t id = block.begin; id < block.end; ++id)
      if (float logit = logits[static_cast<size_t>(id)];
          static_cast<double>(logit) >= cut)
        keys.push_back(keyOf(logit, id));
  auto shareOf = [&](uint64_t key) {
    return weight(logits[static_cast<size_t>(idOfKey(key))], largest);
  };
  if (params.topK > 0) {
    if (static_cast<size_t>(params.topK) < keys.size()) {
      std::nth_element(keys.begin(), keys.begin() + params.topK - 1,
                       keys.end());
      keys.resize(static_cast<size_t>(params.topK));
    }
    std::sort(keys.begin(), keys.end());
    for (uint64_t key : keys)
      total += shareOf(key);
  }

  // Sort no more than the front that matters, in blocks that grow.
  double enough = static_cast<double>(params.topP) * total, kept = 0;
  size_t keptCount = 0, sorted = 0;
  for (size_t block = 256;
       keptCount < keys.size() && (keptCount == 0 || kept < enough);
       ++keptCount) {
    if (keptCount == sorted) {
      auto start = keys.begin() + static_cast<ptrdiff_t>(sorted);
      sorted = std::min(sorted + block, keys.size());
      auto end = keys.begin() + static_cast<ptrdiff_t>(sorted);
      if (end != keys.end())
        std::nth_element(start, end, keys.end());
      std::sort(start, end);
      block *= 8;
    }
    kept += shareOf(keys[keptCount]);
  }
  double target = nextUniform() * kept, sum = 0;
  for (size_t index = 0; index < keptCount; ++index) {
    sum += shareOf(keys[index]);
    if (sum > target)
      return idOfKey(keys[index]);
  }
  return idOfKey(
      keys[keptCount - 1]); // rounding left the target at the very end
}

} // namespace mm1
