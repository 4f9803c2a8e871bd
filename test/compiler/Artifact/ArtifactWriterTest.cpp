//===- ArtifactWriterTest.cpp - Whole or absent ---------------------------===//
#include "PackedModel.h"
#include "compiler/Artifact/OutputFolder.h"
#include "runtime/Artifact/Artifact.h"

#include <sys/resource.h>
#include <sys/stat.h>

using namespace mm1;

namespace {

class ArtifactWriterTest : public ::testing::Test {
protected:
  ArtifactWriterTest() : model(golden("base")) {
    options.output = folder / "m.mm1";
    options.checkpointFolder = model.folder;
    options.files = {{"kernels/cpu-x86-64-v3.so", "not really a library"},
                     {"golden/prompts.safetensors", "nor logits"}};
    options.levels = {"x86-64-v3"};
    options.command = "mm1c compile base -o m.mm1";
    options.selfTestTolerance = 0.05;
  }

  Status write() {
    return writeArtifact(*model.module, model.built(), *model.checkpoint,
                         options);
  }
  void writeWell() {
    Status status = write();
    ASSERT_TRUE(status) << status.error().message;
  }

  PackedModel model;
  TemporaryFolder folder;
  ArtifactOptions options;
};

using Names = std::vector<std::string>;

TEST_F(ArtifactWriterTest, TheRuntimeOpensIt) {
  writeWell();
  EXPECT_EQ(folder.list(), Names{"m.mm1"});
  Names inside;
  for (const auto &entry :
       std::filesystem::recursive_directory_iterator(options.output))
    if (entry.is_regular_file())
      inside.push_back(std::filesystem::relative(entry, options.output));
  std::sort(inside.begin(), inside.end());
  EXPECT_EQ(inside,
            (Names{"golden/prompts.safetensors", "kernels/cpu-x86-64-v3.so",
                   "manifest.json", "plan.bin", "weights/rank-0.safetensors"}));
  auto artifact = Artifact::open(options.output);
  ASSERT_TRUE(artifact) << artifact.error().message;
  Status whole = artifact->verifyWeights([](uint64_t, uint64_t) {});
  EXPECT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(artifact->manifest().selfTestTolerance, 0.05);
  EXPECT_EQ(artifact->plan().weights.size(),
            static_cast<size_t>(std::distance(
                model.module->getOps<mlir::mm1::WeightOp>().begin(),
                model.module->getOps<mlir::mm1::WeightOp>().end())));
}

TEST_F(ArtifactWriterTest, EqualInputGivesEqualBytes) {
  writeWell();
  std::string weights =
                  readText(options.output + "/weights/rank-0.safetensors"),
              plan = readText(options.output + "/plan.bin"),
              manifest = readText(options.output + "/manifest.json");
  options.output = folder / "again.mm1";
  options.pack.threads = 3;
  writeWell();
  EXPECT_EQ(readText(options.output + "/weights/rank-0.safetensors"), weights);
  EXPECT_EQ(readText(options.output + "/plan.bin"), plan);
  EXPECT_EQ(readText(options.output + "/manifest.json"), manifest);
}

TEST_F(ArtifactWriterTest, CopiesTheTokenizer) {
  TemporaryFolder source;
  for (const char *name : {"config.json", "model.safetensors"})
    std::filesystem::copy_file(model.folder + "/" + name, source / name);
  std::ofstream(source / "vocab.json") << "{}";
  std::ofstream(source / "merges.txt") << "#version: 0.2\n";
  std::ofstream(source / "secret.txt") << "not a tokenizer's file";
  options.checkpointFolder = source.path;
  writeWell();
  EXPECT_EQ(readText(options.output + "/tokenizer/merges.txt"),
            "#version: 0.2\n");
  EXPECT_EQ(readText(options.output + "/tokenizer/vocab.json"), "{}");
  EXPECT_FALSE(
      std::filesystem::exists(options.output + "/tokenizer/secret.txt"));
  EXPECT_TRUE(Artifact::open(options.output));
}

TEST_F(ArtifactWriterTest, RefusesAnOutputThatExists) {
  writeWell();
  std::string before = readText(options.output + "/manifest.json");
  Status status = write();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::Input);
  EXPECT_NE(status.error().message.find("exists already"), std::string::npos);
  EXPECT_EQ(readText(options.output + "/manifest.json"), before);
  EXPECT_EQ(folder.list(), Names{"m.mm1"});
}

TEST_F(ArtifactWriterTest, ReplacesAnArtifactWhenTold) {
  writeWell();
  options.replace = true;
  options.command = "another";
  writeWell();
  auto artifact = Artifact::open(options.output);
  ASSERT_TRUE(artifact) << artifact.error().message;
  EXPECT_EQ(artifact->manifest().fields["command"], "another");
  EXPECT_EQ(folder.list(), Names{"m.mm1"});
}

TEST_F(ArtifactWriterTest, ReplacesNothingElse) {
  std::filesystem::create_directory(options.output);
  std::ofstream(options.output + "/thesis.tex") << "years of work";
  options.replace = true;
  Status status = write();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::Input);
  EXPECT_NE(status.error().message.find("is not an artifact"),
            std::string::npos);
  EXPECT_EQ(readText(options.output + "/thesis.tex"), "years of work");
  EXPECT_EQ(folder.list(), Names{"m.mm1"});
}

TEST_F(ArtifactWriterTest, RefusesAMissingParent) {
  options.output = folder / "no/such/m.mm1";
  Status status = write();
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("no/such"), std::string::npos);
  EXPECT_TRUE(folder.list().empty());
}

TEST_F(ArtifactWriterTest, RefusesAFolderItMayNotWrite) {
  if (::geteuid() == 0)
    GTEST_SKIP() << "root may write everywhere";
  std::filesystem::permissions(folder.path,
                               std::filesystem::perms::owner_read |
                                   std::filesystem::perms::owner_exec);
  Status status = write();
  std::filesystem::permissions(folder.path, std::filesystem::perms::owner_all);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::Machine);
}

/// Runs the writer where no file may exceed `bytes`; true when it failed as the
/// machine's fault and left nothing.
bool failsWhole(const std::function<Status()> &write, uint64_t bytes,
                const TemporaryFolder &folder) {
  return succeedsInChild([&] {
    ::signal(SIGXFSZ, SIG_IGN); // writing then fails with EFBIG
    rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Status status = write();
    bool right = !status && status.error().kind == ErrorKind::Machine &&
                 folder.list().empty();
    if (!right)
      std::cerr << "limit " << bytes << ": "
                << (status ? "no error" : status.error().message) << ", "
                << folder.list().size() << " left\n";
    return right;
  });
}

TEST_F(ArtifactWriterTest, LeavesNothingOnAFullDisk) {
  uint64_t weights = packedFileBytes(*model.module);
  // No journal; a journal but no weights; weights cannot be reserved.
  for (uint64_t bytes : {uint64_t(0), uint64_t(100), weights / 2})
    EXPECT_TRUE(failsWhole([&] { return write(); }, bytes, folder)) << bytes;
  // The weights fit, a kernel behind them does not.
  options.files.front().bytes.resize(weights + 100000);
  EXPECT_TRUE(failsWhole([&] { return write(); }, weights + 50000, folder));
}

TEST_F(ArtifactWriterTest, LeavesNothingWhenAWeightCannotBeMade) {
  auto weight = *model.module->getOps<mlir::mm1::WeightOp>().begin();
  auto type =
      mlir::RankedTensorType::get({3}, mlir::Float32Type::get(&model.context));
  auto recipe = mlir::mm1::RecipeAttr::get(
      &model.context,
      mlir::ArrayAttr::get(
          &model.context,
          {mlir::mm1::SourceAttr::get(&model.context, "nowhere", type)}),
      mlir::ArrayAttr::get(&model.context, {}));
  weight.setRecipeAttr(recipe);
  Status status = write();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::Input);
  EXPECT_NE(status.error().message.find("nowhere"), std::string::npos);
  EXPECT_TRUE(folder.list().empty());
}

TEST_F(ArtifactWriterTest, GoesOnAfterKill9) {
  writeWell();
  std::string weights =
      readText(options.output + "/weights/rank-0.safetensors");
  std::filesystem::remove_all(options.output);
  std::string partial = options.output + ".partial-" +
                        modelFingerprint(*model.module, *model.checkpoint);
  ArtifactOptions stuck = options;
  stuck.pack = stuckOptions();
  auto half = [&] {
    std::string text = readText(partial + "/packing.journal");
    return std::count(text.begin(), text.end(), '\n') > 10;
  };
  ASSERT_TRUE(killedInChild(
      [&] {
        (void)writeArtifact(*model.module, model.built(), *model.checkpoint,
                            stuck);
      },
      half));
  EXPECT_EQ(folder.list(), Names{partial.substr(folder.path.size() + 1)});
  EXPECT_FALSE(Artifact::open(partial));

  // The file itself goes on: a new one would have another number.
  auto fileNumber = [](const std::string &folder) {
    struct stat info{};
    ::stat((folder + "/weights/rank-0.safetensors").c_str(), &info);
    return info.st_ino;
  };
  auto halfWritten = fileNumber(partial);
  writeWell();
  EXPECT_EQ(folder.list(), Names{"m.mm1"});
  EXPECT_EQ(fileNumber(options.output), halfWritten);
  EXPECT_EQ(readText(options.output + "/weights/rank-0.safetensors"), weights);
  EXPECT_TRUE(Artifact::open(options.output));
}

TEST_F(ArtifactWriterTest, DoesNotTouchTheFolderOfAnother) {
  std::string partial = options.output + ".partial-" +
                        modelFingerprint(*model.module, *model.checkpoint);
  std::filesystem::create_directory(partial);
  auto other = PackJournal::open(partial + "/packing.journal", "key");
  ASSERT_TRUE(other);
  std::ofstream(partial + "/weights") << "being written";
  Status status = write();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::Machine);
  EXPECT_NE(status.error().message.find("another mm1c"), std::string::npos);
  EXPECT_EQ(readText(partial + "/weights"), "being written");
}

TEST_F(ArtifactWriterTest, FingerprintFollowsTheRecipes) {
  std::string plain = modelFingerprint(*model.module, *model.checkpoint);
  PackedModel quantised(golden("base"), "int8-experts");
  EXPECT_NE(modelFingerprint(*quantised.module, *quantised.checkpoint), plain);
  PackedModel same(golden("base"));
  EXPECT_EQ(modelFingerprint(*same.module, *same.checkpoint), plain);
}

TEST(OutputFolder, AsksForRoomFirst) {
  TemporaryFolder folder;
  auto output = OutputFolder::create(folder / "m", "0", false);
  ASSERT_TRUE(output);
  EXPECT_TRUE(output->checkSpace(1, "weights"));
  Status status = output->checkSpace(uint64_t(1) << 60, "weights");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::Machine);
  EXPECT_NE(status.error().message.find("needs 1152921.50 TB on the disk"),
            std::string::npos)
      << status.error().message;
}

} // namespace
