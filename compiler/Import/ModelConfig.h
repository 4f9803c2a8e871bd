//===- ModelConfig.h - What config.json says about the model --------------===//
// Reads config.json in both namings of this family: the published remote code's
// (MiniMax-M1, MiniMax-Text-01) and transformers' own (model_type "minimax"),
// and refuses what we would run wrongly.
//
//   auto config = ModelConfig::load("MiniMax-M1-40k/config.json");
//   config->numLayers;                       // 80
//   lightningSlopes(*config, 0)[0];          // 0.917013...
//
// Which key means what, and the defaults where the namings differ: each is
// stated beside its field below.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace mm1 {

enum class AttentionKind : uint8_t { Lightning, Softmax };

/// How the decay of head h of n comes about when n is not a power of two (else
/// both rules agree).
enum class SlopeRule : uint8_t {
  Interleaved, ///< remote code: the slopes of the power of two below, then
               ///< every second of the one above
  Geometric,   ///< transformers: 2^(-8(h+1)/n)
};

/// A sub-block ends in `alpha * residual + beta * branch`.
struct ResidualFactors {
  double alpha = 1, beta = 1;
};

/// The model, naming resolved and checked: every field is in range and they
/// agree with each other.
struct ModelConfig {
  /// "minimax_m1", "minimax_text_01" (remote code), or "minimax"
  /// (transformers).
  std::string modelType;
  bool isNative() const { return modelType == "minimax"; }

  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0; ///< width of one expert, or of the dense MLP
  int64_t numLayers = 0;
  int64_t numHeads = 0;   ///< query heads, and lightning heads
  int64_t numKVHeads = 0; ///< of softmax layers; divides numHeads
  int64_t headDim = 0;    ///< numHeads * headDim need not be hiddenSize
  int64_t rotaryDim = 0;  ///< channels of a head that turn with the position:
                          ///< even, at most headDim
  double ropeTheta = 0;
  int64_t maxPositionEmbeddings = 0;

  int64_t numExperts = 0;      ///< 1 is a dense MLP, stored as `mlp.*`
  int64_t expertsPerToken = 0; ///< at most numExperts
  /// Per layer, 0 where there is no shared expert. The checkpoint's shapes have
  /// the last word (Checkpoint::config).
  std::vector<int64_t> sharedWidths;

  std::vector<AttentionKind> attention; ///< one per layer
  ResidualFactors lightningFactors, softmaxFactors, mlpFactors;
  /// True: the residual is the output of the norm; false: its input.
  bool postnorm = false;
  bool tieWordEmbeddings = false;
  double rmsNormEps = 1e-5; ///< of the norms over hiddenSize
  /// Of the norm over all lightning heads: the published code builds it with
  /// its class default.
  static constexpr double kLightningNormEps = 1e-6;
  SlopeRule slopeRule = SlopeRule::Interleaved;

  /// Often null in the published files: the tokenizer knows better.
  std::optional<int64_t> bosTokenId;
  std::vector<int64_t> eosTokenIds;

  int64_t attentionWidth() const { return numHeads * headDim; }
  int64_t kvWidth() const { return numKVHeads * headDim; }
  bool isDense() const { return numExperts == 1; }
  int64_t countLayers(AttentionKind kind) const;

  /// Reads the file `path`. Input error naming file and field when something is
  /// missing, contradictory, out of any sensible range, or not supported (the
  /// message says which).
  static Expected<ModelConfig> load(const std::string &path);
  /// The same for a parsed file; `origin` opens the messages.
  static Expected<ModelConfig> fromJson(const nlohmann::json &json,
                                        const std::string &origin);
};

/// The decay rates s of lightning layer number `layer` of `layers` (softmax
/// layers counted), one per head, in double: base(h) * F(layer), and a state
/// decays by exp(-s) per token. F is 1 - l/(L-1) + 1e-5 in the remote code,
/// 1 - l/(L-1+1e-5) + 1e-5 in transformers (`nativeFactor`), and 1 + 1e-5 in
/// both for a model of one layer. Kernels round them to float.
std::vector<double> lightningSlopes(int64_t heads, int64_t layer,
                                    int64_t layers, SlopeRule rule,
                                    bool nativeFactor);
/// The same with everything but the layer from the config.
std::vector<double> lightningSlopes(const ModelConfig &config, int64_t layer);

/// The angle per position of each rotated channel pair, `width / 2` values, bit
/// for bit as the published code gets them: the exponent is rounded to float,
/// theta^exponent is taken in double and rounded to float, and so is its
/// reciprocal. (One rounding less differs in the last bit, which is 0.06 rad
/// after a million tokens.)
std::vector<float> ropeFrequencies(int64_t width, double theta);

} // namespace mm1
