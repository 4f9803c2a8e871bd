//===- FileCopy.h - A part of a file into memory, by all threads ----------===//
// What loading weights needs on every device. The part is cut into pieces; each
// is a task of a ThreadPool:
//
//   FileCopy job(fd, memory, /*from=*/128, /*sizeBytes=*/40'000'000);
//   job.run(pool, 0, job.pieces());
//   if (Status status = job.status(path); !status)
//     return status;
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/Device.h"
#include "runtime/Device/ThreadPool.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mm1 {

/// Of a steady clock.
uint64_t nowNs();

class FileCopy {
public:
  static constexpr uint64_t kPieceBytes = uint64_t(8) << 20;

  /// Bytes [from, from + sizeBytes) of an open file. Pieces are left out from
  /// the deadline on.
  FileCopy(int fd, std::byte *to, uint64_t from, uint64_t sizeBytes,
           uint64_t deadlineNs = UINT64_MAX)
      : fd(fd), to(to), from(from), sizeBytes(sizeBytes),
        deadlineNs(deadlineNs),
        done((sizeBytes + kPieceBytes - 1) / kPieceBytes) {}

  uint32_t pieces() const { return uint32_t(done.size()); }
  /// Copies `count` pieces from number `first` on.
  void run(ThreadPool &pool, uint32_t first, uint32_t count);
  /// Whether bytes [begin, end) of the file, not empty, were copied.
  bool has(uint64_t begin, uint64_t end) const;
  /// Why pieces that there was time for are missing. Input error: the file
  /// became shorter; machine error: it cannot be read.
  Status status(const std::string &path) const;

private:
  static void copyPieces(void *const *buffers, const int64_t *dims,
                         int64_t begin, int64_t end, void *scratch);
  bool copyPiece(uint64_t piece);

  int fd;
  std::byte *to;
  uint64_t from, sizeBytes, deadlineNs;
  std::vector<uint8_t> done;   // by piece
  uint32_t firstPiece = 0;     // of the pieces that tasks count from
  std::atomic<int> problem{0}; // errno, or -1 for a file that ended early
};

/// Tells of bytes that are loaded, now and then, and remembers when to stop.
class LoadReport {
public:
  /// Progress is told after each so many bytes.
  static constexpr uint64_t kEveryBytes = uint64_t(256) << 20;

  /// `onProgress` may be empty; it outlives the report.
  LoadReport(const std::function<bool(const Device::Progress &)> &onProgress,
             uint64_t totalBytes)
      : onProgress(onProgress), totalBytes(totalBytes), startNs(nowNs()) {}

  /// False when the load is to stop.
  bool done(uint64_t bytes);
  bool isStopped() const { return hasStopped; }
  uint64_t total() const { return totalBytes; }
  static Error stopped() { return usageError("loading was stopped"); }

private:
  const std::function<bool(const Device::Progress &)> &onProgress;
  uint64_t totalBytes, startNs, toldBytes = 0;
  bool hasStopped = false;
};

} // namespace mm1
