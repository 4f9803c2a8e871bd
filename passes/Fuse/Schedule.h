//===- Schedule.h - Which tile sizes a cluster could have, best first ----------===//
// Pure functions of target facts and shapes; ScheduleClusters.cpp applies them, and other emitters may ask the same.
//
// A matmul splits its output columns into panels (Target.h); the only question is how many panels P a task does.
// Candidates are all P whose weights fit the budget of a task: with few tokens weights are read once, so the budget keeps
// tasks short (streamBytes); with many tokens rows of activations pass by weights that stay in a core's cache
// (residentBytes), and at least minTasks tasks must remain. P goes in steps of the target's warps, as each does one panel at
// a time; one step (P = 1 on a CPU) is always a candidate.
//
//   seconds(P)      = weights / stream + rows * K * 4 / cache + flops / peak + taskSeconds    (few tokens: no middle terms)
//   elapsed(P, n)   = ceil(tasks(P) / n) * seconds(P)                                          with n workers
//   score(P)        = max over the target's workers n of elapsed(P, n) / min over P' of elapsed(P', n)
//
// A CPU's plan does not know how many threads will run it, so the best P is the one that is never far from the best. Example:
// 2048 x 1024 bf16, few tokens: panels of 64 KiB; P = 1 loses 9 % to task overhead with one thread, P = 4 half of the
// machine with 32; P = 2 wins. Matmul results do not depend on P (one sum over k, in order, per output).
//===---------------------------------------------------------------------------===//
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
};

struct PanelChoice {
  int64_t panels; // P
  double score;   // >= 1; 1 is best at every thread count
};

/// All candidates, best first; among equals the one with fewer tasks. Never empty.
/// \param manyTokens  prefill: Target::manyTokens tokens pass by; else one.
SmallVector<PanelChoice> rankPanels(const TargetFacts &target,
                                    const MatmulShape &shape, bool manyTokens);

/// Rows (tokens) that a task of a row-wise kernel does.
/// \param rowBytes  bytes of activations that the kernel reads and writes for one token.
int64_t rowsPerTask(const TargetFacts &target, int64_t rowBytes,
                    bool manyTokens);

} // namespace mlir::mm1
