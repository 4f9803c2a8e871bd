//===- MappedFile.h - A file's bytes as read-only memory ------------------===//
// Maps a whole file; pages are read when they are touched, so mapping 900 GB of
// weights costs nothing.
//
//   auto file = MappedFile::open("model.safetensors");
//   if (!file)
//     return file.takeError();
//   std::span<const std::byte> bytes = file->bytes();
//
// The file must not be shortened while it is mapped: the kernel answers a read
// past the new end with SIGBUS.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace mm1 {

/// Owns one mapping; move-only.
class MappedFile {
public:
  /// Maps `path`. Input error: absent, a folder, or not a regular file. Machine
  /// error: no permission, no memory, or another failure of the system, with
  /// its reason.
  static Expected<MappedFile> open(const std::string &path);

  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  /// The file's bytes, valid as long as this object; empty for an empty file.
  std::span<const std::byte> bytes() const { return {data, sizeBytes}; }
  /// The same as text.
  std::string_view text() const {
    return {reinterpret_cast<const char *>(data), sizeBytes};
  }
  const std::string &path() const { return filePath; }

private:
  MappedFile(std::string path, const std::byte *data, size_t sizeBytes)
      : filePath(std::move(path)), data(data), sizeBytes(sizeBytes) {}

  std::string filePath;
  const std::byte *data = nullptr;
  size_t sizeBytes = 0;
};

/// The error of a failed call on `path`: "PATH: WHAT: reason". Absent and wrong
/// kinds of file are the input's fault; permissions, memory, disk and
/// descriptors are the machine's.
Error fileError(const std::string &path, const char *what, int errnoValue);

} // namespace mm1
