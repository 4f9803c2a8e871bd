//===- TargetFacts.h - The numbers about a target that fusion decides by --===//
// Layouts, schedules and costs follow from these numbers. They say how large
// and how fast things are; what kernels can do is Target.h's.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"

namespace mlir::mm1 {

struct TargetFacts {
  StringRef name;

  // Layout of weights. A panel is some output columns that lie together, so that one vector (or warp) makes them at once.
  int64_t panel;
  // How many k lie together for each column of a panel, by type of weight: what one instruction multiplies and sums
  // (a CPU does a pair of bf16, and widens int8 to a pair), or one load brings.
  int64_t depthF32, depthBF16, depthI8;
  // Rows of vectors, scales and tables are padded to a multiple of this many columns.
  int64_t rowMultiple;

  // Register tile of a matmul: rows of activations against one panel; with n weights, tileRows / n against n panels.
  int64_t tileRows;

  // Tasks.
  // Warps that share a task: the panels of a matmul, or the columns of a row. 1: no such thing.
  int64_t matmulWarps, rowWarps;
  // How many tasks may run at once: threads or multiprocessors. A schedule must be good for each number.
  ArrayRef<int64_t> workers;
  // Few tokens: most bytes of weights that a task reads, once, from memory.
  int64_t streamBytes;
  // Many tokens: most bytes of weights that a task keeps in its own cache while rows pass by.
  int64_t residentBytes;
  // Most bytes that a task of a row-wise kernel touches.
  int64_t rowTaskBytes;
  // Many tokens: fewer tasks than this leave workers idle.
  int64_t minTasks;
  // Many tokens: queries of an attention task, and tokens that a recurrence handles at once.
  int64_t queryTokens, chunkTokens;

  // Cost model (Schedule.h), per worker. Rough figures: only ratios matter.
  double streamBytesPerSecond; // from memory
  double cacheBytesPerSecond;  // activations, from the last-level cache
  double flopsPerSecond;       // bf16
  double taskSeconds;          // taking a task from the queue
  double launchSeconds; // from the end of a kernel to the work of the next

  // A bucket of this many tokens is read as many tokens: rows pass by weights
  // that stay in a cache. Below it, weights pass by rows.
  int64_t manyTokens;
  // Pairs of tokens and experts are grouped by expert from this many tokens on.
  int64_t groupFromTokens;
  // Kernels go on with a part of a row while others make theirs: norms of rows
  // made in parts are deferred (DeferNorm.cpp).
  bool defersNorms;

  int64_t depth(Type element) const {
    return element.isInteger(8) ? depthI8
           : element.isBF16()   ? depthBF16
                                : depthF32;
  }
};

} // namespace mlir::mm1
