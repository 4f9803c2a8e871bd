//===- CallsTest.cpp - What the driver refuses, call by call --------------===//
#include "test/kernels/emulation/driver/Machine.h"

#include <thread>

using namespace mm1::cuda;

namespace mm1::test {
namespace {

class Calls : public testing::Test {
protected:
  void SetUp() override { start(defaultConfig()); }

  void start(mm1_emulated_config config) {
    ASSERT_NO_FATAL_FAILURE(startMachine(config));
    gpu = {};
    ASSERT_DRIVER(gpu.open());
    for (Address *address : {&x, &y})
      ASSERT_DRIVER(cu.cuMemAlloc(address, 1024));
    ASSERT_DRIVER(cu.cuMemsetD8Async(x, 0, 1024, gpu.a));
    ASSERT_DRIVER(cu.cuStreamSynchronize(gpu.a));
  }

  const CudaDriver &cu = driver();
  const Controls &more = controls();
  Gpu gpu;
  Address x = 0, y = 0;
};

TEST_F(Calls, WantsInitAndAContext) {
  startMachine(defaultConfig());
  int count = 0;
  EXPECT_EQ(cu.cuDeviceGetCount(&count), kNotInitialized);
  ASSERT_DRIVER(cu.cuInit(0));
  Address address;
  EXPECT_EQ(cu.cuMemAlloc(&address, 64), kInvalidContext);
  EXPECT_EQ(cu.cuCtxSetCurrent(reinterpret_cast<Context>(&count)),
            kInvalidContext);
}

TEST_F(Calls, RefusesLaunchesOverTheLimits) {
  EXPECT_EQ(gpu.launch("block_sum", 1, 2048, {x, y}, gpu.a), kInvalidValue);
  EXPECT_REPORTS("'block_sum' is launched with 2048 threads in a block; from 1 "
                 "to 1024 are possible");
  EXPECT_EQ(gpu.launch("block_sum", 1, 256, {x, y}, gpu.a), kInvalidValue);
  EXPECT_REPORTS("256 threads in a block; it was compiled for 128");
  EXPECT_EQ(gpu.launch("block_sum", 0, 128, {x, y}, gpu.a), kInvalidValue);
  EXPECT_REPORTS("an empty or too large grid");
  EXPECT_EQ(gpu.launch("block_sum", 1, 128, {x, y}, gpu.a, false, 64 << 10),
            kInvalidValue);
  EXPECT_REPORTS("65536 bytes of dynamic shared memory; 49152 are allowed "
                 "without cuKernelSetAttribute(MAX_DYNAMIC_SHARED_SIZE_BYTES)");
}

TEST_F(Calls, RefusesAWrongNumberOfArguments) {
  EXPECT_EQ(gpu.launch("scale", 1, 128, {x, x, y}, gpu.a), kInvalidValue);
  EXPECT_REPORTS("'scale' is launched with 24 bytes of arguments; it takes 4 "
                 "parameters, 32 bytes");
}

TEST_F(Calls, RefusesTheDefaultStream) {
  EXPECT_EQ(gpu.launch("block_sum", 1, 128, {x, y}, nullptr), kInvalidHandle);
  EXPECT_REPORTS("cuLaunchKernelEx uses the default stream");
  EXPECT_EQ(cu.cuMemsetD8Async(x, 0, 4, nullptr), kInvalidHandle);
  EXPECT_REPORTS("cuMemsetD8Async uses the default stream");
}

TEST_F(Calls, RefusesStaleAndForeignHandles) {
  ASSERT_DRIVER(cu.cuStreamDestroy(gpu.b));
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.b), kInvalidHandle);
  EXPECT_EQ(cu.cuEventQuery(reinterpret_cast<Event>(gpu.a)), kInvalidHandle);
  Graph graph;
  ASSERT_DRIVER(cu.cuGraphCreate(&graph, 0));
  ASSERT_DRIVER(cu.cuGraphDestroy(graph));
  GraphExec exec;
  InstantiateParams parameters = {};
  EXPECT_EQ(cu.cuGraphInstantiateWithParams(&exec, graph, &parameters),
            kInvalidValue);
}

TEST_F(Calls, RefusesWrongAddressesOfCopies) {
  void *host;
  ASSERT_DRIVER(cu.cuMemHostAlloc(&host, 4096, kHostPortable));
  EXPECT_EQ(cu.cuMemcpyHtoDAsync(x, host, 1025, gpu.a), kInvalidValue);
  EXPECT_REPORTS("cuMemcpyHtoDAsync: its destination: 1025 bytes at device 0 + "
                 "0x1c00 pass the end of an allocation of 1024 by 1");
  EXPECT_EQ(cu.cuMemcpyHtoDAsync(x, host, 0, gpu.a), kSuccess);
  ASSERT_DRIVER(cu.cuMemFree(y));
  EXPECT_EQ(cu.cuMemcpyDtoHAsync(host, y, 16, gpu.a), kInvalidValue);
  EXPECT_REPORTS("was freed");
  EXPECT_EQ(cu.cuMemFree(y), kInvalidValue) << "freed twice";
  EXPECT_EQ(cu.cuMemFree(x + 256), kInvalidValue) << "not the block's start";
  Address address;
  EXPECT_EQ(cu.cuMemAlloc(&address, 0), kInvalidValue);
}

/// A real driver stages such copies and waits: right, but slow.
TEST_F(Calls, NamesCopiesOfPageableMemory) {
  std::vector<float> pageable(256, 3.0f);
  ASSERT_DRIVER(cu.cuMemcpyHtoDAsync(x, pageable.data(), 1024, gpu.a));
  EXPECT_REPORTS("cuMemcpyHtoDAsync: its source: host memory that is not "
                 "pinned: the copy would not be asynchronous");
}

TEST_F(Calls, RefusesWrongEdges) {
  Graph graph, other;
  Node first, second, foreign;
  ASSERT_DRIVER(cu.cuGraphCreate(&graph, 0));
  ASSERT_DRIVER(cu.cuGraphCreate(&other, 0));
  ASSERT_DRIVER(
      gpu.addNode(graph, "block_sum", 2, 128, {x, y}, {}, false, &first));
  ASSERT_DRIVER(
      gpu.addNode(other, "block_sum", 2, 128, {x, y}, {}, false, &foreign));
  EXPECT_EQ(gpu.addNode(graph, "block_sum", 2, 128, {x, y}, {foreign}, false,
                        &second),
            kInvalidValue);
  EXPECT_EQ(gpu.addNode(graph, "block_sum", 2, 128, {x, y}, {first, first},
                        false, &second),
            kInvalidValue)
      << "an edge twice";
  // From a port that does not exist.
  size_t bytes = 16;
  Address arguments[] = {x, y};
  void *extra[] = {kArgumentBuffer, arguments, kArgumentSize, &bytes,
                   kArgumentEnd};
  NodeParams parameters = {};
  parameters.type = kKernelNode;
  parameters.kernel = {gpu.functions["block_sum"],
                       2,
                       1,
                       1,
                       128,
                       1,
                       1,
                       0,
                       nullptr,
                       extra,
                       nullptr,
                       nullptr};
  Edge edge = kProgrammaticEdge;
  edge.fromPort = 0;
  EXPECT_EQ(cu.cuGraphAddNode(&second, graph, &first, &edge, 1, &parameters),
            kInvalidValue);
  EXPECT_REPORTS("a programmatic edge leads from port 1 or 2 of a kernel to "
                 "port 0 of a kernel");
}

TEST_F(Calls, RefusesProgrammaticLaunchesBeforeSm90) {
  mm1_emulated_config config = defaultConfig();
  config.arch = 80;
  start(config);
  EXPECT_EQ(gpu.launch("block_sum", 2, 128, {x, y}, gpu.a, true),
            kNotSupported);
  Graph graph;
  Node first, second;
  ASSERT_DRIVER(cu.cuGraphCreate(&graph, 0));
  ASSERT_DRIVER(
      gpu.addNode(graph, "block_sum", 2, 128, {x, y}, {}, false, &first));
  EXPECT_EQ(
      gpu.addNode(graph, "block_sum", 2, 128, {x, y}, {first}, true, &second),
      kNotSupported);
  EXPECT_REPORTS("a programmatic edge needs sm_90");
}

TEST_F(Calls, RefusesWhatSpoilsACapture) {
  Graph graph;
  Address address;
  ASSERT_DRIVER(more.cuStreamBeginCapture(gpu.a, kCaptureGlobal));
  EXPECT_EQ(cu.cuMemAlloc(&address, 64), kCaptureUnsupported);
  CaptureStatus status;
  ASSERT_DRIVER(more.cuStreamIsCapturing(gpu.a, &status));
  EXPECT_EQ(status, kCaptureSpoilt);
  EXPECT_EQ(more.cuStreamEndCapture(gpu.a, &graph), kCaptureInvalidated);
  EXPECT_EQ(graph, nullptr);
  EXPECT_REPORTS("cuMemAlloc while a stream captures: it spoils the capture");

  ASSERT_DRIVER(more.cuStreamBeginCapture(gpu.a, kCaptureGlobal));
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kCaptureUnsupported);
  EXPECT_EQ(more.cuStreamEndCapture(gpu.a, &graph), kCaptureInvalidated);

  // The relaxed mode is for those who know what they do.
  ASSERT_DRIVER(more.cuStreamBeginCapture(gpu.a, kCaptureRelaxed));
  ASSERT_DRIVER(cu.cuMemAlloc(&address, 64));
  ASSERT_DRIVER(more.cuStreamEndCapture(gpu.a, &graph));
}

/// Another thread is only concerned when the capture says so.
TEST_F(Calls, KnowsWhomACaptureConcerns) {
  for (CaptureMode mode : {kCaptureGlobal, kCaptureThreadLocal}) {
    ASSERT_DRIVER(more.cuStreamBeginCapture(gpu.a, mode));
    Result result = kSuccess;
    std::thread([&] {
      Address address;
      (void)cu.cuCtxSetCurrent(gpu.context);
      result = cu.cuMemAlloc(&address, 64);
    }).join();
    bool isGlobal = mode == kCaptureGlobal;
    EXPECT_EQ(result, isGlobal ? kCaptureUnsupported : kSuccess);
    Graph graph;
    EXPECT_EQ(more.cuStreamEndCapture(gpu.a, &graph),
              isGlobal ? kCaptureInvalidated : kSuccess);
  }
}

TEST_F(Calls, RefusesACaptureWithAnUnjoinedFork) {
  Event event;
  ASSERT_DRIVER(cu.cuEventCreate(&event, kEventNoTiming));
  ASSERT_DRIVER(more.cuStreamBeginCapture(gpu.a, kCaptureThreadLocal));
  ASSERT_DRIVER(cu.cuEventRecord(event, gpu.a));
  ASSERT_DRIVER(cu.cuStreamWaitEvent(gpu.b, event, 0));
  ASSERT_DRIVER(gpu.launch("block_sum", 2, 128, {x, y}, gpu.b));
  EXPECT_EQ(cu.cuEventQuery(event), kCapturedEvent);
  Graph graph;
  EXPECT_EQ(more.cuStreamEndCapture(gpu.a, &graph), kCaptureUnjoined);
  EXPECT_REPORTS("was not joined back");
}

TEST_F(Calls, NamesAGraphDestroyedBeforeItRan) {
  mm1_emulated_config config = defaultConfig();
  config.late = 1;
  start(config);
  Graph graph;
  Node node;
  GraphExec exec;
  InstantiateParams parameters = {};
  ASSERT_DRIVER(cu.cuGraphCreate(&graph, 0));
  ASSERT_DRIVER(
      gpu.addNode(graph, "block_sum", 2, 128, {x, y}, {}, false, &node));
  ASSERT_DRIVER(cu.cuGraphInstantiateWithParams(&exec, graph, &parameters));
  ASSERT_DRIVER(cu.cuGraphLaunch(exec, gpu.a));
  ASSERT_DRIVER(cu.cuGraphExecDestroy(exec));
  EXPECT_REPORTS("is destroyed while a launch of it has yet to run");
}

TEST_F(Calls, NamesMemoryLeftBehind) {
  ASSERT_DRIVER(cu.cuDevicePrimaryCtxRelease(0));
  EXPECT_REPORTS("device 0's last context was released while memory of it was "
                 "not freed");
}

/// A deadlock in a kernel does not stop the process, but the context.
TEST_F(Calls, FailsForGoodAfterAKernelFailed) {
  mm1_emulated_config config = defaultConfig();
  config.late = 1;
  start(config);
  ASSERT_DRIVER(gpu.launch("half_barrier", 1, 128, {y}, gpu.a));
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kLaunchFailed);
  EXPECT_REPORTS("half_barrier in stream 1: half_barrier, block 0");
  Address address;
  EXPECT_EQ(cu.cuMemAlloc(&address, 64), kLaunchFailed);
  EXPECT_EQ(cu.cuStreamQuery(gpu.a), kLaunchFailed);
}

TEST_F(Calls, ReportsAreFatalOnRequest) {
  mm1_emulated_config config = defaultConfig();
  config.fatal = 1;
  start(config);
  EXPECT_EQ(cu.cuMemsetD8Async(x, 0, 2048, gpu.a), kInvalidValue);
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kLaunchFailed);
}

} // namespace
} // namespace mm1::test
