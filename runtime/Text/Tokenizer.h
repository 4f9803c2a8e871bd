//===- Tokenizer.h - Text to token ids and back --------------------------===//
// Byte-level BPE from the files that come with a checkpoint.
//
//   auto tokenizer = Tokenizer::load("checkpoint/");
//   auto ids = tokenizer->encode("<image>Hi", {.parseSpecial = true});
//   auto text = tokenizer->decode(*ids);
//
//   Decoder decoder(*tokenizer);   // streaming: pieces are whole characters
//   for (int32_t id : *ids)
//     std::cout << *decoder.push(id);
//   std::cout << decoder.finish();
//
// encode() gives the ids that Hugging Face tokenizers gives with
// add_special_tokens=False (a post_processor is not applied: M1's chat template
// writes every token itself). Any bytes can be encoded: those that are not
// UTF-8 become byte tokens, and decodeBytes() gives them back.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"
#include "runtime/Text/TokenizerFiles.h"
#include "runtime/Text/Utf8.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mm1 {

struct EncodeOptions {
  /// Whether text that spells a special token becomes that token. Off for what
  /// a user typed. Added tokens that are not special ("<think>" in some files)
  /// are found either way.
  bool parseSpecial = false;
};

/// A stretch of text that is encoded together with its neighbours.
struct TextPiece {
  std::string text;
  /// Written by us, so text that spells an added token is that token. What
  /// others wrote (a user, a tool) never becomes one.
  bool isControl = false;

  bool operator==(const TextPiece &) const = default;
};

struct DecodeOptions {
  bool skipSpecial = false; ///< leave special tokens out of the text
};

/// Token ids begin .. end-1.
struct IdRange {
  int32_t begin, end;
};

/// Immutable; a copy shares the tables; any number of threads may use it.
class Tokenizer {
public:
  /// Longest text that encode() takes; one word of this size would need some 3
  /// GiB to merge.
  static constexpr size_t kMaxTextBytes = 64u << 20;

  /// From the files in `folder`: tokenizer.json, else vocab.json and
  /// merges.txt, else merges.txt alone. tokenizer_config.json, where there is
  /// one, names the bos and eos tokens and, for the last two cases, the added
  /// tokens. Errors as below; input error when there is none of these files.
  static Expected<Tokenizer> load(const std::string &folder);

  /// From one tokenizer.json. Input error that names file, field, wanted and
  /// found.
  static Expected<Tokenizer> fromTokenizerJson(const std::string &path);
  static Expected<Tokenizer>
  fromVocabAndMerges(const std::string &vocabPath,
                     const std::string &mergesPath,
                     std::vector<AddedToken> added = {});
  /// From merges.txt alone: ids 0..255 are the bytes in byte order, then one id
  /// per merge; o200k pattern.
  static Expected<Tokenizer> fromMerges(const std::string &mergesPath,
                                        std::vector<AddedToken> added = {});

  /// From a description; what the functions above end in. Input error where its
  /// parts contradict each other.
  static Expected<Tokenizer> build(TokenizerSource source);

  /// The ids of `text`. Input error: too long, a byte that no token spells, a
  /// split pattern that gives up.
  Expected<std::vector<int32_t>> encode(std::string_view text,
                                        EncodeOptions options = {}) const;

  /// The ids of all pieces as one text, with added tokens, special or not, found
  /// within control pieces only. Words may cross pieces: where the other pieces
  /// spell no added token, these are the ids of the whole text with parseSpecial.
  Expected<std::vector<int32_t>>
  encode(std::span<const TextPiece> pieces) const;

  /// The text of `ids` as well-formed UTF-8 (U+FFFD for what is none). Input
  /// error for an id without a token.
  Expected<std::string> decode(std::span<const int32_t> ids,
                               DecodeOptions options = {}) const;
  /// The bytes of `ids` as they are.
  Expected<std::string> decodeBytes(std::span<const int32_t> ids,
                                    DecodeOptions options = {}) const;

  /// 1 + the largest id. Ids below it may have no token.
  int32_t vocabSize() const;
  bool hasToken(int32_t id) const;
  bool isSpecial(int32_t id) const;
  /// The token whose text is exactly `text`; an added token before an ordinary
  /// one.
  std::optional<int32_t> idOf(std::string_view text) const;
  /// The bytes of a token, empty when there is none; valid as long as the
  /// tokenizer.
  std::string_view bytesOf(int32_t id) const;
  /// All added tokens, by id.
  std::span<const AddedToken> addedTokens() const;
  /// The ids below `limit` that have a token, as maximal ranges in order: what
  /// may be sampled.
  std::vector<IdRange> idRanges(int32_t limit) const;

  /// The tokens that tokenizer_config.json names, where load() found it and
  /// they exist.
  std::optional<int32_t> bosId() const;
  std::optional<int32_t> eosId() const;

private:
  struct Tables;
  explicit Tokenizer(std::shared_ptr<const Tables> tables)
      : tables(std::move(tables)) {}
  struct Range {
    size_t begin, end;
  };
  Expected<std::vector<int32_t>> encode(std::string_view text,
                                        std::span<const Range> mayHoldTokens,
                                        bool parseSpecial) const;
  Expected<std::string_view> bytesOrError(int32_t id) const;

  std::shared_ptr<const Tables> tables;
  std::optional<int32_t> bos, eos;
};

/// Turns one sequence's tokens into text as they come, never half a character.
class Decoder {
public:
  explicit Decoder(Tokenizer tokenizer, DecodeOptions options = {})
      : tokenizer(std::move(tokenizer)), options(options) {}

  /// The text that is certain once `id` is known; may be empty. Input error for
  /// an id without a token.
  Expected<std::string> push(int32_t id);
  /// What is left at the end: U+FFFD for an unfinished character, else nothing.
  /// The decoder is then as new.
  std::string finish();

private:
  Tokenizer tokenizer;
  DecodeOptions options;
  Utf8Stream stream;
};

} // namespace mm1
