//===- ClusterReader.h - Values of a cluster at a place ------------------===//
// An emitter walks over places and asks for values there; the reader builds
// them from the cluster's region. In
//
//   ^bb0(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16, #mm1.tiled<...>>):
//     %0 = mm1.linear %x weights(%w) ...
//     %1 = mm1.silu %0
//     mm1.yield %1
//
// the matmul emitter binds %0 to its accumulators, then asks for %1 at
// (row, column): the reader builds silu's scalar body on vectors, whose operand
// is the bound value. Block arguments are loaded from their buffers.
//
// A type says where numbers are rounded: an op reads a bf16 value of its own
// cluster rounded to bf16, as if it had been stored and loaded, and an f32 value
// as it was made. So the bits of a module do not depend on what is fused.
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/KernelBuilder.h"

#include <functional>
#include <map>

namespace mlir::mm1::cpu {

/// Where a value is wanted: [row, (inner,) column], all of type index; `inner`
/// is null unless the value is of rank 3. Row is t, column the first lane.
struct Place {
  Value row, inner, column;
};

class ClusterReader {
public:
  ClusterReader(KernelBuilder &k, ClusterOp cluster);

  /// Makes the value at a place, `lanes` consecutive columns of it.
  using Source = std::function<Value(const Place &place, int64_t lanes)>;

  /// From now on `value` is what `source` makes, not what its op would.
  void bind(Value value, Source source);
  /// From now on `value` is `lanes`, wherever it is asked for: for values that
  /// are read in place only.
  void bind(Value value, Value lanes);
  void unbind(Value value);

  /// The value (of the cluster's region, a float tensor) at a place, as an op of
  /// the cluster reads it: f32, rounded if its type is bf16. i32 tensors give
  /// i32. What many ops of the value's making read at one place is built once.
  Value evaluate(Value value, const Place &place, int64_t lanes);
  /// The same by columns of a vector ([N] tensors).
  Value evaluateVector(Value value, Value column, int64_t lanes);

  /// Result `result` of a row reduction at a place, from the finished stats of
  /// its row.
  Value applyReduction(RowReductionOpInterface op, unsigned result,
                       ValueRange stats, const Place &place, int64_t lanes);

  /// Stores `floats` as result `result` of the cluster at a place, with zeros
  /// in columns beyond the row's end.
  void store(unsigned result, const Place &place, Value floats);
  /// Evaluates and stores what the yield gives as result `result`.
  void storeResult(unsigned result, const Place &place, int64_t lanes);

  /// The address of a block argument, and of a result's buffer.
  Value inputAddress(Value blockArgument);
  Value outputAddress(unsigned result);
  /// The address of column 0 of a row of an activation `[T, N]` or, with
  /// `inner`, `[T, k, N]`.
  Value rowAddress(Value base, RankedTensorType type, Value row, Value inner);

  /// True when `value` is made from `from` by the ops of the cluster.
  static bool dependsOn(Value value, Value from);

  ClusterOp getCluster() { return cluster; }

private:
  friend class BodyReader;
  /// The value before it is rounded.
  Value make(Value value, const Place &place, int64_t lanes);
  Value loadPlace(Value address, RankedTensorType type, const Place &place,
                  int64_t lanes);

  KernelBuilder &k;
  ClusterOp cluster;
  DenseMap<Value, Source> bound;

  /// Results of ops that were built at a place, while the outermost request
  /// lasts: later ones may stand where these do not dominate.
  using Request = std::tuple<Operation *, int64_t, SmallVector<int64_t, 6>>;
  static Request requestOf(Operation *op, const Place &place, int64_t lanes);
  std::map<Request, SmallVector<Value>> made;
  int64_t numRequests = 0;
};

} // namespace mlir::mm1::cpu
