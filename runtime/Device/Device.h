//===- Device.h - Where a plan runs --------------------------------------------===//
// What the session asks of a machine: memory, the kernels of an artifact, and programs, which are lists of launches
// with every address filled in. All that costs time or memory happens before the first token:
//
//   Device::Memory arena = *device->allocate(plan.arenaBytes, "arena");
//   device->load(artifact);
//   uint32_t program = *device->addProgram(entry, buffers);   // one per bucket
//   device->run(program, {tokens, sequences, pageColumns});   // per step: no allocation, no lock
//
// A GPU makes one graph of a program; the cpu device walks it with its threads. Addresses belong to the device: the
// host reads and writes them through read() and write() only.
//===---------------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Artifact.h"
#include "runtime/Artifact/KernelABI.h"
#include "runtime/Support/Expected.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mm1 {

class Device {
public:
  /// The sizes of one step, by KernelDim.
  using Dims = std::array<int64_t, kNumKernelDims>;

  /// Bytes on the device; freed with the object, which must not outlive the device.
  class Memory {
  public:
    Memory() = default;
    Memory(Device *owner, std::byte *address, uint64_t sizeBytes)
        : owner(owner), address(address), bytes(sizeBytes) {}
    Memory(Memory &&other) noexcept { *this = std::move(other); }
    Memory &operator=(Memory &&other) noexcept {
      std::swap(owner, other.owner);
      std::swap(address, other.address);
      std::swap(bytes, other.bytes);
      return *this;
    }
    ~Memory() {
      if (owner && address)
        owner->free(address, bytes);
    }
    /// A device address, kBufferAlignment-aligned.
    std::byte *data() const { return address; }
    uint64_t sizeBytes() const { return bytes; }

  private:
    Device *owner = nullptr;
    std::byte *address = nullptr;
    uint64_t bytes = 0;
  };

  /// The device addresses of a step's arguments, in order.
  using Buffers = std::vector<void *>;

  virtual ~Device() = default;

  /// For people: "cpu x86-64-v4-bf16, 2 threads".
  virtual std::string describe() const = 0;

  /// `sizeBytes` of zeros. Machine error naming `what` when there is not that much memory.
  virtual Expected<Memory> allocate(uint64_t sizeBytes,
                                    std::string_view what) = 0;

  /// Finds every kernel of the plan and makes its weights readable; once, before all that follows. Machine error: the
  /// artifact has no kernels for this machine, not enough memory, the disk fails; input error: a kernel is missing.
  virtual Status load(const Artifact &artifact) = 0;
  /// The device address of plan().weights[weight].
  virtual void *weightAddress(size_t weight) const = 0;

  /// Prepares the steps of an entry to be run often; its number. `buffers` has
  /// one list a step. Input error: a step that this device cannot do.
  virtual Expected<uint32_t> addProgram(const Plan::Entry &entry,
                                        std::span<const Buffers> buffers) = 0;

  /// Runs a program to its end: each launch sees all bytes that the launches before it wrote.
  virtual Status run(uint32_t program, const Dims &dims) = 0;

  /// Copies between host and device.
  virtual void write(void *to, const void *from, uint64_t sizeBytes) = 0;
  virtual void read(void *to, const void *from, uint64_t sizeBytes) = 0;
  virtual void clear(void *at, uint64_t sizeBytes) = 0;
  /// The bytes at a device address for the host to read until the next run(); a device with memory of its own copies
  /// them into a buffer that it took with allocate().
  virtual const void *view(const void *from, uint64_t sizeBytes) = 0;

protected:
  virtual void free(std::byte *address, uint64_t sizeBytes) = 0;
};

} // namespace mm1
