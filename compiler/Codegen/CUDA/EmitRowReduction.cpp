//===- EmitRowReduction.cpp - rms_norm and what is fused to it -----------===//
// A block does `per` rows, one after the other, in two passes:
//
//   1  x = the prologue (residual, combine, embedding, ...) at each column,
//      kept in registers; its squares are summed over the block. Results that
//      do not need the norm are stored here.
//   2  y = x * (1 / sqrt(mean + eps)) * w, then the epilogue and its results.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"
#include "dialects/Plan/Layout.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

/// Columns of a row that a thread may keep in registers.
static constexpr int64_t kMostKept = 64;

LogicalResult mlir::mm1::cuda::emitRowReduction(KernelText &text) {
  ClusterOp cluster = text.cluster;
  FailureOr<int64_t> per = scheduled(cluster, "per", 1 << 20),
                     warps = scheduled(cluster, "warps", 32);
  if (failed(per) || failed(warps) || failed(expectUnit(cluster, "tokens")))
    return failure();
  auto norm = cast<RMSNormOp>(cluster.getOnlyAnchor().getOperation());
  Value input = norm.getInput(), normed = norm.getResult();
  int64_t columns = cast<RankedTensorType>(input.getType()).getDimSize(1);
  int64_t threads = *warps * 32, kept = ::mlir::plan::ceilDiv(columns, threads);
  if (kept > kMostKept)
    return cluster.emitOpError()
           << "expects a schedule with at least "
           << ::mlir::plan::ceilDiv(columns, kMostKept * 32)
           << " warps for rows of " << columns << " columns, found " << *warps;
  SmallVector<unsigned> early, late;
  for (auto [i, value] : llvm::enumerate(cluster.getYield().getOperands())) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() != 2 || type.getDimSize(1) != columns)
      return cluster.emitOpError() << "expects results as wide as the norm, "
                                   << columns << " columns, found " << type;
    (dependsOn(value, normed) ? late : early).push_back(i);
  }

  raw_ostream &os = text.os;
  auto printPass = [&](ScalarPrinter &body, ArrayRef<unsigned> results,
                       const Place &place, StringRef before,
                       llvm::function_ref<void()> then) -> LogicalResult {
    SmallVector<Value> values;
    for (unsigned result : results)
      values.push_back(
          body.evaluate(cluster.getYield().getOperand(result), place));
    os << formatv("    DP_UNROLL\n"
                  "    for (int i = 0; i < {0}; ++i) {{\n"
                  "      const int column = i * {1} + dp::thread();\n"
                  "{2}"
                  "      if (column < {3}) {{\n",
                  kept, threads, before, columns);
    if (failed(body.printStatements(os, 8)))
      return failure();
    then();
    for (auto [result, value] : llvm::zip(results, values))
      printStore(text, 8, result, "row", "", "column", body.expression(value));
    os << "      }\n    }\n";
    for (unsigned result : results)
      printPadding(text, 4, result, "row", "", "dp::thread()");
    return success();
  };
  auto placeIn = [](ScalarPrinter &body) {
    return Place{body.variable("row", body.indexType()), Value(),
                 body.variable("column", body.indexType())};
  };

  printHead(text, rowHead(*per, threads));
  os << "  DP_SHARED_MEMORY(shared, 128);\n";
  printRowLoop(text, *per);
  os << formatv("    float kept[{0}], squares = 0.0f;\n", kept);
  {
    ScalarPrinter body(cluster);
    Place place = placeIn(body);
    Value x = body.evaluate(input, place);
    auto keep = [&] {
      os << "        kept[i] = " << body.expression(x)
         << ";\n        squares = dp::fma(kept[i], kept[i], squares);\n";
    };
    if (failed(printPass(body, early, place, "      kept[i] = 0.0f;\n", keep)))
      return failure();
  }
  if (!late.empty()) {
    ScalarPrinter body(cluster);
    Place place = placeIn(body);
    Value x = body.variable("kept[i]", body.f32());
    body.bind(input, x);
    Value scaled =
        body.multiply(x, body.variable("scale", body.f32()), "scaled");
    body.bind(normed,
              body.multiply(scaled,
                            body.evaluateVector(norm.getWeight(), place.column),
                            "rms_norm"));
    os << formatv("    const float sum = dp::block_sum(\n"
                  "        squares, reinterpret_cast<float *>(shared.bytes));\n"
                  "    const float scale = dp::rsqrt(sum / {0}.0f + {1});\n",
                  columns, spellFloat(norm.getEps().convertToDouble()));
    if (failed(printPass(body, late, place, "", [] {})))
      return failure();
  }
  os << "  }\n}\n";
  return success();
}
