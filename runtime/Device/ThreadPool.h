//===- ThreadPool.h - Walk a list of launches with N threads --------------===//
// The cpu device's engine. A launch is a kernel and a number of tasks; all
// threads, the calling one too, claim pieces of the tasks until none is left,
// and whoever finishes the last task opens the next launch:
//
//   word = [ generation | tasks not claimed ]   one atomic word, claimed from
//                                               by compare-and-swap
//
// The generation says which launch a claim belongs to, so a thread that was
// away (the system gave its core to somebody else) never delays a launch in
// which it holds no task: with more threads than cores the pool gets slow, not
// stuck. Pieces shrink as the tasks run out (guided self-scheduling,
// Polychronopoulos and Kuck 1987).
//
// Idle threads spin for some microseconds, then sleep; run() allocates nothing
// and takes no lock.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/KernelABI.h"
#include "runtime/Support/Expected.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <pthread.h>
#include <span>
#include <vector>

namespace mm1 {

/// The CPUs this process may use, as the system numbers them.
std::vector<int> allowedCpus();

class ThreadPool {
public:
  struct Step {
    KernelFunction function;
    void *const *buffers;
    uint32_t tasks;     ///< 0: nothing to do
    uint32_t grain = 0; ///< most tasks claimed at once; 0: the pool decides
    /// With profiling: from opening to the last task's end, over all runs.
    uint64_t wallNs = 0;
    uint64_t runs = 0; ///< with profiling
  };
  /// Time of all threads since the last reset, measured only with profiling.
  struct Profile {
    uint64_t busyNs = 0; ///< inside kernels, summed over threads
    uint64_t runNs = 0;  ///< inside run()
    uint64_t runs = 0;
  };

  /// Starts threads - 1 threads beside the calling one, each with
  /// `scratchBytes` of memory for kernels. They are tied to one CPU each when
  /// the pool takes every CPU it may use, and left to the system otherwise.
  /// Machine error when a thread or the memory is refused.
  static Expected<std::unique_ptr<ThreadPool>>
  create(uint32_t threads, uint64_t scratchBytes, bool profiling);
  ~ThreadPool();

  /// Runs the steps in order, each with all its tasks done before the next
  /// begins. Not for two callers at a time.
  void run(std::span<Step> steps, const int64_t *dims);

  uint32_t threads() const { return uint32_t(workers.size()); }
  Profile profile() const;
  void resetProfile();

private:
  struct Worker;
  ThreadPool() = default;
  static void *threadMain(void *worker);
  void serve(Worker &self);
  bool claimAndRun(Worker &self, uint64_t seen);
  void open(uint32_t step);
  void waitForChange(uint64_t seen);

  // What run() is about; written before the first launch is opened.
  Step *steps = nullptr;
  uint32_t numSteps = 0;
  uint32_t firstGeneration = 0;
  const int64_t *dims = nullptr;
  uint64_t openedNs = 0;
  uint64_t runNs = 0, runs = 0;

  bool profiling = false;
  uint32_t spinNs = 0;
  std::atomic<bool> stopping{false};
  std::vector<std::unique_ptr<Worker>> workers; // [0] is the caller of run()

  alignas(64) std::atomic<uint64_t> word{0};
  /// Of the launch that `word` is about; written before it.
  std::atomic<uint32_t> grain{UINT32_MAX};
  alignas(64) std::atomic<uint32_t> unfinished{0};
  alignas(64) std::atomic<uint32_t> sleepers{0};
  std::atomic<uint32_t> wakeups{0};
};

} // namespace mm1
