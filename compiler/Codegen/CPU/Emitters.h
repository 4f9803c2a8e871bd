//===- Emitters.h - One emitter per kind of anchor -----------------------===//
// emitKernel (EmitKernel.h) starts the function and calls one of these, which
// writes its body. What they share is in the frame.
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/ClusterReader.h"
#include "compiler/Codegen/CPU/KernelBuilder.h"

namespace mlir::mm1::cpu {

/// A kernel being written. Kernel argument i is input i of the cluster, then
/// come the results that are no next state: reader.outputAddress knows.
struct KernelFrame {
  ClusterOp cluster;
  Schedule schedule;
  KernelBuilder &k;
  ClusterReader &reader;
};

// Each emits an error on the cluster and fails when it cannot make the kernel.
LogicalResult emitMatmul(KernelFrame &frame); // linear and expert_linear
LogicalResult emitRowReduction(KernelFrame &frame);
LogicalResult emitElementwise(KernelFrame &frame);
LogicalResult emitRecurrence(KernelFrame &frame);
LogicalResult emitAttention(KernelFrame &frame);
LogicalResult emitSpanMerge(KernelFrame &frame);
LogicalResult emitCacheAppend(KernelFrame &frame);
LogicalResult emitRouting(KernelFrame &frame); // router and group_tokens

} // namespace mlir::mm1::cpu
