//===- Matrices.h - The layouts of weights, as kernels/skeletons/matrix.h ---===//
#pragma once

#include "compiler/Codegen/CUDA/Emitters.h"

namespace mlir::mm1::cuda {

/// The type of matrix.h in which [N, K] of the weight lie, [E, N, K] for one
/// expert: "skeletons::SwizzledMatrix<dp::bf16, 96, 64, 64>". Emits an error on
/// the cluster when no such type has the weight's layout.
FailureOr<std::string> matrixType(ClusterOp cluster, RankedTensorType weight);

/// The hole `matrix(tag, int i)`: inputs of the cluster, equal in type.
/// \param ofExperts  they are [E, N, K], and the hole is
///                   `matrix(tag, int i, int expert)`
LogicalResult printMatrices(ClusterText &text, StringRef tag,
                            ArrayRef<Value> weights, bool ofExperts = false);

} // namespace mlir::mm1::cuda
