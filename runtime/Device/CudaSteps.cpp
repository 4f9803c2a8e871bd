//===- CudaSteps.cpp - Run a plan on a GPU: steps -------------------------===//
#include "runtime/Artifact/KernelABI.h"
#include "runtime/Device/CudaDevice.h"
#include "runtime/Support/Json.h" // inQuotes

#include <algorithm>
#include <chrono>
#include <thread>

namespace mm1 {

//===----------------------------------------------------------------------===//
// Giving steps
//===----------------------------------------------------------------------===//

Expected<StepBlock *> CudaDevice::step() {
  if (Status status = gpu->lost(); !status)
    return status.takeError();
  Flight &flight = ring[(epoch + 1) % kRing];
  if (Status status = waitFor(flight); !status)
    return status.takeError();
  StepBlock &block = flight.block;
  block.numRows = block.numSequences = block.numUpdates = 0;
  return &block;
}

Expected<Device::Ticket> CudaDevice::enqueue(Program number, StepBlock &given) {
  if (Status status = gpu->lost(); !status)
    return status.takeError();
  ProgramData &program = programs[number];
  const Plan::Entry &entry = *program.entry;
  Flight &flight = ring[(epoch + 1) % kRing];
  if (&given != &flight.block || given.numRows == 0 ||
      given.numRows > entry.maxTokens ||
      given.numSequences > entry.maxSequences ||
      given.numUpdates > given.updates.size())
    return usageError("a step of " + std::to_string(given.numRows) +
                      " rows of " + std::to_string(given.numSequences) +
                      " sequences does not fit its program, which takes " +
                      std::to_string(entry.maxTokens) + " of " +
                      std::to_string(entry.maxSequences));
  flight.epoch = ++epoch;
  flight.hasResult = program.hasResult;
  flight.isDone = false;
  flight.ticket = ++lastTicket;
  fillHeader(flight);
  gpu->place.step = epoch;
  gpu->place.entry = &entry;
  gpu->place.tokens = given.numRows;
  gpu->place.sequences = given.numSequences;
  const Layout layout(*plan);
  if (Status status = gpu->check(
          driver.cuMemcpyHtoDAsync(
              shared.get() + layout.block, flight.bytes,
              layout.rowsAt + given.numRows * sizeof(StepRow), gpu->stream()),
          "cuMemcpyHtoDAsync");
      !status)
    return status.takeError();
  if (options.profiling)
    if (Status status =
            gpu->check(driver.cuEventRecord(flight.begun.get(), gpu->stream()),
                       "cuEventRecord");
        !status)
      return status.takeError();
  if (Status status =
          options.stepByStep
              ? runStepByStep(program)
              : gpu->check(driver.cuGraphLaunch(program.graph.executable.get(),
                                                gpu->stream()),
                           "cuGraphLaunch");
      !status)
    return status.takeError();
  if (Status status =
          gpu->check(driver.cuEventRecord(flight.ended.get(), gpu->stream()),
                     "cuEventRecord");
      !status)
    return status.takeError();
  return flight.ticket;
}

/// What stands in front of a block.
void CudaDevice::fillHeader(Flight &flight) const {
  const Layout layout(*plan);
  StepHeader header;
  header.epoch = flight.epoch;
  header.numRows = int(flight.block.numRows);
  header.numSequences = int(flight.block.numSequences);
  header.numUpdates = int(flight.block.numUpdates);
  header.startsAt = int(layout.startsAt);
  header.updatesAt = int(layout.updatesAt);
  header.rowsAt = int(layout.rowsAt);
  header.spareSlot = int(numSlots()) - 1;
  header.pageColumns = int(plan->pageColumns());
  header.pageTokens = int(plan->pageTokens);
  header.resultAt = int((flight.epoch % kRing) * layout.resultBytes);
  *reinterpret_cast<StepHeader *>(flight.bytes) = header;
}

/// Launches one after the other, and waits for each.
Status CudaDevice::runStepByStep(ProgramData &program) {
  auto begun = gpu->makeEvent(cuda::kEventDefault),
       ended = gpu->makeEvent(cuda::kEventDefault);
  if (!begun)
    return begun.takeError();
  if (!ended)
    return ended.takeError();
  for (const CudaWork &work : program.works) {
    gpu->place.launch = &program.entry->steps[work.step];
    if (Status status = gpu->check(
            driver.cuEventRecord(begun->get(), gpu->stream()), "cuEventRecord");
        !status)
      return status;
    if (Status status = launch(*gpu, work); !status)
      return status;
    if (Status status = gpu->check(
            driver.cuEventRecord(ended->get(), gpu->stream()), "cuEventRecord");
        !status)
      return status;
    if (Status status = gpu->synchronize(); !status)
      return status;
    float milliseconds = 0;
    if (Status status =
            gpu->check(driver.cuEventElapsedTime(&milliseconds, begun->get(),
                                                 ended->get()),
                       "cuEventElapsedTime");
        !status)
      return status;
    StepTime &time = program.times[work.step];
    time.wallNs += uint64_t(double(milliseconds) * 1e6);
    ++time.runs;
    time.tasks = std::max(1u, work.blocks);
  }
  gpu->place.launch = nullptr;
  return Status::ok();
}

Status CudaDevice::warmUp() {
  gpu->place.work = "running every program once";
  // Heads choose among rows that another program has made.
  for (bool isHead : {false, true})
    for (Program number = 0; number < programs.size(); ++number)
      if ((programs[number].entry->kind == EntryKind::Head) == isHead)
        if (Status status = runOnSpareSlot(number); !status)
          return status;
  resetTimes();
  return Status::ok();
}

Status CudaDevice::runOnSpareSlot(Program program) {
  auto given = step();
  if (!given)
    return given.takeError();
  StepBlock &block = **given;
  block.rows[0] = {.token = 0, .position = 0, .slot = int(numSlots()) - 1};
  block.starts[0] = 0;
  block.starts[1] = 1;
  block.numRows = block.numSequences = 1;
  auto ticket = enqueue(program, block);
  if (!ticket)
    return ticket.takeError();
  auto result = wait(*ticket);
  return result ? Status::ok() : Status(result.takeError());
}

//===----------------------------------------------------------------------===//
// Waiting for steps
//===----------------------------------------------------------------------===//

/// The epoch that the device wrote last, and with it all of that result.
static uint32_t epochOf(const ResultHeader &header) {
  return __atomic_load_n(&header.epoch, __ATOMIC_ACQUIRE);
}

static void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

Status CudaDevice::waitFor(Flight &flight) {
  // About 20 us between questions to the driver: it is asked only whether
  // something failed, or for the end of a step without a result.
  constexpr uint32_t kLooksPerQuery = 256, kPatientQueries = 64;
  for (uint32_t looks = 0; !flight.isDone; ++looks) {
    if (flight.hasResult && epochOf(*flight.header) == flight.epoch)
      return retire(flight);
    if (looks % kLooksPerQuery != 0) {
      pause();
      continue;
    }
    cuda::Result result = driver.cuEventQuery(flight.ended.get());
    if (result == cuda::kSuccess) {
      if (flight.hasResult && epochOf(*flight.header) != flight.epoch)
        return internalError(gpu->name() + ": step " +
                             std::to_string(flight.epoch) +
                             " ended without a result");
      return retire(flight);
    }
    if (result != cuda::kNotReady)
      return gpu->check(result, "cuEventQuery");
    // A prompt takes long; nobody is in a hurry to see its end.
    if (!flight.hasResult && looks >= kPatientQueries * kLooksPerQuery)
      std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  return Status::ok();
}

/// Notes that a step is done.
Status CudaDevice::retire(Flight &flight) {
  flight.isDone = true;
  finishedTicket = std::max(finishedTicket, flight.ticket);
  StepResult &result = flight.result;
  result = {};
  if (flight.hasResult) {
    const ResultHeader &header = *flight.header;
    auto *rows = reinterpret_cast<const std::byte *>(&header + 1);
    auto at = [&]<typename T>(const T *&part, size_t offset) {
      part = reinterpret_cast<const T *>(rows + offset);
    };
    result.numRows = uint32_t(header.numRows);
    at(result.tokens, offsetof(ResultRow, token));
    at(result.counts, offsetof(ResultRow, count));
    at(result.sums, offsetof(ResultRow, largest));
    at(result.ids, sizeof(ResultRow));
    at(result.values, sizeof(ResultRow) + plan->candidates * sizeof(int32_t));
    result.tokensStride = result.countsStride = result.idsStride =
        result.valuesStride = result.sumsStride =
            size_t(header.rowBytes) / sizeof(int32_t);
  }
  if (!options.profiling)
    return Status::ok();
  // The result is there a little before the event.
  if (Status status = gpu->check(driver.cuEventSynchronize(flight.ended.get()),
                                 "cuEventSynchronize");
      !status)
    return status;
  float milliseconds = 0;
  if (Status status =
          gpu->check(driver.cuEventElapsedTime(
                         &milliseconds, flight.begun.get(), flight.ended.get()),
                     "cuEventElapsedTime");
      !status)
    return status;
  auto ns = uint64_t(double(milliseconds) * 1e6);
  spent.runNs += ns;
  spent.busyNs += ns * workers();
  return Status::ok();
}

bool CudaDevice::isDone(Ticket ticket) const {
  if (ticket <= finishedTicket || !gpu->lost())
    return true;
  for (const Flight &flight : ring)
    if (flight.ticket == ticket)
      return flight.isDone ||
             (flight.hasResult && epochOf(*flight.header) == flight.epoch) ||
             driver.cuEventQuery(flight.ended.get()) != cuda::kNotReady;
  return driver.cuStreamQuery(gpu->stream()) != cuda::kNotReady;
}

Expected<const StepResult *> CudaDevice::wait(Ticket ticket) {
  if (Status status = gpu->lost(); !status)
    return status.takeError();
  for (Flight &flight : ring)
    if (flight.ticket == ticket && ticket != 0) {
      if (Status status = waitFor(flight); !status)
        return status.takeError();
      logitRowsMade = flight.result.numRows;
      return &flight.result;
    }
  return usageError("waits for ticket " + std::to_string(ticket) +
                    ", which is no step, or one whose result is gone");
}

Expected<LogitsView> CudaDevice::logits(uint32_t first, uint32_t count) {
  if (Status status = gpu->lost(); !status)
    return status.takeError();
  if (first > logitRowsMade || count > logitRowsMade - first)
    return usageError("logits of rows " + std::to_string(first) + " to " +
                      std::to_string(uint64_t(first) + count) +
                      " asked for; the last step made " +
                      std::to_string(logitRowsMade));
  if (std::any_of(ring.begin(), ring.end(),
                  [](const Flight &flight) { return !flight.isDone; }))
    return usageError("logits asked for while a later step runs, which writes "
                      "its own");
  const Plan::Port &port = *plan->output("logits");
  // Between rows may be bytes that nobody wrote.
  const uint64_t rowBytes = plan->vocabSize * sizeof(float);
  const bool isDense = rowBytes == port.rowBytes;
  auto *to = static_cast<std::byte *>(logitRows.get());
  const std::byte *from =
      address(ArgKind::Arena, port.offset) + first * port.rowBytes;
  for (uint32_t i = 0; i < (isDense ? 1 : count); ++i) {
    auto ticket = read(to + i * rowBytes, from + i * port.rowBytes,
                       isDense ? count * rowBytes : rowBytes);
    if (!ticket)
      return ticket.takeError();
  }
  if (Status status = finish(lastTicket); !status)
    return status.takeError();
  return LogitsView{static_cast<const float *>(logitRows.get()), count,
                    uint32_t(plan->vocabSize), size_t(plan->vocabSize)};
}

Status CudaDevice::runAlone(Program number, uint32_t step, uint32_t tokens,
                            uint32_t sequences) {
  if (Status status = gpu->lost(); !status)
    return status;
  ProgramData &program = programs[number];
  const Plan::Entry &entry = *program.entry;
  if (tokens > entry.maxTokens || sequences > entry.maxSequences ||
      step >= entry.steps.size())
    return usageError("step " + std::to_string(step) + " for " +
                      std::to_string(tokens) + " tokens of " +
                      std::to_string(sequences) +
                      " sequences is not in the program");
  if (builtinOf(*plan, entry.steps[step]) != Builtin::None)
    return usageError("step " + inQuotes(entry.steps[step].label) +
                      " does nothing without the steps around it");
  auto *dims = static_cast<int64_t *>(sizes.get());
  dims[kDimTokens] = tokens;
  dims[kDimSequences] = sequences;
  dims[kDimPageColumns] = int64_t(plan->pageColumns());
  auto ticket =
      write(reinterpret_cast<void *>(shared.get() + Layout(*plan).dims), dims,
            kNumKernelDims * sizeof(int64_t));
  if (!ticket)
    return ticket.takeError();
  gpu->place.launch = &entry.steps[step];
  for (const CudaWork &work : program.works)
    if (work.step == step)
      if (Status status = launch(*gpu, work); !status)
        return status;
  if (Status status = gpu->synchronize(); !status)
    return status;
  finishedTicket = lastTicket;
  gpu->place.launch = nullptr;
  return Status::ok();
}

} // namespace mm1
