//===- RecipeMathTest.cpp - The numbers behind recipe steps ---------------===//
#include "compiler/Import/RecipeMath.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

using namespace mm1;

static std::vector<int> quantized(std::vector<float> row) {
  std::vector<int8_t> integers(row.size());
  quantizeInt8Row(row, int8RowScale(row), integers);
  return {integers.begin(), integers.end()};
}

TEST(RecipeMath, ScaleIsTheLargestOver127) {
  EXPECT_EQ(int8RowScale(std::vector<float>{1, -3, 2}), 3.0f / 127.0f);
  EXPECT_EQ(quantized({1, -3, 2}), (std::vector<int>{42, -127, 85}));
}

// With 127 in the row the scale is exactly 1.
TEST(RecipeMath, HalvesGoToEven) {
  EXPECT_EQ(quantized({127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f}),
            (std::vector<int>{127, 0, 2, 2, 0, -2, -2}));
}

TEST(RecipeMath, ZeroRowHasScaleZero) {
  std::vector<float> zeros{0, -0.0f, 0};
  EXPECT_EQ(int8RowScale(zeros), 0.0f);
  EXPECT_EQ(quantized(zeros), (std::vector<int>{0, 0, 0}));
}

// The smallest float over 127 is 0: as good as a row of zeros.
TEST(RecipeMath, VanishingScaleGivesZeros) {
  float tiny = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(quantized({tiny, -tiny}), (std::vector<int>{0, 0}));
}

// 190 of the smallest float over 127 is 1.496 of it, stored as 1: the quotient
// 190 must not leave the range.
TEST(RecipeMath, SubnormalScalesStayInRange) {
  float tiny = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(quantized({tiny * 190}), (std::vector<int>{127}));
  for (int n = 1; n < 2000; ++n)
    for (int q : quantized({tiny * n, -tiny * n})) {
      EXPECT_GE(q, -127);
      EXPECT_LE(q, 127);
    }
}

TEST(RecipeMath, ValuesThatAreNotFiniteShowInTheScale) {
  float inf = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(std::isfinite(int8RowScale(std::vector<float>{1, inf})));
  EXPECT_FALSE(std::isfinite(int8RowScale(std::vector<float>{-inf, 1})));
  EXPECT_FALSE(std::isfinite(int8RowScale(std::vector<float>{1, NAN, 2})));
}

TEST(RecipeMath, ToFloatReadsAnyAlignment) {
  // 0xff, then bf16 1.0 and -2.0, little end first.
  const unsigned char stored[] = {0xff, 0x80, 0x3f, 0x00, 0xc0};
  std::vector<float> floats(2);
  toFloat(ElementType::BF16, std::as_bytes(std::span(stored)).subspan(1),
          floats);
  EXPECT_EQ(floats, (std::vector<float>{1, -2}));
  const unsigned char wide[] = {0xff, 0x00, 0x00, 0xc0, 0x3f};
  floats.resize(1);
  toFloat(ElementType::F32, std::as_bytes(std::span(wide)).subspan(1), floats);
  EXPECT_EQ(floats, (std::vector<float>{1.5f}));
}
