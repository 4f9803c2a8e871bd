//===- ReplyParserTest.cpp - Parts of replies, whole and in pieces -------===//
#include "runtime/Text/ReplyParser.h"
#include "runtime/Text/PythonJson.h"

#include <gtest/gtest.h>

#include <random>

using namespace mm1;

namespace {

Reply parsed(std::string_view text) {
  ReplyParser parser;
  parser.push(text);
  parser.finish();
  return parser.reply();
}

std::string calls(const Reply &reply) {
  std::string text;
  for (const ToolCall &call : reply.toolCalls)
    text += call.name + pythonJson(call.arguments) + ";";
  return text;
}

const std::string kFull = "<think>\nHm, a < b.\n\nYes.\n</think>\n\nIt is so.\n"
                          "<tool_calls>\n"
                          "{\"name\": \"f\", \"arguments\": {\"x\": [1, 2]}}\n"
                          "{\"name\": \"g\", \"arguments\": {}}\n"
                          "</tool_calls>\n";

} // namespace

TEST(ReplyParser, allParts) {
  Reply reply = parsed(kFull);
  EXPECT_EQ(reply.thinking, "Hm, a < b.\n\nYes.");
  EXPECT_EQ(reply.content, "It is so.");
  EXPECT_EQ(calls(reply), "f{\"x\": [1, 2]};g{};");
  EXPECT_EQ(reply.malformedCalls, 0u);
}

TEST(ReplyParser, plainAnswer) {
  Reply reply = parsed("  418 < 500 </b> <thin\n");
  EXPECT_EQ(reply.content, "418 < 500 </b> <thin");
  EXPECT_EQ(reply.thinking, "");
  EXPECT_EQ(parsed("").content, "");
  EXPECT_EQ(parsed("a </think> b").content, "a </think> b");
}

TEST(ReplyParser, blocksMayEndWithTheReply) {
  EXPECT_EQ(parsed("<think>\nSo far").thinking, "So far");
  EXPECT_EQ(parsed("<think>\nSo far</th").thinking, "So far</th");
  EXPECT_EQ(parsed("<think>\nSo far").content, "");
  Reply reply = parsed("<tool_calls>\n{\"name\": \"f\", \"arguments\": {}}");
  EXPECT_EQ(calls(reply), "f{};");
  EXPECT_EQ(calls(parsed("<tool_calls>{\"name\": \"f\", \"arguments\": {}}"
                         "</tool_calls>")),
            "f{};");
}

TEST(ReplyParser, callsInThoughtsAreThoughts) {
  Reply reply = parsed("<think>I could <tool_calls>\n{\"name\": \"f\", "
                       "\"arguments\": {}}\n</tool_calls> but no</think>No.");
  EXPECT_TRUE(reply.toolCalls.empty());
  EXPECT_EQ(reply.malformedCalls, 0u);
  EXPECT_EQ(reply.content, "No.");
}

TEST(ReplyParser, malformedCallsArePassedOver) {
  Reply reply = parsed("A<tool_calls>\n"
                       "not json\n"
                       "{\"name\": \"f\"\n"
                       "{\"name\": \"f\"}\n"
                       "{\"name\": 3, \"arguments\": {}}\n"
                       "{\"name\": \"f\", \"arguments\": \"{}\"}\n"
                       "{\"name\": \"f\", \"name\": \"g\", \"arguments\": {}}\n"
                       "[1]\n"
                       "\n  \r\n"
                       "  {\"name\": \"ok\", \"arguments\": {}} \r\n"
                       "</tool_calls>B<tool_calls>\n"
                       "{\"name\": \"too\", \"arguments\": {}}\n"
                       "</tool_calls>C");
  EXPECT_EQ(calls(reply), "ok{};too{};");
  EXPECT_EQ(reply.malformedCalls, 7u);
  EXPECT_EQ(reply.content, "A");
}

TEST(ReplyParser, saysAsSoonAsItIsSure) {
  ReplyParser parser;
  using Pieces = std::vector<ReplyPiece>;
  EXPECT_EQ(parser.push("<thi"), Pieces());
  EXPECT_EQ(parser.push("nk>\nHm"), Pieces({{ReplyPart::Thinking, "Hm"}}));
  EXPECT_EQ(parser.push(" \n"), Pieces());
  EXPECT_EQ(parser.push("so"), Pieces({{ReplyPart::Thinking, " \nso"}}));
  EXPECT_EQ(parser.push("</think>\n\nA <"), Pieces({{ReplyPart::Answer, "A"}}));
  EXPECT_EQ(parser.push("b"), Pieces({{ReplyPart::Answer, " <b"}}));
  EXPECT_EQ(parser.push("<tool_calls>{"),
            Pieces({{ReplyPart::ToolCalls, "{"}}));
  EXPECT_EQ(parser.push("<"), Pieces());
  EXPECT_EQ(parser.finish(), Pieces({{ReplyPart::ToolCalls, "<"}}));
}

TEST(ReplyParser, piecesDoNotMatter) {
  std::mt19937 random(7);
  const std::string bits[] = {"<think>",
                              "</think>",
                              "<tool_calls>",
                              "</tool_calls>",
                              "<",
                              " \n",
                              "word",
                              "{\"name\": \"f\", \"arguments\": {}}",
                              "\n",
                              "<tool_cal",
                              "</t",
                              "{}"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t count = random() % 12; count > 0; --count)
      text += bits[random() % std::size(bits)];
    if (round == 0)
      text = kFull;
    Reply whole = parsed(text);
    ReplyParser parser;
    std::string content, thinking;
    auto collect = [&](const std::vector<ReplyPiece> &pieces) {
      for (const ReplyPiece &piece : pieces)
        if (piece.part == ReplyPart::Answer)
          content += piece.text;
        else if (piece.part == ReplyPart::Thinking)
          thinking += piece.text;
    };
    for (size_t at = 0; at < text.size();) {
      size_t size = 1 + random() % 5;
      collect(parser.push(std::string_view(text).substr(at, size)));
      at += size;
    }
    collect(parser.finish());
    ASSERT_EQ(parser.reply().content, whole.content) << text;
    ASSERT_EQ(parser.reply().thinking, whole.thinking) << text;
    ASSERT_EQ(calls(parser.reply()), calls(whole)) << text;
    ASSERT_EQ(parser.reply().malformedCalls, whole.malformedCalls) << text;
    ASSERT_EQ(content, whole.content) << text;
    ASSERT_EQ(thinking, whole.thinking) << text;
  }
}
