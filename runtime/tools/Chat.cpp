//===- Chat.cpp - mm1-run chat --------------------------------------------===//
// A conversation on the terminal, from a pipe, or from the command line:
//
//   > What is the code of Oslo?
//   418
//   > /reset
//
// Replies go to stdout as they come, everything else to stderr. A message that
// cannot be taken (too long for what is left of the context, not UTF-8, an
// unknown command) is refused with one line and the conversation goes on; from
// a pipe the exit code tells in the end.
#include "runtime/Support/MappedFile.h"
#include "runtime/Text/ChatFile.h"
#include "runtime/tools/ChatTerminal.h"
#include "runtime/tools/Dialogue.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace mm1 {

namespace {

constexpr const char *kHelp =
    "A line is a message to the model. Commands:\n"
    "  /tool NAME RESULT  answer a tool call of the last reply\n"
    "  /reset             forget the conversation and begin anew\n"
    "  /help              this\n"
    "  /exit              end, as Ctrl-D does\n"
    "A message that begins with a slash is written with two. Blank lines are "
    "passed over.\n"
    "Ctrl-C stops a reply and keeps the conversation.\n";

Expected<Conversation> readStart(const ChatArguments &arguments) {
  Conversation start;
  auto read = [](const std::string &path,
                 auto parse) -> decltype(parse(std::string_view(), path)) {
    auto file = MappedFile::open(path);
    if (!file)
      return file.takeError();
    return parse(file->text(), path);
  };
  if (!arguments.historyFile.empty()) {
    auto history = read(arguments.historyFile, parseConversation);
    if (!history)
      return history;
    start = std::move(*history);
  }
  if (!arguments.toolsFile.empty()) {
    auto tools = read(arguments.toolsFile, parseTools);
    if (!tools)
      return tools.takeError();
    start.tools = std::move(*tools);
  }
  if (arguments.system)
    start.messages.insert(start.messages.begin(),
                          {.role = Role::System, .text = *arguments.system});
  return start;
}

class Chat {
public:
  Chat(const ChatArguments &arguments, Session &session, Dialogue dialogue)
      : arguments(arguments), session(session), dialogue(std::move(dialogue)) {}

  Status run() {
    if (arguments.messages.empty())
      return runLines();
    for (const std::string &text : arguments.messages) {
      if (text.empty())
        return inputError("a message is empty; expected text");
      if (Status status = say(text); !status)
        return status;
    }
    return Status::ok();
  }

private:
  Status runLines() {
    isTerminal = ::isatty(STDIN_FILENO) && ::isatty(STDERR_FILENO);
    catchInterrupts();
    size_t refused = 0;
    while (!hasEnded) {
      if (isTerminal)
        std::fputs("> ", stderr);
      auto line = readLine();
      if (line && !*line)
        break;
      Status status = line ? takeLine(**line) : Status(line.takeError());
      if (!status && status.error().kind != ErrorKind::Input)
        return status;
      if (!status) {
        ++refused;
        std::fprintf(stderr, "mm1-run: error: %s\n",
                     status.error().message.c_str());
      }
      clearInterrupt();
    }
    if (isTerminal)
      std::fputc('\n', stderr);
    if (refused != 0 && !isTerminal)
      return inputError(std::to_string(refused) +
                        (refused == 1 ? " line was" : " lines were") +
                        " refused, as said above");
    return Status::ok();
  }

  Status takeLine(std::string_view line) {
    if (line.find_first_not_of(" \t") == line.npos)
      return Status::ok();
    if (line.starts_with("//"))
      return say(line.substr(1));
    if (line[0] != '/')
      return say(line);
    size_t end = std::min(line.find(' '), line.size());
    std::string_view command = line.substr(0, end);
    if (command == "/tool")
      return takeResult(line.substr(std::min(end + 1, line.size())));
    if (command == "/reset") {
      open.clear();
      results.clear();
      return dialogue.reset();
    }
    if (command == "/exit")
      hasEnded = true;
    else if (command == "/help")
      std::fputs(kHelp, stderr);
    else
      return inputError("there is no command " + quoteForMessage(command) +
                        "; /help lists them, and // begins a message with /");
    return Status::ok();
  }

  /// "NAME RESULT". The model goes on when all its calls have been answered.
  Status takeResult(std::string_view text) {
    size_t end = text.find(' ');
    if (end == text.npos || end == 0)
      return inputError("/tool needs the tool's name and its result");
    std::string_view name = text.substr(0, end);
    auto call = std::find(open.begin(), open.end(), name);
    if (call == open.end())
      return inputError("no call of " + quoteForMessage(name) +
                        " waits for a result");
    std::vector<ToolResult> given = results;
    given.push_back({std::string(name), std::string(text.substr(end + 1))});
    if (open.size() == 1)
      return turn({{.role = Role::Tool, .results = std::move(given)}});
    open.erase(call);
    results = std::move(given);
    std::fprintf(stderr, "%zu more\n", open.size());
    return Status::ok();
  }

  Status say(std::string_view text) {
    std::vector<Message> messages;
    if (!results.empty())
      messages.push_back({.role = Role::Tool, .results = results});
    messages.push_back({.role = Role::User, .text = std::string(text)});
    return turn(std::move(messages));
  }

  /// Input error when the messages were refused; other errors end the program.
  Status turn(std::vector<Message> messages) {
    auto ids = dialogue.prepare(std::move(messages));
    if (!ids)
      return ids.takeError();
    ReplyPrinter printer(arguments.hideThinking);
    auto answer = dialogue.reply(
        std::move(*ids),
        [&](const ReplyPiece &piece) {
          return arguments.json ? Status::ok() : printer.show(piece);
        },
        wasInterrupted);
    if (!answer) // it was checked before: not the message's fault
      return answer.error().kind == ErrorKind::Input
                 ? internalError(answer.error().message)
                 : answer.takeError();
    results.clear();
    open.clear();
    for (const ToolCall &call : answer->reply.toolCalls)
      open.push_back(call.name);
    Status status =
        arguments.json ? printJson(*answer) : printer.finish(answer->reply);
    sayHowItWent(*answer);
    return status;
  }

  static Status printJson(const Answer &answer) {
    using Json = nlohmann::ordered_json;
    Json calls = Json::array();
    for (const ToolCall &call : answer.reply.toolCalls)
      calls.push_back({{"name", call.name}, {"arguments", call.arguments}});
    Json json = {{"content", answer.reply.content},
                 {"thinking", answer.reply.thinking},
                 {"tool_calls", calls},
                 {"malformed_calls", answer.reply.malformedCalls},
                 {"ids", answer.ids},
                 {"prefilled", answer.prefilled},
                 {"stop", nameOf(answer.stop)}};
    return print(json.dump() + "\n");
  }

  void sayHowItWent(const Answer &answer) const {
    if (!arguments.json) {
      if (answer.stop == StopReason::Length)
        std::fprintf(stderr,
                     "(cut off after %zu tokens, as --max-tokens says)\n",
                     answer.ids.size());
      if (answer.stop == StopReason::Context)
        std::fprintf(stderr,
                     "(the planned context of %llu tokens is full; begin a new "
                     "conversation, or recompile with a larger --context)\n",
                     (unsigned long long)session.maxContext());
      if (answer.stop == StopReason::Pages)
        std::fprintf(stderr,
                     "(all %llu pages of keys and values are full; begin a new "
                     "conversation, or ask for more with --kv-tokens)\n",
                     (unsigned long long)session.totalPages());
      if (answer.stop == StopReason::Interrupted)
        std::fputs("(interrupted)\n", stderr);
      if (answer.reply.malformedCalls != 0)
        std::fprintf(stderr, "(%zu lines among the tool calls are no calls)\n",
                     answer.reply.malformedCalls);
    }
    if (arguments.verbose)
      std::fprintf(stderr,
                   "read %zu tokens in %.3f s, %.1f tokens/s; wrote %zu in "
                   "%.3f s, %.1f tokens/s; context: %llu of %llu\n",
                   answer.prefilled, answer.prefillSeconds,
                   double(answer.prefilled) / answer.prefillSeconds,
                   answer.ids.size(), answer.replySeconds,
                   double(answer.ids.size()) / answer.replySeconds,
                   (unsigned long long)dialogue.length(),
                   (unsigned long long)session.maxContext());
  }

  const ChatArguments &arguments;
  Session &session;
  Dialogue dialogue;
  std::vector<std::string> open;   ///< tools whose calls wait for a result
  std::vector<ToolResult> results; ///< given, but not yet read by the model
  bool isTerminal = false, hasEnded = false;
};

} // namespace

Status chatCommand(const ChatArguments &arguments) {
  auto start = readStart(arguments);
  if (!start)
    return start.takeError();
  auto model = loadModel(arguments.model, /*profiling=*/false);
  if (!model)
    return model.takeError();
  auto tokenizer = loadChatTokenizer(*model->session, arguments.model.artifact);
  if (!tokenizer)
    return tokenizer.takeError();
  auto dialogue = Dialogue::create(*model->session, std::move(*tokenizer),
                                   {std::move(*start), arguments.wording,
                                    arguments.sampling, arguments.maxTokens,
                                    arguments.prefillChunk});
  if (!dialogue)
    return dialogue.takeError();
  return Chat(arguments, *model->session, std::move(*dialogue)).run();
}

} // namespace mm1
