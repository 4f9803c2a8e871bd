//===- CpuDevice.cpp - Run a plan on this machine's processor -------------===//
#include "runtime/Device/CpuDevice.h"
#include "runtime/Device/CpuBounds.h"
#include "runtime/Device/CpuLevel.h"
#include "runtime/Device/HostFunctions.h"
#include "runtime/Support/Json.h" // inQuotes

#include <algorithm>
#include <cstring>
#include <dlfcn.h>

namespace mm1 {

static std::string join(std::span<const std::string_view> names) {
  std::string text;
  for (std::string_view name : names)
    text += (text.empty() ? "" : ", ") + std::string(name);
  return text.empty() ? "none" : text;
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

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

Status CpuDevice::load(const Artifact &artifact, const LoadOptions &load) {
  plan = &artifact.plan();
  // Memory first: it may not fit, and the weights take the time.
  if (Status status = allocate(load); !status)
    return status;
  if (Status status = loadKernels(artifact); !status)
    return status;
  findPorts();
  if (load.randomWeights)
    return weights.fill(*plan, *load.randomWeights);
  return weights.load(artifact, options.weights, *pool, load.onProgress);
}

Status CpuDevice::allocate(const LoadOptions &load) {
  for (const Plan::State &state : plan->states) {
    uint64_t units = state.kind == StateKind::KVPages && load.kvPages != 0
                         ? load.kvPages + plan->sparePages
                         : state.units;
    if (units > UINT64_MAX / state.unitBytes)
      return usageError(std::to_string(load.kvPages) +
                        " KV pages asked for, more than memory can have");
    auto memory =
        CpuMemory::allocate(units * state.unitBytes, "state " + state.name);
    if (!memory)
      return memory.takeError();
    states.push_back(std::move(*memory));
  }
  // Kernels may load one vector past the end of a row, so also of the last.
  constexpr uint64_t kSlackBytes = 64;
  auto memory =
      CpuMemory::allocate(plan->arenaBytes + kSlackBytes, "the arena");
  if (!memory)
    return memory.takeError();
  arena = std::move(*memory);
  std::memset(arena.data(), 0, arena.sizeBytes()); // brings the pages in
  return Status::ok();
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

void CpuDevice::findPorts() {
  auto at = [&](const Plan::Port *port) {
    return port ? arena.data() + port->offset : nullptr;
  };
  auto input = [&](std::string_view name) {
    return reinterpret_cast<int32_t *>(at(plan->input(name)));
  };
  ports.tokens = input("tokens");
  ports.positions = input("positions");
  ports.starts = input("starts");
  ports.slots = input("slots");
  ports.pages = input("pages");
  ports.rows = input("rows");
  ports.counts = input("candidate_counts");
  ports.inverseTemperatures =
      reinterpret_cast<float *>(input("inverse_temperatures"));
  const Plan::Port *logits = plan->output("logits"),
                   *ids = plan->output("candidate_ids"),
                   *values = plan->output("candidate_values"),
                   *sums = plan->output("candidate_sums");
  ports.logits = reinterpret_cast<const float *>(at(logits));
  ports.logitsStride = logits->rowBytes / sizeof(float);
  result.counts = ports.counts;
  result.tokens = result.ids = reinterpret_cast<const int32_t *>(at(ids));
  result.values = reinterpret_cast<const float *>(at(values));
  result.sums = reinterpret_cast<const float *>(at(sums));
  result.tokensStride = result.idsStride = ids->rowBytes / sizeof(int32_t);
  result.countsStride = 1;
  result.valuesStride = values->rowBytes / sizeof(float);
  result.sumsStride = sums->rowBytes / sizeof(float);
  // All ids may be chosen until somebody says otherwise.
  const Plan::Port *mask = plan->input("vocabulary_mask");
  std::memset(at(mask), 0xff, mask->sizeBytes());

  uint32_t most = 0;
  for (const Plan::Entry &entry : plan->entries)
    most = std::max(most, entry.maxTokens);
  rows.resize(most);
  starts.resize(plan->maxSequences + 1);
  updates.resize(plan->maxSequences);
  for (uint32_t slot = 0; slot < plan->maxSequences; ++slot)
    slotUpdates.push_back({.slot = int32_t(slot)});
  block = {rows, starts, updates};
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
  if (auto *launch = step.as<Plan::Launch>()) {
    work.grid = launch->grid;
    work.grain = launch->grain;
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

Expected<Device::Program> CpuDevice::addProgram(const Plan::Entry &entry) {
  ProgramData program{entry.kind,
                      entry.maxTokens,
                      entry.maxSequences,
                      {},
                      {},
                      std::vector<StepTime>(entry.steps.size())};
  for (uint32_t i = 0; i < entry.steps.size(); ++i) {
    const Plan::Step &step = entry.steps[i];
    Work work;
    work.planStep = i;
    auto function = functionOf(entry, step, work);
    if (!function)
      return function.takeError();
    if (!*function)
      continue;
    for (const Plan::Arg &arg : step.args)
      work.buffers.push_back(address(arg.kind, arg.index));
    program.works.push_back(std::move(work));
    Work &kept = program.works.back();
    if (!kept.numbers.empty())
      kept.buffers.push_back(kept.numbers.data());
    program.steps.push_back({*function, kept.buffers.data(), 0, kept.grain});
  }
  programs.push_back(std::move(program)); // the inner vectors keep their memory
  return Program(programs.size() - 1);
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Expected<StepBlock *> CpuDevice::step() {
  block.numRows = block.numSequences = block.numUpdates = 0;
  return &block;
}

Expected<Device::Ticket> CpuDevice::enqueue(Program number, StepBlock &given) {
  ProgramData &program = programs[number];
  if (&given != &block || given.numRows == 0 ||
      given.numRows > program.maxTokens ||
      given.numSequences > program.maxSequences)
    return usageError("a step of " + std::to_string(given.numRows) +
                      " rows of " + std::to_string(given.numSequences) +
                      " sequences does not fit its program, which takes " +
                      std::to_string(program.maxTokens) + " of " +
                      std::to_string(program.maxSequences));
  spread(program, given);
  run(program, program.steps, 0, given.numRows, given.numSequences);
  result.numRows = program.kind == EntryKind::Prefill ? 0 : given.numRows;
  return ++lastTicket;
}

/// Writes the plan's input ports.
void CpuDevice::spread(const ProgramData &program, const StepBlock &given) {
  for (const SlotUpdate &update : given.updates.first(given.numUpdates))
    slotUpdates[size_t(update.slot)] = update;
  if (program.kind == EntryKind::Head) {
    for (uint32_t i = 0; i < given.numRows; ++i)
      ports.rows[i] = given.rows[i].token;
  } else {
    for (uint32_t i = 0; i < given.numRows; ++i) {
      const StepRow &row = given.rows[i];
      ports.tokens[i] = row.token;
      if (ports.positions)
        ports.positions[i] = row.position;
      if (row.newPage >= 0)
        appendPage(row);
    }
    for (uint32_t b = 0; b < given.numSequences; ++b) {
      ports.starts[b] = given.starts[b];
      if (ports.slots)
        ports.slots[b] = given.rows[size_t(given.starts[b])].slot;
    }
    ports.starts[given.numSequences] = given.starts[given.numSequences];
  }
  if (program.kind == EntryKind::Prefill)
    return;
  for (uint32_t i = 0; i < given.numRows; ++i) {
    const SlotUpdate &wanted = slotUpdates[size_t(given.rows[i].slot)];
    ports.counts[i] = wanted.candidates;
    ports.inverseTemperatures[i] = wanted.inverseTemperature;
  }
}

/// A clean page behind those that the row's slot has.
void CpuDevice::appendPage(const StepRow &row) {
  ports.pages[uint64_t(row.slot) * plan->pageColumns() +
              uint64_t(row.position) / plan->pageTokens] = row.newPage;
  // Kernels multiply what lies behind the last token by zero; a NaN left there
  // would not go away.
  for (size_t i = 0; i < states.size(); ++i)
    if (const Plan::State &state = plan->states[i];
        state.kind == StateKind::KVPages)
      std::memset(states[i].data() + uint64_t(row.newPage) * state.unitBytes, 0,
                  state.unitBytes);
}

/// Runs pool steps of a program, whose first has number `firstWork`.
void CpuDevice::run(ProgramData &program, std::span<ThreadPool::Step> steps,
                    size_t firstWork, uint32_t tokens, uint32_t sequences) {
  for (size_t i = 0; i < steps.size(); ++i)
    steps[i].tasks =
        uint32_t(program.works[firstWork + i].grid.count(tokens, sequences));
  const Dims dims = {tokens, sequences, int64_t(plan->pageColumns())};
  pool->run(steps, dims.data());
}

Expected<const StepResult *> CpuDevice::wait(Ticket ticket) {
  if (ticket > lastTicket)
    return usageError("waits for ticket " + std::to_string(ticket) +
                      ", which was not given");
  return &result;
}

Expected<LogitsView> CpuDevice::logits(uint32_t first, uint32_t count) {
  if (first > result.numRows || count > result.numRows - first)
    return usageError("logits of rows " + std::to_string(first) + " to " +
                      std::to_string(uint64_t(first) + count) +
                      " asked for; the last step made " +
                      std::to_string(result.numRows));
  return LogitsView{ports.logits + first * ports.logitsStride, count,
                    uint32_t(plan->vocabSize), ports.logitsStride};
}

Status CpuDevice::runAlone(Program number, uint32_t step, uint32_t tokens,
                           uint32_t sequences) {
  ProgramData &program = programs[number];
  if (tokens > program.maxTokens || sequences > program.maxSequences ||
      step >= program.times.size())
    return usageError("step " + std::to_string(step) + " for " +
                      std::to_string(tokens) + " tokens of " +
                      std::to_string(sequences) +
                      " sequences is not in the program");
  for (size_t i = 0; i < program.works.size(); ++i)
    if (program.works[i].planStep == step)
      run(program, std::span(program.steps).subspan(i, 1), i, tokens,
          sequences);
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

std::byte *CpuDevice::address(ArgKind kind, uint64_t index) const {
  switch (kind) {
  case ArgKind::Arena:
    return arena.data() + index;
  case ArgKind::Weight:
    return static_cast<std::byte *>(weights.address(index));
  case ArgKind::State:
    break;
  }
  return states[index].data();
}

Expected<std::span<std::byte>> CpuDevice::hostBuffer(uint64_t sizeBytes) {
  auto memory = CpuMemory::allocate(sizeBytes, "a buffer of the host");
  if (!memory)
    return memory.takeError();
  hostBuffers.push_back(std::move(*memory));
  return std::span(hostBuffers.back().data(), sizeBytes);
}

Expected<Device::Ticket> CpuDevice::write(void *to, const void *from,
                                          uint64_t sizeBytes) {
  if (sizeBytes != 0) // a plan without pages has no place for them
    std::memcpy(to, from, sizeBytes);
  return ++lastTicket;
}
Expected<Device::Ticket> CpuDevice::read(void *to, const void *from,
                                         uint64_t sizeBytes) {
  return write(to, from, sizeBytes);
}
Expected<Device::Ticket> CpuDevice::clear(void *at, uint64_t sizeBytes) {
  if (sizeBytes != 0)
    std::memset(at, 0, sizeBytes);
  return ++lastTicket;
}

//===----------------------------------------------------------------------===//
// About itself
//===----------------------------------------------------------------------===//

std::string CpuDevice::describe() const {
  return "cpu " + chosenLevel + ", " + std::to_string(numThreads) +
         (numThreads == 1 ? " thread" : " threads");
}

Device::MemoryUse CpuDevice::memory() const {
  MemoryUse use{plan->weightBytes(), 0, plan->arenaBytes,
                plan->maxScratchBytes() * numThreads, weights.copiedBytes()};
  for (const CpuMemory &state : states)
    use.states += state.sizeBytes();
  return use;
}

std::span<const Device::StepTime> CpuDevice::stepTimes(Program number) {
  ProgramData &program = programs[number];
  for (size_t i = 0; i < program.steps.size(); ++i)
    program.times[program.works[i].planStep] = {
        program.steps[i].wallNs, program.steps[i].runs, program.steps[i].tasks};
  return program.times;
}

Device::Times CpuDevice::times() const {
  ThreadPool::Profile profile = pool->profile();
  return {profile.busyNs, profile.runNs};
}

void CpuDevice::resetTimes() {
  pool->resetProfile();
  for (ProgramData &program : programs)
    for (ThreadPool::Step &step : program.steps)
      step.wallNs = step.runs = 0;
}

Expected<std::unique_ptr<Bounds>> CpuDevice::bounds() {
  auto bounds = CpuBounds::create(numThreads, chosenLevel);
  if (!bounds)
    return bounds.takeError();
  return std::unique_ptr<Bounds>(std::move(*bounds));
}

} // namespace mm1
