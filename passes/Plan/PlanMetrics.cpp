//===- PlanMetrics.cpp - What a plan costs --------------------------------===//
#include "passes/Plan/PlanMetrics.h"
#include "dialects/Plan/Layout.h"

using namespace mlir;
using namespace mlir::plan;

/// The class of a weight, from its name ("layers.3.experts.w1.scale").
static StringRef classOf(StringRef name) {
  if (name == "embed_tokens")
    return "embedding";
  if (name == "lm_head" || name.starts_with("lm_head."))
    return "head";
  if (name.consume_front("layers."))
    name = name.drop_until([](char c) { return c == '.'; }).drop_front();
  return llvm::StringSwitch<StringRef>(
             name.take_until([](char c) { return c == '.'; }))
      .Case("experts", "experts")
      .Case("router", "router")
      .Case("shared", "shared_expert")
      .Case("mlp", "mlp")
      .Cases({"q", "k", "v", "o", "qkv", "output_gate", "out_proj"},
             "attention")
      .Default("other");
}

int64_t plan::stateUnits(mm1::StateOp state, LimitsOp limits) {
  return state.getKind() == mm1::StateKind::Recurrent
             ? limits.getMaxSequences() + limits.getSpareSlots()
             : limits.getPages() + limits.getSparePages();
}

/// The entry that decodes one sequence, or null.
static EntryOp smallestDecode(ModuleOp module) {
  EntryOp smallest;
  for (EntryOp entry : module.getOps<EntryOp>())
    if (entry.getKind() == EntryKind::Decode &&
        (!smallest || entry.getTokens() < smallest.getTokens()))
      smallest = entry;
  return smallest;
}

PlanMetrics plan::planMetrics(ModuleOp module) {
  PlanMetrics metrics;
  LimitsOp limits = getLimits(module);
  SymbolTable symbols(module);
  if (limits)
    metrics.arenaBytes = limits.getArenaBytes();
  for (Operation &op : *module.getBody()) {
    metrics.kernels += isa<KernelOp>(op);
    if (auto weight = dyn_cast<mm1::WeightOp>(op))
      metrics.weightBytes += weightBytes(weight.getWeightType());
    auto state = dyn_cast<mm1::StateOp>(op);
    if (!state || !limits)
      continue;
    int64_t unit = stateUnitBytes(state.getStateType());
    metrics.stateBytes += unit * stateUnits(state, limits);
    if (state.getKind() == mm1::StateKind::Recurrent)
      metrics.slotBytes += unit;
    else
      metrics.kvBytesPerToken += unit / state.getStateType().getDimSize(3);
  }
  if (EntryOp entry = smallestDecode(module)) {
    for (Operation &op : entry.getBody().front()) {
      metrics.collectivesPerToken += isa<CollectiveOp>(op);
      metrics.copiesPerToken += isa<CopyOp>(op);
      metrics.hostCallsPerToken += isa<HostCallOp>(op);
      auto launch = dyn_cast<LaunchOp>(op);
      if (!launch)
        continue;
      ++metrics.launchesPerToken;
      auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
      for (auto [i, arg] : llvm::enumerate(launch.getArgs()))
        if (auto weight = arg.getDefiningOp<WeightRefOp>())
          metrics.weightBytesPerToken[classOf(weight.getWeight()).str()] +=
              weightBytesRead(kernel, i, /*tokens=*/1);
    }
  }
  return metrics;
}

DictionaryAttr plan::toAttribute(const PlanMetrics &metrics,
                                 MLIRContext *context) {
  Builder b(context);
  SmallVector<NamedAttribute> classes;
  for (const auto &[name, bytes] : metrics.weightBytesPerToken)
    classes.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(bytes)));
  auto number = [&](StringRef name, int64_t value) {
    return b.getNamedAttr(name, b.getI64IntegerAttr(value));
  };
  return b.getDictionaryAttr(
      {number("arena_bytes", metrics.arenaBytes),
       number("collectives_per_token", metrics.collectivesPerToken),
       number("copies_per_token", metrics.copiesPerToken),
       number("host_calls_per_token", metrics.hostCallsPerToken),
       number("kernels", metrics.kernels),
       number("kv_bytes_per_token", metrics.kvBytesPerToken),
       number("launches_per_token", metrics.launchesPerToken),
       number("slot_bytes", metrics.slotBytes),
       number("state_bytes", metrics.stateBytes),
       number("weight_bytes", metrics.weightBytes),
       b.getNamedAttr("weight_bytes_per_token", b.getDictionaryAttr(classes))});
}
