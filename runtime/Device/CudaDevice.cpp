//===- CudaDevice.cpp - Run a plan on a GPU: loading and memory -----------===//
// Steps are in CudaSteps.cpp.
#include "runtime/Device/CudaDevice.h"
#include "runtime/Artifact/KernelABI.h"
#include "runtime/Device/CudaBounds.h"
#include "runtime/Support/Json.h" // inQuotes

#include <algorithm>
#include <cstring>

namespace mm1 {

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Expected<std::unique_ptr<CudaDevice>>
CudaDevice::create(const Options &options) {
  auto driver = CudaDriver::open(options.library);
  if (!driver)
    return driver.takeError();
  return std::unique_ptr<CudaDevice>(new CudaDevice(options, *driver));
}

CudaDevice::~CudaDevice() {
  // What is on its way reads and writes memory that goes away now.
  if (gpu)
    (void)driver.cuStreamSynchronize(gpu->stream());
}

Status CudaDevice::load(const Artifact &artifact, const LoadOptions &load) {
  plan = &artifact.plan();
  kvPages = load.kvPages;
  if (Status status = checkPlan(artifact); !status)
    return status;
  if (Status status = addHostModules(driver, artifact); !status)
    return status;
  auto opened = CudaContext::create(driver, options.gpu);
  if (!opened)
    return opened.takeError();
  gpu = std::move(*opened);
  architecture =
      bestArchitecture(*plan, gpu->capabilityMajor(), gpu->capabilityMinor());
  if (architecture.empty()) {
    std::string found = "sm_" + std::to_string(gpu->capabilityMajor()) +
                        std::to_string(gpu->capabilityMinor());
    return machineError(artifact.folder() + ": has kernels for " +
                        architecturesOf(*plan) + "; " + gpu->name() + " is " +
                        found + "; recompile with --target " + found +
                        (gpu->capabilityMajor() == 9 ? "a" : ""));
  }
  // Memory first: it may not fit, and the weights take the time.
  gpu->place.work = "taking memory";
  if (Status status = checkMemory(artifact); !status)
    return status;
  if (Status status = allocate(); !status)
    return status;
  gpu->place.work = "loading kernels";
  if (Status status = kernels.load(*gpu, artifact, architecture); !status)
    return status;
  gpu->place.work = "loading weights";
  if (Status status = load.randomWeights
                          ? weights.fill(*gpu, *plan, *load.randomWeights)
                          : weights.load(*gpu, artifact, load.onProgress);
      !status)
    return status;
  gpu->place.work = "preparing the first step";
  return writeInitial();
}

/// What this device needs of a plan besides what every plan has.
Status CudaDevice::checkPlan(const Artifact &artifact) const {
  auto wrong = [&](const std::string &what) {
    return inputError(artifact.path("plan.bin") + ": " + what +
                      "; recompile with --target of a GPU");
  };
  if (plan->ranks() != 1)
    return machineError(artifact.folder() + ": is for " +
                        std::to_string(plan->ranks()) +
                        " GPUs; this mm1-run uses one; recompile with --gpus "
                        "1");
  if (plan->spareSlots == 0 ||
      (plan->hasState(StateKind::KVPages) && plan->sparePages == 0))
    return wrong("has no spare slot and page, where steps of no sequence go");
  for (const Plan::Entry &entry : plan->entries) {
    std::string title = std::string(name(entry.kind)) + " entry of " +
                        std::to_string(entry.maxTokens) + " tokens";
    bool makesRows = entry.kind != EntryKind::Prefill;
    if (entry.steps.empty() ||
        builtinOf(*plan, entry.steps.front()) != Builtin::Begin)
      return wrong(title + " does not start with a kernel that reads the step");
    if ((builtinOf(*plan, entry.steps.back()) == Builtin::Publish) != makesRows)
      return wrong(title + (makesRows
                                ? " does not end with a kernel that tells the "
                                  "host of its rows"
                                : " makes rows for the host"));
    if (entry.steps.size() > kMostGraphSteps)
      return wrong(title + " has " + std::to_string(entry.steps.size()) +
                   " steps; at most " + std::to_string(kMostGraphSteps) +
                   " are taken");
  }
  return Status::ok();
}

uint64_t CudaDevice::units(const Plan::State &state) const {
  return state.kind == StateKind::KVPages && kvPages != 0
             ? kvPages + plan->sparePages
             : state.units;
}

CudaDevice::Layout::Layout(const Plan &plan) {
  auto align = [](uint64_t bytes) {
    return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  };
  uint32_t mostRows = 0, mostLogits = 0, mostSequences = 1;
  for (const Plan::Entry &entry : plan.entries) {
    mostRows = std::max(mostRows, entry.maxTokens);
    mostSequences = std::max(mostSequences, entry.maxSequences);
    if (entry.kind != EntryKind::Prefill)
      mostLogits = std::max(mostLogits, entry.maxTokens);
  }
  // Rows last: only those that are there are copied.
  startsAt = sizeof(StepHeader);
  updatesAt = align(startsAt + (mostSequences + 1) * sizeof(int32_t));
  rowsAt = align(updatesAt + plan.maxSequences * sizeof(SlotUpdate));
  blockBytes = align(rowsAt + mostRows * sizeof(StepRow));
  resultBytes =
      align(sizeof(ResultHeader) +
            mostLogits * uint64_t(resultRowBytes(int(plan.candidates))));
  slots = align(kNumKernelDims * sizeof(int64_t));
  block = align(slots + (uint64_t(plan.maxSequences) + plan.spareSlots) *
                            sizeof(SlotState));
  sizeBytes = block + blockBytes;
}

/// Whether all that load() takes is free, before it takes the first byte.
Status CudaDevice::checkMemory(const Artifact &artifact) const {
  uint64_t weightBytes = CudaWeights::sizeBytes(artifact), stateBytes = 0;
  for (const Plan::State &state : plan->states) {
    uint64_t count = units(state);
    if (count > (UINT64_MAX - stateBytes) / state.unitBytes)
      return usageError(std::to_string(kvPages) +
                        " KV pages asked for, more than memory can have");
    stateBytes += count * state.unitBytes;
  }
  size_t free = 0, total = 0;
  if (Status status =
          gpu->check(driver.cuMemGetInfo(&free, &total), "cuMemGetInfo");
      !status)
    return status;
  uint64_t others = plan->arenaBytes + Layout(*plan).sizeBytes;
  if (weightBytes <= free && stateBytes <= free - weightBytes &&
      others <= free - weightBytes - stateBytes)
    return Status::ok();
  auto mebibytes = [](uint64_t bytes) {
    return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
  };
  return machineError(
      gpu->name() + ": not enough memory: " + mebibytes(weightBytes) +
      " of weights, " + mebibytes(stateBytes) +
      " of keys, values and states, " + mebibytes(others) +
      " for a step; free are " + mebibytes(free) + " of " + mebibytes(total) +
      "; end what else runs there, ask for fewer --kv-tokens, or recompile "
      "with fewer --sequences or another --quant");
}

Status CudaDevice::allocate() {
  auto take = [&](uint64_t sizeBytes, const std::string &what,
                  CudaMemory &memory) -> Status {
    auto allocated = gpu->allocate(sizeBytes, what);
    if (!allocated)
      return allocated.takeError();
    memory = std::move(*allocated);
    return Status::ok();
  };
  states.resize(plan->states.size());
  for (size_t i = 0; i < states.size(); ++i) {
    const Plan::State &state = plan->states[i];
    if (Status status = take(units(state) * state.unitBytes,
                             "state " + state.name, states[i]);
        !status)
      return status;
  }
  if (Status status = take(plan->arenaBytes, "the arena", arena); !status)
    return status;
  if (Status status =
          take(Layout(*plan).sizeBytes, "the step's settings", shared);
      !status)
    return status;
  return makeRing();
}

/// Blocks and results, and room for logits.
Status CudaDevice::makeRing() {
  const Layout layout(*plan);
  const Plan::Port &logits = *plan->output("logits");
  struct {
    CudaHostMemory *memory;
    uint64_t sizeBytes;
  } wanted[] = {{&blocks, kRing * layout.blockBytes},
                {&results, kRing * layout.resultBytes},
                {&logitRows, logits.sizeBytes()},
                {&sizes, kNumKernelDims * sizeof(int64_t)}};
  for (auto [memory, sizeBytes] : wanted) {
    auto allocated = gpu->allocateHost(sizeBytes);
    if (!allocated)
      return allocated.takeError();
    *memory = std::move(*allocated);
  }
  std::memset(results.get(), 0, kRing * layout.resultBytes);
  for (uint32_t i = 0; i < kRing; ++i) {
    Flight flight;
    flight.bytes =
        static_cast<std::byte *>(blocks.get()) + i * layout.blockBytes;
    auto at = [&]<typename T>(std::span<T> &part, uint64_t begin,
                              uint64_t end) {
      part = {reinterpret_cast<T *>(flight.bytes + begin),
              (end - begin) / sizeof(T)};
    };
    at(flight.block.starts, layout.startsAt, layout.updatesAt);
    at(flight.block.updates, layout.updatesAt, layout.rowsAt);
    at(flight.block.rows, layout.rowsAt, layout.blockBytes);
    auto *result =
        static_cast<std::byte *>(results.get()) + i * layout.resultBytes;
    flight.header = reinterpret_cast<const ResultHeader *>(result);
    for (CudaEvent *event : {&flight.begun, &flight.ended}) {
      auto made = gpu->makeEvent(options.profiling ? cuda::kEventDefault
                                                   : cuda::kEventNoTiming);
      if (!made)
        return made.takeError();
      *event = std::move(*made);
    }
    ring.push_back(std::move(flight));
  }
  return Status::ok();
}

/// What `begin` and the kernels find when the first step comes. All else is
/// written before it is read.
Status CudaDevice::writeInitial() {
  const Layout layout(*plan);
  // Snapshots hold whole units: what no kernel wrote there is to be zero, not
  // what another process left.
  for (size_t i = 0; i < states.size(); ++i)
    if (Status status =
            gpu->check(driver.cuMemsetD8Async(states[i].get(), 0,
                                              units(plan->states[i]) *
                                                  plan->states[i].unitBytes,
                                              gpu->stream()),
                       "cuMemsetD8Async");
        !status)
      return status;
  // All ids may be chosen until somebody says otherwise.
  const Plan::Port &mask = *plan->input("vocabulary_mask");
  if (Status status =
          gpu->check(driver.cuMemsetD8Async(arena.get() + mask.offset, 0xff,
                                            mask.sizeBytes(), gpu->stream()),
                     "cuMemsetD8Async");
      !status)
    return status;
  size_t slotBytes = numSlots() * sizeof(SlotState);
  auto memory = gpu->allocateHost(slotBytes + sizeof(int32_t));
  if (!memory)
    return memory.takeError();
  auto *slots = static_cast<SlotState *>(memory->get());
  std::fill_n(slots, numSlots(), SlotState());
  if (Status status =
          gpu->check(driver.cuMemcpyHtoDAsync(shared.get() + layout.slots,
                                              slots, slotBytes, gpu->stream()),
                     "cuMemcpyHtoDAsync");
      !status)
    return status;
  if (plan->hasState(StateKind::KVPages)) {
    // The first spare page is the spare slots'.
    auto *page = reinterpret_cast<int32_t *>(slots + numSlots());
    for (const Plan::State &state : plan->states)
      if (state.kind == StateKind::KVPages)
        *page = int32_t(units(state) - plan->sparePages);
    const Plan::Port &pages = *plan->input("pages");
    for (uint32_t slot = plan->maxSequences; slot < numSlots(); ++slot)
      if (Status status =
              gpu->check(driver.cuMemcpyHtoDAsync(
                             arena.get() + pages.offset + slot * pages.rowBytes,
                             page, sizeof(int32_t), gpu->stream()),
                         "cuMemcpyHtoDAsync");
          !status)
        return status;
  }
  return gpu->synchronize();
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

Expected<CudaWork> CudaDevice::workOf(const Plan::Entry &entry,
                                      uint32_t number) const {
  const Plan::Step &step = entry.steps[number];
  CudaWork work;
  work.step = number;
  for (const Plan::Arg &arg : step.args)
    work.arguments.push_back(
        reinterpret_cast<cuda::Address>(address(arg.kind, arg.index)));
  if (step.as<Plan::Copy>()) {
    work.copyBytes = step.args[0].sizeBytes;
    return work;
  }
  const Plan::Launch *launch = step.as<Plan::Launch>();
  if (!launch)
    return inputError("step " + inQuotes(step.label) +
                      " is nothing that a GPU alone can do; recompile");
  work.function = kernels.function(launch->kernel);
  if (!work.function)
    return inputError("step " + inQuotes(step.label) +
                      " runs a kernel of another device");
  if (launch->workspaceBytes != 0)
    return inputError("step " + inQuotes(step.label) +
                      " asks for a workspace, which this mm1-run does not "
                      "have; use a newer one, or recompile");
  uint64_t blocks = launch->grid.count(entry.maxTokens, entry.maxSequences);
  if (blocks > INT32_MAX)
    return inputError("step " + inQuotes(step.label) + " has " +
                      std::to_string(blocks) + " blocks; a GPU takes at most " +
                      std::to_string(INT32_MAX));
  work.blocks = unsigned(blocks);
  work.threads = launch->threads;
  work.sharedBytes = launch->sharedBytes;
  const Layout layout(*plan);
  work.arguments.push_back(shared.get() + layout.dims);
  Builtin builtin = builtinOf(*plan, step);
  if (builtin != Builtin::None) {
    work.arguments.push_back(shared.get() + layout.block);
    work.arguments.push_back(shared.get() + layout.slots);
  }
  if (builtin == Builtin::Publish)
    work.arguments.push_back(reinterpret_cast<cuda::Address>(results.get()));
  return work;
}

Expected<Device::Program> CudaDevice::addProgram(const Plan::Entry &entry) {
  if (Status status = gpu->lost(); !status)
    return status.takeError();
  ProgramData program{&entry,
                      {},
                      {},
                      entry.kind != EntryKind::Prefill,
                      std::vector<StepTime>(entry.steps.size())};
  for (uint32_t i = 0; i < entry.steps.size(); ++i) {
    const Plan::Step &step = entry.steps[i];
    if (step.as<Plan::Signal>() || step.as<Plan::Wait>())
      continue; // said by the edges
    auto work = workOf(entry, i);
    if (!work)
      return work.takeError();
    program.works.push_back(std::move(*work));
  }
  if (!options.stepByStep) {
    gpu->place.work = "making a graph";
    auto graph = buildGraph(*gpu, entry, program.works,
                            findEdges(*plan, entry, gpu->hasEarlyStart()));
    if (!graph)
      return graph.takeError();
    program.graph = std::move(*graph);
  }
  programs.push_back(std::move(program));
  return Program(programs.size() - 1);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

std::byte *CudaDevice::address(ArgKind kind, uint64_t index) const {
  cuda::Address address = kind == ArgKind::Arena    ? arena.get() + index
                          : kind == ArgKind::Weight ? weights.address(index)
                                                    : states[index].get();
  return reinterpret_cast<std::byte *>(address);
}

Expected<std::span<std::byte>> CudaDevice::hostBuffer(uint64_t sizeBytes) {
  if (Status status = gpu->lost(); !status)
    return status.takeError();
  auto memory = gpu->allocateHost(sizeBytes);
  if (!memory)
    return memory.takeError();
  hostBuffers.push_back(std::move(*memory));
  return std::span(static_cast<std::byte *>(hostBuffers.back().get()),
                   sizeBytes);
}

/// The ticket of a copy that was given.
Expected<Device::Ticket> CudaDevice::copied(cuda::Result result,
                                            const char *call) {
  if (Status status = gpu->check(result, call); !status)
    return status.takeError();
  return ++lastTicket;
}

Expected<Device::Ticket> CudaDevice::write(void *to, const void *from,
                                           uint64_t sizeBytes) {
  if (Status status = gpu->lost(); !status)
    return status.takeError();
  if (sizeBytes == 0) // a plan without pages has no place for them
    return ++lastTicket;
  return copied(driver.cuMemcpyHtoDAsync(reinterpret_cast<cuda::Address>(to),
                                         from, sizeBytes, gpu->stream()),
                "cuMemcpyHtoDAsync");
}

Expected<Device::Ticket> CudaDevice::read(void *to, const void *from,
                                          uint64_t sizeBytes) {
  if (Status status = gpu->lost(); !status)
    return status.takeError();
  if (sizeBytes == 0)
    return ++lastTicket;
  return copied(driver.cuMemcpyDtoHAsync(to,
                                         reinterpret_cast<cuda::Address>(from),
                                         sizeBytes, gpu->stream()),
                "cuMemcpyDtoHAsync");
}

Expected<Device::Ticket> CudaDevice::clear(void *at, uint64_t sizeBytes) {
  if (Status status = gpu->lost(); !status)
    return status.takeError();
  if (sizeBytes == 0)
    return ++lastTicket;
  return copied(driver.cuMemsetD8Async(reinterpret_cast<cuda::Address>(at), 0,
                                       sizeBytes, gpu->stream()),
                "cuMemsetD8Async");
}

Status CudaDevice::finish(Ticket ticket) {
  if (Status status = gpu->lost(); !status)
    return status;
  if (ticket <= finishedTicket)
    return Status::ok();
  if (Status status = gpu->synchronize(); !status)
    return status;
  finishedTicket = lastTicket;
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// About itself
//===----------------------------------------------------------------------===//

std::string CudaDevice::describe() const {
  std::string text = "cuda " + gpu->name() + ", " + architecture;
  for (const ProgramData &program : programs)
    if (!program.graph.refusal.empty())
      return text + ", without early starts: the driver says " +
             program.graph.refusal;
  return text;
}

uint32_t CudaDevice::workers() const {
  return uint32_t(gpu->multiprocessors());
}

Device::MemoryUse CudaDevice::memory() const {
  MemoryUse use{plan->weightBytes(), 0, plan->arenaBytes, 0,
                plan->weightBytes()};
  for (const Plan::State &state : plan->states)
    use.states += units(state) * state.unitBytes;
  return use;
}

std::span<const Device::StepTime> CudaDevice::stepTimes(Program program) {
  return programs[program].times;
}

Device::Times CudaDevice::times() const { return spent; }

void CudaDevice::resetTimes() {
  spent = {};
  for (ProgramData &program : programs)
    std::fill(program.times.begin(), program.times.end(), StepTime());
}

Expected<std::unique_ptr<Bounds>> CudaDevice::bounds() {
  if (Status status = gpu->lost(); !status)
    return status.takeError();
  auto bounds = CudaBounds::create(*gpu);
  if (!bounds)
    return bounds.takeError();
  return std::unique_ptr<Bounds>(std::move(*bounds));
}

} // namespace mm1
