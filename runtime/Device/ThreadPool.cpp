//===- ThreadPool.cpp - Walk a list of launches with N threads ------------===//
#include "runtime/Device/ThreadPool.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <string>

namespace mm1 {

namespace {

constexpr uint64_t kScratchAlignment = 64;
// Long enough for sampling a token, short enough not to be noticed by others on
// the machine.
constexpr uint32_t kSpinNs = 50'000;
// With more threads than CPUs the one we wait for may need ours.
constexpr uint32_t kCrowdedSpinNs = 1'000;

uint32_t generationOf(uint64_t word) { return uint32_t(word >> 32); }
uint32_t unclaimedOf(uint64_t word) { return uint32_t(word); }
uint64_t makeWord(uint32_t generation, uint32_t tasks) {
  return uint64_t(generation) << 32 | tasks;
}

uint64_t nowNs() {
  return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::steady_clock::now().time_since_epoch())
                      .count());
}

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

} // namespace

/// A thread of the pool; on cache lines of its own.
struct alignas(64) ThreadPool::Worker {
  ThreadPool *pool = nullptr;
  void *scratch = nullptr;
  uint64_t busyNs = 0;
  pthread_t thread{};
  bool started = false;

  ~Worker() { std::free(scratch); }
};

std::vector<int> allowedCpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set))
        cpus.push_back(cpu);
  if (cpus.empty()) // more CPUs than a cpu_set_t holds
    cpus.push_back(-1);
  return cpus;
}

Expected<std::unique_ptr<ThreadPool>>
ThreadPool::create(uint32_t threads, uint64_t scratchBytes, bool profiling) {
  std::unique_ptr<ThreadPool> pool(new ThreadPool);
  std::vector<int> cpus = allowedCpus();
  pool->profiling = profiling;
  pool->spinNs = threads <= cpus.size() ? kSpinNs : kCrowdedSpinNs;
  uint64_t roundedBytes =
      (std::max<uint64_t>(scratchBytes, 1) + kScratchAlignment - 1) &
      ~(kScratchAlignment - 1);
  for (uint32_t i = 0; i < threads; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->pool = pool.get();
    worker->scratch = std::aligned_alloc(kScratchAlignment, roundedBytes);
    if (!worker->scratch)
      return machineError("cannot get " + std::to_string(roundedBytes) +
                          " bytes of scratch memory for each of " +
                          std::to_string(threads) + " threads");
    // Written here so that a kernel never meets a page that is not there yet.
    std::memset(worker->scratch, 0, roundedBytes);
    pool->workers.push_back(std::move(worker));
  }
  for (uint32_t i = 1; i < threads; ++i) {
    Worker &worker = *pool->workers[i];
    if (int problem =
            pthread_create(&worker.thread, nullptr, threadMain, &worker))
      return machineError("cannot start thread " + std::to_string(i + 1) +
                          " of " + std::to_string(threads) + ": " +
                          std::strerror(problem) +
                          "; use fewer with --threads");
    worker.started = true;
    if (threads == cpus.size()) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cpus[i], &set);
      // A refusal only means that the system places the thread.
      (void)pthread_setaffinity_np(worker.thread, sizeof(set), &set);
    }
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stopping.store(true, std::memory_order_relaxed);
  word.store(
      makeWord(generationOf(word.load(std::memory_order_relaxed)) + 1, 0));
  wakeups.fetch_add(1);
  wakeups.notify_all();
  for (auto &worker : workers)
    if (worker->started)
      pthread_join(worker->thread, nullptr);
}

void *ThreadPool::threadMain(void *argument) {
  Worker &self = *static_cast<Worker *>(argument);
  self.pool->serve(self);
  return nullptr;
}

void ThreadPool::serve(Worker &self) {
  for (;;) {
    uint64_t seen = word.load(std::memory_order_acquire);
    if (unclaimedOf(seen) != 0)
      claimAndRun(self, seen);
    else if (stopping.load(std::memory_order_relaxed))
      return;
    else
      waitForChange(seen);
  }
}

void ThreadPool::run(std::span<Step> list, const int64_t *stepDims) {
  uint64_t start = profiling ? nowNs() : 0;
  steps = list.data();
  numSteps = uint32_t(list.size());
  dims = stepDims;
  firstGeneration = generationOf(word.load(std::memory_order_relaxed)) + 1;
  uint32_t end = firstGeneration + numSteps;
  open(0);
  for (;;) {
    uint64_t seen = word.load(std::memory_order_acquire);
    if (unclaimedOf(seen) != 0)
      claimAndRun(*workers[0], seen);
    else if (generationOf(seen) == end)
      break;
    else
      waitForChange(seen);
  }
  if (profiling) {
    runNs += nowNs() - start;
    ++runs;
  }
}

/// Opens the first step from `step` on that has tasks, or ends the run. Called
/// by one thread, between launches.
void ThreadPool::open(uint32_t step) {
  while (step < numSteps && steps[step].tasks == 0)
    ++step;
  uint32_t tasks = step < numSteps ? steps[step].tasks : 0;
  unfinished.store(tasks, std::memory_order_relaxed);
  uint32_t most = step < numSteps ? steps[step].grain : 0;
  grain.store(most ? most : UINT32_MAX, std::memory_order_relaxed);
  if (profiling)
    openedNs = nowNs();
  word.store(makeWord(firstGeneration + step, tasks));
  if (sleepers.load() != 0) {
    wakeups.fetch_add(1);
    wakeups.notify_all();
  }
}

/// Claims some of the tasks that `seen` offers and runs them; false when
/// another thread was faster.
bool ThreadPool::claimAndRun(Worker &self, uint64_t seen) {
  uint32_t unclaimed = unclaimedOf(seen), threads = uint32_t(workers.size());
  // Two thirds of an even share: neighbouring tasks read neighbouring weights,
  // and what is left evens out the threads' ends.
  uint32_t taken = threads == 1
                       ? unclaimed
                       : uint32_t(std::max<uint64_t>(1, uint64_t(unclaimed) *
                                                            2 / (3 * threads)));
  if (threads != 1)
    taken = std::min(taken, grain.load(std::memory_order_relaxed));
  if (!word.compare_exchange_weak(seen, seen - taken, std::memory_order_acq_rel,
                                  std::memory_order_relaxed))
    return false;
  // Until our tasks are reported as finished this launch stays open, and so do
  // the fields of run().
  uint32_t index = generationOf(seen) - firstGeneration;
  Step &step = steps[index];
  int64_t begin = int64_t(step.tasks) - unclaimed;
  uint64_t start = profiling ? nowNs() : 0;
  step.function(step.buffers, dims, begin, begin + taken, self.scratch);
  if (profiling)
    self.busyNs += nowNs() - start;
  if (unfinished.fetch_sub(taken, std::memory_order_acq_rel) == taken) {
    if (profiling) {
      step.wallNs += nowNs() - openedNs;
      ++step.runs;
    }
    open(index + 1);
  }
  return true;
}

/// Returns when `word` may no longer be `seen`, which has no unclaimed tasks.
void ThreadPool::waitForChange(uint64_t seen) {
  uint64_t start = nowNs();
  do {
    for (int i = 0; i < 32; ++i) {
      if (word.load(std::memory_order_relaxed) != seen)
        return;
      pause();
    }
  } while (nowNs() - start < spinNs);
  // Ordered against open(): either it sees us among the sleepers, or we see its
  // word.
  sleepers.fetch_add(1);
  uint32_t ticket = wakeups.load();
  if (word.load() == seen)
    wakeups.wait(ticket);
  sleepers.fetch_sub(1);
}

ThreadPool::Profile ThreadPool::profile() const {
  Profile result{0, runNs, runs};
  for (auto &worker : workers)
    result.busyNs += worker->busyNs;
  return result;
}

void ThreadPool::resetProfile() {
  runNs = runs = 0;
  for (auto &worker : workers)
    worker->busyNs = 0;
}

} // namespace mm1
