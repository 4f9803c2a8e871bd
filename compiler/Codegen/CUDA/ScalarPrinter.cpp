//===- ScalarPrinter.cpp - Scalar bodies as C++ statements ---------------===//
// What is printed is what the bodies built, op by op: constants are spelled
// where they are used, and the result of an mm1 op carries its name.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/ScalarPrinter.h"
#include "dialects/MM1/ScalarMath.h"
#include "dialects/Plan/Layout.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

#include <cstdio>
#include <cstdlib>

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

StringRef mlir::mm1::cuda::cppType(Type element) {
  if (element.isBF16())
    return "dp::bf16";
  if (element.isF64())
    return "double";
  if (element.isInteger(1))
    return "bool";
  if (element.isInteger(8))
    return "dp::i8";
  if (element.isInteger(32))
    return "dp::i32";
  if (element.isIndex())
    return "int";
  assert(element.isF32() && "no such type in a kernel");
  return "float";
}

StringRef mlir::mm1::cuda::storageType(RankedTensorType type) {
  auto layout = dyn_cast_or_null<SwizzledAttr>(type.getEncoding());
  return layout && layout.getOrder() == LineOrder::Fragment
             ? "dp::u8"
             : cppType(type.getElementType());
}

bool mlir::mm1::cuda::isWeight(RankedTensorType type) {
  return bool(type.getEncoding());
}

std::string mlir::mm1::cuda::inputName(unsigned number) {
  return "in" + std::to_string(number);
}
std::string mlir::mm1::cuda::outputName(unsigned number) {
  return "out" + std::to_string(number);
}

std::string mlir::mm1::cuda::spellFloat(double value) {
  char text[40];
  for (int digits = 1; digits <= 9; ++digits) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtof(text, nullptr) == float(value))
      break;
  }
  std::string spelled = text;
  if (spelled.find_first_of(".e") == std::string::npos)
    spelled += ".0";
  return spelled + "f";
}

std::string mlir::mm1::cuda::elementOffset(RankedTensorType type, StringRef row,
                                           StringRef inner, StringRef column) {
  // A weight (the embedding table) has its own padding.
  int64_t stride =
      type.isDynamicDim(0)
          ? plan::rowStride(type.getShape().back(), type.getElementType())
          : plan::storedShape(type).back();
  std::string rows = ("dp::i64(" + row + ")").str();
  auto plus = [](StringRef more) {
    return more == "0" ? std::string() : (" + " + more).str();
  };
  if (type.getRank() == 3)
    rows =
        llvm::formatv("({0} * {1}{2})", rows, type.getDimSize(1), plus(inner));
  return llvm::formatv("{0} * {1}{2}", rows, stride, plus(column));
}

//===---------------------------- Reading operands --------------------------===//

namespace mlir::mm1::cuda {

/// Reads the operands of one op for its body, one lane at a time.
class BodyReader : public OperandReader {
public:
  BodyReader(ScalarPrinter &printer, Operation *op, const Place &place)
      : printer(printer), op(op), place(place) {}

  int64_t lanes() const override { return 1; }
  Value column() override { return place.column; }
  Value here(unsigned operand) override {
    return printer.evaluate(op->getOperand(operand), place);
  }
  Value at(unsigned operand, Value column) override {
    return printer.evaluate(op->getOperand(operand),
                            {place.row, place.inner, column});
  }
  Value inner(unsigned operand, int64_t j) override {
    return printer.evaluate(op->getOperand(operand),
                            {place.row, printer.index(j), place.column});
  }
  Value gather(unsigned operand, Value row) override {
    Value index =
        arith::IndexCastOp::create(printer.builder, printer.indexType(), row);
    return printer.evaluate(op->getOperand(operand),
                            {index, Value(), place.column});
  }
  Value perColumn(unsigned operand) override {
    return printer.evaluateVector(op->getOperand(operand), place.column);
  }
  Value perRow(unsigned operand) override {
    Value value = op->getOperand(operand);
    if (tensorType(value).getRank() == 1)
      return printer.evaluateVector(value, place.row);
    return printer.evaluate(value, {place.row, Value(), printer.index(0)});
  }
  Value perRowInner(unsigned operand, int64_t j) override {
    return printer.evaluate(op->getOperand(operand),
                            {place.row, Value(), printer.index(j)});
  }

private:
  ScalarPrinter &printer;
  Operation *op;
  Place place;
};

} // namespace mlir::mm1::cuda

//===------------------------------- Building -------------------------------===//

ScalarPrinter::ScalarPrinter(ClusterOp cluster)
    : cluster(cluster), builder(cluster.getLoc(), cluster.getContext()) {
  cluster.getContext()
      ->loadDialect<arith::ArithDialect, math::MathDialect,
                    tensor::TensorDialect>();
  builder.setInsertionPointToEnd(&block);
  for (auto [i, argument] :
       llvm::enumerate(cluster.getBody().front().getArguments()))
    tensors.push_back(variable(inputName(i), argument.getType()));
}

std::string ScalarPrinter::unique(StringRef name) {
  unsigned count = taken[name]++;
  return count ? llvm::formatv("{0}_{1}", name, count).str() : name.str();
}

Value ScalarPrinter::variable(StringRef name, Type type) {
  Value value = block.addArgument(type, cluster.getLoc());
  names[value] = unique(name);
  return value;
}

Value ScalarPrinter::index(int64_t value) {
  Value &constant = constants[value];
  if (!constant)
    constant = arith::ConstantIndexOp::create(builder, value);
  return constant;
}

Value ScalarPrinter::multiply(Value lhs, Value rhs, StringRef name) {
  Value product = arith::MulFOp::create(builder, lhs, rhs);
  names[product] = unique(name);
  return product;
}

Value ScalarPrinter::load(BlockArgument argument, ArrayRef<Value> indices) {
  Value value = tensor::ExtractOp::create(
      builder, tensors[argument.getArgNumber()], indices);
  if (value.getType().isBF16())
    value = arith::ExtFOp::create(builder, f32(), value);
  return value;
}

/// Stands for a number whose expression is text of ours.
static constexpr StringLiteral kSpelling = "spelling";

Value ScalarPrinter::sumOfRow(Value input, Value row) {
  if (Value sum = rowSums.lookup(input))
    return sum;
  auto sum = UnrealizedConversionCastOp::create(builder, f32(), row);
  sum->setAttr(kSpelling,
               builder.getStringAttr(spellRowSum(input, expression(row))));
  return sum.getResult(0);
}

/// NormRowsOp's body, with the sum over its parts as a loop.
Value ScalarPrinter::normRows(NormRowsOp norm, const Place &place) {
  Value factor =
      buildInverseRms(builder, sumOfRow(norm.getSums(), place.row),
                      norm.getWidth(), norm.getEps().convertToDouble());
  return arith::MulFOp::create(builder, evaluate(norm.getInput(), place),
                               factor);
}

std::string ScalarPrinter::spellRowSum(Value input, StringRef row) {
  auto type = tensorType(input);
  assert(type.getElementType().isF32() && "sums are f32");
  return llvm::formatv("skeletons::sum_of_parts<{0}>({1} + {2})",
                       type.getDimSize(1),
                       inputName(cast<BlockArgument>(input).getArgNumber()),
                       elementOffset(type, row, "", "0"));
}

Value ScalarPrinter::evaluateVector(Value value, Value at) {
  SmallVector<Value> &results =
      made[key(value.getAsOpaquePointer(), {at, {}, {}})];
  if (results.empty())
    results = {load(cast<BlockArgument>(value), at)};
  return results.front();
}

Value ScalarPrinter::accumulate(RowReductionOpInterface reduction, Value x,
                                Value sum) {
  return reduction.buildAccumulate(builder, x, sum).front();
}

Value ScalarPrinter::finish(RowReductionOpInterface reduction, Value sum) {
  return reduction.buildFinish(builder, sum).front();
}

Value ScalarPrinter::evaluate(Value value, const Place &place) {
  Value number = make(value, place);
  auto it = bound.find(value);
  bool isBound = it != bound.end();
  bool isRounded = isBound ? it->second.isRounded : isa<BlockArgument>(value);
  if (!isBound)
    if (auto op = value.getDefiningOp<ScalarBodyOpInterface>())
      isRounded = op.copiesNumbers();
  if (isRounded || !tensorType(value).getElementType().isBF16())
    return number;
  Value &again = rounded[number];
  if (!again) {
    Value narrow =
        arith::TruncFOp::create(builder, builder.getBF16Type(), number);
    again = arith::ExtFOp::create(builder, f32(), narrow);
    names[again] = unique("rounded");
  }
  return again;
}

Value ScalarPrinter::make(Value value, const Place &place) {
  if (auto it = bound.find(value); it != bound.end())
    return it->second.scalar;
  if (auto it = boundChoices.find(value); it != boundChoices.end()) {
    Value choice =
        tensorType(value).getRank() == 3 ? place.inner : place.column;
    auto number = choice.getDefiningOp<arith::ConstantIndexOp>();
    assert(number && "choices are read one by one");
    return it->second[number.value()];
  }
  Key where = key(value.getAsOpaquePointer(), place);
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    SmallVector<Value> &results = made[where];
    if (results.empty()) {
      SmallVector<Value> at{place.row};
      if (tensorType(value).getRank() == 3)
        at.push_back(place.inner);
      at.push_back(place.column);
      results = {load(argument, at)};
    }
    return results.front();
  }

  Operation *op = value.getDefiningOp();
  unsigned number = cast<OpResult>(value).getResultNumber();
  where = key(op, place);
  if (auto it = made.find(where); it != made.end())
    return it->second[number];
  BodyReader reader(*this, op, place);
  SmallVector<Value> results;
  auto norm = dyn_cast<NormRowsOp>(op);
  if (norm && isa<BlockArgument>(norm.getSums()))
    results = {normRows(norm, place)};
  else if (Value stat = stats.lookup(op))
    results =
        cast<RowReductionOpInterface>(op).buildApply(builder, reader, stat);
  else
    results = cast<ScalarBodyOpInterface>(op).buildScalarBody(builder, reader);
  StringRef name = op->getName().stripDialect();
  for (Value result : results)
    if (!isa<BlockArgument>(result) && !names.contains(result))
      names[result] = unique(name);
  made[where] = results;
  return results[number];
}

//===------------------------------- Printing -------------------------------===//

/// Whether the op has no statement of its own: a constant, or a number of
/// another width that is converted at once.
static bool isInlined(Operation *op) {
  if (isa<arith::ConstantOp>(op))
    return true;
  if (isa<arith::TruncFOp>(op))
    return op->getResult(0).getType().isBF16();
  return isa<tensor::ExtractOp>(op) && op->getResult(0).getType().isBF16();
}

std::string ScalarPrinter::expression(Value value) {
  if (auto it = names.find(value); it != names.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  assert(op && isInlined(op) && "asked for before its statement was printed");
  return *spell(op);
}

/// a < b and the like, on ints that are never negative where it matters, and on
/// floats.
static StringRef spellPredicate(arith::CmpIPredicate predicate) {
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return "==";
  case arith::CmpIPredicate::ne:
    return "!=";
  case arith::CmpIPredicate::slt:
  case arith::CmpIPredicate::ult:
    return "<";
  case arith::CmpIPredicate::sle:
  case arith::CmpIPredicate::ule:
    return "<=";
  case arith::CmpIPredicate::sgt:
  case arith::CmpIPredicate::ugt:
    return ">";
  case arith::CmpIPredicate::sge:
  case arith::CmpIPredicate::uge:
    return ">=";
  }
  return "";
}

FailureOr<std::string> ScalarPrinter::spell(Operation *op) {
  auto operand = [&](unsigned i) { return expression(op->getOperand(i)); };
  auto infix = [&](StringRef sign) {
    return llvm::formatv("{0} {1} {2}", operand(0), sign, operand(1)).str();
  };
  auto call = [&](StringRef function) {
    return llvm::formatv("{0}({1})", function, operand(0)).str();
  };
  // Unsigned operations are spelled as such: an int may be negative.
  auto bits = [&](unsigned i) { return "dp::u32(" + operand(i) + ")"; };
  return llvm::TypeSwitch<Operation *, FailureOr<std::string>>(op)
      .Case([&](arith::ConstantOp constant) -> FailureOr<std::string> {
        if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
          return spellFloat(number.getValueAsDouble());
        return std::to_string(cast<IntegerAttr>(constant.getValue()).getInt());
      })
      .Case([&](tensor::ExtractOp extract) -> FailureOr<std::string> {
        auto type = tensorType(extract.getTensor());
        SmallVector<std::string> at;
        for (Value index : extract.getIndices())
          at.push_back(expression(index));
        std::string offset =
            at.size() == 1
                ? at[0]
                : elementOffset(type, at[0], at.size() == 3 ? at[1] : "",
                                at.back());
        return llvm::formatv("dp::{0}({1}{2})",
                             isWeight(type) ? "load_weight" : "load",
                             expression(extract.getTensor()),
                             offset == "0" ? "" : " + " + offset)
            .str();
      })
      .Case([&](UnrealizedConversionCastOp cast) -> FailureOr<std::string> {
        return cast->getAttrOfType<StringAttr>(kSpelling).str();
      })
      .Case([&](arith::AddFOp) { return infix("+"); })
      .Case([&](arith::SubFOp) { return infix("-"); })
      .Case([&](arith::MulFOp) { return infix("*"); })
      .Case([&](arith::DivFOp) { return infix("/"); })
      .Case([&](arith::NegFOp) { return "-" + operand(0); })
      .Case([&](arith::AddIOp) { return infix("+"); })
      .Case([&](arith::SubIOp) { return infix("-"); })
      .Case([&](arith::MulIOp) { return infix("*"); })
      .Case([&](arith::RemUIOp) {
        return "int(" + bits(0) + " % " + bits(1) + ")";
      })
      .Case([&](arith::DivUIOp) {
        return "int(" + bits(0) + " / " + bits(1) + ")";
      })
      .Case([&](arith::CmpIOp compare) -> FailureOr<std::string> {
        StringRef sign = spellPredicate(compare.getPredicate());
        bool isUnsigned = compare.getPredicate() >= arith::CmpIPredicate::ult;
        return isUnsigned ? bits(0) + " " + sign.str() + " " + bits(1)
                          : infix(sign);
      })
      .Case([&](arith::SelectOp) {
        return operand(0) + " ? " + operand(1) + " : " + operand(2);
      })
      .Case([&](arith::IndexCastOp) { return call("int"); })
      .Case([&](arith::SIToFPOp) { return call("float"); })
      .Case([&](arith::ExtFOp extend) -> FailureOr<std::string> {
        return call(extend.getType().isF64() ? "double" : "dp::to_float");
      })
      .Case([&](arith::TruncFOp truncate) {
        return call(truncate.getType().isBF16() ? "dp::convert<dp::bf16>"
                                                : "float");
      })
      .Case([&](math::FmaOp) {
        return llvm::formatv("dp::fma({0}, {1}, {2})", operand(0), operand(1),
                             operand(2))
            .str();
      })
      .Case([&](math::ExpOp) { return call("dp::exp"); })
      .Case([&](math::SqrtOp) { return call("dp::sqrt"); })
      .Case([&](math::RsqrtOp) { return call("dp::rsqrt"); })
      .Case([&](math::SinOp) { return call("dp::sin"); })
      .Case([&](math::CosOp) { return call("dp::cos"); })
      .Default([&](Operation *) -> FailureOr<std::string> {
        return cluster.emitOpError()
               << "has a scalar body with '" << op->getName()
               << "', which the CUDA emitter cannot spell";
      });
}

LogicalResult ScalarPrinter::printStatements(raw_ostream &os, unsigned indent) {
  for (Operation &op : block) {
    if (isInlined(&op))
      continue;
    FailureOr<std::string> text = spell(&op);
    if (failed(text))
      return failure();
    Value result = op.getResult(0);
    if (!names.contains(result))
      names[result] = "v" + std::to_string(numTemporaries++);
    os.indent(indent) << "const " << cppType(result.getType()) << " "
                      << names[result] << " = " << *text << ";\n";
  }
  return success();
}
