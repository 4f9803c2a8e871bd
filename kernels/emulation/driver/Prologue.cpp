//===- Prologue.cpp - See Prologue.h --------------------------------------===//
#include "kernels/emulation/driver/Prologue.h"

#include <algorithm>
#include <cstring>

namespace mm1::emulated {

namespace {

/// Larger blocks are weights and caches: comparing them takes too long.
constexpr size_t kMostBytes = size_t(4) << 20;
/// What is compared, and hidden, at once.
constexpr size_t kStep = 64;

std::byte *at(uintptr_t address) {
  return reinterpret_cast<std::byte *>(address);
}

} // namespace

void Prologue::enter(const Memory &memory, const Order &order) {
  bool overlaps = last.tick != 0 && !includes(order.start, last) &&
                  includes(order.waited, last);
  if (!overlaps)
    return;
  for (const Bytes &block : before) {
    if (!memory.liveAt(block.address))
      continue;
    for (size_t i = 0; i < block.bytes.size(); i += kStep) {
      size_t size = std::min(kStep, block.bytes.size() - i);
      std::byte *now = at(block.address + i);
      if (std::memcmp(now, block.bytes.data() + i, size) == 0)
        continue;
      hidden.push_back({block.address + i, {now, now + size}});
      std::memset(now, 0xFF, size);
    }
  }
}

void Prologue::leave(const Memory &memory, Moment moment) {
  for (const Bytes &piece : hidden)
    std::memcpy(at(piece.address), piece.bytes.data(), piece.bytes.size());
  hidden.clear();
  before.clear();
  for (const auto &[address, block] : memory.all())
    if (block.live && block.region != kPinned && block.bytes <= kMostBytes)
      before.push_back({address, {at(address), at(address) + block.bytes}});
  last = moment;
}

} // namespace mm1::emulated
