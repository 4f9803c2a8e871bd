//===- MergeLinears.cpp - Make one op of linears that read the same rows -------===//
// k = linear(u, wk) and v = linear(u, wv) become k, v = linear(u, wk, wv). A linear joins the first one with the same key:
// op, rows (and routing), type of weights, type of results.
//===---------------------------------------------------------------------------===//
#include "passes/Passes.h"

#include <map>

namespace mlir::mm1 {
#define GEN_PASS_DEF_MERGELINEARS
#include "passes/Passes.h.inc"

namespace {

/// What two linears share when they can be one.
template <typename LinearLike> SmallVector<void *> mergeKey(LinearLike op) {
  SmallVector<void *> key;
  for (Value value : op->getOperands().drop_back(op.getWeights().size() +
                                                 op.getScales().size()))
    key.push_back(value.getAsOpaquePointer());
  key.push_back(const_cast<void *>(
      op.getWeights().front().getType().getAsOpaquePointer()));
  key.push_back(const_cast<void *>(
      op.getOutputs().front().getType().getAsOpaquePointer()));
  return key;
}

/// Makes `value` available in front of `op`: it is already, or a load of a weight that can move there.
bool hoist(Value value, Operation *op) {
  Operation *producer = value.getDefiningOp();
  if (!producer || producer->getBlock() != op->getBlock() ||
      producer->isBeforeInBlock(op))
    return true;
  if (!isa<LoadWeightOp>(producer))
    return false;
  producer->moveBefore(op);
  return true;
}

/// Replaces the linears of one group by one op at the place of the first.
template <typename LinearLike> void merge(ArrayRef<LinearLike> group) {
  LinearLike first = group.front();
  SmallVector<Value> weights, scales;
  SmallVector<Type> types;
  SmallVector<Location> locations;
  for (LinearLike op : group) {
    llvm::append_range(weights, op.getWeights());
    llvm::append_range(scales, op.getScales());
    llvm::append_range(types, op.getOutputs().getTypes());
    locations.push_back(op.getLoc());
  }
  OpBuilder builder(first);
  Location loc = builder.getFusedLoc(locations);
  LinearLike merged;
  if constexpr (std::is_same_v<LinearLike, LinearOp>)
    merged = LinearOp::create(builder, loc, types, first.getInput(), weights,
                              scales);
  else
    merged = ExpertLinearOp::create(builder, loc, types, first.getInput(),
                                    first.getOrder(), first.getOffsets(),
                                    weights, scales);
  unsigned next = 0;
  for (LinearLike op : group) {
    op.replaceAllUsesWith(
        merged.getOutputs().slice(next, op.getOutputs().size()));
    next += op.getOutputs().size();
    op.erase();
  }
}

struct MergeLinearsPass : impl::MergeLinearsBase<MergeLinearsPass> {
  using MergeLinearsBase::MergeLinearsBase;

  template <typename LinearLike> void mergeIn(Block &block) {
    // Groups in the order of their first op. A full group is closed: the next op of its kind starts another.
    SmallVector<SmallVector<LinearLike>> groups;
    std::map<SmallVector<void *>, size_t> open;
    for (LinearLike op :
         llvm::make_early_inc_range(block.getOps<LinearLike>())) {
      auto key = mergeKey(op);
      auto found = open.find(key);
      if (found != open.end()) {
        SmallVector<LinearLike> &group = groups[found->second];
        size_t weights = op.getWeights().size();
        for (LinearLike member : group)
          weights += member.getWeights().size();
        auto reaches = [&](Value value) { return hoist(value, group.front()); };
        if (weights <= maxWeights && llvm::all_of(op.getWeights(), reaches) &&
            llvm::all_of(op.getScales(), reaches)) {
          group.push_back(op);
          continue;
        }
      }
      open[key] = groups.size();
      groups.push_back({op});
    }
    for (ArrayRef<LinearLike> group : groups)
      if (group.size() > 1)
        merge(group);
  }

  void runOnOperation() override {
    for (Block &block : getOperation().getBody()) {
      mergeIn<LinearOp>(block);
      mergeIn<ExpertLinearOp>(block);
    }
  }
};

} // namespace
} // namespace mlir::mm1
