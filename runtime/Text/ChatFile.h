//===- ChatFile.h - Conversations and tools from JSON --------------------===//
// Reads what chat programs exchange, without trust:
//
//   [{"role": "system", "content": "You are a helpful assistant."},
//    {"role": "user", "content": [{"type": "text", "text": "Rain in Oslo?"}]},
//    {"role": "assistant", "content": null, "tool_calls": [
//      {"id": "c1", "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]},
//    {"role": "tool", "tool_call_id": "c1", "content": "3 mm"}]
//
// A text is a string or a list of text parts, which are joined. A tool message
// names its tool, or the call that it answers; or its content lists several
// results, {"name": ..., "text": ...} each, as the published template has them.
// Arguments are an object, or a string that holds one.
//
//   auto conversation = parseConversation(text, "chat.json");
//   auto tools = parseTools("[{\"name\": \"weather\"}]", "tools.json");
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Text/Chat.h"

namespace mm1 {

/// A list of messages, or an object with `messages` and, if it likes, `tools`.
/// Input error with file, place, wanted and found.
Expected<Conversation> parseConversation(std::string_view text,
                                         const std::string &origin);

/// A list of tools, each {"name", "description", "parameters"} or {"type":
/// "function", "function": {...}}, kept as they are. Errors as above.
Expected<std::vector<nlohmann::ordered_json>>
parseTools(std::string_view text, const std::string &origin);

/// The same of JSON that has been parsed.
Expected<std::vector<nlohmann::ordered_json>>
readTools(const nlohmann::ordered_json &list, const std::string &origin);
Expected<ToolCall> readToolCall(const nlohmann::ordered_json &call,
                                const std::string &origin);

} // namespace mm1
