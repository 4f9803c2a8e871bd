//===- Chat.h - Conversations in the family's form -----------------------===//
// A model that answers was trained on conversations written in one exact way.
// This writes them, as pieces for Tokenizer::encode:
//
//   Conversation conversation;
//   conversation.messages = {{.role = Role::User, .text = "What is 2 + 2?"}};
//   auto ids = tokenizer.encode(renderConversation(conversation, {}));
//   // ... the session reads them and the model answers, up to but without
//   // <end_of_sentence> ...
//   auto more = renderContinuation({{.role = Role::User, .text = "And 3 + 3?"}}, {});
//
// The text of the first call, written out ("⏎" is a newline):
//
//   <begin_of_document><beginning_of_sentence>user name=user⏎
//   What is 2 + 2?<end_of_sentence>⏎
//   <beginning_of_sentence>ai name=assistant⏎
//
// and of the second, which a session that holds the conversation so far goes on
// with:
//
//   <end_of_sentence>⏎
//   <beginning_of_sentence>user name=user⏎
//   And 3 + 3?<end_of_sentence>⏎
//   <beginning_of_sentence>ai name=assistant⏎
//
// Only the frame is control text: whatever a user, a system message or a tool
// writes stays text, also where it spells a token. In what the model itself
// wrote earlier, <think> and <tool_calls> and their ends are tags again.
//
// Source: chat_template in the published tokenizer_config.json; the serving
// example template tool_chat_template_minimax_m1 of vLLM.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"
#include "runtime/Text/Tokenizer.h"

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mm1 {

inline constexpr std::string_view kBeginOfDocument = "<begin_of_document>";
inline constexpr std::string_view kBeginSentence = "<beginning_of_sentence>";
inline constexpr std::string_view kEndSentence = "<end_of_sentence>";
inline constexpr std::string_view kThinkTag = "<think>";
inline constexpr std::string_view kThinkEndTag = "</think>";
inline constexpr std::string_view kToolCallsTag = "<tool_calls>";
inline constexpr std::string_view kToolCallsEndTag = "</tool_calls>";

/// The words of the frame; both are in use with the same weights.
enum class ChatWording {
  /// Of the published checkpoint: the model is "assistant". Its line that shows
  /// how to call a tool is printed with its quotes, which Jinja drops.
  Repository,
  /// Of vLLM's example: the model is "MiniMax AI"; texts of the system, the user
  /// and the model are trimmed; without a system message there is a default one;
  /// a message with tool calls is rendered as these calls.
  Vllm,
};

struct ToolCall {
  std::string name;
  nlohmann::ordered_json arguments; ///< an object
};

struct ToolResult {
  std::string name, text;
};

enum class Role { System, User, Assistant, Tool };

struct Message {
  Role role = Role::User;
  std::string text = {}; ///< of all but tools
  std::vector<ToolCall> toolCalls =
      {}; ///< of an assistant; only Vllm prints them
  std::vector<ToolResult> results =
      {}; ///< of tools: answers to one reply's calls
};

struct Conversation {
  std::vector<nlohmann::ordered_json> tools; ///< printed as they are
  std::vector<Message> messages;             ///< oldest first
};

/// The whole conversation and the head of the model's next reply. System
/// messages come first, joined, wherever they stand.
std::vector<TextPiece> renderConversation(const Conversation &conversation,
                                          ChatWording wording);

/// What follows a reply of the model whose last token is the last before
/// <end_of_sentence>, whether the model stopped there or was stopped: its end,
/// the messages, none of them a system message, and the head of the next reply.
/// The ids of conversation, reply and continuation are those of all of it
/// rendered at once, if the reply's ids are the ones encode() would give.
std::vector<TextPiece> renderContinuation(std::span<const Message> messages,
                                          ChatWording wording);

/// The id of <end_of_sentence>, where replies stop. Input error, opened by
/// `origin`, when this or <beginning_of_sentence> is no added token: without
/// them the model would not see where a message ends. (<begin_of_document> is
/// plain text where a tokenizer does not list it.)
Expected<int32_t> findChatTokens(const Tokenizer &tokenizer,
                                 const std::string &origin);

/// Whether `text` is <think>, <tool_calls> or the end of one.
bool isReplyTag(std::string_view text);

} // namespace mm1
