//===- OutlineKernels.cpp - Equal clusters become one kernel --------------===//
#include "passes/Plan/OutlineKernels.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::plan;

std::string plan::describeCluster(mm1::ClusterOp cluster) {
  std::string name;
  llvm::StringSet<> seen;
  for (Operation &op : cluster.getBody().front().without_terminator()) {
    StringRef mnemonic = op.getName().stripDialect();
    if (seen.insert(mnemonic).second)
      name += (name.empty() ? "" : "_") + mnemonic.str();
  }
  return name.empty() ? "nothing" : name;
}

/// The first name in a location, or "".
static StringRef firstName(Location location) {
  StringRef name;
  location->walk([&](Location part) {
    if (auto named = dyn_cast<NameLoc>(part)) {
      name = named.getName();
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return name;
}

std::string plan::labelOf(mm1::ClusterOp cluster) {
  StringRef place;
  for (mm1::AnchorOpInterface anchor : cluster.getAnchorOps())
    if (place.empty())
      place = firstName(anchor->getLoc());
  if (place.empty())
    place = firstName(cluster.getLoc());
  for (Operation &op : cluster.getBody().front())
    if (place.empty())
      place = firstName(op.getLoc());
  place.consume_front("model.");
  return (place + (place.empty() ? "" : "/") + describeCluster(cluster)).str();
}

/// Without a name and a module yet.
static KernelOp makeKernel(OpBuilder &builder, Location location) {
  return KernelOp::create(builder, location, "", "", BuiltinAttr(), ArrayAttr(),
                          ArrayAttr(), DenseI32ArrayAttr(), /*waits=*/false);
}

KernelOutliner::KernelOutliner(ModuleOp module, OpBuilder builder,
                               KernelPlace place)
    : module(module), builder(builder), place(place) {
  if (place.device == DeviceKind::CPU)
    current = makeModule();
}

KernelModuleOp KernelOutliner::makeModule() {
  bool isCPU = place.device == DeviceKind::CPU;
  std::string name =
      isCPU ? "kernels" : "kernels_" + std::to_string(numModules++);
  auto made = KernelModuleOp::create(
      builder, module.getLoc(), name, place.device,
      isCPU ? StringAttr() : builder.getStringAttr(place.arch),
      FlatSymbolRefAttr());
  if (place.isEmulated)
    KernelModuleOp::create(builder, module.getLoc(), name + "_host",
                           DeviceKind::CPU, StringAttr(),
                           FlatSymbolRefAttr::get(made.getSymNameAttr()));
  return made;
}

KernelModuleOp KernelOutliner::moduleOfNext() {
  if (place.device == DeviceKind::CPU)
    return current;
  if (numKernels++ % kKernelsInModule == 0)
    current = makeModule();
  return current;
}

KernelOp KernelOutliner::share(KernelOp kernel, StringRef name) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, OpPrintingFlags().useLocalScope().printGenericOpForm());
  auto [known, isNew] = byText.try_emplace(text, kernel);
  if (!isNew) {
    kernel->erase();
    return known->second;
  }
  kernel.setSymName((name + "_" + std::to_string(numNamed[name]++)).str());
  kernel.setModule(moduleOfNext().getSymName());
  module.push_back(kernel);
  return kernel;
}

KernelOp KernelOutliner::outline(mm1::ClusterOp cluster) {
  OpBuilder inside(module.getContext());
  // A kernel serves many places; errors name the first. On a GPU the printed
  // text of every kernel waits first (compiler/Codegen/CUDA).
  KernelOp kernel = makeKernel(inside, cluster.getLoc());
  kernel.setWaits(place.device == DeviceKind::CUDA);
  Block &block = kernel.getBody().emplaceBlock();
  IRMapping map;
  for (Value input : cluster.getInputs())
    if (!map.contains(input))
      map.map(input, block.addArgument(input.getType(), kernel.getLoc()));
    else
      block.addArgument(input.getType(), kernel.getLoc());
  inside.setInsertionPointToStart(&block);
  auto clone = cast<mm1::ClusterOp>(inside.clone(*cluster, map));
  clone->setOperands(block.getArguments());
  return share(kernel, describeCluster(cluster));
}

KernelOp KernelOutliner::outlineBuiltin(Builtin builtin,
                                        ArrayRef<StringRef> ports,
                                        ArrayRef<Access> access,
                                        ArrayRef<Type> types,
                                        Location location) {
  OpBuilder inside(module.getContext());
  KernelOp kernel = makeKernel(inside, location);
  kernel.setBuiltin(builtin);
  kernel.setBuiltinPortsAttr(inside.getStrArrayAttr(ports));
  kernel.setBuiltinTypesAttr(inside.getTypeArrayAttr(types));
  kernel.setBuiltinAccess(
      llvm::map_to_vector(access, [](Access each) { return int32_t(each); }));
  kernel.setWaits(true);
  return share(kernel, stringifyBuiltin(builtin));
}
