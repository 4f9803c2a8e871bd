//===- Memory.cpp - See Memory.h ------------------------------------------===//
#include "kernels/emulation/driver/Memory.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>

namespace mm1::emulated {

namespace {

constexpr size_t kPage = 4096;
constexpr uint8_t kRed = 0xFD;
constexpr uint8_t kFresh = 0xFF;
/// Above this a block is poisoned only as far: pages that nobody touches cost
/// no memory then.
constexpr size_t kPoisonBytes = size_t(64) << 20;
/// How far before a block its red zone is painted.
constexpr size_t kRedBefore = 256;

size_t roundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

void *at(uintptr_t address) { return reinterpret_cast<void *>(address); }

} // namespace

Memory::~Memory() {
  if (first)
    ::munmap(at(first), size());
}

bool Memory::reserve(int devices, uint64_t bytesPerDevice) {
  capacity = bytesPerDevice;
  // Room to free and allocate many times over.
  uint64_t bytes =
      std::max(roundUp(bytesPerDevice, kPage) * 8, uint64_t(64) << 30);
  uint64_t total = bytes * uint64_t(devices + 1);
  void *map = ::mmap(nullptr, total, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED)
    return false;
  first = reinterpret_cast<uintptr_t>(map);
  regionBytes = bytes;
  numRegions = devices + 1;
  return true;
}

int Memory::regionOf(uintptr_t address) const {
  int number = static_cast<int>((address - first) / regionBytes);
  return number == numRegions - 1 ? kPinned : number;
}

uint64_t Memory::freeBytes(int device) const {
  return capacity - regions[device].used;
}

const Block *Memory::allocate(int number, size_t bytes) {
  Region &in = region(number);
  if (bytes > capacity || (number != kPinned && bytes > capacity - in.used))
    return nullptr;
  size_t room = roundUp(bytes, kAlignment);
  size_t pageBytes = roundUp(room + kRedBefore, kPage);
  if (in.next + pageBytes + 2 * kPage > regionBytes)
    return nullptr;
  int index = number == kPinned ? numRegions - 1 : number;
  uintptr_t pages = first + uint64_t(index) * regionBytes + in.next + kPage;
  if (::mprotect(at(pages), pageBytes, PROT_READ | PROT_WRITE) != 0)
    return nullptr;
  in.next += pageBytes + kPage;
  in.used += bytes;
  Block block{pages + pageBytes - room, bytes, number, true, pages, pageBytes};
  paintRedZone(block);
  std::memset(at(block.address), kFresh, std::min(bytes, kPoisonBytes));
  return &(blocks[block.address] = block);
}

void Memory::release(const Block &block) {
  region(block.region).used -= block.bytes;
  // Fresh pages that nobody may touch: the memory goes back to the machine.
  ::mmap(at(block.pages), block.pageBytes, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  blocks[block.address].live = false;
}

const Block *Memory::find(uintptr_t address) const {
  if (!owns(address))
    return nullptr;
  auto it = blocks.upper_bound(address);
  if (it == blocks.begin())
    return nullptr;
  const Block &block = std::prev(it)->second;
  return block.region == regionOf(address) ? &block : nullptr;
}

const Block *Memory::liveAt(uintptr_t address) const {
  auto it = blocks.find(address);
  return it != blocks.end() && it->second.live ? &it->second : nullptr;
}

std::string Memory::text(uintptr_t address) const {
  char text[64];
  if (!owns(address))
    return "an address that the driver never gave out";
  size_t offset = (address - first) % regionBytes;
  int region = regionOf(address);
  if (region == kPinned)
    std::snprintf(text, sizeof text, "pinned memory + 0x%zx", offset);
  else
    std::snprintf(text, sizeof text, "device %d + 0x%zx", region, offset);
  return text;
}

std::string Memory::problem(uintptr_t address, size_t bytes) const {
  if (!owns(address))
    return text(address);
  const Block *block = find(address);
  if (!block)
    return text(address) + " lies before the first allocation";
  if (address >= block->end())
    return text(address) + " lies " + std::to_string(address - block->end()) +
           " bytes behind the end of an allocation of " +
           std::to_string(block->bytes);
  if (!block->live)
    return text(address) + " was freed";
  if (bytes > block->end() - address)
    return std::to_string(bytes) + " bytes at " + text(address) +
           " pass the end of an allocation of " + std::to_string(block->bytes) +
           " by " + std::to_string(bytes - (block->end() - address));
  return {};
}

void Memory::paintRedZone(const Block &block) {
  std::memset(at(block.address - kRedBefore), kRed, kRedBefore);
  std::memset(at(block.end()), kRed,
              block.pages + block.pageBytes - block.end());
}

std::string Memory::redZoneProblem(const Block &block) const {
  auto isRed = [](uintptr_t from, uintptr_t to) {
    auto *bytes = static_cast<const uint8_t *>(at(from));
    return std::all_of(bytes, bytes + (to - from),
                       [](uint8_t byte) { return byte == kRed; });
  };
  std::string of = "the allocation of " + std::to_string(block.bytes) +
                   " bytes at " + text(block.address);
  if (!isRed(block.address - kRedBefore, block.address))
    return "bytes before " + of + " were written";
  if (!isRed(block.end(), block.pages + block.pageBytes))
    return "bytes behind " + of + " were written";
  return {};
}

} // namespace mm1::emulated
