//===- LowerToPlan.cpp - From values and functions to bytes and buckets ---===//
// In three steps:
//   1. Draft: each function is read once. Values become virtual buffers with a
//      live range, clusters become drafted launches of deduplicated kernels,
//      the next value of a state becomes the state itself.
//   2. Ports: named buffers get one place each, large enough for every bucket.
//   3. Buckets: for each size of batch the draft's buffers get their bytes and
//      offsets (PlaceBuffers.h), and its launches are written down.
//
// decode with tokens, x, y and max-sequences=2 becomes @decode_1, @decode_2:
// the same launches on buffers of one row and of two.
//===----------------------------------------------------------------------===//
#include "dialects/Plan/Layout.h"
#include "passes/Plan/OutlineKernels.h"
#include "passes/Plan/Passes.h"
#include "passes/Plan/PlaceBuffers.h"
#include "passes/Plan/PlanMetrics.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::plan {
#define GEN_PASS_DEF_LOWERTOPLAN
#include "passes/Plan/Passes.h.inc"
} // namespace mlir::plan

using namespace mlir;
using namespace mlir::plan;

namespace {

/// What the dynamic first dimension of a buffer counts.
enum class Rows { Tokens, Sequences, SequenceBounds, Slots, Hidden };

struct VirtualBuffer {
  RankedTensorType type;
  Rows rows = Rows::Tokens;
  StringRef port; ///< empty for one without a name
  PortRole role = PortRole::Input;
  int64_t first = 0, last = 0; ///< launches between which it is in use
};

/// An argument: a buffer of the draft, or the symbol of a weight or a state.
struct DraftArgument {
  std::optional<unsigned> buffer;
  FlatSymbolRefAttr symbol;
  RankedTensorType type;
  bool isState = false;
};

struct DraftLaunch {
  KernelOp kernel;
  SmallVector<DraftArgument> args;
  SmallVector<int32_t> access;
  int64_t tasks, per;
  GridUnit unit;
  std::string label;
  Location location;
};

/// One function, for any size of batch.
struct Draft {
  EntryKind kind;
  Location location;
  std::vector<VirtualBuffer> buffers;
  std::vector<DraftLaunch> launches;
};

/// The size of a batch.
struct Bucket {
  int64_t tokens, sequences;
};

/// What all buckets share.
struct Sizes {
  int64_t maxSequences, maxPrefill, pageColumns;

  int64_t rowsOf(Rows rows, Bucket bucket) const {
    switch (rows) {
    case Rows::Tokens:
      return bucket.tokens;
    case Rows::Sequences:
      return bucket.sequences;
    case Rows::SequenceBounds:
      return bucket.sequences + 1;
    case Rows::Slots:
      return maxSequences;
    case Rows::Hidden:
      return std::max(maxSequences, maxPrefill);
    }
    return 0;
  }
  int64_t bytesOf(const VirtualBuffer &buffer, Bucket bucket) const {
    return bufferBytes(buffer.type, rowsOf(buffer.rows, bucket), pageColumns);
  }
};

//===-------------------------------- Draft -------------------------------===//

/// Reads one function.
class Drafter {
public:
  Drafter(func::FuncOp function, EntryKind kind, KernelOutliner &outliner)
      : function(function), outliner(outliner),
        draft{kind, function.getLoc(), {}, {}} {}

  FailureOr<Draft> run() {
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitOpError("expects one block");
    for (BlockArgument argument : function.getArguments())
      if (failed(addInput(argument)))
        return failure();
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
              .Case([&](mm1::ClusterOp cluster) { return addLaunch(cluster); })
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
    std::optional<Rows> rows =
        llvm::StringSwitch<std::optional<Rows>>(name ? name.getValue() : "")
            .Cases({"tokens", "positions", "rows"}, Rows::Tokens)
            .Case("slots", Rows::Sequences)
            .Case("pages", Rows::Slots)
            .Case("starts", Rows::SequenceBounds)
            .Case("hidden", Rows::Hidden)
            .Default(std::nullopt);
    if (!rows)
      return function.emitOpError()
             << "expects argument " << argument.getArgNumber()
             << " to have an 'mm1.name' of tokens, positions, rows, slots, "
                "pages, starts or hidden, found "
             << (name ? name.getValue() : "nothing");
    addBuffer(argument, {{}, *rows, name.getValue(), PortRole::Input, 0, 0});
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

  LogicalResult addLaunch(mm1::ClusterOp cluster) {
    DictionaryAttr schedule = cluster.getScheduleAttr();
    auto tasks = schedule ? schedule.getAs<IntegerAttr>("tasks") : nullptr;
    auto per = schedule ? schedule.getAs<IntegerAttr>("per") : nullptr;
    auto unitName = schedule ? schedule.getAs<StringAttr>("unit") : nullptr;
    std::optional<GridUnit> unit =
        unitName ? symbolizeGridUnit(unitName.getValue()) : std::nullopt;
    if (!tasks || !per || !unit)
      return cluster.emitOpError("expects a schedule with tasks, unit and per; "
                                 "run mm1-schedule-clusters first");
    int64_t step = draft.launches.size();
    DraftLaunch launch{outliner.outline(cluster),
                       {},
                       {},
                       tasks.getInt(),
                       per.getInt(),
                       *unit,
                       labelOf(cluster),
                       cluster.getLoc()};
    for (Value input : cluster.getInputs()) {
      DraftArgument &argument = arguments.find(input)->second;
      if (argument.isState &&
          states[argument.symbol.getAttr()].current != input)
        return cluster.emitOpError() << "reads a value of " << argument.symbol
                                     << " that was overwritten in place";
      if (argument.buffer)
        draft.buffers[*argument.buffer].last = step;
      launch.args.push_back(argument);
    }
    SmallVector<InPlaceResult> inPlace = inPlaceResults(cluster);
    for (auto [i, output] : llvm::enumerate(cluster.getOutputs())) {
      const auto *pair = llvm::find_if(
          inPlace, [&](auto candidate) { return candidate.result == i; });
      if (pair == inPlace.end()) {
        unsigned index = addBuffer(
            output, {{}, Rows::Tokens, {}, PortRole::Input, step, step});
        launch.args.push_back({index, {}, typeOf(output), false});
        continue;
      }
      DraftArgument state = launch.args[pair->input];
      if (!state.isState)
        return cluster.emitOpError() << "makes the next value of a state, but "
                                        "its input is not a loaded state";
      states[state.symbol.getAttr()] = {output, true, false};
      (void)bind(output, state);
    }
    for (KernelParameter parameter : launch.kernel.getParameters())
      launch.access.push_back(static_cast<int32_t>(parameter.access));
    draft.launches.push_back(std::move(launch));
    return success();
  }

  LogicalResult addOutputs(func::ReturnOp end) {
    if (end.getNumOperands() != 1)
      return end.emitOpError()
             << "expects one value, found " << end.getNumOperands();
    auto found = arguments.find(end.getOperand(0));
    if (found == arguments.end() || !found->second.buffer ||
        !draft.buffers[*found->second.buffer].port.empty())
      return end.emitOpError("expects a value that a cluster made");
    VirtualBuffer &buffer = draft.buffers[*found->second.buffer];
    buffer.port = draft.kind == EntryKind::Head ? "logits" : "hidden";
    buffer.role = PortRole::Output;
    return success();
  }

  func::FuncOp function;
  KernelOutliner &outliner;
  Draft draft;
  DenseMap<Value, DraftArgument> arguments;
  llvm::MapVector<StringAttr, State> states;
};

//===------------------------------- Buckets ------------------------------===//

/// 1, 2, 4, ..., most.
SmallVector<int64_t> powers(int64_t first, int64_t factor, int64_t most) {
  SmallVector<int64_t> sizes;
  for (int64_t size = first; size < most; size *= factor)
    sizes.push_back(size);
  sizes.push_back(most);
  return sizes;
}

/// Rows of the largest head bucket when prefill asks for many logits at once.
constexpr int64_t kManyRows = 64;

SmallVector<Bucket> bucketsOf(EntryKind kind, const Sizes &sizes) {
  SmallVector<Bucket> buckets;
  switch (kind) {
  case EntryKind::Decode:
    for (int64_t size : powers(1, 2, sizes.maxSequences))
      buckets.push_back({size, size});
    break;
  case EntryKind::Prefill:
    for (int64_t size : powers(16, 4, sizes.maxPrefill))
      buckets.push_back({size, std::min(size, sizes.maxSequences)});
    break;
  case EntryKind::Head:
    for (int64_t size : powers(1, 2, sizes.maxSequences))
      buckets.push_back({size, size});
    if (int64_t many = std::min(kManyRows, sizes.maxPrefill);
        many > sizes.maxSequences)
      buckets.push_back({many, sizes.maxSequences});
    break;
  }
  return buckets;
}

//===-------------------------------- Ports -------------------------------===//

struct Port {
  RankedTensorType type;
  int64_t bytes = 0, offset = 0;
};
using Ports = llvm::MapVector<StringRef, Port>;

/// Collects the names of all drafts and places them from 0 on.
FailureOr<int64_t> placePorts(ArrayRef<Draft> drafts, const Sizes &sizes,
                              Ports &ports) {
  for (const Draft &draft : drafts)
    for (const VirtualBuffer &buffer : draft.buffers) {
      if (buffer.port.empty())
        continue;
      Port &port = ports[buffer.port];
      if (port.type && port.type != buffer.type)
        return emitError(draft.location)
               << "has '" << buffer.port << "' as " << buffer.type
               << ", but another entry has it as " << port.type;
      port.type = buffer.type;
      for (Bucket bucket : bucketsOf(draft.kind, sizes))
        port.bytes = std::max(port.bytes, sizes.bytesOf(buffer, bucket));
    }
  int64_t end = 0;
  for (auto &[name, port] : ports) {
    port.offset = end;
    end += port.bytes;
  }
  return end;
}

//===------------------------------- Entries ------------------------------===//

/// Writes a draft down for one bucket.
class EntryWriter {
public:
  EntryWriter(OpBuilder builder, const Draft &draft, Bucket bucket,
              const Sizes &sizes, const Ports &ports)
      : builder(builder), draft(draft), bucket(bucket), sizes(sizes),
        ports(ports), values(draft.buffers.size()) {}

  /// Returns the end of the arena's part in use.
  int64_t run(int64_t base) {
    int64_t end = place(base);
    std::string name =
        (stringifyEntryKind(draft.kind) + "_" + std::to_string(bucket.tokens))
            .str();
    auto entry = EntryOp::create(builder, draft.location, name, draft.kind,
                                 bucket.tokens, bucket.sequences, /*rank=*/0);
    builder.setInsertionPointToStart(&entry.getBody().emplaceBlock());
    for (auto [i, buffer] : llvm::enumerate(draft.buffers))
      if (!buffer.port.empty())
        makeBuffer(i, draft.location);
    for (const DraftLaunch &launch : draft.launches) {
      SmallVector<Value> args;
      for (const DraftArgument &argument : launch.args)
        args.push_back(valueOf(argument, launch.location));
      StringAttr label = launch.label.empty()
                             ? StringAttr()
                             : builder.getStringAttr(launch.label);
      LaunchOp::create(builder, launch.location,
                       FlatSymbolRefAttr::get(launch.kernel), args,
                       builder.getDenseI32ArrayAttr(launch.access),
                       builder.getI64IntegerAttr(launch.tasks),
                       GridUnitAttr::get(builder.getContext(), launch.unit),
                       builder.getI64IntegerAttr(launch.per), label,
                       builder.getI64IntegerAttr(0));
    }
    return end;
  }

private:
  int64_t place(int64_t base) {
    std::vector<LiveBuffer> live;
    for (const VirtualBuffer &buffer : draft.buffers)
      if (buffer.port.empty())
        live.push_back(
            {sizes.bytesOf(buffer, bucket), buffer.first, buffer.last});
    Placement placement = placeBuffers(live, base);
    size_t next = 0;
    for (const VirtualBuffer &buffer : draft.buffers)
      offsets.push_back(buffer.port.empty()
                            ? placement.offsets[next++]
                            : ports.find(buffer.port)->second.offset);
    return placement.end;
  }

  Value makeBuffer(unsigned index, Location location) {
    const VirtualBuffer &buffer = draft.buffers[index];
    RankedTensorType type = buffer.type;
    bool isPort = !buffer.port.empty();
    int64_t rows = type.isDynamicDim(0) ? sizes.rowsOf(buffer.rows, bucket)
                                        : type.getDimSize(0);
    int64_t columns =
        type.getRank() == 2 && type.isDynamicDim(1) ? sizes.pageColumns : 0;
    values[index] = BufferOp::create(
        builder, location, type,
        isPort ? PortRoleAttr::get(builder.getContext(), buffer.role) : nullptr,
        isPort ? builder.getStringAttr(buffer.port) : nullptr,
        builder.getI64IntegerAttr(offsets[index]),
        builder.getI64IntegerAttr(sizes.bytesOf(buffer, bucket)),
        builder.getI64IntegerAttr(rows), builder.getI64IntegerAttr(columns));
    return values[index];
  }

  Value valueOf(const DraftArgument &argument, Location location) {
    if (argument.buffer) {
      Value value = values[*argument.buffer];
      return value ? value : makeBuffer(*argument.buffer, location);
    }
    Value &value = symbols[argument.symbol.getAttr()];
    if (!value && argument.isState)
      value =
          StateRefOp::create(builder, location, argument.type, argument.symbol);
    else if (!value)
      value = WeightRefOp::create(builder, location, argument.type,
                                  argument.symbol);
    return value;
  }

  OpBuilder builder;
  const Draft &draft;
  Bucket bucket;
  const Sizes &sizes;
  const Ports &ports;
  SmallVector<Value> values;
  SmallVector<int64_t> offsets;
  DenseMap<StringAttr, Value> symbols;
};

//===-------------------------------- Pass --------------------------------===//

struct LowerToPlan : plan::impl::LowerToPlanBase<LowerToPlan> {
  using LowerToPlanBase::LowerToPlanBase;

  void runOnOperation() override {
    if (failed(lower()))
      signalPassFailure();
  }

  LogicalResult lower() {
    ModuleOp module = getOperation();
    FailureOr<int64_t> pageTokens = findPageTokens(module);
    if (failed(pageTokens) || failed(checkOptions(module)))
      return failure();
    KernelOutliner outliner(module);
    std::vector<Draft> drafts;
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      auto kindName = function->getAttrOfType<StringAttr>("mm1.entry");
      std::optional<EntryKind> kind =
          kindName ? symbolizeEntryKind(kindName.getValue()) : std::nullopt;
      if (!kind)
        return function.emitOpError(
            "expects an 'mm1.entry' of \"decode\", \"prefill\" or \"head\"");
      FailureOr<Draft> draft = Drafter(function, *kind, outliner).run();
      if (failed(draft))
        return failure();
      drafts.push_back(std::move(*draft));
    }

    Sizes sizes{maxSequences, prefillTokens, ceilDiv(maxContext, *pageTokens)};
    Ports ports;
    FailureOr<int64_t> base = placePorts(drafts, sizes, ports);
    if (failed(base))
      return failure();
    int64_t arenaBytes = std::max<int64_t>(*base, kAlignment);
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    for (const Draft &draft : drafts)
      for (Bucket bucket : bucketsOf(draft.kind, sizes))
        arenaBytes = std::max(
            arenaBytes,
            EntryWriter(builder, draft, bucket, sizes, ports).run(*base));
    builder.setInsertionPointToStart(module.getBody());
    LimitsOp::create(builder, module.getLoc(), maxSequences, maxContext,
                     prefillTokens, *pageTokens,
                     maxSequences * sizes.pageColumns, arenaBytes);
    for (func::FuncOp function : functions)
      function.erase();
    module->setAttr("plan.metrics",
                    toAttribute(planMetrics(module), &getContext()));
    return success();
  }

  LogicalResult checkOptions(ModuleOp module) {
    // Sizes are 32-bit numbers in plan.bin, and products of them must stay far
    // from overflow.
    constexpr int64_t kMost = int64_t(1) << 24;
    for (auto [name, value] :
         {std::pair<StringRef, int64_t>{"max-sequences", maxSequences},
          {"max-context", maxContext},
          {"prefill-tokens", prefillTokens}})
      if (value < 1 || value > kMost)
        return module.emitError() << "expects " << name << " between 1 and "
                                  << kMost << ", found " << value;
    return success();
  }

  static FailureOr<int64_t> findPageTokens(ModuleOp module) {
    std::optional<int64_t> found;
    for (mm1::StateOp state : module.getOps<mm1::StateOp>()) {
      if (state.getKind() != mm1::StateKind::KVPages)
        continue;
      int64_t tokens = state.getStateType().getDimSize(3);
      if (found && *found != tokens)
        return state.emitOpError() << "has pages of " << tokens
                                   << " tokens, but others have " << *found;
      found = tokens;
    }
    return found.value_or(64);
  }
};

} // namespace
