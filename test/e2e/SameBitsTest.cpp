//===- SameBitsTest.cpp - What must not change a single bit ---------------===//
// A compiled model gives a row of logits the same bits
//   - with any number of threads,
//   - however its prompt was cut, at multiples of 64 tokens,
//   - alone, in a decode batch, or as a one-token piece beside other prompts,
//   - in any bucket, and whatever buckets there are.
// Whole logits rows are compared, as bytes, on a model of both kinds of layers
// with contexts long enough for several spans of attention.
//===----------------------------------------------------------------------===//
#include "runtime/Device/CreateDevice.h"
#include "runtime/Session/Session.h"
#include "test/e2e/Programs.h"

#include <gtest/gtest.h>

#include <random>

using namespace mm1;
using namespace mm1::test;

namespace {

using Row = std::vector<float>;

std::vector<int32_t> randomIds(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> ids(count);
  for (int32_t &id : ids)
    id = int32_t(random() % 256);
  return ids;
}

/// How a model is compiled and run.
struct Setting {
  std::string name;
  std::vector<std::string> options;
  unsigned threads;
};

struct Model {
  const char *compute, *quant, *target;
  /// Tokens in front of those that are compared: several spans of attention.
  size_t history;
};

class SameBits : public testing::TestWithParam<Model> {
protected:
  void SetUp() override {
    if (isEmulated() && !hasNvrtc())
      GTEST_SKIP() << "NVRTC is not here: no kernels for GPUs";
  }
  static bool isEmulated() {
    return std::string(GetParam().target).starts_with("emulated:");
  }

  std::unique_ptr<Session> open(const Setting &setting) {
    std::string artifact = folder.path(setting.name + ".mm1");
    std::vector<std::string> arguments{"compile",
                                       goldenFolder("base"),
                                       "--quiet",
                                       "--target",
                                       GetParam().target,
                                       "--compute",
                                       GetParam().compute,
                                       "--quant",
                                       GetParam().quant,
                                       "--context",
                                       "4096",
                                       "--sequences",
                                       "4",
                                       "--prefill-tokens",
                                       "512",
                                       "-o",
                                       artifact};
    arguments.insert(arguments.end(), setting.options.begin(),
                     setting.options.end());
    if (!std::filesystem::exists(artifact)) {
      Outcome outcome = run("mm1c", arguments);
      EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    }
    auto opened = Artifact::open(artifact);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    if (!opened)
      return nullptr;
    DeviceOptions options;
    options.cpu.threads = setting.threads;
    auto device = createDevice(options, opened->plan());
    EXPECT_TRUE(device);
    if (!device)
      return nullptr;
    auto session = Session::create(std::move(*opened), std::move(*device));
    EXPECT_TRUE(session) << (session ? "" : session.error().message);
    return session ? std::move(*session) : nullptr;
  }

  TemporaryFolder folder;
};

/// The logits of all rows of a prefill step.
void appendRows(Session &session, size_t count, std::vector<Row> &rows) {
  for (uint32_t row = 0; row < count; ++row) {
    auto view = session.logits(row, 1);
    ASSERT_TRUE(view);
    rows.emplace_back(view->row(0).begin(), view->row(0).end());
  }
}

/// The rows of a prompt that is prefilled in pieces that end at `cuts`.
std::vector<Row> prefillRows(Session &session, std::span<const int32_t> ids,
                             std::vector<size_t> cuts) {
  std::vector<Row> rows;
  uint32_t slot = *session.open();
  size_t done = 0;
  cuts.push_back(ids.size());
  for (size_t cut : cuts) {
    Status status = session.prefill({{slot, ids.subspan(done, cut - done)}});
    EXPECT_TRUE(status) << (status ? "" : status.error().message);
    appendRows(session, cut - done, rows);
    done = cut;
  }
  session.close(slot);
  return rows;
}

/// Prefills a history, in whole chunks of 512 tokens.
uint32_t openWith(Session &session, std::span<const int32_t> ids) {
  uint32_t slot = *session.open();
  Status status = prefillInChunks(session, slot, ids, 512,
                                  [](size_t, uint32_t) { return Status(); });
  EXPECT_TRUE(status);
  return slot;
}

constexpr size_t kSteps = 6;

/// The rows of the steps behind a history, alone in their batch.
std::vector<Row> decodeAlone(Session &session, size_t history) {
  std::vector<int32_t> ids = randomIds(history + kSteps, 1);
  uint32_t slot = openWith(session, std::span(ids).first(history));
  std::vector<Row> rows;
  for (size_t i = 0; i < kSteps; ++i) {
    EXPECT_TRUE(session.decode({{slot, ids[history + i]}}));
    auto view = session.lastLogits();
    rows.emplace_back(view->row(0).begin(), view->row(0).end());
  }
  session.close(slot);
  return rows;
}

/// The same beside three other sequences, as the third of the batch.
std::vector<Row> decodeInABatch(Session &session, size_t history) {
  std::vector<int32_t> ids = randomIds(history + kSteps, 1);
  std::vector<uint32_t> others;
  for (size_t length : {5, 700, 64})
    others.push_back(openWith(session, randomIds(length, unsigned(length))));
  uint32_t slot = openWith(session, std::span(ids).first(history));
  std::vector<Row> rows;
  for (size_t i = 0; i < kSteps; ++i) {
    EXPECT_TRUE(session.decode({{others[0], int32_t(i)},
                                {others[1], int32_t(9 + i)},
                                {slot, ids[history + i]},
                                {others[2], int32_t(77)}}));
    auto view = session.lastLogits();
    rows.emplace_back(view->row(2).begin(), view->row(2).end());
  }
  session.close(slot);
  for (uint32_t other : others)
    session.close(other);
  return rows;
}

/// The same as pieces of one token between pieces of two prompts.
std::vector<Row> decodeBesidePrompts(Session &session, size_t history) {
  std::vector<int32_t> ids = randomIds(history + kSteps, 1),
                       first = randomIds(37 * kSteps, 2),
                       second = randomIds(64 * kSteps, 3);
  uint32_t slot = openWith(session, std::span(ids).first(history)),
           a = *session.open(), b = *session.open();
  std::vector<Row> rows;
  for (size_t i = 0; i < kSteps; ++i) {
    EXPECT_TRUE(session.prefill({{a, std::span(first).subspan(37 * i, 37)},
                                 {slot, std::span(ids).subspan(history + i, 1)},
                                 {b, std::span(second).subspan(64 * i, 64)}}));
    auto view = session.logits(37, 1);
    rows.emplace_back(view->row(0).begin(), view->row(0).end());
  }
  for (uint32_t each : {slot, a, b})
    session.close(each);
  return rows;
}

TEST_P(SameBits, WhereverAPromptIsCutAtChunks) {
  auto session = open({"a", {}, 2});
  ASSERT_TRUE(session);
  std::vector<int32_t> ids = randomIds(450, 5);
  std::vector<Row> whole = prefillRows(*session, ids, {});
  ASSERT_EQ(whole.size(), ids.size());
  for (std::vector<size_t> cuts :
       {std::vector<size_t>{64}, {128}, {384, 448}, {64, 128, 192, 256, 320}})
    EXPECT_TRUE(prefillRows(*session, ids, cuts) == whole)
        << "cut at " << cuts.front() << " first";
}

TEST_P(SameBits, AloneInABatchOrBesidePromptsOfAnyBucketAndThreads) {
  const Setting settings[] = {
      {"a", {}, 2},
      {"a", {}, 1},
      {"a", {}, 3},
      {"b", {"--decode-buckets", "4", "--prefill-buckets", "512"}, 2},
      {"c", {"--decode-buckets", "3,4", "--prefill-buckets", "110,512"}, 2}};
  const size_t history = GetParam().history;
  std::vector<Row> wanted;
  for (const Setting &setting : settings) {
    if (isEmulated() && setting.threads != 2)
      continue; // threads are the emulation's own
    SCOPED_TRACE(setting.name + ", " + std::to_string(setting.threads) +
                 " threads");
    auto session = open(setting);
    ASSERT_TRUE(session);
    if (wanted.empty())
      wanted = decodeAlone(*session, history);
    ASSERT_EQ(wanted.size(), kSteps);
    EXPECT_TRUE(decodeAlone(*session, history) == wanted) << "alone";
    EXPECT_TRUE(decodeInABatch(*session, history) == wanted) << "in a batch";
    EXPECT_TRUE(decodeBesidePrompts(*session, history) == wanted)
        << "beside prompts";
  }
}

INSTANTIATE_TEST_SUITE_P(
    , SameBits,
    testing::Values(Model{"f32", "none", "cpu", 1500},
                    Model{"bf16", "none", "cpu", 1500},
                    Model{"bf16", "int8-experts", "cpu", 1500},
                    Model{"bf16", "int8-experts", "emulated:sm_90a", 400}),
    [](const auto &info) {
      std::string name = std::string(info.param.compute) + "_" +
                         info.param.quant + "_" + info.param.target;
      for (char &c : name)
        if (!std::isalnum(c))
          c = '_';
      return name;
    });

} // namespace
