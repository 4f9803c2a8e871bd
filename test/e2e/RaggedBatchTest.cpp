//===- RaggedBatchTest.cpp - Sequences of different lengths in one batch ------===//
// Drives a compiled model through Session: several golden prompts share prefill and decode steps, in pieces of different lengths.
// Every logit must be within the bound of GoldenLogitsTest of what the formulas give, as if the sequence had been alone.
//===--------------------------------------------------------------------------===//
#include "runtime/Artifact/SafeTensors.h"
#include "runtime/Device/CreateDevice.h"
#include "runtime/Session/Session.h"
#include "test/e2e/Programs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

using namespace mm1;
using namespace mm1::test;

namespace {

constexpr double kBound = 1e-4; // f32 compute: see GoldenLogitsTest.cpp

/// A sequence in flight: what it must see, and how far it is.
struct Sequence {
  std::vector<int32_t> ids;
  std::map<int32_t, std::vector<double>> logits; ///< by position
  uint32_t slot = 0;
  size_t done = 0;
};

std::vector<Sequence> readSequences(const std::string &name, size_t longest) {
  auto file = SafeTensorsFile::open(goldenFolder(name) + "/golden.safetensors");
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  std::vector<Sequence> sequences;
  for (int k = 0; file; ++k) {
    std::string prefix = "prompt." + std::to_string(k) + ".";
    const SafeTensor *ids = file->find(prefix + "ids");
    if (!ids)
      break;
    if (ids->elements<int32_t>().size() > longest)
      continue;
    Sequence sequence;
    sequence.ids.assign(ids->elements<int32_t>().begin(),
                        ids->elements<int32_t>().end());
    const SafeTensor *logits = file->find(prefix + "logits");
    size_t vocab = size_t(logits->shape[1]);
    auto positions = file->find(prefix + "positions")->elements<int32_t>();
    for (size_t i = 0; i < positions.size(); ++i) {
      auto row = logits->elements<double>().subspan(i * vocab, vocab);
      sequence.logits[positions[i]].assign(row.begin(), row.end());
    }
    sequences.push_back(std::move(sequence));
  }
  return sequences;
}

/// Compares a row of logits with what is stored for `position`, if anything is. Counts what was compared.
void expectRow(const Sequence &sequence, size_t position,
               std::span<const float> row, size_t &compared) {
  auto wanted = sequence.logits.find(int32_t(position));
  if (wanted == sequence.logits.end())
    return;
  double worst = 0;
  for (size_t v = 0; v < row.size(); ++v)
    worst = std::max(worst, std::abs(row[v] - wanted->second[v]));
  EXPECT_LE(worst, kBound) << "sequence of " << sequence.ids.size()
                           << " tokens at " << position;
  ++compared;
}

std::unique_ptr<Session> openSession(const std::string &folder) {
  auto artifact = Artifact::open(folder);
  EXPECT_TRUE(artifact) << (artifact ? "" : artifact.error().message);
  if (!artifact)
    return nullptr;
  auto device = createDevice({}, artifact->plan());
  EXPECT_TRUE(device);
  if (!device)
    return nullptr;
  auto session = Session::create(std::move(*artifact), std::move(*device));
  EXPECT_TRUE(session) << (session ? "" : session.error().message);
  return session ? std::move(*session) : nullptr;
}

class RaggedBatch : public testing::TestWithParam<const char *> {};

/// The same case on an emulated GPU, where the parameter says so.
std::string caseOf(const std::string &parameter) {
  return parameter.substr(0, parameter.find(' '));
}
std::string targetOf(const std::string &parameter) {
  size_t space = parameter.find(' ');
  return space == std::string::npos ? "cpu" : parameter.substr(space + 1);
}

TEST_P(RaggedBatch, SequencesDoNotDisturbEachOther) {
  if (targetOf(GetParam()) != "cpu" && !hasNvrtc())
    GTEST_SKIP() << "NVRTC is not here: no kernels for GPUs";
  TemporaryFolder folder;
  Outcome compiled =
      run("mm1c", {"compile", goldenFolder(caseOf(GetParam())), "--target",
                   targetOf(GetParam()), "--quiet", "--compute", "f32",
                   "--context", "1024", "--prefill-tokens", "128",
                   "--sequences", "4", "-o", folder.path("a.mm1")});
  ASSERT_EQ(compiled.exitCode, 0) << compiled.err;
  auto session = openSession(folder.path("a.mm1"));
  ASSERT_TRUE(session);
  auto sequences = readSequences(caseOf(GetParam()), 300);
  ASSERT_GE(sequences.size(), 2u);
  if (sequences.size() > 4)
    sequences.resize(4);

  // Slots in another order than the sequences, and one that was used before.
  auto used = session->open();
  ASSERT_TRUE(used);
  std::vector<int32_t> other{1, 2, 3};
  ASSERT_TRUE(session->prefill({{*used, other}}));
  session->close(*used);
  for (size_t i = sequences.size(); i-- > 0;)
    sequences[i].slot = *session->open();

  // Pieces of 1, 18, 35, ... tokens in shared prefill steps, until three tokens of each sequence are left.
  size_t compared = 0;
  for (bool more = true; more;) {
    std::vector<Session::Piece> batch;
    std::vector<Sequence *> owners;
    for (size_t i = 0; i < sequences.size(); ++i) {
      Sequence &sequence = sequences[i];
      size_t prefix = sequence.ids.size() > 3 ? sequence.ids.size() - 3 : 1;
      size_t count =
          std::min(prefix - std::min(prefix, sequence.done), 1 + 17 * i % 40);
      if (count == 0)
        continue;
      batch.push_back({sequence.slot,
                       std::span(sequence.ids).subspan(sequence.done, count)});
      owners.push_back(&sequence);
    }
    more = !batch.empty();
    if (!more)
      break;
    Status status = session->prefill(batch);
    ASSERT_TRUE(status) << status.error().message;
    uint32_t row = 0;
    for (size_t i = 0; i < batch.size(); ++i)
      for (size_t t = 0; t < batch[i].tokens.size(); ++t) {
        auto logits = session->logits(row++, 1);
        ASSERT_TRUE(logits);
        expectRow(*owners[i], owners[i]->done + t, logits->row(0), compared);
      }
    for (size_t i = 0; i < batch.size(); ++i)
      owners[i]->done += batch[i].tokens.size();
  }

  // The rest token by token, those that still run together.
  for (;;) {
    std::vector<Session::Next> batch;
    std::vector<Sequence *> owners;
    for (Sequence &sequence : sequences)
      if (sequence.done < sequence.ids.size()) {
        batch.push_back({sequence.slot, sequence.ids[sequence.done]});
        owners.push_back(&sequence);
      }
    if (batch.empty())
      break;
    auto choices = session->decode(batch);
    ASSERT_TRUE(choices) << choices.error().message;
    auto logits = session->lastLogits();
    ASSERT_TRUE(logits);
    for (size_t i = 0; i < owners.size(); ++i)
      expectRow(*owners[i], owners[i]->done++, logits->row(uint32_t(i)),
                compared);
  }
  EXPECT_GE(compared, sequences.size());
}

TEST_P(RaggedBatch, ASnapshotGoesOnInAnotherSlotWithTheSameBits) {
  if (targetOf(GetParam()) != "cpu" && !hasNvrtc())
    GTEST_SKIP() << "NVRTC is not here: no kernels for GPUs";
  TemporaryFolder folder;
  ASSERT_EQ(run("mm1c", {"compile", goldenFolder(caseOf(GetParam())),
                         "--target", targetOf(GetParam()), "--quiet",
                         "--context", "1024", "--prefill-tokens", "128",
                         "--sequences", "4", "-o", folder.path("a.mm1")})
                .exitCode,
            0);
  auto session = openSession(folder.path("a.mm1"));
  ASSERT_TRUE(session);
  Sequence sequence = readSequences(caseOf(GetParam()), 300).back();
  uint32_t first = *session->open();
  size_t half = sequence.ids.size() / 2;
  ASSERT_TRUE(prefillInChunks(*session, first,
                              std::span(sequence.ids).first(half), 0,
                              [](size_t, uint32_t) { return Status(); }));
  auto snapshot = session->snapshot(first);
  ASSERT_TRUE(snapshot);
  ASSERT_TRUE(session->decode({{first, sequence.ids[half]}}));
  auto logits = session->lastLogits();
  ASSERT_TRUE(logits);
  std::vector<float> wanted(logits->row(0).begin(), logits->row(0).end());
  session->close(first);

  uint32_t other = *session->open(), second = *session->open();
  ASSERT_TRUE(session->prefill({{other, std::span(sequence.ids).first(1)}}));
  ASSERT_TRUE(session->restore(second, *snapshot));
  ASSERT_TRUE(session->decode({{second, sequence.ids[half]}}));
  logits = session->lastLogits();
  ASSERT_TRUE(logits);
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), logits->row(0).begin()));
}

/// Logits of a token behind contexts on both sides of a span's end, and of three
/// spans: decoded alone, in a batch, and as a piece of prefill, which must give
/// the same bits. `compute`, `fuse`: of mm1c compile.
std::vector<std::vector<float>> longContextRows(const std::string &compute,
                                                const std::string &fuse) {
  std::vector<std::vector<float>> rows;
  TemporaryFolder folder;
  Outcome compiled = run(
      "mm1c", {"compile", goldenFolder("d-all-softmax"), "--quiet", "--context",
               "4096", "--prefill-tokens", "256", "--sequences", "4",
               "--compute", compute, fuse, "-o", folder.path("a.mm1")});
  EXPECT_EQ(compiled.exitCode, 0) << compiled.err;
  auto session = openSession(folder.path("a.mm1"));
  if (!session)
    return rows;
  auto idsOf = [&](size_t count) {
    std::vector<int32_t> ids;
    for (size_t i = 0; i < count; ++i)
      ids.push_back(int32_t((i * 31 + i / 7) % session->vocabSize()));
    return ids;
  };
  auto feed = [&](size_t count) {
    uint32_t slot = *session->open();
    EXPECT_TRUE(prefillInChunks(*session, slot, idsOf(count), 0,
                                [](size_t, uint32_t) { return Status(); }));
    return slot;
  };
  auto rowOf = [](const auto &logits) {
    EXPECT_TRUE(logits);
    return std::vector<float>(logits->row(0).begin(), logits->row(0).end());
  };
  uint32_t beside = feed(1500);
  for (size_t count : {1023, 1024, 2100}) {
    uint32_t slot = feed(count);
    auto snapshot = session->snapshot(slot);
    EXPECT_TRUE(snapshot);
    EXPECT_TRUE(session->decode({{slot, 5}}));
    rows.push_back(rowOf(session->lastLogits()));
    EXPECT_TRUE(session->restore(slot, *snapshot));
    EXPECT_TRUE(session->decode({{slot, 5}, {beside, 7}}));
    EXPECT_TRUE(rows.back() == rowOf(session->lastLogits())) << count;
    EXPECT_TRUE(session->restore(slot, *snapshot));
    std::vector<int32_t> one{5}, more = idsOf(30);
    EXPECT_TRUE(session->prefill({{slot, one}, {beside, more}}));
    EXPECT_TRUE(rows.back() == rowOf(session->logits(0, 1))) << count;
    session->close(slot);
  }
  return rows;
}

TEST(LongContext, ATokenHasTheSameBitsHoweverItComes) {
  for (std::string compute : {"f32", "bf16"}) {
    auto rows = longContextRows(compute, "--fuse=split-attention");
    EXPECT_EQ(rows.size(), 3u);
    EXPECT_TRUE(rows == longContextRows(compute, "--fuse=-split-attention"))
        << compute;
  }
}

INSTANTIATE_TEST_SUITE_P(, RaggedBatch,
                         testing::Values("base", "e-six-heads", "d-all-softmax",
                                         "d-all-lightning",
                                         "g-prenorm-residual",
                                         "base emulated:sm_90a"),
                         [](const auto &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             if (!std::isalnum(c))
                               c = '_';
                           return name;
                         });

} // namespace
