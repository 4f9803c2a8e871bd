//===- PackedWeights.h - The weights of an artifact, for the evaluator ----===//
// Reads packed tensors back into the numbers that kernels multiply with, so
// that a module can be evaluated on what was packed and not on what should
// have been:
//
//   auto file = SafeTensorsFile::open("m.mm1/weights/rank-0.safetensors");
//   PackedWeights weights(*file);
//   FailureOr<Tensor> w1 = weights.load(module.lookupSymbol<WeightOp>("w1"));
//
// The layout is that of the weight's type: tensor<96x64xi8, #mm1.swizzled<...>>
// is found as U8 [2, 1, 64, 128] and loaded as [96, 64]. Recipes are not read.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Reference/WeightSource.h"
#include "runtime/Artifact/SafeTensors.h"

namespace mlir::mm1 {

/// Weights of an open file of packed tensors, which must outlive this.
class PackedWeights : public WeightSource {
public:
  explicit PackedWeights(const ::mm1::SafeTensorsFile &file) : file(file) {}
  /// The weight's logical tensor without its padding, or a diagnostic on the op
  /// when the file has no such tensor, or one of another type or shape.
  FailureOr<Tensor> load(WeightOp weight) override;

private:
  const ::mm1::SafeTensorsFile &file;
};

} // namespace mlir::mm1
