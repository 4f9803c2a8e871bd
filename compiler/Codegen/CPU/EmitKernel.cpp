//===- EmitKernel.cpp - A cluster becomes a function ---------------------===//
#include "compiler/Codegen/CPU/EmitKernel.h"
#include "compiler/Codegen/CPU/Emitters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

void mlir::mm1::cpu::loadKernelDialects(MLIRContext &context) {
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  context.appendDialectRegistry(registry);
  context.loadDialect<MM1Dialect, arith::ArithDialect, cf::ControlFlowDialect,
                      func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                      scf::SCFDialect, vector::VectorDialect>();
}

/// Refuses weights that the reader would misread: rows and vectors must be
/// padded so that whole vectors can be loaded.
static LogicalResult checkLayouts(ClusterOp cluster) {
  for (Value input : cluster.getInputs()) {
    auto type = cast<RankedTensorType>(input.getType());
    bool isWeight = isa<FloatType>(type.getElementType()) &&
                    llvm::none_of(type.getShape(), ShapedType::isDynamic);
    if (isWeight && !type.getEncoding() && type.getShape().back() % 32 != 0)
      return cluster.emitOpError()
             << "expects weights that are tiled, or padded to a multiple of "
                "32, found "
             << type << ": run tile-weights";
  }
  return success();
}

FailureOr<KernelInfo> mlir::mm1::cpu::emitKernel(ClusterOp cluster,
                                                 StringRef symbol,
                                                 const CPUTarget &target,
                                                 ModuleOp out) {
  FailureOr<Schedule> schedule = Schedule::read(cluster);
  if (failed(schedule) || failed(checkLayouts(cluster)))
    return failure();
  KernelBuilder k(out, symbol, target, cluster.getLoc());
  ClusterReader reader(k, cluster);
  KernelFrame frame{cluster, *schedule, k, reader};

  auto emit = [&]() -> LogicalResult {
    std::optional<AnchorKind> kind = cluster.getOnlyKind();
    if (!kind)
      return cluster.emitOpError(
          "has several anchors, and the cpu target's kernels have one");
    switch (*kind) {
    case AnchorKind::Matmul:
    case AnchorKind::GroupedMatmul:
      return emitMatmul(frame);
    case AnchorKind::RowReduction:
      return emitRowReduction(frame);
    case AnchorKind::Elementwise:
      return emitElementwise(frame);
    case AnchorKind::Recurrence:
      return emitRecurrence(frame);
    case AnchorKind::Attention:
      return emitAttention(frame);
    case AnchorKind::SpanMerge:
      return emitSpanMerge(frame);
    case AnchorKind::CacheAppend:
      return emitCacheAppend(frame);
    case AnchorKind::Routing:
      return emitRouting(frame);
    default:
      return cluster.emitOpError()
             << "is of kind '" << stringifyAnchorKind(*kind)
             << "', which the cpu target has no emitter for";
    }
  };
  if (failed(emit())) {
    k.getFunction().erase();
    return failure();
  }
  k.finish();
  return KernelInfo{symbol.str(), k.getScratchBytes()};
}
