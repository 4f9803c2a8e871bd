//===- PeersTest.cpp - Several GPUs in one machine ------------------------===//
// Kernels of two GPUs wait for each other in the middle, as those of ranks do.
//===----------------------------------------------------------------------===//
#include "test/kernels/emulation/driver/Machine.h"

#include <thread>

using namespace mm1::cuda;

namespace mm1::test {
namespace {

class Peers : public testing::TestWithParam<mm1_emulated_config> {
protected:
  static constexpr int kDevices = 2;

  void SetUp() override {
    mm1_emulated_config config = GetParam();
    config.devices = kDevices;
    config.peers = 1u << 1 | 1u << 8; // 0 reaches 1, and 1 reaches 0
    ASSERT_NO_FATAL_FAILURE(startMachine(config));
    for (int i = 0; i < kDevices; ++i)
      ASSERT_NO_FATAL_FAILURE(open(i));
  }

  void open(int i) {
    ASSERT_DRIVER(gpus[i].open(i));
    for (Address *address : {&flag[i], &out[i], &round[i]}) {
      ASSERT_DRIVER(cu.cuMemAlloc(address, 64));
      ASSERT_DRIVER(cu.cuMemsetD8Async(*address, 0, 64, gpus[i].a));
    }
    ASSERT_DRIVER(cu.cuMemsetD8Async(round[i], 1, 1, gpus[i].a));
    ASSERT_DRIVER(cu.cuStreamSynchronize(gpus[i].a));
  }
  void enablePeers() {
    for (int i = 0; i < kDevices; ++i) {
      ASSERT_DRIVER(cu.cuCtxSetCurrent(gpus[i].context));
      ASSERT_DRIVER(cu.cuCtxEnablePeerAccess(gpus[1 - i].context, 0));
    }
  }
  Result meet(int i) {
    if (Result result = cu.cuCtxSetCurrent(gpus[i].context))
      return result;
    return gpus[i].launch("meet", 1, 32,
                          {flag[i], flag[1 - i], out[i], round[i]}, gpus[i].a);
  }

  const CudaDriver &cu = driver();
  Gpu gpus[kDevices];
  Address flag[kDevices], out[kDevices], round[kDevices];
};

TEST_P(Peers, KernelsThatWaitForEachOtherGetOn) {
  enablePeers();
  ASSERT_DRIVER(meet(0));
  ASSERT_DRIVER(meet(1));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpus[1].a));
  ASSERT_DRIVER(cu.cuCtxSetCurrent(gpus[0].context));
  ASSERT_DRIVER(cu.cuStreamSynchronize(gpus[0].a));
  EXPECT_REPORTS("");
}

/// A thread for each GPU, as a server of several ranks has.
TEST_P(Peers, ThreadsOfTheHostGetOn) {
  enablePeers();
  Result results[kDevices];
  std::vector<std::thread> threads;
  for (int i = 0; i < kDevices; ++i)
    threads.emplace_back([&, i] {
      results[i] = meet(i);
      if (results[i] == kSuccess)
        results[i] = cu.cuStreamSynchronize(gpus[i].a);
    });
  for (std::thread &thread : threads)
    thread.join();
  for (Result result : results)
    ASSERT_DRIVER(result);
  EXPECT_REPORTS("");
}

TEST_P(Peers, KernelsOfGraphsGetOn) {
  enablePeers();
  for (int i = 0; i < kDevices; ++i) {
    ASSERT_DRIVER(cu.cuCtxSetCurrent(gpus[i].context));
    Graph graph;
    Node first, second;
    GraphExec exec;
    InstantiateParams parameters = {};
    ASSERT_DRIVER(cu.cuGraphCreate(&graph, 0));
    ASSERT_DRIVER(gpus[i].addNode(graph, "meet", 1, 32,
                                  {flag[i], flag[1 - i], out[i], round[i]}, {},
                                  false, &first));
    ASSERT_DRIVER(gpus[i].addNode(graph, "advance", 1, 32, {round[i]}, {first},
                                  true, &second));
    ASSERT_DRIVER(cu.cuGraphInstantiateWithParams(&exec, graph, &parameters));
    for (int times = 0; times < 3; ++times)
      ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpus[i].a));
  }
  for (int i = 0; i < kDevices; ++i) {
    ASSERT_DRIVER(cu.cuCtxSetCurrent(gpus[i].context));
    ASSERT_DRIVER(cu.cuStreamSynchronize(gpus[i].a));
    int *seen;
    ASSERT_DRIVER(cu.cuMemHostAlloc(reinterpret_cast<void **>(&seen), 64, 0));
    ASSERT_DRIVER(cu.cuMemcpyDtoHAsync(seen, out[i], 4, gpus[i].a));
    ASSERT_DRIVER(cu.cuStreamSynchronize(gpus[i].a));
    EXPECT_EQ(*seen, 3);
  }
  EXPECT_REPORTS("");
}

/// The other one was never launched: a GPU would hang.
TEST_P(Peers, StopsAKernelThatWaitsForNobody) {
  enablePeers();
  ASSERT_DRIVER(meet(0));
  EXPECT_EQ(cu.cuStreamSynchronize(gpus[0].a), kLaunchTimeout);
  EXPECT_REPORTS("kernels in stream 1 spun for 50 milliseconds");
  ASSERT_DRIVER(cu.cuCtxSetCurrent(gpus[1].context));
  ASSERT_DRIVER(cu.cuStreamQuery(gpus[1].a));
}

TEST_P(Peers, NamesMissingPeerAccess) {
  (void)meet(0);
  EXPECT_EQ(cu.cuStreamSynchronize(gpus[0].a), kIllegalAddress);
  EXPECT_REPORTS("argument 1: device 1 + ");
  EXPECT_REPORTS("is memory that device 0 has no access to: "
                 "cuCtxEnablePeerAccess was not called");
}

TEST_P(Peers, KnowsWhoReachesWhom) {
  int can = -1;
  ASSERT_DRIVER(cu.cuDeviceCanAccessPeer(&can, 0, 1));
  EXPECT_EQ(can, 1);
  ASSERT_DRIVER(cu.cuDeviceCanAccessPeer(&can, 0, 0));
  EXPECT_EQ(can, 0);
  enablePeers();
  EXPECT_EQ(cu.cuCtxEnablePeerAccess(gpus[0].context, 0),
            kPeerAccessAlreadyEnabled);
  EXPECT_EQ(cu.cuCtxEnablePeerAccess(gpus[1].context, 0), kInvalidContext)
      << "its own";
  mm1_emulated_config config = GetParam();
  config.devices = kDevices;
  ASSERT_NO_FATAL_FAILURE(startMachine(config));
  for (int i = 0; i < kDevices; ++i)
    ASSERT_DRIVER(gpus[i].open(i));
  EXPECT_EQ(cu.cuCtxEnablePeerAccess(gpus[0].context, 0),
            kPeerAccessUnsupported);
}

/// A stream of one GPU, a kernel of the other.
TEST_P(Peers, RefusesHandlesOfAnotherContext) {
  ASSERT_DRIVER(cu.cuCtxSetCurrent(gpus[0].context));
  EXPECT_EQ(gpus[0].launch("advance", 1, 32, {round[0]}, gpus[1].a),
            kInvalidHandle);
  EXPECT_EQ(gpus[1].launch("advance", 1, 32, {round[1]}, gpus[0].a),
            kInvalidHandle);
}

std::vector<mm1_emulated_config> fewOrders() {
  std::vector<mm1_emulated_config> few;
  for (const mm1_emulated_config &config : everyOrder())
    if (config.seed == 1)
      few.push_back(config);
  return few;
}

INSTANTIATE_TEST_SUITE_P(Orders, Peers, testing::ValuesIn(fewOrders()),
                         orderName);

} // namespace
} // namespace mm1::test
