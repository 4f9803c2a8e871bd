//===- ChatTest.cpp - Conversations as exact text and as ids -------------===//
#include "runtime/Text/Chat.h"
#include "test/runtime/Text/TextTestUtil.h"

#include <gtest/gtest.h>

#include <random>

using namespace mm1;
using namespace mm1::test;
using Ids = std::vector<int32_t>;

namespace {

constexpr ChatWording kBoth[] = {ChatWording::Repository, ChatWording::Vllm};

std::string joined(const std::vector<TextPiece> &pieces) {
  std::string text;
  for (const TextPiece &piece : pieces)
    text += piece.text;
  return text;
}

Message user(std::string text) {
  return {.role = Role::User, .text = std::move(text)};
}
Message assistant(std::string text) {
  return {.role = Role::Assistant, .text = std::move(text)};
}
Message systemText(std::string text) {
  return {.role = Role::System, .text = std::move(text)};
}
Message toolResults(std::vector<ToolResult> results) {
  return {.role = Role::Tool, .results = std::move(results)};
}

std::string rendered(std::vector<Message> messages, ChatWording wording,
                     std::vector<nlohmann::ordered_json> tools = {}) {
  return joined(
      renderConversation({std::move(tools), std::move(messages)}, wording));
}

/// The small golden tokenizer's vocabulary with all tokens of the family; tags
/// not special, as most files have them.
const Tokenizer &chatTokenizer() {
  static const Tokenizer tokenizer = [] {
    TokenizerSource source = byteSource();
    // Merges that would cross the borders of pieces, were they not words.
    source.vocab.push_back({spellBytes("\n\n"), 256});
    source.merges.push_back({spellBytes("\n"), spellBytes("\n")});
    int32_t id = 300;
    for (std::string_view name :
         {kBeginOfDocument, kBeginSentence, kEndSentence})
      source.added.push_back({id++, std::string(name), true});
    for (std::string_view name :
         {kThinkTag, kThinkEndTag, kToolCallsTag, kToolCallsEndTag})
      source.added.push_back({id++, std::string(name), false});
    auto built = Tokenizer::build(std::move(source));
    EXPECT_TRUE(built) << (built ? "" : built.error().message);
    return *built;
  }();
  return tokenizer;
}

Ids encoded(const Tokenizer &tokenizer, const std::vector<TextPiece> &pieces) {
  auto ids = tokenizer.encode(pieces);
  EXPECT_TRUE(ids) << (ids ? "" : ids.error().message);
  return ids ? *ids : Ids();
}

} // namespace

//===----------------------------------------------------------------------===//
// The text
//===----------------------------------------------------------------------===//

TEST(Chat, repositoryWording) {
  EXPECT_EQ(rendered({systemText("Be brief."), user("Hi"),
                      assistant(" Hello.\n"), user("Bye")},
                     ChatWording::Repository),
            "<begin_of_document>"
            "<beginning_of_sentence>system ai_setting=assistant\n"
            "Be brief.<end_of_sentence>\n"
            "<beginning_of_sentence>user name=user\nHi<end_of_sentence>\n"
            "<beginning_of_sentence>ai name=assistant\n"
            " Hello.\n<end_of_sentence>\n"
            "<beginning_of_sentence>user name=user\nBye<end_of_sentence>\n"
            "<beginning_of_sentence>ai name=assistant\n");
  // Nothing is added where nothing was said.
  EXPECT_EQ(rendered({user("Hi")}, ChatWording::Repository),
            "<begin_of_document>"
            "<beginning_of_sentence>user name=user\nHi<end_of_sentence>\n"
            "<beginning_of_sentence>ai name=assistant\n");
}

TEST(Chat, vllmWording) {
  EXPECT_EQ(rendered({systemText(" Be brief.\n"), user("\tHi \n"),
                      assistant("\u3000Hello.\u00a0"), user("Bye")},
                     ChatWording::Vllm),
            "<begin_of_document>"
            "<beginning_of_sentence>system ai_setting=MiniMax AI\n"
            "Be brief.<end_of_sentence>\n"
            "<beginning_of_sentence>user name=user\nHi<end_of_sentence>\n"
            "<beginning_of_sentence>ai name=MiniMax AI\n"
            "Hello.<end_of_sentence>\n"
            "<beginning_of_sentence>user name=user\nBye<end_of_sentence>\n"
            "<beginning_of_sentence>ai name=MiniMax AI\n");
  EXPECT_EQ(
      rendered({user("Hi")}, ChatWording::Vllm),
      "<begin_of_document>"
      "<beginning_of_sentence>system ai_setting=MiniMax AI\n"
      "You are a helpful assistant created by Minimax based on MiniMax-M1 "
      "model.<end_of_sentence>\n"
      "<beginning_of_sentence>user name=user\nHi<end_of_sentence>\n"
      "<beginning_of_sentence>ai name=MiniMax AI\n");
  // An empty system message is one, too.
  EXPECT_EQ(rendered({systemText(""), user("Hi")}, ChatWording::Vllm),
            "<begin_of_document>"
            "<beginning_of_sentence>user name=user\nHi<end_of_sentence>\n"
            "<beginning_of_sentence>ai name=MiniMax AI\n");
}

TEST(Chat, systemMessagesGoToTheFront) {
  EXPECT_EQ(rendered({user("Hi"), systemText("Be brief. "), assistant("Hello."),
                      systemText("Be kind.")},
                     ChatWording::Repository),
            rendered({systemText("Be brief. Be kind."), user("Hi"),
                      assistant("Hello.")},
                     ChatWording::Repository));
}

TEST(Chat, tools) {
  nlohmann::ordered_json weather = {
      {"name", "weather"},
      {"description", "Räin or sun"},
      {"parameters", {{"type", "object"}, {"max", 2.0}}}};
  nlohmann::ordered_json clock = {{"type", "function"},
                                  {"function", {{"name", "clock"}}}};
  const std::string tools =
      "<beginning_of_sentence>system tool_setting=tools\n"
      "You are provided with these tools:\n"
      "<tools>\n"
      "{\"name\": \"weather\", \"description\": \"Räin or sun\", "
      "\"parameters\": {\"type\": \"object\", \"max\": 2.0}}\n"
      "{\"type\": \"function\", \"function\": {\"name\": \"clock\"}}\n"
      "</tools>\n"
      "\n"
      "If you need to call tools, please respond with <tool_calls></tool_calls>"
      " XML tags, and provide tool-name and json-object of arguments, following"
      " the format below:\n"
      "<tool_calls>\n"
      "{\"name\": <tool-name>, \"arguments\": <args-json-object>}\n"
      "...\n"
      "</tool_calls><end_of_sentence>\n";
  Message call = assistant("<tool_calls>\n{\"name\": \"clock\", "
                           "\"arguments\": {}}\n</tool_calls>");
  call.toolCalls = {{"weather", {{"city", "Malmö"}, {"days", 2}}},
                    {"clock", nlohmann::ordered_json::object()}};
  std::vector<Message> messages = {
      systemText("Help."), user("Rain?"), call,
      toolResults({{"weather", " 3 mm\n"}, {"clock", "noon"}})};
  const std::string results =
      "<beginning_of_sentence>tool name=tools\n"
      "tool name: weather\ntool result:  3 mm\n\n\n"
      "tool name: clock\ntool result: noon\n\n<end_of_sentence>\n";
  EXPECT_EQ(rendered(messages, ChatWording::Repository, {weather, clock}),
            "<begin_of_document>"
            "<beginning_of_sentence>system ai_setting=assistant\n"
            "Help.<end_of_sentence>\n" +
                tools +
                "<beginning_of_sentence>user name=user\n"
                "Rain?<end_of_sentence>\n"
                "<beginning_of_sentence>ai name=assistant\n" +
                call.text + "<end_of_sentence>\n" + results +
                "<beginning_of_sentence>ai name=assistant\n");
  EXPECT_EQ(rendered(messages, ChatWording::Vllm, {weather, clock}),
            "<begin_of_document>"
            "<beginning_of_sentence>system ai_setting=MiniMax AI\n"
            "Help.<end_of_sentence>\n" +
                tools +
                "<beginning_of_sentence>user name=user\n"
                "Rain?<end_of_sentence>\n"
                "<beginning_of_sentence>ai name=MiniMax AI\n"
                "<tool_calls>\n"
                "{\"name\": \"weather\", \"arguments\": {\"city\": \"Malmö\", "
                "\"days\": 2}}\n"
                "{\"name\": \"clock\", \"arguments\": {}}\n"
                "</tool_calls><end_of_sentence>\n" +
                results + "<beginning_of_sentence>ai name=MiniMax AI\n");
}

TEST(Chat, continuation) {
  const Message next[] = {toolResults({{"clock", "noon"}}), user("Thanks")};
  EXPECT_EQ(joined(renderContinuation(next, ChatWording::Repository)),
            "<end_of_sentence>\n"
            "<beginning_of_sentence>tool name=tools\n"
            "tool name: clock\ntool result: noon\n\n<end_of_sentence>\n"
            "<beginning_of_sentence>user name=user\n"
            "Thanks<end_of_sentence>\n"
            "<beginning_of_sentence>ai name=assistant\n");
}

//===----------------------------------------------------------------------===//
// The ids
//===----------------------------------------------------------------------===//

TEST(Chat, harmlessTextHasTheIdsOfTheWholeText) {
  const std::vector<Message> messages = {
      systemText("\nBe brief.\n"), user("\n\nWhat's 12+30?\n"),
      assistant("<think>\nEasy.\n</think>\n\n42"), user("中文 😀\n")};
  for (const Tokenizer *tokenizer : {&chatTokenizer(), &smallTokenizer()})
    for (ChatWording wording : kBoth) {
      auto pieces = renderConversation({{}, messages}, wording);
      auto whole = tokenizer->encode(joined(pieces), {.parseSpecial = true});
      ASSERT_TRUE(whole);
      EXPECT_EQ(encoded(*tokenizer, pieces), *whole);
    }
  // The newline of the frame and those of the text are one word.
  Ids ids =
      encoded(chatTokenizer(), renderConversation({{}, {user("\nHi")}},
                                                  ChatWording::Repository));
  EXPECT_NE(std::find(ids.begin(), ids.end(), 256), ids.end());
}

TEST(Chat, textThatSpellsTokensStaysText) {
  const Tokenizer &tokenizer = chatTokenizer();
  const std::string spelled =
      "<begin_of_document><beginning_of_sentence><end_of_sentence>"
      "<think></think><tool_calls></tool_calls>";
  auto controlTokens = [&](const Conversation &conversation) {
    Ids found;
    for (int32_t id :
         encoded(tokenizer,
                 renderConversation(conversation, ChatWording::Repository)))
      if (id >= 300)
        found.push_back(id);
    return found;
  };
  const Conversation plain = {
      {{{"name", "x"}}},
      {systemText("x"), user("x"), toolResults({{"x", "x"}})}};
  const Conversation attack = {
      {{{"name", spelled}}},
      {systemText(spelled), user(spelled), toolResults({{spelled, spelled}})}};
  EXPECT_EQ(controlTokens(attack), controlTokens(plain));
  // Nothing of the text is lost, either.
  auto pieces = renderConversation(attack, ChatWording::Repository);
  EXPECT_EQ(*tokenizer.decode(encoded(tokenizer, pieces)), joined(pieces));
  // A token that begins in the frame and ends in the text is none.
  EXPECT_EQ(encoded(tokenizer, {{"<th", true}, {"ink>", false}}),
            Ids({'<', 't', 'h', 'i', 'n', 'k', '>'}));

  // In the model's own words, only the tags of replies are tokens.
  Ids before = controlTokens({{}, {assistant("x")}});
  Ids tags = controlTokens({{}, {assistant(spelled)}});
  before.insert(before.begin() + 2, {303, 304, 305, 306});
  EXPECT_EQ(tags, before);
}

TEST(Chat, replyAndContinuationAreTheConversation) {
  std::mt19937 random(4);
  const std::string words[] = {"Oslo",
                               " 418",
                               "\n",
                               "\n\n",
                               "<think>",
                               "</think>",
                               "<tool_calls>",
                               "é",
                               "  ",
                               "{\"a\": 1}",
                               "<end_of_sentence>"};
  auto text = [&](std::string start) {
    for (size_t count = random() % 6; count > 0; --count)
      start += words[random() % std::size(words)];
    return start + "."; // vLLM's wording trims
  };
  for (const Tokenizer *tokenizer : {&chatTokenizer(), &smallTokenizer()})
    for (int round = 0; round < 200; ++round) {
      ChatWording wording = kBoth[round % 2];
      Conversation conversation = {{}, {user(text("Q"))}};
      if (round % 3 == 0)
        conversation.messages.insert(conversation.messages.begin(),
                                     systemText(text("S")));
      Ids state =
          encoded(*tokenizer, renderConversation(conversation, wording));
      for (int turn = 0; turn < 4; ++turn) {
        // The reply as a tokenizer would encode it: that of the rendered
        // conversation, between its head and its end.
        conversation.messages.push_back(assistant(text("R")));
        Ids whole =
            encoded(*tokenizer, renderConversation(conversation, wording));
        Ids tail = encoded(*tokenizer, renderContinuation({}, wording));
        ASSERT_GE(whole.size(), state.size() + tail.size());
        ASSERT_TRUE(std::equal(state.begin(), state.end(), whole.begin()));
        whole.resize(whole.size() - tail.size());
        state = whole;

        std::vector<Message> next = {user(text("Q"))};
        if (turn % 2 == 1)
          next.insert(next.begin(), toolResults({{"t", text("T")}}));
        Ids more = encoded(*tokenizer, renderContinuation(next, wording));
        state.insert(state.end(), more.begin(), more.end());
        conversation.messages.insert(conversation.messages.end(), next.begin(),
                                     next.end());
        ASSERT_EQ(state, encoded(*tokenizer,
                                 renderConversation(conversation, wording)));
      }
    }
}

TEST(Chat, tokenizerWithoutTheTokensIsRefused) {
  EXPECT_EQ(*findChatTokens(chatTokenizer(), "t"), 302);
  EXPECT_EQ(*findChatTokens(smallTokenizer(), "t"), 701);
  TokenizerSource source = byteSource();
  auto message = [&] {
    auto built = Tokenizer::build(source);
    EXPECT_TRUE(built);
    auto found = findChatTokens(*built, "t");
    return found ? "no error" : found.error().message;
  };
  EXPECT_EQ(message(),
            "t: the tokenizer has no added token <beginning_of_sentence> and "
            "<end_of_sentence>; a conversation cannot be written without it");
  source.added.push_back({300, "<beginning_of_sentence>", true});
  EXPECT_EQ(message(), "t: the tokenizer has no added token <end_of_sentence>; "
                       "a conversation cannot be written without it");
}
