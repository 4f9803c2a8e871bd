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

KernelOutliner::KernelOutliner(ModuleOp module, KernelModuleOp kernels)
    : module(module), kernels(kernels) {}

KernelOp KernelOutliner::outline(mm1::ClusterOp cluster) {
  OpBuilder builder(module.getContext());
  // A kernel serves many places; errors name the first.
  auto kernel =
      KernelOp::create(builder, cluster.getLoc(), "", kernels.getSymName(),
                       ArrayAttr(), DenseI32ArrayAttr(), /*waits=*/false);
  Block &block = kernel.getBody().emplaceBlock();
  IRMapping map;
  for (Value input : cluster.getInputs())
    if (!map.contains(input))
      map.map(input, block.addArgument(input.getType(), kernel.getLoc()));
    else
      block.addArgument(input.getType(), kernel.getLoc());
  builder.setInsertionPointToStart(&block);
  auto clone = cast<mm1::ClusterOp>(builder.clone(*cluster, map));
  clone->setOperands(block.getArguments());

  std::string text;
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, OpPrintingFlags().useLocalScope().printGenericOpForm());
  auto [known, isNew] = byText.try_emplace(text, kernel);
  if (!isNew) {
    kernel->erase();
    return known->second;
  }
  std::string name = describeCluster(cluster);
  kernel.setSymName(name + "_" + std::to_string(numNamed[name]++));
  module.push_back(kernel);
  return kernel;
}
