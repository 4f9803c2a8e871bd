//===- SwizzleRows.cpp - From rows to swizzled tiles, fast ----------------===//
#include "compiler/Artifact/SwizzleRows.h"
#include "compiler/Artifact/Vectors.h"

namespace mm1 {

namespace {

constexpr int64_t kLine = 128, kChunk = 16;

/// Writes one line whose chunks change places by `turn`, the row modulo 8.
void naturalLine(const std::byte *from, std::byte *to, int64_t turn) {
  for (int64_t chunk = 0; chunk < kLine / kChunk; ++chunk)
    store(to + (chunk ^ turn) * kChunk, load<Quad>(from + chunk * kChunk));
}

/// k = 64 h + 16 j + 8 b + 2 t + c goes to byte 4 j + 2 c + b of chunk 4 h + t.
/// Sixteen k are one load; its halves (b) interleave into the words of t = 0 to
/// 3, and four such loads (j) are transposed into the four chunks.
void fragmentLine(const std::byte *from, std::byte *to, int64_t turn) {
  for (int64_t h = 0; h < 2; ++h) {
    Quad chunks[4];
    for (int64_t j = 0; j < 4; ++j) {
      // q + 128 modulo 256 flips the sign bit.
      Bytes16 k = load<Bytes16>(from + 64 * h + 16 * j) ^ uint8_t(0x80);
      Bytes16 high = __builtin_shufflevector(k, k, 8, 9, 10, 11, 12, 13, 14, 15,
                                             8, 9, 10, 11, 12, 13, 14, 15);
      chunks[j] = Quad(__builtin_shufflevector(k, high, 0, 16, 1, 17, 2, 18, 3,
                                               19, 4, 20, 5, 21, 6, 22, 7, 23));
    }
    transpose(chunks);
    for (int64_t t = 0; t < 4; ++t)
      store(to + ((4 * h + t) ^ turn) * kChunk, chunks[t]);
  }
}

template <auto writeLine>
void writeTiles(std::span<const std::byte *const> rows, size_t rowBytes,
                int64_t tileRows, int64_t lines, std::byte *out) {
  auto numRows = static_cast<int64_t>(rows.size());
  // Eight rows from end to end, then the next eight: few enough streams of
  // reads for a processor to follow, and a KiB of each tile at a time.
  for (int64_t firstRow = 0; firstRow < tileRows; firstRow += 8)
    for (int64_t line = 0; line < lines; ++line)
      for (int64_t row = firstRow; row < firstRow + 8; ++row) {
        std::byte *to = out + (line * tileRows + row) * kLine;
        size_t begin = line * kLine;
        if (row < numRows && begin + kLine <= rowBytes) {
          writeLine(rows[row] + begin, to, row % 8);
          continue;
        }
        std::byte padded[kLine] = {};
        if (row < numRows)
          std::memcpy(padded, rows[row] + begin, rowBytes - begin);
        writeLine(padded, to, row % 8);
      }
}

} // namespace

void swizzleRows(std::span<const std::byte *const> rows, size_t rowBytes,
                 int64_t tileRows, int64_t lines, std::byte *out) {
  writeTiles<naturalLine>(rows, rowBytes, tileRows, lines, out);
}

void swizzleFragments(std::span<const std::byte *const> rows, size_t rowBytes,
                      int64_t tileRows, int64_t lines, std::byte *out) {
  writeTiles<fragmentLine>(rows, rowBytes, tileRows, lines, out);
}

} // namespace mm1
