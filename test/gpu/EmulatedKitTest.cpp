//===- EmulatedKitTest.cpp - A kit from end to end, without a GPU ---------===//
// A small model is compiled for an emulated GPU, its kit made and run as on a
// machine with a GPU: the same programs, another driver. So what the kit says of
// a GPU one day has been said of the emulation before.
//===----------------------------------------------------------------------===//
#include "runtime/Artifact/Manifest.h"
#include "test/e2e/Programs.h"
#include "test/gpu/Kit.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace mm1::test;
using nlohmann::ordered_json;

namespace {

const std::string kDriver = MM1_LIB_DIR "/libcuda-emulated.so";

class EmulatedKit : public testing::Test {
protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder();
    std::string artifact = folder->path("base.mm1");
    Outcome compiled =
        run("mm1c", {"compile", goldenFolder("base"), "--target",
                     "emulated:sm_90a", "--compute", "f32", "--sequences", "4",
                     "--prefill-tokens", "64", "--quiet", "-o", artifact});
    if (compiled.exitCode == 3) // no NVRTC
      return;
    ASSERT_EQ(compiled.exitCode, 0) << compiled.err;
    Outcome made = run("mm1-make-gpu-kit", {artifact, "-o", kit()});
    ASSERT_EQ(made.exitCode, 0) << made.err;
  }
  static void TearDownTestSuite() { delete folder; }
  static std::string kit() { return folder->path("base.kit"); }

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

  /// A copy of the kit to spoil.
  std::string copyKit() {
    std::string copy = own.path("copy.kit");
    std::filesystem::copy(kit(), copy,
                          std::filesystem::copy_options::recursive);
    return copy;
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
  }
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
  std::string copy = copyKit(), index = copy + "/kit.json",
              tensors = copy + "/tensors.safetensors";
  std::string name;
  {
    auto opened = mm1::kit::Kit::open(copy);
    ASSERT_TRUE(bool(opened)) << opened.error().message;
    // The last number of the last argument that has an answer.
    const mm1::kit::Case &spoilt = opened->cases().front();
    name = spoilt.name;
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
  ordered_json sealed = ordered_json::parse(readText(index));
  std::string bytes = readText(tensors);
  for (ordered_json &file : sealed["files"])
    if (file["path"] == "tensors.safetensors")
      file["xxh3"] = mm1::hashHex(std::as_bytes(std::span(bytes)));
  writeText(index, mm1::sealManifest(sealed));

  Outcome outcome = runKit(copy, {"--only", "kernels"});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_NE(outcome.err.find("some answers are wrong"), std::string::npos)
      << outcome.err;
  ordered_json found = results();
  EXPECT_EQ(found["failed"], 1);
  EXPECT_EQ(found["results"][0]["name"], name);
  EXPECT_EQ(found["results"][0]["verdict"], "failed");
}

TEST_F(EmulatedKit, WithoutADriverItSaysSo) {
  Outcome outcome = run("mm1-gpu-kit", {kit(), "--driver", own.path("no.so")});
  EXPECT_EQ(outcome.exitCode, 3);
  EXPECT_NE(outcome.err.find("no.so"), std::string::npos) << outcome.err;
}

TEST_F(EmulatedKit, AnotherArchitectureIsRefused) {
  setenv("MM1_EMULATED", "fatal=1,arch=80", 1);
  Outcome outcome = runKit(kit(), {});
  EXPECT_EQ(outcome.exitCode, 3);
  EXPECT_NE(outcome.err.find("has kernels for sm_90a"), std::string::npos)
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
