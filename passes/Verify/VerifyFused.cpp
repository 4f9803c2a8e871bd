//===- VerifyFused.cpp - What the fuse phase promises ---------------------===//
#include "passes/Fuse/Target.h"
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_VERIFYFUSED
#include "passes/Passes.h.inc"

namespace {

struct VerifyFusedPass : impl::VerifyFusedBase<VerifyFusedPass> {
  using VerifyFusedBase::VerifyFusedBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    FailureOr<const Target *> found = getTarget(&getContext(), target);
    if (failed(found))
      return signalPassFailure();
    machine = *found;
    chunkOfAll.reset();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      FailureOr<Bucket> bucket = Bucket::of(function);
      if (failed(bucket))
        return signalPassFailure();
      for (Block &block : function.getBody())
        for (Operation &op : block)
          if (failed(verifyOp(op, *bucket)))
            return signalPassFailure();
    }
  }

private:
  LogicalResult verifyOp(Operation &op, const Bucket &bucket) {
    if (auto cluster = dyn_cast<ClusterOp>(op))
      return verifyCluster(cluster, bucket);
    if (auto load = dyn_cast<LoadWeightOp>(op)) {
      auto type = cast<RankedTensorType>(load.getValue().getType());
      if (!type.getEncoding())
        return load.emitOpError()
               << "loads @" << load.getWeight() << " without a layout, " << type
               << " (mm1-tile-weights chooses it)";
      return success();
    }
    if (isa<LoadStateOp, StoreStateOp, func::ReturnOp>(op))
      return success();
    return op.emitOpError(
        "sits in no cluster: mm1-form-clusters found no kernel for it");
  }

  LogicalResult verifyCluster(ClusterOp cluster, const Bucket &bucket) {
    if (failed(verifyKernelExists(cluster, *machine, bucket)))
      return failure();
    if (!cluster.getSchedule())
      return cluster.emitOpError(
          "has no schedule (mm1-schedule-clusters sets it)");
    return verifySchedule(cluster, bucket);
  }

  /// Knobs may be chosen freely among those of the target's kernel; the grid
  /// follows from them.
  LogicalResult verifySchedule(ClusterOp cluster, const Bucket &bucket) {
    ClusterView view(cluster, bucket);
    ScheduleChoice fitting = machine->schedule(view);
    DictionaryAttr written = *cluster.getSchedule();
    for (NamedAttribute entry : written) {
      StringRef name = entry.getName();
      if (name == "unit" || name == "tasks")
        continue;
      auto value = dyn_cast<IntegerAttr>(entry.getValue());
      if (!fitting.get(name))
        return refuse(cluster, fitting)
               << ", which has a knob '" << name << "' that they have not";
      if (!value || !value.getType().isSignlessInteger(64) ||
          value.getInt() < 1 || value.getInt() > kMostOfAKnob)
        return refuse(cluster, fitting)
               << ", where '" << name << "' is no number from 1 to "
               << kMostOfAKnob;
      if (name == knob::kChunk &&
          failed(verifyChunk(cluster, value.getInt(), bucket)))
        return failure();
      fitting.set(name, value.getInt());
    }
    machine->fitGrid(view, fitting);
    DictionaryAttr wanted = fitting.toAttribute(cluster.getContext());
    for (NamedAttribute entry : written)
      if (wanted.get(entry.getName()) != entry.getValue())
        return refuse(cluster, fitting)
               << ", where '" << entry.getName().getValue() << "' does not fit";
    for (StringRef name : {"tasks", "unit", "per"})
      if (!written.get(name))
        return refuse(cluster, fitting) << ", which lacks '" << name << "'";
    return success();
  }

  /// Chunks decide the order of sums: no entry may have others, except that one
  /// with one token of each sequence may take them one by one.
  LogicalResult verifyChunk(ClusterOp cluster, int64_t chunk,
                            const Bucket &bucket) {
    if (chunk == 1 && bucket.hasOneTokenEach())
      return success();
    if (!chunkOfAll)
      chunkOfAll = chunk;
    if (chunk == *chunkOfAll)
      return success();
    return cluster.emitOpError() << "expects the same chunk in all entries, "
                                 << *chunkOfAll << ", found " << chunk;
  }

  /// "expects a schedule of this cluster's kernels like {...}, found {...}"
  InFlightDiagnostic refuse(ClusterOp cluster,
                            const ScheduleChoice &fitting) const {
    InFlightDiagnostic diag = cluster.emitOpError();
    diag << "expects a schedule of " << machine->name() << " kernels like "
         << fitting.toAttribute(cluster.getContext()) << ", found "
         << *cluster.getSchedule();
    return diag;
  }

  static constexpr int64_t kMostOfAKnob = int64_t(1) << 24;

  const Target *machine = nullptr;
  std::optional<int64_t> chunkOfAll;
};

} // namespace
} // namespace mlir::mm1
