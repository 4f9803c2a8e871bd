//===- CpuDeviceTest.cpp - Memory, kernels and weights of the cpu device -------===//
#include "runtime/Device/CpuDevice.h"
#include "runtime/Device/CpuLevel.h"
#include "test/runtime/Tiny/TinyArtifact.h"
#include "test/runtime/Tiny/TinyModel.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace mm1;
using namespace mm1::tiny;

#define EXPECT_SAYS(MESSAGE, PART)                                             \
  EXPECT_NE((MESSAGE).find(PART), std::string::npos) << (MESSAGE)

static std::unique_ptr<CpuDevice> makeDevice(CpuDevice::Options options = {}) {
  auto device = CpuDevice::create(options);
  EXPECT_TRUE(device) << device.error().message;
  return std::move(*device);
}

/// Tests that load kernels need a processor for them.
static bool runsTiny() {
  for (std::string_view level : supportedCpuLevels())
    if (level == "x86-64-v3")
      return true;
  return false;
}

TEST(CpuDevice, MemoryIsZeroAlignedAndGivenBack) {
  auto device = makeDevice();
  for (uint64_t size : {uint64_t(1), uint64_t(4096), uint64_t(3) << 20}) {
    auto memory = device->allocate(size, "test");
    ASSERT_TRUE(memory) << memory.error().message;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->data()) % kBufferAlignment,
              0u);
    for (uint64_t i = 0; i < size; i += 997)
      ASSERT_EQ(memory->data()[i], std::byte(0));
    std::memset(memory->data(), 1, size);
  }
}

TEST(CpuDevice, RefusesMoreMemoryThanThereIs) {
  auto memory = makeDevice()->allocate(uint64_t(1) << 45, "state kv");
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().kind, ErrorKind::Machine);
  EXPECT_SAYS(memory.error().message,
              "not enough memory: state kv needs 33554432 MiB");
  EXPECT_SAYS(memory.error().message, "--context");
}

TEST(CpuDevice, RefusesSillyThreads) {
  auto device = CpuDevice::create({.threads = 5000});
  ASSERT_FALSE(device);
  EXPECT_EQ(device.error().kind, ErrorKind::Usage);
}

TEST(CpuDevice, CopiesAndMapsTheSameWeights) {
  if (!runsTiny())
    GTEST_SKIP() << "this processor is below x86-64-v3";
  TinyArtifact tiny;
  for (WeightPlacement placement :
       {WeightPlacement::Auto, WeightPlacement::Copy, WeightPlacement::Map}) {
    auto artifact = Artifact::open(tiny.write());
    ASSERT_TRUE(artifact) << artifact.error().message;
    auto device = makeDevice({.threads = 2, .weights = placement});
    Status status = device->load(*artifact);
    ASSERT_TRUE(status) << status.error().message;
    if (placement == WeightPlacement::Copy) {
      EXPECT_EQ(device->weightMemory().copiedBytes(),
                uint64_t(kVocab * kWidth * 4));
    } else if (placement == WeightPlacement::Map) {
      EXPECT_EQ(device->weightMemory().copiedBytes(), 0u);
    }
    EXPECT_EQ(reinterpret_cast<uintptr_t>(device->weightAddress(0)) %
                  kBufferAlignment,
              0u);
    EXPECT_EQ(std::memcmp(device->weightAddress(0),
                          artifact->weight(0).bytes.data(),
                          kVocab * kWidth * 4),
              0);
  }
}

TEST(CpuDevice, MapsWhatThereIsNoTimeToCopy) {
  TinyArtifact tiny;
  auto artifact = Artifact::open(tiny.write());
  ASSERT_TRUE(artifact) << artifact.error().message;
  auto device = makeDevice();
  auto pool = ThreadPool::create(2, 0, false);
  ASSERT_TRUE(pool);
  for (uint32_t budgetMs : {0, 10'000}) {
    WeightMemory memory;
    ASSERT_TRUE(memory.load(*artifact, WeightPlacement::Auto, *device, **pool,
                            budgetMs));
    EXPECT_EQ(memory.copiedBytes(),
              budgetMs ? uint64_t(kVocab * kWidth * 4) : 0);
    EXPECT_EQ(memory.address(0) == artifact->weight(0).bytes.data(),
              budgetMs == 0);
    EXPECT_EQ(static_cast<const float *>(memory.address(0))[kWidth],
              tableValue(1, 0));
  }
}

TEST(CpuDevice, RunsProgramsOnTheirGrids) {
  if (!runsTiny())
    GTEST_SKIP() << "this processor is below x86-64-v3";
  TinyArtifact tiny;
  auto artifact = Artifact::open(tiny.write());
  ASSERT_TRUE(artifact);
  auto device = makeDevice({.threads = 2});
  ASSERT_TRUE(device->load(*artifact));
  EXPECT_EQ(device->describe(), "cpu x86-64-v3, 2 threads");
  auto memory = device->allocate(4096, "test");
  ASSERT_TRUE(memory);
  auto tokens = reinterpret_cast<int32_t *>(memory->data());
  auto x = reinterpret_cast<float *>(memory->data() + 64);
  for (int32_t i = 0; i < 5; ++i)
    tokens[i] = i + 1;
  Plan::Entry entry = artifact->plan().entries[0];
  entry.steps.resize(1); // embed
  Device::Buffers buffers = {tokens, device->weightAddress(0), x};
  auto program = device->addProgram(entry, {&buffers, 1});
  ASSERT_TRUE(program);
  ASSERT_TRUE(device->run(*program, {3, 1, 0}));
  for (int32_t t = 0; t < 5; ++t)
    EXPECT_EQ(x[t * kWidth + 1], t < 3 ? tableValue(t + 1, 1) : 0) << t;
}

TEST(CpuDevice, SaysWhyKernelsDoNotLoad) {
  auto errorOf = [](auto spoil, CpuDevice::Options options = {}) {
    TinyArtifact tiny;
    spoil(tiny);
    auto artifact = Artifact::open(tiny.write());
    EXPECT_TRUE(artifact) << artifact.error().message;
    Status status = makeDevice(options)->load(*artifact);
    return status ? Error{ErrorKind::Internal, "loaded"} : status.takeError();
  };
  Error error = errorOf([](TinyArtifact &t) { t.level = "aarch64-sve"; });
  EXPECT_EQ(error.kind, ErrorKind::Machine);
  EXPECT_SAYS(error.message,
              "has kernels for aarch64-sve; this processor runs: ");
  error = errorOf([](TinyArtifact &) {}, {.level = "x86-64-v9"});
  EXPECT_SAYS(error.message, "does not run level 'x86-64-v9'");
  if (!runsTiny())
    return;
  error =
      errorOf([](TinyArtifact &t) { t.plan.kernels[4]->symbol = "nobody"; });
  EXPECT_EQ(error.kind, ErrorKind::Input);
  EXPECT_SAYS(error.message, "has no kernel 'nobody', which plan.bin calls");
  TinyArtifact tiny;
  tiny.write();
  std::string path = tiny.folder() + "/kernels/cpu-x86-64-v3.so";
  writeAll(path, "not a library");
  writeAll(tiny.folder() + "/manifest.json",
           sealManifest(tiny.manifestFields()));
  auto artifact = Artifact::open(tiny.folder());
  ASSERT_TRUE(artifact) << artifact.error().message;
  Status status = makeDevice()->load(*artifact);
  ASSERT_FALSE(status);
  EXPECT_SAYS(status.error().message, path + ": cannot be loaded: ");
}
