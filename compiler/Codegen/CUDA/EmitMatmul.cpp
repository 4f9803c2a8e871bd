//===- EmitMatmul.cpp - linear, with what stands around it ----------------===//
// Fills matmul.h. A part is what an epilogue joins: its matrices, and the
// results made of their products. What stands in front of the products (a norm,
// a gate) is printed as a number at a place, for every block to make again.
//===----------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"
#include "compiler/Codegen/CUDA/Matrices.h"
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

/// The linear of the cluster's only matmul, alone or behind a reduction.
LinearOp linearOf(ClusterOp cluster) {
  SmallVector<AnchorOpInterface> anchors = cluster.getAnchorOps();
  if (anchors.empty() || anchors.size() > 2)
    return nullptr;
  if (anchors.size() == 2) {
    auto reduction =
        dyn_cast<RowReductionOpInterface>(anchors[0].getOperation());
    if (!reduction || reduction.yieldsSums())
      return nullptr;
  }
  return dyn_cast<LinearOp>(anchors.back().getOperation());
}

bool accepts(ClusterOp cluster) { return bool(linearOf(cluster)); }

struct Part {
  SmallVector<unsigned> products;
  /// Results of the cluster that are made of them.
  SmallVector<unsigned> results;
  int64_t columns = 0;
};

class MatmulPrinter {
public:
  explicit MatmulPrinter(ClusterText &text)
      : text(text), cluster(text.cluster), linear(linearOf(cluster)),
        reduction(dyn_cast<RowReductionOpInterface>(
            cluster.getAnchorOps().front().getOperation())) {}

  FailureOr<KernelHead> print();

private:
  LogicalResult readParts();
  void readRowSums();
  void bindStat(ScalarPrinter &values, Value stat);
  LogicalResult readSchedule();
  void printSizes();
  LogicalResult printRows();
  LogicalResult printFront();
  LogicalResult printPart(unsigned number);

  ClusterText &text;
  ClusterOp cluster;
  LinearOp linear;
  RowReductionOpInterface reduction; ///< null where nothing is normed
  Value rowSums; ///< what norm_rows sums up; null where a norm is in front

  SmallVector<Part> parts;
  SmallVector<unsigned> frontResults; ///< made in front of the products
  int64_t depth = 0, widest = 0;
  int64_t tasks = 0, blockColumns = 0, rows = 0, warps = 0;
};

LogicalResult MatmulPrinter::readParts() {
  depth = numColumns(linear.getInput());
  for (ArrayRef<unsigned> products :
       jointProducts(ClusterView(cluster, Bucket{"", 1, 1}), linear)) {
    Part part;
    part.products.assign(products.begin(), products.end());
    part.columns = numColumns(linear->getResult(products.front()));
    widest = std::max(widest, part.columns);
    parts.push_back(part);
  }
  for (auto [i, value] : llvm::enumerate(cluster.getYield().getOperands())) {
    Part *of = nullptr;
    for (Part &part : parts)
      if (llvm::any_of(part.products, [&, value = value](unsigned product) {
            return dependsOn(value, linear->getResult(product));
          }))
        of = &part;
    int64_t columns = of ? of->columns : depth;
    if (tensorType(value).getRank() != 2 || numColumns(value) != columns)
      return cluster.emitOpError()
             << "expects results of " << columns
             << " columns like the products they are made of, found "
             << value.getType();
    (of ? of->results : frontResults).push_back(i);
  }
  return success();
}

/// A sum over parts of the row is made once for each row, in the place of the
/// number that a norm in front would have.
void MatmulPrinter::readRowSums() {
  for (NormRowsOp norm : cluster.getBody().front().getOps<NormRowsOp>())
    if (!reduction && !rowSums && isa<BlockArgument>(norm.getSums()))
      rowSums = norm.getSums();
}

/// Makes `values` know what `stat` is in a hole.
void MatmulPrinter::bindStat(ScalarPrinter &values, Value stat) {
  if (reduction)
    values.bindStat(reduction, stat);
  if (rowSums)
    values.bindRowSum(rowSums, stat);
}

LogicalResult MatmulPrinter::readSchedule() {
  // A lane finishes one place of a tile of `rows` x 4 (warp_tile.h).
  constexpr int64_t kMostRows = 8, kTileColumns = 4, kMostWarps = 32,
                    kSumGroups = 8;
  FailureOr<int64_t> numTasks = scheduled(cluster, "tasks", INT32_MAX),
                     numColumns = scheduled(cluster, "columns", INT32_MAX),
                     numRows = scheduled(cluster, "rows", kMostRows),
                     numWarps = scheduled(cluster, "warps", kMostWarps);
  if (failed(numTasks) || failed(numColumns) || failed(numRows) ||
      failed(numWarps) || failed(expectUnit(cluster, "one")))
    return failure();
  tasks = *numTasks, blockColumns = *numColumns, rows = *numRows,
  warps = *numWarps;
  if (blockColumns % kTileColumns != 0 && blockColumns < widest)
    return cluster.emitOpError()
           << "expects a schedule with 'columns' a multiple of " << kTileColumns
           << ", found " << cluster.getScheduleAttr();
  if (reduction && kSumGroups % warps != 0)
    return cluster.emitOpError()
           << "expects a schedule with 1, 2, 4 or 8 warps, found "
           << cluster.getScheduleAttr();
  int64_t blocks = 0;
  for (const Part &part : parts)
    blocks += ::mlir::plan::ceilDiv(part.columns, blockColumns);
  if (tasks != blocks)
    return cluster.emitOpError()
           << "expects a schedule with one task for each 'columns' of each "
              "width, "
           << blocks << ", found " << cluster.getScheduleAttr();
  return success();
}

void MatmulPrinter::printSizes() {
  SmallVector<int64_t> columns, products;
  for (const Part &part : parts) {
    columns.push_back(part.columns);
    products.push_back(part.products.size());
  }
  text.constant("kDepth", depth);
  text.constant("kRows", rows);
  text.constant("kWarps", warps);
  text.constant("kBlockColumns", blockColumns);
  text.constant("kParts", parts.size());
  text.constants("kColumns", columns);
  text.constants("kProducts", products);
  text.flag("kIsMade", !isa<BlockArgument>(linear.getInput()));
  text.flag("kIsReduced", bool(reduction));
  text.flag("kHasRowStats", bool(rowSums));
  text.flag("kStoresRows", !frontResults.empty());
}

/// The activations: where they are, or how they are made.
LogicalResult MatmulPrinter::printRows() {
  Value input = linear.getInput();
  if (auto argument = dyn_cast<BlockArgument>(input)) {
    auto type = tensorType(input);
    Hole hole(text, "row", "auto");
    hole.index("row");
    hole.endWith(inputName(argument.getArgNumber()) + " + " +
                 elementOffset(type, "row", "", "0"));
    return success();
  }
  Hole hole(text, "activation", "float");
  Place place{hole.index("row"), {}, hole.index("column")};
  Value stat = hole.number("stat");
  bindStat(hole.values, stat);
  return hole.end(hole.values.evaluate(input, place));
}

LogicalResult MatmulPrinter::printFront() {
  if (reduction && failed(printReduction(text, reduction)))
    return failure();
  if (rowSums) {
    Hole hole(text, "row_stat", "float");
    hole.index("row");
    hole.endWith(hole.values.spellRowSum(rowSums, "row"));
  }
  if (failed(printRows()))
    return failure();
  if (frontResults.empty())
    return success();
  Hole hole(text, "store_row");
  Place place{hole.index("row"), {}, hole.index("column")};
  Value stat = hole.number("stat");
  bindStat(hole.values, stat);
  for (unsigned result : frontResults)
    hole.store(result, place);
  if (failed(hole.end()))
    return failure();
  return printClear(text, "clear_row", "", frontResults);
}

LogicalResult MatmulPrinter::printPart(unsigned number) {
  const Part &part = parts[number];
  std::string tag = formatv("skeletons::Part<{0}>", number);
  SmallVector<Value> matrices;
  for (unsigned product : part.products)
    matrices.push_back(linear.getWeights()[product]);
  if (failed(printMatrices(text, tag, matrices)))
    return failure();

  Hole hole(text, "store");
  hole.tag(tag);
  Place place{hole.index("row"), {}, hole.index("column")};
  hole.parameter(
      formatv("const float (&sums)[{0}]", part.products.size()).str());
  for (auto [i, product] : llvm::enumerate(part.products)) {
    Value sum = hole.variable(formatv("sums[{0}]", i).str(), hole.values.f32());
    if (!linear.getScales().empty())
      sum = hole.values.multiply(
          sum,
          hole.values.evaluateVector(linear.getScales()[product], place.column),
          "linear");
    hole.values.bind(linear->getResult(product), sum);
  }
  Value stat = hole.number("stat");
  bindStat(hole.values, stat);
  for (unsigned result : part.results)
    hole.store(result, place);
  if (failed(hole.end()))
    return failure();
  return part.results.empty() ? success()
                              : printClear(text, "clear", tag, part.results);
}

FailureOr<KernelHead> MatmulPrinter::print() {
  readRowSums();
  if (failed(readParts()) || failed(readSchedule()))
    return failure();
  printSizes();
  if (failed(printFront()))
    return failure();
  int64_t bytes = 0;
  for (Value weight : linear.getWeights()) {
    bytes += ::mlir::plan::weightBytes(tensorType(weight));
    if (storageType(tensorType(weight)) !=
        storageType(tensorType(linear.getWeights().front())))
      return cluster.emitOpError("expects weights of one element type");
  }
  for (unsigned i = 0; i < parts.size(); ++i)
    if (failed(printPart(i)))
      return failure();
  return KernelHead{
      formatv("grid {0}, block {1}: {2} columns a block, 4 a warp at a time, "
              "for {3} rows at a time",
              tasks, warps * 32, blockColumns, rows),
      formatv("memory: {0} bytes of weights", bytes), warps * 32,
      /*usesSharedMemory=*/reduction || rowSums};
}

FailureOr<KernelHead> print(ClusterText &text) {
  return MatmulPrinter(text).print();
}

} // namespace

const Skeleton mlir::mm1::cuda::kMatmul{"matmul", "skeletons/matmul.h", accepts,
                                        print};
