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
  PlanSerializer(mlir::ModuleOp module, int64_t rank,
                 std::span<const uint64_t> scratchBytes)
      : module(module), rank(rank), scratchBytes(scratchBytes) {}

  Expected<std::string> run() {
    plan::LimitsOp limits = plan::getLimits(module);
    if (!limits)
      return internalError("the module has no 'plan.limits'");
    addSymbols(limits);
    if (kernels.size() != scratchBytes.size())
      return internalError(
          "the plan has " + std::to_string(kernels.size()) + " kernels, but " +
          std::to_string(scratchBytes.size()) + " scratch sizes are given");
    for (auto entry : module.getOps<plan::EntryOp>())
      if (static_cast<int64_t>(entry.getRank()) == rank)
        if (Status status = addEntry(entry); !status)
          return status.takeError();
    auto logits = ports.find("logits");
    if (logits == ports.end())
      return internalError("the plan has no port 'logits'");
    uint64_t vocabulary =
        logits->second.buffer.getTensorType().getShape().back();
    auto ranks = module->getAttrOfType<mlir::IntegerAttr>("mm1.ranks");

    std::vector<Offset<fb::Port>> inputs, outputs;
    for (auto &[name, port] : ports)
      (port.isOutput ? outputs : inputs).push_back(makePort(name, port));
    auto root = fb::CreatePlan(
        builder, kPlanVersion, ranks ? ranks.getInt() : 1, vocabulary,
        limits.getMaxSequences(), limits.getMaxContext(),
        limits.getMaxPrefill(), limits.getPageTokens(), limits.getArenaBytes(),
        builder.CreateVector(kernels), builder.CreateVector(weights),
        builder.CreateVector(states), builder.CreateVector(inputs),
        builder.CreateVector(outputs), builder.CreateVector(entries));
    fb::FinishPlanBuffer(builder, root);
    return std::string(
        reinterpret_cast<const char *>(builder.GetBufferPointer()),
        builder.GetSize());
  }

private:
  void addSymbols(plan::LimitsOp limits) {
    for (mlir::Operation &op : *module.getBody()) {
      if (auto kernel = dyn_cast<plan::KernelOp>(op)) {
        uint64_t scratch = kernels.size() < scratchBytes.size()
                               ? scratchBytes[kernels.size()]
                               : 0;
        index[kernel.getSymName()] = kernels.size();
        kernelOps.push_back(kernel);
        kernels.push_back(
            fb::CreateKernel(builder, text(kernel.getSymName()), scratch));
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

  Status addEntry(plan::EntryOp entry) {
    std::vector<Offset<fb::Launch>> launches;
    for (mlir::Operation &op : entry.getBody().front()) {
      if (auto buffer = dyn_cast<plan::BufferOp>(op)) {
        addPort(buffer);
      } else if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
        if (launch.getStream() != 0)
          return internalError(cannotSay(entry, "a second stream"));
        launches.push_back(makeLaunch(entry, launch));
      } else if (mlir::isa<plan::StepOpInterface>(op)) {
        return internalError(
            cannotSay(entry, op.getName().getStringRef().str()));
      }
    }
    entries.push_back(fb::CreateEntry(
        builder, static_cast<fb::EntryKind>(entry.getKind()), entry.getTokens(),
        entry.getSequences(), builder.CreateVector(launches)));
    return Status::ok();
  }

  static std::string cannotSay(plan::EntryOp entry, const std::string &what) {
    return "plan.bin cannot say " + what + " yet, which '" +
           entry.getSymName().str() + "' needs";
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

  Offset<fb::Launch> makeLaunch(plan::EntryOp entry, plan::LaunchOp launch) {
    unsigned kernel = index.lookup(launch.getKernel());
    std::vector<Offset<fb::Arg>> args;
    uint64_t weightBytes = 0;
    for (auto [i, arg] : llvm::enumerate(launch.getArgs())) {
      auto access = static_cast<fb::Access>(launch.getAccess()[i]);
      mlir::Operation *source = arg.getDefiningOp();
      if (auto buffer = dyn_cast<plan::BufferOp>(source)) {
        args.push_back(fb::CreateArg(builder, fb::ArgKind::Arena, access,
                                     buffer.getOffset(), buffer.getBytes()));
      } else if (auto weight = dyn_cast<plan::WeightRefOp>(source)) {
        args.push_back(fb::CreateArg(builder, fb::ArgKind::Weight, access,
                                     index.lookup(weight.getWeight())));
        weightBytes +=
            plan::weightBytesRead(kernelOps[kernel], i, entry.getTokens());
      } else {
        args.push_back(fb::CreateArg(
            builder, fb::ArgKind::State, access,
            index.lookup(cast<plan::StateRefOp>(source).getState())));
      }
    }
    Offset<flatbuffers::String> label;
    if (launch.getLabel())
      label = text(*launch.getLabel());
    return fb::CreateLaunch(builder, kernel, builder.CreateVector(args),
                            launch.getTasks(),
                            static_cast<fb::GridUnit>(launch.getUnit()),
                            launch.getPer(), label, weightBytes);
  }

  Offset<flatbuffers::String> text(llvm::StringRef string) {
    return builder.CreateSharedString(string.data(), string.size());
  }

  static fb::Element element(mlir::RankedTensorType type) {
    return static_cast<fb::Element>(storedElement(type));
  }

  mlir::ModuleOp module;
  int64_t rank;
  std::span<const uint64_t> scratchBytes;
  FlatBufferBuilder builder;
  llvm::StringMap<unsigned> index; ///< of kernels, weights and states by name
  llvm::SmallVector<plan::KernelOp> kernelOps;
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
                  static_cast<int>(ElementType::I8) ==
                      static_cast<int>(fb::Element::I8),
              "plan.fbs and the dialect number their cases alike");

} // namespace

Expected<std::string> writePlan(mlir::ModuleOp module, int64_t rank,
                                std::span<const uint64_t> scratchBytes) {
  return PlanSerializer(module, rank, scratchBytes).run();
}

} // namespace mm1
