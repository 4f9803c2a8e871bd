//===- WidenIntermediates.cpp - Round no value that stays in a register --===//
// linear -> silu -> mul, all of type bf16, would round three times; only the
// last number is stored. So results that are read in place by ops with scalar
// bodies, and by nothing else, become f32:
//
//   g, u = linear(x); y = mul(silu(g), u)       g, u, silu(g) are f32, y bf16
//   r = residual(s, linear(y)); n = norm(r)     the linear is f32, r bf16
//   r = residual(s, combine(y)); n = norm(r)    combine and r are f32
//   g = linear(x); y = gate(norm(attend(x)), g) the norm is f32, g bf16
//
// An anchor takes in registers what no other anchor makes: in line three the
// norm's kernel makes r, in line two the linear's does. In the last line norm
// and linear walk over different rows: no kernel has both results in registers,
// and the earlier one waits in memory, in few bytes.
//
// This is decided before clusters form and does not ask what will be fused:
// where numbers are rounded is part of what a module means, and must not depend
// on a bucket or a target.
//===---------------------------------------------------------------------===//
#include "passes/Fuse/ClusterRoles.h"
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_WIDENINTERMEDIATES
#include "passes/Passes.h.inc"

namespace {

/// Whether the op can hand its results to a reader in registers, unrounded.
bool canHandOn(Operation *op) {
  if (auto scalar = dyn_cast<ScalarBodyOpInterface>(op))
    return !scalar.copiesNumbers();
  auto anchor = dyn_cast<AnchorOpInterface>(op);
  return anchor && llvm::all_of(op->getResults(), [&](OpResult result) {
           return anchor.takesEpilogue(result.getResultNumber());
         });
}

/// Whether all that read the value can do so from a register.
bool isHandedOn(Value value) {
  return value.getDefiningOp() && canHandOn(value.getDefiningOp()) &&
         !value.use_empty() && llvm::all_of(value.getUses(), readsInRegister);
}

/// What a block's values that are handed on in registers are made of there.
class Homes {
public:
  explicit Homes(Block &block) {
    for (Operation &op : block)
      for (Value result : op.getResults())
        if (isHandedOn(result))
          homes[result] = latestHome(&op);
  }

  bool isIntermediate(Value value) const {
    if (!getElementTypeOrSelf(value.getType()).isBF16())
      return false;
    auto meetsLater = [&](OpOperand &use) { return this->meetsLater(use); };
    if (isHandedOn(value))
      return llvm::none_of(value.getUses(), meetsLater);
    return value.hasOneUse() && isPrologue(*value.use_begin());
  }

private:
  /// Whether an anchor reads the value where its kernel has just made it.
  /// Attention and the cache take prologues as well, but round what they make.
  bool isPrologue(OpOperand &use) const {
    auto reader = dyn_cast<AnchorOpInterface>(use.getOwner());
    Operation *maker = use.get().getDefiningOp();
    return reader && reader.takesPrologue(use.getOperandNumber()) &&
           reader.storesPrologue() && isa<ScalarBodyOpInterface>(maker) &&
           canHandOn(maker) && !latestHome(maker);
  }

  /// The last anchor whose results the op's are made of, or null.
  Operation *latestHome(Operation *op) const {
    if (isa<AnchorOpInterface>(op))
      return op;
    Operation *latest = nullptr;
    for (OpOperand &use : op->getOpOperands())
      if (Operation *home = homeOf(use))
        if (!latest || latest->isBeforeInBlock(home))
          latest = home;
    return latest;
  }

  /// The home of what a reader finds in a register, or null.
  Operation *homeOf(OpOperand &use) const {
    return readsInRegister(use) ? homes.lookup(use.get()) : nullptr;
  }

  /// Whether the reader of `use` meets a value that a later anchor hands on,
  /// made of other rows: then the one of `use` has been stored before.
  bool meetsLater(OpOperand &use) const {
    Operation *home = homeOf(use);
    return home &&
           llvm::any_of(use.getOwner()->getOpOperands(), [&](OpOperand &other) {
             Operation *later = homeOf(other);
             return later && home->isBeforeInBlock(later) &&
                    home->getOperand(0) != later->getOperand(0);
           });
  }

  DenseMap<Value, Operation *> homes;
};

struct WidenIntermediatesPass
    : impl::WidenIntermediatesBase<WidenIntermediatesPass> {
  void runOnOperation() override {
    Type f32 = Float32Type::get(&getContext());
    for (Block &block : getOperation().getBody()) {
      Homes homes(block);
      auto isIntermediate = [&](Value value) {
        return homes.isIntermediate(value);
      };
      // All results of an op or none: a linear's are of one type.
      for (Operation &op : block)
        if (llvm::all_of(op.getResults(), isIntermediate))
          for (Value result : op.getResults())
            result.setType(cast<RankedTensorType>(result.getType()).clone(f32));
    }
  }
};

} // namespace
} // namespace mlir::mm1
