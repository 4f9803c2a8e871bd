//===- GroupTokens.cpp - Bring the rows of one expert together ------------===//
// With many tokens each expert has many rows, and a kernel should read its
// weights once for all of them: the pairs (token, choice) are listed expert by
// expert, once for all matmuls of a layer. One token meets each of its experts
// once; then the list is a launch for nothing.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/ExplainFusion.h"
#include "passes/Fuse/Target.h"
#include "passes/Passes.h"

#include "llvm/Support/FormatVariadic.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_GROUPTOKENS
#include "passes/Passes.h.inc"

namespace {

struct GroupTokensPass : impl::GroupTokensBase<GroupTokensPass> {
  using GroupTokensBase::GroupTokensBase;

  void runOnOperation() override {
    FailureOr<const Target *> machine = getTarget(&getContext(), target);
    FailureOr<Bucket> bucket = Bucket::of(getOperation());
    if (failed(machine) || failed(bucket))
      return signalPassFailure();
    FusionExplainer explainer("group-tokens", getOperation(), explain);
    int64_t from = (*machine)->facts().groupFromTokens;
    std::string numbers = llvm::formatv(
        "{0} tokens, and a list pays from {1} on", bucket->tokens, from);
    DenseMap<std::pair<Value, int64_t>, GroupTokensOp> groups;
    getOperation().walk([&](ExpertLinearOp op) {
      if (op.getOrder())
        return;
      if (bucket->tokens < from)
        return explainer.decline(op.getLoc(),
                                 "rows of {expert_linear} by expert", numbers);
      explainer.take(op.getLoc(), "rows of {expert_linear} by expert", numbers);
      GroupTokensOp &group = groups[{op.getIds(), op.getNumExperts()}];
      if (!group) {
        OpBuilder builder(op);
        builder.setInsertionPointAfterValue(op.getIds());
        auto offsets = RankedTensorType::get({op.getNumExperts() + 1},
                                             builder.getI32Type());
        group =
            GroupTokensOp::create(builder, op.getIds().getLoc(),
                                  op.getIds().getType(), offsets, op.getIds());
      }
      op.getOrderMutable().assign(group.getOrder());
      op.getOffsetsMutable().assign(group.getOffsets());
    });
  }
};

} // namespace
} // namespace mlir::mm1
