//===- PlanMetricsTest.cpp - The figures of the published model -----------===//
// MiniMax-M1 as examples/minimax-m1 has it, planned for one device: what a
// token costs, beside sums by hand. A change of a figure wants its reason in
// the commit.
//===----------------------------------------------------------------------===//
#include "passes/Plan/PlanMetrics.h"
#include "compiler/Import/ImportIR.h"
#include "passes/Pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace mlir;

namespace {

plan::PlanMetrics metricsOf(const std::string &scheme,
                            const std::string &target = "cpu") {
  MLIRContext context;
  context.loadDialect<mlir::mm1::MM1Dialect, plan::PlanDialect,
                      func::FuncDialect>();
  std::string folder = std::string(MM1_SOURCE_DIR) + "/examples/minimax-m1";
  auto config = ::mm1::ModelConfig::load(folder + "/config.json");
  EXPECT_TRUE(config);
  auto checkpoint = ::mm1::Checkpoint::openMetadata(folder, *config);
  EXPECT_TRUE(checkpoint);
  auto module = mlir::mm1::importModel(context, *checkpoint, {});
  EXPECT_TRUE(succeeded(module));
  mlir::mm1::PipelineOptions options;
  options.scheme = scheme;
  options.target = target;
  options.maxSequences = 2;
  options.maxContext = 4096;
  options.prefillTokens = 64;
  PassManager passes(&context);
  mlir::mm1::buildPipeline(passes, options, mlir::mm1::Stage::Plan);
  EXPECT_TRUE(succeeded(passes.run(**module)));
  return plan::planMetrics(**module);
}

// 80 layers, 70 of them lightning; hidden 6144, 64 heads of 128, 8 KV heads,
// 32 experts of 9216, two a token, vocabulary 200064.
constexpr int64_t kH = 6144, kA = 64 * 128, kK = 8 * 128, kI = 9216,
                  kV = 200064;
constexpr int64_t kLightning = 3 * kA * kH + kA * kH + kH * kA,
                  kSoftmax = 2 * kA * kH + 2 * kK * kH;

TEST(PlanMetrics, PublishedModelInBf16) {
  plan::PlanMetrics metrics = metricsOf("none");
  auto &classes = metrics.weightBytesPerToken;
  EXPECT_EQ(classes["attention"], 2 * (70 * kLightning + 10 * kSoftmax));
  EXPECT_EQ(classes["experts"], 2 * (80 * 2 * 3 * kI * kH));
  EXPECT_EQ(classes["head"], 2 * kV * kH);
  EXPECT_EQ(classes["router"], 4 * (80 * 32 * kH)); // f32
  EXPECT_EQ(classes["embedding"], 2 * kH);          // one row
  EXPECT_EQ(metrics.slotBytes, 70 * 64 * 128 * 128 * 4);
  EXPECT_EQ(metrics.kvBytesPerToken, 10 * 2 * kK * 2);
  // Two slots; 4096 tokens of two sequences.
  EXPECT_EQ(metrics.stateBytes,
            2 * metrics.slotBytes + 2 * 4096 * metrics.kvBytesPerToken);
  EXPECT_EQ(metrics.collectivesPerToken, 0);
  // Layers are alike: a few kernels serve all 80, in three entry functions.
  // Linears of long rows have other loops in prefill than in decode.
  EXPECT_EQ(metrics.kernels, 32);
  // 10 a layer and one more where spans of a context are merged, the embedding,
  // the angles of RoPE and the logits; candidates are chosen by the runtime.
  EXPECT_EQ(metrics.launchesPerToken, 80 * 10 + 10 + 3);
  EXPECT_EQ(metrics.hostCallsPerToken, 1);
  EXPECT_EQ(metrics.copiesPerToken, 0);
}

// What the compiler promises a GPU: few launches in a layer.
TEST(PlanMetrics, LaunchesOfAGPU) {
  plan::PlanMetrics metrics = metricsOf("int8-experts", "sm_90a");
  // 6 a lightning layer, 7 a softmax layer, the embedding, the angles of RoPE and
  // the logits; candidates are chosen by a launch of their own. Around them one
  // that fills the ports and one that tells the host.
  EXPECT_EQ(metrics.launchesPerToken, 70 * 6 + 10 * 7 + 3 + 2);
  EXPECT_EQ(metrics.hostCallsPerToken, 0);
  EXPECT_EQ(metrics.copiesPerToken, 0);
}

TEST(PlanMetrics, Int8ExpertsReadHalf) {
  plan::PlanMetrics metrics = metricsOf("int8-experts");
  // An int8 for each bf16, and one float per row: 2 * 9216 + 6144 rows.
  EXPECT_EQ(metrics.weightBytesPerToken["experts"],
            80 * 2 * (3 * kI * kH + 4 * (2 * kI + kH)));
}

} // namespace
