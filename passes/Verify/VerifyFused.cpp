//===- VerifyFused.cpp - What the fuse phase promises --------------------------===//
#include "passes/Fuse/ClusterRoles.h"
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_VERIFYFUSED
#include "passes/Passes.h.inc"

namespace {

LogicalResult verifyCluster(ClusterOp cluster) {
  if (failed(verifyRoles(cluster)))
    return failure();
  if (!cluster.getSchedule())
    return cluster.emitOpError(
        "has no schedule (mm1-schedule-clusters sets it)");
  return success();
}

LogicalResult verifyOp(Operation &op) {
  if (auto cluster = dyn_cast<ClusterOp>(op))
    return verifyCluster(cluster);
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

struct VerifyFusedPass : impl::VerifyFusedBase<VerifyFusedPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        for (Operation &op : block)
          if (failed(verifyOp(op)))
            return signalPassFailure();
  }
};

} // namespace
} // namespace mlir::mm1
