//===- ScheduleClusters.cpp - Choose tile sizes and grids ----------------------===//
// Every cluster gets a `schedule`: knobs (panels, rows, per, chunk) from Schedule.h unless a rule says otherwise
// (Tuning.h), and the grid that follows from them. What the keys mean, by kind:
//
//   matmul, grouped_matmul   a task does `panels` panels of output columns for all rows, `rows` rows at a time
//   row_reduction, elementwise, router   a task does `per` tokens
//   the four above, where tasks have warps (Target.h): `warps` of them share the task
//   recurrence               a task does one head of one sequence, `chunk` tokens at a time
//   cache_append             a task does one KV head of one sequence
//   attention                a task does one KV head for `per` consecutive tokens of the batch
//   selection                a task does one row
//===---------------------------------------------------------------------------===//
#include "passes/Fuse/Schedule.h"
#include "passes/Fuse/Tuning.h"
#include "passes/Passes.h"

#include "llvm/ADT/StringMap.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_SCHEDULECLUSTERS
#include "passes/Passes.h.inc"

namespace {

RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

int64_t elementBytes(Type element) {
  return (element.getIntOrFloatBitWidth() + 7) / 8;
}

/// The first weight of a linear or expert linear.
RankedTensorType weightOf(Operation *anchor) {
  if (auto linear = dyn_cast<LinearOp>(anchor))
    return tensorType(linear.getWeights().front());
  return tensorType(cast<ExpertLinearOp>(anchor).getWeights().front());
}

MatmulShape matmulShape(Operation *anchor) {
  RankedTensorType weight = weightOf(anchor);
  int64_t rank = weight.getRank();
  MatmulShape shape{.columns = weight.getDimSize(rank - 2),
                    .depth = weight.getDimSize(rank - 1),
                    .weights = anchor->getNumResults(),
                    .experts = 1,
                    .choices = 1,
                    .elementBytes = elementBytes(weight.getElementType())};
  if (rank == 3) {
    shape.experts = weight.getDimSize(0);
    shape.choices = tensorType(anchor->getResult(0)).getDimSize(1);
  }
  return shape;
}

/// Bytes of activations, in and out, that belong to one token.
int64_t rowBytes(ClusterOp cluster) {
  int64_t bytes = 0;
  auto add = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    if (tensor.getRank() == 0 || !tensor.isDynamicDim(0))
      return;
    int64_t columns = 1;
    for (int64_t size : tensor.getShape().drop_front())
      columns *= ShapedType::isDynamic(size) ? 1 : size;
    bytes += columns * elementBytes(tensor.getElementType());
  };
  llvm::for_each(cluster.getInputs().getTypes(), add);
  llvm::for_each(cluster.getOutputs().getTypes(), add);
  return bytes;
}

/// KV heads of a cache `[?, 2, kv_heads, page, D]` that the anchor reads.
int64_t kvHeads(Operation *anchor) {
  auto append = dyn_cast<CacheAppendOp>(anchor);
  return tensorType(append ? append.getCache()
                           : cast<SoftmaxAttentionOp>(anchor).getCache())
      .getDimSize(2);
}

/// How tuning files name a cluster's shape: the weights' for matmuls, else the first result's.
std::string shapeName(ClusterOp cluster) {
  RankedTensorType type;
  if (cluster.getAnchor() == AnchorKind::Matmul ||
      cluster.getAnchor() == AnchorKind::GroupedMatmul)
    type = weightOf(cluster.getAnchorOp());
  else if (!cluster.getOutputs().empty())
    type = tensorType(cluster.getOutputs().front());
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (type) {
    for (int64_t size : type.getShape())
      ShapedType::isDynamic(size) ? stream << "?x" : stream << size << "x";
    stream << type.getElementType();
  }
  return text;
}

struct ScheduleClustersPass : impl::ScheduleClustersBase<ScheduleClustersPass> {
  using ScheduleClustersBase::ScheduleClustersBase;

  const Target *facts = nullptr;
  SmallVector<TuningRule> rules;

  LogicalResult initialize(MLIRContext *context) override {
    Location nowhere = UnknownLoc::get(context);
    facts = findTarget(target);
    if (!facts)
      return emitError(nowhere) << "unknown target '" << target
                                << "'; known are " << targetNames();
    rules.clear();
    auto take =
        [&](llvm::Expected<SmallVector<TuningRule>> more) -> LogicalResult {
      if (!more)
        return emitError(nowhere) << llvm::toString(more.takeError());
      llvm::append_range(rules, *more);
      return success();
    };
    if (!tuning.empty() && failed(take(readTuningFile(tuning))))
      return failure();
    return take(parseOverrides(overrides));
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto entry = function->getAttrOfType<StringAttr>("mm1.entry");
    WalkResult result = function.walk([&](ClusterOp cluster) {
      if (!entry) {
        function.emitOpError("expects 'mm1.entry' (decode, prefill or head): "
                             "schedules depend on it");
        return WalkResult::interrupt();
      }
      cluster.setScheduleAttr(schedule(cluster, entry.getValue()));
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  /// The knobs of a cluster, by the cost model and then by the rules.
  llvm::StringMap<int64_t> chooseKnobs(ClusterOp cluster, StringRef entry) {
    bool manyTokens = entry == "prefill";
    llvm::StringMap<int64_t> knobs;
    switch (cluster.getAnchor()) {
    case AnchorKind::Matmul:
    case AnchorKind::GroupedMatmul: {
      MatmulShape shape = matmulShape(cluster.getAnchorOp());
      knobs["panels"] = rankPanels(*facts, shape, manyTokens).front().panels;
      knobs["rows"] = tileRows(*facts, shape.weights);
      if (facts->matmulWarps > 1)
        knobs["warps"] = facts->matmulWarps;
      break;
    }
    case AnchorKind::Elementwise:
    case AnchorKind::RowReduction:
    case AnchorKind::Routing:
      knobs["per"] = rowsPerTask(*facts, rowBytes(cluster), manyTokens);
      if (facts->rowWarps > 1)
        knobs["warps"] = facts->rowWarps;
      break;
    case AnchorKind::Attention:
      knobs["per"] = manyTokens ? facts->queryTokens : 1;
      break;
    case AnchorKind::Recurrence:
      knobs["chunk"] = facts->chunkTokens;
      break;
    case AnchorKind::CacheAppend:
    case AnchorKind::Collective:
    case AnchorKind::Selection:
      break;
    }
    std::string shape = shapeName(cluster);
    for (const TuningRule &rule : rules) {
      bool matches = (rule.target.empty() || rule.target == facts->name) &&
                     (rule.entry.empty() || rule.entry == entry) &&
                     (rule.shape.empty() || rule.shape == shape) &&
                     (!rule.kind || *rule.kind == cluster.getAnchor());
      if (auto knob = knobs.find(rule.knob); matches && knob != knobs.end())
        knob->second = rule.value;
    }
    return knobs;
  }

  DictionaryAttr schedule(ClusterOp cluster, StringRef entry) {
    llvm::StringMap<int64_t> knobs = chooseKnobs(cluster, entry);
    int64_t tasks = 1, per = 1;
    StringRef unit = "one";
    Operation *anchor = cluster.getAnchorOp();
    switch (cluster.getAnchor()) {
    case AnchorKind::Matmul:
    case AnchorKind::GroupedMatmul: {
      int64_t panels =
          llvm::divideCeil(matmulShape(anchor).columns, facts->panel);
      knobs["panels"] = std::min(knobs["panels"], panels);
      tasks = llvm::divideCeil(panels, knobs["panels"]);
      break;
    }
    case AnchorKind::Elementwise:
    case AnchorKind::RowReduction:
      unit = "tokens";
      per = knobs["per"];
      break;
    case AnchorKind::Routing:
      if (isa<GroupTokensOp>(anchor)) { // sorts the whole batch
        knobs.erase("per");
        break;
      }
      unit = "tokens";
      per = knobs["per"];
      break;
    case AnchorKind::Attention:
      unit = "tokens";
      per = knobs["per"];
      tasks = kvHeads(anchor);
      break;
    case AnchorKind::Recurrence:
      unit = "sequences";
      tasks = cast<LightningAttentionOp>(anchor).getHeads();
      break;
    case AnchorKind::CacheAppend:
      unit = "sequences";
      tasks = kvHeads(anchor);
      break;
    case AnchorKind::Selection:
      unit = "tokens";
      break;
    case AnchorKind::Collective:
      break;
    }
    Builder builder(&getContext());
    SmallVector<NamedAttribute> attributes;
    for (auto &knob : knobs)
      if (knob.first() != "per")
        attributes.push_back(builder.getNamedAttr(
            knob.first(), builder.getI64IntegerAttr(knob.second)));
    attributes.push_back(
        builder.getNamedAttr("tasks", builder.getI64IntegerAttr(tasks)));
    attributes.push_back(
        builder.getNamedAttr("unit", builder.getStringAttr(unit)));
    attributes.push_back(
        builder.getNamedAttr("per", builder.getI64IntegerAttr(per)));
    return builder.getDictionaryAttr(attributes);
  }
};

} // namespace
} // namespace mlir::mm1
