//===- Skeletons.cpp - All ways to make kernels, the preferred first -----===//
#include "compiler/Codegen/CUDA/Emitters.h"
#include "compiler/Codegen/CUDA/Stateful.h"

using namespace mlir::mm1;
using namespace mlir::mm1::cuda;

static const Skeleton *const kSkeletons[] = {
    &kElementwise,       &kRowReduction,       &kRowSquares,  &kMatmul,
    &kRouting,           &kGrouping,           &kExperts,     &kGroupedExperts,
    &kSelection,         &kLightningAttention, &kCacheAppend, &kAttention,
    &kAttentionPartials, &kMergePartials,
};

const Skeleton *mlir::mm1::cuda::findSkeleton(ClusterOp cluster) {
  for (const Skeleton *skeleton : kSkeletons)
    if (skeleton->accepts(cluster))
      return skeleton;
  return nullptr;
}
