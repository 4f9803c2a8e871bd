//===- SwizzleRows.h - From rows to swizzled tiles, fast ------------------===//
// A tile of `#mm1.swizzle<rows = 64, ...>` holds a line, 128 bytes, of each of
// 64 rows, and the tiles of these rows follow each other:
//
//   row 0:  c0 c1 c2 c3 c4 c5 c6 c7 | c8 ...       a chunk is 16 bytes
//   row 1:  d0 d1 d2 d3 d4 d5 d6 d7 | d8 ...
//   tile 0: c0 c1 c2 c3 c4 c5 c6 c7   d1 d0 d3 d2 d5 d4 d7 d6   ...
//
// that is, chunk i of row r stands at i ^ (r % 8). Chunks move as they are, or
// (int8 in fragment order) 64 k become four chunks by a transpose in registers:
// both at about the speed of a copy.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mm1 {

/// Writes `lines` tiles, in natural order.
/// \param rows  first byte of each row's data, at most `tileRows` of them;
///              missing rows become zeros
/// \param rowBytes  bytes of data in a row; the rest up to `lines` lines is zero
/// \param lines  rowBytes / 128, rounded up
/// \param out  lines * tileRows * 128 bytes
void swizzleRows(std::span<const std::byte *const> rows, size_t rowBytes,
                 int64_t tileRows, int64_t lines, std::byte *out);

/// The same for rows of int8 in fragment order, stored as q + 128.
void swizzleFragments(std::span<const std::byte *const> rows, size_t rowBytes,
                      int64_t tileRows, int64_t lines, std::byte *out);

} // namespace mm1
