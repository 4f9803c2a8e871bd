//===- Session.h - Sequences of tokens through a compiled model -----------===//
// A session owns a loaded artifact and its state: slots for a planned number of
// sequences, each with the matrices of its lightning layers and pages of keys
// and values. Every call runs one step of the plan, so a server can put decode
// steps between the chunks of a long prompt, or stop after any of them:
//
//   auto artifact = *Artifact::open("m1.mm1");
//   auto device = *createDevice({}, artifact.plan());
//   auto session = *Session::create(std::move(artifact), std::move(device));
//   uint32_t slot = *session->open();
//   session->prefill({{slot, prompt}});    // at most maxPrefill() tokens, of
//                                          // any sequences
//   int32_t next = session->lastChoices()->token(0);
//   auto choices = session->decode({{slot, next}});  // one token a sequence
//   session->close(slot);
//
// Steps choose on the device: of each row come the likeliest token and as many
// candidates as its sequence asked for (sampleBy); rows of logits when asked.
//
// After create() no call allocates, locks or asks the environment, except where
// it says so and when it fails. The same calls give the same bytes for any
// number of threads and whatever else a slot or page was used for before.
//
// A request that cannot be served is refused with a code (Refusal), and nothing
// has changed then.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Artifact.h"
#include "runtime/Device/Device.h"
#include "runtime/Support/Expected.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mm1 {

/// Everything a sequence is: enough to go on from its position in any slot of
/// any session of the same plan, page image and number of ranks.
struct Snapshot {
  uint64_t length = 0;   ///< tokens so far
  std::string planHash;  ///< of the plan.bin it belongs to
  std::string pageImage; ///< how its pages lie
  uint32_t ranks = 1;    ///< that have a part of it each
  /// One unit of each recurrent state, then the pages of each KV state, by
  /// state.
  std::vector<std::byte> bytes;

  uint64_t sizeBytes() const { return bytes.size(); }
};

struct SessionOptions {
  /// Keys and values of so many tokens, of all sequences together, in whole
  /// pages; 0: as planned. Less than maxSequences() * maxContext() is fine.
  uint64_t kvTokens = 0;
  /// Told while weights are loaded; false stops.
  std::function<bool(const Device::Progress &)> onProgress = {};
  /// Weights are numbers of this seed, not those of the artifact: for timing.
  std::optional<uint64_t> randomWeights = std::nullopt;
};

class Session {
public:
  /// Tokens that one sequence gets in a prefill step.
  struct Piece {
    uint32_t slot;
    std::span<const int32_t> tokens;
  };
  /// The token that one sequence gets in a decode step.
  struct Next {
    uint32_t slot;
    int32_t token;
  };

  /// Loads everything onto `device`, whose errors it hands on.
  static Expected<std::unique_ptr<Session>>
  create(Artifact artifact, std::unique_ptr<Device> device,
         const SessionOptions &options = {});

  /// What the plan promises.
  uint32_t maxSequences() const { return plan().maxSequences; }
  /// Tokens of one prefill().
  uint32_t maxPrefill() const { return plan().maxPrefill; }
  /// Tokens of one sequence.
  uint64_t maxContext() const { return plan().maxContext; }
  uint32_t vocabSize() const { return uint32_t(plan().vocabSize); }
  /// Candidates of one row.
  uint32_t maxCandidates() const { return plan().candidates; }
  /// Rows of one logits().
  uint32_t maxLogitRows() const { return mostLogitRows; }

  /// A slot for a new, empty sequence, whose rows are chosen greedily. NoSlot
  /// when all are taken.
  Expected<uint32_t> open();
  /// Gives the slot and its pages back.
  void close(uint32_t slot);
  uint32_t openSequences() const;
  /// Tokens the sequence has had.
  uint64_t length(uint32_t slot) const { return slots[slot].length; }
  /// Tokens the sequence can still get: to the end of the context, on the pages
  /// it has and the free ones.
  uint64_t room(uint32_t slot) const;
  /// KV pages of all sequences together, and those that none has; 0 for a plan
  /// without.
  uint64_t totalPages() const { return numPages; }
  uint64_t freePages() const { return pagesFree.size(); }

  /// Which ids may be chosen, from now on: id i when bit i % 32 of word i / 32
  /// is set. WrongCall for another number of words.
  Status allowOnly(std::span<const uint32_t> mask);
  /// What steps say of this sequence's rows from now on: so many candidates,
  /// and their sum at this temperature. WrongCall when they are not from 1 to
  /// maxCandidates(), or the slot is not open.
  Status sampleBy(uint32_t slot, uint32_t candidates,
                  float inverseTemperature = 1);

  /// Runs the pieces, in this order, through the prefill entry: at least one
  /// token each, at most maxPrefill() in all, no slot twice. BadToken, TooLong,
  /// NoPages, or WrongCall.
  Status prefill(std::span<const Piece> batch);
  Status prefill(std::initializer_list<Piece> batch) {
    return prefill(std::span(batch.begin(), batch.size()));
  }

  /// Runs one token of each sequence named through the decode entry and returns
  /// what may come next, row i for batch[i]. At most maxSequences() of them;
  /// refusals as for prefill(). Valid until the session's next call.
  Expected<StepResult> decode(std::span<const Next> batch);
  Expected<StepResult> decode(std::initializer_list<Next> batch) {
    return decode(std::span(batch.begin(), batch.size()));
  }

  //===---------------------------- Steps ahead -----------------------------===//
  // A device with a queue need not wait for the host to choose: it chooses, and
  // feeds what it chose back to the next step.
  //
  //   session->chooseBy(slot, {.chooses = 1, .stopTokens = {2}});
  //   session->prefill({{slot, prompt}});
  //   session->lastChoices();                     // the first token
  //   session->decodeAhead({slot});               // it and two behind it
  //   session->decodeAhead({slot});
  //   session->decodeAhead({slot});
  //   session->takeAhead()->token(0);             // the second
  //   session->decodeAhead({slot});               // and so on

  /// Steps that may be given beyond the one that is taken next; 0: none.
  uint32_t runAhead() const { return machine->runAhead(); }
  /// How the device chooses this sequence's tokens from now on, and when it
  /// stops; `rule.slot` is not read. Replaces sampleBy(). WrongCall when
  /// `candidates` or `topK` are not from 1 to maxCandidates(), the slot is not
  /// open, or the device does not run ahead.
  Status chooseBy(uint32_t slot, SlotUpdate rule);
  /// Gives a step in which each of these sequences gets the token that was
  /// chosen for it last, and does not wait for it. At most runAhead() + 1 may
  /// be given and not taken; until all are taken no other call is served.
  /// Refusals as for decode(); WrongCall when nothing was chosen for a sequence
  /// since its last prefill() or restore().
  Status decodeAhead(std::span<const uint32_t> batch);
  Status decodeAhead(std::initializer_list<uint32_t> batch) {
    return decodeAhead(std::span(batch.begin(), batch.size()));
  }
  /// Waits for the first step that was given and not taken: row i for batch[i].
  /// A row with hasStopped() did nothing to its sequence. WrongCall when there
  /// is no such step. Valid until the session's next call.
  Expected<StepResult> takeAhead();

  /// What may come behind the last token of each piece of the last step. Valid
  /// until the session's next call.
  Expected<StepResult> lastChoices();
  /// The logits of tokens first .. first + count - 1 of the last step, counted
  /// over the whole batch. At most maxLogitRows(); WrongCall when the last step
  /// had no such tokens. Valid until the next step.
  Expected<LogitsView> logits(uint32_t first, uint32_t count);
  /// The logits of the last token of each piece of the last step: the whole
  /// rows that lastChoices() and decode() tell the best of.
  Expected<LogitsView> lastLogits();

  /// A copy of a sequence; allocates.
  Expected<Snapshot> snapshot(uint32_t slot);
  /// Makes the sequence in `slot` a continuation of `snapshot`; what it was
  /// before is gone. WrongPlan, NoPages or WrongCall.
  Status restore(uint32_t slot, const Snapshot &snapshot);

  const Artifact &artifact() const { return model; }
  const Plan &plan() const { return model.plan(); }
  Device &device() { return *machine; }

  /// A program of the device and the entry it was made from.
  struct Program {
    const Plan::Entry *entry;
    Device::Program number;
  };
  std::span<const Program> programs() const { return entryPrograms; }

private:
  struct Slot {
    bool isOpen = false;
    uint64_t length = 0;
    std::vector<int32_t> pages; // capacity for maxContext() from the start
    SlotUpdate wanted{};
    bool isTold = false;    // whether the device knows what is wanted
    bool hasChoice = false; // a token for its next position, on the device
  };
  /// A step that was given and not taken.
  struct Ahead {
    Device::Ticket ticket = 0;
    std::vector<uint32_t> slots;
  };

  Session(Artifact artifact, std::unique_ptr<Device> device)
      : model(std::move(artifact)), machine(std::move(device)) {}
  Status load(const SessionOptions &options);
  const Program &program(EntryKind kind, uint32_t tokens,
                         uint32_t sequences) const;
  Status checkSlot(uint32_t slot, std::string_view call) const;
  Status check(std::span<const Piece> batch, uint32_t maxTokens,
               std::string_view call);
  Status checkNoneAhead(std::string_view call) const;
  Status checkPages(uint64_t needed) const;
  Expected<Device::Ticket> give(std::span<const Piece> batch, uint32_t tokens,
                                EntryKind kind);
  Status run(std::span<const Piece> batch, uint32_t tokens, EntryKind kind);
  template <typename RowAt>
  Expected<StepResult> runHead(uint32_t count, bool areLast, RowAt rowAt);
  Expected<StepResult> finish(Expected<Device::Ticket> ticket);
  void tell(uint32_t slot, StepBlock &block);
  int32_t slotOf(uint32_t row) const;
  Status copyUnits(uint32_t slot, std::byte *to, const std::byte *from);
  Status writeTable(uint32_t slot);
  uint64_t pagesFor(uint64_t tokens) const {
    return (tokens + plan().pageTokens - 1) / plan().pageTokens;
  }

  Artifact model; // outlives the machine, which reads its plan
  std::unique_ptr<Device> machine;
  std::vector<Program> entryPrograms;
  bool hasPages = false;
  uint32_t mostLogitRows = 0;
  uint64_t numPages = 0;
  std::span<std::byte> staging; // for copies of one unit

  std::vector<Slot> slots;
  std::vector<int32_t> pagesFree; // a stack

  std::vector<Piece> decodeBatch; // decode() as pieces
  std::vector<uint8_t> isInBatch; // by slot, for check()
  // Of the last step.
  uint32_t stepTokens = 0;
  bool isDecode = false;           // which makes logits of all its rows
  bool hasChoices = false;         // of the last rows, and their logits
  std::vector<uint32_t> stepLast;  // its pieces' last tokens
  std::vector<uint32_t> stepSlots; // and their slots
  StepResult choices;              // of the last rows

  std::vector<Ahead> aheads; // a ring
  size_t firstAhead = 0, numAhead = 0;
};

/// Feeds `tokens` to `slot` in steps of at most `chunk` (0: maxPrefill()) and
/// calls `afterStep(first, count)` behind each, when logits() may be asked for
/// its `count` tokens, which start at number `first` of `tokens`. Stops at the
/// first error of either.
Status prefillInChunks(
    Session &session, uint32_t slot, std::span<const int32_t> tokens,
    uint32_t chunk,
    const std::function<Status(size_t first, uint32_t count)> &afterStep);

} // namespace mm1
