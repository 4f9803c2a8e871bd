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
// A matmul or norm hands on what it makes in registers; a norm takes its rows
// in registers from what no other anchor makes: in line three the norm's kernel
// makes r, in line two the linear's does. In the last line g is made before
// what the gate needs besides, by an anchor of other rows: it waits in memory,
// in few bytes.
//
// This is decided before clusters form and does not ask what will be fused:
// where numbers are rounded is part of what a module means, and must not depend
// on a bucket or a target.
//===---------------------------------------------------------------------===//
#include "passes/Fuse/ClusterView.h"
#include "passes/Passes.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_WIDENINTERMEDIATES
#include "passes/Passes.h.inc"

namespace {

bool isScalar(Operation *op) {
  auto scalar = dyn_cast<ScalarBodyOpInterface>(op);
  return scalar && !scalar.copiesNumbers();
}

/// Whether the op can hand its results to a reader in registers, unrounded.
bool canHandOn(Operation *op) {
  if (auto reduction = dyn_cast<RowReductionOpInterface>(op))
    return !reduction.yieldsSums();
  return isScalar(op) || isa<MatmulOpInterface>(op);
}

/// Whether all that read the value can do so from a register.
bool isHandedOn(Value value) {
  return value.getDefiningOp() && canHandOn(value.getDefiningOp()) &&
         !value.use_empty() && llvm::all_of(value.getUses(), readsInRegister);
}

/// The anchors that a block's values come from.
class Origins {
public:
  explicit Origins(Block &block) {
    for (Operation &op : block) {
      Origin origin;
      for (OpOperand &use : op.getOpOperands()) {
        origin.last = later(origin.last, of(use.get()).last);
        if (readsInRegister(use))
          origin.inRegister =
              later(origin.inRegister, of(use.get()).inRegister);
      }
      if (isa<AnchorOpInterface>(op))
        origin = {&op, &op};
      for (Value result : op.getResults())
        origins[result] = {isHandedOn(result) ? origin.inRegister : nullptr,
                           origin.last};
    }
  }

  bool isIntermediate(Value value) const {
    if (!getElementTypeOrSelf(value.getType()).isBF16())
      return false;
    if (isHandedOn(value))
      return llvm::none_of(value.getUses(),
                           [&](OpOperand &use) { return waits(use); });
    return value.hasOneUse() && isMadeByReader(*value.use_begin());
  }

private:
  struct Origin {
    /// In whose kernel the value is in a register, or null.
    Operation *inRegister = nullptr;
    /// The last anchor that the value is made of, or null.
    Operation *last = nullptr;
  };

  Origin of(Value value) const { return origins.lookup(value); }

  static Operation *later(Operation *lhs, Operation *rhs) {
    if (!lhs || !rhs)
      return lhs ? lhs : rhs;
    return lhs->isBeforeInBlock(rhs) ? rhs : lhs;
  }

  /// Whether the value of `use` waits for another that its reader needs, made
  /// later and of other rows.
  bool waits(OpOperand &use) const {
    Operation *home = of(use.get()).inRegister;
    return home &&
           llvm::any_of(use.getOwner()->getOpOperands(), [&](OpOperand &other) {
             Operation *last = of(other.get()).last;
             return last && home->isBeforeInBlock(last) &&
                    home->getOperand(0) != last->getOperand(0);
           });
  }

  /// Whether a norm reads the value where its kernel has just made it.
  /// Attention and the cache can do so as well, but round what they read.
  bool isMadeByReader(OpOperand &use) const {
    auto reduction = dyn_cast<RowReductionOpInterface>(use.getOwner());
    Operation *maker = use.get().getDefiningOp();
    if (!reduction || reduction.getReducedOperand() != use.getOperandNumber() ||
        !maker || !isScalar(maker))
      return false;
    return llvm::none_of(maker->getOpOperands(), [&](OpOperand &from) {
      return readsInRegister(from) && of(from.get()).inRegister;
    });
  }

  DenseMap<Value, Origin> origins;
};

struct WidenIntermediatesPass
    : impl::WidenIntermediatesBase<WidenIntermediatesPass> {
  void runOnOperation() override {
    Type f32 = Float32Type::get(&getContext());
    for (Block &block : getOperation().getBody()) {
      Origins origins(block);
      for (Operation &op : block)
        for (Value result : op.getResults())
          if (origins.isIntermediate(result))
            result.setType(cast<RankedTensorType>(result.getType()).clone(f32));
    }
  }
};

} // namespace
} // namespace mlir::mm1
