//===- EmitElementwise.cpp - Clusters without an anchor ------------------===//
// A block does `per` tokens; its threads walk over the columns of each row.
// Results of one shape are made together.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

/// Prints the loop over columns for results that have this shape.
static LogicalResult printColumns(KernelText &text, ArrayRef<int64_t> shape,
                                  ArrayRef<unsigned> results, int64_t threads) {
  bool hasInner = shape.size() == 3;
  StringRef inner = hasInner ? "inner" : "";
  unsigned indent = 4;
  if (hasInner) {
    text.os.indent(indent) << formatv(
        "for (int inner = 0; inner < {0}; ++inner) {{\n", shape[1]);
    indent += 2;
  }
  text.os.indent(indent) << formatv(
      "for (int column = dp::thread(); column < {0}; column += {1}) {{\n",
      shape.back(), threads);
  ScalarPrinter body(text.cluster);
  Place place{body.variable("row", body.indexType()),
              hasInner ? body.variable("inner", body.indexType()) : Value(),
              body.variable("column", body.indexType())};
  SmallVector<Value> values;
  for (unsigned result : results)
    values.push_back(
        body.evaluate(text.cluster.getYield().getOperand(result), place));
  if (failed(body.printStatements(text.os, indent + 2)))
    return failure();
  for (auto [result, value] : llvm::zip(results, values))
    printStore(text, indent + 2, result, "row", inner, "column",
               body.expression(value));
  text.os.indent(indent) << "}\n";
  for (unsigned result : results)
    printPadding(text, indent, result, "row", inner, "dp::thread()");
  if (hasInner)
    text.os.indent(indent - 2) << "}\n";
  return success();
}

LogicalResult mlir::mm1::cuda::emitElementwise(KernelText &text) {
  ClusterOp cluster = text.cluster;
  FailureOr<int64_t> per = scheduled(cluster, "per", 1 << 20),
                     warps = scheduled(cluster, "warps", 32);
  if (failed(per) || failed(warps) || failed(expectUnit(cluster, "tokens")))
    return failure();
  SmallVector<std::pair<SmallVector<int64_t>, SmallVector<unsigned>>> groups;
  for (auto [i, output] : llvm::enumerate(cluster.getOutputs())) {
    auto type = cast<RankedTensorType>(output.getType());
    if (type.getRank() < 2 || !isa<FloatType>(type.getElementType()))
      return cluster.emitOpError()
             << "expects elementwise results [T, N] or [T, k, N] of floats, "
                "found "
             << type;
    SmallVector<int64_t> shape(type.getShape());
    auto it = llvm::find_if(groups, [&](auto &g) { return g.first == shape; });
    if (it == groups.end())
      it = groups.insert(groups.end(), {shape, {}});
    it->second.push_back(i);
  }
  int64_t threads = *warps * 32;
  printHead(text, rowHead(*per, threads));
  printRowLoop(text, *per);
  for (auto &[shape, results] : groups)
    if (failed(printColumns(text, shape, results, threads)))
      return failure();
  text.os << "  }\n}\n";
  return success();
}
