//===- TargetFacts.h - The numbers about a target that fusion decides by --===//
// Layouts, schedules and costs follow from these numbers. They say how large
// and how fast things are; what kernels can do is Target.h's.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"

namespace mlir::mm1 {

struct TargetFacts {
  StringRef name;

  // Layout of weights: matrices lie in swizzled tiles (#mm1.swizzle) of so many
  // rows, or, if 0, in panels (#mm1.tile).
  int64_t swizzledRows = 0;
  // A panel is some output columns that lie together, so that one vector makes
  // them at once; and how many k lie together for each of them, by type of
  // weight: what one instruction multiplies and sums (a CPU does a pair of bf16,
  // and widens int8 to a pair).
  int64_t panel = 0;
  int64_t depthF32 = 0, depthBF16 = 0, depthI8 = 0;
  // Rows of vectors, scales and tables, and of matrices that are not worth
  // tiles, are padded to a multiple of this many columns.
  int64_t rowMultiple;

  // How many tasks may run at once: threads or multiprocessors. A schedule must
  // be good for each number.
  ArrayRef<int64_t> workers;
  // Tasks of CPUs (Schedule.h). Register tile of a matmul: rows of activations
  // against one panel.
  int64_t tileRows = 0;
  // Few tokens: most bytes of weights that a task reads, once, from memory.
  int64_t streamBytes = 0;
  // Many tokens: most bytes of weights, or of activations, that a task keeps in
  // its core's own cache while the others pass by.
  int64_t residentBytes = 0;
  // Most bytes of a row of a tile that are to stay in a first cache, and of
  // sums that rest between two blocks of k.
  int64_t tileRowBytes = 0, restingBytes = 0;
  // Most bytes that a task of a row-wise kernel touches.
  int64_t rowTaskBytes = 0;
  // Many tokens: fewer tasks than this leave workers idle.
  int64_t minTasks = 0;
  // Many tokens: queries of an attention task, and tokens that a recurrence
  // handles at once.
  int64_t queryTokens, chunkTokens;
  // Contexts are cut into spans (SplitAttention.cpp) of so many tokens or more,
  // or, if 0, evenly; the most spans of one; and how many tasks of one token and
  // KV head share them, if there are as many.
  int64_t spanTokens = 0;
  int64_t mostSpans, spanTasks;

  // Cost model (Schedule.h), per worker. Rough figures: only ratios matter.
  double streamBytesPerSecond; // from memory
  double cacheBytesPerSecond;  // from the last-level cache
  double ownCacheBytesPerSecond = 0;
  double flopsPerSecond; // bf16
  double taskSeconds;    // taking a task from the queue
  double launchSeconds;  // from the end of a kernel to the work of the next

  // A bucket of this many tokens is read as many tokens: rows pass by weights
  // that stay in a cache. Below it, weights pass by rows.
  int64_t manyTokens;
  // Pairs of tokens and experts are grouped by expert from this many tokens on.
  int64_t groupFromTokens;
  // Kernels go on with a part of a row while others make theirs: norms of rows
  // made in parts are deferred (DeferNorm.cpp).
  bool defersNorms;

  // Plan.
  StringRef pageImage;      // how keys and values lie in a page
  int64_t spareUnits;       // slots, and pages, for rows that the device drops
  bool selectsOnHost;       // the runtime chooses candidates, not a kernel
  bool startsEarly = false; // a launch may begin while the one before it ends

  int64_t depth(Type element) const {
    return element.isInteger(8) ? depthI8
           : element.isBF16()   ? depthBF16
                                : depthF32;
  }
};

} // namespace mlir::mm1
