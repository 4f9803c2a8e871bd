//===- CandidateSamplingTest.cpp - From candidates, and from whole rows ---===//
// Whatever the parameters and the row: when candidates decide, the token is the
// one that the whole row gives, and so are all after it.
#include "runtime/Device/TopCandidates.h"
#include "runtime/Text/Sampler.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace mm1;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kMost = 64;

/// What a device says of a row.
class Row {
public:
  Row(std::vector<float> logits) : logits(std::move(logits)) {}

  Candidates candidates(const Sampler &sampler, uint32_t count) {
    std::vector<uint32_t> mask = sampler.allowedMask();
    auto vocabulary = int64_t(logits.size());
    int64_t most = std::min(kMost, vocabulary);
    int64_t numbers[] = {vocabulary, most, vocabulary, most, most, 2};
    auto asked = int32_t(std::min<int64_t>(count, most));
    float scale = sampler.inverseTemperature();
    void *buffers[] = {logits.data(), mask.data(), &asked, &scale,
                       values,        ids,         sums,   numbers};
    topCandidates(buffers, nullptr, 0, 1, nullptr);
    auto found = size_t(std::find(ids, ids + asked, -1) - ids);
    return {{ids, found}, {values, found}, sums[0], sums[1]};
  }

  std::vector<float> logits;

private:
  float values[kMost], sums[2];
  int32_t ids[kMost];
};

Sampler make(const SamplerParams &params, std::vector<IdRange> allowed,
             int32_t vocabSize) {
  auto sampler = Sampler::create(params, std::move(allowed), vocabSize);
  EXPECT_TRUE(sampler) << sampler.error().message;
  return std::move(*sampler);
}

/// Rows of all kinds: peaked, flat, in steps with many equals, with a tail of
/// -inf, one likely token, all equal.
std::vector<float> randomRow(int32_t vocabSize, int kind,
                             std::mt19937 &random) {
  std::normal_distribution<float> normal;
  std::vector<float> row;
  for (int32_t id = 0; id < vocabSize; ++id) {
    float x = normal(random);
    row.push_back(kind == 0   ? 5 * x
                  : kind == 1 ? 0.3f * x
                  : kind == 2 ? std::round(2 * x)
                  : kind == 3 ? (x < 0.5f && id != 1 ? -kInfinity : 3 * x)
                  : kind == 4 ? (id == vocabSize / 2 ? 30 : x)
                              : 1.25f);
  }
  return row;
}

} // namespace

TEST(CandidateSampling, GivesTheTokensOfWholeRows) {
  std::mt19937 random(11);
  size_t asked = 0, decided = 0;
  for (int32_t vocabSize : {3, 40, 64, 65, 1000, 5003})
    for (float temperature : {0.0f, 0.1f, 0.7f, 1.0f, 5.0f})
      for (int32_t topK : {0, 1, 5, 63, 64, 65, 500})
        for (float topP : {0.05f, 0.5f, 0.9f, 0.95f, 0.9999f, 1.0f}) {
          SCOPED_TRACE(testing::Message()
                       << vocabSize << " ids, temperature " << temperature
                       << ", top-k " << topK << ", top-p " << topP);
          SamplerParams params{temperature, topK, topP, random()};
          std::vector<IdRange> allowed = {{0, vocabSize}};
          if (random() % 3 == 0 && vocabSize > 10)
            allowed = {{1, vocabSize / 2}, {vocabSize / 2 + 3, vocabSize - 1}};
          Sampler whole = make(params, allowed, vocabSize),
                  some = make(params, allowed, vocabSize);
          uint32_t needed = some.neededCandidates(kMost);
          for (int draw = 0; draw < 12; ++draw) {
            Row row(randomRow(vocabSize, draw % 6, random));
            auto wanted = whole.sample(row.logits);
            // Also fewer than needed: then nothing is said, or the same.
            uint32_t count = std::max(needed, 1u);
            if (draw >= 6)
              count = 1 + random() % count;
            auto found = some.sample(row.candidates(some, count));
            ASSERT_TRUE(found);
            if (needed != 0 && draw < 6) {
              ++asked;
              decided += found->has_value();
            }
            if (*found) {
              ASSERT_EQ(**found, *wanted);
            } else {
              auto again = some.sample(row.logits);
              ASSERT_TRUE(again) << again.error().message;
              ASSERT_EQ(*again, *wanted);
            }
            ASSERT_EQ(some.draws(), whole.draws());
          }
        }
  // Flat rows of thousands need more than 64.
  EXPECT_GT(double(decided) / double(asked), 0.8);
}

TEST(CandidateSampling, AsksForWhatItNeeds) {
  auto needed = [](SamplerParams params) {
    return make(params, {{0, 500}}, 500).neededCandidates(64);
  };
  EXPECT_EQ(needed({}), 1u);
  EXPECT_EQ(needed({.temperature = 0, .topK = 40}), 1u);
  EXPECT_EQ(needed({.temperature = 1, .topK = 40}), 40u);
  EXPECT_EQ(needed({.temperature = 1, .topK = 64, .topP = 0.5f}), 64u);
  EXPECT_EQ(needed({.temperature = 1, .topK = 65}), 0u);
  EXPECT_EQ(needed({.temperature = 1, .topP = 0.9f}), 64u);
  EXPECT_EQ(needed({.temperature = 1}), 0u);
  EXPECT_EQ(make({.temperature = 4}, {{0, 5}}, 5).inverseTemperature(), 0.25f);
}

// A mass that ends just where the next token begins: the sum is too rough.
TEST(CandidateSampling, LeavesTheNarrowCaseToTheRow) {
  Row row({0, 0, 0, 0});
  // Half of the mass is two of the four, or three when rounding goes up.
  Sampler sampler = make({.temperature = 1, .topP = 0.5f}, {{0, 4}}, 4);
  auto token = sampler.sample(row.candidates(sampler, 4));
  ASSERT_TRUE(token);
  EXPECT_FALSE(*token);
  EXPECT_EQ(sampler.draws(), 0u);
  Sampler wider = make({.temperature = 1, .topP = 0.6f}, {{0, 4}}, 4);
  token = wider.sample(row.candidates(wider, 4));
  ASSERT_TRUE(token);
  EXPECT_TRUE(*token);
}

// Errors are the whole row's: candidates only say that they cannot tell.
TEST(CandidateSampling, LeavesFaultsToTheRow) {
  for (std::vector<float> logits : {std::vector<float>{1, NAN, 2},
                                    {1, kInfinity, 2},
                                    {-kInfinity, -kInfinity, -kInfinity}})
    for (SamplerParams params :
         {SamplerParams{}, SamplerParams{.temperature = 1, .topK = 2},
          SamplerParams{.temperature = 1, .topP = 0.5f}}) {
      Row row(logits);
      Sampler sampler = make(params, {{0, 3}}, 3);
      auto token =
          sampler.sample(row.candidates(sampler, sampler.neededCandidates(64)));
      ASSERT_TRUE(token);
      EXPECT_FALSE(*token);
      EXPECT_FALSE(sampler.sample(row.logits));
    }
}

TEST(CandidateSampling, MaskHasABitForEachAllowedId) {
  Sampler sampler = make({}, {{1, 3}, {31, 34}, {69, 70}}, 70);
  EXPECT_EQ(sampler.allowedMask(),
            (std::vector<uint32_t>{0x80000006u, 0x3u, 0x20u}));
}
