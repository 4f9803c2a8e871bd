//===- StageOptions.h - Which stage uses which option up ------------------===//
// A module says on itself how far it has come, and with which options: so any
// stage can be printed, edited, and compiled from there.
//
//   module attributes {mm1.compute = "bf16", mm1.ranks = 1 : i64,
//       mm1.scheme = "none", mm1.stage = "quantized", ...}
//
// has used --compute, --gpus and --quant up: another --quant would contradict
// it. --target and all behind it are still open.
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/Pipeline.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir::mm1 {

struct StageOption {
  StringLiteral flag;      // of mm1c compile, without dashes: "prefill-tokens"
  StringLiteral attribute; // of the module: "mm1.prefill_tokens"
  Stage usedUpBy;
  /// A number or a string.
  Attribute (*get)(const PipelineOptions &, Builder &);
  /// Fails on an attribute of another kind, or a name that does not exist.
  LogicalResult (*set)(PipelineOptions &, Attribute);
};

/// All options, in the order of the stages.
ArrayRef<StageOption> stageOptions();

/// The attribute that says a module's stage.
inline constexpr StringLiteral kStageAttribute = "mm1.stage";

/// Writes on the module that it has reached `stage` with these options.
void recordStage(ModuleOp module, Stage stage, const PipelineOptions &options);

/// What the module says of itself. Reports a stage that is missing or unknown,
/// and ops that no module of that stage holds.
FailureOr<Stage> readStage(ModuleOp module);

/// Sets the options that `stage` has used up to what the module says; those it
/// does not say are as in a new PipelineOptions. Reports values of another kind.
LogicalResult readOptions(ModuleOp module, Stage stage,
                          PipelineOptions &options);

/// "-merge-linears,defer-norm": what is off and what is on in any case.
std::string fusionText(const PipelineOptions &options);
/// Reads it. Returns the word that is no fusion or contradicts another, or "".
std::string parseFusions(StringRef text, PipelineOptions &options);

} // namespace mlir::mm1
