//===- Emitters.h - How a cluster fills the holes of a skeleton -----------===//
// A skeleton is a header in kernels/skeletons with a kernel's loops, a template
// over the cluster; its head lists what it wants of the cluster's struct. To
// add one for some clusters:
//
//   1. kernels/skeletons/elementwise.h with
//        template <typename Cluster>
//        DP_DEVICE void elementwise(const Cluster &, int task, dp::Shared);
//      and, where it uses shared memory, elementwise_shared_bytes<Cluster>(),
//      at most 48 KiB.
//   2. EmitElementwise.cpp here, with a Skeleton: which clusters it accepts,
//      and a function that prints the struct's constants and holes:
//
//        FailureOr<KernelHead> printRows(ClusterText &text) {
//          text.constant("kPer", 4);
//          Hole hole(text, "store");                   // DP_METHOD void store(
//          hole.tag("skeletons::Part<0>");             //   skeletons::Part<0>,
//          Place place{hole.index("row"), {},          //   int row,
//                      hole.index("column")};          //   int column) const {
//          hole.store(0, place);                       //   statements, store
//          if (failed(hole.end()))                     // }
//            return failure();
//          return KernelHead{"grid T, block 256", "memory: ...", 256};
//        }
//        const Skeleton kElementwise{"elementwise", "skeletons/elementwise.h",
//                                    accepts, printRows};
//   3. a line in the table of Skeletons.cpp. The first that accepts is taken,
//      so a faster form stands in front of the plain one.
//
// The comment, the members, the wrapper kernel and its waits are the core's
// (EmitCUDA.cpp).
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CUDA/ScalarPrinter.h"
#include "dialects/Plan/Schedule.h"

namespace mlir::mm1::cuda {

/// The struct of a cluster being printed: what stands in it behind the members.
class ClusterText {
public:
  explicit ClusterText(ClusterOp cluster) : cluster(cluster), stream(body) {}

  /// static constexpr int name = value;
  void constant(StringRef name, int64_t value);
  /// static constexpr bool name = value;
  void flag(StringRef name, bool value);
  /// static constexpr int name[] = {values};
  void constants(StringRef name, ArrayRef<int64_t> values);
  /// Anything else, indented by two.
  raw_ostream &os() { return stream; }
  StringRef text() const { return body; }

  ClusterOp cluster;

private:
  std::string body;
  llvm::raw_string_ostream stream;
};

/// What the comment above a kernel says, and its block.
struct KernelHead {
  std::string launch, bound;
  int64_t threads;
  /// Whether the skeleton wants NAME_shared_bytes<Cluster>() of shared memory.
  bool usesSharedMemory = false;
};

/// One way to make kernels.
struct Skeleton {
  /// Its function in the namespace `skeletons`.
  StringRef name;
  /// Where that is, for #include.
  StringRef header;
  /// Whether it has loops for such clusters, whatever their schedule.
  bool (*accepts)(ClusterOp cluster);
  /// Prints the constants and holes. Emits an error on the cluster and fails
  /// when the schedule is not one, or a layout is not its own.
  FailureOr<KernelHead> (*print)(ClusterText &text);
};

extern const Skeleton kElementwise, kRowReduction, kRowSquares, kMatmul,
    kRouting, kGrouping, kExperts, kGroupedExperts, kSelection;

/// The skeleton for a cluster, or null.
const Skeleton *findSkeleton(ClusterOp cluster);

//===----------------------------------- Holes ------------------------------===//

/// A member function of a cluster's struct. Declare its parameters in order,
/// ask `values` for values at places made of them, then end it, once.
class Hole {
public:
  Hole(ClusterText &text, StringRef name, StringRef result = "void");

  /// A parameter that only chooses among functions of this name.
  void tag(StringRef type) { parameters.push_back(type.str()); }
  Value index(StringRef name);  ///< int
  Value number(StringRef name); ///< float
  /// Any other: `declaration` as C++ has it, what `values` takes it for. `name`
  /// is how expressions spell it ("sums[0]" of "const float (&sums)[1]").
  void parameter(StringRef declaration) {
    parameters.push_back(declaration.str());
  }
  Value variable(StringRef name, Type type) {
    return values.variable(name, type);
  }

  /// Stores the cluster's result of this number at a place, behind all
  /// statements, rounded to its type.
  void store(unsigned result, const Place &place);
  /// The same of a value that was made.
  void storeValue(unsigned result, const Place &place, Value value);
  /// Stores zero.
  void clear(unsigned result, const Place &place);

  LogicalResult end() { return end(Value()); }
  LogicalResult end(Value returned);
  /// Ends it with an expression that needs no statements.
  void endWith(StringRef expression);

  ScalarPrinter values;

private:
  struct Store {
    unsigned result;
    Place place;
    Value value; ///< null: zero
  };
  void printSignature();

  ClusterText &text;
  std::string head;
  SmallVector<std::string> parameters;
  SmallVector<Store> stores;
};

/// The hole `name(tag, row, [inner,] column)` that puts zeros into these
/// results, which have one shape; nothing where their rows have no padding.
LogicalResult printClear(ClusterText &text, StringRef name, StringRef tag,
                         ArrayRef<unsigned> results, bool takesInner = false);
/// Whether rows of so many columns end before a multiple of 32.
bool hasPadding(int64_t columns);

/// The holes reduced(row, column), accumulate(x, sum) and finish(sum) of
/// row_reduction.h. Fails when the op's sums are not one number that adds up.
LogicalResult printReduction(ClusterText &text,
                             RowReductionOpInterface reduction);

//===--------------------------------- Schedules ----------------------------===//

/// An integer of the schedule that must lie in [1, most].
FailureOr<int64_t> scheduled(ClusterOp cluster, StringRef name, int64_t most);
/// Checks the schedule's unit, and that it has a task for each `per` of them.
LogicalResult expectUnit(ClusterOp cluster, StringRef unit);
/// The head of a kernel whose blocks do `per` rows.
KernelHead rowHead(int64_t per, int64_t threads);

//===---------------------------------- Values ------------------------------===//

/// True when `value` is made from `from` by the ops of the cluster.
bool dependsOn(Value value, Value from);
/// Columns of a row: the last dimension.
int64_t numColumns(Value value);

} // namespace mlir::mm1::cuda
