//===- ClusterReader.cpp - Values of a cluster at a place ----------------===//
// Evaluation goes from a value to its op's scalar body and on to the operands,
// down to bound values and block arguments.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/ClusterReader.h"
#include "dialects/Plan/Layout.h"
#include "dialects/Plan/Plan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <numeric>

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace mlir::mm1::cpu {

/// Reads the operands of one op for its body.
class BodyReader : public OperandReader {
public:
  BodyReader(ClusterReader &reader, Operation *op, const Place &place,
             int64_t lanes)
      : reader(reader), op(op), place(place), numLanes(lanes) {}

  int64_t lanes() const override { return numLanes; }
  Value column() override { return place.column; }
  Value here(unsigned operand) override {
    return reader.evaluate(op->getOperand(operand), place, numLanes);
  }
  Value at(unsigned operand, Value column) override {
    return reader.evaluate(op->getOperand(operand),
                           {place.row, place.inner, column}, numLanes);
  }
  Value inner(unsigned operand, int64_t j) override {
    return reader.evaluate(op->getOperand(operand),
                           {place.row, reader.k.index(j), place.column},
                           numLanes);
  }
  Value gather(unsigned operand, Value row) override {
    return reader.evaluate(op->getOperand(operand),
                           {reader.k.toIndex(row), Value(), place.column},
                           numLanes);
  }
  Value perColumn(unsigned operand) override {
    return reader.evaluateVector(op->getOperand(operand), place.column,
                                 numLanes);
  }
  Value perRow(unsigned operand) override {
    Value value = op->getOperand(operand);
    if (tensorType(value).getRank() == 1)
      return reader.evaluateVector(value, place.row, 1);
    return reader.evaluate(value, {place.row, Value(), reader.k.index(0)}, 1);
  }
  Value perRowInner(unsigned operand, int64_t j) override {
    return reader.evaluate(op->getOperand(operand),
                           {place.row, Value(), reader.k.index(j)}, 1);
  }

private:
  ClusterReader &reader;
  Operation *op;
  Place place;
  int64_t numLanes;
};

} // namespace mlir::mm1::cpu

ClusterReader::ClusterReader(KernelBuilder &k, ClusterOp cluster)
    : k(k), cluster(cluster) {}

void ClusterReader::bind(Value value, Source source) {
  bound[value] = std::move(source);
  made.clear();
}
void ClusterReader::bind(Value value, Value lanes) {
  bind(value, [lanes](const Place &, int64_t) { return lanes; });
}
void ClusterReader::unbind(Value value) {
  bound.erase(value);
  made.clear();
}

//===------------------------------- Addresses ------------------------------===//

Value ClusterReader::inputAddress(Value blockArgument) {
  return k.arg(cast<BlockArgument>(blockArgument).getArgNumber());
}

Value ClusterReader::outputAddress(unsigned result) {
  // Next states are written through the input that holds the state.
  SmallVector<plan::InPlaceResult> inPlace = plan::inPlaceResults(cluster);
  int64_t argument = cluster.getInputs().size();
  for (unsigned i = 0; i < result; ++i)
    argument += llvm::none_of(
        inPlace, [&](plan::InPlaceResult pair) { return pair.result == i; });
  return k.arg(argument);
}

Value ClusterReader::rowAddress(Value base, RankedTensorType type, Value row,
                                Value inner) {
  if (type.getRank() == 3) {
    row = k.mul(row, type.getDimSize(1));
    row = inner ? k.add(row, inner) : row;
  }
  int64_t columns = type.getShape().back();
  // A weight (the embedding table) has its own padding.
  int64_t stride = type.isDynamicDim(0)
                       ? plan::rowStrideBytes(columns, type.getElementType())
                       : plan::storedShape(type).back() *
                             plan::elementBytes(type.getElementType());
  return k.at(base, k.mul(row, stride));
}

//===------------------------------- Evaluation -----------------------------===//

Value ClusterReader::loadPlace(Value base, RankedTensorType type,
                               const Place &place, int64_t lanes) {
  Value address = rowAddress(base, type, place.row, place.inner);
  Type element = type.getElementType();
  address = k.at(address, k.mul(place.column, plan::elementBytes(element)));
  if (element.isInteger(32))
    return k.load(k.vectorOf(element, lanes), address);
  return k.loadFloats(address, element, lanes);
}

Value ClusterReader::evaluateVector(Value value, Value column, int64_t lanes) {
  auto type = tensorType(value);
  Type element = type.getElementType();
  Value address =
      k.at(inputAddress(value), k.mul(column, plan::elementBytes(element)));
  if (element.isInteger(32))
    return k.load(k.vectorOf(element, lanes), address);
  return k.loadFloats(address, element, lanes);
}

ClusterReader::Request
ClusterReader::requestOf(Operation *op, const Place &place, int64_t lanes) {
  // Constants are made anew wherever they are wanted: known by their value.
  SmallVector<int64_t, 6> indices;
  for (Value index : {place.row, place.inner, place.column}) {
    std::optional<int64_t> constant;
    if (index)
      constant = getConstantIntValue(index);
    indices.push_back(constant.has_value());
    indices.push_back(constant.value_or(
        reinterpret_cast<intptr_t>(index.getAsOpaquePointer())));
  }
  return {op, lanes, indices};
}

Value ClusterReader::evaluate(Value value, const Place &place, int64_t lanes) {
  Value made = make(value, place, lanes);
  bool isLoaded = isa<BlockArgument>(value) && !bound.contains(value);
  bool isBF16 = tensorType(value).getElementType().isBF16();
  return isBF16 && !isLoaded ? k.roundToBF16(made) : made;
}

Value ClusterReader::make(Value value, const Place &place, int64_t lanes) {
  if (auto it = bound.find(value); it != bound.end()) {
    // The source may bind or ask in turn: keep it alive.
    Source source = it->second;
    return source(place, lanes);
  }
  if (isa<BlockArgument>(value))
    return loadPlace(inputAddress(value), tensorType(value), place, lanes);

  auto op = cast<ScalarBodyOpInterface>(value.getDefiningOp());
  unsigned result = cast<OpResult>(value).getResultNumber();
  Request request = requestOf(op, place, lanes);
  if (auto it = made.find(request); it != made.end())
    return it->second[result];
  ++numRequests;
  // Lanes that would cross what the body allows are built in pieces.
  int64_t granularity = op.getLaneGranularity();
  int64_t piece = granularity ? std::gcd(granularity, lanes) : lanes;
  SmallVector<SmallVector<Value>> pieces(op->getNumResults());
  for (int64_t first = 0; first < lanes; first += piece) {
    BodyReader body(
        *this, op, {place.row, place.inner, k.add(place.column, first)}, piece);
    for (auto [all, one] : llvm::zip(pieces, op.buildScalarBody(k.b, body)))
      all.push_back(one);
  }
  SmallVector<Value> results;
  for (ArrayRef<Value> all : pieces)
    results.push_back(k.concat(all));
  if (--numRequests == 0)
    made.clear();
  else
    made[request] = results;
  return results[result];
}

Value ClusterReader::applyReduction(RowReductionOpInterface op, unsigned result,
                                    ValueRange stats, const Place &place,
                                    int64_t lanes) {
  BodyReader body(*this, op, place, lanes);
  return op.buildApply(k.b, body, stats)[result];
}

//===--------------------------------- Results ------------------------------===//

void ClusterReader::store(unsigned result, const Place &place, Value floats) {
  auto type = cast<RankedTensorType>(cluster.getOutputs()[result].getType());
  int64_t columns = type.getShape().back();
  Type element = type.getElementType();
  Value address =
      rowAddress(outputAddress(result), type, place.row, place.inner);
  address = k.at(address, k.mul(place.column, plan::elementBytes(element)));
  if (columns % plan::kRowMultiple != 0)
    floats = k.zeroFrom(floats, place.column, columns);
  k.storeFloats(floats, address, element);
}

void ClusterReader::storeResult(unsigned result, const Place &place,
                                int64_t lanes) {
  Value value = cluster.getYield().getOperand(result);
  store(result, place, make(value, place, lanes)); // which rounds
}

bool ClusterReader::dependsOn(Value value, Value from) {
  if (value == from)
    return true;
  Operation *op = value.getDefiningOp();
  return op && llvm::any_of(op->getOperands(), [&](Value operand) {
           return dependsOn(operand, from);
         });
}
