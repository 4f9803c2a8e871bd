//===- CudaGraph.h - An entry's steps become a graph ----------------------===//
// A plan is a list, but the GPU needs to know only which step must end before
// which begins. Two steps conflict when they touch the same bytes or the same
// state and one of them writes; a later step waits for the earlier ones it
// conflicts with, except where that follows from other edges already:
//
//   0 begin        writes tokens          0 -> 1 -> 3   and 0 -> 2 -> 3
//   1 embed        tokens -> x
//   2 clear        writes flags           not 0 -> 3, which follows; not
//   3 matmul       x, flags -> y          1 -> 2, which share nothing
//
// Where the plan lets a kernel start early, and the one before it is the only
// one it waits for, the edge is programmatic: the kernel may begin while the
// other still runs, and waits itself before it touches anything but weights.
// That is safe only because all of them wait: when it goes on, the kernel
// before it has ended, and so have all that that one waited for. The idea is
// Programmatic Dependent Launch (CUDA Programming Guide, 4.5), said by edges of
// an explicit graph.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Plan.h"
#include "runtime/Device/CudaContext.h"

#include <cstdint>
#include <span>
#include <vector>

namespace mm1 {

/// `to` begins after `from`, both numbers of an entry's steps.
struct StepEdge {
  uint32_t from, to;
  bool isEarly; ///< when `from` lets go, not when it has ended

  bool operator==(const StepEdge &) const = default;
};

/// The longest entry that is looked at: its pairs of steps are compared.
inline constexpr size_t kMostGraphSteps = 16384;

/// The edges of an entry, by `to`, each one's `from` falling. Signals and waits
/// have none: what they order is ordered by the data. `startsEarly`: whether
/// the GPU knows edges that are early.
std::vector<StepEdge> findEdges(const Plan &plan, const Plan::Entry &entry,
                                bool startsEarly);

/// Of the kernel that `step` launches; None for what is no launch.
Builtin builtinOf(const Plan &plan, const Plan::Step &step);

/// A launch or a copy, as the driver takes it.
struct CudaWork {
  uint32_t step;                     ///< in its entry
  cuda::Function function = nullptr; ///< null: a copy
  unsigned blocks = 0, threads = 0, sharedBytes = 0;
  /// Of a kernel; or of a copy: from, to.
  std::vector<cuda::Address> arguments;
  uint64_t copyBytes = 0;
};

struct CudaGraph {
  CudaOwned<cuda::GraphExec> executable;
  /// Why the driver took no early edges, when it did not; they are plain then.
  std::string refusal;
};
/// A graph of `works`, one for each step of `entry` that does something, in
/// their order. Machine error when the driver refuses it with plain edges, too.
Expected<CudaGraph> buildGraph(CudaContext &gpu, const Plan::Entry &entry,
                               std::span<const CudaWork> works,
                               std::span<const StepEdge> edges);

/// Runs one piece of work behind all that the stream has.
Status launch(CudaContext &gpu, const CudaWork &work);

} // namespace mm1
