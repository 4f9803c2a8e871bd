//===- Target.h - What a machine's kernels can do -------------------------===//
// Fusion asks two questions about ops that could be one kernel. Is it *legal*?
// That the ops' interfaces answer, for every machine alike (ClusterView.h). Is
// there somebody who is *able*? That is the target's to say:
//
//   if (std::optional<Refusal> refusal = target.accepts(view))
//     ... refusal->op, "a cpu kernel has one anchor"
//
// Forming clusters asks for each op that joins and each merge, verify-fused for
// each cluster: what passes is what the target's emitter (compiler/Codegen)
// takes, and nothing else in passes/ knows an emitter.
//
//   cpu            any x86-64 with 16 or more vector registers; a task is a
//                  piece of work of one thread
//   sm_80, sm_90a  NVIDIA GPUs (A100; H100 and H200); a task is a block
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/Fuse/ClusterView.h"
#include "passes/Fuse/ScheduleChoice.h"
#include "passes/Fuse/TargetFacts.h"

namespace mlir::mm1 {

class Target {
public:
  virtual ~Target() = default;

  const TargetFacts &facts() const { return numbers; }
  StringRef name() const { return numbers.name; }

  /// Why no kernel of this target can be the cluster; nothing when one can.
  /// Asked of legal clusters only.
  virtual std::optional<Refusal> accepts(const ClusterView &cluster) const = 0;

  /// The grid and the tile sizes that suit the cluster and its bucket. Asked of
  /// accepted clusters only.
  virtual ScheduleChoice schedule(const ClusterView &cluster) const = 0;

  /// Sets the grid that follows from the knobs, which somebody may have changed,
  /// and brings knobs into their range.
  virtual void fitGrid(const ClusterView &cluster,
                       ScheduleChoice &choice) const = 0;

protected:
  explicit Target(const TargetFacts &facts) : numbers(facts) {}

private:
  TargetFacts numbers;
};

/// The target of this name, or null. "emulated:sm_90a" is sm_90a: the same
/// plan and kernels, which are built for the processor besides.
const Target *findTarget(StringRef name);
bool isEmulated(StringRef name);

/// Fails with an error on the op where a built cluster is illegal, or has no
/// kernel on the target.
LogicalResult verifyKernelExists(ClusterOp cluster, const Target &target,
                                 const Bucket &bucket);

/// For messages: "cpu, sm_80, sm_90a".
std::string targetNames();

/// As findTarget; an error without a place that names the known ones.
FailureOr<const Target *> getTarget(MLIRContext *context, StringRef name);

// Defined in CpuTarget.cpp and CudaTarget.cpp.
std::unique_ptr<Target> makeCpuTarget();
std::unique_ptr<Target> makeCudaTarget(StringRef name,
                                       ArrayRef<int64_t> multiprocessors,
                                       double bytesPerSecond,
                                       double flopsPerSecond);

} // namespace mlir::mm1
