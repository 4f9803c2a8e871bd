//===- MergeClusters.cpp - Two kernels become one, if that is better ------===//
#include "passes/Fuse/MergeClusters.h"
#include "passes/Fuse/ExplainFusion.h"
#include "passes/Fuse/KernelCost.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using llvm::formatv;

namespace {

class ClusterMerger {
public:
  ClusterMerger(const Target &target, const Bucket &bucket,
                const FusionExplainer &explainer)
      : target(target), bucket(bucket), explainer(explainer) {}

  /// Puts what `producer` does in front of what each of `takers` does, which
  /// read its results and stand in the order of the block; true when it was
  /// done, and then `producer` and `takers` are gone.
  bool merge(ClusterOp producer, ArrayRef<ClusterOp> takers);

private:
  std::optional<std::string> whyNot(ClusterOp producer,
                                    ArrayRef<ClusterOp> takers,
                                    ArrayRef<OpResult> kept, std::string &gain);
  int64_t tasksOf(ClusterOp cluster) const;
  ClusterOp build(ClusterOp producer, ClusterOp taker,
                  ArrayRef<OpResult> kept) const;

  const Target &target;
  const Bucket &bucket;
  const FusionExplainer &explainer;
};

} // namespace

/// "{linear, silu}"
static std::string describeCluster(ClusterOp cluster) {
  return describeOps(
      llvm::map_to_vector(cluster.getBody().front().without_terminator(),
                          [](Operation &op) { return &op; }));
}

/// Moves the stores of the producer's next states behind `place`: they say what
/// a pool holds, and do nothing.
static void sinkStores(ClusterOp producer, Operation *place) {
  for (OpResult result : producer->getResults())
    for (Operation *user : llvm::make_early_inc_range(result.getUsers()))
      if (isa<StoreStateOp>(user) && user->isBeforeInBlock(place))
        user->moveAfter(place);
}

SmallVector<ClusterOp> mm1::readersOf(ClusterOp producer) {
  llvm::SetVector<Operation *> readers;
  for (Operation *user : producer->getUsers())
    if (isa<ClusterOp>(user))
      readers.insert(user);
  SmallVector<ClusterOp> ordered = llvm::map_to_vector(
      readers, [](Operation *op) { return cast<ClusterOp>(op); });
  llvm::sort(ordered,
             [](ClusterOp a, ClusterOp b) { return a->isBeforeInBlock(b); });
  return ordered;
}

bool mm1::readsAs(Operation *op, unsigned operand, ClusterOp producer) {
  auto argument = dyn_cast<BlockArgument>(op->getOperand(operand));
  auto cluster = dyn_cast<ClusterOp>(op->getParentOp());
  return argument && cluster &&
         cluster.getInputs()[argument.getArgNumber()].getDefiningOp() ==
             producer;
}

LogicalResult
mm1::mergeClusters(func::FuncOp function, const MergeIdea &idea,
                   function_ref<SmallVector<ClusterOp>(ClusterOp)> takersOf) {
  FailureOr<const Target *> target =
      getTarget(function.getContext(), idea.target);
  FailureOr<Bucket> bucket = Bucket::of(function);
  if (failed(target) || failed(bucket))
    return failure();
  FusionExplainer explainer(idea.fusion, function, idea.explain);
  ClusterMerger merger(**target, *bucket, explainer);
  SmallVector<ClusterOp> producers;
  function.walk([&](ClusterOp cluster) {
    if (!takersOf(cluster).empty())
      producers.push_back(cluster);
  });
  // Merging replaces takers: each producer finds those of now.
  for (ClusterOp producer : producers)
    if (SmallVector<ClusterOp> takers = takersOf(producer); !takers.empty())
      merger.merge(producer, takers);
  return success();
}

int64_t ClusterMerger::tasksOf(ClusterOp cluster) const {
  ClusterView view(cluster, bucket);
  ScheduleChoice choice = target.schedule(view);
  target.fitGrid(view, choice);
  return choice.countTasks(bucket.tokens, bucket.sequences);
}

bool ClusterMerger::merge(ClusterOp producer, ArrayRef<ClusterOp> takers) {
  sinkStores(producer, takers.front());
  // What others read, the first taker stores.
  SmallVector<OpResult> kept;
  for (OpResult result : producer->getResults())
    if (llvm::any_of(result.getUsers(), [&](Operation *user) {
          return !llvm::is_contained(takers, user);
        }))
      kept.push_back(result);
  std::string gain;
  std::optional<std::string> why = whyNot(producer, takers, kept, gain);
  std::string what = describeCluster(producer);
  for (auto [i, taker] : llvm::enumerate(takers))
    what += (i == 0 ? " into " : " and ") + describeCluster(taker);
  if (why)
    explainer.decline(producer.getLoc(), what, *why);
  else
    explainer.take(producer.getLoc(), what, gain);
  if (why)
    return false;
  for (auto [i, taker] : llvm::enumerate(takers)) {
    ArrayRef<OpResult> stored = kept;
    ClusterOp merged =
        build(producer, taker, i == 0 ? stored : ArrayRef<OpResult>());
    taker->replaceAllUsesWith(
        merged->getResults().drop_front(i == 0 ? kept.size() : 0));
    if (i == 0)
      for (auto [result, value] : llvm::zip(kept, merged->getResults()))
        result.replaceUsesWithIf(value, [&](OpOperand &use) {
          return !llvm::is_contained(takers, use.getOwner());
        });
  }
  for (ClusterOp taker : takers)
    taker.erase();
  producer.erase();
  return true;
}

std::optional<std::string> ClusterMerger::whyNot(ClusterOp producer,
                                                 ArrayRef<ClusterOp> takers,
                                                 ArrayRef<OpResult> kept,
                                                 std::string &gain) {
  // What the others read must be there in time.
  for (OpResult result : kept)
    for (Operation *user : result.getUsers())
      if (!llvm::is_contained(takers, user) &&
          (user->getBlock() != producer->getBlock() ||
           user->isBeforeInBlock(takers.front())))
        return formatv("'{0}' reads it before", user->getName()).str();
  bool updatesState = llvm::any_of(
      producer.getBody().front().without_terminator(),
      [](Operation &op) { return isa<StateUpdateOpInterface>(op); });
  if (updatesState && takers.size() > 1)
    return "it updates a state, which must happen once";

  SmallVector<ClusterView> merged;
  for (auto [i, taker] : llvm::enumerate(takers)) {
    merged.push_back(ClusterView::merge(
        producer, taker, i == 0 ? kept : ArrayRef<OpResult>(), bucket));
    if (std::optional<Refusal> refusal = whyIllegal(merged.back()))
      return formatv("'{0}': {1}", refusal->op->getName(), refusal->why).str();
  }
  const TargetFacts &facts = target.facts();
  KernelCost alone =
      costOf(ClusterView(producer, bucket), facts, tasksOf(producer));
  double before = alone.seconds(), after = 0;
  int64_t repeated = 0;
  for (auto [taker, view] : llvm::zip(takers, merged)) {
    int64_t tasks = tasksOf(taker);
    KernelCost apart = costOf(ClusterView(taker, bucket), facts, tasks);
    KernelCost joined = costOf(view, facts, tasks);
    before += apart.seconds();
    after += joined.seconds();
    repeated += tasks * (joined.repeatBytes - apart.repeatBytes);
  }
  std::string numbers =
      formatv("{0:f2} us become {1:f2} us: a launch less of {2:f1} us, {3} "
              "more bytes read by tasks again",
              before * 1e6, after * 1e6, facts.launchSeconds * 1e6, repeated)
          .str();
  if (after >= before)
    return numbers;
  for (const ClusterView &view : merged)
    if (std::optional<Refusal> refusal = target.accepts(view))
      return formatv("'{0}': {1}", refusal->op->getName(), refusal->why).str();
  gain = numbers;
  return std::nullopt;
}

ClusterOp ClusterMerger::build(ClusterOp producer, ClusterOp taker,
                               ArrayRef<OpResult> kept) const {
  OpBuilder builder(taker);
  llvm::SetVector<Value> inputs(producer.getInputs().begin(),
                                producer.getInputs().end());
  for (Value input : taker.getInputs())
    if (input.getDefiningOp() != producer)
      inputs.insert(input);
  SmallVector<Operation *> ops;
  for (ClusterOp part : {producer, taker})
    for (Operation &op : part.getBody().front().without_terminator())
      ops.push_back(&op);
  SmallVector<Type> types;
  for (OpResult result : kept)
    types.push_back(result.getType());
  llvm::append_range(types, taker.getResultTypes());

  auto merged =
      ClusterOp::create(builder, taker.getLoc(), types, ClusterOp::kindsOf(ops),
                        inputs.getArrayRef(), DictionaryAttr());
  Block &body = merged.getBody().emplaceBlock();
  IRMapping map;
  for (Value input : inputs)
    map.map(input, body.addArgument(input.getType(), input.getLoc()));
  builder.setInsertionPointToStart(&body);
  auto cloneBody = [&](ClusterOp part) {
    Block &block = part.getBody().front();
    for (auto [argument, input] :
         llvm::zip(block.getArguments(), part.getInputs()))
      map.map(argument, map.lookup(input));
    for (Operation &op : block.without_terminator())
      builder.clone(op, map);
    for (auto [result, value] :
         llvm::zip(part.getResults(), part.getYield().getOperands()))
      map.map(result, map.lookup(value));
  };
  cloneBody(producer);
  cloneBody(taker);
  SmallVector<Value> yielded;
  for (OpResult result : kept)
    yielded.push_back(map.lookup(result));
  for (Value result : taker.getResults())
    yielded.push_back(map.lookup(result));
  YieldOp::create(builder, taker.getLoc(), yielded);
  return merged;
}
