//===- PlanKernelsTest.cpp - Every kernel of small plans, and its meaning -===//
// The kernels that whole models' plans hold are built for the host and run by
// the emulation on random inputs:
//
//   against the reference   which evaluates the cluster in double
//   row by row              each row alone gives the bits that it has in a
//                           batch
//   by another schedule     and those of other blocks, warps and rows at a time
//   with every access       in bounds, of what somebody has written, and no
//                           two that race
//
// Kernels with state (attention, recurrence) or choices (experts) have tests of
// their own.
//===----------------------------------------------------------------------===//
#include "CudaHarness.h"
#include "DeviceTensor.h"

#include "compiler/Codegen/CUDA/BuildHostModule.h"
#include "compiler/Codegen/CUDA/Emitters.h"
#include "compiler/Reference/Evaluate.h"
#include "kernels/emulation/Engine.h"
#include "kernels/emulation/Shadow.h"
#include "passes/Fuse/ClusterView.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using namespace mlir::mm1::cuda::test;
namespace emulation = ::mm1::emulation;

namespace {

constexpr int64_t kTokens = 11;

//===---------------------------------- Inputs ------------------------------===//

/// Random numbers for an input of a cluster, such as its readers expect.
class RandomInputs {
public:
  explicit RandomInputs(ClusterOp cluster) : cluster(cluster) {}

  Tensor make(unsigned number) {
    BlockArgument argument = cluster.getBody().front().getArgument(number);
    auto type = cast<RankedTensorType>(argument.getType());
    std::vector<int64_t> shape(type.getShape());
    if (type.isDynamicDim(0))
      shape[0] = kTokens;
    Tensor tensor(shape);
    OpOperand &use = *argument.use_begin();
    for (double &value : tensor.values)
      value = draw(use.getOwner(), use.getOperandNumber(), type);
    return roundedTo(type.getElementType(), std::move(tensor));
  }

private:
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(generator);
  }
  double normal(double deviation) {
    return std::normal_distribution<double>(0.0, deviation)(generator);
  }
  double draw(Operation *reader, unsigned operand, RankedTensorType type) {
    Type element = type.getElementType();
    if (auto embedding = dyn_cast<EmbeddingOp>(reader); embedding && !operand)
      return std::floor(
          uniform(0, cast<RankedTensorType>(embedding.getTable().getType())
                         .getDimSize(0)));
    if (element.isInteger(32)) // rows, positions
      return std::floor(uniform(0, kTokens));
    if (element.isInteger(8))
      return std::round(uniform(-127, 127));
    if (isa<NormRowsOp>(reader) && operand == 1) // sums of squares
      return uniform(1, 100);
    bool isMatrix = type.getRank() == 2 && isWeight(type);
    if (isMatrix && !isa<EmbeddingOp>(reader))
      return normal(1.0 / std::sqrt(double(type.getDimSize(1))));
    if (isWeight(type)) // of norms, scales of integers
      return uniform(0.5, 1.5) * (isa<LinearOp>(reader) ? 0.005 : 1.0);
    return normal(1.0);
  }

  ClusterOp cluster;
  std::mt19937 generator{17};
};

//===-------------------------------- Reference -----------------------------===//

struct NoWeights : WeightSource {
  FailureOr<Tensor> load(WeightOp) override { return failure(); }
};

/// What the cluster means.
SmallVector<Tensor> evaluateCluster(ClusterOp cluster,
                                    ArrayRef<Tensor> inputs) {
  OpBuilder builder(cluster.getContext());
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToEnd(module->getBody());
  auto func = func::FuncOp::create(
      builder, cluster.getLoc(), "f",
      builder.getFunctionType(cluster.getInputs().getTypes(),
                              cluster.getOutputs().getTypes()));
  builder.setInsertionPointToStart(func.addEntryBlock());
  auto clone = cast<ClusterOp>(builder.clone(*cluster));
  clone->setOperands(func.getArguments());
  func::ReturnOp::create(builder, cluster.getLoc(), clone.getResults());
  NoWeights weights;
  StateStore states;
  FailureOr<SmallVector<Tensor>> results =
      evaluate(func, inputs, weights, states);
  EXPECT_TRUE(succeeded(results));
  return succeeded(results) ? *results : SmallVector<Tensor>();
}

/// Rounding in bf16 has 8 bits: of the result, and of numbers that were made on
/// the way to it and are as large as results are. A sum in float32 of some
/// hundred products has 1e-5.
void expectNear(const Tensor &found, const Tensor &wanted, bool hasBF16) {
  ASSERT_EQ(found.shape, wanted.shape);
  double squares = 0;
  for (double value : wanted.values)
    squares += value * value;
  double typical = std::sqrt(squares / double(wanted.values.size()));
  double tolerance = hasBF16 ? 1.0 / 64 : 1e-5;
  for (int64_t i = 0; i < wanted.size(); ++i)
    ASSERT_NEAR(found[i], wanted[i],
                tolerance * (typical + std::abs(wanted[i])))
        << "row " << i / wanted.width() << ", column " << i % wanted.width();
}

bool mentionsBF16(ClusterOp cluster) {
  auto isBF16 = [](Type type) {
    return cast<RankedTensorType>(type).getElementType().isBF16();
  };
  return llvm::any_of(cluster.getBody().front(), [&](Operation &op) {
    return llvm::any_of(op.getOperandTypes(), isBF16) ||
           llvm::any_of(op.getResultTypes(), isBF16);
  });
}

//===---------------------------------- Kernels -----------------------------===//

/// A kernel that is of these skeletons and needs no state.
bool isOurs(ClusterOp cluster) {
  const Skeleton *skeleton = findSkeleton(cluster);
  return skeleton == &kElementwise || skeleton == &kRowReduction ||
         skeleton == &kRowSquares || skeleton == &kMatmul;
}

/// The same cluster by a schedule that cuts everything elsewhere.
void changeSchedule(ClusterOp cluster) {
  OpBuilder builder(cluster.getContext());
  NamedAttrList schedule(cluster.getScheduleAttr());
  auto set = [&](StringRef name, int64_t value) {
    schedule.set(name, builder.getI64IntegerAttr(value));
  };
  set("warps", 2);
  if (!schedule.get("columns")) {
    set("per", 3);
  } else {
    constexpr int64_t columns = 24;
    int64_t tasks = 0;
    auto matmul =
        cast<MatmulOpInterface>(cluster.getAnchorOps().back().getOperation());
    for (ArrayRef<unsigned> part :
         jointProducts(ClusterView(cluster, Bucket{"", 1, 1}), matmul))
      tasks += ::mlir::plan::ceilDiv(
          numColumns(matmul->getResult(part.front())), columns);
    set("columns", columns);
    set("rows", 3);
    set("tasks", tasks);
  }
  cluster.setScheduleAttr(schedule.getDictionary(cluster.getContext()));
}

/// The kernels of a plan in one host module.
class HostProgram {
public:
  HostProgram() { shadow.addRange(memory.data(), DeviceMemory::kBytes); }
  void add(ClusterOp cluster, const std::string &symbol) {
    FailureOr<CUDAKernel> kernel = emitCUDAKernel(cluster, symbol);
    ASSERT_TRUE(succeeded(kernel));
    kernels.push_back(*kernel);
  }
  void build() {
    HostBuildOptions options;
    options.isInstrumented = true;
    auto built = buildHostModules({{"kernels", joinProgram(kernels)}}, options);
    ASSERT_TRUE(bool(built)) << llvm::toString(built.takeError());
    std::string path =
        testing::TempDir() + "mm1-plan-kernels-" + std::to_string(getpid());
    std::ofstream(path, std::ios::binary) << built->front();
    auto opened = emulation::ModuleFile::open(path);
    std::filesystem::remove(path);
    ASSERT_TRUE(bool(opened)) << opened.error().message;
    module = *opened;
  }

  /// Runs a kernel on the first `tokens` rows of the inputs.
  SmallVector<Tensor> run(const std::string &symbol, ClusterOp cluster,
                          ArrayRef<Tensor> inputs, int64_t tokens) {
    std::vector<std::unique_ptr<DeviceTensor>> tensors;
    std::vector<void *> buffers;
    auto push = [&](std::unique_ptr<DeviceTensor> tensor, bool isWritten) {
      shadow.addBlock(tensor->data(), tensor->numBytes(), isWritten);
      buffers.push_back(tensor->data());
      tensors.push_back(std::move(tensor));
    };
    for (auto [input, tensor] : llvm::zip(cluster.getInputs(), inputs))
      push(std::make_unique<DeviceTensor>(
               memory, cast<RankedTensorType>(input.getType()), tensor),
           /*isWritten=*/true);
    for (Value output : cluster.getOutputs()) {
      auto type = cast<RankedTensorType>(output.getType());
      std::vector<int64_t> shape(type.getShape());
      shape[0] = tokens;
      push(std::make_unique<DeviceTensor>(memory, type, shape),
           /*isWritten=*/false);
    }
    int64_t dims[] = {tokens, tokens, 1};
    buffers.push_back(dims);

    // A bucket's grid: some tasks are behind the last row.
    FailureOr<::mlir::plan::Schedule> schedule =
        ::mlir::plan::Schedule::read(cluster);
    int64_t blocks = schedule->tasks;
    if (schedule->unit == ::mlir::plan::GridUnit::Tokens)
      blocks *= ::mlir::plan::ceilDiv(tokens, schedule->per) + 1;
    const emulation::Kernel *kernel = module->find(symbol);
    SmallVector<Tensor> results;
    EXPECT_NE(kernel, nullptr);
    if (!kernel)
      return results;
    std::vector<const void *> arguments;
    for (void *&buffer : buffers)
      arguments.push_back(&buffer);
    EXPECT_EQ(
        engine.run(*kernel, {int(blocks), kernel->threads}, arguments.data()),
        "");
    for (size_t i = inputs.size(); i < tensors.size(); ++i)
      results.push_back(tensors[i]->read());
    for (void *buffer : ArrayRef<void *>(buffers).drop_back())
      shadow.removeBlock(buffer);
    memory.reset();
    return results;
  }

private:
  SmallVector<CUDAKernel> kernels;
  std::optional<emulation::ModuleFile> module;
  DeviceMemory memory;
  emulation::Shadow shadow{
      [](const std::string &finding) { ADD_FAILURE() << finding; }};
  emulation::Engine engine{
      {.order = emulation::Order::Seeded, .shadow = &shadow}};
};

/// Row `row` of what has a row for each token; the rest as it is.
Tensor rowOf(const Tensor &tensor, RankedTensorType type, int64_t row) {
  if (!type.isDynamicDim(0))
    return tensor;
  std::vector<int64_t> shape = tensor.shape;
  shape[0] = 1;
  int64_t size = int64_t(Tensor::count(shape));
  auto first = tensor.values.begin() + row * size;
  return Tensor(shape, std::vector<double>(first, first + size));
}

//===----------------------------------- Tests ------------------------------===//

struct Model {
  const char *name, *folder;
  ComputeType compute;
  const char *scheme;
};

void PrintTo(const Model &model, std::ostream *os) { *os << model.name; }

// Widths that fill no tile and no warp (e, k, l), several heads, a shared
// expert, dense layers, norms of their own.
constexpr Model kModels[] = {
    {"base_f32", "base", ComputeType::F32, "none"},
    {"base_bf16", "base", ComputeType::BF16, "none"},
    {"shared_expert_int8", "c-shared-expert", ComputeType::BF16,
     "int8-experts"},
    {"dense_f32_int8", "b-dense", ComputeType::F32, "int8-experts"},
    {"six_heads", "e-six-heads", ComputeType::F32, "none"},
    {"odd_vocab", "k-odd-vocab", ComputeType::BF16, "none"},
    {"prenorm", "g-prenorm-residual", ComputeType::F32, "none"},
};

class PlanKernels : public testing::TestWithParam<Model> {};

TEST_P(PlanKernels, MeanWhatTheReferenceSays) {
  const Model &model = GetParam();
  MLIRContext context;
  loadDialects(context);
  OwningOpRef<ModuleOp> plan = planModel(
      context,
      std::string(MM1_SOURCE_DIR) + "/test/data/goldens/" + model.folder,
      "sm_90a", model.compute, model.scheme);
  ASSERT_TRUE(plan);

  struct Case {
    std::string symbol;
    ClusterOp cluster, other;
  };
  std::vector<Case> cases;
  HostProgram program;
  for (auto kernel : plan->getOps<::mlir::plan::KernelOp>()) {
    if (kernel.isBuiltin() || !isOurs(kernel.getCluster()))
      continue;
    std::string symbol = kernel.getSymName().str();
    ClusterOp cluster = kernel.getCluster();
    auto other = cast<ClusterOp>(cluster->clone());
    changeSchedule(other);
    program.add(cluster, symbol);
    program.add(other, symbol + "_other");
    cases.push_back({symbol, cluster, other});
  }
  ASSERT_GT(cases.size(), 5u);
  program.build();
  if (HasFatalFailure())
    return;

  for (Case &each : cases) {
    SCOPED_TRACE(each.symbol);
    RandomInputs random(each.cluster);
    SmallVector<Tensor> inputs;
    for (unsigned i = 0; i < each.cluster.getInputs().size(); ++i)
      inputs.push_back(random.make(i));
    SmallVector<Tensor> found =
        program.run(each.symbol, each.cluster, inputs, kTokens);
    SmallVector<Tensor> wanted = evaluateCluster(each.cluster, inputs);
    ASSERT_EQ(found.size(), wanted.size());
    for (auto [i, tensor] : llvm::enumerate(found))
      expectNear(tensor, wanted[i], mentionsBF16(each.cluster));

    SmallVector<Tensor> other =
        program.run(each.symbol + "_other", each.other, inputs, kTokens);
    for (auto [i, tensor] : llvm::enumerate(found))
      EXPECT_EQ(tensor.values, other[i].values) << "by another schedule";

    if (llvm::any_of(each.cluster.getBody().front(),
                     [](Operation &op) { return isa<GatherRowsOp>(op); }))
      continue; // its rows are no tokens
    for (int64_t row : {int64_t(0), kTokens - 1}) {
      SmallVector<Tensor> alone;
      for (auto [input, tensor] : llvm::zip(each.cluster.getInputs(), inputs))
        alone.push_back(
            rowOf(tensor, cast<RankedTensorType>(input.getType()), row));
      SmallVector<Tensor> results =
          program.run(each.symbol, each.cluster, alone, 1);
      for (auto [i, tensor] : llvm::enumerate(results))
        EXPECT_EQ(tensor.values,
                  rowOf(found[i],
                        cast<RankedTensorType>(
                            each.cluster.getOutputs()[i].getType()),
                        row)
                      .values)
            << "row " << row << " alone";
    }
  }
  for (Case &each : cases)
    each.other->destroy();
}

INSTANTIATE_TEST_SUITE_P(Models, PlanKernels, testing::ValuesIn(kModels),
                         [](const auto &info) { return info.param.name; });

} // namespace
