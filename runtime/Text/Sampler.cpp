//===- Sampler.cpp - Choosing the next token from logits ------------------===//
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
  for (IdRange range : allowed) {
    allowedCount += static_cast<size_t>(range.end - range.begin);
    for (int32_t begin = range.begin; begin < range.end; begin += kBlockIds)
      blocks.push_back({begin, std::min(begin + kBlockIds, range.end), 0});
  }
}

std::vector<uint32_t> Sampler::allowedMask() const {
  std::vector<uint32_t> mask((static_cast<size_t>(vocabSize) + 31) / 32);
  for (IdRange range : allowed)
    for (int32_t id = range.begin; id < range.end; ++id)
      mask[static_cast<size_t>(id / 32)] |= uint32_t{1} << (id % 32);
  return mask;
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
        keys.push_back(candidateKey(logit, id));
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
  return drawFromKept(
      keptCount, kept, [&](size_t index) { return shareOf(keys[index]); },
      [&](size_t index) { return idOfKey(keys[index]); });
}

/// One of the first `count`, whose shares add up to `kept`.
template <typename Share, typename Id>
int32_t Sampler::drawFromKept(size_t count, double kept, Share share, Id id) {
  double target = nextUniform() * kept, sum = 0;
  for (size_t index = 0; index < count; ++index) {
    sum += share(index);
    if (sum > target)
      return id(index);
  }
  return id(count - 1); // rounding left the target at the very end
}

uint32_t Sampler::neededCandidates(uint32_t most) const {
  if (params.temperature == 0)
    return 1;
  if (params.topK > 0)
    return static_cast<uint32_t>(params.topK) <= most ? params.topK : 0;
  return params.topP < 1 ? most : 0;
}

Expected<std::optional<int32_t>> Sampler::sample(const Candidates &candidates) {
  const std::optional<int32_t> undecided;
  std::span<const float> logits = candidates.logits;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // Of what is wrong with a row, the row says more.
  if (logits.empty() || !(logits[0] < kInfinity) || logits[0] == -kInfinity ||
      std::isnan(candidates.sum))
    return undecided;
  if (params.temperature == 0)
    return std::optional(candidates.ids[0]);

  // As drawFromBest does with its keys.
  float largest = logits[0];
  auto share = [&](size_t index) { return weight(logits[index], largest); };
  size_t count = logits.size();
  double total = 0, error = 0;
  if (params.topK > 0) {
    auto wanted = static_cast<size_t>(params.topK);
    if (count < wanted && count < allowedCount)
      return undecided;
    count = std::min(count, wanted);
    for (size_t index = 0; index < count; ++index)
      total += share(index);
  } else {
    // Twice the error of the sum covers that of its inverse. (Without a cut
    // nothing is ever sure.)
    total = static_cast<double>(candidates.sum);
    error = 2 * Candidates::kSumError;
    if (total < 1 - error) // the largest alone has 1: there is no sum
      return undecided;
  }
  // In between these, the true sum decides whether one more is kept.
  double enough = static_cast<double>(params.topP) * total;
  double surelyNot = enough * (1 - error), surely = enough * (1 + error);
  double kept = 0;
  size_t keptCount = 0;
  while (keptCount < count && (keptCount == 0 || kept < surelyNot))
    kept += share(keptCount++);
  if (error != 0 && kept < surely)
    return undecided;
  return std::optional(drawFromKept(keptCount, kept, share, [&](size_t index) {
    return candidates.ids[index];
  }));
}

} // namespace mm1
