//===- CudaGraphTest.cpp - Which steps wait for which ---------------------===//
#include "runtime/Device/CudaGraph.h"
#include "runtime/Device/CudaKernels.h"

#include <gtest/gtest.h>

using namespace mm1;

namespace {

/// A plan of kernels that wait: 0 is `begin`, 1 any other, 2 `publish`.
struct GraphTest : testing::Test {
  GraphTest() {
    plan.kernels = {{"begin", 0, 0, true, Builtin::Begin},
                    {"work", 0, 0, true, Builtin::None},
                    {"publish", 0, 0, true, Builtin::Publish}};
  }

  static Plan::Arg reads(uint64_t offset, uint64_t size = 64) {
    return {ArgKind::Arena, Access::Read, offset, size};
  }
  static Plan::Arg writes(uint64_t offset, uint64_t size = 64) {
    return {ArgKind::Arena, Access::Write, offset, size};
  }
  static Plan::Arg state(uint64_t index, Access access) {
    return {ArgKind::State, access, index, 0};
  }

  void add(std::vector<Plan::Arg> args, uint32_t kernel = 1) {
    Plan::Launch launch{kernel, {1, GridUnit::One, 1}, 0, 32, 0, 0, true, 0};
    entry.steps.push_back({0, std::move(args), "step", launch});
  }
  void addCopy(uint64_t from, uint64_t to) {
    entry.steps.push_back({0, {reads(from), writes(to)}, "copy", Plan::Copy{}});
  }
  std::vector<StepEdge> edges(bool startsEarly = true) {
    return findEdges(plan, entry, startsEarly);
  }

  Plan plan{};
  Plan::Entry entry{EntryKind::Decode, 0, 1, 1, {}};
};

using Edges = std::vector<StepEdge>;

TEST_F(GraphTest, AChainStartsEarlyLinkByLink) {
  add({writes(0)}, 0);
  add({reads(0), writes(64)});
  add({reads(64), writes(128)});
  EXPECT_EQ(edges(), (Edges{{0, 1, true}, {1, 2, true}}));
  EXPECT_EQ(edges(false), (Edges{{0, 1, false}, {1, 2, false}}));
}

// The last step needs the second and the third, and through both the first.
TEST_F(GraphTest, BranchesMeetWithPlainEdges) {
  add({writes(0)}, 0);
  add({reads(0), writes(64)});
  add({reads(0), writes(128)});
  add({reads(0), reads(64), reads(128), writes(192)});
  EXPECT_EQ(edges(),
            (Edges{{0, 1, true}, {0, 2, true}, {2, 3, false}, {1, 3, false}}));
}

// `begin` writes the sizes that all kernels read, whatever their arguments.
TEST_F(GraphTest, EveryKernelComesAfterBegin) {
  add({writes(0)}, 0);
  add({writes(64)});
  add({reads(256), writes(320)}, 2);
  EXPECT_EQ(edges(), (Edges{{0, 1, true}, {0, 2, true}}));
}

TEST_F(GraphTest, WhoeverWritesWaitsForThoseWhoRead) {
  add({reads(0), writes(64)});
  add({reads(0), writes(128)});
  add({writes(32)}); // overlaps half of what both have read
  EXPECT_EQ(edges(), (Edges{{1, 2, false}, {0, 2, false}}));
}

TEST_F(GraphTest, BytesThatOnlyTouchAreApart) {
  add({writes(0, 64)});
  add({writes(64, 64)});
  add({writes(63, 2)});
  EXPECT_EQ(edges(), (Edges{{1, 2, false}, {0, 2, false}}));
}

TEST_F(GraphTest, StatesAreWhole) {
  add({state(0, Access::Update)});
  add({state(1, Access::Update)});
  add({state(0, Access::Read)});
  add({state(0, Access::Read)});
  add({state(0, Access::Update)});
  EXPECT_EQ(edges(),
            (Edges{{0, 2, true}, {0, 3, true}, {3, 4, false}, {2, 4, false}}));
}

// Only kernels let others start early, and only where the plan says so.
TEST_F(GraphTest, CopiesAndOthersStartLate) {
  add({writes(0)});
  addCopy(0, 64);
  add({reads(64), writes(128)});
  add({reads(128), writes(192)});
  std::get<Plan::Launch>(entry.steps[3].action).earlyStart = false;
  EXPECT_EQ(edges(), (Edges{{0, 1, false}, {1, 2, false}, {2, 3, false}}));
}

TEST(Architectures, TakeTheBestThatRuns) {
  auto best = [](std::vector<Plan::Variant> variants, int major, int minor) {
    Plan plan{};
    plan.modules.push_back({DeviceKind::CUDA, std::move(variants), {}});
    return bestArchitecture(plan, major, minor);
  };
  std::vector<Plan::Variant> all = {
      {"sm_80", ""}, {"sm_90a", ""}, {"sm_90", ""}, {"sm_86", ""}};
  EXPECT_EQ(best(all, 8, 0), "sm_80");
  EXPECT_EQ(best(all, 8, 9), "sm_86");
  EXPECT_EQ(best(all, 9, 0), "sm_90a");
  EXPECT_EQ(best(all, 10, 0), "");
  EXPECT_EQ(best({{"sm_100a", ""}, {"sm_100", ""}}, 10, 3), "sm_100");
  EXPECT_EQ(best({{"x86-64-v3", ""}, {"sm_", ""}, {"sm_90b", ""}}, 9, 0), "");
}

} // namespace
