//===- TokenizerFiles.h - What the files of a tokenizer say --------------===//
// Readers of tokenizer.json, vocab.json, merges.txt and tokenizer_config.json
// (the Hugging Face layout) into one plain description. They check each file by
// itself; Tokenizer::build checks the whole.
//
//   auto source = parseTokenizerJson(text, "tokenizer.json");
//   source->vocab.size(), source->merges.size(), source->rules[0].pattern
//
// Only what byte-level BPE needs is understood. A file that asks for more
// (another model, a normalizer, an added token with strip flags) is refused by
// name: half-understood, it would give wrong ids.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"
#include "runtime/Text/PreTokenizer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mm1 {

/// No tokenizer has ids this large; a file that says so lies.
inline constexpr int64_t kMaxTokenId = (1 << 24) - 1;

/// A token found in text as it stands, before BPE.
struct AddedToken {
  int32_t id;
  std::string content;
  bool special = true; ///< controls the model ("<end_of_sentence>"), not part
                       ///< of what a user writes
};

/// A tokenizer as its files describe it. Spellings are in the byte alphabet
/// (ByteAlphabet.h).
struct TokenizerSource {
  struct Token {
    std::string spelling;
    int32_t id;
  };
  struct Merge {
    std::string left, right;
    size_t line = 0; ///< in merges.txt, for messages
  };
  std::string origin;       ///< the file of the vocabulary, for messages
  std::string mergesOrigin; ///< merges.txt; empty when the merges come from
                            ///< tokenizer.json
  std::vector<Token> vocab;
  std::vector<Merge> merges; ///< best first
  std::vector<AddedToken> added;
  std::vector<SplitRule> rules;
  bool ignoreMerges = false; ///< a word that is a token stays whole
};

/// What tokenizer_config.json adds.
struct TokenizerConfig {
  std::vector<AddedToken> added;
  std::optional<std::string> bosToken, eosToken;
};

/// Each: input error with file, field, wanted and found. `origin` is the name
/// that messages give the text.
Expected<TokenizerSource> parseTokenizerJson(std::string_view text,
                                             const std::string &origin);
/// merges.txt alone: ids 0..255 are the bytes in byte order, then each merge
/// makes the next id.
Expected<TokenizerSource> parseMergesOnly(std::string_view text,
                                          const std::string &origin);
Expected<TokenizerSource> parseVocabAndMerges(std::string_view vocabText,
                                              const std::string &vocabOrigin,
                                              std::string_view mergesText,
                                              const std::string &mergesOrigin);
Expected<TokenizerConfig> parseTokenizerConfig(std::string_view text,
                                               const std::string &origin);

/// Tokens that MiniMax's published merges.txt makes, bytes included.
inline constexpr size_t kMinimaxBaseTokens = 200000;

/// The 26 added tokens of that vocabulary (ids 200000 to 200025), for a
/// merges.txt whose tokenizer_config.json names the tokens but not their ids.
std::vector<AddedToken> minimaxAddedTokens();

} // namespace mm1
