//===- WeightSource.h - Weights for the reference evaluator ---------------===//
// Evaluates recipes into doubles, one weight at a time, when it is asked for:
//
//   CheckpointWeights weights(checkpoint);
//   FailureOr<Tensor> w1 = weights.load(module.lookupSymbol<WeightOp>("w1"));
//
// Layout steps (tile, swizzle, pad) change where numbers lie, not which they are: here
// they do nothing.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Import/Checkpoint.h"
#include "compiler/Reference/Tensor.h"
#include "dialects/MM1/MM1.h"

namespace mlir::mm1 {

class WeightSource {
public:
  virtual ~WeightSource() = default;
  /// The weight's logical tensor, or a diagnostic on the op.
  virtual FailureOr<Tensor> load(WeightOp weight) = 0;
};

/// Weights of an open checkpoint, which must have its bytes and outlive this.
class CheckpointWeights : public WeightSource {
public:
  explicit CheckpointWeights(const ::mm1::Checkpoint &checkpoint)
      : checkpoint(checkpoint) {}
  FailureOr<Tensor> load(WeightOp weight) override;

private:
  const ::mm1::Checkpoint &checkpoint;
};

} // namespace mlir::mm1
