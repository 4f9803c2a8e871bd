//===- GroupPacker.cpp - Makes the tensors of one group, row by row -------===//
#include "compiler/Artifact/GroupPacker.h"
#include "compiler/Artifact/SwizzleRows.h"
#include "compiler/Artifact/TileRows.h"
#include "compiler/Import/RecipeMath.h"
#include "runtime/Artifact/Manifest.h"
#include "runtime/Support/Json.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <numeric>
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace mm1 {

namespace {

/// Rows that one piece cannot be less than: whole panels and tiles.
int64_t smallestRows(const PackGroup &group) {
  int64_t rows = 1;
  for (const PackOutput &output : group.outputs)
    rows = std::lcm(rows, output.tileRows);
  return rows;
}

/// Bytes that one row takes in buffers and mapped pages.
uint64_t bytesPerRow(const PackGroup &group) {
  uint64_t columns = group.rows->columns();
  uint64_t source = columns * sizeBytes(group.rows->type());
  uint64_t bytes = 2 * source; // the mapped pages, and a copy when in stretches
  for (const PackOutput &output : group.outputs)
    bytes += 2 * output.storedColumns * sizeBytes(output.element) +
             (output.kind == PackOutput::Kind::Values ? 0 : 4 * columns);
  return bytes;
}

/// More than this gains nothing: a piece should stay in the caches.
constexpr uint64_t kLargestPieceBytes = uint64_t(4) << 20;

/// A fault maps the whole folio of the page cache that it meets; Linux has them
/// up to this size, aligned to their own.
constexpr uintptr_t kLargestFolio = uintptr_t(2) << 20;

/// Calls `advise(begin, end)` for each run of stretches that follow each other.
template <typename Advise>
void forEachRun(std::span<const Stretch> stretches, Advise advise) {
  for (size_t i = 0; i < stretches.size();) {
    const std::byte *begin = stretches[i].data(),
                    *end = begin + stretches[i].size();
    for (++i; i < stretches.size() && stretches[i].data() == end; ++i)
      end += stretches[i].size();
    advise(reinterpret_cast<uintptr_t>(begin),
           reinterpret_cast<uintptr_t>(end));
  }
}

/// False when the pages cannot be read: behind the end of a file that was
/// shortened, or on a broken disk. Reading them would kill us. Other refusals do
/// no harm.
bool advisePages(uintptr_t begin, uintptr_t end, int advice) {
  static const uintptr_t page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  begin = begin / page * page;
  return ::madvise(reinterpret_cast<void *>(begin), end - begin, advice) == 0 ||
         errno != EFAULT;
}

#ifdef MADV_POPULATE_READ
constexpr int kPopulate = MADV_POPULATE_READ;
#else
constexpr int kPopulate = MADV_WILLNEED;
#endif

void castRow(ElementType from, const std::byte *row, ElementType to,
             size_t columns, std::byte *out) {
  if (from == ElementType::BF16) { // to F32
    toFloat(from, {row, 2 * columns},
            {reinterpret_cast<float *>(out), columns});
    return;
  }
  for (size_t i = 0; i < columns; ++i) { // F32 to BF16
    float value;
    std::memcpy(&value, row + 4 * i, sizeof(value));
    uint16_t bits = floatToBf16(value);
    std::memcpy(out + 2 * i, &bits, sizeof(bits));
  }
}

} // namespace

/// One tensor on its way to the file.
struct GroupPacker::Sink {
  const PackOutput &output;
  uint64_t at = 0;
  XXH3_state_t hash;
  std::vector<float> scales; ///< all of them, for a tensor of scales

  explicit Sink(const PackOutput &output) : output(output) {
    XXH3_64bits_reset(&hash);
  }
  Status write(const SafeTensorsWriter &writer, Stretch bytes) {
    XXH3_64bits_update(&hash, bytes.data(), bytes.size());
    Status status = writer.write(output.tensor, at, bytes);
    at += bytes.size();
    return status;
  }
};

uint64_t GroupPacker::smallestPieceBytes(const PackGroup &group) {
  uint64_t bytes = smallestRows(group) * bytesPerRow(group);
  for (const PackOutput &output : group.outputs)
    if (output.kind == PackOutput::Kind::Scales)
      bytes += group.rows->numRows() * sizeof(float);
  return bytes;
}

GroupPacker::GroupPacker(const PackWork &work, const PackGroup &group,
                         const SafeTensorsWriter &writer, uint64_t pieceBytes)
    : work(work), group(group), writer(writer) {
  int64_t smallest = smallestRows(group);
  uint64_t spare = pieceBytes - std::min(pieceBytes, smallestPieceBytes(group));
  spare = std::min(spare, kLargestPieceBytes);
  rowsPerPiece = smallest + static_cast<int64_t>(spare / bytesPerRow(group)) /
                                smallest * smallest;
}

Expected<std::vector<std::string>> GroupPacker::run(const Advance &advance) {
  std::vector<Sink> sinks(group.outputs.begin(), group.outputs.end());
  int64_t matrixRows = group.matrixRows(),
          matrices = group.rows->numRows() / matrixRows;
  uint64_t told = 0;
  for (int64_t matrix = 0; matrix < matrices; ++matrix)
    for (int64_t row = 0; row < matrixRows; row += rowsPerPiece) {
      int64_t numRows = std::min(rowsPerPiece, matrixRows - row);
      if (Status status = packPiece(matrix * matrixRows + row, numRows, sinks);
          !status)
        return status.takeError();
      uint64_t written = 0;
      for (const Sink &sink : sinks)
        written += sink.at;
      if (!advance(written - std::exchange(told, written)))
        return machineError("interrupted");
    }
  std::vector<std::string> hashes;
  for (Sink &sink : sinks) {
    if (sink.output.kind == PackOutput::Kind::Scales) {
      // [.., N] in rows of storedColumns.
      std::vector<float> padded(matrices * sink.output.storedColumns);
      for (int64_t matrix = 0; matrix < matrices; ++matrix)
        std::copy_n(&sink.scales[matrix * matrixRows], matrixRows,
                    &padded[matrix * sink.output.storedColumns]);
      auto bytes = std::as_bytes(std::span(padded));
      if (Status status = sink.write(writer, bytes); !status)
        return status.takeError();
      if (!advance(bytes.size()))
        return machineError("interrupted");
    }
    hashes.push_back(hexDigits(XXH3_64bits_digest(&sink.hash)));
  }
  return hashes;
}

Status GroupPacker::packPiece(int64_t firstRow, int64_t numRows,
                              std::vector<Sink> &sinks) {
  if (Status status = gatherRows(firstRow, numRows); !status)
    return status;
  if (group.rows->type() == ElementType::I8)
    if (Status status = refuseLowestInt8(firstRow); !status)
      return status;
  bool isQuantised = std::any_of(sinks.begin(), sinks.end(), [](auto &sink) {
    return sink.output.kind != PackOutput::Kind::Values;
  });
  if (isQuantised)
    if (Status status = findScales(firstRow); !status)
      return status;
  for (Sink &sink : sinks) {
    if (sink.output.kind == PackOutput::Kind::Scales) {
      sink.scales.insert(sink.scales.end(), scales.begin(), scales.end());
      continue;
    }
    convertRows(sink.output);
    layOut(sink.output, piece);
    if (Status status = sink.write(writer, piece); !status)
      return status;
  }
  if (group.made.empty())
    forEachRun(stretches, [&](uintptr_t begin, uintptr_t end) {
      releasePages(begin, end);
    });
  return Status::ok();
}

/// Gives mapped pages back, and those around them that came along: they would
/// add up to a part of the model. Stays inside of the file's mapping, and costs
/// a neighbour who still needs one of them a fault.
void GroupPacker::releasePages(uintptr_t begin, uintptr_t end) const {
  for (Stretch mapping : work.mappings) {
    auto first = reinterpret_cast<uintptr_t>(mapping.data());
    uintptr_t last = first + mapping.size();
    if (begin < first || end > last)
      continue;
    begin -= std::min(begin - first, kLargestFolio);
    end += std::min(last - end, kLargestFolio);
    advisePages(begin, end, MADV_DONTNEED);
    return;
  }
}

Status GroupPacker::gatherRows(int64_t firstRow, int64_t numRows) {
  size_t rowBytes = group.rows->columns() * sizeBytes(group.rows->type());
  stretches.clear();
  bool readable = true;
  std::vector<size_t> firsts;
  for (int64_t row = 0; row < numRows; ++row) {
    firsts.push_back(stretches.size());
    group.rows->appendRow(firstRow + row, stretches);
  }
  firsts.push_back(stretches.size());
  if (group.made.empty())
    // In one go: a fault for each page would cost more than the transform.
    forEachRun(stretches, [&](uintptr_t begin, uintptr_t end) {
      readable &= advisePages(begin, end, kPopulate);
    });
  if (!readable)
    return machineError("weight " + inQuotes(nameOf(group.outputs.front())) +
                        ": the checkpoint cannot be read any more: a file was "
                        "shortened while we read it, or the disk fails");
  rows.clear();
  if (stretches.size() > static_cast<size_t>(numRows))
    gathered.resize(numRows * rowBytes);
  for (int64_t row = 0; row < numRows; ++row) {
    if (firsts[row + 1] - firsts[row] == 1) {
      rows.push_back(stretches[firsts[row]].data());
      continue;
    }
    std::byte *to = gathered.data() + row * rowBytes;
    rows.push_back(to);
    for (size_t i = firsts[row]; i < firsts[row + 1]; ++i)
      to = std::copy(stretches[i].begin(), stretches[i].end(), to);
  }
  return Status::ok();
}

/// Kernels look |q| up in tables of 128 entries. We make no -128 ourselves;
/// integers that a checkpoint brings are seen here first.
Status GroupPacker::refuseLowestInt8(int64_t firstRow) const {
  for (size_t row = 0; row < rows.size(); ++row) {
    std::span<const std::byte> values(rows[row], group.rows->columns());
    if (std::find(values.begin(), values.end(), std::byte(0x80)) !=
        values.end())
      return inputError("weight " + inQuotes(nameOf(group.outputs.front())) +
                        ": row " + std::to_string(firstRow + row) +
                        " holds -128, but int8 weights range from -127 to 127; "
                        "quantise the checkpoint symmetrically");
  }
  return Status::ok();
}

/// Fills `floats` and `scales` for all rows of the piece.
Status GroupPacker::findScales(int64_t firstRow) {
  size_t columns = group.rows->columns();
  ElementType type = group.rows->type();
  floats.resize(rows.size() * columns);
  scales.clear();
  for (size_t row = 0; row < rows.size(); ++row) {
    std::span<float> values(&floats[row * columns], columns);
    toFloat(type, {rows[row], columns * sizeBytes(type)}, values);
    scales.push_back(int8RowScale(values));
    if (!std::isfinite(scales.back()))
      return inputError("weight " + inQuotes(nameOf(group.outputs.front())) +
                        ": row " + std::to_string(firstRow + row) +
                        " cannot be quantised: it holds a value that is not "
                        "finite; mend the checkpoint, or compile without "
                        "--quant");
  }
  return Status::ok();
}

/// Points `ready` at the rows in the output's number format.
void GroupPacker::convertRows(const PackOutput &output) {
  size_t columns = group.rows->columns();
  ElementType from = group.rows->type();
  if (output.kind == PackOutput::Kind::Values && output.element == from) {
    ready = rows;
    return;
  }
  size_t rowBytes = columns * sizeBytes(output.element);
  converted.resize(rows.size() * rowBytes);
  ready.clear();
  for (size_t row = 0; row < rows.size(); ++row) {
    std::byte *to = converted.data() + row * rowBytes;
    ready.push_back(to);
    if (output.kind == PackOutput::Kind::Integers)
      quantizeInt8Row({&floats[row * columns], columns}, scales[row],
                      {reinterpret_cast<int8_t *>(to), columns});
    else
      castRow(from, rows[row], output.element, columns, to);
  }
}

/// The bytes of the piece as they stand in the file.
void GroupPacker::layOut(const PackOutput &output,
                         std::vector<std::byte> &out) const {
  using Layout = PackOutput::Layout;
  size_t elementSize = sizeBytes(output.element),
         rowBytes = group.rows->columns() * elementSize,
         storedBytes = output.storedColumns * elementSize,
         unitBytes = output.tileColumns * elementSize;
  int64_t units = output.storedColumns / output.tileColumns;
  size_t numRows = ready.size(), step = output.tileRows;
  out.resize((numRows + step - 1) / step * step * storedBytes);
  for (size_t row = 0; row < numRows; row += step) {
    auto rows = std::span<const std::byte *const>(ready).subspan(
        row, std::min(step, numRows - row));
    std::byte *to = out.data() + row * storedBytes;
    switch (output.layout) {
    case Layout::Rows:
      std::memcpy(to, rows.front(), rowBytes);
      std::memset(to + rowBytes, 0, storedBytes - rowBytes);
      break;
    case Layout::Panels:
      tileRows(rows, rowBytes, output.tileRows, units, unitBytes, to);
      break;
    case Layout::Lines:
      swizzleRows(rows, rowBytes, output.tileRows, units, to);
      break;
    case Layout::Fragments:
      swizzleFragments(rows, rowBytes, output.tileRows, units, to);
      break;
    }
  }
}

} // namespace mm1
