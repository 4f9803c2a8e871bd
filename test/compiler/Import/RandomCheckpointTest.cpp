//===- RandomCheckpointTest.cpp - Same seed, same bytes -------------------===//
#include "compiler/Import/RandomCheckpoint.h"
#include "compiler/Import/Checkpoint.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>

using namespace mm1;
namespace fs = std::filesystem;

static const std::string kTiny = MM1_SOURCE_DIR "/examples/01-tiny";

class RandomCheckpoint : public testing::Test {
protected:
  RandomCheckpoint() {
    std::string pattern =
        (fs::temp_directory_path() / "mm1-random-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~RandomCheckpoint() override { fs::remove_all(folder); }

  std::string at(const std::string &name) const {
    return (folder / name).string();
  }
  Checkpoint make(const std::string &name,
                  const RandomCheckpointOptions &options) const {
    Status status =
        writeRandomCheckpoint(kTiny + "/config.json", at(name), options);
    EXPECT_TRUE(status) << status.error().message;
    return open(at(name));
  }
  static Checkpoint open(const std::string &folder) {
    auto checkpoint =
        Checkpoint::open(folder, *ModelConfig::load(folder + "/config.json"));
    EXPECT_TRUE(checkpoint) << checkpoint.error().message;
    return std::move(*checkpoint);
  }
  static bool sameTensors(const Checkpoint &a, const Checkpoint &b) {
    for (const CheckpointTensor &tensor : a.tensors())
      if (!std::ranges::equal(tensor.bytes, b.tensor(tensor.name)->bytes))
        return false;
    return true;
  }
  fs::path folder;
};

TEST_F(RandomCheckpoint, theTinyExampleIsSeedOne) {
  EXPECT_TRUE(sameTensors(open(kTiny), make("again", {.seed = 1})));
}

TEST_F(RandomCheckpoint, threadsAndShardsDoNotMatter) {
  Checkpoint one = make("one", {.seed = 5, .numThreads = 1});
  EXPECT_TRUE(sameTensors(
      one, make("three", {.seed = 5, .numShards = 3, .numThreads = 4})));
  EXPECT_TRUE(fs::exists(at("three/model-00003-of-00003.safetensors")));
  EXPECT_TRUE(sameTensors(one, make("most", {.seed = 5, .numShards = 79})))
      << "one tensor in each file";
  EXPECT_FALSE(sameTensors(one, make("other", {.seed = 6})));
}

TEST_F(RandomCheckpoint, activationsStayOfOrderOne) {
  Checkpoint checkpoint = open(kTiny);
  auto moments = [&](const char *name) {
    const CheckpointTensor *tensor = checkpoint.tensor(name);
    auto *values = reinterpret_cast<const uint16_t *>(tensor->bytes.data());
    size_t count = tensor->bytes.size() / 2;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; ++i) {
      sum += bf16ToFloat(values[i]);
      squares += std::pow(bf16ToFloat(values[i]), 2);
    }
    double mean = sum / static_cast<double>(count);
    return std::pair(
        mean, std::sqrt(squares / static_cast<double>(count) - mean * mean));
  };
  auto [headMean, headSpread] =
      moments("lm_head.weight"); // 32768 values, 64 inputs
  EXPECT_NEAR(headMean, 0, 0.005);
  EXPECT_NEAR(headSpread, 2 / 8.0, 0.005);
  auto [outMean, outSpread] = moments(
      "model.layers.0.self_attn.out_proj.weight"); // 8192 values, 128 inputs
  EXPECT_NEAR(outMean, 0, 0.005);
  EXPECT_NEAR(outSpread, 1 / std::sqrt(128.0), 0.005);
  auto [normMean, normSpread] = moments("model.norm.weight"); // 64 values
  EXPECT_NEAR(normMean, 1, 0.05);
  EXPECT_NEAR(normSpread, 0.1, 0.05);
}

TEST_F(RandomCheckpoint, wholeOrAbsent) {
  auto refuse = [&](const std::string &config, const std::string &name,
                    const RandomCheckpointOptions &options) {
    Status status = writeRandomCheckpoint(config, at(name), options);
    EXPECT_FALSE(status);
    return status ? "written" : status.error().message;
  };
  fs::create_directory(at("there"));
  EXPECT_EQ(refuse(kTiny + "/config.json", "there", {}),
            at("there") + ": exists already; name a folder that does not");
  EXPECT_EQ(refuse(kTiny + "/config.json", "new", {.numShards = 80}),
            "cannot cut 79 tensors into 80 files");
  EXPECT_NE(refuse(kTiny + "/tokenizer.json", "new", {})
                .find("'model_type' is missing"),
            std::string::npos);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1)
      << "nothing is left behind";
}
