//===- MicroKernel.cpp - A few rows times one panel of weights -----------===//
#include "compiler/Codegen/CPU/MicroKernel.h"
#include "runtime/Support/ElementType.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

/// How far ahead of its reading a panel that is widened is asked for, into L2.
static constexpr int64_t kPrefetchBytes = 8192;
static constexpr int kPrefetchLocality = 2;

static int64_t bytesOf(Type type) { return type.getIntOrFloatBitWidth() / 8; }

int64_t MicroKernel::stepBytes() const {
  return kPanel * depth() * bytesOf(weight);
}

ArrayRef<int64_t> MicroKernel::rowCounts() const {
  static const int64_t many[] = {12, 8, 6, 4, 3, 2, 1}, few[] = {6, 3, 2, 1};
  if (k.target.vectorRegisters >= 32)
    return many;
  return few;
}

/// Vector registers that hold sums: a quarter is for weights and activations.
static int64_t sumRegisters(const CPUTarget &target) {
  return target.vectorRegisters * 3 / 4;
}

int64_t MicroKernel::blockColumns(int64_t numRows) const {
  bool fits = numRows * kPanel / k.target.lanes <= sumRegisters(k.target);
  return fits ? kPanel : kPanel / 2;
}

int64_t MicroKernel::mostRowsTogether(int64_t numPanels) const {
  int64_t registersOfRow = numPanels * kPanel / k.target.lanes;
  return std::min<int64_t>(2, sumRegisters(k.target) / registersOfRow);
}

/// Where lookUpBF16Pairs leaves each column: a 128-bit lane of its results
/// holds four columns, those of the two results taking turns.
static SmallVector<int64_t> lookUpPlaces() {
  SmallVector<int64_t> places;
  for (int64_t column = 0; column < kPanel; ++column)
    places.push_back(column / 8 * 4 + column % 4 + (column % 8 < 4 ? 0 : 16));
  return places;
}

/// Which column lookUpBF16Pairs leaves at each place.
static SmallVector<int64_t> lookUpColumns() {
  SmallVector<int64_t> columns(kPanel);
  for (auto [column, place] : llvm::enumerate(lookUpPlaces()))
    columns[place] = column;
  return columns;
}

/// Lane i of each two vectors becomes what was lane order[i] of them.
static SmallVector<Value> reorder(KernelBuilder &k, ArrayRef<Value> vectors,
                                  ArrayRef<int64_t> order) {
  SmallVector<Value> result;
  for (size_t i = 0; i < vectors.size(); i += 2)
    for (ArrayRef<int64_t> half : {order.take_front(16), order.take_back(16)})
      result.push_back(k.shuffle(vectors[i], vectors[i + 1], half));
  return result;
}

/// 64 int8 in -127 .. 127 as two vectors of bf16 pairs, by looking up the upper
/// and the lower byte of |q| in tables: 6 instructions where converting through
/// i32 and f32 takes 10. -128 would be read as -0: the packer lets none through,
/// because a mask for it cost 8 to 11 % of decode's matmuls. Columns come out in
/// lookUpPlaces.
SmallVector<Value> MicroKernel::lookUpBF16Pairs(Value address) const {
  ImplicitLocOpBuilder &b = k.b;
  auto bytes = VectorType::get({64}, b.getI8Type());
  auto constant = [&](function_ref<int8_t(int64_t)> at) -> Value {
    SmallVector<int8_t> values;
    for (int64_t i = 0; i < 64; ++i)
      values.push_back(at(i));
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(bytes, ArrayRef<int8_t>(values)));
  };
  Value q = k.load(bytes, address, 64);
  Value magnitude = math::AbsIOp::create(b, q);
  auto lookUp = [&](int shift) -> Value {
    auto table = [&](int64_t first) {
      return constant([&](int64_t i) {
        return static_cast<int8_t>(::mm1::floatToBf16(first + i) >> shift);
      });
    };
    return LLVM::CallIntrinsicOp::create(
               b, bytes, b.getStringAttr("llvm.x86.avx512.vpermi2var.qi.512"),
               ValueRange{table(0), magnitude, table(64)})
        .getResult(0);
  };
  Value sign =
      arith::AndIOp::create(b, q, constant([](int64_t) { return -128; }));
  Value low = lookUp(0), high = arith::OrIOp::create(b, lookUp(8), sign);
  SmallVector<Value> result;
  for (int64_t half = 0; half < 2; ++half) {
    SmallVector<int64_t> order;
    for (int64_t i = 0; i < 64; ++i)
      order.push_back(i / 16 * 16 + half * 8 + i % 16 / 2 + (i % 2) * 64);
    result.push_back(
        k.bitcast(k.shuffle(low, high, order),
                  VectorType::get({2 * k.target.lanes}, b.getBF16Type())));
  }
  return result;
}

/// An int8 panel's step as pairs of bf16, or a bf16 panel's step as it is: one
/// vector of pairs for each `lanes` columns.
SmallVector<Value> MicroKernel::loadBF16Pairs(Value address,
                                              int64_t columns) const {
  ImplicitLocOpBuilder &b = k.b;
  int64_t lanes = k.target.lanes;
  auto pairs = VectorType::get({2 * lanes}, b.getBF16Type());
  SmallVector<Value> result;
  for (int64_t v = 0; v < columns / lanes; ++v) {
    Value at = k.at(address, v * 2 * lanes * bytesOf(weight));
    if (weight.isBF16()) {
      result.push_back(k.load(pairs, at, 64));
      continue;
    }
    Value low = k.loadFloats(at, weight, lanes);
    Value high = k.loadFloats(k.at(at, lanes), weight, lanes);
    result.push_back(
        LLVM::CallIntrinsicOp::create(
            b, pairs, b.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
            ValueRange{high, low})
            .getResult(0));
  }
  return result;
}

/// A step as f32: for each k of the step, one vector for each `lanes` columns.
SmallVector<Value> MicroKernel::loadFloatParts(Value address,
                                               int64_t columns) const {
  ImplicitLocOpBuilder &b = k.b;
  int64_t lanes = k.target.lanes;
  Type floats = k.vectorOf(b.getF32Type(), lanes);
  Type words = k.vectorOf(b.getI32Type(), lanes);
  auto amount = [&](int32_t bits) { return k.splat(k.i32(bits), lanes); };
  SmallVector<Value> even, odd;
  for (int64_t v = 0; v < columns / lanes; ++v) {
    Value at = k.at(address, v * depth() * lanes * bytesOf(weight));
    if (weight.isF32()) {
      even.push_back(k.load(floats, at, 32));
    } else if (weight.isBF16()) {
      Value word = k.load(words, at, 32);
      even.push_back(
          k.bitcast(arith::ShLIOp::create(b, word, amount(16)), floats));
      odd.push_back(k.bitcast(
          arith::AndIOp::create(b, word, amount(int32_t(0xffff0000))), floats));
    } else {
      Value half = k.load(k.vectorOf(b.getI16Type(), lanes), at, 16);
      Value word = arith::ExtSIOp::create(b, words, half);
      Value low = arith::ShLIOp::create(b, word, amount(24));
      even.push_back(k.toFloats(arith::ShRSIOp::create(b, low, amount(24))));
      odd.push_back(k.toFloats(arith::ShRSIOp::create(b, word, amount(8))));
    }
  }
  even.append(odd);
  return even;
}

void MicroKernel::step(ArrayRef<Value> rows, Value panel, Value s,
                       int64_t columns, MutableArrayRef<Value> sums) const {
  ImplicitLocOpBuilder &b = k.b;
  int64_t lanes = k.target.lanes, vectors = columns / lanes;
  Value weights = k.at(panel, k.mul(s, stepBytes()));
  Value place = k.mul(s, depth() * bytesOf(activation));
  Type floats = k.vectorOf(b.getF32Type(), lanes);

  if (usesDot()) {
    auto pairs = VectorType::get({2 * lanes}, b.getBF16Type());
    SmallVector<Value> parts =
        looksUp() ? lookUpBF16Pairs(weights) : loadBF16Pairs(weights, columns);
    for (auto [r, row] : llvm::enumerate(rows)) {
      Value pair = k.load(b.getI32Type(), k.at(row, place));
      Value x = k.bitcast(k.splat(pair, lanes), pairs);
      for (auto [v, part] : llvm::enumerate(parts)) {
        Value &sum = sums[r * vectors + v];
        sum =
            LLVM::CallIntrinsicOp::create(
                b, floats, b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
                ValueRange{sum, x, part})
                .getResult(0);
      }
    }
    return;
  }

  SmallVector<Value> parts = loadFloatParts(weights, columns);
  for (auto [r, row] : llvm::enumerate(rows)) {
    Value at = k.at(row, place);
    SmallVector<Value> x;
    if (activation.isF32()) {
      for (int64_t i = 0; i < depth(); ++i)
        x.push_back(k.splat(k.load(b.getF32Type(), k.at(at, 4 * i)), lanes));
    } else if (depth() == 1) {
      x.push_back(k.splat(k.loadFloats(at, activation, 1), lanes));
    } else {
      Value word = k.splat(k.load(b.getI32Type(), at), lanes);
      Value sixteen = k.splat(k.i32(16), lanes);
      Value upper = k.splat(k.i32(int32_t(0xffff0000)), lanes);
      x.push_back(k.bitcast(arith::ShLIOp::create(b, word, sixteen), floats));
      x.push_back(k.bitcast(arith::AndIOp::create(b, word, upper), floats));
    }
    for (auto [i, factor] : llvm::enumerate(x))
      for (int64_t v = 0; v < columns / lanes; ++v) {
        Value &sum = sums[r * vectors + v];
        sum = k.fma(factor, parts[i * vectors + v], sum);
      }
  }
}

/// "bf16_i8": the types that a shared function is for.
static std::string nameOf(Type activation, Type weight) {
  std::string text;
  llvm::raw_string_ostream(text) << activation << "_" << weight;
  return text;
}

Value MicroKernel::countRows(Value left, int64_t most) const {
  Value count = k.index(1);
  for (int64_t candidate : llvm::reverse(rowCounts()))
    if (candidate > 1 && candidate <= most)
      count =
          k.select(k.less(left, k.index(candidate)), count, k.index(candidate));
  return count;
}

void MicroKernel::multiply(Value rows, Value count, ArrayRef<Value> panels,
                           ArrayRef<Value> sums, Value steps) const {
  auto together = [&]() -> SmallVector<Value> {
    multiplyTogether(rows, count, panels, sums, steps);
    return {};
  };
  auto oneByOne = [&]() -> SmallVector<Value> {
    for (auto [panel, out] : llvm::zip(panels, sums))
      multiplyTogether(rows, count, panel, out, steps);
    return {};
  };
  if (panels.size() == 1)
    together();
  else if (int64_t most = mostRowsTogether(panels.size()))
    k.ifElse(k.less(k.index(most), count), {}, oneByOne, together);
  else
    oneByOne();
}

void MicroKernel::multiplyTogether(Value rows, Value count,
                                   ArrayRef<Value> panels, ArrayRef<Value> sums,
                                   Value steps) const {
  size_t numPanels = panels.size();
  std::string symbol = "multiply_" + nameOf(activation, weight) + "_" +
                       std::to_string(numPanels);
  SmallVector<Value> arguments{rows, count, steps};
  llvm::append_range(arguments, panels);
  llvm::append_range(arguments, sums);
  k.callShared(symbol, arguments, [&](ValueRange own) {
    SmallVector<Value> ownPanels(own.slice(3, numPanels)),
        ownSums(own.drop_front(3 + numPanels));
    for (int64_t candidate : rowCounts()) {
      if (numPanels > 1 && candidate > mostRowsTogether(numPanels))
        continue;
      k.ifThen(k.equal(own[1], k.index(candidate)), [&] {
        SmallVector<Value> addresses;
        for (int64_t r = 0; r < candidate; ++r)
          addresses.push_back(k.load(own[0].getType(), k.at(own[0], 8 * r)));
        int64_t columns = blockColumns(candidate);
        for (int64_t first = 0; first < kPanel; first += columns)
          multiplyBlock(addresses, ownPanels, ownSums, own[2], first, columns);
      });
    }
  });
}

void MicroKernel::multiplyBlock(ArrayRef<Value> rows, ArrayRef<Value> panels,
                                ArrayRef<Value> sums, Value steps,
                                int64_t first, int64_t columns) const {
  int64_t lanes = k.target.lanes, numRows = rows.size();
  int64_t vectors = columns / lanes, sumsOfPanel = numRows * vectors;
  SmallVector<Value> bases, places, held;
  for (Value panel : panels)
    bases.push_back(k.at(panel, first * depth() * bytesOf(weight)));
  for (Value ofPanel : sums)
    for (int64_t r = 0; r < numRows; ++r)
      for (int64_t v = 0; v < vectors; ++v)
        places.push_back(k.at(ofPanel, (r * kPanel + first + v * lanes) * 4));
  for (Value place : places)
    held.push_back(
        k.load(k.vectorOf(k.b.getF32Type(), lanes), place, 4 * lanes));
  if (looksUp())
    held = reorder(k, held, lookUpColumns());

  // Few rows wait for memory: enough steps a turn to keep loads in flight.
  int64_t unroll = numRows <= 2 ? 8 : numRows <= 4 ? 4 : 2;
  Value whole = k.sub(steps, k.rem(steps, unroll));
  auto turn = [&](Value s, ValueRange carried, int64_t count) {
    SmallVector<Value> next(carried);
    for (int64_t i = 0; i < count; ++i)
      for (auto [p, base] : llvm::enumerate(bases))
        step(rows, base, k.add(s, i), columns,
             MutableArrayRef(next).slice(p * sumsOfPanel, sumsOfPanel));
    return next;
  };
  held = k.forLoop(
      k.index(0), whole, unroll, held,
      [&](Value s, ValueRange carried) { return turn(s, carried, unroll); });
  held = k.forLoop(whole, steps, 1, held, [&](Value s, ValueRange carried) {
    return turn(s, carried, 1);
  });

  if (looksUp())
    held = reorder(k, held, lookUpPlaces());
  for (auto [sum, place] : llvm::zip(held, places))
    k.store(sum, place, 4 * lanes);
}

MicroKernel MicroKernel::widened() const {
  Type f32 = k.b.getF32Type();
  if (usesDot())
    return {k, activation, k.b.getBF16Type()};
  return {k, f32, f32};
}

void MicroKernel::widenPanel(Value panel, Value out, Value steps) const {
  int64_t lanes = k.target.lanes,
          wideStep = widened().stepBytes() * (usesDot() ? 1 : depth());
  k.forLoop(k.index(0), steps, 1, [&](Value s) {
    Value from = k.at(panel, k.mul(s, stepBytes()));
    Value to = k.at(out, k.mul(s, wideStep));
    for (int64_t line = 0; line < stepBytes(); line += 64)
      k.prefetch(k.at(from, kPrefetchBytes + line), kPrefetchLocality);
    SmallVector<Value> parts =
        usesDot() ? loadBF16Pairs(from, kPanel) : loadFloatParts(from, kPanel);
    for (auto [i, part] : llvm::enumerate(parts))
      k.store(part, k.at(to, i * lanes * 4), 4 * lanes);
  });
}
