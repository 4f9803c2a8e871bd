//===- Vocabulary.cpp - Token texts and ids, both ways -------------------===//
#include "runtime/Text/Vocabulary.h"
#include "runtime/Text/ByteAlphabet.h"

#include <bit>
#include <cassert>
#include <functional>

namespace mm1 {

Vocabulary::Vocabulary(int32_t idLimit, size_t count)
    : entryIndex(static_cast<size_t>(idLimit), kNone),
      slots(std::bit_ceil(2 * count + 1), kNone) {
  entries.reserve(count);
}

/// The spelling's slot, or the free slot where it would go.
size_t Vocabulary::slotOf(std::string_view spelling) const {
  size_t mask = slots.size() - 1;
  size_t at = std::hash<std::string_view>()(spelling) & mask;
  while (slots[at] != kNone && spellingOf(slots[at]) != spelling)
    at = (at + 1) & mask;
  return at;
}

bool Vocabulary::insert(std::string_view spelling, std::string_view text,
                        int32_t id) {
  assert(entries.size() * 2 < slots.size() && "more tokens than announced");
  size_t slot = slotOf(spelling);
  if (slots[slot] != kNone || has(id))
    return false;
  slots[slot] = id;
  entryIndex[static_cast<size_t>(id)] = static_cast<int32_t>(entries.size());
  entries.push_back({static_cast<uint32_t>(spellings.size()),
                     static_cast<uint32_t>(spelling.size()),
                     static_cast<uint32_t>(bytes.size()),
                     static_cast<uint32_t>(text.size())});
  spellings += spelling;
  bytes += text;
  return true;
}

bool Vocabulary::add(std::string_view spelling, int32_t id) {
  auto text = unspellBytes(spelling);
  return insert(spelling, text ? std::string_view(*text) : spelling, id);
}

bool Vocabulary::addVerbatim(std::string_view text, int32_t id) {
  return insert(text, text, id);
}

int32_t Vocabulary::idOf(std::string_view spelling) const {
  return slots[slotOf(spelling)];
}

const Vocabulary::Entry *Vocabulary::entryOf(int32_t id) const {
  if (id < 0 || id >= idLimit() || entryIndex[static_cast<size_t>(id)] == kNone)
    return nullptr;
  return &entries[static_cast<size_t>(entryIndex[static_cast<size_t>(id)])];
}

std::string_view Vocabulary::bytesOf(int32_t id) const {
  const Entry *entry = entryOf(id);
  return entry
             ? std::string_view(bytes).substr(entry->bytesAt, entry->bytesSize)
             : std::string_view();
}

std::string_view Vocabulary::spellingOf(int32_t id) const {
  const Entry *entry = entryOf(id);
  return entry ? std::string_view(spellings).substr(entry->spellingAt,
                                                    entry->spellingSize)
               : std::string_view();
}

} // namespace mm1
