//===- CudaDeviceTest.cpp - Plans on an emulated GPU ----------------------===//
// The tiny model through the cuda device, on a driver that runs kernels on the
// processor and forgives nothing. What the device computes is compared with the
// sums worked out by hand; what it does wrong the driver reports.
#include "runtime/Device/CreateDevice.h"
#include "runtime/Session/Session.h"
#include "test/runtime/Device/EmulatedDriver.h"
#include "test/runtime/Tiny/TinyArtifact.h"
#include "test/runtime/Tiny/TinyModel.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

using namespace mm1;
using namespace mm1::tiny;

#define EXPECT_SAYS(MESSAGE, PART)                                             \
  EXPECT_NE((MESSAGE).find(PART), std::string::npos) << (MESSAGE)

namespace {

using Ids = std::vector<int32_t>;

class CudaDeviceTest : public testing::Test {
protected:
  CudaDeviceTest() { tiny.makeCuda(); }

  static Expected<std::unique_ptr<Session>>
  makeSession(TinyArtifact &model, CudaDevice::Options options = {}) {
    auto artifact = Artifact::open(model.write());
    EXPECT_TRUE(artifact) << artifact.error().message;
    options.library = MM1_EMULATED_DRIVER;
    auto device = CudaDevice::create(options);
    if (!device)
      return device.takeError();
    return Session::create(std::move(*artifact), std::move(*device));
  }

  static void expectLogits(std::span<const float> found, const Ids &tokens) {
    std::vector<float> expected = expectedLogits(tokens);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t v = 0; v < expected.size(); ++v)
      ASSERT_EQ(found[v], expected[v])
          << "after " << tokens.size() << " tokens, id " << v;
  }

  /// A load, a prompt of 5 tokens, and 3 tokens behind it, each of them the
  /// likeliest. Compares all logits on the way.
  static Status runAll(
      TinyArtifact &model, CudaDevice::Options options = {},
      const std::function<void()> &atEnd = [] {}) {
    auto session = makeSession(model, options);
    if (!session)
      return session.takeError();
    auto slot = (*session)->open();
    if (!slot)
      return slot.takeError();
    Ids history = {1, 5, 0, 3, 6};
    if (Status status = (*session)->prefill({{*slot, history}}); !status)
      return status;
    for (int i = 0; i < 4; ++i) {
      auto choices = i == 0 ? (*session)->lastChoices()
                            : (*session)->decode({{*slot, history.back()}});
      if (!choices)
        return choices.takeError();
      auto logits = (*session)->lastLogits();
      if (!logits)
        return logits.takeError();
      expectLogits(logits->row(0), history);
      history.push_back(choices->token(0));
    }
    auto snapshot = (*session)->snapshot(*slot);
    atEnd();
    return snapshot ? Status::ok() : Status(snapshot.takeError());
  }

  uint32_t kernelNamed(const std::string &symbol) const {
    for (uint32_t i = 0; i < tiny.plan.kernels.size(); ++i)
      if (tiny.plan.kernels[i]->symbol == symbol)
        return i;
    ADD_FAILURE() << symbol;
    return 0;
  }

  test::EmulatedDriver driver;
  TinyArtifact tiny;
};

// Work when it is given or as late as a wait allows, in three orders, with and
// without early starts: the sums stay right and the driver finds nothing.
TEST_F(CudaDeviceTest, RunsAPromptAndTokensInEveryOrder) {
  for (const char *architecture : {"sm_90a", "sm_80"}) {
    TinyArtifact model;
    model.makeCuda(architecture);
    for (int late : {0, 1})
      for (int order : {0, 1, 2}) {
        driver.config.arch = architecture == std::string("sm_80") ? 80 : 90;
        driver.config.late = late;
        driver.config.order = order;
        driver.config.seed = 7;
        driver.reset();
        Status status = runAll(model);
        EXPECT_TRUE(status) << status.error().message;
        EXPECT_EQ(driver.reports(), "")
            << architecture << ", late " << late << ", order " << order;
      }
  }
}

// Where nobody says which GPU is emulated, it is the artifact's.
TEST_F(CudaDeviceTest, RunsOnTheGpuThatTheArtifactIsFor) {
  for (const char *architecture : {"sm_80", "sm_90a"}) {
    TinyArtifact model;
    model.makeCuda(architecture);
    driver.config.arch = 0;
    driver.reset();
    Status status = runAll(model);
    EXPECT_TRUE(status) << status.error().message;
  }
}

// A copy is a step, too: x of a token is made in another place and copied to its
// own. (Copies are of a bucket's size: with fewer tokens they would also copy
// what nobody wrote, which is harmless, and reported.)
TEST_F(CudaDeviceTest, CopiesBetweenKernels) {
  fb::ArgT &x = *stepOf(tiny.plan, 0, 1).args[2],
           &y = *stepOf(tiny.plan, 0, 2).args[5];
  auto copy = std::make_unique<fb::StepT>();
  copy->action.Set(fb::CopyT());
  copy->args.push_back(std::make_unique<fb::ArgT>(y));
  copy->args.push_back(std::make_unique<fb::ArgT>(x));
  copy->args[0]->access = fb::Access::Read;
  x.index = y.index;
  auto &steps = tiny.plan.entries[0]->steps;
  steps.insert(steps.begin() + 2, std::move(copy));
  for (bool stepByStep : {false, true}) {
    CudaDevice::Options options;
    options.stepByStep = stepByStep;
    Status status = runAll(tiny, options);
    EXPECT_TRUE(status) << status.error().message;
    EXPECT_EQ(driver.reports(), "");
  }
}

// A batch of its own sequences, which take pages in turns.
TEST_F(CudaDeviceTest, RunsSeveralSequences) {
  auto session = makeSession(tiny);
  ASSERT_TRUE(session) << session.error().message;
  std::vector<Ids> histories = {{1, 5}, {2, 2, 6, 4, 0}, {3}};
  std::vector<Session::Piece> pieces;
  for (Ids &history : histories)
    pieces.push_back({*(*session)->open(), history});
  ASSERT_TRUE((*session)->prefill(pieces));
  for (int step = 0; step < 6; ++step) {
    std::vector<Session::Next> batch;
    for (size_t i = 0; i < histories.size(); ++i) {
      histories[i].push_back(int32_t((step * 3 + i) % kVocab));
      batch.push_back({pieces[i].slot, histories[i].back()});
    }
    auto choices = (*session)->decode(batch);
    ASSERT_TRUE(choices) << choices.error().message;
    ASSERT_EQ(choices->numRows, histories.size());
    auto logits = (*session)->lastLogits();
    ASSERT_TRUE(logits) << logits.error().message;
    for (uint32_t i = 0; i < histories.size(); ++i)
      expectLogits(logits->row(i), histories[i]);
  }
  EXPECT_EQ(driver.reports(), "");
}

TEST_F(CudaDeviceTest, GivesCandidatesAsAsked) {
  auto session = makeSession(tiny);
  ASSERT_TRUE(session) << session.error().message;
  uint32_t slot = *(*session)->open();
  ASSERT_TRUE((*session)->sampleBy(slot, 3, 0.5f));
  ASSERT_TRUE((*session)->allowOnly(std::vector<uint32_t>{0b0101101}));
  Ids history = {4, 1};
  ASSERT_TRUE((*session)->prefill({{slot, history}}));
  auto choices = (*session)->lastChoices();
  ASSERT_TRUE(choices) << choices.error().message;
  std::vector<float> logits = expectedLogits(history);
  Candidates candidates = choices->candidates(0);
  ASSERT_EQ(candidates.ids.size(), 3u);
  double sum = 0;
  for (int32_t id : {0, 2, 3, 5})
    sum += std::exp((double(logits[size_t(id)]) - logits[5]) * 0.5);
  int32_t expected[] = {5, 3, 2}; // they grow with the id
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(candidates.ids[i], expected[i]);
    EXPECT_EQ(candidates.logits[i], logits[size_t(expected[i])]);
  }
  EXPECT_EQ(candidates.largest, logits[5]);
  EXPECT_NEAR(candidates.sum, sum, sum * Candidates::kSumError);
  EXPECT_EQ(driver.reports(), "");
}

TEST_F(CudaDeviceTest, GoesOnFromASnapshotInAnotherSlot) {
  auto session = makeSession(tiny);
  ASSERT_TRUE(session) << session.error().message;
  uint32_t slot = *(*session)->open();
  Ids history = {1, 5, 0, 3, 6};
  ASSERT_TRUE((*session)->prefill({{slot, history}}));
  auto snapshot = (*session)->snapshot(slot);
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  uint32_t other = *(*session)->open();
  ASSERT_TRUE((*session)->prefill({{slot, history}})); // something in between
  ASSERT_TRUE((*session)->restore(other, *snapshot));
  history.push_back(2);
  ASSERT_TRUE((*session)->decode({{other, 2}}));
  auto logits = (*session)->lastLogits();
  ASSERT_TRUE(logits) << logits.error().message;
  expectLogits(logits->row(0), history);
  EXPECT_EQ(driver.reports(), "");
}

//===----------------------------------------------------------------------===//
// Failures
//===----------------------------------------------------------------------===//

// Each call of a load, a prompt and tokens fails once: with a code that leaves
// the GPU as it was, and with one that ends all work on it. What is said names
// the call and the code, nothing hangs, and what can be given back is.
TEST_F(CudaDeviceTest, SaysWhichCallFailed) {
  uint64_t atEnd = 0;
  ASSERT_TRUE(runAll(tiny, {}, [&] { atEnd = driver.calls(); }));
  std::vector<std::string> calls;
  for (uint64_t i = 1; i <= driver.calls(); ++i)
    calls.push_back(driver.callName(i));
  size_t tested = 0;
  for (cuda::Result code : {cuda::kNotPermitted, cuda::kIllegalAddress})
    for (size_t i = 0; i < calls.size(); ++i) {
      SCOPED_TRACE("call " + std::to_string(i + 1) + ", " + calls[i] +
                   ", code " + std::to_string(code));
      driver.reset();
      driver.inject(nullptr, int(i + 1), code);
      Status status = runAll(tiny);
      bool givesBack = calls[i].ends_with("Destroy") ||
                       calls[i].starts_with("cuMemFree") ||
                       calls[i] == "cuLibraryUnload" ||
                       calls[i] == "cuDevicePrimaryCtxRelease";
      if (!givesBack && code == cuda::kNotPermitted)
        EXPECT_EQ(driver.reports(), "");
      // Who gives something back has nobody to tell. The first look-up is made
      // again, and so is a graph that was refused.
      if (givesBack || i >= atEnd || i == 0 ||
          (calls[i] == "cuGraphInstantiateWithParams" &&
           code == cuda::kNotPermitted))
        continue;
      EXPECT_FALSE(status);
      if (status)
        continue;
      ++tested;
      EXPECT_EQ(status.error().kind, ErrorKind::Machine);
      if (calls[i] == "cuGetProcAddress_v2") {
        EXPECT_SAYS(status.error().message, "lacks cu");
        continue;
      }
      EXPECT_SAYS(status.error().message, calls[i] + ": ");
      EXPECT_SAYS(status.error().message, std::to_string(code));
    }
  EXPECT_GT(tested, 400u);
}
// A launch fails at once or when somebody asks; either way the wait ends, and
// it is known by which step it happened: the second program of the warm-up.
TEST_F(CudaDeviceTest, NoticesAFault) {
  launchOf(tiny.plan, 1, 5).kernel = kernelNamed("fault");
  for (int late : {0, 1}) {
    driver.config.late = late;
    driver.reset();
    auto session = makeSession(tiny);
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().exitCode(), 3);
    EXPECT_SAYS(session.error().message,
                "GPU 0 (Emulated sm_90): " +
                    std::string(late ? "cuEventQuery" : "cuGraphLaunch") +
                    ": CUDA_ERROR_ILLEGAL_ADDRESS (700)");
    EXPECT_SAYS(session.error().message,
                "at or before step 2 (decode, 1 tokens of 1 sequences)");
  }
}

// The same, launch by launch: it is known which one it was.
TEST_F(CudaDeviceTest, NamesTheLaunchStepByStep) {
  launchOf(tiny.plan, 1, 5).kernel = kernelNamed("fault");
  stepOf(tiny.plan, 1, 5).label = "layers.3/matmul";
  CudaDevice::Options options;
  options.stepByStep = true;
  auto session = makeSession(tiny, options);
  ASSERT_FALSE(session);
  EXPECT_SAYS(session.error().message, "at or before 'layers.3/matmul'");
}

TEST_F(CudaDeviceTest, SaysTheSameEverAfter) {
  auto session = makeSession(tiny);
  ASSERT_TRUE(session) << session.error().message;
  uint32_t slot = *(*session)->open();
  Ids history = {1, 5};
  ASSERT_TRUE((*session)->prefill({{slot, history}}));
  driver.inject("cuGraphLaunch", 1, cuda::kLaunchFailed);
  auto first = (*session)->decode({{slot, 3}});
  ASSERT_FALSE(first);
  EXPECT_SAYS(first.error().message, "cuGraphLaunch: ");
  uint64_t calls = driver.calls();
  EXPECT_EQ((*session)->decode({{slot, 3}}).error().message,
            first.error().message);
  EXPECT_EQ((*session)->prefill({{slot, history}}).error().message,
            first.error().message);
  EXPECT_EQ((*session)->snapshot(slot).error().message, first.error().message);
  Device &device = (*session)->device();
  EXPECT_EQ(device.step().error().message, first.error().message);
  EXPECT_EQ(device.wait(1).error().message, first.error().message);
  EXPECT_EQ(device.hostBuffer(64).error().message, first.error().message);
  EXPECT_TRUE(device.isDone(99));   // nobody waits for what does not come
  EXPECT_EQ(driver.calls(), calls); // the driver was not even asked
}

TEST_F(CudaDeviceTest, SaysWhatIsWrongWithTheMachine) {
  struct Case {
    std::function<void(mm1_emulated_config &)> make;
    const char *message;
  };
  const Case cases[] = {
      {[](auto &config) { config.devices = 0; },
       "finds no GPU that this process may use"},
      {[](auto &config) { config.driver_version = 12040; },
       "this driver knows CUDA 12.4; the GPU's kernels need CUDA 13.0"},
      {[](auto &config) { config.arch = 80; },
       "has kernels for sm_90a; GPU 0 (Emulated sm_80) is sm_80; recompile "
       "with --target sm_80"},
      {[](auto &config) { config.compute_mode = cuda::kComputeProhibited; },
       "its compute mode lets no process use it; nvidia-smi -c DEFAULT"},
      {[](auto &config) { config.memory_bytes = 4096; },
       "not enough memory: 1 MiB of weights, 1 MiB of keys, values and "
       "states, 1 MiB for a step; free are"}};
  for (const Case &each : cases) {
    test::EmulatedDriver other;
    each.make(other.config);
    other.reset();
    Status status = runAll(tiny);
    ASSERT_FALSE(status) << each.message;
    EXPECT_EQ(status.error().exitCode(), 3);
    EXPECT_SAYS(status.error().message, each.message);
    EXPECT_EQ(other.reports(), "");
  }
}

TEST_F(CudaDeviceTest, SaysWhichGpusThereAre) {
  CudaDevice::Options options;
  options.gpu = 3;
  Status status = runAll(tiny, options);
  ASSERT_FALSE(status);
  EXPECT_SAYS(status.error().message,
              "GPU 3 asked for; this process sees 1, from 0 on");
}

// A cubin that does not fit the plan is found before anything runs.
TEST_F(CudaDeviceTest, ComparesKernelsWithThePlan) {
  auto messageOf = [&](auto spoil) {
    TinyArtifact model;
    model.makeCuda();
    spoil(model);
    Status status = runAll(model);
    EXPECT_FALSE(status);
    if (status)
      return std::string();
    EXPECT_EQ(status.error().kind, ErrorKind::Input) << status.error().message;
    return status.error().message;
  };
  EXPECT_SAYS(messageOf([](TinyArtifact &model) {
                for (auto &kernel : model.plan.kernels)
                  if (kernel->symbol == "append")
                    kernel->symbol = "prepend";
              }),
              "tiny-sm_90a.cubin: has no kernel 'prepend'");
  EXPECT_SAYS(messageOf([](TinyArtifact &model) {
                stepOf(model.plan, 0, 1).args.pop_back();
                stepOf(model.plan, 1, 1).args.pop_back();
                stepOf(model.plan, 2, 1).args.pop_back();
                stepOf(model.plan, 3, 1).args.pop_back();
              }),
              "kernel 'embed' takes more than 3 parameters; plan.bin gives it "
              "3");
  EXPECT_SAYS(messageOf([](TinyArtifact &model) {
                stepOf(model.plan, 0, 1).args.pop_back();
              }),
              "kernel 'embed' is given 4 parameters in step 'step 0', "
              "elsewhere 3");
  EXPECT_SAYS(messageOf([](TinyArtifact &model) {
                launchOf(model.plan, 1, 2).threads = 256;
              }),
              "kernel 'decay' runs with at most 32 threads; plan.bin gives it "
              "256");
  EXPECT_SAYS(
      messageOf([](TinyArtifact &model) { model.plan.spare_slots = 0; }),
      "has no spare slot and page");
  EXPECT_SAYS(messageOf([](TinyArtifact &model) {
                auto &steps = model.plan.entries[0]->steps;
                steps.erase(steps.begin());
              }),
              "decode entry of 1 tokens does not start with a kernel that "
              "reads the step");
  EXPECT_SAYS(messageOf([](TinyArtifact &model) {
                model.plan.entries[0]->steps.pop_back();
              }),
              "does not end with a kernel that tells the host of its rows");
  EXPECT_SAYS(messageOf([](TinyArtifact &model) {
                launchOf(model.plan, 0, 1).workspace_bytes = 64;
              }),
              "asks for a workspace");
}

TEST_F(CudaDeviceTest, RefusesCubinsThatAreDamagedOrOfAnotherText) {
  std::string &cubin = tiny.moreFiles["kernels/tiny-sm_90a.cubin"];
  const std::string whole = cubin;
  for (const std::string &wrong :
       {std::string("no ELF"), whole.substr(0, 100), whole.substr(0, 63)}) {
    cubin = wrong;
    Status status = runAll(tiny);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind, ErrorKind::Input);
    EXPECT_SAYS(status.error().message, "recompile");
  }
  cubin = whole;
  cubin.replace(cubin.find("append"), 6, "APPEND");
  Status status = runAll(tiny);
  ASSERT_FALSE(status);
  EXPECT_SAYS(status.error().message, "cpu-host.so: ");
}

// A driver without early starts runs all the same, and the device says so.
TEST_F(CudaDeviceTest, FallsBackToPlainEdges) {
  auto session = makeSession(tiny);
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ((*session)->device().describe(),
            "cuda GPU 0 (Emulated sm_90), sm_90a");
  driver.reset();
  driver.inject("cuGraphInstantiateWithParams", 1, cuda::kNotSupported);
  session = makeSession(tiny);
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_SAYS((*session)->device().describe(),
              "without early starts: the driver says "
              "CUDA_ERROR_NOT_SUPPORTED (801)");
}

TEST_F(CudaDeviceTest, TellsWhatItLoadsAndStopsWhenTold) {
  for (bool goesOn : {true, false}) {
    auto artifact = Artifact::open(tiny.write());
    ASSERT_TRUE(artifact);
    CudaDevice::Options options;
    options.library = MM1_EMULATED_DRIVER;
    auto device = CudaDevice::create(options);
    ASSERT_TRUE(device);
    std::vector<Device::Progress> told;
    Status status = (*device)->load(*artifact, {0, [&](auto &progress) {
                                                  told.push_back(progress);
                                                  return goesOn;
                                                }});
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told.back().totalBytes, uint64_t(kVocab * kWidth * 4));
    ASSERT_EQ(bool(status), goesOn);
    if (!goesOn)
      EXPECT_EQ(status.error().kind, ErrorKind::Usage);
  }
  EXPECT_EQ(driver.reports(), "");
}

// What checks of kernels do: write a step's inputs, run it, read its outputs.
TEST_F(CudaDeviceTest, RunsOneStepAlone) {
  auto session = makeSession(tiny);
  ASSERT_TRUE(session) << session.error().message;
  Device &device = (*session)->device();
  const Session::Program &prefill = (*session)->programs()[3];
  const Plan::Step &embed = prefill.entry->steps[1];
  auto buffer = device.hostBuffer(1024);
  ASSERT_TRUE(buffer) << buffer.error().message;
  auto *tokens = reinterpret_cast<int32_t *>(buffer->data());
  tokens[0] = 4;
  tokens[1] = 2;
  auto written = device.write(
      device.address(ArgKind::Arena, embed.args[0].index), tokens, 8);
  ASSERT_TRUE(written) << written.error().message;
  ASSERT_TRUE(device.finish(*written));
  EXPECT_TRUE(device.isDone(*written));
  Status status = device.runAlone(prefill.number, 1, 2, 1);
  ASSERT_TRUE(status) << status.error().message;
  auto read = device.read(buffer->data(),
                          device.address(ArgKind::Arena, embed.args[2].index),
                          2 * kWidth * 4);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_TRUE(device.finish(*read));
  auto *x = reinterpret_cast<const float *>(buffer->data());
  EXPECT_EQ(x[3], tableValue(4, 3));
  EXPECT_EQ(x[kWidth + 3], tableValue(2, 3));
  EXPECT_EQ(device.runAlone(prefill.number, 1, 99, 1).error().kind,
            ErrorKind::Usage);
  EXPECT_EQ(device.runAlone(prefill.number, 0, 1, 1).error().kind,
            ErrorKind::Usage); // `begin`
  EXPECT_EQ(driver.reports(), "");
}

TEST_F(CudaDeviceTest, RefusesStepsAndTicketsThatDoNotFit) {
  auto session = makeSession(tiny);
  ASSERT_TRUE(session) << session.error().message;
  Device &device = (*session)->device();
  StepBlock &block = **device.step();
  Device::Program decode = (*session)->programs()[0].number;
  EXPECT_EQ(device.enqueue(decode, block).error().kind, ErrorKind::Usage);
  block.numRows = 2; // of a program for one
  EXPECT_EQ(device.enqueue(decode, block).error().kind, ErrorKind::Usage);
  EXPECT_EQ(device.wait(12345).error().kind, ErrorKind::Usage);
  EXPECT_EQ(device.logits(0, 99).error().kind, ErrorKind::Usage);
}

TEST_F(CudaDeviceTest, MeasuresProgramsAndLaunches) {
  for (bool stepByStep : {false, true}) {
    CudaDevice::Options options;
    options.profiling = true;
    options.stepByStep = stepByStep;
    auto session = makeSession(tiny, options);
    ASSERT_TRUE(session) << session.error().message;
    Device &device = (*session)->device();
    EXPECT_EQ(device.times().runNs, 0u); // not of the warm-up
    uint32_t slot = *(*session)->open();
    Ids history = {1, 5};
    ASSERT_TRUE((*session)->prefill({{slot, history}}));
    EXPECT_GT(device.times().runNs, 0u);
    uint64_t runs = 0;
    for (const Session::Program &program : (*session)->programs())
      for (const Device::StepTime &time : device.stepTimes(program.number))
        runs += time.runs;
    EXPECT_EQ(runs, stepByStep ? 5u : 0u); // launches of a prompt's program
  }
}

} // namespace
