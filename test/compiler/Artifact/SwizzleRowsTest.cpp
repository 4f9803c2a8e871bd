//===- SwizzleRowsTest.cpp - Tiles as their readers see them --------------===//
// First the formula of #mm1.swizzle, byte by byte. Then the readers, so that a
// wrong reading of the formula does not pass: a warp's ldmatrix and wgmma's
// descriptor for bf16, 16-byte loads for int8, lane by lane as the PTX ISA
// states addresses and fragments. They speak of addresses and of the swizzle as
// the hardware does (bits 4..6 of an address xor bits 7..9), not of rows.
//===----------------------------------------------------------------------===//
#include "compiler/Artifact/SwizzleRows.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <vector>

using namespace mm1;

namespace {

using Bytes = std::vector<std::byte>;

/// Bytes that tell their place; never 0 or 128, so that padding shows.
Bytes someBytes(size_t size) {
  std::mt19937 random(7);
  Bytes bytes(size);
  for (std::byte &byte : bytes)
    do
      byte = std::byte(random());
    while ((byte & std::byte(0x7f)) == std::byte(0));
  return bytes;
}

/// The tiles of `numRows` rows of `rowBytes`, which lie one after the other in
/// `data`. Bytes that nobody writes stay 0xee.
Bytes swizzle(const Bytes &data, int64_t numRows, int64_t rowBytes,
              int64_t tileRows, bool isFragment) {
  std::vector<const std::byte *> rows;
  for (int64_t row = 0; row < numRows; ++row)
    rows.push_back(&data[row * rowBytes]);
  int64_t lines = (rowBytes + 127) / 128;
  Bytes out(lines * tileRows * 128, std::byte(0xee));
  (isFragment ? swizzleFragments : swizzleRows)(rows, rowBytes, tileRows, lines,
                                                out.data());
  return out;
}

//===------------------------------- Formula ------------------------------===//

/// The place of byte k of a row in its line, before chunks move.
int64_t fragmentByte(int64_t k) {
  int64_t h = k / 64 % 2, j = k / 16 % 4, b = k / 8 % 2, t = k / 2 % 4,
          c = k % 2;
  return 16 * (4 * h + t) + 4 * j + 2 * c + b;
}

void checkFormula(int64_t numRows, int64_t rowBytes, int64_t tileRows,
                  bool isFragment) {
  Bytes data = someBytes(numRows * rowBytes);
  Bytes out = swizzle(data, numRows, rowBytes, tileRows, isFragment);
  for (int64_t n = 0; n < tileRows; ++n)
    for (int64_t byte = 0; byte < (rowBytes + 127) / 128 * 128; ++byte) {
      int64_t line = isFragment ? fragmentByte(byte % 128) : byte % 128;
      int64_t at = (byte / 128 * tileRows + n) * 128 + (line ^ n % 8 * 16);
      std::byte wanted{};
      if (n < numRows && byte < rowBytes)
        wanted = data[n * rowBytes + byte];
      if (isFragment)
        wanted = std::byte(int(wanted) + 128);
      ASSERT_EQ(out[at], wanted)
          << numRows << " rows of " << rowBytes << " bytes in tiles of "
          << tileRows << ": row " << n << ", byte " << byte;
    }
}

TEST(SwizzleRows, EveryByteOfEveryTail) {
  for (int64_t numRows : {1, 7, 8, 9, 31, 63, 64})
    for (int64_t rowBytes : {1, 2, 15, 16, 17, 62, 63, 64, 65, 127, 128, 129,
                             200, 255, 256, 600}) {
      checkFormula(numRows, rowBytes, 64, false);
      checkFormula(numRows, rowBytes, 64, true);
    }
  for (int64_t numRows : {1, 8}) {
    checkFormula(numRows, 300, 8, false);
    checkFormula(numRows, 300, 8, true);
  }
}

//===-------------------------------- Readers -----------------------------===//

/// One tile in shared memory, at an address that is a multiple of 1024.
struct Tile {
  Bytes bytes;
  explicit Tile(Bytes bytes) : bytes(std::move(bytes)) {}

  /// PTX ISA, "128-Byte swizzle mode": what is stored for an address.
  static int swizzled(int address) { return address ^ (address >> 7 & 7) << 4; }
  template <typename T> T at(int address) const {
    T value;
    std::memcpy(&value, &bytes.at(address), sizeof(value));
    return value;
  }
};

uint16_t bf16At(int n, int k) { return uint16_t(n * 64 + k); }
int int8At(int n, int k) { return (n * 7919 + k * 104729) % 255 - 127; }

/// 64 rows of 64 bf16, each of a value of its own.
Tile bf16Tile() {
  Bytes data(64 * 128);
  for (int n = 0; n < 64; ++n)
    for (int k = 0; k < 64; ++k) {
      uint16_t value = bf16At(n, k);
      std::memcpy(&data[n * 128 + 2 * k], &value, 2);
    }
  return Tile(swizzle(data, 64, 128, 64, false));
}

/// 64 rows of 128 int8.
Tile int8Tile() {
  Bytes data(64 * 128);
  for (int n = 0; n < 64; ++n)
    for (int k = 0; k < 128; ++k)
      data[n * 128 + k] = std::byte(int8At(n, k));
  return Tile(swizzle(data, 64, 128, 64, true));
}

/// Element `p` (0, 1) of register `r` (0..3) of A in mma.m16n8k16: PTX ISA,
/// "Matrix Fragments for mma.m16n8k16 with floating point type".
struct Place {
  int row, k;
};
Place fragmentA(int lane, int r, int p) {
  int group = lane >> 2, thread = lane % 4, i = 2 * r + p;
  int row = (i >= 0 && i < 2) || (i >= 4 && i < 6) ? group : group + 8;
  int column = thread * 2 + (i & 1) + (i >= 4 ? 8 : 0);
  return {row, column};
}

/// Whether lanes first .. first+7 of a 16-byte access touch each bank once.
bool touchEachBankOnce(const int *addresses, int first) {
  std::set<int> banks;
  for (int lane = first; lane < first + 8; ++lane)
    for (int word = 0; word < 4; ++word)
      banks.insert((addresses[lane] / 4 + word) % 32);
  return banks.size() == 32;
}

// Lanes 8 m .. 8 m + 7 give the addresses of the rows of matrix m; lane l gets
// elements 2 (l % 4) and the next of row l / 4 of each matrix.
TEST(SwizzledTile, LdmatrixGivesAFragmentsOfBf16) {
  Tile tile = bf16Tile();
  for (int m0 = 0; m0 < 64; m0 += 16)
    for (int k0 = 0; k0 < 64; k0 += 16) {
      int addresses[32];
      for (int lane = 0; lane < 32; ++lane) {
        // Matrices: rows 0..7, rows 8..15, and the same eight k further.
        int row = m0 + lane % 8 + 8 * (lane / 8 % 2), k = k0 + 8 * (lane / 16);
        addresses[lane] = Tile::swizzled(row * 128 + k * 2);
      }
      for (int lane = 0; lane < 32; lane += 8)
        EXPECT_TRUE(touchEachBankOnce(addresses, lane));
      for (int lane = 0; lane < 32; ++lane)
        for (int r = 0; r < 4; ++r)
          for (int p = 0; p < 2; ++p) {
            int address = addresses[8 * r + lane / 4] + 4 * (lane % 4) + 2 * p;
            Place place = fragmentA(lane, r, p);
            ASSERT_EQ(tile.at<uint16_t>(address),
                      bf16At(m0 + place.row, k0 + place.k))
                << "lane " << lane << ", register " << r << ", half " << p;
          }
    }
}

// K-major, 128-byte swizzle, groups of 8 rows 1024 bytes apart; the start
// address moves by 32 bytes for each 16 k.
TEST(SwizzledTile, WgmmaDescriptorWalksBf16) {
  Tile tile = bf16Tile();
  for (int step = 0; step < 4; ++step)
    for (int row = 0; row < 64; ++row)
      for (int k = 0; k < 16; ++k) {
        int start = step * 32;
        int address = start + row / 8 * 1024 + row % 8 * 128 + 2 * k;
        ASSERT_EQ(tile.at<uint16_t>(Tile::swizzled(address)),
                  bf16At(row, 16 * step + k))
            << "row " << row << ", k " << 16 * step + k;
      }
}

// A lane loads 16 bytes of two rows: four k steps. The even bytes of word j are
// one register of step j, the odd bytes the register eight k further. Row g of
// the product stands for row g / 2 + 4 (g % 2) of each eight, so that a quarter
// of a warp touches each bank once.
TEST(SwizzledTile, SixteenBytesAreFourFragmentsOfInt8) {
  Tile tile = int8Tile();
  auto rowOf = [](int g) { return g % 8 / 2 + 4 * (g % 2) + g / 8 * 8; };
  for (int m0 = 0; m0 < 64; m0 += 16)
    for (int h = 0; h < 2; ++h) {
      int addresses[2][32];
      for (int half = 0; half < 2; ++half) {
        for (int lane = 0; lane < 32; ++lane)
          addresses[half][lane] =
              Tile::swizzled((m0 + rowOf(lane / 4 + 8 * half)) * 128 +
                             16 * (4 * h + lane % 4));
        for (int lane = 0; lane < 32; lane += 8)
          EXPECT_TRUE(touchEachBankOnce(addresses[half], lane));
      }
      for (int lane = 0; lane < 32; ++lane)
        for (int j = 0; j < 4; ++j)
          for (int r = 0; r < 4; ++r)
            for (int p = 0; p < 2; ++p) {
              int byte = 4 * j + 2 * p + r / 2;
              int found = tile.at<uint8_t>(addresses[r % 2][lane] + byte) - 128;
              Place place = fragmentA(lane, r, p);
              ASSERT_EQ(found, int8At(m0 + rowOf(place.row),
                                      64 * h + 16 * j + place.k))
                  << "lane " << lane << ", step " << 4 * h + j << ", register "
                  << r;
            }
    }
}

// What a decode kernel copies in one piece: eight rows are a KiB of a tile.
TEST(SwizzledTile, EightRowsAreAKibibyte) {
  Tile tile = bf16Tile();
  for (int first = 0; first < 64; first += 8) {
    std::set<uint16_t> found, wanted;
    for (int i = 0; i < 512; ++i)
      found.insert(tile.at<uint16_t>(first * 128 + 2 * i));
    for (int n = first; n < first + 8; ++n)
      for (int k = 0; k < 64; ++k)
        wanted.insert(bf16At(n, k));
    EXPECT_EQ(found, wanted);
  }
}

} // namespace
