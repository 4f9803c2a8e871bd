//===- ChatTerminal.h - What a conversation looks like -------------------------===//
// Shows the parts of replies as they come. On a terminal thinking is dim; elsewhere, and with NO_COLOR, it stands between
// its tags, so that a reader can still tell it from the answer:
//
//   <think>
//   Oslo's code was 418.
//   </think>
//
//   418
//
// Also waits for the next line and for Ctrl-C.
//===---------------------------------------------------------------------------===//
#pragma once

#include "runtime/Text/ReplyParser.h"

#include <optional>
#include <string>

namespace mm1 {

/// Prints one reply to stdout.
class ReplyPrinter {
public:
  ReplyPrinter(bool hideThinking);

  /// Machine error when stdout cannot be written.
  Status show(const ReplyPiece &piece);
  /// Ends the reply: its tool calls as JSON, one a line.
  Status finish(const Reply &reply);

private:
  Status enter(ReplyPart next);

  bool isTerminal, hasColour, hideThinking;
  ReplyPart part = ReplyPart::Answer;
  bool hasPrinted = false;
};

/// A line of stdin without its end; nothing at the end of the input or at Ctrl-C. Input error for a line that no tokenizer
/// would take.
Expected<std::optional<std::string>> readLine();

/// From now on Ctrl-C sets a flag instead of ending the program; a second one before clearInterrupt() ends it.
void catchInterrupts();
bool wasInterrupted();
void clearInterrupt();

} // namespace mm1
