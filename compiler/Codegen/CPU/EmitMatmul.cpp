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
  SmallVector<Value> rowAddresses(Value firstPair, Value row, int64_t count);
  void widenRow(Value from, Value to);
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
  /// Widened panels and rows of a tile; empty when stored as needed.
  SmallVector<Value> widePanels, wideRows;
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
  MicroKernel kernel = storedKernel();
  maxRows = std::max<int64_t>(
      1, std::min(kernel.rowCounts().front(),
                  frame.schedule.get("rows", kernel.rowCounts().front())));
  tileSums = k.scratch(mostWeights * maxRows * kPanel * 4);
  MicroKernel wide = kernel.widened();
  if (wide.weight != weightElement)
    for (int64_t i = 0; i < mostWeights; ++i)
      widePanels.push_back(k.scratch(wide.panelBytes()));
  if (wide.activation != inputElement)
    for (int64_t i = 0; i < maxRows; ++i)
      wideRows.push_back(
          k.scratch(plan::rowStrideBytes(depthTotal, wide.activation)));

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
  int64_t depth = weightElement.isF32() ? 1 : 2;
  return {k, inputElement, weightElement, plan::ceilDiv(depthTotal, depth)};
}

Value MatmulEmitter::panelAddress(const Part &part, Value weight, Value expert,
                                  Value panel) {
  Value place = k.add(k.mul(expert, part.numPanels), panel);
  return k.at(reader.inputAddress(weight),
              k.mul(place, storedKernel().panelBytes()));
}

void MatmulEmitter::emitPanel(const Part &part, Value panel, Value expert,
                              Value firstPair, Value numRows) {
  MicroKernel kernel = storedKernel();
  SmallVector<Value> panels;
  for (Value weight : part.weights)
    panels.push_back(panelAddress(part, weight, expert, panel));
  if (widePanels.empty() && wideRows.empty()) {
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
            kernel.widenPanel(from, to);
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
        Value row = carried[0], left = k.sub(numRows, row);
        // The largest kernel that the rows fill.
        std::function<Value(ArrayRef<int64_t>)> pick =
            [&](ArrayRef<int64_t> counts) -> Value {
          int64_t count = counts.front();
          auto make = [&]() -> SmallVector<Value> {
            SmallVector<Value> rows = rowAddresses(firstPair, row, count);
            if (kernel.activation != inputElement)
              for (auto [from, to] : llvm::zip(rows, wideRows)) {
                widenRow(from, to);
                from = to;
              }
            SmallVector<Value> outs;
            for (size_t i = 0; i < panels.size(); ++i)
              outs.push_back(k.at(tileSums, i * maxRows * kPanel * 4));
            // Few rows wait for memory: all weights at once are streams
            // without gaps.
            if (kernel.fitTogether(count, panels.size()))
              kernel.multiply(rows, panels, outs);
            else
              for (auto [address, out] : llvm::zip(panels, outs))
                kernel.multiply(rows, address, out);
            return {k.index(count)};
          };
          if (count == 1)
            return make()[0];
          return k.ifElse(
              k.less(left, k.index(count)), k.b.getIndexType(),
              [&]() -> SmallVector<Value> {
                return {pick(counts.drop_front())};
              },
              make)[0];
        };
        ArrayRef<int64_t> counts = kernel.rowCounts();
        Value count = pick(counts.drop_while(
            [&](int64_t candidate) { return candidate > maxRows; }));
        emitEpilogue(part, panel, expert, firstPair, row, count);
        return {k.add(row, count)};
      });
}

SmallVector<Value> MatmulEmitter::rowAddresses(Value firstPair, Value row,
                                               int64_t count) {
  auto type = tensorType(input);
  int64_t stride =
      plan::rowStrideBytes(type.getShape().back(), type.getElementType());
  Value base = reader.inputAddress(input);
  SmallVector<Value> addresses;
  if (!ids) {
    // One register and displacements.
    Value first = k.at(base, k.mul(row, stride));
    for (int64_t i = 0; i < count; ++i)
      addresses.push_back(k.at(first, i * stride));
    return addresses;
  }
  for (int64_t i = 0; i < count; ++i) {
    Value source = loadPair(k.add(k.add(firstPair, row), i));
    if (type.getRank() == 2)
      source = k.div(source, choices);
    addresses.push_back(k.at(base, k.mul(source, stride)));
  }
  return addresses;
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
