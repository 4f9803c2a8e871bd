//===- PackJournal.h - Which tensors of a killed run are finished ---------===//
// A text file beside the weights being packed. One line a tensor, written after
// the tensor's bytes:
//
//   mm1-pack-journal KEY
//   0123456789abcdef layers.0.qkv
//
// The file is locked while a run uses it; the lock ends with the process, also
// with a killed one. A last line without its end is not believed.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace mm1 {

class PackJournal {
public:
  /// Opens `path`, made when it is not there, and locks it. What it holds counts
  /// only when it was written for `key`. Nothing is written yet. Machine error:
  /// another process has it, or no permission.
  static Expected<PackJournal> open(const std::string &path,
                                    const std::string &key);

  PackJournal(PackJournal &&other) noexcept;
  PackJournal &operator=(PackJournal &&) = delete;
  ~PackJournal();

  /// The finished tensors and their hashes.
  const std::map<std::string, std::string> &finished() const { return entries; }
  /// Forgets everything.
  void restart();
  /// Notes a tensor whose bytes are written. Not for several threads at once.
  Status add(std::string_view name, std::string_view hash);

private:
  PackJournal(std::string path, std::string key, int fd)
      : path(std::move(path)), key(std::move(key)), fd(fd) {}
  Status append(const std::string &line);

  std::string path, key;
  int fd;
  uint64_t sizeBytes = 0;
  std::map<std::string, std::string> entries;
};

} // namespace mm1
