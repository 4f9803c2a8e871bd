//===- Ports.h - Named buffers, which have one place in all buckets -------===//
// Named buffers (ports) have one place whatever the bucket, large enough for
// all of them: what one entry leaves there another finds.
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/Plan/Draft.h"

#include "llvm/ADT/MapVector.h"

namespace mlir::plan {

/// What all buckets share.
struct Sizes {
  int64_t maxSequences, maxPrefill, pageColumns;
  int64_t slots; ///< spare ones counted

  int64_t rowsOf(Rows rows, const mm1::Bucket &bucket) const;
  int64_t bytesOf(const VirtualBuffer &buffer, const mm1::Bucket &bucket) const;
};

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
