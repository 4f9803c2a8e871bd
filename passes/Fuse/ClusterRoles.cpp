//===- ClusterRoles.cpp - What may sit where in a cluster ----------------------===//
#include "passes/Fuse/ClusterRoles.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

/// Whether all results of the op have this shape: they are made at the same places.
bool madeAt(Operation *op, ArrayRef<int64_t> shape) {
  return llvm::all_of(op->getResultTypes(), [&](Type type) {
    return cast<RankedTensorType>(type).getShape() == shape;
  });
}

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

} // namespace

bool mm1::readsInRegister(OpOperand &use) {
  auto reader = dyn_cast<ScalarBodyOpInterface>(use.getOwner());
  return reader && reader.readsInPlace(use.getOperandNumber()) &&
         madeAt(reader, shapeOf(use.get()));
}

bool mm1::canFollow(OpOperand &use, AnchorOpInterface anchor,
                    bool isAnchorResult) {
  if (isAnchorResult &&
      !anchor.takesEpilogue(cast<OpResult>(use.get()).getResultNumber()))
    return false;
  return readsInRegister(use);
}

bool mm1::canFeed(OpOperand &use) {
  if (!madeAt(use.get().getDefiningOp(), shapeOf(use.get())))
    return false;
  if (auto anchor = dyn_cast<AnchorOpInterface>(use.getOwner()))
    return anchor.takesPrologue(use.getOperandNumber());
  return readsInRegister(use);
}

LogicalResult mm1::verifyRoles(ClusterOp cluster) {
  AnchorOpInterface anchor = cluster.getAnchorOp();
  Operation *yield = cluster.getYield();
  llvm::DenseSet<Operation *> epilogue;
  for (Operation &op : cluster.getBody().front().without_terminator()) {
    if (anchor && &op == anchor.getOperation())
      continue;
    // Epilogue is what depends on the anchor. All it has from inside the cluster comes from there, in registers.
    auto inside =
        llvm::make_filter_range(op.getOpOperands(), [](OpOperand &use) {
          return use.get().getDefiningOp();
        });
    auto fromAnchor = [&](OpOperand &use) {
      return anchor && use.get().getDefiningOp() == anchor.getOperation();
    };
    auto afterAnchor = [&](OpOperand &use) {
      return fromAnchor(use) || epilogue.contains(use.get().getDefiningOp());
    };
    if (llvm::any_of(inside, afterAnchor)) {
      epilogue.insert(&op);
      for (OpOperand &use : inside)
        if (!afterAnchor(use) || !canFollow(use, anchor, fromAnchor(use)))
          return op.emitOpError()
                 << "cannot be epilogue of '" << anchor->getName()
                 << "': operand " << use.getOperandNumber()
                 << " is not in a register at its place";
      continue;
    }
    // Everything else is prologue, or the body of an elementwise cluster.
    for (OpOperand &use : op.getUses()) {
      if (use.getOwner() == yield) {
        if (anchor && !anchor.storesPrologue())
          return op.emitOpError()
                 << "cannot be yielded: the kernel of '" << anchor->getName()
                 << "' does not store its prologue";
      } else if (!canFeed(use)) {
        return op.emitOpError()
               << "cannot be prologue of '" << use.getOwner()->getName()
               << "': it does not take operand " << use.getOperandNumber()
               << " from a register";
      }
    }
  }
  return success();
}
