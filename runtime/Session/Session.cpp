//===- Session.cpp - Sequences of tokens through a compiled model --------------===//
#include "runtime/Session/Session.h"

#include <algorithm>
#include <cstring>

namespace mm1 {

//===---------------------------------------------------------------------------===//
// Loading
//===---------------------------------------------------------------------------===//

Expected<std::unique_ptr<Session>>
Session::create(Artifact artifact, std::unique_ptr<Device> device) {
  std::unique_ptr<Session> session(
      new Session(std::move(artifact), std::move(device)));
  if (Status status = session->load(); !status)
    return status.takeError();
  return session;
}

Status Session::load() {
  // State first: it may not fit, and the weights take the time.
  for (const Plan::State &state : plan().states) {
    auto memory = machine->allocate(state.sizeBytes(), "state " + state.name);
    if (!memory)
      return memory.takeError();
    states.push_back(std::move(*memory));
  }
  // Kernels may load one vector past the end of a row, so also of the last.
  constexpr uint64_t kSlackBytes = 64;
  auto memory = machine->allocate(plan().arenaBytes + kSlackBytes, "the arena");
  if (!memory)
    return memory.takeError();
  arena = std::move(*memory);
  machine->clear(arena.data(), arena.sizeBytes()); // brings the pages in
  if (Status status = machine->load(model); !status)
    return status;
  if (Status status = addPrograms(); !status)
    return status;

  hasPages = plan().hasState(StateKind::KVPages);
  tokens = input("tokens");
  positions = input("positions");
  starts = input("starts");
  slotNumbers = input("slots");
  pages = input("pages");
  rows = input("rows");
  pageColumns = pages.columns;
  // All ids may be chosen, and one candidate a row is enough: the best.
  for (auto [name, value] :
       {std::pair<std::string_view, int32_t>{"vocabulary_mask", -1},
        {"candidate_counts", 1}}) {
    Input port = input(name);
    std::fill(port.values.begin(), port.values.end(), value);
    upload(port, port.values.size());
  }
  logitsPort = plan().output("logits");
  logitsAddress = arena.data() + logitsPort->offset;
  for (const Plan::Entry &entry : plan().entries)
    if (entry.kind == EntryKind::Head)
      mostLogitRows = std::max(mostLogitRows, entry.maxTokens);

  slots.resize(maxSequences());
  for (Slot &slot : slots)
    slot.pages.reserve(hasPages ? pagesFor(maxContext()) : 0);
  for (uint64_t page = plan().units(StateKind::KVPages); page-- > 0;)
    pagesFree.push_back(int32_t(page));
  decodeBatch.reserve(maxSequences() + 1);
  isInBatch.resize(maxSequences());
  stepLast.reserve(maxSequences());
  return Status::ok();
}

Status Session::addPrograms() {
  for (const Plan::Entry &entry : plan().entries) {
    std::vector<Device::Buffers> buffers;
    for (const Plan::Step &step : entry.steps) {
      Device::Buffers &addresses = buffers.emplace_back();
      for (const Plan::Arg &arg : step.args)
        addresses.push_back(
            arg.kind == ArgKind::Arena    ? arena.data() + arg.index
            : arg.kind == ArgKind::Weight ? machine->weightAddress(arg.index)
                                          : states[arg.index].data());
    }
    auto number = machine->addProgram(entry, buffers);
    if (!number)
      return number.takeError();
    entryPrograms.push_back({&entry, *number});
  }
  return Status::ok();
}

Session::Input Session::input(std::string_view name) {
  const Plan::Port *port = plan().input(name);
  if (!port)
    return {};
  return {arena.data() + port->offset, port->columns,
          std::vector<int32_t>(port->rows * port->columns)};
}

//===---------------------------------------------------------------------------===//
// Slots and pages
//===---------------------------------------------------------------------------===//

Expected<uint32_t> Session::open() {
  for (uint32_t slot = 0; slot < slots.size(); ++slot) {
    if (slots[slot].isOpen)
      continue;
    slots[slot].isOpen = true;
    slots[slot].length = 0;
    for (size_t i = 0; i < states.size(); ++i)
      if (plan().states[i].kind == StateKind::Recurrent)
        machine->clear(unit(i, slot), plan().states[i].unitBytes);
    return slot;
  }
  return inputError("all " + std::to_string(slots.size()) +
                    " sequences of the plan are in use; close one, or "
                    "recompile with a larger --sequences");
}

void Session::close(uint32_t slot) {
  if (slot >= slots.size())
    return;
  Slot &closing = slots[slot];
  pagesFree.insert(pagesFree.end(), closing.pages.rbegin(),
                   closing.pages.rend());
  closing.pages.clear();
  closing.isOpen = false;
  closing.length = 0;
}

uint32_t Session::openSequences() const {
  return uint32_t(std::count_if(slots.begin(), slots.end(),
                                [](const Slot &slot) { return slot.isOpen; }));
}

Status Session::checkPages(uint64_t needed) const {
  if (needed <= pagesFree.size())
    return Status::ok();
  return inputError("needs " + std::to_string(needed) + " more pages of " +
                    std::to_string(plan().pageTokens) +
                    " tokens, but of the plan's " +
                    std::to_string(plan().units(StateKind::KVPages)) +
                    " only " + std::to_string(pagesFree.size()) +
                    " are free; close a sequence, or recompile with a larger "
                    "--context or --sequences");
}

/// Gives a slot clean pages for `length` tokens, which are known to be there,
/// and appends them to its row of the page table.
void Session::growPages(uint32_t number, uint64_t length) {
  if (!hasPages)
    return;
  Slot &slot = slots[number];
  while (slot.pages.size() < pagesFor(length)) {
    int32_t page = pagesFree.back();
    pagesFree.pop_back();
    if (pages.address)
      machine->write(pages.address +
                         (number * pageColumns + slot.pages.size()) *
                             sizeof(int32_t),
                     &page, sizeof(page));
    slot.pages.push_back(page);
    // Kernels multiply what lies behind the last token by zero; a NaN left there would not go away.
    for (size_t i = 0; i < states.size(); ++i)
      if (plan().states[i].kind == StateKind::KVPages)
        machine->clear(unit(i, uint64_t(page)), plan().states[i].unitBytes);
  }
}

//===---------------------------------------------------------------------------===//
// Steps
//===---------------------------------------------------------------------------===//

Status Session::check(std::span<const Piece> batch, uint32_t maxTokens,
                      std::string_view call) {
  auto wrongCall = [&](const std::string &what) {
    return usageError(std::string(call) + ": " + what);
  };
  if (batch.empty() || batch.size() > slots.size())
    return wrongCall("the batch has " + std::to_string(batch.size()) +
                     " sequences; the plan takes from 1 to " +
                     std::to_string(slots.size()));
  std::fill(isInBatch.begin(), isInBatch.end(), 0);
  uint64_t total = 0, newPages = 0;
  for (const Piece &piece : batch) {
    if (piece.slot >= slots.size() || !slots[piece.slot].isOpen)
      return wrongCall("slot " + std::to_string(piece.slot) + " is not open");
    if (std::exchange(isInBatch[piece.slot], 1))
      return wrongCall("slot " + std::to_string(piece.slot) +
                       " is in the batch twice");
    if (piece.tokens.empty())
      return wrongCall("slot " + std::to_string(piece.slot) +
                       " gets no tokens");
    const Slot &slot = slots[piece.slot];
    if (piece.tokens.size() > maxContext() - slot.length)
      return inputError(
          "sequence " + std::to_string(piece.slot) + " has " +
          std::to_string(slot.length) + " tokens and cannot take " +
          std::to_string(piece.tokens.size()) +
          " more: the plan's context is " + std::to_string(maxContext()) +
          "; recompile with a larger --context");
    for (int32_t token : piece.tokens)
      if (token < 0 || token >= int64_t(vocabSize()))
        return inputError("token id " + std::to_string(token) +
                          " is not in the vocabulary of " +
                          std::to_string(vocabSize()));
    total += piece.tokens.size();
    if (hasPages)
      newPages +=
          pagesFor(slot.length + piece.tokens.size()) - slot.pages.size();
  }
  if (total > maxTokens)
    return wrongCall("the batch has " + std::to_string(total) +
                     " tokens; the plan takes at most " +
                     std::to_string(maxTokens) + " in one step");
  return checkPages(newPages);
}

void Session::upload(const Input &input, size_t values) {
  if (input.address)
    machine->write(input.address, input.values.data(),
                   values * sizeof(int32_t));
}

const Session::Program &Session::program(EntryKind kind, uint32_t tokenCount,
                                         uint32_t sequences) const {
  const Plan::Entry *entry = plan().bucket(kind, tokenCount, sequences);
  return entryPrograms[size_t(entry - plan().entries.data())];
}

/// Runs a checked batch of `count` tokens.
Status Session::step(std::span<const Piece> batch, uint32_t count,
                     EntryKind kind) {
  stepLast.clear();
  uint32_t at = 0, sequence = 0;
  starts.values[0] = 0;
  for (const Piece &piece : batch) {
    Slot &slot = slots[piece.slot];
    growPages(piece.slot, slot.length + piece.tokens.size());
    for (int32_t token : piece.tokens) {
      tokens.values[at] = token;
      if (positions.address)
        positions.values[at] = int32_t(slot.length);
      ++slot.length;
      ++at;
    }
    if (slotNumbers.address)
      slotNumbers.values[sequence] = int32_t(piece.slot);
    starts.values[++sequence] = int32_t(at);
    stepLast.push_back(at - 1);
  }
  upload(tokens, count);
  upload(positions, count);
  upload(starts, sequence + 1);
  upload(slotNumbers, sequence);
  stepTokens = count;
  hasLogits = kind == EntryKind::Decode;
  return machine->run(program(kind, count, sequence).number,
                      {count, sequence, int64_t(pageColumns)});
}

Status Session::prefill(std::span<const Piece> batch) {
  if (Status status = check(batch, maxPrefill(), "prefill"); !status)
    return status;
  size_t count = 0;
  for (const Piece &piece : batch)
    count += piece.tokens.size();
  if (!plan().bucket(EntryKind::Prefill, uint32_t(count),
                     uint32_t(batch.size())))
    return inputError("prefill: the plan has no bucket for " +
                      std::to_string(count) + " tokens of " +
                      std::to_string(batch.size()) +
                      " sequences at once; give it fewer sequences");
  return step(batch, uint32_t(count), EntryKind::Prefill);
}

Expected<LogitsView> Session::decode(std::span<const Next> batch) {
  decodeBatch.clear();
  for (const Next &next :
       batch.first(std::min<size_t>(batch.size(), slots.size() + 1)))
    decodeBatch.push_back({next.slot, {&next.token, 1}});
  if (Status status = check(decodeBatch, maxSequences(), "decode"); !status)
    return status.takeError();
  if (Status status =
          step(decodeBatch, uint32_t(batch.size()), EntryKind::Decode);
      !status)
    return status.takeError();
  return lastLogits();
}

//===---------------------------------------------------------------------------===//
// Logits
//===---------------------------------------------------------------------------===//

Expected<LogitsView> Session::logits(uint32_t first, uint32_t count) {
  if (count == 0 || count > mostLogitRows || first > stepTokens ||
      count > stepTokens - first)
    return usageError("logits: rows " + std::to_string(first) + " to " +
                      std::to_string(uint64_t(first) + count) +
                      " asked for; the last step had " +
                      std::to_string(stepTokens) + ", and at most " +
                      std::to_string(mostLogitRows) + " come at once");
  if (hasLogits)
    return viewLogits(first, count);
  for (uint32_t i = 0; i < count; ++i)
    rows.values[i] = int32_t(first + i);
  return runHead(count);
}

Expected<LogitsView> Session::lastLogits() {
  if (stepLast.empty())
    return usageError("logits: there was no step yet");
  if (hasLogits) // one token a sequence
    return viewLogits(0, stepTokens);
  if (stepLast.size() > mostLogitRows)
    return usageError("logits: the last step had " +
                      std::to_string(stepLast.size()) + " sequences; at most " +
                      std::to_string(mostLogitRows) + " rows come at once");
  std::copy(stepLast.begin(), stepLast.end(), rows.values.begin());
  return runHead(uint32_t(stepLast.size()));
}

LogitsView Session::viewLogits(uint32_t first, uint32_t count) {
  const void *data = machine->view(logitsAddress + first * logitsPort->rowBytes,
                                   count * logitsPort->rowBytes);
  return LogitsView{static_cast<const float *>(data), count, vocabSize(),
                    logitsPort->rowBytes / sizeof(float)};
}

Expected<LogitsView> Session::runHead(uint32_t count) {
  upload(rows, count);
  const Program &head = program(EntryKind::Head, count, 1);
  if (Status status =
          machine->run(head.number, {count, 1, int64_t(pageColumns)});
      !status)
    return status.takeError();
  return viewLogits(0, count);
}

//===---------------------------------------------------------------------------===//
// Snapshots
//===---------------------------------------------------------------------------===//

Expected<Snapshot> Session::snapshot(uint32_t slot) {
  if (slot >= slots.size() || !slots[slot].isOpen)
    return usageError("snapshot: slot " + std::to_string(slot) +
                      " is not open");
  Snapshot result{
      slots[slot].length, model.manifest().find("plan.bin")->hash, {}};
  const std::vector<int32_t> &slotPages = slots[slot].pages;
  result.bytes.resize(plan().unitBytes(StateKind::Recurrent) +
                      slotPages.size() * plan().unitBytes(StateKind::KVPages));
  std::byte *to = result.bytes.data();
  for (size_t i = 0; i < states.size(); ++i) {
    uint64_t unitBytes = plan().states[i].unitBytes;
    if (plan().states[i].kind == StateKind::Recurrent) {
      machine->read(to, unit(i, slot), unitBytes);
      to += unitBytes;
      continue;
    }
    for (int32_t page : slotPages) {
      machine->read(to, unit(i, uint64_t(page)), unitBytes);
      to += unitBytes;
    }
  }
  return result;
}

Status Session::restore(uint32_t slot, const Snapshot &snapshot) {
  if (slot >= slots.size() || !slots[slot].isOpen)
    return usageError("restore: slot " + std::to_string(slot) + " is not open");
  if (snapshot.planHash != model.manifest().find("plan.bin")->hash)
    return inputError("restore: the snapshot is of plan " + snapshot.planHash +
                      ", this session runs plan " +
                      model.manifest().find("plan.bin")->hash);
  Slot &target = slots[slot];
  uint64_t needed = hasPages ? pagesFor(snapshot.length) : 0;
  if (snapshot.bytes.size() !=
      plan().unitBytes(StateKind::Recurrent) +
          needed * plan().unitBytes(StateKind::KVPages))
    return usageError(
        "restore: the snapshot has " + std::to_string(snapshot.bytes.size()) +
        " bytes, not those of " + std::to_string(snapshot.length) + " tokens");
  if (needed > target.pages.size())
    if (Status status = checkPages(needed - target.pages.size()); !status)
      return status;
  for (; target.pages.size() > needed; target.pages.pop_back())
    pagesFree.push_back(target.pages.back());
  target.length = snapshot.length;
  growPages(slot, snapshot.length);
  const std::byte *from = snapshot.bytes.data();
  for (size_t i = 0; i < states.size(); ++i) {
    uint64_t unitBytes = plan().states[i].unitBytes;
    if (plan().states[i].kind == StateKind::Recurrent) {
      machine->write(unit(i, slot), from, unitBytes);
      from += unitBytes;
      continue;
    }
    for (int32_t page : target.pages) {
      machine->write(unit(i, uint64_t(page)), from, unitBytes);
      from += unitBytes;
    }
  }
  return Status::ok();
}

Status prefillInChunks(
    Session &session, uint32_t slot, std::span<const int32_t> tokens,
    uint32_t chunk,
    const std::function<Status(size_t first, uint32_t count)> &afterStep) {
  uint32_t most =
      chunk == 0 ? session.maxPrefill() : std::min(chunk, session.maxPrefill());
  for (size_t first = 0; first < tokens.size(); first += most) {
    auto count = uint32_t(std::min<size_t>(most, tokens.size() - first));
    if (Status status = session.prefill({{slot, tokens.subspan(first, count)}});
        !status)
      return status;
    if (Status status = afterStep(first, count); !status)
      return status;
  }
  return Status::ok();
}

} // namespace mm1
