//===- WeightMemory.cpp - Where the cpu's kernels read weights ------------===//
#include "runtime/Device/WeightMemory.h"
#include "runtime/Device/FileCopy.h"
#include "runtime/Device/RandomWeights.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace mm1 {

namespace {

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
  LoadReport report(onProgress, artifact.plan().weightBytes());
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
      return LoadReport::stopped();
  }
  return report.done(report.total()) ? Status::ok()
                                     : Status(LoadReport::stopped());
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
                          LoadReport &report) {
  auto allocated = CpuMemory::allocate(end - begin, "the weights");
  if (!allocated)
    return allocated.takeError();
  memory = std::move(*allocated);
  const std::string &path = artifact.weights().path();
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  FileCopy job(fd, memory.data(), begin, end - begin, deadlineNs);
  if (fd < 0)
    return fileError(path, "cannot open", errno);
  constexpr uint64_t kPiecesAtOnce =
      LoadReport::kEveryBytes / FileCopy::kPieceBytes;
  for (uint32_t first = 0; first < job.pieces() && job.status(path) &&
                           !report.isStopped() && nowNs() < deadlineNs;) {
    auto pieces =
        uint32_t(std::min<uint64_t>(kPiecesAtOnce, job.pieces() - first));
    job.run(pool, first, pieces);
    first += pieces;
    report.done(std::min(first * FileCopy::kPieceBytes, report.total() - 1));
  }
  pool.resetProfile();
  ::close(fd);
  if (report.isStopped())
    return LoadReport::stopped();
  if (Status status = job.status(path); !status)
    return status;
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
