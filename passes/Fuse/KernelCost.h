//===- KernelCost.h - What a kernel costs, roughly ------------------------===//
// The model by which fusion decides between legal and able alternatives. One
// kernel of n tasks on w workers takes
//
//   launch   from the end of the kernel before it
//   stream   all bytes that cross memory, once: weights, rows, results; with
//            fewer tasks than workers only their share of the bandwidth
//   repeat   per wave of tasks: taking a task, and what each task reads or makes
//            again that others have too (rows from the last cache, a norm)
//
// A norm of 6144 columns in front of a linear of 128 blocks costs a second pass
// over a row (0.2 us) and saves a launch (1.2 us); in front of 500 tasks of a
// CPU it costs 250 passes for each thread. Only differences matter: what both
// alternatives have in common (attention over its context) is left out.
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/Fuse/Target.h"

namespace mlir::mm1 {

struct KernelCost {
  double launchSeconds = 0, streamSeconds = 0, repeatSeconds = 0;
  /// What `streamSeconds` and one task's part of `repeatSeconds` are for.
  int64_t streamBytes = 0, repeatBytes = 0;
  int64_t tasks = 1;

  double seconds() const {
    return launchSeconds + streamSeconds + repeatSeconds;
  }
};

/// The cost of a kernel of `tasks` tasks that does what the view says.
KernelCost costOf(const ClusterView &view, const TargetFacts &facts,
                  int64_t tasks);

/// Bytes of one element.
inline int64_t elementBytes(Type element) {
  return (element.getIntOrFloatBitWidth() + 7) / 8;
}

} // namespace mlir::mm1
