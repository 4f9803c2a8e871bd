//===- EmulatedTest.cpp - Every golden case on emulated GPUs --------------===//
// The kernels of a GPU, built for the processor from the text that its cubins
// are built from, and run behind the driver's interface (kernels/emulation):
// the whole model as a GPU would run it, but for speed and for what only
// hardware can say.
//
// Bounds are those of GoldenLogitsTest. In bf16 the kernels round where those
// of the CPU round, but sum in another order: their mean KL divergence from the
// exact logits may be half as much again, and 1e-4 nats for cases with next to
// none.
//===----------------------------------------------------------------------===//
#include "test/e2e/GoldenPrompts.h"
#include "test/e2e/Programs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

using namespace mm1::test;

namespace {

/// Whole, and cut: short prompts into small chunks and single tokens, long ones
/// into large chunks with two tokens at the end (a fiber for each thread makes
/// the others long).
std::vector<std::vector<std::string>> waysToRunEmulated(size_t length) {
  std::vector<std::vector<std::string>> ways{{}};
  if (length > 64)
    ways.push_back({"--prefill-chunk", "100", "--decode-from",
                    std::to_string(length - 2)});
  else if (length > 2)
    ways.push_back({"--prefill-chunk", "7"});
  if (length > 1 && length <= 64)
    ways.push_back({"--decode-from", "1"});
  return ways;
}

class Emulated
    : public testing::TestWithParam<std::tuple<std::string, std::string>> {
protected:
  void SetUp() override {
    if (!hasNvrtc())
      GTEST_SKIP() << "NVRTC is not here: no kernels for GPUs";
  }
  std::string name() const { return std::get<0>(GetParam()); }
  std::string target() const { return "emulated:" + std::get<1>(GetParam()); }

  /// The artifact's path; empty, and a failure is reported, when it fails.
  std::string compile(const std::string &target,
                      std::vector<std::string> options) {
    std::string artifact = folder.path(target + ".mm1");
    std::vector<std::string> arguments{
        "compile", goldenFolder(name()), "--target", target,
        "--quiet", "--context",          "1024",     "--prefill-tokens",
        "256",     "--sequences",        "4",        "-o",
        artifact};
    arguments.insert(arguments.end(), options.begin(), options.end());
    Outcome outcome = run("mm1c", arguments);
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    return outcome.exitCode == 0 ? artifact : "";
  }

  TemporaryFolder folder;
};

class EmulatedFloats : public Emulated {};

TEST_P(EmulatedFloats, AreNearTheReference) {
  std::string artifact = compile(target(), {"--compute", "f32"});
  if (artifact.empty())
    return;
  auto prompts = readPrompts(name(), "logits");
  ASSERT_FALSE(prompts.empty());
  for (const Prompt &prompt : prompts)
    for (const auto &way : waysToRunEmulated(prompt.ids.size())) {
      std::string how;
      for (const std::string &word : way)
        how += " " + word;
      EXPECT_LE(maxError(prompt, runLogits(artifact, prompt, way)), 1e-4)
          << prompt.ids.size() << " tokens" << how;
    }
}

TEST_P(Emulated, Int8Experts) {
  auto prompts = readPrompts(name(), "logits_int8_experts");
  if (prompts.empty())
    GTEST_SKIP() << "the case stores no int8 logits";
  std::string artifact =
      compile(target(), {"--compute", "f32", "--quant", "int8-experts"});
  if (artifact.empty())
    return;
  for (const Prompt &prompt : prompts)
    EXPECT_LE(maxError(prompt, runLogits(artifact, prompt, {})), 1e-4)
        << prompt.ids.size() << " tokens";
}

std::string nameOf(
    const testing::TestParamInfo<std::tuple<std::string, std::string>> &info) {
  std::string name = std::get<0>(info.param) + "_" + std::get<1>(info.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(, EmulatedFloats,
                         testing::Combine(testing::ValuesIn(goldenCases()),
                                          testing::Values("sm_80", "sm_90a")),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(, Emulated,
                         testing::Combine(testing::ValuesIn(goldenCases()),
                                          testing::Values("sm_90a")),
                         nameOf);
// Minutes more, most of them NVRTC's, for kernels that differ from those above
// in their schedules only: not among the tests that ctest runs.
INSTANTIATE_TEST_SUITE_P(Long, Emulated,
                         testing::Combine(testing::ValuesIn(goldenCases()),
                                          testing::Values("sm_80")),
                         nameOf);

// A rounded router logit that chooses another expert is a jump at one position,
// on the CPU or here: only over all cases together do means say something.
class EmulatedBf16 : public testing::TestWithParam<const char *> {
protected:
  /// The sum of KL divergences over a case's stored positions, and their number.
  std::pair<double, size_t> divergences(const std::string &name,
                                        const std::string &target) {
    TemporaryFolder folder;
    std::string artifact = folder.path("a.mm1");
    Outcome outcome = run("mm1c", {"compile", goldenFolder(name), "--target",
                                   target, "--quiet", "--compute", "bf16",
                                   "--context", "1024", "--prefill-tokens",
                                   "256", "--sequences", "4", "-o", artifact});
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    std::pair<double, size_t> sum{0, 0};
    for (const Prompt &prompt : readPrompts(name, "logits")) {
      std::vector<float> logits = runLogits(artifact, prompt, {});
      if (logits.empty())
        return {INFINITY, 1};
      for (size_t i = 0; i < prompt.positions.size(); ++i, ++sum.second)
        sum.first += divergence(prompt, logits, i);
    }
    return sum;
  }
};

TEST_P(EmulatedBf16, DivergesLittleMoreThanTheCpu) {
  if (!hasNvrtc())
    GTEST_SKIP() << "NVRTC is not here: no kernels for GPUs";
  double found = 0, cpu = 0;
  size_t count = 0;
  for (const std::string &name : goldenCases()) {
    auto [ours, positions] = divergences(name, GetParam());
    found += ours;
    cpu += divergences(name, "cpu").first;
    count += positions;
  }
  ASSERT_GT(count, 0u);
  RecordProperty("kl_mean", std::to_string(found / double(count)));
  RecordProperty("kl_mean_cpu", std::to_string(cpu / double(count)));
  EXPECT_LE(found / double(count), 1.5 * cpu / double(count) + 1e-4);
}

INSTANTIATE_TEST_SUITE_P(, EmulatedBf16, testing::Values("emulated:sm_90a"),
                         [](const auto &) { return std::string("sm_90a"); });
INSTANTIATE_TEST_SUITE_P(Long, EmulatedBf16, testing::Values("emulated:sm_80"),
                         [](const auto &) { return std::string("sm_80"); });

/// The emulated driver's orders of work (kernels/emulation/driver/Control.h):
/// forward, reverse and by seed; at once, or as late as somebody waits, with
/// copies that land late; and with results hidden from kernels that do not wait
/// for them. Whatever is reported is a failure.
const char *const kOrders[] = {
    "fatal=1,order=0,late=0",        "fatal=1,order=0,late=1",
    "fatal=1,order=1,late=0",        "fatal=1,order=1,late=1",
    "fatal=1,order=2,late=0,seed=3", "fatal=1,order=2,late=1,seed=4",
    "fatal=1,late=1,poison=1"};

/// A golden case as it is compiled, on an architecture.
struct Model {
  const char *name, *quant, *target;
};

class EmulatedOrders : public testing::TestWithParam<Model> {
protected:
  void SetUp() override {
    if (!hasNvrtc())
      GTEST_SKIP() << "NVRTC is not here: no kernels for GPUs";
  }

  std::string compile(std::vector<std::string> options) {
    const Model &model = GetParam();
    std::string artifact = folder.path("a.mm1");
    options.insert(options.begin(), {"compile", goldenFolder(model.name),
                                     "--target", model.target, "--quant",
                                     model.quant, "--quiet", "-o", artifact});
    Outcome compiled = run("mm1c", options);
    EXPECT_EQ(compiled.exitCode, 0) << compiled.err;
    return artifact;
  }

  /// Logits of a golden prompt, of which the last tokens are decoded, under an
  /// order of work.
  std::vector<float> logits(const std::string &artifact, const char *order) {
    for (const Prompt &prompt : readPrompts(GetParam().name, "logits"))
      if (prompt.ids.size() == 37) {
        ::setenv("MM1_EMULATED", order, 1);
        std::vector<float> found =
            runLogits(artifact, prompt, {"--decode-from", "32"});
        ::unsetenv("MM1_EMULATED");
        return found;
      }
    ADD_FAILURE() << "the case has no prompt of 37 tokens";
    return {};
  }

  TemporaryFolder folder;
};

// Threads, blocks and launches may go in any order that the plan allows: not a
// bit may change, and nothing be reported.
TEST_P(EmulatedOrders, GiveTheSameBits) {
  std::string artifact = compile({});
  std::vector<float> first = logits(artifact, kOrders[0]);
  ASSERT_FALSE(first.empty());
  for (const char *order : kOrders)
    EXPECT_EQ(first, logits(artifact, order)) << order;
}

// The same text built to report each access: no race, nothing out of bounds, and
// no byte is read that nobody wrote, in a launch and between launches.
TEST_P(EmulatedOrders, PassTheCheckOfEachAccess) {
  std::string artifact = compile({"--instrument"});
  for (const char *order : {"fatal=1,order=2,seed=1", "fatal=1,order=2,seed=2"})
    EXPECT_FALSE(logits(artifact, order).empty()) << order;
}

INSTANTIATE_TEST_SUITE_P(
    , EmulatedOrders,
    testing::Values(Model{"base", "none", "emulated:sm_80"},
                    Model{"base", "none", "emulated:sm_90a"},
                    Model{"c-shared-expert", "int8-experts", "emulated:sm_80"},
                    Model{"c-shared-expert", "int8-experts",
                          "emulated:sm_90a"}),
    [](const auto &info) {
      std::string name = std::string(info.param.name) + "_" +
                         (info.param.target + sizeof "emulated");
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

// The trained example gives a user the answers of the CPU target.
TEST(EmulatedRecall, AnswersLikeTheCpu) {
  if (!hasNvrtc())
    GTEST_SKIP() << "NVRTC is not here: no kernels for GPUs";
  TemporaryFolder folder;
  std::vector<std::string> answers;
  for (const char *target : {"cpu", "emulated:sm_90a"}) {
    std::string artifact = folder.path(std::string(target) + ".mm1");
    Outcome compiled =
        run("mm1c", {"compile", MM1_SOURCE_DIR "/examples/02-recall",
                     "--target", target, "--quiet", "-o", artifact});
    ASSERT_EQ(compiled.exitCode, 0) << compiled.err;
    Outcome chat =
        run("mm1-run", {"chat", artifact, "--message",
                        "The code of Oslo is 418. The code of Lima is 250. "
                        "Anna lives in Oslo.",
                        "--message", "What is the code of Anna's city?",
                        "--message", "What is 47 + 85?"});
    EXPECT_EQ(chat.exitCode, 0) << chat.err;
    // Greedy text, whose tokens a GPU chooses and feeds back itself.
    Outcome text = run("mm1-run", {"generate", artifact, "--prompt",
                                   "The old baker", "--max-tokens", "12"});
    EXPECT_EQ(text.exitCode, 0) << text.err;
    EXPECT_NE(text.err.find("decode: 11 steps"), std::string::npos) << text.err;
    answers.push_back(chat.out + text.out);
  }
  EXPECT_NE(answers[0].find("418"), std::string::npos) << answers[0];
  EXPECT_EQ(answers[0], answers[1]);
}

} // namespace
