//===- Layout.h - How tensors lie in memory -------------------------------===//
// One place for the sizes that the plan, the packer, the emitters and the
// device must agree on. `T` is the number of rows at hand.
//
//   activations  tensor<?x100xf32>     rows of 128 floats (rounded up to 32)
//                tensor<?x512xbf16>    rows of 544: 512 * 2 bytes would be a
//                                      multiple of 1024, and rows at such
//                                      distances meet in one set of the cache
//                tensor<?x2x96xbf16>   2 T rows of 96
//   integers     tensor<?x2xi32>       dense
//   weights      tensor<96x63xbf16, #mm1.tiled<panel = 32, depth = 2>>
//                                      stored as [3, 32, 32, 2]
//                tensor<96x63xbf16, #mm1.swizzled<rows = 64, order = natural>>
//                                      stored as [2, 1, 64, 64]
//                tensor<100xf32, #mm1.padded<multiple = 32>>   stored as [128]
//   states       tensor<?x4x16x16xf32> slots of 4 * 16 * 16 floats
//                tensor<?x2x2x64x16xbf16> pages of 2 * 2 blocks of 64 rows,
//                                      each row rounded up to 32
//
// Padding holds zeros: whoever writes a row writes its padding too. Every
// buffer, slot, page and weight starts at a multiple of 64 bytes, a swizzled
// weight at a multiple of 1024.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"

#include <cassert>
#include <cstdint>
#include <optional>

namespace mlir::plan {

/// Alignment in bytes of everything the plan places.
inline constexpr int64_t kAlignment = 64;
/// Rows of float activations and KV rows are multiples of this many elements.
inline constexpr int64_t kRowMultiple = 32;

inline int64_t ceilDiv(int64_t value, int64_t by) {
  return (value + by - 1) / by;
}
inline int64_t roundUp(int64_t value, int64_t multiple) {
  return ceilDiv(value, multiple) * multiple;
}

/// Bytes of one element of f32, bf16, i32 or i8.
inline int64_t elementBytes(Type elementType) {
  assert(elementType.isIntOrFloat() && "no storage for this type");
  return ceilDiv(elementType.getIntOrFloatBitWidth(), 8);
}

/// Elements from one row of `columns` elements to the next.
inline int64_t rowStride(int64_t columns, Type elementType) {
  if (!isa<FloatType>(elementType))
    return columns;
  int64_t stride = roundUp(columns, kRowMultiple);
  if (stride * elementBytes(elementType) % 1024 == 0)
    stride += kRowMultiple;
  return stride;
}

/// The same in bytes.
inline int64_t rowStrideBytes(int64_t columns, Type elementType) {
  return rowStride(columns, elementType) * elementBytes(elementType);
}

/// Rows of an activation for `rows` entries in a dynamic first dimension:
/// [T, N] has T, [T, k, N] has T * k, a vector [T] or [N] is one row.
inline int64_t numRows(RankedTensorType type, int64_t rows) {
  if (type.getRank() < 2)
    return 1;
  int64_t count = type.isDynamicDim(0) ? rows : type.getDimSize(0);
  for (int64_t dim = 1; dim + 1 < type.getRank(); ++dim)
    count *= type.getDimSize(dim);
  return count;
}

/// Bytes of an activation or integer tensor with `rows` in place of a dynamic
/// first dimension and `columns` in place of a dynamic second one (the page
/// table), rounded up to the alignment.
inline int64_t bufferBytes(RankedTensorType type, int64_t rows,
                           int64_t columns = 0) {
  assert(!type.getEncoding() && "weights have weightBytes");
  int64_t rank = type.getRank();
  if (rank == 0)
    return kAlignment;
  int64_t last = type.getDimSize(rank - 1);
  if (type.isDynamicDim(rank - 1))
    last = rank == 1 ? rows : columns;
  return roundUp(numRows(type, rows) *
                     (rank == 1 ? last * elementBytes(type.getElementType())
                                : rowStrideBytes(last, type.getElementType())),
                 kAlignment);
}

//===--------------------------- Stored weights ---------------------------===//

/// Bytes of a line of a swizzled tile, and of the chunks that change places in
/// it (#mm1.swizzle has the formula).
inline constexpr int64_t kLineBytes = 128, kChunkBytes = 16;
/// The swizzle repeats every eight lines, and is a function of the address.
inline constexpr int64_t kSwizzleBytes = 8 * kLineBytes;

/// Bytes that the address of a weight is a multiple of: in the file, whose
/// offsets the packer chooses, and in the memory of a device, which must keep
/// them.
inline int64_t weightAlignment(RankedTensorType type) {
  return isa_and_nonnull<mm1::SwizzledAttr>(type.getEncoding()) ? kSwizzleBytes
                                                                : kAlignment;
}

/// Rows and columns of the tiles that each matrix of a weight is cut into, or
/// nothing when its rows lie one after the other.
struct TileExtent {
  int64_t rows, columns;
};
inline std::optional<TileExtent> tileExtent(RankedTensorType type) {
  if (auto tiled = dyn_cast_or_null<mm1::TiledAttr>(type.getEncoding()))
    return TileExtent{tiled.getPanel(), tiled.getDepth()};
  if (auto swizzled = dyn_cast_or_null<mm1::SwizzledAttr>(type.getEncoding()))
    return TileExtent{swizzled.getRows(),
                      kLineBytes / elementBytes(type.getElementType())};
  return std::nullopt;
}

/// The shape in which a weight is stored.
inline SmallVector<int64_t> storedShape(RankedTensorType type) {
  SmallVector<int64_t> shape(type.getShape());
  if (std::optional<TileExtent> tile = tileExtent(type)) {
    int64_t columns = shape.pop_back_val(), rows = shape.pop_back_val();
    shape.append({ceilDiv(rows, tile->rows), ceilDiv(columns, tile->columns),
                  tile->rows, tile->columns});
  } else if (auto padded =
                 dyn_cast_or_null<mm1::PaddedAttr>(type.getEncoding())) {
    shape.back() = roundUp(shape.back(), padded.getMultiple());
  }
  return shape;
}

/// Bytes of a weight as stored, without rounding.
inline int64_t weightBytes(RankedTensorType type) {
  int64_t count = elementBytes(type.getElementType());
  for (int64_t size : storedShape(type))
    count *= size;
  return count;
}

/// Bytes of one [N, K] matrix of a weight in tiles: the distance between
/// experts.
inline int64_t tiledBytes(RankedTensorType type) {
  assert(tileExtent(type) && "not a weight in tiles");
  SmallVector<int64_t> shape = storedShape(type);
  int64_t count = elementBytes(type.getElementType());
  for (int64_t size : ArrayRef<int64_t>(shape).take_back(4))
    count *= size;
  return count;
}

/// The byte where element [n, k] of a matrix starts, from the start of the
/// matrix. Padding has places too: n and k may go to the end of the last tile.
inline int64_t storedOffset(RankedTensorType type, int64_t n, int64_t k) {
  int64_t bytes = elementBytes(type.getElementType());
  std::optional<TileExtent> tile = tileExtent(type);
  if (!tile)
    return (n * storedShape(type).back() + k) * bytes;
  int64_t tilesOfRow = ceilDiv(type.getShape().back(), tile->columns),
          number = n / tile->rows * tilesOfRow + k / tile->columns,
          row = n % tile->rows, column = k % tile->columns;
  int64_t inTile = (row * tile->columns + column) * bytes;
  if (auto swizzled = dyn_cast<mm1::SwizzledAttr>(type.getEncoding())) {
    int64_t line = column * bytes;
    if (swizzled.getOrder() == mm1::LineOrder::Fragment) {
      int64_t h = k / 64 % 2, j = k / 16 % 4, b = k / 8 % 2, t = k / 2 % 4,
              c = k % 2;
      line = kChunkBytes * (4 * h + t) + 4 * j + 2 * c + b;
    }
    inTile = row * kLineBytes + (line ^ row % 8 * kChunkBytes);
  }
  return number * tile->rows * tile->columns * bytes + inTile;
}

//===-------------------------------- States ------------------------------===//

/// Elements of one block [page, D] of a KV page, for one head and k or v.
inline int64_t kvBlockElements(RankedTensorType type) {
  assert(type.getRank() == 5 && "not a KV pool");
  return type.getDimSize(3) * roundUp(type.getDimSize(4), kRowMultiple);
}

/// Bytes of one unit of a state pool: a slot [heads, D, D], dense, or a page
/// [2, kv_heads, page, D] with padded rows.
inline int64_t stateUnitBytes(RankedTensorType type) {
  int64_t count = elementBytes(type.getElementType());
  if (type.getRank() == 5)
    count *= type.getDimSize(1) * type.getDimSize(2) * kvBlockElements(type);
  else
    for (int64_t size : type.getShape().drop_front())
      count *= size;
  return roundUp(count, kAlignment);
}

} // namespace mlir::plan
