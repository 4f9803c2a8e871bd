//===- SwizzledWeightsTest.cpp - Swizzled weights over shapes -------------===//
// Matrices of 1..200 rows and 1..300 columns around every border of a tile, of
// bf16, f32 and int8, alone and as two experts, are cut out of one checkpoint
// and packed in one run. Each byte of the file is then compared with the
// formula of #mm1.swizzle, written here a second time, and each weight is read
// back.
//===----------------------------------------------------------------------===//
#include "PackedModel.h"
#include "compiler/Import/RecipeMath.h"
#include "compiler/Reference/PackedWeights.h"

#include <cstring>
#include <random>

using namespace mm1;

namespace {

constexpr int64_t kMostRows = 200, kMostColumns = 300;
constexpr int64_t kRows[] = {1,  7,  8,   9,   31,  33, 63,
                             64, 65, 127, 128, 129, 200};
constexpr int64_t kColumns[] = {1,  2,  8,  15,  16,  17,  31,  32,  33, 63,
                                64, 65, 96, 127, 128, 129, 255, 257, 300};

struct Shape {
  std::string element; ///< bf16, f32, i8
  int64_t experts;     ///< 0 for a matrix alone
  int64_t rows, columns;

  std::string name() const {
    return element + "." + std::to_string(experts) + "." +
           std::to_string(rows) + "x" + std::to_string(columns);
  }
  int64_t matrices() const { return std::max<int64_t>(1, experts); }
};

std::vector<Shape> allShapes() {
  std::vector<Shape> shapes;
  for (const char *element : {"bf16", "f32", "i8"})
    for (int64_t experts : {0, 2})
      for (int64_t rows : kRows)
        for (int64_t columns : kColumns)
          shapes.push_back({element, experts, rows, columns});
  return shapes;
}

std::string sourceName(int64_t expert) {
  return "model.layers.0.block_sparse_moe.experts." + std::to_string(expert) +
         ".w1.weight";
}

/// The weight as text: cut from the corner of the experts' first matrices.
std::string weightText(const Shape &shape) {
  std::string sources, dims = std::to_string(shape.rows) + "x" +
                              std::to_string(shape.columns) + "x";
  for (int64_t expert = 0; expert < shape.matrices(); ++expert)
    sources += std::string(expert ? ", " : "") + "#mm1.source<\"" +
               sourceName(expert) + "\" : tensor<200x300xbf16>>";
  if (shape.experts)
    dims = std::to_string(shape.experts) + "x" + dims;
  auto slice = [&](int64_t axis, int64_t size) {
    return "#mm1.slice<axis = " + std::to_string(axis + (shape.experts != 0)) +
           ", offset = 0, size = " + std::to_string(size) + ">, ";
  };
  std::string order = shape.element == "i8" ? "fragment" : "natural";
  std::string tile = "<rows = 64, order = " + order + ">";
  return "mm1.weight @" + shape.name() + " : tensor<" + dims + shape.element +
         ", #mm1.swizzled" + tile + "> = #mm1.recipe<sources = [" + sources +
         "], steps = [" + (shape.experts ? "#mm1.stack, " : "") +
         slice(0, shape.rows) + slice(1, shape.columns) +
         (shape.element == "f32"  ? "#mm1.cast<f32>, "
          : shape.element == "i8" ? "#mm1.quantize<int8_rows>, "
                                  : "") +
         "#mm1.swizzle" + tile + "]>\n";
}

/// One packed file for all tests.
class SwizzledWeightsTest : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    run = new Run;
    writeWideCheckpoint(
        run->folder.path, kMostColumns, kMostRows,
        [](const TensorDecl &tensor) { return randomMatrix(tensor.name); });
    auto config = ModelConfig::load(run->folder / "config.json");
    ASSERT_TRUE(config);
    auto opened = Checkpoint::open(run->folder.path, *config);
    ASSERT_TRUE(opened) << opened.error().message;
    run->checkpoint.emplace(std::move(*opened));
    std::string text;
    for (const Shape &shape : allShapes())
      text += weightText(shape);
    run->context.loadDialect<mlir::mm1::MM1Dialect>();
    run->module = mlir::parseSourceString<mlir::ModuleOp>(text, &run->context);
    ASSERT_TRUE(run->module);
    auto packed = pack("all", {});
    ASSERT_TRUE(packed) << packed.error().message;
    EXPECT_LE(packed->fileBytes, packedFileBytes(*run->module));
    run->hashes = packed->hashes;
    auto file = SafeTensorsFile::open(run->folder / "all");
    ASSERT_TRUE(file);
    run->file.emplace(std::move(*file));
  }
  /// Packs all weights into the file `name`.
  static Expected<PackedWeights> pack(const std::string &name,
                                      const PackOptions &options) {
    auto journal = PackJournal::open(run->folder / (name + ".journal"), "key");
    if (!journal)
      return journal.takeError();
    return packWeights(*run->module, *run->checkpoint, run->folder / name,
                       std::move(*journal), options);
  }
  static void TearDownTestSuite() { delete run; }
  void SetUp() override { ASSERT_TRUE(run->file); }

  /// Normal numbers for the experts of layer 0, nothing for other tensors.
  static std::vector<std::byte> randomMatrix(const std::string &name) {
    std::vector<std::byte> bytes;
    for (int64_t expert = 0; expert < 2; ++expert) {
      if (name != sourceName(expert))
        continue;
      std::mt19937 random(static_cast<unsigned>(expert));
      std::normal_distribution<float> normal(0, 0.1f);
      bytes.resize(kMostRows * kMostColumns * 2);
      for (size_t i = 0; i < bytes.size(); i += 2) {
        uint16_t bits = floatToBf16(normal(random));
        std::memcpy(&bytes[i], &bits, 2);
      }
    }
    return bytes;
  }

  /// The bytes of element [n, k] of the shape's matrix for `expert`, as a row
  /// of the recipe has them before they are laid out.
  static std::vector<std::vector<std::byte>> rowsOf(const Shape &shape,
                                                    int64_t expert) {
    std::vector<float> values(kMostRows * kMostColumns);
    toFloat(ElementType::BF16,
            run->checkpoint->tensor(sourceName(expert))->bytes, values);
    std::vector<std::vector<std::byte>> rows;
    for (int64_t n = 0; n < shape.rows; ++n) {
      std::span<const float> row(&values[n * kMostColumns], shape.columns);
      if (shape.element == "f32") {
        auto bytes = std::as_bytes(row);
        rows.emplace_back(bytes.begin(), bytes.end());
      } else if (shape.element == "bf16") {
        rows.emplace_back(2 * row.size());
        for (size_t k = 0; k < row.size(); ++k) {
          uint16_t bits = floatToBf16(row[k]);
          std::memcpy(&rows.back()[2 * k], &bits, 2);
        }
      } else {
        std::vector<int8_t> integers(row.size());
        quantizeInt8Row(row, int8RowScale(row), integers);
        auto bytes = std::as_bytes(std::span(integers));
        rows.emplace_back(bytes.begin(), bytes.end());
      }
    }
    return rows;
  }

  struct Run {
    TemporaryFolder folder;
    std::optional<Checkpoint> checkpoint;
    mlir::MLIRContext context;
    mlir::OwningOpRef<mlir::ModuleOp> module;
    std::optional<SafeTensorsFile> file;
    std::map<std::string, std::string> hashes;
  };
  static inline Run *run = nullptr;
};

int64_t bytesOf(const std::string &element) {
  return element == "i8" ? 1 : element == "bf16" ? 2 : 4;
}

/// byte(n, k) of the documentation of #mm1.swizzle.
int64_t formula(int64_t n, int64_t k, int64_t columns, int64_t bytes) {
  int64_t depth = 128 / bytes, lines = (columns + depth - 1) / depth;
  int64_t kk = k % depth, line = kk * bytes;
  if (bytes == 1) {
    int64_t h = kk / 64, j = kk % 64 / 16, b = kk % 16 / 8, t = kk % 8 / 2,
            c = kk % 2;
    line = 16 * (4 * h + t) + 4 * j + 2 * c + b;
  }
  return (n / 64 * lines + k / depth) * 8192 + n % 64 * 128 +
         (line ^ n % 8 * 16);
}

TEST_F(SwizzledWeightsTest, EveryByteIsWhereTheFormulaSays) {
  for (const Shape &shape : allShapes()) {
    const SafeTensor *tensor = run->file->find(shape.name());
    ASSERT_TRUE(tensor) << shape.name();
    int64_t bytes = bytesOf(shape.element), depth = 128 / bytes;
    int64_t tiles = (shape.rows + 63) / 64,
            lines = (shape.columns + depth - 1) / depth;
    std::vector<int64_t> wanted{tiles, lines, 64, depth};
    if (shape.experts)
      wanted.insert(wanted.begin(), shape.experts);
    ASSERT_EQ(tensor->shape, wanted) << shape.name();
    ASSERT_EQ(tensor->type, bytes == 1   ? ElementType::U8
                            : bytes == 2 ? ElementType::BF16
                                         : ElementType::F32);
    for (int64_t expert = 0; expert < shape.matrices(); ++expert) {
      auto rows = rowsOf(shape, expert);
      auto matrix = tensor->bytes.subspan(expert * tiles * lines * 8192,
                                          tiles * lines * 8192);
      for (int64_t n = 0; n < tiles * 64; ++n)
        for (int64_t k = 0; k < lines * depth; ++k)
          for (int64_t byte = 0; byte < bytes; ++byte) {
            int value = n < shape.rows && k < shape.columns
                            ? int(rows[n][k * bytes + byte])
                            : 0;
            if (bytes == 1)
              value = (value + 128) % 256;
            int64_t at = formula(n, k, shape.columns, bytes) + byte;
            ASSERT_EQ(int(matrix[at]), value)
                << shape.name() << ", expert " << expert << ": row " << n
                << ", k " << k << ", byte " << byte;
          }
    }
  }
}

TEST_F(SwizzledWeightsTest, EachStartsAtAMultipleOf1024) {
  for (const Shape &shape : allShapes())
    ASSERT_EQ(run->file->find(shape.name())->offset % 1024, 0u) << shape.name();
}

// One tile of rows at a time, on three threads: the same bytes.
TEST_F(SwizzledWeightsTest, PiecesDoNotShow) {
  PackOptions options;
  options.memoryBytes = 900000;
  options.threads = 3;
  auto packed = pack("pieces", options);
  ASSERT_TRUE(packed) << packed.error().message;
  EXPECT_EQ(packed->hashes, run->hashes);
}

// What the reference reads from the checkpoint, it reads from the packed file.
TEST_F(SwizzledWeightsTest, ReadsBackWhatWasPacked) {
  mlir::mm1::CheckpointWeights sources(*run->checkpoint);
  mlir::mm1::PackedWeights packed(*run->file);
  for (auto weight : run->module->getOps<mlir::mm1::WeightOp>()) {
    auto wanted = sources.load(weight), found = packed.load(weight);
    ASSERT_TRUE(mlir::succeeded(wanted) && mlir::succeeded(found));
    ASSERT_EQ(found->shape, wanted->shape);
    ASSERT_EQ(found->values, wanted->values) << weight.getSymName().str();
  }
}

} // namespace
