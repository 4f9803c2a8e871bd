//===- CompileCommand.cpp - mm1c compile: checkpoint -> IR -> kernels -> artifact ---===//
// The phases in order, and where --emit may stop. What each phase does is in passes/Pipeline.cpp, compiler/Codegen and
// compiler/Artifact; here they are only strung together.
//===--------------------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/EmitKernel.h"
#include "compiler/Codegen/CPU/ObjectFile.h"
#include "compiler/Codegen/CUDA/EmitCUDA.h"
#include "compiler/Import/FirstError.h"
#include "compiler/Import/ImportIR.h"
#include "compiler/tools/BuildArtifact.h"
#include "compiler/tools/Commands.h"
#include "dialects/Plan/Plan.h"
#include "passes/Pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/raw_ostream.h"

#include <filesystem>
#include <memory>

using namespace mlir;

namespace mm1 {

namespace {

/// Writes a stage's text to the file `path`, or to stdout when it is empty.
Status writeText(llvm::StringRef text, const std::string &path) {
  if (path.empty()) {
    llvm::outs() << text;
    llvm::outs().flush();
    return {};
  }
  std::error_code code;
  llvm::raw_fd_ostream file(path, code);
  if (!code) {
    file << text;
    file.close();
    code = file.error();
    file.clear_error();
  }
  if (code)
    return machineError(path + ": cannot write: " + code.message());
  return {};
}

/// The longest context when the user names none: KV pages for it are reserved at load.
constexpr int64_t kDefaultContext = 32768;

/// The last phase that the passes run before `emit` is reached.
mlir::mm1::Stage lastStage(const std::string &emit) {
  // Everything behind the plan (llvm, asm, artifact) is made from it, and cuda from its kernels.
  return mlir::mm1::parseStage(emit).value_or(mlir::mm1::Stage::Plan);
}

/// The text of all kernels for one CPU level.
Expected<std::string> emitKernelText(ModuleOp plan, const std::string &emit,
                                     FirstError &error) {
  const mlir::mm1::cpu::CPUTarget &target = mlir::mm1::cpu::cpuTargets().back();
  auto kernels = emitKernels(plan, target);
  if (failed(kernels))
    return error.take("codegen");
  auto kind = emit == "llvm" ? mlir::mm1::cpu::TextKind::LLVM
                             : mlir::mm1::cpu::TextKind::Assembly;
  FailureOr<std::string> text =
      mlir::mm1::cpu::compileToText(*kernels->module, target, kind);
  if (failed(text))
    return error.take("codegen");
  return *text;
}

} // namespace

Status compileCommand(const CompileArguments &arguments) {
  const bool wantsArtifact = arguments.emit == "artifact";
  if (wantsArtifact && arguments.output.empty())
    return usageError(
        "compile needs -o FOLDER for the artifact, or --emit=STAGE for text");
  if (arguments.kvTokens == 0)
    return usageError("--kv-tokens must be at least 1");
  if (arguments.target == "cpu" && arguments.emit == "cuda")
    return usageError("--emit=cuda needs a GPU: add --target sm_90a or sm_80");
  const bool isCPUStage =
      wantsArtifact || arguments.emit == "llvm" || arguments.emit == "asm";
  if (arguments.target != "cpu" && isCPUStage)
    return usageError("target " + arguments.target +
                      " has --emit=cuda and the stages up to plan so far; use "
                      "--target cpu to make an artifact");

  std::filesystem::path model = arguments.model;
  bool isFile = std::filesystem::is_regular_file(model);
  std::string folder = isFile ? model.parent_path().string() : model.string();
  Expected<ModelConfig> config = ModelConfig::load(
      isFile ? model.string() : (model / "config.json").string());
  if (!config)
    return config.takeError();
  Expected<Checkpoint> checkpoint =
      wantsArtifact ? Checkpoint::open(folder, *config)
                    : Checkpoint::openMetadata(folder, *config);
  if (!checkpoint)
    return checkpoint.takeError();

  MLIRContext context;
  mlir::mm1::cpu::loadKernelDialects(context);
  context.loadDialect<mlir::mm1::MM1Dialect, mlir::plan::PlanDialect,
                      func::FuncDialect>();
  FirstError error(&context);

  mlir::mm1::ImportOptions import;
  import.compute = arguments.compute == "f32" ? mlir::mm1::ComputeType::F32
                                              : mlir::mm1::ComputeType::BF16;
  FailureOr<OwningOpRef<ModuleOp>> module =
      mlir::mm1::importModel(context, *checkpoint, import);
  if (failed(module) ||
      failed(mlir::mm1::verifyImported(**module, *checkpoint)))
    return error.take("import");

  mlir::mm1::PipelineOptions options;
  options.ranks = arguments.gpus;
  options.scheme = arguments.quant;
  options.target = arguments.target;
  options.overrides = arguments.schedule;
  options.tuning = arguments.tuningFile;
  options.maxSequences = arguments.sequences;
  options.maxContext =
      arguments.context > 0
          ? arguments.context
          : std::min<int64_t>(config->maxPositionEmbeddings, kDefaultContext);
  options.kvTokens = arguments.kvTokens.value_or(options.kvTokens);
  options.prefillTokens = arguments.prefillTokens;
  options.decodeBuckets = arguments.decodeBuckets;
  options.prefillBuckets = arguments.prefillBuckets;
  PassManager passes(&context);
  mlir::mm1::buildPipeline(passes, options, lastStage(arguments.emit));
  if (failed(passes.run(**module)) ||
      failed(mlir::mm1::verifyImported(**module, *checkpoint)))
    return error.take("passes");

  if (mlir::mm1::parseStage(arguments.emit)) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*module)->print(stream);
    return writeText(text, arguments.output);
  }
  if (arguments.emit == "llvm" || arguments.emit == "asm") {
    Expected<std::string> text =
        emitKernelText(**module, arguments.emit, error);
    return text ? writeText(*text, arguments.output) : Status(text.takeError());
  }
  if (arguments.emit == "cuda") {
    FailureOr<std::string> text = mlir::mm1::cuda::emitCUDAModule(**module);
    if (failed(text))
      return error.take("codegen");
    return writeText(*text, arguments.output);
  }
  CompileArguments resolved = arguments;
  resolved.context = options.maxContext;
  return buildArtifact(**module, *checkpoint, resolved);
}

} // namespace mm1
