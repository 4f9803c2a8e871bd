//===- CompileSource.h - Where mm1c compile starts ------------------------===//
// A checkpoint, the text of a module at any stage, or an artifact, which holds
// the module it was made from:
//
//   mm1c compile CHECKPOINT -o m.mm1
//   mm1c compile fused.mlir --checkpoint CHECKPOINT -o m.mm1
//   mm1c compile old.mm1 --checkpoint CHECKPOINT --quant int8-experts -o m.mm1
//
// The options are what was typed; else what the module or the artifact says;
// else the defaults. A stage that lies behind has used its options up: typing
// another value is a contradiction.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Import/Checkpoint.h"
#include "compiler/tools/Commands.h"
#include "passes/Pipeline.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <nlohmann/json.hpp>
#include <optional>

namespace mm1 {

/// The files of an artifact that it can be compiled again from.
inline constexpr char kModulePath[] = "module.mlir";
inline constexpr char kTuningPath[] = "tuning.json";

struct CompileSource {
  mlir::mm1::Stage stage = mlir::mm1::Stage::Mm1; ///< of the module
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::mm1::PipelineOptions options;
  /// Absent when text alone was given and text alone is wanted.
  std::optional<Checkpoint> checkpoint;
  std::string checkpointFolder;
  /// The module is what the importer makes of the checkpoint: nobody's text.
  bool isImported = true;
};

/// Reads what `arguments` name and checks it: the module by itself, and against
/// the checkpoint where there is one. Usage error: options that contradict the
/// module, a checkpoint that is missing or named twice; input error: what the
/// readers of checkpoints, modules and artifacts report.
Expected<CompileSource> readCompileSource(mlir::MLIRContext &context,
                                          const CompileArguments &arguments);

/// {"compute": "bf16", "gpus": 1, ...}: for the manifest.
nlohmann::ordered_json
describeOptions(const mlir::mm1::PipelineOptions &options);

/// What to type to compile the same again.
std::string describeCommand(const CompileSource &source);

} // namespace mm1
