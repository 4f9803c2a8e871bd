//===- WeightMemory.cpp - Where the cpu's kernels read weights ------------===//
#include "runtime/Device/WeightMemory.h"
#include "runtime/Device/RandomWeights.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace mm1 {

namespace {

constexpr uint64_t kPieceBytes = uint64_t(8) << 20;
/// Progress is told after each so many bytes.
constexpr uint64_t kReportBytes = uint64_t(256) << 20;

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
  uint32_t first = 0;          // of the pieces that tasks count from
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
  for (int64_t task = begin;
       task < end && job.problem == 0 && nowNs() < job.deadlineNs; ++task) {
    auto piece = uint64_t(task) + job.first;
    job.done[piece] = job.copyPiece(piece);
  }
}

/// Brings a mapped tensor's pages into our tables where memory has room for
/// them.
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

/// Tells of bytes that are done, and remembers when to stop.
struct WeightMemory::Report {
  const std::function<bool(const Device::Progress &)> &onProgress;
  uint64_t totalBytes, startNs = nowNs();
  uint64_t toldBytes = 0;
  bool isStopped = false;

  /// False when the load is to stop.
  bool done(uint64_t bytes) {
    bool isDue = bytes == totalBytes || bytes >= toldBytes + kReportBytes;
    if (!onProgress || isStopped || !isDue)
      return !isStopped;
    toldBytes = bytes;
    double seconds = double(nowNs() - startNs) * 1e-9;
    isStopped = !onProgress(
        {bytes, totalBytes, double(bytes) / std::max(seconds, 1e-9)});
    return !isStopped;
  }
};

static Error stopped() { return usageError("loading was stopped"); }

Status WeightMemory::load(
    const Artifact &artifact, WeightPlacement placement, ThreadPool &pool,
    const std::function<bool(const Device::Progress &)> &onProgress,
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
  Report report{onProgress, artifact.plan().weightBytes()};
  if (placement != WeightPlacement::Map) {
    uint64_t deadlineNs = placement == WeightPlacement::Copy
                              ? UINT64_MAX
                              : nowNs() + uint64_t(autoCopyMs) * 1'000'000;
    if (Status status = copy(artifact, begin, end, deadlineNs, pool, report);
        !status)
      return status;
  }
  uint64_t done = copied;
  for (size_t i = 0; i < count; ++i) {
    const SafeTensor &tensor = artifact.weight(i);
    if (addresses[i] != tensor.bytes.data())
      continue;
    prepareMapped(tensor.bytes, end - begin <= available);
    if (!report.done(done += tensor.bytes.size()))
      return stopped();
  }
  return report.done(report.totalBytes) ? Status::ok() : Status(stopped());
}

Status WeightMemory::fill(const Plan &plan, uint64_t seed) {
  auto aligned = [](uint64_t bytes) {
    return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  };
  uint64_t total = 0;
  for (const Plan::Weight &weight : plan.weights)
    total += aligned(weight.sizeBytes);
  auto allocated = CpuMemory::allocate(total, "the weights");
  if (!allocated)
    return allocated.takeError();
  memory = std::move(*allocated);
  std::byte *at = memory.data();
  for (const Plan::Weight &weight : plan.weights) {
    uint64_t made = std::min(weight.sizeBytes, kRandomBytes);
    fillRandom({at, made}, weight.element, seed);
    for (uint64_t done = made; done < weight.sizeBytes; done += made)
      std::memcpy(at + done, at, std::min(made, weight.sizeBytes - done));
    addresses.push_back(at);
    at += aligned(weight.sizeBytes);
  }
  copied = total;
  return Status::ok();
}

/// Copies bytes [begin, end) of the weights' file, tensors and the little
/// between them, as far as the time goes.
Status WeightMemory::copy(const Artifact &artifact, uint64_t begin,
                          uint64_t end, uint64_t deadlineNs, ThreadPool &pool,
                          Report &report) {
  auto allocated = CpuMemory::allocate(end - begin, "the weights");
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
  constexpr uint32_t kPiecesAtOnce = uint32_t(kReportBytes / kPieceBytes);
  while (job.first < job.pieces() && job.problem == 0 && !report.isStopped &&
         nowNs() < deadlineNs) {
    uint32_t pieces = std::min(kPiecesAtOnce, job.pieces() - job.first);
    ThreadPool::Step step{copyPieces, buffers, pieces};
    pool.run({&step, 1}, nullptr);
    job.first += pieces;
    report.done(
        std::min(uint64_t(job.first) * kPieceBytes, report.totalBytes - 1));
  }
  pool.resetProfile();
  ::close(job.fd);
  if (report.isStopped)
    return stopped();
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
