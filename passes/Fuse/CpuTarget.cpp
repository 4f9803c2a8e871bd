//===- CpuTarget.cpp - What the CPU's kernels can do ----------------------===//
// One anchor or none. Ops in front of it make an operand of the anchor at the
// place at which it is read (prologue), ops behind it eat a result in the
// registers it was made in (epilogue):
//
//   prologue:  residual ----> rms_norm ----> sigmoid_gate  :epilogue
//
// The table below says which kinds take what; it is compiler/Codegen/CPU's
// list of emitters seen from here. A prologue that every task would have to
// make again (a norm in front of a linear of 500 tasks) is never taken.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/KernelCost.h"
#include "passes/Fuse/Schedule.h"
#include "passes/Fuse/Target.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

// A CPU's plan does not know how many threads will run it.
constexpr int64_t kThreads[] = {1, 2, 8, 32};

TargetFacts cpuFacts() {
  return {
      .name = "cpu",
      .panel = 32,
      .depthF32 = 1,
      .depthBF16 = 2,
      .depthI8 = 2,
      .rowMultiple = 32,
      .workers = kThreads,
      .tileRows = 12,
      .streamBytes = 256 << 10,
      .residentBytes = 512 << 10,
      .tileRowBytes = 2 << 10, // twelve rows of it are 24 KiB
      .restingBytes = 256 << 10,
      .rowTaskBytes = 64 << 10,
      .minTasks = 8,
      .queryTokens = 16,
      .chunkTokens = 64,
      .spanTokens = 1024,
      .mostSpans = 128,
      .spanTasks = 32,
      .streamBytesPerSecond = 15e9,
      .cacheBytesPerSecond = 50e9,
      .ownCacheBytesPerSecond = 100e9,
      .flopsPerSecond = 200e9,
      .taskSeconds = 0.5e-6,
      .launchSeconds = 1.5e-6,
      .manyTokens = 512,
      .groupFromTokens = 2,
      .defersNorms = false,
      .pageImage = "cpu-1",
      .spareUnits = 0,
      .selectsOnHost = true,
  };
}

/// What may be fused to an anchor of one kind.
struct Abilities {
  bool isEmitted = true;
  /// Operands that a prologue may make.
  bool (*takesPrologue)(AnchorOpInterface anchor, unsigned operand) = nullptr;
  /// The prologue's values may be stored: each place is made once.
  bool storesPrologue = false;
  bool takesEpilogue = false;
};

Abilities abilitiesOf(AnchorOpInterface anchor) {
  switch (anchor.getAnchorKind()) {
  case AnchorKind::Matmul:
  case AnchorKind::GroupedMatmul:
    return {.takesEpilogue = true};
  case AnchorKind::RowReduction: {
    auto reduction = cast<RowReductionOpInterface>(anchor.getOperation());
    return {.takesPrologue =
                [](AnchorOpInterface op, unsigned operand) {
                  return operand ==
                         cast<RowReductionOpInterface>(op.getOperation())
                             .getReducedOperand();
                },
            .storesPrologue = true,
            .takesEpilogue = !reduction.yieldsSums()};
  }
  case AnchorKind::CacheAppend:
  case AnchorKind::Attention:
    // What is rounded to the cache's type, or to the query's, at the place
    // where it is loaded.
    return {.takesPrologue = [](AnchorOpInterface op, unsigned operand) {
      return cast<RowOpInterface>(op.getOperation()).getReach(operand) ==
                 Reach::Row &&
             isa<FloatType>(
                 cast<RankedTensorType>(op->getOperand(operand).getType())
                     .getElementType());
    }};
  case AnchorKind::Recurrence:
  case AnchorKind::Routing:
  case AnchorKind::Selection:
  case AnchorKind::SpanMerge:
    return {};
  case AnchorKind::Elementwise:
  case AnchorKind::Collective:
    return {.isEmitted = false};
  }
  return {.isEmitted = false};
}

/// Whether the op cuts contexts into spans of equally many pages.
bool cutsEvenly(Operation *op) {
  if (auto whole = dyn_cast<SoftmaxAttentionOp>(op))
    return whole.getEvenSpans().has_value();
  auto partials = dyn_cast<AttentionPartialsOp>(op);
  return partials && partials.getCut() == SpanCut::Even;
}

class CpuTarget final : public Target {
public:
  CpuTarget() : Target(cpuFacts()) {}

  std::optional<Refusal> accepts(const ClusterView &cluster) const override {
    SmallVector<AnchorOpInterface> anchors = cluster.anchors();
    if (anchors.size() > 1)
      return refuse(anchors[1], "a cpu kernel has one anchor, and '" +
                                    anchors[0]->getName().getStringRef() +
                                    "' is another");
    AnchorOpInterface anchor =
        anchors.empty() ? AnchorOpInterface() : anchors.front();
    Abilities abilities = anchor ? abilitiesOf(anchor) : Abilities{};
    if (!abilities.isEmitted)
      return refuse(anchor, "no cpu kernel is of kind '" +
                                stringifyAnchorKind(anchor.getAnchorKind()) +
                                "'");
    if (anchor && cutsEvenly(anchor))
      return refuse(anchor, "a cpu kernel cuts contexts at fixed places, and "
                            "its cut is '" +
                                stringifySpanCut(SpanCut::Even) + "'");
    for (Operation *op : cluster.ops()) {
      if (anchor && op == anchor.getOperation())
        continue;
      if (auto why = anchor && cluster.isBehind(op, anchor)
                         ? checkEpilogue(cluster, anchor, abilities, op)
                         : checkPrologue(cluster, anchor, abilities, op))
        return why;
    }
    return std::nullopt;
  }

  ScheduleChoice schedule(const ClusterView &cluster) const override;
  void fitGrid(const ClusterView &cluster,
               ScheduleChoice &choice) const override;

private:
  static Refusal refuse(Operation *op, const Twine &why) {
    return {op, why.str()};
  }

  /// All the op has from inside the cluster comes from the anchor, in registers.
  std::optional<Refusal> checkEpilogue(const ClusterView &cluster,
                                       AnchorOpInterface anchor,
                                       const Abilities &abilities,
                                       Operation *op) const {
    for (OpOperand &use : op->getOpOperands()) {
      Operation *maker = cluster.maker(use.get());
      if (!maker)
        continue;
      bool isAnchor = maker == anchor.getOperation();
      if (isAnchor && !abilities.takesEpilogue)
        return refuse(op, "it stands behind '" +
                              anchor->getName().getStringRef() +
                              "', whose kernel takes no epilogue");
      if ((!isAnchor && !cluster.isBehind(maker, anchor)) ||
          !readsInRegister(use))
        return refuse(op, "it cannot be epilogue of '" +
                              anchor->getName().getStringRef() + "': operand " +
                              Twine(use.getOperandNumber()) +
                              " is not in a register at its place");
    }
    return std::nullopt;
  }

  /// Whoever reads the op inside the cluster reads it at its place, or is an
  /// anchor that takes it there.
  std::optional<Refusal> checkPrologue(const ClusterView &cluster,
                                       AnchorOpInterface anchor,
                                       const Abilities &abilities,
                                       Operation *op) const {
    for (Value result : op->getResults()) {
      auto type = cast<RankedTensorType>(result.getType());
      if (!isa<FloatType>(type.getElementType()) || type.getRank() < 2)
        return refuse(op, "it makes no rows of floats");
      if (anchor && cluster.isStored(result) && !abilities.storesPrologue)
        return refuse(op, "it cannot be stored: the kernel of '" +
                              anchor->getName().getStringRef() +
                              "' does not store its prologue");
      for (OpOperand *use : cluster.readers(result)) {
        bool isTaken =
            anchor && use->getOwner() == anchor.getOperation()
                ? abilities.takesPrologue &&
                      abilities.takesPrologue(anchor, use->getOperandNumber())
                : readsInRegister(*use);
        if (!isTaken)
          return refuse(op, "it cannot be prologue of '" +
                                use->getOwner()->getName().getStringRef() +
                                "': it does not take operand " +
                                Twine(use->getOperandNumber()) +
                                " from a register");
      }
    }
    return std::nullopt;
  }
};

//===--------------------------------- Schedules ------------------------------===//

/// Bytes of activations, in and out, that belong to one token.
int64_t rowBytes(const ClusterView &cluster) {
  int64_t bytes = 0;
  auto add = [&](Value value) {
    auto tensor = cast<RankedTensorType>(value.getType());
    if (tensor.getRank() == 0 || !tensor.isDynamicDim(0))
      return;
    int64_t columns = 1;
    for (int64_t size : tensor.getShape().drop_front())
      columns *= ShapedType::isDynamic(size) ? 1 : size;
    bytes += columns * elementBytes(tensor.getElementType());
  };
  llvm::for_each(cluster.inputs(), add);
  llvm::for_each(cluster.storedResults(), add);
  return bytes;
}

/// Panels of output columns: products that an epilogue joins are made together,
/// panel by panel, and stand behind each other otherwise.
int64_t countPanels(const ClusterView &cluster, MatmulOpInterface matmul,
                    int64_t panel) {
  int64_t panels = 0;
  for (ArrayRef<unsigned> products : jointProducts(cluster, matmul)) {
    RankedTensorType type = matmul.getMatrixType(products.front());
    panels += llvm::divideCeil(type.getDimSize(type.getRank() - 2), panel);
  }
  return panels;
}

/// The cost model's view of a matmul.
MatmulShape matmulShape(const ClusterView &cluster, MatmulOpInterface matmul,
                        const TargetFacts &facts) {
  RankedTensorType weight = matmul.getMatrixType();
  size_t joined = 1;
  for (ArrayRef<unsigned> products : jointProducts(cluster, matmul))
    joined = std::max(joined, products.size());
  return {
      .columns = countPanels(cluster, matmul, facts.panel) * facts.panel,
      .depth = weight.getDimSize(weight.getRank() - 1),
      .weights = static_cast<int64_t>(joined),
      .experts = matmul.getNumExperts(),
      .choices = matmul.getNumChoices(),
      .elementBytes = elementBytes(weight.getElementType()),
      .inputBytes = elementBytes(
          cast<RankedTensorType>(matmul.getRows().getType()).getElementType())};
}

/// Tasks of `per` tokens each, for kernels that walk over rows.
ScheduleChoice byRows(const TargetFacts &facts, const ClusterView &cluster,
                      bool manyTokens) {
  ScheduleChoice choice;
  choice.unit = GridUnit::Tokens;
  choice.set(knob::kPer, rowsPerTask(facts, rowBytes(cluster), manyTokens));
  return choice;
}

} // namespace

ScheduleChoice CpuTarget::schedule(const ClusterView &cluster) const {
  bool manyTokens = cluster.bucket().entry == "prefill";
  SmallVector<AnchorOpInterface> anchors = cluster.anchors();
  if (anchors.empty())
    return byRows(facts(), cluster, manyTokens);
  AnchorOpInterface anchor = anchors.front();
  ScheduleChoice choice;
  switch (anchor.getAnchorKind()) {
  case AnchorKind::Matmul:
  case AnchorKind::GroupedMatmul: {
    // A task does `panels` panels of output columns for all rows, `rows` rows
    // at a time.
    MatmulShape shape = matmulShape(
        cluster, cast<MatmulOpInterface>(anchor.getOperation()), facts());
    MatmulNest nest = rankNests(facts(), shape, manyTokens).front().nest;
    choice.set(knob::kPanels, nest.panels);
    choice.set(knob::kRows, nest.tileRows);
    if (nest.blockPanels > 1)
      choice.set(knob::kBlockPanels, nest.blockPanels);
    if (nest.blockRows) {
      choice.set(knob::kBlockDepth, nest.blockDepth);
      choice.set(knob::kBlockRows, nest.blockRows);
    }
    break;
  }
  case AnchorKind::RowReduction:
    return byRows(facts(), cluster, manyTokens);
  case AnchorKind::Routing:
    // Grouping sorts the whole batch: one task.
    if (cast<RowOpInterface>(anchor.getOperation()).getReach(0) != Reach::Batch)
      return byRows(facts(), cluster, manyTokens);
    break;
  case AnchorKind::Attention:
    // A task does one KV head for `per` consecutive tokens of the batch, and a
    // share of their spans. How long it takes depends on the context.
    choice.unit = GridUnit::Tokens;
    choice.tasks = anchor.getRowParts() *
                   std::min(anchor.getReadParts(), facts().spanTasks);
    choice.set(knob::kPer, manyTokens ? facts().queryTokens : 1);
    choice.set(knob::kGrain, 1);
    break;
  case AnchorKind::SpanMerge:
    choice.unit = GridUnit::Tokens;
    choice.tasks = anchor.getRowParts();
    break;
  case AnchorKind::Recurrence:
    choice.set(knob::kChunk, facts().chunkTokens);
    [[fallthrough]];
  case AnchorKind::CacheAppend:
    // A task does one head of one sequence.
    choice.unit = GridUnit::Sequences;
    choice.tasks = anchor.getRowParts();
    break;
  case AnchorKind::Selection:
    choice.unit = GridUnit::Tokens;
    break;
  case AnchorKind::Elementwise:
  case AnchorKind::Collective:
    llvm_unreachable("accepts() refuses it");
  }
  return choice;
}

void CpuTarget::fitGrid(const ClusterView &cluster,
                        ScheduleChoice &choice) const {
  auto limit = [&](StringRef knob, int64_t most) {
    if (std::optional<int64_t> value = choice.get(knob))
      choice.set(knob, std::min(*value, most));
  };
  constexpr int64_t kMostChunk = 4096;
  limit(knob::kChunk, kMostChunk);
  std::optional<int64_t> panels = choice.get(knob::kPanels);
  if (!panels)
    return;
  auto matmul =
      cast<MatmulOpInterface>(cluster.anchors().front().getOperation());
  int64_t all = countPanels(cluster, matmul, facts().panel);
  choice.set(knob::kPanels, std::min(*panels, all));
  choice.tasks = llvm::divideCeil(all, *choice.get(knob::kPanels));
  limit(knob::kBlockPanels, *choice.get(knob::kPanels));
  int64_t depth = matmul.getMatrixType().getShape().back();
  limit(knob::kBlockDepth, depth);
  if (std::optional<int64_t> block = choice.get(knob::kBlockDepth);
      block && *block < depth)
    choice.set(knob::kBlockDepth,
               llvm::alignTo(*block, MatmulNest::kDepthMultiple));
}

std::unique_ptr<Target> mm1::makeCpuTarget() {
  return std::make_unique<CpuTarget>();
}
