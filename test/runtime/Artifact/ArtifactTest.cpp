//===- ArtifactTest.cpp - A folder as foreign bytes -----------------------===//
#include "runtime/Artifact/Artifact.h"
#include "test/runtime/Tiny/TinyArtifact.h"
#include "test/runtime/Tiny/TinyModel.h"

#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>

using namespace mm1;
using namespace mm1::tiny;
namespace fs = std::filesystem;

static std::string openError(const std::string &folder) {
  auto artifact = Artifact::open(folder);
  if (artifact)
    return "";
  EXPECT_EQ(artifact.error().message.find('\n'), std::string::npos);
  return artifact.error().message;
}

#define EXPECT_SAYS(MESSAGE, PART)                                             \
  EXPECT_NE((MESSAGE).find(PART), std::string::npos) << (MESSAGE)

TEST(Artifact, Opens) {
  TinyArtifact tiny;
  auto artifact = Artifact::open(tiny.write());
  ASSERT_TRUE(artifact) << artifact.error().message;
  EXPECT_EQ(artifact->plan().weights.size(), 1u);
  EXPECT_EQ(artifact->weight(0).elements<float>()[0], tableValue(0, 0));
  EXPECT_TRUE(artifact->has("plan.bin"));
  EXPECT_FALSE(artifact->has("golden/prompts.safetensors"));
  // It stays good when moved.
  Artifact moved = std::move(*artifact);
  EXPECT_EQ(moved.weight(0).name, "table");
  EXPECT_EQ(moved.weight(0).elements<float>()[kWidth], tableValue(1, 0));
}

TEST(Artifact, SaysWhichFileIsMissing) {
  EXPECT_SAYS(
      openError("/nowhere/at/all"),
      "/nowhere/at/all/manifest.json: cannot open: no such file or folder");
  for (const char *file :
       {"manifest.json", "plan.bin", "kernels/cpu-x86-64-v3.so",
        "weights/rank-0.safetensors"}) {
    TinyArtifact tiny;
    fs::remove(tiny.write() + "/" + file);
    EXPECT_SAYS(openError(tiny.folder()),
                tiny.folder() + "/" + file +
                    ": cannot open: no such file or folder");
  }
  TinyArtifact tiny;
  EXPECT_SAYS(openError(tiny.write() + "/plan.bin"),
              "plan.bin: is a file; an artifact is a folder");
}

TEST(Artifact, FindsFlippedBytesOfPlanAndManifest) {
  TinyArtifact tiny;
  tiny.write();
  for (const char *file : {"plan.bin", "manifest.json"}) {
    std::string path = tiny.folder() + "/" + file, bytes = readAll(path);
    for (size_t i = 0; i < bytes.size(); i += 17) {
      std::string spoilt = bytes;
      spoilt[i] = char(~spoilt[i]);
      writeAll(path, spoilt);
      EXPECT_SAYS(openError(tiny.folder()), path) << "byte " << i;
    }
    writeAll(path, bytes);
  }
  EXPECT_EQ(openError(tiny.folder()), "");
}

TEST(Artifact, ComparesSizesAndHashes) {
  for (const char *file :
       {"plan.bin", "kernels/cpu-x86-64-v3.so", "weights/rank-0.safetensors"}) {
    TinyArtifact tiny;
    std::string path = tiny.write() + "/" + file, bytes = readAll(path);
    writeAll(path, bytes + "x");
    EXPECT_SAYS(openError(tiny.folder()), path + ": has " +
                                              std::to_string(bytes.size() + 1) +
                                              " bytes; manifest.json says " +
                                              std::to_string(bytes.size()));
  }
  TinyArtifact tiny;
  std::string path = tiny.write() + "/kernels/cpu-x86-64-v3.so",
              bytes = readAll(path);
  bytes[bytes.size() / 2] = char(~bytes[bytes.size() / 2]);
  writeAll(path, bytes);
  EXPECT_SAYS(openError(tiny.folder()), path + ": hashes to ");
}

TEST(Artifact, VerifyFindsAFlippedByteOfTheWeights) {
  for (bool hashesTensors : {false, true}) {
    TinyArtifact tiny;
    tiny.hashesTensors = hashesTensors;
    std::string path = tiny.write() + "/weights/rank-0.safetensors",
                bytes = readAll(path);
    uint64_t told = 0;
    auto verify = [&](uint64_t done, uint64_t) { told = done; };
    {
      auto artifact = Artifact::open(tiny.folder());
      ASSERT_TRUE(artifact) << artifact.error().message;
      Status status = artifact->verifyWeights(verify);
      EXPECT_TRUE(status) << status.error().message;
      EXPECT_GE(told, uint64_t(kVocab * kWidth * 4));
    }
    bytes.back() = char(~bytes.back());
    writeAll(path, bytes);
    auto artifact = Artifact::open(tiny.folder());
    ASSERT_TRUE(artifact) << "opening does not read the weights";
    Status status = artifact->verifyWeights(verify);
    ASSERT_FALSE(status);
    EXPECT_SAYS(status.error().message,
                path + (hashesTensors ? ": tensor 'table': hashes to "
                                      : ": hashes to "));
  }
}

TEST(Artifact, HoldsThePlanAgainstTheWeights) {
  auto errorFor = [](auto spoil) {
    TinyArtifact tiny;
    spoil(tiny);
    return openError(tiny.write());
  };
  EXPECT_SAYS(
      errorFor([](TinyArtifact &t) { t.plan.weights[0]->name = "other"; }),
      "tensor 'other' is missing; plan.bin reads it");
  EXPECT_SAYS(
      errorFor([](TinyArtifact &t) { t.plan.weights[0]->bytes += 4; }),
      "tensor 'table' has 896 bytes of F32; plan.bin reads 900 bytes of F32");
  EXPECT_SAYS(errorFor([](TinyArtifact &t) {
                t.plan.weights[0]->element = fb::Element::BF16;
              }),
              "plan.bin reads 896 bytes of BF16");
}

TEST(Artifact, HoldsThePlanAgainstTheManifest) {
  TinyArtifact tiny;
  tiny.plan.tp = 8;
  EXPECT_SAYS(openError(tiny.write()), "is for 8 ranks; manifest.json says 1");
  tiny.extra = {{"ranks", 8}};
  EXPECT_SAYS(openError(tiny.write()),
              "'ranks' is 8, but this mm1-run drives one");
  tiny.extra = {{"files", nlohmann::ordered_json::array()}};
  tiny.extra["ranks"] = 1;
  EXPECT_SAYS(openError(tiny.write()), "'files' has no 'plan.bin'");

  TinyArtifact other;
  auto variant = std::make_unique<fb::VariantT>();
  variant->name = "x86-64-v9";
  variant->path = "kernels/absent.so";
  other.plan.modules[0]->variants.push_back(std::move(variant));
  EXPECT_SAYS(openError(other.write()),
              "has kernels in 'kernels/absent.so', which manifest.json does "
              "not list");
}
