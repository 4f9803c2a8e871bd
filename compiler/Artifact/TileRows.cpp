//===- TileRows.cpp - From rows to panels, fast ---------------------------===//
#include "compiler/Artifact/TileRows.h"
#include "compiler/Artifact/Vectors.h"

#include <algorithm>

namespace mm1 {

namespace {

/// out[j][i] = in[i][j] for 4 x 4 units of 4 bytes; rows of `in` start at
/// `rows[i] + at`, rows of `out` are `outStride` bytes apart.
inline void transpose4(const std::byte *const *rows, size_t at, std::byte *out,
                       size_t outStride) {
  Quad units[4];
  for (int i = 0; i < 4; ++i)
    units[i] = load<Quad>(rows[i] + at);
  transpose(units);
  for (int i = 0; i < 4; ++i)
    store(out + i * outStride, units[i]);
}

/// The same for 8 x 8 units of 2 bytes: three rounds of interleaving.
inline void transpose8(const std::byte *const *rows, size_t at, std::byte *out,
                       size_t outStride) {
  Octet x[8], y[8];
  for (int i = 0; i < 8; ++i)
    x[i] = load<Octet>(rows[i] + at);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) {
      y[2 * i] =
          __builtin_shufflevector(x[i], x[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      y[2 * i + 1] =
          __builtin_shufflevector(x[i], x[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    std::copy(y, y + 8, x);
  }
  for (int i = 0; i < 8; ++i)
    store(out + i * outStride, x[i]);
}

/// Transposes units `begin .. end-1` of `numRows` rows one by one.
void transposeSlowly(const std::byte *const *rows, int64_t numRows,
                     int64_t begin, int64_t end, size_t rowBytes,
                     size_t unitBytes, size_t outStride, std::byte *out) {
  for (int64_t unit = begin; unit < end; ++unit)
    for (int64_t row = 0; row < numRows; ++row) {
      size_t at = unit * unitBytes;
      size_t valid = std::min(unitBytes, rowBytes - std::min(rowBytes, at));
      std::byte *to = out + unit * outStride + row * unitBytes;
      std::memcpy(to, rows[row] + at, valid);
      std::memset(to + valid, 0, unitBytes - valid);
    }
}

} // namespace

void tileRows(std::span<const std::byte *const> rows, size_t rowBytes,
              int64_t panel, int64_t units, size_t unitBytes, std::byte *out) {
  size_t outStride = panel * unitBytes;
  auto numRows = static_cast<int64_t>(rows.size());
  if (numRows < panel)
    std::memset(out, 0, units * outStride);
  int64_t side = unitBytes == 4 ? 4 : unitBytes == 2 ? 8 : 0;
  int64_t fastUnits = static_cast<int64_t>(rowBytes / unitBytes);
  fastUnits = side ? fastUnits / side * side : 0;
  int64_t fastRows = side ? numRows / side * side : 0;
  // One cache line of every row at a time: its units land in lines of the panel
  // that stay in the first level cache until they are full.
  int64_t step = side ? 64 / static_cast<int64_t>(unitBytes) : 1;
  for (int64_t block = 0; block < fastUnits; block += step)
    for (int64_t row = 0; row < fastRows; row += side)
      for (int64_t unit = block; unit < std::min(block + step, fastUnits);
           unit += side) {
        std::byte *to = out + unit * outStride + row * unitBytes;
        if (unitBytes == 4)
          transpose4(&rows[row], unit * unitBytes, to, outStride);
        else
          transpose8(&rows[row], unit * unitBytes, to, outStride);
      }
  if (fastRows < numRows)
    transposeSlowly(rows.data() + fastRows, numRows - fastRows, 0, fastUnits,
                    rowBytes, unitBytes, outStride, out + fastRows * unitBytes);
  transposeSlowly(rows.data(), numRows, fastUnits, units, rowBytes, unitBytes,
                  outStride, out);
}

} // namespace mm1
