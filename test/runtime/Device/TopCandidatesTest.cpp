//===- TopCandidatesTest.cpp - The best logits against a plain sort -------===//
#include "runtime/Device/TopCandidates.h"
#include "runtime/Support/Candidates.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <tuple>

using namespace mm1;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// A step's buffers, with strides wider than the rows and a guard in them.
struct Step {
  Step(int64_t rows, int64_t vocabulary, int64_t k)
      : rows(rows), numbers{vocabulary, k, vocabulary + 3, k + 2, k, 5},
        logits(size_t(rows * numbers[kTopLogitsStride]), -77),
        mask(size_t((vocabulary + 31) / 32), ~0u), counts(size_t(rows), 1),
        scales(size_t(rows), 1),
        values(size_t(rows * numbers[kTopValuesStride]), -77),
        ids(size_t(rows * numbers[kTopIdsStride]), -77),
        sums(size_t(rows * numbers[kTopSumsStride]), -77) {}

  float &logit(int64_t row, int64_t id) {
    return logits[size_t(row * numbers[kTopLogitsStride] + id)];
  }
  bool counted(int64_t id) const {
    return mask[size_t(id / 32)] >> id % 32 & 1;
  }

  void run() {
    void *buffers[] = {logits.data(), mask.data(), counts.data(), scales.data(),
                       values.data(), ids.data(),  sums.data(),   numbers};
    // Rows one by one, from the last to the first.
    for (int64_t row = rows; row-- > 0;)
      topCandidates(buffers, nullptr, row, row + 1, nullptr);
  }

  void expectRight() {
    for (int64_t row = 0; row < rows; ++row) {
      SCOPED_TRACE("row " + std::to_string(row));
      std::vector<int32_t> order;
      for (int64_t id = 0; id < numbers[kTopVocabulary]; ++id)
        if (counted(id))
          order.push_back(int32_t(id));
      bool hasNaN = std::any_of(order.begin(), order.end(), [&](int32_t id) {
        return std::isnan(logit(row, id));
      });
      auto rankOf = [&](int32_t id) {
        float x = logit(row, id);
        return std::isnan(x) ? std::tuple(1, 0.0f, id) : std::tuple(0, -x, id);
      };
      std::sort(order.begin(), order.end(),
                [&](int32_t a, int32_t b) { return rankOf(a) < rankOf(b); });
      float *found = &values[size_t(row * numbers[kTopValuesStride])];
      int32_t *foundIds = &ids[size_t(row * numbers[kTopIdsStride])];
      auto count = std::min(size_t(counts[size_t(row)]), order.size());
      for (size_t i = 0; i < size_t(numbers[kTopCount]); ++i) {
        ASSERT_EQ(foundIds[i], i < count ? order[i] : -1) << i;
        float wanted = i < count ? logit(row, order[i]) : 0;
        if (!std::isnan(wanted))
          ASSERT_EQ(found[i], wanted) << i;
        else
          ASSERT_TRUE(std::isnan(found[i])) << i;
      }
      EXPECT_EQ(found[numbers[kTopCount]], -77) << "writes behind the row";
      float *sum = &sums[size_t(row * numbers[kTopSumsStride])];
      EXPECT_EQ(sum[2], -77) << "writes behind the sums";
      float largest = order.empty() ? -kInfinity : logit(row, order[0]);
      if (!std::isnan(largest))
        EXPECT_EQ(sum[0], largest);
      double wanted = 0;
      for (int32_t id : order)
        wanted += std::exp((double(logit(row, id)) - double(largest)) *
                           double(scales[size_t(row)]));
      if (hasNaN)
        EXPECT_TRUE(std::isnan(sum[1]));
      else if (counts[size_t(row)] == 1 || order.empty())
        EXPECT_EQ(sum[1], 0);
      else
        EXPECT_NEAR(sum[1] / wanted, 1, 1e-5);
    }
  }

  int64_t rows;
  int64_t numbers[kNumTopNumbers];
  std::vector<float> logits;
  std::vector<uint32_t> mask;
  std::vector<int32_t> counts;
  std::vector<float> scales, values;
  std::vector<int32_t> ids;
  std::vector<float> sums;
};

} // namespace

TEST(TopCandidates, MatchASortOfEveryKindOfRow) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  auto below = [&](uint32_t n) { return random() % n; };
  for (int64_t vocabulary : {1, 2, 31, 32, 33, 100, 517, 5000})
    for (int64_t k : {1, 2, 7, 64, 300}) {
      if (k > vocabulary)
        continue;
      SCOPED_TRACE(std::to_string(k) + " of " + std::to_string(vocabulary));
      Step step(8, vocabulary, k);
      for (int64_t row = 0; row < 8; ++row) {
        step.counts[size_t(row)] =
            row < 2 ? 1 : int32_t(1 + below(uint32_t(k)));
        step.scales[size_t(row)] = 0.25f * float(1 + below(20));
        for (int64_t id = 0; id < vocabulary; ++id) {
          float x = 4 * normal(random);
          step.logit(row, id) = row == 1   ? std::round(x) // many equal ones
                                : row == 3 ? float(id)     // the worst order
                                : row == 4 ? -float(id)
                                : row == 5 && below(4) == 0 ? -kInfinity
                                : row == 6 ? (below(2) ? 0.0f : -0.0f)
                                : row == 7 ? x * 50 // most weights are 0
                                           : x;
        }
      }
      for (int round = 0; round < 3; ++round) {
        step.run();
        step.expectRight();
        // Then with words that are partly and wholly cleared.
        for (uint32_t &word : step.mask)
          word &= below(3) == 0 ? 0 : uint32_t(random());
      }
    }
}

TEST(TopCandidates, ShowWhatIsNotANumber) {
  Step step(3, 40, 4);
  step.counts = {1, 4, 3};
  for (int64_t row = 0; row < 3; ++row)
    for (int64_t id = 0; id < 40; ++id)
      step.logit(row, id) = row == 2 ? NAN : float(id % 7);
  step.logit(0, 5) = step.logit(1, 39) = NAN;
  step.run();
  step.expectRight();
  for (int64_t id = 32; id < 40; ++id) // behind a list full of NaN
    step.logit(2, id) = -float(id);
  step.run();
  step.expectRight();
  step.mask[0] = 1u << 5; // NaN is all there is, then nothing
  step.mask[1] = 0;
  step.run();
  step.expectRight();
  EXPECT_EQ(step.ids[0], 5);
  step.mask[0] = 0;
  step.run();
  step.expectRight();
  EXPECT_EQ(step.sums[0], -kInfinity);
}

TEST(TopCandidates, KeysOrderAsCandidatesStand) {
  EXPECT_LT(candidateKey(2, 9), candidateKey(1, 0));
  EXPECT_LT(candidateKey(1, 0), candidateKey(1, 1));
  EXPECT_LT(candidateKey(-0.0f, 0), candidateKey(0, 1));
  EXPECT_LT(candidateKey(0, 0), candidateKey(-0.0f, 1));
  EXPECT_LT(candidateKey(-kInfinity, 9), candidateKey(NAN, 0));
  EXPECT_LT(candidateKey(-kInfinity, 9), candidateKey(-NAN, 0));
  EXPECT_EQ(idOfKey(candidateKey(-3, 200063)), 200063);
}

TEST(TopCandidates, RefusesAStepThatDoesNotFit) {
  const int64_t vocabulary = 100;
  const std::vector<uint64_t> bytes = {
      (3 * 128 + 100) * 4, 16, 16, 16, (3 * 32 + 8) * 4, 4 * 8 * 4,
      (3 * 32 + 2) * 4};
  const std::vector<int64_t> numbers = {vocabulary, 8, 128, 32, 8, 32};
  EXPECT_TRUE(checkTopCandidates(bytes, numbers, 4));
  auto messageOf = [](Status status) {
    return status ? std::string() : status.takeError().message;
  };
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto fewer = bytes;
    --fewer[i];
    EXPECT_EQ(messageOf(checkTopCandidates(fewer, numbers, 4)),
              "'top_candidates' needs " + std::to_string(bytes[i]) +
                  " bytes of buffer " + std::to_string(i) +
                  " for 4 rows, found " + std::to_string(fewer[i]));
  }
  for (size_t i = 0; i < numbers.size(); ++i)
    for (int64_t bad : {int64_t(0), int64_t(-1), int64_t(1) << 31}) {
      auto others = numbers;
      others[i] = bad;
      EXPECT_EQ(messageOf(checkTopCandidates(bytes, others, 4)),
                "'top_candidates' takes numbers from 1 to 2147483647, found " +
                    std::to_string(bad));
    }
  auto many = numbers;
  many[kTopCount] = 101;
  EXPECT_EQ(messageOf(checkTopCandidates(bytes, many, 4)),
            "'top_candidates' gives at most 1024 candidates and no more than "
            "there are ids, found 101 of 100");
  EXPECT_EQ(messageOf(checkTopCandidates({}, numbers, 4)),
            "'top_candidates' takes 7 buffers and 6 numbers, found 0 and 6");
}
