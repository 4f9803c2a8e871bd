//===- WriteFile.h - Write a small file so that it is whole or absent -----===//
// The bytes go to a temporary file beside the target, reach the disk, and take
// the target's name in one step: a reader never sees half a file, and a crash
// leaves the old one.
//
//   if (Status s = writeFile("out/manifest.json", text); !s)
//     return s.takeError();
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace mm1 {

/// Writes `bytes` to `path`, replacing what is there. On failure nothing new
/// remains; the error says why (machine error on a full disk or a missing
/// permission).
Status writeFile(const std::string &path, std::span<const std::byte> bytes);

/// The same for text.
Status writeFile(const std::string &path, std::string_view text);

/// Writes all of `bytes` at `offset` of the open file `fd`; `path` is for
/// messages. Safe from several threads.
Status writeAt(int fd, uint64_t offset, std::span<const std::byte> bytes,
               const std::string &path);

} // namespace mm1
