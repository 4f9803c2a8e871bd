//===- FileCopy.cpp - A part of a file into memory, by all threads --------===//
#include "runtime/Device/FileCopy.h"
#include "runtime/Support/MappedFile.h" // fileError

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <unistd.h>

namespace mm1 {

uint64_t nowNs() {
  return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::steady_clock::now().time_since_epoch())
                      .count());
}

void FileCopy::run(ThreadPool &pool, uint32_t first, uint32_t count) {
  firstPiece = first;
  void *buffers[] = {this};
  ThreadPool::Step step{copyPieces, buffers, count};
  pool.run({&step, 1}, nullptr);
}

/// The job as a kernel.
void FileCopy::copyPieces(void *const *buffers, const int64_t *, int64_t begin,
                          int64_t end, void *) {
  auto &job = *static_cast<FileCopy *>(buffers[0]);
  for (int64_t task = begin;
       task < end && job.problem == 0 && nowNs() < job.deadlineNs; ++task) {
    auto piece = uint64_t(task) + job.firstPiece;
    job.done[piece] = job.copyPiece(piece);
  }
}

bool FileCopy::copyPiece(uint64_t piece) {
  uint64_t at = piece * kPieceBytes,
           stop = std::min(at + kPieceBytes, sizeBytes);
  while (at < stop) {
    ssize_t got = ::pread(fd, to + at, stop - at, off_t(from + at));
    if (got > 0)
      at += uint64_t(got);
    else if (got == 0 || errno != EINTR)
      return problem = got == 0 ? -1 : errno, false;
  }
  return true;
}

bool FileCopy::has(uint64_t begin, uint64_t end) const {
  auto first = done.begin() + ptrdiff_t((begin - from) / kPieceBytes);
  auto last = done.begin() + ptrdiff_t((end - 1 - from) / kPieceBytes) + 1;
  return std::find(first, last, 0) == last;
}

Status FileCopy::status(const std::string &path) const {
  if (problem < 0)
    return inputError(path + ": became shorter while it was read");
  if (problem > 0)
    return fileError(path, "cannot read", problem);
  return Status::ok();
}

bool LoadReport::done(uint64_t bytes) {
  bool isDue = bytes == totalBytes || bytes >= toldBytes + kEveryBytes;
  if (!onProgress || hasStopped || !isDue)
    return !hasStopped;
  toldBytes = bytes;
  double seconds = double(nowNs() - startNs) * 1e-9;
  hasStopped =
      !onProgress({bytes, totalBytes, double(bytes) / std::max(seconds, 1e-9)});
  return !hasStopped;
}

} // namespace mm1
