//===- StatefulHelpers.h - What the kernels with state share -------------===//
// Lightning attention, softmax attention and the cache walk over heads of D
// columns, and multiply small matrices that lie in scratch memory. Their
// products all have one form: a tile of rows x vectors of accumulators stays in
// registers while
//
//   acc[r][v] += a(r, i) * b(v, i)     for i = 0, 1, ... in order
//
// with a one number for all lanes and b a vector. What `a` and `b` load decides
// the rest (transposed operands are another stride). Every output is one chain
// of additions in the order of i, so its bits do not depend on the tile.
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/ClusterReader.h"
#include "compiler/Codegen/CPU/KernelBuilder.h"

namespace mlir::mm1::cpu {

/// The longest vector, a power of two of at most `lanes`, that divides
/// `columns`: 16 for 64, 8 for 40, 1 for 7.
int64_t dividingLanes(int64_t columns, int64_t lanes);

/// Covers 0 .. total by tiles of `size` in a loop, and one last smaller tile.
void forTiles(KernelBuilder &k, int64_t total, int64_t size,
              function_ref<void(Value first, int64_t count)> body);

/// The sums above, started from `inits` ([rows * vectors], row by row).
SmallVector<Value> productTile(KernelBuilder &k, int64_t rows, int64_t vectors,
                               Value count, ValueRange inits,
                               function_ref<Value(int64_t r, Value i)> a,
                               function_ref<Value(int64_t v, Value i)> b);

/// acc[i] + a[2i] b[2i] + a[2i+1] b[2i+1] for vectors of bf16 pairs; the target
/// has the instruction.
Value dotBF16(KernelBuilder &k, Value acc, Value a, Value b);

/// n vectors of n lanes, n a power of two: lane j of vector i becomes lane i of
/// vector j.
SmallVector<Value> transpose(KernelBuilder &k, ArrayRef<Value> rows);

/// (0, 1, 2, ...) as floats.
Value laneNumbers(KernelBuilder &k, int64_t lanes);

/// Writes the zeros behind the last column of a row (Layout.h).
void storeRowPadding(KernelBuilder &k, RankedTensorType type, Value rowAddress);

/// Which result of the cluster `value` is; the emitters of this folder's
/// stateful kinds have no epilogue, so that it is one.
FailureOr<unsigned> findResult(ClusterOp cluster, Value value);

/// Entry i of an i32 vector in memory, as an index.
Value loadEntry(KernelBuilder &k, Value address, Value i);

} // namespace mlir::mm1::cpu
