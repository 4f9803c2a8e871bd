//===- EditedModuleTest.cpp - A stage's text, edited and compiled ---------===//
// What README.md shows under "Research": a cluster split in two by hand gives
// the same answers, with one launch more where it was split. And an artifact is
// enough, beside the weights, to make another one.
//===----------------------------------------------------------------------===//
#include "test/e2e/Programs.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <regex>

using namespace mm1::test;
using nlohmann::json;

namespace {

const std::string kRecall = MM1_SOURCE_DIR "/examples/02-recall";

class EditedModuleTest : public testing::Test {
protected:
  void compile(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"compile", "--quiet"});
    Outcome outcome = run("mm1c", arguments);
    ASSERT_EQ(outcome.exitCode, 0) << outcome.err;
  }

  /// Steps by entry.
  std::map<std::string, int> steps(const std::string &artifact) {
    Outcome outcome = run("mm1-run", {"describe", artifact, "--json"});
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    json described = json::parse(outcome.out, nullptr, false);
    std::map<std::string, int> counts;
    for (const json &entry : described["entries"])
      counts[entry["kind"].get<std::string>() + "_" +
             std::to_string(entry["max_tokens"].get<int>())] = entry["steps"];
    return counts;
  }

  /// The bytes of the logits of 40 tokens; the last 8 are decoded one by one.
  std::string logits(const std::string &artifact) {
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < 40; ++i)
      ids.push_back(100 + 7 * i % 300);
    writeText(folder.path("ids.json"), jsonList(ids));
    Outcome outcome =
        run("mm1-run",
            {"logits", artifact, "--ids", folder.path("ids.json"), "--output",
             folder.path("l.safetensors"), "--decode-from", "32"});
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    return readText(folder.path("l.safetensors"));
  }

  std::string chat(const std::string &artifact) {
    Outcome outcome =
        run("mm1-run", {"chat", artifact, "--message",
                        "The code of Oslo is 418. Anna lives in Oslo.",
                        "--message", "What is the code of Anna's city?"});
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    return outcome.out;
  }

  TemporaryFolder folder;
};

/// Parts the embedding from the norm behind it in the function `name`.
std::string splitEmbedding(const std::string &text, const std::string &name) {
  size_t begin = text.find("func.func @" + name + "(");
  EXPECT_NE(begin, std::string::npos) << name;
  size_t end = text.find("func.func", begin + 1);
  std::string function = text.substr(begin, end - begin);
  const std::regex cluster(
      R"((%\d+) = mm1.cluster row_reduction\(%arg0, (%\d+), (%\d+)\)[^{]*\{[^}]*\} : \((.*), (tensor<1024x.*>), (tensor<128x.*>)\) -> (.*) \{
.*
.*mm1.embedding.*
.*(eps = [^ ]*).*
.*mm1.yield.*
.*\}.*
)");
  std::string split = std::regex_replace(function, cluster, R"(
    %rows = mm1.cluster elementwise(%arg0, $2) : ($4, $5) -> $7 {
    ^bb0(%ids: $4, %table: $5):
      %x = mm1.embedding %ids, %table : ($4, $5) -> $7
      mm1.yield %x : $7
    }
    $1 = mm1.cluster row_reduction(%rows, $3) : ($7, $6) -> $7 {
    ^bb0(%row: $7, %weight: $6):
      %y = mm1.rms_norm %row, %weight $8 : ($7, $6) -> $7
      mm1.yield %y : $7
    }
)");
  EXPECT_NE(split, function) << "nothing to split in " << name;
  return text.substr(0, begin) + split +
         (end == std::string::npos ? "" : text.substr(end));
}

} // namespace

TEST_F(EditedModuleTest, SplitClusterAnswersAlikeWithALaunchMore) {
  std::string plain = folder.path("plain.mm1"), fused = folder.path("f.mlir"),
              edited = folder.path("edited.mm1");
  const std::vector<std::string> sizes{
      "--sequences", "2", "--prefill-tokens", "64", "--context", "1024"};
  std::vector<std::string> arguments{kRecall, "-o", plain};
  arguments.insert(arguments.end(), sizes.begin(), sizes.end());
  compile(arguments);
  arguments = {kRecall, "--emit=fused", "-o", fused};
  arguments.insert(arguments.end(), sizes.begin(), sizes.end());
  compile(arguments);
  writeText(fused, splitEmbedding(splitEmbedding(readText(fused), "decode_1"),
                                  "prefill_16"));
  compile({fused, "--checkpoint", kRecall, "--context", "1024", "-o", edited});

  std::map<std::string, int> before = steps(plain), after = steps(edited);
  ASSERT_TRUE(before.count("decode_1") && before.count("prefill_16"));
  ++before["decode_1"];
  ++before["prefill_16"];
  EXPECT_EQ(after, before);
  EXPECT_EQ(logits(edited), logits(plain));
  EXPECT_EQ(chat(edited), chat(plain));
  EXPECT_NE(chat(edited).find("418"), std::string::npos);
  EXPECT_EQ(run("mm1c", {"verify", edited}).exitCode, 0);
}

TEST_F(EditedModuleTest, AnArtifactIsCompiledAgainFromItself) {
  std::string first = folder.path("first.mm1"),
              again = folder.path("again.mm1"),
              rounded = folder.path("rounded.mm1");
  compile({kRecall, "--sequences", "2", "--prefill-tokens", "16", "--context",
           "1024", "--fuse=-merge-linears", "-o", first});
  compile({first, "--checkpoint", kRecall, "-o", again});
  EXPECT_EQ(readText(again + "/plan.bin"), readText(first + "/plan.bin"));
  EXPECT_EQ(readText(again + "/manifest.json"),
            readText(first + "/manifest.json"));
  compile({first, "--checkpoint", kRecall, "--quant", "int8-experts", "-o",
           rounded});
  json manifest =
      json::parse(readText(rounded + "/manifest.json"), nullptr, false);
  EXPECT_EQ(manifest["options"]["quant"], "int8-experts");
  EXPECT_EQ(manifest["options"]["fuse"], "-merge-linears");
  EXPECT_EQ(manifest["limits"]["sequences"], 2);
  EXPECT_EQ(run("mm1c", {"verify", rounded}).exitCode, 0);

  // From the fused stage on, it is too late to quantise.
  std::string fused = folder.path("f.mlir"), late = folder.path("late.mm1");
  compile({first, "--emit=fused", "-o", fused});
  compile({fused, "--checkpoint", kRecall, "-o", late});
  Outcome outcome =
      run("mm1c", {"compile", late, "--checkpoint", kRecall, "--quant",
                   "int8-experts", "-o", folder.path("never.mm1")});
  EXPECT_EQ(outcome.exitCode, 2);
  EXPECT_NE(outcome.err.find("--quant int8-experts contradicts"),
            std::string::npos)
      << outcome.err;
}
