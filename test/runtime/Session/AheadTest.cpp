//===- AheadTest.cpp - Steps that are given before the last is taken ------===//
// Tokens that the device chooses and feeds back are compared with those that
// the host feeds, and the logits at the end with the sums worked out by hand.
#include "test/runtime/Session/SessionFixture.h"

#include <array>
#include <set>

using namespace mm1;
using namespace mm1::tiny;

namespace {
class AheadTest : public SessionTest {};
} // namespace

/// Greedy tokens behind `prompt`, one by one.
static Ids chosenOneByOne(Session &session, const Ids &prompt, size_t count) {
  uint32_t slot = *session.open();
  EXPECT_TRUE(session.prefill({{slot, prompt}}));
  Ids chosen = {session.lastChoices()->token(0)};
  while (chosen.size() < count)
    chosen.push_back(session.decode({{slot, chosen.back()}})->token(0));
  session.close(slot);
  return chosen;
}

TEST_P(AheadTest, StepsAheadGiveTheSameTokens) {
  auto session = makeSession();
  const Ids prompts[] = {{1, 5}, {2, 2, 6, 4, 0}};
  // The largest id that may be chosen always is.
  ASSERT_TRUE(session->allowOnly(std::vector<uint32_t>{0b0011111}));
  Ids expected[2];
  for (int i = 0; i < 2; ++i)
    expected[i] = chosenOneByOne(*session, prompts[i], 12);
  uint32_t slots[2];
  Ids found[2];
  for (int i = 0; i < 2; ++i) {
    slots[i] = *session->open();
    ASSERT_TRUE(session->chooseBy(slots[i], {.slot = 0, .chooses = 1}));
    ASSERT_TRUE(session->prefill({{slots[i], prompts[i]}}));
    found[i].push_back(session->lastChoices()->token(0));
  }
  for (uint32_t step = 0; step < 11 + session->runAhead(); ++step) {
    if (step < 11)
      ASSERT_TRUE(session->decodeAhead(slots));
    if (step < session->runAhead())
      continue; // that far ahead
    auto result = session->takeAhead();
    ASSERT_TRUE(result) << result.error().message;
    for (uint32_t i = 0; i < 2; ++i)
      found[i].push_back(result->token(i));
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(found[i], expected[i]);
    EXPECT_EQ(session->length(slots[i]), prompts[i].size() + 11);
  }
  // The logits show the states of both kinds and all positions.
  auto logits = session->lastLogits();
  ASSERT_TRUE(logits) << logits.error().message;
  for (uint32_t i = 0; i < 2; ++i) {
    Ids history = prompts[i];
    history.insert(history.end(), found[i].begin(), found[i].end() - 1);
    expectLogits(logits->row(i), history);
  }
}

// One of two sequences stops in the midst of steps that were given already.
// What comes behind leaves it as it was, and it goes on from there.
TEST_P(AheadTest, StoppedSequencesAreLeftAlone) {
  auto session = makeSession();
  const Ids prompt = {1, 5, 3};
  Ids expected = chosenOneByOne(*session, prompt, 8);
  uint32_t a = *session->open(), b = *session->open();
  ASSERT_TRUE(session->chooseBy(
      a, {.slot = 0, .chooses = 1, .lastPosition = int(prompt.size()) + 1}));
  ASSERT_TRUE(session->chooseBy(b, {.slot = 0, .chooses = 1}));
  for (uint32_t slot : {a, b}) {
    ASSERT_TRUE(session->prefill({{slot, prompt}}));
    ASSERT_TRUE(session->lastChoices());
  }
  Ids fromA, fromB;
  uint32_t given = 0;
  auto give = [&] {
    ++given;
    return bool(session->decodeAhead({b, a}));
  };
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(give());
  for (int i = 0; i < 5; ++i) {
    auto result = session->takeAhead();
    ASSERT_TRUE(result) << result.error().message;
    if (!result->hasStopped(0))
      fromB.push_back(result->token(0));
    EXPECT_EQ(result->hasStopped(1), i >= 2) << i;
    EXPECT_EQ(result->token(1) < 0, i >= 2) << i;
    if (!result->hasStopped(1))
      fromA.push_back(result->token(1));
    if (given < 5)
      ASSERT_TRUE(give());
  }
  EXPECT_EQ(fromA, Ids(expected.begin() + 1, expected.begin() + 3));
  EXPECT_EQ(fromB, Ids(expected.begin() + 1, expected.begin() + 6));
  EXPECT_EQ(session->length(a), prompt.size() + 2);
  EXPECT_EQ(session->length(b), prompt.size() + 5);
  Ids history = prompt;
  history.insert(history.end(), expected.begin(), expected.begin() + 2);
  decodeAndCheck(*session, std::array{a}, std::array{&history}, 4);
  EXPECT_EQ(session->length(a), prompt.size() + 3);
}

TEST_P(AheadTest, AStopTokenStops) {
  auto session = makeSession();
  const Ids prompt = {1, 5, 3};
  Ids expected = chosenOneByOne(*session, prompt, 2);
  uint32_t slot = *session->open();
  SlotUpdate rule = {.slot = 0, .chooses = 1};
  rule.stopTokens[3] = expected[0];
  ASSERT_TRUE(session->chooseBy(slot, rule));
  ASSERT_TRUE(session->prefill({{slot, prompt}}));
  EXPECT_EQ(session->lastChoices()->token(0), expected[0]);
  ASSERT_TRUE(session->decodeAhead({slot}));
  auto result = session->takeAhead();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->hasStopped(0));
  EXPECT_EQ(session->length(slot), prompt.size());
  // Another rule lets it go on.
  ASSERT_TRUE(session->chooseBy(slot, {.slot = 0, .chooses = 1}));
  ASSERT_TRUE(session->decodeAhead({slot}));
  EXPECT_EQ(session->takeAhead()->token(0), expected[1]);
  EXPECT_EQ(session->length(slot), prompt.size() + 1);
}

// Draws of one seed are the same alone and in a batch, and follow the shares of
// the candidates.
TEST_P(AheadTest, TheDeviceDrawsBySeedAndPosition) {
  auto session = makeSession();
  // Logits of the tiny model are far apart: by state * id. So that three ids
  // have a share, the temperature is high.
  SlotUpdate rule = {.slot = 0,
                     .candidates = 3,
                     .inverseTemperature = 0.05f,
                     .chooses = 1,
                     .topK = 3};
  auto draw = [&](uint64_t seed, bool hasCompany) {
    uint32_t other = *session->open(), slot = *session->open();
    rule.seed = seed;
    EXPECT_TRUE(session->chooseBy(slot, rule));
    const Ids prompt = {1, 1};
    Ids drawn;
    EXPECT_TRUE(session->prefill({{other, Ids{4}}}));
    EXPECT_TRUE(session->lastChoices());
    EXPECT_TRUE(session->prefill({{slot, prompt}}));
    drawn.push_back(session->lastChoices()->token(0));
    for (int i = 0; i < 15; ++i) {
      EXPECT_TRUE(hasCompany ? session->decodeAhead({other, slot})
                             : session->decodeAhead({slot}));
      auto result = session->takeAhead();
      EXPECT_TRUE(result) << result.error().message;
      drawn.push_back(result->token(hasCompany));
    }
    session->close(slot);
    session->close(other);
    return drawn;
  };
  std::set<Ids> different;
  size_t counts[kVocab] = {};
  for (uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    Ids drawn = draw(seed, false);
    EXPECT_EQ(drawn, draw(seed, true)) << seed;
    different.insert(drawn);
    for (int32_t id : drawn)
      ++counts[id];
  }
  EXPECT_EQ(different.size(), 6u);
  // The three largest logits are of 6, 5 and 4, rarer in this order.
  EXPECT_GT(counts[6], counts[5]);
  EXPECT_GT(counts[5], 0u);
  EXPECT_GT(counts[4], 0u);
  EXPECT_EQ(counts[3] + counts[2] + counts[1] + counts[0], 0u);
}

// A token is drawn by its position, whether a head step or a decode step makes
// its row; and asking for the logits of other rows draws nothing that follows.
TEST_P(AheadTest, HeadStepsDrawAsDecodeStepsDo) {
  auto session = makeSession();
  SlotUpdate rule = {.slot = 0,
                     .candidates = 5,
                     .inverseTemperature = 0.01f,
                     .chooses = 1,
                     .topK = 5};
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    rule.seed = seed;
    uint32_t a = *session->open(), b = *session->open();
    ASSERT_TRUE(session->chooseBy(a, rule));
    ASSERT_TRUE(session->chooseBy(b, rule));
    ASSERT_TRUE(session->prefill({{b, Ids{1, 1}}}));
    auto byDecode = session->decode({{b, 2}});
    ASSERT_TRUE(byDecode);
    int32_t first = byDecode->token(0);
    ASSERT_TRUE(session->decodeAhead({b}));
    int32_t second = session->takeAhead()->token(0);
    ASSERT_TRUE(session->prefill({{a, Ids{1, 1, 2}}}));
    EXPECT_EQ(session->lastChoices()->token(0), first) << seed;
    ASSERT_TRUE(session->logits(0, 2));
    ASSERT_TRUE(session->decodeAhead({a}));
    EXPECT_EQ(session->takeAhead()->token(0), second) << seed;
    auto logits = session->lastLogits();
    ASSERT_TRUE(logits) << logits.error().message;
    expectLogits(logits->row(0), Ids{1, 1, 2, first});
    session->close(a);
    session->close(b);
  }
}

TEST_P(AheadTest, RefusesWrongCallsOfStepsAhead) {
  auto session = makeSession();
  uint32_t slot = *session->open();
  EXPECT_EQ(session->takeAhead().error().why, Refusal::WrongCall);
  EXPECT_EQ(session->chooseBy(slot, {.slot = 0, .candidates = 99}).error().why,
            Refusal::WrongCall);
  EXPECT_EQ(session->chooseBy(slot, {.slot = 0, .topK = 0}).error().why,
            Refusal::WrongCall);
  const Ids prompt = {1, 5};
  ASSERT_TRUE(session->prefill({{slot, prompt}}));
  auto early = session->decodeAhead({slot});
  EXPECT_EQ(early.error().why, Refusal::WrongCall);
  EXPECT_SAYS(early.error().message, "no token was chosen for slot 0");
  ASSERT_TRUE(session->lastChoices());
  for (uint32_t i = 0; i <= session->runAhead(); ++i)
    ASSERT_TRUE(session->decodeAhead({slot}));
  EXPECT_SAYS(session->decodeAhead({slot}).error().message,
              "3 steps are given; take one first");
  for (const Error &error :
       {session->prefill({{slot, prompt}}).error(),
        session->decode({{slot, 1}}).error(), session->lastChoices().error(),
        session->logits(0, 1).error(), session->snapshot(slot).error()})
    EXPECT_SAYS(error.message, "3 steps were given ahead and are not taken");
  for (uint32_t i = 0; i <= session->runAhead(); ++i)
    EXPECT_TRUE(session->takeAhead());
  EXPECT_TRUE(session->decode({{slot, 1}}));
}

INSTANTIATE_TEST_SUITE_P(Devices, AheadTest,
                         testing::Values("emulated", "emulatedLate"),
                         [](const auto &test) {
                           return std::string(test.param);
                         });
