//===- FuzzPlan.cpp - Any bytes as a plan ---------------------------------===//
// Whatever the file says, parse() refuses it or gives a plan in which nothing
// points outside of what the plan has.
#include "runtime/Artifact/Plan.h"

#include <cstdlib>

using namespace mm1;

static void require(bool condition) {
  if (!condition)
    std::abort();
}

static void requireInside(uint64_t offset, uint64_t sizeBytes,
                          const Plan &plan) {
  require(sizeBytes <= plan.arenaBytes &&
          offset <= plan.arenaBytes - sizeBytes);
  require(offset % kBufferAlignment == 0);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto plan = Plan::parse(std::as_bytes(std::span(data, size)), "input");
  if (!plan) {
    require(plan.error().message.find('\n') == std::string::npos);
    return 0;
  }
  require(plan->bucket(EntryKind::Decode, plan->maxSequences,
                       plan->maxSequences) != nullptr);
  require(plan->weightBytes() <= uint64_t(1) << 46 &&
          plan->stateBytes() <= uint64_t(1) << 46);
  for (const Plan::Port &port : plan->inputs)
    requireInside(port.offset, port.sizeBytes(), *plan);
  for (const Plan::Port &port : plan->outputs)
    requireInside(port.offset, port.sizeBytes(), *plan);
  for (const Plan::Entry &entry : plan->entries)
    for (const Plan::Step &step : entry.steps) {
      if (auto *launch = step.as<Plan::Launch>()) {
        require(launch->kernel < plan->kernels.size());
        const Plan::Kernel &kernel = plan->kernels[launch->kernel];
        require(kernel.module < plan->modules.size());
        require(!launch->earlyStart || kernel.waits);
        require(launch->grid.count(entry.maxTokens, entry.maxSequences) <=
                UINT32_MAX);
      }
      if (step.as<Plan::Copy>())
        require(step.args.size() == 2 &&
                step.args[0].sizeBytes == step.args[1].sizeBytes);
      for (const Plan::Arg &arg : step.args)
        if (arg.kind == ArgKind::Arena)
          requireInside(arg.index, arg.sizeBytes, *plan);
        else
          require(arg.index < (arg.kind == ArgKind::Weight
                                   ? plan->weights.size()
                                   : plan->states.size()));
    }
  for (const Plan::Module &module : plan->modules) {
    require(!module.variants.empty());
    for (const Plan::Variant &variant : module.variants)
      require(variant.path.find("..") == std::string::npos);
  }
  return 0;
}
