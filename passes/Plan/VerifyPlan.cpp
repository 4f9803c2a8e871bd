//===- VerifyPlan.cpp - Check what the plan phase promises ----------------===//
// The proofs are in dialects/Plan: VerifyEntry.cpp, VerifyPlan.cpp.
//===----------------------------------------------------------------------===//
#include "passes/Plan/Passes.h"

namespace mlir::plan {
#define GEN_PASS_DEF_VERIFYPLAN
#include "passes/Plan/Passes.h.inc"
} // namespace mlir::plan

using namespace mlir;
using namespace mlir::plan;

namespace {

struct VerifyPlan : plan::impl::VerifyPlanBase<VerifyPlan> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (Operation &op : *module.getBody())
      if (!isa<LimitsOp, KernelModuleOp, KernelOp, EntryOp, mm1::WeightOp,
               mm1::StateOp>(op)) {
        op.emitOpError("is left in a module that is planned");
        return signalPassFailure();
      }
    if (!getLimits(module)) {
      module.emitError("expects a 'plan.limits'; run mm1-lower-to-plan first");
      return signalPassFailure();
    }
    if (failed(verifyPlan(module)))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
