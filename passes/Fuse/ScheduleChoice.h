//===- ScheduleChoice.h - A cluster's schedule, by names said once --------===//
// The grid of a cluster's kernel, and what its emitter wants to know besides.
// As an attribute of the cluster:
//
//   schedule {panels = 2 : i64, per = 1 : i64, tasks = 32 : i64, unit = "one"}
//
// is a grid of 32 tasks, two panels each. Names of knobs are those below and no
// others: overrides and tuning files are checked against the list.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Plan/Schedule.h"

namespace mlir::mm1 {

using plan::GridUnit;

namespace knob {
// Matmuls of CPUs: panels of output columns that a task makes, and rows of
// activations that it multiplies at a time.
inline constexpr llvm::StringLiteral kPanels = "panels", kRows = "rows";
// Their blocks, in panels, k and rows (MatmulNest in Schedule.h); without them
// a block is a panel.
inline constexpr llvm::StringLiteral kBlockPanels = "block_panels",
                                     kBlockDepth = "block_depth",
                                     kBlockRows = "block_rows";
// Warps that share a task, columns of a block.
inline constexpr llvm::StringLiteral kWarps = "warps", kColumns = "columns";
// Tokens of a recurrence that are handled at once.
inline constexpr llvm::StringLiteral kChunk = "chunk";
// Most tasks handed out at once; 1 where tasks are uneven.
inline constexpr llvm::StringLiteral kGrain = "grain";
// Units (tokens, sequences) of a task: the grid's `per`.
inline constexpr llvm::StringLiteral kPer = "per";
} // namespace knob

/// Every name a schedule's knob may have.
ArrayRef<StringRef> allKnobs();

struct ScheduleChoice {
  GridUnit unit = GridUnit::One;
  int64_t tasks = 1, per = 1;
  /// Knobs besides `per`, each once.
  SmallVector<std::pair<StringRef, int64_t>, 4> knobs;

  void set(StringRef knob, int64_t value);
  /// The knob, or nothing when kernels of this kind have no such thing.
  std::optional<int64_t> get(StringRef knob) const;
  /// Tasks of a whole batch.
  int64_t countTasks(int64_t tokens, int64_t sequences) const;

  DictionaryAttr toAttribute(MLIRContext *context) const;
};

} // namespace mlir::mm1
