//===- EmitMatmul.cpp - linear and expert_linear -------------------------===//
#include "compiler/Codegen/CPU/Emitters.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

LogicalResult mlir::mm1::cpu::emitMatmul(KernelFrame &frame) {
  return frame.cluster.emitOpError("matmul is being written");
}
