//===- Emitters.h - One emitter per kind of anchor -----------------------===//
// emitCUDAKernel (EmitCUDA.h) calls one of these, which prints the kernel's
// head and body. What they share is here.
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CUDA/ScalarPrinter.h"

namespace mlir::mm1::cuda {

/// A kernel being printed.
struct KernelText {
  ClusterOp cluster;
  StringRef symbol;
  raw_ostream &os;
};

/// What the comment above a kernel says, and its block.
struct KernelHead {
  std::string launch, bound;
  int64_t threads;
};

// Each emits an error on the cluster and fails when it cannot make the kernel.
LogicalResult emitMatmul(KernelText &text);
LogicalResult emitRowReduction(KernelText &text);
LogicalResult emitElementwise(KernelText &text);

/// An integer of the schedule that must lie in [1, most].
FailureOr<int64_t> scheduled(ClusterOp cluster, StringRef name, int64_t most);
/// Checks the schedule's unit.
LogicalResult expectUnit(ClusterOp cluster, StringRef unit);

/// Prints the comment, the signature and the opening brace.
void printHead(KernelText &text, const KernelHead &head);
/// The head of a kernel whose blocks do `per` rows.
KernelHead rowHead(int64_t per, int64_t threads);
/// Starts the loop over the `per` rows of a block; `row` is its variable.
void printRowLoop(KernelText &text, int64_t per);

/// `out0[...] = ...;` for a value that was printed. Place and value are C++.
void printStore(KernelText &text, unsigned indent, unsigned result,
                StringRef row, StringRef inner, StringRef column,
                StringRef value);
/// Zeros in the columns from the row's end to the next multiple of 32; nothing
/// when there are none. `thread` counts up from 0 to 31 or further.
void printPadding(KernelText &text, unsigned indent, unsigned result,
                  StringRef row, StringRef inner, StringRef thread);

/// True when `value` is made from `from` by the ops of the cluster.
bool dependsOn(Value value, Value from);

} // namespace mlir::mm1::cuda
