//===- Draft.h - One function as steps on buffers without places ----------===//
// Values become virtual buffers with a live range, clusters become steps of
// deduplicated kernels, the next value of a state becomes the state itself.
// Bytes and offsets are left open:
//
//   %y = mm1.cluster ... {silu} (%x)       step 3: @silu_0 (read 5, write 6)
//   %z = mm1.cluster ... {mul} (%x, %y)    step 4: @mul_0 (read 5, read 6, ...)
//                                          buffer 6: [T, 32], in use in 3 .. 4
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/Fuse/Bucket.h"
#include "passes/Plan/HostCalls.h"
#include "passes/Plan/OutlineKernels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>
#include <string>
#include <vector>

namespace mlir::plan {

/// What the dynamic first dimension of a buffer counts.
enum class Rows { Tokens, Sequences, SequenceBounds, Slots, Hidden };

struct VirtualBuffer {
  RankedTensorType type;
  Rows rows = Rows::Tokens;
  StringRef port; ///< empty for one without a name
  PortRole role = PortRole::Input;
  int64_t first = 0, last = 0; ///< steps between which it is in use
};

/// An argument: a buffer of the draft, or the symbol of a weight or a state.
struct DraftArgument {
  std::optional<unsigned> buffer;
  FlatSymbolRefAttr symbol;
  RankedTensorType type;
  bool isState = false;
};

/// A launch of a kernel, or a host call.
struct DraftStep {
  KernelOp kernel;
  std::optional<HostCall> call; ///< instead of a kernel
  SmallVector<DraftArgument> args;
  SmallVector<int32_t> access;
  int64_t tasks, per, grain;
  GridUnit unit;
  int64_t threads; ///< of a block; 0 on a cpu
  bool startsEarly;
  std::string label;
  Location location;
};

struct Draft {
  StringRef name;
  EntryKind kind;
  mm1::Bucket bucket;
  Location location;
  std::vector<VirtualBuffer> buffers;
  std::vector<DraftStep> steps;
};

/// What the target of a plan asks of its steps.
struct StepRules {
  DeviceKind device = DeviceKind::CPU;
  bool selectsOnHost = true;
  /// A launch may start while the one before it ends.
  bool startsEarly = false;
};

/// Reads one function of the fuse phase. An error on the op that a plan cannot
/// say: outside of a cluster, without a schedule, or against the rule that
/// states change in place.
FailureOr<Draft> draftFunction(func::FuncOp function, EntryKind kind,
                               const mm1::Bucket &bucket,
                               const StepRules &rules,
                               KernelOutliner &outliner);

} // namespace mlir::plan
