//===- Bucket.h - The size of batch that an entry is made for -------------===//
// An entry function of the model (decode, prefill, head) becomes one function
// for each bucket, fused and scheduled for its size:
//
//   func.func @decode_4(...) attributes {mm1.entry = "decode", mm1.tokens = 4
//       : i64, mm1.sequences = 4 : i64}
//
// serves every batch of at most 4 tokens of at most 4 sequences. Tensors keep
// `?` for the tokens, so that equal kernels of two buckets are one.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::mm1 {

/// The attributes of entry functions.
inline constexpr llvm::StringLiteral kEntryAttr = "mm1.entry",
                                     kTokensAttr = "mm1.tokens",
                                     kSequencesAttr = "mm1.sequences";

struct Bucket {
  StringRef entry; ///< decode, prefill or head
  int64_t tokens, sequences;

  /// Each sequence has one token, so no row needs another row of the batch. A
  /// prefill step may have room for as many sequences, and one that fills it.
  bool hasOneTokenEach() const {
    return tokens == sequences && entry != "prefill";
  }

  /// The bucket of an entry function; an error on it when it has none. A
  /// function that is no entry is taken as one token of one sequence.
  static FailureOr<Bucket> of(func::FuncOp function);
};

} // namespace mlir::mm1
