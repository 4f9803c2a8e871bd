//===- ClusterView.cpp - The ops of one kernel, built or only considered --===//
#include "passes/Fuse/ClusterView.h"

#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace mlir::mm1;

ClusterView::ClusterView(ClusterOp cluster, const Bucket &bucket)
    : size(bucket) {
  Block &block = cluster.getBody().front();
  for (Operation &op : block.without_terminator())
    members.push_back(&op);
  inside.insert(members.begin(), members.end());
  for (auto [argument, input] :
       llvm::zip(block.getArguments(), cluster.getInputs()))
    alias[argument] = input;
  stored.insert_range(cluster.getYield().getOperands());
}

ClusterView::ClusterView(ArrayRef<Operation *> ops, const Bucket &bucket)
    : size(bucket), members(ops), inside(ops.begin(), ops.end()) {
  for (Operation *op : members)
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return !inside.contains(user); }))
        stored.insert(result);
}

ClusterView ClusterView::merge(ClusterOp producer, ClusterOp consumer,
                               ArrayRef<OpResult> kept, const Bucket &bucket) {
  ClusterView first(producer, bucket), merged(consumer, bucket);
  merged.members.insert(merged.members.begin(), first.members.begin(),
                        first.members.end());
  merged.inside.insert(first.members.begin(), first.members.end());
  merged.alias.insert(first.alias.begin(), first.alias.end());
  YieldOp yield = producer.getYield();
  for (auto [result, value] :
       llvm::zip(producer.getOutputs(), yield.getOperands()))
    merged.alias[result] = value;
  for (OpResult result : kept)
    merged.stored.insert(yield.getOperand(result.getResultNumber()));
  return merged;
}

SmallVector<AnchorOpInterface> ClusterView::anchors() const {
  SmallVector<AnchorOpInterface> anchors;
  for (Operation *op : members)
    if (auto anchor = dyn_cast<AnchorOpInterface>(op))
      anchors.push_back(anchor);
  return anchors;
}

SmallVector<AnchorKind> ClusterView::kinds() const {
  return llvm::map_to_vector(anchors(), [](AnchorOpInterface anchor) {
    return anchor.getAnchorKind();
  });
}

Value ClusterView::source(Value operand) const {
  for (auto found = alias.find(operand); found != alias.end();
       found = alias.find(operand))
    operand = found->second;
  return operand;
}

Operation *ClusterView::maker(Value operand) const {
  Operation *op = source(operand).getDefiningOp();
  return op && inside.contains(op) ? op : nullptr;
}

SmallVector<Value> ClusterView::inputs() const {
  llvm::SetVector<Value> inputs;
  for (Operation *op : members)
    for (Value operand : op->getOperands())
      if (!maker(operand))
        inputs.insert(source(operand));
  return inputs.takeVector();
}

SmallVector<OpOperand *> ClusterView::readers(Value result) const {
  SmallVector<OpOperand *> readers;
  for (Operation *op : members)
    for (OpOperand &use : op->getOpOperands())
      if (source(use.get()) == result)
        readers.push_back(&use);
  return readers;
}

bool ClusterView::isBehind(Operation *member, Operation *other) const {
  return llvm::any_of(member->getOperands(), [&](Value operand) {
    Operation *op = maker(operand);
    return op && (op == other || isBehind(op, other));
  });
}

SmallVector<SmallVector<unsigned>>
mm1::jointProducts(const ClusterView &view, MatmulOpInterface matmul) {
  // Each op behind the matmul joins the groups of all products it depends on.
  llvm::DenseMap<Value, llvm::SmallBitVector> madeOf;
  unsigned count = matmul->getNumResults();
  llvm::EquivalenceClasses<unsigned> groups;
  for (unsigned i = 0; i < count; ++i) {
    groups.insert(i);
    llvm::SmallBitVector self(count);
    madeOf[matmul->getResult(i)] = self.set(i);
  }
  for (Operation *op : view.ops()) {
    llvm::SmallBitVector products(count);
    for (Value operand : op->getOperands())
      if (auto found = madeOf.find(view.source(operand)); found != madeOf.end())
        products |= found->second;
    if (products.none())
      continue;
    for (unsigned product : products.set_bits())
      groups.unionSets(products.find_first(), product);
    for (Value result : op->getResults())
      madeOf[result] = products;
  }
  SmallVector<SmallVector<unsigned>> joint;
  llvm::DenseMap<unsigned, unsigned> place;
  for (unsigned i = 0; i < count; ++i) {
    auto [known, isNew] =
        place.try_emplace(groups.getLeaderValue(i), joint.size());
    if (isNew)
      joint.emplace_back();
    joint[known->second].push_back(i);
  }
  return joint;
}

//===------------------------------- Legality -----------------------------===//

bool mm1::haveSamePlaces(Value a, Value b) {
  return cast<RankedTensorType>(a.getType()).getShape() ==
         cast<RankedTensorType>(b.getType()).getShape();
}

bool mm1::readsInRegister(OpOperand &use) {
  auto reader = dyn_cast<ScalarBodyOpInterface>(use.getOwner());
  return reader &&
         cast<RowOpInterface>(use.getOwner())
                 .getReach(use.getOperandNumber()) == Reach::Place &&
         llvm::all_of(use.getOwner()->getResults(), [&](Value result) {
           return haveSamePlaces(result, use.get());
         });
}

std::optional<Refusal> mm1::whyIllegal(const ClusterView &view) {
  llvm::DenseSet<Value> updated;
  for (Operation *op : view.ops()) {
    for (OpOperand &use : op->getOpOperands()) {
      Operation *maker = view.maker(use.get());
      Reach reach = cast<RowOpInterface>(op).getReach(use.getOperandNumber());
      if (!maker) {
        if (reach == Reach::State && updated.contains(view.source(use.get())))
          return Refusal{op, "it reads a pool that another op updates"};
        continue;
      }
      std::string name = ("'" + maker->getName().getStringRef() + "'").str();
      if (reach == Reach::Batch)
        return Refusal{op, "it reads other rows of what " + name +
                               " makes: all of it must be in memory first"};
      // What this row's task has written is what it reads, while no other row
      // of its sequence is written.
      if (reach == Reach::State && !view.bucket().hasOneTokenEach())
        return Refusal{op, "it reads what " + name +
                               " writes for other tokens of its sequence"};
    }
    if (auto updater = dyn_cast<StateUpdateOpInterface>(op))
      for (StateUpdate update : updater.getStateUpdates())
        updated.insert(view.source(op->getOperand(update.operand)));
  }
  return std::nullopt;
}
