//===- HostCalls.h - Clusters that the runtime's own functions do ---------===//
// The one place that says so:
//
//   mm1.cluster selection {top_candidates}  ->  plan.host_call "top_candidates"
//
// where the target selects on the host (a cpu does: a GPU has a kernel).
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Plan/Plan.h"

#include <optional>
#include <string>

namespace mlir::plan {

/// What plan.host_call says besides its arguments, which are a cluster's inputs
/// and then its results, as a kernel's.
struct HostCall {
  std::string callee;
  SmallVector<int64_t> numbers;
};

/// The host call that does what `cluster` does; nothing when a kernel does it.
std::optional<HostCall> hostCallOf(mm1::ClusterOp cluster, bool selectsOnHost);

} // namespace mlir::plan
