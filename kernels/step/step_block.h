//===- step_block.h - What a GPU's step is told, and what it says ---------===//
// The bytes that host and device hand each other, one definition for both: the
// runtime includes this file, and so do the kernels `begin` and `publish` that
// stand at the ends of every entry. No header is needed in front of it, and
// only types that have one size everywhere are used.
//
//   StepHeader   copied to the device in front of each step, with what it
//                points to behind it, in any order:
//     +0    epoch 7, 1 row of 1 sequence, 1 update, rowsAt 64 ...
//     +64   StepRow      {token 17, position 64, slot 3, newPage 9}
//     +80   starts       0 1
//     +128  SlotUpdate   {slot 3, candidates 40, ...}
//
//   SlotState[slots]  in device memory, the spare slot's last. The host writes
//                a `SlotState()` for each once; `begin` keeps it up to date.
//
//   ResultHeader in host memory that the device writes to, `resultAt` bytes
//                behind the address that `publish` is given: steps that run
//                ahead have a result each. `publish` fills it, the epoch last
//                and with release, so that a host which reads epoch 7 (with
//                acquire) finds the rows of step 7 behind it:
//     +0    epoch 7, 1 row, 40 candidates, 336 bytes a row
//     +16   ResultRow    {token 5, count 40, largest 9, sum 3.5}
//     +32   40 ids, 40 logits
//
// How the kernels are called, behind the ports that the plan names:
//
//   begin(ports..., i64 *dims, const StepHeader *, SlotState *)
//   publish(ports..., const i64 *dims, const StepHeader *, SlotState *,
//           ResultHeader *)
//
// `begin`, in this order:
//   1. each SlotUpdate becomes its slot's settings, and lets it go on if it had
//      stopped;
//   2. dims = {numRows, numSequences, pageColumns};
//   3. port by port, those that the plan gives it: `tokens` and `positions` of
//      the rows; `starts`; `slots` of the sequences (a sequence's first row has
//      it); column position / pageTokens of the slot's row of `pages` where a
//      row has a new page; `rows` of a head step (StepRow.token); and for each
//      row its slot's `candidate_counts` and `inverse_temperatures`.
//      `vocabulary_mask` is the host's.
// `publish` chooses each row's token (skeletons/choose_token.h) and keeps it in
// the slot, where kFeedBack finds it; behind its last position or a stop token a
// slot that chooses has stopped, and its rows' tokens are -1 from then on.
// A row whose slot has stopped goes to the spare slot at position 0; its new
// page still becomes its own slot's. The host gives the spare slot's row of
// `pages` its page once. New pages are not cleared: attention must choose what
// counts, and not multiply the rest by zero.
//===----------------------------------------------------------------------===//
#pragma once

namespace mm1 {

/// StepRow.token: what the row's slot chose last, which the device knows.
constexpr int kFeedBack = -1;

/// One token of a step.
struct StepRow {
  int token; ///< its id, or kFeedBack; of a head step: a row of the last step
  /// In its sequence. Of a head step: of the row that is asked for; -1 when it
  /// is not the sequence's last, so that nothing follows from its token.
  int position = 0;
  int slot = 0;
  int newPage = -1; ///< page that this position starts; -1: none
};

/// Ids behind which a slot can stop.
constexpr int kMostStopTokens = 7;

/// What the rows of a slot are asked for, from now on. A step has at most one
/// for each slot.
struct SlotUpdate {
  int slot;
  int candidates = 1;           ///< 1 (greedy) to Plan.candidates
  float inverseTemperature = 1; ///< for their sum, and for choosing
  /// Choose and stop on the device (what follows); else a row's token is the
  /// likeliest one, no slot stops, and the host chooses from the candidates.
  unsigned chooses = 0;
  float topP = 1;
  int topK = 1; ///< 1: the likeliest; at most `candidates`
  /// Random numbers are a function of seed and position only.
  unsigned long long seed = 0;
  int lastPosition = 0x7fffffff; ///< stops behind it
  int stopTokens[kMostStopTokens] = {-1, -1, -1, -1, -1, -1, -1};
};

/// What the device keeps of a slot between steps.
struct SlotState {
  SlotUpdate settings = {0};
  int lastToken = 0; ///< what kFeedBack stands for
  int hasStopped = 0;
  int reserved[14] = {};
};

/// A step. Offsets are bytes from its own start, multiples of 16.
struct StepHeader {
  unsigned epoch = 0; ///< of its result
  int numRows = 0, numSequences = 0, numUpdates = 0;
  int rowsAt = 0;    ///< StepRow[numRows]
  int startsAt = 0;  ///< int[numSequences + 1]; not read by a head step
  int updatesAt = 0; ///< SlotUpdate[numUpdates]
  int spareSlot = 0; ///< for the rows of stopped slots
  int pageColumns = 0;
  int pageTokens = 1;
  int resultAt = 0; ///< from the address that publish is given
  int reserved[5] = {};
};

/// What the device says of one row.
struct ResultRow {
  int token; ///< chosen; -1: no id may be chosen, or the slot had stopped
  int count; ///< of candidates asked for; -1 where there are no more ids
  float largest, sum; ///< as in runtime/Support/Candidates.h
};

/// The result of a step, and behind it for each row, `rowBytes` apart: a
/// ResultRow, int ids[candidates], float logits[candidates]; the lists are filled
/// as far as the row's `count` goes.
struct ResultHeader {
  unsigned epoch; ///< written last, with release at system scope
  int numRows, candidates, rowBytes;
};

/// Bytes of one row of a result whose plan has this many candidates.
constexpr int resultRowBytes(int candidates) {
  return int(sizeof(ResultRow)) + candidates * int(sizeof(int) + sizeof(float));
}

static_assert(sizeof(int) == 4 && sizeof(unsigned long long) == 8);
static_assert(sizeof(StepRow) == 16);
static_assert(sizeof(SlotUpdate) == 64);
static_assert(sizeof(SlotState) == 128);
static_assert(sizeof(StepHeader) == 64);
static_assert(sizeof(ResultRow) == 16);
static_assert(sizeof(ResultHeader) == 16);

} // namespace mm1
