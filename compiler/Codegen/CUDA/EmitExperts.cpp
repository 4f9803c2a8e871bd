//===- EmitExperts.cpp - expert_linear, with what stands around it --------===//
// Fills experts.h where the pairs (token, choice) stand as they came, and
// grouped_experts.h where they are sorted by expert. Parts are those of
// EmitMatmul.cpp. In a cluster that sums up the choices (combine), the products
// of all of a token's choices are at hand when a place is finished.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Matrices.h"
#include "compiler/Codegen/CUDA/Routing.h"
#include "dialects/Plan/Layout.h"
#include "passes/Fuse/ClusterView.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

namespace {

RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The anchors of a cluster of experts.
struct Anchors {
  RouterOp router; ///< null when the choice comes from memory
  ExpertLinearOp experts;
};

/// Null experts when these are other anchors, or a result is made of neither
/// products nor choices.
Anchors anchorsOf(ClusterOp cluster) {
  SmallVector<AnchorOpInterface> ops = cluster.getAnchorOps();
  if (ops.empty() || ops.size() > 2)
    return {};
  Anchors anchors;
  anchors.experts = dyn_cast<ExpertLinearOp>(ops.back().getOperation());
  if (ops.size() == 2)
    anchors.router = dyn_cast<RouterOp>(ops.front().getOperation());
  if (!anchors.experts || (ops.size() == 2 && !anchors.router))
    return {};
  Value ids = anchors.experts.getIds();
  if (anchors.router ? ids != anchors.router.getIds()
                     : !isa<BlockArgument>(ids))
    return {};
  for (Value yielded : cluster.getYield().getOperands())
    if (!(anchors.router && yielded.getDefiningOp() == anchors.router) &&
        llvm::none_of(anchors.experts.getOutputs(),
                      [&](Value output) { return dependsOn(yielded, output); }))
      return {};
  return anchors;
}

bool acceptsExperts(ClusterOp cluster) {
  Anchors anchors = anchorsOf(cluster);
  return anchors.experts && !anchors.experts.getOrder();
}

bool acceptsGrouped(ClusterOp cluster) {
  Anchors anchors = anchorsOf(cluster);
  return anchors.experts && anchors.experts.getOrder() && !anchors.router &&
         isa<BlockArgument>(anchors.experts.getInput()) &&
         isa<BlockArgument>(anchors.experts.getOrder()) &&
         isa<BlockArgument>(anchors.experts.getOffsets());
}

/// Products that an epilogue joins.
struct Part {
  SmallVector<unsigned> products;
  /// Results of the cluster that are made of them.
  SmallVector<unsigned> results;
  int64_t columns = 0;
};

class ExpertsPrinter {
public:
  explicit ExpertsPrinter(ClusterText &text)
      : text(text), cluster(text.cluster), router(anchorsOf(cluster).router),
        experts(anchorsOf(cluster).experts) {}

  FailureOr<KernelHead> printUngrouped();
  FailureOr<KernelHead> printGrouped();

private:
  LogicalResult readParts();
  /// Columns of a block and warps. \returns the blocks of all parts.
  FailureOr<int64_t> readSchedule(StringRef unit);
  void printSizes();
  LogicalResult printRows();
  LogicalResult printChoice();
  LogicalResult printParts();
  LogicalResult printStore(const Part &part, StringRef tag);
  void bindProducts(Hole &hole, const Part &part, Value column);
  int64_t mostProducts() const;

  ClusterText &text;
  ClusterOp cluster;
  RouterOp router;
  ExpertLinearOp experts;

  SmallVector<Part> parts;
  bool combines = false;
  int64_t choices = 0, blockColumns = 0, warps = 0;
};

/// Whether the op sums up all choices of a token.
bool readsChoices(Operation &op) {
  auto reader = dyn_cast<RowOpInterface>(op);
  return reader && llvm::any_of(op.getOpOperands(), [&](OpOperand &use) {
           return reader.getReach(use.getOperandNumber()) == Reach::Choices;
         });
}

LogicalResult ExpertsPrinter::readParts() {
  choices = numColumns(experts.getIds());
  combines = llvm::any_of(cluster.getBody().front(), readsChoices);
  for (ArrayRef<unsigned> products :
       jointProducts(ClusterView(cluster, Bucket{"", 1, 1}), experts)) {
    Part part;
    part.products.assign(products.begin(), products.end());
    part.columns = numColumns(experts->getResult(products.front()));
    parts.push_back(part);
  }
  for (auto [i, value] : llvm::enumerate(cluster.getYield().getOperands()))
    for (Part &part : parts)
      if (llvm::any_of(part.products, [&, value = value](unsigned product) {
            return dependsOn(value, experts->getResult(product));
          })) {
        if (tensorType(value).getRank() != (combines ? 2 : 3) ||
            numColumns(value) != part.columns)
          return cluster.emitOpError()
                 << "expects results of " << part.columns << " columns "
                 << (combines ? "for each token" : "for each choice")
                 << " like the products they are made of, found "
                 << value.getType();
        part.results.push_back(i);
      }
  for (const Part &part : parts)
    if (part.results.empty())
      return cluster.emitOpError(
          "expects a result for each of its products, found one without");
  return success();
}

FailureOr<int64_t> ExpertsPrinter::readSchedule(StringRef unit) {
  // Columns that a warp makes at once (warp_tile.h).
  constexpr int64_t kTileColumns = 4;
  FailureOr<int64_t> columns = scheduled(cluster, "columns", INT32_MAX),
                     numWarps = scheduled(cluster, "warps", 32),
                     per = scheduled(cluster, "per", 1);
  if (failed(columns) || failed(numWarps) || failed(per) ||
      failed(expectUnit(cluster, unit)))
    return failure();
  blockColumns = *columns, warps = *numWarps;
  int64_t blocks = 0;
  for (const Part &part : parts) {
    if (blockColumns % kTileColumns != 0 && blockColumns < part.columns)
      return cluster.emitOpError()
             << "expects a schedule with 'columns' a multiple of "
             << kTileColumns << ", found " << cluster.getScheduleAttr();
    blocks += ::mlir::plan::ceilDiv(part.columns, blockColumns);
  }
  return blocks;
}

int64_t ExpertsPrinter::mostProducts() const {
  size_t most = 1;
  for (const Part &part : parts)
    most = std::max(most, part.products.size());
  return most;
}

void ExpertsPrinter::printSizes() {
  SmallVector<int64_t> columns, products;
  for (const Part &part : parts) {
    columns.push_back(part.columns);
    products.push_back(part.products.size());
  }
  text.constant("kDepth", numColumns(experts.getInput()));
  if (!router) {
    text.constant("kExperts", experts.getNumExperts());
    text.constant("kChoices", choices);
  }
  text.constant("kWarps", warps);
  text.constant("kBlockColumns", blockColumns);
  text.constant("kParts", parts.size());
  text.constants("kColumns", columns);
  text.constants("kProducts", products);
  text.flag("kIsMade", !isa<BlockArgument>(experts.getInput()));
  text.flag("kCombines", combines);
}

/// The activations: where they are, or how they are made.
LogicalResult ExpertsPrinter::printRows() {
  Value input = experts.getInput();
  auto argument = dyn_cast<BlockArgument>(input);
  Hole hole(text, argument ? "row" : "activation", argument ? "auto" : "float");
  Place place{hole.index("row"), {}, {}};
  if (tensorType(input).getRank() == 3)
    place.inner = hole.index("choice");
  else
    hole.tag("int");
  if (argument) {
    hole.endWith(inputName(argument.getArgNumber()) + " + " +
                 elementOffset(tensorType(input), "row",
                               place.inner ? "choice" : "", "0"));
    return success();
  }
  place.column = hole.index("column");
  return hole.end(hole.values.evaluate(input, place));
}

/// The experts of a token: made again, or from memory.
LogicalResult ExpertsPrinter::printChoice() {
  text.flag("kRoutes", bool(router));
  if (!router) {
    text.flag("kStoresChoices", false);
    Hole hole(text, "expert", "int");
    Place place{hole.index("row"), {}, hole.index("choice")};
    return hole.end(hole.values.evaluate(experts.getIds(), place));
  }
  bool isStored = !resultsThatAre(cluster, router.getIds()).empty() ||
                  !resultsThatAre(cluster, router.getWeights()).empty();
  text.flag("kStoresChoices", isStored);
  if (failed(printRouter(text, router)))
    return failure();
  return isStored ? printStoreChoice(text, router) : success();
}

/// Binds what the experts make to the sums of the hole's next parameters.
void ExpertsPrinter::bindProducts(Hole &hole, const Part &part, Value column) {
  ScalarPrinter &values = hole.values;
  auto product = [&](const std::string &sum, unsigned number, Value expert) {
    Value value = hole.variable(sum, values.f32());
    if (experts.getScales().empty())
      return value;
    Value scale =
        values.evaluate(experts.getScales()[number], {expert, {}, column});
    return values.multiply(value, scale, "expert_linear");
  };
  size_t count = part.products.size();
  if (!combines) {
    Value expert = hole.index("expert");
    hole.parameter(formatv("const float (&sums)[{0}]", count).str());
    for (auto [i, number] : llvm::enumerate(part.products))
      values.bind(experts->getResult(number),
                  product(formatv("sums[{0}]", i), number, expert));
    return;
  }
  hole.parameter(
      formatv("const skeletons::Choice<{0}> &choice", choices).str());
  hole.parameter(
      formatv("const float (&sums)[{0}][{1}]", choices, count).str());
  SmallVector<Value> weights;
  SmallVector<SmallVector<Value>> sums(count);
  for (int64_t j = 0; j < choices; ++j) {
    Value expert =
        hole.variable(formatv("choice.ids[{0}]", j).str(), values.indexType());
    weights.push_back(
        hole.variable(formatv("choice.weights[{0}]", j).str(), values.f32()));
    for (auto [i, number] : llvm::enumerate(part.products))
      sums[i].push_back(
          product(formatv("sums[{0}][{1}]", j, i), number, expert));
  }
  if (router)
    values.bindChoices(router.getWeights(), weights);
  for (auto [i, number] : llvm::enumerate(part.products))
    values.bindChoices(experts->getResult(number), sums[i]);
}

LogicalResult ExpertsPrinter::printStore(const Part &part, StringRef tag) {
  Hole hole(text, "store");
  hole.tag(tag);
  Place place{hole.index("row"), {}, {}};
  if (!combines)
    place.inner = hole.index("choice");
  place.column = hole.index("column");
  bindProducts(hole, part, place.column);
  for (unsigned result : part.results)
    hole.store(result, place);
  if (failed(hole.end()))
    return failure();
  return printClear(text, "clear", tag, part.results, /*takesInner=*/true);
}

LogicalResult ExpertsPrinter::printParts() {
  for (auto [i, part] : llvm::enumerate(parts)) {
    std::string tag = formatv("skeletons::Part<{0}>", i);
    SmallVector<Value> matrices;
    for (unsigned product : part.products)
      matrices.push_back(experts.getWeights()[product]);
    if (failed(printMatrices(text, tag, matrices, /*ofExperts=*/true)) ||
        failed(printStore(part, tag)))
      return failure();
  }
  return success();
}

FailureOr<KernelHead> ExpertsPrinter::printUngrouped() {
  if (failed(readParts()))
    return failure();
  FailureOr<int64_t> tasks = scheduled(cluster, "tasks", INT32_MAX),
                     blocks = readSchedule("tokens");
  if (failed(tasks) || failed(blocks))
    return failure();
  int64_t wanted = combines ? *blocks : *blocks * choices;
  if (*tasks != wanted)
    return cluster.emitOpError()
           << "expects a schedule with one task for each 'columns' of each "
           << (combines ? "width, " : "width and choice, ") << wanted
           << ", found " << cluster.getScheduleAttr();
  printSizes();
  if (failed(printChoice()) || failed(printRows()) || failed(printParts()))
    return failure();
  return KernelHead{
      formatv("grid T * {0}, block {1}: {2} columns of {3} a block, 4 a warp "
              "at a time",
              *tasks, warps * 32, blockColumns,
              combines ? "all choices" : "a choice"),
      "memory: the chosen experts' weights for every token", warps * 32};
}

FailureOr<KernelHead> ExpertsPrinter::printGrouped() {
  if (failed(readParts()))
    return failure();
  FailureOr<int64_t> tasks = scheduled(cluster, "tasks", INT32_MAX),
                     blocks = readSchedule("one");
  if (failed(tasks) || failed(blocks))
    return failure();
  if (combines)
    return cluster.emitOpError(
        "expects no sum of choices behind rows sorted by expert");
  // Places of a tile that a thread keeps sums of (warp_tile.h).
  constexpr int64_t kTileRows = 8;
  printSizes();
  text.constant("kRows", std::max<int64_t>(1, kTileRows / mostProducts()));
  text.constant("kTasks", *tasks);
  Hole offset(text, "offset", "int");
  if (failed(offset.end(offset.values.evaluateVector(experts.getOffsets(),
                                                     offset.index("expert")))))
    return failure();
  Hole pair(text, "pair", "int");
  pair.index("place");
  pair.endWith(
      formatv("dp::load({0} + place)",
              inputName(cast<BlockArgument>(experts.getOrder()).getArgNumber()))
          .str());
  if (failed(printRows()) || failed(printParts()))
    return failure();
  return KernelHead{
      formatv("grid {0}, block {1}: items of 64 pairs of an expert by {2} "
              "columns, in turn",
              *tasks, warps * 32, blockColumns),
      "arithmetic: one product after the other", warps * 32,
      /*usesSharedMemory=*/true};
}

FailureOr<KernelHead> printUngrouped(ClusterText &text) {
  return ExpertsPrinter(text).printUngrouped();
}
FailureOr<KernelHead> printGrouped(ClusterText &text) {
  return ExpertsPrinter(text).printGrouped();
}

} // namespace

const Skeleton mlir::mm1::cuda::kExperts{"experts", "skeletons/experts.h",
                                         acceptsExperts, printUngrouped};
const Skeleton mlir::mm1::cuda::kGroupedExperts{"grouped_experts",
                                                "skeletons/grouped_experts.h",
                                                acceptsGrouped, printGrouped};
