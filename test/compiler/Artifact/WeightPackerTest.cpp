//===- WeightPackerTest.cpp - Packed weights against their recipes --------===//
// The checkpoint is test/data/goldens/base; recipes are written by hand over
// its tensors, and their results are made here again, element by element.
//===----------------------------------------------------------------------===//
#include "PackedModel.h"
#include "compiler/Artifact/GroupPacker.h"
#include "compiler/Import/RecipeMath.h"
#include "runtime/Artifact/Manifest.h"

#include <cmath>
#include <limits>
#include <thread>

using namespace mm1;

namespace {

/// Packs a module given as text from one checkpoint.
class WeightPackerTest : public ::testing::Test {
protected:
  WeightPackerTest() {
    context.loadDialect<mlir::mm1::MM1Dialect>();
    useCheckpoint(golden("base"));
  }

  void useCheckpoint(const std::string &folder) {
    auto config = ModelConfig::load(folder + "/config.json");
    ASSERT_TRUE(config);
    auto opened = Checkpoint::open(folder, *config);
    ASSERT_TRUE(opened) << opened.error().message;
    checkpoint.emplace(std::move(*opened));
  }

  Expected<PackedWeights> pack(const std::string &text,
                               const PackOptions &options = {}) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    auto journal = PackJournal::open(folder / "journal", "key");
    EXPECT_TRUE(journal);
    return packWeights(*module, *checkpoint, folder / "weights.safetensors",
                       std::move(*journal), options);
  }

  /// The packed tensor after a run that must succeed.
  SafeTensorsFile packed(const std::string &text,
                         const PackOptions &options = {}) {
    auto result = pack(text, options);
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    hashes = result->hashes;
    auto file = SafeTensorsFile::open(folder / "weights.safetensors");
    EXPECT_TRUE(file);
    return std::move(*file);
  }

  /// A source's elements, widened.
  std::vector<float> floats(const std::string &name) {
    const CheckpointTensor *tensor = checkpoint->tensor(name);
    EXPECT_TRUE(tensor) << name;
    std::vector<float> values(tensor->bytes.size() / sizeBytes(tensor->type));
    toFloat(tensor->type, tensor->bytes, values);
    return values;
  }

  mlir::MLIRContext context;
  TemporaryFolder folder;
  std::optional<Checkpoint> checkpoint;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::map<std::string, std::string> hashes;
};

using Bytes = std::vector<std::byte>;

/// `count` experts' first matrices of layer 0.
std::string expertSources(int count) {
  std::string text;
  for (int expert = 0; expert < count; ++expert)
    text += std::string(expert ? ", " : "") +
            "#mm1.source<\"model.layers.0.block_sparse_moe.experts." +
            std::to_string(expert) + ".w1.weight\" : tensor<48x32xbf16>>";
  return text;
}

std::string expertName(int expert) {
  return "model.layers.0.block_sparse_moe.experts." + std::to_string(expert) +
         ".w1.weight";
}

const std::string kQkv = "model.layers.0.self_attn.qkv_proj.weight",
                  kNorm = "model.layers.0.input_layernorm.weight",
                  kRouter = "model.layers.0.block_sparse_moe.gate.weight";

std::string source(const std::string &name, const std::string &type) {
  return "#mm1.source<\"" + name + "\" : " + type + ">";
}

//===------------------------------- Layouts ------------------------------===//

TEST_F(WeightPackerTest, TilesBf16AcrossExpertsAndPanels) {
  // [2, 48, 32]: two panels a matrix, the second one half empty.
  auto file = packed(
      "mm1.weight @w : tensor<2x48x32xbf16, #mm1.tiled<panel = 32, depth = 2>> "
      "= #mm1.recipe<sources = [" +
      expertSources(2) +
      "], steps = [#mm1.stack, #mm1.tile<panel = 32, depth = 2>]>");
  const SafeTensor *tensor = file.find("w");
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->type, ElementType::BF16);
  EXPECT_EQ(tensor->shape, (std::vector<int64_t>{2, 2, 16, 32, 2}));
  EXPECT_EQ(tensor->offset % 64, 0u);
  auto found = tensor->elements<uint16_t>();
  for (int64_t e = 0; e < 2; ++e) {
    auto wanted = floats(expertName(e));
    for (int64_t n = 0; n < 64; ++n)
      for (int64_t k = 0; k < 32; ++k) {
        size_t at = (((e * 2 + n / 32) * 16 + k / 2) * 32 + n % 32) * 2 + k % 2;
        float value = n < 48 ? wanted[n * 32 + k] : 0;
        ASSERT_EQ(bf16ToFloat(found[at]), value) << e << " " << n << " " << k;
      }
  }
  EXPECT_EQ(hashes["w"], hashHex(tensor->bytes));
}

TEST_F(WeightPackerTest, SlicesRowsAndOddColumns) {
  // Rows 5..36 and columns 1..31 of qkv [192, 32]: K = 31 is padded to 32.
  auto file = packed(
      "mm1.weight @w : tensor<32x31xbf16, #mm1.tiled<panel = 32, depth = 2>> "
      "= #mm1.recipe<sources = [" +
      source(kQkv, "tensor<192x32xbf16>") +
      "], steps = [#mm1.slice<axis = 0, offset = 5, size = 32>, "
      "#mm1.slice<axis = 1, offset = 1, size = 31>, "
      "#mm1.tile<panel = 32, depth = 2>]>");
  auto found = file.find("w")->elements<uint16_t>();
  ASSERT_EQ(found.size(), 32u * 32u);
  auto wanted = floats(kQkv);
  for (int64_t n = 0; n < 32; ++n)
    for (int64_t k = 0; k < 32; ++k)
      ASSERT_EQ(bf16ToFloat(found[(k / 2 * 32 + n) * 2 + k % 2]),
                k < 31 ? wanted[(n + 5) * 32 + k + 1] : 0);
}

TEST_F(WeightPackerTest, JoinsColumns) {
  // qkv beside itself: a row is two stretches of the file.
  std::string qkv = source(kQkv, "tensor<192x32xbf16>");
  auto file = packed("mm1.weight @w : tensor<192x64xbf16> = "
                     "#mm1.recipe<sources = [" +
                     qkv + ", " + qkv + "], steps = [#mm1.concat<axis = 1>]>");
  auto found = file.find("w")->elements<uint16_t>();
  auto wanted = floats(kQkv);
  for (int64_t n = 0; n < 192; ++n)
    for (int64_t k = 0; k < 64; ++k)
      ASSERT_EQ(bf16ToFloat(found[n * 64 + k]), wanted[n * 32 + k % 32]);
}

TEST_F(WeightPackerTest, PadsRows) {
  auto file =
      packed("mm1.weight @w : tensor<192x32xbf16, #mm1.padded<multiple = 48>> "
             "= #mm1.recipe<sources = [" +
             source(kQkv, "tensor<192x32xbf16>") +
             "], steps = [#mm1.pad<multiple = 48>]>\n"
             "mm1.weight @n : tensor<32xbf16, #mm1.padded<multiple = 40>> "
             "= #mm1.recipe<sources = [" +
             source(kNorm, "tensor<32xbf16>") +
             "], steps = [#mm1.pad<multiple = 40>]>");
  auto found = file.find("w")->elements<uint16_t>();
  ASSERT_EQ(found.size(), 192u * 48u);
  auto wanted = floats(kQkv);
  for (int64_t n = 0; n < 192; ++n)
    for (int64_t k = 0; k < 48; ++k)
      ASSERT_EQ(bf16ToFloat(found[n * 48 + k]),
                k < 32 ? wanted[n * 32 + k] : 0);
  EXPECT_EQ(file.find("n")->shape, (std::vector<int64_t>{40}));
  EXPECT_EQ(file.find("n")->elements<uint16_t>()[39], 0);
}

//===------------------------------- Numbers ------------------------------===//

TEST_F(WeightPackerTest, CastsBothWays) {
  auto file = packed(
      "mm1.weight @wide : tensor<192x32xf32> = #mm1.recipe<sources = [" +
      source(kQkv, "tensor<192x32xbf16>") +
      "], steps = [#mm1.cast<f32>]>\n"
      "mm1.weight @narrow : tensor<4x32xbf16> = #mm1.recipe<sources = [" +
      source(kRouter, "tensor<4x32xf32>") + "], steps = [#mm1.cast<bf16>]>");
  auto wide = file.find("wide")->elements<float>();
  EXPECT_EQ(std::vector<float>(wide.begin(), wide.end()), floats(kQkv));
  auto router = floats(kRouter);
  for (size_t i = 0; i < router.size(); ++i)
    ASSERT_EQ(file.find("narrow")->elements<uint16_t>()[i],
              floatToBf16(router[i]));
}

/// How the integers of quantised() lie.
struct Layout {
  const char *name, *step, *encoding;
  uint64_t bytes;         ///< of the integers
  uint64_t smallestBytes; ///< of memory that packing them takes
};
constexpr Layout kPanels{"Panels", "#mm1.tile<panel = 32, depth = 2>",
                         "#mm1.tiled<panel = 32, depth = 2>", 4 * 64 * 32,
                         32000},
    kFragments{"Fragments", "#mm1.swizzle<rows = 64, order = fragment>",
               "#mm1.swizzled<rows = 64, order = fragment>", 4 * 64 * 128,
               76000};

/// Integers of four experts, slopes, and the scales of the integers.
std::string quantised(const Layout &layout = kPanels) {
  std::string sources = expertSources(4);
  return "mm1.weight @w : tensor<4x48x32xi8, " + std::string(layout.encoding) +
         "> = #mm1.recipe<sources = [" + sources +
         "], steps = [#mm1.stack, #mm1.quantize<int8_rows>, " + layout.step +
         "]>\n"
         "mm1.weight @between : tensor<1xf32> = #mm1.recipe<sources = [], "
         "steps = [#mm1.lightning_slopes<heads = 1, layer = 0, layers = 4, "
         "rule = interleaved, factor = published>]>\n"
         "mm1.weight @w.scale : tensor<4x48xf32, #mm1.padded<multiple = 32>> = "
         "#mm1.recipe<sources = [" +
         sources +
         "], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, "
         "#mm1.pad<multiple = 32>]>";
}

TEST_F(WeightPackerTest, QuantisesAsRecipeMathSays) {
  auto file = packed(quantised());
  auto integers = file.find("w")->elements<int8_t>();
  auto scales = file.find("w.scale")->elements<float>();
  ASSERT_EQ(integers.size(), 4u * 64 * 32);
  ASSERT_EQ(scales.size(), 4u * 64);
  for (int64_t e = 0; e < 4; ++e) {
    auto values = floats(expertName(e));
    for (int64_t n = 0; n < 64; ++n) {
      std::vector<int8_t> wanted(32, 0);
      float scale = 0;
      if (n < 48) {
        std::span<const float> row(&values[n * 32], 32);
        scale = int8RowScale(row);
        quantizeInt8Row(row, scale, wanted);
      }
      ASSERT_EQ(scales[e * 64 + n], scale);
      for (int64_t k = 0; k < 32; ++k)
        ASSERT_EQ(integers[(((e * 2 + n / 32) * 16 + k / 2) * 32 + n % 32) * 2 +
                           k % 2],
                  wanted[k]);
    }
  }
  EXPECT_EQ(hashes["w"], hashHex(file.find("w")->bytes));
  EXPECT_EQ(hashes["w.scale"], hashHex(file.find("w.scale")->bytes));
}

TEST_F(WeightPackerTest, MakesSlopesAndFrequencies) {
  auto file = packed(
      "mm1.weight @s : tensor<4xf32, #mm1.padded<multiple = 32>> = "
      "#mm1.recipe<sources = [], steps = [#mm1.lightning_slopes<heads = 4, "
      "layer = 2, layers = 4, rule = interleaved, factor = published>, "
      "#mm1.pad<multiple = 32>]>\n"
      "mm1.weight @f : tensor<4xf32> = #mm1.recipe<sources = [], steps = "
      "[#mm1.rope_frequencies<theta = 1.0e7 : f64, width = 8>]>");
  auto slopes = lightningSlopes(4, 2, 4, SlopeRule::Interleaved, false);
  auto found = file.find("s")->elements<float>();
  ASSERT_EQ(found.size(), 32u);
  for (size_t i = 0; i < 32; ++i)
    EXPECT_EQ(found[i], i < 4 ? static_cast<float>(slopes[i]) : 0.0f);
  // 32 floats; no layout here asks for more than 64 bytes.
  EXPECT_EQ(file.find("f")->offset, file.find("s")->offset + 128);
  auto frequencies = file.find("f")->elements<float>();
  EXPECT_EQ(std::vector<float>(frequencies.begin(), frequencies.end()),
            ropeFrequencies(8, 1e7));
}

//===------------------------ Threads and memory --------------------------===//

/// How packing goes on, stops and resumes, in both kinds of tiles.
class PackingRun : public WeightPackerTest,
                   public ::testing::WithParamInterface<Layout> {};

INSTANTIATE_TEST_SUITE_P(Layouts, PackingRun,
                         ::testing::Values(kPanels, kFragments),
                         [](auto &info) { return info.param.name; });

TEST_P(PackingRun, SameBytesFromAnyThreadsAndMemory) {
  Bytes first;
  uint64_t smallest = 0;
  for (uint64_t memory : {uint64_t(2) << 30, 5 * GetParam().smallestBytes / 2,
                          GetParam().smallestBytes})
    for (unsigned threads : {1u, 2u, 5u}) {
      std::filesystem::remove(folder / "journal");
      PackOptions options;
      options.memoryBytes = memory;
      options.threads = threads;
      auto file = packed(quantised(GetParam()), options);
      Bytes bytes(file.find("w")->bytes.begin(), file.find("w")->bytes.end());
      if (first.empty())
        first = bytes;
      EXPECT_EQ(bytes, first) << memory << " bytes, " << threads << " threads";
      ++smallest;
    }
  EXPECT_EQ(smallest, 9u);
}

TEST_F(WeightPackerTest, RefusesTooLittleMemory) {
  PackOptions options;
  options.memoryBytes = 1000;
  auto result = pack(quantised(), options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::Usage);
  EXPECT_NE(result.error().message.find("--memory"), std::string::npos)
      << result.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder / "weights.safetensors"));
}

TEST_F(WeightPackerTest, TellsProgressUpToTheEnd) {
  PackOptions options;
  uint64_t calls = 0, last = 0, total = 0;
  options.progress = [&](const PackProgress &progress) {
    ++calls;
    EXPECT_GE(progress.doneBytes, last);
    last = progress.doneBytes;
    total = progress.totalBytes;
  };
  packed(quantised(), options);
  EXPECT_GE(calls, 2u);
  EXPECT_EQ(last, total);
  EXPECT_EQ(total, 4u * 64 * 32 + 4 + 4 * 64 * 4);
}

#if !defined(__SANITIZE_ADDRESS__) &&                                          \
    !(defined(__has_feature) && __has_feature(address_sanitizer))
uint64_t statusBytes(const std::string &key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key + ":"))
      return std::stoull(line.substr(key.size() + 1)) * 1024;
  return 0;
}

TEST_P(PackingRun, MemoryStaysBelowItsBound) {
  // 192 MB of zeros in one expert tensor after the other, 16 MiB to pack them.
  TemporaryFolder big;
  writeWideCheckpoint(big.path, 1024, 1900, [](const TensorDecl &) {
    return std::vector<std::byte>();
  });
  useCheckpoint(big.path);
  ASSERT_GT(checkpoint->sizeBytes(), uint64_t(180) << 20);

  std::string text;
  for (int layer = 0; layer < 4; ++layer)
    for (const char *kind : {"w1", "w3"}) {
      std::string name = std::to_string(layer) + "." + kind, sources;
      for (int expert = 0; expert < 4; ++expert)
        sources += std::string(expert ? ", " : "") +
                   source("model.layers." + std::to_string(layer) +
                              ".block_sparse_moe.experts." +
                              std::to_string(expert) + "." + kind + ".weight",
                          "tensor<1900x1024xbf16>");
      text += "mm1.weight @layers." + name + " : tensor<4x1900x1024xi8, " +
              GetParam().encoding + "> = #mm1.recipe<sources = [" + sources +
              "], steps = [#mm1.stack, #mm1.quantize<int8_rows>, " +
              GetParam().step + "]>\n";
    }
  PackOptions options16;
  options16.memoryBytes = uint64_t(16) << 20;
  options16.threads = 2;
  auto parsed = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(succeedsInChild([&] {
    auto journal = PackJournal::open(folder / "journal", "key");
    uint64_t before = statusBytes("VmRSS");
    auto result = packWeights(*parsed, *checkpoint, folder / "w.safetensors",
                              std::move(*journal), options16);
    uint64_t grown = statusBytes("VmHWM") - before;
    // The bound, and 4 MiB for stacks, the allocator and code read at first use.
    bool fits = result && grown < options16.memoryBytes + (uint64_t(4) << 20);
    if (!fits)
      std::cerr << (result ? "" : result.error().message) << " grew by "
                << grown << "\n";
    return fits;
  }));
}
#endif

//===------------------------------ Going on ------------------------------===//

TEST_P(PackingRun, GoesOnAfterKill9) {
  packed(quantised(GetParam()));
  std::string whole = readText(folder / "weights.safetensors");
  std::filesystem::remove(folder / "journal");
  auto numEntries = [&] {
    std::string text = readText(folder / "journal");
    return std::count(text.begin(), text.end(), '\n') - 1;
  };
  // Two groups: w with its scale, and the slopes. One thread is stuck in one of
  // them; the other thread finishes the other.
  ASSERT_TRUE(
      killedInChild([&] { (void)pack(quantised(GetParam()), stuckOptions()); },
                    [&] { return numEntries() >= 1; }));
  auto finished = numEntries();
  ASSERT_TRUE(finished == 1 || finished == 2) << finished;

  auto result = pack(quantised(GetParam()));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->resumedBytes,
            finished == 1 ? 4u : GetParam().bytes + 4 * 64 * 4);
  EXPECT_EQ(readText(folder / "weights.safetensors"), whole);
  EXPECT_EQ(result->hashes, hashes);
}

TEST_P(PackingRun, ChecksWhatAnEarlierRunFinished) {
  packed(quantised(GetParam()));
  std::string whole = readText(folder / "weights.safetensors");
  {
    // One byte of @w changes behind our back.
    std::fstream file(folder / "weights.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    auto written = SafeTensorsFile::open(folder / "weights.safetensors");
    ASSERT_TRUE(written);
    file.seekp(written->find("w")->offset + 77);
    file.put(char(0x55));
  }
  ASSERT_NE(readText(folder / "weights.safetensors"), whole);
  auto result = pack(quantised(GetParam()));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->resumedBytes, 4u); // the slopes only
  EXPECT_EQ(readText(folder / "weights.safetensors"), whole);
}

TEST_F(WeightPackerTest, StartsAgainWhenTheFileIsAnother) {
  packed(quantised());
  std::string whole = readText(folder / "weights.safetensors");
  std::ofstream(folder / "weights.safetensors") << "something else";
  auto result = pack(quantised());
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->resumedBytes, 0u);
  EXPECT_EQ(readText(folder / "weights.safetensors"), whole);
}

//===------------------------------- Bad input ----------------------------===//

TEST_F(WeightPackerTest, RefusesAMissingSource) {
  auto result =
      pack("mm1.weight @w : tensor<3xbf16> = #mm1.recipe<sources = [" +
           source("nowhere", "tensor<3xbf16>") + "], steps = []>");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::Input);
  EXPECT_EQ(result.error().message,
            "weight 'w': its source 'nowhere' is not in the checkpoint");
}

TEST_F(WeightPackerTest, RefusesAnotherShape) {
  auto result = pack("mm1.weight @w : tensor<33xbf16> = #mm1.recipe<sources = "
                     "[" +
                     source(kNorm, "tensor<33xbf16>") + "], steps = []>");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "weight 'w': its source 'model.layers.0.input_layernorm.weight' is "
            "BF16 [32] in the checkpoint; the recipe wants tensor<33xbf16>");
}

// Scales are made when all rows were seen, and written row by row.
TEST_F(WeightPackerTest, RefusesScalesInTiles) {
  for (const char *tile :
       {"<rows = 64, order = natural>", "<panel = 32, depth = 1>"}) {
    bool isPanel = std::string(tile).find("panel") != std::string::npos;
    auto result =
        pack(std::string("mm1.weight @w.scale : tensor<4x48xf32, #mm1.") +
             (isPanel ? "tiled" : "swizzled") + tile +
             "> = #mm1.recipe<sources = [" + expertSources(4) +
             "], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1." +
             (isPanel ? "tile" : "swizzle") + tile + "]>");
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find("weight 'w.scale': the packer has no "
                                          "step #mm1."),
              std::string::npos)
        << result.error().message;
  }
}

TEST_F(WeightPackerTest, RefusesToQuantiseWhatIsNotFinite) {
  TemporaryFolder broken;
  for (const char *name : {"config.json", "model.safetensors"})
    std::filesystem::copy_file(golden("base") + "/" + name, broken / name);
  const CheckpointTensor *tensor = checkpoint->tensor(expertName(2));
  {
    std::fstream file(broken / "model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(tensor->offset + (5 * 32 + 7) * 2); // row 5 of expert 2
    file.write("\x80\x7f", 2);                     // infinity
  }
  useCheckpoint(broken.path);
  auto result = pack(quantised());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::Input);
  // Row 5 of expert 2 is row 2 * 48 + 5.
  EXPECT_NE(result.error().message.find("weight 'w': row 101 cannot be"),
            std::string::npos)
      << result.error().message;
}

// No checkpoint brings integers yet, so the rows are given by hand.
TEST_F(WeightPackerTest, RefusesIntegersThatKernelsCannotLookUp) {
  for (int8_t lowest : {-127, -128}) {
    std::vector<int8_t> values(3 * 8, 1);
    values[2 * 8 + 5] = lowest;
    PackGroup group;
    group.rows =
        viewOf(std::as_bytes(std::span(values)), {3, 8}, ElementType::I8);
    group.outputs.push_back(
        {.tensor = 0, .element = ElementType::I8, .storedColumns = 8});
    PackWork work;
    work.tensors.push_back({"w", ElementType::I8, {3, 8}});
    auto writer = SafeTensorsWriter::create(
        folder / std::to_string(lowest) + ".safetensors", work.tensors);
    ASSERT_TRUE(writer) << writer.error().message;
    GroupPacker packer(work, group, *writer,
                       GroupPacker::smallestPieceBytes(group));
    auto result = packer.run([](uint64_t) { return true; });
    if (lowest == -127) {
      EXPECT_TRUE(result);
      continue;
    }
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::Input);
    EXPECT_EQ(result.error().message,
              "weight 'w': row 2 holds -128, but int8 weights range from -127 "
              "to 127; quantise the checkpoint symmetrically");
  }
}

TEST_F(WeightPackerTest, NoticesAFileThatWasShortened) {
  TemporaryFolder broken;
  for (const char *name : {"config.json", "model.safetensors"})
    std::filesystem::copy_file(golden("base") + "/" + name, broken / name);
  useCheckpoint(broken.path);
  std::filesystem::resize_file(broken / "model.safetensors", 4096);
  auto result = pack(quantised());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::Machine);
  EXPECT_NE(result.error().message.find("shortened"), std::string::npos);
}

} // namespace
