//===- Session.h - Sequences of tokens through a compiled model ----------------===//
// A session owns a loaded artifact and its state: slots for a planned number of sequences, each with the matrices of
// its lightning layers and pages of keys and values. Every call runs one step of the plan, so a server can put decode
// steps between the chunks of a long prompt, or stop after any of them:
//
//   auto session = Session::create(std::move(*Artifact::open("m1.mm1")), std::move(*CpuDevice::create({})));
//   Session &s = **session;
//   uint32_t slot = *s.open();
//   s.prefill({{slot, prompt}});                    // at most maxPrefill() tokens, of any sequences
//   int32_t next = argmax(s.lastLogits()->row(0));
//   auto logits = s.decode({{slot, next}});         // one token for each sequence named
//   s.close(slot);
//
// After create() no call allocates, locks or asks the environment, except where it says so and when it fails. The same
// calls give the same bytes for any number of threads and whatever else a slot or page was used for before.
//===---------------------------------------------------------------------------===//
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
#include <string_view>
#include <vector>

namespace mm1 {

/// Logits of some rows, f32, valid until the session's next call.
struct LogitsView {
  const float *data;
  uint32_t rows, vocabSize;
  size_t stride; ///< floats from one row to the next

  std::span<const float> row(uint32_t i) const {
    return {data + i * stride, vocabSize};
  }
};

/// Everything a sequence is: enough to go on from its position in any slot of any session of the same artifact.
struct Snapshot {
  uint64_t length = 0;  ///< tokens so far
  std::string planHash; ///< of the plan.bin it belongs to
  std::vector<std::byte>
      bytes; ///< one unit of each recurrent state, then the pages of each KV state, by state

  uint64_t sizeBytes() const { return bytes.size(); }
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
  create(Artifact artifact, std::unique_ptr<Device> device);

  /// What the plan promises.
  uint32_t maxSequences() const { return plan().maxSequences; }
  uint32_t maxPrefill() const {
    return plan().maxPrefill;
  } ///< tokens of one prefill()
  uint64_t maxContext() const {
    return plan().maxContext;
  } ///< tokens of one sequence
  uint32_t vocabSize() const { return uint32_t(plan().vocabSize); }
  uint32_t maxLogitRows() const {
    return mostLogitRows;
  } ///< rows of one logits()

  /// A slot for a new, empty sequence. Input error when all are taken.
  Expected<uint32_t> open();
  /// Gives the slot and its pages back.
  void close(uint32_t slot);
  uint32_t openSequences() const;
  /// Tokens the sequence has had.
  uint64_t length(uint32_t slot) const { return slots[slot].length; }
  uint64_t freePages() const { return pagesFree.size(); }

  /// Runs the pieces, in this order, through the prefill entry: at least one token each, at most maxPrefill() in all, no
  /// slot twice. Input error, and nothing changed, when a token is not of the vocabulary, a sequence would exceed
  /// maxContext(), or the pages do not suffice; usage error for a wrong call.
  Status prefill(std::span<const Piece> batch);
  Status prefill(std::initializer_list<Piece> batch) {
    return prefill(std::span(batch.begin(), batch.size()));
  }

  /// Runs one token of each sequence named through the decode entry and returns the logits, row i for batch[i]. At most
  /// maxSequences() of them; errors as for prefill().
  Expected<LogitsView> decode(std::span<const Next> batch);
  Expected<LogitsView> decode(std::initializer_list<Next> batch) {
    return decode(std::span(batch.begin(), batch.size()));
  }

  /// The logits of tokens first .. first + count - 1 of the last step, counted over the whole batch. At most
  /// maxLogitRows(); usage error when the last step had no such tokens.
  Expected<LogitsView> logits(uint32_t first, uint32_t count);
  /// The logits of the last token of each piece of the last step.
  Expected<LogitsView> lastLogits();

  /// A copy of a sequence; allocates.
  Expected<Snapshot> snapshot(uint32_t slot);
  /// Makes the sequence in `slot` a continuation of `snapshot`; what it was before is gone. Input error, and nothing
  /// changed, when the snapshot is of another plan or the pages do not suffice.
  Status restore(uint32_t slot, const Snapshot &snapshot);

  const Artifact &artifact() const { return model; }
  const Plan &plan() const { return model.plan(); }
  Device &device() { return *machine; }

  /// A program of the device and the entry it was made from.
  struct Program {
    const Plan::Entry *entry;
    uint32_t number;
  };
  std::span<const Program> programs() const { return entryPrograms; }

private:
  struct Slot {
    bool isOpen = false;
    uint64_t length = 0;
    std::vector<int32_t> pages; // capacity for maxContext() from the start
  };
  /// One of the plan's inputs: what the host writes and where it goes. Absent when the plan has no such port.
  struct Input {
    std::byte *address = nullptr;
    uint64_t columns = 0;
    std::vector<int32_t> values;
  };

  Session(Artifact artifact, std::unique_ptr<Device> device)
      : model(std::move(artifact)), machine(std::move(device)) {}
  Status load();
  Status addPrograms();
  Input input(std::string_view name);
  const Program &program(EntryKind kind, uint32_t tokens,
                         uint32_t sequences) const;
  Status check(std::span<const Piece> batch, uint32_t maxTokens,
               std::string_view call);
  Status checkPages(uint64_t needed) const;
  void growPages(uint32_t number, uint64_t length);
  Status step(std::span<const Piece> batch, uint32_t tokens, EntryKind kind);
  Expected<LogitsView> runHead(uint32_t count);
  LogitsView viewLogits(uint32_t first, uint32_t count);
  void upload(const Input &input, size_t values);
  uint64_t pagesFor(uint64_t tokens) const {
    return (tokens + plan().pageTokens - 1) / plan().pageTokens;
  }
  std::byte *unit(size_t state, uint64_t number) {
    return states[state].data() + number * plan().states[state].unitBytes;
  }

  Artifact model;
  std::unique_ptr<Device> machine; // before all memory, which it frees
  Device::Memory arena;
  std::vector<Device::Memory> states;
  std::vector<Program> entryPrograms;
  bool hasPages = false;
  uint32_t mostLogitRows = 0;
  uint64_t pageColumns = 0;

  std::vector<Slot> slots;
  std::vector<int32_t> pagesFree; // a stack
  Input tokens, positions, starts, slotNumbers, pages, rows;
  const std::byte *logitsAddress = nullptr;
  const Plan::Port *logitsPort = nullptr;

  std::vector<Piece> decodeBatch; // decode() as pieces
  std::vector<uint8_t> isInBatch; // by slot, for check()
  uint32_t stepTokens = 0;        // of the last step
  bool hasLogits = false;         // it was a decode step, which makes them all
  std::vector<uint32_t> stepLast; // its pieces' last tokens
};

/// Feeds `tokens` to `slot` in steps of at most `chunk` (0: maxPrefill()) and calls `afterStep(first, count)` behind
/// each, when logits() may be asked for its `count` tokens, which start at number `first` of `tokens`. Stops at the
/// first error of either.
Status prefillInChunks(
    Session &session, uint32_t slot, std::span<const int32_t> tokens,
    uint32_t chunk,
    const std::function<Status(size_t first, uint32_t count)> &afterStep);

} // namespace mm1
