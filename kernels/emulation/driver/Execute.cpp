//===- Execute.cpp - See Execute.h ----------------------------------------===//
#include "kernels/emulation/driver/Execute.h"
#include "kernels/emulation/driver/Fault.h"
#include "kernels/emulation/driver/Machine.h"

#include <cstring>

using namespace mm1::cuda;

namespace mm1::emulated {

namespace {

void failContext(ContextHandle &context, Result code, const std::string &why) {
  machine().report(why);
  if (context.sticky == kSuccess)
    context.sticky = code;
}

/// Empty, or what is wrong with an argument. All parameters of 8 bytes are
/// addresses: of device memory that is still there, its own or a peer's, or of
/// pinned memory. The end of an allocation may be given, but not touched.
std::string argumentProblem(const ContextHandle &context,
                            const KernelWork &work) {
  const Memory &memory = machine().memory;
  const auto &parameters = work.kernel->info.parameters;
  for (size_t i = 0; i < parameters.size(); ++i) {
    uintptr_t value = addressOf(work, parameters[i]);
    if (value == 0)
      continue;
    const Block *block = memory.find(value);
    std::string problem;
    if (!block || value != block->end() || !block->live)
      problem = memory.problem(value, 1);
    if (problem.empty() && memory.isDevice(value) &&
        !(context.reach >> memory.regionOf(value) & 1))
      problem = memory.text(value) + " is memory that device " +
                std::to_string(context.device) +
                " has no access to: cuCtxEnablePeerAccess was not called";
    if (!problem.empty())
      return "argument " + std::to_string(i) + ": " + problem;
  }
  return {};
}

/// Makes a piece of work known to the shadow; 0 when nobody asks that.
emulation::PieceId beginPiece(Machine &m, const std::string &name,
                              Moment moment, const Order &order, int device) {
  if (!m.isChecking)
    return 0;
  return m.shadow.begin({name, moment, order.start, order.waited, device});
}

/// What a GPU would answer to what the engine found; that says it in words.
Result codeOf(const std::string &error) {
  if (error.find("out of bounds") != std::string::npos)
    return kIllegalAddress;
  if (error.find("no multiple of") != std::string::npos)
    return kMisalignedAddress;
  if (error.find("deadlock") != std::string::npos)
    return kLaunchTimeout;
  return kLaunchFailed;
}

class KernelFlight : public Flight {
public:
  KernelFlight(ContextHandle &context, const KernelWork &work, Order order,
               Moment moment)
      : context(context), moment(moment), name(machine().timeline.name(moment)),
        overlaps(work.programmatic) {
    this->order = std::move(order);
    std::vector<const void *> arguments;
    for (const CubinKernel::Parameter &parameter :
         work.kernel->info.parameters) {
      arguments.push_back(work.arguments.data() + parameter.offset);
      if (const Block *block =
              machine().memory.find(addressOf(work, parameter)))
        argumentBlocks.push_back(block);
    }
    Machine &m = machine();
    if (m.config.poison)
      m.prologue.enter(m.memory, this->order);
    if (!overlaps)
      leavePrologue();
    isUnseen = m.isChecking && !work.kernel->code->isChecked;
    piece = beginPiece(m, name, moment, this->order, context.device);
    launch =
        m.engine->start(*work.kernel->code,
                        {int(work.blocks), int(work.threads), overlaps, piece},
                        arguments.data());
  }

  bool advance() override {
    for (;;) {
      emulation::Progress progress = emulation::Progress::Failed;
      auto fault = runGuarded([&] { progress = launch->advance(); });
      if (fault) {
        const Memory &memory = machine().memory;
        std::string what = memory.problem(*fault, 1);
        failContext(context, kIllegalAddress,
                    name + " touches " +
                        (what.empty() ? memory.text(*fault) : what));
        return end();
      }
      switch (progress) {
      case emulation::Progress::Waits:
        leavePrologue();
        launch->releaseGrid();
        break;
      case emulation::Progress::Spins:
        return false;
      case emulation::Progress::Failed:
        failContext(context, codeOf(launch->error()),
                    name + ": " + launch->error());
        return end();
      case emulation::Progress::Ended:
        return end();
      }
    }
  }

private:
  void leavePrologue() {
    if (machine().config.poison && isInPrologue)
      machine().prologue.leave(machine().memory, moment);
    isInPrologue = false;
  }

  bool end() {
    leavePrologue();
    machine().shadow.end(piece);
    for (const Block *block : argumentBlocks)
      if (block->live)
        if (std::string problem = machine().memory.redZoneProblem(*block);
            !problem.empty())
          machine().report("after " + name + ": " + problem);
    // What a plain kernel wrote was not seen: perhaps all of it.
    for (const Block *block : argumentBlocks)
      if (isUnseen && block->live && block->region != kPinned)
        machine().shadow.markWritten(reinterpret_cast<void *>(block->address),
                                     block->bytes);
    // A kernel that does not wait for those in front of it does not pass their
    // ends on to those behind it either.
    order.done = overlaps && !launch->hasWaited() ? order.start : order.waited;
    join(order.done, moment);
    return true;
  }

  ContextHandle &context;
  Moment moment;
  std::string name;
  bool overlaps;
  bool isInPrologue = true;
  bool isUnseen = false;
  emulation::PieceId piece = 0;
  std::vector<const Block *> argumentBlocks;
  std::unique_ptr<emulation::Launch> launch;
};

/// Tells the shadow of a copy or a fill; 0: no device memory.
void noteAccesses(Machine &m, uintptr_t from, uintptr_t to, size_t bytes,
                  const Clock &clock, Moment moment) {
  if (!m.isChecking)
    return;
  emulation::PieceId piece =
      beginPiece(m, m.timeline.name(moment), moment, {clock, clock, {}}, 0);
  if (from)
    m.shadow.access(piece, reinterpret_cast<void *>(from), bytes,
                    emulation::Access::Read);
  if (to)
    m.shadow.access(piece, reinterpret_cast<void *>(to), bytes,
                    emulation::Access::Write);
  m.shadow.end(piece);
}

} // namespace

std::unique_ptr<Flight> startKernel(ContextHandle &context,
                                    const KernelWork &work, Order order,
                                    Moment moment) {
  Machine &m = machine();
  if (std::string problem = argumentProblem(context, work); !problem.empty()) {
    failContext(context, kIllegalAddress,
                m.timeline.name(moment) + ": " + problem);
    return nullptr;
  }
  return std::make_unique<KernelFlight>(context, work, std::move(order),
                                        moment);
}

void runCopy(const CopyWork &copy, const Clock &clock, Moment moment) {
  Machine &m = machine();
  const std::string &name = m.timeline.name(moment);
  std::string from = m.memory.problem(copy.from, copy.bytes);
  std::string to = m.memory.problem(copy.to, copy.bytes);
  if (!from.empty() || !to.empty())
    return m.report(name + ": its " +
                    (from.empty() ? "destination: " + to : "source: " + from));
  noteAccesses(m, copy.direction != Direction::ToDevice ? copy.from : 0,
               copy.direction != Direction::ToHost ? copy.to : 0, copy.bytes,
               clock, moment);
  if (!isSourceUnchanged(copy))
    m.report(name + ": its source changed between the call and the copy");
  std::memmove(reinterpret_cast<void *>(copy.to),
               reinterpret_cast<const void *>(copy.from), copy.bytes);
}

void runFill(const FillWork &fill, const Clock &clock, Moment moment) {
  Machine &m = machine();
  if (std::string problem = m.memory.problem(fill.to, fill.bytes);
      !problem.empty())
    return m.report(m.timeline.name(moment) + ": " + problem);
  noteAccesses(m, 0, fill.to, fill.bytes, clock, moment);
  std::memset(reinterpret_cast<void *>(fill.to), fill.value, fill.bytes);
}

} // namespace mm1::emulated
