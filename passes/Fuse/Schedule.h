//===- Schedule.h - Which sizes a task's loops could have, best first -----===//
// Pure functions of target facts and shapes; the CPU's schedules are theirs
// (CpuTarget.cpp).
//
// A matmul splits its output columns into panels (TargetFacts.h). A task makes
// P of them, for all rows, in blocks (MatmulNest):
//
//   for each expert it meets, for each block of panels, of rows, and of k:
//     for each tile of rows:
//       for each panel of the block: the tile's sums over the block's k
//
// Candidates are, for each P,
//   panel by panel   a block is a panel with all its k. Rows pass by once for
//                    each panel, from outside of the core's own cache where
//                    they are too many for it.
//   together         a block is all P panels, in a core's own cache
//                    (residentBytes), and the rows pass by once. Its k are so
//                    many that a tile's rows stay in a first cache
//                    (tileRowBytes); between two blocks of k sums rest in
//                    memory, which blocks of rows bound (restingBytes).
//
// With few tokens weights are read once and there is only panel by panel: P is
// such that tasks are short (streamBytes). With many at least minTasks tasks
// must remain. P = 1 is always a candidate.
//
//   seconds(nest)    = weights / stream               once from memory
//                    + weights / cache                for each further block of
//                                                     rows
//                    + activations / cache            (activationBytes)
//                    + sums / own cache               rest and go on
//                    + flops / peak + taskSeconds
//   elapsed(nest, n) = ceil(tasks(P) / n) * seconds(nest)       with n workers
//   score(nest)      = max over the target's workers n of
//                        elapsed(nest, n) / min over others of elapsed(., n)
//
// With few tokens only the first and the last term count. A CPU's plan does not
// know how many threads will run it, so the best nest is the one that is never
// far from the best. Example: 2048 x 1024 bf16, few tokens: panels of 64 KiB;
// P = 1 loses 9 % to task overhead with one thread, P = 4 half of the machine
// with 32; P = 2 wins. Results do not depend on any of it (one sum over k, in
// order, per output).
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/Fuse/TargetFacts.h"

namespace mlir::mm1 {

/// A matmul or grouped matmul, as the cost model sees it.
struct MatmulShape {
  int64_t columns;      // N
  int64_t depth;        // K
  int64_t weights;      // matrices that read the same rows
  int64_t experts;      // matrices in each weight; 1 for a plain matmul
  int64_t choices;      // experts per token; 1 for a plain matmul
  int64_t elementBytes; // of a weight
  int64_t inputBytes;   // of an activation
};

/// The loops of a task: what the cost model charges and the CPU's emitter emits
/// (compiler/Codegen/CPU/EmitMatmul.cpp).
struct MatmulNest {
  /// Panels of a task.
  int64_t panels = 1;
  /// Rows of a register tile.
  int64_t tileRows = 1;
  /// A block's panels, k of each, and rows, a multiple of tileRows. 0: all rows
  /// pass by; then a block has all k.
  int64_t blockPanels = 1, blockDepth = 0, blockRows = 0;

  /// Blocks of k are whole lines of rows, and whole turns of the loops.
  static constexpr int64_t kDepthMultiple = 32;

  /// Fewer rows (of an expert) go through `whole`: their sums need no rest, and
  /// widening a panel in front of them costs more than in registers.
  static constexpr int64_t kManyRows = 13;

  bool hasBlocks() const { return blockPanels > 1 || blockRows > 0; }
  /// The same task panel by panel, each with all its k.
  MatmulNest whole(int64_t depth) const {
    return {panels, tileRows, 1, depth, 0};
  }
  /// Rows whose sums are in memory at a time.
  int64_t restingRows() const { return blockRows ? blockRows : tileRows; }
};

/// Bytes of activations that a task reads from outside of its core's own cache
/// when `rows` rows (pairs of token and expert) pass by: the cost model's first
/// question, and what a test counts in the emitted loops.
int64_t activationBytes(const TargetFacts &target, const MatmulShape &shape,
                        const MatmulNest &nest, int64_t rows);

struct NestChoice {
  MatmulNest nest;
  double score; // >= 1; 1 is best at every thread count
};

/// All candidates, best first; among equals the one with fewer tasks, and panel
/// by panel. Never empty.
/// \param manyTokens  prefill: TargetFacts::manyTokens tokens; else one.
SmallVector<NestChoice> rankNests(const TargetFacts &target,
                                  const MatmulShape &shape, bool manyTokens);

/// Rows (tokens) that a task of a row-wise kernel does.
/// \param rowBytes  bytes of activations that the kernel reads and writes for
///                  one token.
int64_t rowsPerTask(const TargetFacts &target, int64_t rowBytes,
                    bool manyTokens);

} // namespace mlir::mm1
