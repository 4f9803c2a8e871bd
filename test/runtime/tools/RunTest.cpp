//===- RunTest.cpp - mm1-run as a user runs it, on the tiny model ---------===//
#include "runtime/Device/CpuLevel.h"
#include "test/e2e/Programs.h"
#include "test/runtime/Tiny/TinyArtifact.h"
#include "test/runtime/Tiny/TinyModel.h"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace mm1;
using namespace mm1::tiny;
using mm1::test::Outcome;
using mm1::test::TemporaryFolder;
using nlohmann::json;

#define EXPECT_SAYS(MESSAGE, PART)                                             \
  EXPECT_NE((MESSAGE).find(PART), std::string::npos) << (MESSAGE)

namespace {

using Ids = std::vector<int32_t>;

/// Letters a to g are ids 0 to 6.
constexpr const char *kTokenizer =
    R"({"added_tokens": [], "normalizer": null, "post_processor": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
  "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5, "g": 6}, "merges": []}})";

class RunTest : public testing::Test {
protected:
  void SetUp() override {
    auto levels = supportedCpuLevels();
    if (std::find(levels.begin(), levels.end(), "x86-64-v3") == levels.end())
      GTEST_SKIP() << "this processor is below x86-64-v3";
    tiny.moreFiles["tokenizer/tokenizer.json"] = kTokenizer;
    tiny.write();
  }

  Outcome run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 1, tiny.folder());
    return test::run("mm1-run", arguments);
  }
  std::string idsFile(const Ids &ids) {
    writeAll(files.path("ids.json"), json(ids).dump());
    return files.path("ids.json");
  }
  json generate(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"generate", "--json"});
    Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    return json::parse(outcome.out, nullptr, false);
  }

  TinyArtifact tiny;
  TemporaryFolder files;
};

} // namespace

TEST_F(RunTest, GenerateStreamsText) {
  // The logits grow with the id, so the likeliest is always the last: g.
  Outcome outcome = run({"generate", "--prompt", "abc", "--max-tokens", "5"});
  EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "ggggg\n");
  EXPECT_SAYS(outcome.err, "prompt: 3 tokens");
  EXPECT_SAYS(outcome.err, "decode: 4 steps");
  EXPECT_SAYS(outcome.err, "stopped by length");
}

TEST_F(RunTest, GenerateTakesIds) {
  json result = generate({"--ids", idsFile({0, 1, 2}), "--max-tokens", "2"});
  EXPECT_EQ(result["prompt_ids"], json({0, 1, 2}));
  EXPECT_EQ(result["ids"], json({6, 6}));
  EXPECT_EQ(result["text"], "gg");
  EXPECT_EQ(result["stop"], "length");
}

TEST_F(RunTest, GenerateStops) {
  json result = generate({"--prompt", "abc", "--stop-id", "6"});
  EXPECT_EQ(result["ids"], json::array());
  EXPECT_EQ(result["stop"], "stop");
  // Three pages hold 12 tokens, and the last one written need not be read.
  result = generate({"--prompt", "abc", "--kv-tokens", "12"});
  EXPECT_EQ(result["ids"].size(), size_t(12 - 3 + 1));
  EXPECT_EQ(result["stop"], "pages");
  result = generate(
      {"--prompt",
       "abc"}); // the context is 22 tokens; the last token needs no room
  EXPECT_EQ(result["ids"].size(), size_t(kContext - 3 + 1));
  EXPECT_EQ(result["stop"], "context");
}

TEST_F(RunTest, SameSeedSameTextForAnyThreadsAndChunks) {
  std::vector<std::string> options = {
      "--prompt", "abcdefgabc", "--temperature", "40",
      "--seed",   "3",          "--max-tokens",  "9"};
  json first = generate(options);
  for (std::vector<std::string> more :
       {std::vector<std::string>{"--threads", "1"},
        {"--threads", "4", "--prefill-chunk", "3"},
        {"--weights", "map"},
        {"--device", "cpu", "--kv-tokens", "400"},
        {"--cpu-level", "x86-64-v3", "--check"}}) {
    more.insert(more.begin(), options.begin(), options.end());
    EXPECT_EQ(generate(more)["ids"], first["ids"]);
  }
  options[5] = "4";
  EXPECT_NE(generate(options)["ids"], first["ids"]);
}

TEST_F(RunTest, LogitsOfEveryPosition) {
  const Ids ids = {1, 5, 0, 3, 6, 2, 2, 4, 1, 0, 5};
  std::string output = files.path("logits.safetensors");
  for (std::vector<std::string> split :
       {std::vector<std::string>{},
        {"--prefill-chunk", "3"},
        {"--decode-from", "0"},
        {"--decode-from", "7", "--prefill-chunk", "4", "--threads", "1"},
        {"--decode-from", "99"}}) {
    split.insert(split.begin(),
                 {"logits", "--ids", idsFile(ids), "--output", output});
    Outcome outcome = run(split);
    ASSERT_EQ(outcome.exitCode, 0) << outcome.err;
    auto file = SafeTensorsFile::open(output); // the run before is replaced
    ASSERT_TRUE(file) << file.error().message;
    const SafeTensor *logits = file->find("logits");
    ASSERT_NE(logits, nullptr);
    ASSERT_EQ(logits->shape,
              (std::vector<int64_t>{int64_t(ids.size()), kVocab}));
    for (size_t t = 0; t < ids.size(); ++t) {
      std::vector<float> expected = expectedLogits(std::span(ids).first(t + 1));
      for (size_t v = 0; v < expected.size(); ++v)
        ASSERT_EQ(logits->elements<float>()[t * kVocab + v], expected[v])
            << t << ", " << v;
    }
  }
}

TEST_F(RunTest, LogitsLeavesNothingHalfWritten) {
  std::string output = files.path("logits.safetensors");
  Outcome outcome =
      run({"logits", "--ids", idsFile({1, 99}), "--output", output});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err,
              "mm1-run: error: token id 99 is not in the vocabulary of 7");
  EXPECT_FALSE(std::filesystem::exists(output));
  EXPECT_FALSE(std::filesystem::exists(output + ".unfinished"));
}

TEST_F(RunTest, DescribeSaysWhatItIs) {
  Outcome outcome = run({"describe", "--json", "--check"});
  ASSERT_EQ(outcome.exitCode, 0) << outcome.err;
  json result = json::parse(outcome.out, nullptr, false);
  EXPECT_EQ(result["plan"]["context"], kContext);
  EXPECT_EQ(result["memory"]["weights"], kVocab * kWidth * 4);
  EXPECT_EQ(result["entries"][1]["steps"], 6);
  outcome = run({"describe"});
  EXPECT_EQ(outcome.exitCode, 0);
  EXPECT_SAYS(outcome.out, "mm1c compile tiny -o tiny.mm1");
  EXPECT_SAYS(outcome.out, "kv_pages");
}

TEST_F(RunTest, BenchPrintsBoundsBesideRates) {
  Outcome outcome = run({"bench", "--json", "--prompt-tokens", "16",
                         "--decode-tokens", "4", "--context", "3",
                         "--sequences", "2", "--repeats", "2", "--launches"});
  ASSERT_EQ(outcome.exitCode, 0) << outcome.err;
  json result = json::parse(outcome.out, nullptr, false);
  EXPECT_GT(result["bounds"]["read_best"], 0);
  EXPECT_GE(result["bounds"]["read_best"], result["bounds"]["read_median"]);
  EXPECT_GT(result["prefill"]["tokens_per_second"], 0);
  EXPECT_GT(result["decode"]["tokens_per_second"], 0);
  EXPECT_EQ(result["decode"]["steps"], 4);
  EXPECT_GT(result["memory"]["resident_at_end"], 0);
  json time = result["decode"]["time"];
  EXPECT_NEAR(double(time["kernels"]) + double(time["waiting_for_threads"]) +
                  double(time["session"]),
              1, 1e-9);
  // Labels without their numbers: "decode step *".
  ASSERT_EQ(result["decode"]["launches"].size(), 1u);
  EXPECT_EQ(result["decode"]["launches"][0]["launch"], "decode step *");
  EXPECT_NEAR(double(result["decode"]["launches"][0]["share"]), 1, 1e-9);
}

TEST_F(RunTest, EveryErrorHasItsExitCode) {
  struct Case {
    std::vector<std::string> arguments;
    int exitCode;
    std::string message;
  };
  std::string long23(23, 'a');
  const Case cases[] = {
      {{"generate"}, 2, "generate needs --prompt or --ids"},
      {{"generate", "--prompt", "a", "--ids", "x"}, 2, "excludes"},
      {{"generate", "--prompt", "a", "--frobnicate"}, 2, "--frobnicate"},
      {{"generate", "--prompt", "a", "--threads", "5000"}, 2, "5000"},
      {{"generate", "--prompt", "a", "--device", "tpu"}, 2, "tpu"},
      {{"generate", "--prompt", "a", "--device", "cuda"},
       3,
       "the artifact has no kernels for a GPU"},
      {{"generate", "--prompt", "a", "--device", "emulated"},
       3,
       "the artifact has no kernels for a GPU"},
      {{"generate", "--prompt", "abcdefg", "--kv-tokens", "4"},
       1,
       "needs 2 more pages of 4 tokens, but of 1 only 1 are free"},
      {{"generate", "--prompt", "a", "--kv-tokens", "99999999999999"},
       2,
       "more than there can be pages for"},
      {{"generate", "--prompt", "a", "--kv-tokens", "0"}, 2, "--kv-tokens"},
      {{"generate", "--prompt", "a", "--top-p", "0"}, 2, "top"},
      {{"generate", "--prompt", ""}, 1, "the prompt is empty"},
      {{"generate", "--prompt", long23},
       1,
       "the prompt has 23 tokens; the plan's context is 22"},
      {{"generate", "--ids", "/nowhere.json"}, 1, "/nowhere.json: cannot open"},
      {{"generate", "--prompt", "a", "--self-test"},
       1,
       "has no golden/prompts.safetensors"},
      {{"generate", "--prompt", "a", "--cpu-level", "z80"},
       3,
       "does not run level 'z80'"},
      {{"bench", "--sequences", "9", "--prompt-tokens", "0", "--decode-tokens",
        "1"},
       1,
       "--sequences is 9"},
      {{"bench", "--context", "100"}, 1, "the plan's context is 22"},
  };
  for (const Case &test : cases) {
    Outcome outcome = run(test.arguments);
    EXPECT_EQ(outcome.exitCode, test.exitCode) << outcome.err;
    EXPECT_EQ(outcome.err.find("mm1-run: error: "), 0u) << outcome.err;
    EXPECT_SAYS(outcome.err, test.message);
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1)
        << outcome.err;
  }
  for (const char *text : {"{}", "[1, -1]", "[1.5]", "[]", "[1", "[\"a\"]"}) {
    writeAll(files.path("bad.json"), text);
    Outcome outcome = run({"generate", "--ids", files.path("bad.json")});
    EXPECT_EQ(outcome.exitCode, 1);
    EXPECT_SAYS(outcome.err, files.path("bad.json"));
  }
  Outcome outcome = test::run("mm1-run", {"describe", "/nowhere"});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_EQ(test::run("mm1-run", {}).exitCode, 2);
  EXPECT_EQ(test::run("mm1-run", {"--help"}).exitCode, 0);
  EXPECT_SAYS(test::run("mm1-run", {"bench", "--help"}).out,
              "mm1-run bench m1.mm1 --threads 2");
}

TEST_F(RunTest, DamagedArtifactIsNotRun) {
  std::string path = tiny.folder() + "/kernels/cpu-x86-64-v3.so",
              bytes = readAll(path);
  bytes[100] = char(~bytes[100]);
  writeAll(path, bytes);
  Outcome outcome = run({"generate", "--prompt", "a"});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err, path + ": hashes to");
}

TEST(RunProgram, LinksOnlyWhatEveryMachineHas) {
  // The dynamic loader lists what it would load, instead of running the
  // program.
  setenv("LD_TRACE_LOADED_OBJECTS", "1", 1);
  std::string list = test::run("mm1-run", {}).out;
  unsetenv("LD_TRACE_LOADED_OBJECTS");
  EXPECT_SAYS(list, "libc.so");
  const std::vector<std::string> known = {
      "linux-vdso",  "libc.so",       "libm.so",  "libstdc++.so",
      "libgcc_s.so", "libpcre2-8.so", "ld-linux", "libasan.so",
      "libubsan.so", "libpthread.so", "libdl.so", "librt.so",
      "libresolv.so"};
  size_t begin = 0;
  for (size_t end; (end = list.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    std::string line = list.substr(begin, end - begin);
    EXPECT_TRUE(std::any_of(known.begin(), known.end(),
                            [&](const std::string &name) {
                              return line.find(name) != std::string::npos;
                            }))
        << line;
  }
}
