//===- EmitCUDA.cpp - A cluster becomes CUDA C++ -------------------------===//
// What all kernels have in common: the comment, the struct's members, the
// wrapper. Constants and holes come from the skeleton's emitter (Emitters.h).
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/EmitCUDA.h"
#include "compiler/Codegen/CUDA/Emitters.h"
#include "dialects/Plan/Layout.h"
#include "dialects/Plan/Plan.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

#include <set>

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

//===--------------------------------- Comment ------------------------------===//

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

static void printComment(raw_ostream &os, ClusterOp cluster, StringRef symbol,
                         const KernelHead &head) {
  SmallVector<std::string> what, shapes;
  for (auto [i, input] : llvm::enumerate(cluster.getInputs()))
    shapes.push_back(inputName(i) + " " +
                     describe(cast<RankedTensorType>(input.getType())));
  for (auto [i, value] : llvm::enumerate(cluster.getYield().getOperands())) {
    what.push_back(outputName(i) + " = " + describe(value));
    shapes.push_back(outputName(i) + " " +
                     describe(cast<RankedTensorType>(value.getType())));
  }
  auto lines = [&](StringRef title, ArrayRef<std::string> each) {
    for (const std::string &line : each) {
      os << "// " << llvm::left_justify(title, 8) << line << "\n";
      title = "";
    }
  };
  os << "// " << symbol << "\n";
  lines("What", what);
  lines("Shapes", shapes);
  lines("Launch", head.launch);
  lines("Bound", head.bound);
}

//===-------------------------------- Parameters ----------------------------===//

namespace {
struct Parameter {
  std::string type, name;
  /// Nobody writes it while the model runs.
  bool isWeight = false;
};
} // namespace

/// Inputs, results that are not written in place, dims.
static SmallVector<Parameter> parametersOf(ClusterOp cluster) {
  SmallVector<Parameter> parameters;
  for (auto [i, input] : llvm::enumerate(cluster.getInputs())) {
    auto type = cast<RankedTensorType>(input.getType());
    parameters.push_back({formatv("const {0} *", storageType(type)),
                          inputName(i), isWeight(type)});
  }
  SmallVector<::mlir::plan::InPlaceResult> inPlace =
      ::mlir::plan::inPlaceResults(cluster);
  for (::mlir::plan::InPlaceResult pair : inPlace)
    parameters[pair.input].type =
        StringRef(parameters[pair.input].type).drop_front(6).str(); // "const "
  for (auto [i, output] : llvm::enumerate(cluster.getOutputs())) {
    if (llvm::any_of(inPlace, [&](auto pair) { return pair.result == i; }))
      continue;
    auto type = cast<RankedTensorType>(output.getType());
    parameters.push_back(
        {formatv("{0} *", cppType(type.getElementType())), outputName(i)});
  }
  parameters.push_back({"const dp::i64 *", "dims"});
  return parameters;
}

static void printStruct(raw_ostream &os, StringRef symbol,
                        ArrayRef<Parameter> parameters, StringRef body) {
  os << "struct " << symbol << "_cluster {\n";
  for (const Parameter &parameter : parameters)
    os << "  " << parameter.type << parameter.name << ";"
       << (parameter.isWeight ? " // weight" : "") << "\n";
  os << "\n" << body << "};\n\n";
}

static void printWrapper(raw_ostream &os, StringRef symbol,
                         const Skeleton &skeleton, const KernelHead &head,
                         ArrayRef<Parameter> parameters) {
  os << "DP_KERNEL(" << head.threads << ") " << symbol << "(";
  llvm::interleave(
      parameters, os,
      [&](const Parameter &parameter) {
        os << "\n    " << parameter.type
           << (parameter.isWeight ? "__restrict__ " : "") << parameter.name;
      },
      ",");
  os << ") {\n";
  if (head.usesSharedMemory)
    os << formatv("  DP_SHARED_MEMORY(shared,\n"
                  "                   "
                  "skeletons::{0}_shared_bytes<{1}_cluster>());\n",
                  skeleton.name, symbol);
  os << formatv("  dp::wait_grid();\n"
                "  dp::trigger_grid();\n"
                "  const {0}_cluster cluster{{",
                symbol);
  llvm::interleaveComma(parameters, os, [&](const Parameter &parameter) {
    os << parameter.name;
  });
  os << formatv("};\n"
                "  skeletons::{0}(cluster, dp::block(), {1});\n"
                "}\n"
                "DP_EXPORT({2})\n",
                skeleton.name, head.usesSharedMemory ? "shared" : "{}", symbol);
}

//===---------------------------------- Kernels -----------------------------===//

FailureOr<CUDAKernel> mlir::mm1::cuda::emitCUDAKernel(ClusterOp cluster,
                                                      StringRef symbol) {
  if (!cluster.getScheduleAttr())
    return cluster.emitOpError("expects a schedule: run schedule-clusters");
  const Skeleton *skeleton = findSkeleton(cluster);
  if (!skeleton)
    return cluster.emitOpError("has no CUDA skeleton that accepts it");
  ClusterText body(cluster);
  FailureOr<KernelHead> head = skeleton->print(body);
  if (failed(head))
    return failure();
  CUDAKernel kernel{"", skeleton->header};
  llvm::raw_string_ostream os(kernel.text);
  SmallVector<Parameter> parameters = parametersOf(cluster);
  printComment(os, cluster, symbol, *head);
  printStruct(os, symbol, parameters, body.text());
  printWrapper(os, symbol, *skeleton, *head, parameters);
  return kernel;
}

std::string mlir::mm1::cuda::joinProgram(ArrayRef<CUDAKernel> kernels) {
  std::set<StringRef> headers;
  for (const CUDAKernel &kernel : kernels)
    headers.insert(kernel.header);
  std::string text = "// Made by mm1c. The words are those of kernels/dp, the "
                     "loops those of\n"
                     "// kernels/skeletons; a task of the plan is a block.\n"
                     "#include \"dp/dp.h\"\n";
  for (StringRef header : headers)
    text += formatv("#include \"{0}\"\n", header);
  for (const CUDAKernel &kernel : kernels)
    text += "\n" + kernel.text;
  return text;
}

FailureOr<std::string>
mlir::mm1::cuda::emitCUDAModule(::mlir::plan::KernelModuleOp part) {
  SmallVector<CUDAKernel> kernels;
  auto plan = part->getParentOfType<ModuleOp>();
  for (auto kernel : plan.getOps<::mlir::plan::KernelOp>()) {
    if (kernel.getModule() != part.getSymName())
      continue;
    FailureOr<CUDAKernel> printed =
        kernel.isBuiltin()
            ? emitCUDABuiltin(kernel)
            : emitCUDAKernel(kernel.getCluster(), kernel.getSymName());
    if (failed(printed))
      return failure();
    kernels.push_back(std::move(*printed));
  }
  return joinProgram(kernels);
}

//===------------------------------- ClusterText ----------------------------===//

void ClusterText::constant(StringRef name, int64_t value) {
  stream << formatv("  static constexpr int {0} = {1};\n", name, value);
}
void ClusterText::flag(StringRef name, bool value) {
  stream << formatv("  static constexpr bool {0} = {1};\n", name,
                    value ? "true" : "false");
}
void ClusterText::constants(StringRef name, ArrayRef<int64_t> values) {
  stream << formatv("  static constexpr int {0}[] = {{", name);
  llvm::interleaveComma(values, stream);
  stream << "};\n";
}

//===----------------------------------- Holes ------------------------------===//

Hole::Hole(ClusterText &text, StringRef name, StringRef result)
    : values(text.cluster), text(text), head((result + " " + name).str()) {}

Value Hole::index(StringRef name) {
  parameter(("int " + name).str());
  return values.variable(name, values.indexType());
}
Value Hole::number(StringRef name) {
  parameter(("float " + name).str());
  return values.variable(name, values.f32());
}

void Hole::store(unsigned result, const Place &place) {
  Value yielded = text.cluster.getYield().getOperand(result);
  storeValue(result, place, values.make(yielded, place));
}
void Hole::storeValue(unsigned result, const Place &place, Value value) {
  stores.push_back({result, place, value});
}
void Hole::clear(unsigned result, const Place &place) {
  stores.push_back({result, place, Value()});
}

void Hole::printSignature() {
  std::string line = "  DP_METHOD " + head + "(";
  text.os() << "\n" << line;
  size_t width = line.size();
  for (auto [i, parameter] : llvm::enumerate(parameters)) {
    bool isLast = i + 1 == parameters.size();
    // With what stands behind it: ", " or ") const {".
    size_t wanted = parameter.size() + (isLast ? 9 : 1);
    if (width + wanted > 80) {
      text.os() << "\n      ";
      width = 6;
    } else if (i) {
      text.os() << " ";
      ++width;
    }
    text.os() << parameter << (isLast ? "" : ",");
    width += parameter.size() + 1;
  }
  text.os() << ") const {\n";
}

LogicalResult Hole::end(Value returned) {
  printSignature();
  raw_ostream &os = text.os();
  if (failed(values.printStatements(os, 4)))
    return failure();
  for (const Store &store : stores) {
    auto type = cast<RankedTensorType>(
        text.cluster.getOutputs()[store.result].getType());
    Type element = type.getElementType();
    std::string value = store.value ? values.expression(store.value) : "0.0f";
    if (element.isBF16())
      value = formatv("dp::convert<dp::bf16>({0})", value);
    std::string inner =
        store.place.inner ? values.expression(store.place.inner) : "";
    os << formatv("    dp::store({0} + {1}, {2});\n", outputName(store.result),
                  elementOffset(type, values.expression(store.place.row), inner,
                                values.expression(store.place.column)),
                  value);
  }
  if (returned)
    os << "    return " << values.expression(returned) << ";\n";
  os << "  }\n";
  return success();
}

void Hole::endWith(StringRef expression) {
  printSignature();
  text.os() << "    return " << expression << ";\n  }\n";
}

bool mlir::mm1::cuda::hasPadding(int64_t columns) {
  return columns % ::mlir::plan::kRowMultiple != 0;
}

LogicalResult mlir::mm1::cuda::printClear(ClusterText &text, StringRef name,
                                          StringRef tag,
                                          ArrayRef<unsigned> results,
                                          bool takesInner) {
  Value first = text.cluster.getOutputs()[results.front()];
  if (!hasPadding(numColumns(first)))
    return success();
  Hole hole(text, name);
  if (!tag.empty())
    hole.tag(tag);
  Place place;
  place.row = hole.index("row");
  if (cast<RankedTensorType>(first.getType()).getRank() == 3)
    place.inner = hole.index("inner");
  else if (takesInner)
    hole.tag("int");
  place.column = hole.index("column");
  for (unsigned result : results)
    hole.clear(result, place);
  return hole.end();
}

//===--------------------------------- Schedules ----------------------------===//

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

KernelHead mlir::mm1::cuda::rowHead(int64_t per, int64_t threads) {
  std::string grid =
      per == 1 ? std::string("grid T")
               : formatv("grid ceil(T / {0}), {0} rows a block", per).str();
  return {formatv("{0}, block {1}: a thread does every {1}th column", grid,
                  threads),
          "memory: each row once in and out", threads};
}

//===---------------------------------- Values ------------------------------===//

bool mlir::mm1::cuda::dependsOn(Value value, Value from) {
  if (value == from)
    return true;
  Operation *op = value.getDefiningOp();
  return op && llvm::any_of(op->getOperands(), [&](Value operand) {
           return dependsOn(operand, from);
         });
}

int64_t mlir::mm1::cuda::numColumns(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape().back();
}
