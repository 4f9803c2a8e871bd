//===- ObjectFile.cpp - Kernel functions become a shared library ---------===//
// The one file that includes LLVM's optimiser and code generators. Loops and
// registers are the emitters' business, so LLVM's vectorisers and its unroller
// stay off; what it does here is addresses, scheduling and registers.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/ObjectFile.h"
#include "compiler/Codegen/CPU/LowerMath.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

#include <mutex>

using namespace mlir;
using namespace mlir::mm1::cpu;

namespace {

/// A module in LLVM IR, optimised, and the machine it is for.
struct Lowered {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
};

LogicalResult lowerToLLVMDialect(ModuleOp kernels) {
  lowerMath(kernels);
  PassManager passes(kernels.getContext());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createLoopInvariantCodeMotionPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  return passes.run(kernels);
}

std::unique_ptr<llvm::TargetMachine> createMachine(ModuleOp kernels,
                                                   const CPUTarget &target) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
  });
  llvm::Triple triple(target.triple);
  std::string message;
  const llvm::Target *backend =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!backend) {
    kernels.emitError() << "LLVM has no code generator for " << target.triple
                        << ": " << message;
    return nullptr;
  }
  llvm::TargetOptions options;
  // Contraction is what the emitters wrote as fma, nothing else.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(backend->createTargetMachine(
      triple, target.processor, target.features, options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

void optimise(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  tuning.LoopUnrolling = false;
  tuning.LoopInterleaving = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

FailureOr<Lowered> lower(ModuleOp kernels, const CPUTarget &target) {
  if (failed(lowerToLLVMDialect(kernels)))
    return failure();
  Lowered result;
  result.context = std::make_unique<llvm::LLVMContext>();
  result.module =
      translateModuleToLLVMIR(kernels, *result.context, "mm1-kernels");
  result.machine = createMachine(kernels, target);
  if (!result.module || !result.machine)
    return failure();
  llvm::Module &module = *result.module;
  module.setSourceFileName("mm1-kernels");
  module.setTargetTriple(llvm::Triple(target.triple));
  module.setDataLayout(result.machine->createDataLayout());
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.processor);
    if (!target.features.empty())
      function.addFnAttr("target-features", target.features);
    function.addFnAttr("prefer-vector-width",
                       std::to_string(32 * target.lanes));
    // A loop that writes zeros must not become a call of memset.
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
  optimise(module, *result.machine);
  return result;
}

LogicalResult writeCode(Lowered &lowered, llvm::raw_pwrite_stream &stream,
                        llvm::CodeGenFileType type, ModuleOp kernels) {
  llvm::legacy::PassManager passes;
  if (lowered.machine->addPassesToEmitFile(passes, stream, nullptr, type))
    return kernels.emitError("LLVM cannot write this kind of file");
  passes.run(*lowered.module);
  return success();
}

LogicalResult link(ModuleOp kernels, StringRef object, StringRef library) {
  std::string linker;
  for (StringRef name : {"ld.lld-22", "ld.lld", "ld"}) {
    if (llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName(name)) {
      linker = *found;
      break;
    }
  }
  if (linker.empty())
    return kernels.emitError(
        "linking kernels needs ld.lld-22, ld.lld or ld on the PATH, found "
        "none; install lld-22 or binutils");
  StringRef arguments[] = {linker,
                           "-shared",
                           "--build-id=none",
                           "--no-undefined",
                           "-s",
                           "--hash-style=gnu",
                           "-z",
                           "noexecstack",
                           "-o",
                           library,
                           object};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(linker, arguments, std::nullopt, {}, 0,
                                         0, &message);
  if (status != 0)
    return kernels.emitError()
           << "linking kernels failed: " << linker << " ended with status "
           << status << (message.empty() ? "" : ": ") << message;
  return success();
}

} // namespace

LogicalResult mlir::mm1::cpu::compileToSharedObject(ModuleOp kernels,
                                                    const CPUTarget &target,
                                                    StringRef path) {
  FailureOr<Lowered> lowered = lower(kernels, target);
  if (failed(lowered))
    return failure();
  std::string object = (path + ".o").str(), library = (path + ".tmp").str();
  auto clean = [&](LogicalResult result) {
    llvm::sys::fs::remove(object);
    llvm::sys::fs::remove(library);
    return result;
  };
  std::error_code error;
  {
    llvm::raw_fd_ostream stream(object, error);
    if (error)
      return kernels.emitError()
             << object << ": cannot be written: " << error.message();
    if (failed(writeCode(*lowered, stream, llvm::CodeGenFileType::ObjectFile,
                         kernels)))
      return clean(failure());
    stream.close();
    if (stream.has_error()) {
      kernels.emitError() << object << ": cannot be written: "
                          << stream.error().message();
      stream.clear_error();
      return clean(failure());
    }
  }
  if (failed(link(kernels, object, library)))
    return clean(failure());
  if ((error = llvm::sys::fs::rename(library, path)))
    return clean(kernels.emitError()
                 << path << ": cannot be written: " << error.message());
  return clean(success());
}

FailureOr<std::string> mlir::mm1::cpu::compileToText(ModuleOp kernels,
                                                     const CPUTarget &target,
                                                     TextKind kind) {
  FailureOr<Lowered> lowered = lower(kernels, target);
  if (failed(lowered))
    return failure();
  std::string text;
  if (kind == TextKind::LLVM) {
    llvm::raw_string_ostream stream(text);
    lowered->module->print(stream, nullptr);
    return text;
  }
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (failed(writeCode(*lowered, stream, llvm::CodeGenFileType::AssemblyFile,
                       kernels)))
    return failure();
  return bytes.str().str();
}
