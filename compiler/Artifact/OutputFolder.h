//===- OutputFolder.h - A folder that appears whole or not at all ---------===//
//   auto folder = OutputFolder::create("m1.mm1", fingerprint, replace);
//   ... fill folder->path() ...              m1.mm1.partial-0123456789abcdef
//   Status status = folder->publish();       m1.mm1
//
// Unless it is published, the destructor removes it. A killed process leaves
// it; create() with the same fingerprint finds it again.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstdint>
#include <string>

namespace mm1 {

class OutputFolder {
public:
  /// Whether `target` may be written: see checkOutput in ArtifactWriter.h.
  static Status check(const std::string &target, bool replace);

  /// Makes the partial folder, or finds the one of a killed run.
  static Expected<OutputFolder> create(const std::string &target,
                                       const std::string &fingerprint,
                                       bool replace);

  OutputFolder(OutputFolder &&other) noexcept;
  OutputFolder &operator=(OutputFolder &&) = delete;
  ~OutputFolder();

  const std::string &path() const { return partial; }
  /// Keeps what is in the partial folder: it belongs to another process.
  void abandon();
  /// Machine error unless the disk has room for `bytes` more, not counting what
  /// `reusedFile` (inside the folder) already takes.
  Status checkSpace(uint64_t bytes, const std::string &reusedFile) const;
  /// Gives the folder its name, in one step.
  Status publish();

private:
  OutputFolder(std::string target, std::string partial, bool replace)
      : target(std::move(target)), partial(std::move(partial)),
        replace(replace) {}

  std::string target, partial;
  bool replace, owned = true;
};

/// "1.50 GB"
std::string describeBytes(uint64_t bytes);

} // namespace mm1
