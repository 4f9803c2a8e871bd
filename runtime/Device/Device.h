//===- Device.h - Where a plan runs ---------------------------------------===//
// What the session asks of a machine. All that costs time or memory happens
// before the first token; then work is given and waited for later, so that a
// device with a queue of its own always has the next step in it:
//
//   device->load(artifact, {});                  // memory, kernels, weights
//   Device::Program decode = *device->addProgram(entry);     // one a bucket
//   device->warmUp();
//
//   StepBlock &block = **device->step();         // the next free one
//   block.rows[0] = {.token = 17, .position = 0, .slot = 3, .newPage = 5};
//   ...
//   Device::Ticket ticket = *device->enqueue(decode, block);
//   const StepResult &result = **device->wait(ticket);       // tokens
//
// From step() on nothing allocates or locks. Addresses belong to the device:
// the host reads and writes them through read() and write() only. One thread
// calls a device at a time.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Artifact.h"
#include "runtime/Device/Bounds.h"
#include "runtime/Device/StepBlock.h"
#include "runtime/Support/Expected.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mm1 {

class Device {
public:
  /// A bucket that was prepared.
  using Program = uint32_t;
  /// Grows with each enqueue() or copy; what waits for one waits for all
  /// before.
  using Ticket = uint64_t;

  struct Progress {
    uint64_t doneBytes, totalBytes; ///< of weights
    double bytesPerSecond;
  };
  struct LoadOptions {
    uint64_t kvPages = 0; ///< of all sequences together; 0: as planned
    /// Told now and then; false stops the load.
    std::function<bool(const Progress &)> onProgress = {};
    /// Fill the weights with numbers of this seed (RandomWeights.h) instead of
    /// reading them.
    std::optional<uint64_t> randomWeights = std::nullopt;
  };

  /// Bytes that a loaded plan takes.
  struct MemoryUse {
    uint64_t weights, states, arena;
    uint64_t scratch;       ///< of all workers together
    uint64_t copiedWeights; ///< of the weights: in memory of their own
  };
  /// What a step of an entry took since resetTimes(), when profiling.
  struct StepTime {
    uint64_t wallNs = 0, runs = 0;
    uint64_t tasks = 0; ///< of the last run
  };
  /// Of all programs since resetTimes(), when profiling.
  struct Times {
    uint64_t busyNs = 0; ///< inside kernels, summed over workers
    uint64_t runNs = 0;  ///< inside programs
  };

  virtual ~Device() = default;

  //===----------------------------- Loading ------------------------------===//

  /// Takes memory for states and arena, finds every kernel of the plan and
  /// makes its weights readable; once, before all that follows, and `artifact`
  /// must outlive the device. Machine error: no kernels for this machine, not
  /// enough memory, the disk fails; input error: a kernel is missing; usage
  /// error: stopped by onProgress.
  virtual Status load(const Artifact &artifact, const LoadOptions &options) = 0;

  /// Prepares an entry of the loaded plan; its limits are the program's. Input
  /// error: it has a step that this device cannot do.
  virtual Expected<Program> addProgram(const Plan::Entry &entry) = 0;

  /// Runs what must have run once, so that no step loads, uploads or faults
  /// anything in. After the last addProgram().
  virtual Status warmUp() = 0;

  //===------------------------------ Steps -------------------------------===//

  /// Steps that may be in flight beyond the one that is waited for.
  virtual uint32_t runAhead() const = 0;

  /// A block to fill; waits for the oldest step when all blocks are in flight.
  /// Machine error when the device is lost.
  virtual Expected<StepBlock *> step() = 0;
  /// Runs a program on the block that step() gave last. Usage error, and
  /// nothing done, when the block does not fit the program's limits.
  virtual Expected<Ticket> enqueue(Program program, StepBlock &block) = 0;
  virtual bool isDone(Ticket ticket) const = 0;
  /// Ends when the step is done. The result is valid until runAhead() + 1 more
  /// steps are enqueued.
  virtual Expected<const StepResult *> wait(Ticket ticket) = 0;
  /// Rows of logits of the last step that was waited for, which made them;
  /// valid until the next enqueue().
  virtual Expected<LogitsView> logits(uint32_t first, uint32_t count) = 0;

  /// Runs one step of a program's entry by itself, to its end, for checks: its
  /// buffers are written and read like all memory.
  virtual Status runAlone(Program program, uint32_t step, uint32_t tokens,
                          uint32_t sequences) = 0;

  //===------------------------------ Memory ------------------------------===//

  /// The device address of an arena offset, a weight or the first unit of a
  /// state, as Plan::Arg has them.
  virtual std::byte *address(ArgKind kind, uint64_t index) const = 0;
  /// Host memory that copies may use; the device keeps it.
  virtual Expected<std::span<std::byte>> hostBuffer(uint64_t sizeBytes) = 0;

  /// Copies in order with the steps. The host memory is hostBuffer()'s and left
  /// alone until the ticket is done.
  virtual Expected<Ticket> write(void *to, const void *from,
                                 uint64_t sizeBytes) = 0;
  virtual Expected<Ticket> read(void *to, const void *from,
                                uint64_t sizeBytes) = 0;
  virtual Expected<Ticket> clear(void *at, uint64_t sizeBytes) = 0;
  /// Ends when the work of a ticket is done.
  virtual Status finish(Ticket ticket) = 0;

  //===--------------------------- About itself ---------------------------===//

  /// For people: "cpu x86-64-v4-bf16, 2 threads".
  virtual std::string describe() const = 0;
  /// What runs tasks at once: threads, multiprocessors.
  virtual uint32_t workers() const = 0;
  virtual MemoryUse memory() const = 0;
  /// One for each step of the program's entry.
  virtual std::span<const StepTime> stepTimes(Program program) = 0;
  virtual Times times() const = 0;
  virtual void resetTimes() = 0;
  /// What it can do at best; takes memory. After load().
  virtual Expected<std::unique_ptr<Bounds>> bounds() = 0;
};

} // namespace mm1
