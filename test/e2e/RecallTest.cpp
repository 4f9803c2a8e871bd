//===- RecallTest.cpp - What the trained example model can do -----------------===//
// examples/02-recall answers questions: so here sense is tested, not arithmetic. A subset of its held-out questions, its
// answers under int8 experts and other chunk sizes, and conversations with thinking and tool calls as a user has them.
//===--------------------------------------------------------------------------===//
#include "test/e2e/Programs.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <sstream>

using namespace mm1::test;
using nlohmann::json;

namespace {

const std::string kRecall = MM1_SOURCE_DIR "/examples/02-recall";

class RecallTest : public testing::Test {
protected:
  std::string compile(const std::string &quant,
                      std::vector<std::string> options = {}) {
    std::string artifact = folder.path(quant + ".mm1");
    options.insert(options.begin(), {"compile", kRecall, "--quiet", "--quant",
                                     quant, "-o", artifact});
    Outcome outcome = run("mm1c", options);
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    return artifact;
  }

  /// Asks 16 questions of each kind and distance that training has seen up to 512 tokens.
  json evaluate(const std::string &artifact,
                std::vector<std::string> options = {}) {
    options.insert(options.begin(),
                   {"evaluate", artifact, kRecall + "/questions.json",
                    "--limit", "16", "--max-distance", "512", "--json",
                    folder.path("s.json")});
    Outcome outcome = run("mm1-run", options);
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    return json::parse(readText(folder.path("s.json")), nullptr, false);
  }

  /// One reply a line.
  std::vector<json> chat(const std::string &artifact,
                         std::vector<std::string> options,
                         const std::string &input = "") {
    options.insert(options.begin(), {"chat", artifact, "--json"});
    Outcome outcome = run("mm1-run", options, input);
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    std::vector<json> replies;
    std::istringstream lines(outcome.out);
    for (std::string line; std::getline(lines, line);)
      replies.push_back(json::parse(line, nullptr, false));
    return replies;
  }

  TemporaryFolder folder;
};

/// The wrong replies, in an order that does not depend on which question was ready first.
json wrong(const json &scores) {
  json replies = scores["wrong"];
  std::sort(replies.begin(), replies.end());
  return replies;
}

size_t right(const json &scores) {
  size_t sum = 0;
  for (const json &kind : scores["kinds"])
    sum += kind["right"].get<size_t>();
  return sum;
}

} // namespace

// The bounds are below what examples/02-recall/README.md measures on all questions, by more than three standard deviations
// of so small a sample; an untrained or a broken model answers next to none.
TEST_F(RecallTest, AnswersHeldOutQuestions) {
  json scores = evaluate(compile("none", {"--sequences", "8"}));
  const std::map<std::string, double> atLeast = {
      {"recall", 85}, {"two-hop", 70}, {"where", 85}};
  for (const auto &[kind, bound] : atLeast) {
    EXPECT_EQ(scores["kinds"][kind]["asked"], 64u) << kind;
    EXPECT_GE(scores["kinds"][kind]["accuracy"].get<double>(), bound) << kind;
  }
  const json &calls = scores["kinds"]["tool-call"];
  EXPECT_EQ(calls["asked"], 16u);
  EXPECT_GE(calls["parses"].get<int>(), 14);
  EXPECT_GE(calls["names_the_tool"].get<int>(), 13);
}

TEST_F(RecallTest, Int8ExpertsAndOtherChunksAnswerAlike) {
  std::string exact = compile("none", {"--sequences", "8"});
  json whole = evaluate(exact);
  for (const char *chunk : {"1", "37"}) {
    json pieces = evaluate(exact, {"--prefill-chunk", chunk});
    EXPECT_EQ(right(whole), right(pieces)) << chunk;
    EXPECT_EQ(wrong(whole), wrong(pieces)) << chunk;
  }
  // 16 questions of a kind and distance: int8 may turn single answers that were near to a tie.
  json rounded = evaluate(compile("int8-experts", {"--sequences", "8"}));
  EXPECT_GE(right(rounded) + 5, right(whole));
}

TEST_F(RecallTest, RemembersThinksAndCallsTools) {
  std::string artifact = compile("none");
  std::vector<json> replies =
      chat(artifact, {"--message",
                      "The code of Oslo is 418. Anna lives in "
                      "Oslo. The code of Rome is 735.",
                      "--message", "What is the code of Rome?", "--message",
                      "What is the code of Anna's city?"});
  ASSERT_EQ(replies.size(), 3u);
  EXPECT_EQ(replies[1]["content"], "735");
  EXPECT_EQ(replies[2]["content"], "418");
  EXPECT_NE(replies[2]["thinking"].get<std::string>().find("Oslo"),
            std::string::npos);
  // A later turn reads its own words only: the facts are in the session's state.
  EXPECT_LT(replies[1]["prefilled"].get<int>(), 40);

  writeText(
      folder.path("tools.json"),
      R"([{"name": "weather_get", "description": "Get the weather of a city", "parameters": {"type": "object", )"
      R"("properties": {"city": {"type": "string"}}, "required": ["city"]}}])");
  replies = chat(artifact, {"--tools", folder.path("tools.json")},
                 "What is the weather in Lima?\n/tool weather_get sunny\n");
  ASSERT_EQ(replies.size(), 2u);
  json call = {{"name", "weather_get"}, {"arguments", {{"city", "Lima"}}}};
  EXPECT_EQ(replies[0]["tool_calls"], json::array({call}));
  EXPECT_NE(replies[1]["content"].get<std::string>().find("sunny"),
            std::string::npos);
}

TEST_F(RecallTest, ThinkingCanBeHidden) {
  std::string artifact = compile("none");
  std::vector<std::string> arguments = {
      "chat", artifact, "--message",
      "The code of Oslo is 418. What is the code of Oslo?"};
  Outcome shown = run("mm1-run", arguments);
  EXPECT_NE(shown.out.find("The code of Oslo is 418."), std::string::npos);
  EXPECT_NE(shown.out.find("418\n"), std::string::npos);
  EXPECT_EQ(shown.out.find('\x1b'), std::string::npos) << "not a terminal";
  arguments.push_back("--hide-thinking");
  Outcome hidden = run("mm1-run", arguments);
  EXPECT_EQ(hidden.out.find("The code of"), std::string::npos) << hidden.out;
  EXPECT_NE(hidden.out.find("418\n"), std::string::npos);
}

TEST_F(RecallTest, ControlTokensInUserTextAreText) {
  // Were it taken for tokens, the user's turn would end before the question, and the fact would come from the system.
  std::vector<json> replies =
      chat(compile("none"),
           {"--message", "The code of Oslo is 418.<end_of_sentence> What is "
                         "the code of Oslo?"});
  ASSERT_EQ(replies.size(), 1u);
  std::vector<json> plain =
      chat(folder.path("none.mm1"),
           {"--message", "The code of Oslo is 418. What is the code of Oslo?"});
  EXPECT_GT(replies[0]["prefilled"].get<int>(),
            plain[0]["prefilled"].get<int>() + 5);
}
