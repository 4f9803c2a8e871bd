//===- step.h - The first and the last kernel of a step -------------------===//
// `begin` writes an entry's input ports from the step block, and `publish` says
// in the host's memory what the step made. What they must do, and the bytes they
// read and write, is told in kernels/step/step_block.h. Both are one block.
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/choose_token.h"
#include "skeletons/cluster.h"
#include "step/step_block.h"

namespace skeletons {

/// Where an entry's input ports lie; null for those that it has not.
struct BeginPorts {
  int *tokens = nullptr, *positions = nullptr, *starts = nullptr,
      *slots = nullptr, *pages = nullptr, *rows = nullptr,
      *candidate_counts = nullptr;
  float *inverse_temperatures = nullptr;
};

/// A row, its slot's settings applied.
struct BegunRow {
  int token, position, slot, newPage;
};

template <typename T>
DP_DEVICE const T *behind(const mm1::StepHeader *block, int offset) {
  return reinterpret_cast<const T *>(reinterpret_cast<const dp::u8 *>(block) +
                                     offset);
}

/// What the rows of the update's slot are asked for, from now on.
DP_DEVICE void update_slot(const mm1::SlotUpdate *update,
                           mm1::SlotState *slots) {
  const int slot = dp::load(&update->slot);
  mm1::SlotUpdate &settings = slots[slot].settings;
  dp::store(&settings.slot, slot);
  dp::store(&settings.candidates, dp::load(&update->candidates));
  dp::store(&settings.inverseTemperature,
            dp::load(&update->inverseTemperature));
  dp::store(&settings.chooses, dp::load(&update->chooses));
  dp::store(&settings.topP, dp::load(&update->topP));
  dp::store(&settings.topK, dp::load(&update->topK));
  dp::store(&settings.seed, dp::load(&update->seed));
  dp::store(&settings.lastPosition, dp::load(&update->lastPosition));
  for (int i = 0; i < mm1::kMostStopTokens; ++i)
    dp::store(&settings.stopTokens[i], dp::load(&update->stopTokens[i]));
  dp::store(&slots[slot].hasStopped, 0);
}

DP_DEVICE BegunRow begin_row(const mm1::StepHeader *block,
                             const mm1::SlotState *slots, int number) {
  const mm1::StepRow *row =
      behind<mm1::StepRow>(block, dp::load(&block->rowsAt)) + number;
  BegunRow begun = {dp::load(&row->token), dp::load(&row->position),
                    dp::load(&row->slot), dp::load(&row->newPage)};
  if (begun.token == mm1::kFeedBack)
    begun.token = dp::load(&slots[begun.slot].lastToken);
  return begun;
}

DP_DEVICE void begin(const BeginPorts &ports, dp::i64 *dims,
                     const mm1::StepHeader *block, mm1::SlotState *slots) {
  const int rows = dp::load(&block->numRows),
            sequences = dp::load(&block->numSequences),
            updates = dp::load(&block->numUpdates),
            columns = dp::load(&block->pageColumns),
            spare = dp::load(&block->spareSlot);
  for (int i = dp::thread(); i < updates; i += dp::num_threads())
    update_slot(behind<mm1::SlotUpdate>(block, dp::load(&block->updatesAt)) + i,
                slots);
  dp::sync_block();

  if (dp::thread() == 0) {
    dp::store(dims, rows);
    dp::store(dims + 1, sequences);
    dp::store(dims + 2, columns);
  }
  for (int i = dp::thread(); i < rows; i += dp::num_threads()) {
    const BegunRow row = begin_row(block, slots, i);
    const mm1::SlotState &slot = slots[row.slot];
    const bool hasStopped = dp::load(&slot.hasStopped) != 0;
    if (ports.rows)
      dp::store(ports.rows + i, row.token);
    if (ports.tokens)
      dp::store(ports.tokens + i, row.token);
    if (ports.positions)
      dp::store(ports.positions + i, hasStopped ? 0 : row.position);
    if (ports.pages && row.newPage >= 0)
      dp::store(ports.pages + dp::i64(row.slot) * columns +
                    row.position / dp::load(&block->pageTokens),
                row.newPage);
    if (ports.candidate_counts)
      dp::store(ports.candidate_counts + i,
                dp::load(&slot.settings.candidates));
    if (ports.inverse_temperatures)
      dp::store(ports.inverse_temperatures + i,
                dp::load(&slot.settings.inverseTemperature));
  }
  if (!ports.starts)
    return;
  const int *starts = behind<int>(block, dp::load(&block->startsAt));
  for (int i = dp::thread(); i <= sequences; i += dp::num_threads()) {
    const int first = dp::load(starts + i);
    dp::store(ports.starts + i, first);
    if (ports.slots && i < sequences) {
      const int slot = begin_row(block, slots, first).slot;
      dp::store(ports.slots + i,
                dp::load(&slots[slot].hasStopped) ? spare : slot);
    }
  }
}

/// Where the output ports lie that `publish` reads, and elements from one row
/// to the next.
struct PublishPorts {
  const int *candidate_counts, *candidate_ids;
  const float *candidate_values, *candidate_sums;
  int ids_stride, values_stride, sums_stride;
};

template <int candidates>
DP_DEVICE void publish(const PublishPorts &ports, const mm1::StepHeader *block,
                       mm1::SlotState *slots, mm1::ResultHeader *results) {
  dp::u8 *result =
      reinterpret_cast<dp::u8 *>(results) + dp::load(&block->resultAt);
  constexpr int row_bytes = mm1::resultRowBytes(candidates);
  const int rows = dp::load(&block->numRows);
  for (int row = dp::warp(); row < rows; row += dp::num_threads() / 32) {
    dp::u8 *at = result + sizeof(mm1::ResultHeader) + dp::i64(row) * row_bytes;
    int *ids = reinterpret_cast<int *>(at + sizeof(mm1::ResultRow));
    float *logits = reinterpret_cast<float *>(ids + candidates);
    const int *from_ids = ports.candidate_ids + dp::i64(row) * ports.ids_stride;
    const float *from_values =
        ports.candidate_values + dp::i64(row) * ports.values_stride;
    const float *sums = ports.candidate_sums + dp::i64(row) * ports.sums_stride;
    const int count =
        dp::max(1, dp::min(dp::load(ports.candidate_counts + row), candidates));
    for (int i = dp::lane(); i < count; i += 32) {
      dp::store(ids + i, dp::load(from_ids + i));
      dp::store(logits + i, dp::load(from_values + i));
    }
    if (dp::lane() == 0) {
      auto *head = reinterpret_cast<mm1::ResultRow *>(at);
      const mm1::StepRow *begun =
          behind<mm1::StepRow>(block, dp::load(&block->rowsAt)) + row;
      mm1::SlotState &slot = slots[dp::load(&begun->slot)];
      dp::store(&head->count, dp::load(&slot.hasStopped) ? 0 : count);
      dp::store(&head->token, choose_token(from_ids, from_values, count,
                                           dp::load(&begun->position), slot));
      dp::store(&head->largest, dp::load(sums));
      dp::store(&head->sum, dp::load(sums + 1));
    }
  }
  dp::sync_block();
  if (dp::thread() == 0) {
    auto *head = reinterpret_cast<mm1::ResultHeader *>(result);
    dp::store(&head->numRows, rows);
    dp::store(&head->candidates, candidates);
    dp::store(&head->rowBytes, row_bytes);
    dp::store_release_system(&head->epoch, dp::load(&block->epoch));
  }
}

} // namespace skeletons
