//===- PlanCases.cpp - Every kernel of a plan, with inputs and answers ----===//
#include "test/gpu/PlanCases.h"
#include "compiler/Reference/Evaluate.h"
#include "dialects/Plan/Plan.h"
#include "runtime/Artifact/KernelABI.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>
#include <cstring>
#include <optional>

using namespace mlir;
using namespace mlir::mm1;
using mlir::plan::Access;

namespace mm1::kit {

namespace {

//===------------------------------- Batches ------------------------------===//

/// Tokens of one sequence in a step.
struct Piece {
  int64_t slot, past, count;
};

/// The inputs of an entry by the name of their port. Sequences grow from step
/// to step until they fill their pages, and begin anew then.
class Batches {
public:
  explicit Batches(plan::LimitsOp limits)
      : limits(limits), slots(int64_t(limits.getMaxSequences())),
        pageTokens(int64_t(limits.getPageTokens())),
        columns(std::min<int64_t>(limits.getPageColumns(), kMostPages)),
        past(size_t(slots), 0) {}

  /// Units of the pools: what slots and pages name, and a spare one each.
  int64_t numSlots() const { return slots + 1; }
  int64_t numPages() const { return slots * columns + 1; }

  void begin(plan::EntryOp entry) {
    int64_t tokens = entry.getTokens(),
            most = std::min<int64_t>(slots, entry.getSequences());
    pieces.clear();
    if (entry.getKind() == plan::EntryKind::Decode) {
      // A bucket that is not full has blocks without work.
      int64_t count = most > 2 ? most - 1 : most;
      for (int64_t i = 0; i < count; ++i)
        add(slots - 1 - i, 1);
    } else if (entry.getKind() == plan::EntryKind::Prefill) {
      int64_t all = std::min<int64_t>(tokens > 16 ? tokens - 3 : tokens, 90),
              first = most > 1 ? all - all / 3 : all;
      add(slots - 1, first);
      if (all > first)
        add(slots - 2, all - first);
    } else {
      headRows = std::min<int64_t>(tokens, std::max<int64_t>(lastRows, 1));
    }
    isHead = entry.getKind() == plan::EntryKind::Head;
    if (!isHead)
      lastRows = numTokens();
  }

  int64_t numTokens() const {
    int64_t sum = 0;
    for (const Piece &piece : pieces)
      sum += piece.count;
    return sum;
  }
  /// What the step's sizes say, in KernelABI.h's order.
  std::vector<int64_t> dims() const {
    std::vector<int64_t> dims(kNumKernelDims);
    dims[kDimTokens] = isHead ? headRows : numTokens();
    dims[kDimSequences] = isHead ? headRows : int64_t(pieces.size());
    dims[kDimPageColumns] = limits.getPageColumns();
    return dims;
  }
  /// Tokens that attention looks at, of all sequences.
  int64_t contextTokens() const {
    int64_t sum = 0;
    for (const Piece &piece : pieces)
      sum += piece.past + piece.count;
    return sum;
  }
  int64_t numSequences() const { return int64_t(pieces.size()); }

  /// The port `name`, or nothing when it is none that a session fills.
  std::optional<Tensor> input(StringRef name, plan::BufferOp buffer) {
    std::vector<double> values;
    if (name == "tokens") {
      for (const Piece &piece : pieces)
        for (int64_t i = 0; i < piece.count; ++i)
          values.push_back(double((17 * piece.slot + 5 * (piece.past + i) + 3) %
                                  vocabulary));
    } else if (name == "positions") {
      for (const Piece &piece : pieces)
        for (int64_t i = 0; i < piece.count; ++i)
          values.push_back(double(piece.past + i));
    } else if (name == "starts") {
      values.push_back(0);
      for (const Piece &piece : pieces)
        values.push_back(values.back() + double(piece.count));
    } else if (name == "slots") {
      for (const Piece &piece : pieces)
        values.push_back(double(piece.slot));
    } else if (name == "rows") {
      for (int64_t i = headRows; i-- > 0;)
        values.push_back(double(i));
    } else if (name == "candidate_counts" || name == "inverse_temperatures") {
      bool isCount = name == "candidate_counts";
      int64_t rows = dims()[kDimTokens];
      for (int64_t i = 0; i < rows; ++i)
        values.push_back(isCount ? double(1 + i % limits.getCandidates())
                                 : 1 + double(i % 3) / 4);
    } else if (name == "vocabulary_mask") {
      // Every tenth id may not be chosen.
      values.resize(size_t(buffer.getTensorType().getDimSize(0)), -1);
      for (double &word : values)
        word = double(int32_t(0xfdff7fdf));
    } else if (name == "pages") {
      return pageTable(buffer);
    } else {
      return std::nullopt;
    }
    int64_t count = int64_t(values.size());
    return Tensor({count}, std::move(values));
  }

  int64_t vocabulary = 1;

private:
  /// More pages than that for each sequence show nothing new.
  static constexpr int64_t kMostPages = 4;

  void add(int64_t slot, int64_t count) {
    int64_t &old = past[size_t(slot)],
            most =
                std::min<int64_t>(limits.getMaxContext(), columns * pageTokens);
    if (old + count > most)
      old = 0;
    pieces.push_back({slot, old, count});
    old += count;
  }

  /// Pages in no order; where a slot has none, the spare one.
  Tensor pageTable(plan::BufferOp buffer) const {
    Tensor table({int64_t(buffer.getRows()), int64_t(buffer.getColumns())});
    for (int64_t slot = 0; slot < table.dim(0); ++slot)
      for (int64_t column = 0; column < table.dim(1); ++column)
        table.row(slot)[column] =
            double(slot < slots && column < columns
                       ? numPages() - 2 - (column * slots + slot)
                       : numPages() - 1);
    return table;
  }

  mutable plan::LimitsOp limits; ///< its getters are not const
  int64_t slots, pageTokens, columns;
  std::vector<int64_t> past; ///< tokens of each slot
  std::vector<Piece> pieces;
  int64_t headRows = 0, lastRows = 0;
  bool isHead = false;
};

//===------------------------------ Tolerances ----------------------------===//

/// Whether a number is rounded to bf16 anywhere in the cluster. Inputs do not
/// count: kernel and reference read the same.
bool roundsToBF16(ClusterOp cluster) {
  return llvm::any_of(cluster.getBody().front(), [](Operation &op) {
    return llvm::any_of(op.getResultTypes(), [](Type type) {
      return cast<RankedTensorType>(type).getElementType().isBF16();
    });
  });
}

/// How far results may be off: a part of themselves, and of what is typical for
/// the tensor, for sums whose terms cancel.
struct Tolerance {
  double part;
  const char *reason;
};
Tolerance toleranceOf(ClusterOp cluster) {
  if (roundsToBF16(cluster))
    return {1.0 / 64, "bf16: 8 bits, also on the way"};
  return {1e-5, "f32: 24 bits, some hundred terms"};
}

/// What kernels need not write becomes NaN: of a span without tokens the
/// weighted sum (mm1.attention_partials).
void freeEmptySpans(ClusterOp cluster, MutableArrayRef<Tensor> results) {
  OperandRange yielded = cluster.getYield().getOperands();
  for (auto op : cluster.getBody().front().getOps<AttentionPartialsOp>()) {
    auto stats = llvm::find(yielded, op.getStats()),
         weighted = llvm::find(yielded, op.getWeighted());
    if (stats == yielded.end() || weighted == yielded.end())
      continue;
    const Tensor &sums = results[size_t(stats - yielded.begin())];
    Tensor &out = results[size_t(weighted - yielded.begin())];
    for (int64_t span = 0; span < sums.numRows(); ++span)
      if (sums.row(span)[1] == 0)
        std::fill_n(out.row(span), out.width(), std::nan(""));
  }
}

/// Numbers that stand for "none" are not typical: of masked logits, and the
/// largest of no logits.
double typical(const Tensor &tensor) {
  double squares = 0, count = 0;
  for (double value : tensor.values)
    if (std::abs(value) < 1e30) {
      squares += value * value;
      ++count;
    }
  return count > 0 ? std::sqrt(squares / count) : 0;
}

//===----------------------------- Following ------------------------------===//

class PlanFollower {
public:
  PlanFollower(ModuleOp plan, WeightSource &weights, const CaseSink &sink)
      : module(plan), symbols(plan), weights(weights), sink(sink),
        batches(plan::getLimits(plan)),
        scratch(ModuleOp::create(plan.getLoc())) {}

  LogicalResult run() {
    for (auto state : module.getOps<StateOp>()) {
      std::vector<int64_t> shape(state.getStateType().getShape());
      shape[0] = state.getKind() == StateKind::Recurrent ? batches.numSlots()
                                                         : batches.numPages();
      states[state.getSymName()] = Tensor(std::move(shape));
    }
    module.walk([&](EmbeddingOp op) {
      batches.vocabulary =
          cast<RankedTensorType>(op.getTable().getType()).getDimSize(0);
    });
    // States have something in them when decode comes.
    for (plan::EntryKind kind :
         {plan::EntryKind::Prefill, plan::EntryKind::Decode,
          plan::EntryKind::Head})
      for (auto entry : module.getOps<plan::EntryOp>())
        if (entry.getKind() == kind && failed(runEntry(entry)))
          return failure();
    for (auto kernel : module.getOps<plan::KernelOp>())
      if (!kernel.isBuiltin() && !recorded.contains(kernel.getSymName()))
        return kernel.emitOpError() << "is launched by no entry";
    return success();
  }

private:
  LogicalResult runEntry(plan::EntryOp entry) {
    batches.begin(entry);
    values.clear();
    for (Operation &op : entry.getBody().front()) {
      LogicalResult result = success();
      if (auto buffer = dyn_cast<plan::BufferOp>(op))
        result = fillPort(buffer);
      else if (auto launch = dyn_cast<plan::LaunchOp>(op))
        result = runLaunch(entry, launch);
      else if (auto copy = dyn_cast<plan::CopyOp>(op))
        values[copy.getArgs()[1]] = values.lookup(copy.getArgs()[0]);
      else if (!isa<plan::WeightRefOp, plan::StateRefOp, plan::SignalOp,
                    plan::WaitOp>(op))
        result = op.emitOpError() << "is nothing that one GPU does alone";
      if (failed(result))
        return failure();
    }
    for (auto buffer : entry.getBody().front().getOps<plan::BufferOp>())
      if (buffer.getName() && values.contains(buffer))
        ports[*buffer.getName()] = values.lookup(buffer);
    return success();
  }

  LogicalResult fillPort(plan::BufferOp buffer) {
    if (!buffer.getName() || buffer.getRole() != plan::PortRole::Input)
      return success();
    StringRef name = *buffer.getName();
    if (std::optional<Tensor> tensor = batches.input(name, buffer)) {
      values[buffer] = std::move(*tensor);
      return success();
    }
    auto before = ports.find(name); // another entry's output: the hidden rows
    if (before == ports.end())
      return buffer.emitOpError() << "is an input that nobody knows";
    values[buffer] = before->second;
    return success();
  }

  LogicalResult runLaunch(plan::EntryOp entry, plan::LaunchOp launch) {
    auto kernel = symbols.lookup<plan::KernelOp>(launch.getKernel());
    if (kernel.isBuiltin())
      return success(); // their ports are inputs and outputs here
    ClusterOp cluster = kernel.getCluster();
    SmallVector<plan::KernelParameter> parameters = kernel.getParameters();
    unsigned numInputs = cluster.getInputs().size();
    SmallVector<Tensor> inputs;
    for (unsigned i = 0; i < numInputs; ++i) {
      FailureOr<Tensor> tensor = load(launch.getArgs()[i]);
      if (failed(tensor))
        return failure();
      inputs.push_back(std::move(*tensor));
    }
    int64_t flops = 0;
    FailureOr<SmallVector<Tensor>> results =
        evaluateCluster(kernel, inputs, flops);
    if (failed(results))
      return failure();

    // Which result a parameter gets: those that are no state's next value in
    // order, and behind all results the states'.
    SmallVector<plan::InPlaceResult> inPlace = plan::inPlaceResults(cluster);
    unsigned numOutputs = cluster.getOutputs().size(), next = numInputs;
    SmallVector<std::optional<unsigned>> made(parameters.size());
    for (unsigned i = 0; i < numOutputs; ++i)
      if (llvm::none_of(inPlace, [&](auto pair) { return pair.result == i; }))
        made[next++] = i;
    for (auto [i, pair] : llvm::enumerate(inPlace))
      made[pair.input] = numOutputs + unsigned(i);

    if (recorded.insert(launch.getKernel()).second) {
      SmallVector<Tensor> answers = *results;
      freeEmptySpans(cluster, answers);
      SmallVector<const Tensor *> wanted;
      for (std::optional<unsigned> result : made)
        wanted.push_back(result ? &answers[*result] : nullptr);
      KernelCase recording;
      if (failed(record(entry, launch, kernel, inputs, wanted, recording)))
        return failure();
      recording.flops = flops;
      if (failed(sink(std::move(recording))))
        return failure();
    }
    for (auto [i, argument] : llvm::enumerate(launch.getArgs()))
      if (made[i])
        store(argument, rounded(parameters[i].type.getElementType(),
                                std::move((*results)[*made[i]])));
    return success();
  }

  FailureOr<Tensor> load(Value argument) {
    if (auto state = argument.getDefiningOp<plan::StateRefOp>())
      return states[state.getState()];
    if (auto weight = argument.getDefiningOp<plan::WeightRefOp>()) {
      auto [entry, isNew] = loaded.try_emplace(weight.getWeight());
      if (isNew) {
        FailureOr<Tensor> tensor =
            weights.load(symbols.lookup<WeightOp>(weight.getWeight()));
        if (failed(tensor))
          return failure();
        entry->second = std::move(*tensor);
      }
      return entry->second;
    }
    auto found = values.find(argument);
    if (found == values.end())
      return argument.getDefiningOp()->emitOpError()
             << "is read before it is written";
    return found->second;
  }

  void store(Value argument, Tensor tensor) {
    if (auto state = argument.getDefiningOp<plan::StateRefOp>())
      states[state.getState()] = std::move(tensor);
    else
      values[argument] = std::move(tensor);
  }

  /// What the cluster means: its results, then the next value of each state,
  /// also of those that it does not yield.
  FailureOr<SmallVector<Tensor>> evaluateCluster(plan::KernelOp kernel,
                                                 ArrayRef<Tensor> inputs,
                                                 int64_t &flops) {
    func::FuncOp &func = functions[kernel.getSymName()];
    if (!func)
      func = makeFunction(kernel);
    auto count = [&](Operation *op, ArrayRef<const Tensor *> results) {
      if (auto matmul = dyn_cast<MatmulOpInterface>(op))
        for (auto [i, result] : llvm::enumerate(results))
          flops += 2 * result->size() *
                   matmul.getMatrixType(unsigned(i)).getShape().back();
    };
    struct NoWeights : WeightSource {
      FailureOr<Tensor> load(WeightOp weight) override {
        return weight.emitOpError() << "is no argument";
      }
    } none;
    StateStore noStates;
    return evaluate(func, inputs, none, noStates, count);
  }

  func::FuncOp makeFunction(plan::KernelOp kernel) {
    ClusterOp cluster = kernel.getCluster();
    OpBuilder builder = OpBuilder::atBlockEnd(scratch->getBody());
    Block &body = cluster.getBody().front();
    IRMapping mapping;
    auto func = func::FuncOp::create(
        builder, cluster.getLoc(), kernel.getSymName(),
        builder.getFunctionType(cluster.getInputs().getTypes(), {}));
    builder.setInsertionPointToStart(func.addEntryBlock());
    mapping.map(body.getArguments(), func.getArguments());
    for (Operation &op : body.without_terminator())
      builder.clone(op, mapping);
    SmallVector<Value> results;
    for (Value value : cluster.getYield().getOperands())
      results.push_back(mapping.lookup(value));
    for (Operation &op : body)
      if (auto updater = dyn_cast<StateUpdateOpInterface>(op))
        for (StateUpdate update : updater.getStateUpdates())
          if (isa<BlockArgument>(op.getOperand(update.operand)))
            results.push_back(mapping.lookup(op.getResult(update.result)));
    func::ReturnOp::create(builder, cluster.getLoc(), results);
    func.setFunctionType(builder.getFunctionType(
        cluster.getInputs().getTypes(), ValueRange(results).getTypes()));
    return func;
  }

  //===---------------------------- Recording -----------------------------===//

  LogicalResult record(plan::EntryOp entry, plan::LaunchOp launch,
                       plan::KernelOp kernel, ArrayRef<Tensor> inputs,
                       ArrayRef<const Tensor *> wanted, KernelCase &made) {
    if (launch.getWorkspaceBytes() != 0)
      return launch.emitOpError() << "has a workspace, which kits do not know";
    made.module = kernel.getModule().str();
    made.name = made.kernel = kernel.getSymName().str();
    made.place =
        entry.getSymName().str() + ", " + launch.getLabel().value_or("").str();
    made.threads = launch.getThreads();
    made.sharedBytes = launch.getSharedBytes();
    int64_t count =
        launch.getUnit() == plan::GridUnit::Tokens      ? entry.getTokens()
        : launch.getUnit() == plan::GridUnit::Sequences ? entry.getSequences()
                                                        : launch.getPer();
    made.blocks = launch.getTasks() * plan::ceilDiv(count, launch.getPer());
    Tolerance tolerance = toleranceOf(kernel.getCluster());
    made.tolerance = tolerance.reason;
    for (auto [i, argument] : llvm::enumerate(launch.getArgs())) {
      auto type = cast<RankedTensorType>(argument.getType());
      auto access = static_cast<Access>(launch.getAccess()[i]);
      const Tensor &shown = wanted[i] ? *wanted[i] : inputs[i];
      DeviceImage image = imageOf(argument, type, shown.shape);
      CaseArgument out;
      out.sizeBytes = image.sizeBytes();
      if (access != Access::Write)
        out.initial = image.initial(inputs[i]);
      if (wanted[i]) {
        out.expected = image.expected(*wanted[i]);
        out.element = image.element();
        if (isa<FloatType>(type.getElementType())) {
          out.relative = tolerance.part;
          out.absolute = tolerance.part * typical(*wanted[i]);
        }
      }
      made.movedBytes +=
          movedBytes(argument, kernel, unsigned(i), access, image, shown);
      made.arguments.push_back(std::move(out));
    }
    std::vector<int64_t> dims = batches.dims();
    CaseArgument sizes;
    sizes.sizeBytes = int64_t(dims.size() * sizeof(int64_t));
    sizes.initial.resize(size_t(sizes.sizeBytes));
    std::memcpy(sizes.initial.data(), dims.data(), sizes.initial.size());
    made.arguments.push_back(std::move(sizes));
    return success();
  }

  static DeviceImage imageOf(Value argument, RankedTensorType type,
                             std::vector<int64_t> shape) {
    if (argument.getDefiningOp<plan::WeightRefOp>())
      return {Storage::Weight, type, std::move(shape)};
    if (argument.getDefiningOp<plan::StateRefOp>())
      return {Storage::State, type, std::move(shape)};
    auto buffer = argument.getDefiningOp<plan::BufferOp>();
    return {Storage::Activation, type, std::move(shape),
            int64_t(buffer.getBytes())};
  }

  /// Bytes that the launch must move for this argument, each once: of a weight
  /// what its tokens can need, of a state its sequences' slots or tokens.
  int64_t movedBytes(Value argument, plan::KernelOp kernel, unsigned number,
                     Access access, const DeviceImage &image,
                     const Tensor &tensor) {
    auto type = cast<RankedTensorType>(argument.getType());
    if (argument.getDefiningOp<plan::WeightRefOp>())
      return plan::weightBytesRead(kernel, number, batches.dims()[kDimTokens]);
    if (!argument.getDefiningOp<plan::StateRefOp>())
      return tensor.size() * plan::elementBytes(type.getElementType());
    int64_t unit = plan::stateUnitBytes(type);
    if (type.getRank() != 5)
      return unit * batches.numSequences() * (access == Access::Update ? 2 : 1);
    int64_t perToken = unit / type.getDimSize(3), tokens = 0;
    kernel.getCluster().walk([&](Operation *op) {
      if (isa<SoftmaxAttentionOp, AttentionPartialsOp>(op))
        tokens = batches.contextTokens();
    });
    if (access == Access::Update)
      tokens += batches.numTokens();
    return perToken * tokens;
  }

  ModuleOp module;
  SymbolTable symbols;
  WeightSource &weights;
  const CaseSink &sink;
  Batches batches;
  OwningOpRef<ModuleOp> scratch; ///< clusters as functions
  llvm::StringMap<func::FuncOp> functions;
  llvm::StringMap<Tensor> states, loaded, ports;
  DenseMap<Value, Tensor> values; ///< of the entry
  llvm::StringSet<> recorded;
};

} // namespace

LogicalResult makePlanCases(ModuleOp plan, WeightSource &weights,
                            const CaseSink &sink) {
  return PlanFollower(plan, weights, sink).run();
}

} // namespace mm1::kit
