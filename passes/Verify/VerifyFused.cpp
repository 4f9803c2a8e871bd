//===- VerifyFused.cpp - What the fuse phase promises --------------------------===//
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
  LogicalResult verifyOp(Operation &op, const Bucket &bucket) const {
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

  LogicalResult verifyCluster(ClusterOp cluster, const Bucket &bucket) const {
    if (failed(verifyKernelExists(cluster, *machine, bucket)))
      return failure();
    if (!cluster.getSchedule())
      return cluster.emitOpError(
          "has no schedule (mm1-schedule-clusters sets it)");
    return success();
  }

  const Target *machine = nullptr;
};

} // namespace
} // namespace mlir::mm1
