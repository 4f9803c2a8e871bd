//===- StatefulHelpers.cpp - What the kernels with state share -----------===//
#include "compiler/Codegen/CPU/StatefulHelpers.h"
#include "dialects/Plan/Layout.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <numeric>

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

int64_t mlir::mm1::cpu::dividingLanes(int64_t columns, int64_t lanes) {
  return std::gcd(columns, lanes);
}

void mlir::mm1::cpu::forTiles(
    KernelBuilder &k, int64_t total, int64_t size,
    function_ref<void(Value first, int64_t count)> body) {
  int64_t whole = total / size * size;
  if (whole == size)
    body(k.index(0), size);
  else if (whole > 0)
    k.forLoop(k.index(0), k.index(whole), size,
              [&](Value first) { body(first, size); });
  if (whole < total)
    body(k.index(whole), total - whole);
}

SmallVector<Value>
mlir::mm1::cpu::productTile(KernelBuilder &k, int64_t rows, int64_t vectors,
                            Value count, ValueRange inits,
                            function_ref<Value(int64_t r, Value i)> a,
                            function_ref<Value(int64_t v, Value i)> b) {
  return k.forLoop(
      k.index(0), count, 1, inits, [&](Value i, ValueRange carried) {
        SmallVector<Value> right, sums;
        for (int64_t v = 0; v < vectors; ++v)
          right.push_back(b(v, i));
        for (int64_t r = 0; r < rows; ++r) {
          Value left = k.splat(a(r, i), KernelBuilder::lanesOf(right.front()));
          for (int64_t v = 0; v < vectors; ++v)
            sums.push_back(k.fma(left, right[v], carried[r * vectors + v]));
        }
        return sums;
      });
}

SmallVector<Value> mlir::mm1::cpu::transpose(KernelBuilder &k,
                                             ArrayRef<Value> rows) {
  SmallVector<Value> result(rows);
  int64_t n = rows.size();
  // Swaps the off-diagonal quarters of every 2s x 2s square, s = 1, 2, 4, ...
  for (int64_t s = 1; s < n; s *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t l = 0; l < n; ++l) {
      low.push_back(l & s ? n + l - s : l);
      high.push_back(l & s ? n + l : l + s);
    }
    for (int64_t i = 0; i < n; ++i) {
      if (i & s)
        continue;
      Value upper = result[i], lower = result[i + s];
      result[i] = k.shuffle(upper, lower, low);
      result[i + s] = k.shuffle(upper, lower, high);
    }
  }
  return result;
}

Value mlir::mm1::cpu::laneNumbers(KernelBuilder &k, int64_t lanes) {
  if (lanes == 1)
    return k.f32(0.0);
  SmallVector<float> numbers(lanes);
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  auto type = VectorType::get({lanes}, k.b.getF32Type());
  return arith::ConstantOp::create(
      k.b, DenseElementsAttr::get(type, ArrayRef<float>(numbers)));
}

void mlir::mm1::cpu::storeRowPadding(KernelBuilder &k, RankedTensorType type,
                                     Value rowAddress) {
  int64_t columns = type.getShape().back();
  Type element = type.getElementType();
  int64_t lanes = dividingLanes(columns, k.target.lanes);
  int64_t end = plan::roundUp(columns, plan::kRowMultiple);
  for (int64_t c = columns; c < end; c += lanes)
    k.storeFloats(k.floats(0.0, lanes),
                  k.at(rowAddress, c * plan::elementBytes(element)), element);
}

FailureOr<unsigned> mlir::mm1::cpu::findResult(ClusterOp cluster, Value value) {
  for (auto [i, yielded] : llvm::enumerate(cluster.getYield().getOperands()))
    if (yielded == value)
      return static_cast<unsigned>(i);
  return cluster.emitOpError("expects the result of its anchor to be yielded");
}

Value mlir::mm1::cpu::loadEntry(KernelBuilder &k, Value address, Value i) {
  return k.loadIndex(k.at(address, k.mul(i, 4)));
}

Value mlir::mm1::cpu::dotBF16(KernelBuilder &k, Value acc, Value a, Value b) {
  std::string name = "llvm.x86.avx512bf16.dpbf16ps." +
                     std::to_string(KernelBuilder::lanesOf(acc) * 32);
  return LLVM::CallIntrinsicOp::create(
             k.b, acc.getType(), k.b.getStringAttr(name), ValueRange{acc, a, b})
      .getResult(0);
}
