//===- LaunchTest.cpp - Kernels, copies and graphs that are right ---------===//
// The same programs as those of OrderTest.cpp without their mistakes: whatever
// the order, the numbers are right and nothing is reported.
//===----------------------------------------------------------------------===//
#include "test/kernels/emulation/driver/Machine.h"

#include <cmath>

using namespace mm1::cuda;

namespace mm1::test {
namespace {

TEST_P(EveryOrder, RunsAChainOfKernels) {
  for (bool programmatic : {false, true}) {
    ASSERT_DRIVER(cu.cuMemcpyHtoDAsync(x, host, kCount * sizeof(float), gpu.a));
    ASSERT_DRIVER(chain(programmatic));
    ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
    EXPECT_TRUE(isRight(8));
  }
  EXPECT_REPORTS("");
}

TEST_P(EveryOrder, RunsAGraphAgainAndAgain) {
  for (bool programmatic : {false, true}) {
    ASSERT_DRIVER(cu.cuMemcpyHtoDAsync(x, host, kCount * sizeof(float), gpu.a));
    GraphExec exec;
    ASSERT_DRIVER(chainGraph(programmatic, "scale", &exec));
    ASSERT_DRIVER(cu.cuGraphUpload(exec, gpu.a));
    for (float factor : {8.0f, 64.0f, 512.0f}) {
      ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpu.a));
      ASSERT_DRIVER(
          cu.cuMemcpyDtoHAsync(out, x, kCount * sizeof(float), gpu.a));
      ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
      EXPECT_TRUE(isRight(factor));
    }
    ASSERT_DRIVER(cu.cuGraphExecDestroy(exec));
  }
  EXPECT_REPORTS("");
}

/// A launch of a graph is behind its last one, in whatever stream that was.
TEST_P(EveryOrder, OrdersLaunchesOfOneGraph) {
  GraphExec exec;
  ASSERT_DRIVER(chainGraph(true, "scale", &exec));
  ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpu.a));
  ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpu.b));
  ASSERT_DRIVER(controls().cuCtxSynchronize());
  ASSERT_DRIVER(cu.cuMemcpyDtoHAsync(out, x, kCount * sizeof(float), gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_TRUE(isRight(64));
  EXPECT_REPORTS("");
}

TEST_P(EveryOrder, CapturesAGraph) {
  const Controls &more = controls();
  ASSERT_DRIVER(more.cuStreamBeginCapture(gpu.a, kCaptureThreadLocal));
  ASSERT_DRIVER(chain(true));
  Graph graph;
  ASSERT_DRIVER(more.cuStreamEndCapture(gpu.a, &graph));
  GraphExec exec;
  InstantiateParams parameters = {kInstantiateUpload, gpu.a, nullptr, 0};
  ASSERT_DRIVER(cu.cuGraphInstantiateWithParams(&exec, graph, &parameters));
  ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_TRUE(isRight(8));
  EXPECT_REPORTS("");
}

/// y = x w, z = x w side by side; x = y z behind both; the result is copied by
/// a node.
TEST_P(EveryOrder, RunsBranchesAndCopiesOfAGraph) {
  Graph graph;
  Node left, right, both, copy;
  ASSERT_DRIVER(cu.cuGraphCreate(&graph, 0));
  ASSERT_DRIVER(
      gpu.addNode(graph, "scale", 2, 128, {x, w, y, dims}, {}, false, &left));
  ASSERT_DRIVER(
      gpu.addNode(graph, "scale", 2, 128, {x, w, z, dims}, {}, false, &right));
  ASSERT_DRIVER(gpu.addNode(graph, "scale", 2, 128, {y, z, x, dims},
                            {left, right}, false, &both));
  NodeParams parameters = {};
  parameters.type = kCopyNode;
  parameters.copy = {};
  parameters.copy.context = gpu.context;
  parameters.copy.copy.from.type = kMemoryDevice;
  parameters.copy.copy.from.device = x;
  parameters.copy.copy.to.type = kMemoryHost;
  parameters.copy.copy.to.host = out;
  parameters.copy.copy.widthBytes = kCount * sizeof(float);
  parameters.copy.copy.height = parameters.copy.copy.depth = 1;
  ASSERT_DRIVER(
      cu.cuGraphAddNode(&copy, graph, &both, nullptr, 1, &parameters));
  GraphExec exec;
  InstantiateParams instantiate = {};
  ASSERT_DRIVER(cu.cuGraphInstantiateWithParams(&exec, graph, &instantiate));
  ASSERT_DRIVER(cu.cuGraphDestroy(graph));
  ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  for (int i = 0; i < kCount; ++i)
    ASSERT_EQ(out[i], 4.0f * float(i) * float(i));
  EXPECT_REPORTS("");
}

TEST_P(EveryOrder, OrdersStreamsByEvents) {
  Event event;
  ASSERT_DRIVER(cu.cuEventCreate(&event, kEventNoTiming));
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {x, w, y, dims}, gpu.a));
  ASSERT_DRIVER(cu.cuEventRecord(event, gpu.a));
  ASSERT_DRIVER(cu.cuStreamWaitEvent(gpu.b, event, 0));
  ASSERT_DRIVER(cu.cuMemcpyDtoHAsync(out, y, kCount * sizeof(float), gpu.b));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.b));
  EXPECT_TRUE(isRight(2));
  EXPECT_REPORTS("");
}

/// Nothing but queries: each runs a piece of work, so that polling ends.
TEST_P(EveryOrder, PollingEnds) {
  Event event;
  ASSERT_DRIVER(cu.cuEventCreate(&event, kEventNoTiming));
  ASSERT_DRIVER(chain(false));
  ASSERT_DRIVER(cu.cuEventRecord(event, gpu.a));
  int polls = 0;
  Result result;
  while ((result = cu.cuEventQuery(event)) == kNotReady)
    ASSERT_LT(++polls, 100);
  ASSERT_DRIVER(result);
  EXPECT_EQ(polls > 0, isLate());
  ASSERT_DRIVER(cu.cuStreamQuery(gpu.a));
  EXPECT_TRUE(isRight(8));
  EXPECT_REPORTS("");
}

TEST_P(EveryOrder, TimesEvents) {
  Event begin, end;
  ASSERT_DRIVER(cu.cuEventCreate(&begin, kEventDefault));
  ASSERT_DRIVER(cu.cuEventCreate(&end, kEventDefault));
  ASSERT_DRIVER(cu.cuEventRecord(begin, gpu.a));
  ASSERT_DRIVER(chain(false));
  ASSERT_DRIVER(cu.cuEventRecord(end, gpu.a));
  ASSERT_DRIVER(cu.cuEventSynchronize(end));
  float milliseconds = -1;
  ASSERT_DRIVER(cu.cuEventElapsedTime(&milliseconds, begin, end));
  EXPECT_GT(milliseconds, 0);
}

TEST_P(EveryOrder, UsesSharedMemoryOverItsLimitWhenAsked) {
  ASSERT_DRIVER(cu.cuKernelSetAttribute(kFunctionMaxDynamicShared, 64 << 10,
                                        gpu.kernels["block_sum"], 0));
  ASSERT_DRIVER(
      gpu.launch("block_sum", 2, 128, {x, y}, gpu.a, false, 64 << 10));
  ASSERT_DRIVER(cu.cuMemcpyDtoHAsync(out, y, 8, gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_EQ(out[0], 127 * 64.0f);
  EXPECT_EQ(out[1], 128 * 128 + 127 * 64.0f);
  EXPECT_REPORTS("");
}

/// A host that reads a result before it has waited for it.
TEST_P(EveryOrder, PoisonsResultsThatHaveYetToCome) {
  ASSERT_DRIVER(chain(true));
  EXPECT_EQ(std::isnan(out[1]), isLate());
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_TRUE(isRight(8));
}

TEST_P(EveryOrder, FillsMemory) {
  ASSERT_DRIVER(cu.cuMemsetD8Async(y, 0, kCount * sizeof(float), gpu.a));
  ASSERT_DRIVER(cu.cuMemcpyDtoDAsync(z, y, kCount * sizeof(float), gpu.a));
  ASSERT_DRIVER(cu.cuMemcpyDtoHAsync(out, z, kCount * sizeof(float), gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_TRUE(isRight(0));
  EXPECT_REPORTS("");
}

/// 20 tokens, two steps ahead of the host, through blocks in turn. \returns
/// what the host read from the ring.
std::vector<int> runTokenLoop(const CudaDriver &cu, const Gpu &gpu,
                              int blocks) {
  constexpr int kTokens = 20, kAhead = 2, kRing = 4, kWords = 16;
  std::vector<int> tokens;
  auto must = [](Result result) {
    EXPECT_EQ(result, kSuccess) << describe(result);
  };
  int *step, *ring;
  Address block, last, epoch;
  for (Address *address : {&block, &last, &epoch}) {
    must(cu.cuMemAlloc(address, 64));
    must(cu.cuMemsetD8Async(*address, 0, 64, gpu.a));
  }
  must(cu.cuMemHostAlloc(reinterpret_cast<void **>(&step), kRing * 64,
                         kHostMapped));
  must(cu.cuMemHostAlloc(reinterpret_cast<void **>(&ring), 64, kHostMapped));
  std::memset(ring, 0, 64);
  Graph graph;
  Node sample, advance;
  GraphExec exec;
  InstantiateParams parameters = {};
  must(cu.cuGraphCreate(&graph, 0));
  must(gpu.addNode(graph, "sample", 1, 32,
                   {block, last, reinterpret_cast<Address>(ring), epoch}, {},
                   false, &sample));
  must(gpu.addNode(graph, "advance", 1, 32, {epoch}, {sample}, true, &advance));
  must(cu.cuGraphInstantiateWithParams(&exec, graph, &parameters));
  Event done[kRing];
  for (Event &event : done)
    must(cu.cuEventCreate(&event, kEventNoTiming));
  int given = 0;
  for (int read = 0; read < kTokens; ++read) {
    for (; given < kTokens && given <= read + kAhead; ++given) {
      int *mine = step + given % blocks * kWords;
      mine[0] = given == 0 ? 7 : -1;
      must(cu.cuMemcpyHtoDAsync(block, mine, 64, gpu.a));
      must(cu.cuGraphLaunch(exec, gpu.a));
      must(cu.cuEventRecord(done[given % kRing], gpu.a));
    }
    volatile int *entry = ring + read % kRing * 2;
    while (entry[0] != read + 1) {
      Result result = cu.cuEventQuery(done[read % kRing]);
      if (result != kSuccess && result != kNotReady) {
        must(result);
        return tokens;
      }
    }
    tokens.push_back(int(entry[1]));
  }
  must(cu.cuStreamSynchronize(gpu.a));
  return tokens;
}

TEST_P(EveryOrder, RunsATokenLoopAhead) {
  std::vector<int> tokens = runTokenLoop(cu, gpu, 4);
  ASSERT_EQ(tokens.size(), 20u);
  int token = 7;
  for (int found : tokens) {
    token = (token * 5 + 1) & 1023;
    EXPECT_EQ(found, token);
  }
  EXPECT_REPORTS("");
}

/// The block is written again while its copy may have yet to run.
TEST_P(EveryOrder, NamesATokenLoopWithOneStepBlock) {
  runTokenLoop(cu, gpu, 1);
  EXPECT_REPORTS(isLate() ? "its source changed between the call and the copy"
                          : "");
}

INSTANTIATE_TEST_SUITE_P(Orders, EveryOrder, testing::ValuesIn(everyOrder()),
                         orderName);

} // namespace
} // namespace mm1::test
