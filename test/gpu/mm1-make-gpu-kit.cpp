//===- mm1-make-gpu-kit.cpp - Pack kernels with their right answers -------===//
// The command line, and the order of things: module to plan, plan to kernels,
// plan to cases, all into a folder. CLI11 reports through exceptions, so the
// command line is read in a file of its own (MakeKitArguments.cpp).
//===----------------------------------------------------------------------===//
#include "test/gpu/MakeKitArguments.h"

#include "compiler/Codegen/CUDA/BuildHostModule.h"
#include "compiler/Reference/PackedWeights.h"
#include "compiler/tools/BuildGpuKernels.h"
#include "compiler/tools/CompileSource.h"
#include "dialects/Plan/Plan.h"
#include "runtime/Artifact/Artifact.h"
#include "runtime/Support/MappedFile.h"
#include "test/gpu/KitWriter.h"
#include "test/gpu/Questions.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"

#include <cstdio>
#include <filesystem>

using namespace mlir;

namespace mm1::kit {

namespace {

/// The kernels that the artifact has, byte by byte those of this plan: an
/// answer is of no use when the kernel is another compiler's.
Status addModules(KitWriter &kit, const Artifact &artifact,
                  const GpuKernels &kernels, ModuleOp plan) {
  auto sameBytes = [&](const ArtifactFile &file) -> Status {
    if (!artifact.has(file.path))
      return inputError(artifact.folder() + ": has no " + file.path +
                        ", which this mm1c makes of its module; compile it "
                        "again");
    auto found = MappedFile::open(artifact.path(file.path));
    if (!found)
      return found.takeError();
    if (file.path.ends_with(".cubin") && found->text() != file.bytes)
      return inputError(found->path() +
                        ": is not what this mm1c and this NVRTC make of the "
                        "artifact's module; compile it again");
    return {};
  };
  llvm::StringMap<std::string> hosts;
  for (auto [part, file] :
       llvm::zip(plan.getOps<plan::KernelModuleOp>(), kernels.files))
    if (std::optional<llvm::StringRef> device = part.getHostOf())
      hosts[*device] = file.bytes;
  for (auto [part, file] :
       llvm::zip(plan.getOps<plan::KernelModuleOp>(), kernels.files)) {
    if (Status status = sameBytes(file); !status)
      return status;
    if (!part.getHostOf())
      kit.addModule(part.getSymName().str(), kernels.arch, file.bytes,
                    hosts.lookup(part.getSymName()));
  }
  return {};
}

/// The programs of conformance and questions, for every architecture that we
/// build for, and for the emulated driver where the artifact is.
Status addPrograms(KitWriter &kit, const MakeKitArguments &arguments,
                   bool isEmulated) {
  namespace cuda = mlir::mm1::cuda;
  std::vector<cuda::Program> programs;
  for (auto [name, path] :
       {std::pair(kConformanceModule, "/kernels/conformance/primitives.cu"),
        {kQuestionsModule, "/test/gpu/questions.cu"}}) {
    auto file = MappedFile::open(MM1_SOURCE_DIR + std::string(path));
    if (!file)
      return file.takeError();
    programs.push_back({name, std::string(file->text())});
  }
  auto nvrtc = cuda::Nvrtc::load(arguments.nvrtc);
  if (!nvrtc)
    return machineError(llvm::toString(nvrtc.takeError()));
  cuda::BuildOptions options;
  options.cacheFolder = cuda::defaultCacheFolder();
  cuda::HostBuildOptions hostOptions;
  hostOptions.compiler = arguments.hostCompiler;
  llvm::StringSet<> onSm80;
  for (auto [architecture, number] :
       {std::pair("sm_80", "800"), {"sm_90a", "900"}}) {
    auto built = cuda::buildPrograms(programs, architecture, *nvrtc, options);
    if (!built)
      return internalError(llvm::toString(built.takeError()));
    std::vector<std::string> hosts(programs.size());
    if (isEmulated) {
      // What NVRTC says itself: kernels of later architectures are left out.
      std::vector<cuda::Program> same = programs;
      for (cuda::Program &program : same)
        program.text = std::string("#define __CUDA_ARCH__ ") + number + "\n" +
                       program.text;
      auto made = cuda::buildHostModules(same, hostOptions);
      if (!made)
        return machineError(llvm::toString(made.takeError()));
      hosts = std::move(*made);
    }
    for (size_t i = 0; i < programs.size(); ++i) {
      // What spills would not measure what it is meant to.
      if (llvm::Error bad = cuda::checkResources(
              (*built)[i].program, programs[i].text, architecture))
        return internalError(llvm::toString(std::move(bad)));
      kit.addModule(programs[i].name, architecture, (*built)[i].program.cubin,
                    hosts[i]);
      if (architecture == llvm::StringRef("sm_80"))
        for (const auto &kernel : (*built)[i].program.resources)
          onSm80.insert(kernel.getKey());
    }
  }
  addQuestions(kit);
  addConformance(
      kit, [&](const std::string &kernel) { return !onSm80.contains(kernel); });
  return {};
}

Status makeKit(const MakeKitArguments &arguments) {
  Expected<Artifact> artifact = Artifact::open(arguments.artifact);
  if (!artifact)
    return artifact.takeError();
  if (!artifact->hasWeights())
    return inputError(arguments.artifact +
                      ": has no weights, and a kit needs them: compile it "
                      "without --no-weights");
  MLIRContext context;
  context.loadDialect<mlir::mm1::MM1Dialect, plan::PlanDialect,
                      func::FuncDialect>();
  CompileArguments compile;
  compile.model = arguments.artifact;
  compile.emit = "plan";
  compile.nvrtc = arguments.nvrtc;
  compile.hostCompiler = arguments.hostCompiler;
  Expected<CompileSource> source = readCompileSource(context, compile);
  if (!source)
    return source.takeError();
  FirstError error(&context);
  ModuleOp module = *source->module;
  PassManager passes(&context);
  mlir::mm1::buildPipeline(passes, source->options, mlir::mm1::Stage::Plan,
                           source->stage);
  if (failed(passes.run(module)))
    return error.take("passes");
  if (!isForGpu(module))
    return inputError(arguments.artifact +
                      ": is for a cpu; compile it with --target sm_90a, or "
                      "emulated:sm_90a");
  Expected<GpuKernels> kernels = buildGpuKernels(module, compile, error);
  if (!kernels)
    return kernels.takeError();

  const mlir::mm1::PipelineOptions &options = source->options;
  KitWriter kit(std::filesystem::path(arguments.artifact).filename().string() +
                " (" + options.target + ", " + options.compute + ", " +
                options.scheme + ")");
  if (Status status = addModules(kit, *artifact, *kernels, module); !status)
    return status;
  if (Status status = addPrograms(kit, arguments, kernels->isEmulated); !status)
    return status;
  mlir::mm1::PackedWeights weights(artifact->weights());
  auto addCase = [&](KernelCase made) {
    kit.addCase(std::move(made));
    return success();
  };
  if (failed(makePlanCases(module, weights, addCase)))
    return error.take("following the plan");
  for (auto kernel : module.getOps<plan::KernelOp>())
    if (kernel.isBuiltin())
      kit.addLeftOut({kernel.getSymName().str(),
                      "it only hands the host's step block on; every step of "
                      "mm1-run runs it"});
  if (Status status = kit.write(arguments.output); !status)
    return status;
  std::fprintf(stderr, "%s: %zu kernels and words, %zu questions\n",
               arguments.output.c_str(), kit.numCases(), kit.numQuestions());
  return {};
}

} // namespace
} // namespace mm1::kit

int main(int argc, char **argv) {
  ::mm1::kit::MakeKitArguments arguments;
  if (std::optional<int> exit =
          ::mm1::kit::readArguments(argc, argv, arguments))
    return *exit;
  if (::mm1::Status status = ::mm1::kit::makeKit(arguments); !status) {
    std::fprintf(stderr, "mm1-make-gpu-kit: error: %s\n",
                 status.error().message.c_str());
    return status.error().exitCode();
  }
  return 0;
}
