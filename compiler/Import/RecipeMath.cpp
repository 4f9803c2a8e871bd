//===- RecipeMath.cpp - The numbers behind the steps of a weight's recipe -===//
#include "compiler/Import/RecipeMath.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

namespace mm1 {

void toFloat(ElementType type, std::span<const std::byte> bytes,
             std::span<float> out) {
  assert(type == ElementType::BF16 || type == ElementType::F32);
  assert(bytes.size() == out.size() * sizeBytes(type));
  if (type == ElementType::F32) {
    if (!out.empty()) // memcpy takes no null pointer, even for 0 bytes
      std::memcpy(out.data(), bytes.data(), bytes.size());
    return;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes.data() + 2 * i, sizeof(bits));
    out[i] = bf16ToFloat(bits);
  }
}

float int8RowScale(std::span<const float> row) {
  // Without their sign, the bits of floats are in the order of the numbers, and
  // those of infinity and NaN are above all: a maximum of integers, which the
  // compiler makes a vector loop of.
  int32_t largest = 0;
  for (float w : row)
    largest = std::max(largest, std::bit_cast<int32_t>(w) & 0x7fffffff);
  return std::bit_cast<float>(largest) / 127.0f;
}

void quantizeInt8Row(std::span<const float> row, float scale,
                     std::span<int8_t> out) {
  assert(std::isfinite(scale) && out.size() == row.size());
  if (scale == 0) {
    std::fill(out.begin(), out.end(), int8_t(0));
    return;
  }
  // Below 2^22, adding 1.5 * 2^23 leaves no bits for a fraction, so the sum is
  // rounded to an integer, half to even in the default rounding mode: what
  // nearbyint does, in a vector loop. The clamp only matters when the scale is
  // so small that it lost bits.
  constexpr float kNoFraction = 12582912.0f;
  for (size_t i = 0; i < row.size(); ++i) {
    float quotient = std::clamp(row[i] / scale, -127.0f, 127.0f);
    out[i] = static_cast<int8_t>((quotient + kNoFraction) - kNoFraction);
  }
}

} // namespace mm1
