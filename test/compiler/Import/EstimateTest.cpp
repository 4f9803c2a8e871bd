//===- EstimateTest.cpp - The published model's sizes and bounds ----------===//
// Expected figures were worked out by hand from the published sizes.
#include "compiler/Import/Estimate.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace mm1;

static ModelConfig published() {
  return *ModelConfig::load(MM1_SOURCE_DIR "/examples/minimax-m1/config.json");
}

static Estimate make(const EstimateRequest &request,
                     const ModelConfig &config = published()) {
  auto estimate = Estimate::make(config, request);
  EXPECT_TRUE(estimate) << estimate.error().message;
  return std::move(*estimate);
}

static uint64_t parametersOf(const Estimate &estimate, std::string_view name) {
  for (const Estimate::WeightClass &weight : estimate.weights)
    if (weight.name == name)
      return weight.parameters;
  return 0;
}

/// A GPU that only has a bandwidth, as in a roofline.
static const GpuModel kRoof{"roof", "Roof", uint64_t(139) << 30,
                            4.3e12, 1e18,   ""};

TEST(Estimate, parametersByClass) {
  Estimate estimate = make({});
  EXPECT_EQ(estimate.parameters, 456'089'655'296u);
  EXPECT_EQ(estimate.parametersPerToken, 47'172'550'656u);
  EXPECT_EQ(parametersOf(estimate, "experts"), 434'865'438'720u);
  EXPECT_EQ(parametersOf(estimate, "lightning projections"), 17'616'076'800u);
  EXPECT_EQ(parametersOf(estimate, "softmax projections"), 1'132'462'080u);
  EXPECT_EQ(parametersOf(estimate, "embedding"), 1'229'193'216u);
  EXPECT_EQ(parametersOf(estimate, "head"), 1'229'193'216u);
  EXPECT_EQ(parametersOf(estimate, "routers"), 15'728'640u);
  EXPECT_EQ(parametersOf(estimate, "norms"), 1'562'624u);
}

TEST(Estimate, weightsAndStateInAll) {
  EXPECT_EQ(make({}).weightBytes(), 912'210'767'872u);
  Estimate int8 = make({.quant = WeightScheme::Int8Experts});
  // A byte less for each expert parameter, and 251,658,240 bytes of scales.
  EXPECT_EQ(int8.weightBytes(),
            912'210'767'872u - 434'865'438'720u + 251'658'240u); // 477.6 GB
  EXPECT_EQ(int8.memory.lightningStatePerSequence, 280u << 20);
  EXPECT_EQ(int8.memory.kvPerToken, 40'960u);
}

TEST(Estimate, sharesOfEightGpus) {
  Estimate bf16 = make({.gpus = 8});
  // 114.0 GB if all were shared; routers and the norms over hidden_size are not.
  uint64_t repeated = 4 * 15'728'640u + 2 * 161u * 6144u;
  EXPECT_EQ(bf16.memory.weightsPerGpu,
            (912'210'767'872u - repeated) / 8 + repeated);
  EXPECT_EQ(bf16.memory.lightningStatePerSequencePerGpu, 35u << 20);
  EXPECT_EQ(bf16.memory.kvPerTokenPerGpu, 5'120u);
  Estimate int8 = make({.gpus = 8, .quant = WeightScheme::Int8Experts});
  // The down projection's scales (80 * 32 * 6144) are on every GPU too.
  uint64_t experts = 434'865'438'720u / 8 +
                     4 * (80u * 32u * 2u * 9216u / 8 + 80u * 32u * 6144u);
  EXPECT_EQ(int8.memory.weightsPerGpu,
            bf16.memory.weightsPerGpu - 2 * 434'865'438'720u / 8 + experts);
  EXPECT_NEAR(static_cast<double>(int8.memory.weightsPerGpu) / 1e9, 59.7, 0.15);
}

TEST(Estimate, decodeRooflines) {
  struct {
    WeightScheme quant;
    int64_t context, batch;
    double milliseconds;
  } cases[] = {{WeightScheme::None, 4096, 1, 2.78},
               {WeightScheme::None, 131072, 1, 2.93},
               {WeightScheme::None, 1048576, 1, 4.02},
               {WeightScheme::Int8Experts, 4096, 1, 1.99},
               {WeightScheme::Int8Experts, 131072, 1, 2.14},
               {WeightScheme::Int8Experts, 1048576, 1, 3.23},
               {WeightScheme::None, 4096, 8, 11.6},
               {WeightScheme::Int8Experts, 4096, 8, 6.5},
               {WeightScheme::None, 4096, 32, 24.0},
               {WeightScheme::Int8Experts, 4096, 32, 12.9},
               {WeightScheme::None, 4096, 128, 29.3},
               {WeightScheme::Int8Experts, 4096, 128, 16.6}};
  for (auto [quant, context, batch, milliseconds] : cases) {
    Estimate estimate =
        make({.gpus = 8, .quant = quant, .context = context, .gpu = &kRoof});
    EXPECT_NEAR(estimate.decodeStep(batch).milliseconds, milliseconds,
                milliseconds < 10 ? 0.05 : 0.1)
        << context << " " << batch;
  }
  Estimate one = make({.gpus = 8, .gpu = &kRoof});
  EXPECT_NEAR(one.decode[0].milliseconds, 2.78, 0.005);
  EXPECT_NEAR(one.decode[0].tokensPerSecond, 1e3 / 2.78, 1);
  EXPECT_NEAR(make({}).weightBytesRead(1) / 1e9, 94.4, 0.05);
  EXPECT_NEAR(make({.quant = WeightScheme::Int8Experts}).weightBytesRead(1) /
                  1e9,
              67.2, 0.05);
  const double distinct[][2] = {{1, 2.0},   {4, 7.3},   {8, 12.9},
                                {16, 20.6}, {32, 27.9}, {64, 31.5}};
  for (auto [batch, experts] : distinct)
    EXPECT_NEAR(one.decodeStep(static_cast<int64_t>(batch)).distinctExperts,
                experts, 0.05);
}

TEST(Estimate, prefillArithmetic) {
  // Per token 91.89 GFLOP of matmuls, 0.59 of lightning without the upper
  // triangle, and 163,840 N of softmax attention.
  EXPECT_NEAR(make({.context = 4096}).prefill.flops / 1e15, 0.383, 0.002);
  EXPECT_NEAR(make({.context = 131072}).prefill.flops / 1e15, 15.0, 0.1);
  EXPECT_NEAR(make({.context = 1048576}).prefill.flops / 1e15, 277, 1);
  GpuModel half = *findGpu("h200");
  half.bf16Flops /= 2;
  EXPECT_NEAR(
      make({.gpus = 8, .context = 131072, .gpu = &half}).prefill.seconds, 3.8,
      0.05);
}

TEST(Estimate, whatFits) {
  const GpuModel *h200 = findGpu("h200");
  Estimate one = make({.gpu = h200});
  EXPECT_FALSE(one.memory.fits()) << "nothing of this model fits on one GPU";
  EXPECT_EQ(one.memory.longestContext, 0);
  EXPECT_EQ(one.memory.mostSequences, 0);
  Estimate eight = make({.gpus = 8, .context = 1 << 20, .gpu = h200});
  EXPECT_TRUE(eight.memory.fits());
  EXPECT_TRUE(make({.gpus = 8,
                    .quant = WeightScheme::Int8Experts,
                    .gpu = findGpu("a100-80")})
                  .memory.fits());
  EXPECT_FALSE(make({.gpus = 8, .gpu = findGpu("a100-80")}).memory.fits());
  EXPECT_TRUE(make({.gpus = 4, .quant = WeightScheme::Int8Experts, .gpu = h200})
                  .memory.fits());
  EXPECT_FALSE(make({.gpus = 8}).memory.availablePerGpu) << "no GPU named";
}

// The longest context fits and one page more does not; likewise for sequences.
TEST(Estimate, limitsAreTight) {
  for (int64_t sequences : {1, 3, 16}) {
    EstimateRequest request{.gpus = 8,
                            .context = 65536,
                            .sequences = sequences,
                            .memoryBytes = uint64_t(116) << 30};
    Estimate estimate = make(request);
    int64_t longest = *estimate.memory.longestContext;
    ASSERT_GT(longest, 0);
    ASSERT_LT(longest, 10'240'000) << "else the test shows nothing";
    request.context = longest;
    EXPECT_TRUE(make(request).memory.fits()) << sequences;
    request.context = longest + 64;
    EXPECT_FALSE(make(request).memory.fits()) << sequences;
  }
  EstimateRequest request{
      .gpus = 8, .context = 65536, .memoryBytes = uint64_t(116) << 30};
  int64_t most = *make(request).memory.mostSequences;
  ASSERT_GT(most, 1);
  request.sequences = most + 1;
  EXPECT_FALSE(make(request).memory.fits());
  request.sequences =
      most - 1; // logits of more sequences need a little workspace
  EXPECT_TRUE(make(request).memory.fits());
}

TEST(Estimate, contextEndsWhereTheModelDoes) {
  Estimate estimate = make({.gpus = 8, .memoryBytes = uint64_t(1) << 50});
  EXPECT_EQ(estimate.memory.longestContext, 10'240'000);
  auto longer = Estimate::make(published(), {.context = 10'240'001});
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().kind, ErrorKind::Usage);
  EXPECT_EQ(longer.error().message,
            "--context is 10240001; expected 1 to 10240000 "
            "('max_position_embeddings' of the model)");
}

TEST(Estimate, refusesSplitsThatDoNotDivide) {
  auto problem = [](int64_t gpus) {
    auto estimate = Estimate::make(published(), {.gpus = gpus});
    return estimate ? "possible" : estimate.error().message;
  };
  EXPECT_EQ(problem(7), "cannot share the model among 7 GPUs: "
                        "'num_attention_heads' (64) is not a multiple of it; "
                        "'num_key_value_heads' (8) is neither a multiple nor a "
                        "divisor of it; 'intermediate_size' "
                        "(9216) is not a multiple of it; 'vocab_size' (200064) "
                        "is not a multiple of it. Possible are: "
                        "1 2 4 8 16 32 64");
  EXPECT_EQ(problem(16), "possible") << "KV heads are repeated";
  Estimate sixteen = make({.gpus = 16});
  EXPECT_EQ(sixteen.memory.kvPerTokenPerGpu, 5'120u)
      << "one KV head on each, as with eight";
  EXPECT_EQ(sixteen.memory.lightningStatePerSequencePerGpu, uint64_t(35) << 19);
  EXPECT_NE(problem(0), "possible");
  EXPECT_NE(problem(128), "possible");
}

TEST(Estimate, refusesAbsurdRequests) {
  EXPECT_FALSE(Estimate::make(published(), {.sequences = 0}));
  EXPECT_FALSE(Estimate::make(published(), {.sequences = int64_t(1) << 40}));
  EXPECT_FALSE(Estimate::make(published(), {.prefillTokens = -1}));
  EXPECT_FALSE(Estimate::make(published(), {.context = 0}));
}

TEST(Estimate, smallAndOddModels) {
  for (const char *name :
       {"base", "b-dense", "c-shared-width", "d-all-lightning", "d-all-softmax",
        "i-tied", "native-naming"}) {
    auto config = ModelConfig::load(std::string(MM1_TEST_DATA "/goldens/") +
                                    name + "/config.json");
    ASSERT_TRUE(config) << config.error().message;
    Estimate estimate = make(
        {.context = 100, .sequences = 3, .gpu = findGpu("rtx4090")}, *config);
    EXPECT_TRUE(estimate.memory.fits()) << name;
    EXPECT_GT(estimate.decode.back().tokensPerSecond, 0);
    EXPECT_GT(estimate.prefill.seconds, 0);
    std::ostringstream out;
    estimate.renderTable(out);
    EXPECT_NE(out.str().find("fits, "), std::string::npos);
  }
  auto tied = ModelConfig::load(MM1_TEST_DATA "/goldens/i-tied/config.json");
  // The embedding is read whole as the head, and stored once.
  Estimate estimate = make({}, *tied);
  EXPECT_EQ(parametersOf(estimate, "head"), 0u);
  EXPECT_GT(estimate.weightBytesRead(1), 2.0 * 256 * 32);
}

TEST(Estimate, tableAndJsonSayTheSame) {
  Estimate estimate = make({.gpus = 8,
                            .quant = WeightScheme::Int8Experts,
                            .context = 1 << 20,
                            .gpu = findGpu("h200")});
  std::ostringstream out;
  estimate.renderTable(out);
  std::string table = out.str();
  for (const char *line :
       {"minimax_m1: 80 layers (70 lightning, 10 softmax), 456.1 billion "
        "parameters, 47.2 billion used for a token",
        "8 GPUs H200 SXM", "444.8 GiB", "280.0 MiB", "40.0 KiB", "fits, "})
    EXPECT_NE(table.find(line), std::string::npos) << line << "\n" << table;
  auto json = nlohmann::json::parse(estimate.toJson());
  EXPECT_EQ(json["weight_bytes"], estimate.weightBytes());
  EXPECT_EQ(json["memory_per_gpu"]["needed"], estimate.memory.neededPerGpu);
  EXPECT_EQ(json["memory_per_gpu"]["fits"], true);
  EXPECT_EQ(json["decode"][0]["batch"], 1);
  EXPECT_EQ(json["longest_context"], *estimate.memory.longestContext);
  Estimate unnamed = make({});
  EXPECT_TRUE(nlohmann::json::parse(unnamed.toJson())["gpu"].is_null());
}

TEST(Gpus, table) {
  EXPECT_EQ(gpuNames(), "a100-40, a100-80, h100, h200, h20, b200, rtx4090");
  EXPECT_EQ(findGpu("h200")->bandwidth, 4.8e12);
  EXPECT_EQ(findGpu("abacus"), nullptr);
}
