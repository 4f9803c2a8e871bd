//===- FormClusters.cpp - Put every op into the cluster whose kernel runs it ---===//
// Greedy, in three steps (Passes.td tells them): anchors, then epilogues forward, then prologues and elementwise clusters
// backward. For one lightning layer:
//
//   x = residual(m, combine(d, w)); u = rms_norm(x)     -> {combine, residual, rms_norm}
//   qkv = silu(linear(u)); g = linear(u)                -> {linear, silu}, {linear}
//   y = sigmoid_gate(rms_norm(lightning(qkv)), g)       -> {lightning}, {rms_norm, sigmoid_gate}
//
// Why it is right: a cluster stands at its home, the anchor (or the last op of an elementwise cluster). Every value that
// crosses from one cluster to another is made at an earlier home than it is read at: epilogue ops join only when all they
// read is made before the anchor; prologue ops stay alone when a reader elsewhere comes before the anchor. So homes in
// order are the clusters in order, and there is no cycle to look for.
// Idea: XLA's and Inductor's greedy fusion, cut down to what the kernels here can take.
//===---------------------------------------------------------------------------===//
#include "passes/Fuse/ClusterRoles.h"
#include "passes/Passes.h"

#include "llvm/ADT/SetVector.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_FORMCLUSTERS
#include "passes/Passes.h.inc"

namespace {

enum class Role { Anchor, Epilogue, Prologue };

/// A cluster while it grows. `home` is its anchor, or the last op of an elementwise cluster.
struct Group {
  Operation *home;
  SmallVector<Operation *> members;
  AnchorOpInterface anchor() const { return dyn_cast<AnchorOpInterface>(home); }
};

class ClusterFormer {
public:
  explicit ClusterFormer(Block &block) : block(block) {
    unsigned next = 0;
    for (Operation &op : block)
      order[&op] = next++;
  }

  void run() {
    for (Operation &op : block)
      if (isa<AnchorOpInterface>(op))
        startGroup(&op, Role::Anchor);
    for (Operation &op : block)
      if (isa<ScalarBodyOpInterface>(op))
        if (Group *group = groupBefore(&op))
          join(group, &op, Role::Epilogue);
    for (Operation &op : llvm::reverse(block)) {
      if (!isa<ScalarBodyOpInterface>(op) || groupOf.contains(&op))
        continue;
      // An elementwise cluster is a prologue without an anchor.
      if (Group *group = groupBehind(&op))
        join(group, &op, Role::Prologue);
      else
        startGroup(&op, Role::Prologue);
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
  void startGroup(Operation *op, Role role) {
    groups.push_back(std::make_unique<Group>(Group{op, {}}));
    join(groups.back().get(), op, role);
  }

  void join(Group *group, Operation *op, Role role) {
    group->members.push_back(op);
    groupOf[op] = group;
    roleOf[op] = role;
  }

  /// Where in the block an op's cluster stands, as far as it is known.
  unsigned homeOf(Operation *op) {
    Group *group = groupOf.lookup(op);
    return order.lookup(group ? group->home : op);
  }

  /// The group that can take this op as epilogue, or null. Only the latest of those that make its operands can: the others
  /// would have to read from a cluster behind them.
  Group *groupBefore(Operation *op) {
    Group *latest = nullptr;
    for (Value operand : op->getOperands())
      if (Group *group = groupOf.lookup(operand.getDefiningOp()))
        if (!latest || order[group->home] > order[latest->home])
          latest = group;
    auto canRead = [&](OpOperand &use) {
      return epilogueCanRead(use, *latest);
    };
    return latest && llvm::all_of(op->getOpOperands(), canRead) ? latest
                                                                : nullptr;
  }

  bool epilogueCanRead(OpOperand &use, Group &group) {
    Operation *maker = use.get().getDefiningOp();
    if (maker && groupOf.lookup(maker) == &group)
      return canFollow(use, group.anchor(), maker == group.home);
    // From memory: it must have been made before the group runs.
    return !maker || maker->getBlock() != &block ||
           homeOf(maker) < order[group.home];
  }

  /// The group that can take this op as prologue, or null. All readers of the op have their group already; only the
  /// earliest can, for the same reason.
  Group *groupBehind(Operation *op) {
    Group *earliest = nullptr;
    for (Operation *reader : op->getUsers())
      if (Group *group = groupOf.lookup(reader))
        if (!earliest || order[group->home] < order[earliest->home])
          earliest = group;
    auto canServe = [&](OpOperand &use) {
      return prologueCanServe(use, *earliest);
    };
    return earliest && llvm::all_of(op->getUses(), canServe) ? earliest
                                                             : nullptr;
  }

  bool prologueCanServe(OpOperand &use, Group &group) {
    Operation *reader = use.getOwner();
    if (groupOf.lookup(reader) == &group)
      return roleOf.lookup(reader) != Role::Epilogue && canFeed(use);
    bool stored = !group.anchor() || group.anchor().storesPrologue();
    return stored &&
           (reader->getBlock() != &block || homeOf(reader) > order[group.home]);
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
    AnchorKind kind = group.anchor() ? group.anchor().getAnchorKind()
                                     : AnchorKind::Elementwise;
    auto cluster = ClusterOp::create(builder, group.home->getLoc(),
                                     ValueRange(outputs).getTypes(), kind,
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
  DenseMap<Operation *, unsigned> order;
  SmallVector<std::unique_ptr<Group>> groups;
  DenseMap<Operation *, Group *> groupOf;
  DenseMap<Operation *, Role> roleOf;
};

struct FormClustersPass : impl::FormClustersBase<FormClustersPass> {
  void runOnOperation() override {
    for (Block &block : getOperation().getBody())
      ClusterFormer(block).run();
  }
};

} // namespace
} // namespace mlir::mm1
