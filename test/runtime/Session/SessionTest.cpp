//===- SessionTest.cpp - Sequences through the tiny model -----------------===//
// The tiny model's logits depend on every token of a sequence through both
// kinds of state, so a wrong slot, page, position or snapshot shows. All
// comparisons are exact.
#include "runtime/Session/Session.h"
#include "runtime/Device/CpuLevel.h"
#include "runtime/Device/CreateDevice.h"
#include "runtime/Session/SelfTest.h"
#include "test/runtime/Device/EmulatedDriver.h"
#include "test/runtime/Session/CountAllocations.h"
#include "test/runtime/Tiny/TinyArtifact.h"
#include "test/runtime/Tiny/TinyModel.h"

#include <array>
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <set>

using namespace mm1;
using namespace mm1::tiny;

#define EXPECT_SAYS(MESSAGE, PART)                                             \
  EXPECT_NE((MESSAGE).find(PART), std::string::npos) << (MESSAGE)

namespace {

using Ids = std::vector<int32_t>;

/// On each device: the model is the same, and so are its logits.
class SessionTest : public testing::TestWithParam<const char *> {
protected:
  bool isEmulated() const { return GetParam() != std::string("cpu"); }

  void SetUp() override {
    if (isEmulated()) {
      driver.emplace();
      driver->config.late = GetParam() == std::string("emulatedLate");
      driver->reset();
      return tiny.makeCuda();
    }
    auto levels = supportedCpuLevels();
    if (std::find(levels.begin(), levels.end(), "x86-64-v3") == levels.end())
      GTEST_SKIP() << "this processor is below x86-64-v3";
  }

  void TearDown() override {
    if (driver)
      EXPECT_EQ(driver->reports(), "");
  }

  std::unique_ptr<Session> makeSession(uint32_t threads = 2) {
    auto artifact = Artifact::open(tiny.write());
    EXPECT_TRUE(artifact) << artifact.error().message;
    DeviceOptions deviceOptions;
    deviceOptions.name = isEmulated() ? "emulated" : "cpu";
    deviceOptions.cpu.threads = threads;
    auto device = createDevice(deviceOptions, artifact->plan());
    EXPECT_TRUE(device) << device.error().message;
    auto session =
        Session::create(std::move(*artifact), std::move(*device), options);
    EXPECT_TRUE(session) << session.error().message;
    return std::move(*session);
  }

  SessionOptions options;

  TinyArtifact tiny;
  std::optional<test::EmulatedDriver> driver;
};

void expectLogits(std::span<const float> found,
                  std::span<const int32_t> tokens) {
  std::vector<float> expected = expectedLogits(tokens);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t v = 0; v < expected.size(); ++v)
    ASSERT_EQ(found[v], expected[v])
        << "after " << tokens.size() << " tokens, id " << v;
}

/// The token that comes first of all that may be chosen: logits that grow or
/// fall with the id have it at an end.
void expectChoice(const StepResult &choices, uint32_t row,
                  std::span<const int32_t> tokens) {
  std::vector<float> logits = expectedLogits(tokens);
  auto best = std::max_element(logits.begin(), logits.end());
  EXPECT_EQ(choices.token(row), int32_t(best - logits.begin()));
  Candidates candidates = choices.candidates(row);
  ASSERT_EQ(candidates.ids.size(), 1u);
  EXPECT_EQ(candidates.logits[0], *best);
  EXPECT_EQ(candidates.largest, *best);
}

/// Feeds tokens and checks the logits of the last.
void prefillAndCheck(Session &session, uint32_t slot, Ids &history,
                     const Ids &tokens) {
  history.insert(history.end(), tokens.begin(), tokens.end());
  Status status = session.prefill({{slot, tokens}});
  ASSERT_TRUE(status) << status.error().message;
  auto choices = session.lastChoices();
  ASSERT_TRUE(choices) << choices.error().message;
  expectChoice(*choices, 0, history);
  auto logits = session.lastLogits();
  ASSERT_TRUE(logits) << logits.error().message;
  expectLogits(logits->row(0), history);
}

void decodeAndCheck(Session &session, std::span<const uint32_t> slots,
                    std::span<Ids *const> histories, int32_t token) {
  std::vector<Session::Next> batch;
  for (size_t i = 0; i < slots.size(); ++i) {
    int32_t own = int32_t((token + i) % kVocab);
    batch.push_back({slots[i], own});
    histories[i]->push_back(own);
  }
  auto choices = session.decode(batch);
  ASSERT_TRUE(choices) << choices.error().message;
  ASSERT_EQ(choices->numRows, slots.size());
  auto logits = session.lastLogits();
  ASSERT_TRUE(logits) << logits.error().message;
  ASSERT_EQ(logits->rows, slots.size());
  for (uint32_t i = 0; i < slots.size(); ++i) {
    expectChoice(*choices, i, *histories[i]);
    expectLogits(logits->row(i), *histories[i]);
  }
}

} // namespace

TEST_P(SessionTest, SaysWhatThePlanPromises) {
  auto session = makeSession();
  EXPECT_EQ(session->maxSequences(), uint32_t(kSequences));
  EXPECT_EQ(session->maxContext(), uint64_t(kContext));
  EXPECT_EQ(session->maxPrefill(), uint32_t(kPrefill));
  EXPECT_EQ(session->vocabSize(), uint32_t(kVocab));
  EXPECT_EQ(session->maxLogitRows(), uint32_t(kHeadRows));
  EXPECT_EQ(session->maxCandidates(), uint32_t(kCandidates));
  EXPECT_EQ(session->totalPages(), uint64_t(kPages));
  EXPECT_EQ(session->freePages(), uint64_t(kPages));
}

TEST_P(SessionTest, PrefillAndDecodeAgreeHoweverTheyAreSplit) {
  auto session = makeSession();
  const Ids all = {1, 5, 0, 3, 6, 2, 2, 4, 1, 0, 5, 6, 3};
  for (size_t chunk = 1; chunk <= size_t(kPrefill); ++chunk)
    for (size_t decodeFrom : {size_t(0), size_t(5), size_t(8), all.size()}) {
      auto slot = session->open();
      ASSERT_TRUE(slot);
      for (size_t at = 0; at < decodeFrom; at += chunk)
        ASSERT_TRUE(session->prefill(
            {{*slot,
              std::span(all).subspan(at, std::min(chunk, decodeFrom - at))}}));
      for (size_t at = decodeFrom; at < all.size(); ++at) {
        auto choices = session->decode({{*slot, all[at]}});
        ASSERT_TRUE(choices) << choices.error().message;
        auto logits = session->lastLogits();
        ASSERT_TRUE(logits) << logits.error().message;
        expectLogits(logits->row(0), std::span(all).first(at + 1));
      }
      auto logits = session->lastLogits();
      ASSERT_TRUE(logits);
      expectLogits(logits->row(0), all);
      EXPECT_EQ(session->length(*slot), all.size());
      session->close(*slot);
    }
  EXPECT_EQ(session->freePages(), uint64_t(kPages));
}

TEST_P(SessionTest, RaggedBatchesAndReusedSlots) {
  auto session = makeSession(3);
  // Pages are shared out in another order each time.
  for (int round = 0; round < 4; ++round) {
    uint32_t a = *session->open(), b = *session->open(), c = *session->open();
    Ids x, y, z, first = {3, 1, 4, 1}, second = {5}, third = {2, 6, 0};
    Status status = session->prefill({{c, third}, {a, first}, {b, second}});
    ASSERT_TRUE(status) << status.error().message;
    z = third, x = first, y = second;
    auto logits = session->lastLogits();
    ASSERT_TRUE(logits);
    ASSERT_EQ(logits->rows, 3u);
    expectLogits(logits->row(0), z);
    expectLogits(logits->row(1), x);
    expectLogits(logits->row(2), y);
    // All rows of the batch, in its order.
    logits = session->logits(3, 4);
    ASSERT_TRUE(logits);
    for (uint32_t i = 0; i < 4; ++i)
      expectLogits(logits->row(i), std::span(x).first(i + 1));

    const uint32_t order[] = {b, c, a};
    Ids *histories[] = {&y, &z, &x};
    for (int32_t step = 0; step < 5; ++step)
      decodeAndCheck(*session, std::span(order).first(size_t(step % 3 + 1)),
                     std::span(histories).first(size_t(step % 3 + 1)),
                     step + round);
    session->close(round % 2 ? a : c);
    session->close(b);
    session->close(round % 2 ? c : a);
    EXPECT_EQ(session->openSequences(), 0u);
    EXPECT_EQ(session->freePages(), uint64_t(kPages));
  }
}

TEST_P(SessionTest, RandomWalkMatches) {
  auto session = makeSession();
  std::mt19937 random(7);
  auto below = [&](size_t n) { return size_t(random() % n); };
  std::vector<std::optional<uint32_t>> slots(3);
  std::vector<Ids> histories(3);
  for (int step = 0; step < 600; ++step) {
    size_t i = below(3);
    if (!slots[i]) {
      auto slot = session->open();
      ASSERT_TRUE(slot);
      slots[i] = *slot;
      histories[i].clear();
      continue;
    }
    Ids tokens(1 + below(5));
    for (int32_t &token : tokens)
      token = int32_t(below(size_t(kVocab)));
    uint64_t pages =
        (histories[i].size() + tokens.size() + kPageTokens - 1) / kPageTokens -
        (histories[i].size() + kPageTokens - 1) / kPageTokens;
    if (histories[i].size() + tokens.size() > size_t(kContext) ||
        pages > session->freePages() || below(9) == 0) {
      session->close(*slots[i]);
      slots[i].reset();
    } else if (below(2)) {
      prefillAndCheck(*session, *slots[i], histories[i], tokens);
    } else {
      Ids *history = &histories[i];
      decodeAndCheck(*session, std::span(&*slots[i], 1), std::span(&history, 1),
                     tokens[0]);
    }
  }
}

TEST_P(SessionTest, SameBytesForAnyNumberOfThreads) {
  std::vector<std::vector<float>> results;
  for (uint32_t threads : {1, 2, 5}) {
    auto session = makeSession(threads);
    uint32_t slot = *session->open();
    Ids prompt = {1, 2, 3, 4, 5};
    ASSERT_TRUE(session->prefill({{slot, prompt}}));
    ASSERT_TRUE(session->decode({{slot, 6}}));
    auto logits = session->lastLogits();
    ASSERT_TRUE(logits);
    results.emplace_back(logits->row(0).begin(), logits->row(0).end());
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST_P(SessionTest, SnapshotsContinueInAnySlotOfAnySession) {
  auto session = makeSession(), other = makeSession();
  uint32_t slot = *session->open();
  Ids history;
  prefillAndCheck(*session, slot, history, {1, 2, 3, 4, 5, 6});
  auto snapshot = session->snapshot(slot);
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_EQ(snapshot->length, 6u);
  EXPECT_EQ(snapshot->sizeBytes(), 64u + 2 * 64); // one matrix, two pages

  // The original goes on and does not disturb the snapshot.
  Ids later = history;
  prefillAndCheck(*session, slot, later, {0, 0, 5});

  ASSERT_TRUE(other->open()); // so that the slot is another one
  uint32_t elsewhere = *other->open();
  Ids noise;
  prefillAndCheck(*other, elsewhere, noise, {6, 6, 6, 6, 6, 6, 6, 6});
  prefillAndCheck(*other, elsewhere, noise, {6, 6, 6, 6});
  EXPECT_EQ(other->freePages(), uint64_t(kPages) - 3);
  Status status = other->restore(elsewhere, *snapshot);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(other->length(elsewhere), 6u);
  EXPECT_EQ(other->freePages(), uint64_t(kPages) - 2);
  Ids copy = history;
  prefillAndCheck(*other, elsewhere, copy, {2, 2});
  // Back to the same point in the first session.
  ASSERT_TRUE(session->restore(slot, *snapshot));
  copy = history;
  prefillAndCheck(*session, slot, copy, {3, 1});
}

TEST_P(SessionTest, SnapshotOfAnEmptySequence) {
  auto session = makeSession();
  uint32_t slot = *session->open();
  auto empty = session->snapshot(slot);
  ASSERT_TRUE(empty);
  Ids history;
  prefillAndCheck(*session, slot, history, {4, 4, 4, 4, 4});
  ASSERT_TRUE(session->restore(slot, *empty));
  EXPECT_EQ(session->freePages(), uint64_t(kPages));
  history.clear();
  prefillAndCheck(*session, slot, history, {1, 2});
}

TEST_P(SessionTest, RestoreRefusesWhatIsNotItsOwn) {
  auto session = makeSession();
  uint32_t slot = *session->open();
  Ids history;
  prefillAndCheck(*session, slot, history, {1, 2, 3});
  auto snapshot = session->snapshot(slot);
  ASSERT_TRUE(snapshot);
  Snapshot foreign = *snapshot;
  foreign.planHash = "0000000000000000";
  Status status = session->restore(slot, foreign);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().why, Refusal::WrongPlan);
  EXPECT_SAYS(status.error().message,
              "the snapshot is of plan 0000000000000000");
  foreign = *snapshot;
  foreign.pageImage = "gpu-1";
  status = session->restore(slot, foreign);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().why, Refusal::WrongPlan);
  EXPECT_SAYS(status.error().message, "the snapshot is of page image 'gpu-1', "
                                      "this session runs 'tiny-1'");
  foreign = *snapshot;
  foreign.ranks = 8;
  status = session->restore(slot, foreign);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().why, Refusal::WrongPlan);
  EXPECT_SAYS(status.error().message, "the snapshot is of 8 ranks");
  Snapshot cut = *snapshot;
  cut.bytes.pop_back();
  EXPECT_FALSE(session->restore(slot, cut));
  EXPECT_FALSE(session->restore(2, *snapshot)); // not open
  EXPECT_FALSE(session->snapshot(2));
  prefillAndCheck(*session, slot, history, {4}); // nothing changed
}

TEST_P(SessionTest, RefusesMoreThanPlanned) {
  auto session = makeSession();
  uint32_t a = *session->open(), b = *session->open(), c = *session->open();
  auto fourth = session->open();
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().kind, ErrorKind::Input);
  EXPECT_EQ(fourth.error().why, Refusal::NoSlot);
  EXPECT_SAYS(fourth.error().message, "all 3 sequences of the plan are in use");
  EXPECT_SAYS(fourth.error().message, "--sequences");

  Ids eight(8, 1), history;
  for (int i = 0; i < 2; ++i)
    prefillAndCheck(*session, a, history, eight);
  Status status = session->prefill({{a, eight}}); // 24 of 22
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().why, Refusal::TooLong);
  EXPECT_SAYS(status.error().message,
              "has 16 tokens and cannot take 8 more: the plan's context is 22");
  EXPECT_SAYS(status.error().message, "--context");
  EXPECT_EQ(session->length(a), 16u);

  // a has 4 pages of 9; b takes 4; c would need 2.
  Ids other;
  for (int i = 0; i < 2; ++i)
    prefillAndCheck(*session, b, other, eight);
  status = session->prefill({{c, eight}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::Input);
  EXPECT_EQ(status.error().why, Refusal::NoPages);
  EXPECT_SAYS(status.error().message,
              "needs 2 more pages of 4 tokens, but of 9 only 1 are free");
  EXPECT_SAYS(status.error().message, "--kv-tokens");
  EXPECT_EQ(session->length(c), 0u);
  EXPECT_EQ(session->freePages(), 1u);
  session->close(a);
  Ids third;
  prefillAndCheck(*session, c, third, eight);
}

TEST_P(SessionTest, RefusesWrongCalls) {
  auto session = makeSession();
  uint32_t slot = *session->open();
  Ids two = {1, 2}, nine(9, 1), none, foreign = {1, int32_t(kVocab)},
      negative = {-1};
  auto expectRefused = [](Status status, Refusal why, const char *message) {
    ASSERT_FALSE(status) << message;
    EXPECT_EQ(status.error().why, why) << message;
    EXPECT_SAYS(status.error().message, message);
  };
  constexpr Refusal kWrong = Refusal::WrongCall;
  expectRefused(session->prefill(std::span<const Session::Piece>()), kWrong,
                "the batch has 0 sequences");
  expectRefused(session->prefill({{slot, none}}), kWrong,
                "slot 0 gets no tokens");
  expectRefused(session->prefill({{1, two}}), kWrong, "slot 1 is not open");
  expectRefused(session->prefill({{77, two}}), kWrong, "slot 77 is not open");
  expectRefused(session->prefill({{slot, two}, {slot, two}}), kWrong,
                "slot 0 is in the batch twice");
  expectRefused(session->prefill({{slot, nine}}), kWrong,
                "the batch has 9 tokens; the plan takes at most 8");
  expectRefused(session->prefill({{slot, foreign}}), Refusal::BadToken,
                "token id 7 is not in the vocabulary of 7");
  expectRefused(session->prefill({{slot, negative}}), Refusal::BadToken,
                "token id -1 is not in the vocabulary of 7");
  expectRefused(session->sampleBy(1, 1), kWrong, "slot 1 is not open");
  expectRefused(session->sampleBy(slot, 0), kWrong,
                "0 candidates asked for; expected from 1 to 5");
  expectRefused(session->sampleBy(slot, 6), kWrong, "6 candidates asked for");
  expectRefused(session->allowOnly(std::vector<uint32_t>{1, 2}), kWrong,
                "the mask has 2 words for 7 ids");
  EXPECT_FALSE(session->lastChoices());
  EXPECT_FALSE(session->lastLogits());
  EXPECT_FALSE(session->logits(0, 1));
  EXPECT_EQ(session->length(slot), 0u);
  ASSERT_TRUE(session->prefill({{slot, two}}));
  EXPECT_FALSE(session->logits(0, 3));
  EXPECT_FALSE(session->logits(2, 1));
  EXPECT_FALSE(session->logits(0, 0));
  EXPECT_FALSE(session->logits(UINT32_MAX, 2));
  EXPECT_TRUE(session->logits(1, 1));
  std::vector<Session::Next> many(9, {slot, 1});
  EXPECT_FALSE(session->decode(many));
  session->close(slot);
  session->close(slot); // again, and one that never was
  session->close(99);
  EXPECT_EQ(session->freePages(), uint64_t(kPages));
}

TEST_P(SessionTest, TokenPathDoesNotAllocate) {
  if (isEmulated())
    GTEST_SKIP() << "the emulated driver keeps books of what it is given";
  auto session = makeSession();
  uint32_t a = *session->open(), b = *session->open();
  Ids prompt = {1, 2, 3};
  const Session::Piece pieces[] = {{a, prompt}, {b, prompt}};
  const Session::Next next[] = {{a, 4}, {b, 5}};
  ASSERT_TRUE(session->prefill({{a, prompt}}));
  uint64_t before = allocationCount();
  bool good = true;
  for (int i = 0; i < 2; ++i) {
    good = good && session->sampleBy(a, 3, 0.5f) && session->prefill(pieces) &&
           session->lastLogits() && session->lastChoices() &&
           session->logits(0, 4);
    for (int k = 0; k < 3; ++k)
      good = good && session->decode(next);
    session->close(a);
    session->close(b);
    good = good && session->open() && session->open();
  }
  uint64_t after = allocationCount();
  EXPECT_TRUE(good);
  EXPECT_EQ(after - before, 0u);
}

TEST_P(SessionTest, CandidatesAreWhatEachSequenceAskedFor) {
  auto session = makeSession();
  uint32_t a = *session->open(), b = *session->open(), c = *session->open();
  Ids first = {1, 2, 3}, second = {4}, third = {0, 6};
  ASSERT_TRUE(session->sampleBy(a, 3, 0.25f));
  ASSERT_TRUE(session->sampleBy(c, 5, 2.0f));
  ASSERT_TRUE(session->prefill({{c, third}, {a, first}, {b, second}}));
  /// Logits grow with the id here.
  auto expectRow = [](const StepResult &choices, uint32_t row, Ids tokens,
                      size_t count, double inverseTemperature,
                      uint32_t allowed = 127) {
    std::vector<float> logits = expectedLogits(tokens);
    Candidates found = choices.candidates(row);
    double sum = 0;
    std::vector<int32_t> ids;
    for (int32_t id = int32_t(kVocab); id-- > 0;)
      if (allowed >> id & 1)
        ids.push_back(id);
    for (int32_t id : ids)
      sum += std::exp((logits[size_t(id)] - logits[size_t(ids[0])]) *
                      inverseTemperature);
    ids.resize(std::min(ids.size(), count));
    EXPECT_EQ(Ids(found.ids.begin(), found.ids.end()), ids);
    for (size_t i = 0; i < ids.size(); ++i)
      EXPECT_EQ(found.logits[i], logits[size_t(ids[i])]);
    EXPECT_EQ(found.largest, logits[size_t(ids[0])]);
    if (count == 1)
      EXPECT_EQ(found.sum, 0);
    else
      EXPECT_NEAR(found.sum / sum, 1, 1e-5);
  };
  auto choices = session->lastChoices();
  ASSERT_TRUE(choices) << choices.error().message;
  ASSERT_EQ(choices->numRows, 3u);
  expectRow(*choices, 0, third, 5, 2);
  expectRow(*choices, 1, first, 3, 0.25);
  expectRow(*choices, 2, second, 1, 1);

  // Only some ids, in a batch of another order; asked for anew.
  ASSERT_TRUE(session->allowOnly(std::vector<uint32_t>{0b0101010}));
  ASSERT_TRUE(session->sampleBy(a, 5, 1));
  choices = session->decode({{b, 2}, {a, 2}, {c, 2}});
  ASSERT_TRUE(choices) << choices.error().message;
  for (Ids *ids : {&first, &second, &third})
    ids->push_back(2);
  expectRow(*choices, 0, second, 1, 1, 0b0101010);
  expectRow(*choices, 1, first, 5, 1, 0b0101010);
  expectRow(*choices, 2, third, 5, 2, 0b0101010);
  // A new sequence in the slot is greedy again.
  session->close(a);
  EXPECT_EQ(*session->open(), a);
  ASSERT_TRUE(session->prefill({{a, {&first[0], 1}}}));
  choices = session->lastChoices();
  ASSERT_TRUE(choices);
  expectRow(*choices, 0, {first[0]}, 1, 1, 0b0101010);
}

TEST_P(SessionTest, PagesMayBeFewerOrMoreThanPlanned) {
  options.kvTokens = 9; // three pages of 4
  auto session = makeSession();
  EXPECT_EQ(session->totalPages(), 3u);
  EXPECT_EQ(session->freePages(), 3u);
  uint32_t a = *session->open(), b = *session->open();
  Ids history, other;
  prefillAndCheck(*session, a, history, {1, 2, 3, 4, 5, 6, 0, 1});
  prefillAndCheck(*session, b, other, {2, 2, 2});
  // a needs a fourth page: refused, and nothing has changed.
  auto refused = session->decode({{b, 2}, {a, 1}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().why, Refusal::NoPages);
  EXPECT_EQ(session->length(a), 8u);
  EXPECT_EQ(session->length(b), 3u);
  EXPECT_EQ(session->freePages(), 0u);
  prefillAndCheck(*session, b, other, {5});
  session->close(b);
  prefillAndCheck(*session, a, history, {5, 4});

  // Every sequence to its end, which the plan has no pages for.
  options.kvTokens = uint64_t(kSequences) * kContext + 3 * kPageTokens;
  session = makeSession();
  EXPECT_GT(session->totalPages(), uint64_t(kPages));
  std::vector<Ids> histories(size_t{kSequences});
  for (Ids &ids : histories) {
    uint32_t slot = *session->open();
    for (int i = 0; i < 2; ++i)
      prefillAndCheck(*session, slot, ids, {1, 2, 3, 4, 5, 6, 0, 1});
    prefillAndCheck(*session, slot, ids, {3, 3, 3, 3, 3, 3});
  }
}

TEST_P(SessionTest, PrefillInChunksStopsWhenToldTo) {
  auto session = makeSession();
  uint32_t slot = *session->open();
  Ids prompt = {1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4};
  std::vector<std::pair<size_t, uint32_t>> steps;
  Status status = prefillInChunks(
      *session, slot, prompt, 3, [&](size_t first, uint32_t count) -> Status {
        steps.push_back({first, count});
        auto logits = session->logits(0, count);
        EXPECT_TRUE(logits);
        for (uint32_t i = 0; i < count; ++i)
          expectLogits(logits->row(i), std::span(prompt).first(first + i + 1));
        return first == 6 ? Status(inputError("enough")) : Status::ok();
      });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "enough");
  EXPECT_EQ(steps,
            (std::vector<std::pair<size_t, uint32_t>>{{0, 3}, {3, 3}, {6, 3}}));
  EXPECT_EQ(session->length(slot), 9u);
}

TEST_P(SessionTest, SelfTestComparesLogits) {
  // Two prompts; of the second, the logits of tokens 0 and 9, which two prefill
  // steps compute.
  auto goldenFile = [&](float off, std::string name) {
    std::string path = tiny.folder() + "/" + name;
    Ids first = {1, 2, 3}, second = {6, 5, 4, 3, 2, 1, 0, 1, 2, 3};
    std::vector<int64_t> positions = {0, 9}, ids(second.begin(), second.end());
    std::vector<float> logits, some;
    for (size_t t = 1; t <= first.size(); ++t)
      for (float value : expectedLogits(std::span(first).first(t)))
        logits.push_back(value + off);
    std::vector<double> wide;
    for (size_t t : {1, 10})
      for (float value : expectedLogits(std::span(second).first(t)))
        wide.push_back(value);
    auto writer = SafeTensorsWriter::create(
        path, {{"prompt.0.ids", ElementType::I32, {3}},
               {"prompt.0.logits", ElementType::F32, {3, kVocab}},
               {"prompt.1.ids", ElementType::I64, {10}},
               {"prompt.1.positions", ElementType::I64, {2}},
               {"prompt.1.logits", ElementType::F64, {2, kVocab}}});
    EXPECT_TRUE(writer);
    EXPECT_TRUE(writer->write(0, 0, std::as_bytes(std::span(first))));
    EXPECT_TRUE(writer->write(1, 0, std::as_bytes(std::span(logits))));
    EXPECT_TRUE(writer->write(2, 0, std::as_bytes(std::span(ids))));
    EXPECT_TRUE(writer->write(3, 0, std::as_bytes(std::span(positions))));
    EXPECT_TRUE(writer->write(4, 0, std::as_bytes(std::span(wide))));
    EXPECT_TRUE(writer->finish());
    return readAll(path);
  };
  auto none = runSelfTest(*makeSession());
  ASSERT_FALSE(none);
  EXPECT_SAYS(none.error().message, "has no golden/prompts.safetensors");

  tiny.moreFiles["golden/prompts.safetensors"] = goldenFile(0, "good");
  auto report = runSelfTest(*makeSession());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->prompts, 2u);
  EXPECT_EQ(report->worst, 0);

  tiny.moreFiles["golden/prompts.safetensors"] = goldenFile(3, "off");
  auto failed = runSelfTest(*makeSession());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::Input);
  EXPECT_SAYS(failed.error().message,
              "self-test failed: the logits of golden prompt 0 differ by ");
  tiny.extra = {{"self_test", {{"tolerance", 100.0}}}};
  EXPECT_TRUE(runSelfTest(*makeSession()));
}

//===----------------------------------------------------------------------===//
// Steps ahead
//===----------------------------------------------------------------------===//

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

TEST_P(SessionTest, StepsAheadGiveTheSameTokens) {
  auto session = makeSession();
  if (session->runAhead() == 0) {
    uint32_t slot = *session->open();
    EXPECT_EQ(session->chooseBy(slot, {.slot = 0}).error().why,
              Refusal::WrongCall);
    EXPECT_EQ(session->decodeAhead({slot}).error().why, Refusal::WrongCall);
    return;
  }
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
TEST_P(SessionTest, StoppedSequencesAreLeftAlone) {
  auto session = makeSession();
  if (session->runAhead() == 0)
    GTEST_SKIP() << "this device runs no step ahead";
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

TEST_P(SessionTest, AStopTokenStops) {
  auto session = makeSession();
  if (session->runAhead() == 0)
    GTEST_SKIP() << "this device runs no step ahead";
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
TEST_P(SessionTest, TheDeviceDrawsBySeedAndPosition) {
  auto session = makeSession();
  if (session->runAhead() == 0)
    GTEST_SKIP() << "this device runs no step ahead";
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
TEST_P(SessionTest, HeadStepsDrawAsDecodeStepsDo) {
  auto session = makeSession();
  if (session->runAhead() == 0)
    GTEST_SKIP() << "this device runs no step ahead";
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

TEST_P(SessionTest, RefusesWrongCallsOfStepsAhead) {
  auto session = makeSession();
  if (session->runAhead() == 0)
    GTEST_SKIP() << "this device runs no step ahead";
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

INSTANTIATE_TEST_SUITE_P(Devices, SessionTest,
                         testing::Values("cpu", "emulated", "emulatedLate"),
                         [](const auto &test) {
                           return std::string(test.param);
                         });
