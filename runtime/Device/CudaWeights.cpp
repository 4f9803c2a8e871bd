//===- CudaWeights.cpp - Weights on their way to a GPU --------------------===//
#include "runtime/Device/CudaWeights.h"
#include "runtime/Device/FileCopy.h"
#include "runtime/Device/RandomWeights.h"
#include "runtime/Support/Json.h" // inQuotes

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

namespace mm1 {

namespace {

constexpr uint64_t kBufferBytes = uint64_t(32) << 20;
constexpr size_t kBuffers = 4;
/// Copying from the page cache takes more than one thread to keep up with a GPU.
constexpr size_t kReaders = kBufferBytes / FileCopy::kPieceBytes;

/// Where the plan's tensors lie in the file: [begin, end).
struct Extent {
  uint64_t begin = UINT64_MAX, end = 0;

  explicit Extent(const Artifact &artifact) {
    for (size_t i = 0; i < artifact.plan().weights.size(); ++i) {
      const SafeTensor &tensor = artifact.weight(i);
      begin = std::min(begin, tensor.offset);
      end = std::max<uint64_t>(end, tensor.offset + tensor.bytes.size());
    }
  }
};

uint64_t aligned(uint64_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

/// Of a block that holds the tensors one after the other.
uint64_t packedBytes(const Plan &plan) {
  uint64_t total = 0;
  for (const Plan::Weight &weight : plan.weights)
    total += aligned(weight.sizeBytes);
  return total;
}

} // namespace

uint64_t CudaWeights::sizeBytes(const Artifact &artifact) {
  if (!artifact.hasWeights())
    return packedBytes(artifact.plan());
  Extent extent(artifact);
  return extent.end == 0 ? 0 : extent.end - extent.begin;
}

Status CudaWeights::load(
    CudaContext &gpu, const Artifact &artifact,
    const std::function<bool(const Device::Progress &)> &onProgress) {
  uint64_t size = sizeBytes(artifact);
  if (size == 0)
    return Status::ok();
  auto allocated = gpu.allocate(size, "the weights");
  if (!allocated)
    return allocated.takeError();
  block = std::move(*allocated);
  Extent extent(artifact);
  for (size_t i = 0; i < artifact.plan().weights.size(); ++i) {
    const SafeTensor &tensor = artifact.weight(i);
    uint64_t offset = tensor.offset - extent.begin;
    if (offset % kBufferAlignment != 0)
      return inputError(
          artifact.weights().path() + ": tensor " + inQuotes(tensor.name) +
          " starts " + std::to_string(offset % kBufferAlignment) +
          " bytes behind a multiple of " + std::to_string(kBufferAlignment) +
          ", where kernels cannot read it; recompile");
    addresses.push_back(block.get() + offset);
  }
  return upload(gpu, artifact, extent.begin, extent.end, onProgress);
}

Status CudaWeights::fill(CudaContext &gpu, const Plan &plan, uint64_t seed) {
  auto allocated = gpu.allocate(packedBytes(plan), "the weights");
  if (!allocated)
    return allocated.takeError();
  block = std::move(*allocated);
  auto pinned = gpu.allocateHost(kRandomBytes);
  if (!pinned)
    return pinned.takeError();
  const CudaDriver &cu = gpu.driver();
  auto *numbers = static_cast<std::byte *>(pinned->get());
  std::optional<ElementType> type; // of the numbers
  cuda::Address at = block.get();
  for (const Plan::Weight &weight : plan.weights) {
    if (type != weight.element) {
      if (Status status = gpu.synchronize(); !status)
        return status; // the copies of the numbers before are done
      fillRandom({numbers, kRandomBytes}, weight.element, seed);
      type = weight.element;
    }
    addresses.push_back(at);
    uint64_t made = std::min(weight.sizeBytes, kRandomBytes);
    Status status =
        gpu.check(cu.cuMemcpyHtoDAsync(at, numbers, made, gpu.stream()),
                  "cuMemcpyHtoDAsync");
    // What is there is copied behind itself: each time twice as much.
    for (; status && made < weight.sizeBytes; made *= 2)
      status =
          gpu.check(cu.cuMemcpyDtoDAsync(
                        at + made, at, std::min(made, weight.sizeBytes - made),
                        gpu.stream()),
                    "cuMemcpyDtoDAsync");
    if (!status) {
      (void)gpu.synchronize(); // the numbers go away
      return status;
    }
    at += aligned(weight.sizeBytes);
  }
  return gpu.synchronize();
}

Status CudaWeights::upload(
    CudaContext &gpu, const Artifact &artifact, uint64_t begin, uint64_t end,
    const std::function<bool(const Device::Progress &)> &onProgress) {
  const CudaDriver &cu = gpu.driver();
  struct Buffer {
    CudaHostMemory memory;
    CudaEvent copied;
    bool isInUse = false;
  };
  uint64_t bufferBytes = std::min(kBufferBytes, end - begin);
  std::vector<Buffer> buffers(std::min<uint64_t>(
      kBuffers, (end - begin + bufferBytes - 1) / bufferBytes));
  for (Buffer &buffer : buffers) {
    auto memory = gpu.allocateHost(bufferBytes);
    if (!memory)
      return memory.takeError();
    buffer.memory = std::move(*memory);
    auto event = gpu.makeEvent(cuda::kEventNoTiming);
    if (!event)
      return event.takeError();
    buffer.copied = std::move(*event);
  }
  auto pool = ThreadPool::create(
      uint32_t(std::min(kReaders, allowedCpus().size())), 0, false);
  if (!pool)
    return pool.takeError();
  const std::string &path = artifact.weights().path();
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fileError(path, "cannot open", errno);

  LoadReport report(onProgress, artifact.plan().weightBytes());
  Status status;
  for (uint64_t at = begin; at < end && status;) {
    uint64_t bytes = std::min(bufferBytes, end - at);
    Buffer &buffer = buffers[(at - begin) / bufferBytes % buffers.size()];
    if (buffer.isInUse)
      status = gpu.check(cu.cuEventSynchronize(buffer.copied.get()),
                         "cuEventSynchronize");
    if (!status)
      break;
    auto *memory = static_cast<std::byte *>(buffer.memory.get());
    FileCopy job(fd, memory, at, bytes);
    job.run(**pool, 0, job.pieces());
    if (status = job.status(path); !status)
      break;
    status = gpu.check(cu.cuMemcpyHtoDAsync(block.get() + (at - begin), memory,
                                            bytes, gpu.stream()),
                       "cuMemcpyHtoDAsync");
    if (status)
      status = gpu.check(cu.cuEventRecord(buffer.copied.get(), gpu.stream()),
                         "cuEventRecord");
    buffer.isInUse = true;
    at += bytes;
    // The last bytes are told of when all have arrived.
    if (status && !report.done(std::min(at - begin, report.total() - 1)))
      status = LoadReport::stopped();
  }
  ::close(fd);
  // The buffers go away, so also when it failed.
  Status arrived = gpu.synchronize();
  if (!status)
    return status;
  if (!arrived)
    return arrived;
  return report.done(report.total()) ? Status::ok()
                                     : Status(LoadReport::stopped());
}

} // namespace mm1
