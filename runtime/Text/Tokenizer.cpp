//===- Tokenizer.cpp - Text to token ids and back ------------------------===//
#include "runtime/Text/Tokenizer.h"
#include "runtime/Support/MappedFile.h"
#include "runtime/Text/Bpe.h"
#include "runtime/Text/ByteAlphabet.h"
#include "runtime/Text/Vocabulary.h"

#include <algorithm>
#include <bit>
#include <filesystem>

namespace mm1 {

/// Everything encode and decode read.
struct Tokenizer::Tables {
  Vocabulary vocabulary;
  BpeModel bpe;
  PreTokenizer preTokenizer;
  bool ignoreMerges;
  std::vector<AddedToken> added;     // by id
  std::vector<uint32_t> addedByText; // indices into `added`, by content
  std::vector<uint8_t> startsAdded;  // by byte: some added token starts so

  const AddedToken *addedToken(int32_t id) const;
  const AddedToken *addedTokenAt(std::string_view text, size_t at,
                                 bool parseSpecial) const;
};

//===----------------------------------------------------------------------===//
// Added tokens
//===----------------------------------------------------------------------===//

const AddedToken *Tokenizer::Tables::addedToken(int32_t id) const {
  auto at = std::lower_bound(
      added.begin(), added.end(), id,
      [](const AddedToken &token, int32_t id) { return token.id < id; });
  return at != added.end() && at->id == id ? &*at : nullptr;
}

/// The longest added token that `text` has at `at`. Narrows the sorted tokens
/// byte by byte.
const AddedToken *Tokenizer::Tables::addedTokenAt(std::string_view text,
                                                  size_t at,
                                                  bool parseSpecial) const {
  const AddedToken *longest = nullptr;
  auto begin = addedByText.begin(), end = addedByText.end();
  for (size_t depth = 0; begin != end && at + depth < text.size(); ++depth) {
    // All tokens in the range share `depth` bytes with the text and are longer
    // than that.
    auto byte = static_cast<uint8_t>(text[at + depth]);
    begin = std::partition_point(begin, end, [&](uint32_t index) {
      return static_cast<uint8_t>(added[index].content[depth]) < byte;
    });
    end = std::partition_point(begin, end, [&](uint32_t index) {
      return static_cast<uint8_t>(added[index].content[depth]) == byte;
    });
    if (begin != end && added[*begin].content.size() == depth + 1) {
      if (parseSpecial || !added[*begin].special)
        longest = &added[*begin];
      ++begin; // contents are unique: only the first can end here
    }
  }
  return longest;
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

static std::string mergePlace(const TokenizerSource &source, size_t rank) {
  if (source.mergesOrigin.empty())
    return source.origin + ": 'model.merges[" + std::to_string(rank) + "]'";
  return source.mergesOrigin + ": line " +
         std::to_string(source.merges[rank].line);
}

/// Ids must not be much more than there are tokens, or a small file could
/// demand large tables.
static Status checkIds(const TokenizerSource &source) {
  size_t count = source.vocab.size() + source.added.size();
  auto limit = static_cast<int64_t>(
      std::min<size_t>(65536 + 16 * count, kMaxTokenId + 1));
  auto check = [&](int32_t id, std::string_view text) -> Status {
    if (id < 0 || id >= limit)
      return inputError(source.origin + ": token " + quoteForMessage(text) +
                        " has id " + std::to_string(id) + "; expected 0 to " +
                        std::to_string(limit - 1) + " for a vocabulary of " +
                        std::to_string(count) + " tokens");
    return Status::ok();
  };
  for (const auto &token : source.vocab)
    if (Status status = check(token.id, token.spelling); !status)
      return status;
  for (const AddedToken &token : source.added)
    if (Status status = check(token.id, token.content); !status)
      return status;
  return Status::ok();
}

static Error conflict(const TokenizerSource &source,
                      const Vocabulary &vocabulary, std::string_view text,
                      int32_t id) {
  int32_t other = vocabulary.idOf(text);
  if (other != Vocabulary::kNone)
    return inputError(source.origin + ": token " + quoteForMessage(text) +
                      " has two ids, " + std::to_string(other) + " and " +
                      std::to_string(id));
  return inputError(source.origin + ": id " + std::to_string(id) +
                    " belongs to two tokens, " +
                    quoteForMessage(vocabulary.spellingOf(id)) + " and " +
                    quoteForMessage(text));
}

static Expected<Vocabulary> buildVocabulary(const TokenizerSource &source) {
  if (Status status = checkIds(source); !status)
    return status.takeError();
  int32_t idLimit = 0;
  for (const auto &token : source.vocab)
    idLimit = std::max(idLimit, token.id + 1);
  for (const AddedToken &token : source.added)
    idLimit = std::max(idLimit, token.id + 1);
  Vocabulary vocabulary(idLimit, source.vocab.size() + source.added.size());
  for (const AddedToken &token : source.added)
    if (!vocabulary.addVerbatim(token.content, token.id))
      return conflict(source, vocabulary, token.content, token.id);
  for (const auto &token : source.vocab) {
    bool isAdded = vocabulary.idOf(token.spelling) ==
                   token.id; // many files list added tokens in both places
    if (!isAdded && !vocabulary.add(token.spelling, token.id))
      return conflict(source, vocabulary, token.spelling, token.id);
  }
  return vocabulary;
}

static Expected<BpeModel> buildBpe(const TokenizerSource &source,
                                   const Vocabulary &vocabulary) {
  BpeModel bpe{MergeTable(source.merges.size()), {}, {}};
  for (size_t byte = 0; byte < 256; ++byte)
    bpe.byteIds[byte] =
        vocabulary.idOf(spellBytes(std::string(1, static_cast<char>(byte))));
  bpe.result.reserve(source.merges.size());
  for (size_t rank = 0; rank < source.merges.size(); ++rank) {
    const auto &merge = source.merges[rank];
    std::string whole = merge.left + merge.right;
    for (const std::string *part :
         {&merge.left, &merge.right, static_cast<const std::string *>(&whole)})
      if (vocabulary.idOf(*part) == Vocabulary::kNone)
        return inputError(mergePlace(source, rank) + " merges " +
                          quoteForMessage(merge.left) + " and " +
                          quoteForMessage(merge.right) + ", but " +
                          quoteForMessage(*part) + " is not in the vocabulary");
    if (!bpe.merges.insert(vocabulary.idOf(merge.left),
                           vocabulary.idOf(merge.right),
                           static_cast<uint32_t>(rank)))
      return inputError(mergePlace(source, rank) + " merges " +
                        quoteForMessage(merge.left) + " and " +
                        quoteForMessage(merge.right) + " a second time");
    bpe.result.push_back(vocabulary.idOf(whole));
  }
  return bpe;
}

Expected<Tokenizer> Tokenizer::build(TokenizerSource source) {
  auto vocabulary = buildVocabulary(source);
  if (!vocabulary)
    return vocabulary.takeError();
  auto bpe = buildBpe(source, *vocabulary);
  if (!bpe)
    return bpe.takeError();
  auto preTokenizer = PreTokenizer::create(source.origin, source.rules);
  if (!preTokenizer)
    return preTokenizer.takeError();
  Tables tables{std::move(*vocabulary),   std::move(*bpe),
                std::move(*preTokenizer), source.ignoreMerges,
                std::move(source.added),  {},
                std::vector<uint8_t>(256)};
  std::sort(
      tables.added.begin(), tables.added.end(),
      [](const AddedToken &a, const AddedToken &b) { return a.id < b.id; });
  for (uint32_t index = 0; index < tables.added.size(); ++index) {
    tables.addedByText.push_back(index);
    tables.startsAdded[static_cast<uint8_t>(tables.added[index].content[0])] =
        1;
  }
  std::sort(tables.addedByText.begin(), tables.addedByText.end(),
            [&](uint32_t a, uint32_t b) {
              return tables.added[a].content < tables.added[b].content;
            });
  return Tokenizer(std::make_shared<const Tables>(std::move(tables)));
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

static Expected<Tokenizer> buildWith(Expected<TokenizerSource> source,
                                     std::vector<AddedToken> added) {
  if (!source)
    return source.takeError();
  source->added.insert(source->added.end(), added.begin(), added.end());
  return Tokenizer::build(std::move(*source));
}

Expected<Tokenizer> Tokenizer::fromTokenizerJson(const std::string &path) {
  auto file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return buildWith(parseTokenizerJson(file->text(), path), {});
}

Expected<Tokenizer>
Tokenizer::fromVocabAndMerges(const std::string &vocabPath,
                              const std::string &mergesPath,
                              std::vector<AddedToken> added) {
  auto vocab = MappedFile::open(vocabPath);
  if (!vocab)
    return vocab.takeError();
  auto merges = MappedFile::open(mergesPath);
  if (!merges)
    return merges.takeError();
  return buildWith(
      parseVocabAndMerges(vocab->text(), vocabPath, merges->text(), mergesPath),
      std::move(added));
}

Expected<Tokenizer> Tokenizer::fromMerges(const std::string &mergesPath,
                                          std::vector<AddedToken> added) {
  auto merges = MappedFile::open(mergesPath);
  if (!merges)
    return merges.takeError();
  return buildWith(parseMergesOnly(merges->text(), mergesPath),
                   std::move(added));
}

Expected<Tokenizer> Tokenizer::load(const std::string &folder) {
  auto exists = [&](const char *name) {
    std::error_code ignored;
    return std::filesystem::exists(folder + "/" + name, ignored);
  };
  TokenizerConfig config;
  if (exists("tokenizer_config.json")) {
    std::string path = folder + "/tokenizer_config.json";
    auto file = MappedFile::open(path);
    if (!file)
      return file.takeError();
    auto parsed = parseTokenizerConfig(file->text(), path);
    if (!parsed)
      return parsed.takeError();
    config = std::move(*parsed);
  }

  std::string mergesPath = folder + "/merges.txt";
  auto fromFiles = [&]() -> Expected<Tokenizer> {
    if (exists("tokenizer.json"))
      return fromTokenizerJson(folder + "/tokenizer.json");
    if (!exists("merges.txt"))
      return inputError(folder + ": has no tokenizer; expected tokenizer.json, "
                                 "vocab.json and merges.txt, or "
                                 "merges.txt");
    if (exists("vocab.json"))
      return fromVocabAndMerges(folder + "/vocab.json", mergesPath,
                                std::move(config.added));
    auto tokenizer = fromMerges(mergesPath, config.added);
    // MiniMax publishes merges.txt with a tokenizer_config.json that names the
    // tokens without their ids.
    bool isMinimax =
        tokenizer && config.added.empty() &&
        config.bosToken == "<beginning_of_sentence>" &&
        static_cast<size_t>(tokenizer->vocabSize()) == kMinimaxBaseTokens;
    return isMinimax ? fromMerges(mergesPath, minimaxAddedTokens())
                     : std::move(tokenizer);
  };
  auto tokenizer = fromFiles();
  if (!tokenizer)
    return tokenizer.takeError();
  if (config.bosToken)
    tokenizer->bos = tokenizer->idOf(*config.bosToken);
  if (config.eosToken)
    tokenizer->eos = tokenizer->idOf(*config.eosToken);
  return tokenizer;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {

/// One encode() call: merges words and remembers short ones, since most words
/// of a text come again.
class Encoding {
public:
  Encoding(const BpeModel &bpe, const Vocabulary *wholeWords,
           std::string_view text)
      : merger(bpe), wholeWords(wholeWords), text(text),
        cache(std::bit_ceil(std::clamp<size_t>(text.size() / 8, 1, 16384))) {}

  std::vector<int32_t> ids;

  /// Appends the ids of text[start, end). False when a byte has no token.
  bool addWord(size_t start, size_t end) {
    std::string_view word = text.substr(start, end - start);
    if (word.size() > kLongestCached)
      return merge(word);
    Cached &entry =
        cache[std::hash<std::string_view>()(word) & (cache.size() - 1)];
    if (text.substr(entry.start, entry.size) == word) {
      for (size_t index = 0; index < entry.idCount; ++index)
        ids.push_back(ids[entry.firstId + index]);
      return true;
    }
    size_t firstId = ids.size();
    if (!merge(word))
      return false;
    entry = {start, word.size(), firstId, ids.size() - firstId};
    return true;
  }

private:
  static constexpr size_t kLongestCached = 64;

  /// A word and its ids, as places in the text and in the result.
  struct Cached {
    size_t start = 0, size = 0, firstId = 0, idCount = 0;
  };

  bool merge(std::string_view word) {
    if (wholeWords) {
      int32_t id = wholeWords->idOf(spellBytes(word));
      if (id != Vocabulary::kNone) {
        ids.push_back(id);
        return true;
      }
    }
    return merger.encode(word, ids);
  }

  BpeMerger merger;
  const Vocabulary
      *wholeWords; // null unless a word that is a token stays whole
  std::string_view text;
  std::vector<Cached> cache;
};

} // namespace

Expected<std::vector<int32_t>> Tokenizer::encode(std::string_view text,
                                                 EncodeOptions options) const {
  Range whole{0, text.size()};
  return encode(text, std::span(&whole, 1), options.parseSpecial);
}

Expected<std::vector<int32_t>>
Tokenizer::encode(std::span<const TextPiece> pieces) const {
  std::string text;
  std::vector<Range> control;
  for (const TextPiece &piece : pieces) {
    if (piece.isControl)
      control.push_back({text.size(), text.size() + piece.text.size()});
    text += piece.text;
  }
  return encode(text, control, /*parseSpecial=*/true);
}

/// Added tokens are found where they lie within one of the ranges, which are in
/// order and do not overlap.
Expected<std::vector<int32_t>>
Tokenizer::encode(std::string_view text, std::span<const Range> mayHoldTokens,
                  bool parseSpecial) const {
  if (text.size() > kMaxTextBytes)
    return inputError("text is " + std::to_string(text.size()) +
                      " bytes; expected at most " +
                      std::to_string(kMaxTextBytes));
  Encoding encoding(tables->bpe,
                    tables->ignoreMerges ? &tables->vocabulary : nullptr, text);
  WordSplitter splitter(tables->preTokenizer, text.size());
  std::vector<size_t> ends;
  auto addOrdinary = [&](size_t start, size_t end) -> Status {
    ends.clear();
    if (Status status = splitter.split(text.substr(start, end - start), ends);
        !status)
      return status;
    size_t wordStart = start;
    for (size_t wordEnd : ends) {
      wordEnd += start;
      if (!encoding.addWord(wordStart, wordEnd))
        return inputError(
            "the word " +
            quoteForMessage(text.substr(wordStart, wordEnd - wordStart)) +
            " at byte " + std::to_string(wordStart) +
            " of the text has a byte that no token of the vocabulary spells");
      wordStart = wordEnd;
    }
    return Status::ok();
  };

  size_t ordinaryStart = 0;
  for (const Range &range : mayHoldTokens) {
    std::string_view upToEnd = text.substr(0, range.end);
    for (size_t at = range.begin; at < range.end;) {
      const AddedToken *token =
          tables->startsAdded[static_cast<uint8_t>(text[at])]
              ? tables->addedTokenAt(upToEnd, at, parseSpecial)
              : nullptr;
      if (!token) {
        ++at;
        continue;
      }
      if (Status status = addOrdinary(ordinaryStart, at); !status)
        return status.takeError();
      encoding.ids.push_back(token->id);
      at += token->content.size();
      ordinaryStart = at;
    }
  }
  if (Status status = addOrdinary(ordinaryStart, text.size()); !status)
    return status.takeError();
  return std::move(encoding.ids);
}

//===----------------------------------------------------------------------===//
// Decoding and look-ups
//===----------------------------------------------------------------------===//

Expected<std::string_view> Tokenizer::bytesOrError(int32_t id) const {
  if (!hasToken(id))
    return inputError(
        "id " + std::to_string(id) + " has no token; the vocabulary has " +
        std::to_string(tables->vocabulary.size()) + " tokens with ids up to " +
        std::to_string(vocabSize() - 1));
  return bytesOf(id);
}

Expected<std::string> Tokenizer::decodeBytes(std::span<const int32_t> ids,
                                             DecodeOptions options) const {
  std::string result;
  for (int32_t id : ids) {
    auto bytes = bytesOrError(id);
    if (!bytes)
      return bytes.takeError();
    if (!(options.skipSpecial && isSpecial(id)))
      result += *bytes;
  }
  return result;
}

Expected<std::string> Tokenizer::decode(std::span<const int32_t> ids,
                                        DecodeOptions options) const {
  auto bytes = decodeBytes(ids, options);
  if (!bytes)
    return bytes;
  std::string result;
  Utf8Stream stream;
  stream.push(*bytes, result);
  stream.finish(result);
  return result;
}

Expected<std::string> Decoder::push(int32_t id) {
  auto bytes = tokenizer.decodeBytes(std::span(&id, 1), options);
  if (!bytes)
    return bytes;
  std::string piece;
  stream.push(*bytes, piece);
  return piece;
}

std::string Decoder::finish() {
  std::string piece;
  stream.finish(piece);
  return piece;
}

int32_t Tokenizer::vocabSize() const { return tables->vocabulary.idLimit(); }

bool Tokenizer::hasToken(int32_t id) const {
  return tables->vocabulary.has(id);
}

bool Tokenizer::isSpecial(int32_t id) const {
  const AddedToken *token = tables->addedToken(id);
  return token && token->special;
}

std::optional<int32_t> Tokenizer::idOf(std::string_view text) const {
  int32_t id = tables->vocabulary.idOf(text);
  if (id == Vocabulary::kNone || !tables->addedToken(id))
    id = tables->vocabulary.idOf(spellBytes(text));
  return id == Vocabulary::kNone ? std::nullopt : std::optional(id);
}

std::string_view Tokenizer::bytesOf(int32_t id) const {
  return tables->vocabulary.bytesOf(id);
}

std::span<const AddedToken> Tokenizer::addedTokens() const {
  return tables->added;
}

std::vector<IdRange> Tokenizer::idRanges(int32_t limit) const {
  std::vector<IdRange> ranges;
  for (int32_t id = 0; id < std::min(limit, vocabSize()); ++id) {
    if (!hasToken(id))
      continue;
    if (!ranges.empty() && ranges.back().end == id)
      ++ranges.back().end;
    else
      ranges.push_back({id, id + 1});
  }
  return ranges;
}

std::optional<int32_t> Tokenizer::bosId() const { return bos; }
std::optional<int32_t> Tokenizer::eosId() const { return eos; }

} // namespace mm1
