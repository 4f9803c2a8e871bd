//===- Questions.h - Questions with known answers, and who got them right ------===//
// The file that `mm1-run evaluate` asks from:
//
//   {"sentences": ["The cat sleeps.", "The sun is red."],
//    "questions": [
//      {"kind": "recall", "distance": 64, "system": "Be brief.",
//       "user": ["The code of Oslo is 418.", [0, 2], "What is the code of Oslo?"], "answer": "418"},
//      {"kind": "tool-call", "distance": 0, "tools": [{"name": "clock"}],
//       "user": ["What is the time?"], "call": {"name": "clock", "arguments": {}}}]}
//
// `user` is a list of texts and of ranges [first, last) of `sentences`, all joined by one blank. `distance` says how far
// the answer is from its ground, in tokens, and is only used to group; 0 is none. `system` and `tools` may be absent.
//
// An answer is right when the reply's content behind all thinking is the text wanted. A call is right when the reply has
// that one call, with equal arguments, and nothing malformed among its calls.
//===---------------------------------------------------------------------------===//
#pragma once

#include "runtime/Text/ReplyParser.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mm1 {

struct Question {
  /// Sentences begin .. end-1.
  struct Range {
    size_t begin, end;
  };
  std::string kind;
  uint64_t distance = 0;
  std::string system;
  std::vector<nlohmann::ordered_json> tools;
  std::vector<std::variant<std::string, Range>> user;
  std::string answer;           ///< unless there is a call
  std::optional<ToolCall> call; ///< wanted instead of an answer
};

struct QuestionFile {
  std::vector<std::string> sentences;
  std::vector<Question> questions;

  Conversation conversationOf(const Question &question) const;
};

/// Input error with file, place, wanted and found; also when a question's text would have more than
/// Tokenizer::kMaxTextBytes.
Expected<QuestionFile> parseQuestions(std::string_view text,
                                      const std::string &origin);

/// What a reply is worth; of a wanted call, also how near it came.
struct Verdict {
  bool isRight = false;
  bool parses = false;       ///< it has calls, and nothing malformed among them
  bool namesTheTool = false; ///< it has one call, of the tool that is wanted
};
Verdict judge(const Question &question, const Reply &reply);

/// Counts of some questions.
struct Score {
  size_t asked = 0, right = 0, skipped = 0;
  size_t wantCall = 0, parses = 0, namesTheTool = 0;

  void add(const Question &question, const Verdict &verdict);
  void add(const Score &other);
  /// In percent; 0 when nothing was asked.
  double accuracy() const;
};

/// By kind, then distance.
using ScoreTable = std::map<std::string, std::map<uint64_t, Score>>;

/// Where the true share lies with 95 % confidence, in percent, if the questions are a fair sample (E. B. Wilson, 1927).
/// {0, 100} when `asked` is 0.
std::pair<double, double> wilsonInterval(size_t right, size_t asked);

/// A plot of accuracy over distance, a line a kind, as an SVG document: the same bytes for the same table. Kinds without
/// a distance are in the legend only.
std::string plotAccuracy(const ScoreTable &scores);

} // namespace mm1
