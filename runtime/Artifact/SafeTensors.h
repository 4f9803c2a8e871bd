//===- SafeTensors.h - Read and write the safetensors format --------------===//
// A safetensors file is an 8-byte little-endian header length, a JSON header,
// and the tensors' bytes:
//
//   {"model.norm.weight": {"dtype": "BF16", "shape": [6144],
//                          "data_offsets": [0, 12288]}, ...}
//
// Reading maps the file and believes nothing the header says before it is
// checked. Writing is for files larger than memory: declare all tensors, then
// fill them in any order from any thread:
//
//   auto writer = SafeTensorsWriter::create(
//       "rank-0.safetensors", {{"w", ElementType::BF16, {64, 64}}});
//   writer->write(0, 0, bytes);
//   writer->finish();
//
// Format: https://github.com/huggingface/safetensors. Its reader refuses holes
// between tensors, so where we need tensors on 64-byte boundaries we put small
// U8 tensors named "__pad.N" between them (only behind a tensor whose size is
// not a multiple of 64); other tools show them as ordinary tensors.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/ElementType.h"
#include "runtime/Support/Expected.h"
#include "runtime/Support/MappedFile.h"

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mm1 {

/// A tensor of an open file. `bytes` points into the mapping.
struct SafeTensor {
  std::string name;
  ElementType type;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
  uint64_t offset; ///< of the first byte, from the start of the file; a
                   ///< multiple of the element size

  /// The elements as T, which must be as wide as `type`.
  template <typename T> std::span<const T> elements() const {
    assert(sizeof(T) == sizeBytes(type) && "element width differs");
    return {reinterpret_cast<const T *>(bytes.data()),
            bytes.size() / sizeof(T)};
  }
};

/// "[24576, 6144]"
std::string describeShape(std::span<const int64_t> shape);

/// The type with safetensors' name `name`, if it is one we know.
std::optional<ElementType> elementTypeNamed(std::string_view name);

/// Elements of `shape` times the element size, or nothing when that exceeds an
/// int64 or a dimension is negative.
std::optional<uint64_t> tensorSizeBytes(ElementType type,
                                        std::span<const int64_t> shape);

/// True for the "__pad.N" tensors the writer puts between others.
bool isPadding(std::string_view tensorName);

/// A read-only safetensors file.
class SafeTensorsFile {
public:
  /// Maps and checks `path`. Input error naming the tensor when the header is
  /// cut, too long, not JSON, repeats a name, uses an unknown dtype, or when a
  /// tensor's range is outside the file, of the wrong size for its shape,
  /// misaligned for its dtype, or overlaps another. Also the errors of
  /// MappedFile::open.
  static Expected<SafeTensorsFile> open(const std::string &path);

  /// The same for bytes in memory, which must outlive the result; `origin`
  /// opens the messages.
  static Expected<SafeTensorsFile> parse(std::span<const std::byte> bytes,
                                         std::string origin);

  /// All tensors in the order of their bytes.
  std::span<const SafeTensor> tensors() const { return entries; }
  /// The tensor called `name`, or null.
  const SafeTensor *find(std::string_view name) const;
  /// The free-form strings under "__metadata__".
  const std::map<std::string, std::string> &metadata() const { return strings; }
  /// Bytes of the data section that belong to no tensor. Other readers refuse
  /// such files; we only count.
  uint64_t unusedBytes() const { return unused; }
  const std::string &path() const { return origin; }

private:
  std::string origin;
  std::optional<MappedFile> file;
  std::vector<SafeTensor> entries;
  std::unordered_map<std::string_view, uint32_t>
      byName; // keys point into entries
  std::map<std::string, std::string> strings;
  uint64_t unused = 0;
};

/// A tensor to be written.
struct TensorDecl {
  std::string name;
  ElementType type;
  std::vector<int64_t> shape;
};

/// Fills one safetensors file at random. write() may be called from several
/// threads at once.
class SafeTensorsWriter {
public:
  struct Options {
    /// Every tensor starts at a multiple of this many bytes from the start of
    /// the file: 64 with "__pad.N" tensors between, or 1 for none, and then the
    /// order must keep each tensor aligned for its own type.
    uint64_t alignment = 64;
    std::map<std::string, std::string> metadata;
  };

  /// Creates `path` (which must not exist) at its full size, writes the header,
  /// and reserves the disk space where the file system can. Input error:
  /// repeated or reserved name, bad shape, existing file; machine error: disk.
  static Expected<SafeTensorsWriter> create(const std::string &path,
                                            std::vector<TensorDecl> tensors,
                                            const Options &options);
  static Expected<SafeTensorsWriter> create(const std::string &path,
                                            std::vector<TensorDecl> tensors) {
    return create(path, std::move(tensors), Options());
  }
  /// Opens a file that create() made with the same arguments, to go on writing.
  /// Input error when the header on the disk is another one.
  static Expected<SafeTensorsWriter> resume(const std::string &path,
                                            std::vector<TensorDecl> tensors,
                                            const Options &options);

  SafeTensorsWriter(SafeTensorsWriter &&other) noexcept;
  SafeTensorsWriter &operator=(SafeTensorsWriter &&other) noexcept;
  ~SafeTensorsWriter();

  /// Writes `bytes` at byte `at` of tensor number `tensor` of the declared
  /// list. What is never written is zero.
  Status write(size_t tensor, uint64_t at,
               std::span<const std::byte> bytes) const;
  /// Waits until everything is on the disk and closes the file.
  Status finish();

  /// Where tensor number `tensor` starts, from the start of the file.
  uint64_t offset(size_t tensor) const { return places[tensor].offset; }
  uint64_t fileSizeBytes() const { return totalBytes; }

private:
  struct Place {
    uint64_t offset, sizeBytes;
  };
  SafeTensorsWriter() = default;
  static Expected<SafeTensorsWriter> layOut(const std::string &path,
                                            std::vector<TensorDecl> tensors,
                                            const Options &options,
                                            std::string &header);

  std::string path;
  int fd = -1;
  std::vector<Place> places;
  uint64_t totalBytes = 0;
};

} // namespace mm1
