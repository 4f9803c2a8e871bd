//===- ScheduleClusters.cpp - Choose tile sizes and grids -----------------===//
// Every cluster without a `schedule` gets one: knobs and a grid from the target
// (Target.h), unless a rule says otherwise (Tuning.h). A schedule that stands
// there already is kept: somebody wrote it.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/Tuning.h"
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_SCHEDULECLUSTERS
#include "passes/Passes.h.inc"

namespace {

struct ScheduleClustersPass : impl::ScheduleClustersBase<ScheduleClustersPass> {
  using ScheduleClustersBase::ScheduleClustersBase;

  const Target *machine = nullptr;
  /// Of the tuning file, then of the overrides.
  SmallVector<TuningRule> rules;
  size_t numFileRules = 0;
  SmallVector<bool> matched;

  LogicalResult initialize(MLIRContext *context) override {
    FailureOr<const Target *> found = getTarget(context, target);
    if (failed(found))
      return failure();
    machine = *found;
    rules.clear();
    auto take =
        [&](llvm::Expected<SmallVector<TuningRule>> more) -> LogicalResult {
      if (!more)
        return emitError(UnknownLoc::get(context))
               << llvm::toString(more.takeError());
      llvm::append_range(rules, *more);
      return success();
    };
    if (!tuning.empty() && failed(take(readTuningFile(tuning))))
      return failure();
    numFileRules = rules.size();
    return take(parseOverrides(overrides));
  }

  void runOnOperation() override {
    matched.assign(rules.size(), false);
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(scheduleAll(function)))
        return signalPassFailure();
    if (failed(reportUnmatched()))
      signalPassFailure();
  }

  LogicalResult scheduleAll(func::FuncOp function) {
    SmallVector<ClusterOp> clusters;
    function.walk([&](ClusterOp cluster) {
      if (!cluster.getSchedule())
        clusters.push_back(cluster);
    });
    if (clusters.empty())
      return success();
    FailureOr<Bucket> bucket = Bucket::of(function);
    if (failed(bucket))
      return failure();
    for (ClusterOp cluster : clusters) {
      if (failed(verifyKernelExists(cluster, *machine, *bucket)))
        return failure();
      ClusterView view(cluster, *bucket);
      ScheduleChoice choice = machine->schedule(view);
      for (auto [i, rule] : llvm::enumerate(rules))
        if (rule.matches(*machine, view, choice)) {
          choice.set(rule.knob, rule.value);
          matched[i] = true;
        }
      machine->fitGrid(view, choice);
      cluster.setScheduleAttr(choice.toAttribute(&getContext()));
    }
    return success();
  }

  /// An override that matched nothing is a mistake; a rule of a file may be
  /// meant for another model.
  LogicalResult reportUnmatched() {
    for (auto [i, rule] : llvm::enumerate(rules)) {
      if (matched[i])
        continue;
      if (i >= numFileRules)
        return getOperation().emitError()
               << "override '" << rule.text
               << "' matches no cluster of this module";
      mlir::emitWarning(UnknownLoc::get(&getContext()))
          << rule.text << " matches no cluster of this module";
    }
    return success();
  }
};

} // namespace
} // namespace mlir::mm1
