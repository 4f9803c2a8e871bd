//===- Estimate.h - Does it fit, and how fast at best? --------------------===//
// Sizes and bounds from config.json alone: what `mm1c plan` prints.
//
//   EstimateRequest request{.gpus = 8, .gpu = findGpu("h200")};
//   auto estimate = Estimate::make(*config, request);
//   estimate->memory.neededPerGpu;      // 115.9 GB for the published model
//   estimate->decode[0].milliseconds;   // 2.49 at the sheet's 4.8 TB/s
//
// The split over GPUs is tensor parallelism: heads, expert width and vocabulary
// are shared out, routers and the norms over hidden_size are on every GPU, KV
// heads are repeated when there are more GPUs than KV heads.
//
// Workspace is the one figure that is not exact before the plan phase has run:
//   three hidden rows and one to exchange  T * H * (3 + 1) * 2 bytes
//   + the larger of
//       lightning  T * A/P * (3*4 + 2 + 4)     q k v and output f32, gate bf16
//       softmax    T * (2A + 2K)/P * 2         q k v and output
//       experts    T * k * (3*I/P + H) * 2     gate, up, product, down
//   + logits     B * (V + V/P) * 4             shard and gathered, f32
//   + 1 GiB      driver, kernels, buffers of the collectives
// for T tokens of one prefill step and B sequences.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Import/Gpus.h"
#include "compiler/Import/ModelConfig.h"

#include <ostream>

namespace mm1 {

enum class WeightScheme : uint8_t {
  None,        ///< bf16, routers f32
  Int8Experts, ///< expert matrices int8 with one f32 scale per output row
};

/// "none" or "int8-experts".
std::optional<WeightScheme> weightSchemeNamed(std::string_view name);
std::string_view name(WeightScheme scheme);

struct EstimateRequest {
  int64_t gpus = 1;
  WeightScheme quant = WeightScheme::None;
  int64_t context = 4096; ///< tokens of each sequence
  int64_t sequences = 1;
  int64_t prefillTokens = 8192;  ///< of one prefill step, all sequences
  const GpuModel *gpu = nullptr; ///< for memory and speed, if named
  std::optional<uint64_t> memoryBytes = {}; ///< of one GPU, instead of gpu's
};

/// Why the model cannot be shared among `gpus` GPUs, one reason a line; empty
/// when it can.
std::vector<std::string> shardingProblems(const ModelConfig &config,
                                          int64_t gpus);

struct Estimate {
  struct WeightClass {
    std::string_view name;
    uint64_t parameters;  ///< of the whole model
    uint64_t bytes;       ///< of the whole model, stored once
    uint64_t bytesPerGpu; ///< with what is repeated on every GPU
  };
  struct Memory { ///< bytes
    uint64_t lightningStatePerSequence, lightningStatePerSequencePerGpu;
    uint64_t kvPerToken, kvPerTokenPerGpu;
    uint64_t weightsPerGpu, lightningStatePerGpu, kvPerGpu, workspacePerGpu;
    uint64_t neededPerGpu; ///< the sum of the four above
    std::optional<uint64_t> availablePerGpu;
    /// With what is available: tokens a sequence may have when `sequences` run
    /// (at most what the model was made for), sequences of `context` tokens.
    std::optional<int64_t> longestContext, mostSequences;
    bool fits() const {
      return availablePerGpu && neededPerGpu <= *availablePerGpu;
    }
  };
  /// One step for a batch, every sequence at `context` tokens.
  struct Decode {
    int64_t batch;
    double distinctExperts; ///< per layer, expected for independent choices
    double bytesPerGpu;     ///< weights, lightning state twice, KV
    double flopsPerGpu;
    double milliseconds, tokensPerSecond; ///< at best; 0 without a GPU
  };
  struct Prefill {
    int64_t tokens;
    double flops;   ///< of all GPUs
    double seconds; ///< at best; 0 without a GPU
  };

  ModelConfig config;
  EstimateRequest request;
  std::vector<WeightClass> weights;
  uint64_t parameters, parametersPerToken; ///< in all; used for one token
  Memory memory;
  std::vector<Decode> decode; ///< batch 1, then `sequences` when that is more
  Prefill prefill;            ///< of one sequence of `context` tokens

  /// Usage error for a request out of range; input error with all reasons when
  /// the model cannot be shared so.
  static Expected<Estimate> make(const ModelConfig &config,
                                 const EstimateRequest &request);

  uint64_t weightBytes() const;
  /// Bytes of weights one GPU reads in a step of `tokens` tokens: of the experts
  /// those that some token is expected to choose.
  double weightBytesRead(int64_t tokens) const;
  /// What one decode step of `batch` sequences costs.
  Decode decodeStep(int64_t batch) const;

  void renderTable(std::ostream &out) const;
  /// The same figures, two spaces of indent, ending in a newline.
  std::string toJson() const;
};

} // namespace mm1
