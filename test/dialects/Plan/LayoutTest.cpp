//===- LayoutTest.cpp - Sizes and places of tensors, by hand --------------===//
#include "dialects/Plan/Layout.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>
#include <vector>

using namespace mlir;
using namespace mlir::plan;

namespace {

struct LayoutTest : ::testing::Test {
  LayoutTest() {
    context.loadDialect<mm1::MM1Dialect>();
    panels = mm1::TiledAttr::get(&context, 32, 2);
    padded = mm1::PaddedAttr::get(&context, 32);
    natural = swizzled(64, mm1::LineOrder::Natural);
    fragment = swizzled(64, mm1::LineOrder::Fragment);
  }
  Attribute swizzled(int64_t rows, mm1::LineOrder order) {
    return mm1::SwizzledAttr::get(&context, rows, order);
  }
  RankedTensorType tensor(ArrayRef<int64_t> shape, Type element,
                          Attribute encoding = {}) {
    return RankedTensorType::get(shape, element, encoding);
  }
  MLIRContext context;
  Type f32 = Float32Type::get(&context), bf16 = BFloat16Type::get(&context),
       i32 = IntegerType::get(&context, 32), i8 = IntegerType::get(&context, 8);
  int64_t dynamic = ShapedType::kDynamic;
  Attribute panels, padded, natural, fragment;
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

//===-------------------------------- Weights -----------------------------===//

TEST_F(LayoutTest, SizesOfPanelsAndRows) {
  auto experts = tensor({4, 48, 31}, bf16, panels);
  EXPECT_EQ(storedShape(experts), (SmallVector<int64_t>{4, 2, 16, 32, 2}));
  EXPECT_EQ(tiledBytes(experts), 2 * 16 * 32 * 2 * 2);
  EXPECT_EQ(weightBytes(experts), 4 * tiledBytes(experts));
  EXPECT_EQ(weightBytes(tensor({4, 33}, f32, padded)), 4 * 64 * 4);
  EXPECT_EQ(weightBytes(tensor({7, 3}, i8)), 21);
  EXPECT_EQ(weightAlignment(experts), 64);
  EXPECT_EQ(weightAlignment(tensor({7, 3}, i8)), 64);
}

// Lines of 32 f32, 64 bf16, 128 int8; two experts of 65 rows are 2 x 2 tiles.
TEST_F(LayoutTest, SizesOfSwizzledTiles) {
  auto f = tensor({65, 33}, f32, natural), b = tensor({64, 64}, bf16, natural),
       i = tensor({2, 65, 129}, i8, fragment);
  EXPECT_EQ(storedShape(f), (SmallVector<int64_t>{2, 2, 64, 32}));
  EXPECT_EQ(storedShape(b), (SmallVector<int64_t>{1, 1, 64, 64}));
  EXPECT_EQ(storedShape(i), (SmallVector<int64_t>{2, 2, 2, 64, 128}));
  EXPECT_EQ(weightBytes(f), 4 * 8192);
  EXPECT_EQ(weightBytes(b), 8192);
  EXPECT_EQ(tiledBytes(i), 4 * 8192);
  EXPECT_EQ(weightBytes(i), 2 * tiledBytes(i));
  for (RankedTensorType type : {f, b, i})
    EXPECT_EQ(weightAlignment(type), 1024);
}

TEST_F(LayoutTest, PlacesInRowsAndPanels) {
  EXPECT_EQ(storedOffset(tensor({4, 33}, f32, padded), 2, 5), (2 * 64 + 5) * 4);
  EXPECT_EQ(storedOffset(tensor({4, 33}, f32), 2, 5), (2 * 33 + 5) * 4);
  // Row 33, k = 5 of [48, 31]: panel 1 of 16 units, unit 2, row 1, second.
  EXPECT_EQ(storedOffset(tensor({4, 48, 31}, bf16, panels), 33, 5),
            ((1 * 16 + 2) * 32 + 1) * 2 * 2 + 2);
}

// The examples of #mm1.swizzle's documentation, and a tile of the last rows.
TEST_F(LayoutTest, PlacesInSwizzledTiles) {
  EXPECT_EQ(storedOffset(tensor({64, 64}, bf16, natural), 3, 28), 392);
  EXPECT_EQ(storedOffset(tensor({64, 128}, i8, fragment), 3, 28), 405);
  // int8 in natural order: byte 28 is byte 12 of chunk 1, at 1 ^ 3 = 2.
  EXPECT_EQ(storedOffset(tensor({64, 128}, i8, natural), 3, 28),
            3 * 128 + 2 * 16 + 12);
  // [130, 100] f32: 3 x 4 tiles. Row 129 = 2 * 64 + 1, k = 99 = 3 * 32 + 3:
  // tile 11, line 1, byte 12 of chunk 0, at 0 ^ 1.
  EXPECT_EQ(storedOffset(tensor({130, 100}, f32, natural), 129, 99),
            11 * 8192 + 128 + 16 + 12);
}

// Every byte of the tiles, padding too, is some element's.
TEST_F(LayoutTest, PlacesFillTheTilesOnce) {
  for (RankedTensorType type :
       {tensor({48, 31}, bf16, panels), tensor({65, 33}, f32, natural),
        tensor({130, 70}, bf16, natural), tensor({65, 130}, i8, natural),
        tensor({65, 130}, i8, fragment),
        tensor({20, 70}, bf16, swizzled(8, mm1::LineOrder::Natural))}) {
    SmallVector<int64_t> stored = storedShape(type);
    int64_t bytes = elementBytes(type.getElementType());
    std::vector<int> owners(weightBytes(type));
    for (int64_t n = 0; n < stored[0] * stored[2]; ++n)
      for (int64_t k = 0; k < stored[1] * stored[3]; ++k)
        for (int64_t byte = 0; byte < bytes; ++byte)
          ++owners.at(storedOffset(type, n, k) + byte);
    for (int count : owners)
      ASSERT_EQ(count, 1) << weightBytes(type) << " bytes";
  }
}

//===-------------------------------- States ------------------------------===//

TEST_F(LayoutTest, States) {
  EXPECT_EQ(stateUnitBytes(tensor({dynamic, 4, 16, 16}, f32)), 4096);
  EXPECT_EQ(stateUnitBytes(tensor({dynamic, 1, 3, 3}, f32)), 64); // 36
  // Rows of 16 are stored as 32: k and v, 2 heads, 64 rows.
  EXPECT_EQ(stateUnitBytes(tensor({dynamic, 2, 2, 64, 16}, bf16)),
            2 * 2 * 64 * 32 * 2);
}

} // namespace
