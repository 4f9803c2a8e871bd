//===- Buckets.h - Sizes of batches, and what has one place in all of them ===//
// A batch runs in the smallest bucket that holds it. With 8 sequences, chunks
// of 512 tokens: decode for 1, 2, 4, 8 sequences, prefill for 16, 64, 256, 512
// tokens, head for 1, 2, 4, 8 and 64 rows.
//
// Named buffers (ports) have one place whatever the bucket, large enough for
// all of them: what one entry leaves there another finds.
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/Plan/Draft.h"

#include "llvm/ADT/MapVector.h"

namespace mlir::plan {

/// The size of a batch.
struct Bucket {
  int64_t tokens, sequences;
};

/// What all buckets share.
struct Sizes {
  int64_t maxSequences, maxPrefill, pageColumns;

  int64_t rowsOf(Rows rows, Bucket bucket) const;
  int64_t bytesOf(const VirtualBuffer &buffer, Bucket bucket) const;
};

/// The buckets of an entry function, by rising size.
SmallVector<Bucket> bucketsOf(EntryKind kind, const Sizes &sizes);

struct Port {
  RankedTensorType type;
  int64_t bytes = 0, offset = 0;
};
using Ports = llvm::MapVector<StringRef, Port>;

/// Collects the names of all drafts and places them from 0 on; returns the end.
/// An error when two drafts have a name with different types.
FailureOr<int64_t> placePorts(ArrayRef<Draft> drafts, const Sizes &sizes,
                              Ports &ports);

} // namespace mlir::plan
