//===- RecipeMath.cpp - The numbers behind the steps of a weight's recipe -===//
#include "compiler/Import/RecipeMath.h"

#include <algorithm>
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
  float largest = 0;
  for (float w : row) {
    if (std::isnan(w))
      return w;
    largest = std::max(largest, std::fabs(w));
  }
  return largest / 127.0f;
}

void quantizeInt8Row(std::span<const float> row, float scale,
                     std::span<int8_t> out) {
  assert(std::isfinite(scale) && out.size() == row.size());
  if (scale == 0) {
    std::fill(out.begin(), out.end(), int8_t(0));
    return;
  }
  // nearbyint rounds half to even in the default rounding mode. The clamp only
  // matters when the scale is so small that it lost bits.
  for (size_t i = 0; i < row.size(); ++i)
    out[i] = static_cast<int8_t>(
        std::clamp(std::nearbyint(row[i] / scale), -127.0f, 127.0f));
}

} // namespace mm1
