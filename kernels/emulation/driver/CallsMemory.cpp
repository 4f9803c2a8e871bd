//===- CallsMemory.cpp - Allocation, copies and fills ---------------------===//
#include "kernels/emulation/driver/Machine.h"
#include "kernels/emulation/driver/Schedule.h"

#include <cstring>

using namespace mm1::emulated;
using namespace mm1::cuda;

MM1_DRIVER_CALL cuMemGetInfo(size_t *free, size_t *total) {
  MM1_ENTER(Context);
  if (!free || !total)
    return kInvalidValue;
  *free = m.memory.freeBytes(call.context->device);
  *total = m.config.memory_bytes;
  return kSuccess;
}

MM1_DRIVER_CALL cuMemAlloc(Address *address, size_t sizeBytes) {
  MM1_ENTER(Context);
  MM1_NOT_WHILE_CAPTURING();
  if (!address || sizeBytes == 0)
    return kInvalidValue;
  const Block *block = m.memory.allocate(call.context->device, sizeBytes);
  if (!block)
    return kOutOfMemory;
  if (m.isChecking)
    m.shadow.addBlock(reinterpret_cast<void *>(block->address), sizeBytes,
                      false);
  *address = block->address;
  return kSuccess;
}

/// Takes a block away, saying what is wrong with that.
static void freeBlock(Machine &m, const Block &block, const std::string &what) {
  if (std::string use = pendingUse(block.address, block.bytes); !use.empty())
    m.report(what + " at " + m.memory.text(block.address) + " is freed while " +
             use + " has yet to run");
  if (std::string problem = m.memory.redZoneProblem(block); !problem.empty())
    m.report(problem);
  if (m.isChecking && block.region != kPinned)
    m.shadow.removeBlock(reinterpret_cast<void *>(block.address));
  m.memory.release(block);
}

MM1_DRIVER_CALL cuMemFree(Address address) {
  MM1_ENTER(Context);
  MM1_NOT_WHILE_CAPTURING();
  const Block *block = m.memory.liveAt(address);
  if (!block || block->region == kPinned)
    return kInvalidValue;
  freeBlock(m, *block, "memory");
  return kSuccess;
}

MM1_DRIVER_CALL cuMemHostAlloc(void **address, size_t sizeBytes,
                               unsigned flags) {
  MM1_ENTER(Context);
  MM1_NOT_WHILE_CAPTURING();
  constexpr unsigned kKnownFlags = kHostPortable | kHostMapped;
  if (!address || sizeBytes == 0 || (flags & ~kKnownFlags) != 0)
    return kInvalidValue;
  const Block *block = m.memory.allocate(kPinned, sizeBytes);
  if (!block)
    return kOutOfMemory;
  *address = reinterpret_cast<void *>(block->address);
  return kSuccess;
}

MM1_DRIVER_CALL cuMemFreeHost(void *address) {
  MM1_ENTER(Context);
  MM1_NOT_WHILE_CAPTURING();
  const Block *block = m.memory.liveAt(reinterpret_cast<uintptr_t>(address));
  if (!block || block->region != kPinned)
    return kInvalidValue;
  freeBlock(m, *block, "pinned memory");
  return kSuccess;
}

namespace {

/// FNV-1a over words: the host may not change the source of a copy before the
/// copy has run.
uint64_t hashOf(uintptr_t address, size_t bytes) {
  constexpr uint64_t kBasis = 14695981039346656037u, kPrime = 1099511628211u;
  auto *at = reinterpret_cast<const unsigned char *>(address);
  uint64_t hash = kBasis;
  for (; bytes >= 8; at += 8, bytes -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    hash = (hash ^ word) * kPrime;
  }
  for (; bytes > 0; ++at, --bytes)
    hash = (hash ^ *at) * kPrime;
  return hash;
}

/// Empty, or why an asynchronous copy cannot use this host memory.
std::string hostProblem(const Machine &m, uintptr_t address, size_t bytes) {
  if (!m.memory.isPinned(address))
    return "host memory that is not pinned: the copy would not be asynchronous";
  return m.memory.problem(address, bytes);
}

std::string deviceProblem(const Machine &m, uintptr_t address, size_t bytes) {
  if (!m.memory.isDevice(address))
    return m.memory.text(address) + " is no device memory";
  return m.memory.problem(address, bytes);
}

Result giveCopy(Call &call, Stream stream, CopyWork copy) {
  Machine &m = call.m;
  if (!m.streams.isLive(stream)) {
    if (!stream)
      m.report(std::string(call.name) + " uses the default stream");
    return kInvalidHandle;
  }
  if (copy.bytes == 0)
    return kSuccess;
  bool fromHost = copy.direction == Direction::ToDevice;
  bool toHost = copy.direction == Direction::ToHost;
  std::string from = fromHost ? hostProblem(m, copy.from, copy.bytes)
                              : deviceProblem(m, copy.from, copy.bytes);
  std::string to = toHost ? hostProblem(m, copy.to, copy.bytes)
                          : deviceProblem(m, copy.to, copy.bytes);
  if (!from.empty() || !to.empty()) {
    m.report(std::string(call.name) + ": its " +
             (from.empty() ? "destination: " + to : "source: " + from));
    // Of pageable memory a driver makes a slow copy that works.
    bool isPageable = (fromHost && from.starts_with("host memory that is")) ||
                      (toHost && to.starts_with("host memory that is"));
    if (!isPageable)
      return kInvalidValue;
    if (stream->capture)
      return kInvalidValue;
    Result result = workUntil(call, [&] { return stream->isIdle(); });
    if (result == kSuccess)
      std::memcpy(reinterpret_cast<void *>(copy.to),
                  reinterpret_cast<const void *>(copy.from), copy.bytes);
    return result;
  }
  if (m.config.late && !stream->capture) {
    if (fromHost && !isPendingTarget(copy.from, copy.bytes)) {
      copy.sourceHash = hashOf(copy.from, copy.bytes);
      copy.hasHash = true;
    }
    // Who reads before the copy has run sees it.
    if (toHost && pendingUse(copy.to, copy.bytes).empty())
      std::memset(reinterpret_cast<void *>(copy.to), 0xFF, copy.bytes);
  }
  return give(call, *stream, {copy, {}});
}

} // namespace

namespace mm1::emulated {

bool isSourceUnchanged(const CopyWork &copy) {
  return !copy.hasHash || hashOf(copy.from, copy.bytes) == copy.sourceHash;
}

} // namespace mm1::emulated

MM1_DRIVER_CALL cuMemcpyHtoDAsync(Address to, const void *from,
                                  size_t sizeBytes, Stream stream) {
  MM1_ENTER(Context);
  return giveCopy(call, stream,
                  {Direction::ToDevice, uintptr_t(to),
                   reinterpret_cast<uintptr_t>(from), sizeBytes});
}

MM1_DRIVER_CALL cuMemcpyDtoHAsync(void *to, Address from, size_t sizeBytes,
                                  Stream stream) {
  MM1_ENTER(Context);
  return giveCopy(call, stream,
                  {Direction::ToHost, reinterpret_cast<uintptr_t>(to),
                   uintptr_t(from), sizeBytes});
}

MM1_DRIVER_CALL cuMemcpyDtoDAsync(Address to, Address from, size_t sizeBytes,
                                  Stream stream) {
  MM1_ENTER(Context);
  return giveCopy(
      call, stream,
      {Direction::OnDevice, uintptr_t(to), uintptr_t(from), sizeBytes});
}

MM1_DRIVER_CALL cuMemsetD8Async(Address to, unsigned char value,
                                size_t sizeBytes, Stream stream) {
  MM1_ENTER(Context);
  if (!m.streams.isLive(stream)) {
    if (!stream)
      m.report("cuMemsetD8Async uses the default stream");
    return kInvalidHandle;
  }
  if (sizeBytes == 0)
    return kSuccess;
  if (std::string problem = deviceProblem(m, to, sizeBytes); !problem.empty()) {
    m.report("cuMemsetD8Async: " + problem);
    return kInvalidValue;
  }
  return give(call, *stream, {FillWork{uintptr_t(to), sizeBytes, value}, {}});
}
