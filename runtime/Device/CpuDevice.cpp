//===- CpuDevice.cpp - Run a plan on this machine's processor ------------------===//
#include "runtime/Device/CpuDevice.h"
#include "runtime/Device/CpuLevel.h"
#include "runtime/Support/Json.h" // inQuotes

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>

namespace mm1 {

namespace {

constexpr uint64_t kHugePage = uint64_t(2) << 20;

std::string mebibytes(uint64_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

std::string join(std::span<const std::string_view> names) {
  std::string text;
  for (std::string_view name : names)
    text += (text.empty() ? "" : ", ") + std::string(name);
  return text.empty() ? "none" : text;
}

} // namespace

Expected<std::unique_ptr<CpuDevice>> CpuDevice::create(const Options &options) {
  if (options.threads > kMaxThreads)
    return usageError(std::to_string(options.threads) +
                      " threads asked for; expected at most " +
                      std::to_string(kMaxThreads));
  std::unique_ptr<CpuDevice> device(new CpuDevice(options));
  device->numThreads =
      options.threads
          ? options.threads
          : std::min<uint32_t>(kMaxThreads, uint32_t(allowedCpus().size()));
  return device;
}

CpuDevice::~CpuDevice() {
  pool.reset();
  if (library)
    ::dlclose(library);
}

std::string CpuDevice::describe() const {
  return "cpu " + chosenLevel + ", " + std::to_string(numThreads) +
         (numThreads == 1 ? " thread" : " threads");
}

Expected<Device::Memory> CpuDevice::allocate(uint64_t sizeBytes,
                                             std::string_view what) {
  auto refusal = [&](const std::string &reason) {
    return machineError(
        "not enough memory: " + std::string(what) + " needs " +
        mebibytes(sizeBytes) + ", " + reason +
        "; free some, or recompile with a smaller --context or --sequences");
  };
  uint64_t available = availableMemory();
  if (sizeBytes > available)
    return refusal(mebibytes(available) + " are available");
  // A region that starts on a huge page; what sticks out on both sides is given back.
  uint64_t alignment = sizeBytes >= kHugePage ? kHugePage : 4096;
  uint64_t rounded = (sizeBytes + 4095) & ~uint64_t(4095);
  void *region = ::mmap(nullptr, rounded + alignment, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (region == MAP_FAILED)
    return refusal(std::strerror(errno));
  auto base = static_cast<std::byte *>(region);
  uint64_t before = -reinterpret_cast<uintptr_t>(base) & (alignment - 1);
  if (before != 0)
    ::munmap(base, before);
  ::munmap(base + before + rounded, alignment - before);
  (void)::madvise(base + before, rounded,
                  MADV_HUGEPAGE); // only speed hangs on it
  return Memory(this, base + before, sizeBytes);
}

void CpuDevice::free(std::byte *address, uint64_t sizeBytes) {
  ::munmap(address, (sizeBytes + 4095) & ~uint64_t(4095));
}

Status CpuDevice::load(const Artifact &artifact) {
  if (Status status = loadKernels(artifact); !status)
    return status;
  return weights.load(artifact, options.weights, *this, *pool);
}

Status CpuDevice::loadKernels(const Artifact &artifact) {
  const Plan &plan = artifact.plan();
  if (artifact.manifest().device != "cpu")
    return machineError(
        artifact.folder() + ": built for device " +
        inQuotes(artifact.manifest().device) +
        "; this mm1-run has only 'cpu'; recompile with --target cpu");
  std::vector<std::string_view> supported = supportedCpuLevels();
  if (!options.level.empty() && std::find(supported.begin(), supported.end(),
                                          options.level) == supported.end())
    return machineError("this processor does not run level " +
                        inQuotes(options.level) +
                        "; it runs: " + join(supported));
  for (std::string_view level : supported)
    if (chosenLevel.empty() &&
        (options.level.empty() || level == options.level) &&
        artifact.has("kernels/cpu-" + std::string(level) + ".so"))
      chosenLevel = level;
  if (chosenLevel.empty()) {
    std::vector<std::string_view> built;
    for (const Manifest::File &file : artifact.manifest().files)
      if (file.path.starts_with("kernels/"))
        built.push_back(std::string_view(file.path).substr(8));
    return machineError(
        artifact.folder() + ": has kernels " + join(built) +
        "; this processor runs: " +
        (options.level.empty() ? join(supported) : options.level) +
        "; recompile with --target cpu");
  }

  std::string path = artifact.path("kernels/cpu-" + chosenLevel + ".so");
  if (path.front() != '/')
    path = "./" + path; // dlopen searches for names without a slash
  library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return machineError(path + ": cannot be loaded: " + ::dlerror());
  for (const Plan::Kernel &kernel : plan.kernels) {
    void *symbol = ::dlsym(library, kernel.symbol.c_str());
    if (!symbol)
      return inputError(path + ": has no kernel " + inQuotes(kernel.symbol) +
                        ", which plan.bin calls");
    kernels.push_back(reinterpret_cast<KernelFunction>(symbol));
  }
  auto threadPool =
      ThreadPool::create(numThreads, plan.maxScratchBytes(), options.profiling);
  if (!threadPool)
    return threadPool.takeError();
  pool = std::move(*threadPool);
  return Status::ok();
}

Expected<uint32_t> CpuDevice::addProgram(std::span<const Launch> launches) {
  Program program;
  for (const Launch &launch : launches) {
    program.buffers.push_back(launch.buffers);
    program.grids.push_back(launch.grid);
    program.steps.push_back(
        {kernels[launch.kernel], program.buffers.back().data(), 0});
  }
  programs.push_back(std::move(program)); // the inner vectors keep their memory
  return uint32_t(programs.size() - 1);
}

Status CpuDevice::run(uint32_t number, const Dims &dims) {
  Program &program = programs[number];
  for (size_t i = 0; i < program.steps.size(); ++i)
    program.steps[i].tasks = uint32_t(program.grids[i].count(
        uint64_t(dims[kDimTokens]), uint64_t(dims[kDimSequences])));
  pool->run(program.steps, dims.data());
  return Status::ok();
}

void CpuDevice::write(void *to, const void *from, uint64_t sizeBytes) {
  if (sizeBytes != 0) // a plan without pages has no place for them
    std::memcpy(to, from, sizeBytes);
}
void CpuDevice::read(void *to, const void *from, uint64_t sizeBytes) {
  if (sizeBytes != 0) // a plan without pages has no place for them
    std::memcpy(to, from, sizeBytes);
}
void CpuDevice::clear(void *at, uint64_t sizeBytes) {
  if (sizeBytes != 0)
    std::memset(at, 0, sizeBytes);
}

void CpuDevice::resetProfile() {
  pool->resetProfile();
  for (Program &program : programs)
    for (ThreadPool::Step &step : program.steps)
      step.wallNs = step.runs = 0;
}

} // namespace mm1
