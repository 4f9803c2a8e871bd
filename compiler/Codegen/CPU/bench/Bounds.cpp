//===- Bounds.cpp - What this machine can do at most ---------------------===//
#include "compiler/Codegen/CPU/bench/Bounds.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

static const Schedule oneTask;

void mlir::mm1::cpu::emitRead(ModuleOp out, StringRef symbol,
                              const CPUTarget &target) {
  KernelBuilder k(out, symbol, target, out.getLoc());
  int64_t lanes = target.lanes, vectors = 8;
  Type words = k.vectorOf(k.b.getI32Type(), lanes);
  k.forTasks(oneTask, [&](Value task, Value, Value) {
    Value base = k.at(k.arg(0), k.mul(task, kReadTaskBytes));
    Value zero = k.splat(k.i32(0), lanes);
    SmallVector<Value> sums = k.forLoop(
        k.index(0), k.index(kReadTaskBytes), vectors * lanes * 4,
        SmallVector<Value>(vectors, zero), [&](Value at, ValueRange carried) {
          SmallVector<Value> next;
          Value address = k.at(base, at);
          // Into L2: it keeps more misses in flight than L1.
          for (int64_t i = 0; i < vectors * lanes * 4; i += 64)
            k.prefetch(k.at(address, 4096 + i), 2);
          for (int64_t i = 0; i < vectors; ++i)
            next.push_back(k.add(
                carried[i], k.load(words, k.at(address, i * lanes * 4), 32)));
          return next;
        });
    for (int64_t i = 0; i < vectors; ++i)
      k.store(sums[i], k.at(k.arg(1), i * lanes * 4), 32);
  });
  k.finish();
}

static int64_t chains(const CPUTarget &target) {
  return target.vectorRegisters * 3 / 4;
}

int64_t mlir::mm1::cpu::peakOperations(const CPUTarget &target, bool dot) {
  return kPeakSteps * chains(target) * target.lanes * (dot ? 4 : 2);
}

void mlir::mm1::cpu::emitPeak(ModuleOp out, StringRef symbol,
                              const CPUTarget &target, bool dot) {
  KernelBuilder k(out, symbol, target, out.getLoc());
  int64_t lanes = target.lanes;
  Type floats = k.vectorOf(k.b.getF32Type(), lanes);
  Type pairs = VectorType::get({2 * lanes}, k.b.getBF16Type());
  k.forTasks(oneTask, [&](Value, Value, Value) {
    Value a = k.load(dot ? pairs : floats, k.arg(0), 32);
    Value c = k.load(dot ? pairs : floats, k.at(k.arg(0), 64), 32);
    SmallVector<Value> sums = k.forLoop(
        k.index(0), k.index(kPeakSteps), 1,
        SmallVector<Value>(chains(target), k.floats(0.0, lanes)),
        [&](Value, ValueRange carried) {
          SmallVector<Value> next;
          for (Value sum : carried)
            next.push_back(
                dot ? LLVM::CallIntrinsicOp::create(
                          k.b, floats,
                          k.b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
                          ValueRange{sum, a, c})
                          .getResult(0)
                    : k.fma(a, c, sum));
          return next;
        });
    for (auto [i, sum] : llvm::enumerate(sums))
      k.store(sum, k.at(k.arg(1), i * lanes * 4), 32);
  });
  k.finish();
}
