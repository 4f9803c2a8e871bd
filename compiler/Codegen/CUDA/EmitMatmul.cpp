//===- EmitMatmul.cpp - linear, for few rows -----------------------------===//
// A block does `panels` panels of output columns, each warp every `warps`th of
// them. A panel (4 columns) is a stream of memory, [K / 256][4][256] for bf16:
// the lanes read 16 bytes each and column by column, so that a step of the loop
// over k brings 512 contiguous bytes of every column. Up to `rows` rows use them
// while they are in registers.
//
//   sums of rows x 4 columns, spread over the warp's lanes   (the loop over k)
//   warp_sum each: lane r * 4 + c keeps the one of row r, column c
//   scales, epilogue, store: one place a lane
//
// The sum of an output has one order, whatever the rows, panels and warps.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"
#include "dialects/Plan/Layout.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

namespace {

/// Bytes of a weight that a lane loads at once, and lanes of a warp.
constexpr int64_t kLoadBytes = 16, kLanes = 32;

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
  void printProducts();
  LogicalResult printEpilogue();
  std::string input(Value value) {
    return inputName(cast<BlockArgument>(value).getArgNumber());
  }

  KernelText &text;
  ClusterOp cluster;
  raw_ostream &os;
  LinearOp linear;

  int64_t columns = 0, depthTotal = 0;    // N, K
  int64_t panel = 0, depth = 0, size = 0; // columns; k of a step, of a lane
  int64_t numPanels = 0, panels = 0, rows = 0, warps = 0;
};

LogicalResult MatmulEmitter::check() {
  for (Value value : linear->getOperands())
    if (!isa<BlockArgument>(value))
      return cluster.emitOpError("expects the operands of its matmul to be "
                                 "inputs of the cluster");
  auto type = tensorType(linear.getWeights().front());
  columns = type.getDimSize(0);
  depthTotal = type.getDimSize(1);
  size = kLoadBytes / ::mlir::plan::elementBytes(type.getElementType());
  auto tiled = dyn_cast_or_null<TiledAttr>(type.getEncoding());
  if (!tiled || tiled.getDepth() != kLanes * size ||
      kLanes % tiled.getPanel() != 0)
    return cluster.emitOpError()
           << "expects weights with encoding #mm1.tiled<panel = 4, depth = "
           << kLanes * size << ">, found " << type
           << ": run tile-weights for a CUDA target";
  panel = tiled.getPanel();
  depth = tiled.getDepth();
  for (Value value : cluster.getYield().getOperands())
    if (tensorType(value).getShape().back() != columns)
      return cluster.emitOpError()
             << "expects results of " << columns
             << " columns like its matmul, found " << value.getType();

  numPanels = ::mlir::plan::ceilDiv(columns, panel);
  FailureOr<int64_t> tasks = scheduled(cluster, "tasks", numPanels),
                     scheduledPanels = scheduled(cluster, "panels", numPanels),
                     scheduledRows = scheduled(cluster, "rows", kLanes / panel),
                     scheduledWarps = scheduled(cluster, "warps", 32);
  if (failed(tasks) || failed(scheduledPanels) || failed(scheduledRows) ||
      failed(scheduledWarps) || failed(expectUnit(cluster, "one")))
    return failure();
  panels = *scheduledPanels;
  rows = *scheduledRows;
  warps = *scheduledWarps;
  if (*tasks != ::mlir::plan::ceilDiv(numPanels, panels))
    return cluster.emitOpError()
           << "expects a schedule with one task for each 'panels' of its "
           << numPanels << " panels, found " << cluster.getScheduleAttr();
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
               ::mlir::plan::ceilDiv(numPanels, panels), warps * kLanes, panel,
               rows),
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

void MatmulEmitter::printProducts() {
  auto xType = tensorType(linear.getInput());
  StringRef element =
      cppType(tensorType(linear.getWeights().front()).getElementType());
  int64_t steps = ::mlir::plan::ceilDiv(depthTotal, depth);
  for (auto [i, weight] : llvm::enumerate(linear.getWeights()))
    os << formatv("      const {0} *panel{1} = {2} + dp::i64(panel) * {3} + "
                  "dp::lane() * {4};\n"
                  "      float sums{1}[{5}][{6}] = {{};\n",
                  element, i, input(weight), steps * panel * depth, size, rows,
                  panel);
  os << formatv("      for (int step = 0, k = dp::lane() * {0}; k < {1}; "
                "++step, k += {2}) {{\n",
                size, depthTotal, depth);
  for (unsigned i = 0; i < linear.getWeights().size(); ++i)
    os << formatv("        dp::Vector<{0}, {1}> w{2}[{3}];\n"
                  "        DP_UNROLL\n"
                  "        for (int c = 0; c < {3}; ++c)\n"
                  "          w{2}[c] = dp::stream_vector<{1}>(panel{2} + "
                  "dp::i64(step) * {4} + c * {5});\n",
                  element, size, i, panel, panel * depth, depth);
  os << formatv("        DP_UNROLL\n"
                "        for (int r = 0; r < {0}; ++r) {{\n"
                "          if (r < count) {{\n"
                "            const auto x = dp::load_vector<{1}>({2} + "
                "{3});\n"
                "            DP_UNROLL\n"
                "            for (int c = 0; c < {4}; ++c) {{\n",
                rows, size, input(linear.getInput()),
                elementOffset(xType, "firstRow + r", "", "k"), panel);
  for (unsigned i = 0; i < linear.getWeights().size(); ++i)
    os << formatv("              sums{0}[r][c] = dp::dot(x, w{0}[c], "
                  "sums{0}[r][c]);\n",
                  i);
  os << "            }\n          }\n        }\n      }\n";
}

LogicalResult MatmulEmitter::printEpilogue() {
  unsigned numWeights = linear.getWeights().size();
  os << formatv("      // Lane r * {0} + c finishes row r, column c.\n", panel);
  for (unsigned i = 0; i < numWeights; ++i)
    os << formatv("      float sum{0} = 0.0f;\n", i);
  os << formatv("      DP_UNROLL\n"
                "      for (int r = 0; r < {0}; ++r) {{\n"
                "        if (r < count) {{\n"
                "          DP_UNROLL\n"
                "          for (int c = 0; c < {1}; ++c) {{\n",
                rows, panel);
  for (unsigned i = 0; i < numWeights; ++i)
    os << formatv(
        "            const float all{0} = dp::warp_sum(sums{0}[r][c]);\n"
        "            sum{0} = dp::lane() == r * {1} + c ? all{0} : "
        "sum{0};\n",
        i, panel);
  os << formatv("          }\n        }\n      }\n"
                "      const int row = firstRow + dp::lane() / {0};\n"
                "      const int column = panel * {0} + dp::lane() % {0};\n"
                "      if (dp::lane() / {0} < count && column < {1}) {{\n",
                panel, columns);

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
