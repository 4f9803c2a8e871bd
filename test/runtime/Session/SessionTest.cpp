//===- SessionTest.cpp - Sequences through the tiny model -----------------===//
// The tiny model's logits depend on every token of a sequence through both
// kinds of state, so a wrong slot, page, position or snapshot shows. All
// comparisons are exact.
#include "runtime/Session/SelfTest.h"
#include "test/runtime/Session/CountAllocations.h"
#include "test/runtime/Session/SessionFixture.h"

#include <cmath>
#include <filesystem>
#include <random>

using namespace mm1;
using namespace mm1::tiny;

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

TEST_P(SessionTest, SaysWhetherStepsRunAhead) {
  auto session = makeSession();
  EXPECT_EQ(session->runAhead(), isEmulated() ? 2u : 0u);
  if (isEmulated())
    return;
  uint32_t slot = *session->open();
  EXPECT_EQ(session->chooseBy(slot, {.slot = 0}).error().why,
            Refusal::WrongCall);
  EXPECT_EQ(session->decodeAhead({slot}).error().why, Refusal::WrongCall);
}

INSTANTIATE_TEST_SUITE_P(Devices, SessionTest,
                         testing::Values("cpu", "emulated", "emulatedLate"),
                         [](const auto &test) {
                           return std::string(test.param);
                         });
