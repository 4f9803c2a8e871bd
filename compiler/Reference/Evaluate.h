//===- Evaluate.h - Run a function of an mm1 module, in double precision --===//
// The meaning of the dialect: op by op, also through clusters, without fusion,
// rounding or parallel tricks. Compiled kernels are measured against it.
//
//   StateStore states = StateStore::zero(module, /*slots=*/1, /*pages=*/10);
//   CheckpointWeights weights(checkpoint);
//   auto hidden = evaluate(module.lookupSymbol<func::FuncOp>("prefill"),
//                          {tokens, positions, starts, slots, pages},
//                          weights, states);
//
// ReferenceSession.h fills in the batch for one sequence.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Reference/Tensor.h"
#include "compiler/Reference/WeightSource.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <memory>

namespace mlir::mm1 {

/// The pools behind mm1.state. Pools are values: loading one and storing
/// another never changes the one that was loaded.
class StateStore {
public:
  /// All states of `module`, zero: `slots` lightning slots, `pages` KV pages.
  static StateStore zero(ModuleOp module, int64_t slots, int64_t pages);

  /// The pool called `name`, or null.
  std::shared_ptr<const Tensor> get(StringRef name) const {
    return pools.lookup(name);
  }
  void set(StringRef name, std::shared_ptr<const Tensor> pool) {
    pools[name] = std::move(pool);
  }

private:
  llvm::StringMap<std::shared_ptr<const Tensor>> pools;
};

/// Told the results of every op right after it ran, those in clusters too.
using OpObserver =
    std::function<void(Operation *op, ArrayRef<const Tensor *> results)>;

/// Runs `func` on `inputs` and returns its results. Weights are loaded when an
/// op first needs them and dropped behind the last. A diagnostic on the op when
/// an input does not fit the function, the batch does not fit the states, an
/// index is out of range, or there is no way to run the op here (collectives of
/// several ranks).
FailureOr<SmallVector<Tensor>>
evaluate(func::FuncOp func, ArrayRef<Tensor> inputs, WeightSource &weights,
         StateStore &states, const OpObserver &observer = {});

} // namespace mlir::mm1
