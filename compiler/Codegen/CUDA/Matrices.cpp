//===- Matrices.cpp - The layouts of weights, as kernels/skeletons/matrix.h -===//
#include "compiler/Codegen/CUDA/Matrices.h"
#include "dialects/Plan/Layout.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using llvm::formatv;

FailureOr<std::string> mlir::mm1::cuda::matrixType(ClusterOp cluster,
                                                   RankedTensorType weight) {
  ArrayRef<int64_t> shape = weight.getShape();
  int64_t columns = shape[shape.size() - 2], depth = shape.back();
  Attribute layout = weight.getEncoding();
  if (auto swizzled = dyn_cast_or_null<SwizzledAttr>(layout))
    return formatv("skeletons::SwizzledMatrix<{0}, {1}, {2}, {3}>",
                   storageType(weight), columns, depth, swizzled.getRows())
        .str();
  int64_t chunk = ::mlir::plan::kChunkBytes /
                  ::mlir::plan::elementBytes(weight.getElementType());
  int64_t stride = ::mlir::plan::storedShape(weight).back();
  if (isa_and_nonnull<PaddedAttr>(layout) && stride % chunk == 0)
    return formatv("skeletons::PaddedMatrix<{0}, {1}, {2}, {3}>",
                   storageType(weight), columns, depth, stride)
        .str();
  return cluster.emitOpError()
         << "expects weights with encoding #mm1.swizzled, or #mm1.padded to a "
            "multiple of "
         << chunk << ", found " << weight << ": run tile-weights for a CUDA "
         << "target";
}

LogicalResult mlir::mm1::cuda::printMatrices(ClusterText &text, StringRef tag,
                                             ArrayRef<Value> weights,
                                             bool ofExperts) {
  auto weightType = cast<RankedTensorType>(weights.front().getType());
  FailureOr<std::string> type = matrixType(text.cluster, weightType);
  if (failed(type))
    return failure();
  std::string address;
  for (auto [i, weight] : llvm::enumerate(weights)) {
    auto argument = dyn_cast<BlockArgument>(weight);
    if (!argument || weight.getType() != weightType)
      return text.cluster.emitOpError()
             << "expects weights of one type that are inputs of the cluster, "
                "found "
             << weight.getType() << " beside " << weightType;
    if (i + 1 < weights.size())
      address += formatv("i == {0} ? ", i);
    address += inputName(argument.getArgNumber());
    if (i + 1 < weights.size())
      address += " : ";
  }
  Hole hole(text, "matrix", *type);
  hole.tag(tag);
  if (weights.size() > 1)
    hole.index("i");
  else
    hole.tag("int");
  if (ofExperts) {
    hole.index("expert");
    if (weights.size() > 1)
      address = "(" + address + ")";
    address += formatv(" + expert * {0}::kElements", *type).str();
  }
  hole.endWith("{" + address + "}");
  return success();
}
