//===- CompileSource.cpp - Where mm1c compile starts ----------------------===//
#include "compiler/tools/CompileSource.h"

#include "compiler/Import/FirstError.h"
#include "compiler/Import/ImportIR.h"
#include "compiler/Import/ModuleText.h"
#include "passes/StageOptions.h"
#include "runtime/Artifact/Artifact.h"

#include <algorithm>
#include <filesystem>

using namespace mlir;
using mlir::mm1::PipelineOptions;
using mlir::mm1::Stage;
using mlir::mm1::StageOption;

namespace fs = std::filesystem;

namespace mm1 {

namespace {

enum class SourceKind { Checkpoint, Text, Artifact };

SourceKind kindOf(const std::string &model) {
  if (model == "-" || fs::path(model).extension() == ".mlir")
    return SourceKind::Text;
  std::error_code ignored;
  return fs::exists(fs::path(model) / "manifest.json", ignored)
             ? SourceKind::Artifact
             : SourceKind::Checkpoint;
}

bool isRegularFile(const std::string &path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

/// Keys and values of a sequence have memory from the start.
constexpr int64_t kDefaultContext = 32768;

/// What was typed, over the defaults.
Expected<PipelineOptions> typedOptions(const CompileArguments &arguments) {
  PipelineOptions options;
  options.compute = arguments.compute;
  options.ranks = arguments.gpus;
  options.scheme = arguments.quant;
  options.target = arguments.target;
  options.overrides = arguments.schedule;
  options.tuning = arguments.tuningFile;
  options.maxSequences = arguments.sequences;
  options.maxContext = arguments.context;
  options.kvTokens = arguments.kvTokens.value_or(0);
  options.prefillTokens = arguments.prefillTokens;
  options.decodeBuckets = arguments.decodeBuckets;
  options.prefillBuckets = arguments.prefillBuckets;
  std::string unknown = mlir::mm1::parseFusions(arguments.fuse, options);
  if (!unknown.empty()) {
    std::string names;
    for (auto &[fusion, name] : mlir::mm1::allFusions())
      names += (names.empty() ? "" : ", ") + name.str();
    return usageError("--fuse: '" + unknown +
                      "' is no fusion, or contradicts another; known are " +
                      names + ", each with '-' in front to leave it out");
  }
  return options;
}

/// "int8-experts" or 8, for messages and command lines.
std::string valueText(Attribute value) {
  if (auto number = dyn_cast<IntegerAttr>(value))
    return std::to_string(number.getInt());
  return cast<StringAttr>(value).str();
}

Attribute fromJson(const nlohmann::json &value, Builder &builder) {
  if (value.is_number_integer())
    return builder.getI64IntegerAttr(value.get<int64_t>());
  if (value.is_string())
    return builder.getStringAttr(value.get<std::string>());
  return builder.getUnitAttr(); // no option takes it
}

/// The options to go on with from `source`, whose module there is but for
/// checkpoints.
/// \param recorded  those of an artifact, or null
Status resolveOptions(CompileSource &source, const CompileArguments &arguments,
                      const nlohmann::json &recorded, MLIRContext &context,
                      FirstError &error) {
  Expected<PipelineOptions> typed = typedOptions(arguments);
  if (!typed)
    return typed.takeError();
  const PipelineOptions &flags = *typed;
  source.options = flags;
  if (source.module && failed(mlir::mm1::readOptions(
                           *source.module, source.stage, source.options)))
    return error.take("options");
  Builder builder(&context);
  for (const StageOption &option : mlir::mm1::stageOptions()) {
    bool isTyped = llvm::is_contained(arguments.given, option.flag);
    bool isUsedUp = source.module && option.usedUpBy <= source.stage;
    std::string flag = option.flag.str();
    if (isUsedUp && isTyped) {
      Attribute wanted = option.get(flags, builder),
                found = option.get(source.options, builder);
      if (wanted != found)
        return usageError("--" + flag + " " + valueText(wanted) +
                          " contradicts " + arguments.model +
                          ", a module of stage " +
                          mlir::mm1::stageName(source.stage).str() +
                          " made with --" + flag + " '" + valueText(found) +
                          "': leave the option out, or start from " +
                          (option.usedUpBy == Stage::Mm1 ? "the checkpoint"
                                                         : "an earlier stage"));
    }
    if (!isUsedUp && !isTyped && recorded.contains(flag) &&
        failed(
            option.set(source.options, fromJson(recorded.at(flag), builder))))
      return inputError(arguments.model + "/manifest.json: options." + flag +
                        " is " + recorded.at(flag).dump() +
                        "; expected a value of --" + flag);
  }
  if (source.module && source.stage >= Stage::Fused &&
      !source.options.tuning.empty())
    return usageError("--tuning-file contradicts " + arguments.model +
                      ", whose clusters are scheduled: start from an earlier "
                      "stage");
  return {};
}

/// Where the context is left open: as long as the model allows, within reason.
Status resolveContext(CompileSource &source) {
  if (source.options.maxContext > 0)
    return {};
  auto model = (*source.module)->getAttrOfType<DictionaryAttr>("mm1.model");
  auto longest =
      model ? model.getAs<IntegerAttr>("max_positions") : IntegerAttr();
  if (!longest)
    return usageError("the module does not say 'max_positions' in 'mm1.model': "
                      "give --context");
  source.options.maxContext = std::min(longest.getInt(), kDefaultContext);
  return {};
}

Expected<Checkpoint> openCheckpoint(const std::string &model,
                                    bool wantsWeights) {
  bool isFile = isRegularFile(model);
  std::string folder = isFile ? fs::path(model).parent_path().string() : model;
  Expected<ModelConfig> config = ModelConfig::load(
      isFile ? model : (fs::path(model) / "config.json").string());
  if (!config)
    return config.takeError();
  return wantsWeights ? Checkpoint::open(folder, *config)
                      : Checkpoint::openMetadata(folder, *config);
}

/// The module's text in an artifact, and what its manifest says of it.
Expected<std::string> findModule(const std::string &path,
                                 nlohmann::json &fields) {
  Expected<Artifact> artifact = Artifact::open(path);
  if (!artifact)
    return artifact.takeError();
  if (!artifact->has(kModulePath))
    return inputError(path + ": holds no " + kModulePath +
                      "; compile it from its checkpoint");
  fields = artifact->manifest().fields;
  return artifact->path(kModulePath);
}

} // namespace

Expected<CompileSource> readCompileSource(MLIRContext &context,
                                          const CompileArguments &arguments) {
  SourceKind kind = kindOf(arguments.model);
  bool makesArtifact = arguments.emit == "artifact" && !arguments.explainFusion;
  bool wantsWeights = makesArtifact && !arguments.noWeights;
  if (kind == SourceKind::Checkpoint && !arguments.checkpoint.empty())
    return usageError("--checkpoint goes with a module or an artifact; " +
                      arguments.model + " is a checkpoint itself");
  if (kind != SourceKind::Checkpoint && makesArtifact &&
      arguments.checkpoint.empty())
    return usageError(
        "an artifact needs a checkpoint: add --checkpoint CHECKPOINT "
        "to compile " +
        arguments.model);

  FirstError error(&context);
  CompileSource source;
  nlohmann::json fields = nlohmann::json::object();
  if (kind != SourceKind::Checkpoint) {
    std::string path = arguments.model;
    source.isImported = false;
    if (kind == SourceKind::Artifact) {
      Expected<std::string> found = findModule(path, fields);
      if (!found)
        return found.takeError();
      path = *found;
      source.isImported =
          fields.contains("imported") && fields["imported"] == true;
    }
    auto module = mlir::mm1::readModule(context, path);
    if (failed(module))
      return error.take("reading the module");
    source.module = std::move(*module);
    FailureOr<Stage> stage = mlir::mm1::readStage(*source.module);
    if (failed(stage))
      return error.take("reading the module");
    source.stage = *stage;
  }
  if (Status status = resolveOptions(source, arguments,
                                     fields.value("options", nlohmann::json()),
                                     context, error);
      !status)
    return status.takeError();
  if (kind == SourceKind::Artifact && source.options.tuning.empty() &&
      source.stage < Stage::Fused &&
      isRegularFile(arguments.model + "/" + kTuningPath))
    source.options.tuning = (fs::path(arguments.model) / kTuningPath).string();

  std::string checkpoint =
      kind == SourceKind::Checkpoint ? arguments.model : arguments.checkpoint;
  if (!checkpoint.empty()) {
    Expected<Checkpoint> opened = openCheckpoint(checkpoint, wantsWeights);
    if (!opened)
      return opened.takeError();
    source.checkpoint = std::move(*opened);
    source.checkpointFolder = isRegularFile(checkpoint)
                                  ? fs::path(checkpoint).parent_path().string()
                                  : checkpoint;
  }
  if (kind == SourceKind::Checkpoint) {
    mlir::mm1::ImportOptions import;
    import.compute = source.options.compute == "f32"
                         ? mlir::mm1::ComputeType::F32
                         : mlir::mm1::ComputeType::BF16;
    auto module = mlir::mm1::importModel(context, *source.checkpoint, import);
    if (failed(module))
      return error.take("import");
    source.module = std::move(*module);
  }
  if (source.checkpoint &&
      failed(mlir::mm1::verifyImported(*source.module, *source.checkpoint)))
    return error.take("import");
  if (Status status = resolveContext(source); !status)
    return status.takeError();
  return source;
}

nlohmann::ordered_json describeOptions(const PipelineOptions &options) {
  MLIRContext context;
  Builder builder(&context);
  nlohmann::ordered_json fields;
  for (const StageOption &option : mlir::mm1::stageOptions()) {
    Attribute value = option.get(options, builder);
    if (auto number = dyn_cast<IntegerAttr>(value))
      fields[option.flag.str()] = number.getInt();
    else
      fields[option.flag.str()] = cast<StringAttr>(value).str();
  }
  return fields;
}

std::string describeCommand(const CompileSource &source) {
  const PipelineOptions &options = source.options;
  MLIRContext context;
  Builder builder(&context);
  std::string text = "mm1c compile ";
  text +=
      source.isImported ? "CHECKPOINT" : "MODULE.mlir --checkpoint CHECKPOINT";
  for (const StageOption &option : mlir::mm1::stageOptions()) {
    std::string value = valueText(option.get(options, builder));
    // Zero and nothing leave it to a rule.
    if (value == "0" || value.empty())
      continue;
    text += " --" + option.flag.str() + (value[0] == '-' ? "=" : " ") + value;
  }
  if (!options.tuning.empty())
    text += std::string(" --tuning-file ") + kTuningPath;
  return text + " -o OUTPUT";
}

} // namespace mm1
