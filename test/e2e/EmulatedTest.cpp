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

using namespace mm1::test;

namespace {

bool hasNvrtc() {
  static const bool has = [] {
    TemporaryFolder folder;
    return run("mm1c", {"compile", goldenFolder("base"), "--target", "sm_80",
                        "--emit=cubin", "--quiet", "-o", folder.path("c")})
               .exitCode != 3;
  }();
  return has;
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

  /// Mean KL divergence over all stored positions.
  double meanDivergence(const std::string &artifact) {
    double sum = 0;
    size_t count = 0;
    for (const Prompt &prompt : readPrompts(name(), "logits")) {
      std::vector<float> logits = runLogits(artifact, prompt, {});
      if (logits.empty())
        return INFINITY;
      for (size_t i = 0; i < prompt.positions.size(); ++i, ++count)
        sum += divergence(prompt, logits, i);
    }
    return sum / double(std::max<size_t>(count, 1));
  }

  TemporaryFolder folder;
};

TEST_P(Emulated, FloatCompute) {
  std::string artifact = compile(target(), {"--compute", "f32"});
  if (artifact.empty())
    return;
  auto prompts = readPrompts(name(), "logits");
  ASSERT_FALSE(prompts.empty());
  for (const Prompt &prompt : prompts)
    for (const auto &way : waysToRun(int64_t(prompt.ids.size()))) {
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

TEST_P(Emulated, BF16Compute) {
  std::string artifact = compile(target(), {"--compute", "bf16"}),
              cpu = compile("cpu", {"--compute", "bf16"});
  if (artifact.empty() || cpu.empty())
    return;
  double found = meanDivergence(artifact), ours = meanDivergence(cpu);
  RecordProperty("kl_mean", std::to_string(found));
  RecordProperty("kl_mean_cpu", std::to_string(ours));
  EXPECT_LE(found, 1.5 * ours + 1e-4);
}

INSTANTIATE_TEST_SUITE_P(, Emulated,
                         testing::Combine(testing::ValuesIn(goldenCases()),
                                          testing::Values("sm_80", "sm_90a")),
                         [](const auto &info) {
                           std::string name = std::get<0>(info.param) + "_" +
                                              std::get<1>(info.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
