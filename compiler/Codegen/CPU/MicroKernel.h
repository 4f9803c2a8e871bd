//===- MicroKernel.h - A few rows times one panel of weights -------------===//
// The inner loop of every matmul: a few rows of activations times a stretch of
// k of a panel of 32 output columns, all sums in registers:
//
//        panel, stored [K/depth, 32, depth]         depth 2, bf16, AVX-512:
//       +--32 columns--+
//   k   | | | | | | |  |     acc[r][v] += dot(splat(x[r, 2k .. 2k+1]),
//   |   | | | | | | |  |                      w[2k .. 2k+1, 16v .. 16v+15])
//       +--------------+
//   x   acc: 12 rows x 2 vectors = 24 of 32 registers
//
// Every output is one chain of sums over k in order, whatever the number of
// rows, so that a token's bits do not depend on the batch it comes in. Between
// two stretches sums rest in memory as f32, which changes none.
//
// The loops for all numbers of rows are one function for each pair of types,
// which the matmuls of a module share: they take most of the time to compile.
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

  /// k stored together for each column, and in a step: 1 for f32, else 2.
  int64_t depth() const { return weight.isF32() ? 1 : 2; }
  /// True when pairs of bf16 are multiplied by one instruction.
  bool usesDot() const {
    return k.target.hasDotBF16 && activation.isBF16() && !weight.isF32();
  }
  /// Bytes of a step of a panel.
  int64_t stepBytes() const;
  /// Row counts for which there are loops, largest first.
  ArrayRef<int64_t> rowCounts() const;
  /// The largest of them that `left` rows fill, at most `most`.
  Value countRows(Value left, int64_t most) const;

  /// Adds the products of `steps` steps: for each panel p and row r
  ///
  ///   sums[p][r][0 .. 31] += rows[r] times panels[p]     f32 `[count, 32]`
  ///
  /// with `rows` the address of a table of `count` addresses, a number that
  /// countRows gave.
  void multiply(Value rows, Value count, ArrayRef<Value> panels,
                ArrayRef<Value> sums, Value steps) const;

  /// The same product of what the multiply instruction takes as it is stored:
  /// pairs of bf16 where it is a dot product, else f32.
  MicroKernel widened() const;
  /// Writes `steps` steps of a panel in the form of `widened()` to `out`. No
  /// number changes.
  void widenPanel(Value panel, Value out, Value steps) const;

private:
  /// How many of few rows with this many panels have all sums in registers; 0
  /// where none.
  int64_t mostRowsTogether(int64_t numPanels) const;
  /// One loop for all panels, in a function that kernels share.
  void multiplyTogether(Value rows, Value count, ArrayRef<Value> panels,
                        ArrayRef<Value> sums, Value steps) const;
  /// Columns whose sums are in registers at the same time: the panel, or half
  /// of it when there are many rows for few registers.
  int64_t blockColumns(int64_t numRows) const;
  void multiplyBlock(ArrayRef<Value> rows, ArrayRef<Value> panels,
                     ArrayRef<Value> sums, Value steps, int64_t first,
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
