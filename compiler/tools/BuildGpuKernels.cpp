//===- BuildGpuKernels.cpp - The files of a GPU's kernels -----------------===//
#include "compiler/tools/BuildGpuKernels.h"

#include "compiler/Codegen/CUDA/BuildHostModule.h"
#include "compiler/Codegen/CUDA/EmitCUDA.h"
#include "compiler/Codegen/CUDA/LintProgram.h"
#include "dialects/Plan/Plan.h"

#include <cstdio>
#include <unistd.h>

namespace mm1 {

namespace cuda = mlir::mm1::cuda;
using mlir::plan::DeviceKind;
using mlir::plan::KernelModuleOp;
using mlir::plan::KernelOp;

bool isForGpu(mlir::ModuleOp plan) {
  return llvm::any_of(plan.getOps<KernelModuleOp>(), [](KernelModuleOp part) {
    return part.getDevice() == DeviceKind::CUDA;
  });
}

Expected<std::vector<cuda::Program>> printGpuPrograms(mlir::ModuleOp plan,
                                                      FirstError &error) {
  std::vector<cuda::Program> programs;
  for (auto part : plan.getOps<KernelModuleOp>()) {
    if (part.getDevice() != DeviceKind::CUDA)
      continue;
    mlir::FailureOr<std::string> text = cuda::emitCUDAModule(part);
    if (failed(text))
      return error.take("codegen");
    programs.push_back({part.getSymName().str(), std::move(*text)});
  }
  return programs;
}

/// What each kernel needs of a multiprocessor.
static Expected<nlohmann::ordered_json>
describeResources(mlir::ModuleOp plan, const GpuKernels &kernels,
                  const std::vector<cuda::Program> &programs) {
  auto all = nlohmann::ordered_json::array();
  for (auto kernel : plan.getOps<KernelOp>()) {
    std::string name = kernel.getSymName().str(),
                part = kernel.getModule().str();
    auto found = llvm::find_if(
        programs, [&](const cuda::Program &each) { return each.name == part; });
    if (found == programs.end())
      return internalError("kernel '" + name + "' is in no GPU module");
    const auto &resources =
        kernels.programs[found - programs.begin()].program.resources;
    auto needs = resources.find(name);
    if (needs == resources.end())
      return internalError("the program of module '" + part +
                           "' has no kernel '" + name + "'");
    all.push_back({{"name", name},
                   {"module", part},
                   {"arch", kernels.arch},
                   {"registers", needs->second.registers},
                   {"shared_bytes", needs->second.sharedBytes},
                   {"spill_bytes", needs->second.spillBytes},
                   {"stack_bytes", needs->second.stackBytes}});
  }
  return all;
}

Expected<GpuKernels> buildGpuKernels(mlir::ModuleOp plan,
                                     const CompileArguments &arguments,
                                     FirstError &error) {
  auto nvrtc = cuda::Nvrtc::load(arguments.nvrtc);
  if (!nvrtc)
    return machineError(llvm::toString(nvrtc.takeError()));
  Expected<std::vector<cuda::Program>> programs = printGpuPrograms(plan, error);
  if (!programs)
    return programs.takeError();
  GpuKernels kernels;
  std::vector<cuda::Program> hostPrograms;
  for (auto part : plan.getOps<KernelModuleOp>()) {
    if (part.getDevice() == DeviceKind::CUDA)
      kernels.arch = part.getArch().value_or("").str();
    else if (std::optional<llvm::StringRef> host = part.getHostOf())
      hostPrograms.push_back(
          {part.getSymName().str(),
           llvm::find_if(*programs, [&](const cuda::Program &each) {
             return each.name == *host;
           })->text});
  }
  kernels.isEmulated = !hostPrograms.empty();

  bool isTerminal = ::isatty(STDERR_FILENO);
  auto report = [&](size_t done, size_t total) {
    if (!arguments.quiet && (isTerminal || done == total))
      std::fprintf(stderr, "%sbuilding kernels for %s: %zu of %zu modules%s",
                   isTerminal ? "\r" : "", kernels.arch.c_str(), done, total,
                   done == total ? "\n" : "");
  };
  cuda::BuildOptions options;
  options.cacheFolder =
      arguments.kernelCache.value_or(cuda::defaultCacheFolder());
  options.threads = arguments.threads;
  options.onProgress = report;
  auto built = cuda::buildPrograms(*programs, kernels.arch, *nvrtc, options);
  if (!built)
    return internalError(llvm::toString(built.takeError()));
  kernels.programs = std::move(*built);
  for (auto [program, one] : llvm::zip(*programs, kernels.programs))
    if (llvm::Error bad =
            cuda::checkResources(one.program, program.text, kernels.arch))
      return inputError(llvm::toString(std::move(bad)));
    else if (llvm::Error broken =
                 cuda::lintProgram(program.text, one.program.ptx))
      return internalError(llvm::toString(std::move(broken)));

  cuda::HostBuildOptions host;
  host.compiler = arguments.hostCompiler;
  host.isInstrumented = arguments.instrument;
  host.threads = arguments.threads;
  std::vector<std::string> libraries;
  if (kernels.isEmulated) {
    auto made = cuda::buildHostModules(hostPrograms, host);
    if (!made)
      return machineError(llvm::toString(made.takeError()));
    libraries = std::move(*made);
  }

  size_t nextProgram = 0, nextLibrary = 0;
  for (auto part : plan.getOps<KernelModuleOp>()) {
    std::string name = "kernels/" + part.getSymName().str();
    bool isHost = part.getHostOf().has_value();
    std::string path =
        isHost ? name + ".so" : name + "-" + kernels.arch + ".cubin";
    kernels.built.variants.push_back(
        {{isHost ? "x86-64-v3" : kernels.arch, path}});
    kernels.files.push_back(
        {path, isHost ? std::move(libraries[nextLibrary++])
                      : kernels.programs[nextProgram++].program.cubin});
  }
  for ([[maybe_unused]] auto kernel : plan.getOps<KernelOp>())
    kernels.built.scratchBytes.push_back(0);
  auto resources = describeResources(plan, kernels, *programs);
  if (!resources)
    return resources.takeError();
  kernels.resources = std::move(*resources);
  return kernels;
}

} // namespace mm1
