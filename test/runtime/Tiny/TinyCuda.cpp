//===- TinyCuda.cpp - The tiny model's plan for a GPU ---------------------===//
// The plan of TinyArtifact.cpp, with what a GPU's has besides: `begin` in front
// and `publish` behind, a kernel instead of the host call, blocks of threads,
// kernels that wait and may start early, and spare units.
#include "test/kernels/emulation/driver/MakeCubin.h"
#include "test/runtime/Tiny/TinyArtifact.h"
#include "test/runtime/Tiny/TinyModel.h"

#include <cstdlib>

namespace mm1::tiny {

namespace {

using Args = std::vector<std::unique_ptr<fb::ArgT>>;

/// A whole port as an argument.
void addPort(Args &args, const std::vector<std::unique_ptr<fb::PortT>> &ports,
             const std::string &name, fb::Access access) {
  for (const auto &port : ports) {
    if (port->name != name)
      continue;
    auto arg = std::make_unique<fb::ArgT>();
    arg->kind = fb::ArgKind::Arena;
    arg->access = access;
    arg->index = port->offset;
    arg->bytes = port->rows * port->row_bytes;
    args.push_back(std::move(arg));
    return;
  }
  std::abort();
}

/// Of plan.kernels.
uint32_t kernelNamed(const fb::PlanT &plan, const std::string &symbol) {
  for (size_t i = 0; i < plan.kernels.size(); ++i)
    if (plan.kernels[i]->symbol == symbol)
      return uint32_t(i);
  std::abort();
}

std::unique_ptr<fb::StepT>
launchOn(const fb::PlanT &plan, const std::string &symbol, fb::GridUnit unit) {
  fb::LaunchT launch;
  launch.kernel = kernelNamed(plan, symbol);
  launch.grid = std::make_unique<fb::GridT>();
  launch.grid->tasks = launch.grid->per = 1;
  launch.grid->unit = unit;
  auto step = std::make_unique<fb::StepT>();
  step->label = symbol;
  step->action.Set(std::move(launch));
  return step;
}

void makeCudaEntry(const fb::PlanT &plan, fb::EntryT &entry) {
  bool isHead = entry.kind == fb::EntryKind::Head,
       isPrefill = entry.kind == fb::EntryKind::Prefill;
  auto begin = launchOn(plan,
                        isHead      ? "begin_head"
                        : isPrefill ? "begin"
                                    : "begin_decode",
                        fb::GridUnit::One);
  for (const char *name : {"tokens", "positions", "starts", "slots"})
    if (!isHead)
      addPort(begin->args, plan.inputs, name, fb::Access::Write);
  if (isHead)
    addPort(begin->args, plan.inputs, "rows", fb::Access::Write);
  else
    addPort(begin->args, plan.inputs, "pages", fb::Access::Update);
  for (const char *name : {"candidate_counts", "inverse_temperatures"})
    if (!isPrefill)
      addPort(begin->args, plan.inputs, name, fb::Access::Write);
  entry.steps.insert(entry.steps.begin(), std::move(begin));
  if (!isPrefill) {
    auto top = launchOn(plan, "top", fb::GridUnit::Tokens);
    top->args = std::move(entry.steps.back()->args);
    entry.steps.back() = std::move(top);
    auto publish = launchOn(plan, "publish", fb::GridUnit::One);
    addPort(publish->args, plan.inputs, "candidate_counts", fb::Access::Read);
    for (const char *name :
         {"candidate_ids", "candidate_values", "candidate_sums"})
      addPort(publish->args, plan.outputs, name, fb::Access::Read);
    entry.steps.push_back(std::move(publish));
  }
  for (size_t i = 0; i < entry.steps.size(); ++i) {
    fb::LaunchT &launch = *entry.steps[i]->action.AsLaunch();
    launch.threads = 32;
    launch.early_start = i != 0;
    // The page table has a row for the spare slot, too.
    for (auto &arg : entry.steps[i]->args)
      if (arg->kind == fb::ArgKind::Arena &&
          arg->bytes == uint64_t(kSequences * kPageColumns * 4))
        arg->bytes = uint64_t((kSequences + 1) * kPageColumns * 4);
  }
}

} // namespace

void TinyArtifact::makeCuda(const std::string &architecture) {
  level = "host";
  kernelsFile = MM1_TINY_CUDA;
  plan.spare_slots = plan.spare_pages = 1;
  for (auto &state : plan.states)
    ++state->units;
  for (auto &port : plan.inputs)
    if (port->name == "pages")
      ++port->rows;
  plan.modules[0]->host_of = 1;
  auto module = std::make_unique<fb::ModuleT>();
  module->device = fb::DeviceKind::CUDA;
  module->variants.push_back(std::make_unique<fb::VariantT>());
  module->variants[0]->name = architecture;
  module->variants[0]->path = "kernels/tiny-" + architecture + ".cubin";
  plan.modules.push_back(std::move(module));
  for (const char *symbol :
       {"begin", "begin_decode", "begin_head", "top", "publish", "fault"}) {
    plan.kernels.push_back(std::make_unique<fb::KernelT>());
    plan.kernels.back()->symbol = symbol;
  }
  for (auto &kernel : plan.kernels) {
    kernel->module_index = 1;
    kernel->scratch_bytes = 0;
    kernel->waits = true;
    if (kernel->symbol.starts_with("begin"))
      kernel->builtin = fb::Builtin::Begin;
    if (kernel->symbol == "publish")
      kernel->builtin = fb::Builtin::Publish;
  }
  for (auto &entry : plan.entries)
    makeCudaEntry(plan, *entry);

  // As many parameters as TinyCuda.cu's kernels have.
  std::vector<test::CubinKernelText> kernels;
  for (auto [symbol, parameters] : {std::pair("begin", 8),
                                    {"begin_decode", 10},
                                    {"begin_head", 6},
                                    {"publish", 8},
                                    {"embed", 4},
                                    {"decay", 7},
                                    {"append", 7},
                                    {"attend", 8},
                                    {"head", 4},
                                    {"logits", 3},
                                    {"top", 8},
                                    {"fault", 3}})
    kernels.push_back(
        {.name = symbol,
         .parameterBytes = std::vector<uint32_t>(size_t(parameters), 8),
         .threads = 32});
  auto cubin =
      test::makeCubin(architecture.starts_with("sm_9") ? 90 : 80, kernels);
  moreFiles["kernels/tiny-" + architecture + ".cubin"] = {
      reinterpret_cast<const char *>(cubin.data()), cubin.size()};
}

} // namespace mm1::tiny
