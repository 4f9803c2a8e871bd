//===- ReplyParser.h - Thinking, answer and tool calls of a reply --------===//
// A model of the family may think aloud before it answers, and call tools after:
//
//   <think>
//   The user wants the weather.
//   </think>
//
//   One moment.
//   <tool_calls>
//   {"name": "weather", "arguments": {"city": "Oslo"}}
//   </tool_calls>
//
// The parser takes the reply in pieces as they are decoded, says of what it can
// be sure of which part it is, and has the whole in the end:
//
//   ReplyParser parser;
//   parser.push("<thi");                // {}: may become a tag
//   parser.push("nk>\nHm");             // {{Thinking, "Hm"}}
//   parser.push("</think>\n4");         // {{Answer, "4"}}
//   parser.finish();                    // {}
//   parser.reply().content == "4"
//
// Rules of the published parser: a block may end with the reply; a call is a
// line from '{' to '}' between the tags that is JSON with a name and arguments;
// other lines are passed over; tags inside of thinking are thinking; text behind
// the first block of calls is no answer. Beyond it: a thought may stand anywhere,
// and each part loses the blanks at its two ends.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Text/Chat.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mm1 {

enum class ReplyPart { Answer, Thinking, ToolCalls };

struct ReplyPiece {
  ReplyPart part;
  std::string text;

  bool operator==(const ReplyPiece &) const = default;
};

struct Reply {
  std::string content, thinking;
  std::vector<ToolCall> toolCalls;
  /// Lines between the tags that are neither blank nor calls.
  size_t malformedCalls = 0;
};

class ReplyParser {
public:
  /// What is certain once `text` is known, without tags. Tool calls come as
  /// they are written; of the others, joining the pieces of a part gives the
  /// part.
  std::vector<ReplyPiece> push(std::string_view text);
  /// What was held back; the reply is complete.
  std::vector<ReplyPiece> finish();

  /// What has been understood so far.
  const Reply &reply() const { return whole; }

private:
  void take(std::string_view text, std::vector<ReplyPiece> &pieces);
  void takeSection(std::string_view text, std::string &section,
                   std::string &blanks, std::vector<ReplyPiece> &pieces);
  void takeCallLine();

  Reply whole;
  ReplyPart part = ReplyPart::Answer;
  bool hasCalled = false;                   ///< a block of calls has begun
  std::string held;                         ///< may be the start of a tag
  std::string line;                         ///< of the block of calls, so far
  std::string answerBlanks, thinkingBlanks; ///< dropped if nothing follows
};

} // namespace mm1
