//===- EvaluateCommandTest.cpp - mm1-run evaluate as a user runs it -----------===//
// The tiny example model knows nothing; but what it says is always the same. So a first run finds out its replies, and
// questions that want just these must then be right, however they are batched.
//===--------------------------------------------------------------------------===//
#include "test/e2e/Programs.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace mm1::test;
using nlohmann::json;

#define EXPECT_SAYS(TEXT, PART)                                                \
  EXPECT_NE((TEXT).find(PART), std::string::npos) << (TEXT)

namespace {

class EvaluateCommandTest : public testing::Test {
protected:
  void compile(std::vector<std::string> options) {
    options.insert(options.begin(),
                   {"compile", MM1_SOURCE_DIR "/examples/01-tiny", "--quiet",
                    "--force", "-o", folder.path("a.mm1")});
    Outcome outcome = run("mm1c", options);
    ASSERT_EQ(outcome.exitCode, 0) << outcome.err;
  }

  Outcome evaluate(const json &file, std::vector<std::string> options = {}) {
    writeText(folder.path("q.json"), file.dump());
    options.insert(options.begin(),
                   {"evaluate", folder.path("a.mm1"), folder.path("q.json"),
                    "--max-tokens", "12", "--json", folder.path("s.json"),
                    "--svg", folder.path("s.svg")});
    return run("mm1-run", options);
  }
  json scores() {
    return json::parse(readText(folder.path("s.json")), nullptr, false);
  }

  /// Questions of very different lengths, whose answers cannot be guessed.
  static json questions() {
    json file = {{"sentences", {"The river runs.", "A stone lies there."}},
                 {"questions", json::array()}};
    for (int i = 0; i < 13; ++i) {
      json user = {"Number " + std::to_string(i * i) + "."};
      for (int j = 0; j < i * i % 17; ++j)
        user.push_back({j % 2, 2});
      file["questions"].push_back({{"kind", i % 3 ? "odd" : "even"},
                                   {"distance", i % 2 ? 64 : 128},
                                   {"user", user},
                                   {"answer", "no model says this"}});
    }
    return file;
  }

  TemporaryFolder folder;
};

} // namespace

TEST_F(EvaluateCommandTest, SameRepliesHoweverTheyAreBatched) {
  // In f32, rounding that differs with the chunks is too small to change a token here.
  compile({"--sequences", "4", "--compute", "f32"});
  json file = questions();
  Outcome outcome = evaluate(file);
  ASSERT_EQ(outcome.exitCode, 0) << outcome.err;
  EXPECT_SAYS(outcome.err, "13 of 13 questions");
  EXPECT_SAYS(readText(folder.path("s.svg")), "</svg>");
  json wrong = scores()["wrong"];
  ASSERT_EQ(wrong.size(), 13u);
  for (const json &entry : wrong) {
    std::string reply = entry["reply"];
    size_t first = reply.find_first_not_of(" \t\r\n"),
           last = reply.find_last_not_of(" \t\r\n");
    if (first != reply.npos && reply.find('<') == reply.npos)
      file["questions"][entry["question"].get<size_t>()]["answer"] =
          reply.substr(first, last + 1 - first);
  }
  size_t known = 0;
  for (const json &question : file["questions"])
    known += question["answer"] != "no model says this";
  EXPECT_GE(known, 8u);

  auto expectKnown = [&](std::vector<std::string> options) {
    Outcome outcome = evaluate(file, std::move(options));
    ASSERT_EQ(outcome.exitCode, 0) << outcome.err;
    json result = scores();
    EXPECT_EQ(result["kinds"]["odd"]["right"].get<size_t>() +
                  result["kinds"]["even"]["right"].get<size_t>(),
              known);
  };
  expectKnown({});
  expectKnown({"--prefill-chunk", "5"});
  expectKnown({"--threads", "1", "--prefill-chunk", "64"});
  // Fewer pages than sequences could fill: some questions wait.
  expectKnown({"--kv-tokens", "512"});
  compile({"--sequences", "1", "--compute", "f32"});
  expectKnown({});
}

TEST_F(EvaluateCommandTest, ChoosesAndSkips) {
  compile({"--context", "128"});
  Outcome outcome = evaluate(questions(), {"--kind", "odd", "--limit", "2"});
  EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
  json odd = scores()["kinds"]["odd"];
  EXPECT_EQ(scores()["kinds"].size(), 1u);
  EXPECT_EQ(odd["asked"].get<int>() + odd["skipped"].get<int>(), 4);
  EXPECT_GT(odd["skipped"].get<int>(), 0);
  EXPECT_SAYS(outcome.out, "are longer than the planned context");
  // A pool that is smaller than the context does the same.
  compile({});
  outcome = evaluate(questions(),
                     {"--kind", "odd", "--limit", "2", "--kv-tokens", "128"});
  EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
  EXPECT_EQ(scores()["kinds"]["odd"], odd);
  outcome = evaluate(questions(), {"--max-distance", "64"});
  EXPECT_FALSE(scores()["kinds"]["odd"]["distances"].contains("128"));

  outcome = evaluate(questions(), {"--kind", "none"});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err, "no question was asked");
}

TEST_F(EvaluateCommandTest, FailsBelow) {
  compile({});
  EXPECT_EQ(
      evaluate(questions(), {"--limit", "1", "--fail-below", "0"}).exitCode, 0);
  Outcome outcome =
      evaluate(questions(), {"--limit", "1", "--fail-below", "12.5"});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err,
              "0.00 % of the answers are right; --fail-below asks for 12.50 %");
  EXPECT_EQ(evaluate(questions(), {"--fail-below", "101"}).exitCode, 2);
  outcome = evaluate({{"questions", 3}});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err, "q.json: 'questions' is 3");
}
