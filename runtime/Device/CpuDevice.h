//===- CpuDevice.h - Run a plan on this machine's processor --------------------===//
// Memory is anonymous memory on huge pages where the system has them; kernels come from kernels/cpu-LEVEL.so by dlopen;
// programs are walked by a ThreadPool. The same bytes come out whatever the number of threads.
//
//   auto device = CpuDevice::create({.threads = 2});
//===---------------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/Device.h"
#include "runtime/Device/ThreadPool.h"
#include "runtime/Device/WeightMemory.h"

#include <memory>
#include <string>

namespace mm1 {

class CpuDevice final : public Device {
public:
  struct Options {
    uint32_t threads = 0; ///< 0: one for each CPU the process may use
    std::string level =
        {}; ///< empty: the best that artifact and processor have
    WeightPlacement weights = WeightPlacement::Auto;
    bool profiling =
        false; ///< measure times in kernels; costs some 100 ns a launch
  };
  /// Most threads that may be asked for.
  static constexpr uint32_t kMaxThreads = 1024;

  /// Usage error for too many threads.
  static Expected<std::unique_ptr<CpuDevice>> create(const Options &options);
  ~CpuDevice() override;

  std::string describe() const override;
  Expected<Memory> allocate(uint64_t sizeBytes, std::string_view what) override;
  Status load(const Artifact &artifact) override;
  void *weightAddress(size_t weight) const override {
    return weights.address(weight);
  }
  Expected<uint32_t> addProgram(const Plan::Entry &entry,
                                std::span<const Buffers> buffers) override;
  Status run(uint32_t program, const Dims &dims) override;
  void write(void *to, const void *from, uint64_t sizeBytes) override;
  void read(void *to, const void *from, uint64_t sizeBytes) override;
  void clear(void *at, uint64_t sizeBytes) override;
  const void *view(const void *from, uint64_t sizeBytes) override {
    return from;
  }

  uint32_t threads() const { return numThreads; }
  const std::string &level() const { return chosenLevel; }
  const WeightMemory &weightMemory() const { return weights; }
  ThreadPool &threadPool() { return *pool; }
  /// With profiling: the launches of `program` with their times since the last reset.
  std::span<const ThreadPool::Step> launchProfile(uint32_t program) const {
    return programs[program].steps;
  }
  void resetProfile();

protected:
  void free(std::byte *address, uint64_t sizeBytes) override;

private:
  /// What one step runs, with memory for what its pool step points to.
  struct Work {
    Plan::Grid grid;
    Buffers buffers;
    std::vector<int64_t> numbers; ///< behind the buffers of a host call
    uint32_t planStep;            ///< in its entry
  };
  struct Program {
    std::vector<ThreadPool::Step> steps;
    std::vector<Work> works; ///< one a step
  };
  explicit CpuDevice(const Options &options) : options(options) {}
  Status loadKernels(const Artifact &artifact);
  Expected<KernelFunction> functionOf(const Plan::Entry &entry,
                                      const Plan::Step &step, Work &work) const;

  Options options;
  uint32_t numThreads = 1;
  std::string chosenLevel;
  void *library = nullptr;
  std::vector<KernelFunction> kernels;
  WeightMemory weights;
  std::unique_ptr<ThreadPool>
      pool; // made by load, which knows the scratch size
  std::vector<Program> programs;
};

} // namespace mm1
