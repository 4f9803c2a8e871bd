//===- ModelConfigTest.cpp - Both namings, defaults, refusals -------------===//
#include "compiler/Import/ModelConfig.h"
#include "runtime/Artifact/SafeTensors.h"
#include "runtime/Support/Json.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>

using namespace mm1;
using nlohmann::json;

static json remoteConfig() {
  return json::parse(
      R"({"model_type":"minimax_m1","vocab_size":512,"hidden_size":64,"intermediate_size":96,
    "num_hidden_layers":4,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":32,"rotary_dim":8,
    "rope_theta":10000000,"attn_type_list":[0,0,0,1],"num_local_experts":4,"num_experts_per_tok":2,
    "hidden_act":"silu","postnorm":true,"rms_norm_eps":1e-05,
    "layernorm_full_attention_alpha":2.5,"layernorm_full_attention_beta":0.5,
    "layernorm_linear_attention_alpha":3.25,"layernorm_linear_attention_beta":0.75,
    "layernorm_mlp_alpha":1.7,"layernorm_mlp_beta":1.3,"shared_intermediate_size":0,"shared_moe_mode":"sigmoid",
    "max_position_embeddings":4096,"tie_word_embeddings":false,"sliding_window":null,
    "bos_token_id":null,"eos_token_id":null})");
}

static json nativeConfig() {
  return json::parse(
      R"({"model_type":"minimax","vocab_size":512,"hidden_size":64,"intermediate_size":96,
    "num_hidden_layers":4,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":32,
    "layer_types":["linear_attention","linear_attention","linear_attention","full_attention"],
    "num_local_experts":4,"num_experts_per_tok":2,
    "full_attn_alpha_factor":2.5,"full_attn_beta_factor":0.5,"linear_attn_alpha_factor":3.25,
    "linear_attn_beta_factor":0.75,"mlp_alpha_factor":1.7,"mlp_beta_factor":1.3,"block_size":256,
    "rope_parameters":{"rope_type":"default","rope_theta":10000000.0,"partial_rotary_factor":0.25},
    "bos_token_id":1,"eos_token_id":[2,7]})");
}

static ModelConfig accept(const json &text) {
  auto config = ModelConfig::fromJson(text, "config.json");
  EXPECT_TRUE(config) << config.error().message;
  return config ? *config : ModelConfig();
}

static std::string refuse(const json &text) {
  auto config = ModelConfig::fromJson(text, "config.json");
  EXPECT_FALSE(config) << text.dump();
  if (config)
    return "accepted";
  EXPECT_EQ(config.error().kind, ErrorKind::Input);
  EXPECT_EQ(config.error().message.find('\n'), std::string::npos);
  return config.error().message;
}

static json with(json config, const char *key, json value) {
  config[key] = std::move(value);
  return config;
}
static json without(json config, const char *key) {
  config.erase(key);
  return config;
}

TEST(ModelConfig, readsThePublishedFile) {
  auto config =
      ModelConfig::load(MM1_SOURCE_DIR "/examples/minimax-m1/config.json");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->modelType, "minimax_m1");
  EXPECT_EQ(config->vocabSize, 200064);
  EXPECT_EQ(config->hiddenSize, 6144);
  EXPECT_EQ(config->intermediateSize, 9216);
  EXPECT_EQ(config->numLayers, 80);
  EXPECT_EQ(config->attentionWidth(), 8192);
  EXPECT_EQ(config->kvWidth(), 1024);
  EXPECT_EQ(config->rotaryDim, 64);
  EXPECT_EQ(config->ropeTheta, 1e7);
  EXPECT_EQ(config->numExperts, 32);
  EXPECT_EQ(config->expertsPerToken, 2);
  EXPECT_EQ(config->countLayers(AttentionKind::Softmax), 10);
  EXPECT_EQ(config->attention[7], AttentionKind::Softmax);
  EXPECT_EQ(config->mlpFactors.alpha, 3.5565588200778455);
  EXPECT_TRUE(config->postnorm);
  EXPECT_FALSE(config->bosTokenId);
  EXPECT_EQ(config->slopeRule, SlopeRule::Interleaved);
}

TEST(ModelConfig, bothNamingsMeanTheSame) {
  ModelConfig remote = accept(remoteConfig()), native = accept(nativeConfig());
  EXPECT_EQ(remote.attention, native.attention);
  EXPECT_EQ(remote.rotaryDim, native.rotaryDim);
  EXPECT_EQ(remote.ropeTheta, native.ropeTheta);
  for (auto factors :
       {&ModelConfig::softmaxFactors, &ModelConfig::lightningFactors,
        &ModelConfig::mlpFactors}) {
    EXPECT_EQ((remote.*factors).alpha, (native.*factors).alpha);
    EXPECT_EQ((remote.*factors).beta, (native.*factors).beta);
  }
  EXPECT_EQ(remote.softmaxFactors.alpha, 2.5);
  EXPECT_EQ(remote.softmaxFactors.beta, 0.5);
  EXPECT_EQ(remote.lightningFactors.alpha, 3.25);
  EXPECT_EQ(remote.lightningFactors.beta, 0.75);
  EXPECT_EQ(remote.mlpFactors.alpha, 1.7);
  EXPECT_EQ(remote.mlpFactors.beta, 1.3);
  EXPECT_TRUE(native.postnorm) << "transformers has no other way";
  EXPECT_EQ(native.slopeRule, SlopeRule::Geometric);
  EXPECT_EQ(native.bosTokenId, 1);
  EXPECT_EQ(native.eosTokenIds, (std::vector<int64_t>{2, 7}));
}

TEST(ModelConfig, knowsEverySpellingOfTheType) {
  for (const char *type : {"minimax_m1", "MiniMaxM1"})
    EXPECT_EQ(accept(with(remoteConfig(), "model_type", type)).modelType,
              "minimax_m1");
  for (const char *type : {"minimax_text_01", "MiniMaxText01"})
    EXPECT_EQ(accept(with(remoteConfig(), "model_type", type)).modelType,
              "minimax_text_01");
  json untyped = without(remoteConfig(), "model_type");
  EXPECT_EQ(accept(with(untyped, "architectures", {"MiniMaxText01ForCausalLM"}))
                .modelType,
            "minimax_text_01");
  EXPECT_EQ(refuse(untyped),
            "config.json: 'model_type' is missing; expected minimax_m1 "
            "(MiniMax-M1), minimax_text_01 "
            "(MiniMax-Text-01) or minimax (transformers' naming of both)");
  EXPECT_EQ(
      refuse(with(remoteConfig(), "model_type", "minimax_m2")).substr(0, 62),
      "config.json: 'model_type' is \"minimax_m2\"; expected minimax_m1");
  EXPECT_NE(
      refuse({{"model_type", "minimax_vl_01"}, {"text_config", remoteConfig()}})
          .find("vision-language"),
      std::string::npos);
}

TEST(ModelConfig, defaultsFollowTheClass) {
  json remote = remoteConfig();
  for (const char *key :
       {"postnorm", "rotary_dim", "rope_theta", "rms_norm_eps",
        "num_experts_per_tok", "hidden_act", "layernorm_mlp_alpha",
        "shared_intermediate_size", "shared_moe_mode", "head_dim",
        "tie_word_embeddings", "max_position_embeddings"})
    remote.erase(key);
  ModelConfig config = accept(remote);
  EXPECT_FALSE(config.postnorm) << "the remote code's default";
  EXPECT_EQ(config.headDim, 16);
  EXPECT_EQ(config.rotaryDim, 16) << "all of a head";
  EXPECT_EQ(config.ropeTheta, 1e6);
  EXPECT_EQ(config.rmsNormEps, 1e-5);
  EXPECT_EQ(config.expertsPerToken, 2);
  EXPECT_EQ(config.mlpFactors.alpha, 1);
  EXPECT_EQ(config.sharedWidths, (std::vector<int64_t>{0, 0, 0, 0}));

  ModelConfig native = accept(without(nativeConfig(), "layer_types"));
  EXPECT_EQ(native.attention,
            (std::vector{AttentionKind::Softmax, AttentionKind::Lightning,
                         AttentionKind::Softmax, AttentionKind::Lightning}))
      << "transformers' default pattern is not the published one";
  EXPECT_EQ(accept(with(remoteConfig(), "head_dim", nullptr)).headDim, 16);
}

TEST(ModelConfig, aliasesAndPrecedence) {
  json config = without(remoteConfig(), "attn_type_list");
  EXPECT_EQ(
      accept(with(config, "decoder_attention_types", {0, 0, 0, 1})).attention,
      accept(remoteConfig()).attention);
  EXPECT_EQ(accept(with(remoteConfig(), "num_local_experts", {4})).numExperts,
            4);
  EXPECT_EQ(accept(with(remoteConfig(), "num_local_experts", {4, 4, 4, 4}))
                .numExperts,
            4);
  EXPECT_EQ(accept(with(without(nativeConfig(), "num_local_experts"),
                        "num_experts", 8))
                .numExperts,
            8);
  // A public checkpoint carries the trained theta at the top and a stale one
  // inside.
  EXPECT_EQ(accept(with(nativeConfig(), "rope_theta", 5e6)).ropeTheta, 5e6);
  EXPECT_EQ(accept(with(nativeConfig(), "rotary_dim", 16)).rotaryDim, 16);
  EXPECT_EQ(accept(without(nativeConfig(), "rope_parameters")).rotaryDim, 32);
  ModelConfig dense = accept(with(with(remoteConfig(), "num_local_experts", 1),
                                  "num_experts_per_tok", 2));
  EXPECT_TRUE(dense.isDense());
  EXPECT_EQ(dense.expertsPerToken, 1);
}

TEST(ModelConfig, sharedExperts) {
  json shared = with(remoteConfig(), "shared_intermediate_size", 48);
  EXPECT_EQ(accept(shared).sharedWidths,
            (std::vector<int64_t>{48, 48, 48, 48}));
  EXPECT_EQ(
      accept(with(shared, "shared_intermediate_size", {48, 0})).sharedWidths,
      (std::vector<int64_t>{48, 0, 0, 0}));
  EXPECT_EQ(refuse(with(shared, "shared_moe_mode", "softmax")),
            "config.json: 'shared_moe_mode' is \"softmax\"; expected "
            "\"sigmoid\", the only blend of a shared expert "
            "that has a meaning ('shared_intermediate_size' is not 0)");
  EXPECT_NE(refuse(without(shared, "shared_moe_mode")), "accepted");
  accept(with(remoteConfig(), "shared_moe_mode",
              "softmax")); // not read without a shared expert
  EXPECT_EQ(refuse(with(shared, "shared_intermediate_size", {1, 1, 1, 1, 1})),
            "config.json: 'shared_intermediate_size' has 5 values; expected at "
            "most one for each of the 4 layers");
  EXPECT_NE(refuse(with(nativeConfig(), "shared_intermediate_size", 8)),
            "accepted");
}

TEST(ModelConfig, refusesMissingAndWrongSizes) {
  for (const char *key :
       {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "num_local_experts"}) {
    std::string start = "config.json: '" + std::string(key) + "' is ";
    EXPECT_EQ(refuse(without(remoteConfig(), key)).substr(0, start.size() + 7),
              start + "missing");
    for (json wrong :
         {json(-1), json(0), json(1.5), json("4"), json(true),
          json(int64_t(1) << 40), json(UINT64_MAX), json::object()})
      EXPECT_TRUE(refuse(with(remoteConfig(), key, wrong)).starts_with(start))
          << key << wrong;
  }
}

TEST(ModelConfig, refusesContradictions) {
  EXPECT_EQ(refuse(with(remoteConfig(), "num_key_value_heads", 3)),
            "config.json: 'num_key_value_heads' is 3, which does not divide "
            "'num_attention_heads' (4)");
  EXPECT_EQ(refuse(with(remoteConfig(), "num_experts_per_tok", 5)),
            "config.json: 'num_experts_per_tok' is 5; the model has 4 experts "
            "('num_local_experts')");
  EXPECT_EQ(refuse(with(remoteConfig(), "rotary_dim", 7)),
            "config.json: 'rotary_dim' rotates 7 channels of a head; expected "
            "an even number from 2 to 'head_dim' (32)");
  EXPECT_NE(refuse(with(remoteConfig(), "rotary_dim", 34)).find("rotates 34"),
            std::string::npos);
  EXPECT_EQ(refuse(with(remoteConfig(), "attn_type_list", {0, 1})),
            "config.json: 'attn_type_list' has 2 values; expected one for each "
            "of the 4 layers ('num_hidden_layers')");
  EXPECT_EQ(
      refuse(with(remoteConfig(), "attn_type_list", {0, 0, 2, 1})),
      "config.json: 'attn_type_list[2]' is 2; expected an integer from 0 to 1");
  EXPECT_EQ(refuse(without(remoteConfig(), "attn_type_list")),
            "config.json: 'attn_type_list' is missing; expected a list of 0 "
            "(lightning) or 1 (softmax) for each of the "
            "4 layers");
  EXPECT_EQ(refuse(with(remoteConfig(), "layer_types",
                        {"full_attention", "linear_attention",
                         "linear_attention", "full_attention"})),
            "config.json: 'layer_types' differs from 'attn_type_list'");
  EXPECT_EQ(refuse(with(nativeConfig(), "layer_types", {"sliding_attention"})),
            "config.json: 'layer_types[0]' is 'sliding_attention'; expected "
            "linear_attention or full_attention");
  EXPECT_NE(refuse(with(remoteConfig(), "num_local_experts", {4, 8, 4, 4})),
            "accepted");
  EXPECT_NE(
      refuse(with(with(remoteConfig(), "head_dim", nullptr), "hidden_size", 66))
          .find("'head_dim' is null"),
      std::string::npos);
}

TEST(ModelConfig, refusesSizesThatMultiplyToNonsense) {
  json huge = remoteConfig();
  huge["hidden_size"] = huge["intermediate_size"] = 1 << 20;
  huge["num_local_experts"] = 4096;
  EXPECT_NE(refuse(huge).find("multiply to more than"), std::string::npos)
      << refuse(huge);
  json many = with(with(remoteConfig(), "num_local_experts", 4096),
                   "num_hidden_layers", 1000);
  many["attn_type_list"] = std::vector<int>(1000, 0);
  EXPECT_EQ(refuse(many),
            "config.json: 'num_local_experts' times 'num_hidden_layers' is "
            "4096000; expected at most 262144");
  EXPECT_NE(refuse(with(with(remoteConfig(), "head_dim", 16384),
                        "num_attention_heads", 16384)),
            "accepted");
}

TEST(ModelConfig, refusesWhatWeWouldRunWrongly) {
  EXPECT_EQ(refuse(with(remoteConfig(), "hidden_act", "gelu")),
            "config.json: 'hidden_act' is \"gelu\"; expected \"silu\", the "
            "only activation this family was trained with");
  EXPECT_EQ(refuse(with(remoteConfig(), "sliding_window", 4096)),
            "config.json: 'sliding_window' is 4096; expected null: attention "
            "windows are not supported");
  EXPECT_NE(refuse(with(remoteConfig(), "quantization_config",
                        {{"quant_method", "gptq"}}))
                .find("pre-quantised checkpoints are not supported yet"),
            std::string::npos);
  EXPECT_EQ(refuse(with(remoteConfig(), "rope_scaling", {{"type", "yarn"}})),
            "config.json: 'rope_scaling.type' is \"yarn\"; expected "
            "\"default\": stretched rotary embeddings are not "
            "supported");
  EXPECT_NE(refuse(with(remoteConfig(), "rms_norm_eps", -1e-5)), "accepted");
  EXPECT_NE(refuse(with(remoteConfig(), "layernorm_mlp_alpha", "3.5")),
            "accepted");
  EXPECT_NE(refuse(json::array()), "accepted");
}

//===----------------------------------------------------------------------===//
// Constants of the network
//===----------------------------------------------------------------------===//

TEST(LightningSlopes, publishedModel) {
  ModelConfig config =
      *ModelConfig::load(MM1_SOURCE_DIR "/examples/minimax-m1/config.json");
  // Values of the published code, six digits.
  struct {
    int64_t layer, head;
    double slope;
  } expected[] = {{0, 0, 0.917013},  {0, 31, 0.062501},  {0, 63, 0.003906},
                  {6, 0, 0.847367},  {6, 31, 0.057754},  {6, 63, 0.003610},
                  {8, 0, 0.824152},  {8, 31, 0.056172},  {8, 63, 0.003511},
                  {40, 0, 0.452707}, {40, 31, 0.030855}, {40, 63, 0.001928},
                  {78, 0, 0.011617}, {78, 31, 0.000792}, {78, 63, 0.0000495}};
  for (auto [layer, head, slope] : expected)
    EXPECT_NEAR(lightningSlopes(config, layer)[static_cast<size_t>(head)],
                slope, 5.1e-7)
        << layer << " " << head;
}

TEST(LightningSlopes, headsThatAreNoPowerOfTwo) {
  ModelConfig config = accept(remoteConfig());
  config.numHeads = 6;
  std::vector<double> interleaved = lightningSlopes(config, 0);
  const double vendor[] = {0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125};
  config.modelType = "minimax", config.slopeRule = SlopeRule::Geometric;
  std::vector<double> geometric = lightningSlopes(config, 0);
  const double native[] = {0.39685,  0.15749,  0.0625,
                           0.024803, 0.009843, 0.003906};
  for (size_t h = 0; h < 6; ++h) {
    EXPECT_NEAR(interleaved[h], vendor[h] * (1 + 1e-5), 1e-15);
    EXPECT_NEAR(geometric[h], native[h] * (1 + 1e-5), 5.1e-6);
  }
}

TEST(LightningSlopes, firstLastAndOnlyLayer) {
  ModelConfig config = accept(remoteConfig());
  EXPECT_NEAR(lightningSlopes(config, 3)[0], 0.25 * 1e-5, 1e-16)
      << "the last layer hardly forgets";
  EXPECT_NEAR(lightningSlopes(config, 1)[0], 0.25 * (1 - 1.0 / 3 + 1e-5),
              1e-15);
  config.modelType = "minimax";
  EXPECT_NEAR(lightningSlopes(config, 1)[0],
              0.25 * (1 - 1.0 / (3 + 1e-5) + 1e-5), 1e-15);
  for (const char *type : {"minimax_m1", "minimax"}) {
    config.modelType = type, config.numLayers = 1;
    EXPECT_NEAR(lightningSlopes(config, 0)[0], 0.25 * (1 + 1e-5), 1e-15)
        << type;
  }
}

TEST(RopeFrequencies, bitForBitAsPublished) {
  auto golden =
      SafeTensorsFile::open(MM1_TEST_DATA "/goldens/rope.safetensors");
  ASSERT_TRUE(golden) << golden.error().message;
  struct {
    int64_t width;
    double theta;
    const char *name;
  } cases[] = {{8, 1e7, "r8.theta10000000"},
               {12, 1e6, "r12.theta1000000"},
               {64, 1e7, "r64.theta10000000"},
               {64, 5e6, "r64.theta5000000"}};
  for (auto [width, theta, name] : cases) {
    const SafeTensor *expected = golden->find(std::string(name) + ".inv_freq");
    ASSERT_TRUE(expected) << name;
    std::vector<float> found = ropeFrequencies(width, theta);
    ASSERT_EQ(found.size(), expected->elements<float>().size());
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_EQ(std::bit_cast<uint32_t>(found[i]),
                std::bit_cast<uint32_t>(expected->elements<float>()[i]))
          << name << " " << i;
    // And the angles are one float product.
    auto positions =
        golden->find(std::string(name) + ".positions")->elements<int32_t>();
    auto angles = golden->find(std::string(name) + ".angle")->elements<float>();
    for (size_t p = 0; p < positions.size(); ++p)
      for (size_t i = 0; i < found.size(); ++i)
        EXPECT_EQ(static_cast<float>(positions[p]) * found[i],
                  angles[p * found.size() + i]);
  }
}
