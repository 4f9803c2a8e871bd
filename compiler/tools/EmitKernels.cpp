//===- EmitKernels.cpp - All kernels of a plan for one CPU level --------------===//
#include "compiler/tools/BuildArtifact.h"

#include "dialects/Plan/Plan.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace mm1 {

FailureOr<EmittedKernels> emitKernels(ModuleOp plan,
                                      const mlir::mm1::cpu::CPUTarget &target) {
  EmittedKernels emitted;
  emitted.module = ModuleOp::create(plan.getLoc());
  for (auto kernel : plan.getOps<mlir::plan::KernelOp>()) {
    auto info = mlir::mm1::cpu::emitKernel(
        kernel.getCluster(), kernel.getSymName(), target, *emitted.module);
    if (failed(info))
      return failure();
    emitted.kernels.push_back(std::move(*info));
  }
  return std::move(emitted);
}

} // namespace mm1
