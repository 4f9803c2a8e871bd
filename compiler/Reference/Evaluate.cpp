//===- Evaluate.cpp - Run a function of an mm1 module, in double precision ===//
// Evaluator::compute says which function of ReferenceOps.h an op is; what
// stands around it keeps values, checks batches and walks into clusters.
//===----------------------------------------------------------------------===//
#include "compiler/Reference/Evaluate.h"
#include "compiler/Import/ImportIR.h"
#include "compiler/Reference/ReferenceOps.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

using Shared = std::shared_ptr<const Tensor>;
using Results = FailureOr<SmallVector<Tensor>>;

/// A tensor's shape as messages show it.
std::string shapeOf(const Tensor &tensor) {
  return ::mm1::describeShape(tensor.shape);
}

bool fits(const Tensor &tensor, Type type) {
  auto tensorType = dyn_cast<RankedTensorType>(type);
  if (!tensorType || tensorType.getRank() != tensor.rank())
    return false;
  for (auto [size, wanted] : llvm::zip(tensor.shape, tensorType.getShape()))
    if (wanted != ShapedType::kDynamic && size != wanted)
      return false;
  return true;
}

class Evaluator {
public:
  Evaluator(ModuleOp module, WeightSource &weights, StateStore &states,
            const OpObserver &observer)
      : symbols(module), weights(weights), states(states), observer(observer) {}

  /// Runs a block; returns the operands of its terminator.
  FailureOr<SmallVector<Shared>> runBlock(Block &block,
                                          ArrayRef<Shared> arguments);

private:
  LogicalResult runOp(Operation *op);
  LogicalResult runCluster(ClusterOp cluster);
  /// The results of an op that is no symbol access and no cluster.
  Results compute(Operation *op);

  /// The value, loaded now if it is a weight that nothing needed yet.
  FailureOr<Shared> get(Value value);
  /// The operands of `op`, kept alive while it runs.
  LogicalResult gatherOperands(Operation *op);
  void set(Operation *op, ArrayRef<Shared> results);
  /// Forgets operands that no later op reads.
  void release(Operation *op);

  const Tensor &in(Value value) const { return *values.find(value)->second; }
  const Tensor *inOrNull(OperandRange range, size_t index) const {
    return index < range.size() ? &in(range[index]) : nullptr;
  }

  LogicalResult checkIndices(Operation *op, StringRef name,
                             const Tensor &indices, int64_t limit) const;
  LogicalResult checkSameShape(Operation *op, const Tensor &a,
                               const Tensor &b) const;
  LogicalResult checkSameRows(Operation *op, const Tensor &a,
                              const Tensor &b) const;
  /// The sequences of a batch of `tokens` tokens.
  FailureOr<Batch> readBatch(Operation *op, const Tensor &starts,
                             const Tensor &positions, int64_t tokens) const;
  /// One slot below `limit` for each sequence that `starts` has room for.
  LogicalResult checkSlots(Operation *op, const Tensor &slots,
                           const Tensor &starts, int64_t limit) const;
  LogicalResult checkPages(Operation *op, const Batch &batch,
                           const Tensor &slots, const Tensor &positions,
                           const Tensor &pages, const Tensor &cache) const;
  /// The batch of an op that attends over pages.
  template <typename AttentionOp>
  FailureOr<Batch> readAttentionBatch(AttentionOp op) const;
  LogicalResult checkGroups(ExpertLinearOp op) const;

  SymbolTable symbols;
  WeightSource &weights;
  StateStore &states;
  const OpObserver &observer;
  llvm::DenseMap<Value, Shared> values;
  llvm::DenseMap<Value, unsigned> usesLeft;
};

//===--------------------------- Values and control -----------------------===//

FailureOr<Shared> Evaluator::get(Value value) {
  if (auto found = values.find(value); found != values.end())
    return found->second;
  auto load = cast<LoadWeightOp>(value.getDefiningOp());
  FailureOr<Tensor> tensor =
      weights.load(symbols.lookup<WeightOp>(load.getWeight()));
  if (failed(tensor))
    return failure();
  set(load, {std::make_shared<const Tensor>(std::move(*tensor))});
  return values.find(value)->second;
}

LogicalResult Evaluator::gatherOperands(Operation *op) {
  for (Value operand : op->getOperands())
    if (failed(get(operand)))
      return failure();
  return success();
}

void Evaluator::set(Operation *op, ArrayRef<Shared> results) {
  SmallVector<const Tensor *> observed;
  for (auto [value, tensor] : llvm::zip_equal(op->getResults(), results)) {
    observed.push_back(tensor.get());
    values[value] = tensor;
    usesLeft[value] = std::distance(value.use_begin(), value.use_end());
  }
  if (observer)
    observer(op, observed);
}

void Evaluator::release(Operation *op) {
  for (Value operand : op->getOperands())
    if (auto uses = usesLeft.find(operand);
        uses != usesLeft.end() && --uses->second == 0)
      values.erase(operand);
}

FailureOr<SmallVector<Shared>> Evaluator::runBlock(Block &block,
                                                   ArrayRef<Shared> arguments) {
  for (auto [value, tensor] : llvm::zip_equal(block.getArguments(), arguments))
    values[value] = tensor;
  for (Operation &op : block.without_terminator())
    if (failed(runOp(&op)))
      return failure();
  SmallVector<Shared> results;
  for (Value operand : block.getTerminator()->getOperands()) {
    FailureOr<Shared> result = get(operand);
    if (failed(result))
      return failure();
    results.push_back(*result);
  }
  for (Value value : block.getArguments())
    values.erase(value);
  return results;
}

LogicalResult Evaluator::runOp(Operation *op) {
  if (isa<LoadWeightOp>(op)) // get() loads it when it is needed
    return success();
  if (auto load = dyn_cast<LoadStateOp>(op)) {
    Shared pool = states.get(load.getState());
    if (!pool || !fits(*pool, load.getType()))
      return op->emitOpError()
             << "finds no pool of type " << load.getType() << " in the states";
    set(op, {pool});
    return success();
  }
  if (failed(gatherOperands(op)))
    return failure();
  if (auto store = dyn_cast<StoreStateOp>(op)) {
    states.set(store.getState(), values.find(store.getValue())->second);
  } else if (auto cluster = dyn_cast<ClusterOp>(op)) {
    if (failed(runCluster(cluster)))
      return failure();
  } else {
    Results results = compute(op);
    if (failed(results))
      return failure();
    SmallVector<Shared> shared;
    for (Tensor &tensor : *results)
      shared.push_back(std::make_shared<const Tensor>(std::move(tensor)));
    set(op, shared);
  }
  release(op);
  return success();
}

LogicalResult Evaluator::runCluster(ClusterOp cluster) {
  SmallVector<Shared> inputs;
  for (Value input : cluster.getInputs())
    inputs.push_back(values.find(input)->second);
  FailureOr<SmallVector<Shared>> results =
      runBlock(cluster.getBody().front(), inputs);
  if (failed(results))
    return failure();
  set(cluster, *results);
  return success();
}

//===-------------------------------- Checks ------------------------------===//

LogicalResult Evaluator::checkIndices(Operation *op, StringRef name,
                                      const Tensor &indices,
                                      int64_t limit) const {
  for (double index : indices.values)
    if (!(index >= 0 && index < static_cast<double>(limit)))
      return op->emitOpError() << "expects '" << name << "' in 0.." << limit - 1
                               << ", found " << static_cast<int64_t>(index);
  return success();
}

LogicalResult Evaluator::checkSameShape(Operation *op, const Tensor &a,
                                        const Tensor &b) const {
  if (a.shape == b.shape)
    return success();
  return op->emitOpError() << "expects values of one shape, found "
                           << shapeOf(a) << " and " << shapeOf(b);
}

LogicalResult Evaluator::checkSameRows(Operation *op, const Tensor &a,
                                       const Tensor &b) const {
  if (a.dim(0) == b.dim(0))
    return success();
  return op->emitOpError() << "expects values of as many tokens, found "
                           << shapeOf(a) << " and " << shapeOf(b);
}

FailureOr<Batch> Evaluator::readBatch(Operation *op, const Tensor &starts,
                                      const Tensor &positions,
                                      int64_t tokens) const {
  if (positions.size() != tokens)
    return op->emitOpError() << "has " << tokens << " tokens, but "
                             << positions.size() << " positions";
  Batch batch;
  for (int64_t b = 0; b + 1 < starts.size(); ++b) {
    auto begin = static_cast<int64_t>(starts[b]);
    auto end = static_cast<int64_t>(starts[b + 1]);
    if (begin < 0 || end < begin || end > tokens)
      return op->emitOpError()
             << "expects sequence " << b << " inside tokens 0.." << tokens
             << ", found " << begin << ".." << end;
    for (int64_t t = begin; t < end; ++t)
      if (positions[t] < 0 || positions[t] != positions[begin] + (t - begin))
        return op->emitOpError()
               << "expects consecutive positions in sequence " << b
               << ", found " << static_cast<int64_t>(positions[t])
               << " at token " << t;
    if (begin < end)
      batch.push_back({begin, end, b});
  }
  return batch;
}

LogicalResult Evaluator::checkSlots(Operation *op, const Tensor &slots,
                                    const Tensor &starts, int64_t limit) const {
  if (slots.size() + 1 < starts.size())
    return op->emitOpError() << "has " << starts.size() - 1
                             << " sequences, but " << slots.size() << " slots";
  return checkIndices(op, "slots", slots, limit);
}

LogicalResult Evaluator::checkPages(Operation *op, const Batch &batch,
                                    const Tensor &slots,
                                    const Tensor &positions,
                                    const Tensor &pages,
                                    const Tensor &cache) const {
  int64_t pageTokens = cache.dim(3);
  for (const Sequence &sequence : batch) {
    int64_t last = static_cast<int64_t>(positions[sequence.end - 1]);
    if (last / pageTokens >= pages.width())
      return op->emitOpError()
             << "has no page for position " << last << " of sequence "
             << sequence.number << "; 'pages' is " << shapeOf(pages);
    auto slot = static_cast<int64_t>(slots[sequence.number]);
    for (int64_t i = 0; i <= last / pageTokens; ++i)
      if (double page = pages.row(slot)[i];
          !(page >= 0 && page < static_cast<double>(cache.dim(0))))
        return op->emitOpError() << "expects pages in 0.." << cache.dim(0) - 1
                                 << ", found " << static_cast<int64_t>(page)
                                 << " for sequence " << sequence.number;
  }
  return success();
}

template <typename AttentionOp>
FailureOr<Batch> Evaluator::readAttentionBatch(AttentionOp op) const {
  const Tensor &cache = in(op.getCache()), &pages = in(op.getPages());
  const Tensor &slots = in(op.getSlots()), &starts = in(op.getStarts());
  const Tensor &positions = in(op.getPositions());
  FailureOr<Batch> batch =
      readBatch(op, starts, positions, in(op.getQ()).dim(0));
  if (failed(batch) || failed(checkSlots(op, slots, starts, pages.dim(0))) ||
      failed(checkPages(op, *batch, slots, positions, pages, cache)))
    return failure();
  return batch;
}

LogicalResult Evaluator::checkGroups(ExpertLinearOp op) const {
  const Tensor &order = in(op.getOrder()), &offsets = in(op.getOffsets());
  auto [wanted, bounds] = groupTokens(in(op.getIds()), op.getNumExperts());
  if (order.values == wanted.values && offsets.values == bounds.values)
    return success();
  return op.emitOpError("expects 'order' and 'offsets' to group its 'ids' by "
                        "expert");
}

//===---------------------------------- Ops -------------------------------===//

/// One or two tensors as the results of an op.
Results one(Tensor tensor) {
  SmallVector<Tensor> results;
  results.push_back(std::move(tensor));
  return results;
}
Results both(std::pair<Tensor, Tensor> tensors) {
  SmallVector<Tensor> results;
  results.push_back(std::move(tensors.first));
  results.push_back(std::move(tensors.second));
  return results;
}

Results Evaluator::compute(Operation *operation) {
  return llvm::TypeSwitch<Operation *, Results>(operation)
      .Case([&](EmbeddingOp op) -> Results {
        const Tensor &table = in(op.getTable());
        if (failed(
                checkIndices(op, "tokens", in(op.getTokens()), table.dim(0))))
          return failure();
        return one(embedding(in(op.getTokens()), table));
      })
      .Case([&](GatherRowsOp op) -> Results {
        const Tensor &x = in(op.getInput());
        if (failed(checkIndices(op, "rows", in(op.getRows()), x.dim(0))))
          return failure();
        return one(gatherRows(x, in(op.getRows())));
      })
      .Case([&](RMSNormOp op) -> Results {
        return one(rmsNorm(in(op.getInput()), in(op.getWeight()),
                           op.getEps().convertToDouble()));
      })
      .Case([&](SumSquaresOp op) -> Results {
        return one(sumSquares(in(op.getInput()), op.getReducedParts()));
      })
      .Case([&](NormRowsOp op) -> Results {
        const Tensor &x = in(op.getInput()), &sums = in(op.getSums());
        if (failed(checkSameRows(op, x, sums)))
          return failure();
        return one(
            normRows(x, sums, op.getWidth(), op.getEps().convertToDouble()));
      })
      .Case([&](ScaleColumnsOp op) -> Results {
        return one(scaleColumns(in(op.getInput()), in(op.getWeight())));
      })
      .Case([&](ResidualOp op) -> Results {
        const Tensor &stream = in(op.getStream()), &branch = in(op.getBranch());
        if (failed(checkSameShape(op, stream, branch)))
          return failure();
        return one(residual(stream, branch, op.getAlpha().convertToDouble(),
                            op.getBeta().convertToDouble()));
      })
      .Case([&](SiluOp op) -> Results { return one(silu(in(op.getInput()))); })
      .Case([&](MulOp op) -> Results {
        const Tensor &lhs = in(op.getLhs()), &rhs = in(op.getRhs());
        if (failed(checkSameShape(op, lhs, rhs)))
          return failure();
        return one(mul(lhs, rhs));
      })
      .Case([&](SigmoidGateOp op) -> Results {
        const Tensor &x = in(op.getInput()), &gate = in(op.getGate());
        if (failed(checkSameShape(op, x, gate)))
          return failure();
        return one(sigmoidGate(x, gate));
      })
      .Case([&](BlendOp op) -> Results {
        const Tensor &s = in(op.getCoefficient());
        const Tensor &routed = in(op.getRouted()), &shared = in(op.getShared());
        if (failed(checkSameShape(op, routed, shared)) ||
            failed(checkSameRows(op, s, routed)))
          return failure();
        return one(blend(s, routed, shared));
      })
      .Case([&](LinearOp op) -> Results {
        SmallVector<Tensor> results;
        for (auto [i, weight] : llvm::enumerate(op.getWeights()))
          results.push_back(linear(in(op.getInput()), in(weight),
                                   inOrNull(op.getScales(), i)));
        return results;
      })
      .Case([&](LightningAttentionOp op) -> Results {
        const Tensor &qkv = in(op.getQkv()), &state = in(op.getState());
        const Tensor &slots = in(op.getSlots()), &starts = in(op.getStarts());
        const Tensor &positions = in(op.getPositions());
        FailureOr<Batch> batch = readBatch(op, starts, positions, qkv.dim(0));
        if (failed(batch) ||
            failed(checkSlots(op, slots, starts, state.dim(0))))
          return failure();
        return both(lightningAttention(qkv, in(op.getSlopes()), state, *batch,
                                       slots, positions));
      })
      .Case([&](RopeAnglesOp op) -> Results {
        return both(ropeAngles(in(op.getPositions()), in(op.getInvFreq())));
      })
      .Case([&](RopeOp op) -> Results {
        const Tensor &x = in(op.getInput()), &cos = in(op.getCos());
        if (failed(checkSameRows(op, x, cos)))
          return failure();
        return one(rope(x, cos, in(op.getSin()), op.getHeadDim()));
      })
      .Case([&](CacheAppendOp op) -> Results {
        const Tensor &k = in(op.getK()), &v = in(op.getV());
        const Tensor &cache = in(op.getCache()), &pages = in(op.getPages());
        const Tensor &slots = in(op.getSlots()), &starts = in(op.getStarts());
        const Tensor &positions = in(op.getPositions());
        FailureOr<Batch> batch = readBatch(op, starts, positions, k.dim(0));
        if (failed(batch) || failed(checkSameShape(op, k, v)) ||
            failed(checkSlots(op, slots, starts, pages.dim(0))) ||
            failed(checkPages(op, *batch, slots, positions, pages, cache)))
          return failure();
        return one(cacheAppend(k, v, cache, *batch, slots, positions, pages));
      })
      .Case([&](SoftmaxAttentionOp op) -> Results {
        FailureOr<Batch> batch = readAttentionBatch(op);
        if (failed(batch))
          return failure();
        return one(softmaxAttention(in(op.getQ()), in(op.getCache()), *batch,
                                    in(op.getSlots()), in(op.getPositions()),
                                    in(op.getPages()),
                                    op.getScale().convertToDouble()));
      })
      .Case([&](AttentionPartialsOp op) -> Results {
        FailureOr<Batch> batch = readAttentionBatch(op);
        if (failed(batch))
          return failure();
        return both(attentionPartials(
            in(op.getQ()), in(op.getCache()), *batch, in(op.getSlots()),
            in(op.getPositions()), in(op.getPages()),
            op.getScale().convertToDouble(),
            {op.getNumSpans(), int64_t(op.getSpanTokens().value_or(0))}));
      })
      .Case([&](MergePartialsOp op) -> Results {
        const Tensor &stats = in(op.getStats()), &o = in(op.getWeighted());
        if (failed(checkSameRows(op, stats, o)))
          return failure();
        return one(mergePartials(stats, o));
      })
      .Case([&](TopCandidatesOp op) -> Results {
        const Tensor &logits = in(op.getLogits()), &counts = in(op.getCounts());
        const Tensor &scales = in(op.getInverseTemperatures());
        auto k = static_cast<int64_t>(op.getK());
        if (failed(checkSameRows(op, logits, counts)) ||
            failed(checkSameRows(op, logits, scales)))
          return failure();
        for (double count : counts.values)
          if (!(count >= 1 && count <= static_cast<double>(k)))
            return op.emitOpError()
                   << "expects 'counts' from 1 to " << k << ", found "
                   << static_cast<int64_t>(count);
        TopCandidates top =
            topCandidates(logits, in(op.getMask()), counts, scales, k);
        SmallVector<Tensor> results;
        for (Tensor *tensor : {&top.values, &top.ids, &top.sums})
          results.push_back(std::move(*tensor));
        return results;
      })
      .Case([&](RouterOp op) -> Results {
        auto ids = cast<RankedTensorType>(op.getIds().getType());
        return both(router(in(op.getLogits()), ids.getDimSize(1)));
      })
      .Case([&](GroupTokensOp op) -> Results {
        auto offsets = cast<RankedTensorType>(op.getOffsets().getType());
        int64_t experts = offsets.getDimSize(0) - 1;
        if (failed(checkIndices(op, "ids", in(op.getIds()), experts)))
          return failure();
        return both(groupTokens(in(op.getIds()), experts));
      })
      .Case([&](ExpertLinearOp op) -> Results {
        const Tensor &x = in(op.getInput()), &ids = in(op.getIds());
        if (failed(checkSameRows(op, x, ids)) ||
            failed(checkIndices(op, "ids", ids, op.getNumExperts())) ||
            (op.getOrder() && failed(checkGroups(op))))
          return failure();
        SmallVector<Tensor> results;
        for (auto [i, weight] : llvm::enumerate(op.getWeights()))
          results.push_back(
              expertLinear(x, ids, in(weight), inOrNull(op.getScales(), i)));
        return results;
      })
      .Case([&](CombineOp op) -> Results {
        const Tensor &x = in(op.getInput()), &weights = in(op.getWeights());
        if (failed(checkSameRows(op, x, weights)))
          return failure();
        return one(combine(x, weights));
      })
      .Case<AllReduceOp, AllGatherOp>([&](auto op) -> Results {
        if (op.getRanks() != 1)
          return op.emitOpError()
                 << "over " << op.getRanks()
                 << " ranks cannot run here: the reference evaluator is one "
                    "rank";
        return one(in(op.getInput()));
      })
      .Default([](Operation *op) -> Results {
        return op->emitOpError("has no meaning in the reference evaluator");
      });
}

} // namespace

//===-------------------------------- Interface ---------------------------===//

StateStore StateStore::zero(ModuleOp module, int64_t slots, int64_t pages) {
  StateStore store;
  for (StateOp state : module.getOps<StateOp>()) {
    std::vector<int64_t> shape(state.getStateType().getShape());
    shape[0] = state.getKind() == StateKind::Recurrent ? slots : pages;
    store.set(state.getSymName(),
              std::make_shared<const Tensor>(Tensor(std::move(shape))));
  }
  return store;
}

FailureOr<SmallVector<Tensor>> mlir::mm1::evaluate(func::FuncOp func,
                                                   ArrayRef<Tensor> inputs,
                                                   WeightSource &weights,
                                                   StateStore &states,
                                                   const OpObserver &observer) {
  ArrayRef<Type> types = func.getArgumentTypes();
  if (inputs.size() != types.size())
    return func.emitError()
           << "'" << func.getSymName() << "' takes " << types.size()
           << " inputs, found " << inputs.size();
  SmallVector<Shared> arguments;
  for (auto [i, input] : llvm::enumerate(inputs)) {
    if (!fits(input, types[i]))
      return func.emitError()
             << "'" << func.getSymName() << "' takes " << types[i]
             << " as input " << i << ", found " << shapeOf(input);
    arguments.push_back(std::make_shared<const Tensor>(input));
  }
  Evaluator evaluator(func->getParentOfType<ModuleOp>(), weights, states,
                      observer);
  FailureOr<SmallVector<Shared>> results =
      evaluator.runBlock(func.front(), arguments);
  if (failed(results))
    return failure();
  SmallVector<Tensor> tensors;
  for (const Shared &result : *results)
    tensors.push_back(*result);
  return tensors;
}
