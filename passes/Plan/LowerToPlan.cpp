//===- LowerToPlan.cpp - From values and functions to bytes and buckets ---===//
// In three steps:
//   1. Draft.h: each function is read once.
//   2. Ports.h: named buffers get one place each, large enough for every bucket.
//   3. Here: the draft's buffers get their bytes and offsets for its bucket
//      (PlaceBuffers.h), and its steps are written down.
//
// The functions decode_1 and decode_2 become entries of these names, on buffers
// of one row and of two; what they launch is shared where it is equal.
//===----------------------------------------------------------------------===//
#include "dialects/Plan/Layout.h"
#include "passes/Plan/Passes.h"
#include "passes/Plan/PlaceBuffers.h"
#include "passes/Plan/PlanMetrics.h"
#include "passes/Plan/Ports.h"

namespace mlir::plan {
#define GEN_PASS_DEF_LOWERTOPLAN
#include "passes/Plan/Passes.h.inc"
} // namespace mlir::plan

using namespace mlir;
using namespace mlir::plan;

namespace {

//===------------------------------- Entries ------------------------------===//

/// Writes a draft down.
class EntryWriter {
public:
  EntryWriter(OpBuilder builder, const Draft &draft, const Sizes &sizes,
              const Ports &ports)
      : builder(builder), draft(draft), bucket(draft.bucket), sizes(sizes),
        ports(ports), values(draft.buffers.size()) {}

  /// Returns the end of the arena's part in use.
  int64_t run(int64_t base) {
    int64_t end = place(base);
    auto entry =
        EntryOp::create(builder, draft.location, draft.name, draft.kind,
                        bucket.tokens, bucket.sequences, /*stage=*/0);
    builder.setInsertionPointToStart(&entry.getBody().emplaceBlock());
    for (auto [i, buffer] : llvm::enumerate(draft.buffers))
      if (!buffer.port.empty())
        makeBuffer(i, draft.location);
    for (const DraftStep &step : draft.steps)
      writeStep(step);
    return end;
  }

private:
  void writeStep(const DraftStep &step) {
    SmallVector<Value> args;
    for (const DraftArgument &argument : step.args)
      args.push_back(valueOf(argument, step.location));
    StringAttr label =
        step.label.empty() ? StringAttr() : builder.getStringAttr(step.label);
    if (step.call)
      HostCallOp::create(builder, step.location, step.call->callee, args,
                         step.access, step.call->numbers, step.tasks, step.unit,
                         step.per, label);
    else
      LaunchOp::create(builder, step.location,
                       KernelOp(step.kernel).getSymName(), args, step.access,
                       step.tasks, step.unit, step.per, step.grain,
                       step.threads, /*shared_bytes=*/0, /*workspace_bytes=*/0,
                       step.startsEarly, label);
  }

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
  mm1::Bucket bucket;
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
    KernelPlace place{};
    place.arch = device;
    if (place.arch != "cpu")
      place.device = DeviceKind::CUDA;
    place.isEmulated = place.arch.consume_front("emulated:");
    StepRules rules{place.device, selectsOnHost, startsEarly};
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    KernelOutliner outliner(module, builder, place);
    std::vector<Draft> drafts;
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      FailureOr<mm1::Bucket> bucket = mm1::Bucket::of(function);
      if (failed(bucket))
        return failure();
      std::optional<EntryKind> kind = symbolizeEntryKind(bucket->entry);
      if (!kind)
        return function.emitOpError(
            "expects an 'mm1.entry' of \"decode\", \"prefill\" or \"head\"");
      FailureOr<Draft> draft =
          draftFunction(function, *kind, *bucket, rules, outliner);
      if (failed(draft))
        return failure();
      drafts.push_back(std::move(*draft));
    }

    Sizes sizes{maxSequences, prefillTokens, ceilDiv(maxContext, *pageTokens),
                maxSequences + spareUnits};
    Ports ports;
    FailureOr<int64_t> base = placePorts(drafts, sizes, ports);
    if (failed(base))
      return failure();
    int64_t arenaBytes = std::max<int64_t>(*base, kAlignment);
    builder.setInsertionPointToEnd(module.getBody());
    for (const Draft &draft : drafts)
      arenaBytes = std::max(
          arenaBytes, EntryWriter(builder, draft, sizes, ports).run(*base));
    auto candidates = ports.find("candidate_ids");
    auto ranks = module->getAttrOfType<IntegerAttr>("mm1.ranks");
    builder.setInsertionPointToStart(module.getBody());
    LimitsOp::create(
        builder, module.getLoc(), maxSequences, maxContext, prefillTokens,
        *pageTokens, ceilDiv(numKVTokens(*pageTokens), *pageTokens), arenaBytes,
        candidates == ports.end() ? 1 : candidates->second.type.getDimSize(1),
        pageImage, spareUnits, spareUnits,
        ArrayRef<int64_t>{1, 1, ranks ? ranks.getInt() : 1});
    for (func::FuncOp function : functions)
      function.erase();
    module->setAttr("plan.metrics",
                    toAttribute(planMetrics(module), &getContext()));
    return success();
  }

  /// Tokens to have pages for. By default whole contexts of all sequences, but
  /// no more than kMostKVTokens when one context needs less: a server of many
  /// long contexts rarely has all of them full, and pages are memory at load.
  int64_t numKVTokens(int64_t pageTokens) const {
    constexpr int64_t kMostKVTokens = int64_t(1) << 20;
    if (kvTokens != 0)
      return kvTokens;
    int64_t context = llvm::alignTo(maxContext, pageTokens);
    return std::min(maxSequences * context, std::max(context, kMostKVTokens));
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
    if (kvTokens < 0 || kvTokens > INT32_MAX) // pages are units of plan.bin
      return module.emitError() << "expects kv-tokens between 0 and "
                                << INT32_MAX << ", found " << int64_t(kvTokens);
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
