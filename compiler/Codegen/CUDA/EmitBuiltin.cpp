//===- EmitBuiltin.cpp - begin and publish --------------------------------===//
// Kernels without a cluster: their parameters are ports, and step.h has their
// text. What is printed names the ports.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/EmitCUDA.h"
#include "compiler/Codegen/CUDA/ScalarPrinter.h"
#include "dialects/Plan/Layout.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;
using ::mlir::plan::KernelOp;

namespace {

struct Port {
  StringRef name;
  RankedTensorType type;
};

/// The ports that step.h knows, in the order in which it names them.
constexpr StringLiteral kBeginPorts[] = {
    "tokens", "positions", "starts",           "slots",
    "pages",  "rows",      "candidate_counts", "inverse_temperatures"};
constexpr StringLiteral kPublishPorts[] = {
    "candidate_counts", "candidate_ids", "candidate_values", "candidate_sums"};

SmallVector<Port> portsOf(KernelOp kernel) {
  SmallVector<Port> ports;
  for (auto [name, type] :
       llvm::zip(kernel.getBuiltinPorts()->getAsValueRange<StringAttr>(),
                 kernel.getBuiltinTypes()->getAsValueRange<TypeAttr>()))
    ports.push_back({name, cast<RankedTensorType>(type)});
  return ports;
}

const Port *findPort(ArrayRef<Port> ports, StringRef name) {
  for (const Port &port : ports)
    if (port.name == name)
      return &port;
  return nullptr;
}

/// Whether step.h takes such a port, with elements of this type.
bool isElement(StringRef name, Type element) {
  return name == "inverse_temperatures" || name == "candidate_values" ||
                 name == "candidate_sums"
             ? element.isF32()
             : element.isInteger(32);
}

LogicalResult checkPorts(KernelOp kernel, ArrayRef<Port> ports,
                         ArrayRef<StringLiteral> known) {
  for (const Port &port : ports) {
    if (!llvm::is_contained(known, port.name))
      return kernel.emitOpError()
             << "has port '" << port.name << "', which builtin '"
             << stringifyBuiltin(*kernel.getBuiltin()) << "' does not know";
    if (!isElement(port.name, port.type.getElementType()))
      return kernel.emitOpError()
             << "expects 32-bit elements of another type in port '" << port.name
             << "', found " << port.type;
  }
  return success();
}

/// ".tokens = tokens, ...": initialisers in the struct's order.
SmallVector<std::string> initialisers(ArrayRef<Port> ports,
                                      ArrayRef<StringLiteral> known) {
  SmallVector<std::string> texts;
  for (StringRef name : known)
    if (findPort(ports, name))
      texts.push_back(formatv(".{0} = {0}", name));
  return texts;
}

/// The comment and the kernel up to its waits.
void printHead(raw_ostream &os, KernelOp kernel, ArrayRef<Port> ports,
               StringRef what, StringRef access,
               ArrayRef<StringRef> parameters) {
  os << formatv("// {0}\n// What    {1}\n// Launch  grid 1, block {2}\n"
                "// Bound   latency\n"
                "DP_KERNEL({2})\n{0}(",
                kernel.getSymName(), what, ::mlir::plan::kBuiltinThreads);
  for (const Port &port : ports)
    os << formatv("\n    {0}{1} *{2},", access,
                  cppType(port.type.getElementType()), port.name);
  llvm::interleaveComma(parameters, os, [&](StringRef parameter) {
    os << "\n    " << parameter;
  });
  os << ") {\n"
        "  dp::wait_grid();\n"
        "  dp::trigger_grid();\n";
}

FailureOr<std::string> emitBegin(KernelOp kernel) {
  SmallVector<Port> ports = portsOf(kernel);
  if (failed(checkPorts(kernel, ports, kBeginPorts)))
    return failure();
  std::string text;
  llvm::raw_string_ostream os(text);
  printHead(os, kernel, ports, "input ports, from the step block", "",
            {"dp::i64 *dims", "const mm1::StepHeader *block",
             "mm1::SlotState *states"});
  os << formatv("  skeletons::begin(\n"
                "      {{{0}},\n"
                "      dims, block, states);\n}\n",
                llvm::join(initialisers(ports, kBeginPorts), ",\n       "));
  os << formatv("DP_EXPORT({0})\n", kernel.getSymName());
  return text;
}

FailureOr<std::string> emitPublish(KernelOp kernel) {
  SmallVector<Port> ports = portsOf(kernel);
  if (failed(checkPorts(kernel, ports, kPublishPorts)))
    return failure();
  auto columnsOf = [&](StringRef name) {
    return findPort(ports, name)->type.getShape().back();
  };
  SmallVector<std::string> members = initialisers(ports, kPublishPorts);
  if (members.size() != std::size(kPublishPorts))
    return kernel.emitOpError()
           << "expects ports " << llvm::join(ArrayRef(kPublishPorts), ", ");
  for (StringRef name : {"ids", "values", "sums"}) {
    std::string port = ("candidate_" + name).str();
    members.push_back(formatv(
        ".{0}_stride = {1}", name,
        ::mlir::plan::rowStride(columnsOf(port),
                                findPort(ports, port)->type.getElementType())));
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  printHead(os, kernel, ports, "the step's candidates, for the host", "const ",
            {"const dp::i64 *dims", "const mm1::StepHeader *block",
             "mm1::SlotState *states", "mm1::ResultHeader *result"});
  os << formatv("  skeletons::publish<{0}>(\n"
                "      {{{1}},\n"
                "      block, states, result);\n}\n",
                columnsOf("candidate_ids"), llvm::join(members, ",\n       "));
  os << formatv("DP_EXPORT({0})\n", kernel.getSymName());
  return text;
}

} // namespace

FailureOr<CUDAKernel> mlir::mm1::cuda::emitCUDABuiltin(KernelOp kernel) {
  FailureOr<std::string> text =
      *kernel.getBuiltin() == ::mlir::plan::Builtin::Begin
          ? emitBegin(kernel)
          : emitPublish(kernel);
  if (failed(text))
    return failure();
  return CUDAKernel{*text, "skeletons/step.h"};
}
