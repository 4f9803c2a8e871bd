//===- ChatTerminalTest.cpp - How replies are printed --------------------------===//
// Into a pipe; a terminal adds only colour.
#include "runtime/tools/ChatTerminal.h"

#include <gtest/gtest.h>

using namespace mm1;

static std::string printed(std::string_view reply, bool hideThinking) {
  testing::internal::CaptureStdout();
  ReplyPrinter printer(hideThinking);
  ReplyParser parser;
  for (size_t at = 0; at < reply.size(); at += 3)
    for (const ReplyPiece &piece : parser.push(reply.substr(at, 3)))
      EXPECT_TRUE(printer.show(piece));
  for (const ReplyPiece &piece : parser.finish())
    EXPECT_TRUE(printer.show(piece));
  EXPECT_TRUE(printer.finish(parser.reply()));
  return testing::internal::GetCapturedStdout();
}

TEST(ChatTerminal, answer) {
  EXPECT_EQ(printed("418\n", false), "418\n");
  EXPECT_EQ(printed("", false), "\n");
}

TEST(ChatTerminal, thinkingStandsBetweenItsTags) {
  const char *reply = "<think>\nOslo.\n</think>\n\n418\n";
  EXPECT_EQ(printed(reply, false), "<think>\nOslo.\n</think>\n\n418\n");
  EXPECT_EQ(printed(reply, true), "418\n");
  EXPECT_EQ(printed("<think>\nOslo", false), "<think>\nOslo\n</think>\n");
  EXPECT_EQ(printed("<think>\nOslo", true), "\n");
}

TEST(ChatTerminal, callsAreJsonLines) {
  const char *calls =
      "<tool_calls>\n{\"name\":\"f\",\"arguments\":{\"x\":1}}\n"
      "broken\n{\"name\":\"g\",\"arguments\":{}}\n</tool_calls>";
  const std::string lines = "{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n"
                            "{\"name\": \"g\", \"arguments\": {}}\n";
  EXPECT_EQ(printed(calls, false), lines);
  EXPECT_EQ(printed(std::string("One moment.\n") + calls, false),
            "One moment.\n" + lines);
  EXPECT_EQ(printed(std::string("<think>a</think>") + calls, false),
            "<think>\na\n</think>\n" + lines);
}
