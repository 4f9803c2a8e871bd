//===- EmitRecurrence.cpp - Lightning attention, with what follows it ----===//
// Fills lightning_attention.h: a token's q, k and v, and the results at a place
// of o. With a sum of squares behind it, the store gives the number that is
// summed, rounded as its type says.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Emitters.h"
#include "compiler/Codegen/CUDA/Stateful.h"
#include "dialects/Plan/Layout.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using llvm::formatv;

namespace {

/// v channels that a block may have (lightning_attention.h).
constexpr int64_t kColumnMultiple = 32, kMostColumns = 64;
constexpr int64_t kMostChunk = 64;
/// A few tokens' partial sums of the longest head fill the shared memory.
constexpr int64_t kMostChannels = 384;

bool accepts(ClusterOp cluster) {
  SmallVector<AnchorOpInterface> anchors = cluster.getAnchorOps();
  if (anchors.empty() || anchors.size() > 2 ||
      !isa<LightningAttentionOp>(anchors[0].getOperation()))
    return false;
  return anchors.size() == 1 || isa<SumSquaresOp>(anchors[1].getOperation());
}

class RecurrencePrinter {
public:
  explicit RecurrencePrinter(ClusterText &text)
      : text(text), cluster(text.cluster),
        op(cast<LightningAttentionOp>(
            cluster.getAnchorOps().front().getOperation())),
        sums(dyn_cast<SumSquaresOp>(
            cluster.getAnchorOps().back().getOperation())) {}

  FailureOr<KernelHead> print();

private:
  LogicalResult readResults();
  LogicalResult readSchedule();
  LogicalResult printHoles();
  LogicalResult printStore();
  LogicalResult printSums();

  ClusterText &text;
  ClusterOp cluster;
  LightningAttentionOp op;
  SumSquaresOp sums; ///< null where nothing is summed

  SmallVector<unsigned> results, sumResults;
  int64_t per = 0, warps = 0, chunk = 0, columns = 0, tasks = 0;
};

LogicalResult RecurrencePrinter::readResults() {
  int64_t width = numColumns(op.getOut());
  for (auto [i, value] : llvm::enumerate(cluster.getYield().getOperands())) {
    if (value == op.getNextState())
      continue;
    bool isSum = sums && value == sums.getSums();
    auto type = cast<RankedTensorType>(value.getType());
    if (!isSum && ((sums && dependsOn(value, sums.getSums())) ||
                   type.getRank() != 2 || type.getDimSize(1) != width))
      return cluster.emitOpError()
             << "expects the sums, and results of " << width
             << " columns that do not need them, found " << type;
    (isSum ? sumResults : results).push_back(i);
  }
  return success();
}

LogicalResult RecurrencePrinter::readSchedule() {
  FailureOr<int64_t> numTasks = scheduled(cluster, "tasks", INT32_MAX),
                     sequences = scheduled(cluster, "per", 1 << 20),
                     tokens = scheduled(cluster, "chunk", kMostChunk),
                     numWarps = scheduled(cluster, "warps", 32);
  if (failed(numTasks) || failed(sequences) || failed(tokens) ||
      failed(numWarps) || failed(expectUnit(cluster, "sequences")))
    return failure();
  tasks = *numTasks, per = *sequences, chunk = *tokens, warps = *numWarps;
  int64_t heads = op.getHeads(), size = op.getHeadDim();
  if (size > kMostChannels)
    return op.emitOpError() << "expects heads of at most " << kMostChannels
                            << " channels on a GPU, found " << size;
  int64_t blocks = tasks / heads;
  columns = blocks ? ::mlir::plan::roundUp(::mlir::plan::ceilDiv(size, blocks),
                                           kColumnMultiple)
                   : 0;
  if (tasks % heads != 0 || columns > kMostColumns ||
      ::mlir::plan::ceilDiv(size, columns) != blocks)
    return cluster.emitOpError()
           << "expects a schedule with tasks for each of " << heads
           << " heads and each " << kColumnMultiple << " or " << kMostColumns
           << " of " << size << " channels, found "
           << cluster.getScheduleAttr();
  int64_t multiple = chunk > 1 ? kMostChunk : columns;
  if (warps * 32 % multiple != 0)
    return cluster.emitOpError()
           << "expects a schedule with a multiple of " << multiple
           << " threads, found " << cluster.getScheduleAttr();
  if (sums) {
    int64_t width = numColumns(op.getOut()) / sums.getReducedParts();
    if (columns % width != 0 || size % width != 0)
      return sums.emitOpError()
             << "sums stretches of " << width
             << " columns, which do not divide those of a head, " << size
             << ", and of a task, " << columns;
  }
  return success();
}

FailureOr<KernelHead> RecurrencePrinter::print() {
  if (failed(readResults()) || failed(readSchedule()))
    return failure();
  int64_t heads = op.getHeads(), size = op.getHeadDim();
  text.constant("kHeads", heads);
  text.constant("kHeadDim", size);
  text.constant("kSlotFloats",
                ::mlir::plan::stateUnitBytes(
                    cast<RankedTensorType>(op.getState().getType())) /
                    4);
  text.constant("kPer", per);
  text.constant("kWarps", warps);
  text.constant("kColumns", columns);
  text.constant("kChunk", chunk);
  text.constant("kSumColumns",
                sums ? numColumns(op.getOut()) / sums.getReducedParts() : 0);
  if (failed(printHoles()))
    return failure();
  std::string batch =
      per == 1 ? std::string("B") : formatv("ceil(B / {0})", per).str();
  std::string how = chunk == 1 ? std::string("token by token")
                               : formatv("{0} tokens at a time", chunk).str();
  return KernelHead{
      formatv("grid {0} * {1}, block {2}: {3} v channels of a head, {4}", tasks,
              batch, warps * 32, columns, how),
      formatv("memory: {0} bytes of state of each sequence, in and out",
              heads * size * size * 4),
      warps * 32, /*usesSharedMemory=*/true};
}

LogicalResult RecurrencePrinter::printHoles() {
  if (failed(printAddress(text, "state", op.getState(), /*isWritten=*/true)) ||
      failed(printAddress(text, "slopes", op.getSlopes())) ||
      failed(
          printBatch(text, op.getSlots(), op.getStarts(), op.getPositions())))
    return failure();
  if (failed(printValue(text, "qkv", op.getQkv())) || failed(printStore()))
    return failure();
  if (!results.empty() && failed(printClear(text, "clear", "", results)))
    return failure();
  return sums ? printSums() : success();
}

LogicalResult RecurrencePrinter::printStore() {
  Hole hole(text, "store", "float");
  Place place{hole.index("row"), {}, hole.index("column")};
  Value out = hole.number("out");
  hole.values.bind(op.getOut(), out);
  for (unsigned result : results)
    hole.store(result, place);
  return hole.end(sums ? hole.values.evaluate(sums.getInput(), place) : out);
}

LogicalResult RecurrencePrinter::printSums() {
  {
    Hole hole(text, "accumulate", "float");
    Value x = hole.number("x"), sum = hole.number("sum");
    if (failed(hole.end(hole.values.accumulate(sums, x, sum))))
      return failure();
  }
  {
    Hole hole(text, "store_sum");
    Place place{hole.index("row"), {}, hole.index("part")};
    Value sum = hole.values.finish(sums, hole.number("sum"));
    for (unsigned result : sumResults)
      hole.storeValue(result, place, sum);
    if (failed(hole.end()))
      return failure();
  }
  return sumResults.empty() ? success()
                            : printClear(text, "clear_sums", "", sumResults);
}

FailureOr<KernelHead> print(ClusterText &text) {
  return RecurrencePrinter(text).print();
}

} // namespace

const Skeleton mlir::mm1::cuda::kLightningAttention{
    "lightning_attention", "skeletons/lightning_attention.h", accepts, print};
