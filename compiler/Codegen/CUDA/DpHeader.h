//===- DpHeader.h - The text of kernels/dp/cuda/dp.cuh, in the binary ----===//
#pragma once

namespace mlir::mm1::cuda {

/// What `#include "dp.cuh"` of a generated program means.
extern const char *const kDpHeader;

} // namespace mlir::mm1::cuda
