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

  // Layout of weights.
  int64_t
      panel; // output columns that lie together: one column a lane, in a few vectors
  int64_t
      depthF32; // k that lie together for each column, by type of weight: what one
  int64_t
      depthBF16; //   instruction multiplies and sums (a pair of bf16; int8 is widened to a pair)
  int64_t depthI8;
  int64_t
      rowMultiple; // rows of vectors, scales and tables are padded to this many columns

  // Register tile of a matmul.
  int64_t
      tileRows; // rows of activations against one panel; with n weights, tileRows / n rows against n panels

  // Tasks.
  // Warps that share a task: the panels of a matmul, or the columns of a row. 1: no such thing.
  int64_t matmulWarps;
  int64_t rowWarps;
  // How many tasks may run at once: threads or multiprocessors. A schedule must be good for each number.
  ArrayRef<int64_t> workers;
  int64_t
      streamBytes; // few tokens: most bytes of weights a task reads, once, from memory
  int64_t
      residentBytes; // many tokens: most bytes of weights a task keeps in its own cache while rows pass by
  int64_t rowTaskBytes; // most bytes a task of a row-wise kernel touches
  int64_t minTasks;     // many tokens: fewer tasks than this leave threads idle
  int64_t queryTokens;  // many tokens: queries of an attention task
  int64_t chunkTokens;  // many tokens: tokens that a recurrence handles at once

  // Cost model (Schedule.h). Rough figures of a server core: only ratios matter.
  double streamBytesPerSecond; // from memory, one thread
  double cacheBytesPerSecond;  // activations, from the last-level cache
  double flopsPerSecond;       // bf16, one thread
  double taskSeconds;          // taking a task from the queue
  int64_t manyTokens; // tokens of a prefill step that schedules are ranked for

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
