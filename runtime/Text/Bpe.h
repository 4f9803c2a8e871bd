//===- Bpe.h - Byte-pair merging in n log n ------------------------------===//
// A word starts as its bytes; the adjacent pair with the lowest rank (the
// leftmost of equals) becomes one token, until no adjacent pair has a rank.
//
//   BpeModel model{MergeTable(1), {}, byteIds};   // one merge: a + b -> 256
//   model.merges.insert('a', 'b', 0);
//   model.result.push_back(256);
//   BpeMerger(model).encode("abab", ids);         // ids == {256, 256}
//
// The pairs wait in a heap and the tokens form a linked list, so that a word of
// a million bytes costs n log n and not n squared. Byte-pair encoding: Sennrich
// et al. 2016.
//===----------------------------------------------------------------------===//
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mm1 {

/// Pair of token ids -> rank, in open addressing.
class MergeTable {
public:
  static constexpr uint32_t kNone = UINT32_MAX;

  /// A table with room for `count` pairs.
  explicit MergeTable(size_t count);
  /// False, and no change, when the pair is there already.
  bool insert(int32_t left, int32_t right, uint32_t rank);
  /// The pair's rank, or kNone.
  uint32_t find(int32_t left, int32_t right) const;

private:
  struct Slot {
    int32_t left, right;
    uint32_t rank;
  };
  size_t slotOf(int32_t left, int32_t right) const;

  std::vector<Slot> slots; // a power of two; rank kNone marks a free one
};

/// What merging needs of a tokenizer.
struct BpeModel {
  MergeTable merges;
  std::vector<int32_t> result;      // by rank: the token that the pair becomes
  std::array<int32_t, 256> byteIds; // -1: no token spells this byte alone
};

/// Merges words; keeps its scratch memory from word to word. One per thread.
class BpeMerger {
public:
  explicit BpeMerger(const BpeModel &model) : model(model) {}

  /// Appends the tokens of `word` (at most 2^31 - 1 bytes) to `ids`. False, and
  /// nothing appended, when a byte of it has no token.
  bool encode(std::string_view word, std::vector<int32_t> &ids);

private:
  /// One token of the word so far; `next` and `previous` are indices, -1 at the
  /// ends.
  struct Node {
    int32_t id, previous, next;
    /// Of this token and the next; kNone too when the node is merged away.
    uint32_t pairRank;
  };
  void rankPair(int32_t at);

  const BpeModel &model;
  std::vector<Node> nodes;
  /// rank << 32 | node, smallest first; stale entries are skipped when met.
  std::vector<uint64_t> heap;
};

} // namespace mm1
