//===- ThreadPoolTest.cpp - Every task once, in order of launches ---------===//
#include "runtime/Device/ThreadPool.h"

#include <chrono>
#include <gtest/gtest.h>
#include <sched.h>
#include <thread>

using namespace mm1;

namespace {

/// buffers[0]: std::atomic<int> per task, counts how often it ran.
void countTasks(void *const *buffers, const int64_t *, int64_t begin,
                int64_t end, void *) {
  auto counts = static_cast<std::atomic<int> *>(buffers[0]);
  for (int64_t task = begin; task < end; ++task)
    counts[task].fetch_add(1, std::memory_order_relaxed);
}

/// buffers[0]: two arrays of dims[0] values, from and to: to[i] = from[n - 1 -
/// i] + 1, so each launch needs all of the one before.
void reverseAndAdd(void *const *buffers, const int64_t *dims, int64_t begin,
                   int64_t end, void *) {
  auto from = static_cast<const int64_t *>(buffers[0]);
  auto to = static_cast<int64_t *>(buffers[1]);
  for (int64_t i = begin; i < end; ++i)
    to[i] = from[dims[0] - 1 - i] + 1;
}

/// Fills the thread's scratch with the task's number, waits a little, and looks
/// whether it is still there.
void useScratch(void *const *buffers, const int64_t *dims, int64_t begin,
                int64_t end, void *scratch) {
  auto values = static_cast<int64_t *>(scratch);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(scratch) % 64, 0u);
  for (int64_t task = begin; task < end; ++task) {
    for (int64_t i = 0; i < dims[0]; ++i)
      values[i] = task;
    for (int64_t i = 0; i < dims[0]; ++i)
      if (values[i] != task)
        static_cast<std::atomic<int> *>(buffers[0])->fetch_add(1);
  }
}

std::unique_ptr<ThreadPool>
makePool(uint32_t threads, uint64_t scratchBytes = 0, bool profiling = false) {
  auto pool = ThreadPool::create(threads, scratchBytes, profiling);
  EXPECT_TRUE(pool) << pool.error().message;
  return std::move(*pool);
}

/// Runs chains of dependent launches and checks their result.
void runChains(ThreadPool &pool, int rounds, int64_t tasks) {
  std::vector<int64_t> a(static_cast<size_t>(tasks)), b(a);
  void *forward[] = {a.data(), b.data()}, *backward[] = {b.data(), a.data()};
  std::vector<ThreadPool::Step> steps;
  for (int i = 0; i < 20; ++i)
    steps.push_back(
        {reverseAndAdd, i % 2 ? backward : forward, uint32_t(tasks)});
  int64_t dims[] = {tasks};
  for (int round = 1; round <= rounds; ++round) {
    pool.run(steps, dims);
    for (int64_t value : a)
      ASSERT_EQ(value, 20 * round);
  }
}

class ThreadPoolOf : public testing::TestWithParam<uint32_t> {};

} // namespace

TEST_P(ThreadPoolOf, RunsEveryTaskOnce) {
  auto pool = makePool(GetParam());
  for (uint32_t tasks : {0u, 1u, 2u, 3u, 7u, 64u, 1000u, 30011u}) {
    std::vector<std::atomic<int>> counts(tasks + 1);
    void *buffers[] = {counts.data()};
    ThreadPool::Step step{countTasks, buffers, tasks};
    pool->run({&step, 1}, nullptr);
    for (uint32_t i = 0; i < tasks; ++i)
      ASSERT_EQ(counts[i], 1) << "task " << i << " of " << tasks;
    ASSERT_EQ(counts[tasks], 0);
  }
}

TEST_P(ThreadPoolOf, LaunchesSeeAllOfTheOnesBefore) {
  auto pool = makePool(GetParam());
  runChains(*pool, 300, 37);
  runChains(*pool, 300, 1);
}

TEST_P(ThreadPoolOf, SkipsLaunchesWithoutTasks) {
  auto pool = makePool(GetParam());
  std::vector<std::atomic<int>> counts(5);
  void *buffers[] = {counts.data()};
  ThreadPool::Step steps[] = {{countTasks, buffers, 0},
                              {countTasks, buffers, 5},
                              {countTasks, buffers, 0},
                              {countTasks, buffers, 3},
                              {countTasks, buffers, 0}};
  pool->run(steps, nullptr);
  pool->run({}, nullptr);
  EXPECT_EQ(counts[2], 2);
  EXPECT_EQ(counts[4], 1);
}

TEST_P(ThreadPoolOf, ScratchBelongsToOneThread) {
  auto pool = makePool(GetParam(), 4000);
  std::atomic<int> clashes{0};
  void *buffers[] = {&clashes};
  ThreadPool::Step step{useScratch, buffers, 2000};
  int64_t dims[] = {500};
  pool->run({&step, 1}, dims);
  EXPECT_EQ(clashes, 0);
}

TEST_P(ThreadPoolOf, WakesSleepers) {
  auto pool = makePool(GetParam());
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(
        std::chrono::milliseconds(5)); // far beyond the spinning
    runChains(*pool, 1, 16);
  }
}

// 16 threads: more than this machine has CPUs, wherever the tests run for real.
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolOf, testing::Values(1, 2, 3, 16));

/// buffers[0]: std::atomic<int64_t>, the most tasks that came at once.
static void noteMost(void *const *buffers, const int64_t *, int64_t begin,
                     int64_t end, void *) {
  auto &most = *static_cast<std::atomic<int64_t> *>(buffers[0]);
  for (int64_t seen = most; seen < end - begin;)
    if (most.compare_exchange_weak(seen, end - begin))
      return;
}

TEST(ThreadPool, HandsOutNoMoreThanTheGrain) {
  auto pool = makePool(2);
  std::atomic<int64_t> most[3] = {0, 0, 0};
  void *buffers[3][1] = {{&most[0]}, {&most[1]}, {&most[2]}};
  // The grain of one launch is not that of the next.
  ThreadPool::Step steps[] = {{noteMost, buffers[0], 1000, 1},
                              {noteMost, buffers[1], 1000},
                              {noteMost, buffers[2], 1000, 7}};
  for (int i = 0; i < 100; ++i)
    pool->run(steps, nullptr);
  EXPECT_EQ(most[0], 1);
  EXPECT_GT(most[1], 100);
  EXPECT_EQ(most[2], 7);
}

TEST(ThreadPool, WorksWhereOnlyOneCpuIsAllowed) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  CPU_ZERO(&one);
  CPU_SET(allowedCpus().front(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(allowedCpus().size(), 1u);
  {
    auto pool = makePool(4);
    runChains(*pool, 100, 37);
  }
  sched_setaffinity(0, sizeof(before), &before);
}

TEST(ThreadPool, CrowdIsSlowNotStuck) {
  // Two pools that each take every CPU, at the same time: 4 threads per CPU.
  uint32_t threads = uint32_t(2 * allowedCpus().size());
  auto start = std::chrono::steady_clock::now();
  std::thread other([&] { runChains(*makePool(threads), 100, 37); });
  runChains(*makePool(threads), 100, 37);
  other.join();
  // 4000 launches; a scheduler's time slice of some milliseconds for each would
  // be 10 s and more.
  EXPECT_LT(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count(),
      20.0);
}

TEST(ThreadPool, ProfilesWhenAsked) {
  auto pool = makePool(2, 0, true);
  runChains(*pool, 3, 37);
  EXPECT_EQ(pool->profile().runs, 3u);
  EXPECT_GT(pool->profile().runNs, 0u);
  EXPECT_LE(pool->profile().busyNs, 2 * pool->profile().runNs);
  pool->resetProfile();
  EXPECT_EQ(pool->profile().runs, 0u);
}
