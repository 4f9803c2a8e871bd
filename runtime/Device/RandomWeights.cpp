//===- RandomWeights.cpp - Numbers to time a plan with --------------------===//
#include "runtime/Device/RandomWeights.h"

#include <bit>
#include <cstring>

namespace mm1 {

/// Steele, Lea and Flood's SplitMix64: one number of a sequence by its place.
static uint64_t randomAt(uint64_t seed, uint64_t place) {
  uint64_t x = seed + (place + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void fillRandom(std::span<std::byte> bytes, ElementType type, uint64_t seed) {
  size_t size = sizeBytes(type);
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    uint64_t random = randomAt(seed, at / size % (kRandomBytes / size));
    float value = float(int32_t(random >> 40) - (1 << 23)) * 0x1p-27f;
    if (type == ElementType::F32) {
      std::memcpy(&bytes[at], &value, size);
    } else if (type == ElementType::BF16) {
      uint16_t upper = uint16_t(std::bit_cast<uint32_t>(value) >> 16);
      std::memcpy(&bytes[at], &upper, size);
    } else if (type == ElementType::F64) {
      double wide = value;
      std::memcpy(&bytes[at], &wide, size);
    } else if (type == ElementType::F16) {
      uint16_t bits = uint16_t(random & 0x8fff); // below 2^-11
      std::memcpy(&bytes[at], &bits, size);
    } else {
      std::memcpy(&bytes[at], &random, size);
    }
  }
}

} // namespace mm1
