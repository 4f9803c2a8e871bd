//===- MicroKernel.h - A few rows times one panel of weights -------------===//
// The inner loop of every matmul: `rows` rows of activations times a panel of
// 32 output columns, all sums in registers over the whole of K:
//
//        panel, stored [K/depth, 32, depth]         depth 2, bf16, AVX-512:
//       +--32 columns--+
//   k   | | | | | | |  |     acc[r][v] += dot(splat(x[r, 2k .. 2k+1]),
//   |   | | | | | | |  |                      w[2k .. 2k+1, 16v .. 16v+15])
//       +--------------+
//   x   acc: 12 rows x 2 vectors = 24 of 32 registers
//
// Every output is one chain of sums over k in order, whatever the number of
// rows, so that a token's bits do not depend on the batch it comes in.
//
// Weights that are multiplied as they stream by are not asked for ahead: a
// panel is one run of bytes, which the processor sees and follows by itself.
// On a Zen 4 core, lines asked for 8 KiB ahead left 73 % of the read bandwidth
// for int8 experts, and none 90 % or more; we suppose, but have not counted,
// that prefetches take the buffers for outstanding lines. A panel that is
// widened is read at once after a pause, and there asking ahead wins.
// The shape of the block (rows x columns in registers, broadcast of x) follows
// Goto and van de Geijn, "Anatomy of high-performance matrix multiplication".
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/KernelBuilder.h"

namespace mlir::mm1::cpu {

/// Output columns of a panel.
inline constexpr int64_t kPanel = 32;

/// How one matrix product is computed.
struct MicroKernel {
  KernelBuilder &k;
  /// bf16 or f32.
  Type activation;
  /// bf16, f32 or i8: as the panel at hand is stored.
  Type weight;
  /// Steps of `depth` k each.
  int64_t steps;

  /// k stored together for each column: 1 for f32, else 2.
  int64_t depth() const { return weight.isF32() ? 1 : 2; }
  /// True when pairs of bf16 are multiplied by one instruction.
  bool usesDot() const {
    return k.target.hasDotBF16 && activation.isBF16() && !weight.isF32();
  }
  int64_t stepBytes() const;
  int64_t panelBytes() const { return steps * stepBytes(); }
  /// Row counts for which kernels are made, largest first.
  ArrayRef<int64_t> rowCounts() const;

  /// Multiplies rows at `rows` with the panels at `panels` in one loop; stores
  /// the sums of each as f32 `[rows, 32]` at its `outs`. More than one panel
  /// must fit together.
  void multiply(ArrayRef<Value> rows, ArrayRef<Value> panels,
                ArrayRef<Value> outs) const;

  /// Whether few rows with this many panels have all their sums in registers.
  bool fitTogether(int64_t numRows, int64_t numPanels) const;

  /// The same product of what the multiply instruction takes as it is stored:
  /// pairs of bf16 where it is a dot product, else f32.
  MicroKernel widened() const;
  /// Writes a panel in the form of `widened()` to `out`. No number changes.
  void widenPanel(Value panel, Value out) const;

private:
  /// Columns whose sums are in registers at the same time: the panel, or half
  /// of it when there are many rows for few registers.
  int64_t blockColumns(int64_t numRows) const;
  void multiplyBlock(ArrayRef<Value> rows, ArrayRef<Value> panels,
                     ArrayRef<Value> outs, int64_t first,
                     int64_t columns) const;
  void step(ArrayRef<Value> rows, Value panel, Value s, int64_t columns,
            MutableArrayRef<Value> sums) const;
  /// True when int8 become bf16 by table.
  bool looksUp() const {
    return usesDot() && weight.isInteger(8) && k.target.hasByteLookup;
  }
  SmallVector<Value> lookUpBF16Pairs(Value address) const;
  SmallVector<Value> loadBF16Pairs(Value address, int64_t columns) const;
  SmallVector<Value> loadFloatParts(Value address, int64_t columns) const;
};

} // namespace mlir::mm1::cpu
