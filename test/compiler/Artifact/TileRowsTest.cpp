//===- TileRowsTest.cpp - Panels against the definition of #mm1.tile ------===//
#include "compiler/Artifact/TileRows.h"
#include "compiler/Artifact/RowView.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace mm1;

namespace {

/// Bytes that tell their place; never 0, so that padding shows.
std::vector<std::byte> someBytes(size_t size) {
  std::mt19937 random(7);
  std::vector<std::byte> bytes(size);
  for (std::byte &byte : bytes)
    byte = std::byte(1 + random() % 255);
  return bytes;
}

/// out[k / depth][r][k % depth] = row r, element k; straight from the words.
std::vector<std::byte> expectedPanel(const std::vector<std::byte> &data,
                                     size_t numRows, size_t columns,
                                     size_t elementBytes, size_t panel,
                                     size_t depth) {
  size_t groups = (columns + depth - 1) / depth;
  std::vector<std::byte> out(groups * panel * depth * elementBytes);
  for (size_t row = 0; row < numRows; ++row)
    for (size_t k = 0; k < columns; ++k)
      std::memcpy(
          &out[((k / depth * panel + row) * depth + k % depth) * elementBytes],
          &data[(row * columns + k) * elementBytes], elementBytes);
  return out;
}

void checkPanel(size_t numRows, size_t columns, size_t elementBytes,
                size_t panel, size_t depth) {
  std::vector<std::byte> data = someBytes(numRows * columns * elementBytes);
  std::vector<const std::byte *> rows;
  for (size_t row = 0; row < numRows; ++row)
    rows.push_back(&data[row * columns * elementBytes]);
  size_t groups = (columns + depth - 1) / depth;
  std::vector<std::byte> out(groups * panel * depth * elementBytes,
                             std::byte(0xee));
  tileRows(rows, columns * elementBytes, panel, groups, depth * elementBytes,
           out.data());
  EXPECT_EQ(out,
            expectedPanel(data, numRows, columns, elementBytes, panel, depth))
      << numRows << " rows of " << columns << " x " << elementBytes
      << " bytes, panel " << panel << " depth " << depth;
}

TEST(TileRows, SmallestByHand) {
  // Rows 1 2 3 and 4 5 6 of int8, panel 2, depth 2: 1 2 4 5 | 3 0 6 0.
  uint8_t a[] = {1, 2, 3}, b[] = {4, 5, 6}, out[8];
  const std::byte *rows[] = {reinterpret_cast<std::byte *>(a),
                             reinterpret_cast<std::byte *>(b)};
  tileRows(rows, 3, 2, 2, 2, reinterpret_cast<std::byte *>(out));
  EXPECT_EQ(std::vector<uint8_t>(out, out + 8),
            (std::vector<uint8_t>{1, 2, 4, 5, 3, 0, 6, 0}));
}

TEST(TileRows, EveryKindOfUnitAndTail) {
  for (size_t columns : {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 96, 130})
    for (size_t numRows : {1, 3, 4, 8, 29, 31, 32}) {
      checkPanel(numRows, columns, 2, 32, 2); // bf16: 4-byte units
      checkPanel(numRows, columns, 1, 32, 2); // int8: 2-byte units
      checkPanel(numRows, columns, 4, 32, 1); // f32
      checkPanel(numRows, columns, 2, 32, 1); // 2-byte units of one element
      checkPanel(numRows, columns, 1, 32, 4);
      checkPanel(numRows, columns, 1, 32, 8); // no fast path
      checkPanel(numRows, columns, 2, 48, 4);
    }
}

//===------------------------------ RowView -------------------------------===//

std::vector<int> rowOf(const RowView &view, int64_t row) {
  std::vector<Stretch> stretches;
  view.appendRow(row, stretches);
  std::vector<int> values;
  for (Stretch stretch : stretches)
    for (std::byte byte : stretch)
      values.push_back(static_cast<int>(byte));
  return values;
}

struct Counting {
  std::vector<std::byte> bytes;
  explicit Counting(int first, size_t size) {
    for (size_t i = 0; i < size; ++i)
      bytes.push_back(std::byte(first + i));
  }
  RowViewPtr view(std::vector<int64_t> shape) const {
    return viewOf(bytes, std::move(shape), ElementType::I8);
  }
};

TEST(RowView, StackThenSliceOfRows) {
  // a = [[0 1 2] [3 4 5]], b = [[10 11 12] [13 14 15]]
  Counting a(0, 6), b(10, 6);
  std::vector<RowViewPtr> parts;
  parts.push_back(a.view({2, 3}));
  parts.push_back(b.view({2, 3}));
  RowViewPtr stacked = stackViews(std::move(parts));
  EXPECT_EQ(rowOf(*stacked, 2), (std::vector<int>{10, 11, 12}));
  RowViewPtr second = sliceView(std::move(stacked), 1, 1, 1); // [2, 1, 3]
  EXPECT_EQ(second->numRows(), 2);
  EXPECT_EQ(rowOf(*second, 0), (std::vector<int>{3, 4, 5}));
  EXPECT_EQ(rowOf(*second, 1), (std::vector<int>{13, 14, 15}));
}

TEST(RowView, ConcatColumnsThenSliceAcrossTheSeam) {
  Counting a(0, 4), b(10, 6);
  std::vector<RowViewPtr> parts;
  parts.push_back(a.view({2, 2})); // [[0 1] [2 3]]
  parts.push_back(b.view({2, 3})); // [[10 11 12] [13 14 15]]
  RowViewPtr wide = concatViews(std::move(parts), 1);
  EXPECT_EQ(rowOf(*wide, 1), (std::vector<int>{2, 3, 13, 14, 15}));
  RowViewPtr middle = sliceView(std::move(wide), 1, 1, 2);
  EXPECT_EQ(rowOf(*middle, 0), (std::vector<int>{1, 10}));
  EXPECT_EQ(rowOf(*middle, 1), (std::vector<int>{3, 13}));
}

TEST(RowView, ConcatInTheMiddleAndFront) {
  Counting a(0, 4), b(10, 8);
  std::vector<RowViewPtr> parts;
  parts.push_back(a.view({2, 1, 2})); // [[[0 1]] [[2 3]]]
  parts.push_back(b.view({2, 2, 2})); // [[[10 11] [12 13]] [[14 15] [16 17]]]
  RowViewPtr joined = concatViews(std::move(parts), 1); // [2, 3, 2]
  std::vector<std::vector<int>> rows;
  for (int64_t row = 0; row < joined->numRows(); ++row)
    rows.push_back(rowOf(*joined, row));
  EXPECT_EQ(rows, (std::vector<std::vector<int>>{
                      {0, 1}, {10, 11}, {12, 13}, {2, 3}, {14, 15}, {16, 17}}));
  RowViewPtr later = sliceView(std::move(joined), 0, 1, 1); // the second [3, 2]
  EXPECT_EQ(rowOf(*later, 0), (std::vector<int>{2, 3}));
  EXPECT_EQ(rowOf(*later, 2), (std::vector<int>{16, 17}));
}

TEST(RowView, VectorsAreOneRow) {
  Counting a(0, 3), b(10, 2);
  std::vector<RowViewPtr> parts;
  parts.push_back(a.view({3}));
  parts.push_back(b.view({2}));
  RowViewPtr joined = concatViews(std::move(parts), 0);
  EXPECT_EQ(joined->numRows(), 1);
  EXPECT_EQ(rowOf(*joined, 0), (std::vector<int>{0, 1, 2, 10, 11}));
}

} // namespace
