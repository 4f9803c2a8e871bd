//===- FormClusters.cpp - Put every op into the cluster whose kernel runs it -===//
// Greedy, in three steps (Passes.td tells them): anchors, then what follows them
// forward, then what feeds them and elementwise clusters backward. For one
// lightning layer on a CPU:
//
//   x = residual(m, combine(d, w)); u = rms_norm(x)
//                                -> {combine, residual, rms_norm}
//   qkv = silu(linear(u)); g = linear(u)       -> {linear, silu}, {linear}
//   y = sigmoid_gate(rms_norm(lightning(qkv)), g)
//                                -> {lightning}, {rms_norm, sigmoid_gate}
//
// Why it is right: a cluster stands at its home, the anchor (or the last op of
// an elementwise cluster). Every value that crosses from one cluster to another
// is made at an earlier home than it is read at: ops that follow join only when
// all they read is made before the anchor; ops that feed stay alone when a
// reader elsewhere comes before the anchor. So homes in order are the clusters
// in order, and there is no cycle to look for. Whether the ops of a group may be
// one kernel is asked twice, of the interfaces (legal) and the target (able).
// Idea: XLA's and Inductor's greedy fusion, cut down to what kernels can take.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/ExplainFusion.h"
#include "passes/Fuse/Target.h"
#include "passes/Passes.h"

#include "llvm/ADT/SetVector.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_FORMCLUSTERS
#include "passes/Passes.h.inc"

namespace {

/// A cluster while it grows. `home` is its anchor, or the last op of an elementwise cluster.
struct Group {
  Operation *home;
  SmallVector<Operation *> members;
};

class ClusterFormer {
public:
  ClusterFormer(Block &block, const Target &target, const Bucket &bucket,
                const FusionExplainer &explainer)
      : block(block), target(target), bucket(bucket), explainer(explainer) {
    unsigned next = 0;
    for (Operation &op : block)
      order[&op] = next++;
  }

  void run() {
    for (Operation &op : block)
      if (isa<AnchorOpInterface>(op))
        startGroup(&op);
    for (Operation &op : block)
      if (isa<ScalarBodyOpInterface>(op))
        if (Group *group = groupBefore(&op))
          join(group, &op);
    for (Operation &op : llvm::reverse(block)) {
      if (!isa<ScalarBodyOpInterface>(op) || groupOf.contains(&op))
        continue;
      if (Group *group = groupBehind(&op))
        join(group, &op);
      else
        startGroup(&op);
    }
    SmallVector<Group *> sorted;
    for (std::unique_ptr<Group> &group : groups)
      sorted.push_back(group.get());
    llvm::sort(sorted, [&](Group *a, Group *b) {
      return order[a->home] < order[b->home];
    });
    for (Group *group : sorted)
      build(*group);
  }

private:
  void startGroup(Operation *op) {
    groups.push_back(std::make_unique<Group>(Group{op, {}}));
    join(groups.back().get(), op);
  }

  void join(Group *group, Operation *op) {
    group->members.push_back(op);
    groupOf[op] = group;
  }

  /// Whether the group may be, and can be, one kernel with `op` in it.
  bool canHold(const Group &group, Operation *op) const {
    SmallVector<Operation *> ops(group.members);
    ops.push_back(op);
    llvm::sort(ops, [&](Operation *a, Operation *b) {
      return order.lookup(a) < order.lookup(b);
    });
    ClusterView view(ops, bucket);
    std::optional<Refusal> refusal = whyIllegal(view);
    if (!refusal)
      refusal = target.accepts(view);
    if (!explainer.isOn)
      return !refusal;
    std::string what = describeOps(op) + " into " + describeOps(group.members);
    if (refusal)
      explainer.decline(op->getLoc(), what,
                        "'" + refusal->op->getName().getStringRef() +
                            "': " + refusal->why);
    else
      explainer.take(op->getLoc(), what, "in a register");
    return !refusal;
  }

  /// Where in the block an op's cluster stands, as far as it is known.
  unsigned homeOf(Operation *op) {
    Group *group = groupOf.lookup(op);
    return order.lookup(group ? group->home : op);
  }

  /// The group whose results this op can follow, or null. Only the latest of
  /// those that make its operands can: the others would have to read from a
  /// cluster behind them.
  Group *groupBefore(Operation *op) {
    Group *latest = nullptr;
    for (Value operand : op->getOperands())
      if (Group *group = groupOf.lookup(operand.getDefiningOp()))
        if (!latest || order[group->home] > order[latest->home])
          latest = group;
    // What it reads from memory must have been made before the group runs.
    auto isReady = [&](Value operand) {
      Operation *maker = operand.getDefiningOp();
      return !maker || maker->getBlock() != &block ||
             groupOf.lookup(maker) == latest ||
             homeOf(maker) < order[latest->home];
    };
    bool joins = latest && llvm::all_of(op->getOperands(), isReady) &&
                 canHold(*latest, op);
    return joins ? latest : nullptr;
  }

  /// The group that this op can feed, or null. All readers of the op have their
  /// group already; only the earliest can, for the same reason.
  Group *groupBehind(Operation *op) {
    Group *earliest = nullptr;
    for (Operation *reader : op->getUsers())
      if (Group *group = groupOf.lookup(reader))
        if (!earliest || order[group->home] < order[earliest->home])
          earliest = group;
    auto comesLater = [&](Operation *reader) {
      return groupOf.lookup(reader) == earliest ||
             reader->getBlock() != &block ||
             homeOf(reader) > order[earliest->home];
    };
    bool joins = earliest && llvm::all_of(op->getUsers(), comesLater) &&
                 canHold(*earliest, op);
    return joins ? earliest : nullptr;
  }

  /// Moves the members into a mm1.cluster at the group's home.
  void build(Group &group) {
    llvm::sort(group.members,
               [&](Operation *a, Operation *b) { return order[a] < order[b]; });
    auto isInside = [&](Operation *op) { return groupOf.lookup(op) == &group; };
    llvm::SetVector<Value> inputs;
    SmallVector<Value> outputs;
    for (Operation *op : group.members) {
      for (Value operand : op->getOperands())
        if (!operand.getDefiningOp() || !isInside(operand.getDefiningOp()))
          inputs.insert(operand);
      for (Value result : op->getResults())
        if (!llvm::all_of(result.getUsers(), isInside))
          outputs.push_back(result);
    }

    OpBuilder builder(group.home);
    auto cluster = ClusterOp::create(builder, group.home->getLoc(),
                                     ValueRange(outputs).getTypes(),
                                     ClusterOp::kindsOf(group.members),
                                     inputs.getArrayRef(), DictionaryAttr());
    Block &body = cluster.getBody().emplaceBlock();
    for (Value input : inputs) {
      Value argument = body.addArgument(input.getType(), input.getLoc());
      input.replaceUsesWithIf(
          argument, [&](OpOperand &use) { return isInside(use.getOwner()); });
    }
    for (Operation *op : group.members)
      op->moveBefore(&body, body.end());
    for (auto [output, result] : llvm::zip(outputs, cluster.getOutputs()))
      output.replaceUsesWithIf(
          result, [&](OpOperand &use) { return !isInside(use.getOwner()); });
    builder.setInsertionPointToEnd(&body);
    YieldOp::create(builder, group.home->getLoc(), outputs);
  }

  Block &block;
  const Target &target;
  const Bucket &bucket;
  const FusionExplainer &explainer;
  DenseMap<Operation *, unsigned> order;
  SmallVector<std::unique_ptr<Group>> groups;
  DenseMap<Operation *, Group *> groupOf;
};

struct FormClustersPass : impl::FormClustersBase<FormClustersPass> {
  using FormClustersBase::FormClustersBase;

  void runOnOperation() override {
    FailureOr<const Target *> machine = getTarget(&getContext(), target);
    FailureOr<Bucket> bucket = Bucket::of(getOperation());
    if (failed(machine) || failed(bucket))
      return signalPassFailure();
    FusionExplainer explainer("form-clusters", getOperation(), explain);
    for (Block &block : getOperation().getBody())
      ClusterFormer(block, **machine, *bucket, explainer).run();
  }
};

} // namespace
} // namespace mlir::mm1
