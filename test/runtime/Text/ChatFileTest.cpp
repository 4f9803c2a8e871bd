//===- ChatFileTest.cpp - Conversations and tools from foreign JSON ------===//
#include "runtime/Text/ChatFile.h"
#include "runtime/Text/PythonJson.h"

#include <gtest/gtest.h>

using namespace mm1;

namespace {

std::string messageOf(std::string_view text) {
  auto conversation = parseConversation(text, "c.json");
  if (conversation)
    return "no error";
  EXPECT_EQ(conversation.error().kind, ErrorKind::Input);
  EXPECT_EQ(conversation.error().message.find('\n'), std::string::npos);
  return conversation.error().message;
}

std::string toolsMessageOf(std::string_view text) {
  auto tools = parseTools(text, "t.json");
  return tools ? "no error" : tools.error().message;
}

constexpr std::string_view kGood = R"({"tools": [{"name": "weather"}],
 "messages": [
  {"role": "system", "content": "Help."},
  {"role": "user", "content": [{"type": "text", "text": "Rain "}, {"text": "in Oslo?"}]},
  {"role": "assistant", "content": null, "tool_calls": [
    {"id": "c1", "type": "function",
     "function": {"name": "weather", "arguments": "{\"to\": \"Oslo\", \"at\": 1.0}"}},
    {"id": "c2", "name": "clock", "arguments": {}}]},
  {"role": "tool", "tool_call_id": "c2", "content": "noon"},
  {"role": "tool", "name": "weather", "content": [{"type": "text", "text": "3 mm"}]},
  {"role": "tool", "content": [{"name": "a", "text": "1"}, {"name": "b", "text": "2"}]},
  {"role": "assistant", "content": "Yes."}]})";

} // namespace

TEST(ChatFile, readsWhatChatProgramsWrite) {
  auto conversation = parseConversation(kGood, "c.json");
  ASSERT_TRUE(conversation) << conversation.error().message;
  const auto &messages = conversation->messages;
  ASSERT_EQ(messages.size(), 7u);
  EXPECT_EQ(conversation->tools.size(), 1u);
  EXPECT_EQ(messages[0].role, Role::System);
  EXPECT_EQ(messages[1].text, "Rain in Oslo?");
  ASSERT_EQ(messages[2].toolCalls.size(), 2u);
  EXPECT_EQ(messages[2].toolCalls[0].name, "weather");
  EXPECT_EQ(pythonJson(messages[2].toolCalls[0].arguments),
            R"({"to": "Oslo", "at": 1.0})");
  EXPECT_EQ(messages[3].results[0].name, "clock");
  EXPECT_EQ(messages[3].results[0].text, "noon");
  EXPECT_EQ(messages[4].results[0].text, "3 mm");
  ASSERT_EQ(messages[5].results.size(), 2u);
  EXPECT_EQ(messages[5].results[1].name, "b");
  EXPECT_EQ(messages[6].text, "Yes.");
  EXPECT_TRUE(parseConversation("[]", "c.json"));
}

TEST(ChatFile, everyTruncationIsAnError) {
  for (size_t size = 0; size < kGood.size(); ++size)
    EXPECT_FALSE(parseConversation(kGood.substr(0, size), "c.json")) << size;
}

TEST(ChatFile, badMessages) {
  EXPECT_EQ(messageOf("3"), "c.json: is 3; expected a list of messages, or an "
                            "object with 'messages'");
  EXPECT_EQ(messageOf("{}"), "c.json: is null; expected a list of messages, or "
                             "an object with 'messages'");
  EXPECT_EQ(messageOf("[7]"), "c.json: messages[0]: is 7; expected an object");
  EXPECT_EQ(messageOf(R"([{"content": "x"}])"),
            "c.json: messages[0]: 'role' is missing; expected a string");
  EXPECT_EQ(messageOf(R"([{"role": "king", "content": "x"}])"),
            "c.json: messages[0]: 'role' is \"king\"; expected \"system\", "
            "\"user\", \"assistant\" or \"tool\"");
  EXPECT_EQ(messageOf(R"([{"role": "user", "content": 5}])"),
            "c.json: messages[0]: 'content' is 5; expected a string or a list "
            "of text parts");
  EXPECT_EQ(messageOf(R"([{"role": "assistant"}])"),
            "c.json: messages[0]: 'content' is missing; expected a string or a "
            "list of text parts");
  EXPECT_EQ(messageOf(R"([{"role": "user", "content": [{"type": "image"}]}])"),
            "c.json: messages[0]: content[0]: 'type' is \"image\"; expected "
            "\"text\": the model reads nothing else");
  EXPECT_EQ(messageOf(R"([{"role": "user", "content": ["x"]}])"),
            "c.json: messages[0]: content[0]: is \"x\"; expected an object");
  EXPECT_EQ(messageOf("[{\"role\": \"user\", \"content\": \"\xff\"}]")
                .rfind("c.json: line 1, column 31: is not JSON", 0),
            0u)
      << messageOf("[{\"role\": \"user\", \"content\": \"\xff\"}]");
}

TEST(ChatFile, badCallsAndResults) {
  auto withCalls = [](const std::string &calls) {
    return messageOf("[{\"role\": \"assistant\", \"tool_calls\": " + calls +
                     "}]");
  };
  EXPECT_EQ(withCalls("{}"), "c.json: messages[0]: 'tool_calls' is {}; "
                             "expected a list of calls");
  EXPECT_EQ(withCalls("[{}]"), "c.json: messages[0]: tool_calls[0]: 'name' is "
                               "missing; expected a string");
  EXPECT_EQ(withCalls(R"([{"name": ""}])"),
            "c.json: messages[0]: tool_calls[0]: 'name' is \"\"; expected at "
            "least one character");
  EXPECT_EQ(withCalls(R"([{"name": "f"}])"),
            "c.json: messages[0]: tool_calls[0]: 'arguments' is missing; "
            "expected an object, or a string that holds one");
  EXPECT_EQ(withCalls(R"([{"name": "f", "arguments": "[1]"}])"),
            "c.json: messages[0]: tool_calls[0]: 'arguments' is \"[1]\"; "
            "expected an object, or a string that holds one");
  EXPECT_EQ(withCalls(R"([{"name": "f", "arguments": "{"}])")
                .rfind("c.json: messages[0]: tool_calls[0]: 'arguments': line "
                       "1",
                       0),
            0u);
  EXPECT_EQ(withCalls(R"([{"function": 3}])"),
            "c.json: messages[0]: tool_calls[0]: 'function' is 3; expected an "
            "object");
  EXPECT_EQ(messageOf(R"([{"role": "tool", "content": "x"}])"),
            "c.json: messages[0]: 'name' is missing; expected a string");
  EXPECT_EQ(
      messageOf(R"([{"role": "tool", "tool_call_id": "c9", "content": "x"}])"),
      "c.json: messages[0]: 'tool_call_id' is \"c9\"; expected the id of "
      "a call in an earlier message, or a 'name'");
  EXPECT_EQ(
      messageOf(
          R"([{"role": "tool", "content": [{"name": "a", "text": "1"}, {}]}])"),
      "c.json: messages[0]: content[1]: 'name' is missing; expected a string");
}

TEST(ChatFile, badTools) {
  EXPECT_EQ(toolsMessageOf("{}"), "t.json: is {}; expected a list of tools");
  EXPECT_EQ(toolsMessageOf("[1]"),
            "t.json: tools[0]: is 1; expected an object");
  EXPECT_EQ(toolsMessageOf(R"([{"name": "a"}, {"type": "function"}])"),
            "t.json: tools[1]: 'name' is missing; expected a string");
  EXPECT_EQ(
      toolsMessageOf(R"([{"function": {"name": "a", "parameters": []}}])"),
      "t.json: tools[0]: 'parameters' is []; expected an object");
  EXPECT_EQ(toolsMessageOf(R"([{"name": "a", "description": 1}])"),
            "t.json: tools[0]: 'description' is 1; expected a string");
  EXPECT_EQ(toolsMessageOf(R"([{"name": "a", "name": "b"}])"),
            "t.json: line 1, column 21: key \"name\" appears twice in one "
            "object");
  EXPECT_NE(toolsMessageOf(std::string(100000, '[')).find("nested deeper"),
            std::string::npos);
  EXPECT_EQ(toolsMessageOf("[]"), "no error");
}

TEST(ChatFile, manyKeysAreNoTrouble) {
  std::string text = "[{\"name\": \"a\"";
  for (int i = 0; i < 200000; ++i)
    text += ",\"k" + std::to_string(i) + "\":1";
  EXPECT_EQ(toolsMessageOf(text + "}]"), "no error");
}
