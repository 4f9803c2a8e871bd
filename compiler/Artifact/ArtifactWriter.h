//===- ArtifactWriter.h - A compiled model on disk, whole or absent -------===//
// Writes the folder that runtime/Artifact/Artifact.h reads:
//
//   ArtifactOptions options;
//   options.output = "m1.mm1";
//   options.checkpointFolder = "MiniMax-M1-40k";
//   options.files = {{"kernels/cpu-x86-64-v3.so", bytes}, {"golden/prompts.safetensors", golden}};
//   Status status = writeArtifact(plan, built, checkpoint, options);
//
// Everything is written into `m1.mm1.partial-FINGERPRINT` beside the target,
// which takes the target's name when all of it is on the disk. An error removes
// the partial folder. After kill -9 it stays, and the same command goes on where
// it was: weights that are finished are checked and kept (PackJournal.h). The
// fingerprint is that of the model (config, tensors, recipes), so a plan or a
// kernel that changed does not cost the packed weights.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Artifact/PlanWriter.h"
#include "compiler/Artifact/WeightPacker.h"
#include "compiler/Import/Checkpoint.h"

#include "mlir/IR/BuiltinOps.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mm1 {

/// A file of the artifact that the caller made.
struct ArtifactFile {
  std::string path; ///< inside the artifact: "kernels/cpu-x86-64-v3.so"
  std::string bytes;
};

struct ArtifactOptions {
  std::string output;           ///< the artifact's folder
  bool replace = false;         ///< of an artifact that is there
  std::string checkpointFolder; ///< its tokenizer files are copied
  std::vector<ArtifactFile> files;
  std::string device = "cpu";
  std::vector<std::string> levels; ///< of the device, best first
  std::string scheme = "none";     ///< of quantisation
  std::string command;             ///< what to type to build it again
  /// False: everything but weights; a config alone is enough of a checkpoint.
  bool hasWeights = true;
  double selfTestTolerance = 0; ///< 0: the runtime's own
  nlohmann::ordered_json notes; ///< more fields for people, or null
  PackOptions pack;
};

/// Whether writeArtifact could create `output`, to be asked before hours of
/// work. Input error: it exists (and `replace` is false, or it is not an
/// artifact); machine error: its folder is missing or cannot be written.
Status checkOutput(const std::string &output, bool replace);

/// Writes the artifact of `plan` (a module after mm1-lower-to-plan).
/// \param built  its kernels; their files are among options.files
/// Input error: those of checkOutput, a weight that cannot be made; machine
/// error: no space on the disk (asked before packing), no permission, another
/// mm1c at work on the same output.
Status writeArtifact(mlir::ModuleOp plan, const BuiltKernels &built,
                     const Checkpoint &checkpoint,
                     const ArtifactOptions &options);

/// 16 digits that change with the config, the checkpoint's tensors or a recipe.
std::string modelFingerprint(mlir::ModuleOp module,
                             const Checkpoint &checkpoint);

} // namespace mm1
