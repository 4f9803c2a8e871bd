//===- Pipeline.h - The order of everything, for programs ----------------------===//
// mm1c builds its pass manager with this; mm1-opt has the same as `--mm1-pipeline=to=fused`.
//===---------------------------------------------------------------------------===//
#pragma once

#include "mlir/Pass/PassManager.h"

#include <optional>
#include <string>
#include <vector>

namespace mlir::mm1 {

/// What the IR looks like after a phase; `mm1c --emit=` takes the same words.
enum class Stage { Mm1, Sharded, Quantized, Fused, Plan };

/// "mm1", "sharded", ...
StringRef stageName(Stage stage);
std::optional<Stage> parseStage(StringRef name);

/// The ideas of fusion that can be switched, each a pass (passes/Passes.td).
enum class Fusion {
  DeferNorm,
  GroupTokens,
  MergeLinears,
  NormLinears,
  RoutingExperts,
  AppendAttention,
  RecurrenceSums,
  SplitAttention
};

/// "defer-norm", "merge-linears", ...
ArrayRef<std::pair<Fusion, StringRef>> allFusions();

struct PipelineOptions {
  // What activations are rounded to, f32 | bf16: the importer asks.
  std::string compute = "bf16";
  int64_t ranks = 1;
  std::string scheme = "none"; // none | int8-experts
  std::string target = "cpu";
  // Of schedules: "decode.matmul.panels=4,..." and a file (passes/Fuse/Tuning.h).
  std::string overrides;
  std::string tuning;
  int64_t maxSequences = 8;
  int64_t maxContext = 4096; // tokens of one sequence
  // Tokens of all sequences together; 0: mm1-lower-to-plan's rule.
  int64_t kvTokens = 0;
  int64_t prefillTokens = 256; // tokens of one prefill step
  // Rising sizes, "1,4,8"; empty: powers (passes/Fuse/SpecializeBuckets.cpp).
  std::string decodeBuckets, prefillBuckets;
  // On or off whatever the target's default is.
  std::vector<Fusion> with, without;
  // Passes say in remarks what they merged and what not, and why.
  bool explainFusion = false;

  bool has(Fusion fusion) const;
};

/// Adds the passes that take a module of stage `first` to stage `last`: the
/// check of what `first` promises, then phase by phase, each with its check.
void buildPipeline(OpPassManager &manager, const PipelineOptions &options,
                   Stage last, Stage first = Stage::Mm1);

/// Registers `mm1-pipeline`, for mm1-opt.
void registerPipelines();

} // namespace mlir::mm1
