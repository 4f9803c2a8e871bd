//===- TopCandidates.cpp - mm1.top_candidates on the processor ------------===//
#include "runtime/Device/TopCandidates.h"
#include "runtime/Support/Candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace mm1 {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
/// Ids of one word of the mask.
constexpr int64_t kGroup = 32;
/// Groups whose terms are added in f32 before they go into the f64 sum.
constexpr int64_t kBlock = 64;

/// exp(x) for x <= 0 to 2e-7 relative, 0 below -87; plain operations that
/// compilers vectorise. The polynomial is Cephes' expf.
inline float fastExp(float x) {
  constexpr float kLog2e = 1.44269504f, kLn2High = 0.693359375f,
                  kLn2Low = -2.12194440e-4f;
  constexpr float kRound = 0x1.8p23f; // its sum's low bits hold the integer
  float shifted = x * kLog2e + kRound;
  float exponent = shifted - kRound;
  float r = (x - exponent * kLn2High) - exponent * kLn2Low;
  float p = 1.9875691500e-4f;
  for (float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                  1.6666665459e-1f, 5.0000001201e-1f, 1.0f, 1.0f})
    p = p * r + c;
  float scale = std::bit_cast<float>((std::bit_cast<uint32_t>(shifted) << 23) +
                                     (127u << 23));
  return x < -87.0f ? 0.0f : p * scale;
}

/// One row, a group at a time.
class Row {
public:
  Row(const float *logits, const uint32_t *mask, int64_t vocabulary)
      : logits(logits), mask(mask), vocabulary(vocabulary) {}

  int64_t groups() const { return (vocabulary + kGroup - 1) / kGroup; }
  /// Which of the group's ids count.
  uint32_t bits(int64_t group) const {
    int64_t left = vocabulary - group * kGroup;
    return left >= kGroup ? mask[group]
                          : mask[group] & ((uint32_t(1) << left) - 1);
  }
  /// The group's logits, -inf where an id does not count; `copy` has room for
  /// them.
  const float *read(int64_t group, uint32_t bits, float *copy) const {
    const float *from = logits + group * kGroup;
    if (bits == ~uint32_t(0))
      return from;
    for (int64_t i = 0; i < kGroup; ++i)
      copy[i] = bits >> i & 1 ? from[i] : -kInfinity;
    return copy;
  }

private:
  const float *logits;
  const uint32_t *mask;
  int64_t vocabulary;
};

/// The best keys so far. New ones are kept aside until there are as many again,
/// and then half of all goes: that costs less than keeping an order.
class BestKeys {
public:
  explicit BestKeys(int64_t most) : most(most) {}

  /// Whether a group with this maximum may hold a better key than ours. Equal
  /// logits come in order of ids, and the lower one is kept.
  bool mayTake(float maximum) const { return !isFull || !(maximum <= worst); }
  void take(float logit, int32_t id) {
    uint64_t key = candidateKey(logit, id);
    if (isFull && key >= worstKey)
      return;
    keys[count++] = key;
    if (count == 2 * most || (count == most && !isFull))
      drop();
  }
  /// Sorts the best, and returns how many there are.
  int64_t finish() {
    if (count > most)
      drop();
    std::sort(keys, keys + count);
    return count;
  }
  int32_t id(int64_t i) const { return idOfKey(keys[i]); }

private:
  /// Keeps the best `most`.
  void drop() {
    std::nth_element(keys, keys + most - 1, keys + count);
    count = most;
    isFull = true;
    worstKey = keys[most - 1];
    uint32_t ascending = ~uint32_t(worstKey >> 32);
    worst = ascending == 0 ? std::numeric_limits<float>::quiet_NaN()
                           : std::bit_cast<float>(ascending & 0x80000000u
                                                      ? ascending & 0x7fffffffu
                                                      : ~ascending);
  }

  int64_t most, count = 0;
  bool isFull = false;
  uint64_t worstKey = 0;
  float worst = 0;
  uint64_t keys[2 * kMostCandidates];
};

/// Fills `best`; true when a logit that counts is NaN.
bool findBest(const Row &row, BestKeys &best) {
  bool hasNaN = false;
  for (int64_t group = 0; group < row.groups(); ++group) {
    uint32_t bits = row.bits(group);
    if (bits == 0)
      continue;
    float copy[kGroup], maxima[8];
    const float *x = row.read(group, bits, copy);
    std::fill(maxima, maxima + 8, -kInfinity);
    int32_t isNaN = 0;
    for (int64_t i = 0; i < kGroup; i += 8)
      for (int64_t lane = 0; lane < 8; ++lane) {
        maxima[lane] = x[i + lane] > maxima[lane] ? x[i + lane] : maxima[lane];
        isNaN |= x[i + lane] != x[i + lane];
      }
    hasNaN |= isNaN != 0;
    if (!best.mayTake(*std::max_element(maxima, maxima + 8)))
      continue;
    for (uint32_t rest = bits; rest != 0; rest &= rest - 1) {
      int i = std::countr_zero(rest);
      best.take(x[i], int32_t(group * kGroup + i));
    }
  }
  return hasNaN;
}

/// The sum of exp((x - largest) * scale) over the ids that count.
double sumWeights(const Row &row, float largest, float scale) {
  double total = 0;
  for (int64_t first = 0; first < row.groups(); first += kBlock) {
    float sums[kGroup] = {};
    int64_t last = std::min(first + kBlock, row.groups());
    for (int64_t group = first; group < last; ++group) {
      uint32_t bits = row.bits(group);
      if (bits == 0)
        continue;
      float copy[kGroup];
      const float *x = row.read(group, bits, copy);
      for (int64_t i = 0; i < kGroup; ++i)
        sums[i] += fastExp((x[i] - largest) * scale);
    }
    for (float sum : sums)
      total += double(sum);
  }
  return total;
}

} // namespace

void topCandidates(void *const *buffers, const int64_t *, int64_t begin,
                   int64_t end, void *) {
  auto logits = static_cast<const float *>(buffers[0]);
  auto mask = static_cast<const uint32_t *>(buffers[1]);
  auto counts = static_cast<const int32_t *>(buffers[2]);
  auto scales = static_cast<const float *>(buffers[3]);
  auto values = static_cast<float *>(buffers[4]);
  auto ids = static_cast<int32_t *>(buffers[5]);
  auto sums = static_cast<float *>(buffers[6]);
  auto numbers = static_cast<const int64_t *>(buffers[7]);
  for (int64_t r = begin; r < end; ++r) {
    const float *x = logits + r * numbers[kTopLogitsStride];
    Row row(x, mask, numbers[kTopVocabulary]);
    int64_t count = std::clamp<int64_t>(counts[r], 1, numbers[kTopCount]);
    BestKeys best(count);
    bool hasNaN = findBest(row, best);
    int64_t found = best.finish();
    float *rowValues = values + r * numbers[kTopValuesStride];
    int32_t *rowIds = ids + r * numbers[kTopIdsStride];
    for (int64_t i = 0; i < numbers[kTopCount]; ++i) {
      rowIds[i] = i < found ? best.id(i) : -1;
      rowValues[i] = i < found ? x[rowIds[i]] : 0;
    }
    float *sum = sums + r * numbers[kTopSumsStride];
    sum[0] = found != 0 ? rowValues[0] : -kInfinity;
    sum[1] = hasNaN ? std::numeric_limits<float>::quiet_NaN()
             : count > 1 && found != 0
                 ? float(sumWeights(row, sum[0], scales[r]))
                 : 0;
  }
}

Status checkTopCandidates(std::span<const uint64_t> bufferBytes,
                          std::span<const int64_t> numbers, uint64_t rows) {
  auto refuse = [](const std::string &what) {
    return inputError("'top_candidates' " + what);
  };
  constexpr size_t kBuffers = 7;
  if (bufferBytes.size() != kBuffers || numbers.size() != kNumTopNumbers)
    return refuse("takes " + std::to_string(kBuffers) + " buffers and " +
                  std::to_string(kNumTopNumbers) + " numbers, found " +
                  std::to_string(bufferBytes.size()) + " and " +
                  std::to_string(numbers.size()));
  for (int64_t number : numbers)
    if (number < 1 || number > INT32_MAX)
      return refuse("takes numbers from 1 to 2147483647, found " +
                    std::to_string(number));
  if (numbers[kTopCount] > std::min(kMostCandidates, numbers[kTopVocabulary]))
    return refuse("gives at most " + std::to_string(kMostCandidates) +
                  " candidates and no more than there are ids, found " +
                  std::to_string(numbers[kTopCount]) + " of " +
                  std::to_string(numbers[kTopVocabulary]));
  auto vocabulary = uint64_t(numbers[kTopVocabulary]),
       count = uint64_t(numbers[kTopCount]);
  auto rowsOf = [&](TopCandidatesNumber stride, uint64_t columns) {
    return ((rows - 1) * uint64_t(numbers[stride]) + columns) * 4;
  };
  const uint64_t needed[kBuffers] = {rowsOf(kTopLogitsStride, vocabulary),
                                     (vocabulary + 31) / 32 * 4,
                                     rows * 4,
                                     rows * 4,
                                     rowsOf(kTopValuesStride, count),
                                     rowsOf(kTopIdsStride, count),
                                     rowsOf(kTopSumsStride, 2)};
  for (size_t i = 0; i < kBuffers; ++i)
    if (bufferBytes[i] < needed[i])
      return refuse("needs " + std::to_string(needed[i]) + " bytes of buffer " +
                    std::to_string(i) + " for " + std::to_string(rows) +
                    " rows, found " + std::to_string(bufferBytes[i]));
  return Status::ok();
}

} // namespace mm1
