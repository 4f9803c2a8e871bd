//===- CpuDevice.cpp - Run a plan on this machine's processor ------------------===//
#include "runtime/Device/CpuDevice.h"
#include "runtime/Device/CpuLevel.h"
#include "runtime/Device/HostFunctions.h"
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
  auto module = std::find_if(
      plan.modules.begin(), plan.modules.end(), [](const Plan::Module &each) {
        return each.device == DeviceKind::CPU && !each.hostOf;
      });
  if (module == plan.modules.end())
    return machineError(artifact.folder() +
                        ": has no kernels for a cpu; recompile with "
                        "--target cpu");
  std::vector<std::string_view> supported = supportedCpuLevels();
  if (!options.level.empty() && std::find(supported.begin(), supported.end(),
                                          options.level) == supported.end())
    return machineError("this processor does not run level " +
                        inQuotes(options.level) +
                        "; it runs: " + join(supported));
  const Plan::Variant *variant = nullptr;
  for (std::string_view level : supported)
    if (!variant && (options.level.empty() || level == options.level))
      variant = module->variant(level);
  if (!variant) {
    std::vector<std::string_view> built;
    for (const Plan::Variant &each : module->variants)
      built.push_back(each.name);
    return machineError(
        artifact.folder() + ": has kernels for " + join(built) +
        "; this processor runs: " +
        (options.level.empty() ? join(supported) : options.level) +
        "; recompile with --target cpu");
  }

  chosenLevel = variant->name;
  std::string path = artifact.path(variant->path);
  if (path.front() != '/')
    path = "./" + path; // dlopen searches for names without a slash
  library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return machineError(path + ": cannot be loaded: " + ::dlerror());
  auto number = uint32_t(module - plan.modules.begin());
  for (const Plan::Kernel &kernel : plan.kernels) {
    void *symbol = nullptr;
    if (kernel.module == number &&
        !(symbol = ::dlsym(library, kernel.symbol.c_str())))
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

/// A copy as a kernel: (from, to, numbers), numbers = {bytes}.
static void copyBuffer(void *const *buffers, const int64_t *, int64_t, int64_t,
                       void *) {
  std::memcpy(buffers[1], buffers[0],
              size_t(static_cast<const int64_t *>(buffers[2])[0]));
}

/// What runs `step`; null for a step that is done by standing in its place: all
/// steps run one after the other, so a signal is given when its wait comes.
Expected<KernelFunction> CpuDevice::functionOf(const Plan::Entry &entry,
                                               const Plan::Step &step,
                                               Work &work) const {
  work.grid = {1, GridUnit::One, 1};
  if (auto *launch = step.as<Plan::Launch>()) {
    work.grid = launch->grid;
    if (!kernels[launch->kernel])
      return inputError("step " + inQuotes(step.label) +
                        " runs a kernel of another device");
    return kernels[launch->kernel];
  }
  if (auto *call = step.as<Plan::HostCall>()) {
    const HostFunction *function = findHostFunction(call->callee);
    if (!function)
      return inputError("plan.bin calls " + inQuotes(call->callee) +
                        ", which this mm1-run lacks; use a newer one, or "
                        "recompile");
    work.grid = call->grid;
    work.numbers = call->numbers;
    std::vector<uint64_t> sizes;
    for (const Plan::Arg &arg : step.args)
      sizes.push_back(arg.sizeBytes);
    if (Status status = function->check(
            sizes, call->numbers,
            call->grid.count(entry.maxTokens, entry.maxSequences));
        !status)
      return status.takeError();
    return function->function;
  }
  if (step.as<Plan::Copy>()) {
    work.numbers = {int64_t(step.args[0].sizeBytes)};
    return KernelFunction(copyBuffer);
  }
  if (step.as<Plan::Collective>())
    return inputError("plan.bin has collectives, but this device is alone");
  return KernelFunction(nullptr);
}

Expected<uint32_t> CpuDevice::addProgram(const Plan::Entry &entry,
                                         std::span<const Buffers> buffers) {
  Program program;
  for (uint32_t i = 0; i < entry.steps.size(); ++i) {
    Work work{{}, buffers[i], {}, i};
    auto function = functionOf(entry, entry.steps[i], work);
    if (!function)
      return function.takeError();
    if (!*function)
      continue;
    program.works.push_back(std::move(work));
    Work &kept = program.works.back();
    if (!kept.numbers.empty())
      kept.buffers.push_back(kept.numbers.data());
    program.steps.push_back({*function, kept.buffers.data(), 0});
  }
  programs.push_back(std::move(program)); // the inner vectors keep their memory
  return uint32_t(programs.size() - 1);
}

Status CpuDevice::run(uint32_t number, const Dims &dims) {
  Program &program = programs[number];
  for (size_t i = 0; i < program.steps.size(); ++i)
    program.steps[i].tasks = uint32_t(program.works[i].grid.count(
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
