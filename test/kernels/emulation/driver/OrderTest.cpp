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
  EXPECT_REPORTS("is freed while 'scale' in stream 1 has yet to run");
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kIllegalAddress);
  EXPECT_REPORTS("'scale' in stream 1: argument 1: device 0 + ");
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
  EXPECT_REPORTS("'scale' of node 0 of graph 1: argument 1: device 0 + ");
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

/// One block more than the buffers have room for.
TEST_P(EveryOrder, NamesAccessesBehindTheEnd) {
  host[0] = 0;
  long long more = kCount + 128;
  std::memcpy(host, &more, sizeof more);
  ASSERT_DRIVER(cu.cuMemcpyHtoDAsync(dims, host, 8, gpu.a));
  (void)gpu.launch("scale", 3, 128, {x, w, y, dims}, gpu.a);
  EXPECT_EQ(cu.cuStreamSynchronize(gpu.a), kIllegalAddress);
  EXPECT_REPORTS("behind the end of an allocation of 1024");
  Address address;
  EXPECT_EQ(cu.cuMemAlloc(&address, 64), kIllegalAddress) << "it stays";
}

/// Behind its end, but not as far as the next page.
TEST_P(EveryOrder, NamesWritesIntoRedZones) {
  Address odd;
  ASSERT_DRIVER(cu.cuMemAlloc(&odd, 1000));
  ASSERT_DRIVER(gpu.launch("scale", 2, 128, {x, w, odd, dims}, gpu.a));
  (void)cu.cuStreamSynchronize(gpu.a);
  EXPECT_REPORTS("after 'scale' in stream 1: bytes behind the allocation of "
                 "1000 bytes");
}

} // namespace
} // namespace mm1::test
