//===- VerifySharded.cpp - What the shard phase promises -----------------------===//
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_VERIFYSHARDED
#include "passes/Passes.h.inc"

namespace {

/// Collectives say their ranks in an attribute of that name.
LogicalResult verifyCollective(Operation *op, int64_t ranks) {
  auto over = op->getAttrOfType<IntegerAttr>("ranks");
  if (!over)
    return op->emitOpError("is a collective without 'ranks'");
  if (ranks == 1)
    return op->emitOpError() << "is a collective over " << over.getInt()
                             << " ranks in a module for one rank; canonicalize "
                                "removes those over one";
  if (over.getInt() != ranks)
    return op->emitOpError() << "expects to be over the module's " << ranks
                             << " ranks ('mm1.ranks'), found " << over.getInt();
  return success();
}

struct VerifyShardedPass : impl::VerifyShardedBase<VerifyShardedPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto ranks = module->getAttrOfType<IntegerAttr>("mm1.ranks");
    if (!ranks) {
      module.emitError(
          "has no 'mm1.ranks' after the shard phase (mm1-shard sets it)");
      return signalPassFailure();
    }
    if (ranks.getInt() < 1) {
      module.emitError() << "expects 'mm1.ranks' of at least 1, found "
                         << ranks.getInt();
      return signalPassFailure();
    }
    WalkResult result = module.walk([&](AnchorOpInterface anchor) {
      if (anchor.getAnchorKind() == AnchorKind::Collective &&
          failed(verifyCollective(anchor, ranks.getInt())))
        return WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
} // namespace mlir::mm1
