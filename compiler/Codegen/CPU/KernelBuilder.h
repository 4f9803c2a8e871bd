//===- KernelBuilder.h - Writes one kernel function ----------------------===//
// A thin layer over ImplicitLocOpBuilder that every emitter speaks. A kernel
// that doubles the first row of its first argument into its second:
//
//   KernelBuilder k(module, "twice", target, loc);
//   k.forTasks(schedule, [&](Value part, Value first, Value last) {
//     k.forLoop(k.index(0), k.index(columns), target.lanes, [&](Value c) {
//       Value bytes = k.mul(c, 4);
//       Value x = k.loadFloats(k.at(k.arg(0), bytes), f32, target.lanes);
//       k.storeFloats(k.add(x, x), k.at(k.arg(1), bytes), f32);
//     });
//   });
//   k.finish();
//
// Sizes and places are of type index, addresses !llvm.ptr, offsets in bytes.
// Floats in registers are f32, alone or in vectors of up to `lanes`; bf16 and
// int8 exist in memory only. Sums have a fixed order, and multiplication and
// addition are contracted only where `fma` says so, so that a kernel gives the
// same bits however its tasks are cut.
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/CPUTarget.h"
#include "dialects/Plan/Schedule.h"
#include "runtime/Artifact/KernelABI.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::mm1::cpu {

using plan::GridUnit;
using plan::Schedule;

class KernelBuilder {
public:
  /// Starts a function of type KernelFunction at the end of `out`; the builder
  /// stands in its body.
  KernelBuilder(ModuleOp out, StringRef symbol, const CPUTarget &target,
                Location loc);

  /// Ends the function.
  void finish();
  func::FuncOp getFunction() { return function; }

  //===----------------------- Arguments and tasks -----------------------===//

  /// The address of argument i of the kernel (KernelABI.h: inputs, outputs).
  Value arg(int64_t i);
  /// One of the step's sizes: ::mm1::kDimTokens, ...
  Value dim(::mm1::KernelDim which);

  /// The tasks that the call asks for, from begin up to end.
  Value taskBegin();
  Value taskEnd();
  /// Runs `body` for every task that the call asks for. Task number t is part
  /// t % tasks of block t / tasks; block i covers the units (tokens, sequences)
  /// `first` = i * per up to `last` = min(first + per, count). With unit one,
  /// first = 0 and last = 1.
  void forTasks(const Schedule &schedule,
                function_ref<void(Value part, Value first, Value last)> body);

  /// Memory of the calling thread, 64-byte aligned; `bytes` are this call's
  /// own for the whole kernel. Content is undefined.
  Value scratch(int64_t bytes);

  /// Calls function `symbol`, which all kernels of the module share: it is
  /// compiled once and never inlined. `body` writes it at the first call, given
  /// its arguments.
  void callShared(StringRef symbol, ValueRange arguments,
                  function_ref<void(ValueRange arguments)> body);
  int64_t getScratchBytes() const { return scratchBytes; }

  //===---------------------- Constants and arithmetic -------------------===//

  Value index(int64_t value);
  Value i32(int32_t value);
  Value f32(double value);
  /// f32 constant of `lanes` lanes (1: a scalar).
  Value floats(double value, int64_t lanes);
  /// A scalar in all lanes; with lanes = 1 the scalar itself.
  Value splat(Value scalar, int64_t lanes);
  /// The type of `lanes` elements: the element itself for 1.
  Type vectorOf(Type element, int64_t lanes);
  static int64_t lanesOf(Value value);

  /// Arithmetic on index, integers, or floats (by the operands' type).
  Value add(Value lhs, Value rhs);
  Value add(Value lhs, int64_t rhs);
  Value sub(Value lhs, Value rhs);
  Value mul(Value lhs, Value rhs);
  Value mul(Value lhs, int64_t rhs);
  Value div(Value lhs, Value rhs);
  /// Unsigned; lhs and rhs are sizes.
  Value div(Value lhs, int64_t rhs);
  Value rem(Value lhs, int64_t rhs);
  Value min(Value lhs, Value rhs);
  Value max(Value lhs, Value rhs);
  /// a * b + c, rounded once.
  Value fma(Value a, Value b, Value c);
  /// e^x, to 2 ulp, of floats.
  Value exp(Value x);
  /// 1 / sqrt(x)
  Value rsqrt(Value x);
  /// Signed comparison of integers or ordered comparison of floats.
  Value less(Value lhs, Value rhs);
  Value equal(Value lhs, Value rhs);
  Value both(Value lhs, Value rhs);
  Value select(Value condition, Value ifTrue, Value ifFalse);
  /// Integer <-> index.
  Value toIndex(Value integer);
  Value toI32(Value index);
  /// i32 -> f32, one or many.
  Value toFloats(Value integers);
  Value bitcast(Value value, Type type);

  /// The sum, the largest of all lanes, by halving: a fixed order.
  Value horizontalSum(Value floats);
  Value horizontalMax(Value floats);
  /// Lane i of a vector.
  Value lane(Value vector, int64_t i);
  /// Vectors of one type, behind each other. Their number is a power of two.
  Value concat(ValueRange vectors);
  /// Lanes first .. first + count - 1.
  Value slice(Value vector, int64_t first, int64_t count);
  Value shuffle(Value a, Value b, ArrayRef<int64_t> lanes);
  /// Zero in the lanes whose column (`first`, `first + 1`, ...) is not below
  /// `columns`.
  Value zeroFrom(Value floats, Value first, int64_t columns);

  //===----------------------------- Control -----------------------------===//

  /// for (iv = lo; iv < hi; iv += step), carrying values.
  SmallVector<Value>
  forLoop(Value lo, Value hi, int64_t step, ValueRange inits,
          function_ref<SmallVector<Value>(Value iv, ValueRange carried)> body);
  void forLoop(Value lo, Value hi, int64_t step,
               function_ref<void(Value iv)> body);
  /// while (cond(carried)) carried = body(carried)
  SmallVector<Value>
  whileLoop(ValueRange inits, function_ref<Value(ValueRange carried)> condition,
            function_ref<SmallVector<Value>(ValueRange carried)> body);
  void ifThen(Value condition, function_ref<void()> body);
  SmallVector<Value> ifElse(Value condition, TypeRange types,
                            function_ref<SmallVector<Value>()> thenBody,
                            function_ref<SmallVector<Value>()> elseBody);

  //===------------------------------ Memory -----------------------------===//

  /// address + bytes
  Value at(Value address, Value bytes);
  Value at(Value address, int64_t bytes);
  /// Any scalar or vector; aligned to one element unless said otherwise.
  Value load(Type type, Value address, int64_t alignment = 0);
  void store(Value value, Value address, int64_t alignment = 0);
  /// `lanes` stored f32, bf16, i8 or i32 (as numbers) as f32.
  Value loadFloats(Value address, Type element, int64_t lanes);
  /// Floats as f32 or bf16, rounding to nearest even.
  void storeFloats(Value floats, Value address, Type element);
  /// Floats rounded to nearest even bf16: what storeFloats and loadFloats would
  /// make of them.
  Value roundToBF16(Value floats);
  /// An i32 as an index.
  Value loadIndex(Value address);
  /// Asks for the line at `address`; locality 3 is L1, 2 L2, 0 no reuse.
  void prefetch(Value address, int locality = 3);

  /// The builder, for what has no name above.
  ImplicitLocOpBuilder b;
  const CPUTarget &target;

private:
  /// The bits of bf16 as i16, from and to f32.
  Value widenBF16(Value halves);
  Value narrowToBF16(Value floats);

  func::FuncOp function;
  DenseMap<int64_t, Value> arguments, dims;
  int64_t scratchBytes = 0;
};

} // namespace mlir::mm1::cpu
