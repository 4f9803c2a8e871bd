//===- ShadowTest.cpp - Races, bounds and uninitialised reads are named ---===//
// Each wrong kernel is one slip away from a right one: the wrong one is named in
// every order, the right one has nothing to report in any.
//===----------------------------------------------------------------------===//
#include "HostProgram.h"

#include "kernels/emulation/ThreadOrder.h"

#include <numeric>

using namespace mm1::emulation;
using namespace mm1::emulation::test;

namespace {

/// Device memory of `floats`, of which the first half is written.
struct Memory {
  static constexpr size_t kFloats = 2048;
  Memory() : bytes(3 * kFloats), x(bytes.data() + kFloats) {
    std::iota(x, x + kFloats, 0.0f);
  }
  void addTo(Shadow &shadow) const {
    shadow.addRange(bytes.data(), bytes.size() * sizeof(float));
    shadow.addBlock(x, kFloats * sizeof(float), /*isWritten=*/false);
    shadow.markWritten(x, kFloats / 2 * sizeof(float));
  }
  std::vector<float> bytes;
  float *x;
};

/// All that is said of a launch of `f`, in one order.
std::string findings(const HostProgram &program, EngineOptions options,
                     LaunchShape shape) {
  std::string lines;
  Shadow shadow([&](const std::string &line) { lines += line + "\n"; });
  Memory memory;
  memory.addTo(shadow);
  options.shadow = &shadow;
  Engine engine(options);
  return lines + program.run(engine, "f", shape, memory.x);
}

/// Expects `part` to be said of the kernel in every order, or in `atLeast`.
void expectFinding(const std::string &text, const std::string &part,
                   LaunchShape shape = {1, 64}, int atLeast = 8) {
  HostProgram program(text + "\nDP_EXPORT(f)\n", /*isChecked=*/true);
  int found = 0;
  std::string all;
  for (EngineOptions options : allOrders()) {
    std::string said = findings(program, options, shape);
    found += said.find(part) != std::string::npos;
    all += said.substr(0, said.find('\n')) + "\n";
  }
  EXPECT_GE(found, atLeast) << text << "\n" << all;
}

void expectClean(const std::string &text, LaunchShape shape = {1, 64}) {
  HostProgram program(text + "\nDP_EXPORT(f)\n", /*isChecked=*/true);
  for (EngineOptions options : allOrders())
    EXPECT_EQ(findings(program, options, shape), "") << text;
}

//===-------------------------------- A block -------------------------------===//

/// Each thread writes its float of shared memory and reads another one's.
std::string exchange(const std::string &between, const std::string &other) {
  return R"(
    DP_KERNEL(64) f(float *x) {
      DP_SHARED_MEMORY(shared, 256);
      float *all = reinterpret_cast<float *>(shared.bytes);
      const int i = dp::thread();
      all[i] = dp::load(x + i);
      )" +
         between +
         R"(
      dp::store(x + 1024 + i, all[)" +
         other + "]);\n}";
}

TEST(Shadow, ABarrierOrdersABlock) {
  expectFinding(exchange("", "63 - i"), "of shared memory");
  expectClean(exchange("dp::sync_block();", "63 - i"));
  expectFinding(exchange("dp::sync_warp();", "63 - i"), "of shared memory");
  expectClean(exchange("", "i"));
}

TEST(Shadow, AWarpIsOrderedBySyncWarpAlone) {
  expectFinding(exchange("", "i ^ 1"), "of shared memory");
  expectFinding(exchange("dp::shuffle(i, 0);", "i ^ 1"), "at the same time");
  expectClean(exchange("dp::sync_warp();", "i ^ 1"));
}

TEST(Shadow, WhatWasReadIsNotOverwritten) {
  auto twice = [](const std::string &between) {
    return exchange("dp::sync_block(); float first = all[63 - i]; " + between +
                        " all[i] = first; dp::sync_block();",
                    "63 - i");
  };
  expectFinding(twice(""), "writes what was read at the same time by thread");
  expectClean(twice("dp::sync_block();"));
}

TEST(Shadow, NamesReadsOfWhatNobodyWrote) {
  expectFinding(R"(
    DP_KERNEL(64) f(float *x) {
      DP_SHARED_MEMORY(shared, 256);
      float *all = reinterpret_cast<float *>(shared.bytes);
      if (dp::thread() < 63)
        all[dp::thread()] = 0;
      dp::sync_block();
      dp::store(x + 1024 + dp::thread(), all[dp::thread()]);
    })",
                "thread 63 reads what nobody wrote: 4 bytes, at byte 252 of "
                "shared memory");
  expectFinding(R"(
    DP_KERNEL(64) f(float *x) {
      dp::store(x + 1500, dp::load(x + 1024 + dp::thread()));
    })",
                "reads what nobody wrote: 4 bytes, at byte 4");
}

TEST(Shadow, NamesAddressesThatAreNobodys) {
  expectFinding(R"(
    DP_KERNEL(64) f(float *x) { dp::store(x + 1990 + dp::thread(), 1.0f); })",
                "writes 4 bytes out of bounds, at byte 8192 of a block of 8192",
                {1, 64}, 4);
  expectFinding(R"(
    DP_KERNEL(64) f(float *x) { dp::store(x + 1990 + dp::thread(), 1.0f); })",
                "of a block of 8192");
  expectFinding(R"(
    DP_KERNEL(64) f(float *x) { dp::store(x + 1100, dp::load(x - 1)); })",
                "reads 4 bytes out of bounds");
  expectFinding(R"(
    DP_KERNEL(64) f(float *x) {
      DP_SHARED_MEMORY(shared, 128);
      reinterpret_cast<float *>(shared.bytes)[dp::thread()] = 0;
    })",
                "of 128 of shared memory");
}

// Halves of a word are two elements; bytes of two are not one.
TEST(Shadow, ElementsAreApart) {
  expectClean(R"(
    DP_KERNEL(64) f(float *x) {
      dp::bf16 *y = reinterpret_cast<dp::bf16 *>(x + 1024);
      dp::store(y + dp::thread(), dp::convert<dp::bf16>(1.0f));
      dp::u8 *z = reinterpret_cast<dp::u8 *>(x + 1100);
      dp::store(z + dp::thread(), 1);
    })");
  expectFinding(R"(
    DP_KERNEL(64) f(float *x) {
      dp::bf16 *y = reinterpret_cast<dp::bf16 *>(x + 1024);
      dp::store(y + dp::thread() / 2, dp::convert<dp::bf16>(1.0f));
    })",
                "writes what was written at the same time by thread");
}

//===--------------------------------- Blocks -------------------------------===//

TEST(Shadow, BlocksOfALaunchAreNotOrdered) {
  expectFinding(R"(
    DP_KERNEL(64) f(float *x) { dp::store(x + 1024 + dp::thread(), 1.0f); })",
                "of block ", {2, 64});
  expectFinding(R"(
    DP_KERNEL(64) f(float *x) {
      const int i = dp::block() * 64 + dp::thread();
      dp::store(x + i, dp::load(x + (i ^ 64)));
    })",
                "of block ", {2, 64});
  expectClean(R"(
    DP_KERNEL(64) f(float *x) {
      const int i = dp::block() * 64 + dp::thread();
      dp::store(x + i, dp::load(x + i));
    })",
              {2, 64});
}

/// Whoever of the blocks comes last sums what all have left.
std::string lastBlock(const std::string &before, const std::string &after) {
  return R"(
    DP_KERNEL(64) f(float *x) {
      DP_SHARED_MEMORY(shared, 16);
      int &arrived = *reinterpret_cast<int *>(shared.bytes);
      int *count = reinterpret_cast<int *>(x);
      dp::store(x + 1024 + dp::block() * 64 + dp::thread(), 1.0f);
      )" +
         before +
         R"(
      if (dp::thread() == 0)
        arrived = dp::atomic_add(count, 1);
      )" +
         after +
         R"(
      if (arrived == 3)
        for (int b = 0; b < 4; ++b)
          dp::store(x + 64 + dp::thread(),
                    dp::load(x + 1024 + 64 * b + 63 - dp::thread()));
    })";
}

TEST(Shadow, AcquireAndReleaseOrderBlocks) {
  expectClean(lastBlock("dp::sync_block();", "dp::sync_block();"), {4, 64});
  expectFinding(lastBlock("", "dp::sync_block();"),
                "reads what was written at the same time by thread", {4, 64},
                4);
  expectFinding(lastBlock("dp::sync_block();", "dp::sync_warp();"),
                "of shared memory", {4, 64});
  expectClean(R"(
    DP_KERNEL(64) f(float *x) {
      int *flag = reinterpret_cast<int *>(x);
      if (dp::thread() != 0)
        return;
      if (dp::block() == 0) {
        dp::store(x + 1024, 5.0f);
        dp::store_release(flag, 1);
      } else {
        while (dp::load_acquire(flag) != 1)
          dp::spin_pause();
        dp::store(x + 1025, dp::load(x + 1024));
      }
    })",
              {2, 64});
  expectFinding(R"(
    DP_KERNEL(64) f(float *x) {
      int *flag = reinterpret_cast<int *>(x);
      if (dp::thread() != 0)
        return;
      if (dp::block() == 0) {
        dp::store_release(flag, 1);
        dp::store(x + 1024, 5.0f); // too late
      } else {
        while (dp::load_acquire(flag) != 1)
          dp::spin_pause();
        dp::store(x + 1024, 6.0f);
      }
    })",
                "writes what was written at the same time", {2, 64});
}

//===--------------------------- Asynchronous copies ------------------------===//

/// Two stages of four groups of 512 bytes, 16 bytes a thread.
std::string ring(const std::string &wait, const std::string &between) {
  return R"(
    DP_KERNEL(32) f(float *x) {
      DP_SHARED_MEMORY(shared, 1024);
      float *stages = reinterpret_cast<float *>(shared.bytes);
      const int i = dp::thread();
      auto fetch = [&](int group, int stage) {
        if (group < 4)
          dp::cp_async16(stages + 128 * stage + 4 * i, x + 128 * group + 4 * i, true);
        dp::cp_async_commit();
      };
      fetch(0, 0);
      for (int group = 0; group < 4; ++group) {
        const int stage = group % 2;
        fetch(group + 1, stage ^ 1);
        )" +
         wait + R"(
        dp::sync_block();
        dp::store(x + 1024 + 32 * group + i, stages[128 * stage + 127 - i]);
        )" +
         between + R"(
      }
    })";
}

TEST(Shadow, CopiesAreThereWhenWaitedFor) {
  constexpr const char *kWait = "dp::cp_async_wait<1>();";
  expectClean(ring(kWait, "dp::sync_block();"), {1, 32});
  // Seen when copies land late: one group too few.
  expectFinding(ring("dp::cp_async_wait<2>();", "dp::sync_block();"),
                "reads what nobody wrote", {1, 32}, 4);
  expectFinding(ring("", "dp::sync_block();"), "reads what nobody wrote",
                {1, 32}, 4);
  // Without the ring's second barrier the stage being read is fetched into.
  expectFinding(ring(kWait, ""), "at the same time", {1, 32});
}

/// Thread 0 copies a line into each of two stages; all wait and read.
std::string bulk(const std::string &wait, const std::string &again) {
  return R"(
    DP_KERNEL(32) f(float *x) {
      DP_SHARED_MEMORY(shared, 528);
      float *line = reinterpret_cast<float *>(shared.bytes);
      dp::u64 *full = reinterpret_cast<dp::u64 *>(shared.bytes + 512);
      if (dp::thread() == 0)
        dp::mbarrier_init(full, 1);
      dp::sync_block();
      for (int round = 0; round < 3; ++round) {
        if (dp::thread() == 0) {
          dp::mbarrier_arrive_expect(full, 512);
          dp::cp_async_bulk(line, x + 128 * round, 512, full);
        }
        )" +
         wait + R"(
        dp::store(x + 1024 + 32 * round + dp::thread(), line[4 * dp::thread()]);
        )" +
         again + R"(
      }
    })";
}

TEST(Shadow, BulkCopiesAreThereWhenTheBarrierIs) {
  constexpr const char *kWait = "dp::mbarrier_wait(full, round % 2);";
  expectClean(bulk(kWait, "dp::sync_block();"), {1, 32});
  expectFinding(bulk("", "dp::sync_block();"), "of shared memory", {1, 32});
  // A race, a read of what is under way, or a phase that some never see.
  expectFinding(bulk(kWait, ""), "a bulk copy writes what was read", {1, 32},
                2);
  expectFinding(bulk(kWait, ""), "f", {1, 32});
}

//===----------------------------- Pieces of work ---------------------------===//

class Pieces : public testing::Test {
protected:
  Pieces() : shadow([this](const std::string &line) { lines += line + "\n"; }) {
    memory.addTo(shadow);
  }
  /// x[1024 ..] = x[0 ..], waiting first or last.
  void launch(const char *kernel, Piece piece) {
    piece.name = kernel;
    Engine engine({.shadow = &shadow});
    EXPECT_EQ(
        program.run(engine, kernel,
                    {.blocks = 1, .threads = 32, .piece = shadow.begin(piece)},
                    memory.x),
        "");
  }
  HostProgram program{R"(
    DP_KERNEL(32) f(float *x) {
      dp::wait_grid();
      dp::store(x + 1024 + dp::thread(), dp::load(x + dp::thread()));
    }
    DP_EXPORT(f)
    DP_KERNEL(32) early(float *x) {
      const float y = dp::load(x + dp::thread());
      dp::wait_grid();
      dp::store(x + 1024 + dp::thread(), y);
    }
    DP_EXPORT(early)
  )",
                      true};
  std::string lines;
  Memory memory;
  Shadow shadow;
};

TEST_F(Pieces, AreOrderedByTheirClocks) {
  PieceId copy = shadow.begin({"copy", {1, 1}, {}, {}});
  shadow.access(copy, memory.x, 128, Access::Write);
  launch("f", {"", {2, 1}, {0, 1}, {0, 1}});
  EXPECT_EQ(lines, "");
  launch("f", {"", {3, 1}, {0, 1, 1}, {0, 1, 1}}); // writes what f wrote
  EXPECT_EQ(lines, "");
  launch("f", {"", {4, 1}, {0, 1, 1}, {0, 1, 1}}); // the third one's too
  EXPECT_NE(lines.find("f, block 0: thread 0 writes what was written at the "
                       "same time by thread 0 of block 0 of 'f': 4 bytes, at "
                       "byte 4096 of a block of 8192; nothing orders the two"),
            std::string::npos)
      << lines;
  lines.clear();
  PieceId other = shadow.begin({"other", {5, 1}, {}, {}});
  shadow.access(other, memory.x + 1000, 128, Access::Read);
  EXPECT_NE(lines.find("other reads what was written at the same time by "),
            std::string::npos)
      << lines;
}

TEST_F(Pieces, AreNotOrderedBeforeTheirWait) {
  PieceId copy = shadow.begin({"copy", {1, 1}, {}, {}});
  shadow.access(copy, memory.x, 128, Access::Write);
  launch("f", {"", {1, 2}, {}, {0, 1}});
  EXPECT_EQ(lines, "");
  launch("early", {"", {1, 3}, {0, 0}, {0, 2}});
  EXPECT_NE(lines.find("early, block 0: thread 0 reads what was written at the "
                       "same time by 'copy': 4 bytes, at byte 0 of a block of "
                       "8192; the thread is before its wait_grid"),
            std::string::npos)
      << lines;
}

// f, then a release, in one stream; an acquire on another device may read what f
// wrote, though no clock of its own says so.
TEST_F(Pieces, ArePassedOnByRelease) {
  HostProgram two(R"(
    DP_KERNEL(32) tell(float *x) {
      if (dp::thread() == 0)
        dp::store_release_system(reinterpret_cast<int *>(x), 1);
    }
    DP_EXPORT(tell)
    DP_KERNEL(32) hear(float *x) {
      while (dp::load_acquire_system(reinterpret_cast<int *>(x)) != 1)
        dp::spin_pause();
      dp::store(x + 1500 + dp::thread(), dp::load(x + 1024 + dp::thread()));
    }
    DP_EXPORT(hear)
  )",
                  true);
  Engine engine({.shadow = &shadow});
  auto run = [&](const char *kernel, Piece piece) {
    piece.name = kernel;
    EXPECT_EQ(
        two.run(engine, kernel,
                {.blocks = 1, .threads = 32, .piece = shadow.begin(piece)},
                memory.x),
        "");
  };
  launch("f", {"", {1, 1}, {}, {}});
  run("tell", {"", {1, 2}, {0, 1}, {0, 1}, 0});
  run("hear", {"", {2, 1}, {}, {}, 1});
  EXPECT_EQ(lines, "");
  // Who tells before f has ended passes nothing on.
  launch("f", {"", {3, 1}, {0, 2, 1}, {0, 2, 1}});
  run("tell", {"", {1, 3}, {0, 2, 1}, {0, 2, 1}, 0});
  run("hear", {"", {2, 2}, {0, 2, 1}, {0, 2, 1}, 1});
  EXPECT_NE(lines.find("hear, block 0: thread 0 reads what was written at the "
                       "same time by thread 0 of block 0 of 'f'"),
            std::string::npos)
      << lines;
}

// A counter that every launch uses does not remember every launch.
TEST_F(Pieces, ThatAreBehindAreNotKept) {
  HostProgram count(R"(
    DP_KERNEL(32) f(float *x) { dp::atomic_add(reinterpret_cast<int *>(x), 1); }
    DP_EXPORT(f))",
                    true);
  Engine engine({.shadow = &shadow});
  size_t first = 0;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(count.run(engine, "f", {3, 32}, memory.x), "");
    size_t known = shadow.released(memory.x).seen->blocks.size();
    first = i == 0 ? known : first;
    EXPECT_EQ(known, first);
  }
  EXPECT_EQ(first, 3u);
  EXPECT_EQ(lines, "");
}

TEST(Shadow, GoesOnWhenNumbersRunOut) {
  HostProgram program(R"(
    DP_KERNEL(32) f(float *x) {
      const int i = dp::block() * 32 + dp::thread();
      dp::store(x + i, dp::load(x + i) + 1.0f);
    }
    DP_EXPORT(f)
    DP_KERNEL(32) g(float *x) { dp::store(x + dp::thread(), 1.0f); }
    DP_EXPORT(g))",
                      true);
  std::string lines;
  Shadow shadow([&](const std::string &line) { lines += line + "\n"; },
                /*mostInstances=*/7);
  Memory memory;
  memory.addTo(shadow);
  Engine engine({.shadow = &shadow});
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(program.run(engine, "f", {3, 32}, memory.x), "");
  EXPECT_EQ(lines, "");
  EXPECT_EQ(program.run(engine, "g", {3, 32}, memory.x), "");
  EXPECT_NE(lines.find("g, block "), std::string::npos);
}

TEST_F(Pieces, CopiesStayInTheirBlocks) {
  PieceId copy = shadow.begin({"copy", {1, 1}, {}, {}});
  shadow.access(copy, memory.x + 2000, 1024, Access::Write);
  EXPECT_EQ(lines, "copy writes 1024 bytes out of bounds, at byte 8000 of a "
                   "block of 8192\n");
  shadow.removeBlock(memory.x);
  shadow.access(copy, memory.x, 16, Access::Read);
  EXPECT_NE(lines.find("copy reads 16 bytes out of bounds"), std::string::npos);
}

} // namespace
