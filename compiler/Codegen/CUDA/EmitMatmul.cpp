//===- EmitMatmul.cpp - linear, for few rows ------------------------------===//
// A block does `columns` output columns, in panels of 4: each warp every `warps`th
// of them. The lanes read 16 bytes each and column by column, so that a step of the
// loop over k brings 512 bytes of every column: four lines of swizzled tiles
// (#mm1.swizzle), in which the lines of the 4 columns are neighbours, or of a
// matrix that lies row after row. Up to `rows` rows use them while they are in
// registers.
//
//   sums of rows x 4 columns, spread over the warp's lanes   (the loop over k)
//   warp_sum each: lane r * 4 + c keeps the one of row r, column c
//   scales, epilogue, store: one place a lane
//
// The sum of an output has one order, whatever the rows, panels and warps.
//===----------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"
#include "dialects/Plan/Layout.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

namespace {

/// Lanes of a warp, and columns that it makes at once: a panel.
constexpr int64_t kLanes = 32, kColumns = 4;

RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

class MatmulEmitter {
public:
  explicit MatmulEmitter(KernelText &text)
      : text(text), cluster(text.cluster), os(text.os),
        linear(cast<LinearOp>(cluster.getOnlyAnchor().getOperation())) {}

  LogicalResult emit();

private:
  LogicalResult check();
  std::string chunk(Value weight);
  std::string rowElements();
  void printProducts();
  LogicalResult printEpilogue();
  std::string input(Value value) {
    return inputName(cast<BlockArgument>(value).getArgNumber());
  }

  KernelText &text;
  ClusterOp cluster;
  raw_ostream &os;
  LinearOp linear;

  RankedTensorType weightType;
  bool isFragment = false;        // the order of k in a chunk of 16 bytes
  int64_t columns = 0, depth = 0; // N, K
  int64_t size = 0, step = 0;     // elements of a chunk, of all lanes'
  int64_t numPanels = 0, panels = 0, rows = 0, warps = 0;
};

LogicalResult MatmulEmitter::check() {
  for (Value value : linear->getOperands())
    if (!isa<BlockArgument>(value))
      return cluster.emitOpError("expects the operands of its matmul to be "
                                 "inputs of the cluster");
  weightType = tensorType(linear.getWeights().front());
  columns = weightType.getDimSize(0);
  depth = weightType.getDimSize(1);
  size = ::mlir::plan::kChunkBytes /
         ::mlir::plan::elementBytes(weightType.getElementType());
  step = kLanes * size;
  Attribute layout = weightType.getEncoding();
  auto swizzled = dyn_cast_or_null<SwizzledAttr>(layout);
  isFragment = swizzled && swizzled.getOrder() == LineOrder::Fragment;
  bool isRows = isa_and_nonnull<PaddedAttr>(layout) &&
                ::mlir::plan::storedShape(weightType).back() % size == 0;
  if (!swizzled && !isRows)
    return cluster.emitOpError()
           << "expects weights with encoding #mm1.swizzled, or #mm1.padded to "
              "a multiple of "
           << size << ", found " << weightType
           << ": run tile-weights for a CUDA target";
  for (Value value : cluster.getYield().getOperands())
    if (tensorType(value).getShape().back() != columns)
      return cluster.emitOpError()
             << "expects results of " << columns
             << " columns like its matmul, found " << value.getType();

  numPanels = ::mlir::plan::ceilDiv(columns, kColumns);
  FailureOr<int64_t> tasks = scheduled(cluster, "tasks", numPanels),
                     scheduledColumns =
                         scheduled(cluster, "columns", numPanels * kColumns),
                     scheduledRows =
                         scheduled(cluster, "rows", kLanes / kColumns),
                     scheduledWarps = scheduled(cluster, "warps", 32);
  if (failed(tasks) || failed(scheduledColumns) || failed(scheduledRows) ||
      failed(scheduledWarps) || failed(expectUnit(cluster, "one")))
    return failure();
  if (*scheduledColumns % kColumns != 0)
    return cluster.emitOpError()
           << "expects a schedule with 'columns' a multiple "
              "of "
           << kColumns << ", found " << cluster.getScheduleAttr();
  panels = *scheduledColumns / kColumns;
  rows = *scheduledRows;
  warps = *scheduledWarps;
  if (*tasks != ::mlir::plan::ceilDiv(numPanels, panels))
    return cluster.emitOpError()
           << "expects a schedule with one task for each 'columns' of its "
           << columns << " columns, found " << cluster.getScheduleAttr();
  return success();
}

LogicalResult MatmulEmitter::emit() {
  if (failed(check()))
    return failure();
  int64_t bytes = 0;
  for (Value weight : linear.getWeights())
    bytes += ::mlir::plan::weightBytes(tensorType(weight));
  printHead(
      text,
      {formatv("grid {0}, block {1}; a warp does {2} columns at a time, "
               "for {3} rows at a time",
               ::mlir::plan::ceilDiv(numPanels, panels), warps * kLanes,
               kColumns, rows),
       formatv("memory: {0} bytes of weights for every {1} rows", bytes, rows),
       warps * kLanes});
  os << formatv(
      "  const int numRows = dp::tokens(dims);\n"
      "  const int lastPanel = dp::min((dp::block() + 1) * {0}, {1});\n"
      "  for (int panel = dp::block() * {0} + dp::warp(); panel < lastPanel; "
      "panel += {2}) {{\n"
      "    for (int firstRow = 0; firstRow < numRows; firstRow += {3}) {{\n"
      "      const int count = dp::min(numRows - firstRow, {3});\n",
      panels, numPanels, warps, rows);
  printProducts();
  if (failed(printEpilogue()))
    return failure();
  os << "    }\n  }\n}\n";
  return success();
}

/// The address of the lane's 16 bytes of column `panel * 4 + c`.
std::string MatmulEmitter::chunk(Value weight) {
  std::string column = formatv("panel * {0} + c", kColumns);
  if (auto swizzled = dyn_cast<SwizzledAttr>(weightType.getEncoding()))
    return formatv("dp::swizzled_chunk<{0}, {1}>({2}, {3}, k)",
                   swizzled.getRows(), ::mlir::plan::ceilDiv(depth, 8 * size),
                   input(weight), column);
  if (columns % kColumns != 0) // the last rows do not exist
    column = formatv("dp::min({0}, {1})", column, columns - 1);
  return formatv("{0} + dp::i64({1}) * {2} + k", input(weight), column,
                 ::mlir::plan::storedShape(weightType).back());
}

/// What the lane's 16 bytes are multiplied with, of row `firstRow + r`.
std::string MatmulEmitter::rowElements() {
  auto type = tensorType(linear.getInput());
  std::string from = input(linear.getInput()) + " + ";
  if (isFragment)
    return formatv("dp::load_fragment<{0}>({1}{2}, k)", depth, from,
                   elementOffset(type, "firstRow + r", "", "0"));
  return formatv("dp::load_vector<{0}>({1}{2})", size, from,
                 elementOffset(type, "firstRow + r", "", "k"));
}

void MatmulEmitter::printProducts() {
  StringRef element = storageType(weightType);
  unsigned numWeights = linear.getWeights().size();
  for (unsigned i = 0; i < numWeights; ++i)
    os << formatv("      float sums{0}[{1}][{2}] = {{};\n", i, rows, kColumns);
  // In fragment order a chunk has k of 64 around it.
  int64_t end = isFragment ? ::mlir::plan::roundUp(depth, 64) : depth;
  os << formatv("      for (int k = dp::lane() * {0}; k < {1}; k += {2}) {{\n",
                size, end, step);
  for (auto [i, weight] : llvm::enumerate(linear.getWeights()))
    os << formatv("        dp::Vector<{0}, {1}> w{2}[{3}];\n"
                  "        DP_UNROLL\n"
                  "        for (int c = 0; c < {3}; ++c)\n"
                  "          w{2}[c] = dp::stream_vector<{1}>({4});\n",
                  element, size, i, kColumns, chunk(weight));
  os << formatv("        DP_UNROLL\n"
                "        for (int r = 0; r < {0}; ++r) {{\n"
                "          if (r < count) {{\n"
                "            const auto x = {1};\n"
                "            DP_UNROLL\n"
                "            for (int c = 0; c < {2}; ++c) {{\n",
                rows, rowElements(), kColumns);
  for (unsigned i = 0; i < numWeights; ++i)
    os << formatv("              sums{0}[r][c] = dp::dot(x, w{0}[c], "
                  "sums{0}[r][c]);\n",
                  i);
  os << "            }\n          }\n        }\n      }\n";
}

LogicalResult MatmulEmitter::printEpilogue() {
  unsigned numWeights = linear.getWeights().size();
  os << formatv("      // Lane r * {0} + c finishes row r, column c.\n",
                kColumns);
  for (unsigned i = 0; i < numWeights; ++i)
    os << formatv("      float sum{0} = 0.0f;\n", i);
  os << formatv("      DP_UNROLL\n"
                "      for (int r = 0; r < {0}; ++r) {{\n"
                "        if (r < count) {{\n"
                "          DP_UNROLL\n"
                "          for (int c = 0; c < {1}; ++c) {{\n",
                rows, kColumns);
  for (unsigned i = 0; i < numWeights; ++i)
    os << formatv(
        "            const float all{0} = dp::warp_sum(sums{0}[r][c]);\n"
        "            sum{0} = dp::lane() == r * {1} + c ? all{0} : "
        "sum{0};\n",
        i, kColumns);
  os << formatv("          }\n        }\n      }\n"
                "      const int row = firstRow + dp::lane() / {0};\n"
                "      const int column = panel * {0} + dp::lane() % {0};\n"
                "      if (dp::lane() / {0} < count && column < {1}) {{\n",
                kColumns, columns);

  ScalarPrinter body(cluster);
  Place place{body.variable("row", body.indexType()), Value(),
              body.variable("column", body.indexType())};
  for (auto [i, output] : llvm::enumerate(linear.getOutputs())) {
    Value sum = body.variable("sum" + std::to_string(i), body.f32());
    if (!linear.getScales().empty())
      sum = body.multiply(
          sum, body.evaluateVector(linear.getScales()[i], place.column),
          "linear");
    body.bind(output, sum);
  }
  SmallVector<Value> values;
  for (Value value : cluster.getYield().getOperands())
    values.push_back(body.evaluate(value, place));
  if (failed(body.printStatements(os, 8)))
    return failure();
  for (auto [result, value] : llvm::enumerate(values))
    printStore(text, 8, result, "row", "", "column", body.expression(value));
  os << "      }\n";

  if (columns % ::mlir::plan::kRowMultiple != 0) {
    os << formatv("      if (panel == {0}) {{\n"
                  "        for (int r = 0; r < count; ++r) {{\n",
                  numPanels - 1);
    for (unsigned result = 0; result < values.size(); ++result)
      printPadding(text, 10, result, "firstRow + r", "", "dp::lane()");
    os << "        }\n      }\n";
  }
  return success();
}

} // namespace

LogicalResult mlir::mm1::cuda::emitMatmul(KernelText &text) {
  return MatmulEmitter(text).emit();
}
