//===- VerifyEntry.cpp - Proves one entry's order and memory --------------===//
// Two steps are ordered when one happens before the other: in one stream as
// written, between streams through a signal and a wait below it. We give each
// step a clock: for every stream, how many of its steps are surely done when
// this one starts or ends. With a: stream 0, signal 7; b: stream 1 behind
// `wait 7`, the clock of b holds a's place in stream 0.
//
// Then for each buffer, in the order of the text: a step must be behind every
// earlier step that it conflicts with (C4); and of two buffers that share bytes
// all steps of one must be behind all steps of the other (C3). Clocks make both
// a comparison of numbers. The idea is Lamport's, as race detectors use it.
//===----------------------------------------------------------------------===//
#include "dialects/Plan/Layout.h"
#include "dialects/Plan/Plan.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace mlir::plan;

namespace {

/// For each stream (by its index): steps done, counted from 1.
using Clock = SmallVector<int64_t, 2>;

/// A step in the order of its stream.
struct Moment {
  Operation *op = nullptr;
  unsigned stream = 0;
  int64_t position = 0; ///< counted from 1
  const Clock *clock = nullptr;
};

/// True when `earlier` is surely done before `later` starts.
bool isBefore(const Moment &earlier, const Moment &later) {
  return (*later.clock)[earlier.stream] >= earlier.position;
}

/// How one buffer is used.
struct Uses {
  BufferOp buffer;
  /// First and last step of each stream that touches it.
  SmallVector<Moment, 1> firsts, lasts;
  /// What orders later steps: all writes so far (one a stream), and all reads.
  SmallVector<Moment, 1> writes, reads;

  static void replace(SmallVectorImpl<Moment> &moments, const Moment &moment) {
    for (Moment &other : moments)
      if (other.stream == moment.stream) {
        other = moment;
        return;
      }
    moments.push_back(moment);
  }
  void touch(const Moment &moment) {
    if (llvm::none_of(firsts,
                      [&](auto &m) { return m.stream == moment.stream; }))
      firsts.push_back(moment);
    replace(lasts, moment);
  }
  /// True when all that is done with this buffer is done before `other` starts.
  bool endsBefore(const Uses &other) const {
    return llvm::all_of(lasts, [&](const Moment &last) {
      return llvm::all_of(other.firsts, [&](const Moment &first) {
        return last.op != first.op && isBefore(last, first);
      });
    });
  }
};

class EntryVerifier {
public:
  explicit EntryVerifier(EntryOp entry) : entry(entry) {}

  LogicalResult run() {
    for (Operation &op : entry.getBody().front()) {
      if (!isa<StepOpInterface, BufferOp, WeightRefOp, StateRefOp>(op)) // C1
        return op.emitOpError("stands in a 'plan.entry', which holds steps, "
                              "buffers, weights and states only");
      if (auto step = dyn_cast<StepOpInterface>(op)) {
        int64_t stream = step.getStepStream();
        if (stream < 0)
          return op.emitOpError()
                 << "expects a stream from 0 on, found " << stream;
        streamIndex.try_emplace(stream, streamIndex.size());
      }
    }
    now.assign(streamIndex.size(), Clock(streamIndex.size(), 0));
    for (Operation &op : entry.getBody().front()) {
      LogicalResult status = success();
      if (auto buffer = dyn_cast<BufferOp>(op))
        status = addBuffer(buffer);
      else if (auto step = dyn_cast<StepOpInterface>(op))
        status = addStep(step);
      if (failed(status))
        return failure();
    }
    return verifyWhole();
  }

private:
  LogicalResult addBuffer(BufferOp buffer) {
    uses[buffer.getValue()] = static_cast<unsigned>(all.size());
    all.push_back({buffer, {}, {}, {}, {}});
    if (!buffer.getName())
      return success();
    auto [known, isNew] = names.try_emplace(*buffer.getName(), buffer);
    if (isNew)
      return success();
    InFlightDiagnostic diag = buffer.emitOpError()
                              << "names '" << *buffer.getName() << "' again";
    diag.attachNote(known->second.getLoc()) << "it stands here"; // C7
    return diag;
  }

  LogicalResult addStep(StepOpInterface step) {
    Operation *op = step.getOperation();
    unsigned stream = streamIndex.lookup(step.getStepStream());
    Clock &clock = now[stream];
    if (auto wait = dyn_cast<WaitOp>(op)) {
      auto signal = signals.find(wait.getEvent());
      if (signal == signals.end()) // C5
        return wait.emitOpError()
               << "expects a 'plan.signal " << wait.getEvent() << "' above it";
      for (auto [mine, theirs] : llvm::zip(clock, *signal->second.clock))
        mine = std::max(mine, theirs);
    }
    ++clock[stream];
    clocks.push_back(std::make_unique<Clock>(clock));
    Moment moment{op, stream, clock[stream], clocks.back().get()};
    if (isa<CollectiveOp>(op)) { // C9
      if (lastCollective.op && !isBefore(lastCollective, moment)) {
        InFlightDiagnostic diag =
            op->emitOpError("is not ordered behind the collective above it: "
                            "ranks could come to them in another order");
        diag.attachNote(lastCollective.op->getLoc()) << "the other is here";
        return diag;
      }
      lastCollective = moment;
    }
    if (auto signal = dyn_cast<SignalOp>(op)) {
      auto [known, isNew] = signals.try_emplace(signal.getEvent(), moment);
      if (!isNew) { // C5
        InFlightDiagnostic diag = signal.emitOpError()
                                  << "repeats number " << signal.getEvent();
        diag.attachNote(known->second.op->getLoc()) << "first given here";
        return diag;
      }
    }
    // What a step reads counts as before what it writes.
    for (bool writing : {false, true})
      for (auto [arg, access] :
           llvm::zip(step.getStepArguments(), step.getStepAccess())) {
        auto found = uses.find(arg);
        if (found == uses.end())
          continue; // weights never change; states are ordered below
        bool writes = access != int32_t(Access::Read);
        if (writes == writing && failed(use(all[found->second], moment, writes,
                                            access == int32_t(Access::Write))))
          return failure();
      }
    return orderStates(step, moment);
  }

  /// One step touches one buffer: C4.
  LogicalResult use(Uses &buffer, const Moment &moment, bool writes,
                    bool writesOnly) {
    bool isInput = buffer.buffer.getRole() == PortRole::Input;
    if (!writesOnly && buffer.writes.empty() && !isInput)
      return report(moment, buffer, "reads a buffer that nothing wrote before",
                    nullptr);
    for (const Moment &write : buffer.writes)
      if (write.op != moment.op && !isBefore(write, moment))
        return report(moment, buffer,
                      "is not ordered behind a write of the buffer it touches",
                      write.op);
    if (writes)
      for (const Moment &read : buffer.reads) {
        if (writesOnly && read.op == moment.op)
          return report(moment, buffer, "reads and writes the same buffer",
                        nullptr);
        if (read.op != moment.op && !isBefore(read, moment))
          return report(moment, buffer,
                        "is not ordered behind a read of the buffer it writes",
                        read.op);
      }
    Uses::replace(writes ? buffer.writes : buffer.reads, moment);
    buffer.touch(moment);
    return success();
  }

  /// State pools live outside the arena, but steps that touch one must be
  /// ordered just as well (C4).
  LogicalResult orderStates(StepOpInterface step, const Moment &moment) {
    for (auto [arg, access] :
         llvm::zip(step.getStepArguments(), step.getStepAccess())) {
      auto state = arg.getDefiningOp<StateRefOp>();
      if (!state)
        continue;
      bool writes = access != int32_t(Access::Read);
      Uses &pool = states[state.getStateAttr().getAttr()];
      for (auto *others : {&pool.writes, &pool.reads})
        for (const Moment &other : *others)
          if ((writes || others == &pool.writes) && other.op != moment.op &&
              !isBefore(other, moment)) {
            InFlightDiagnostic diag = moment.op->emitOpError()
                                      << "is not ordered behind another step "
                                         "that touches "
                                      << state.getStateAttr();
            diag.attachNote(other.op->getLoc()) << "the other step is here";
            return diag;
          }
      Uses::replace(writes ? pool.writes : pool.reads, moment);
    }
    return success();
  }

  LogicalResult report(const Moment &moment, Uses &buffer, StringRef problem,
                       Operation *other) {
    InFlightDiagnostic diag = moment.op->emitOpError() << problem;
    diag.attachNote(buffer.buffer.getLoc())
        << "the buffer is here, at " << buffer.buffer.getOffset();
    if (other)
      diag.attachNote(other->getLoc()) << "the other step is here";
    return diag;
  }

  LogicalResult verifyWhole() {
    for (Uses &buffer : all)
      if (buffer.buffer.getRole() == PortRole::Output &&
          buffer.writes.empty()) // C8
        return buffer.buffer.emitOpError()
               << "is the output '" << *buffer.buffer.getName()
               << "', but no step writes it";
    // C3, by offset, so that only buffers that share bytes are compared.
    SmallVector<Uses *> byOffset;
    for (Uses &buffer : all)
      if (!buffer.firsts.empty() || buffer.buffer.getName())
        byOffset.push_back(&buffer);
    llvm::sort(byOffset, [](Uses *a, Uses *b) {
      return std::pair(a->buffer.getOffset(), a) <
             std::pair(b->buffer.getOffset(), b);
    });
    for (size_t i = 0; i < byOffset.size(); ++i)
      for (size_t j = i + 1; j < byOffset.size(); ++j) {
        Uses &a = *byOffset[i], &b = *byOffset[j];
        if (b.buffer.getOffset() >= static_cast<uint64_t>(a.buffer.getEnd()))
          break;
        bool named = a.buffer.getName() || b.buffer.getName();
        if (!named && (a.endsBefore(b) || b.endsBefore(a)))
          continue;
        auto extent = [](BufferOp buffer) {
          return "[" + std::to_string(buffer.getOffset()) + ", " +
                 std::to_string(buffer.getEnd()) + ")";
        };
        InFlightDiagnostic diag = b.buffer.emitOpError()
                                  << "lies at " << extent(b.buffer)
                                  << " while another buffer is in use at "
                                  << extent(a.buffer);
        diag.attachNote(a.buffer.getLoc()) << "the other buffer is here";
        return diag;
      }
    return success();
  }

  EntryOp entry;
  DenseMap<int64_t, unsigned> streamIndex;
  SmallVector<Clock> now;
  SmallVector<std::unique_ptr<Clock>> clocks;
  DenseMap<int64_t, Moment> signals;
  Moment lastCollective;
  DenseMap<Value, unsigned> uses; ///< index into `all`
  SmallVector<Uses> all;
  DenseMap<StringAttr, Uses> states;
  llvm::StringMap<BufferOp> names;
};

} // namespace

LogicalResult EntryOp::verifyRegions() { return EntryVerifier(*this).run(); }

LogicalResult EntryOp::verifySymbolUses(SymbolTableCollection &) {
  LimitsOp limits = getLimits((*this)->getParentOfType<ModuleOp>());
  if (!limits)
    return emitOpError("expects a 'plan.limits' in its module");
  auto refuse = [&](StringRef what, int64_t found, int64_t most) {
    return emitOpError() << "expects between 1 and " << most << ' ' << what
                         << ", found " << found;
  };
  int64_t tokens = getTokens(), sequences = getSequences(); // C2
  int64_t maxSequences = limits.getMaxSequences(),
          maxPrefill = limits.getMaxPrefill();
  int64_t mostTokens = getKind() == EntryKind::Decode ? maxSequences
                       : getKind() == EntryKind::Prefill
                           ? maxPrefill
                           : std::max(maxSequences, maxPrefill);
  if (tokens < 1 || tokens > mostTokens)
    return refuse("tokens", tokens, mostTokens);
  int64_t mostSequences = std::min(tokens, maxSequences);
  if (sequences < 1 || sequences > mostSequences)
    return refuse("sequences", sequences, mostSequences);
  if (getKind() == EntryKind::Decode && tokens != sequences)
    return emitOpError() << "decodes one token a sequence, but has " << tokens
                         << " tokens and " << sequences << " sequences";
  int64_t stage = getStage(), stages = limits.getGridSize(GridAxis::PP);
  if (stage < 0 || stage >= stages)
    return emitOpError() << "is for stage " << stage << " of " << stages;
  for (BufferOp buffer : getBody().front().getOps<BufferOp>())
    if (buffer.getEnd() > static_cast<int64_t>(limits.getArenaBytes())) // C6
      return buffer.emitOpError()
             << "ends at " << buffer.getEnd() << ", but the arena has "
             << limits.getArenaBytes() << " bytes";
  return success();
}
