//===- PlanSteps.cpp - What entries do, read from plan.bin ----------------===//
#include "runtime/Artifact/PlanReader.h"

#include <span>

namespace mm1 {

namespace {

constexpr uint64_t kMaxSteps = 1u << 18;
constexpr uint64_t kMaxStreams = 64;
constexpr uint64_t kMaxBlockThreads = 1024;
constexpr uint64_t kMaxSharedBytes = 228 << 10;

void readArgs(const fb::Step &step, const std::string &field, const Plan &plan,
              std::vector<Plan::Arg> &out, Reader &reader) {
  for (const fb::Arg *arg : *step.args()) {
    std::string place = item(field + ".args", out.size());
    Plan::Arg result{
        reader.choice<ArgKind>(place + ".kind", arg->kind(), fb::ArgKind::MAX),
        reader.choice<Access>(place + ".access", arg->access(),
                              fb::Access::MAX),
        arg->index(), arg->bytes()};
    switch (result.kind) {
    case ArgKind::Arena:
      reader.range(place, result.index, result.sizeBytes, plan.arenaBytes);
      break;
    case ArgKind::Weight:
      result.index =
          reader.index(place + ".index", result.index, plan.weights.size());
      if (result.access != Access::Read)
        reader.fail(place + ".access", "writes a weight");
      break;
    case ArgKind::State:
      result.index =
          reader.index(place + ".index", result.index, plan.states.size());
      break;
    }
    out.push_back(result);
  }
}

/// The steps of one entry.
class StepReader {
public:
  StepReader(const Plan &plan, const Plan::Entry &entry, Reader &reader)
      : plan(plan), entry(entry), reader(reader) {}

  Plan::Step read(const fb::Step &source, const std::string &place) {
    Plan::Step step{uint32_t(reader.number(place + ".stream", source.stream(),
                                           0, kMaxStreams - 1)),
                    {},
                    reader.text(place + ".label", source.label()),
                    Plan::Copy{}};
    readArgs(source, place, plan, step.args, reader);
    switch (source.action_type()) {
    case fb::Action::Launch:
      step.action = launch(*source.action_as_Launch(), place);
      break;
    case fb::Action::Copy:
      checkTransfer(step.args, place, /*isCopy=*/true);
      break;
    case fb::Action::Collective:
      step.action = collective(*source.action_as_Collective(), place);
      checkTransfer(step.args, place, /*isCopy=*/false);
      break;
    case fb::Action::Signal: {
      uint32_t event = source.action_as_Signal()->event();
      if (!signals.insert(event).second)
        reader.fail(place, "repeats signal " + std::to_string(event));
      step.action = Plan::Signal{event};
      break;
    }
    case fb::Action::Wait: {
      uint32_t event = source.action_as_Wait()->event();
      if (!signals.contains(event))
        reader.fail(place, "waits for signal " + std::to_string(event) +
                               ", which no step before it gives");
      step.action = Plan::Wait{event};
      break;
    }
    case fb::Action::HostCall:
      step.action = hostCall(*source.action_as_HostCall(), place);
      break;
    case fb::Action::NONE:
    default:
      reader.fail(place + ".action",
                  "is " + std::to_string(int(source.action_type())) +
                      "; expected from 1 to " +
                      std::to_string(int(fb::Action::MAX)));
    }
    return step;
  }

private:
  Plan::Grid grid(const fb::Grid &source, const std::string &place) {
    Plan::Grid grid{
        reader.number(place + ".tasks", source.tasks(), 1, UINT32_MAX),
        reader.choice<GridUnit>(place + ".unit", source.unit(),
                                fb::GridUnit::MAX),
        uint32_t(reader.number(place + ".per", source.per(), 1, UINT32_MAX))};
    reader.number(place + ": its task count",
                  grid.count(entry.maxTokens, entry.maxSequences), 1,
                  UINT32_MAX);
    return grid;
  }

  Plan::Launch launch(const fb::Launch &source, const std::string &place) {
    Plan::Launch launch{
        uint32_t(reader.index(place + ".kernel", source.kernel(),
                              plan.kernels.size())),
        grid(*source.grid(), place),
        source.grain(),
        source.threads(),
        source.shared_bytes(),
        reader.number(place + ".workspace_bytes", source.workspace_bytes(), 0,
                      kMaxBytes),
        source.early_start(),
        reader.number(place + ".weight_bytes", source.weight_bytes(), 0,
                      kMaxBytes)};
    if (reader.failed())
      return launch;
    const Plan::Kernel &kernel = plan.kernels[launch.kernel];
    bool isGPU = plan.modules[kernel.module].device == DeviceKind::CUDA;
    reader.number(place + ".threads", launch.threads, isGPU ? 1 : 0,
                  isGPU ? kMaxBlockThreads : 0);
    reader.number(place + ".shared_bytes", launch.sharedBytes, 0,
                  isGPU ? kMaxSharedBytes : 0);
    if (!isGPU && launch.workspaceBytes != 0)
      reader.fail(place + ".workspace_bytes",
                  "is " + std::to_string(launch.workspaceBytes) +
                      "; expected 0 on a cpu");
    if (launch.earlyStart && !kernel.waits)
      reader.fail(place + ".early_start", "is set, but kernel " +
                                              inQuotes(kernel.symbol) +
                                              " does not wait");
    return launch;
  }

  Plan::Collective collective(const fb::Collective &source,
                              const std::string &place) {
    Plan::Collective result{
        reader.choice<CollectiveKind>(place + ".kind", source.kind(),
                                      fb::CollectiveKind::MAX),
        {}};
    for (size_t i = 0; i < source.axes()->size() && i < 3; ++i)
      result.axes.push_back(reader.choice<GridAxis>(
          item(place + ".axes", i),
          source.axes()->GetEnum<fb::GridAxis>(flatbuffers::uoffset_t(i)),
          fb::GridAxis::MAX));
    using Axes = std::vector<GridAxis>;
    if (result.axes != Axes{GridAxis::EP} &&
        result.axes != Axes{GridAxis::TP} &&
        result.axes != Axes{GridAxis::EP, GridAxis::TP})
      reader.fail(place + ".axes", "are not ep, tp, or both in this order");
    return result;
  }

  Plan::HostCall hostCall(const fb::HostCall &source,
                          const std::string &place) {
    Plan::HostCall call{reader.text(place + ".callee", source.callee()),
                        {source.numbers()->begin(), source.numbers()->end()},
                        grid(*source.grid(), place)};
    if (call.callee.empty())
      reader.fail(place + ".callee", "is empty");
    return call;
  }

  void checkTransfer(std::span<const Plan::Arg> args, const std::string &place,
                     bool isCopy) {
    if (args.size() != 2 || args[0].kind != ArgKind::Arena ||
        args[1].kind != ArgKind::Arena || args[0].access != Access::Read ||
        args[1].access != Access::Write)
      return reader.fail(place + ".args",
                         "are not one buffer to read and one to write");
    if (isCopy && args[0].sizeBytes != args[1].sizeBytes)
      reader.fail(place + ".args", "have " + std::to_string(args[0].sizeBytes) +
                                       " and " +
                                       std::to_string(args[1].sizeBytes) +
                                       " bytes; expected as many");
  }

  const Plan &plan;
  const Plan::Entry &entry;
  Reader &reader;
  std::unordered_set<uint32_t> signals;
};

} // namespace

void readEntries(const fb::Plan &source, Plan &plan, Reader &reader) {
  uint64_t steps = 0;
  for (const fb::Entry *entry : *source.entries()) {
    std::string field = item("entries", plan.entries.size());
    Plan::Entry result{
        reader.choice<EntryKind>(field + ".kind", entry->kind(),
                                 fb::EntryKind::MAX),
        uint32_t(
            reader.number(field + ".stage", entry->stage(), 0, plan.pp - 1)),
        uint32_t(reader.number(field + ".max_tokens", entry->max_tokens(), 1,
                               kMaxTokens)),
        uint32_t(reader.number(field + ".max_sequences", entry->max_sequences(),
                               1, kMaxSequences)),
        {}};
    StepReader stepReader(plan, result, reader);
    for (const fb::Step *step : *entry->steps()) {
      if (++steps > kMaxSteps)
        return reader.fail("entries", "have more than " +
                                          std::to_string(kMaxSteps) + " steps");
      result.steps.push_back(
          stepReader.read(*step, item(field + ".steps", result.steps.size())));
      if (reader.failed())
        return;
    }
    plan.entries.push_back(std::move(result));
  }
}

} // namespace mm1
