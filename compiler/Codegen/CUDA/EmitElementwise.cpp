//===- EmitElementwise.cpp - Clusters without an anchor ------------------===//
// Results of one shape are a part: made together, place by place.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

namespace {

struct ShapePart {
  SmallVector<int64_t> shape;
  SmallVector<unsigned> results;

  bool hasInner() const { return shape.size() == 3; }
};

bool accepts(ClusterOp cluster) {
  return cluster.getOnlyKind() == AnchorKind::Elementwise;
}

FailureOr<SmallVector<ShapePart>> readParts(ClusterOp cluster) {
  SmallVector<ShapePart> parts;
  for (auto [i, output] : llvm::enumerate(cluster.getOutputs())) {
    auto type = cast<RankedTensorType>(output.getType());
    if (type.getRank() < 2 || type.getRank() > 3 ||
        !isa<FloatType>(type.getElementType()))
      return cluster.emitOpError()
             << "expects elementwise results [T, N] or [T, k, N] of floats, "
                "found "
             << type;
    SmallVector<int64_t> shape(type.getShape());
    auto it = llvm::find_if(
        parts, [&](const ShapePart &part) { return part.shape == shape; });
    if (it == parts.end())
      it = parts.insert(parts.end(), {shape, {}});
    it->results.push_back(i);
  }
  return parts;
}

LogicalResult printStore(ClusterText &text, StringRef tag,
                         const ShapePart &part) {
  Hole hole(text, "store");
  hole.tag(tag);
  Place place;
  place.row = hole.index("row");
  if (part.hasInner())
    place.inner = hole.index("inner");
  else
    hole.tag("int");
  place.column = hole.index("column");
  for (unsigned result : part.results)
    hole.store(result, place);
  return hole.end();
}

FailureOr<KernelHead> print(ClusterText &text) {
  ClusterOp cluster = text.cluster;
  FailureOr<int64_t> per = scheduled(cluster, "per", 1 << 20),
                     warps = scheduled(cluster, "warps", 32);
  FailureOr<SmallVector<ShapePart>> parts = readParts(cluster);
  if (failed(per) || failed(warps) || failed(parts) ||
      failed(expectUnit(cluster, "tokens")))
    return failure();
  text.constant("kPer", *per);
  text.constant("kParts", parts->size());
  SmallVector<int64_t> inner, columns;
  for (const ShapePart &part : *parts) {
    inner.push_back(part.hasInner() ? part.shape[1] : 1);
    columns.push_back(part.shape.back());
  }
  text.constants("kInner", inner);
  text.constants("kColumns", columns);
  for (auto [i, part] : llvm::enumerate(*parts)) {
    std::string tag = formatv("skeletons::Part<{0}>", i);
    if (failed(printStore(text, tag, part)) ||
        failed(
            printClear(text, "clear", tag, part.results, /*takesInner=*/true)))
      return failure();
  }
  return rowHead(*per, *warps * 32);
}

} // namespace

const Skeleton mlir::mm1::cuda::kElementwise{
    "elementwise", "skeletons/elementwise.h", accepts, print};
