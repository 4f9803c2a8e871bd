//===- ArtifactWriter.cpp - A compiled model on disk, whole or absent -----===//
// Order: small files, so that their errors come early; the weights; the
// manifest, which has the hash of everything, last.
//===----------------------------------------------------------------------===//
#include "compiler/Artifact/ArtifactWriter.h"
#include "compiler/Artifact/OutputFolder.h"
#include "compiler/Artifact/PlanWriter.h"
#include "dialects/Plan/Layout.h"
#include "dialects/Plan/Plan.h"
#include "passes/Plan/PlanMetrics.h"
#include "runtime/Artifact/KernelABI.h"
#include "runtime/Artifact/Manifest.h"
#include "runtime/Support/MappedFile.h"
#include "runtime/Support/WriteFile.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <sys/stat.h>

namespace mm1 {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char *kWeightsPath = "weights/rank-0.safetensors";
constexpr const char *kJournalPath = "packing.journal";
constexpr const char *kTokenizerFiles[] = {
    "tokenizer.json",      "vocab.json",
    "merges.txt",          "tokenizer_config.json",
    "chat_template.jinja", "special_tokens_map.json",
    "added_tokens.json",   "generation_config.json"};
/// Nothing a tokenizer needs is larger.
constexpr uint64_t kMostTokenizerBytes = uint64_t(256) << 20;

std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

std::string hashText(std::string_view text) {
  return hashHex(std::as_bytes(std::span(text)));
}

/// Text that changes when a checkpoint's files do: a resumed run must not mix
/// the weights of two.
std::string describeSources(const Checkpoint &checkpoint,
                            const std::string &folder) {
  std::set<std::string> names;
  for (const CheckpointTensor &tensor : checkpoint.tensors())
    names.insert(std::string(tensor.file));
  std::string text;
  for (const std::string &name : names) {
    struct stat info;
    text += name;
    if (::stat((folder + "/" + name).c_str(), &info) == 0)
      text += " " + std::to_string(info.st_size) + " " +
              std::to_string(info.st_mtim.tv_sec) + "." +
              std::to_string(info.st_mtim.tv_nsec);
    text += "\n";
  }
  return text;
}

class Writer {
public:
  Writer(mlir::ModuleOp plan, const Checkpoint &checkpoint,
         const ArtifactOptions &options, OutputFolder folder)
      : plan(plan), checkpoint(checkpoint), options(options),
        folder(std::move(folder)) {}

  Status run(std::string planBytes, const std::string &fingerprint,
             PackJournal journal) {
    uint64_t needed = planBytes.size() + (1 << 20);
    if (options.hasWeights)
      needed += packedFileBytes(plan);
    for (const ArtifactFile &file : options.files)
      needed += file.bytes.size();
    if (Status status = folder.checkSpace(needed, kWeightsPath); !status)
      return status;
    // Only the weights of a killed run are of use.
    if (Status status = cleanUp(); !status)
      return status;
    if (!options.hasWeights)
      return finish(std::move(planBytes), fingerprint);
    if (Status status = makeFolder("weights"); !status)
      return status;
    auto packed = packWeights(plan, checkpoint, inside(kWeightsPath),
                              std::move(journal), options.pack);
    if (!packed)
      return packed.takeError();
    files.push_back(ordered_json{{"path", kWeightsPath},
                                 {"bytes", packed->fileBytes},
                                 {"tensors", packed->hashes}});
    return finish(std::move(planBytes), fingerprint);
  }

private:
  Status finish(std::string planBytes, const std::string &fingerprint) {
    if (Status status = addFile("plan.bin", planBytes); !status)
      return status;
    for (const ArtifactFile &file : options.files)
      if (Status status = addFile(file.path, file.bytes); !status)
        return status;
    if (Status status = copyTokenizer(); !status)
      return status;
    std::string manifest = sealManifest(describe(fingerprint));
    if (Status status = writeFile(inside("manifest.json"), manifest); !status)
      return status;
    if (::unlink(inside(kJournalPath).c_str()) != 0)
      return fileError(inside(kJournalPath), "cannot remove", errno);
    return folder.publish();
  }

  std::string inside(const std::string &path) const {
    return folder.path() + "/" + path;
  }

  Status makeFolder(const std::string &path) {
    if (::mkdir(inside(path).c_str(), 0777) != 0 && errno != EEXIST)
      return fileError(inside(path), "cannot create", errno);
    return Status::ok();
  }

  /// Removes what a killed run left beside weights and journal.
  Status cleanUp() {
    std::error_code code;
    std::vector<fs::path> leftovers;
    for (fs::directory_iterator it(folder.path(), code), end;
         !code && it != end; it.increment(code))
      if (it->path().filename() != "weights" &&
          it->path().filename() != kJournalPath)
        leftovers.push_back(it->path());
    for (const fs::path &path : leftovers)
      if (!code)
        fs::remove_all(path, code);
    if (code)
      return machineError(folder.path() +
                          ": cannot clean up: " + code.message());
    return Status::ok();
  }

  Status addFile(const std::string &path, std::string_view bytes) {
    fs::path parent = fs::path(path).parent_path();
    if (!parent.empty())
      if (Status status = makeFolder(parent.string()); !status)
        return status;
    if (Status status = writeFile(inside(path), bytes); !status)
      return status;
    files.push_back(ordered_json{
        {"path", path}, {"bytes", bytes.size()}, {"xxh3", hashText(bytes)}});
    return Status::ok();
  }

  Status copyTokenizer() {
    for (const char *name : kTokenizerFiles) {
      std::string source = options.checkpointFolder + "/" + name;
      struct stat info;
      if (options.checkpointFolder.empty() ||
          ::stat(source.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
        continue;
      if (uint64_t(info.st_size) > kMostTokenizerBytes)
        return inputError(source + ": has " + std::to_string(info.st_size) +
                          " bytes; a tokenizer's file has at most " +
                          std::to_string(kMostTokenizerBytes));
      auto file = MappedFile::open(source);
      if (!file)
        return file.takeError();
      if (Status status =
              addFile("tokenizer/" + std::string(name), asText(file->bytes()));
          !status)
        return status;
    }
    return Status::ok();
  }

  ordered_json describe(const std::string &fingerprint) {
    mlir::plan::LimitsOp limits = mlir::plan::getLimits(plan);
    mlir::plan::PlanMetrics metrics = mlir::plan::planMetrics(plan);
    auto compute = plan->getAttrOfType<mlir::StringAttr>("mm1.compute");
    ordered_json fields = {
        {"format", "mm1-artifact"},
        {"version", std::string(versionString())},
        {"kernel_abi", kKernelABIVersion},
        {"model", ordered_json{{"type", checkpoint.config().modelType},
                               {"fingerprint", fingerprint}}},
        {"target",
         ordered_json{{"device", options.device}, {"levels", options.levels}}},
        {"ranks", 1},
        {"quant", options.scheme},
        {"has_weights", options.hasWeights},
        {"compute", compute ? compute.getValue().str() : "f32"},
        {"limits", ordered_json{{"sequences", limits.getMaxSequences()},
                                {"context", limits.getMaxContext()},
                                {"prefill_tokens", limits.getMaxPrefill()},
                                {"page_tokens", limits.getPageTokens()},
                                {"pages", limits.getPages()}}},
        {"memory", ordered_json{{"weights", metrics.weightBytes},
                                {"state", metrics.stateBytes},
                                {"arena", metrics.arenaBytes},
                                {"kv_per_token", metrics.kvBytesPerToken},
                                {"lightning_per_sequence", metrics.slotBytes}}},
        {"metrics",
         ordered_json{
             {"kernels", metrics.kernels},
             {"launches_per_token", metrics.launchesPerToken},
             {"collectives_per_token", metrics.collectivesPerToken},
             {"copies_per_token", metrics.copiesPerToken},
             {"host_calls_per_token", metrics.hostCallsPerToken},
             {"weight_bytes_per_token", metrics.weightBytesPerToken}}}};
    if (!options.command.empty())
      fields["command"] = options.command;
    if (options.selfTestTolerance > 0)
      fields["self_test"] =
          ordered_json{{"tolerance", options.selfTestTolerance}};
    if (options.notes.is_object())
      for (const auto &[key, value] : options.notes.items())
        fields[key] = value;
    fields["files"] = files;
    return fields;
  }

  mlir::ModuleOp plan;
  const Checkpoint &checkpoint;
  const ArtifactOptions &options;
  OutputFolder folder;
  std::vector<ordered_json> files;
};

} // namespace

Status checkOutput(const std::string &output, bool replace) {
  return OutputFolder::check(output, replace);
}

std::string modelFingerprint(mlir::ModuleOp module,
                             const Checkpoint &checkpoint) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << versionString() << "\n";
  if (mlir::Attribute model = module->getAttr("mm1.model"))
    stream << model << "\n";
  for (const CheckpointTensor &tensor : checkpoint.tensors())
    stream << std::string(tensor.name) << " " << std::string(name(tensor.type))
           << " " << describeShape(tensor.shape) << "\n";
  for (auto weight : module.getOps<mlir::mm1::WeightOp>())
    stream << weight.getSymName() << " " << weight.getType() << " "
           << weight.getRecipe() << "\n";
  return hashText(text);
}

Status writeArtifact(mlir::ModuleOp plan, const BuiltKernels &built,
                     const Checkpoint &checkpoint,
                     const ArtifactOptions &options) {
  auto planBytes = writePlan(plan, /*stage=*/0, built);
  if (!planBytes)
    return planBytes.takeError();
  std::string fingerprint = modelFingerprint(plan, checkpoint);
  auto folder =
      OutputFolder::create(options.output, fingerprint, options.replace);
  if (!folder)
    return folder.takeError();
  // Whoever holds the journal owns the folder.
  auto journal = PackJournal::open(
      folder->path() + "/" + kJournalPath,
      hashText(fingerprint +
               describeSources(checkpoint, options.checkpointFolder)));
  if (!journal) {
    folder->abandon();
    return journal.takeError();
  }
  Writer writer(plan, checkpoint, options, std::move(*folder));
  return writer.run(std::move(*planBytes), fingerprint, std::move(*journal));
}

} // namespace mm1
