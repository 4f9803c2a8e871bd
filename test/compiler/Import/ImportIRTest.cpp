//===- ImportIRTest.cpp - From a checkpoint to the mm1 dialect ------------===//
// Every variant imports with every tensor used; the published model imports
// fast; what is particular to a variant. import-ir.test has a whole forward pass.
//===----------------------------------------------------------------------===//
#include "compiler/Import/ImportIR.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <chrono>
#include <filesystem>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::mm1;
using ::mm1::Checkpoint;
using ::mm1::ModelConfig;

static const std::string kGoldens = std::string(MM1_TEST_DATA) + "/goldens/";

static std::vector<std::string> goldenCases() {
  std::vector<std::string> cases;
  for (const auto &entry : std::filesystem::directory_iterator(kGoldens))
    if (std::filesystem::exists(entry.path() / "golden.json"))
      cases.push_back(entry.path().filename());
  std::sort(cases.begin(), cases.end());
  return cases;
}

static Checkpoint openFolder(const std::string &folder) {
  auto config = ModelConfig::load(folder + "/config.json");
  EXPECT_TRUE(config) << config.error().message;
  auto checkpoint = Checkpoint::openMetadata(folder, *config);
  EXPECT_TRUE(checkpoint) << checkpoint.error().message;
  return std::move(*checkpoint);
}

static std::string printed(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

/// The imported module as text.
static std::string importText(const Checkpoint &checkpoint,
                              ComputeType compute) {
  MLIRContext context;
  auto module = importModel(context, checkpoint, {compute});
  EXPECT_TRUE(succeeded(module));
  EXPECT_TRUE(succeeded(verifyImported(**module, checkpoint)));
  return printed(**module);
}

/// Expects each of `lines` in `text`, each behind the one before.
static void expectInOrder(const std::string &text,
                          const std::vector<std::string> &lines) {
  size_t from = 0;
  for (const std::string &line : lines) {
    size_t found = text.find(line, from);
    ASSERT_NE(found, std::string::npos) << "not found: " << line << "\nin\n"
                                        << text.substr(from);
    from = found + line.size();
  }
}

TEST(ImportIR, ImportsEveryVariant) {
  std::vector<std::string> cases = goldenCases();
  ASSERT_GE(cases.size(), 20u);
  for (const std::string &name : cases) {
    SCOPED_TRACE(name);
    Checkpoint checkpoint = openFolder(kGoldens + name);
    importText(checkpoint, ComputeType::F32);
    importText(checkpoint, ComputeType::BF16);
  }
}

TEST(ImportIR, ImportsThePublishedModelFast) {
  Checkpoint checkpoint =
      openFolder(std::string(MM1_SOURCE_DIR) + "/examples/minimax-m1");
  ASSERT_EQ(checkpoint.tensors().size(), 8243u);
  auto begin = std::chrono::steady_clock::now();
  std::string text = importText(checkpoint, ComputeType::BF16);
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - begin;
  // About 0.1 s; the bound only catches what grows with the square of the
  // model.
  EXPECT_LT(seconds.count(), 5.0);
  expectInOrder(
      text,
      {"mm1.compute = \"bf16\"", "layers = 80",
       "mm1.weight @layers.0.qkv : tensor<24576x6144xbf16>",
       "mm1.state recurrent @layers.0.lightning : tensor<?x64x128x128xf32>",
       "mm1.weight @layers.0.experts.w1 : tensor<32x9216x6144xbf16>",
       "mm1.weight @layers.7.q : tensor<8192x6144xbf16>",
       "mm1.state kv_pages @layers.7.kv : tensor<?x2x8x64x128xbf16>",
       "mm1.weight @lm_head : tensor<200064x6144xbf16>", "func.func @decode",
       "func.func @prefill", "func.func @head"});
  RecordProperty("seconds", std::to_string(seconds.count()));
}

/// The first op of type OpT whose location starts with `prefix`.
template <typename OpT>
static OpT findOp(ModuleOp module, StringRef function, StringRef prefix) {
  OpT found;
  module.lookupSymbol<func::FuncOp>(function).walk([&](OpT op) {
    auto loc = dyn_cast<NameLoc>(op.getLoc());
    if (!found && loc && loc.getName().getValue().starts_with(prefix))
      found = op;
  });
  EXPECT_TRUE(found) << prefix.str();
  return found;
}

TEST(ImportIR, ResidualStreamIsTheNormsOutputOnlyWithPostnorm) {
  for (auto [name, postnorm] :
       {std::pair("base", true), std::pair("g-prenorm-residual", false)}) {
    SCOPED_TRACE(name);
    MLIRContext context;
    auto module =
        importModel(context, openFolder(kGoldens + name), {ComputeType::F32});
    ASSERT_TRUE(succeeded(module));
    auto residual =
        findOp<ResidualOp>(**module, "decode", "model.layers.1.self_attn");
    EXPECT_EQ(isa<RMSNormOp>(residual.getStream().getDefiningOp()), postnorm);
    EXPECT_EQ(isa<ResidualOp>(residual.getStream().getDefiningOp()), !postnorm);
  }
}

TEST(ImportIR, FactorsBelongToTheirBlocks) {
  MLIRContext context;
  Checkpoint checkpoint = openFolder(kGoldens + "f-factors");
  auto module = importModel(context, checkpoint, {ComputeType::F32});
  ASSERT_TRUE(succeeded(module));
  const ModelConfig &config = checkpoint.config();
  for (int64_t layer = 0; layer < config.numLayers; ++layer) {
    std::string prefix = "model.layers." + std::to_string(layer) + ".";
    bool lightning = config.attention[layer] == ::mm1::AttentionKind::Lightning;
    auto attention =
        findOp<ResidualOp>(**module, "prefill", prefix + "self_attn");
    auto experts =
        findOp<ResidualOp>(**module, "prefill", prefix + "block_sparse_moe");
    const auto &wanted =
        lightning ? config.lightningFactors : config.softmaxFactors;
    EXPECT_EQ(attention.getAlpha().convertToDouble(), wanted.alpha);
    EXPECT_EQ(attention.getBeta().convertToDouble(), wanted.beta);
    EXPECT_EQ(experts.getAlpha().convertToDouble(), config.mlpFactors.alpha);
    EXPECT_EQ(experts.getBeta().convertToDouble(), config.mlpFactors.beta);
  }
}

TEST(ImportIR, TiedHeadReadsTheEmbedding) {
  std::string text =
      importText(openFolder(kGoldens + "i-tied"), ComputeType::F32);
  expectInOrder(text, {"mm1.weight @lm_head", "\"model.embed_tokens.weight\"",
                       "func.func @decode"});
}

TEST(ImportIR, AllLightningNeedsNoRotaryTable) {
  std::string text =
      importText(openFolder(kGoldens + "d-all-lightning"), ComputeType::F32);
  EXPECT_EQ(text.find("rope"), std::string::npos);
  EXPECT_EQ(text.find("kv_pages"), std::string::npos);
}

TEST(ImportIR, SayWhichTensorNoWeightReads) {
  MLIRContext context;
  Checkpoint checkpoint = openFolder(kGoldens + "base");
  auto module = importModel(context, checkpoint, {ComputeType::F32});
  ASSERT_TRUE(succeeded(module));
  // Let the up projection read the gate's tensors, as a careless importer may.
  auto w1 = (*module)->lookupSymbol<WeightOp>("layers.2.experts.w1");
  auto w3 = (*module)->lookupSymbol<WeightOp>("layers.2.experts.w3");
  w3.setRecipeAttr(w1.getRecipe());
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  EXPECT_TRUE(failed(verifyImported(**module, checkpoint)));
  EXPECT_EQ(message, "tensor 'model.layers.2.block_sparse_moe.experts.0.w3."
                     "weight' of the checkpoint is the source of no weight");
}

TEST(ImportIR, SayWhichWeightNoFunctionLoads) {
  MLIRContext context;
  Checkpoint checkpoint = openFolder(kGoldens + "base");
  auto module = importModel(context, checkpoint, {ComputeType::F32});
  ASSERT_TRUE(succeeded(module));
  (*module)->lookupSymbol("head")->erase();
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  EXPECT_TRUE(failed(verifyImported(**module, checkpoint)));
  EXPECT_EQ(message, "'mm1.weight' op is used by no function");
}
