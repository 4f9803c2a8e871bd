//===- Commands.h - What each sub-command of mm1c takes -----------------------===//
// mm1c.cpp reads the command line into these; one file a command does the work. A command prints its
// result on stdout and returns why it failed, if it did.
//===--------------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mm1 {

/// mm1c plan: sizes and bounds from config.json alone.
struct PlanArguments {
  std::string model; ///< folder or config.json
  int64_t gpus = 1;
  std::string gpu; ///< a name of the GPU table, or empty
  std::string quant = "none";
  std::optional<uint64_t> memoryBytes; ///< of one GPU; else the named GPU's
  int64_t context = 4096;
  int64_t sequences = 1;
  int64_t prefillTokens = 8192;
  bool json = false;
};
Status planCommand(const PlanArguments &arguments);

/// mm1c compile: checkpoint, module or artifact in, artifact (or one stage's
/// text) out.
struct CompileArguments {
  std::string model;
  std::string checkpoint; ///< beside a module or an artifact
  /// Flags that were typed, without dashes: the others follow the model.
  std::vector<std::string> given;
  std::string target = "cpu";
  std::string emit = "artifact";
  std::string output;
  std::string quant = "none";
  std::string compute = "bf16";
  std::string schedule; ///< "matmul.panels=4,..."
  std::string tuningFile;
  int64_t gpus = 1;
  int64_t sequences = 8;
  int64_t context = 0; ///< 0: what the model says, at most 32768
  /// Tokens that all sequences together have keys and values for; without it
  /// mm1-lower-to-plan's rule decides.
  std::optional<int64_t> kvTokens;
  int64_t prefillTokens = 512;
  std::string decodeBuckets, prefillBuckets; ///< "1,4"; empty: powers
  std::string fuse;                          ///< "-merge-linears,defer-norm"
  uint64_t memoryBytes = uint64_t(2) << 30;
  unsigned threads = 0; ///< 0: all processors
  int64_t goldenTokens = 16;
  std::string nvrtc; ///< its file; empty: searched
  /// Where built GPU kernels are kept: the user's cache; "": nowhere.
  std::optional<std::string> kernelCache;
  std::string hostCompiler; ///< of emulated targets; empty: searched
  /// Host modules tell the emulation's shadow of each access.
  bool instrument = false;
  bool noWeights = false; ///< an artifact without weights
  bool force = false;
  bool quiet = false;
  /// Print what is fused and what not, and why, instead of making anything.
  bool explainFusion = false;
  bool json = false; ///< of explainFusion
};
Status compileCommand(const CompileArguments &arguments);

/// mm1c inspect: what an artifact holds.
struct InspectArguments {
  std::string artifact;
  bool kernels = false;
  bool json = false;
};
Status inspectCommand(const InspectArguments &arguments);

/// mm1c verify: an artifact against the reference evaluator.
struct VerifyArguments {
  std::string artifact;
  std::string checkpoint; ///< empty: the logits stored in the artifact
  unsigned threads = 0;
  bool json = false;
};
Status verifyCommand(const VerifyArguments &arguments);

/// "4096", "128K", "1M": K, M, G are powers of 1024.
Expected<uint64_t> parseCount(const std::string &text);
/// "2G", "2GiB" (1024^3) or "2GB" (1000^3); a number alone is bytes.
Expected<uint64_t> parseBytes(const std::string &text);

} // namespace mm1
