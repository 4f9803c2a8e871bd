//===- ScalarPrinter.h - Scalar bodies as C++ statements -----------------===//
// An emitter prints the loops and asks here for values at a place in them. For
// silu at the place (row, column) where `linear` is a variable it printed:
//
//   ScalarPrinter body(cluster);
//   body.bind(linearResult, body.variable("linear", body.f32()));
//   Value y = body.evaluate(siluResult, place);
//   body.printStatements(os, 4);  // const float v0 = -linear; ...
//   os << body.expression(y);     // silu
//
// Bodies are built by ScalarBodyOpInterface as arith and math ops in a block of
// our own, in which loads are `tensor.extract`; each op is then one statement.
//
// Types say where numbers are rounded: a value of type bf16 that another op of
// the cluster reads is rounded first, as if it had been stored.
//===---------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"

#include "llvm/ADT/StringMap.h"

#include <map>
#include <tuple>

namespace mlir::mm1::cuda {

/// Where a value is wanted: [row, (inner,) column], values of type index made
/// by the printer; `inner` is null unless the value is of rank 3.
struct Place {
  Value row, inner, column;
};

/// "float", "dp::bf16", "dp::i8" or "dp::i32".
StringRef cppType(Type element);
/// The same of what a tensor is stored in: "dp::u8" for integers in fragment
/// order, which are stored as q + 128.
StringRef storageType(RankedTensorType type);

/// Whether an operand is a weight, which nobody writes while a model runs:
/// those have a layout (`tile-weights`), and nothing else has.
bool isWeight(RankedTensorType type);

/// The shortest spelling of a float that reads back as the same one: "0.5f".
std::string spellFloat(double value);

/// How argument or result `number` of a kernel is called: in0, out0.
std::string inputName(unsigned number);
std::string outputName(unsigned number);

class ScalarPrinter {
public:
  explicit ScalarPrinter(ClusterOp cluster);

  /// A variable that the surrounding text declares. Its name is taken.
  Value variable(StringRef name, Type type);
  Value index(int64_t value);
  Type f32() { return builder.getF32Type(); }
  Type indexType() { return builder.getIndexType(); }

  /// From now on `value` (of the cluster's region) is `scalar`, wherever it is
  /// asked for: for values that are read in place only.
  /// \param isRounded  to the value's type, as from memory
  void bind(Value value, Value scalar, bool isRounded = false) {
    bound[value] = {scalar, isRounded};
  }
  /// The same of a value with a number for each choice, which are read one by
  /// one: `scalars[j]` is that of choice j.
  void bindChoices(Value value, ArrayRef<Value> scalars) {
    boundChoices[value].assign(scalars.begin(), scalars.end());
  }
  /// The reduction's results are made of this number of the row.
  void bindStat(RowReductionOpInterface reduction, Value stat) {
    stats[reduction] = stat;
  }

  /// The sum of a row of an input is this number, for norm_rows.
  void bindRowSum(Value input, Value sum) { rowSums[input] = sum; }
  /// That sum as an expression: skeletons::sum_of_parts<4>(in3 + ...).
  std::string spellRowSum(Value input, StringRef row);

  /// The value at a place, as f32, rounded to its type; i32 tensors give i32.
  Value evaluate(Value value, const Place &place);
  /// The same before it is rounded: for a store, which rounds.
  Value make(Value value, const Place &place);
  /// The same of a vector ([N] or [T] tensors).
  Value evaluateVector(Value value, Value at);
  Value multiply(Value lhs, Value rhs, StringRef name);
  /// What the reduction makes of a sum and one more number, and of the whole
  /// sum (RowReductionOpInterface).
  Value accumulate(RowReductionOpInterface reduction, Value x, Value sum);
  Value finish(RowReductionOpInterface reduction, Value sum);

  /// Prints all that was evaluated, one statement a line. To be called once,
  /// before `expression`. Fails with an error on the cluster when a body uses
  /// an op that has no C++ form.
  LogicalResult printStatements(raw_ostream &os, unsigned indent);
  /// A printed value, a variable or a constant.
  std::string expression(Value value);

private:
  friend class BodyReader;
  using Key = std::tuple<void *, void *, void *, void *>;
  static Key key(void *what, const Place &place) {
    return {what, place.row.getAsOpaquePointer(),
            place.inner.getAsOpaquePointer(),
            place.column.getAsOpaquePointer()};
  }

  std::string unique(StringRef name);
  Value load(BlockArgument argument, ArrayRef<Value> indices);
  Value sumOfRow(Value input, Value row);
  Value normRows(NormRowsOp norm, const Place &place);
  FailureOr<std::string> spell(Operation *op);

  ClusterOp cluster;
  /// Declared before the builder and the maps: they hold values of it.
  Block block;
  ImplicitLocOpBuilder builder;
  SmallVector<Value> tensors; ///< [argument]: it, in our block
  struct Bound {
    Value scalar;
    bool isRounded = false;
  };
  DenseMap<Value, Bound> bound;
  DenseMap<Value, SmallVector<Value>> boundChoices;
  DenseMap<Operation *, Value> stats;
  DenseMap<Value, Value> rowSums;
  DenseMap<int64_t, Value> constants;
  std::map<Key, SmallVector<Value>> made; ///< results by op and place
  DenseMap<Value, Value> rounded;         ///< made values as bf16 has them
  DenseMap<Value, std::string> names;
  llvm::StringMap<unsigned> taken;
  unsigned numTemporaries = 0;
};

/// The offset of an element from its buffer's start, in elements, as C++.
/// `row`, `inner` and `column` are C++ too; `inner` is empty for rank 2.
std::string elementOffset(RankedTensorType type, StringRef row, StringRef inner,
                          StringRef column);

} // namespace mlir::mm1::cuda
