//===- SamplerTest.cpp - Choosing tokens ---------------------------------===//
#include "runtime/Text/Sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

using namespace mm1;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Sampler make(const SamplerParams &params, int32_t vocabSize) {
  auto sampler = Sampler::create(params, {{0, vocabSize}}, vocabSize);
  EXPECT_TRUE(sampler) << (sampler ? "" : sampler.error().message);
  return std::move(*sampler);
}

std::map<int32_t, int> histogram(Sampler &sampler,
                                 const std::vector<float> &logits, int draws) {
  std::map<int32_t, int> counts;
  for (int draw = 0; draw < draws; ++draw)
    ++counts[*sampler.sample(logits)];
  return counts;
}

/// The softmax of `logits` at `temperature` over the ids in `kept`.
std::map<int32_t, double> softmax(const std::vector<float> &logits,
                                  double temperature,
                                  std::vector<int32_t> kept) {
  std::map<int32_t, double> shares;
  double total = 0;
  for (int32_t id : kept)
    total += shares[id] =
        std::exp(logits[static_cast<size_t>(id)] / temperature);
  for (auto &[id, share] : shares)
    share /= total;
  return shares;
}

/// Counts within five standard deviations of what the shares give, and nothing
/// else drawn.
void expectShares(const std::map<int32_t, int> &counts,
                  const std::map<int32_t, double> &shares, int draws) {
  for (auto [id, count] : counts)
    EXPECT_TRUE(shares.count(id)) << id << " was drawn";
  for (auto [id, share] : shares) {
    double expected = share * draws,
           deviation = std::sqrt(draws * share * (1 - share));
    int count = counts.count(id) ? counts.at(id) : 0;
    EXPECT_NEAR(count, expected, 5 * deviation + 1) << id;
  }
}

std::vector<float> randomLogits(size_t count, float deviation, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> logits(count);
  for (float &logit : logits) { // a sum of 12 uniforms is near enough to
                                // normal, and the same everywhere
    double sum = -6;
    for (int term = 0; term < 12; ++term)
      sum += random() * 0x1p-32;
    logit = static_cast<float>(sum) * deviation;
  }
  return logits;
}

} // namespace

TEST(Sampler, greedyTakesTheLowestOfEquals) {
  Sampler sampler = make({}, 5);
  EXPECT_EQ(*sampler.sample(std::vector<float>{1, 3, 2, 3, 0}), 1);
  EXPECT_EQ(*sampler.sample(std::vector<float>{-0.0f, 0, 0, 0, 0}), 0);
  EXPECT_EQ(*sampler.sample(
                std::vector<float>{-kInfinity, -kInfinity, -5, -kInfinity, -6}),
            2);
  EXPECT_EQ(sampler.draws(), 0u);
}

TEST(Sampler, idsWithoutTokenAreNeverChosen) {
  std::vector<float> logits = {9, 1, 9, 2, 1.5f, 9};
  logits[5] = NAN; // what is masked is not even looked at
  for (float temperature : {0.0f, 1.0f})
    for (int32_t topK : {0, 2})
      for (float topP : {1.0f, 0.9f}) {
        auto sampler =
            Sampler::create({temperature, topK, topP, 1}, {{1, 2}, {3, 5}}, 6);
        ASSERT_TRUE(sampler);
        for (auto [id, count] : histogram(*sampler, logits, 500))
          EXPECT_TRUE(id == 1 || id == 3 || id == 4) << id;
      }
}

TEST(Sampler, badParametersAreUsageErrors) {
  auto messageOf = [](const SamplerParams &params) {
    auto sampler = Sampler::create(params, {{0, 4}}, 4);
    EXPECT_FALSE(sampler);
    EXPECT_EQ(sampler ? ErrorKind::Internal : sampler.error().kind,
              ErrorKind::Usage);
    return sampler ? "" : sampler.error().message;
  };
  EXPECT_EQ(messageOf({.temperature = -1}),
            "temperature is -1.000000; expected 0 (greedy) or more");
  EXPECT_EQ(messageOf({.temperature = NAN}),
            "temperature is nan; expected 0 (greedy) or more");
  EXPECT_EQ(messageOf({.temperature = kInfinity}),
            "temperature is inf; expected 0 (greedy) or more");
  EXPECT_EQ(messageOf({.topK = -3}), "top-k is -3; expected 0 (all) or more");
  EXPECT_EQ(messageOf({.topP = 0}),
            "top-p is 0.000000; expected more than 0 and at most 1");
  EXPECT_EQ(messageOf({.topP = 1.5f}),
            "top-p is 1.500000; expected more than 0 and at most 1");
  EXPECT_EQ(messageOf({.topP = NAN}),
            "top-p is nan; expected more than 0 and at most 1");
}

TEST(Sampler, badRangesAreOurOwnBug) {
  for (const std::vector<IdRange> &ranges : std::vector<std::vector<IdRange>>{
           {}, {{0, 5}}, {{2, 2}}, {{2, 3}, {1, 2}}, {{-1, 2}}}) {
    auto sampler = Sampler::create({}, ranges, 4);
    ASSERT_FALSE(sampler);
    EXPECT_EQ(sampler.error().kind, ErrorKind::Internal);
  }
}

TEST(Sampler, badLogitsFail) {
  for (float temperature : {0.0f, 1.0f}) {
    Sampler sampler = make({.temperature = temperature}, 3);
    auto nan = sampler.sample(std::vector<float>{1, NAN, 2});
    ASSERT_FALSE(nan);
    EXPECT_EQ(nan.error().message,
              "logit of id 1 is nan; expected a finite number");
    EXPECT_FALSE(sampler.sample(std::vector<float>{1, 2, kInfinity}));
    EXPECT_FALSE(
        sampler.sample(std::vector<float>{-kInfinity, -kInfinity, -kInfinity}));
    EXPECT_FALSE(sampler.sample(std::vector<float>{1, 2}));
    EXPECT_TRUE(sampler.sample(std::vector<float>{1, 2, 3}));
  }
}

TEST(Sampler, temperatureGivesItsSoftmax) {
  std::vector<float> logits = {0.5f, -1, 2, 1.5f, -kInfinity};
  for (float temperature : {0.5f, 1.0f, 2.0f}) {
    Sampler sampler = make({.temperature = temperature, .seed = 3}, 5);
    expectShares(histogram(sampler, logits, 20000),
                 softmax(logits, temperature, {0, 1, 2, 3}), 20000);
  }
}

TEST(Sampler, topKKeepsTheLargest) {
  std::vector<float> logits = {0.5f, 1, 2, 1, 1, -3};
  Sampler three = make({.temperature = 1, .topK = 3, .seed = 4},
                       6); // of three equals, the two lowest ids
  expectShares(histogram(three, logits, 20000), softmax(logits, 1, {1, 2, 3}),
               20000);
  Sampler one = make({.temperature = 1, .topK = 1}, 6);
  EXPECT_EQ(histogram(one, logits, 100), (std::map<int32_t, int>{{2, 100}}));
  Sampler more = make({.temperature = 1, .topK = 100, .seed = 5}, 6);
  expectShares(histogram(more, logits, 20000),
               softmax(logits, 1, {0, 1, 2, 3, 4, 5}), 20000);
}

TEST(Sampler, topPKeepsTheFewestThatReachIt) {
  // Probabilities 0.5, 0.3, 0.15, 0.05.
  std::vector<float> logits = {std::log(0.15f), std::log(0.5f), std::log(0.05f),
                               std::log(0.3f)};
  auto kept = [&](float topP, int32_t topK = 0) {
    Sampler sampler =
        make({.temperature = 1, .topK = topK, .topP = topP, .seed = 6}, 4);
    std::vector<int32_t> ids;
    auto counts = histogram(sampler, logits, 5000);
    for (auto [id, count] : counts)
      ids.push_back(id);
    expectShares(counts, softmax(logits, 1, ids), 5000);
    return ids;
  };
  EXPECT_EQ(kept(0.01f), (std::vector<int32_t>{1}));
  EXPECT_EQ(kept(0.49f), (std::vector<int32_t>{1}));
  EXPECT_EQ(kept(0.51f), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(kept(0.81f), (std::vector<int32_t>{0, 1, 3}));
  EXPECT_EQ(kept(0.97f), (std::vector<int32_t>{0, 1, 2, 3}));
  // After top-k 2 the probabilities are 0.625 and 0.375.
  EXPECT_EQ(kept(0.6f, 2), (std::vector<int32_t>{1}));
  EXPECT_EQ(kept(0.65f, 2), (std::vector<int32_t>{1, 3}));
}

TEST(Sampler, largeVocabularyKeepsWhatAFullSortKeeps) {
  constexpr int32_t kVocab = 200064;
  constexpr int kDraws = 40;
  struct Setting {
    float deviation, topP;
  };
  for (Setting setting : {Setting{0.5f, 0.3f}, Setting{3, 0.95f},
                          Setting{3, 0.9999f}, Setting{12, 0.95f}}) {
    auto logits = randomLogits(kVocab, setting.deviation, 7);
    auto logitOf = [&](int32_t id) { return logits[static_cast<size_t>(id)]; };
    std::vector<int32_t> order(kVocab);
    for (int32_t id = 0; id < kVocab; ++id)
      order[static_cast<size_t>(id)] = id;
    std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return logitOf(a) != logitOf(b) ? logitOf(a) > logitOf(b) : a < b;
    });
    // For each id, the share of probability that comes before it.
    std::vector<double> before(kVocab);
    double total = 0, sum = 0;
    for (int32_t id : order)
      total += std::exp(logitOf(id) - logitOf(order[0]));
    for (int32_t id : order) {
      before[static_cast<size_t>(id)] = sum / total;
      sum += std::exp(logitOf(id) - logitOf(order[0]));
    }

    Sampler sampler =
        make({.temperature = 1, .topP = setting.topP, .seed = 8}, kVocab);
    double mean = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      int32_t id = *sampler.sample(logits);
      double share = std::exp(logitOf(id) - logitOf(order[0])) / total;
      double start = before[static_cast<size_t>(id)];
      EXPECT_LT(start, setting.topP + 1e-9);
      mean += (start + std::min(start + share, double(setting.topP))) / 2;
    }
    // Drawn evenly from [0, top-p): half of it, within five deviations.
    EXPECT_NEAR(mean / kDraws, setting.topP / 2,
                5 * setting.topP / std::sqrt(12 * kDraws));
  }
}

TEST(Sampler, seedDecides) {
  auto logits = randomLogits(1000, 2, 9);
  auto run = [&](uint64_t seed) {
    Sampler sampler =
        make({.temperature = 1, .topP = 0.95f, .seed = seed}, 1000);
    std::vector<int32_t> ids;
    for (int draw = 0; draw < 50; ++draw)
      ids.push_back(*sampler.sample(logits));
    return ids;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
  EXPECT_NE(run(0), run(UINT64_MAX));
}

TEST(Sampler, sequenceResumesAtADraw) {
  auto logits = randomLogits(1000, 2, 10);
  Sampler first = make({.temperature = 1, .seed = 11}, 1000);
  for (int draw = 0; draw < 7; ++draw)
    (void)*first.sample(logits);
  Sampler second = make({.temperature = 1, .seed = 11}, 1000);
  second.setDraws(first.draws());
  for (int draw = 0; draw < 20; ++draw)
    EXPECT_EQ(*first.sample(logits), *second.sample(logits));
}

TEST(Sampler, drawsAreTheSameOnEveryMachine) {
  // Written down once; a change of the generator, of exp or of the order of
  // sums shows here.
  auto logits = randomLogits(5000, 2, 12);
  auto firstDraws = [&](SamplerParams params) {
    Sampler sampler = make(params, 5000);
    std::vector<int32_t> ids;
    for (int draw = 0; draw < 6; ++draw)
      ids.push_back(*sampler.sample(logits));
    return ids;
  };
  EXPECT_EQ(firstDraws({.temperature = 1, .seed = 42}),
            (std::vector<int32_t>{1700, 4954, 2239, 421, 3510, 421}));
  EXPECT_EQ(
      firstDraws({.temperature = 0.7f, .topK = 50, .topP = 0.9f, .seed = 42}),
      (std::vector<int32_t>{1612, 1035, 4998, 1973, 562, 1973}));
}

TEST(Sampler, extremeTemperatures) {
  std::vector<float> logits = {1, 2, 3e38f, -3e38f};
  Sampler cold = make({.temperature = 1e-38f}, 4);
  EXPECT_EQ(histogram(cold, logits, 20), (std::map<int32_t, int>{{2, 20}}));
  Sampler hot = make({.temperature = 3e38f, .topP = 0.99f, .seed = 13}, 4);
  EXPECT_EQ(histogram(hot, {1, 2, 3, -kInfinity}, 3000).size(), 3u);
}
