//===- EmitCUDA.cpp - A cluster becomes CUDA C++ -------------------------===//
#include "compiler/Codegen/CUDA/EmitCUDA.h"
#include "compiler/Codegen/CUDA/Emitters.h"
#include "dialects/Plan/Layout.h"
#include "dialects/Plan/Plan.h"
#include "passes/Fuse/ClusterView.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

bool mlir::mm1::cuda::hasEmitter(ClusterOp cluster) {
  std::optional<AnchorKind> kind = cluster.getOnlyKind();
  if (kind == AnchorKind::Elementwise)
    return true;
  if (kind == AnchorKind::RowReduction)
    return isa<RMSNormOp>(cluster.getOnlyAnchor());
  if (kind != AnchorKind::Matmul)
    return false;
  auto matmul = cast<MatmulOpInterface>(cluster.getOnlyAnchor().getOperation());
  return isa<BlockArgument>(matmul.getRows()) &&
         jointProducts(ClusterView(cluster, Bucket{"", 1, 1}), matmul).size() ==
             1;
}

FailureOr<std::string> mlir::mm1::cuda::emitCUDAKernel(ClusterOp cluster,
                                                       StringRef symbol) {
  if (!cluster.getScheduleAttr())
    return cluster.emitOpError("expects a schedule: run schedule-clusters");
  std::string printed;
  llvm::raw_string_ostream os(printed);
  KernelText text{cluster, symbol, os};
  auto emit = [&]() -> LogicalResult {
    std::optional<AnchorKind> kind = cluster.getOnlyKind();
    if (!kind)
      return cluster.emitOpError("has several anchors; no CUDA emitter yet");
    switch (*kind) {
    case AnchorKind::Matmul:
      return emitMatmul(text);
    case AnchorKind::RowReduction:
      return emitRowReduction(text);
    case AnchorKind::Elementwise:
      return emitElementwise(text);
    default:
      return cluster.emitOpError()
             << "is of kind '" << stringifyAnchorKind(*kind)
             << "', which has no CUDA emitter yet";
    }
  };
  if (failed(emit()))
    return failure();
  os << "DP_EXPORT(" << symbol << ")\n";
  return printed;
}

FailureOr<std::string>
mlir::mm1::cuda::emitCUDAModule(::mlir::plan::KernelModuleOp part) {
  std::string text = "// Made by mm1c. The words are those of "
                     "kernels/dp/dp.h; a task of the plan is a block.\n"
                     "#include \"dp/dp.h\"\n";
  auto plan = part->getParentOfType<ModuleOp>();
  for (auto kernel : plan.getOps<::mlir::plan::KernelOp>()) {
    if (kernel.getModule() != part.getSymName())
      continue;
    ClusterOp cluster = kernel.isBuiltin() ? ClusterOp() : kernel.getCluster();
    if (!cluster || !hasEmitter(cluster)) {
      text += formatv("\n// @{0}: no CUDA emitter yet\n", kernel.getSymName());
      continue;
    }
    FailureOr<std::string> printed =
        emitCUDAKernel(cluster, kernel.getSymName());
    if (failed(printed))
      return failure();
    text += "\n" + *printed;
  }
  return text;
}

//===-------------------------------- Schedule ------------------------------===//

FailureOr<int64_t> mlir::mm1::cuda::scheduled(ClusterOp cluster, StringRef name,
                                              int64_t most) {
  auto attribute = cluster.getScheduleAttr().getAs<IntegerAttr>(name);
  if (!attribute || attribute.getInt() < 1 || attribute.getInt() > most)
    return cluster.emitOpError()
           << "expects its schedule to hold '" << name << "' from 1 to " << most
           << ", found " << cluster.getScheduleAttr();
  return attribute.getInt();
}

LogicalResult mlir::mm1::cuda::expectUnit(ClusterOp cluster, StringRef unit) {
  auto attribute = cluster.getScheduleAttr().getAs<StringAttr>("unit");
  if (attribute && attribute.getValue() == unit)
    return success();
  return cluster.emitOpError() << "expects a schedule with unit = \"" << unit
                               << "\", found " << cluster.getScheduleAttr();
}

//===---------------------------------- Head --------------------------------===//

/// "silu(linear(in0, in1))": the ops of the region by name.
static std::string describe(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return inputName(argument.getArgNumber());
  Operation *op = value.getDefiningOp();
  std::string text =
      formatv("{0}({1})", op->getName().stripDialect(),
              llvm::join(llvm::map_range(op->getOperands(), describe), ", "));
  if (op->getNumResults() > 1)
    text += "#" + std::to_string(cast<OpResult>(value).getResultNumber());
  return text;
}

/// "[T, 64] bf16", with a weight's layout.
static std::string describe(RankedTensorType type) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "[";
  llvm::interleaveComma(type.getShape(), os, [&](int64_t size) {
    ShapedType::isDynamic(size) ? os << "T" : os << size;
  });
  os << "] " << type.getElementType();
  if (auto swizzled = dyn_cast_or_null<SwizzledAttr>(type.getEncoding()))
    os << " in swizzled tiles of " << swizzled.getRows() << " rows, "
       << stringifyLineOrder(swizzled.getOrder()) << " order";
  return text;
}

void mlir::mm1::cuda::printHead(KernelText &text, const KernelHead &head) {
  raw_ostream &os = text.os;
  SmallVector<std::string> what, shapes, parameters;
  for (auto [i, input] : llvm::enumerate(text.cluster.getInputs())) {
    auto type = cast<RankedTensorType>(input.getType());
    shapes.push_back(inputName(i) + " " + describe(type));
    parameters.push_back(formatv("const {0} *__restrict__ {1}",
                                 storageType(type), inputName(i)));
  }
  for (auto [i, value] :
       llvm::enumerate(text.cluster.getYield().getOperands())) {
    auto type = cast<RankedTensorType>(value.getType());
    what.push_back(outputName(i) + " = " + describe(value));
    shapes.push_back(outputName(i) + " " + describe(type));
    parameters.push_back(formatv("{0} *__restrict__ {1}",
                                 cppType(type.getElementType()),
                                 outputName(i)));
  }
  parameters.push_back("const dp::i64 *__restrict__ dims");

  auto lines = [&](StringRef title, ArrayRef<std::string> each) {
    for (const std::string &line : each) {
      os << "// " << llvm::left_justify(title, 8) << line << "\n";
      title = "";
    }
  };
  os << "// " << text.symbol << "\n";
  lines("What", what);
  lines("Shapes", shapes);
  lines("Launch", head.launch);
  lines("Bound", head.bound);
  os << "DP_KERNEL(" << head.threads << ")\n" << text.symbol << "(\n    ";
  llvm::interleave(parameters, os, ",\n    ");
  os << ") {\n";
}

//===------------------------------ Rows and stores -------------------------===//

KernelHead mlir::mm1::cuda::rowHead(int64_t per, int64_t threads) {
  std::string grid =
      per == 1 ? std::string("grid T")
               : formatv("grid ceil(T / {0}), {0} rows a block", per).str();
  return {formatv("{0}, block {1}: a thread does every {1}th column", grid,
                  threads),
          "memory: each row once in and out", threads};
}

void mlir::mm1::cuda::printRowLoop(KernelText &text, int64_t per) {
  if (per == 1) {
    text.os << "  const int row = dp::block();\n"
               "  if (row < dp::tokens(dims)) {\n";
    return;
  }
  text.os << formatv(
      "  const int lastRow = dp::min((dp::block() + 1) * {0}, "
      "dp::tokens(dims));\n"
      "  for (int row = dp::block() * {0}; row < lastRow; ++row) {{\n",
      per);
}

void mlir::mm1::cuda::printStore(KernelText &text, unsigned indent,
                                 unsigned result, StringRef row,
                                 StringRef inner, StringRef column,
                                 StringRef value) {
  auto type =
      cast<RankedTensorType>(text.cluster.getOutputs()[result].getType());
  std::string converted = type.getElementType().isF32()
                              ? value.str()
                              : formatv("dp::convert<{0}>({1})",
                                        cppType(type.getElementType()), value);
  text.os.indent(indent) << formatv("{0}[{1}] = {2};\n", outputName(result),
                                    elementOffset(type, row, inner, column),
                                    converted);
}

void mlir::mm1::cuda::printPadding(KernelText &text, unsigned indent,
                                   unsigned result, StringRef row,
                                   StringRef inner, StringRef thread) {
  auto type =
      cast<RankedTensorType>(text.cluster.getOutputs()[result].getType());
  int64_t columns = type.getShape().back();
  int64_t missing =
      ::mlir::plan::roundUp(columns, ::mlir::plan::kRowMultiple) - columns;
  if (!missing)
    return;
  text.os.indent(indent) << formatv("if ({0} < {1})\n", thread, missing);
  printStore(text, indent + 2, result, row, inner,
             formatv("{0} + {1}", columns, thread).str(), "0.0f");
}

bool mlir::mm1::cuda::dependsOn(Value value, Value from) {
  if (value == from)
    return true;
  Operation *op = value.getDefiningOp();
  return op && llvm::any_of(op->getOperands(), [&](Value operand) {
           return dependsOn(operand, from);
         });
}
