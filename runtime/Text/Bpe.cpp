//===- Bpe.cpp - Byte-pair merging in n log n ----------------------------===//
#include "runtime/Text/Bpe.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace mm1 {

MergeTable::MergeTable(size_t count)
    : slots(std::bit_ceil(2 * count + 1), Slot{0, 0, kNone}) {}

/// The pair's slot, or the free slot where it would go. The table is never more
/// than half full.
size_t MergeTable::slotOf(int32_t left, int32_t right) const {
  uint64_t hash = (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) |
                  static_cast<uint32_t>(right);
  hash = (hash ^ (hash >> 31)) * 0x9e3779b97f4a7c15u;
  hash = (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9u;
  size_t mask = slots.size() - 1;
  size_t at = (hash ^ (hash >> 32)) & mask;
  while (slots[at].rank != kNone &&
         (slots[at].left != left || slots[at].right != right))
    at = (at + 1) & mask;
  return at;
}

bool MergeTable::insert(int32_t left, int32_t right, uint32_t rank) {
  Slot &slot = slots[slotOf(left, right)];
  if (slot.rank != kNone)
    return false;
  slot = {left, right, rank};
  return true;
}

uint32_t MergeTable::find(int32_t left, int32_t right) const {
  return slots[slotOf(left, right)].rank;
}

/// Looks the pair at `at` up and queues it if it can merge.
void BpeMerger::rankPair(int32_t at) {
  Node &node = nodes[static_cast<size_t>(at)];
  node.pairRank = node.next < 0
                      ? MergeTable::kNone
                      : model.merges.find(
                            node.id, nodes[static_cast<size_t>(node.next)].id);
  if (node.pairRank != MergeTable::kNone)
    heap.push_back((static_cast<uint64_t>(node.pairRank) << 32) |
                   static_cast<uint32_t>(at));
}

bool BpeMerger::encode(std::string_view word, std::vector<int32_t> &ids) {
  nodes.clear();
  heap.clear();
  nodes.reserve(word.size());
  for (size_t at = 0; at < word.size(); ++at) {
    int32_t id = model.byteIds[static_cast<uint8_t>(word[at])];
    if (id < 0)
      return false;
    auto index = static_cast<int32_t>(at);
    nodes.push_back({id, index - 1, at + 1 < word.size() ? index + 1 : -1,
                     MergeTable::kNone});
  }
  for (size_t at = 0; at < nodes.size(); ++at)
    rankPair(static_cast<int32_t>(at));
  std::make_heap(heap.begin(), heap.end(), std::greater<>());

  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    uint64_t top = heap.back();
    heap.pop_back();
    auto at = static_cast<int32_t>(top & 0xffffffffu);
    auto rank = static_cast<uint32_t>(top >> 32);
    Node &left = nodes[static_cast<size_t>(at)];
    if (left.pairRank != rank)
      continue; // one of the two has merged with another since
    Node &right = nodes[static_cast<size_t>(left.next)];
    left.id = model.result[rank];
    left.next = right.next;
    right.pairRank = MergeTable::kNone;
    if (left.next >= 0)
      nodes[static_cast<size_t>(left.next)].previous = at;

    size_t queued = heap.size();
    rankPair(at);
    if (heap.size() > queued)
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    queued = heap.size();
    if (left.previous >= 0)
      rankPair(left.previous);
    if (heap.size() > queued)
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }
  for (int32_t at = nodes.empty() ? -1 : 0; at >= 0;
       at = nodes[static_cast<size_t>(at)].next)
    ids.push_back(nodes[static_cast<size_t>(at)].id);
  return true;
}

} // namespace mm1
