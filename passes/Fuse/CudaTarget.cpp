//===- CudaTarget.cpp - What the kernels of NVIDIA GPUs can do ------------===//
// A task is a block of threads. The forms, by the anchors they hold:
//
//   (none)                       rows, or places of any shape
//   row_reduction                rows, with what feeds and follows the norm
//   matmul                       with what follows each product
//   row_reduction, matmul        few rows: every block makes the norm again
//   grouped_matmul
//   routing, grouped_matmul      few rows: every block chooses experts again
//   recurrence                   with what follows it
//   recurrence, row_reduction    and the sums of squares of each head's part
//   cache_append / attention     with what makes the rows they load
//   cache_append, attention      one token of each sequence: rope, append and
//                                attend (to a span) in one
//   span_merge                   with what follows it
//   routing / selection
//
// "Few rows" are what one block of a matmul holds at once. What stands in front
// of a matmul is then made by every block, and the first block of each row
// stores it where others need it too. Sizes follow gpu-matmul's rule: as many
// blocks as multiprocessors, each with whole stretches of weights.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/Target.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

/// Rows of activations that a matmul's block holds at once.
constexpr int64_t kFewRows = 16;
constexpr int64_t kWarps = 8;
/// What a block's columns are a multiple of.
constexpr int64_t kColumnMultiple = 8;
/// Output columns of a matmul's block with more rows.
constexpr int64_t kManyRowsColumns = 128;

/// \param bytesPerSecond,flopsPerSecond  of the whole GPU, from memory and in
///                                       float32
TargetFacts cudaFacts(StringRef name, ArrayRef<int64_t> multiprocessors,
                      double bytesPerSecond, double flopsPerSecond) {
  double share = 1.0 / double(multiprocessors.front());
  return {
      .name = name,
      // What wgmma and bulk copies take.
      .swizzledRows = 64,
      .rowMultiple = 32,
      .workers = multiprocessors,
      .queryTokens = 16,
      .chunkTokens = 64,
      .mostSpans = 2 * multiprocessors.front(),
      .spanTasks = 2 * multiprocessors.front(),
      .streamBytesPerSecond = bytesPerSecond * share,
      .cacheBytesPerSecond = 2 * bytesPerSecond * share,
      .flopsPerSecond = flopsPerSecond * share,
      .taskSeconds = 0.3e-6,
      .launchSeconds = 1.2e-6,
      .manyTokens = 512,
      .groupFromTokens = kFewRows + 1,
      .defersNorms = true,
      .pageImage = "gpu-1",
      .spareUnits = 1,
      .selectsOnHost = false,
      // Dependent launches: compute capability 9.0 and later.
      .startsEarly = name != "sm_80",
  };
}

std::string spell(ArrayRef<AnchorKind> kinds) {
  std::string text;
  for (AnchorKind kind : kinds)
    text += (text.empty() ? "" : ", ") + stringifyAnchorKind(kind).str();
  return text;
}

/// A list of anchors that some kernel holds: which of them is the one that
/// decides the loops.
struct Form {
  SmallVector<AnchorKind, 2> kinds;
  unsigned main;
};

const Form *findForm(ArrayRef<AnchorKind> kinds) {
  using Kind = AnchorKind;
  static const Form forms[] = {
      {{Kind::RowReduction}, 0},
      {{Kind::Matmul}, 0},
      {{Kind::RowReduction, Kind::Matmul}, 1},
      {{Kind::GroupedMatmul}, 0},
      {{Kind::Routing, Kind::GroupedMatmul}, 1},
      {{Kind::Recurrence}, 0},
      {{Kind::Recurrence, Kind::RowReduction}, 0},
      {{Kind::CacheAppend}, 0},
      {{Kind::Attention}, 0},
      {{Kind::CacheAppend, Kind::Attention}, 1},
      {{Kind::SpanMerge}, 0},
      {{Kind::Routing}, 0},
      {{Kind::Selection}, 0},
  };
  for (const Form &form : forms)
    if (ArrayRef<AnchorKind>(form.kinds) == kinds)
      return &form;
  return nullptr;
}

Refusal refuse(Operation *op, const Twine &why) { return {op, why.str()}; }

/// Whether the op sums up all choices of a place.
bool readsChoices(Operation *op) {
  auto reader = cast<RowOpInterface>(op);
  return llvm::any_of(op->getOpOperands(), [&](OpOperand &use) {
    return reader.getReach(use.getOperandNumber()) == Reach::Choices;
  });
}

class CudaTarget final : public Target {
public:
  explicit CudaTarget(const TargetFacts &facts) : Target(facts) {}

  std::optional<Refusal> accepts(const ClusterView &cluster) const override {
    SmallVector<AnchorKind> kinds = cluster.kinds();
    const Form *form = findForm(kinds);
    if (!form && !kinds.empty())
      return refuse(cluster.anchors().back(),
                    "no " + name() + " kernel is '" + spell(kinds) + "'");
    AnchorOpInterface main =
        form ? cluster.anchors()[form->main] : AnchorOpInterface();
    for (Operation *op : cluster.ops()) {
      if (main && op == main.getOperation())
        continue;
      if (auto why = main && cluster.isBehind(op, main)
                         ? checkBehind(cluster, main, op)
                         : checkInFront(cluster, main, op))
        return why;
    }
    return std::nullopt;
  }

  ScheduleChoice schedule(const ClusterView &cluster) const override;
  void fitGrid(const ClusterView &cluster,
               ScheduleChoice &choice) const override;

private:
  static bool hasFewRows(const ClusterView &cluster) {
    return cluster.bucket().tokens <= kFewRows;
  }
  /// Whether what stands in front of it is made at the place where it is loaded,
  /// and nowhere else.
  static bool loadsRows(AnchorOpInterface main) {
    return main.getAnchorKind() == AnchorKind::Attention ||
           main.getAnchorKind() == AnchorKind::CacheAppend;
  }
  /// Whether each of its blocks would make what stands in front of it again.
  static bool repeatsWhatIsInFront(AnchorOpInterface main) {
    return main && (main.getAnchorKind() == AnchorKind::Matmul ||
                    main.getAnchorKind() == AnchorKind::GroupedMatmul);
  }

  /// An op whose results the main anchor (or another op in front) reads.
  std::optional<Refusal> checkInFront(const ClusterView &cluster,
                                      AnchorOpInterface main,
                                      Operation *op) const {
    if (repeatsWhatIsInFront(main) && !hasFewRows(cluster))
      return refuse(op, "it stands in front of '" +
                            main->getName().getStringRef() +
                            "' and would be made again by every block, for " +
                            Twine(cluster.bucket().tokens) + " rows each");
    for (Value result : op->getResults()) {
      if (cluster.isStored(result) && main && loadsRows(main) &&
          !isa<StateUpdateOpInterface>(op))
        return refuse(op, "it cannot be stored: the kernel of '" +
                              main->getName().getStringRef() +
                              "' loads rows without storing them");
      for (OpOperand *use : cluster.readers(result))
        if (!readsInRegister(*use) && !holdsRow(use->getOwner()))
          return refuse(op, "it cannot stand in front of '" +
                                use->getOwner()->getName().getStringRef() +
                                "', which reads operand " +
                                Twine(use->getOperandNumber()) +
                                " where it was not made");
    }
    return std::nullopt;
  }

  /// Whether the kernels that hold this op have whole rows of what it reads at
  /// hand: anchors, and what sums up the choices that a block made.
  static bool holdsRow(Operation *reader) {
    return isa<AnchorOpInterface>(reader) || readsChoices(reader);
  }

  /// An op that reads what the main anchor makes.
  std::optional<Refusal> checkBehind(const ClusterView &cluster,
                                     AnchorOpInterface main,
                                     Operation *op) const {
    for (OpOperand &use : op->getOpOperands()) {
      Operation *maker = cluster.maker(use.get());
      if (!maker ||
          (maker != main.getOperation() && !cluster.isBehind(maker, main)))
        continue; // from memory, or from the row in front
      if (readsInRegister(use))
        continue;
      if (auto why = checkGather(cluster, main, use))
        return why;
    }
    return std::nullopt;
  }

  /// An op that reads more than its own place of what a block has made.
  std::optional<Refusal> checkGather(const ClusterView &cluster,
                                     AnchorOpInterface main,
                                     OpOperand &use) const {
    Operation *op = use.getOwner();
    Reach reach = cast<RowOpInterface>(op).getReach(use.getOperandNumber());
    if (reach == Reach::Choices) {
      // One block makes all choices of a token's columns.
      if (main.getAnchorKind() == AnchorKind::GroupedMatmul &&
          hasFewRows(cluster) && !cast<ExpertLinearOp>(main).getOrder())
        return std::nullopt;
      return refuse(
          op, "it needs all choices of a token, which blocks of a grouped "
              "matmul make apart");
    }
    auto reduction = dyn_cast<RowReductionOpInterface>(op);
    if (reduction && reduction.yieldsSums() &&
        reduction.getReducedParts() % main.getRowParts() == 0)
      return std::nullopt;
    return refuse(op, "it needs a whole row of what '" +
                          main->getName().getStringRef() +
                          "' makes, which several blocks make");
  }
};

//===--------------------------------- Schedules ------------------------------===//

/// Output columns of each part; those of products that one epilogue joins count
/// once.
SmallVector<int64_t> partColumns(const ClusterView &cluster,
                                 AnchorOpInterface main) {
  auto matmul = cast<MatmulOpInterface>(main.getOperation());
  SmallVector<int64_t> columns;
  for (ArrayRef<unsigned> products : jointProducts(cluster, matmul)) {
    RankedTensorType type = matmul.getMatrixType(products.front());
    columns.push_back(type.getDimSize(type.getRank() - 2));
  }
  return columns;
}

/// A block makes columns of one part only.
int64_t countBlocks(ArrayRef<int64_t> parts, int64_t columnsPerBlock) {
  int64_t blocks = 0;
  for (int64_t columns : parts)
    blocks += llvm::divideCeil(columns, columnsPerBlock);
  return blocks;
}

/// Columns of output a block of a matmul with few rows makes: those that leave
/// the busiest multiprocessor the least to read, and among equals the most, as
/// what stands in front of the matmul is made by every block.
int64_t columnsPerBlock(ArrayRef<int64_t> parts, int64_t copies,
                        int64_t processors) {
  int64_t widest = *std::max_element(parts.begin(), parts.end());
  int64_t best = 0, least = 0;
  for (int64_t each = llvm::alignTo(widest, kColumnMultiple); each > 0;
       each -= kColumnMultiple) {
    int64_t blocks = countBlocks(parts, each) * copies;
    int64_t load = llvm::divideCeil(blocks, processors) * each;
    if (!best || load < least) {
      best = each;
      least = load;
    }
  }
  return best;
}

/// Rows whose sums a warp's lanes finish at once.
int64_t tileRows(const ClusterView &cluster, AnchorOpInterface main) {
  size_t joined = 1;
  for (ArrayRef<unsigned> products :
       jointProducts(cluster, cast<MatmulOpInterface>(main.getOperation())))
    joined = std::max(joined, products.size());
  return std::max<int64_t>(1, 8 / int64_t(joined));
}

bool isGrouped(AnchorOpInterface main) {
  auto experts = dyn_cast<ExpertLinearOp>(main.getOperation());
  return experts && experts.getOrder();
}

/// Query heads of an attention's KV head.
int64_t queryHeads(AnchorOpInterface attention) {
  Operation *op = attention.getOperation();
  auto q = cast<RankedTensorType>(op->getOperand(0).getType()),
       pool = cast<RankedTensorType>(op->getOperand(1).getType());
  return q.getDimSize(1) / pool.getDimSize(4) / pool.getDimSize(2);
}

/// Blocks that make the same columns: of ungrouped experts one for each choice,
/// unless something sums the choices up.
int64_t blockCopies(const ClusterView &cluster, AnchorOpInterface main) {
  if (main.getAnchorKind() != AnchorKind::GroupedMatmul ||
      llvm::any_of(cluster.ops(), readsChoices))
    return 1;
  return cast<MatmulOpInterface>(main.getOperation()).getNumChoices();
}

} // namespace

ScheduleChoice CudaTarget::schedule(const ClusterView &cluster) const {
  SmallVector<AnchorKind> kinds = cluster.kinds();
  const Form *form = findForm(kinds);
  ScheduleChoice choice;
  choice.set(knob::kWarps, kWarps);
  choice.unit = GridUnit::Tokens;
  if (!form)
    return choice;
  AnchorOpInterface main = cluster.anchors()[form->main];
  int64_t processors = facts().workers.front();
  switch (main.getAnchorKind()) {
  case AnchorKind::Matmul:
    choice.unit = GridUnit::One;
    choice.set(knob::kColumns,
               hasFewRows(cluster)
                   ? columnsPerBlock(partColumns(cluster, main), 1, processors)
                   : kManyRowsColumns);
    choice.set(knob::kRows, tileRows(cluster, main));
    break;
  case AnchorKind::GroupedMatmul:
    if (!isGrouped(main)) {
      choice.set(knob::kColumns,
                 columnsPerBlock(partColumns(cluster, main),
                                 blockCopies(cluster, main), processors));
      break;
    }
    // Items of the groups, shared by as many blocks as there are processors.
    choice.unit = GridUnit::One;
    choice.set(knob::kColumns, kManyRowsColumns);
    choice.tasks = processors;
    break;
  case AnchorKind::Recurrence: {
    constexpr int64_t kStepChannels = 32, kStepRows = 8, kChunkChannels = 64;
    auto state = cast<RankedTensorType>(
        main->getOperand(cast<StateUpdateOpInterface>(main.getOperation())
                             .getStateUpdates()
                             .front()
                             .operand)
            .getType());
    bool isStep = cluster.bucket().hasOneTokenEach();
    int64_t size = state.getDimSize(3),
            channels = isStep ? kStepChannels : kChunkChannels;
    choice.unit = GridUnit::Sequences;
    choice.set(knob::kChunk, isStep ? 1 : facts().chunkTokens);
    choice.tasks = main.getRowParts() * llvm::divideCeil(size, channels);
    if (isStep) // a warp for each stretch of k channels
      choice.set(knob::kWarps,
                 std::min(kWarps, int64_t(llvm::divideCeil(size, kStepRows))));
    break;
  }
  case AnchorKind::CacheAppend:
    choice.unit = GridUnit::Sequences;
    choice.tasks = main.getRowParts();
    break;
  case AnchorKind::Attention:
    // A block for each span.
    choice.tasks =
        main.getRowParts() * std::min(main.getReadParts(), facts().spanTasks);
    // A warp for each query head of a token.
    if (cluster.bucket().hasOneTokenEach())
      choice.set(knob::kWarps, std::min(kWarps, queryHeads(main)));
    else
      choice.set(knob::kPer, facts().queryTokens);
    break;
  case AnchorKind::SpanMerge: {
    // A thread for each channel.
    auto merge = cast<MergePartialsOp>(main.getOperation());
    auto out = cast<RankedTensorType>(merge.getOut().getType());
    int64_t channels = out.getDimSize(1) / merge.getHeads();
    choice.tasks = main.getRowParts();
    choice.set(knob::kWarps,
               std::min(kWarps, int64_t(llvm::divideCeil(channels, 32))));
    break;
  }
  case AnchorKind::Routing:
    if (cast<RowOpInterface>(main.getOperation()).getReach(0) == Reach::Batch)
      choice.unit = GridUnit::One;
    break;
  case AnchorKind::RowReduction:
  case AnchorKind::Selection:
    break;
  case AnchorKind::Elementwise:
  case AnchorKind::Collective:
    llvm_unreachable("accepts() refuses it");
  }
  return choice;
}

void CudaTarget::fitGrid(const ClusterView &cluster,
                         ScheduleChoice &choice) const {
  const Form *form = findForm(cluster.kinds());
  std::optional<int64_t> columns = choice.get(knob::kColumns);
  if (!form || !columns)
    return;
  AnchorOpInterface main = cluster.anchors()[form->main];
  if (isGrouped(main))
    return;
  SmallVector<int64_t> parts = partColumns(cluster, main);
  choice.set(knob::kColumns,
             std::min(*columns, *std::max_element(parts.begin(), parts.end())));
  choice.tasks = countBlocks(parts, *choice.get(knob::kColumns)) *
                 blockCopies(cluster, main);
}

std::unique_ptr<Target> mm1::makeCudaTarget(StringRef name,
                                            ArrayRef<int64_t> multiprocessors,
                                            double bytesPerSecond,
                                            double flopsPerSecond) {
  return std::make_unique<CudaTarget>(
      cudaFacts(name, multiprocessors, bytesPerSecond, flopsPerSecond));
}
