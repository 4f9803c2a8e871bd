//===- Shard.cpp - Cut the model for a number of ranks -------------------------===//
// One rank is a case, not the shape: the phase exists and writes `mm1.ranks` down, so that slices of recipes and explicit
// collectives have their place when several ranks come.
//===---------------------------------------------------------------------------===//
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_SHARD
#include "passes/Passes.h.inc"

namespace {

struct ShardPass : impl::ShardBase<ShardPass> {
  using ShardBase::ShardBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (ranks < 1) {
      module.emitError() << "expects at least one rank, found "
                         << int64_t(ranks);
      return signalPassFailure();
    }
    if (ranks != 1) {
      module.emitError()
          << "sharding over " << int64_t(ranks)
          << " ranks is not supported yet: this version compiles for one rank";
      return signalPassFailure();
    }
    module->setAttr(
        "mm1.ranks",
        IntegerAttr::get(IntegerType::get(&getContext(), 64), ranks));
  }
};

} // namespace
} // namespace mlir::mm1
