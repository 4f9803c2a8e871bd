//===- GroupPacker.h - Makes the tensors of one group, row by row ---------===//
// The work of one thread. A piece is some rows of one matrix; a piece's bytes
// lie together in the file, so a tensor is hashed and written from its first
// byte to its last:
//
//   rows 0..31 -> panel 0, rows 32..63 -> panel 1, ...
//   rows 0..63 -> the tiles of these rows, rows 64..127 -> theirs, ...
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Artifact/PackRecipe.h"

#include <functional>

namespace mm1 {

class GroupPacker {
public:
  /// Told of bytes that were written; false ends the work.
  using Advance = std::function<bool(uint64_t bytes)>;

  /// Bytes of buffers and mapped pages that a piece of the smallest size takes.
  static uint64_t smallestPieceBytes(const PackGroup &group);

  /// \param pieceBytes  how much a piece may take, at least smallestPieceBytes
  GroupPacker(const PackWork &work, const PackGroup &group,
              const SafeTensorsWriter &writer, uint64_t pieceBytes);

  /// Writes all tensors of the group and returns their hashes, one per output.
  /// Input error: a row that cannot be quantised, or of integers with a -128;
  /// machine error: the disks.
  Expected<std::vector<std::string>> run(const Advance &advance);

private:
  struct Sink;

  Status packPiece(int64_t firstRow, int64_t numRows, std::vector<Sink> &sinks);
  void releasePages(uintptr_t begin, uintptr_t end) const;
  Status gatherRows(int64_t firstRow, int64_t numRows);
  Status refuseLowestInt8(int64_t firstRow) const;
  Status findScales(int64_t firstRow);
  void convertRows(const PackOutput &output);
  void layOut(const PackOutput &output, std::vector<std::byte> &out) const;
  std::string nameOf(const PackOutput &output) const {
    return work.tensors[output.tensor].name;
  }

  const PackWork &work;
  const PackGroup &group;
  const SafeTensorsWriter &writer;
  int64_t rowsPerPiece;

  std::vector<Stretch> stretches;       ///< of all rows of the piece
  std::vector<const std::byte *> rows;  ///< as the checkpoint has them
  std::vector<const std::byte *> ready; ///< as one output wants them
  std::vector<std::byte> gathered, converted, piece;
  std::vector<float> floats, scales;
};

} // namespace mm1
