//===- ReferenceSession.h - One sequence through a model's entries --------===//
// Fills in the batch by the names of arguments (mm1.name), and finds the entry
// function: at any stage up to fused, with buckets or without.
//
//   ReferenceSession session(module, weights, /*maxTokens=*/100);
//   FailureOr<NamedTensors> outputs = session.append("prefill", ids);
//   FailureOr<Tensor> logits = session.logits(*outputs);
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Reference/Evaluate.h"

namespace mlir::mm1 {

/// What an entry takes or returns, by mm1.name.
using NamedTensors = llvm::StringMap<Tensor>;

class ReferenceSession {
public:
  /// Room for `maxTokens` tokens.
  ReferenceSession(ModuleOp module, WeightSource &weights, int64_t maxTokens);

  /// Appends tokens by the entry `entry` ("prefill" or "decode") and returns
  /// what it makes: hidden rows `[T, H]`, or logits `[T, V]` and candidates.
  FailureOr<NamedTensors> append(StringRef entry, ArrayRef<int32_t> ids);
  /// The logits `[T, V]` of appended tokens: the entry's own, or what the head
  /// makes of its hidden rows.
  FailureOr<Tensor> logits(const NamedTensors &outputs);

  StateStore &states() { return store; }
  OpObserver observer;

private:
  FailureOr<NamedTensors> run(StringRef entry, NamedTensors inputs,
                              int64_t rows);

  ModuleOp module;
  WeightSource &weights;
  StateStore store;
  Tensor pages;
  int64_t position = 0;
};

} // namespace mlir::mm1
