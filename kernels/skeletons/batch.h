//===- batch.h - Which sequence a token belongs to ------------------------===//
// The rows of a step are its sequences' tokens, one sequence behind the other:
// sequence b has rows starts[b] .. starts[b + 1] - 1. With 3 and 2 tokens,
//
//   starts 0 3 5      positions 0 1 2 | 70 71      slots 4 | 2
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/cluster.h"

namespace skeletons {

/// The sequence that has this row, one of the step's. Looks at no sequence
/// before `from`.
DP_DEVICE int sequence_of(const dp::i32 *starts, int sequences, int row,
                          int from = 0) {
  int sequence = from;
  while (sequence + 1 < sequences && dp::load(starts + sequence + 1) <= row)
    ++sequence;
  return sequence;
}

} // namespace skeletons
