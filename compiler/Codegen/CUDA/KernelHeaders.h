//===- KernelHeaders.h - The headers of kernels/, in the binary -----------===//
// What generated programs include travels in the compiler: NVRTC gets it from
// memory.
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"

namespace mlir::mm1::cuda {

struct KernelHeader {
  /// As an include says it: "dp/dp.h".
  const char *name;
  const char *text;
};

llvm::ArrayRef<KernelHeader> kernelHeaders();

} // namespace mlir::mm1::cuda
