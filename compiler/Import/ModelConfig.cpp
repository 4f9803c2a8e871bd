//===- ModelConfig.cpp - What config.json says about the model ------------===//
// Sizes must be in the file: a guessed size would only be noticed when the
// weights disagree, if at all. Behaviour (factors, eps, theta, ...) has the
// defaults of the class that the model_type names. Where a file carries the
// keys of both namings, the remote code's win: they are what the weights were
// trained with.
#include "compiler/Import/ModelConfig.h"
#include "runtime/Support/Json.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mm1 {

namespace {

constexpr int64_t kMaxWidth = 1 << 20; // of hidden, expert, head, ...
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxExperts = 4096;
constexpr int64_t kMaxExpertsInAll =
    1 << 18; // the table of tensors has three rows for each
constexpr int64_t kMaxParameters = int64_t(1) << 50;

/// Reads fields in a row and remembers the first that is wrong; later reads
/// then return harmless values.
class FieldReader {
public:
  explicit FieldReader(const JsonObject &object) : object(object) {}

  std::optional<Error> firstError;
  bool failed() const { return firstError.has_value(); }
  void fail(Error error) {
    if (!firstError)
      firstError = std::move(error);
  }
  template <typename T> T take(Expected<T> value, T otherwise) {
    if (value)
      return std::move(*value);
    fail(value.takeError());
    return otherwise;
  }

  bool has(std::string_view key) const { return object.has(key); }
  int64_t integer(std::string_view key, int64_t min, int64_t max) {
    return take(object.integer(key, min, max), min);
  }
  int64_t integerOr(std::string_view key, int64_t absent, int64_t min,
                    int64_t max) {
    return take(object.integerOr(key, absent, min, max), min);
  }
  double numberOr(std::string_view key, double absent, double min, double max) {
    return take(object.numberOr(key, absent, min, max), min);
  }
  bool booleanOr(std::string_view key, bool absent) {
    return take(object.booleanOr(key, absent), absent);
  }
  std::string stringOr(std::string_view key, std::string_view absent) {
    return take(object.stringOr(key, absent), std::string(absent));
  }

  const JsonObject &object;
};

std::string number(int64_t value) { return std::to_string(value); }

/// The canonical model_type, from the key or, without one, from
/// `architectures`.
Expected<std::string> readModelType(const JsonObject &object) {
  constexpr std::string_view kKnown =
      "minimax_m1 (MiniMax-M1), minimax_text_01 (MiniMax-Text-01) or minimax "
      "(transformers' naming of both)";
  if (object.has("text_config"))
    return object.error(
        "text_config",
        "wraps the text model of a vision-language checkpoint (MiniMax-VL-01), "
        "which "
        "is not supported; expected a config of the text model itself");
  std::string key = "model_type", found;
  if (object.has(key)) {
    auto value = object.string(key);
    if (!value)
      return value;
    found = *value;
  } else if (object.has("architectures")) {
    key = "architectures";
    auto list = object.strings(key);
    if (!list)
      return list.takeError();
    found = list->empty() ? "" : list->front();
  }
  if (found == "minimax_m1" || found == "MiniMaxM1" ||
      found == "MiniMaxM1ForCausalLM")
    return std::string("minimax_m1");
  if (found == "minimax_text_01" || found == "MiniMaxText01" ||
      found == "MiniMaxText01ForCausalLM")
    return std::string("minimax_text_01");
  if (found == "minimax" || found == "MiniMaxForCausalLM")
    return std::string("minimax");
  return object.mismatch(key, kKnown);
}

/// `num_local_experts` is a number, or a list that repeats one.
int64_t readNumExperts(FieldReader &read, int64_t numLayers) {
  std::string_view key =
      read.has("num_local_experts") || !read.has("num_experts")
          ? "num_local_experts"
          : "num_experts";
  const nlohmann::json *field = read.object.find(key);
  if (!field || !field->is_array())
    return read.integer(key, 1, kMaxExperts);
  auto list = read.take(read.object.integers(key, 1, kMaxExperts), {});
  if (list.empty() ||
      std::any_of(list.begin(), list.end(),
                  [&](int64_t n) { return n != list[0]; }) ||
      (list.size() != 1 && list.size() != static_cast<size_t>(numLayers))) {
    read.fail(read.object.mismatch(
        key, "one number of experts, the same in every layer"));
    return 1;
  }
  return list[0];
}

std::vector<int64_t> readSharedWidths(FieldReader &read,
                                      const ModelConfig &config) {
  std::string_view key = "shared_intermediate_size";
  std::vector<int64_t> widths;
  const nlohmann::json *field = read.object.find(key);
  if (field && field->is_array())
    widths = read.take(read.object.integers(key, 0, kMaxWidth), {});
  else
    widths.assign(static_cast<size_t>(config.numLayers),
                  read.integerOr(key, 0, 0, kMaxWidth));
  if (widths.size() > static_cast<size_t>(config.numLayers))
    read.fail(read.object.error(
        key, "has " + number(static_cast<int64_t>(widths.size())) +
                 " values; expected at most one for each of the " +
                 number(config.numLayers) + " layers"));
  widths.resize(static_cast<size_t>(config.numLayers),
                0); // a short list means none in the layers beyond it
  if (std::all_of(widths.begin(), widths.end(),
                  [](int64_t width) { return width == 0; }))
    return widths;
  if (config.isNative())
    read.fail(read.object.mismatch(
        key, "0: model_type minimax has no shared expert"));
  // Under "softmax" the blend is a softmax over one value, which is 1: it would
  // discard the routed experts.
  if (read.stringOr("shared_moe_mode", "") != "sigmoid")
    read.fail(read.object.mismatch(
        "shared_moe_mode",
        "\"sigmoid\", the only blend of a shared expert that has a "
        "meaning ('shared_intermediate_size' is not 0)"));
  return widths;
}

std::vector<AttentionKind> readAttention(FieldReader &read,
                                         const ModelConfig &config) {
  std::vector<AttentionKind> kinds;
  std::string key;
  for (std::string_view name : {"attn_type_list", "decoder_attention_types"})
    if (read.has(name) && !read.failed()) {
      std::vector<AttentionKind> listed;
      for (int64_t kind : read.take(read.object.integers(name, 0, 1), {}))
        listed.push_back(kind == 0 ? AttentionKind::Lightning
                                   : AttentionKind::Softmax);
      if (!key.empty() && listed != kinds)
        read.fail(read.object.error(name, "differs from '" + key + "'"));
      key = name, kinds = std::move(listed);
    }
  if (read.has("layer_types") && !read.failed()) {
    std::vector<AttentionKind> listed;
    for (const std::string &name :
         read.take(read.object.strings("layer_types"), {})) {
      if (name != "linear_attention" && name != "full_attention")
        read.fail(read.object.error(
            "layer_types[" + number(static_cast<int64_t>(listed.size())) + "]",
            "is " + inQuotes(name) +
                "; expected linear_attention or full_attention"));
      listed.push_back(name == "full_attention" ? AttentionKind::Softmax
                                                : AttentionKind::Lightning);
    }
    if (!key.empty() && listed != kinds)
      read.fail(read.object.error("layer_types", "differs from '" + key + "'"));
    key = "layer_types", kinds = std::move(listed);
  }
  if (key.empty() && config.isNative()) { // the default of transformers' class
    for (int64_t layer = 0; layer < config.numLayers; ++layer)
      kinds.push_back(layer % 2 == 0 ? AttentionKind::Softmax
                                     : AttentionKind::Lightning);
    return kinds;
  }
  if (key.empty())
    read.fail(read.object.mismatch(
        "attn_type_list",
        "a list of 0 (lightning) or 1 (softmax) for each of the " +
            number(config.numLayers) + " layers"));
  else if (kinds.size() != static_cast<size_t>(config.numLayers))
    read.fail(read.object.error(
        key, "has " + number(static_cast<int64_t>(kinds.size())) +
                 " values; expected one for each of the " +
                 number(config.numLayers) + " layers ('num_hidden_layers')"));
  return kinds;
}

ResidualFactors readFactors(FieldReader &read, const std::string &remote,
                            const std::string &native) {
  auto factor = [&](const std::string &remoteKey,
                    const std::string &nativeKey) {
    return read.numberOr(read.has(remoteKey) ? remoteKey : nativeKey, 1, -1e6,
                         1e6);
  };
  return {factor("layernorm_" + remote + "_alpha", native + "_alpha_factor"),
          factor("layernorm_" + remote + "_beta", native + "_beta_factor")};
}

void readRotary(FieldReader &read, ModelConfig &config) {
  constexpr double kDefaultTheta = 1e6, kMinTheta = 1, kMaxTheta = 1e15;
  config.rotaryDim = config.headDim;
  config.ropeTheta = kDefaultTheta;
  auto readPart = [&](FieldReader &part) {
    for (std::string_view key : {"rope_type", "type"})
      if (part.stringOr(key, "default") != "default")
        part.fail(part.object.mismatch(
            key, "\"default\": stretched rotary embeddings are not supported"));
    config.ropeTheta =
        part.numberOr("rope_theta", config.ropeTheta, kMinTheta, kMaxTheta);
    if (!part.has("partial_rotary_factor"))
      return;
    double width = part.numberOr("partial_rotary_factor", 1, 0, 1) *
                   static_cast<double>(config.headDim);
    if (width != std::floor(width))
      part.fail(part.object.mismatch(
          "partial_rotary_factor", "a share of 'head_dim' (" +
                                       number(config.headDim) +
                                       ") that is a whole number of channels"));
    config.rotaryDim = static_cast<int64_t>(width);
  };
  // Later reads win: the keys at the top are the trained values when a stale
  // rope_parameters lies beside them.
  for (std::string_view key : {"rope_scaling", "rope_parameters"})
    if (read.has(key)) {
      auto object = read.object.object(key);
      if (!object)
        return read.fail(object.takeError());
      FieldReader part(*object);
      readPart(part);
      if (part.failed())
        return read.fail(std::move(*part.firstError));
    }
  config.ropeTheta =
      read.numberOr("rope_theta", config.ropeTheta, kMinTheta, kMaxTheta);
  std::string_view key =
      read.has("rotary_dim") ? "rotary_dim" : "partial_rotary_factor";
  if (read.has("rotary_dim"))
    config.rotaryDim = read.integer("rotary_dim", 1, kMaxWidth);
  else if (read.has("partial_rotary_factor"))
    config.rotaryDim =
        static_cast<int64_t>(read.numberOr("partial_rotary_factor", 1, 0, 1) *
                             static_cast<double>(config.headDim));
  if (!read.failed() && (config.rotaryDim < 2 || config.rotaryDim % 2 != 0 ||
                         config.rotaryDim > config.headDim))
    read.fail(read.object.error(key, "rotates " + number(config.rotaryDim) +
                                         " channels of a head; expected an "
                                         "even number from 2 to 'head_dim' (" +
                                         number(config.headDim) + ")"));
}

/// A token id, a list of them, or null. Ids beyond the vocabulary do no harm:
/// they are never produced.
std::vector<int64_t> readTokenIds(FieldReader &read, std::string_view key) {
  const nlohmann::json *field = read.object.find(key);
  if (!field)
    return {};
  if (field->is_array())
    return read.take(read.object.integers(key, 0, INT32_MAX), {});
  return {read.integer(key, 0, INT32_MAX)};
}

void refuseUnsupported(FieldReader &read) {
  if (read.has("quantization_config"))
    read.fail(read.object.error("quantization_config",
                                "is set: pre-quantised checkpoints are not "
                                "supported yet; start from the bfloat16 one "
                                "and let mm1c quantise it"));
  if (read.has("sliding_window"))
    read.fail(read.object.mismatch(
        "sliding_window", "null: attention windows are not supported"));
  if (read.stringOr("hidden_act", "silu") != "silu")
    read.fail(read.object.mismatch(
        "hidden_act",
        "\"silu\", the only activation this family was trained with"));
}

/// Sizes that pass one by one may still multiply to nonsense.
void checkTotals(FieldReader &read, const ModelConfig &config) {
  if (config.numLayers * config.numExperts > kMaxExpertsInAll)
    return read.fail(read.object.error(
        "num_local_experts", "times 'num_hidden_layers' is " +
                                 number(config.numLayers * config.numExperts) +
                                 "; expected at most " +
                                 number(kMaxExpertsInAll)));
  using Wide = __int128;
  Wide perLayer = Wide(config.numExperts) * 3 * config.intermediateSize *
                      config.hiddenSize +
                  Wide(5) * config.attentionWidth() * config.hiddenSize +
                  Wide(3) *
                      *std::max_element(config.sharedWidths.begin(),
                                        config.sharedWidths.end()) *
                      config.hiddenSize;
  Wide total = perLayer * config.numLayers +
               Wide(2) * config.vocabSize * config.hiddenSize;
  if (total > kMaxParameters)
    read.fail(
        inputError(read.object.origin() + ": the sizes multiply to more than " +
                   number(kMaxParameters) +
                   " parameters; check 'hidden_size', 'intermediate_size', "
                   "'vocab_size', 'num_local_experts'"));
}

} // namespace

int64_t ModelConfig::countLayers(AttentionKind kind) const {
  return std::count(attention.begin(), attention.end(), kind);
}

Expected<ModelConfig> ModelConfig::load(const std::string &path) {
  auto json = readJson(path, {.maxBytes = 1 << 20, .maxDepth = 16});
  if (!json)
    return json.takeError();
  return fromJson(*json, path);
}

Expected<ModelConfig> ModelConfig::fromJson(const nlohmann::json &json,
                                            const std::string &origin) {
  auto object = JsonObject::root(json, origin);
  if (!object)
    return object.takeError();
  auto modelType = readModelType(*object);
  if (!modelType)
    return modelType.takeError();

  FieldReader read(*object);
  refuseUnsupported(read);
  ModelConfig config;
  config.modelType = *modelType;
  config.slopeRule =
      config.isNative() ? SlopeRule::Geometric : SlopeRule::Interleaved;
  config.vocabSize = read.integer("vocab_size", 1, 1 << 24);
  config.hiddenSize = read.integer("hidden_size", 1, kMaxWidth);
  config.intermediateSize = read.integer("intermediate_size", 1, kMaxWidth);
  config.numLayers = read.integer("num_hidden_layers", 1, kMaxLayers);
  config.numHeads = read.integer("num_attention_heads", 1, 1 << 14);
  config.numKVHeads = read.integer("num_key_value_heads", 1, 1 << 14);
  if (read.failed())
    return std::move(*read.firstError);
  if (config.numHeads % config.numKVHeads != 0)
    return object->error("num_key_value_heads",
                         "is " + number(config.numKVHeads) +
                             ", which does not divide 'num_attention_heads' (" +
                             number(config.numHeads) + ")");
  if (!read.has("head_dim") && config.hiddenSize % config.numHeads != 0)
    return object->mismatch(
        "head_dim", "a number, because 'hidden_size' (" +
                        number(config.hiddenSize) +
                        ") is not a multiple of 'num_attention_heads' (" +
                        number(config.numHeads) + ")");
  config.headDim = read.integerOr(
      "head_dim", config.hiddenSize / config.numHeads, 1, 1 << 14);
  if (!read.failed() && config.attentionWidth() > kMaxWidth)
    read.fail(object->error("head_dim", "times 'num_attention_heads' is " +
                                            number(config.attentionWidth()) +
                                            "; expected at most " +
                                            number(kMaxWidth)));
  readRotary(read, config);
  config.maxPositionEmbeddings =
      read.integerOr("max_position_embeddings", 131072, 1, INT32_MAX);

  config.numExperts = readNumExperts(read, config.numLayers);
  if (config.isDense()) {
    config.expertsPerToken = 1; // the key is not read for a dense MLP
  } else {
    config.expertsPerToken =
        read.integerOr("num_experts_per_tok", 2, 1, kMaxExperts);
    if (!read.failed() && config.expertsPerToken > config.numExperts)
      read.fail(object->error(
          "num_experts_per_tok",
          "is " + number(config.expertsPerToken) + "; the model has " +
              number(config.numExperts) + " experts ('num_local_experts')"));
  }
  config.sharedWidths = readSharedWidths(read, config);
  config.attention = readAttention(read, config);
  config.lightningFactors =
      readFactors(read, "linear_attention", "linear_attn");
  config.softmaxFactors = readFactors(read, "full_attention", "full_attn");
  config.mlpFactors = readFactors(read, "mlp", "mlp");
  config.postnorm = read.booleanOr("postnorm", config.isNative());
  config.tieWordEmbeddings = read.booleanOr("tie_word_embeddings", false);
  config.rmsNormEps = read.numberOr("rms_norm_eps", 1e-5, 1e-30, 1);
  if (auto bos = readTokenIds(read, "bos_token_id"); !bos.empty())
    config.bosTokenId = bos.front();
  config.eosTokenIds = readTokenIds(read, "eos_token_id");
  if (!read.failed())
    checkTotals(read, config);
  if (read.failed())
    return std::move(*read.firstError);
  return config;
}

//===----------------------------------------------------------------------===//
// Constants of the network
//===----------------------------------------------------------------------===//

/// 2^(-8(h+1)/n) for h = 0..n-1.
static std::vector<double> geometricSlopes(int64_t n) {
  std::vector<double> slopes;
  for (int64_t h = 0; h < n; ++h)
    slopes.push_back(
        std::exp2(-8.0 * static_cast<double>(h + 1) / static_cast<double>(n)));
  return slopes;
}

/// The same for a power of two; else the power of two below, and every second
/// one of twice that. For 6 heads: 1/4 1/16 1/64 1/256, 1/2 1/8.
static std::vector<double> interleavedSlopes(int64_t n) {
  int64_t below =
      static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(n)));
  std::vector<double> slopes = geometricSlopes(below);
  std::vector<double> finer = geometricSlopes(2 * below);
  for (size_t i = 0; slopes.size() < static_cast<size_t>(n); i += 2)
    slopes.push_back(finer[i]);
  return slopes;
}

std::vector<double> lightningSlopes(int64_t heads, int64_t layer,
                                    int64_t layers, SlopeRule rule,
                                    bool nativeFactor) {
  std::vector<double> slopes = rule == SlopeRule::Geometric
                                   ? geometricSlopes(heads)
                                   : interleavedSlopes(heads);
  double last = static_cast<double>(layers - 1);
  double span = nativeFactor ? last + 1e-5 : last;
  double share = layers == 1 ? 0 : static_cast<double>(layer) / span;
  for (double &slope : slopes)
    slope *= 1 - share + 1e-5;
  return slopes;
}

std::vector<double> lightningSlopes(const ModelConfig &config, int64_t layer) {
  return lightningSlopes(config.numHeads, layer, config.numLayers,
                         config.slopeRule, config.isNative());
}

std::vector<float> ropeFrequencies(int64_t width, double theta) {
  std::vector<float> frequencies;
  for (int64_t i = 0; i < width / 2; ++i) {
    float exponent = static_cast<float>(2 * i) / static_cast<float>(width);
    float power =
        static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
    frequencies.push_back(1.0f / power);
  }
  return frequencies;
}

} // namespace mm1
