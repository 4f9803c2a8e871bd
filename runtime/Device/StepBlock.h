//===- StepBlock.h - What a step is told, and what it says ----------------===//
// All that varies from step to step lies in one block, so that a device can
// take it in one copy and keep everything else as it is:
//
//   block.rows[0] = {.token = 17, .position = 64, .slot = 3, .newPage = 9};
//   block.starts = 0 1                  // one sequence of one token
//   block.updates[0] = {.slot = 3, .candidates = 40, ...}  // when it changed
//
// The device writes the plan's input ports from it: tokens, positions, starts,
// slots, the rows of the head, what each row's candidates are to be; and it
// appends page 9 to the page table of slot 3, which then has two. Rows and
// updates are those of kernels/step/step_block.h, which a GPU reads as they are.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/step/step_block.h"
#include "runtime/Support/Candidates.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace mm1 {

/// A step to be filled. Memory belongs to the device, which has room for its
/// largest bucket.
struct StepBlock {
  std::span<StepRow> rows;
  /// First row of each sequence, and the end of the last: numSequences + 1. Not
  /// read by a head step.
  std::span<int32_t> starts;
  std::span<SlotUpdate> updates;
  uint32_t numRows = 0, numSequences = 0, numUpdates = 0;
};

/// Logits of some rows, f32.
struct LogitsView {
  const float *data;
  uint32_t rows, vocabSize;
  size_t stride; ///< floats from one row to the next

  std::span<const float> row(uint32_t i) const {
    return {data + i * stride, vocabSize};
  }
};

/// What a step made of its rows. A prefill step makes no rows: ask the head.
struct StepResult {
  uint32_t numRows = 0;

  /// The token that a greedy choice takes, or that the device chose for a slot
  /// that asked for it; -1 when no id may be chosen, or the slot has stopped.
  int32_t token(uint32_t row) const { return tokens[row * tokensStride]; }
  /// Whether the row's slot had stopped before the step, which left it alone.
  bool hasStopped(uint32_t row) const {
    return counts[row * countsStride] == 0;
  }
  /// As many as the row's slot asked for, if there are.
  Candidates candidates(uint32_t row) const {
    const int32_t *rowIds = ids + row * idsStride;
    auto count = size_t(counts[row * countsStride]);
    while (count > 0 && rowIds[count - 1] < 0)
      --count;
    return {{rowIds, count},
            {values + row * valuesStride, count},
            sums[row * sumsStride],
            sums[row * sumsStride + 1]};
  }

  // For the device.
  const int32_t *tokens = nullptr, *counts = nullptr, *ids = nullptr;
  const float *values = nullptr, *sums = nullptr;
  size_t tokensStride = 0, countsStride = 0, idsStride = 0, valuesStride = 0,
         sumsStride = 0;
};

} // namespace mm1
