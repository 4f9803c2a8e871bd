//===- Pipeline.h - The order of everything, for programs ----------------------===//
// mm1c builds its pass manager with this; mm1-opt has the same as `--mm1-pipeline=to=fused`.
//===---------------------------------------------------------------------------===//
#pragma once

#include "mlir/Pass/PassManager.h"

#include <optional>
#include <string>

namespace mlir::mm1 {

/// What the IR looks like after a phase; `mm1c --emit=` takes the same words.
enum class Stage { Mm1, Sharded, Quantized, Fused, Plan };

/// "mm1", "sharded", ...
StringRef stageName(Stage stage);
std::optional<Stage> parseStage(StringRef name);

struct PipelineOptions {
  int64_t ranks = 1;
  std::string scheme = "none"; // none | int8-experts
  std::string target = "cpu";
  // Of schedules: "decode.matmul.panels=4,..." and a file (passes/Fuse/Tuning.h).
  std::string overrides;
  std::string tuning;
  int64_t maxSequences = 8;
  int64_t maxContext = 4096; // tokens of one sequence
  int64_t kvTokens =
      0; // of all sequences together; 0: mm1-lower-to-plan's rule
  int64_t prefillTokens = 256; // tokens of one prefill step
};

/// Adds the passes that take an imported module to `last`, each phase with the pass that checks its promise.
void buildPipeline(OpPassManager &manager, const PipelineOptions &options,
                   Stage last);

/// Registers `mm1-pipeline`, for mm1-opt.
void registerPipelines();

} // namespace mlir::mm1
