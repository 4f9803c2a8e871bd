//===- Schedule.cpp - Which sizes a task's loops could have, best first ---===//
#include "passes/Fuse/Schedule.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::mm1;

int64_t mm1::activationBytes(const TargetFacts &target,
                             const MatmulShape &shape, const MatmulNest &nest,
                             int64_t rows) {
  int64_t bytes = rows * shape.depth * shape.inputBytes;
  bool stay = bytes / std::min(shape.experts, rows) <= target.residentBytes;
  return stay
             ? bytes
             : bytes * int64_t(llvm::divideCeil(nest.panels, nest.blockPanels));
}

namespace {

/// Nests for a shape, and their price.
class NestModel {
public:
  NestModel(const TargetFacts &target, const MatmulShape &shape,
            bool manyTokens)
      : target(target), shape(shape), manyTokens(manyTokens),
        rows((manyTokens ? target.manyTokens : 1) * shape.choices),
        met(std::min(shape.experts, rows)),
        numPanels(llvm::divideCeil(shape.columns, target.panel)) {}

  MatmulNest panelByPanel(int64_t panels) const {
    return MatmulNest{panels, target.tileRows}.whole(shape.depth);
  }

  MatmulNest together(int64_t panels) const {
    MatmulNest nest = panelByPanel(panels);
    nest.blockPanels = panels;
    int64_t most = target.tileRowBytes / shape.inputBytes;
    if (shape.depth <= most)
      return nest;
    nest.blockDepth = llvm::alignTo(
        llvm::divideCeil(shape.depth, llvm::divideCeil(shape.depth, most)),
        MatmulNest::kDepthMultiple);
    int64_t tileBytes = columns(panels) * nest.tileRows * sizeof(float);
    nest.blockRows =
        std::max<int64_t>(1, target.restingBytes / tileBytes) * nest.tileRows;
    return nest;
  }

  bool fits(const MatmulNest &nest) const {
    if (nest.panels > numPanels)
      return false;
    if (!manyTokens)
      return weightBytes(nest) * met <= target.streamBytes;
    // A level may widen weights to f32 before it multiplies.
    int64_t blockBytes = nest.blockPanels == 1
                             ? weightBytes(nest)
                             : columns(nest.blockPanels) * nest.blockDepth *
                                   int64_t(sizeof(float));
    return blockBytes <= target.residentBytes && tasks(nest) >= target.minTasks;
  }

  double elapsed(const MatmulNest &nest, int64_t workers) const {
    return llvm::divideCeil(tasks(nest), workers) * seconds(nest);
  }

private:
  int64_t tasks(const MatmulNest &nest) const {
    return llvm::divideCeil(numPanels, nest.panels);
  }
  int64_t columns(int64_t panels) const {
    return panels * shape.weights * target.panel;
  }
  /// Of one expert.
  int64_t weightBytes(const MatmulNest &nest) const {
    return columns(nest.panels) * shape.depth * shape.elementBytes;
  }

  double seconds(MatmulNest nest) const {
    double weights = double(weightBytes(nest) * met);
    double time = weights / target.streamBytesPerSecond + target.taskSeconds;
    if (!manyTokens)
      return time;
    int64_t rowsOfExpert = llvm::divideCeil(rows, met);
    if (rowsOfExpert < MatmulNest::kManyRows)
      nest = nest.whole(shape.depth);
    int64_t rowBlocks =
        nest.blockRows ? llvm::divideCeil(rowsOfExpert, nest.blockRows) : 1;
    int64_t rests = llvm::divideCeil(shape.depth, nest.blockDepth) - 1;
    double outside = weights * (rowBlocks - 1) +
                     double(activationBytes(target, shape, nest, rows));
    // Written, and read again.
    double sums =
        double(rests * rows * columns(nest.panels) * 2) * sizeof(float);
    double flops = 2.0 * rows * shape.depth * columns(nest.panels);
    double peak = shape.elementBytes == 4 ? target.flopsPerSecond / 2
                                          : target.flopsPerSecond;
    return time + outside / target.cacheBytesPerSecond +
           sums / target.ownCacheBytesPerSecond + flops / peak;
  }

  const TargetFacts &target;
  const MatmulShape &shape;
  bool manyTokens;
  /// Pairs of token and expert, and the experts they are for.
  int64_t rows, met;
  int64_t numPanels;
};

} // namespace

SmallVector<NestChoice> mm1::rankNests(const TargetFacts &target,
                                       const MatmulShape &shape,
                                       bool manyTokens) {
  NestModel model(target, shape, manyTokens);
  SmallVector<NestChoice> choices;
  for (int64_t panels = 1;; ++panels) {
    MatmulNest one = model.panelByPanel(panels), all = model.together(panels);
    bool oneFits = panels == 1 || model.fits(one),
         allFits = manyTokens && panels > 1 && model.fits(all);
    if (oneFits)
      choices.push_back({one, 1.0});
    if (allFits)
      choices.push_back({all, 1.0});
    if (!oneFits && !allFits)
      break;
  }
  for (int64_t workers : target.workers) {
    auto elapsed = [&](const NestChoice &choice) {
      return model.elapsed(choice.nest, workers);
    };
    double best = elapsed(*llvm::min_element(
        choices, [&](auto &a, auto &b) { return elapsed(a) < elapsed(b); }));
    for (NestChoice &choice : choices)
      choice.score = std::max(choice.score, elapsed(choice) / best);
  }
  llvm::stable_sort(choices, [](const NestChoice &a, const NestChoice &b) {
    return a.score != b.score ? a.score < b.score
                              : a.nest.panels > b.nest.panels;
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
