//===- ClusterView.h - The ops of one kernel, built or only considered ----===//
// A target is asked about clusters that may never be made: "would you take this
// norm together with the linear behind it?" A view is such a question. It reads
// a cluster as it stands, ops that are in no cluster yet, or two clusters as if
// they were one, and looks through their borders:
//
//   %u = mm1.cluster row_reduction(%x, %n) { ... yield %y }     merge(first,
//   %p = mm1.cluster matmul(%u, %w) { ^bb0(%a, %b):               second):
//          %0 = mm1.linear %a weights(%b) ... }                 source(%a) = %y
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"
#include "passes/Fuse/Bucket.h"

#include "llvm/ADT/SetVector.h"

namespace mlir::mm1 {

/// Why a kernel does not do what is asked of it, and the op that it stops at.
struct Refusal {
  Operation *op;
  std::string why;
};

class ClusterView {
public:
  /// A cluster as it stands.
  ClusterView(ClusterOp cluster, const Bucket &bucket);
  /// Ops of one block, in order; what an op outside reads is stored.
  ClusterView(ArrayRef<Operation *> ops, const Bucket &bucket);
  /// Both as one, the producer's ops first. It stores what the consumer stores,
  /// and of the producer's results those in `kept`.
  static ClusterView merge(ClusterOp producer, ClusterOp consumer,
                           ArrayRef<OpResult> kept, const Bucket &bucket);

  const Bucket &bucket() const { return size; }
  /// All ops, in an order in which they could run.
  ArrayRef<Operation *> ops() const { return members; }
  SmallVector<AnchorOpInterface> anchors() const;
  /// The anchors' kinds in order, as ClusterOp has them.
  SmallVector<AnchorKind> kinds() const;

  /// What an operand is inside of the view: the result of a member, or the
  /// value outside that is an input.
  Value source(Value operand) const;
  /// The member that makes the operand; null for an input.
  Operation *maker(Value operand) const;
  /// Whether a member's result is written to memory.
  bool isStored(Value result) const { return stored.contains(result); }
  /// Results that are written, in order.
  ArrayRef<Value> storedResults() const { return stored.getArrayRef(); }
  /// Values from outside, each once, in order of first use.
  SmallVector<Value> inputs() const;
  /// The members that read a member's result, with the operand they read it by.
  SmallVector<OpOperand *> readers(Value result) const;

  /// Whether a member depends on another one.
  bool isBehind(Operation *member, Operation *other) const;

private:
  Bucket size;
  SmallVector<Operation *> members;
  llvm::DenseSet<Operation *> inside;
  llvm::SetVector<Value> stored;
  /// Block arguments to what they stand for.
  llvm::DenseMap<Value, Value> alias;
};

/// Whether two values have the same shape, so that they have the same places.
bool haveSamePlaces(Value a, Value b);

/// Whether the reader (an op with a scalar body) can take the operand from a
/// register in which it was made: it reads it at its own place.
bool readsInRegister(OpOperand &use);

/// The products of a matmul that ops behind it bring together (`silu(g) * u`),
/// as groups of result numbers in order; a product that nothing joins is a group
/// of its own. Groups do not need each other: tasks may make them apart.
SmallVector<SmallVector<unsigned>> jointProducts(const ClusterView &view,
                                                 MatmulOpInterface matmul);

/// Why the ops of a view may not be one kernel on any machine, or nothing: a
/// kernel's tasks run in any order and do not wait for each other, so each makes
/// all it reads of the others' values again, or reads it from memory that
/// nobody of them writes.
std::optional<Refusal> whyIllegal(const ClusterView &view);

} // namespace mlir::mm1
