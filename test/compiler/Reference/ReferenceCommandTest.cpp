//===- ReferenceCommandTest.cpp - ids.json in, logits.safetensors out -----===//
#include "compiler/Reference/ReferenceCommand.h"
#include "Goldens.h"
#include "runtime/Support/WriteFile.h"

#include <unistd.h>

using namespace mm1;
namespace fs = std::filesystem;

namespace {

/// A folder of its own, removed at the end.
class ReferenceCommand : public ::testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(::testing::TempDir()) /
             ("reference-command-" + std::to_string(::getpid()));
    fs::remove_all(folder);
    fs::create_directory(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string path(const std::string &name) const { return folder / name; }
  std::string writeIds(const std::string &text) const {
    EXPECT_TRUE(writeFile(path("ids.json"), text));
    return path("ids.json");
  }
  /// The message of reading `text` as ids of a vocabulary of 256, at most 8.
  std::string readMessage(const std::string &text) const {
    auto ids = readTokenIds(writeIds(text), 256, 8);
    if (ids)
      return "";
    EXPECT_EQ(ids.error().kind, ErrorKind::Input);
    std::string prefix = path("ids.json") + ": ";
    EXPECT_TRUE(ids.error().message.starts_with(prefix));
    return ids.error().message.substr(prefix.size());
  }

  fs::path folder;
};

TEST_F(ReferenceCommand, WritesTheLogits) {
  mlir::mm1::Golden golden("base");
  std::string text = "[";
  for (int32_t id : golden.ids(1))
    text += (text.size() > 1 ? ", " : "") + std::to_string(id);
  writeIds("{\"ids\": " + text + "]}");
  for (std::string quant : {"none", "int8-experts"}) {
    ReferenceArguments arguments{mlir::mm1::kGoldens + "base", path("ids.json"),
                                 path(quant), quant};
    Status status = referenceCommand(arguments);
    ASSERT_TRUE(status) << status.error().message;
    auto file = SafeTensorsFile::open(path(quant));
    ASSERT_TRUE(file) << file.error().message;
    const SafeTensor *logits = file->find("logits");
    ASSERT_TRUE(logits);
    EXPECT_EQ(logits->shape, (std::vector<int64_t>{2, 256}));
    auto got = logits->elements<double>();
    auto wanted = golden.results
                      .find(quant == "none" ? "prompt.1.logits"
                                            : "prompt.1.logits_int8_experts")
                      ->elements<double>();
    EXPECT_LE(
        mlir::mm1::relativeError(llvm::ArrayRef(got.data(), got.size()),
                                 llvm::ArrayRef(wanted.data(), wanted.size())),
        // GoldensTest.cpp tells why int8 goldens differ by 1e-7.
        quant == "none" ? 1e-9 : 1e-6);
  }
}

TEST_F(ReferenceCommand, LeavesAnExistingFileAlone) {
  writeIds("[1]");
  ASSERT_TRUE(writeFile(path("there"), std::string_view("mine")));
  Status status = referenceCommand(
      {mlir::mm1::kGoldens + "base", path("ids.json"), path("there")});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            path("there") + ": exists already; give another --output");
  EXPECT_EQ(fs::file_size(path("there")), 4u);
}

TEST_F(ReferenceCommand, ReadsIds) {
  auto ids = readTokenIds(writeIds("[0, 255, 7]"), 256, 8);
  ASSERT_TRUE(ids);
  EXPECT_EQ(*ids, (std::vector<int32_t>{0, 255, 7}));
  ids = readTokenIds(writeIds("{\"ids\": [3]}"), 256, 8);
  ASSERT_TRUE(ids);
  EXPECT_EQ(*ids, (std::vector<int32_t>{3}));
}

TEST_F(ReferenceCommand, RefusesOtherIds) {
  EXPECT_EQ(readMessage("[]"), "the list of token ids is empty");
  EXPECT_EQ(readMessage("3"), "is 3; expected a list of token ids");
  EXPECT_EQ(readMessage("{}"), "has no 'ids'; expected a list of token ids");
  EXPECT_EQ(readMessage("[1, 256]"),
            "id 1 is 256; expected an integer in 0..255");
  EXPECT_EQ(readMessage("[-1]"), "id 0 is -1; expected an integer in 0..255");
  EXPECT_EQ(readMessage("[1.5]"), "id 0 is 1.5; expected an integer in 0..255");
  EXPECT_EQ(readMessage("[18446744073709551615]"),
            "id 0 is 18446744073709551615; expected an integer in 0..255");
  EXPECT_EQ(readMessage("[true]"),
            "id 0 is true; expected an integer in 0..255");
  EXPECT_EQ(readMessage("[1,2,3,4,5,6,7,8,9]"),
            "has 9 token ids; the model takes at most 8");
  EXPECT_NE(readMessage("[1,"), "");
}

TEST_F(ReferenceCommand, SayWhatIsWrongWithTheCheckpoint) {
  writeIds("[1]");
  Status status = referenceCommand(
      {path("nowhere"), path("ids.json"), path("logits.safetensors")});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::Input);
  EXPECT_FALSE(fs::exists(path("logits.safetensors")));
}

} // namespace
