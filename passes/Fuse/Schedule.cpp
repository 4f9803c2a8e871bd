//===- Schedule.cpp - Which tile sizes a cluster could have, best first --------===//
#include "passes/Fuse/Schedule.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::mm1;

SmallVector<PanelChoice> mm1::rankPanels(const TargetFacts &target,
                                         const MatmulShape &shape,
                                         bool manyTokens) {
  int64_t numPanels = llvm::divideCeil(shape.columns, target.panel);
  auto tasks = [&](int64_t panels) {
    return int64_t(llvm::divideCeil(numPanels, panels));
  };
  // Experts that a task meets, and (token, choice) rows that pass by them together.
  int64_t tokens = manyTokens ? target.manyTokens : 1;
  int64_t rows = tokens * shape.choices;
  int64_t met = std::min(shape.experts, rows);
  int64_t panelBytes = shape.weights * target.panel * shape.depth *
                       shape.elementBytes; // of one expert

  auto fits = [&](int64_t panels) {
    if (manyTokens) // one expert after the other stays in the cache
      return panels * panelBytes <= target.residentBytes &&
             tasks(panels) >= target.minTasks;
    return panels * panelBytes * met <= target.streamBytes;
  };
  auto seconds = [&](int64_t panels) {
    double time =
        double(panels * panelBytes * met) / target.streamBytesPerSecond +
        target.taskSeconds;
    if (!manyTokens)
      return time;
    double flops =
        2.0 * rows * shape.depth * shape.weights * panels * target.panel;
    double peak = shape.elementBytes == 4 ? target.flopsPerSecond / 2
                                          : target.flopsPerSecond;
    return time + double(rows * shape.depth * 4) / target.cacheBytesPerSecond +
           flops / peak;
  };

  SmallVector<PanelChoice> choices;
  for (int64_t panels = 1; panels == 1 || (panels <= numPanels && fits(panels));
       ++panels)
    choices.push_back({panels, 1.0});
  for (int64_t workers : target.workers) {
    auto elapsed = [&](const PanelChoice &choice) {
      return llvm::divideCeil(tasks(choice.panels), workers) *
             seconds(choice.panels);
    };
    double best = elapsed(*llvm::min_element(
        choices, [&](auto &a, auto &b) { return elapsed(a) < elapsed(b); }));
    for (PanelChoice &choice : choices)
      choice.score = std::max(choice.score, elapsed(choice) / best);
  }
  llvm::sort(choices, [](const PanelChoice &a, const PanelChoice &b) {
    return a.score != b.score ? a.score < b.score : a.panels > b.panels;
  });
  return choices;
}

int64_t mm1::rowsPerTask(const TargetFacts &target, int64_t rowBytes,
                         bool manyTokens) {
  if (!manyTokens)
    return 1;
  // Not so many that a prefill step has fewer tasks than minTasks.
  return std::clamp<int64_t>(target.rowTaskBytes /
                                 std::max<int64_t>(rowBytes, 1),
                             1, target.manyTokens / target.minTasks);
}
