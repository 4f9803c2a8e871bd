//===- Stateful.h - Holes of the skeletons that have state ----------------===//
// What lightning attention, the cache and attention ask of a cluster alike:
// where the batch and the pools lie, and rows at a place.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CUDA/Emitters.h"

namespace mlir::mm1::cuda {

extern const Skeleton kLightningAttention, kCacheAppend, kAttention,
    kAttentionPartials, kMergePartials;

/// The hole `name()`, which gives the address of an operand. Fails when the
/// cluster makes it.
/// \param isWritten  whether it is a pool that the kernel updates
LogicalResult printAddress(ClusterText &text, StringRef name, Value operand,
                           bool isWritten = false);

/// The holes slots(), starts() and positions(), and pages() where there are.
LogicalResult printBatch(ClusterText &text, Value slots, Value starts,
                         Value positions, Value pages = Value());

/// The hole `name(row, [inner,] column)`, which gives a value at a place as the
/// cluster has or makes it.
/// \param inner  what the hole calls the place's middle, for rank 3
LogicalResult printValue(ClusterText &text, StringRef name, Value value,
                         StringRef inner = "");

/// The hole store(row, column, out): the cluster's results, made of `out`,
/// which is an anchor's; and clear(row, column) for their padding. Fails when a
/// result has another width.
LogicalResult printStoreOf(ClusterText &text, Value out);

} // namespace mlir::mm1::cuda
