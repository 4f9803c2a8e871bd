//===- Routing.h - Holes of kernels that choose experts ------------------===//
// What routing.h wants of a cluster, for the kernels that make the choice again.
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CUDA/Emitters.h"

namespace mlir::mm1::cuda {

/// The constants kExperts and kChoices, and the hole logit(row, expert).
LogicalResult printRouter(ClusterText &text, RouterOp router);

/// The holes store_choice(row, choice, id, weight) and clear_choice(row,
/// choice), for results that are the router's.
LogicalResult printStoreChoice(ClusterText &text, RouterOp router);

/// The numbers of the cluster's results that are this value of its region.
SmallVector<unsigned> resultsThatAre(ClusterOp cluster, Value value);

} // namespace mlir::mm1::cuda
