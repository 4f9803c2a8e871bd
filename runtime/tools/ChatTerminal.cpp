//===- ChatTerminal.cpp - What a conversation looks like -----------------------===//
#include "runtime/tools/ChatTerminal.h"
#include "runtime/Text/PythonJson.h"
#include "runtime/tools/Continue.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace mm1 {

//===----------------------------------------------------------------------===//
// Replies
//===----------------------------------------------------------------------===//

static constexpr std::string_view kDim = "\x1b[2m", kNormal = "\x1b[0m";

ReplyPrinter::ReplyPrinter(bool hideThinking)
    : isTerminal(::isatty(STDOUT_FILENO)), hideThinking(hideThinking) {
  const char *noColour = std::getenv("NO_COLOR"); // no-color.org
  hasColour = isTerminal && !(noColour && *noColour);
}

Status ReplyPrinter::enter(ReplyPart next) {
  std::string text;
  if (part == ReplyPart::Thinking && !hideThinking)
    text = hasColour ? kNormal : "\n</think>";
  if (hasPrinted)
    text += "\n\n";
  if (next == ReplyPart::Thinking) {
    if (!hideThinking)
      text += hasColour ? kDim : "<think>\n";
    else if (isTerminal)
      text += hasColour ? "\x1b[2m(thinking)\x1b[0m" : "(thinking)";
  }
  part = next;
  hasPrinted |= !text.empty();
  return print(text);
}

Status ReplyPrinter::show(const ReplyPiece &piece) {
  if (piece.part == ReplyPart::ToolCalls)
    return Status::ok(); // finish() prints the calls
  if (piece.part != part)
    if (Status status = enter(piece.part); !status)
      return status;
  if (piece.part == ReplyPart::Thinking && hideThinking)
    return Status::ok();
  hasPrinted = true;
  return print(piece.text);
}

Status ReplyPrinter::finish(const Reply &reply) {
  if (part == ReplyPart::Thinking && !hideThinking)
    if (Status status = print(hasColour ? kNormal : "\n</think>"); !status)
      return status;
  std::string text = hasPrinted ? "\n" : "";
  for (const ToolCall &call : reply.toolCalls)
    text +=
        pythonJson({{"name", call.name}, {"arguments", call.arguments}}) + "\n";
  return print(text.empty() ? "\n" : text);
}

//===----------------------------------------------------------------------===//
// Lines and interrupts
//===----------------------------------------------------------------------===//

static std::atomic<bool> interruptFlag;
static_assert(std::atomic<bool>::is_always_lock_free,
              "a signal handler may set it");

static void onInterrupt(int) {
  if (interruptFlag.exchange(true))
    ::_exit(128 + SIGINT); // nothing has asked for the flag since: hung
}

void catchInterrupts() {
  struct sigaction action = {};
  action.sa_handler =
      onInterrupt; // without SA_RESTART: readLine() shall notice
  ::sigaction(SIGINT, &action, nullptr);
}

bool wasInterrupted() { return interruptFlag; }
void clearInterrupt() { interruptFlag = false; }

Expected<std::optional<std::string>> readLine() {
  std::string line;
  bool isTooLong = false;
  int character = 0;
  while (!wasInterrupted() && (character = std::getchar()) != EOF &&
         character != '\n') {
    isTooLong |= line.size() == Tokenizer::kMaxTextBytes;
    if (!isTooLong)
      line += char(character);
  }
  if (isTooLong)
    return inputError("a line of stdin has more than " +
                      std::to_string(Tokenizer::kMaxTextBytes) +
                      " bytes; expected a message");
  if (wasInterrupted() || (character == EOF && line.empty()))
    return std::optional<std::string>();
  if (!line.empty() && line.back() == '\r')
    line.pop_back();
  return std::optional(std::move(line));
}

} // namespace mm1
