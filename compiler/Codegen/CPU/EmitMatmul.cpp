//===- EmitMatmul.cpp - linear and expert_linear -------------------------===//
// A task is `panels` panels of 32 output columns, for all rows, and for
// expert_linear for all experts. Products that an epilogue joins (silu(g) * u)
// are made together; the others are parts of their own, whose panels stand
// behind each other. A call with several tasks does, for each part it touches,
//
//   for each expert with rows:                    (one "expert" in a linear)
//     for each block of `block_panels` panels of the tasks:
//       for each block of `block_rows` rows:
//         for each block of `block_depth` k:
//           for each tile of up to 12 rows:
//             for each panel of the block:
//               for each weight: sums of the tile       (MicroKernel.h)
//               behind the last k, for each row of the tile:
//                 scales, epilogue, store
//
// passes/Fuse/Schedule.h chooses the sizes. Without a choice, and for few rows,
// a block is one panel, all rows and all k: a panel comes from memory once and
// serves all tiles from the cache; in decode, with one tile, the task reads its
// weights as one stream. Larger blocks let rows pass by several panels at once.
//
// Weights and activations that the multiply instruction does not take as they
// are stored (int8; bf16 where there is no dot product of bf16) are widened
// once in front of many rows, and in registers for few: the numbers, and so the
// bits, are the same.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"
#include "compiler/Codegen/CPU/MicroKernel.h"
#include "dialects/Plan/Layout.h"
#include "passes/Fuse/ClusterView.h"
#include "passes/Fuse/Schedule.h"
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
  LogicalResult readNest();

  /// Rows of one expert (all, in a linear) times some panels of a part.
  struct Work {
    const Part &part;
    Value firstPanel, lastPanel, expert, firstPair, numRows;
  };
  /// A block of it; k in steps of a stored panel.
  struct Block {
    Value firstPanel, lastPanel, firstRow, lastRow, firstStep, numSteps;
  };
  void emitWork(const Work &work);
  void emitBlocks(const Work &work, const MicroKernel &kernel,
                  const MatmulNest &nest);
  void emitBlock(const Work &work, const MicroKernel &kernel,
                 const MatmulNest &nest, const Block &block);
  void widenPanels(const Work &work, const Block &block);
  void listRows(const Work &work, bool isWide, const Block &block, Value row,
                Value count);
  Value rowAddress(const Work &work, Value row);
  void widenRow(Value from, Value to, Value count);
  void clear(Value sums, Value bytes);
  void emitEpilogue(const Work &work, ArrayRef<Value> sums, Value panel,
                    Value row, Value count);

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

  MatmulNest nest;
  int64_t numPanels = 0, mostWeights = 0;
  /// Steps of a stored panel.
  int64_t numSteps = 0;
  /// The addresses of a tile's rows.
  Value rowTable;
  /// Sums, [panel of the block][weight][row][32] f32; rows of a tile or, where
  /// sums rest between blocks of k, of a block.
  Value sums;
  /// Widened blocks of k, [panel of the block][weight], and of a tile's rows;
  /// null where they are stored as needed.
  Value widePanels, wideRows;
  int64_t widePanelBytes = 0, wideRowBytes = 0;
  Value widePanelAt(const Part &part, Value panelOfBlock, int64_t weight) {
    Value place = k.add(k.mul(panelOfBlock, part.weights.size()), weight);
    return k.at(widePanels, k.mul(place, widePanelBytes));
  }
};

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
  return success();
}

LogicalResult MatmulEmitter::readNest() {
  const Schedule &schedule = frame.schedule;
  int64_t mostRows = storedKernel().rowCounts().front();
  nest.panels = schedule.get(knob::kPanels, 1);
  // A level may have registers for fewer rows than the schedule would take.
  nest.tileRows =
      std::clamp<int64_t>(schedule.get(knob::kRows, mostRows), 1, mostRows);
  nest.blockPanels = schedule.get(knob::kBlockPanels, 1);
  nest.blockDepth = schedule.get(knob::kBlockDepth, depthTotal);
  nest.blockRows =
      plan::roundUp(schedule.get(knob::kBlockRows, 0), nest.tileRows);
  if (schedule.unit != GridUnit::One || nest.panels < 1 ||
      schedule.tasks != plan::ceilDiv(numPanels, nest.panels))
    return frame.cluster.emitOpError()
           << "expects a schedule with unit = \"one\" and one task for each "
              "'panels' of its "
           << numPanels << " panels, found " << schedule.attributes;
  bool isCut = nest.blockDepth < depthTotal;
  if (nest.blockPanels < 1 || nest.blockPanels > nest.panels ||
      nest.blockDepth < 1 || nest.blockDepth > depthTotal ||
      (isCut && nest.blockDepth % MatmulNest::kDepthMultiple != 0) ||
      (isCut && nest.blockRows < 1))
    return frame.cluster.emitOpError()
           << "expects a schedule with at most " << nest.panels
           << " 'block_panels', and all " << depthTotal
           << " k or a multiple of " << MatmulNest::kDepthMultiple
           << " in 'block_depth', with 'block_rows', found "
           << schedule.attributes;
  return success();
}

LogicalResult MatmulEmitter::emit() {
  if (failed(readAnchor()) || failed(readNest()))
    return failure();
  MicroKernel stored = storedKernel(), wide = stored.widened();
  numSteps = plan::ceilDiv(depthTotal, stored.depth());
  rowTable = k.scratch(nest.tileRows * 8);
  int64_t products = mostWeights * nest.blockPanels;
  sums = k.scratch(products * nest.restingRows() * kPanel * 4);
  // Few rows have a panel at a time whole, in any nest.
  int64_t blockDepth = plan::roundUp(nest.blockDepth, stored.depth());
  if (wide.weight != weightElement) {
    widePanelBytes = blockDepth / wide.depth() * wide.stepBytes();
    widePanels = k.scratch(products * widePanelBytes);
  }
  if (wide.activation != inputElement) {
    wideRowBytes = plan::rowStrideBytes(blockDepth, wide.activation);
    wideRows = k.scratch(nest.tileRows * wideRowBytes);
  }

  // Tasks are panels, and a call's tasks follow each other: each expert's
  // panels are read as one stream.
  Value first = k.mul(k.taskBegin(), nest.panels);
  Value last = k.min(k.mul(k.taskEnd(), nest.panels), k.index(numPanels));
  auto emitPanels = [&](Value expert, Value firstPair, Value numRows) {
    for (const Part &part : parts) {
      Value begin = k.index(part.firstPanel);
      Value end = k.index(part.firstPanel + part.numPanels);
      if (parts.size() == 1)
        begin = first, end = last;
      else
        begin = k.max(first, begin), end = k.min(last, end);
      Value before = k.index(part.firstPanel);
      emitWork({part, k.sub(begin, before), k.sub(end, before), expert,
                firstPair, numRows});
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

void MatmulEmitter::emitWork(const Work &work) {
  MicroKernel stored = storedKernel();
  MatmulNest plain = nest.whole(depthTotal);
  if (!widePanels && !wideRows && !nest.hasBlocks()) {
    emitBlocks(work, stored, plain);
    return;
  }
  k.ifElse(
      k.less(work.numRows, k.index(MatmulNest::kManyRows)), {},
      [&]() -> SmallVector<Value> {
        emitBlocks(work, stored, plain);
        return {};
      },
      [&]() -> SmallVector<Value> {
        emitBlocks(work, stored.widened(), nest);
        return {};
      });
}

void MatmulEmitter::emitBlocks(const Work &work, const MicroKernel &kernel,
                               const MatmulNest &nest) {
  Value zero = k.index(0), steps = k.index(numSteps);
  int64_t blockSteps = plan::ceilDiv(nest.blockDepth, storedKernel().depth());
  auto overDepth = [&](Block block) {
    k.forLoop(zero, steps, blockSteps, [&](Value first) {
      block.firstStep = first;
      block.numSteps = k.min(k.sub(steps, first), k.index(blockSteps));
      emitBlock(work, kernel, nest, block);
    });
  };
  auto overRows = [&](Block block) {
    if (!nest.blockRows) {
      block.firstRow = zero, block.lastRow = work.numRows;
      return overDepth(block);
    }
    // Blocks of much the same size, so that none widens panels for few rows.
    auto ceilDiv = [&](Value count, int64_t size) {
      return k.div(k.add(count, size - 1), size);
    };
    Value tiles = ceilDiv(work.numRows, nest.tileRows);
    Value blocks = ceilDiv(tiles, nest.blockRows / nest.tileRows);
    auto cut = [&](Value i) {
      Value row = k.mul(k.div(k.mul(tiles, i), blocks), nest.tileRows);
      return k.min(row, work.numRows);
    };
    k.forLoop(zero, blocks, 1, [&](Value i) {
      block.firstRow = cut(i), block.lastRow = cut(k.add(i, 1));
      overDepth(block);
    });
  };
  k.forLoop(
      work.firstPanel, work.lastPanel, nest.blockPanels, [&](Value first) {
        Block block{};
        block.firstPanel = first;
        block.lastPanel = k.min(k.add(first, nest.blockPanels), work.lastPanel);
        overRows(block);
      });
}

void MatmulEmitter::emitBlock(const Work &work, const MicroKernel &kernel,
                              const MatmulNest &nest, const Block &block) {
  MicroKernel stored = storedKernel();
  bool panelsAreWide = kernel.weight != weightElement;
  if (panelsAreWide)
    widenPanels(work, block);
  Value isFirst = k.equal(block.firstStep, k.index(0));
  Value isLast =
      k.equal(k.add(block.firstStep, block.numSteps), k.index(numSteps));
  Value steps = k.mul(block.numSteps, stored.depth() / kernel.depth());

  auto multiplyTile = [&](Value row, Value count, Value panel) {
    Value panelOfBlock = k.sub(panel, block.firstPanel);
    SmallVector<Value> panels, sumsOf;
    for (auto [w, weight] : llvm::enumerate(work.part.weights)) {
      panels.push_back(
          panelsAreWide
              ? widePanelAt(work.part, panelOfBlock, w)
              : k.at(panelAddress(work.part, weight, work.expert, panel),
                     k.mul(block.firstStep, stored.stepBytes())));
      Value place = k.add(k.mul(panelOfBlock, work.part.weights.size()), w);
      place = k.mul(place, nest.restingRows());
      if (nest.blockRows)
        place = k.add(place, k.sub(row, block.firstRow));
      sumsOf.push_back(k.at(sums, k.mul(place, kPanel * 4)));
    }
    k.ifThen(isFirst, [&] {
      for (Value sum : sumsOf)
        clear(sum, k.mul(count, kPanel * 4));
    });
    kernel.multiply(rowTable, count, panels, sumsOf, steps);
    k.ifThen(isLast, [&] { emitEpilogue(work, sumsOf, panel, row, count); });
  };
  k.whileLoop(
      block.firstRow,
      [&](ValueRange row) { return k.less(row[0], block.lastRow); },
      [&](ValueRange carried) -> SmallVector<Value> {
        Value row = carried[0];
        Value count =
            kernel.countRows(k.sub(block.lastRow, row), nest.tileRows);
        listRows(work, kernel.activation != inputElement, block, row, count);
        k.forLoop(block.firstPanel, block.lastPanel, 1,
                  [&](Value panel) { multiplyTile(row, count, panel); });
        return {k.add(row, count)};
      });
}

void MatmulEmitter::widenPanels(const Work &work, const Block &block) {
  MicroKernel stored = storedKernel();
  k.forLoop(block.firstPanel, block.lastPanel, 1, [&](Value panel) {
    for (auto [w, weight] : llvm::enumerate(work.part.weights)) {
      Value from = k.at(panelAddress(work.part, weight, work.expert, panel),
                        k.mul(block.firstStep, stored.stepBytes()));
      stored.widenPanel(
          from, widePanelAt(work.part, k.sub(panel, block.firstPanel), w),
          block.numSteps);
    }
  });
}

/// Fills rowTable with where the block's k of `count` rows begin, or the
/// widened copies of them.
void MatmulEmitter::listRows(const Work &work, bool isWide, const Block &block,
                             Value row, Value count) {
  int64_t depth = storedKernel().depth();
  Value firstByte =
      k.mul(block.firstStep, depth * plan::elementBytes(inputElement));
  k.forLoop(k.index(0), count, 1, [&](Value i) {
    Value address = k.at(rowAddress(work, k.add(row, i)), firstByte);
    if (isWide) {
      Value wide = k.at(wideRows, k.mul(i, wideRowBytes));
      widenRow(address, wide, k.mul(block.numSteps, depth));
      address = wide;
    }
    k.store(address, k.at(rowTable, k.mul(i, 8)));
  });
}

Value MatmulEmitter::rowAddress(const Work &work, Value row) {
  auto type = tensorType(input);
  int64_t stride =
      plan::rowStrideBytes(type.getShape().back(), type.getElementType());
  if (ids) {
    row = loadPair(k.add(work.firstPair, row));
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

/// Copies `count` numbers of a row, and some behind them up to a whole vector,
/// as f32.
void MatmulEmitter::widenRow(Value from, Value to, Value count) {
  int64_t lanes = k.target.lanes;
  k.forLoop(k.index(0), count, lanes, [&](Value i) {
    Value x =
        k.loadFloats(k.at(from, k.mul(i, plan::elementBytes(inputElement))),
                     inputElement, lanes);
    k.store(x, k.at(to, k.mul(i, 4)), 4 * lanes);
  });
}

/// Stores results from the tile's sums, of one panel and each weight.
void MatmulEmitter::emitEpilogue(const Work &work, ArrayRef<Value> sums,
                                 Value panel, Value row, Value count) {
  const Part &part = work.part;
  int64_t lanes = k.target.lanes;
  Value width = k.index(scaleColumns(part));
  k.forLoop(k.index(0), count, 1, [&](Value i) {
    Place place{k.add(row, i), Value(), Value()};
    if (ids) {
      Value pair = loadPair(k.add(work.firstPair, place.row));
      place.row = k.div(pair, choices);
      place.inner = k.rem(pair, choices);
    }
    for (int64_t v = 0; v < kPanel / lanes; ++v) {
      place.column = k.add(k.mul(panel, kPanel), v * lanes);
      for (auto [w, output] : llvm::enumerate(part.outputs)) {
        Value at = k.at(k.at(sums[w], k.mul(i, kPanel * 4)), v * lanes * 4);
        Value sum = k.load(k.vectorOf(k.b.getF32Type(), lanes), at, 4 * lanes);
        if (!part.scales.empty()) {
          Value element = k.add(k.mul(work.expert, width), place.column);
          sum =
              k.mul(sum, reader.evaluateVector(part.scales[w], element, lanes));
        }
        reader.bind(output, sum);
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
