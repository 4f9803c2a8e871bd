//===- ManifestTest.cpp - manifest.json as foreign bytes ------------------===//
#include "runtime/Artifact/Manifest.h"
#include "runtime/Artifact/KernelABI.h"
#include "test/runtime/Tiny/TinyArtifact.h"

#include <gtest/gtest.h>

using namespace mm1;
using Json = nlohmann::ordered_json;

static Json goodFields() {
  return {{"format", "mm1-artifact"},
          {"version", versionString()},
          {"kernel_abi", kKernelABIVersion},
          {"command", "mm1c compile M1 -o m1.mm1"},
          {"target", {{"device", "cpu"}}},
          {"ranks", 1},
          {"files",
           {{{"path", "plan.bin"}, {"bytes", 12}, {"xxh3", "0123456789abcdef"}},
            {{"path", "weights/rank-0.safetensors"},
             {"bytes", 99},
             {"tensors", {{"norm", "00000000000000ff"}}}}}}};
}

static std::string messageFor(const Json &fields) {
  auto manifest = Manifest::parse(sealManifest(fields), "manifest.json");
  return manifest ? "" : manifest.error().message;
}

TEST(Manifest, ReadsWhatWasSealed) {
  Json fields = goodFields();
  fields["self_test"] = {{"tolerance", 0.25}};
  auto manifest = Manifest::parse(sealManifest(fields), "manifest.json");
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->device, "cpu");
  EXPECT_EQ(manifest->selfTestTolerance, 0.25);
  EXPECT_EQ(manifest->find("plan.bin")->hash, "0123456789abcdef");
  EXPECT_EQ(manifest->find("weights/rank-0.safetensors")->tensors.at("norm"),
            "00000000000000ff");
  EXPECT_EQ(manifest->find("plan"), nullptr);
  EXPECT_EQ(manifest->fields["command"], "mm1c compile M1 -o m1.mm1");
}

TEST(Manifest, HashIsXxh3) {
  // The value of XXH3-64 for no bytes, from the published test vectors.
  EXPECT_EQ(hashHex({}), "2d06800538d394c2");
}

TEST(Manifest, RefusesEveryFlippedByte) {
  std::string text = sealManifest(goodFields());
  for (size_t i = 0; i < text.size(); ++i)
    for (char mask : {char(0x01), char(0x20), char(0x80)}) {
      std::string spoilt = text;
      spoilt[i] = char(spoilt[i] ^ mask);
      EXPECT_FALSE(Manifest::parse(spoilt, "manifest.json"))
          << "byte " << i << " of " << text;
    }
}

TEST(Manifest, RefusesEveryTruncation) {
  std::string text = sealManifest(goodFields());
  for (size_t size = 0; size < text.size() - 1;
       ++size) // the last byte ends the line
    EXPECT_FALSE(Manifest::parse(text.substr(0, size), "manifest.json"))
        << size;
}

TEST(Manifest, TakesItsOwnAndThePreviousMinorVersion) {
  int major = 0, minor = 0;
  ASSERT_EQ(std::sscanf(std::string(versionString()).c_str(), "%d.%d", &major,
                        &minor),
            2);
  auto message = [&](int otherMajor, int otherMinor) {
    Json fields = goodFields();
    fields["version"] =
        std::to_string(otherMajor) + "." + std::to_string(otherMinor) + ".9";
    return messageFor(fields);
  };
  EXPECT_EQ(message(major, minor), "");
  if (minor > 2) {
    EXPECT_EQ(message(major, minor - 1), "");
  }
  // Plans of 0.1 are of another format.
  std::string old = message(0, 1);
  EXPECT_NE(old.find("made by mm1c 0.1.9, whose plans mm1-run " +
                     std::string(versionString()) +
                     " no longer reads; compile again"),
            std::string::npos)
      << old;
  EXPECT_NE(old.find("\"mm1c compile M1 -o m1.mm1\""), std::string::npos)
      << old;
  for (auto [otherMajor, otherMinor] :
       {std::pair{major, minor + 1}, {major + 1, minor}, {major, minor + 7}}) {
    std::string found = message(otherMajor, otherMinor);
    std::string version =
        std::to_string(otherMajor) + "." + std::to_string(otherMinor) + ".9";
    EXPECT_NE(found.find("built by mm1c " + version), std::string::npos)
        << found;
    EXPECT_NE(found.find("this is mm1-run " + std::string(versionString())),
              std::string::npos)
        << found;
    EXPECT_NE(found.find("\"mm1c compile M1 -o m1.mm1\""), std::string::npos)
        << found;
  }
}

TEST(Manifest, SaysWhatIsWrong) {
  auto with = [](const char *key, Json value) {
    Json fields = goodFields();
    fields[key] = std::move(value);
    return messageFor(fields);
  };
  auto withFile = [&](Json file) {
    return with("files", Json::array({std::move(file)}));
  };
  auto withPath = [&](const char *path) {
    return withFile(
        {{"path", path}, {"bytes", 1}, {"xxh3", "0123456789abcdef"}});
  };
  const std::pair<std::string, const char *> cases[] = {
      {with("format", "zip"), "'format' is \"zip\"; expected \"mm1-artifact\""},
      {with("version", "banana"), "'version' is \"banana\""},
      {with("version", "99999999999999999999.1.0"), "'version' is"},
      {with("kernel_abi", 7),
       "'kernel_abi' is 7, but this mm1-run calls kernels of ABI 2"},
      {with("target", 1), "'target' is 1; expected an object"},
      {with("ranks", 0), "'ranks' is 0"},
      {with("files", 1), "'files' is 1; expected a list of files"},
      {with("self_test", {{"tolerance", -1}}), "tolerance"},
      {with("has_weights", 1), "'has_weights' is"},
      {withFile(3), "'files[0]' is 3; expected an object"},
      {withFile({{"path", "a"}, {"bytes", -1}, {"xxh3", "0123456789abcdef"}}),
       "'bytes' is -1"},
      {withFile({{"path", "a"}, {"bytes", 1}}), "'xxh3' is missing"},
      {withFile({{"path", "a"}, {"bytes", 1}, {"xxh3", "0123"}}),
       "expected 16 hexadecimal digits"},
      {withFile({{"path", "a"}, {"bytes", 1}, {"tensors", {{"t", 5}}}}),
       "expected 16 hexadecimal digits"},
      {withPath("../a"),
       "has the path '../a'; expected one below the artifact's folder"},
      {withPath("/etc/passwd"), "expected one below"},
      {withPath("a//b"), "expected one below"},
      {withPath("a/./b"), "expected one below"},
      {withPath("a/.."), "expected one below"},
      {withPath("a\nb"), "expected one below"},
      {withPath(""), "expected one below"},
  };
  for (const auto &[found, expected] : cases)
    EXPECT_NE(found.find(expected), std::string::npos)
        << "expected: " << expected << "\nfound: " << found;
}
