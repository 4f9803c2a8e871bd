//===- KitTest.cpp - Kits that were cut, changed or lie -------------------===//
// A kit travels by hand to a machine that somebody pays for by the hour: what
// is wrong with it must be said at once, by name. And what compares answers
// must know wrong ones.
//===----------------------------------------------------------------------===//
#include "runtime/Artifact/Manifest.h"
#include "test/e2e/Programs.h"
#include "test/gpu/Compare.h"
#include "test/gpu/KitWriter.h"
#include "test/gpu/Report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>

using namespace mm1;
using namespace mm1::kit;
using mm1::test::readText;
using mm1::test::TemporaryFolder;
using mm1::test::writeText;

namespace {

template <typename T> std::vector<std::byte> bytesOf(std::vector<T> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// One kernel that reads two floats and writes three.
KernelCase makeCase() {
  KernelCase made;
  made.module = "kernels_0";
  made.name = made.kernel = "double_it_0";
  made.blocks = 1;
  made.threads = 32;
  made.tolerance = "f32";
  CaseArgument in;
  in.initial = bytesOf<float>({1, 2});
  in.sizeBytes = 8;
  CaseArgument out;
  out.sizeBytes = 12;
  out.expected = {2, 4, std::nan("")};
  out.relative = 1e-5;
  made.arguments = {in, out};
  return made;
}

class KitTest : public testing::Test {
protected:
  void SetUp() override {
    KitWriter writer("nothing");
    writer.addModule("kernels_0", "sm_90a", "no real cubin", "");
    writer.addCase(makeCase());
    writer.addLeftOut({"begin_0", "the host's"});
    Question open, asked;
    open.name = "speed";
    open.question = "is it fast?";
    open.source = "a note";
    open.needs = "a kernel";
    writer.addQuestion(open);
    asked.name = "double";
    asked.question = "what is twice one?";
    asked.source = "a note";
    asked.asked = 1;
    asked.answers = {{"2", {0x40000000}}, {"3", {0x40400000}}};
    writer.addQuestion(asked, makeCase());
    Status status = writer.write(kit);
    ASSERT_TRUE(bool(status)) << status.error().message;
  }

  /// Why the kit is refused; empty: it is not.
  std::string refusal() {
    Expected<Kit> opened = Kit::open(kit);
    return opened ? "" : opened.error().message;
  }
  /// The index with a change that its maker would have sealed.
  void lie(const std::function<void(nlohmann::ordered_json &)> &change) {
    auto json = nlohmann::ordered_json::parse(readText(index));
    change(json);
    writeText(index, sealManifest(json));
  }

  TemporaryFolder folder;
  std::string kit = folder.path("kit"), index = kit + "/kit.json",
              tensors = kit + "/tensors.safetensors";
};

TEST_F(KitTest, ComesBackAsItWasWritten) {
  Expected<Kit> opened = Kit::open(kit);
  ASSERT_TRUE(bool(opened)) << opened.error().message;
  EXPECT_EQ(opened->origin(), "nothing");
  EXPECT_EQ(opened->architectures(), "sm_90a");
  ASSERT_EQ(opened->cases().size(), 1u);
  const Case &one = opened->cases()[0];
  EXPECT_EQ(one.name, "double_it_0");
  EXPECT_EQ(one.group, "kernels");
  EXPECT_EQ(one.threads, 32u);
  ASSERT_EQ(one.arguments.size(), 2u);
  EXPECT_EQ(one.arguments[0].initial.size(), 8u);
  EXPECT_TRUE(one.arguments[0].expected.empty());
  EXPECT_TRUE(one.arguments[1].initial.empty());
  ASSERT_EQ(one.arguments[1].expected.size(), 3u);
  EXPECT_EQ(one.arguments[1].expected[1], 4);
  ASSERT_EQ(opened->leftOut().size(), 1u);
  EXPECT_EQ(opened->leftOut()[0].why, "the host's");
  ASSERT_EQ(opened->questions().size(), 2u);
  EXPECT_EQ(opened->questions()[0].needs, "a kernel");
  EXPECT_FALSE(opened->questions()[0].launch);
  ASSERT_TRUE(opened->questions()[1].launch);
  ASSERT_EQ(opened->questions()[1].answers.size(), 2u);
  EXPECT_EQ(opened->questions()[1].answers[1].text, "3");
}

TEST_F(KitTest, IsNotWrittenOverAnother) {
  Status status = KitWriter("other").write(kit);
  ASSERT_FALSE(bool(status));
  EXPECT_NE(status.error().message.find("is there already"), std::string::npos);
}

TEST_F(KitTest, EveryCutIsRefused) {
  for (const std::string &file :
       {index, tensors, kit + "/modules/kernels_0-sm_90a.cubin"}) {
    std::string whole = readText(file);
    for (size_t size = 0; size < whole.size(); size += 1 + whole.size() / 37) {
      std::filesystem::resize_file(file, size);
      std::string why = refusal();
      EXPECT_NE(why.find(std::filesystem::path(file).filename()),
                std::string::npos)
          << file << " cut to " << size << ": " << why;
    }
    writeText(file, whole);
  }
  EXPECT_EQ(refusal(), "");
}

TEST_F(KitTest, EveryChangedByteIsRefused) {
  for (const std::string &file : {index, tensors}) {
    std::string whole = readText(file);
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string changed = whole;
      changed[at] ^= 1;
      writeText(file, changed);
      ASSERT_NE(refusal(), "") << file << ", byte " << at;
    }
    writeText(file, whole);
  }
}

TEST_F(KitTest, MissingFilesAreNamed) {
  std::filesystem::remove(tensors);
  EXPECT_NE(refusal().find(tensors), std::string::npos) << refusal();
  std::filesystem::remove(index);
  EXPECT_NE(refusal().find(index), std::string::npos) << refusal();
}

TEST_F(KitTest, LiesAreNamed) {
  struct Lie {
    std::string pointer;
    nlohmann::ordered_json value;
    std::string answer;
  };
  const std::vector<Lie> lies = {
      {"/format", "something", "is no kit's index"},
      {"/version", 2, "expected an integer from 1 to 1"},
      {"/cases/0/module", "kernels_9", "expected one of 'modules'"},
      {"/cases/0/threads", 2048, "'threads' is 2048"},
      {"/cases/0/blocks", 0, "'blocks' is 0"},
      {"/cases/0/arguments/0/bytes", 16, "has 8 bytes; expected 16"},
      {"/cases/0/arguments/0/initial", "else", "is 'else', which is not among"},
      {"/cases/0/arguments/1/expected", "kernels.double_it_0.0",
       "expected F64 [3]"},
      {"/cases/0/arguments/1/element", "BF16", "expected F64 [6]"},
      {"/cases/0/arguments/1/element", "U8", "expected F32, BF16 or I32"},
      // A tolerance that lets everything pass.
      {"/cases/0/arguments/1/relative", 2, "'relative' is 2"},
      {"/cases/0/arguments/1/absolute", -1, "'absolute' is -1"},
      {"/files/0/path", "../kit.json", "expected a file of the kit"},
      {"/cases", 7, "expected a list"},
      {"/questions/0/needs", "", "expected one of the three"},
      {"/questions/0/measure", "speed", "expected one of the three"},
      {"/questions/1/asked", 2, "'asked' is 2"},
      {"/questions/1/answers/0/words", {1, 2, 3, 4}, "expected 1 to 3 words"},
      {"/questions/1/answers/1/words", {0x40000000}, "are also those of '2'"},
      {"/questions/1/answers", nlohmann::ordered_json::array(),
       "what the emulation says, at least"},
  };
  std::string honest = readText(index);
  for (const Lie &each : lies) {
    lie([&](nlohmann::ordered_json &json) {
      json[nlohmann::ordered_json::json_pointer(each.pointer)] = each.value;
    });
    std::string why = refusal();
    EXPECT_NE(why.find(each.answer), std::string::npos)
        << each.pointer << ": " << why;
    writeText(index, honest);
  }
}

//===-------------------------------- Answers -----------------------------===//

Argument floats(const std::vector<double> &expected, double absolute,
                double relative) {
  Argument argument;
  argument.sizeBytes = expected.size() * 4;
  argument.expected = expected;
  argument.absolute = absolute;
  argument.relative = relative;
  return argument;
}

TEST(Compare, FloatsWithinTheirTolerance) {
  std::vector<double> expected = {1, -2, 0, std::nan("")};
  Argument argument = floats(expected, 1e-3, 1e-2);
  Difference same = compare(argument, bytesOf<float>({1, -2, 0, 7}));
  EXPECT_EQ(same.compared, 3u);
  EXPECT_EQ(same.wrong, 0u);
  EXPECT_EQ(same.worst, 0);
  Difference near = compare(argument, bytesOf<float>({1, -2.0105f, 0, 7}));
  EXPECT_EQ(near.wrong, 0u);
  EXPECT_NEAR(near.worst, 0.5, 1e-4);
  Difference far = compare(argument, bytesOf<float>({1, -2.1f, 0.5f, 7}));
  EXPECT_EQ(far.wrong, 2u);
  EXPECT_EQ(far.message, "element 1 is -2.0999999; expected -2 within 0.021");
}

TEST(Compare, WhatIsNoNumberIsWrong) {
  std::vector<double> expected = {1, INFINITY};
  Argument argument = floats(expected, 1e9, 0.5);
  EXPECT_EQ(compare(argument, bytesOf<float>({NAN, INFINITY})).wrong, 1u);
  EXPECT_EQ(compare(argument, bytesOf<float>({1, 3})).wrong, 1u);
}

TEST(Compare, IntegersAreEqualOrWrong) {
  std::vector<double> expected = {1, -1};
  Argument argument = floats(expected, 1, 0.5);
  argument.element = ElementType::I32;
  EXPECT_EQ(compare(argument, bytesOf<int32_t>({1, -1})).wrong, 0u);
  EXPECT_EQ(compare(argument, bytesOf<int32_t>({1, 0})).wrong, 1u);
}

TEST(Compare, BF16IsReadAsSuch) {
  std::vector<double> expected = {1, -2};
  Argument argument = floats(expected, 0, 0);
  argument.sizeBytes = 4;
  argument.element = ElementType::BF16;
  EXPECT_EQ(compare(argument, bytesOf<uint16_t>({0x3f80, 0xc000})).wrong, 0u);
  EXPECT_EQ(compare(argument, bytesOf<uint16_t>({0x3f80, 0xc001})).wrong, 1u);
}

TEST(Compare, MemoryThatIsOnlyReadKeepsItsBytes) {
  std::vector<std::byte> before = bytesOf<float>({1, 2});
  Argument argument;
  argument.sizeBytes = 8;
  argument.initial = before;
  EXPECT_EQ(compare(argument, before).wrong, 0u);
  EXPECT_EQ(compare(argument, bytesOf<float>({1, 2.5f})).message,
            "byte 6 was changed, but is only to be read");
}

//===-------------------------------- Results -----------------------------===//

TEST(Report, IsWholeOnTheDiskAfterEachLine) {
  TemporaryFolder folder;
  std::string path = folder.path("results.json");
  auto onDisk = [&] { return nlohmann::ordered_json::parse(readText(path)); };
  Report report(path, {{"kit", "nothing"}});
  ASSERT_TRUE(bool(report.start("kernels", "one")));
  EXPECT_EQ(onDisk()["running"], "kernels: one");
  ASSERT_TRUE(bool(report.passed("kernels", "one", "fine", {{"worst", 0.5}})));
  nlohmann::ordered_json found = onDisk();
  EXPECT_FALSE(found.contains("running"));
  EXPECT_EQ(found["kit"], "nothing");
  EXPECT_EQ(found["finished"], false);
  EXPECT_EQ(found["results"][0]["worst"], 0.5);
  EXPECT_TRUE(report.allPassed());
  ASSERT_TRUE(bool(report.failed("kernels", "two", "is wrong")));
  EXPECT_EQ(onDisk()["results"][1]["message"], "is wrong");
  EXPECT_FALSE(report.allPassed());
  ASSERT_TRUE(bool(report.note("questions", "three", "not asked", "")));
  ASSERT_TRUE(bool(report.finish()));
  found = onDisk();
  EXPECT_EQ(found["finished"], true);
  EXPECT_EQ(found["passed"], 1);
  EXPECT_EQ(found["failed"], 1);
  EXPECT_EQ(found["results"].size(), 3u);
}

} // namespace
