//===- TileRows.h - From rows to panels, fast -----------------------------===//
// A panel of `#mm1.tile<panel = 32, depth = 2>` holds 32 rows; two consecutive
// k of all 32 rows lie together. Seen as units of `depth` elements it is the
// transpose of the rows:
//
//   row r:  r0 r1 | r2 r3 | r4 r5 | ...        a unit is two bf16: 4 bytes
//   panel:  unit 0 of rows 0..31, unit 1 of rows 0..31, ...
//
// so packing is a transpose of 4-byte (bf16 depth 2, f32 depth 1) or 2-byte
// (int8 depth 2) units. It is done in blocks of 4x4 or 8x8 in registers, over a
// cache line of each row at a time, at about the speed of a copy.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mm1 {

/// Writes one panel.
/// \param rows  first byte of each row's data, at most `panel` of them; missing
///              rows become zeros
/// \param rowBytes  bytes of data in a row; the rest up to `units` units is zero
/// \param units  K / depth, rounded up
/// \param unitBytes  depth times the element size
/// \param out  panel * units * unitBytes bytes
void tileRows(std::span<const std::byte *const> rows, size_t rowBytes,
              int64_t panel, int64_t units, size_t unitBytes, std::byte *out);

} // namespace mm1
