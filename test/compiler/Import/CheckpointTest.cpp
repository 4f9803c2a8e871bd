//===- CheckpointTest.cpp - Folders that are right, and folders that lie --===//
#include "compiler/Import/Checkpoint.h"
#include "runtime/Support/Json.h"
#include "runtime/Support/WriteFile.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

using namespace mm1;
namespace fs = std::filesystem;

static const std::string kGoldens = MM1_TEST_DATA "/goldens/";

static Expected<Checkpoint> openFolder(const std::string &folder,
                                       bool metadata = false) {
  auto config = ModelConfig::load(folder + "/config.json");
  if (!config)
    return config.takeError();
  return metadata ? Checkpoint::openMetadata(folder, *config)
                  : Checkpoint::open(folder, *config);
}

//===----------------------------------------------------------------------===//
// What is right
//===----------------------------------------------------------------------===//

TEST(Checkpoint, everyGoldenOpens) {
  size_t numOpened = 0;
  for (const auto &entry : fs::directory_iterator(kGoldens)) {
    if (!fs::exists(entry.path() / "config.json"))
      continue;
    auto checkpoint = openFolder(entry.path().string());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    ++numOpened;
    EXPECT_TRUE(checkpoint->hasWeights());
    EXPECT_TRUE(checkpoint->notes().empty()) << checkpoint->notes()[0];
    for (const CheckpointTensor &tensor : checkpoint->tensors()) {
      EXPECT_EQ(tensor.bytes.size(),
                *tensorSizeBytes(tensor.type, tensor.shape));
      EXPECT_EQ(checkpoint->tensor(tensor.name), &tensor);
    }
    bool native = entry.path().filename() == "native-naming";
    EXPECT_EQ(checkpoint->ignored().size(), native ? 12u : 0u)
        << "four buffers in each of three layers";
  }
  EXPECT_EQ(numOpened, 21u);
}

TEST(Checkpoint, sharedWidthFollowsTheTensors) {
  auto narrow = openFolder(kGoldens + "c-shared-width");
  ASSERT_TRUE(narrow) << narrow.error().message;
  EXPECT_EQ(narrow->config().sharedWidths,
            (std::vector<int64_t>{24, 24, 24, 24}));
  auto wide = openFolder(kGoldens + "c-shared-expert");
  ASSERT_TRUE(wide) << wide.error().message;
  EXPECT_EQ(wide->config().sharedWidths,
            (std::vector<int64_t>{48, 48, 48, 48}));
}

TEST(Checkpoint, shardsHoldTheSameAsOneFile) {
  auto sharded = openFolder(kGoldens + "sharded");
  ASSERT_TRUE(sharded) << sharded.error().message;
  std::set<std::string_view> files;
  for (const CheckpointTensor &tensor : sharded->tensors())
    files.insert(tensor.file);
  EXPECT_EQ(files.size(), 3u);
}

TEST(TensorTable, thePublishedModel) {
  ModelConfig config =
      *ModelConfig::load(MM1_SOURCE_DIR "/examples/minimax-m1/config.json");
  auto start = std::chrono::steady_clock::now();
  TensorTable table(config, ExpertLayout::PerExpert);
  auto elapsed = std::chrono::steady_clock::now() - start;
  EXPECT_LT(elapsed, std::chrono::milliseconds(
                         500)); // a few in fact; a slow machine may stutter
  EXPECT_EQ(table.tensors().size(), 8243u);
  uint64_t bytes = 0, elements = 0;
  for (const ExpectedTensor &tensor : table.tensors()) {
    bytes += *tensorSizeBytes(tensor.type, tensor.shape);
    elements += *tensorSizeBytes(ElementType::I8, tensor.shape);
  }
  EXPECT_EQ(bytes, 912'210'767'872u) << "total_size of the published index";
  EXPECT_EQ(elements, 456'089'655'296u);
  const ExpectedTensor *qkv =
      table.find("model.layers.0.self_attn.qkv_proj.weight");
  ASSERT_TRUE(qkv);
  EXPECT_EQ(qkv->shape, (std::vector<int64_t>{24576, 6144}));
  const ExpectedTensor *expert =
      table.find("model.layers.79.block_sparse_moe.experts.31.w2.weight");
  ASSERT_TRUE(expert);
  EXPECT_EQ(expert->role, TensorRole::ExpertDown);
  EXPECT_EQ(expert->layer, 79);
  EXPECT_EQ(expert->expert, 31);
  EXPECT_EQ(table.find("model.layers.80.input_layernorm.weight"), nullptr);
}

//===----------------------------------------------------------------------===//
// What is wrong
//===----------------------------------------------------------------------===//

/// A copy of the base golden that a test may spoil: config.json, and tensors by
/// name that are written anew.
class CheckpointFolder : public testing::Test {
protected:
  struct Tensor {
    ElementType type;
    std::vector<int64_t> shape;
  };

  CheckpointFolder() {
    std::string pattern =
        (fs::temp_directory_path() / "mm1-checkpoint-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    fs::copy_file(kGoldens + "base/config.json", at("config.json"));
    config = *ModelConfig::load(at("config.json"));
    TensorTable table(config, ExpertLayout::PerExpert);
    for (const ExpectedTensor &tensor : table.tensors())
      tensors[tensor.name] = {tensor.type, tensor.shape};
  }
  ~CheckpointFolder() override { fs::remove_all(folder); }

  std::string at(const std::string &name) const {
    return (folder / name).string();
  }

  static void writeTensors(const std::string &path,
                           const std::map<std::string, Tensor> &tensors) {
    fs::remove(path);
    std::vector<TensorDecl> decls;
    for (int64_t width :
         {8, 4, 2, 1}) // wide types first, so that each is aligned
      for (const auto &[name, tensor] : tensors)
        if (static_cast<int64_t>(sizeBytes(tensor.type)) == width)
          decls.push_back({name, tensor.type, tensor.shape});
    auto writer = SafeTensorsWriter::create(path, decls,
                                            {.alignment = 1, .metadata = {}});
    ASSERT_TRUE(writer) << writer.error().message;
    ASSERT_TRUE(writer->finish());
  }
  void writeSingle() const { writeTensors(at("model.safetensors"), tensors); }

  /// Two shards: layers below 2, and the rest. `edit` may change the index
  /// before it is written.
  void
  writeShards(const std::function<void(nlohmann::json &)> &edit = {}) const {
    std::map<std::string, Tensor> shards[2];
    nlohmann::json index{{"metadata", {{"total_size", 256960}}}};
    for (const auto &[name, tensor] : tensors) {
      int shard = name.starts_with("model.layers.0.") ||
                          name.starts_with("model.layers.1.")
                      ? 0
                      : 1;
      shards[shard][name] = tensor;
      index["weight_map"][name] =
          "part-" + std::to_string(shard) + ".safetensors";
    }
    for (int shard = 0; shard < 2; ++shard)
      writeTensors(at("part-" + std::to_string(shard) + ".safetensors"),
                   shards[shard]);
    if (edit)
      edit(index);
    ASSERT_TRUE(writeFile(at("model.safetensors.index.json"), index.dump()));
  }
  std::string problem(bool metadata = false) const {
    auto checkpoint = openFolder(folder.string(), metadata);
    if (checkpoint)
      return "opened";
    EXPECT_EQ(checkpoint.error().message.find('\n'), std::string::npos);
    std::string message = checkpoint.error().message;
    for (size_t i; (i = message.find(folder.string() + "/")) != message.npos;)
      message.erase(i, folder.string().size() + 1);
    return message;
  }

  fs::path folder;
  ModelConfig config;
  std::map<std::string, Tensor> tensors;
};

TEST_F(CheckpointFolder, opensWhatTheTestWrites) {
  writeSingle();
  EXPECT_EQ(problem(), "opened");
  fs::remove(at("model.safetensors"));
  writeShards();
  EXPECT_EQ(problem(), "opened");
}

TEST_F(CheckpointFolder, opensStackedExperts) {
  for (int64_t layer = 0; layer < config.numLayers; ++layer) {
    std::string prefix = "model.layers." + std::to_string(layer) + ".";
    std::erase_if(tensors, [&](const auto &tensor) {
      return tensor.first.starts_with(prefix + "block_sparse_moe");
    });
    tensors[prefix + "mlp.gate.weight"] = {ElementType::BF16, {4, 32}};
    tensors[prefix + "mlp.experts.gate_up_proj"] = {ElementType::F32,
                                                    {4, 96, 32}};
    tensors[prefix + "mlp.experts.down_proj"] = {ElementType::BF16,
                                                 {4, 32, 48}};
  }
  writeSingle();
  auto checkpoint = openFolder(folder.string());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->expertLayout(), ExpertLayout::Stacked);
  EXPECT_EQ(checkpoint->tensor("model.layers.0.mlp.experts.gate_up_proj")->type,
            ElementType::F32);
}

TEST_F(CheckpointFolder, wrongShape) {
  tensors["model.layers.1.self_attn.qkv_proj.weight"].shape = {192, 31};
  writeSingle();
  EXPECT_EQ(
      problem(),
      "model.safetensors: tensor 'model.layers.1.self_attn.qkv_proj.weight' is "
      "[192, 31]; config.json "
      "implies [192, 32]");
}

TEST_F(CheckpointFolder, wrongType) {
  tensors["model.norm.weight"].type = ElementType::F16;
  writeSingle();
  EXPECT_EQ(problem(), "model.safetensors: tensor 'model.norm.weight' is F16; "
                       "expected BF16 or F32, convert the "
                       "checkpoint to bfloat16 first");
}

TEST_F(CheckpointFolder, missingTensors) {
  tensors.erase("lm_head.weight");
  writeSingle();
  EXPECT_EQ(problem(), "model.safetensors: has no tensor 'lm_head.weight', "
                       "which config.json implies");
  std::erase_if(tensors, [](const auto &tensor) {
    return tensor.first.find(".experts.3.") != std::string::npos;
  });
  writeSingle();
  EXPECT_EQ(problem(), "model.safetensors: has no tensor "
                       "'model.layers.0.block_sparse_moe.experts.3.w1.weight', "
                       "'model.layers.0.block_sparse_moe.experts.3.w3.weight', "
                       "'model.layers.0.block_sparse_moe.experts.3.w2.weight' "
                       "and 10 more, which config.json implies");
}

TEST_F(CheckpointFolder, extraTensors) {
  tensors["model.layers.0.self_attn.slope_rate"] = {ElementType::F32,
                                                    {4, 1, 1}};
  writeSingle();
  EXPECT_EQ(problem(), "opened") << "a buffer that transformers writes";
  tensors["model.layers.4.input_layernorm.weight"] = {ElementType::BF16, {32}};
  writeSingle();
  EXPECT_EQ(problem(),
            "model.safetensors: has tensor "
            "'model.layers.4.input_layernorm.weight', which config.json does "
            "not imply");
  tensors["model.layers.0.block_sparse_moe.experts.0.w1.weight_scale"] = {
      ElementType::F32, {48}};
  writeSingle();
  EXPECT_NE(
      problem().find("pre-quantised checkpoint, which is not supported yet"),
      std::string::npos);
}

TEST_F(CheckpointFolder, renamedTensorTellsBothNames) {
  tensors["model.final_norm.weight"] = tensors["model.norm.weight"];
  tensors.erase("model.norm.weight");
  writeSingle();
  EXPECT_EQ(problem(),
            "model.safetensors: has no tensor 'model.norm.weight', which "
            "config.json implies; has tensor "
            "'model.final_norm.weight', which config.json does not imply");
}

TEST_F(CheckpointFolder, noWeights) {
  EXPECT_TRUE(
      problem().ends_with(": has no weights; expected model.safetensors or "
                          "model.safetensors.index.json"))
      << problem();
  EXPECT_EQ(problem(/*metadata=*/true), "opened");
  auto metadata = openFolder(folder.string(), true);
  EXPECT_FALSE(metadata->hasWeights());
  EXPECT_EQ(metadata->tensor("model.norm.weight")->shape[0], 32);
  EXPECT_TRUE(metadata->tensor("model.norm.weight")->bytes.empty());
  EXPECT_EQ(metadata->sizeBytes(), 256960u);
}

TEST_F(CheckpointFolder, truncatedWeights) {
  writeSingle();
  fs::resize_file(at("model.safetensors"),
                  fs::file_size(at("model.safetensors")) - 1);
  EXPECT_NE(problem().find("is it cut short?"), std::string::npos) << problem();
}

TEST_F(CheckpointFolder, missingShard) {
  writeShards();
  fs::remove(at("part-1.safetensors"));
  EXPECT_EQ(problem(), "model.safetensors.index.json: names 2 files, of which "
                       "1 are not there: 'part-1.safetensors'");
  EXPECT_EQ(problem(/*metadata=*/true), problem());
  fs::remove(at("part-0.safetensors"));
  EXPECT_EQ(problem(), "model.safetensors.index.json: names 2 files, of which "
                       "2 are not there: 'part-0.safetensors', "
                       "'part-1.safetensors'");
  EXPECT_EQ(problem(/*metadata=*/true), "opened")
      << "an index alone is enough to compile for";
}

TEST_F(CheckpointFolder, indexThatLies) {
  writeShards([](auto &index) {
    index["weight_map"]["model.norm.weight"] = "part-0.safetensors";
  });
  EXPECT_EQ(problem(), "part-0.safetensors: has no tensor 'model.norm.weight'; "
                       "model.safetensors.index.json says it is "
                       "there, but it is in part-1.safetensors");
  writeShards(
      [](auto &index) { index["weight_map"]["extra"] = "part-0.safetensors"; });
  EXPECT_EQ(problem(), "part-0.safetensors: has no tensor 'extra'; "
                       "model.safetensors.index.json says it is there");
  writeShards(
      [](auto &index) { index["weight_map"].erase("model.norm.weight"); });
  EXPECT_EQ(problem(), "part-1.safetensors: tensor 'model.norm.weight' is not "
                       "named in model.safetensors.index.json");
  writeShards([](auto &index) { index["metadata"]["total_size"] = 5; });
  auto checkpoint = openFolder(folder.string());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  ASSERT_EQ(checkpoint->notes().size(), 1u);
  EXPECT_NE(checkpoint->notes()[0].find(
                "'metadata.total_size' is 5; the tensors have 256960 bytes"),
            std::string::npos);
}

TEST_F(CheckpointFolder, indexAloneIsCheckedToo) {
  writeShards(
      [](auto &index) { index["weight_map"].erase("model.norm.weight"); });
  fs::remove(at("part-0.safetensors"));
  fs::remove(at("part-1.safetensors"));
  EXPECT_EQ(problem(/*metadata=*/true),
            "model.safetensors.index.json: has no tensor 'model.norm.weight', "
            "which config.json implies");
}

TEST_F(CheckpointFolder, indexMayNotLeaveTheFolder) {
  for (const char *name :
       {"../part-0.safetensors", "/etc/passwd", "a/b", "..", ".", "", "a\\b"}) {
    writeShards(
        [&](auto &index) { index["weight_map"]["model.norm.weight"] = name; });
    EXPECT_NE(problem().find("'weight_map.model.norm.weight' is "),
              std::string::npos)
        << name;
    EXPECT_NE(
        problem().find("; expected the name of a file in the same folder"),
        std::string::npos)
        << name;
  }
}

TEST_F(CheckpointFolder, indexOfAnotherForm) {
  auto writeIndex = [&](std::string_view text) {
    ASSERT_TRUE(writeFile(at("model.safetensors.index.json"), text));
  };
  writeIndex("[]");
  EXPECT_EQ(problem(),
            "model.safetensors.index.json: is []; expected an object");
  writeIndex("{}");
  EXPECT_EQ(problem(), "model.safetensors.index.json: 'weight_map' is missing; "
                       "expected an object");
  writeIndex("{\"weight_map\": {}}");
  EXPECT_EQ(problem(), "model.safetensors.index.json: 'weight_map' is empty; "
                       "expected the names of the tensors");
  writeIndex("{\"weight_map\": {\"a\": 1}}");
  EXPECT_EQ(problem(), "model.safetensors.index.json: 'weight_map.a' is 1; "
                       "expected the name of a file");
  writeIndex("{\"weight_map\": {\"a\": \"x\", \"a\": \"y\"}}");
  EXPECT_NE(problem().find("key \"a\" appears twice"), std::string::npos);
}

TEST_F(CheckpointFolder, tensorInTwoShards) {
  writeShards();
  std::map<std::string, Tensor> first{
      {"model.norm.weight", tensors["model.norm.weight"]}};
  for (const auto &[name, tensor] : tensors)
    if (name.starts_with("model.layers.0.") ||
        name.starts_with("model.layers.1."))
      first[name] = tensor;
  writeTensors(at("part-0.safetensors"), first);
  EXPECT_EQ(problem(), "part-1.safetensors: tensor 'model.norm.weight' is also "
                       "in part-0.safetensors");
}

TEST_F(CheckpointFolder, aSingleFileWinsOverAnIndex) {
  writeShards();
  writeSingle();
  auto checkpoint = openFolder(folder.string());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensor("model.norm.weight")->file, "model.safetensors");
  EXPECT_EQ(checkpoint->notes().size(), 1u);
}

TEST_F(CheckpointFolder, headBesideATiedEmbedding) {
  config.tieWordEmbeddings = true;
  writeSingle();
  auto checkpoint = Checkpoint::open(folder.string(), config);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensor("lm_head.weight"), nullptr);
  ASSERT_EQ(checkpoint->ignored().size(), 1u);
  EXPECT_EQ(checkpoint->ignored()[0], "lm_head.weight");
}

TEST(Checkpoint, foldersThatAreNotThere) {
  auto config = ModelConfig::load(kGoldens + "base/config.json");
  auto checkpoint = Checkpoint::open("/no/such/folder", *config);
  ASSERT_FALSE(checkpoint);
  EXPECT_EQ(checkpoint.error().message,
            "/no/such/folder: no such folder; expected one with "
            "model.safetensors or model.safetensors.index.json");
  EXPECT_EQ(ModelConfig::load("/no/such/folder/config.json").error().message,
            "/no/such/folder/config.json: cannot open: no such file or folder");
}

TEST_F(CheckpointFolder, foldersWeMayNotRead) {
  if (::geteuid() == 0)
    GTEST_SKIP() << "root may read everything";
  writeSingle();
  ::chmod(folder.c_str(), 0);
  auto checkpoint = Checkpoint::open(folder.string(), config);
  ::chmod(folder.c_str(), 0700);
  ASSERT_FALSE(checkpoint);
  EXPECT_EQ(checkpoint.error().kind, ErrorKind::Machine);
}
