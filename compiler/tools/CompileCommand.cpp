//===- CompileCommand.cpp - mm1c compile: model to IR to kernels ----------===//
// The phases in order, where they may start (CompileSource.h) and where --emit
// may stop. What each phase does is in passes/Pipeline.cpp, compiler/Codegen
// and compiler/Artifact; here they are only strung together.
//===----------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/EmitKernel.h"
#include "compiler/Codegen/CPU/ObjectFile.h"
#include "compiler/Import/FirstError.h"
#include "compiler/Import/ImportIR.h"
#include "compiler/Import/ModuleText.h"
#include "compiler/tools/BuildArtifact.h"
#include "compiler/tools/BuildGpuKernels.h"
#include "compiler/tools/Commands.h"
#include "compiler/tools/CompileSource.h"
#include "compiler/tools/FusionTable.h"
#include "dialects/Plan/Plan.h"
#include "passes/Pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <cstdlib>
#include <new>

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

/// The last phase that the passes run before `emit` is reached.
mlir::mm1::Stage lastStage(const std::string &emit) {
  // Everything behind the plan (llvm, asm, artifact) is made from it, and cuda
  // from its kernels.
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

Status explainFusion(CompileSource &source, const CompileArguments &arguments,
                     FirstError &error) {
  if (source.stage >= mlir::mm1::Stage::Fused)
    return usageError("--explain-fusion: " + arguments.model + " is fused");
  MLIRContext *context = source.module->getContext();
  FusionTable table(context);
  source.options.explainFusion = true;
  PassManager passes(context);
  mlir::mm1::buildPipeline(passes, source.options, mlir::mm1::Stage::Fused,
                           source.stage);
  if (failed(passes.run(*source.module)))
    return error.take("passes");
  return writeText(arguments.json ? table.json().dump(2) + "\n" : table.text(),
                   arguments.output);
}

/// Neither LLVM nor new gives an error back when memory is used up.
[[noreturn]] void endWithoutMemory() {
  std::fputs("mm1c: error: not enough memory to compile the model\n", stderr);
  std::_Exit(static_cast<int>(ErrorKind::Machine));
}

bool isGpuStage(llvm::StringRef emit) {
  return emit == "cuda" || emit == "ptx" || emit == "cubin";
}

/// --emit=cuda, ptx and cubin.
Status emitGpuStage(ModuleOp plan, const CompileArguments &arguments,
                    FirstError &error) {
  if (arguments.emit == "cuda") {
    auto programs = printGpuPrograms(plan, error);
    if (!programs)
      return programs.takeError();
    std::string text;
    for (const mlir::mm1::cuda::Program &program : *programs)
      text += (text.empty() ? "" : "\n") + program.text;
    return writeText(text, arguments.output);
  }
  Expected<GpuKernels> kernels = buildGpuKernels(plan, arguments, error);
  if (!kernels)
    return kernels.takeError();
  if (arguments.emit == "ptx") {
    std::string text;
    for (const mlir::mm1::cuda::BuiltProgram &built : kernels->programs)
      text += built.program.ptx;
    return writeText(text, arguments.output);
  }
  if (std::error_code code =
          llvm::sys::fs::create_directories(arguments.output))
    return machineError(arguments.output +
                        ": cannot create: " + code.message());
  for (const ArtifactFile &file : kernels->files)
    if (Status status = writeText(
            file.bytes, arguments.output + "/" +
                            llvm::sys::path::filename(file.path).str());
        !status)
      return status;
  return {};
}

/// What --emit asks for against what the source is.
Status checkEmit(const std::string &emit, const CompileSource &source,
                 const std::string &model) {
  const std::string &target = source.options.target;
  if (target == "cpu" && isGpuStage(emit))
    return usageError("--emit=" + emit +
                      " needs a GPU: add --target sm_90a or sm_80");
  if (target != "cpu" && (emit == "llvm" || emit == "asm"))
    return usageError("target " + target + " has no --emit=" + emit +
                      ": its kernels are cuda, ptx and cubin");
  if (lastStage(emit) < source.stage)
    return usageError("--emit=" + emit + " lies behind " + model +
                      ", a module of stage " +
                      mlir::mm1::stageName(source.stage).str());
  return {};
}

} // namespace

Status compileCommand(const CompileArguments &arguments) {
  const std::string &emit = arguments.emit;
  if (arguments.explainFusion && llvm::is_contained(arguments.given, "emit"))
    return usageError("--explain-fusion prints decisions, --emit a stage: "
                      "leave one out");
  if (emit == "artifact" && arguments.output.empty() &&
      !arguments.explainFusion)
    return usageError(
        "compile needs -o FOLDER for the artifact, or --emit=STAGE for text");
  if (emit == "cubin" && arguments.output.empty())
    return usageError("--emit=cubin needs -o FOLDER: it has a file a module");
  if (arguments.kvTokens == 0)
    return usageError("--kv-tokens must be at least 1");

  std::set_new_handler(endWithoutMemory);
  llvm::install_bad_alloc_error_handler(
      [](void *, const char *, bool) { endWithoutMemory(); });
  MLIRContext context;
  mlir::mm1::cpu::loadKernelDialects(context);
  context.loadDialect<mlir::mm1::MM1Dialect, mlir::plan::PlanDialect,
                      func::FuncDialect>();
  Expected<CompileSource> read = readCompileSource(context, arguments);
  if (!read)
    return read.takeError();
  CompileSource &source = *read;
  ModuleOp module = *source.module;
  FirstError error(&context);
  if (arguments.explainFusion)
    return explainFusion(source, arguments, error);
  if (Status status = checkEmit(emit, source, arguments.model); !status)
    return status;

  // An artifact keeps what it was made from.
  std::string moduleText =
      emit == "artifact" ? mlir::mm1::printModule(module) : "";
  PassManager passes(&context);
  mlir::mm1::buildPipeline(passes, source.options, lastStage(emit),
                           source.stage);
  if (failed(passes.run(module)) ||
      (source.checkpoint &&
       failed(mlir::mm1::verifyImported(module, *source.checkpoint))))
    return error.take("passes");

  if (mlir::mm1::parseStage(emit))
    return writeText(mlir::mm1::printModule(module), arguments.output);
  if (emit == "llvm" || emit == "asm") {
    Expected<std::string> text = emitKernelText(module, emit, error);
    return text ? writeText(*text, arguments.output) : Status(text.takeError());
  }
  if (isGpuStage(emit))
    return emitGpuStage(module, arguments, error);
  return buildArtifact(source, std::move(moduleText), arguments, error);
}

} // namespace mm1
