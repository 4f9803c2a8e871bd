//===- PlaceBuffers.h - Give every buffer an offset in one arena ----------===//
// Two buffers may share bytes when their live ranges do not meet. We sort by
// size and take the lowest gap that fits. Steps are numbered; a range has both
// its ends.
//
//   a  [0,1] 256 bytes     a and c never meet, b meets both
//   b  [1,2] 512 bytes
//   c  [2,3] 256 bytes
//
// b is the largest and lies at 0. a must keep off b: 512. c must keep off b,
// but may lie on a: 512. The arena has 768 bytes, not 1024.
//
// First fit by size is the planner of TensorFlow Lite ("greedy by size",
// Pisarchyk and Lee 2020), within a few per cent of the lower bound on networks
// like ours.
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace mlir::plan {

struct LiveBuffer {
  int64_t bytes; ///< a multiple of the alignment
  int64_t first, last;
};

struct Placement {
  std::vector<int64_t> offsets; ///< one per buffer
  int64_t end;                  ///< of the highest byte in use
};

/// Places `buffers` from offset `base` on. Equal input gives equal output;
/// among equal sizes the earlier buffer comes first.
Placement placeBuffers(llvm::ArrayRef<LiveBuffer> buffers, int64_t base);

} // namespace mlir::plan
