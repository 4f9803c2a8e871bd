//===- Launcher.cpp - The kernels of a kit on a GPU -----------------------===//
#include "test/gpu/Launcher.h"
#include "runtime/Device/CudaKernels.h"
#include "runtime/Support/Json.h"
#include "runtime/Support/MappedFile.h"

#include <algorithm>
#include <cstring>

namespace mm1::kit {

using namespace cuda;

namespace {

/// Behind each argument, so that what writes too far is seen.
constexpr uint64_t kGuardBytes = 256;
constexpr unsigned char kGuard = 0xa5, kUnwritten = 0xff;

/// The builds of the kit that run on this GPU, or empty.
std::string bestBuild(const Kit &kit, const CudaContext &gpu) {
  Plan plan;
  Plan::Module module{DeviceKind::CUDA, {}, std::nullopt};
  for (const Module &each : kit.modules())
    module.variants.push_back({each.architecture, each.cubin});
  plan.modules.push_back(std::move(module));
  return bestArchitecture(plan, gpu.capabilityMajor(), gpu.capabilityMinor());
}

using AddModule = const char *(*)(const void *image, size_t sizeBytes,
                                  const char *path);

} // namespace

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Expected<std::unique_ptr<Launcher>>
Launcher::create(const Kit &kit, const std::string &library, int ordinal) {
  auto driver = CudaDriver::open(library);
  if (!driver)
    return driver.takeError();
  auto launcher = std::make_unique<Launcher>();
  auto addModule =
      reinterpret_cast<AddModule>(driver->symbol("mm1_emulated_add_module"));
  launcher->emulated = addModule != nullptr;
  auto context = CudaContext::create(*driver, ordinal);
  if (!context)
    return context.takeError();
  launcher->context = std::move(*context);
  launcher->builds = bestBuild(kit, launcher->gpu());
  if (launcher->builds.empty())
    return machineError(
        kit.path() + ": has kernels for " + kit.architectures() + "; " +
        launcher->gpu().name() + " has compute capability " +
        std::to_string(launcher->gpu().capabilityMajor()) + "." +
        std::to_string(launcher->gpu().capabilityMinor()) +
        "; make a kit for it with mm1-make-gpu-kit");
  for (const Module &module : kit.modules()) {
    if (module.architecture != launcher->builds)
      continue;
    if (addModule) {
      if (!module.host)
        return machineError(kit.path() + ": module " + inQuotes(module.name) +
                            " was not built for the emulated driver; make the "
                            "kit of a source for emulated:" +
                            module.architecture);
      auto cubin = MappedFile::open(module.cubin);
      if (!cubin)
        return cubin.takeError();
      if (const char *problem =
              addModule(cubin->bytes().data(), cubin->bytes().size(),
                        module.host->c_str()))
        return inputError(*module.host + ": " + problem +
                          "; make the kit anew");
    }
    if (Status status = launcher->loadModule(module); !status)
      return status.takeError();
  }
  return launcher;
}

Status Launcher::loadModule(const Module &module) {
  auto file = MappedFile::open(module.cubin);
  if (!file)
    return file.takeError();
  const CudaDriver &cu = gpu().driver();
  Library library = nullptr;
  Result result = cu.cuLibraryLoadData(&library, file->bytes().data(), nullptr,
                                       nullptr, 0, nullptr, nullptr, 0);
  if (result != kSuccess)
    return machineError(module.cubin + ": " + gpu().name() +
                        " does not take it: " + cu.describe(result));
  libraries[module.name] = CudaOwned<Library>(library, cu.cuLibraryUnload);
  paths[module.name] = module.cubin;
  return {};
}

nlohmann::ordered_json Launcher::describe() {
  const CudaDriver &cu = gpu().driver();
  int version = 0, kilohertz = 0;
  size_t total = 0;
  // What the driver does not say stays out.
  nlohmann::ordered_json json = {
      {"name", gpu().name()},
      {"compute_capability", std::to_string(gpu().capabilityMajor()) + "." +
                                 std::to_string(gpu().capabilityMinor())},
      {"multiprocessors", gpu().multiprocessors()}};
  if (cu.cuDriverGetVersion(&version) == kSuccess)
    json["driver_cuda_version"] = version;
  if (cu.cuDeviceGetAttribute(&kilohertz, kClockKilohertz, gpu().device()) ==
      kSuccess)
    json["clock_kilohertz"] = kilohertz;
  if (cu.cuDeviceTotalMem(&total, gpu().device()) == kSuccess)
    json["memory_bytes"] = total;
  json["is_emulated"] = emulated;
  return json;
}

//===----------------------------------------------------------------------===//
// Cases
//===----------------------------------------------------------------------===//

bool Launcher::isBuilt(const Case &what) const {
  const std::vector<std::string> &names = what.architectures;
  return libraries.contains(what.module) &&
         (names.empty() ||
          std::find(names.begin(), names.end(), builds) != names.end());
}

Expected<PreparedCase> Launcher::prepare(const Case &what) {
  const CudaDriver &cu = gpu().driver();
  if (!isBuilt(what))
    return inputError("kernel " + inQuotes(what.kernel) +
                      " is not in the kit for " + builds);
  const std::string &path = paths[what.module];
  auto wrong = [&](const std::string &problem) {
    return inputError(path + ": kernel " + inQuotes(what.kernel) + " " +
                      problem + "; make the kit anew");
  };
  Kernel kernel = nullptr;
  Result result = cu.cuLibraryGetKernel(&kernel, libraries[what.module].get(),
                                        what.kernel.c_str());
  if (result == kNotFound)
    return wrong("is not there");
  if (Status status = gpu().check(result, "cuLibraryGetKernel"); !status)
    return status.takeError();
  for (size_t i = 0; i <= what.arguments.size(); ++i) {
    size_t offset = 0, size = 0;
    result = cu.cuKernelGetParamInfo(kernel, i, &offset, &size);
    if ((result == kSuccess) != (i < what.arguments.size()))
      return wrong("does not take " + std::to_string(what.arguments.size()) +
                   " parameters, which the kit has for it");
    if (result == kSuccess && size != sizeof(Address))
      return wrong("has a parameter that is no address");
  }
  PreparedCase prepared(*this, what);
  if (what.sharedBytes > 0)
    if (Status status =
            gpu().check(cu.cuKernelSetAttribute(kFunctionMaxDynamicShared,
                                                int(what.sharedBytes), kernel,
                                                gpu().device()),
                        "cuKernelSetAttribute");
        !status)
      return status.takeError();
  if (Status status =
          gpu().check(cu.cuKernelGetFunction(&prepared.function, kernel),
                      "cuKernelGetFunction");
      !status)
    return status.takeError();
  for (const Argument &argument : what.arguments) {
    auto memory = gpu().allocate(argument.sizeBytes + kGuardBytes, what.name);
    if (!memory)
      return memory.takeError();
    prepared.addresses.push_back(memory->get());
    prepared.memory.push_back(std::move(*memory));
  }
  if (Status status = prepared.reset(); !status)
    return status.takeError();
  return prepared;
}

Expected<std::byte *> Launcher::staging(uint64_t sizeBytes) {
  if (sizeBytes > stagingBytes) {
    auto memory = gpu().allocateHost(sizeBytes);
    if (!memory)
      return memory.takeError();
    stagingMemory = std::move(*memory);
    stagingBytes = sizeBytes;
  }
  return static_cast<std::byte *>(stagingMemory.get());
}

Status PreparedCase::reset() {
  CudaContext &gpu = launcher->gpu();
  const CudaDriver &cu = gpu.driver();
  for (size_t i = 0; i < addresses.size(); ++i) {
    const Argument &argument = what->arguments[i];
    uint64_t size = argument.sizeBytes;
    if (Status status =
            gpu.check(cu.cuMemsetD8Async(addresses[i] + size, kGuard,
                                         kGuardBytes, gpu.stream()),
                      "cuMemsetD8Async");
        !status)
      return status;
    if (argument.initial.empty()) {
      if (Status status = gpu.check(
              cu.cuMemsetD8Async(addresses[i], kUnwritten, size, gpu.stream()),
              "cuMemsetD8Async");
          !status)
        return status;
      continue;
    }
    auto staging = launcher->staging(size);
    if (!staging)
      return staging.takeError();
    std::memcpy(*staging, argument.initial.data(), size);
    if (Status status = gpu.check(
            cu.cuMemcpyHtoDAsync(addresses[i], *staging, size, gpu.stream()),
            "cuMemcpyHtoDAsync");
        !status)
      return status;
    // The next argument takes the same staging memory.
    if (Status status = gpu.synchronize(); !status)
      return status;
  }
  return gpu.synchronize();
}

CudaWork PreparedCase::work(uint32_t step) const {
  CudaWork work;
  work.step = step;
  work.function = function;
  work.blocks = what->blocks;
  work.threads = what->threads;
  work.sharedBytes = what->sharedBytes;
  work.arguments = addresses;
  return work;
}

Status PreparedCase::launch() { return mm1::launch(launcher->gpu(), work(0)); }

Expected<std::vector<std::byte>> PreparedCase::read(size_t argument) {
  CudaContext &gpu = launcher->gpu();
  uint64_t size = what->arguments[argument].sizeBytes;
  auto staging = launcher->staging(size + kGuardBytes);
  if (!staging)
    return staging.takeError();
  if (Status status = gpu.check(
          gpu.driver().cuMemcpyDtoHAsync(*staging, addresses[argument],
                                         size + kGuardBytes, gpu.stream()),
          "cuMemcpyDtoHAsync");
      !status)
    return status.takeError();
  if (Status status = gpu.synchronize(); !status)
    return status.takeError();
  for (uint64_t i = 0; i < kGuardBytes; ++i)
    if ((*staging)[size + i] != std::byte(kGuard))
      return inputError("byte " + std::to_string(i) + " behind argument " +
                        std::to_string(argument) + " was written");
  return std::vector<std::byte>(*staging, *staging + size);
}

} // namespace mm1::kit
