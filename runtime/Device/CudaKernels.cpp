//===- CudaKernels.cpp - The kernels of a plan on a GPU -------------------===//
#include "runtime/Device/CudaKernels.h"
#include "runtime/Device/CudaGraph.h"
#include "runtime/Support/Json.h" // inQuotes

#include <algorithm>
#include <charconv>

namespace mm1 {

using namespace cuda;

//===----------------------------------------------------------------------===//
// Architectures
//===----------------------------------------------------------------------===//

/// 10 * major + minor of "sm_90" or "sm_90a"; -1 for another text.
static int capabilityOf(std::string_view architecture) {
  if (!architecture.starts_with("sm_"))
    return -1;
  const char *end = architecture.data() + architecture.size();
  int value = -1;
  auto [last, error] = std::from_chars(architecture.data() + 3, end, value);
  bool isWhole = last == end || (last + 1 == end && *last == 'a');
  return error == std::errc() && isWhole ? value : -1;
}

static const Plan::Module *firstGpuModule(const Plan &plan) {
  for (const Plan::Module &module : plan.modules)
    if (module.device == DeviceKind::CUDA)
      return &module;
  return nullptr;
}

std::string bestArchitecture(const Plan &plan, int major, int minor) {
  std::string best;
  const Plan::Module *module = firstGpuModule(plan);
  if (!module)
    return best;
  for (const Plan::Variant &variant : module->variants) {
    int built = capabilityOf(variant.name), found = 10 * major + minor;
    bool isSpecial = variant.name.ends_with('a');
    if (built < 0 || built / 10 != major || built > found ||
        (isSpecial && built != found))
      continue;
    // "sm_90a" is longer than "sm_90" and stands behind it.
    if (best.empty() || std::pair(built, isSpecial) >
                            std::pair(capabilityOf(best), best.ends_with('a')))
      best = variant.name;
  }
  return best;
}

std::string architecturesOf(const Plan &plan) {
  std::string text;
  if (const Plan::Module *module = firstGpuModule(plan))
    for (const Plan::Variant &variant : module->variants)
      text += (text.empty() ? "" : ", ") + variant.name;
  return text.empty() ? "none" : text;
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

/// What the launches of a kernel ask of it.
struct CudaKernels::Needs {
  size_t parameters = 0; ///< 0: it is never launched
  uint32_t threads = 0, sharedBytes = 0;
};

Status CudaKernels::load(CudaContext &gpu, const Artifact &artifact,
                         const std::string &architecture) {
  const Plan &plan = artifact.plan();
  std::vector<Needs> needs(plan.kernels.size());
  for (const Plan::Entry &entry : plan.entries)
    for (const Plan::Step &step : entry.steps) {
      const Plan::Launch *launch = step.as<Plan::Launch>();
      if (!launch)
        continue;
      Builtin builtin = builtinOf(plan, step);
      size_t parameters = step.args.size() + 1;
      if (builtin != Builtin::None)
        parameters += builtin == Builtin::Begin ? kBeginExtras : kPublishExtras;
      Needs &need = needs[launch->kernel];
      if (need.parameters != 0 && need.parameters != parameters)
        return inputError(artifact.path("plan.bin") + ": kernel " +
                          inQuotes(plan.kernels[launch->kernel].symbol) +
                          " is given " + std::to_string(parameters) +
                          " parameters in step " + inQuotes(step.label) +
                          ", elsewhere " + std::to_string(need.parameters));
      need.parameters = parameters;
      need.threads = std::max(need.threads, launch->threads);
      need.sharedBytes = std::max(need.sharedBytes, launch->sharedBytes);
    }

  functions.resize(plan.kernels.size());
  for (size_t number = 0; number < plan.modules.size(); ++number) {
    const Plan::Module &module = plan.modules[number];
    if (module.device != DeviceKind::CUDA)
      continue;
    const Plan::Variant *variant = module.variant(architecture);
    if (!variant)
      return inputError(artifact.path("plan.bin") + ": has kernels for " +
                        architecture + ", but not in all modules; recompile");
    if (Status status = loadModule(gpu, artifact, *variant); !status)
      return status;
    std::string path = artifact.path(variant->path);
    for (size_t i = 0; i < plan.kernels.size(); ++i) {
      const Plan::Kernel &kernel = plan.kernels[i];
      if (kernel.module != number)
        continue;
      const CudaDriver &cu = gpu.driver();
      Kernel handle = nullptr;
      Result result = cu.cuLibraryGetKernel(&handle, libraries.back().get(),
                                            kernel.symbol.c_str());
      if (result == kNotFound)
        return inputError(path + ": has no kernel " + inQuotes(kernel.symbol) +
                          ", which plan.bin launches; recompile");
      if (Status status = gpu.check(result, "cuLibraryGetKernel"); !status)
        return status;
      if (needs[i].parameters != 0)
        if (Status status = check(gpu, kernel, path, handle, needs[i]); !status)
          return status;
      if (Status status =
              gpu.check(cu.cuKernelGetFunction(&functions[i], handle),
                        "cuKernelGetFunction");
          !status)
        return status;
      // Else its code is loaded at its first launch, in the middle of a step.
      if (Status status = gpu.check(cu.cuFuncLoad(functions[i]), "cuFuncLoad");
          !status)
        return status;
    }
  }
  return Status::ok();
}

Status CudaKernels::loadModule(CudaContext &gpu, const Artifact &artifact,
                               const Plan::Variant &variant) {
  std::string path = artifact.path(variant.path);
  auto file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  // The driver is told no size, so what is read must be whole; the hash in the
  // manifest says that it is what the compiler wrote.
  constexpr std::string_view kElf = "\x7f"
                                    "ELF";
  if (!file->text().starts_with(kElf) || file->bytes().size() < 64)
    return inputError(path + ": is no cubin; recompile");
  const CudaDriver &cu = gpu.driver();
  Library library = nullptr;
  Result result = cu.cuLibraryLoadData(&library, file->bytes().data(), nullptr,
                                       nullptr, 0, nullptr, nullptr, 0);
  switch (result) {
  case kInvalidImage:
    return inputError(path + ": the driver does not read it (" +
                      cu.describe(result) + "); recompile");
  case kNoBinaryForGpu:
    return machineError(path + ": is not for " + gpu.name() + " (" +
                        cu.describe(result) +
                        "); recompile with --target of this GPU");
  case kUnsupportedPtxVersion:
    return machineError(path + ": is newer than the driver (" +
                        cu.describe(result) + "); update the driver");
  default:
    if (Status status = gpu.check(result, "cuLibraryLoadData"); !status)
      return status;
  }
  libraries.emplace_back(library, cu.cuLibraryUnload);
  return Status::ok();
}

/// Whether `handle` takes what the plan's launches give it.
Status CudaKernels::check(CudaContext &gpu, const Plan::Kernel &kernel,
                          const std::string &path, Kernel handle,
                          const Needs &needs) const {
  const CudaDriver &cu = gpu.driver();
  auto wrong = [&](const std::string &what) {
    return inputError(path + ": kernel " + inQuotes(kernel.symbol) + " " +
                      what + "; recompile");
  };
  // All parameters are addresses. One more than there are is no parameter.
  for (size_t i = 0; i <= needs.parameters; ++i) {
    size_t offset = 0, sizeBytes = 0;
    Result result = cu.cuKernelGetParamInfo(handle, i, &offset, &sizeBytes);
    bool isThere = result == kSuccess;
    if (!isThere && result != kInvalidValue)
      return gpu.check(result, "cuKernelGetParamInfo");
    if (isThere != (i < needs.parameters))
      return wrong("takes " +
                   (isThere ? "more than " + std::to_string(i)
                            : "only " + std::to_string(i)) +
                   " parameters; plan.bin gives it " +
                   std::to_string(needs.parameters));
    if (isThere &&
        (offset != i * sizeof(Address) || sizeBytes != sizeof(Address)))
      return wrong("takes " + std::to_string(sizeBytes) + " bytes at " +
                   std::to_string(offset) + " as parameter " +
                   std::to_string(i) + "; expected an address");
  }
  int maxThreads = 0, sharedBytes = 0;
  if (Status status =
          gpu.check(cu.cuKernelGetAttribute(&maxThreads, kFunctionMaxThreads,
                                            handle, gpu.device()),
                    "cuKernelGetAttribute");
      !status)
    return status;
  if (needs.threads > uint32_t(maxThreads))
    return wrong("runs with at most " + std::to_string(maxThreads) +
                 " threads; plan.bin gives it " +
                 std::to_string(needs.threads));
  if (Status status =
          gpu.check(cu.cuKernelGetAttribute(&sharedBytes, kFunctionSharedBytes,
                                            handle, gpu.device()),
                    "cuKernelGetAttribute");
      !status)
    return status;
  if (uint64_t(sharedBytes) + needs.sharedBytes >
      uint64_t(gpu.maxSharedBytes()))
    return machineError(path + ": kernel " + inQuotes(kernel.symbol) +
                        " needs " +
                        std::to_string(sharedBytes + needs.sharedBytes) +
                        " bytes of shared memory; " + gpu.name() + " has " +
                        std::to_string(gpu.maxSharedBytes()) +
                        "; recompile with --target of this GPU");
  if (needs.sharedBytes == 0)
    return Status::ok();
  return gpu.check(cu.cuKernelSetAttribute(kFunctionMaxDynamicShared,
                                           int(needs.sharedBytes), handle,
                                           gpu.device()),
                   "cuKernelSetAttribute");
}

//===----------------------------------------------------------------------===//
// Emulation
//===----------------------------------------------------------------------===//

Status addHostModules(const CudaDriver &driver, const Artifact &artifact) {
  using AddModule =
      const char *(*)(const void *image, size_t sizeBytes, const char *path);
  auto addModule =
      reinterpret_cast<AddModule>(driver.symbol("mm1_emulated_add_module"));
  if (!addModule)
    return Status::ok();
  const Plan &plan = artifact.plan();
  for (const Plan::Module &host : plan.modules) {
    if (!host.hostOf)
      continue;
    std::string path = artifact.path(host.variants[0].path);
    for (const Plan::Variant &variant : plan.modules[*host.hostOf].variants) {
      auto cubin = MappedFile::open(artifact.path(variant.path));
      if (!cubin)
        return cubin.takeError();
      if (const char *problem = addModule(cubin->bytes().data(),
                                          cubin->bytes().size(), path.c_str()))
        return inputError(path + ": " + problem + "; recompile");
    }
  }
  return Status::ok();
}

} // namespace mm1
