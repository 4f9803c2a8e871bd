//===- CpuDevice.h - Run a plan on this machine's processor ---------------===//
// Memory is anonymous memory on huge pages where the system has them; kernels
// come from a library by dlopen; programs are walked by a ThreadPool. A step is
// done when enqueue() returns: its block is spread over the plan's ports, the
// pool runs the program, and the result points into the arena. The same bytes
// come out whatever the number of threads.
//
//   auto device = CpuDevice::create({.threads = 2});
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CpuMemory.h"
#include "runtime/Device/Device.h"
#include "runtime/Device/ThreadPool.h"
#include "runtime/Device/WeightMemory.h"

#include <array>
#include <memory>
#include <string>

namespace mm1 {

class CpuDevice final : public Device {
public:
  struct Options {
    uint32_t threads = 0; ///< 0: one for each CPU the process may use
    /// Empty: the best that artifact and processor have.
    std::string level = {};
    WeightPlacement weights = WeightPlacement::Auto;
    /// Measure times in kernels; costs some 100 ns a launch.
    bool profiling = false;
  };
  /// Most threads that may be asked for.
  static constexpr uint32_t kMaxThreads = 1024;

  /// Usage error for too many threads.
  static Expected<std::unique_ptr<CpuDevice>> create(const Options &options);
  ~CpuDevice() override;

  Status load(const Artifact &artifact, const LoadOptions &options) override;
  Expected<Program> addProgram(const Plan::Entry &entry) override;
  /// Nothing: load() has brought all pages in.
  Status warmUp() override { return Status::ok(); }

  /// A step is done when it was given.
  uint32_t runAhead() const override { return 0; }
  Expected<StepBlock *> step() override;
  Expected<Ticket> enqueue(Program program, StepBlock &block) override;
  bool isDone(Ticket ticket) const override { return ticket <= lastTicket; }
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
  Status finish(Ticket) override { return Status::ok(); }

  std::string describe() const override;
  uint32_t workers() const override { return numThreads; }
  MemoryUse memory() const override;
  std::span<const StepTime> stepTimes(Program program) override;
  Times times() const override;
  void resetTimes() override;
  Expected<std::unique_ptr<Bounds>> bounds() override;

private:
  using Dims = std::array<int64_t, kNumKernelDims>;
  /// What one pool step runs, with memory for what it points to.
  struct Work {
    Plan::Grid grid{1, GridUnit::One, 1};
    uint32_t grain = 0;
    std::vector<void *> buffers;
    std::vector<int64_t> numbers; ///< behind the buffers of a host call
    uint32_t planStep;            ///< in its entry
  };
  struct ProgramData {
    EntryKind kind;
    uint32_t maxTokens, maxSequences;
    std::vector<ThreadPool::Step> steps;
    std::vector<Work> works;     ///< one a pool step
    std::vector<StepTime> times; ///< one a step of the entry
  };
  /// The plan's ports; null where it has none.
  struct Ports {
    int32_t *tokens, *positions, *starts, *slots, *pages, *rows, *counts;
    float *inverseTemperatures;
    const float *logits;
    size_t logitsStride;
  };

  explicit CpuDevice(const Options &options) : options(options) {}
  Status allocate(const LoadOptions &options);
  Status loadKernels(const Artifact &artifact);
  void findPorts();
  Expected<KernelFunction> functionOf(const Plan::Entry &entry,
                                      const Plan::Step &step, Work &work) const;
  void spread(const ProgramData &program, const StepBlock &block);
  void appendPage(const StepRow &row);
  void run(ProgramData &program, std::span<ThreadPool::Step> steps,
           size_t firstWork, uint32_t tokens, uint32_t sequences);

  Options options;
  uint32_t numThreads = 1;
  std::string chosenLevel;
  void *library = nullptr;
  std::vector<KernelFunction> kernels;
  WeightMemory weights;
  /// Made by load, which knows the scratch size.
  std::unique_ptr<ThreadPool> pool;
  const Plan *plan = nullptr; // of the loaded artifact
  CpuMemory arena;
  std::vector<CpuMemory> states;
  std::vector<CpuMemory> hostBuffers;
  std::vector<ProgramData> programs;
  Ports ports{};

  // The one block and its result.
  std::vector<StepRow> rows;
  std::vector<int32_t> starts;
  std::vector<SlotUpdate> updates, slotUpdates; // given, and by slot
  StepBlock block;
  StepResult result;
  Ticket lastTicket = 0;
};

} // namespace mm1
