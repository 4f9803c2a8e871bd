//===- BuildArtifact.cpp - From a plan to an artifact on disk -----------------===//
#include "compiler/tools/BuildArtifact.h"

#include "compiler/Artifact/ArtifactWriter.h"
#include "compiler/Codegen/CPU/ObjectFile.h"
#include "compiler/Reference/ReferenceCommand.h"
#include "compiler/tools/BuildGpuKernels.h"
#include "compiler/tools/Golden.h"
#include "runtime/Support/MappedFile.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

using namespace mlir;

namespace mm1 {

namespace {

/// One line on stderr while weights are packed: rewritten on a terminal, every
/// ten seconds in a log.
class PackReport {
public:
  explicit PackReport(bool quiet)
      : quiet(quiet), isTerminal(::isatty(STDERR_FILENO)) {}

  void operator()(const PackProgress &progress) {
    if (quiet)
      return;
    bool done = progress.doneBytes == progress.totalBytes;
    double elapsed = progress.bytesPerSecond > 0
                         ? double(progress.doneBytes) / progress.bytesPerSecond
                         : 0;
    if (!done && elapsed < shown + (isTerminal ? 0.2 : 10))
      return;
    shown = elapsed;
    std::fprintf(
        stderr, "%spacking weights: %.2f of %.2f GB, %.2f GB/s, %.0f s left%s",
        isTerminal ? "\r" : "", double(progress.doneBytes) * 1e-9,
        double(progress.totalBytes) * 1e-9, progress.bytesPerSecond * 1e-9,
        progress.secondsLeft, isTerminal && !done ? "  " : "\n");
  }

private:
  bool quiet, isTerminal;
  double shown = 0;
};

/// Compiles all kernels for one level and reads the library's bytes. Raises
/// `scratch` to what this level needs.
Expected<ArtifactFile> buildKernels(ModuleOp plan,
                                    const mlir::mm1::cpu::CPUTarget &target,
                                    std::vector<uint64_t> &scratch,
                                    FirstError &error) {
  auto kernels = emitKernels(plan, target);
  if (failed(kernels))
    return error.take("codegen for " + target.name.str());
  scratch.resize(kernels->kernels.size());
  for (size_t i = 0; i < scratch.size(); ++i)
    scratch[i] = std::max(
        scratch[i], static_cast<uint64_t>(kernels->kernels[i].scratchBytes));

  std::string name = "cpu-" + target.name.str() + ".so";
  std::filesystem::path path =
      std::filesystem::temp_directory_path() /
      ("mm1c-" + std::to_string(::getpid()) + "-" + name);
  std::error_code ignored;
  bool compiled = succeeded(mlir::mm1::cpu::compileToSharedObject(
      *kernels->module, target, path.string()));
  std::ostringstream bytes;
  if (compiled)
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
  std::filesystem::remove(path, ignored);
  if (!compiled)
    return machineError("compiling the kernels for " + target.name.str() +
                        " failed");
  return ArtifactFile{"kernels/" + name, bytes.str()};
}

/// Kernels for every level, best first.
Status addCpuKernels(ModuleOp plan, const CompileArguments &arguments,
                     ArtifactOptions &options, BuiltKernels &built,
                     FirstError &error) {
  built.variants.emplace_back(); // a plan for a cpu has one module
  for (const mlir::mm1::cpu::CPUTarget &target :
       llvm::reverse(mlir::mm1::cpu::cpuTargets())) {
    if (!arguments.quiet)
      std::fprintf(stderr, "generating kernels for %s\n",
                   target.name.str().c_str());
    Expected<ArtifactFile> file =
        buildKernels(plan, target, built.scratchBytes, error);
    if (!file)
      return file.takeError();
    options.levels.push_back(target.name.str());
    built.variants.front().push_back({target.name.str(), file->path});
    options.files.push_back(std::move(*file));
  }
  return {};
}

Status addGpuKernels(ModuleOp plan, const CompileArguments &arguments,
                     ArtifactOptions &options, BuiltKernels &built,
                     FirstError &error) {
  Expected<GpuKernels> kernels = buildGpuKernels(plan, arguments, error);
  if (!kernels)
    return kernels.takeError();
  options.device = kernels->isEmulated ? "emulated" : "cuda";
  options.levels.push_back(kernels->arch);
  options.notes["kernels"] = std::move(kernels->resources);
  llvm::move(kernels->files, std::back_inserter(options.files));
  built = std::move(kernels->built);
  return {};
}

} // namespace

Status buildArtifact(const CompileSource &source, std::string moduleText,
                     const CompileArguments &arguments, FirstError &error) {
  ModuleOp plan = *source.module;
  const Checkpoint &checkpoint = *source.checkpoint;
  const std::string &scheme = source.options.scheme;
  ArtifactOptions options;
  options.output = arguments.output;
  options.replace = arguments.force;
  if (Status status = checkOutput(options.output, options.replace); !status)
    return status;
  options.checkpointFolder = source.checkpointFolder;
  options.scheme = scheme;
  options.command = describeCommand(source);
  options.selfTestTolerance = selfTestTolerance(source.options.compute);
  options.files.push_back({kModulePath, std::move(moduleText)});
  if (!source.options.tuning.empty()) {
    auto rules = MappedFile::open(source.options.tuning);
    if (!rules)
      return rules.takeError();
    std::span<const std::byte> bytes = rules->bytes();
    options.files.push_back(
        {kTuningPath,
         {reinterpret_cast<const char *>(bytes.data()), bytes.size()}});
  }

  BuiltKernels built;
  if (Status status =
          isForGpu(plan)
              ? addGpuKernels(plan, arguments, options, built, error)
              : addCpuKernels(plan, arguments, options, built, error);
      !status)
    return status;

  std::vector<int32_t> ids =
      goldenPrompt(arguments.goldenTokens, checkpoint.config().vocabSize);
  options.hasWeights = !arguments.noWeights;
  options.files.push_back({kGoldenIds, nlohmann::json(ids).dump() + "\n"});
  if (options.hasWeights && checkpoint.sizeBytes() <= kMostGoldenBytes) {
    auto logits = runReference(checkpoint, ids, scheme);
    if (!logits)
      return logits.takeError();
    Expected<std::string> golden = goldenFile(ids, logits->values);
    if (!golden)
      return golden.takeError();
    options.files.push_back({kGoldenPrompts, std::move(*golden)});
  }

  options.notes["stage"] = mlir::mm1::stageName(source.stage).str();
  options.notes["imported"] = source.isImported;
  options.notes["options"] = describeOptions(source.options);
  options.pack.memoryBytes = arguments.memoryBytes;
  options.pack.threads = arguments.threads;
  PackReport report(arguments.quiet);
  options.pack.progress = [&](const PackProgress &progress) {
    report(progress);
  };
  return writeArtifact(plan, built, checkpoint, options);
}

} // namespace mm1
