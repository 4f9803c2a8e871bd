//===- OrderTest.cpp - Bugs of programs that a GPU would not notice -------===//
// Each is seeded here and must be named under every order; where an order
// cannot show it (work that runs at once leaves no time to spoil it), the test
// says so.
//===----------------------------------------------------------------------===//
#include "test/kernels/emulation/driver/Machine.h"

using namespace mm1::cuda;

namespace mm1::test {
namespace {

TEST_P(EveryOrder, NamesMemoryFreedWhileItIsUsed) {
  Result result = gpu.launch("scale", 2, 128, {x, w, y, dims}, gpu.a);
  ASSERT_DRIVER(result);
  ASSERT_DRIVER(cu.cuMemFree(w));
  if (!isLate()) {
    EXPECT_REPORTS("");
    return;
  }
  EXPECT_REPORTS("is freed while scale in stream 1 has yet to run");
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kIllegalAddress);
  EXPECT_REPORTS("scale in stream 1: argument 1: device 0 + ");
}

TEST_P(EveryOrder, NamesMemoryFreedBeforeALaunch) {
  ASSERT_DRIVER(cu.cuMemFree(w));
  (void)chain(false);
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kIllegalAddress);
  EXPECT_REPORTS("was freed");
}

TEST_P(EveryOrder, NamesAGraphOfFreedMemory) {
  GraphExec exec;
  ASSERT_DRIVER(chainGraph(true, "scale", &exec));
  ASSERT_DRIVER(cu.cuMemFree(w));
  (void)cu.cuGraphLaunch(exec, gpu.a);
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kIllegalAddress);
  EXPECT_REPORTS("scale of node 0 of graph 1: argument 1: device 0 + ");
  EXPECT_REPORTS("was freed");
}

TEST_P(EveryOrder, NamesAPinnedBufferFreedBeforeItsCopy) {
  ASSERT_DRIVER(cu.cuMemcpyHtoDAsync(y, host, kCount * sizeof(float), gpu.a));
  ASSERT_DRIVER(cu.cuMemFreeHost(host));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_REPORTS(isLate() ? "is freed while a copy to the device in stream 1 "
                            "has yet to run"
                          : "");
}

TEST_P(EveryOrder, NamesAPinnedBufferOverwrittenBeforeItsCopy) {
  ASSERT_DRIVER(cu.cuMemcpyHtoDAsync(y, host, kCount * sizeof(float), gpu.a));
  host[3] = 7;
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_REPORTS(isLate() ? "a copy to the device in stream 1: its source "
                            "changed between the call and the copy"
                          : "");
}

//===------------------------- Work against work --------------------------===//

/// On a GPU the kernel in front may not have written its result yet.
TEST_P(EveryOrder, NamesAReadBeforeTheWait) {
  ASSERT_DRIVER(chain(true, "scale_early"));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_REPORTS("scale_early in stream 1, block ");
  EXPECT_REPORTS("reads what was written at the same time by thread ");
  EXPECT_REPORTS("of 'scale in stream 1'");
  EXPECT_REPORTS("the thread is before its wait_grid");
}

TEST_P(EveryOrder, NamesAReadBeforeTheWaitInAGraph) {
  GraphExec exec;
  ASSERT_DRIVER(chainGraph(true, "scale_early", &exec));
  ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_REPORTS("scale_early of node 1 of graph 1, block ");
  EXPECT_REPORTS("of 'scale of node 0 of graph 1'");
  EXPECT_REPORTS("the thread is before its wait_grid");
}

/// Whoever does not overlap may read when it likes.
TEST_P(EveryOrder, AllowsAReadBeforeTheWaitOfAnOrdinaryLaunch) {
  ASSERT_DRIVER(chain(false, "scale_early"));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_TRUE(isRight(8));
  GraphExec exec;
  ASSERT_DRIVER(chainGraph(false, "scale_early", &exec));
  ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_REPORTS("");
}

/// The kernel before the one in front has ended when that is through its wait,
/// but a trigger orders no memory.
TEST_P(EveryOrder, NamesAReadBeforeTheWaitOfWhatIsTwoKernelsBack) {
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {x, w, y, dims}, gpu.a, true));
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {y, w, z, dims}, gpu.a, true));
  ASSERT_DRIVER(gpu.launch("add_older", 2, 128, {z, y, x, dims}, gpu.a, true));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_REPORTS("add_older in stream 1, block ");
  EXPECT_REPORTS("the thread is before its wait_grid");
}

/// The wait is for the kernel in front alone: if that never waited, its end
/// says nothing of those before.
TEST_P(EveryOrder, NamesAChainWithAKernelThatNeverWaits) {
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {x, w, y, dims}, gpu.a));
  ASSERT_DRIVER(gpu.launch("no_wait", 2, 128, {z}, gpu.a, true));
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {y, w, x, dims}, gpu.a, true));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_REPORTS("reads what was written at the same time by thread ");
  EXPECT_REPORTS("nothing orders the two");
}

/// ... but what comes behind such a chain as an ordinary launch is safe.
TEST_P(EveryOrder, AllowsAnOrdinaryLaunchBehindAKernelThatNeverWaits) {
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {x, w, y, dims}, gpu.a));
  ASSERT_DRIVER(gpu.launch("no_wait", 2, 128, {z}, gpu.a, true));
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {y, w, x, dims}, gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_REPORTS("");
}

TEST_P(EveryOrder, NamesTwoStreamsWithoutAnEvent) {
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {x, w, y, dims}, gpu.a));
  ASSERT_DRIVER(cu.cuMemcpyDtoHAsync(out, y, kCount * sizeof(float), gpu.b));
  ASSERT_DRIVER(controls().cuCtxSynchronize());
  // The copy may be first: then it reads what nobody wrote.
  std::string all = controls().reports();
  EXPECT_TRUE(all.find("nothing orders the two") != std::string::npos ||
              all.find("a copy to the host in stream 2 reads what nobody "
                       "wrote") != std::string::npos)
      << all;
}

/// An edge too few: both branches write y.
TEST_P(EveryOrder, NamesBranchesOfAGraphWithoutAnEdge) {
  Graph graph;
  Node left, right;
  GraphExec exec;
  InstantiateParams parameters = {};
  ASSERT_DRIVER(cu.cuGraphCreate(&graph, 0));
  ASSERT_DRIVER(
      gpu.addNode(graph, "scale", 2, 128, {x, w, y, dims}, {}, false, &left));
  ASSERT_DRIVER(
      gpu.addNode(graph, "scale", 2, 128, {w, w, y, dims}, {}, false, &right));
  ASSERT_DRIVER(cu.cuGraphInstantiateWithParams(&exec, graph, &parameters));
  ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_REPORTS("writes what was written at the same time by thread ");
  EXPECT_REPORTS("nothing orders the two");
}

TEST_P(EveryOrder, NamesAnInputThatNobodyWrote) {
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {z, w, y, dims}, gpu.a));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  EXPECT_REPORTS("reads what nobody wrote: 4 bytes, at byte ");
}

//===------------------------------- Bounds -------------------------------===//

/// One block more than the buffers have room for.
TEST_P(EveryOrder, NamesAccessesBehindTheEnd) {
  setCount(kCount + 128);
  (void)gpu.launch("scale", 3, 128, {x, w, y, dims}, gpu.a);
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kIllegalAddress);
  EXPECT_REPORTS("reads 4 bytes out of bounds, at byte 1");
  Address address;
  EXPECT_EQ(cu.cuMemAlloc(&address, 64), kIllegalAddress) << "it stays";
}

/// Plain kernels meet the page behind the block.
TEST_P(EveryOrderPlain, NamesAccessesBehindTheEnd) {
  setCount(kCount + 128);
  (void)gpu.launch("scale", 3, 128, {x, w, y, dims}, gpu.a);
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kIllegalAddress);
  EXPECT_REPORTS("behind the end of an allocation of 1024");
  Address address;
  EXPECT_EQ(cu.cuMemAlloc(&address, 64), kIllegalAddress) << "it stays";
}

/// Behind its end, but not as far as the next page.
TEST_P(EveryOrderPlain, NamesWritesIntoRedZones) {
  Address odd;
  ASSERT_DRIVER(cu.cuMemAlloc(&odd, 1000));
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {x, w, odd, dims}, gpu.a));
  (void)cu.cuStreamSynchronize(gpu.a);
  EXPECT_REPORTS("after scale in stream 1: bytes behind the allocation of "
                 "1000 bytes");
}

/// What the kernel in front wrote is NaN until the wait.
TEST_P(EveryOrderPlain, PoisonsWhatIsReadBeforeTheWait) {
  mm1_emulated_config config = GetParam();
  config.poison = 1;
  for (const char *second : {"scale", "scale_early"})
    for (bool isGraph : {false, true}) {
      gpu = {};
      ASSERT_NO_FATAL_FAILURE(prepare(Kernels::Plain, config));
      if (isGraph) {
        GraphExec exec;
        ASSERT_DRIVER(chainGraph(true, second, &exec));
        ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpu.a));
        ASSERT_DRIVER(
            cu.cuMemcpyDtoHAsync(out, x, kCount * sizeof(float), gpu.a));
      } else {
        ASSERT_DRIVER(chain(true, second));
      }
      ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
      EXPECT_EQ(isRight(8), std::string(second) == "scale")
          << second << (isGraph ? " in a graph" : "");
      EXPECT_REPORTS("");
    }
}

/// A null pointer on a GPU is an illegal address, not the end of the process.
TEST_P(EveryOrderPlain, SurvivesANullPointer) {
  (void)gpu.launch("no_wait", 1, 128, {0}, gpu.a);
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kIllegalAddress);
  EXPECT_REPORTS("no_wait in stream 1 touches an address that the driver never "
                 "gave out");
}

INSTANTIATE_TEST_SUITE_P(Orders, EveryOrderPlain,
                         testing::ValuesIn(everyOrder()), orderName);

} // namespace
} // namespace mm1::test
