//===- QuestionsTest.cpp - Question files, scores and their plot ---------------===//
#include "runtime/tools/Questions.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace mm1;

namespace {

constexpr std::string_view kGood =
    R"({"sentences": ["One.", "Two.", "Three."],
 "questions": [
  {"kind": "recall", "distance": 64, "system": "Be brief.",
   "user": ["The code is 418.", [1, 3], [0, 0], "What is the code?"], "answer": "418"},
  {"kind": "tool-call", "distance": 0, "tools": [{"name": "clock"}],
   "user": ["Time?"], "call": {"name": "clock", "arguments": {"zone": "UTC", "at": 1}}}]})";

QuestionFile good() {
  auto file = parseQuestions(kGood, "q.json");
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  return *file;
}

/// The message for one question with these fields.
std::string messageOf(const std::string &fields) {
  auto file = parseQuestions("{\"sentences\": [\"One.\"], \"questions\": [{" +
                                 fields + "}]}",
                             "q.json");
  if (file)
    return "no error";
  EXPECT_EQ(file.error().kind, ErrorKind::Input);
  return file.error().message;
}

Reply replyOf(std::string_view text) {
  ReplyParser parser;
  parser.push(text);
  parser.finish();
  return parser.reply();
}

/// Every element is closed, in order, and attributes have two quotes.
bool isWellFormed(const std::string &svg) {
  std::vector<std::string> open;
  for (size_t at = 0; (at = svg.find('<', at)) != svg.npos;) {
    size_t end = svg.find('>', at);
    std::string tag = svg.substr(at + 1, end - at - 1);
    if (end == svg.npos || tag.find('<') != tag.npos ||
        std::count(tag.begin(), tag.end(), '"') % 2 != 0)
      return false;
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1))
        return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
    at = end;
  }
  return open.empty();
}

size_t countOf(const std::string &text, std::string_view part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; ++at)
    ++count;
  return count;
}

} // namespace

TEST(Questions, conversations) {
  QuestionFile file = good();
  ASSERT_EQ(file.questions.size(), 2u);
  Conversation recall = file.conversationOf(file.questions[0]);
  ASSERT_EQ(recall.messages.size(), 2u);
  EXPECT_EQ(recall.messages[0].role, Role::System);
  EXPECT_EQ(recall.messages[0].text, "Be brief.");
  EXPECT_EQ(recall.messages[1].text,
            "The code is 418. Two. Three. What is the code?");
  Conversation call = file.conversationOf(file.questions[1]);
  EXPECT_EQ(call.messages.size(), 1u);
  EXPECT_EQ(call.tools.size(), 1u);
}

TEST(Questions, everyTruncationIsAnError) {
  for (size_t size = 0; size < kGood.size(); ++size)
    EXPECT_FALSE(parseQuestions(kGood.substr(0, size), "q.json")) << size;
}

TEST(Questions, badFiles) {
  auto whole = [](std::string_view text) {
    return parseQuestions(text, "q.json").error().message;
  };
  EXPECT_EQ(whole("[]"), "q.json: is []; expected an object");
  EXPECT_EQ(whole("{}"),
            "q.json: 'questions' is missing; expected a list of questions");
  EXPECT_EQ(whole(R"({"questions": []})"),
            "q.json: 'questions' is []; expected a list of questions");
  EXPECT_EQ(whole(R"({"sentences": [1], "questions": [{}]})"),
            "q.json: 'sentences[0]' is 1; expected a string");
  EXPECT_EQ(whole(R"({"questions": [7]})"),
            "q.json: questions[0]: is 7; expected an object");

  const std::string head = R"("kind": "k", "distance": 1, )";
  const std::string user = R"("user": ["x"], )";
  EXPECT_EQ(messageOf(head + user + R"("answer": "y")"), "no error");
  EXPECT_EQ(messageOf(R"("distance": 1)"),
            "q.json: questions[0]: 'kind' is missing; expected a string");
  EXPECT_EQ(messageOf(R"("kind": "k", "distance": -1)"),
            "q.json: questions[0]: 'distance' is -1; expected an integer from "
            "0 to 1099511627776");
  EXPECT_EQ(messageOf(head + R"("user": "x", "answer": "y")"),
            "q.json: questions[0]: 'user' is \"x\"; expected a list of texts "
            "and ranges of sentences");
  for (const char *part :
       {"[0, 2]", "[1, 0]", "[0]", "[-1, 0]", "[0, 0.5]", "7", "{}"})
    EXPECT_EQ(messageOf(head + "\"user\": [" + part + "], \"answer\": \"y\"")
                  .rfind("q.json: questions[0]: 'user[0]' is ", 0),
              0u)
        << part;
  EXPECT_EQ(messageOf(head + user + R"("tools": [])"),
            "q.json: questions[0]: has neither 'answer' nor 'call'; expected "
            "one of them");
  EXPECT_EQ(messageOf(head + user + R"("answer": "y", "call": {})"),
            "q.json: questions[0]: has both 'answer' and 'call'; expected one "
            "of them");
  EXPECT_EQ(messageOf(head + user + R"("call": {"name": "f"})"),
            "q.json: questions[0]: 'call': 'arguments' is missing; expected an "
            "object, or a string that holds one");
  EXPECT_EQ(messageOf(head + user + R"("tools": [{}], "answer": "y")"),
            "q.json: questions[0]: 'tools': tools[0]: 'name' is missing; "
            "expected a string");
}

TEST(Questions, textThatWouldBeTooLong) {
  // A small file, a text of gigabytes.
  std::string ranges = "[0, 1]";
  for (int i = 0; i < 200; ++i)
    ranges += ", [0, 1]";
  auto file = parseQuestions("{\"sentences\": [\"" + std::string(1 << 20, 'x') +
                                 "\"], \"questions\": [{\"kind\": \"k\", "
                                 "\"distance\": 0, \"user\": [" +
                                 ranges + "], \"answer\": \"y\"}]}",
                             "q.json");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message,
            "q.json: questions[0]: 'user' makes a text of more than 67108864 "
            "bytes; no tokenizer takes it");
}

TEST(Questions, answersAreJudged) {
  QuestionFile file = good();
  auto isRight = [&](std::string_view reply) {
    return judge(file.questions[0], replyOf(reply)).isRight;
  };
  EXPECT_TRUE(isRight("418"));
  EXPECT_TRUE(isRight("<think>\nNot 419.\n</think>\n\n418\n"));
  EXPECT_FALSE(isRight("<think>418"));
  EXPECT_FALSE(isRight("418."));
  EXPECT_FALSE(isRight("4180"));
  EXPECT_FALSE(isRight(""));
  EXPECT_FALSE(
      isRight("418<tool_calls>\n{\"name\": \"f\", \"arguments\": {}}"));
}

TEST(Questions, callsAreJudged) {
  QuestionFile file = good();
  auto verdictOf = [&](const std::string &lines) {
    Verdict verdict = judge(
        file.questions[1], replyOf("<tool_calls>\n" + lines + "</tool_calls>"));
    return std::string(verdict.isRight ? "right " : "") +
           (verdict.parses ? "parses " : "") +
           (verdict.namesTheTool ? "names" : "");
  };
  const std::string right =
      "{\"name\": \"clock\", \"arguments\": {\"at\": 1, \"zone\": \"UTC\"}}\n";
  EXPECT_EQ(verdictOf(right), "right parses names");
  EXPECT_EQ(verdictOf(right + right), "parses ");
  EXPECT_EQ(verdictOf(right + "{\"na\n"), "names");
  EXPECT_EQ(verdictOf("{\"name\": \"clock\", \"arguments\": {\"at\": 1}}\n"),
            "parses names");
  EXPECT_EQ(verdictOf("{\"name\": \"dock\", \"arguments\": {}}\n"), "parses ");
  EXPECT_EQ(verdictOf(""), "");
  EXPECT_FALSE(judge(file.questions[1], replyOf("clock")).parses);
}

TEST(Questions, wilson) {
  // By hand: p = 0.5, n = 100, z = 1.96: (0.5 + 0.0192) / 1.0384 -+ 1.96 / 1.0384 * sqrt(0.0025 + 0.000096)
  auto [low, high] = wilsonInterval(50, 100);
  EXPECT_NEAR(low, 40.38, 0.01);
  EXPECT_NEAR(high, 59.62, 0.01);
  auto [allLow, allHigh] = wilsonInterval(20, 20);
  EXPECT_NEAR(allLow, 83.89, 0.01); // 1 / (1 + z^2 / 20)
  EXPECT_EQ(allHigh, 100);
  EXPECT_EQ(wilsonInterval(0, 0), std::make_pair(0.0, 100.0));
  EXPECT_NEAR(wilsonInterval(0, 20).first, 0, 1e-12);
}

TEST(Questions, plot) {
  ScoreTable scores;
  for (uint64_t distance : {64, 128, 32768})
    scores["recall"][distance] = {.asked = 50, .right = 49};
  scores["recall"][256] = {.skipped = 5};
  scores["<two> & \"hop\"\n"][128] = {.asked = 10, .right = 5};
  scores["sum"][0] = {.asked = 4, .right = 1};
  std::string svg = plotAccuracy(scores);
  EXPECT_TRUE(isWellFormed(svg)) << svg;
  EXPECT_EQ(svg, plotAccuracy(scores));
  EXPECT_EQ(countOf(svg, "<circle"),
            4u); // a point for each pair that was asked
  EXPECT_EQ(countOf(svg, ">recall (98.0 % of 150)<"), 1u);
  EXPECT_EQ(countOf(svg, ">&lt;two&gt; &amp; \"hop\"? (50.0 % of 10)<"), 1u);
  EXPECT_EQ(countOf(svg, ">sum (25.0 % of 4)<"), 1u);
  EXPECT_EQ(countOf(svg, ">32768</text>"), 1u);
  // 98 % of the 280 pixels below 20.
  EXPECT_EQ(countOf(svg, "cy=\"25.6\""), 3u);
  EXPECT_TRUE(isWellFormed(plotAccuracy({})));
}
