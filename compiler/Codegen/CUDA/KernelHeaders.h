//===- KernelHeaders.h - The texts of kernels/, in the binary -------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"

namespace mlir::mm1::cuda {

/// A file that generated programs include: `#include "dp/dp.h"`.
struct KernelHeader {
  const char *name; ///< from kernels/ on
  const char *text;
};

/// All of them, so that mm1c needs none beside it.
llvm::ArrayRef<KernelHeader> kernelHeaders();

} // namespace mlir::mm1::cuda
