//===- KernelBuilder.cpp - Writes one kernel function --------------------===//
#include "compiler/Codegen/CPU/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

//===----------------------------- The schedule -----------------------------===//

//===----------------------------- The function -----------------------------===//

KernelBuilder::KernelBuilder(ModuleOp out, StringRef symbol,
                             const CPUTarget &target, Location loc)
    : b(loc, out.getContext()), target(target) {
  b.setInsertionPointToEnd(out.getBody());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  function = func::FuncOp::create(
      b, symbol,
      b.getFunctionType({pointer, pointer, i64, i64, pointer}, TypeRange{}));
  b.setInsertionPointToStart(function.addEntryBlock());
}

void KernelBuilder::finish() { func::ReturnOp::create(b); }

Value KernelBuilder::arg(int64_t i) {
  Value &address = arguments[i];
  if (!address) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&function.getBody().front());
    Value slot = at(function.getArgument(0), 8 * i);
    address = load(LLVM::LLVMPointerType::get(b.getContext()), slot, 8);
  }
  return address;
}

Value KernelBuilder::dim(::mm1::KernelDim which) {
  Value &size = dims[which];
  if (!size) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&function.getBody().front());
    Value slot = at(function.getArgument(1), 8 * int64_t(which));
    size = toIndex(load(b.getI64Type(), slot, 8));
  }
  return size;
}

Value KernelBuilder::taskBegin() { return toIndex(function.getArgument(2)); }
Value KernelBuilder::taskEnd() { return toIndex(function.getArgument(3)); }

void KernelBuilder::forTasks(const Schedule &schedule,
                             function_ref<void(Value, Value, Value)> body) {
  forLoop(taskBegin(), taskEnd(), 1, [&](Value task) {
    if (schedule.unit == GridUnit::One) {
      body(task, index(0), index(1));
      return;
    }
    Value part = rem(task, schedule.tasks);
    Value block = div(task, schedule.tasks);
    Value first = mul(block, schedule.per);
    Value count = dim(schedule.unit == GridUnit::Tokens ? ::mm1::kDimTokens
                                                        : ::mm1::kDimSequences);
    body(part, first, min(add(first, schedule.per), count));
  });
}

Value KernelBuilder::scratch(int64_t bytes) {
  int64_t offset = scratchBytes;
  scratchBytes += (bytes + 63) / 64 * 64;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  return at(function.getArgument(4), offset);
}

void KernelBuilder::callShared(StringRef symbol, ValueRange arguments,
                               function_ref<void(ValueRange)> body) {
  auto kernels = function->getParentOfType<ModuleOp>();
  auto shared = kernels.lookupSymbol<func::FuncOp>(symbol);
  if (!shared) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(kernels.getBody());
    shared = func::FuncOp::create(
        b, symbol, b.getFunctionType(arguments.getTypes(), TypeRange{}));
    shared.setPrivate();
    shared->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
    shared->setAttr(
        "llvm.linkage",
        LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
    b.setInsertionPointToStart(shared.addEntryBlock());
    body(shared.getArguments());
    func::ReturnOp::create(b);
  }
  func::CallOp::create(b, shared, arguments);
}

//===------------------------ Constants and arithmetic ----------------------===//

namespace {
bool isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value.getType()));
}
} // namespace

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}
Value KernelBuilder::i32(int32_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}
Value KernelBuilder::f32(double value) { return floats(value, 1); }

Value KernelBuilder::floats(double value, int64_t lanes) {
  Type type = vectorOf(b.getF32Type(), lanes);
  auto scalar = b.getF32FloatAttr(static_cast<float>(value));
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, scalar));
  return arith::ConstantOp::create(b, scalar);
}

Value KernelBuilder::splat(Value scalar, int64_t lanes) {
  if (lanes == 1)
    return scalar;
  return vector::BroadcastOp::create(
      b, VectorType::get({lanes}, scalar.getType()), scalar);
}

Type KernelBuilder::vectorOf(Type element, int64_t lanes) {
  return lanes == 1 ? element : VectorType::get({lanes}, element);
}

int64_t KernelBuilder::lanesOf(Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? vector.getNumElements() : 1;
}

Value KernelBuilder::add(Value lhs, Value rhs) {
  return isFloat(lhs) ? b.createOrFold<arith::AddFOp>(lhs, rhs)
                      : b.createOrFold<arith::AddIOp>(lhs, rhs);
}
Value KernelBuilder::add(Value lhs, int64_t rhs) {
  return rhs == 0 ? lhs : add(lhs, index(rhs));
}
Value KernelBuilder::sub(Value lhs, Value rhs) {
  return isFloat(lhs) ? b.createOrFold<arith::SubFOp>(lhs, rhs)
                      : b.createOrFold<arith::SubIOp>(lhs, rhs);
}
Value KernelBuilder::mul(Value lhs, Value rhs) {
  return isFloat(lhs) ? b.createOrFold<arith::MulFOp>(lhs, rhs)
                      : b.createOrFold<arith::MulIOp>(lhs, rhs);
}
Value KernelBuilder::mul(Value lhs, int64_t rhs) {
  return rhs == 1 ? lhs : mul(lhs, index(rhs));
}
Value KernelBuilder::div(Value lhs, Value rhs) {
  return isFloat(lhs) ? b.createOrFold<arith::DivFOp>(lhs, rhs)
                      : b.createOrFold<arith::DivUIOp>(lhs, rhs);
}
Value KernelBuilder::div(Value lhs, int64_t rhs) {
  return rhs == 1 ? lhs : div(lhs, index(rhs));
}
Value KernelBuilder::rem(Value lhs, int64_t rhs) {
  return rhs == 1 ? index(0) : b.createOrFold<arith::RemUIOp>(lhs, index(rhs));
}
Value KernelBuilder::min(Value lhs, Value rhs) {
  // For floats the form that x86 has: a NaN on the right wins.
  return isFloat(lhs) ? select(less(lhs, rhs), lhs, rhs)
                      : b.createOrFold<arith::MinSIOp>(lhs, rhs);
}
Value KernelBuilder::max(Value lhs, Value rhs) {
  return isFloat(lhs) ? select(less(rhs, lhs), lhs, rhs)
                      : b.createOrFold<arith::MaxSIOp>(lhs, rhs);
}
Value KernelBuilder::fma(Value a, Value c, Value d) {
  return math::FmaOp::create(b, a, c, d);
}
Value KernelBuilder::exp(Value x) { return math::ExpOp::create(b, x); }
Value KernelBuilder::rsqrt(Value x) {
  return div(floats(1.0, lanesOf(x)), math::SqrtOp::create(b, x));
}
Value KernelBuilder::less(Value lhs, Value rhs) {
  if (isFloat(lhs))
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, lhs, rhs);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, rhs);
}
Value KernelBuilder::equal(Value lhs, Value rhs) {
  if (isFloat(lhs))
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, lhs, rhs);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lhs, rhs);
}
Value KernelBuilder::both(Value lhs, Value rhs) {
  return b.createOrFold<arith::AndIOp>(lhs, rhs);
}
Value KernelBuilder::select(Value condition, Value ifTrue, Value ifFalse) {
  return b.createOrFold<arith::SelectOp>(condition, ifTrue, ifFalse);
}
Value KernelBuilder::toIndex(Value integer) {
  return b.createOrFold<arith::IndexCastOp>(b.getIndexType(), integer);
}
Value KernelBuilder::toI32(Value index) {
  return b.createOrFold<arith::IndexCastOp>(b.getI32Type(), index);
}
Value KernelBuilder::toFloats(Value integers) {
  return arith::SIToFPOp::create(b, vectorOf(b.getF32Type(), lanesOf(integers)),
                                 integers);
}
Value KernelBuilder::bitcast(Value value, Type type) {
  if (value.getType() == type)
    return value;
  if (isa<VectorType>(value.getType()) && isa<VectorType>(type))
    return vector::BitCastOp::create(b, cast<VectorType>(type), value);
  return LLVM::BitcastOp::create(b, type, value);
}

//===------------------------------ Between lanes ---------------------------===//

Value KernelBuilder::shuffle(Value a, Value c, ArrayRef<int64_t> lanes) {
  return vector::ShuffleOp::create(b, a, c, lanes);
}

Value KernelBuilder::slice(Value vector, int64_t first, int64_t count) {
  if (count == lanesOf(vector))
    return vector;
  if (count == 1)
    return lane(vector, first);
  SmallVector<int64_t> lanes;
  for (int64_t i = 0; i < count; ++i)
    lanes.push_back(first + i);
  return shuffle(vector, vector, lanes);
}

Value KernelBuilder::lane(Value vector, int64_t i) {
  return lanesOf(vector) == 1 ? vector
                              : Value(vector::ExtractOp::create(b, vector, i));
}

Value KernelBuilder::concat(ValueRange vectors) {
  SmallVector<Value> pieces(vectors);
  int64_t lanes = lanesOf(pieces.front());
  if (lanes == 1 && pieces.size() > 1)
    return vector::FromElementsOp::create(
        b, VectorType::get({int64_t(pieces.size())}, pieces.front().getType()),
        pieces);
  for (; pieces.size() > 1; lanes *= 2) {
    SmallVector<int64_t> both;
    for (int64_t i = 0; i < 2 * lanes; ++i)
      both.push_back(i);
    SmallVector<Value> joined;
    for (size_t i = 0; i < pieces.size(); i += 2)
      joined.push_back(shuffle(pieces[i], pieces[i + 1], both));
    pieces = joined;
  }
  return pieces.front();
}

Value KernelBuilder::horizontalSum(Value floats) {
  for (int64_t half = lanesOf(floats) / 2; half > 0; half /= 2)
    floats = add(slice(floats, 0, half), slice(floats, half, half));
  return floats;
}

Value KernelBuilder::horizontalMax(Value floats) {
  for (int64_t half = lanesOf(floats) / 2; half > 0; half /= 2)
    floats = max(slice(floats, 0, half), slice(floats, half, half));
  return floats;
}

Value KernelBuilder::zeroFrom(Value floats, Value first, int64_t columns) {
  int64_t lanes = lanesOf(floats);
  if (columns % lanes == 0)
    // Whole vectors only: all lanes are in or out together.
    return select(less(first, index(columns)), floats,
                  this->floats(0.0, lanes));
  SmallVector<int32_t> steps;
  for (int64_t i = 0; i < lanes; ++i)
    steps.push_back(i);
  auto type = VectorType::get({lanes}, b.getI32Type());
  Value left = splat(sub(i32(columns), toI32(first)), lanes);
  Value lane = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<int32_t>(steps)));
  return select(less(lane, left), floats, this->floats(0.0, lanes));
}

//===-------------------------------- Control -------------------------------===//

SmallVector<Value> KernelBuilder::forLoop(
    Value lo, Value hi, int64_t step, ValueRange inits,
    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, lo, hi, index(step), inits);
  OpBuilder::InsertionGuard guard(b);
  // Without carried values the loop comes with its terminator.
  if (inits.empty())
    b.setInsertionPoint(loop.getBody()->getTerminator());
  else
    b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!inits.empty())
    scf::YieldOp::create(b, next);
  return SmallVector<Value>(loop.getResults());
}

void KernelBuilder::forLoop(Value lo, Value hi, int64_t step,
                            function_ref<void(Value)> body) {
  forLoop(lo, hi, step, {}, [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

SmallVector<Value>
KernelBuilder::whileLoop(ValueRange inits,
                         function_ref<Value(ValueRange)> condition,
                         function_ref<SmallVector<Value>(ValueRange)> body) {
  SmallVector<Location> locations(inits.size(), b.getLoc());
  auto loop = scf::WhileOp::create(b, inits.getTypes(), inits);
  OpBuilder::InsertionGuard guard(b);
  Block *before =
      b.createBlock(&loop.getBefore(), {}, inits.getTypes(), locations);
  Value go = condition(before->getArguments());
  scf::ConditionOp::create(b, go, before->getArguments());
  Block *after =
      b.createBlock(&loop.getAfter(), {}, inits.getTypes(), locations);
  scf::YieldOp::create(b, body(after->getArguments()));
  return SmallVector<Value>(loop.getResults());
}

void KernelBuilder::ifThen(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenYield());
  body();
}

SmallVector<Value>
KernelBuilder::ifElse(Value condition, TypeRange types,
                      function_ref<SmallVector<Value>()> thenBody,
                      function_ref<SmallVector<Value>()> elseBody) {
  auto branch = scf::IfOp::create(b, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  auto fill = [&](Block *block, function_ref<SmallVector<Value>()> body) {
    if (types.empty()) {
      b.setInsertionPoint(block->getTerminator());
      body();
    } else {
      b.setInsertionPointToStart(block);
      scf::YieldOp::create(b, body());
    }
  };
  fill(branch.thenBlock(), thenBody);
  fill(branch.elseBlock(), elseBody);
  return SmallVector<Value>(branch.getResults());
}

//===--------------------------------- Memory -------------------------------===//

Value KernelBuilder::at(Value address, Value bytes) {
  if (std::optional<int64_t> constant = getConstantIntValue(bytes))
    return at(address, *constant);
  Value offset = arith::IndexCastOp::create(b, b.getI64Type(), bytes);
  return LLVM::GEPOp::create(b, address.getType(), b.getI8Type(), address,
                             ArrayRef<LLVM::GEPArg>{offset});
}

Value KernelBuilder::at(Value address, int64_t bytes) {
  if (bytes == 0)
    return address;
  if (bytes == static_cast<int32_t>(bytes))
    return LLVM::GEPOp::create(
        b, address.getType(), b.getI8Type(), address,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
  Value offset = arith::ConstantOp::create(b, b.getI64IntegerAttr(bytes));
  return LLVM::GEPOp::create(b, address.getType(), b.getI8Type(), address,
                             ArrayRef<LLVM::GEPArg>{offset});
}

static int64_t elementAlignment(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isIntOrFloat() ? (element.getIntOrFloatBitWidth() + 7) / 8 : 8;
}

Value KernelBuilder::load(Type type, Value address, int64_t alignment) {
  return LLVM::LoadOp::create(b, type, address,
                              alignment ? alignment : elementAlignment(type));
}

void KernelBuilder::store(Value value, Value address, int64_t alignment) {
  LLVM::StoreOp::create(b, value, address,
                        alignment ? alignment
                                  : elementAlignment(value.getType()));
}

Value KernelBuilder::loadFloats(Value address, Type element, int64_t lanes) {
  if (element.isF32())
    return load(vectorOf(b.getF32Type(), lanes), address);
  if (element.isBF16())
    return widenBF16(load(vectorOf(b.getI16Type(), lanes), address));
  Value integer = load(vectorOf(element, lanes), address);
  if (!element.isInteger(32))
    integer =
        arith::ExtSIOp::create(b, vectorOf(b.getI32Type(), lanes), integer);
  return toFloats(integer);
}

void KernelBuilder::storeFloats(Value floats, Value address, Type element) {
  assert((element.isF32() || element.isBF16()) && "no other float is stored");
  store(element.isF32() ? floats : narrowToBF16(floats), address);
}

Value KernelBuilder::roundToBF16(Value floats) {
  return widenBF16(narrowToBF16(floats));
}

Value KernelBuilder::widenBF16(Value halves) {
  int64_t lanes = lanesOf(halves);
  Value words =
      arith::ExtUIOp::create(b, vectorOf(b.getI32Type(), lanes), halves);
  return bitcast(arith::ShLIOp::create(b, words, splat(i32(16), lanes)),
                 vectorOf(b.getF32Type(), lanes));
}

Value KernelBuilder::narrowToBF16(Value floats) {
  int64_t lanes = lanesOf(floats);
  Type halves = vectorOf(b.getI16Type(), lanes);
  if (target.hasDotBF16 && lanes > 1)
    return bitcast(
        arith::TruncFOp::create(b, vectorOf(b.getBF16Type(), lanes), floats),
        halves);
  // bits + 0x7fff + (bit 16), upper half; a NaN keeps its upper half, quietly.
  Type words = vectorOf(b.getI32Type(), lanes);
  auto constant = [&](int32_t value) { return splat(i32(value), lanes); };
  Value bits = bitcast(floats, words);
  Value upper = arith::ShRUIOp::create(b, bits, constant(16));
  Value odd = arith::AndIOp::create(b, upper, constant(1));
  Value rounded = add(bits, add(odd, constant(0x7fff)));
  rounded = arith::ShRUIOp::create(b, rounded, constant(16));
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, floats, floats);
  Value quiet = arith::OrIOp::create(b, upper, constant(0x40));
  return arith::TruncIOp::create(b, halves, select(isNaN, quiet, rounded));
}

Value KernelBuilder::loadIndex(Value address) {
  return toIndex(load(b.getI32Type(), address));
}

void KernelBuilder::prefetch(Value address, int locality) {
  LLVM::Prefetch::create(b, address, b.getI32IntegerAttr(0),
                         b.getI32IntegerAttr(locality), b.getI32IntegerAttr(1));
}
