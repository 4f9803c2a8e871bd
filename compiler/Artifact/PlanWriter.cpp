//===- PlanWriter.cpp - From the plan dialect to plan.bin -----------------===//
#include "compiler/Artifact/PlanWriter.h"
#include "compiler/Artifact/StoredTensor.h"
#include "dialects/Plan/Layout.h"
#include "dialects/Plan/Plan.h"
#include "passes/Plan/PlanMetrics.h"
#include "runtime/Artifact/Plan.h"
#include "runtime/Artifact/plan_generated.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mm1 {

namespace {

namespace plan = mlir::plan;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using mlir::cast;
using mlir::dyn_cast;

/// A port over all entries: the extent of its largest bucket.
struct PortExtent {
  plan::BufferOp buffer;
  bool isOutput = false;
};

class PlanSerializer {
public:
  PlanSerializer(mlir::ModuleOp module, int64_t stage,
                 const BuiltKernels &built)
      : module(module), stage(stage), built(built) {}

  Expected<std::string> run() {
    plan::LimitsOp limits = plan::getLimits(module);
    if (!limits)
      return internalError("the module has no 'plan.limits'");
    addSymbols(limits);
    if (kernels.size() != built.scratchBytes.size())
      return internalError("the plan has " + std::to_string(kernels.size()) +
                           " kernels, but " +
                           std::to_string(built.scratchBytes.size()) +
                           " scratch sizes are given");
    if (modules.size() != built.variants.size())
      return internalError("the plan has " + std::to_string(modules.size()) +
                           " kernel modules, but builds of " +
                           std::to_string(built.variants.size()) +
                           " are given");
    for (auto entry : module.getOps<plan::EntryOp>())
      if (static_cast<int64_t>(entry.getStage()) == stage)
        addEntry(entry);
    auto logits = ports.find("logits");
    if (logits == ports.end())
      return internalError("the plan has no port 'logits'");
    uint64_t vocabulary =
        logits->second.buffer.getTensorType().getShape().back();

    std::vector<Offset<fb::Port>> inputs, outputs;
    for (auto &[name, port] : ports)
      (port.isOutput ? outputs : inputs).push_back(makePort(name, port));
    auto root = fb::CreatePlan(
        builder, kPlanVersion, limits.getGridSize(plan::GridAxis::PP),
        limits.getGridSize(plan::GridAxis::EP),
        limits.getGridSize(plan::GridAxis::TP), vocabulary,
        limits.getCandidates(), limits.getMaxSequences(),
        limits.getMaxContext(), limits.getMaxPrefill(), limits.getPageTokens(),
        text(limits.getPageImage()), limits.getSpareSlots(),
        limits.getSparePages(), limits.getArenaBytes(),
        builder.CreateVector(modules), builder.CreateVector(kernels),
        builder.CreateVector(weights), builder.CreateVector(states),
        builder.CreateVector(inputs), builder.CreateVector(outputs),
        builder.CreateVector(entries));
    fb::FinishPlanBuffer(builder, root);
    return std::string(
        reinterpret_cast<const char *>(builder.GetBufferPointer()),
        builder.GetSize());
  }

private:
  void addSymbols(plan::LimitsOp limits) {
    for (mlir::Operation &op : *module.getBody()) {
      if (auto part = dyn_cast<plan::KernelModuleOp>(op)) {
        moduleIndex[part.getSymName()] = modules.size();
        modules.push_back(makeModule(part));
      } else if (auto kernel = dyn_cast<plan::KernelOp>(op)) {
        uint64_t scratch = kernels.size() < built.scratchBytes.size()
                               ? built.scratchBytes[kernels.size()]
                               : 0;
        index[kernel.getSymName()] = kernels.size();
        kernelOps.push_back(kernel);
        kernels.push_back(
            fb::CreateKernel(builder, text(kernel.getSymName()),
                             moduleIndex.lookup(kernel.getModule()), scratch,
                             kernel.getWaits(), builtin(kernel)));
      } else if (auto weight = dyn_cast<mlir::mm1::WeightOp>(op)) {
        mlir::RankedTensorType type = weight.getWeightType();
        index[weight.getSymName()] = weights.size();
        weights.push_back(
            fb::CreateWeight(builder, text(weight.getSymName()), element(type),
                             static_cast<uint64_t>(plan::weightBytes(type))));
      } else if (auto state = dyn_cast<mlir::mm1::StateOp>(op)) {
        index[state.getSymName()] = states.size();
        states.push_back(fb::CreateState(
            builder, text(state.getSymName()),
            state.getKind() == mlir::mm1::StateKind::Recurrent
                ? fb::StateKind::Recurrent
                : fb::StateKind::KVPages,
            static_cast<uint64_t>(plan::stateUnitBytes(state.getStateType())),
            static_cast<uint64_t>(plan::stateUnits(state, limits))));
      }
    }
  }

  /// A module that `host_of` names stands above.
  Offset<fb::Module> makeModule(plan::KernelModuleOp part) {
    std::vector<Offset<fb::Variant>> variants;
    if (modules.size() < built.variants.size())
      for (const BuiltKernels::Variant &variant :
           built.variants[modules.size()])
        variants.push_back(
            fb::CreateVariant(builder, text(variant.name), text(variant.path)));
    int32_t hostOf = -1;
    if (part.getHostOf())
      hostOf = static_cast<int32_t>(moduleIndex.lookup(*part.getHostOf()));
    return fb::CreateModule(builder,
                            static_cast<fb::DeviceKind>(part.getDevice()),
                            builder.CreateVector(variants), hostOf);
  }

  void addEntry(plan::EntryOp entry) {
    std::vector<Offset<fb::Step>> steps;
    for (mlir::Operation &op : entry.getBody().front())
      if (auto buffer = dyn_cast<plan::BufferOp>(op))
        addPort(buffer);
      else if (auto step = dyn_cast<plan::StepOpInterface>(op))
        steps.push_back(makeStep(entry, step));
    entries.push_back(fb::CreateEntry(
        builder, static_cast<fb::EntryKind>(entry.getKind()), entry.getStage(),
        entry.getTokens(), entry.getSequences(), builder.CreateVector(steps)));
  }

  void addPort(plan::BufferOp buffer) {
    if (!buffer.getName())
      return;
    auto [known, isNew] =
        ports.insert({*buffer.getName(), PortExtent{buffer, false}});
    PortExtent &port = known->second;
    if (buffer.getRows() > port.buffer.getRows())
      port.buffer = buffer;
    // `hidden` is an output of prefill and an input of head.
    port.isOutput |= buffer.getRole() == plan::PortRole::Output;
  }

  Offset<fb::Port> makePort(llvm::StringRef name, const PortExtent &port) {
    plan::BufferOp buffer = port.buffer;
    mlir::RankedTensorType type = buffer.getTensorType();
    int64_t columns = type.getRank() == 1    ? 1
                      : type.isDynamicDim(1) ? buffer.getColumns()
                                             : type.getShape().back();
    return fb::CreatePort(
        builder, text(name), element(type), buffer.getOffset(),
        buffer.getRows(), columns,
        type.getRank() == 1
            ? plan::elementBytes(type.getElementType())
            : plan::rowStrideBytes(columns, type.getElementType()));
  }

  Offset<fb::Step> makeStep(plan::EntryOp entry, plan::StepOpInterface step) {
    using mlir::TypeSwitch;
    std::vector<Offset<fb::Arg>> args;
    for (auto [arg, access] :
         llvm::zip(step.getStepArguments(), step.getStepAccess()))
      args.push_back(makeArg(arg, static_cast<fb::Access>(access)));
    using Action = std::pair<fb::Action, Offset<void>>;
    Action action =
        TypeSwitch<mlir::Operation *, Action>(step)
            .Case([&](plan::LaunchOp op) {
              return Action{fb::Action::Launch, makeLaunch(entry, op).Union()};
            })
            .Case([&](plan::CopyOp) {
              return Action{fb::Action::Copy, fb::CreateCopy(builder).Union()};
            })
            .Case([&](plan::CollectiveOp op) {
              return Action{fb::Action::Collective, makeCollective(op).Union()};
            })
            .Case([&](plan::SignalOp op) {
              return Action{fb::Action::Signal,
                            fb::CreateSignal(builder, op.getEvent()).Union()};
            })
            .Case([&](plan::WaitOp op) {
              return Action{fb::Action::Wait,
                            fb::CreateWait(builder, op.getEvent()).Union()};
            })
            .Case([&](plan::HostCallOp op) {
              return Action{fb::Action::HostCall, makeHostCall(op).Union()};
            });
    Offset<flatbuffers::String> label;
    if (auto name = step->getAttrOfType<mlir::StringAttr>("label"))
      label = text(name.getValue());
    return fb::CreateStep(builder, step.getStepStream(),
                          builder.CreateVector(args), label, action.first,
                          action.second);
  }

  Offset<fb::Arg> makeArg(mlir::Value arg, fb::Access access) {
    mlir::Operation *source = arg.getDefiningOp();
    if (auto buffer = dyn_cast<plan::BufferOp>(source))
      return fb::CreateArg(builder, fb::ArgKind::Arena, access,
                           buffer.getOffset(), buffer.getBytes());
    if (auto weight = dyn_cast<plan::WeightRefOp>(source))
      return fb::CreateArg(builder, fb::ArgKind::Weight, access,
                           index.lookup(weight.getWeight()));
    return fb::CreateArg(
        builder, fb::ArgKind::State, access,
        index.lookup(cast<plan::StateRefOp>(source).getState()));
  }

  template <typename Op> Offset<fb::Grid> makeGrid(Op op) {
    return fb::CreateGrid(builder, op.getTasks(),
                          static_cast<fb::GridUnit>(op.getUnit()), op.getPer());
  }

  Offset<fb::Launch> makeLaunch(plan::EntryOp entry, plan::LaunchOp launch) {
    unsigned kernel = index.lookup(launch.getKernel());
    uint64_t weightBytes = 0;
    for (auto [i, arg] : llvm::enumerate(launch.getArgs()))
      if (arg.getDefiningOp<plan::WeightRefOp>())
        weightBytes +=
            plan::weightBytesRead(kernelOps[kernel], i, entry.getTokens());
    return fb::CreateLaunch(builder, kernel, makeGrid(launch),
                            launch.getGrain(), launch.getThreads(),
                            launch.getSharedBytes(), launch.getWorkspaceBytes(),
                            launch.getEarlyStart(), weightBytes);
  }

  Offset<fb::Collective> makeCollective(plan::CollectiveOp op) {
    std::vector<fb::GridAxis> axes;
    for (int32_t axis : op.getAxes())
      axes.push_back(static_cast<fb::GridAxis>(axis));
    return fb::CreateCollective(builder,
                                static_cast<fb::CollectiveKind>(op.getKind()),
                                builder.CreateVector(axes));
  }

  Offset<fb::HostCall> makeHostCall(plan::HostCallOp op) {
    return fb::CreateHostCall(
        builder, text(op.getCallee()),
        builder.CreateVector(op.getNumbers().data(), op.getNumbers().size()),
        makeGrid(op));
  }

  Offset<flatbuffers::String> text(llvm::StringRef string) {
    return builder.CreateSharedString(string.data(), string.size());
  }

  static fb::Builtin builtin(plan::KernelOp kernel) {
    std::optional<plan::Builtin> builtin = kernel.getBuiltin();
    if (!builtin)
      return fb::Builtin::None;
    return *builtin == plan::Builtin::Begin ? fb::Builtin::Begin
                                            : fb::Builtin::Publish;
  }

  static fb::Element element(mlir::RankedTensorType type) {
    return static_cast<fb::Element>(storedElement(type));
  }

  mlir::ModuleOp module;
  int64_t stage;
  const BuiltKernels &built;
  FlatBufferBuilder builder;
  llvm::StringMap<unsigned> index; ///< of kernels, weights and states by name
  llvm::StringMap<unsigned> moduleIndex;
  llvm::SmallVector<plan::KernelOp> kernelOps;
  std::vector<Offset<fb::Module>> modules;
  std::vector<Offset<fb::Kernel>> kernels;
  std::vector<Offset<fb::Weight>> weights;
  std::vector<Offset<fb::State>> states;
  std::vector<Offset<fb::Entry>> entries;
  llvm::MapVector<llvm::StringRef, PortExtent> ports;
};

static_assert(static_cast<int>(plan::EntryKind::Head) ==
                      static_cast<int>(fb::EntryKind::Head) &&
                  static_cast<int>(plan::GridUnit::Sequences) ==
                      static_cast<int>(fb::GridUnit::Sequences) &&
                  static_cast<int>(plan::Access::Update) ==
                      static_cast<int>(fb::Access::Update) &&
                  static_cast<int>(plan::DeviceKind::CUDA) ==
                      static_cast<int>(fb::DeviceKind::CUDA) &&
                  static_cast<int>(plan::GridAxis::TP) ==
                      static_cast<int>(fb::GridAxis::TP) &&
                  static_cast<int>(plan::CollectiveKind::AllGather) ==
                      static_cast<int>(fb::CollectiveKind::AllGather) &&
                  static_cast<int>(ElementType::I8) ==
                      static_cast<int>(fb::Element::I8),
              "plan.fbs and the dialect number their cases alike");

} // namespace

Expected<std::string> writePlan(mlir::ModuleOp module, int64_t stage,
                                const BuiltKernels &built) {
  return PlanSerializer(module, stage, built).run();
}

} // namespace mm1
