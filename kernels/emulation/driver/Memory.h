//===- Memory.h - Addresses of the emulated machine -----------------------===//
// One range of addresses is reserved, with a region for each GPU and one for
// pinned host memory. A block stands at the end of its pages, between pages
// that fault, and the bytes left over are a red zone:
//
//   | no access | 0xFD ...... | block | 0xFD (< 256 bytes) | no access |
//
// No address is given out twice: who uses freed memory meets a page without
// access, and a report that knows whose it was. Fresh memory is 0xFF, NaN in
// every format of floating point.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace mm1::emulated {

/// As a region: the host's pinned memory.
inline constexpr int kPinned = -1;

struct Block {
  uintptr_t address;
  size_t bytes;
  /// A device's number or kPinned.
  int region;
  bool live;
  /// The pages it stands in.
  uintptr_t pages;
  size_t pageBytes;

  uintptr_t end() const { return address + bytes; }
  bool meets(uintptr_t from, size_t size) const {
    return from < end() && address < from + size;
  }
};

class Memory {
public:
  static constexpr size_t kAlignment = 256;

  Memory() = default;
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  ~Memory();

  /// Reserves addresses for `devices` GPUs of `bytesPerDevice`; false when the
  /// machine refuses.
  bool reserve(int devices, uint64_t bytesPerDevice);

  /// A new block, or null when the device's memory is used up.
  const Block *allocate(int region, size_t bytes);
  /// Takes the block away; its addresses stay taken.
  void release(const Block &block);

  /// The live or freed block that begins at or before `address`, in its region.
  const Block *find(uintptr_t address) const;
  /// The same if it is live and begins at `address`.
  const Block *liveAt(uintptr_t address) const;

  bool owns(uintptr_t address) const {
    return address - first < regionBytes * uint64_t(numRegions);
  }
  /// The first address; those of devices come first.
  uintptr_t begin() const { return first; }
  size_t deviceBytes() const { return regionBytes * uint64_t(numRegions - 1); }
  /// Of an address that is owned: a device or kPinned.
  int regionOf(uintptr_t address) const;
  bool isPinned(uintptr_t address) const {
    return owns(address) && regionOf(address) == kPinned;
  }
  bool isDevice(uintptr_t address) const {
    return owns(address) && regionOf(address) != kPinned;
  }
  uint64_t freeBytes(int device) const;

  /// Empty when all of [address, address + bytes) is one live block's, else
  /// what is wrong: "device 0 + 0x2000 was freed".
  std::string problem(uintptr_t address, size_t bytes) const;
  /// Empty, or how the red zone of `block` was written to.
  std::string redZoneProblem(const Block &block) const;
  /// The same text in every run: an offset within its region.
  std::string text(uintptr_t address) const;

  const std::map<uintptr_t, Block> &all() const { return blocks; }

private:
  struct Region {
    uint64_t used = 0; ///< bytes of live blocks
    uint64_t next = 0; ///< offset of the first page never given out
  };
  Region &region(int number) {
    return regions[number == kPinned ? numRegions - 1 : number];
  }
  size_t size() const { return regionBytes * uint64_t(numRegions); }
  void paintRedZone(const Block &block);

  uintptr_t first = 0;
  uint64_t regionBytes = 0;
  uint64_t capacity = 0;
  int numRegions = 0;
  Region regions[9];
  std::map<uintptr_t, Block> blocks;
};

} // namespace mm1::emulated
