//===- FuzzTokenizer.cpp - Tokenizer files and texts from anywhere --------===//
// Reads the input as tokenizer.json, as merges.txt and as tokenizer_config.json,
// and encodes it with whatever that gives. Then takes it for a text: a tokenizer
// with every byte must give it back, and streaming must agree with decoding.
//===----------------------------------------------------------------------===//
#include "runtime/Text/ByteAlphabet.h"
#include "runtime/Text/Tokenizer.h"

#include <cstdlib>

using namespace mm1;

static void require(bool condition) {
  if (!condition)
    std::abort();
}

/// All bytes, a few merges and one special token.
static const Tokenizer &byteTokenizer() {
  static const Tokenizer tokenizer = [] {
    auto source = parseMergesOnly("a b\nab ab\n\xc4\xa0 a\ni n\n", "merges");
    source->added.push_back({1000, "<s>", true});
    auto built = Tokenizer::build(std::move(*source));
    require(static_cast<bool>(built));
    return *built;
  }();
  return tokenizer;
}

/// Encodes with a tokenizer that the input described. It need not have a token
/// for each byte; the ids it gives must have tokens.
static void exercise(const Expected<TokenizerSource> &source,
                     std::string_view text) {
  if (!source)
    return;
  auto tokenizer = Tokenizer::build(*source);
  if (!tokenizer)
    return;
  auto ids = tokenizer->encode(text, {.parseSpecial = true});
  if (!ids)
    return;
  for (int32_t id : *ids)
    require(tokenizer->hasToken(id));
  require(static_cast<bool>(tokenizer->decode(*ids)));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  exercise(parseTokenizerJson(text, "tokenizer.json"), text);
  exercise(parseMergesOnly(text, "merges.txt"), text);
  (void)static_cast<bool>(parseTokenizerConfig(text, "config"));

  const Tokenizer &tokenizer = byteTokenizer();
  auto ids = tokenizer.encode(text, {.parseSpecial = true});
  require(static_cast<bool>(ids));
  auto bytes = tokenizer.decodeBytes(*ids);
  require(bytes && *bytes == text);

  Decoder decoder(tokenizer);
  std::string streamed;
  for (int32_t id : *ids) {
    auto piece = decoder.push(id);
    require(piece && endOfValidUtf8(*piece, 0) == piece->size());
    streamed += *piece;
  }
  streamed += decoder.finish();
  require(streamed == *tokenizer.decode(*ids));
  return 0;
}
