//===- WeightMemory.cpp - Where the cpu's kernels read weights -----------------===//
#include "runtime/Device/WeightMemory.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace mm1 {

namespace {

constexpr uint64_t kPieceBytes = uint64_t(8) << 20;

uint64_t nowNs() {
  return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::steady_clock::now().time_since_epoch())
                      .count());
}

/// Pieces of a file into memory, by all threads, until a deadline.
struct CopyJob {
  int fd;
  std::byte *to;
  uint64_t from, sizeBytes, deadlineNs;
  std::vector<uint8_t> done;   // by piece
  std::atomic<int> problem{0}; // errno, or -1 for a file that ended early

  uint32_t pieces() const { return uint32_t(done.size()); }

  /// Whether bytes [first, last) of the file, not empty, were copied.
  bool has(uint64_t first, uint64_t last) const {
    auto begin = done.begin() + ptrdiff_t((first - from) / kPieceBytes);
    auto end = done.begin() + ptrdiff_t((last - 1 - from) / kPieceBytes) + 1;
    return std::find(begin, end, 0) == end;
  }

  bool copyPiece(uint64_t piece) {
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
};

/// The job as a kernel.
void copyPieces(void *const *buffers, const int64_t *, int64_t begin,
                int64_t end, void *) {
  auto &job = *static_cast<CopyJob *>(buffers[0]);
  for (int64_t piece = begin;
       piece < end && job.problem == 0 && nowNs() < job.deadlineNs; ++piece)
    job.done[size_t(piece)] = job.copyPiece(uint64_t(piece));
}

/// Brings a mapped tensor's pages into our tables where memory has room for them.
void prepareMapped(std::span<const std::byte> bytes, bool hasRoom) {
  static const auto pageBytes = uintptr_t(::sysconf(_SC_PAGESIZE));
  auto begin = reinterpret_cast<uintptr_t>(bytes.data()) & ~(pageBytes - 1);
  auto end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size());
#ifdef MADV_POPULATE_READ
  if (hasRoom && ::madvise(reinterpret_cast<void *>(begin), end - begin,
                           MADV_POPULATE_READ) == 0)
    return;
#endif
  (void)::madvise(reinterpret_cast<void *>(begin), end - begin,
                  MADV_WILLNEED); // only speed hangs on it
}

} // namespace

uint64_t availableMemory() {
  std::FILE *file = std::fopen("/proc/meminfo", "re");
  if (!file)
    return UINT64_MAX;
  char line[128];
  unsigned long long kib = 0;
  uint64_t result = UINT64_MAX;
  while (std::fgets(line, sizeof(line), file))
    if (std::sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
      result = uint64_t(kib) << 10;
  std::fclose(file);
  return result;
}

Status WeightMemory::load(const Artifact &artifact, WeightPlacement placement,
                          Device &device, ThreadPool &pool,
                          uint32_t autoCopyMs) {
  size_t count = artifact.plan().weights.size();
  uint64_t begin = UINT64_MAX, end = 0;
  for (size_t i = 0; i < count; ++i) {
    const SafeTensor &tensor = artifact.weight(i);
    addresses.push_back(const_cast<std::byte *>(tensor.bytes.data()));
    begin = std::min(begin, tensor.offset);
    end = std::max<uint64_t>(end, tensor.offset + tensor.bytes.size());
  }
  if (count == 0)
    return Status::ok();
  uint64_t available = availableMemory();
  if (placement == WeightPlacement::Auto && end - begin > available / 2)
    placement = WeightPlacement::Map;
  if (placement != WeightPlacement::Map) {
    uint64_t deadlineNs = placement == WeightPlacement::Copy
                              ? UINT64_MAX
                              : nowNs() + uint64_t(autoCopyMs) * 1'000'000;
    if (Status status = copy(artifact, begin, end, deadlineNs, device, pool);
        !status)
      return status;
  }
  for (size_t i = 0; i < count; ++i)
    if (const SafeTensor &tensor = artifact.weight(i);
        addresses[i] == tensor.bytes.data())
      prepareMapped(tensor.bytes, end - begin <= available);
  return Status::ok();
}

/// Copies bytes [begin, end) of the weights' file, tensors and the little between them, as far as the time goes.
Status WeightMemory::copy(const Artifact &artifact, uint64_t begin,
                          uint64_t end, uint64_t deadlineNs, Device &device,
                          ThreadPool &pool) {
  auto allocated = device.allocate(end - begin, "the weights");
  if (!allocated)
    return allocated.takeError();
  memory = std::move(*allocated);
  const std::string &path = artifact.weights().path();
  CopyJob job{
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC),
      memory.data(),
      begin,
      end - begin,
      deadlineNs,
      std::vector<uint8_t>((end - begin + kPieceBytes - 1) / kPieceBytes)};
  if (job.fd < 0)
    return fileError(path, "cannot open", errno);
  void *buffers[] = {&job};
  ThreadPool::Step step{copyPieces, buffers, job.pieces()};
  pool.run({&step, 1}, nullptr);
  pool.resetProfile();
  ::close(job.fd);
  if (job.problem < 0)
    return inputError(path + ": became shorter while it was read");
  if (job.problem > 0)
    return fileError(path, "cannot read", job.problem);
  for (size_t i = 0; i < addresses.size(); ++i) {
    const SafeTensor &tensor = artifact.weight(i);
    if (!job.has(tensor.offset, tensor.offset + tensor.bytes.size()))
      continue;
    addresses[i] = memory.data() + (tensor.offset - begin);
    copied += tensor.bytes.size();
  }
  return Status::ok();
}

} // namespace mm1
