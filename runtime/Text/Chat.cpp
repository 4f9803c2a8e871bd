//===- Chat.cpp - Conversations in the family's form ---------------------===//
#include "runtime/Text/Chat.h"
#include "runtime/Text/PythonJson.h"

#include <algorithm>
#include <cassert>

namespace mm1 {

static constexpr std::string_view kReplyTags[] = {
    kThinkTag, kThinkEndTag, kToolCallsTag, kToolCallsEndTag};

bool isReplyTag(std::string_view text) {
  return std::find(std::begin(kReplyTags), std::end(kReplyTags), text) !=
         std::end(kReplyTags);
}

/// Bytes of the blank character at the start of `text`, or 0: those that
/// Python's str.strip() removes, which Jinja's trim is.
static size_t blankSize(std::string_view text) {
  static constexpr std::string_view kBlanks[] = {
      " ",      "\n",     "\t",     "\r",     "\v",     "\f",
      "\x1c",   "\x1d",   "\x1e",   "\x1f",   "\u0085", "\u00a0",
      "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004",
      "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
      "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};
  for (std::string_view blank : kBlanks)
    if (text.starts_with(blank))
      return blank.size();
  return 0;
}

static std::string_view trim(std::string_view text) {
  while (size_t size = blankSize(text))
    text.remove_prefix(size);
  // Behind the last character that is no blank.
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    size_t size = blankSize(text.substr(at));
    at += std::max<size_t>(size, 1);
    if (size == 0)
      end = at;
  }
  return text.substr(0, end);
}

namespace {

class Renderer {
public:
  explicit Renderer(ChatWording wording) : wording(wording) {}

  std::vector<TextPiece> pieces;

  void system(std::string_view prompt) {
    begin(std::string("system ai_setting=").append(modelName()));
    text(prompt);
    end();
  }

  void tools(const std::vector<nlohmann::ordered_json> &tools) {
    begin("system tool_setting=tools");
    control("You are provided with these tools:\n<tools>\n");
    for (const nlohmann::ordered_json &tool : tools)
      text(pythonJson(tool) + "\n");
    control("</tools>\n\nIf you need to call tools, please respond with "
            "<tool_calls></tool_calls> XML tags, and provide tool-name and "
            "json-object of arguments, following the format below:\n"
            "<tool_calls>\n"
            "{\"name\": <tool-name>, \"arguments\": <args-json-object>}\n"
            "...\n"
            "</tool_calls>");
    end();
  }

  void message(const Message &message) {
    switch (message.role) {
    case Role::System:
      assert(false && "a system message belongs to the front");
      break;
    case Role::User:
      begin("user name=user");
      text(trimmed(message.text));
      end();
      break;
    case Role::Assistant:
      beginReply();
      if (wording == ChatWording::Vllm && !message.toolCalls.empty())
        toolCalls(message.toolCalls);
      else
        replyText(trimmed(message.text));
      end();
      break;
    case Role::Tool:
      begin("tool name=tools");
      for (const ToolResult &result : message.results) {
        control("tool name: ");
        text(result.name);
        control("\ntool result: ");
        text(result.text);
        control("\n\n");
      }
      end();
      break;
    }
  }

  void beginReply() { begin(std::string("ai name=").append(modelName())); }
  void end() { control(std::string(kEndSentence) + "\n"); }

  std::string_view trimmed(std::string_view text) const {
    return wording == ChatWording::Vllm ? trim(text) : text;
  }

  /// Neighbours of one kind are one piece.
  void add(std::string_view text, bool isControl) {
    if (text.empty())
      return;
    if (!pieces.empty() && pieces.back().isControl == isControl)
      pieces.back().text += text;
    else
      pieces.push_back({std::string(text), isControl});
  }
  void control(std::string_view text) { add(text, true); }
  void text(std::string_view text) { add(text, false); }

private:
  std::string_view modelName() const {
    return wording == ChatWording::Vllm ? "MiniMax AI" : "assistant";
  }

  void begin(std::string_view speaker) {
    control(kBeginSentence);
    control(speaker);
    control("\n");
  }

  void toolCalls(const std::vector<ToolCall> &calls) {
    control(std::string(kToolCallsTag) + "\n");
    for (const ToolCall &call : calls)
      text("{\"name\": " + pythonJson(call.name) +
           ", \"arguments\": " + pythonJson(call.arguments) + "}\n");
    control(kToolCallsEndTag);
  }

  /// Text of the model, in which only the tags of replies are control text.
  void replyText(std::string_view reply) {
    size_t textStart = 0;
    for (size_t at = 0; at < reply.size(); ++at)
      for (std::string_view tag : kReplyTags)
        if (reply.substr(at).starts_with(tag)) {
          text(reply.substr(textStart, at - textStart));
          control(tag);
          textStart = at + tag.size();
          at = textStart - 1;
          break;
        }
    text(reply.substr(textStart));
  }

  ChatWording wording;
};

} // namespace

std::vector<TextPiece> renderConversation(const Conversation &conversation,
                                          ChatWording wording) {
  Renderer renderer(wording);
  renderer.control(kBeginOfDocument);
  std::string prompt;
  bool hasPrompt = false;
  for (const Message &message : conversation.messages)
    if (message.role == Role::System) {
      hasPrompt = true;
      prompt += renderer.trimmed(message.text);
    }
  if (!hasPrompt && wording == ChatWording::Vllm)
    prompt = "You are a helpful assistant created by Minimax based on "
             "MiniMax-M1 model.";
  if (!prompt.empty())
    renderer.system(prompt);
  if (!conversation.tools.empty())
    renderer.tools(conversation.tools);
  for (const Message &message : conversation.messages)
    if (message.role != Role::System)
      renderer.message(message);
  renderer.beginReply();
  return std::move(renderer.pieces);
}

std::vector<TextPiece> renderContinuation(std::span<const Message> messages,
                                          ChatWording wording) {
  Renderer renderer(wording);
  renderer.end();
  for (const Message &message : messages)
    renderer.message(message);
  renderer.beginReply();
  return std::move(renderer.pieces);
}

Expected<int32_t> findChatTokens(const Tokenizer &tokenizer,
                                 const std::string &origin) {
  int32_t endId = 0;
  std::string missing;
  for (std::string_view name : {kBeginSentence, kEndSentence}) {
    auto added = tokenizer.addedTokens();
    auto token =
        std::find_if(added.begin(), added.end(), [&](const AddedToken &token) {
          return token.content == name;
        });
    if (token == added.end())
      missing.append(missing.empty() ? "" : " and ").append(name);
    else
      endId = token->id;
  }
  if (!missing.empty())
    return inputError(origin + ": the tokenizer has no added token " + missing +
                      "; a conversation cannot be written without it");
  return endId;
}

} // namespace mm1
