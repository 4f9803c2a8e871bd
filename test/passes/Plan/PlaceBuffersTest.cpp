//===- PlaceBuffersTest.cpp - No two live buffers share bytes -------------===//
#include "passes/Plan/PlaceBuffers.h"
#include "dialects/Plan/Layout.h"

#include "mlir/IR/MLIRContext.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace mlir::plan;

namespace {

using Offsets = std::vector<int64_t>;

TEST(PlaceBuffers, ExampleOfTheHeader) {
  // b at 0, a and c behind it, on each other.
  Placement placement =
      placeBuffers({{256, 0, 1}, {512, 1, 2}, {256, 2, 3}}, 0);
  EXPECT_EQ(placement.offsets, (Offsets{512, 0, 512}));
  EXPECT_EQ(placement.end, 768);
}

TEST(PlaceBuffers, TakesTheLowestGapThatFits) {
  // 512 at 64, 256 behind it at 576. The 128 meets the 256 only: it goes under.
  Placement placement =
      placeBuffers({{512, 0, 1}, {256, 1, 3}, {128, 2, 3}}, 64);
  EXPECT_EQ(placement.offsets, (Offsets{64, 576, 64}));
  EXPECT_EQ(placement.end, 832);
  EXPECT_EQ(placeBuffers({}, 192).end, 192);
}

TEST(PlaceBuffers, RandomRangesNeverShareBytes) {
  std::mt19937 random(3);
  auto below = [&](int64_t bound) -> int64_t { return random() % bound; };
  for (int round = 0; round < 200; ++round) {
    std::vector<LiveBuffer> buffers(1 + below(60));
    for (LiveBuffer &buffer : buffers) {
      int64_t first = below(40);
      buffer = {64 * (1 + below(20)), first, first + below(8)};
    }
    Placement placement = placeBuffers(buffers, 128);
    int64_t end = 128;
    for (size_t i = 0; i < buffers.size(); ++i) {
      int64_t at = placement.offsets[i];
      EXPECT_GE(at, 128);
      EXPECT_EQ(at % 64, 0);
      end = std::max(end, at + buffers[i].bytes);
      for (size_t k = 0; k < i; ++k) {
        bool meet = buffers[i].first <= buffers[k].last &&
                    buffers[k].first <= buffers[i].last;
        bool share = at < placement.offsets[k] + buffers[k].bytes &&
                     placement.offsets[k] < at + buffers[i].bytes;
        ASSERT_FALSE(meet && share) << "round " << round;
      }
    }
    EXPECT_EQ(placement.end, end);
  }
}

//===------------------------------- Layout -------------------------------===//

struct LayoutTest : ::testing::Test {
  LayoutTest() { context.loadDialect<mm1::MM1Dialect>(); }
  RankedTensorType tensor(ArrayRef<int64_t> shape, Type element,
                          Attribute encoding = {}) {
    return RankedTensorType::get(shape, element, encoding);
  }
  MLIRContext context;
  Type f32 = Float32Type::get(&context), bf16 = BFloat16Type::get(&context),
       i32 = IntegerType::get(&context, 32), i8 = IntegerType::get(&context, 8);
  int64_t dynamic = ShapedType::kDynamic;
};

TEST_F(LayoutTest, Rows) {
  EXPECT_EQ(rowStride(100, f32), 128);
  EXPECT_EQ(rowStride(32, bf16), 32);
  EXPECT_EQ(rowStride(256, f32), 288);  // 1024 bytes
  EXPECT_EQ(rowStride(256, bf16), 256); // 512 bytes
  EXPECT_EQ(rowStride(500, bf16), 544); // 512 elements are 1024 bytes
  EXPECT_EQ(rowStride(6144, bf16), 6176);
  EXPECT_EQ(rowStrideBytes(7, i32), 28);
}

TEST_F(LayoutTest, Buffers) {
  EXPECT_EQ(bufferBytes(tensor({dynamic}, i32), 17), 128);
  EXPECT_EQ(bufferBytes(tensor({5}, i32), 17), 64);
  EXPECT_EQ(bufferBytes(tensor({dynamic, dynamic}, i32), 3, 7), 128); // 84
  EXPECT_EQ(bufferBytes(tensor({dynamic, 2}, i32), 9), 128);          // 72
  EXPECT_EQ(bufferBytes(tensor({dynamic, 2}, f32), 9), 9 * 128);
  EXPECT_EQ(bufferBytes(tensor({dynamic, 3, 40}, bf16), 2), 6 * 128);
}

TEST_F(LayoutTest, Weights) {
  auto tiled = mm1::TiledAttr::get(&context, 32, 2);
  auto experts = tensor({4, 48, 31}, bf16, tiled);
  EXPECT_EQ(storedShape(experts), (SmallVector<int64_t>{4, 2, 16, 32, 2}));
  EXPECT_EQ(tiledBytes(experts), 2 * 16 * 32 * 2 * 2);
  EXPECT_EQ(weightBytes(experts), 4 * tiledBytes(experts));
  auto padded = mm1::PaddedAttr::get(&context, 32);
  EXPECT_EQ(weightBytes(tensor({4, 33}, f32, padded)), 4 * 64 * 4);
  EXPECT_EQ(weightBytes(tensor({7, 3}, i8)), 21);
}

TEST_F(LayoutTest, States) {
  EXPECT_EQ(stateUnitBytes(tensor({dynamic, 4, 16, 16}, f32)), 4096);
  EXPECT_EQ(stateUnitBytes(tensor({dynamic, 1, 3, 3}, f32)), 64); // 36
  // Rows of 16 are stored as 32: k and v, 2 heads, 64 rows.
  EXPECT_EQ(stateUnitBytes(tensor({dynamic, 2, 2, 64, 16}, bf16)),
            2 * 2 * 64 * 32 * 2);
}

} // namespace
