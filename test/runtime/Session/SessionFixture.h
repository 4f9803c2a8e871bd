//===- SessionFixture.h - Sessions of the tiny model on each device -------===//
// TEST_P(SessionTest, ...) runs on the cpu and on an emulated GPU whose work is
// done at once or late; that GPU's driver must find nothing wrong.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CpuLevel.h"
#include "runtime/Device/CreateDevice.h"
#include "runtime/Session/Session.h"
#include "test/runtime/Device/EmulatedDriver.h"
#include "test/runtime/Tiny/TinyArtifact.h"
#include "test/runtime/Tiny/TinyModel.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#define EXPECT_SAYS(MESSAGE, PART)                                             \
  EXPECT_NE((MESSAGE).find(PART), std::string::npos) << (MESSAGE)

namespace mm1::tiny {

using Ids = std::vector<int32_t>;

/// On each device: the model is the same, and so are its logits.
class SessionTest : public testing::TestWithParam<const char *> {
protected:
  bool isEmulated() const { return GetParam() != std::string("cpu"); }

  void SetUp() override {
    if (isEmulated()) {
      driver.emplace();
      driver->config.late = GetParam() == std::string("emulatedLate");
      driver->reset();
      return tiny.makeCuda();
    }
    auto levels = supportedCpuLevels();
    if (std::find(levels.begin(), levels.end(), "x86-64-v3") == levels.end())
      GTEST_SKIP() << "this processor is below x86-64-v3";
  }

  void TearDown() override {
    if (driver)
      EXPECT_EQ(driver->reports(), "");
  }

  std::unique_ptr<Session> makeSession(uint32_t threads = 2) {
    auto artifact = Artifact::open(tiny.write());
    EXPECT_TRUE(artifact) << artifact.error().message;
    DeviceOptions deviceOptions;
    deviceOptions.name = isEmulated() ? "emulated" : "cpu";
    deviceOptions.cpu.threads = threads;
    auto device = createDevice(deviceOptions, artifact->plan());
    EXPECT_TRUE(device) << device.error().message;
    auto session =
        Session::create(std::move(*artifact), std::move(*device), options);
    EXPECT_TRUE(session) << session.error().message;
    return std::move(*session);
  }

  SessionOptions options;

  TinyArtifact tiny;
  std::optional<test::EmulatedDriver> driver;
};

inline void expectLogits(std::span<const float> found,
                         std::span<const int32_t> tokens) {
  std::vector<float> expected = expectedLogits(tokens);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t v = 0; v < expected.size(); ++v)
    ASSERT_EQ(found[v], expected[v])
        << "after " << tokens.size() << " tokens, id " << v;
}

/// The token that comes first of all that may be chosen: logits that grow or
/// fall with the id have it at an end.
inline void expectChoice(const StepResult &choices, uint32_t row,
                         std::span<const int32_t> tokens) {
  std::vector<float> logits = expectedLogits(tokens);
  auto best = std::max_element(logits.begin(), logits.end());
  EXPECT_EQ(choices.token(row), int32_t(best - logits.begin()));
  Candidates candidates = choices.candidates(row);
  ASSERT_EQ(candidates.ids.size(), 1u);
  EXPECT_EQ(candidates.logits[0], *best);
  EXPECT_EQ(candidates.largest, *best);
}

/// Feeds tokens and checks the logits of the last.
inline void prefillAndCheck(Session &session, uint32_t slot, Ids &history,
                            const Ids &tokens) {
  history.insert(history.end(), tokens.begin(), tokens.end());
  Status status = session.prefill({{slot, tokens}});
  ASSERT_TRUE(status) << status.error().message;
  auto choices = session.lastChoices();
  ASSERT_TRUE(choices) << choices.error().message;
  expectChoice(*choices, 0, history);
  auto logits = session.lastLogits();
  ASSERT_TRUE(logits) << logits.error().message;
  expectLogits(logits->row(0), history);
}

inline void decodeAndCheck(Session &session, std::span<const uint32_t> slots,
                           std::span<Ids *const> histories, int32_t token) {
  std::vector<Session::Next> batch;
  for (size_t i = 0; i < slots.size(); ++i) {
    int32_t own = int32_t((token + i) % kVocab);
    batch.push_back({slots[i], own});
    histories[i]->push_back(own);
  }
  auto choices = session.decode(batch);
  ASSERT_TRUE(choices) << choices.error().message;
  ASSERT_EQ(choices->numRows, slots.size());
  auto logits = session.lastLogits();
  ASSERT_TRUE(logits) << logits.error().message;
  ASSERT_EQ(logits->rows, slots.size());
  for (uint32_t i = 0; i < slots.size(); ++i) {
    expectChoice(*choices, i, *histories[i]);
    expectLogits(logits->row(i), *histories[i]);
  }
}

} // namespace mm1::tiny
