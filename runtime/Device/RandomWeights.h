//===- RandomWeights.h - Numbers to time a plan with ----------------------===//
// An artifact without weights can still be timed: bytes move and products are
// made whatever the numbers are. They are small and finite, so that nothing
// overflows on the way through 80 layers.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/ElementType.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace mm1 {

/// How many bytes of random numbers are made of each type; what is larger
/// repeats them.
inline constexpr uint64_t kRandomBytes = uint64_t(1) << 20;

/// Fills `bytes` with numbers of this type: floats in [-1/16, 1/16), integers
/// of all values. A function of type, seed and place only.
void fillRandom(std::span<std::byte> bytes, ElementType type, uint64_t seed);

} // namespace mm1
