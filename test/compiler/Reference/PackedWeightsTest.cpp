//===- PackedWeightsTest.cpp - Weights read back from what was packed -----===//
// Whole models are fused for a target and packed; evaluated on the packed file
// they give the very logits that they give on the checkpoint. Each tensor
// alone, over shapes: test/compiler/Artifact/SwizzledWeightsTest.cpp.
//===----------------------------------------------------------------------===//
#include "compiler/Reference/PackedWeights.h"
#include "Goldens.h"
#include "compiler/Artifact/WeightPacker.h"
#include "passes/Pipeline.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mlir::mm1;
using ::mm1::SafeTensorsFile;

namespace {

/// A golden model, fused for a target, and its packed weights.
struct PackedGolden : Golden {
  PackedGolden(const std::string &name, const std::string &target,
               const std::string &scheme)
      : Golden(name),
        path(testing::TempDir() + "/mm1-packed-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(path);
    PipelineOptions options;
    options.target = target;
    options.scheme = scheme;
    PassManager passes(&context);
    buildPipeline(passes, options, Stage::Fused);
    EXPECT_TRUE(succeeded(passes.run(*module)));
    auto journal = require(::mm1::PackJournal::open(path + "/journal", "key"));
    require(::mm1::packWeights(*module, checkpoint, path + "/weights",
                               std::move(journal), {}));
    file.emplace(require(SafeTensorsFile::open(path + "/weights")));
  }
  ~PackedGolden() { std::filesystem::remove_all(path); }

  std::string path;
  std::optional<SafeTensorsFile> file;
};

class PackedWeightsTest
    : public testing::TestWithParam<std::tuple<const char *, const char *>> {};

// Panels, swizzled tiles, padded rows, scales; int8 and float; odd shapes.
TEST_P(PackedWeightsTest, GivesTheLogitsOfTheCheckpoint) {
  auto [name, target] = GetParam();
  for (const char *scheme : {"none", "int8-experts"}) {
    PackedGolden golden(name, target, scheme);
    std::vector<int32_t> ids = golden.ids(0);
    ids.resize(std::min<size_t>(ids.size(), 8));
    PackedWeights packed(*golden.file);
    EXPECT_EQ(prefillLogits(*golden.module, packed, ids).values,
              prefillLogits(*golden.module, golden.weights, ids).values)
        << scheme;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, PackedWeightsTest,
    testing::Combine(testing::Values("base", "c-shared-expert", "k-odd-vocab",
                                     "l-odd-experts"),
                     testing::Values("cpu", "sm_90a")),
    [](const auto &info) {
      std::string name = std::get<0>(info.param);
      std::replace(name.begin(), name.end(), '-', '_');
      return name + "_" + std::get<1>(info.param);
    });

//===------------------------------- Bad input ----------------------------===//

/// What is said when the weight of `text` is read from a packed model.
std::string messageOf(PackedGolden &golden, const std::string &text) {
  std::string message;
  ScopedDiagnosticHandler handler(&golden.context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto module = parseSourceString<ModuleOp>(text, &golden.context);
  EXPECT_TRUE(module) << message;
  PackedWeights packed(*golden.file);
  EXPECT_TRUE(failed(packed.load(*module->getOps<WeightOp>().begin())));
  return message;
}

TEST(PackedWeights, RefusesAFileOfOtherWeights) {
  PackedGolden golden("base", "sm_90a", "none");
  EXPECT_EQ(messageOf(golden, R"(
    mm1.weight @nowhere : tensor<4xf32> = #mm1.recipe<
        sources = [#mm1.source<"a" : tensor<4xf32>>], steps = []>)"),
            "'mm1.weight' op is not among the tensors of " + golden.path +
                "/weights");
  // Packed in swizzled tiles, read as panels.
  EXPECT_EQ(
      messageOf(golden, R"(
    mm1.weight @lm_head : tensor<500x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
        = #mm1.recipe<sources = [#mm1.source<"a" : tensor<500x32xbf16>>],
                      steps = [#mm1.tile<panel = 32, depth = 2>]>)"),
      "'mm1.weight' op is stored as BF16 [16, 16, 32, 2] when its type "
      "is 'tensor<500x32xbf16, #mm1.tiled<panel = 32, depth = 2>>', but " +
          golden.path +
          "/weights holds BF16 [4, 1, 64, 64]: it was "
          "packed from another module");
}

} // namespace
