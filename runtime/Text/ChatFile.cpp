//===- ChatFile.cpp - Conversations and tools from JSON ------------------===//
#include "runtime/Text/ChatFile.h"
#include "runtime/Support/Json.h"

#include <map>

namespace mm1 {

using nlohmann::json;
using nlohmann::ordered_json;

static std::string placeOf(const std::string &origin, const char *list,
                           size_t index) {
  return origin + ": " + list + "[" + std::to_string(index) + "]";
}

//===----------------------------------------------------------------------===//
// Tools and calls
//===----------------------------------------------------------------------===//

/// The object that says name, description and parameters: `tool` itself or its
/// `function`.
static Expected<ordered_json> functionOf(const ordered_json &tool,
                                         const std::string &origin) {
  json plain = tool;
  auto object = JsonObject::root(plain, origin);
  if (!object)
    return object.takeError();
  if (!object->has("function"))
    return tool;
  auto function = object->object("function");
  if (!function)
    return function.takeError();
  return tool["function"];
}

/// A required `name` that is not empty.
static Expected<std::string> nameOf(const JsonObject &object) {
  auto name = object.string("name");
  if (name && name->empty())
    return object.mismatch("name", "at least one character");
  return name;
}

static Status checkTool(const ordered_json &tool, const std::string &origin) {
  auto function = functionOf(tool, origin);
  if (!function)
    return function.takeError();
  json plain = *function;
  auto object = JsonObject::root(plain, origin);
  if (!object)
    return object.takeError();
  if (auto name = nameOf(*object); !name)
    return name.takeError();
  if (auto text = object->stringOr("description", ""); !text)
    return text.takeError();
  if (object->has("parameters"))
    if (auto parameters = object->object("parameters"); !parameters)
      return parameters.takeError();
  return Status::ok();
}

Expected<std::vector<ordered_json>> readTools(const ordered_json &list,
                                              const std::string &origin) {
  if (!list.is_array())
    return inputError(origin + ": is " + describeJson(list) +
                      "; expected a list of tools");
  std::vector<ordered_json> tools;
  for (const ordered_json &tool : list) {
    if (Status status = checkTool(tool, placeOf(origin, "tools", tools.size()));
        !status)
      return status.takeError();
    tools.push_back(tool);
  }
  return tools;
}

Expected<std::vector<ordered_json>> parseTools(std::string_view text,
                                               const std::string &origin) {
  auto list = parseOrderedJson(text, origin);
  if (!list)
    return list.takeError();
  return readTools(*list, origin);
}

Expected<ToolCall> readToolCall(const ordered_json &call,
                                const std::string &origin) {
  auto function = functionOf(call, origin);
  if (!function)
    return function.takeError();
  json plain = *function;
  auto object = JsonObject::root(plain, origin);
  if (!object)
    return object.takeError();
  auto name = nameOf(*object);
  if (!name)
    return name.takeError();
  const json *arguments = object->find("arguments");
  ordered_json value = arguments ? (*function)["arguments"] : ordered_json();
  if (value.is_string()) {
    auto parsed = parseOrderedJson(value.get_ref<const std::string &>(),
                                   origin + ": 'arguments'");
    if (!parsed)
      return parsed.takeError();
    value = std::move(*parsed);
  }
  if (!value.is_object())
    return object->mismatch("arguments",
                            "an object, or a string that holds one");
  return ToolCall{std::move(*name), std::move(value)};
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

namespace {

/// Reads the messages of one conversation in their order.
class MessageReader {
public:
  Expected<Message> read(const ordered_json &source,
                         const std::string &origin) {
    json plain = source;
    auto object = JsonObject::root(plain, origin);
    if (!object)
      return object.takeError();
    auto roleName = object->string("role");
    if (!roleName)
      return roleName.takeError();
    Message message;
    if (*roleName == "system")
      message.role = Role::System;
    else if (*roleName == "user")
      message.role = Role::User;
    else if (*roleName == "assistant")
      message.role = Role::Assistant;
    else if (*roleName == "tool")
      message.role = Role::Tool;
    else
      return object->mismatch("role", "\"system\", \"user\", \"assistant\" or "
                                      "\"tool\"");

    if (message.role == Role::Assistant && source.contains("tool_calls"))
      if (Status status =
              readCalls(source["tool_calls"], *object, origin, message);
          !status)
        return status.takeError();
    if (message.role == Role::Tool) {
      if (Status status = readResults(*object, origin, message); !status)
        return status.takeError();
    } else if (object->has("content") || message.toolCalls.empty()) {
      auto text = readText(*object, origin);
      if (!text)
        return text.takeError();
      message.text = std::move(*text);
    }
    return message;
  }

private:
  /// The content of a message: a string, or text parts, which are joined.
  static Expected<std::string> readText(const JsonObject &message,
                                        const std::string &origin) {
    const json *content = message.find("content");
    if (content && content->is_string())
      return content->get<std::string>();
    if (!content || !content->is_array())
      return message.mismatch("content", "a string or a list of text parts");
    std::string text;
    for (size_t i = 0; i < content->size(); ++i) {
      auto part =
          JsonObject::root((*content)[i], placeOf(origin, "content", i));
      if (!part)
        return part.takeError();
      auto type = part->stringOr("type", "text");
      if (!type)
        return type.takeError();
      if (*type != "text")
        return part->mismatch("type", "\"text\": the model reads nothing else");
      auto piece = part->string("text");
      if (!piece)
        return piece.takeError();
      text += *piece;
    }
    return text;
  }

  Status readCalls(const ordered_json &calls, const JsonObject &object,
                   const std::string &origin, Message &message) {
    if (calls.is_null())
      return Status::ok();
    if (!calls.is_array())
      return object.mismatch("tool_calls", "a list of calls");
    for (const ordered_json &source : calls) {
      std::string place =
          placeOf(origin, "tool_calls", message.toolCalls.size());
      auto call = readToolCall(source, place);
      if (!call)
        return call.takeError();
      json plain = source;
      auto id = JsonObject::root(plain, place)->stringOr("id", "");
      if (!id)
        return id.takeError();
      if (!id->empty())
        nameByCallId[*id] = call->name;
      message.toolCalls.push_back(std::move(*call));
    }
    return Status::ok();
  }

  /// Results that each name their tool, or one of the tool that the message
  /// names.
  Status readResults(const JsonObject &object, const std::string &origin,
                     Message &message) {
    const json *content = object.find("content");
    bool namesEach = content && content->is_array() && !content->empty() &&
                     (*content)[0].is_object() &&
                     (*content)[0].contains("name");
    if (!namesEach) {
      auto name = toolOf(object);
      if (!name)
        return name.takeError();
      auto text = readText(object, origin);
      if (!text)
        return text.takeError();
      message.results.push_back({std::move(*name), std::move(*text)});
      return Status::ok();
    }
    for (size_t i = 0; i < content->size(); ++i) {
      auto part =
          JsonObject::root((*content)[i], placeOf(origin, "content", i));
      if (!part)
        return part.takeError();
      auto name = nameOf(*part);
      if (!name)
        return name.takeError();
      auto text = part->string("text");
      if (!text)
        return text.takeError();
      message.results.push_back({std::move(*name), std::move(*text)});
    }
    return Status::ok();
  }

  Expected<std::string> toolOf(const JsonObject &object) const {
    if (object.has("name") || !object.has("tool_call_id"))
      return nameOf(object);
    auto id = object.string("tool_call_id");
    if (!id)
      return id.takeError();
    auto known = nameByCallId.find(*id);
    if (known == nameByCallId.end())
      return object.mismatch("tool_call_id",
                             "the id of a call in an earlier message, or a "
                             "'name'");
    return known->second;
  }

  std::map<std::string, std::string> nameByCallId;
};

} // namespace

Expected<Conversation> parseConversation(std::string_view text,
                                         const std::string &origin) {
  auto parsed = parseOrderedJson(text, origin);
  if (!parsed)
    return parsed.takeError();
  Conversation conversation;
  ordered_json messages = std::move(*parsed);
  if (messages.is_object()) {
    ordered_json whole = std::move(messages);
    messages = whole.contains("messages") ? whole["messages"] : ordered_json();
    if (whole.contains("tools") && !whole["tools"].is_null()) {
      auto tools = readTools(whole["tools"], origin);
      if (!tools)
        return tools.takeError();
      conversation.tools = std::move(*tools);
    }
  }
  if (!messages.is_array())
    return inputError(origin + ": is " + describeJson(messages) +
                      "; expected a list of messages, or an object with "
                      "'messages'");
  MessageReader reader;
  for (const ordered_json &source : messages) {
    auto message = reader.read(
        source, placeOf(origin, "messages", conversation.messages.size()));
    if (!message)
      return message.takeError();
    conversation.messages.push_back(std::move(*message));
  }
  return conversation;
}

} // namespace mm1
