//===- Session.cpp - Sequences of tokens through a compiled model ---------===//
#include "runtime/Session/Session.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mm1 {

/// The token of steps ahead, known by its place: no caller can give it.
static const int32_t kFeedBackToken = kFeedBack;

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Expected<std::unique_ptr<Session>>
Session::create(Artifact artifact, std::unique_ptr<Device> device,
                const SessionOptions &options) {
  std::unique_ptr<Session> session(
      new Session(std::move(artifact), std::move(device)));
  if (Status status = session->load(options); !status)
    return status.takeError();
  return session;
}

Status Session::load(const SessionOptions &options) {
  hasPages = plan().hasState(StateKind::KVPages);
  if (hasPages)
    numPages = options.kvTokens != 0
                   ? pagesFor(options.kvTokens)
                   : plan().units(StateKind::KVPages) - plan().sparePages;
  if (numPages > INT32_MAX)
    return usageError(std::to_string(options.kvTokens) +
                      " tokens of keys and values are more than there can be "
                      "pages for");
  if (!model.hasWeights() && !options.randomWeights)
    return usageError(model.folder() +
                      ": has no weights (it was compiled with --no-weights); "
                      "mm1-run bench --random-weights 1 times it");
  if (Status status = machine->load(
          model, {numPages, options.onProgress, options.randomWeights});
      !status)
    return status;
  for (const Plan::Entry &entry : plan().entries) {
    auto number = machine->addProgram(entry);
    if (!number)
      return number.takeError();
    entryPrograms.push_back({&entry, *number});
    if (entry.kind == EntryKind::Head)
      mostLogitRows = std::max(mostLogitRows, entry.maxTokens);
  }
  if (Status status = machine->warmUp(); !status)
    return status;
  uint64_t mostBytes = plan().input("vocabulary_mask")->sizeBytes();
  for (const Plan::State &state : plan().states)
    mostBytes = std::max(mostBytes, state.unitBytes);
  auto buffer = machine->hostBuffer(mostBytes);
  if (!buffer)
    return buffer.takeError();
  staging = *buffer;

  slots.resize(maxSequences());
  for (Slot &slot : slots)
    slot.pages.reserve(hasPages ? std::min(pagesFor(maxContext()), numPages)
                                : 0);
  for (uint64_t page = numPages; page-- > 0;)
    pagesFree.push_back(int32_t(page));
  decodeBatch.reserve(maxSequences() + 1);
  isInBatch.resize(maxSequences());
  stepLast.reserve(maxSequences());
  stepSlots.reserve(maxSequences());
  aheads.resize(runAhead() == 0 ? 0 : runAhead() + 1);
  for (Ahead &ahead : aheads)
    ahead.slots.reserve(maxSequences());
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Slots and pages
//===----------------------------------------------------------------------===//

Expected<uint32_t> Session::open() {
  for (uint32_t number = 0; number < slots.size(); ++number) {
    Slot &slot = slots[number];
    if (slot.isOpen)
      continue;
    // Kernels start from an empty state where the first position is 0.
    slot.isOpen = true;
    slot.length = 0;
    slot.wanted = {.slot = int32_t(number)};
    slot.isTold = slot.hasChoice = false;
    return number;
  }
  return refusal(Refusal::NoSlot,
                 "all " + std::to_string(slots.size()) +
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

uint64_t Session::room(uint32_t number) const {
  const Slot &slot = slots[number];
  uint64_t most = maxContext();
  if (hasPages)
    most =
        std::min(most, (slot.pages.size() + freePages()) * plan().pageTokens);
  return most - slot.length;
}

Status Session::checkSlot(uint32_t slot, std::string_view call) const {
  if (slot < slots.size() && slots[slot].isOpen)
    return Status::ok();
  return refusal(Refusal::WrongCall, std::string(call) + ": slot " +
                                         std::to_string(slot) + " is not open");
}

Status Session::checkPages(uint64_t needed) const {
  if (needed <= pagesFree.size())
    return Status::ok();
  return refusal(Refusal::NoPages,
                 "needs " + std::to_string(needed) + " more pages of " +
                     std::to_string(plan().pageTokens) + " tokens, but of " +
                     std::to_string(numPages) + " only " +
                     std::to_string(pagesFree.size()) +
                     " are free; close a sequence, or ask for more with "
                     "--kv-tokens");
}

Status Session::allowOnly(std::span<const uint32_t> mask) {
  const Plan::Port &port = *plan().input("vocabulary_mask");
  if (mask.size() != (plan().vocabSize + 31) / 32)
    return refusal(Refusal::WrongCall,
                   "allowOnly: the mask has " + std::to_string(mask.size()) +
                       " words for " + std::to_string(plan().vocabSize) +
                       " ids");
  std::memcpy(staging.data(), mask.data(), mask.size_bytes());
  auto ticket = machine->write(machine->address(ArgKind::Arena, port.offset),
                               staging.data(), mask.size_bytes());
  return ticket ? machine->finish(*ticket) : Status(ticket.takeError());
}

Status Session::sampleBy(uint32_t slot, uint32_t candidates,
                         float inverseTemperature) {
  if (Status status = checkSlot(slot, "sampleBy"); !status)
    return status;
  if (candidates < 1 || candidates > maxCandidates())
    return refusal(Refusal::WrongCall,
                   "sampleBy: " + std::to_string(candidates) +
                       " candidates asked for; expected from 1 to " +
                       std::to_string(maxCandidates()));
  slots[slot].wanted.candidates = int32_t(candidates);
  slots[slot].wanted.inverseTemperature = inverseTemperature;
  slots[slot].isTold = false;
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Status Session::checkNoneAhead(std::string_view call) const {
  if (numAhead == 0)
    return Status::ok();
  return refusal(Refusal::WrongCall,
                 std::string(call) + ": " + std::to_string(numAhead) +
                     " steps were given ahead and are not taken");
}

Status Session::check(std::span<const Piece> batch, uint32_t maxTokens,
                      std::string_view call) {
  auto wrongCall = [&](const std::string &what) {
    return refusal(Refusal::WrongCall, std::string(call) + ": " + what);
  };
  if (batch.empty() || batch.size() > slots.size())
    return wrongCall("the batch has " + std::to_string(batch.size()) +
                     " sequences; the plan takes from 1 to " +
                     std::to_string(slots.size()));
  std::fill(isInBatch.begin(), isInBatch.end(), 0);
  uint64_t total = 0, newPages = 0;
  for (const Piece &piece : batch) {
    if (Status status = checkSlot(piece.slot, call); !status)
      return status;
    if (std::exchange(isInBatch[piece.slot], 1))
      return wrongCall("slot " + std::to_string(piece.slot) +
                       " is in the batch twice");
    if (piece.tokens.empty())
      return wrongCall("slot " + std::to_string(piece.slot) +
                       " gets no tokens");
    const Slot &slot = slots[piece.slot];
    if (piece.tokens.size() > maxContext() - slot.length)
      return refusal(
          Refusal::TooLong,
          "sequence " + std::to_string(piece.slot) + " has " +
              std::to_string(slot.length) + " tokens and cannot take " +
              std::to_string(piece.tokens.size()) +
              " more: the plan's context is " + std::to_string(maxContext()) +
              "; recompile with a larger --context");
    for (const int32_t &token : piece.tokens)
      if (&token != &kFeedBackToken &&
          (token < 0 || token >= int64_t(vocabSize())))
        return refusal(Refusal::BadToken, "token id " + std::to_string(token) +
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

const Session::Program &Session::program(EntryKind kind, uint32_t tokenCount,
                                         uint32_t sequences) const {
  const Plan::Entry *entry = plan().bucket(kind, tokenCount, sequences);
  return entryPrograms[size_t(entry - plan().entries.data())];
}

/// Lets the device know what the rows of a slot are asked for.
void Session::tell(uint32_t number, StepBlock &block) {
  Slot &slot = slots[number];
  if (std::exchange(slot.isTold, true))
    return;
  block.updates[block.numUpdates++] = slot.wanted;
}

/// Gives the device a checked batch of `count` tokens.
Expected<Device::Ticket> Session::give(std::span<const Piece> batch,
                                       uint32_t count, EntryKind kind) {
  auto given = machine->step();
  if (!given)
    return given.takeError();
  StepBlock &block = **given;
  stepLast.clear();
  stepSlots.clear();
  for (const Piece &piece : batch) {
    Slot &slot = slots[piece.slot];
    block.starts[block.numSequences++] = int32_t(block.numRows);
    for (int32_t token : piece.tokens) {
      StepRow &row = block.rows[block.numRows++];
      row = {token, int32_t(slot.length), int32_t(piece.slot), -1};
      if (hasPages && pagesFor(slot.length + 1) > slot.pages.size()) {
        row.newPage = pagesFree.back();
        pagesFree.pop_back();
        slot.pages.push_back(row.newPage);
      }
      ++slot.length;
    }
    // A token of the caller's lets a sequence go on that the device stopped.
    if (slot.wanted.chooses && piece.tokens.data() != &kFeedBackToken)
      slot.isTold = false;
    tell(piece.slot, block);
    stepLast.push_back(block.numRows - 1);
    stepSlots.push_back(piece.slot);
  }
  block.starts[block.numSequences] = int32_t(block.numRows);
  stepTokens = count;
  isDecode = hasChoices = kind == EntryKind::Decode;
  for (const Piece &piece : batch)
    slots[piece.slot].hasChoice = isDecode;
  return machine->enqueue(program(kind, count, block.numSequences).number,
                          block);
}

/// Runs a checked batch of `count` tokens.
Status Session::run(std::span<const Piece> batch, uint32_t count,
                    EntryKind kind) {
  auto result = finish(give(batch, count, kind));
  if (!result)
    return result.takeError();
  choices = *result;
  return Status::ok();
}

Expected<StepResult> Session::finish(Expected<Device::Ticket> ticket) {
  if (!ticket)
    return ticket.takeError();
  auto result = machine->wait(*ticket);
  if (!result)
    return result.takeError();
  return **result;
}

Status Session::prefill(std::span<const Piece> batch) {
  if (Status status = checkNoneAhead("prefill"); !status)
    return status;
  if (Status status = check(batch, maxPrefill(), "prefill"); !status)
    return status;
  size_t count = 0;
  for (const Piece &piece : batch)
    count += piece.tokens.size();
  if (!plan().bucket(EntryKind::Prefill, uint32_t(count),
                     uint32_t(batch.size())))
    return refusal(Refusal::WrongCall,
                   "prefill: the plan has no bucket for " +
                       std::to_string(count) + " tokens of " +
                       std::to_string(batch.size()) +
                       " sequences at once; give it fewer sequences");
  return run(batch, uint32_t(count), EntryKind::Prefill);
}

Expected<StepResult> Session::decode(std::span<const Next> batch) {
  if (Status status = checkNoneAhead("decode"); !status)
    return status.takeError();
  decodeBatch.clear();
  for (const Next &next :
       batch.first(std::min<size_t>(batch.size(), slots.size() + 1)))
    decodeBatch.push_back({next.slot, {&next.token, 1}});
  if (Status status = check(decodeBatch, maxSequences(), "decode"); !status)
    return status.takeError();
  if (Status status =
          run(decodeBatch, uint32_t(batch.size()), EntryKind::Decode);
      !status)
    return status.takeError();
  return choices;
}

//===----------------------------------------------------------------------===//
// Steps ahead
//===----------------------------------------------------------------------===//

Status Session::chooseBy(uint32_t slot, SlotUpdate rule) {
  if (Status status = checkSlot(slot, "chooseBy"); !status)
    return status;
  auto most = int32_t(maxCandidates());
  if (runAhead() == 0 || rule.candidates < 1 || rule.candidates > most ||
      rule.topK < 1 || rule.topK > most)
    return refusal(
        Refusal::WrongCall,
        runAhead() == 0
            ? "chooseBy: this device leaves choosing to the host"
            : "chooseBy: " + std::to_string(rule.candidates) +
                  " candidates and top-k " + std::to_string(rule.topK) +
                  " asked for; expected from 1 to " + std::to_string(most));
  rule.slot = int32_t(slot);
  slots[slot].wanted = rule;
  slots[slot].isTold = false;
  return Status::ok();
}

Status Session::decodeAhead(std::span<const uint32_t> batch) {
  if (numAhead == aheads.size())
    return refusal(Refusal::WrongCall,
                   runAhead() == 0
                       ? "decodeAhead: this device runs no step ahead"
                       : "decodeAhead: " + std::to_string(numAhead) +
                             " steps are given; take one first");
  decodeBatch.clear();
  for (uint32_t slot :
       batch.first(std::min<size_t>(batch.size(), slots.size() + 1)))
    decodeBatch.push_back({slot, {&kFeedBackToken, 1}});
  if (Status status = check(decodeBatch, maxSequences(), "decodeAhead");
      !status)
    return status;
  for (uint32_t slot : batch)
    if (!slots[slot].hasChoice)
      return refusal(Refusal::WrongCall,
                     "decodeAhead: no token was chosen for slot " +
                         std::to_string(slot) + "; call lastChoices()");
  auto ticket = give(decodeBatch, uint32_t(batch.size()), EntryKind::Decode);
  if (!ticket)
    return ticket.takeError();
  Ahead &ahead = aheads[(firstAhead + numAhead++) % aheads.size()];
  ahead.ticket = *ticket;
  ahead.slots.assign(batch.begin(), batch.end());
  return Status::ok();
}

Expected<StepResult> Session::takeAhead() {
  if (numAhead == 0)
    return refusal(Refusal::WrongCall, "takeAhead: no step was given");
  Ahead &ahead = aheads[firstAhead];
  auto result = finish(ahead.ticket);
  if (!result)
    return result;
  firstAhead = (firstAhead + 1) % aheads.size();
  --numAhead;
  // A sequence that had stopped has read nothing, though it was given a page
  // when it was its turn, which it keeps.
  for (uint32_t row = 0; row < ahead.slots.size(); ++row)
    if (result->hasStopped(row))
      --slots[ahead.slots[row]].length;
  return choices = *result;
}

//===----------------------------------------------------------------------===//
// Choices and logits
//===----------------------------------------------------------------------===//

/// The slot of a row of the last step.
int32_t Session::slotOf(uint32_t row) const {
  auto piece = std::lower_bound(stepLast.begin(), stepLast.end(), row);
  return int32_t(stepSlots[size_t(piece - stepLast.begin())]);
}

/// Runs the head on rows of the last step; `rowAt(i)` is the i-th. `areLast`:
/// they are their sequences' last, so what the device chooses for them follows.
template <typename RowAt>
Expected<StepResult> Session::runHead(uint32_t count, bool areLast,
                                      RowAt rowAt) {
  auto given = machine->step();
  if (!given)
    return given.takeError();
  StepBlock &block = **given;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t row = rowAt(i);
    int32_t slot = slotOf(row);
    int32_t last = int32_t(slots[size_t(slot)].length) - 1;
    block.rows[i] = {int32_t(row), areLast ? last : -1, slot};
  }
  block.numRows = count;
  block.numSequences = 1;
  for (uint32_t slot : stepSlots)
    tell(slot, block);
  return finish(
      machine->enqueue(program(EntryKind::Head, count, 1).number, block));
}

Expected<StepResult> Session::lastChoices() {
  if (Status status = checkNoneAhead("lastChoices"); !status)
    return status.takeError();
  if (hasChoices)
    return choices;
  if (stepLast.empty())
    return refusal(Refusal::WrongCall, "there was no step yet");
  if (stepLast.size() > mostLogitRows)
    return refusal(Refusal::WrongCall,
                   "the last step had " + std::to_string(stepLast.size()) +
                       " sequences; at most " + std::to_string(mostLogitRows) +
                       " rows come at once");
  auto result = runHead(uint32_t(stepLast.size()), /*areLast=*/true,
                        [this](uint32_t i) { return stepLast[i]; });
  if (!result)
    return result;
  hasChoices = true;
  for (uint32_t slot : stepSlots)
    slots[slot].hasChoice = true;
  return choices = *result;
}

Expected<LogitsView> Session::logits(uint32_t first, uint32_t count) {
  if (Status status = checkNoneAhead("logits"); !status)
    return status.takeError();
  if (count == 0 || count > mostLogitRows || first > stepTokens ||
      count > stepTokens - first)
    return refusal(Refusal::WrongCall,
                   "logits: rows " + std::to_string(first) + " to " +
                       std::to_string(uint64_t(first) + count) +
                       " asked for; the last step had " +
                       std::to_string(stepTokens) + ", and at most " +
                       std::to_string(mostLogitRows) + " come at once");
  if (isDecode)
    return machine->logits(first, count);
  hasChoices = false;
  auto result = runHead(count, /*areLast=*/false,
                        [first](uint32_t i) { return first + i; });
  if (!result)
    return result.takeError();
  return machine->logits(0, count);
}

Expected<LogitsView> Session::lastLogits() {
  auto result = lastChoices();
  if (!result)
    return result.takeError();
  return machine->logits(0, result->numRows);
}

//===----------------------------------------------------------------------===//
// Snapshots
//===----------------------------------------------------------------------===//

/// Copies a sequence's state, unit by unit, out to `to` or in from `from`.
Status Session::copyUnits(uint32_t slot, std::byte *to, const std::byte *from) {
  auto copy = [&](size_t state, uint64_t number) -> Status {
    uint64_t unitBytes = plan().states[state].unitBytes;
    std::byte *unit =
        machine->address(ArgKind::State, state) + number * unitBytes;
    if (from)
      std::memcpy(staging.data(), std::exchange(from, from + unitBytes),
                  unitBytes);
    auto ticket = to ? machine->read(staging.data(), unit, unitBytes)
                     : machine->write(unit, staging.data(), unitBytes);
    if (!ticket)
      return ticket.takeError();
    if (Status status = machine->finish(*ticket); !status)
      return status;
    if (to)
      std::memcpy(std::exchange(to, to + unitBytes), staging.data(), unitBytes);
    return Status::ok();
  };
  for (size_t i = 0; i < plan().states.size(); ++i) {
    if (plan().states[i].kind == StateKind::Recurrent) {
      if (Status status = copy(i, slot); !status)
        return status;
      continue;
    }
    for (int32_t page : slots[slot].pages)
      if (Status status = copy(i, uint64_t(page)); !status)
        return status;
  }
  return Status::ok();
}

Expected<Snapshot> Session::snapshot(uint32_t slot) {
  if (Status status = checkSlot(slot, "snapshot"); !status)
    return status.takeError();
  if (Status status = checkNoneAhead("snapshot"); !status)
    return status.takeError();
  const Slot &source = slots[slot];
  Snapshot result{source.length,
                  model.manifest().find("plan.bin")->hash,
                  plan().pageImage,
                  plan().ranks(),
                  {}};
  result.bytes.resize(plan().unitBytes(StateKind::Recurrent) +
                      source.pages.size() *
                          plan().unitBytes(StateKind::KVPages));
  // Of an empty sequence there is nothing but zeros.
  if (source.length != 0)
    if (Status status = copyUnits(slot, result.bytes.data(), nullptr); !status)
      return status.takeError();
  return result;
}

Status Session::restore(uint32_t slot, const Snapshot &snapshot) {
  if (Status status = checkSlot(slot, "restore"); !status)
    return status;
  if (Status status = checkNoneAhead("restore"); !status)
    return status;
  auto wrongPlan = [](const std::string &found, const std::string &wanted) {
    return refusal(Refusal::WrongPlan, "restore: the snapshot is of " + found +
                                           ", this session runs " + wanted);
  };
  const std::string &planHash = model.manifest().find("plan.bin")->hash;
  if (snapshot.planHash != planHash)
    return wrongPlan("plan " + snapshot.planHash, "plan " + planHash);
  if (snapshot.pageImage != plan().pageImage)
    return wrongPlan("page image '" + snapshot.pageImage + "'",
                     "'" + plan().pageImage + "'");
  if (snapshot.ranks != plan().ranks())
    return wrongPlan(std::to_string(snapshot.ranks) + " ranks",
                     std::to_string(plan().ranks()));
  Slot &target = slots[slot];
  uint64_t needed = hasPages ? pagesFor(snapshot.length) : 0;
  if (snapshot.length > maxContext() ||
      snapshot.bytes.size() !=
          plan().unitBytes(StateKind::Recurrent) +
              needed * plan().unitBytes(StateKind::KVPages))
    return refusal(Refusal::WrongCall,
                   "restore: the snapshot has " +
                       std::to_string(snapshot.bytes.size()) +
                       " bytes, not those of " +
                       std::to_string(snapshot.length) + " tokens");
  if (needed > target.pages.size())
    if (Status status = checkPages(needed - target.pages.size()); !status)
      return status;
  for (; target.pages.size() > needed; target.pages.pop_back())
    pagesFree.push_back(target.pages.back());
  while (target.pages.size() < needed) {
    target.pages.push_back(pagesFree.back());
    pagesFree.pop_back();
  }
  target.length = snapshot.length;
  target.hasChoice = false;
  if (Status status = writeTable(slot); !status)
    return status;
  return copyUnits(slot, nullptr, snapshot.bytes.data());
}

/// Writes a slot's whole row of the page table.
Status Session::writeTable(uint32_t slot) {
  std::span<const int32_t> pages = slots[slot].pages;
  if (pages.empty())
    return Status::ok();
  std::byte *row =
      machine->address(ArgKind::Arena, plan().input("pages")->offset) +
      slot * plan().pageColumns() * sizeof(int32_t);
  size_t most = staging.size() / sizeof(int32_t);
  for (size_t first = 0; first < pages.size(); first += most) {
    auto part = pages.subspan(first, std::min(most, pages.size() - first));
    std::memcpy(staging.data(), part.data(), part.size_bytes());
    auto ticket = machine->write(row + first * sizeof(int32_t), staging.data(),
                                 part.size_bytes());
    if (!ticket)
      return ticket.takeError();
    if (Status status = machine->finish(*ticket); !status)
      return status;
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
