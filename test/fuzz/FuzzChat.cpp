//===- FuzzChat.cpp - Conversations and replies from anywhere -------------===//
// Reads the input as a conversation and renders what it gives: the ids must
// spell the rendered text. Then takes it for a model's reply: its parts must not
// depend on how it was cut.
//===----------------------------------------------------------------------===//
#include "runtime/Text/ByteAlphabet.h"
#include "runtime/Text/ChatFile.h"
#include "runtime/Text/ReplyParser.h"

#include <cstdlib>

using namespace mm1;

static void require(bool condition) {
  if (!condition)
    std::abort();
}

/// All bytes and the tokens of conversations.
static const Tokenizer &chatTokenizer() {
  static const Tokenizer tokenizer = [] {
    auto source = parseMergesOnly("a b\n", "merges");
    int32_t id = 1000;
    for (std::string_view name :
         {kBeginOfDocument, kBeginSentence, kEndSentence, kThinkTag})
      source->added.push_back({id++, std::string(name), true});
    auto built = Tokenizer::build(std::move(*source));
    require(static_cast<bool>(built));
    return *built;
  }();
  return tokenizer;
}

static void render(std::string_view text) {
  auto conversation = parseConversation(text, "chat.json");
  if (!conversation)
    return;
  for (ChatWording wording : {ChatWording::Repository, ChatWording::Vllm}) {
    auto pieces = renderConversation(*conversation, wording);
    std::string whole;
    for (const TextPiece &piece : pieces)
      whole += piece.text;
    auto ids = chatTokenizer().encode(pieces);
    require(static_cast<bool>(ids));
    auto bytes = chatTokenizer().decodeBytes(*ids);
    require(bytes && *bytes == whole);
  }
}

static Reply parseReply(std::string_view text, size_t step) {
  ReplyParser parser;
  for (size_t at = 0; at < text.size(); at += step)
    parser.push(text.substr(at, step));
  parser.finish();
  return parser.reply();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  render(text);
  Reply whole = parseReply(text, size + 1), cut = parseReply(text, 3);
  require(whole.content == cut.content && whole.thinking == cut.thinking);
  require(whole.toolCalls.size() == cut.toolCalls.size());
  require(whole.malformedCalls == cut.malformedCalls);
  return 0;
}
