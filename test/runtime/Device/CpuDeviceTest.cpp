//===- CpuDeviceTest.cpp - Memory, kernels and weights of the cpu device --===//
#include "runtime/Device/CpuLevel.h"
#include "runtime/Device/CreateDevice.h"
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

TEST(CpuMemory, IsZeroAlignedAndGivenBack) {
  for (uint64_t size : {uint64_t(1), uint64_t(4096), uint64_t(3) << 20}) {
    auto memory = CpuMemory::allocate(size, "test");
    ASSERT_TRUE(memory) << memory.error().message;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->data()) % kBufferAlignment,
              0u);
    for (uint64_t i = 0; i < size; i += 997)
      ASSERT_EQ(memory->data()[i], std::byte(0));
    std::memset(memory->data(), 1, size);
  }
}

TEST(CpuMemory, RefusesMoreThanThereIs) {
  auto memory = CpuMemory::allocate(uint64_t(1) << 45, "state kv");
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
    Status status = device->load(*artifact, {});
    ASSERT_TRUE(status) << status.error().message;
    Device::MemoryUse use = device->memory();
    EXPECT_EQ(use.weights, uint64_t(kVocab * kWidth * 4));
    if (placement == WeightPlacement::Copy)
      EXPECT_EQ(use.copiedWeights, use.weights);
    if (placement == WeightPlacement::Map)
      EXPECT_EQ(use.copiedWeights, 0u);
    std::byte *table = device->address(ArgKind::Weight, 0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(table) % kBufferAlignment, 0u);
    EXPECT_EQ(std::memcmp(table, artifact->weight(0).bytes.data(), use.weights),
              0);
  }
}

TEST(CpuDevice, MapsWhatThereIsNoTimeToCopy) {
  TinyArtifact tiny;
  auto artifact = Artifact::open(tiny.write());
  ASSERT_TRUE(artifact) << artifact.error().message;
  auto pool = ThreadPool::create(2, 0, false);
  ASSERT_TRUE(pool);
  for (uint32_t budgetMs : {0, 10'000}) {
    WeightMemory memory;
    ASSERT_TRUE(
        memory.load(*artifact, WeightPlacement::Auto, **pool, {}, budgetMs));
    EXPECT_EQ(memory.copiedBytes(),
              budgetMs ? uint64_t(kVocab * kWidth * 4) : 0);
    EXPECT_EQ(memory.address(0) == artifact->weight(0).bytes.data(),
              budgetMs == 0);
    EXPECT_EQ(static_cast<const float *>(memory.address(0))[kWidth],
              tableValue(1, 0));
  }
}

TEST(CpuDevice, TellsWhatItLoadsAndStopsWhenTold) {
  if (!runsTiny())
    GTEST_SKIP() << "this processor is below x86-64-v3";
  TinyArtifact tiny;
  for (WeightPlacement placement :
       {WeightPlacement::Copy, WeightPlacement::Map})
    for (bool goesOn : {true, false}) {
      auto artifact = Artifact::open(tiny.write());
      ASSERT_TRUE(artifact);
      auto device = makeDevice({.weights = placement});
      std::vector<Device::Progress> told;
      Status status = device->load(*artifact, {0, [&](auto &progress) {
                                                 told.push_back(progress);
                                                 return goesOn;
                                               }});
      ASSERT_FALSE(told.empty());
      EXPECT_EQ(told.back().totalBytes, uint64_t(kVocab * kWidth * 4));
      EXPECT_GT(told.back().bytesPerSecond, 0);
      ASSERT_EQ(bool(status), goesOn);
      if (goesOn)
        EXPECT_EQ(told.back().doneBytes, told.back().totalBytes);
      else
        EXPECT_EQ(status.error().kind, ErrorKind::Usage);
    }
}

/// A device with the tiny model, and a program for each of its entries.
struct LoadedTiny {
  explicit LoadedTiny(CpuDevice::Options options = {.threads = 2})
      : artifact(Artifact::open(tiny.write())), device(makeDevice(options)) {
    Status status = device->load(*artifact, {});
    EXPECT_TRUE(status) << status.error().message;
    for (const Plan::Entry &entry : artifact->plan().entries)
      EXPECT_TRUE(device->addProgram(entry));
    EXPECT_TRUE(device->warmUp());
  }
  template <typename T> T *port(std::string_view name) {
    const Plan::Port *port = artifact->plan().input(name);
    port = port ? port : artifact->plan().output(name);
    return reinterpret_cast<T *>(device->address(ArgKind::Arena, port->offset));
  }

  TinyArtifact tiny;
  Expected<Artifact> artifact;
  std::unique_ptr<CpuDevice> device;
};

TEST(CpuDevice, SpreadsABlockAndGivesItsResult) {
  if (!runsTiny())
    GTEST_SKIP() << "this processor is below x86-64-v3";
  LoadedTiny model;
  EXPECT_EQ(model.device->describe(), "cpu x86-64-v3, 2 threads");
  EXPECT_EQ(model.device->workers(), 2u);
  EXPECT_EQ(model.device->runAhead(), 0u);
  auto block = model.device->step();
  ASSERT_TRUE(block);
  // Slot 2 reads token 3 and slot 0 token 5; each starts a page.
  (*block)->rows[0] = {.token = 3, .position = 0, .slot = 2, .newPage = 7};
  (*block)->rows[1] = {.token = 5, .position = 0, .slot = 0, .newPage = 4};
  (*block)->starts[0] = 0, (*block)->starts[1] = 1, (*block)->starts[2] = 2;
  (*block)->updates[0] = {.slot = 0, .candidates = 2, .inverseTemperature = 1};
  (*block)->numRows = (*block)->numSequences = 2;
  (*block)->numUpdates = 1;
  auto ticket = model.device->enqueue(1, **block); // decode for three
  ASSERT_TRUE(ticket) << ticket.error().message;
  EXPECT_TRUE(model.device->isDone(*ticket));
  EXPECT_FALSE(model.device->isDone(*ticket + 1));
  EXPECT_FALSE(model.device->wait(*ticket + 1));
  auto result = model.device->wait(*ticket);
  ASSERT_TRUE(result);
  EXPECT_EQ((*result)->numRows, 2u);
  EXPECT_EQ((*result)->candidates(0).ids.size(), 1u);
  EXPECT_EQ((*result)->candidates(1).ids.size(), 2u);
  EXPECT_EQ((*result)->token(1), kVocab - 1);

  const int32_t *slots = model.port<int32_t>("slots"),
                *pages = model.port<int32_t>("pages");
  EXPECT_EQ(slots[0], 2);
  EXPECT_EQ(slots[1], 0);
  EXPECT_EQ(pages[2 * kPageColumns], 7);
  EXPECT_EQ(pages[0], 4);
  const int32_t first[] = {3};
  std::vector<float> wanted = expectedLogits(first);
  auto logits = model.device->logits(0, 2);
  ASSERT_TRUE(logits);
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), logits->row(0).begin()));
  EXPECT_FALSE(model.device->logits(1, 2));

  // More than the program holds.
  auto next = model.device->step();
  (*next)->numRows = (*next)->numSequences = 2;
  auto refused = model.device->enqueue(0, **next);
  ASSERT_FALSE(refused);
  EXPECT_SAYS(refused.error().message,
              "a step of 2 rows of 2 sequences does not fit its program, which "
              "takes 1 of 1");
  (*next)->numRows = 0;
  EXPECT_FALSE(model.device->enqueue(1, **next));
  StepBlock other;
  other.numRows = other.numSequences = 1;
  EXPECT_FALSE(model.device->enqueue(1, other));
}

TEST(CpuDevice, RunsALaunchAloneAndTellsItsTime) {
  if (!runsTiny())
    GTEST_SKIP() << "this processor is below x86-64-v3";
  LoadedTiny model({.threads = 2, .profiling = true});
  // embed of a prefill: x = the table's rows.
  const int32_t tokens[] = {1, 2, 3, 4, 5};
  auto host = model.device->hostBuffer(4096);
  ASSERT_TRUE(host);
  std::memcpy(host->data(), tokens, sizeof(tokens));
  auto written = model.device->write(model.port<int32_t>("tokens"),
                                     host->data(), sizeof(tokens));
  ASSERT_TRUE(written);
  ASSERT_TRUE(model.device->finish(*written));
  const Plan::Step &embed = model.artifact->plan().entries[3].steps[0];
  std::byte *x = model.device->address(ArgKind::Arena, embed.args[2].index);
  ASSERT_TRUE(model.device->clear(x, embed.args[2].sizeBytes));
  Status status = model.device->runAlone(3, 0, 3, 1);
  ASSERT_TRUE(status) << status.error().message;
  auto read = model.device->read(host->data(), x, 5 * kWidth * sizeof(float));
  ASSERT_TRUE(read && model.device->finish(*read));
  auto rows = reinterpret_cast<const float *>(host->data());
  for (int32_t t = 0; t < 5; ++t)
    EXPECT_EQ(rows[t * kWidth + 1], t < 3 ? tableValue(t + 1, 1) : 0) << t;
  auto times = model.device->stepTimes(3);
  ASSERT_EQ(times.size(), 4u);
  EXPECT_EQ(times[0].runs, 1u);
  EXPECT_EQ(times[0].tasks, 3u);
  EXPECT_EQ(times[1].runs, 0u);
  EXPECT_GT(model.device->times().runNs, 0u);
  model.device->resetTimes();
  EXPECT_EQ(model.device->stepTimes(3)[0].runs, 0u);
  EXPECT_FALSE(model.device->runAlone(3, 4, 3, 1));
  EXPECT_FALSE(model.device->runAlone(3, 0, 9, 1));
}

// Steps that no plan for a cpu has yet: a copy, and signals that cost nothing.
TEST(CpuDevice, DoesCopiesAndSignals) {
  if (!runsTiny())
    GTEST_SKIP() << "this processor is below x86-64-v3";
  LoadedTiny model;
  Plan::Entry entry = model.artifact->plan().entries[3];
  std::vector<Plan::Step> steps(3, entry.steps[0]);
  Plan::Arg from = entry.steps[0].args[2], to = entry.steps[1].args[5];
  ASSERT_EQ(from.sizeBytes, to.sizeBytes);
  steps[0] = {0, {}, "", Plan::Signal{1}};
  steps[1] = {1, {}, "", Plan::Wait{1}};
  steps[2] = {1, {from, to}, "", Plan::Copy{}};
  entry.steps = steps;
  auto program = model.device->addProgram(entry);
  ASSERT_TRUE(program) << program.error().message;
  auto x = reinterpret_cast<float *>(
      model.device->address(ArgKind::Arena, from.index));
  auto y = reinterpret_cast<float *>(
      model.device->address(ArgKind::Arena, to.index));
  x[17] = 4, y[17] = 5;
  ASSERT_TRUE(model.device->runAlone(*program, 0, 1, 1));
  EXPECT_EQ(y[17], 5);
  ASSERT_TRUE(model.device->runAlone(*program, 2, 1, 1));
  EXPECT_EQ(y[17], 4);
}

TEST(CpuDevice, RefusesStepsItCannotDo) {
  if (!runsTiny())
    GTEST_SKIP() << "this processor is below x86-64-v3";
  LoadedTiny model;
  auto errorOf = [&](Plan::Step step) {
    Plan::Entry entry = model.artifact->plan().entries[3];
    entry.steps = {std::move(step)};
    auto program = model.device->addProgram(entry);
    return program ? std::string() : program.takeError().message;
  };
  EXPECT_SAYS(errorOf({0, {}, "", Plan::Collective{}}),
              "plan.bin has collectives, but this device is alone");
  Plan::Step call = model.artifact->plan().entries[1].steps[5];
  EXPECT_EQ(errorOf(call), "'top_candidates' needs 924 bytes of buffer 0 for 8 "
                           "rows, found 384");
  auto unknown = *call.as<Plan::HostCall>();
  unknown.callee = "quantum";
  call.action = unknown;
  EXPECT_SAYS(errorOf(call), "plan.bin calls 'quantum', which this mm1-run "
                             "lacks");
}

TEST(CreateDevice, TakesWhatTheArtifactIsFor) {
  TinyArtifact tiny;
  auto plan = Plan::parse(tiny.planBytes(), "plan.bin");
  ASSERT_TRUE(plan);
  auto create = [&](const std::string &name) {
    DeviceOptions options;
    options.name = name;
    return createDevice(options, *plan);
  };
  for (const char *name : {"auto", "cpu"})
    EXPECT_TRUE(create(name));
  for (const char *name : {"cuda", "emulated"}) {
    auto device = create(name);
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().kind, ErrorKind::Machine);
    EXPECT_SAYS(device.error().message, "has no kernels for a GPU");
  }
  EXPECT_EQ(create("tpu").error().kind, ErrorKind::Usage);
  // What was compiled for a GPU has nothing for an emulated one.
  plan->modules[0].device = DeviceKind::CUDA;
  EXPECT_SAYS(create("emulated").error().message,
              "has no kernels for an emulated GPU");
}
