//===- Draft.cpp - One function as steps on buffers without places --------===//
#include "passes/Plan/Draft.h"
#include "dialects/Plan/Schedule.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::plan;

namespace {

/// What the session fills before an entry, and what a row of it stands for.
constexpr std::pair<StringLiteral, Rows> kInputs[] = {
    {"tokens", Rows::Tokens},
    {"positions", Rows::Tokens},
    {"rows", Rows::Tokens},
    {"slots", Rows::Sequences},
    {"pages", Rows::Slots},
    {"starts", Rows::SequenceBounds},
    {"hidden", Rows::Hidden},
    {"vocabulary_mask", Rows::Tokens}, // of a known size
    {"candidate_counts", Rows::Tokens},
    {"inverse_temperatures", Rows::Tokens}};

/// What it reads afterwards, a row for each token.
constexpr StringLiteral kOutputs[] = {"hidden", "logits", "candidate_values",
                                      "candidate_ids", "candidate_sums"};

/// Inputs that `begin` does not write: what an entry before has made, and what
/// does not change from step to step.
constexpr StringLiteral kKeptInputs[] = {"hidden", "vocabulary_mask"};

/// What `publish` hands to the host.
constexpr StringLiteral kPublished[] = {"candidate_counts", "candidate_values",
                                        "candidate_ids", "candidate_sums"};

/// Threads of a GPU that go together.
constexpr int64_t kWarpThreads = 32;

class Drafter {
public:
  Drafter(func::FuncOp function, EntryKind kind, const mm1::Bucket &bucket,
          const StepRules &rules, KernelOutliner &outliner)
      : function(function), rules(rules), outliner(outliner),
        draft{function.getSymName(), kind, bucket, function.getLoc(), {}, {}} {}

  FailureOr<Draft> run() {
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitOpError("expects one block");
    for (BlockArgument argument : function.getArguments())
      if (failed(addInput(argument)))
        return failure();
    if (rules.device == DeviceKind::CUDA)
      addBegin();
    for (Operation &op : function.getBody().front()) {
      LogicalResult status =
          llvm::TypeSwitch<Operation *, LogicalResult>(&op)
              .Case([&](mm1::LoadWeightOp load) {
                return bind(load.getValue(),
                            {std::nullopt, load.getWeightAttr(),
                             typeOf(load.getValue()), false});
              })
              .Case([&](mm1::LoadStateOp load) { return addLoad(load); })
              .Case([&](mm1::StoreStateOp store) { return addStore(store); })
              .Case([&](mm1::ClusterOp cluster) { return addStep(cluster); })
              .Case([&](func::ReturnOp end) { return addOutputs(end); })
              .Default([&](Operation *other) {
                return other->emitOpError(
                    "stands outside of a cluster; the plan has no launch for "
                    "it (run the fuse phase first)");
              });
      if (failed(status))
        return failure();
    }
    for (auto &[name, state] : states)
      if (state.changed && !state.stored)
        return state.current.getDefiningOp()->emitOpError()
               << "changes @" << name.getValue()
               << ", but no 'mm1.store_state' follows: states change in place";
    if (rules.device == DeviceKind::CUDA)
      addPublish();
    return std::move(draft);
  }

private:
  struct State {
    Value current;
    bool changed = false, stored = true;
  };

  static RankedTensorType typeOf(Value value) {
    return cast<RankedTensorType>(value.getType());
  }

  LogicalResult bind(Value value, DraftArgument argument) {
    arguments.try_emplace(value, std::move(argument));
    return success();
  }

  unsigned addBuffer(Value value, VirtualBuffer buffer) {
    unsigned index = draft.buffers.size();
    buffer.type = typeOf(value);
    draft.buffers.push_back(buffer);
    (void)bind(value, {index, {}, typeOf(value), false});
    return index;
  }

  LogicalResult addInput(BlockArgument argument) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      "mm1.name");
    const auto *known = llvm::find_if(kInputs, [&](const auto &port) {
      return name && port.first == name.getValue();
    });
    if (known == std::end(kInputs))
      return function.emitOpError()
             << "expects argument " << argument.getArgNumber()
             << " to have an 'mm1.name' of "
             << llvm::join(llvm::make_first_range(kInputs), ", ") << ", found "
             << (name ? name.getValue() : "nothing");
    addBuffer(argument,
              {{}, known->second, known->first, PortRole::Input, 0, 0});
    return success();
  }

  LogicalResult addLoad(mm1::LoadStateOp load) {
    State &state = states[load.getStateAttr().getAttr()];
    if (state.changed && !state.stored)
      return load.emitOpError() << "reads " << load.getStateAttr()
                                << " between its change and the store";
    state.current = load.getResult();
    return bind(load.getResult(), {std::nullopt, load.getStateAttr(),
                                   typeOf(load.getResult()), true});
  }

  LogicalResult addStore(mm1::StoreStateOp store) {
    auto found = arguments.find(store.getValue());
    State &state = states[store.getStateAttr().getAttr()];
    if (found == arguments.end() ||
        found->second.symbol != store.getStateAttr() ||
        state.current != store.getValue())
      return store.emitOpError()
             << "stores a value that is not the latest one of "
             << store.getStateAttr() << "; states change in place";
    state.stored = true;
    return success();
  }

  LogicalResult addStep(mm1::ClusterOp cluster) {
    FailureOr<Schedule> schedule = Schedule::read(cluster);
    if (failed(schedule))
      return failure();
    int64_t index = draft.steps.size();
    DraftStep step{.kernel = {},
                   .call = hostCallOf(cluster, rules.selectsOnHost),
                   .args = {},
                   .access = {},
                   .tasks = schedule->tasks,
                   .per = schedule->per,
                   .grain = schedule->get("grain", 0),
                   .unit = schedule->unit,
                   .threads = 0,
                   .startsEarly = rules.startsEarly && index > 0,
                   .label = labelOf(cluster),
                   .location = cluster.getLoc()};
    if (!step.call) {
      step.kernel = outliner.outline(cluster);
      if (rules.device == DeviceKind::CUDA)
        step.threads = kWarpThreads * schedule->get("warps", 1);
    }
    for (Value input : cluster.getInputs()) {
      DraftArgument &argument = arguments.find(input)->second;
      if (argument.isState &&
          states[argument.symbol.getAttr()].current != input)
        return cluster.emitOpError() << "reads a value of " << argument.symbol
                                     << " that was overwritten in place";
      if (argument.buffer)
        draft.buffers[*argument.buffer].last = index;
      step.args.push_back(argument);
    }
    SmallVector<InPlaceResult> inPlace = inPlaceResults(cluster);
    for (InPlaceResult pair : inPlace)
      if (!pair.result)
        return cluster.emitOpError()
               << "changes " << step.args[pair.input].symbol
               << " in place, but does not yield its next value; yield it, "
                  "and store it behind the cluster";
    for (auto [i, output] : llvm::enumerate(cluster.getOutputs())) {
      const auto *pair = llvm::find_if(
          inPlace, [&](auto candidate) { return candidate.result == i; });
      if (pair == inPlace.end()) {
        unsigned buffer = addBuffer(
            output, {{}, Rows::Tokens, {}, PortRole::Input, index, index});
        step.args.push_back({buffer, {}, typeOf(output), false});
        continue;
      }
      DraftArgument state = step.args[pair->input];
      if (!state.isState)
        return cluster.emitOpError() << "makes the next value of a state, but "
                                        "its input is not a loaded state";
      states[state.symbol.getAttr()] = {output, true, false};
      (void)bind(output, state);
    }
    for (KernelParameter parameter : kernelParameters(cluster))
      step.access.push_back(static_cast<int32_t>(parameter.access));
    draft.steps.push_back(std::move(step));
    return success();
  }

  /// The first step of a GPU: ports from the step block.
  void addBegin() {
    SmallVector<unsigned> ports;
    SmallVector<Access> access;
    for (auto [i, buffer] : llvm::enumerate(draft.buffers)) {
      if (llvm::is_contained(kKeptInputs, buffer.port))
        continue;
      ports.push_back(i);
      // Of the page table only the rows that grow.
      access.push_back(buffer.port == "pages" ? Access::Update : Access::Write);
    }
    addBuiltin(Builtin::Begin, ports, access);
  }

  /// The last one, where there is something to tell.
  void addPublish() {
    SmallVector<unsigned> ports;
    for (StringRef name : kPublished)
      for (auto [i, buffer] : llvm::enumerate(draft.buffers))
        if (buffer.port == name)
          ports.push_back(i);
    if (ports.size() == std::size(kPublished))
      addBuiltin(Builtin::Publish, ports,
                 SmallVector<Access>(ports.size(), Access::Read));
  }

  void addBuiltin(Builtin builtin, ArrayRef<unsigned> ports,
                  ArrayRef<Access> access) {
    SmallVector<StringRef> names;
    SmallVector<Type> types;
    for (unsigned port : ports) {
      names.push_back(draft.buffers[port].port);
      types.push_back(draft.buffers[port].type);
    }
    DraftStep step{.kernel = outliner.outlineBuiltin(builtin, names, access,
                                                     types, draft.location),
                   .call = std::nullopt,
                   .args = {},
                   .access = {},
                   .tasks = 1,
                   .per = 1,
                   .grain = 0,
                   .unit = GridUnit::One,
                   .threads = kBuiltinThreads,
                   .startsEarly = rules.startsEarly && !draft.steps.empty(),
                   .label = stringifyBuiltin(builtin).str(),
                   .location = draft.location};
    for (auto [port, kind] : llvm::zip(ports, access)) {
      step.args.push_back({port, {}, draft.buffers[port].type, false});
      step.access.push_back(static_cast<int32_t>(kind));
    }
    draft.steps.push_back(std::move(step));
  }

  LogicalResult addOutputs(func::ReturnOp end) {
    for (auto [i, result] : llvm::enumerate(end.getOperands())) {
      auto name = function.getResultAttrOfType<StringAttr>(i, "mm1.name");
      if (!name || !llvm::is_contained(kOutputs, name.getValue()))
        return function.emitOpError()
               << "expects result " << i << " to have an 'mm1.name' of "
               << llvm::join(ArrayRef(kOutputs), ", ") << ", found "
               << (name ? name.getValue() : "nothing");
      auto found = arguments.find(result);
      if (found == arguments.end() || !found->second.buffer ||
          !draft.buffers[*found->second.buffer].port.empty())
        return end.emitOpError()
               << "expects result " << i
               << " to be a value that a cluster made, returned once";
      VirtualBuffer &buffer = draft.buffers[*found->second.buffer];
      buffer.port = name.getValue();
      buffer.role = PortRole::Output;
    }
    return success();
  }

  func::FuncOp function;
  const StepRules &rules;
  KernelOutliner &outliner;
  Draft draft;
  DenseMap<Value, DraftArgument> arguments;
  llvm::MapVector<StringAttr, State> states;
};

} // namespace

FailureOr<Draft> plan::draftFunction(func::FuncOp function, EntryKind kind,
                                     const mm1::Bucket &bucket,
                                     const StepRules &rules,
                                     KernelOutliner &outliner) {
  return Drafter(function, kind, bucket, rules, outliner).run();
}
