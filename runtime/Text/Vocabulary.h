//===- Vocabulary.h - Token texts and ids, both ways ---------------------===//
// Ids may have holes (a model's logits are often wider than its vocabulary, and
// rows without a token must never be sampled), so a vocabulary knows which ids
// exist.
//
//   Vocabulary vocabulary;
//   vocabulary.add("Ġthe", 290);        // spelled in the byte alphabet
//   vocabulary.idOf("Ġthe") == 290
//   vocabulary.bytesOf(290) == " the"
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mm1 {

/// Tokens keyed by their spelling. Immutable once filled, then safe to read
/// from any thread.
class Vocabulary {
public:
  static constexpr int32_t kNone = -1;

  /// Makes room for ids 0 .. idLimit-1 and `count` tokens.
  Vocabulary(int32_t idLimit, size_t count);

  /// Adds a token whose text is what `spelling` spells in the byte alphabet, or
  /// `spelling` itself where that spells no bytes (as the publishers' own
  /// decoder does). `id` must be in 0 .. idLimit-1. False, and no change, when
  /// the spelling or the id is taken.
  bool add(std::string_view spelling, int32_t id);
  /// The same for a token that stands in text exactly as written ("<think>").
  bool addVerbatim(std::string_view text, int32_t id);

  /// The id of a spelling, or kNone.
  int32_t idOf(std::string_view spelling) const;
  bool has(int32_t id) const { return entryOf(id) != nullptr; }
  /// The text of a token, empty when there is none.
  std::string_view bytesOf(int32_t id) const;
  /// The spelling of a token, empty when there is none.
  std::string_view spellingOf(int32_t id) const;
  /// 1 + the largest id.
  int32_t idLimit() const { return static_cast<int32_t>(entryIndex.size()); }
  size_t size() const { return entries.size(); }

private:
  struct Entry {
    uint32_t spellingAt, spellingSize, bytesAt, bytesSize;
  };
  bool insert(std::string_view spelling, std::string_view bytes, int32_t id);
  const Entry *entryOf(int32_t id) const;
  size_t slotOf(std::string_view spelling) const;

  std::string spellings, bytes;
  std::vector<Entry> entries;
  std::vector<int32_t> entryIndex; // by id; kNone: no such token
  std::vector<int32_t>
      slots; // hash of the spelling -> id, open addressing, at most half full
};

} // namespace mm1
