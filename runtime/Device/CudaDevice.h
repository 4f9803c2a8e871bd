//===- CudaDevice.h - Run a plan on a GPU ---------------------------------===//
// Everything that costs time happens in load() and warmUp(): memory, kernels
// and weights, and a graph for each program. A step is then three calls:
//
//   host   fill block | copy it, launch graph, record ........ look for epoch
//   GPU               | begin -> kernels -> head -> publish ->      ^ rows
//
// The block lies in pinned memory and says all that varies; kernel `begin`
// writes the plan's input ports from it. The result comes back in pinned
// memory, too: kernel `publish` writes its rows there, and the step's epoch
// last, which wait() looks for. Now and then it also asks the driver, which is
// how a fault is noticed: the epoch would never come.
//
//   auto device = *CudaDevice::create({});       // libcuda.so.1, GPU 0
//
// Blocks and results are rings of runAhead() + 2, so that a block is written
// again only when the result of its last step was there, and with it the end of
// its copy. The layout of both is in kernels/step/step_block.h.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CudaContext.h"
#include "runtime/Device/CudaGraph.h"
#include "runtime/Device/CudaKernels.h"
#include "runtime/Device/CudaWeights.h"
#include "runtime/Device/Device.h"

#include <memory>
#include <string>
#include <vector>

namespace mm1 {

class CudaDevice final : public Device {
public:
  struct Options {
    /// The driver: a path, or a name to search for.
    std::string library = CudaDriver::kDefaultLibrary;
    int gpu = 0; ///< of those that the process sees
    /// Measure times of programs; costs an event a step.
    bool profiling = false;
    /// Launch kernel by kernel and wait for each, so that every step of an
    /// entry has a time, and a fault the name of its layer.
    bool stepByStep = false;
  };

  /// Machine error: no driver, or one that is too old.
  static Expected<std::unique_ptr<CudaDevice>> create(const Options &options);
  ~CudaDevice() override;

  Status load(const Artifact &artifact, const LoadOptions &options) override;
  Expected<Program> addProgram(const Plan::Entry &entry) override;
  Status warmUp() override;

  uint32_t runAhead() const override { return kRunAhead; }
  Expected<StepBlock *> step() override;
  Expected<Ticket> enqueue(Program program, StepBlock &block) override;
  bool isDone(Ticket ticket) const override;
  Expected<const StepResult *> wait(Ticket ticket) override;
  Expected<LogitsView> logits(uint32_t first, uint32_t count) override;
  Status runAlone(Program program, uint32_t step, uint32_t tokens,
                  uint32_t sequences) override;

  std::byte *address(ArgKind kind, uint64_t index) const override;
  Expected<std::span<std::byte>> hostBuffer(uint64_t sizeBytes) override;
  Expected<Ticket> write(void *to, const void *from,
                         uint64_t sizeBytes) override;
  Expected<Ticket> read(void *to, const void *from,
                        uint64_t sizeBytes) override;
  Expected<Ticket> clear(void *at, uint64_t sizeBytes) override;
  Status finish(Ticket ticket) override;

  std::string describe() const override;
  uint32_t workers() const override;
  MemoryUse memory() const override;
  std::span<const StepTime> stepTimes(Program program) override;
  Times times() const override;
  void resetTimes() override;
  Expected<std::unique_ptr<Bounds>> bounds() override;

private:
  static constexpr uint32_t kRunAhead = 2;
  static constexpr uint32_t kRing = kRunAhead + 2;

  struct ProgramData {
    const Plan::Entry *entry;
    std::vector<CudaWork> works;
    CudaGraph graph; ///< none when launched step by step
    bool hasResult;  ///< ends with `publish`
    std::vector<StepTime> times;
  };
  /// A step on its way, and the place of its block and result.
  struct Flight {
    StepBlock block;
    std::byte *bytes = nullptr; ///< the block, pinned
    const ResultHeader *header = nullptr;
    CudaEvent begun, ended; ///< `begun` only when profiling
    Ticket ticket = 0;      ///< 0: none yet
    uint32_t epoch = 0;
    bool hasResult = false, isDone = true;
    StepResult result;
  };
  /// Parts of the memory that `begin` and `publish` share with the host.
  struct Layout {
    uint64_t startsAt, updatesAt, rowsAt, blockBytes; ///< of a block
    uint64_t resultBytes;
    uint64_t dims = 0, slots, block, sizeBytes; ///< on the GPU
    explicit Layout(const Plan &plan);
  };

  explicit CudaDevice(const Options &options, const CudaDriver &driver)
      : options(options), driver(driver) {}
  Status checkPlan(const Artifact &artifact) const;
  Status checkMemory(const Artifact &artifact) const;
  Status allocate();
  Status makeRing();
  Status writeInitial();
  Expected<CudaWork> workOf(const Plan::Entry &entry, uint32_t step) const;
  void fillHeader(Flight &flight) const;
  Status runStepByStep(ProgramData &program);
  Status waitFor(Flight &flight);
  Status retire(Flight &flight);
  Status runOnSpareSlot(Program program);
  Expected<Ticket> copied(cuda::Result result, const char *call);
  uint64_t units(const Plan::State &state) const;
  uint32_t numSlots() const { return plan->maxSequences + plan->spareSlots; }

  Options options;
  CudaDriver driver;
  std::unique_ptr<CudaContext> gpu; // outlives all that follows
  const Plan *plan = nullptr;       // of the loaded artifact
  uint64_t kvPages = 0;             // without spare ones; 0: as planned
  std::string architecture;
  CudaKernels kernels;
  CudaWeights weights;
  CudaMemory arena, shared; // `shared`: see Layout
  std::vector<CudaMemory> states;
  uint64_t weightBytes = 0;
  CudaHostMemory blocks, results, logitRows, sizes;
  std::vector<CudaHostMemory> hostBuffers;
  std::vector<ProgramData> programs;
  std::vector<Flight> ring;

  uint32_t epoch = 0; // of the last step given
  Ticket lastTicket = 0, finishedTicket = 0;
  uint32_t logitRowsMade = 0; // by the last step waited for
  Times spent;
};

} // namespace mm1
