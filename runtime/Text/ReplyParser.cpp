//===- ReplyParser.cpp - Thinking, answer and tool calls of a reply ------===//
#include "runtime/Text/ReplyParser.h"
#include "runtime/Support/Json.h"

#include <span>

namespace mm1 {

namespace {

/// A tag that changes the part.
struct Turn {
  std::string_view tag;
  ReplyPart next;
};

constexpr std::string_view kBlanks = " \t\r\n";

} // namespace

static std::span<const Turn> turnsFrom(ReplyPart part) {
  static constexpr Turn kFromAnswer[] = {{kThinkTag, ReplyPart::Thinking},
                                         {kToolCallsTag, ReplyPart::ToolCalls}};
  static constexpr Turn kFromThinking[] = {{kThinkEndTag, ReplyPart::Answer}};
  static constexpr Turn kFromToolCalls[] = {
      {kToolCallsEndTag, ReplyPart::Answer}};
  switch (part) {
  case ReplyPart::Thinking:
    return kFromThinking;
  case ReplyPart::ToolCalls:
    return kFromToolCalls;
  case ReplyPart::Answer:
    break;
  }
  return kFromAnswer;
}

std::vector<ReplyPiece> ReplyParser::push(std::string_view text) {
  std::vector<ReplyPiece> pieces;
  std::string input = std::move(held);
  input += text;
  size_t taken = 0, at = input.find('<');
  for (; at < input.size(); at = input.find('<', at)) {
    std::string_view rest = std::string_view(input).substr(at);
    const Turn *turn = nullptr;
    bool mayBecomeTag = false;
    for (const Turn &candidate : turnsFrom(part)) {
      if (rest.starts_with(candidate.tag))
        turn = &candidate;
      mayBecomeTag |= candidate.tag.starts_with(rest);
    }
    if (turn) {
      take(std::string_view(input).substr(taken, at - taken), pieces);
      if (part == ReplyPart::ToolCalls)
        takeCallLine();
      part = turn->next;
      hasCalled |= part == ReplyPart::ToolCalls;
      at += turn->tag.size();
      taken = at;
    } else if (mayBecomeTag) {
      break;
    } else {
      ++at;
    }
  }
  at = std::min(at, input.size());
  take(std::string_view(input).substr(taken, at - taken), pieces);
  held = input.substr(at);
  return pieces;
}

std::vector<ReplyPiece> ReplyParser::finish() {
  std::vector<ReplyPiece> pieces;
  take(held, pieces);
  held.clear();
  takeCallLine();
  return pieces;
}

void ReplyParser::take(std::string_view text, std::vector<ReplyPiece> &pieces) {
  switch (part) {
  case ReplyPart::Answer:
    if (!hasCalled)
      takeSection(text, whole.content, answerBlanks, pieces);
    break;
  case ReplyPart::Thinking:
    takeSection(text, whole.thinking, thinkingBlanks, pieces);
    break;
  case ReplyPart::ToolCalls:
    if (!text.empty())
      pieces.push_back({part, std::string(text)});
    for (char character : text) {
      if (character == '\n')
        takeCallLine();
      else
        line += character;
    }
    break;
  }
}

/// Adds `text` to `section` without the blanks at the section's ends.
void ReplyParser::takeSection(std::string_view text, std::string &section,
                              std::string &blanks,
                              std::vector<ReplyPiece> &pieces) {
  if (section.empty())
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  size_t end = text.find_last_not_of(kBlanks) + 1; // npos + 1 is 0
  if (end != 0) {
    std::string piece = std::move(blanks);
    piece += text.substr(0, end);
    section += piece;
    pieces.push_back({part, std::move(piece)});
    blanks.clear();
  }
  blanks += text.substr(end);
}

void ReplyParser::takeCallLine() {
  std::string text = std::move(line);
  line.clear();
  size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos)
    return;
  text = text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
  auto call = parseOrderedJson(text, "call");
  if (call && call->is_object() && call->contains("name") &&
      call->contains("arguments") && (*call)["name"].is_string() &&
      (*call)["arguments"].is_object())
    whole.toolCalls.push_back(
        {(*call)["name"].get<std::string>(), std::move((*call)["arguments"])});
  else
    ++whole.malformedCalls;
}

} // namespace mm1
