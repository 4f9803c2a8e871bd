//===- TensorTable.cpp - Which tensors a checkpoint of a config must have -===//
#include "compiler/Import/TensorTable.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace mm1 {

std::string_view describe(TensorRole role) {
  switch (role) {
  case TensorRole::Embedding:
    return "embedding";
  case TensorRole::Head:
    return "head";
  case TensorRole::FinalNorm:
    return "final norm";
  case TensorRole::InputNorm:
    return "input norm";
  case TensorRole::PostAttentionNorm:
    return "post-attention norm";
  case TensorRole::LightningQkv:
    return "lightning qkv";
  case TensorRole::LightningGate:
    return "lightning gate";
  case TensorRole::LightningOut:
    return "lightning out";
  case TensorRole::LightningNorm:
    return "lightning norm";
  case TensorRole::SoftmaxQ:
    return "softmax q";
  case TensorRole::SoftmaxK:
    return "softmax k";
  case TensorRole::SoftmaxV:
    return "softmax v";
  case TensorRole::SoftmaxOut:
    return "softmax out";
  case TensorRole::Router:
    return "router";
  case TensorRole::ExpertGate:
    return "expert gate";
  case TensorRole::ExpertUp:
    return "expert up";
  case TensorRole::ExpertDown:
    return "expert down";
  case TensorRole::StackedGateUp:
    return "stacked expert gate and up";
  case TensorRole::StackedDown:
    return "stacked expert down";
  case TensorRole::DenseGate:
    return "dense gate";
  case TensorRole::DenseUp:
    return "dense up";
  case TensorRole::DenseDown:
    return "dense down";
  case TensorRole::SharedGate:
    return "shared gate";
  case TensorRole::SharedUp:
    return "shared up";
  case TensorRole::SharedDown:
    return "shared down";
  case TensorRole::SharedCoefficient:
    return "shared coefficient";
  }
  return "?";
}

TensorTable::TensorTable(const ModelConfig &config, ExpertLayout layout) {
  using Role = TensorRole;
  const int64_t H = config.hiddenSize, A = config.attentionWidth(),
                K = config.kvWidth();
  const int64_t I = config.intermediateSize, E = config.numExperts,
                V = config.vocabSize;
  int32_t layer = -1, expert = -1;
  std::string prefix;
  auto add = [&](std::string_view name, Role role,
                 std::initializer_list<int64_t> shape,
                 ElementType type = ElementType::BF16) {
    entries.push_back({prefix + std::string(name) + ".weight", shape, role,
                       layer, expert, type});
  };

  entries.reserve(static_cast<size_t>(config.numLayers * (3 * E + 12) + 3));
  add("model.embed_tokens", Role::Embedding, {V, H});
  for (layer = 0; layer < config.numLayers; ++layer) {
    const std::string layerPrefix =
        "model.layers." + std::to_string(layer) + ".";
    prefix = layerPrefix;
    add("input_layernorm", Role::InputNorm, {H});
    if (config.attention[layer] == AttentionKind::Lightning) {
      add("self_attn.qkv_proj", Role::LightningQkv, {3 * A, H});
      add("self_attn.output_gate", Role::LightningGate, {A, H});
      add("self_attn.norm", Role::LightningNorm, {A});
      add("self_attn.out_proj", Role::LightningOut, {H, A});
    } else {
      add("self_attn.q_proj", Role::SoftmaxQ, {A, H});
      add("self_attn.k_proj", Role::SoftmaxK, {K, H});
      add("self_attn.v_proj", Role::SoftmaxV, {K, H});
      add("self_attn.o_proj", Role::SoftmaxOut, {H, A});
    }
    add("post_attention_layernorm", Role::PostAttentionNorm, {H});
    if (config.isDense()) {
      add("mlp.gate_proj", Role::DenseGate, {I, H});
      add("mlp.up_proj", Role::DenseUp, {I, H});
      add("mlp.down_proj", Role::DenseDown, {H, I});
    } else if (layout == ExpertLayout::PerExpert) {
      add("block_sparse_moe.gate", Role::Router, {E, H}, ElementType::F32);
      for (expert = 0; expert < E; ++expert) {
        prefix = layerPrefix + "block_sparse_moe.experts." +
                 std::to_string(expert) + ".";
        add("w1", Role::ExpertGate, {I, H});
        add("w3", Role::ExpertUp, {I, H});
        add("w2", Role::ExpertDown, {H, I});
      }
      expert = -1;
      prefix = layerPrefix;
    } else {
      add("mlp.gate", Role::Router, {E, H}, ElementType::F32);
      // transformers stores these two as bare parameters, without ".weight".
      entries.push_back({prefix + "mlp.experts.gate_up_proj",
                         {E, 2 * I, H},
                         Role::StackedGateUp,
                         layer});
      entries.push_back({prefix + "mlp.experts.down_proj",
                         {E, H, I},
                         Role::StackedDown,
                         layer});
    }
    if (int64_t S = config.sharedWidths[layer]) {
      add("shared_mlp.gate_proj", Role::SharedGate, {S, H});
      add("shared_mlp.up_proj", Role::SharedUp, {S, H});
      add("shared_mlp.down_proj", Role::SharedDown, {H, S});
      add("coefficient", Role::SharedCoefficient, {1, H}, ElementType::F32);
    }
  }
  layer = -1;
  prefix.clear();
  add("model.norm", Role::FinalNorm, {H});
  if (!config.tieWordEmbeddings)
    add("lm_head", Role::Head, {V, H});

  byName.reserve(entries.size());
  for (uint32_t i = 0; i < entries.size(); ++i)
    byName.emplace(entries[i].name, i);
}

const ExpectedTensor *TensorTable::find(std::string_view name) const {
  auto found = byName.find(name);
  return found == byName.end() ? nullptr : &entries[found->second];
}

bool TensorTable::isIgnorable(std::string_view name,
                              const ModelConfig &config) {
  if (name == "lm_head.weight")
    return config.tieWordEmbeddings;
  if (name == "model.rotary_emb.inv_freq")
    return true;
  constexpr std::string_view kLayers = "model.layers.";
  if (!name.starts_with(kLayers))
    return false;
  name.remove_prefix(kLayers.size());
  size_t digits = 0;
  while (digits < name.size() &&
         std::isdigit(static_cast<unsigned char>(name[digits])))
    ++digits;
  name.remove_prefix(digits);
  constexpr std::array<std::string_view, 5> kBuffers = {
      ".self_attn.slope_rate", ".self_attn.query_decay", ".self_attn.key_decay",
      ".self_attn.diagonal_decay", ".self_attn.rotary_emb.inv_freq"};
  return digits > 0 &&
         std::find(kBuffers.begin(), kBuffers.end(), name) != kBuffers.end();
}

} // namespace mm1
