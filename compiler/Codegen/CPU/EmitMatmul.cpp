//===- EmitMatmul.cpp - linear and expert_linear -------------------------===//
// A task is `panels` panels of 32 output columns, for all rows, and for
// expert_linear for all experts. Products that an epilogue joins (silu(g) * u)
// are made together; the others are parts of their own, whose panels stand
// behind each other. A call with several tasks does, for each part it touches,
//
//   for each expert with rows:                    (one "expert" in a linear)
//     for each panel of the tasks:
//       for each tile of up to 12 rows:
//         for each weight: sums of the tile       (MicroKernel.h)
//         for each row of the tile: scales, epilogue, store
//
// so a panel comes from memory once and serves all tiles from the cache; in
// decode, with one tile, the task reads its weights as one stream. Weights and
// activations that the multiply instruction does not take as they are stored
// (int8; bf16 where there is no dot product of bf16) are widened once in front
// of many rows, and in registers for few: the numbers, and so the bits, are the
// same.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"
#include "compiler/Codegen/CPU/MicroKernel.h"
#include "dialects/Plan/Layout.h"
#include "passes/Fuse/ClusterView.h"
#include "passes/Fuse/ScheduleChoice.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

namespace {

RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Products that are made together, panel by panel.
struct Part {
  SmallVector<Value> weights, scales, outputs;
  /// Results of the cluster that are made of them.
  SmallVector<unsigned> results;
  int64_t columns = 0;
  /// Panels of all parts before this one, and of this one.
  int64_t firstPanel = 0, numPanels = 0;
};

class MatmulEmitter {
public:
  explicit MatmulEmitter(KernelFrame &frame)
      : frame(frame), k(frame.k), reader(frame.reader) {}

  LogicalResult emit();

private:
  LogicalResult readAnchor();
  void readParts(MatmulOpInterface matmul);
  LogicalResult check(MatmulOpInterface matmul);
  void emitPanel(const Part &part, Value panel, Value expert, Value firstPair,
                 Value numRows);
  void emitTiles(const Part &part, const MicroKernel &kernel,
                 ArrayRef<Value> panels, Value panel, Value expert,
                 Value firstPair, Value numRows);
  void listRows(bool isWide, Value firstPair, Value row, Value count);
  Value rowAddress(Value firstPair, Value row);
  void widenRow(Value from, Value to);
  void clear(Value sums, Value bytes);
  void emitEpilogue(const Part &part, Value panel, Value expert,
                    Value firstPair, Value row, Value count);

  /// The product of the weights as they are stored.
  MicroKernel storedKernel();
  Value panelAddress(const Part &part, Value weight, Value expert, Value panel);
  /// Scales of an expert, with those of columns that only pad the last panel.
  static int64_t scaleColumns(const Part &part) {
    return plan::roundUp(part.columns, kPanel);
  }
  /// The pair (t * k + j) at place `i` of the expert lists; pair i without.
  Value loadPair(Value i) {
    return order ? k.loadIndex(k.at(reader.inputAddress(order), k.mul(i, 4)))
                 : i;
  }

  KernelFrame &frame;
  KernelBuilder &k;
  ClusterReader &reader;

  // From the anchor.
  /// `order` and `offsets` are null where pairs are not grouped by expert.
  Value input, ids, order, offsets;
  std::vector<Part> parts;
  int64_t experts = 1, choices = 1, depthTotal = 0;
  Type weightElement, inputElement;

  int64_t panelsOfTask = 1, numPanels = 0, maxRows = 0, mostWeights = 0;
  /// Sums of a tile, [weight][row][32] f32.
  Value tileSums;
  /// The addresses of a tile's rows.
  Value rowTable;
  /// Steps of a stored panel.
  int64_t numSteps = 0;
  /// Widened panels; empty when stored as needed.
  SmallVector<Value> widePanels;
  /// Widened rows of a tile; null when stored as needed.
  Value wideRows;
  int64_t wideRowBytes = 0;
};

/// From this many rows on, widening a panel first costs less than in registers.
constexpr int64_t kManyRows = 13;

LogicalResult MatmulEmitter::readAnchor() {
  auto matmul =
      cast<MatmulOpInterface>(frame.cluster.getOnlyAnchor().getOperation());
  input = matmul.getRows();
  if (auto grouped = dyn_cast<ExpertLinearOp>(matmul.getOperation())) {
    ids = grouped.getIds();
    order = grouped.getOrder();
    offsets = grouped.getOffsets();
  }
  experts = matmul.getNumExperts();
  choices = matmul.getNumChoices();
  depthTotal = matmul.getMatrixType().getShape().back();
  weightElement = matmul.getMatrixType().getElementType();
  inputElement = tensorType(input).getElementType();
  readParts(matmul);
  return check(matmul);
}

void MatmulEmitter::readParts(MatmulOpInterface matmul) {
  ClusterView view(frame.cluster, Bucket{"", 1, 1});
  for (ArrayRef<unsigned> products : jointProducts(view, matmul)) {
    Part part;
    RankedTensorType type = matmul.getMatrixType(products.front());
    part.columns = type.getShape()[type.getRank() - 2];
    part.firstPanel = numPanels;
    part.numPanels = plan::ceilDiv(part.columns, kPanel);
    numPanels += part.numPanels;
    for (unsigned product : products) {
      part.weights.push_back(matmul.getMatrices()[product]);
      part.outputs.push_back(matmul->getResult(product));
      if (!matmul.getMatrixScales().empty())
        part.scales.push_back(matmul.getMatrixScales()[product]);
    }
    for (auto [i, value] :
         llvm::enumerate(frame.cluster.getYield().getOperands()))
      if (llvm::any_of(part.outputs, [&, value = value](Value output) {
            return ClusterReader::dependsOn(value, output);
          }))
        part.results.push_back(i);
    mostWeights = std::max<int64_t>(mostWeights, products.size());
    parts.push_back(std::move(part));
  }
}

LogicalResult MatmulEmitter::check(MatmulOpInterface matmul) {
  ClusterOp cluster = frame.cluster;
  for (Value value : matmul->getOperands())
    if (!isa<BlockArgument>(value))
      return cluster.emitOpError("expects the operands of its matmul to be "
                                 "inputs of the cluster");
  int64_t depth = weightElement.isF32() ? 1 : 2;
  for (Value weight : matmul.getMatrices()) {
    auto tiled = dyn_cast_or_null<TiledAttr>(tensorType(weight).getEncoding());
    if (!tiled || tiled.getPanel() != kPanel || tiled.getDepth() != depth)
      return cluster.emitOpError()
             << "expects weights with encoding #mm1.tiled<panel = 32, depth = "
             << depth << ">, found " << weight.getType()
             << ": run tile-weights";
  }
  for (const Part &part : parts) {
    // Expert e's scale of column c is read at e * scaleColumns() + c.
    for (Value scale : part.scales)
      if (plan::storedShape(tensorType(scale)).back() != scaleColumns(part))
        return cluster.emitOpError()
               << "expects scales in rows of " << scaleColumns(part)
               << " columns, whole panels, found " << scale.getType()
               << ": run tile-weights";
    for (unsigned result : part.results) {
      Value value = cluster.getYield().getOperand(result);
      if (tensorType(value).getShape().back() != part.columns)
        return cluster.emitOpError()
               << "expects results of " << part.columns
               << " columns like its matmul, found " << value.getType();
    }
  }
  panelsOfTask = frame.schedule.get("panels", 1);
  if (frame.schedule.unit != GridUnit::One || panelsOfTask < 1 ||
      frame.schedule.tasks != plan::ceilDiv(numPanels, panelsOfTask))
    return cluster.emitOpError()
           << "expects a schedule with unit = \"one\" and one task for each "
              "'panels' of its "
           << numPanels << " panels, found " << frame.schedule.attributes;
  return success();
}

LogicalResult MatmulEmitter::emit() {
  if (failed(readAnchor()))
    return failure();
  MicroKernel stored = storedKernel(), wide = stored.widened();
  numSteps = plan::ceilDiv(depthTotal, stored.depth());
  maxRows = std::clamp<int64_t>(
      frame.schedule.get(knob::kRows, stored.rowCounts().front()), 1,
      stored.rowCounts().front());
  tileSums = k.scratch(mostWeights * maxRows * kPanel * 4);
  rowTable = k.scratch(maxRows * 8);
  if (wide.weight != weightElement)
    for (int64_t i = 0; i < mostWeights; ++i)
      widePanels.push_back(k.scratch(numSteps * stored.depth() / wide.depth() *
                                     wide.stepBytes()));
  if (wide.activation != inputElement) {
    wideRowBytes = plan::rowStrideBytes(depthTotal, wide.activation);
    wideRows = k.scratch(maxRows * wideRowBytes);
  }

  // Tasks are panels, and a call's tasks follow each other: each expert's
  // panels are read as one stream.
  Value first = k.mul(k.taskBegin(), panelsOfTask);
  Value last = k.min(k.mul(k.taskEnd(), panelsOfTask), k.index(numPanels));
  auto emitPanels = [&](Value expert, Value firstPair, Value numRows) {
    for (const Part &part : parts) {
      Value begin = k.index(part.firstPanel);
      Value end = k.index(part.firstPanel + part.numPanels);
      if (parts.size() == 1)
        begin = first, end = last;
      else
        begin = k.max(first, begin), end = k.min(last, end);
      k.forLoop(begin, end, 1, [&](Value panel) {
        emitPanel(part, k.sub(panel, k.index(part.firstPanel)), expert,
                  firstPair, numRows);
      });
    }
  };
  if (!ids) {
    emitPanels(k.index(0), Value(), k.dim(::mm1::kDimTokens));
    return success();
  }
  if (!order) {
    // Each pair reads its expert for itself.
    Value pairs = k.mul(k.dim(::mm1::kDimTokens), choices);
    k.forLoop(k.index(0), pairs, 1, [&](Value pair) {
      Value expert =
          k.loadIndex(k.at(reader.inputAddress(ids), k.mul(pair, 4)));
      emitPanels(expert, pair, k.index(1));
    });
    return success();
  }
  k.forLoop(k.index(0), k.index(experts), 1, [&](Value expert) {
    Value at = k.at(reader.inputAddress(offsets), k.mul(expert, 4));
    Value firstPair = k.loadIndex(at);
    Value numRows = k.sub(k.loadIndex(k.at(at, 4)), firstPair);
    k.ifThen(k.less(k.index(0), numRows),
             [&] { emitPanels(expert, firstPair, numRows); });
  });
  return success();
}

MicroKernel MatmulEmitter::storedKernel() {
  return {k, inputElement, weightElement};
}

Value MatmulEmitter::panelAddress(const Part &part, Value weight, Value expert,
                                  Value panel) {
  Value place = k.add(k.mul(expert, part.numPanels), panel);
  return k.at(reader.inputAddress(weight),
              k.mul(place, numSteps * storedKernel().stepBytes()));
}

void MatmulEmitter::emitPanel(const Part &part, Value panel, Value expert,
                              Value firstPair, Value numRows) {
  MicroKernel kernel = storedKernel();
  SmallVector<Value> panels;
  for (Value weight : part.weights)
    panels.push_back(panelAddress(part, weight, expert, panel));
  if (widePanels.empty() && !wideRows) {
    emitTiles(part, kernel, panels, panel, expert, firstPair, numRows);
    return;
  }
  k.ifElse(
      k.less(numRows, k.index(kManyRows)), {},
      [&]() -> SmallVector<Value> {
        emitTiles(part, kernel, panels, panel, expert, firstPair, numRows);
        return {};
      },
      [&]() -> SmallVector<Value> {
        ArrayRef<Value> wide = panels;
        if (!widePanels.empty()) {
          wide = ArrayRef<Value>(widePanels).take_front(panels.size());
          for (auto [from, to] : llvm::zip(panels, wide))
            kernel.widenPanel(from, to, k.index(numSteps));
        }
        emitTiles(part, kernel.widened(), wide, panel, expert, firstPair,
                  numRows);
        return {};
      });
}

void MatmulEmitter::emitTiles(const Part &part, const MicroKernel &kernel,
                              ArrayRef<Value> panels, Value panel, Value expert,
                              Value firstPair, Value numRows) {
  k.whileLoop(
      k.index(0), [&](ValueRange row) { return k.less(row[0], numRows); },
      [&](ValueRange carried) -> SmallVector<Value> {
        Value row = carried[0];
        Value count = kernel.countRows(k.sub(numRows, row), maxRows);
        listRows(kernel.activation != inputElement, firstPair, row, count);
        SmallVector<Value> sums;
        for (size_t w = 0; w < panels.size(); ++w)
          sums.push_back(k.at(tileSums, w * maxRows * kPanel * 4));
        for (Value sum : sums)
          clear(sum, k.mul(count, kPanel * 4));
        Value steps =
            k.index(numSteps * storedKernel().depth() / kernel.depth());
        kernel.multiply(rowTable, count, panels, sums, steps);
        emitEpilogue(part, panel, expert, firstPair, row, count);
        return {k.add(row, count)};
      });
}

/// Fills rowTable, with the addresses of widened copies if `isWide`.
void MatmulEmitter::listRows(bool isWide, Value firstPair, Value row,
                             Value count) {
  k.forLoop(k.index(0), count, 1, [&](Value i) {
    Value address = rowAddress(firstPair, k.add(row, i));
    if (isWide) {
      Value wide = k.at(wideRows, k.mul(i, wideRowBytes));
      widenRow(address, wide);
      address = wide;
    }
    k.store(address, k.at(rowTable, k.mul(i, 8)));
  });
}

Value MatmulEmitter::rowAddress(Value firstPair, Value row) {
  auto type = tensorType(input);
  int64_t stride =
      plan::rowStrideBytes(type.getShape().back(), type.getElementType());
  if (ids) {
    row = loadPair(k.add(firstPair, row));
    if (type.getRank() == 2)
      row = k.div(row, choices);
  }
  return k.at(reader.inputAddress(input), k.mul(row, stride));
}

/// Writes zeros; `bytes` is a multiple of a row of sums.
void MatmulEmitter::clear(Value sums, Value bytes) {
  int64_t lanes = k.target.lanes;
  k.forLoop(k.index(0), bytes, 4 * lanes, [&](Value i) {
    k.store(k.floats(0.0, lanes), k.at(sums, i), 4 * lanes);
  });
}

/// Copies a row and its padding as f32.
void MatmulEmitter::widenRow(Value from, Value to) {
  int64_t lanes = k.target.lanes;
  Value width = k.index(plan::roundUp(depthTotal, plan::kRowMultiple));
  k.forLoop(k.index(0), width, lanes, [&](Value i) {
    Value x =
        k.loadFloats(k.at(from, k.mul(i, plan::elementBytes(inputElement))),
                     inputElement, lanes);
    k.store(x, k.at(to, k.mul(i, 4)), 4 * lanes);
  });
}

void MatmulEmitter::emitEpilogue(const Part &part, Value panel, Value expert,
                                 Value firstPair, Value row, Value count) {
  int64_t lanes = k.target.lanes;
  Value width = k.index(scaleColumns(part));
  k.forLoop(k.index(0), count, 1, [&](Value i) {
    Place place{k.add(row, i), Value(), Value()};
    if (ids) {
      Value pair = loadPair(k.add(firstPair, place.row));
      place.row = k.div(pair, choices);
      place.inner = k.rem(pair, choices);
    }
    for (int64_t v = 0; v < kPanel / lanes; ++v) {
      place.column = k.add(k.mul(panel, kPanel), v * lanes);
      for (size_t w = 0; w < part.weights.size(); ++w) {
        Value at = k.at(k.at(tileSums, k.mul(i, kPanel * 4)),
                        (w * maxRows * kPanel + v * lanes) * 4);
        Value sum = k.load(k.vectorOf(k.b.getF32Type(), lanes), at, 4 * lanes);
        if (!part.scales.empty()) {
          Value element = k.add(k.mul(expert, width), place.column);
          sum =
              k.mul(sum, reader.evaluateVector(part.scales[w], element, lanes));
        }
        reader.bind(part.outputs[w], sum);
      }
      for (unsigned result : part.results)
        reader.storeResult(result, place, lanes);
    }
  });
  for (Value output : part.outputs)
    reader.unbind(output);
}

} // namespace

LogicalResult mlir::mm1::cpu::emitMatmul(KernelFrame &frame) {
  return MatmulEmitter(frame).emit();
}
