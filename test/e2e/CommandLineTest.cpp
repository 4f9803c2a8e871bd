//===- CommandLineTest.cpp - Exit codes and messages of the programs ----------===//
#include "test/e2e/Programs.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

using namespace mm1::test;
namespace fs = std::filesystem;

namespace {

const std::string kTiny = MM1_SOURCE_DIR "/examples/01-tiny";
const std::string kPublished = MM1_SOURCE_DIR "/examples/minimax-m1";

/// A copy of the tiny checkpoint, to be damaged.
std::string copyOfTiny(const TemporaryFolder &folder) {
  fs::copy(kTiny, folder.path("model"), fs::copy_options::recursive);
  return folder.path("model");
}

/// Compiling must fail with this code and these words, and leave nothing behind.
void expectRefused(const std::string &model, int exitCode,
                   const std::vector<std::string> &words,
                   std::vector<std::string> options = {}) {
  TemporaryFolder folder;
  fs::create_directory(folder.path("out"));
  std::vector<std::string> arguments{"compile", model, "--quiet", "-o",
                                     folder.path("out") + "/a.mm1"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  Outcome outcome = run("mm1c", arguments);
  EXPECT_EQ(outcome.exitCode, exitCode) << outcome.err;
  for (const std::string &word : words)
    EXPECT_NE(outcome.err.find(word), std::string::npos)
        << "'" << word << "' not in: " << outcome.err;
  EXPECT_TRUE(fs::is_empty(folder.path("out")))
      << "something half-written remains";
}

TEST(Usage, HelpTeachesByExample) {
  for (const char *program : {"mm1c", "mm1-run"}) {
    Outcome outcome = run(program, {"--help"});
    EXPECT_EQ(outcome.exitCode, 0);
    EXPECT_NE(outcome.out.find(std::string(program) + " "), std::string::npos);
  }
  EXPECT_NE(run("mm1c", {"compile", "--help"}).out.find("Examples"),
            std::string::npos);
}

TEST(Usage, WrongFlagsExitWithTwo) {
  EXPECT_EQ(run("mm1c", {}).exitCode, 2);
  EXPECT_EQ(run("mm1c", {"compile"}).exitCode, 2);
  EXPECT_EQ(run("mm1c", {"compile", kTiny, "--emit", "soup"}).exitCode, 2);
  EXPECT_EQ(
      run("mm1c", {"plan", kPublished, "--context", "12 parsecs"}).exitCode, 2);
  EXPECT_EQ(run("mm1-run", {"generate"}).exitCode, 2);
  EXPECT_EQ(run("mm1-run", {"fly"}).exitCode, 2);
}

TEST(Plan, PublishedModelOnEightH200) {
  Outcome outcome =
      run("mm1c", {"plan", kPublished, "--gpus", "8", "--gpu", "h200",
                   "--quant", "int8-experts", "--context", "1M", "--json"});
  ASSERT_EQ(outcome.exitCode, 0) << outcome.err;
  auto json = nlohmann::json::parse(outcome.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << outcome.out;
  Outcome seven =
      run("mm1c", {"plan", kPublished, "--gpus", "7", "--gpu", "h200"});
  EXPECT_EQ(seven.exitCode, 1);
  EXPECT_NE(seven.err.find("7"), std::string::npos) << seven.err;
  EXPECT_EQ(run("mm1c", {"plan", kPublished, "--gpu", "abacus"}).exitCode, 2);
  EXPECT_EQ(run("mm1c", {"plan", "/nowhere"}).exitCode, 1);
}

TEST(Emit, EveryStageOfThePublishedModelFromItsConfigAlone) {
  for (const char *stage : {"mm1", "sharded", "quantized", "fused", "plan"}) {
    Outcome outcome =
        run("mm1c", {"compile", kPublished, std::string("--emit=") + stage,
                     "--quant", "int8-experts"});
    EXPECT_EQ(outcome.exitCode, 0) << stage << ": " << outcome.err;
    EXPECT_NE(outcome.out.find("layers.79"), std::string::npos) << stage;
  }
  // An artifact needs the weights.
  expectRefused(kPublished, 1, {"safetensors"});
}

TEST(Emit, TextIsTheSameTwice) {
  for (const char *stage : {"fused", "plan", "llvm", "asm"}) {
    std::vector<std::string> arguments{"compile", kTiny,
                                       std::string("--emit=") + stage};
    Outcome first = run("mm1c", arguments);
    ASSERT_EQ(first.exitCode, 0) << stage << ": " << first.err;
    EXPECT_EQ(first.out, run("mm1c", arguments).out) << stage;
  }
}

TEST(Compile, RefusesDamagedCheckpoints) {
  TemporaryFolder folder;
  std::string model = copyOfTiny(folder);
  fs::resize_file(model + "/model.safetensors", 1000);
  expectRefused(model, 1, {"model.safetensors"});

  fs::remove(model + "/model.safetensors");
  expectRefused(model, 1, {"safetensors"});

  std::string config = readText(kTiny + "/config.json");
  size_t at = config.find("\"hidden_size\": ");
  ASSERT_NE(at, std::string::npos);
  writeText(model + "/config.json", std::string(config).insert(at + 15, "-"));
  expectRefused(model, 1, {"config.json", "hidden_size", "-64"});
  writeText(model + "/config.json", "{\"model_type\": \"toaster\"}");
  expectRefused(model, 1, {"config.json", "toaster"});
  expectRefused(folder.path("absent"), 1, {"absent"});
}

TEST(Compile, RefusesAnOutputThatIsThere) {
  TemporaryFolder folder;
  std::string artifact = folder.path("a.mm1");
  ASSERT_EQ(run("mm1c", {"compile", kTiny, "--quiet", "-o", artifact}).exitCode,
            0);
  Outcome again = run("mm1c", {"compile", kTiny, "--quiet", "-o", artifact});
  EXPECT_EQ(again.exitCode, 1);
  EXPECT_NE(again.err.find("--force"), std::string::npos) << again.err;
  EXPECT_EQ(
      run("mm1c", {"compile", kTiny, "--quiet", "--force", "-o", artifact})
          .exitCode,
      0);

  // --force replaces artifacts, not somebody's folder.
  fs::create_directory(folder.path("home"));
  writeText(folder.path("home") + "/letter.txt", "dear");
  EXPECT_EQ(run("mm1c", {"compile", kTiny, "--quiet", "--force", "-o",
                         folder.path("home")})
                .exitCode,
            1);
  EXPECT_TRUE(fs::exists(folder.path("home") + "/letter.txt"));
}

TEST(Compile, RefusesMoreRanksThanItCanShardOver) {
  expectRefused(kTiny, 1, {"rank"}, {"--gpus", "2"});
}

TEST(Artifact, EveryFlippedByteOfPlanAndManifestIsNoticed) {
  TemporaryFolder folder;
  std::string artifact = folder.path("a.mm1");
  ASSERT_EQ(run("mm1c", {"compile", kTiny, "--quiet", "-o", artifact}).exitCode,
            0);
  for (const char *file : {"plan.bin", "manifest.json"}) {
    std::string path = artifact + "/" + file, original = readText(path);
    for (size_t at : {size_t(5), original.size() / 3, original.size() / 2,
                      original.size() - 9}) {
      std::string damaged = original;
      damaged[at] ^= 0x20;
      writeText(path, damaged);
      Outcome outcome = run("mm1-run", {"describe", artifact});
      // A letter changed inside a sentence for people is no damage the loader can know of.
      if (std::string(file) == "plan.bin")
        EXPECT_EQ(outcome.exitCode, 1)
            << file << " at " << at << ": " << outcome.err;
      EXPECT_LT(outcome.exitCode, 128) << file << " at " << at;
    }
    writeText(path, original);
  }
  EXPECT_EQ(run("mm1-run", {"describe", artifact}).exitCode, 0);
}

TEST(Run, GeneratesTheSameTextTwice) {
  TemporaryFolder folder;
  std::string artifact = folder.path("a.mm1");
  ASSERT_EQ(run("mm1c", {"compile", kTiny, "--quiet", "-o", artifact}).exitCode,
            0);
  std::vector<std::string> arguments{
      "generate", artifact, "--prompt", "The river",     "--max-tokens",
      "24",       "--seed", "7",        "--temperature", "0.8"};
  Outcome first = run("mm1-run", arguments);
  ASSERT_EQ(first.exitCode, 0) << first.err;
  EXPECT_FALSE(first.out.empty());
  arguments.insert(arguments.end(), {"--threads", "3"});
  EXPECT_EQ(first.out, run("mm1-run", arguments).out);
}

TEST(Run, RefusesMoreTokensThanPlanned) {
  TemporaryFolder folder;
  std::string artifact = folder.path("a.mm1");
  ASSERT_EQ(run("mm1c", {"compile", kTiny, "--quiet", "--context", "64", "-o",
                         artifact})
                .exitCode,
            0);
  writeText(folder.path("ids.json"), jsonList(std::vector<int32_t>(100, 5)));
  Outcome outcome =
      run("mm1-run", {"logits", artifact, "--ids", folder.path("ids.json"),
                      "--output", folder.path("l.safetensors")});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_NE(outcome.err.find("64"), std::string::npos) << outcome.err;
  EXPECT_FALSE(fs::exists(folder.path("l.safetensors")));
}

TEST(Run, KeepsKeysAndValuesOfSoManyTokens) {
  TemporaryFolder folder;
  std::string artifact = folder.path("a.mm1");
  auto compile = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"compile", kTiny, "--quiet", "--force",
                                     "--context", "1024", "-o", artifact});
    return run("mm1c", options);
  };
  auto describe = [&] {
    Outcome outcome = run("mm1-run", {"describe", artifact, "--json"});
    return nlohmann::json::parse(outcome.out, nullptr, false);
  };
  ASSERT_EQ(compile({}).exitCode, 0);
  EXPECT_EQ(describe()["plan"]["kv_tokens"], 8 * 1024);
  uint64_t pageBytes = describe()["memory"]["kv_pages"].get<uint64_t>() / 128;

  ASSERT_EQ(compile({"--kv-tokens", "130"}).exitCode, 0);
  EXPECT_EQ(describe()["plan"]["kv_tokens"], 192);
  EXPECT_EQ(describe()["memory"]["kv_pages"], 3 * pageBytes);
  EXPECT_NE(describe()["command"].get<std::string>().find("--kv-tokens 130 "),
            std::string::npos);
  // 200 tokens are too many, unless more are asked for at load.
  writeText(folder.path("ids.json"), jsonList(std::vector<int32_t>(200, 5)));
  std::vector<std::string> arguments{"generate",     artifact,
                                     "--ids",        folder.path("ids.json"),
                                     "--max-tokens", "1"};
  Outcome outcome = run("mm1-run", arguments);
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_NE(outcome.err.find("--kv-tokens"), std::string::npos) << outcome.err;
  arguments.insert(arguments.end(), {"--kv-tokens", "200"});
  outcome = run("mm1-run", arguments);
  EXPECT_EQ(outcome.exitCode, 0) << outcome.err;

  EXPECT_EQ(compile({"--kv-tokens", "0"}).exitCode, 2);
  outcome = compile({"--kv-tokens", "4G"});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_NE(outcome.err.find("found 4294967296"), std::string::npos)
      << outcome.err;
}

TEST(Runtime, LinksNeitherLLVMNorMLIR) {
  std::string command = std::string("ldd ") + MM1_BIN_DIR + "/mm1-run";
  FILE *pipe = popen(command.c_str(), "r");
  ASSERT_TRUE(pipe);
  std::string text;
  char buffer[512];
  while (std::fgets(buffer, sizeof(buffer), pipe))
    text += buffer;
  ASSERT_EQ(pclose(pipe), 0);
  EXPECT_NE(text.find("libc.so"), std::string::npos) << "ldd said: " << text;
  EXPECT_EQ(text.find("LLVM"), std::string::npos) << text;
  EXPECT_EQ(text.find("MLIR"), std::string::npos) << text;
}

TEST(Verify, SaysThatACompiledModelIsRight) {
  TemporaryFolder folder;
  std::string artifact = folder.path("a.mm1");
  ASSERT_EQ(run("mm1c", {"compile", kTiny, "--quiet", "-o", artifact}).exitCode,
            0);
  Outcome outcome = run("mm1c", {"verify", artifact, "--checkpoint", kTiny});
  EXPECT_EQ(outcome.exitCode, 0) << outcome.out << outcome.err;
  // Another model's weights are another model.
  TemporaryFolder other;
  ASSERT_EQ(run("mm1-make-checkpoint",
                {kTiny + "/config.json", "-o", other.path("m"), "--seed", "99"})
                .exitCode,
            0);
  EXPECT_EQ(run("mm1c", {"verify", artifact, "--checkpoint", other.path("m")})
                .exitCode,
            1);
}

// A config is enough to compile and to time; what needs an answer says why there
// is none.
TEST(WithoutWeights, TheArtifactCanBeTimed) {
  TemporaryFolder folder;
  fs::create_directory(folder.path("model"));
  fs::copy(kTiny + "/config.json", folder.path("model/config.json"));
  std::string artifact = folder.path("a.mm1");
  Outcome compiled = run("mm1c", {"compile", folder.path("model"), "--quiet",
                                  "--no-weights", "-o", artifact});
  ASSERT_EQ(compiled.exitCode, 0) << compiled.err;
  EXPECT_FALSE(fs::exists(artifact + "/weights"));
  EXPECT_EQ(run("mm1-run", {"describe", artifact, "--check"}).exitCode, 0);

  std::vector<std::string> bench{
      "bench",     artifact, "--prompt-tokens", "16", "--decode-tokens", "2",
      "--repeats", "1",      "--json"};
  Outcome refused = run("mm1-run", bench);
  EXPECT_EQ(refused.exitCode, 2);
  EXPECT_NE(refused.err.find("has no weights"), std::string::npos)
      << refused.err;
  bench.insert(bench.end(), {"--random-weights", "7"});
  Outcome timed = run("mm1-run", bench);
  ASSERT_EQ(timed.exitCode, 0) << timed.err;
  EXPECT_GT(nlohmann::json::parse(timed.out)["decode"]["tokens_per_second"]
                .get<double>(),
            0);
}

} // namespace
