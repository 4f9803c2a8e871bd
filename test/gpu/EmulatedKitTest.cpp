//===- EmulatedKitTest.cpp - A kit from end to end, without a GPU ---------===//
// A small model is compiled for an emulated GPU, its kit made and run as on a
// machine with a GPU: the same programs, another driver. So what the kit says
// of a GPU one day has been said of the emulation before.
//===----------------------------------------------------------------------===//
#include "runtime/Artifact/Manifest.h"
#include "test/e2e/Programs.h"
#include "test/gpu/KitWriter.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

using namespace mm1::test;
using nlohmann::ordered_json;

namespace {

const std::string kDriver = MM1_LIB_DIR "/libcuda-emulated.so";

class EmulatedKit : public testing::Test {
protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder();
    makeKit("base", {"--target", "emulated:sm_90a", "--compute", "f32"});
    makeKit("c-shared-expert",
            {"--target", "emulated:sm_80", "--quant", "int8-experts"});
  }
  static void TearDownTestSuite() { delete folder; }

  /// Of a golden model; nothing without NVRTC.
  static void makeKit(const std::string &model,
                      std::vector<std::string> options) {
    std::string artifact = folder->path(model + ".mm1");
    std::vector<std::string> arguments = {"compile",
                                          goldenFolder(model),
                                          "--sequences",
                                          "4",
                                          "--prefill-tokens",
                                          "64",
                                          "--quiet",
                                          "-o",
                                          artifact};
    arguments.insert(arguments.end(), options.begin(), options.end());
    Outcome compiled = run("mm1c", arguments);
    if (compiled.exitCode == 3)
      return;
    ASSERT_EQ(compiled.exitCode, 0) << compiled.err;
    Outcome made = run("mm1-make-gpu-kit", {artifact, "-o", kit(model)});
    ASSERT_EQ(made.exitCode, 0) << made.err;
  }
  static std::string kit(const std::string &model = "base") {
    return folder->path(model + ".kit");
  }

  void SetUp() override {
    if (!std::filesystem::exists(kit()))
      GTEST_SKIP() << "NVRTC is not here: no kernels for GPUs";
    setenv("MM1_EMULATED", "fatal=1,late=1,order=2,seed=5", 1);
  }
  void TearDown() override { unsetenv("MM1_EMULATED"); }

  Outcome runKit(const std::string &path, std::vector<std::string> more) {
    std::vector<std::string> arguments = {path, "--driver", kDriver, "--json",
                                          json};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run("mm1-gpu-kit", arguments);
  }
  ordered_json results() { return ordered_json::parse(readText(json)); }
  ordered_json resultOf(const std::string &name) {
    ordered_json all = results();
    for (const ordered_json &each : all["results"])
      if (each["name"] == name)
        return each;
    return {};
  }

  /// A copy of the kit to spoil.
  std::string copyKit() {
    std::string copy = own.path("copy.kit");
    std::filesystem::copy(kit(), copy,
                          std::filesystem::copy_options::recursive);
    return copy;
  }
  /// Changes the index of a kit and seals it again.
  static void lie(const std::string &path,
                  const std::function<void(ordered_json &)> &change) {
    std::string index = path + "/kit.json";
    ordered_json fields = ordered_json::parse(readText(index));
    change(fields);
    writeText(index, mm1::sealManifest(fields));
  }

  static TemporaryFolder *folder;
  TemporaryFolder own;
  std::string json = own.path("results.json");
};

TemporaryFolder *EmulatedKit::folder = nullptr;

TEST_F(EmulatedKit, EveryKernelGivesTheReferencesAnswers) {
  for (const char *schedule : {"fatal=1", "fatal=1,order=1,late=1",
                               "fatal=1,order=2,seed=7,poison=1"}) {
    setenv("MM1_EMULATED", schedule, 1);
    Outcome outcome = runKit(kit(), {"--only", "kernels"});
    EXPECT_EQ(outcome.exitCode, 0) << outcome.out << outcome.err;
    ordered_json found = results();
    EXPECT_EQ(found["finished"], true);
    EXPECT_EQ(found["failed"], 0);
    EXPECT_GT(found["passed"], 25);
    EXPECT_EQ(found["gpu"]["is_emulated"], true);
    EXPECT_EQ(resultOf("begin_0")["verdict"], "left out");
  }
}

TEST_F(EmulatedKit, AndThoseOfIntegersInBF16OnAnotherArchitecture) {
  setenv("MM1_EMULATED", "fatal=1,arch=80,order=2,seed=5", 1);
  Outcome outcome = runKit(kit("c-shared-expert"), {"--only", "kernels"});
  EXPECT_EQ(outcome.exitCode, 0) << outcome.out << outcome.err;
  EXPECT_GT(results()["passed"], 30);
}

TEST_F(EmulatedKit, EveryWordGivesItsAnswer) {
  Outcome outcome = runKit(kit(), {"--only", "conformance"});
  EXPECT_EQ(outcome.exitCode, 0) << outcome.out << outcome.err;
  EXPECT_GT(results()["passed"], 20);
  EXPECT_EQ(resultOf("cp_async_bulk")["verdict"], "passed");
  setenv("MM1_EMULATED", "fatal=1,arch=80", 1);
  outcome = runKit(kit("c-shared-expert"), {"--only", "conformance"});
  EXPECT_EQ(outcome.exitCode, 0) << outcome.out << outcome.err;
  EXPECT_EQ(resultOf("cp_async_bulk")["verdict"], "not built");
  EXPECT_EQ(resultOf("ldmatrix")["verdict"], "passed");
}

TEST_F(EmulatedKit, QuestionsAreAskedInTheirOrder) {
  Outcome outcome = runKit(kit(), {});
  EXPECT_EQ(outcome.exitCode, 0) << outcome.out << outcome.err;
  ordered_json found = results()["results"];
  EXPECT_EQ(found[0]["name"], "cut_sums");
  EXPECT_EQ(found[0]["answer"], "1");
  EXPECT_EQ(found[1]["name"], "long_chain");
  EXPECT_EQ(found[1]["answer"], "cut once a step");
  EXPECT_EQ(resultOf("mma_against_wgmma")["verdict"], "not asked");
  EXPECT_EQ(resultOf("mma_against_wgmma")["needs"], "a word for wgmma");
  // Behind each other: all questions, then words, kernels and times.
  std::vector<std::string> groups;
  for (const ordered_json &each : found)
    if (std::string group = each["group"];
        groups.empty() || groups.back() != group)
      groups.push_back(group);
  EXPECT_EQ(groups, (std::vector<std::string>{"questions", "conformance",
                                              "kernels", "timings"}));
  for (const ordered_json &each : found) {
    if (each["group"] != "questions")
      continue;
    std::string verdict = each["verdict"];
    EXPECT_TRUE(verdict == "as thought" || verdict == "not asked" ||
                verdict == "emulated")
        << each;
    EXPECT_FALSE(each.contains("numbers")) << each;
  }
}

TEST_F(EmulatedKit, TheEmulationMustSayWhatTheKitExpects) {
  std::string copy = copyKit();
  lie(copy, [](ordered_json &fields) {
    ordered_json &answers = fields["questions"][0]["answers"];
    std::swap(answers[0], answers[1]);
    fields["questions"][1]["answers"][0]["words"][5] = 7;
  });
  Outcome outcome = runKit(copy, {"--only", "questions"});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_EQ(results()["failed"], 2);
  EXPECT_EQ(resultOf("cut_sums")["message"],
            "says 1; the kit expects 1 + 2^-23");
  std::string message = resultOf("long_chain")["message"];
  EXPECT_TRUE(message.starts_with("says something else: ")) << message;
}

TEST_F(EmulatedKit, TimesOfAnEmulatedGpuAreNoResults) {
  Outcome outcome = runKit(kit(), {"--only", "timings"});
  EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
  ordered_json found = results();
  ASSERT_GT(found["results"].size(), 25u);
  for (const ordered_json &each : found["results"]) {
    EXPECT_EQ(each["verdict"], "emulated");
    EXPECT_FALSE(each.contains("median_seconds")) << each;
    EXPECT_FALSE(each.contains("bytes_per_second")) << each;
  }
}

TEST_F(EmulatedKit, AWrongAnswerFailsByName) {
  std::string copy = copyKit(), tensors = copy + "/tensors.safetensors";
  std::string name;
  {
    auto opened = mm1::kit::Kit::open(copy);
    ASSERT_TRUE(bool(opened)) << opened.error().message;
    for (const mm1::kit::Case &each : opened->cases())
      if (name.empty() && each.group == "kernels")
        name = each.name;
    auto file = mm1::SafeTensorsFile::open(tensors);
    ASSERT_TRUE(bool(file));
    const mm1::SafeTensor *answer = nullptr;
    for (const mm1::SafeTensor &each : file->tensors())
      if (each.name.starts_with("kernels." + name) &&
          each.type == mm1::ElementType::F64)
        answer = &each;
    ASSERT_NE(answer, nullptr);
    double wrong = answer->elements<double>()[0] + 1;
    std::fstream out(tensors, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(int64_t(answer->offset));
    out.write(reinterpret_cast<const char *>(&wrong), sizeof(wrong));
  }
  EXPECT_EQ(runKit(copy, {}).exitCode, 1) << "the hash is wrong";
  lie(copy, [&](ordered_json &fields) {
    std::string bytes = readText(tensors);
    for (ordered_json &file : fields["files"])
      if (file["path"] == "tensors.safetensors")
        file["xxh3"] = mm1::hashHex(std::as_bytes(std::span(bytes)));
  });

  Outcome outcome = runKit(copy, {"--only", "kernels"});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_NE(outcome.err.find("some answers are wrong"), std::string::npos)
      << outcome.err;
  ordered_json found = results();
  EXPECT_EQ(found["failed"], 1);
  EXPECT_EQ(found["results"][0]["name"], name);
  EXPECT_EQ(found["results"][0]["verdict"], "failed");
}

// The kernel writes 128 words where the kit says 64.
TEST_F(EmulatedKit, AWriteBehindAnArgumentIsFound) {
  mm1::kit::KitWriter writer("too little memory");
  std::string module = kit() + "/modules/primitives-sm_90a";
  writer.addModule("primitives", "sm_90a", readText(module + ".cubin"),
                   readText(module + ".so"));
  mm1::kit::KernelCase made;
  made.name = made.kernel = "places";
  made.module = "primitives";
  made.blocks = 2;
  made.threads = 64;
  mm1::kit::CaseArgument argument;
  argument.sizeBytes = 256;
  made.arguments.assign(3, argument);
  made.arguments[2].element = mm1::ElementType::I32;
  for (int thread = 0; thread < 64; ++thread)
    made.arguments[2].expected.push_back(thread + (thread % 32 << 12) +
                                         (thread / 32 << 20) + (64 << 24));
  writer.addCase(made, "conformance");
  mm1::Status written = writer.write(own.path("small.kit"));
  ASSERT_TRUE(bool(written)) << written.error().message;
  Outcome outcome = runKit(own.path("small.kit"), {"--only", "conformance"});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_EQ(resultOf("places")["message"],
            "byte 0 behind argument 2 was written");
}

TEST_F(EmulatedKit, WithoutADriverItSaysSo) {
  Outcome outcome = run("mm1-gpu-kit", {kit(), "--driver", own.path("no.so")});
  EXPECT_EQ(outcome.exitCode, 3);
  EXPECT_NE(outcome.err.find("no.so"), std::string::npos) << outcome.err;
}

TEST_F(EmulatedKit, KernelsOfAnotherArchitectureAreNotRun) {
  setenv("MM1_EMULATED", "fatal=1,arch=80", 1);
  Outcome outcome = runKit(kit(), {"--only", "conformance,kernels"});
  EXPECT_EQ(outcome.exitCode, 3);
  EXPECT_NE(outcome.err.find("the artifact's kernels are not for GPU 0"),
            std::string::npos)
      << outcome.err;
  EXPECT_EQ(resultOf("ldmatrix")["verdict"], "passed");
  EXPECT_EQ(resultOf("rope_angles_0")["verdict"], "not built");
}

TEST_F(EmulatedKit, AKitWithoutHostModulesNeedsAGpu) {
  std::string copy = copyKit();
  lie(copy, [](ordered_json &fields) {
    for (ordered_json &module : fields["modules"])
      module.erase("host");
  });
  Outcome outcome = runKit(copy, {});
  EXPECT_EQ(outcome.exitCode, 3);
  EXPECT_NE(outcome.err.find("was not built for the emulated driver"),
            std::string::npos)
      << outcome.err;
}

TEST_F(EmulatedKit, ACutKitIsRefused) {
  std::string copy = copyKit();
  std::filesystem::resize_file(copy + "/tensors.safetensors", 1000);
  Outcome outcome = runKit(copy, {});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_NE(outcome.err.find("tensors.safetensors: is not what kit.json says"),
            std::string::npos)
      << outcome.err;
}

TEST_F(EmulatedKit, AnArtifactOfACpuHasNoKit) {
  std::string artifact = own.path("cpu.mm1");
  Outcome compiled =
      run("mm1c", {"compile", goldenFolder("h-one-layer"), "--sequences", "1",
                   "--prefill-tokens", "16", "--quiet", "-o", artifact});
  ASSERT_EQ(compiled.exitCode, 0) << compiled.err;
  Outcome made = run("mm1-make-gpu-kit", {artifact, "-o", own.path("kit")});
  EXPECT_EQ(made.exitCode, 1);
  EXPECT_NE(made.err.find("is for a cpu"), std::string::npos) << made.err;
  EXPECT_FALSE(std::filesystem::exists(own.path("kit")));
}

} // namespace
