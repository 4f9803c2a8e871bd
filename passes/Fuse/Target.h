//===- Target.h - The facts about a target that fusion decides by --------------===//
// Layouts and schedules follow from these numbers; nothing else in passes/Fuse knows a machine. A target that is added here
// needs an emitter (compiler/Codegen) that reads its layouts.
//
//   cpu            any x86-64 or AArch64 with 16 or more vector registers; a task is a piece of work of one thread
//   sm_80, sm_90a  NVIDIA GPUs (A100; H100 and H200); a task is a block, whose warps share the task's panels
//===---------------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"

namespace mlir::mm1 {

struct Target {
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
  int64_t manyTokens; // of a prefill step that schedules are ranked for

  // Plan.
  StringRef pageImage;  // how keys and values lie in a page
  int64_t spareUnits;   // slots, and pages, for rows that the device drops
  bool selectsOnHost;   // the runtime chooses candidates, not a kernel

  int64_t depth(Type element) const {
    return element.isInteger(8) ? depthI8
           : element.isBF16()   ? depthBF16
                                : depthF32;
  }
};

/// All targets: Target.cpp.
ArrayRef<Target> allTargets();

/// The target of this name, or null.
const Target *findTarget(StringRef name);

/// For messages: "cpu, sm_80, sm_90a".
std::string targetNames();

} // namespace mlir::mm1
