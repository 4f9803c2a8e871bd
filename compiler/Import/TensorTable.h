//===- TensorTable.h - Which tensors a checkpoint of a config must have ---===//
// Names, shapes and meaning of every tensor, from config.json alone: for the
// published model 8243 of them.
//
//   TensorTable table(config, ExpertLayout::PerExpert);
//   auto *t = table.find("model.layers.0.self_attn.qkv_proj.weight");
//   t->shape; // [24576, 6144]: per head 128 rows of q, 128 of k, 128 of v
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Import/ModelConfig.h"
#include "runtime/Support/ElementType.h"

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mm1 {

/// What a tensor is for. Linear weights are stored [out, in]. H hidden, A heads
/// x head_dim, K kv heads x head_dim, I expert width, E experts, S shared
/// width, V vocabulary.
enum class TensorRole : uint8_t {
  Embedding, ///< [V, H]
  Head,      ///< [V, H]; absent when the config ties it to the embedding
  FinalNorm, ///< [H]
  InputNorm, ///< [H]
  PostAttentionNorm, ///< [H]
  LightningQkv,      ///< [3A, H], per head d rows of q, d of k, d of v
  LightningGate,     ///< [A, H]
  LightningOut,      ///< [H, A]
  LightningNorm,     ///< [A]
  SoftmaxQ,          ///< [A, H]
  SoftmaxK,          ///< [K, H]
  SoftmaxV,          ///< [K, H]
  SoftmaxOut,        ///< [H, A]
  Router,            ///< [E, H], float32 in the published files
  ExpertGate,        ///< w1 [I, H], the side that goes through SiLU
  ExpertUp,          ///< w3 [I, H]
  ExpertDown,        ///< w2 [H, I]
  StackedGateUp,     ///< [E, 2I, H], gate rows first
  StackedDown,       ///< [E, H, I]
  DenseGate,         ///< [I, H]
  DenseUp,           ///< [I, H]
  DenseDown,         ///< [H, I]
  SharedGate,        ///< [S, H]
  SharedUp,          ///< [S, H]
  SharedDown,        ///< [H, S]
  SharedCoefficient, ///< [1, H], float32 in the published files
};

/// "router", "expert gate", ...: for messages and tables.
std::string_view describe(TensorRole role);

struct ExpectedTensor {
  std::string name;
  std::vector<int64_t> shape;
  TensorRole role;
  int32_t layer = -1;  ///< absolute layer index, -1 outside layers
  int32_t expert = -1; ///< -1 when not of one expert
  ElementType type = ElementType::BF16; ///< what the published files hold; F32
                                        ///< and BF16 are both read
};

/// How the experts lie on disk.
enum class ExpertLayout : uint8_t {
  PerExpert, ///< block_sparse_moe.experts.E.w1|w2|w3: the published files, and
             ///< transformers up to 4.57
  Stacked, ///< mlp.experts.gate_up_proj|down_proj: what transformers 5 holds in
           ///< memory
};

class TensorTable {
public:
  TensorTable(const ModelConfig &config, ExpertLayout layout);
  TensorTable(const TensorTable &) = delete; // byName points into entries
  TensorTable &operator=(const TensorTable &) = delete;

  /// In the order a token meets them.
  std::span<const ExpectedTensor> tensors() const { return entries; }
  const ExpectedTensor *find(std::string_view name) const;

  /// True for tensors that some writers add and that say nothing the config
  /// does not: decay and rotary buffers, and a head beside a tied embedding.
  static bool isIgnorable(std::string_view name, const ModelConfig &config);

private:
  std::vector<ExpectedTensor> entries;
  std::unordered_map<std::string_view, uint32_t>
      byName; // keys point into entries
};

} // namespace mm1
