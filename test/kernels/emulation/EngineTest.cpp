//===- EngineTest.cpp - Threads, warps, blocks and launches on a CPU ------===//
// Words compute what dp.h says, in every order of threads; and what a GPU leaves
// undefined has a message that names thread and line.
//===----------------------------------------------------------------------===//
#include "HostProgram.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>

using namespace mm1::emulation;
using namespace mm1::emulation::test;

namespace {

/// Expects `part` in the error of the kernel `f` in every order.
void expectError(const std::string &text, const std::string &part,
                 LaunchShape shape = {1, 64}) {
  HostProgram program(text);
  std::vector<int> memory(1024);
  for (EngineOptions options : allOrders()) {
    Engine engine(options);
    std::string error = program.run(engine, "f", shape, memory.data());
    EXPECT_NE(error.find(part), std::string::npos) << error;
  }
}

//===---------------------------------- Words -------------------------------===//

TEST(Engine, EveryThreadKnowsItsPlace) {
  HostProgram program(R"(
    DP_KERNEL(96) f(int *out) {
      out[dp::block() * 96 + dp::thread()] =
          dp::thread() + 1000 * dp::lane() + 100000 * dp::warp() + 1000000 * dp::num_threads();
    }
    DP_EXPORT(f)
  )");
  for (EngineOptions options : allOrders()) {
    Engine engine(options);
    std::vector<int> out(3 * 96);
    ASSERT_EQ(program.run(engine, "f", {3, 96}, out.data()), "");
    for (int i = 0; i < 3 * 96; ++i) {
      int t = i % 96;
      EXPECT_EQ(out[i], t + 1000 * (t % 32) + 100000 * (t / 32) + 96000000);
    }
  }
}

TEST(Engine, LanesExchange) {
  HostProgram program(R"(
    DP_KERNEL(64) f(int *out, float *sums) {
      const int i = dp::thread();
      out[i] = dp::shuffle(i * 3, 7);
      out[64 + i] = dp::shuffle_xor(i, 5);
      out[128 + i] = int(dp::ballot(i % 3 == 0));
      out[192 + i] = dp::any(i == 40) + 2 * dp::all(i >= 32);
      sums[i] = dp::warp_sum(1.0f / float(i + 1));
      float two[2] = {float(i), float(i * i)};
      dp::warp_sums(two);
      sums[64 + i] = two[0];
      sums[128 + i] = two[1];
      sums[192 + i] = dp::warp_max(float(i % 17));
    }
    DP_EXPORT(f)
  )");
  for (EngineOptions options : allOrders()) {
    Engine engine(options);
    std::vector<int> out(256);
    std::vector<float> sums(256);
    ASSERT_EQ(program.run(engine, "f", {1, 64}, out.data(), sums.data()), "");
    for (int i = 0; i < 64; ++i) {
      int first = i / 32 * 32;
      EXPECT_EQ(out[i], (first + 7) * 3);
      EXPECT_EQ(out[64 + i], i ^ 5);
      uint32_t lanes = 0;
      float x[32], sum = 0, squares = 0;
      for (int l = 0; l < 32; ++l) {
        lanes |= uint32_t((first + l) % 3 == 0) << l;
        x[l] = 1.0f / float(first + l + 1);
        sum += float(first + l);
        squares += float((first + l) * (first + l));
      }
      EXPECT_EQ(uint32_t(out[128 + i]), lanes);
      EXPECT_EQ(out[192 + i], first ? 3 : 0);
      for (int d = 16; d; d /= 2)
        for (int l = 0; l < d; ++l)
          x[l] = x[l] + x[l + d];
      EXPECT_EQ(sums[i], x[0]);
      EXPECT_EQ(sums[64 + i], sum);
      EXPECT_EQ(sums[128 + i], squares);
      EXPECT_EQ(sums[192 + i], 16.0f);
    }
  }
}

TEST(Engine, BlocksSumInOneOrder) {
  HostProgram program(R"(
    DP_KERNEL(128) f(const float *x, float *out) {
      DP_SHARED_MEMORY(shared, 128);
      float *partial = reinterpret_cast<float *>(shared.bytes);
      const float sum = dp::block_sum(dp::load(x + dp::thread()), partial);
      const float most = dp::block_max(dp::load(x + dp::thread()), partial);
      out[dp::thread()] = sum;
      out[128 + dp::thread()] = most;
    }
    DP_EXPORT(f)
  )");
  std::vector<float> x(128), first;
  for (int i = 0; i < 128; ++i)
    x[i] = std::sin(float(i)) * 100;
  for (EngineOptions options : allOrders()) {
    Engine engine(options);
    std::vector<float> out(256);
    ASSERT_EQ(program.run(engine, "f", {1, 128}, x.data(), out.data()), "");
    if (first.empty())
      first = out;
    EXPECT_EQ(out, first);
    for (int i = 0; i < 128; ++i) {
      EXPECT_NEAR(out[i], std::accumulate(x.begin(), x.end(), 0.0), 1e-3);
      EXPECT_EQ(out[128 + i], *std::max_element(x.begin(), x.end()));
    }
  }
}

TEST(Engine, SharedMemoryIsPoisoned) {
  HostProgram program(R"(
    DP_KERNEL(32) f(int *out) {
      DP_SHARED_MEMORY(shared, 256);
      int *words = reinterpret_cast<int *>(shared.bytes);
      out[dp::thread()] = words[dp::thread()];
      words[dp::thread()] = 0; // the next block sees none of it
      out[32] = int(reinterpret_cast<unsigned long>(shared.bytes) % 16);
    }
    DP_EXPORT(f)
  )");
  std::vector<int> out(33);
  ASSERT_EQ(program.run("f", {2, 32}, out.data()), "");
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], -1);
  EXPECT_EQ(out[32], 0);
}

//===--------------------------------- Errors -------------------------------===//

TEST(Engine, NamesABarrierThatSomeDoNotReach) {
  expectError(R"(
    DP_KERNEL(64) f(int *) {
      if (dp::thread() < 40)
        dp::sync_block();
    }
    DP_EXPORT(f))",
              ", k.cu:3");
  expectError(R"(
    DP_KERNEL(64) f(int *) {
      if (dp::thread() < 40)
        dp::sync_block();
      else
        dp::sync_block();
    }
    DP_EXPORT(f))",
              "others of its block at sync_block, k.cu:");
}

TEST(Engine, NamesLanesThatDiverge) {
  expectError(R"(
    DP_KERNEL(64) f(int *x) {
      if (dp::lane() < 5)
        x[0] = dp::shuffle(1, 0);
      else
        x[1] = dp::shuffle(1, 0);
    }
    DP_EXPORT(f))",
              "of its warp at shuffle, k.cu:");
  expectError(R"(
    DP_KERNEL(64) f(int *x) {
      if (dp::thread() == 33)
        return;
      dp::sync_warp();
    }
    DP_EXPORT(f))",
              "thread 33 ");
}

TEST(Engine, NamesADeadlock) {
  expectError(R"(
    DP_KERNEL(64) f(int *x) {
      if (dp::lane() < 16)
        dp::sync_block();
      dp::sync_warp();
    }
    DP_EXPORT(f))",
              "f: deadlock: [");
  expectError(R"(
    DP_KERNEL(64) f(int *x) {
      while (dp::load_acquire(x + 1) == 0)
        dp::spin_pause();
    }
    DP_EXPORT(f))",
              "all threads spin on what nobody writes: [64 threads at "
              "spin_pause, k.cu:3]");
}

TEST(Engine, RefusesWhatAGpuWould) {
  expectError(R"(
    DP_KERNEL(64) f(int *x) {
      dp::load_vector<4>(x + 1);
    }
    DP_EXPORT(f))",
              "16 bytes at an address that is no multiple of 16");
  expectError(R"(
    DP_KERNEL(64) f(int *) { DP_SHARED_MEMORY(shared, 50000); }
    DP_EXPORT(f))",
              "asks for 50000 bytes of shared memory, of at most 49152");
  expectError(R"(
    DP_KERNEL(64) f(int *) { dp::warp_sum(1.0f); }
    DP_EXPORT(f))",
              "is in a warp of 8 lanes at warp_sum", {1, 40});
  expectError(R"(
    DP_KERNEL(64) f(int *) {}
    DP_EXPORT(f))",
              "it is for at most 64 threads", {1, 65});
}

TEST(Engine, RefusesWhatIsNoHostModule) {
  auto missing = ModuleFile::open("/nowhere/k.so");
  ASSERT_FALSE(bool(missing));
  EXPECT_NE(missing.error().message.find("/nowhere/k.so: cannot be loaded"),
            std::string::npos);
  auto other = ModuleFile::open("libm.so.6");
  ASSERT_FALSE(bool(other));
  EXPECT_NE(other.error().message.find("is no host module"), std::string::npos);
}

//===-------------------------------- Launches ------------------------------===//

TEST(Engine, ALaunchStopsAtItsWait) {
  HostProgram program(R"(
    DP_KERNEL(64) f(const int *in, int *out) {
      dp::wait_grid();
      dp::trigger_grid();
      const int i = dp::block() * 64 + dp::thread();
      dp::store(out + i, dp::load(in + i) + 1);
    }
    DP_EXPORT(f)
  )");
  for (EngineOptions options : allOrders()) {
    Engine engine(options);
    std::vector<int> in(128, 1), out(128);
    auto launch = program.start(engine, "f", {2, 64, /*startsEarly=*/true},
                                in.data(), out.data());
    EXPECT_EQ(launch->advance(), Progress::Waits);
    EXPECT_FALSE(launch->hasTriggered());
    EXPECT_EQ(out[0] + out[127], 0);
    in.assign(128, 4);
    launch->releaseGrid();
    EXPECT_EQ(launch->advance(), Progress::Ended);
    EXPECT_TRUE(launch->hasTriggered());
    EXPECT_TRUE(launch->hasWaited());
    EXPECT_EQ(out, std::vector<int>(128, 5));
  }
}

TEST(Engine, LaunchesWaitForEachOther) {
  HostProgram program(R"(
    DP_KERNEL(32) f(int *mine, int *other, int *out) {
      if (dp::thread() == 0) {
        dp::store_release_system(mine, 7);
        while (dp::load_acquire_system(other) == 0)
          dp::spin_pause();
      }
      dp::sync_block();
      dp::store(out, dp::load_acquire_system(other));
    }
    DP_EXPORT(f)
  )");
  for (EngineOptions options : allOrders()) {
    Engine engine(options);
    int a = 0, b = 0, out[2] = {};
    auto one = program.start(engine, "f", {1, 32}, &a, &b, &out[0]);
    auto two = program.start(engine, "f", {1, 32}, &b, &a, &out[1]);
    EXPECT_EQ(one->advance(), Progress::Spins);
    EXPECT_EQ(one->describe(), "[1 thread at spin_pause, k.cu:5] [31 threads "
                               "at sync_block, k.cu:7]");
    EXPECT_EQ(two->advance(), Progress::Ended);
    EXPECT_EQ(one->advance(), Progress::Ended);
    EXPECT_EQ(out[0] + out[1], 14);
  }
}

TEST(Engine, BlocksOfALaunchWaitForEachOther) {
  HostProgram program(R"(
    DP_KERNEL(32) f(int *arrived, int *out) {
      if (dp::thread() == 0) {
        dp::atomic_add(arrived, 1);
        while (dp::load_acquire(arrived) < 5)
          dp::spin_pause();
        dp::store(out + dp::block(), 1);
      }
    }
    DP_EXPORT(f)
  )");
  for (EngineOptions options : allOrders()) {
    Engine engine(options);
    int arrived = 0;
    std::vector<int> out(5);
    EXPECT_EQ(program.run(engine, "f", {5, 32}, &arrived, out.data()), "");
    EXPECT_EQ(out, std::vector<int>(5, 1));
    options.residentBlocks = 4; // fewer than wait for each other
    Engine small(options);
    arrived = 0;
    EXPECT_NE(program.run(small, "f", {5, 32}, &arrived, out.data())
                  .find("[4 threads at spin_pause"),
              std::string::npos);
  }
}

//===--------------------------------- Speed --------------------------------===//

// Not a figure to hold: threads that return at once must cost calls, not stacks.
TEST(Engine, IdleThreadsCostLittle) {
  HostProgram program(R"(
    DP_KERNEL(256) f(const int *count) {
      if (dp::block() >= dp::load(count))
        return;
      dp::sync_block();
    }
    DP_EXPORT(f)
    DP_KERNEL(256) g(float *x) {
      x[dp::thread()] = dp::warp_sum(float(dp::thread()));
    }
    DP_EXPORT(g)
  )");
  auto seconds = [&](const char *name, int blocks, void *argument) {
    auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(program.run(name, {blocks, 256}, argument), "");
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         begin)
        .count();
  };
  int none = 0;
  std::vector<float> sums(256);
  seconds("g", 10, sums.data());
  double idle = seconds("f", 4000, &none),
         busy = seconds("g", 400, sums.data());
  RecordProperty("idle_ns_a_thread", int(idle * 1e9 / (4000 * 256)));
  RecordProperty("warp_op_ns_a_thread", int(busy * 1e9 / (400 * 256)));
  EXPECT_LT(idle / 4000, busy / 400);
}

} // namespace
