//===- RecurrenceTest.cpp - Generated lightning attention -----------------===//
// Numbers are compared with the reference's token recurrence in double. Outputs
// are sums of terms of either sign that may cancel, so errors are taken
// relative to the sum of the terms' magnitudes: the reference of |q|, |k|, |v|.
//===----------------------------------------------------------------------===//
#include "BatchedKernels.h"

namespace mlir::mm1::cuda::test::batched {
namespace {

/// Of the sum of magnitudes: a chain of some hundred roundings to 2^-24.
constexpr double kTolerance = 2e-6;

struct Shape {
  ElementType type = ElementType::F32;
  int64_t heads = 2, size = 32;
  std::vector<double> slopes = {0.917, 1e-5, 0.1};
  // The schedule.
  int64_t chunk = 64, blocks = 1, warps = 8, per = 1;
  /// Columns of a sum of squares behind it; 0: none. With them the kernel gives
  /// silu(o) and not o.
  int64_t sumColumns = 0;

  int64_t columns() const { return heads * size; }
  /// As the target schedules a decode step.
  Shape step() const {
    Shape shape = *this;
    shape.chunk = 1;
    shape.blocks = (size + 31) / 32;
    shape.warps = (size + 7) / 8;
    return shape;
  }
};

std::string textOf(const Shape &shape) {
  std::string text = R"(
    func.func @f(%x: tensor<?x$QKVx$T>, %s: tensor<$Hxf32, #mm1.padded<multiple = 32>>,
                 %m: tensor<?x$Hx$Dx$Dxf32>, %i: tensor<?xi32>) {
      %y:$N = mm1.cluster $KINDS (%x, %s, %m, %i, %i, %i)
          schedule {tasks = $TASKS, unit = "sequences", per = $PER, chunk = $CHUNK, warps = $WARPS}
          : (tensor<?x$QKVx$T>, tensor<$Hxf32, #mm1.padded<multiple = 32>>,
             tensor<?x$Hx$Dx$Dxf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
            -> (tensor<?x$Ox$T>, tensor<?x$Hx$Dx$Dxf32>$SUMS) {
      ^bb0(%qkv: tensor<?x$QKVx$T>, %slopes: tensor<$Hxf32, #mm1.padded<multiple = 32>>,
           %state: tensor<?x$Hx$Dx$Dxf32>, %slots: tensor<?xi32>,
           %starts: tensor<?xi32>, %positions: tensor<?xi32>):
        %o, %next = mm1.lightning_attention %qkv, %slopes, %state
            batch(%slots, %starts, %positions)
            : (tensor<?x$QKVx$T>, tensor<$Hxf32, #mm1.padded<multiple = 32>>,
               tensor<?x$Hx$Dx$Dxf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
              -> (tensor<?x$Ox$T>, tensor<?x$Hx$Dx$Dxf32>)
        $BEHIND
      }
      return
    })";
  std::string behind = "mm1.yield %o, %next : tensor<?x$Ox$T>, "
                       "tensor<?x$Hx$Dx$Dxf32>";
  if (shape.sumColumns)
    behind = R"(%e = mm1.silu %o : (tensor<?x$Ox$T>) -> tensor<?x$Ox$T>
        %q = mm1.sum_squares %o : tensor<?x$Ox$T> -> tensor<?x$Pxf32>
        mm1.yield %e, %next, %q : tensor<?x$Ox$T>, tensor<?x$Hx$Dx$Dxf32>, tensor<?x$Pxf32>)";
  text = fill(text, {{"BEHIND", behind},
                     {"SUMS", shape.sumColumns ? ", tensor<?x$Pxf32>" : ""}});
  auto number = [](int64_t n) { return std::to_string(n); };
  return fill(
      text,
      {{"QKV", number(3 * shape.columns())},
       {"O", number(shape.columns())},
       {"H", number(shape.heads)},
       {"D", number(shape.size)},
       {"P", number(shape.columns() / std::max<int64_t>(shape.sumColumns, 1))},
       {"T", mlirName(shape.type)},
       {"N", shape.sumColumns ? "3" : "2"},
       {"KINDS", shape.sumColumns ? "recurrence, row_reduction" : "recurrence"},
       {"TASKS", number(shape.heads * shape.blocks)},
       {"PER", number(shape.per)},
       {"CHUNK", number(shape.chunk)},
       {"WARPS", number(shape.warps)}});
}

/// A pool of states; what no step has written is NaN.
struct Pool {
  Pool(const Shape &shape, int64_t slots)
      : slotBytes(plan::roundUp(shape.heads * shape.size * shape.size * 4, 64)),
        bytes(slots * slotBytes) {}
  double at(int64_t slot, int64_t i) const {
    return getElement(bytes.data() + slot * slotBytes, ElementType::F32, i);
  }
  int64_t slotBytes;
  Bytes bytes;
};

struct Results {
  Rows out, sums;
};

class Lightning {
public:
  explicit Lightning(const Shape &shape, emulation::Shadow *shadow = nullptr)
      : shape(shape), slopes(ElementType::F32, shape.heads), shadow(shadow),
        kernel(textOf(shape), shadow) {
    for (int64_t h = 0; h < shape.heads; ++h)
      slopes.set(h, shape.slopes[h % shape.slopes.size()]);
  }

  Results run(const Batch &batch, const Rows &qkv, Pool &pool) {
    Results results{
        Rows(shape.type, batch.tokens(), shape.columns()),
        Rows(ElementType::F32, batch.tokens(),
             shape.columns() / std::max<int64_t>(shape.sumColumns, 1))};
    std::vector<Given> buffers = {qkv,
                                  slopes,
                                  pool.bytes,
                                  batch.slots,
                                  batch.starts,
                                  batch.positions,
                                  {results.out, /*isWritten=*/false}};
    if (shape.sumColumns)
      buffers.push_back({results.sums, /*isWritten=*/false});
    int64_t sequences = int64_t(batch.sequences.size());
    // A block more than there are sequences for: graphs are for a bucket.
    int64_t groups = (sequences + shape.per - 1) / shape.per + 1;
    batched::run(kernel, buffers, shape.heads * shape.blocks * groups,
                 batch.dims(), shadow);
    EXPECT_TRUE(results.out.paddingIsZero());
    EXPECT_TRUE(results.out.bytes.guardIsIntact());
    EXPECT_TRUE(pool.bytes.guardIsIntact());
    if (shape.sumColumns)
      EXPECT_TRUE(results.sums.paddingIsZero() &&
                  results.sums.bytes.guardIsIntact());
    return results;
  }

  /// The rows of one sequence in pieces that end at `ends`, on a fresh pool.
  Rows runInPieces(const Rows &qkv, const std::vector<int64_t> &ends,
                   Pool &pool) {
    Rows out(shape.type, qkv.rows(), shape.columns());
    int64_t past = 0;
    for (int64_t end : ends) {
      Results part = run(Batch({{.past = past, .count = end - past}}),
                         slice(qkv, past, end - past), pool);
      std::memcpy(out.rowData(past), part.out.data(), part.out.bytes.size());
      past = end;
    }
    return out;
  }

  Rows randomRows(int64_t tokens, int seed) const {
    Rows qkv(shape.type, tokens, 3 * shape.columns());
    qkv.randomise(seed);
    return qkv;
  }

  Shape shape;
  Vectors slopes;

private:
  emulation::Shadow *shadow;
  HostKernel kernel;
};

Tensor magnitudes(Tensor tensor) {
  for (double &x : tensor.values)
    x = std::abs(x);
  return tensor;
}

/// Runs sequences that begin, and compares outputs, sums and states.
void expectMatches(const Shape &shape, const std::vector<int64_t> &lengths) {
  Lightning lightning(shape);
  std::vector<Sequence> sequences;
  int64_t slots = int64_t(lengths.size());
  for (int64_t i = 0; i < slots; ++i)
    sequences.push_back({.count = lengths[i], .slot = slots - 1 - i});
  Batch batch(sequences);
  Rows qkv = lightning.randomRows(batch.tokens(), 1);
  Pool pool(shape, slots);
  Results results = lightning.run(batch, qkv, pool);

  auto reference = [&](const Tensor &rows) {
    return lightningAttention(
        rows, tensorOf(lightning.slopes),
        Tensor({slots, shape.heads, shape.size, shape.size}),
        sequencesOf(batch), tensorOf(batch.slots), tensorOf(batch.positions));
  };
  auto [wanted, wantedState] = reference(tensorOf(qkv));
  auto [most, mostState] = reference(magnitudes(tensorOf(qkv)));
  if (shape.sumColumns) {
    // What is summed is rounded first.
    int64_t parts = shape.columns() / shape.sumColumns;
    Tensor sums = sumSquares(rounded(wanted, shape.type), parts);
    Tensor mostSums = sumSquares(most, parts);
    for (int64_t t = 0; t < batch.tokens(); ++t)
      for (int64_t p = 0; p < parts; ++p)
        ASSERT_NEAR(results.sums.at(t, p), sums.row(t)[p],
                    roundingOf(shape.type) * sums.row(t)[p] +
                        kTolerance * mostSums.row(t)[p])
            << "sum " << p << " of token " << t;
    wanted = silu(rounded(wanted, shape.type));
  }
  for (int64_t t = 0; t < batch.tokens(); ++t)
    for (int64_t c = 0; c < shape.columns(); ++c)
      ASSERT_NEAR(results.out.at(t, c), wanted.row(t)[c],
                  2 * roundingOf(shape.type) * std::abs(wanted.row(t)[c]) +
                      2 * kTolerance * most.row(t)[c])
          << "token " << t << ", column " << c;
  int64_t each = shape.heads * shape.size * shape.size;
  for (int64_t slot = 0; slot < slots; ++slot)
    for (int64_t i = 0; i < each; ++i)
      ASSERT_NEAR(pool.at(slot, i), wantedState[slot * each + i],
                  kTolerance * mostState[slot * each + i])
          << "state of slot " << slot << " at " << i;
}

//===------------------------------ Numbers -------------------------------===//

// Token by token, a piece of the most tokens that are taken so, chunks with and
// without a tail, of a head that forgets at once (0.917) and of one that never
// does.
const std::vector<int64_t> kLengths = {1, 2, 4, 5, 63, 64, 65, 130};

TEST(CudaRecurrence, MatchesTheReference) {
  expectMatches({.type = ElementType::F32, .heads = 3}, kLengths);
  expectMatches({.type = ElementType::BF16, .heads = 3}, kLengths);
}
TEST(CudaRecurrence, TakesAnyHeadSize) {
  // Rows of 60 columns have padding; 48 and 80 channels fill no block.
  expectMatches({.heads = 3, .size = 20}, {1, 9, 70});
  expectMatches({.type = ElementType::BF16, .size = 48}, {3, 70});
  expectMatches({.size = 80, .blocks = 2}, {3, 70});
  expectMatches({.type = ElementType::BF16, .size = 128, .blocks = 2}, {4, 66});
  expectMatches(Shape{.size = 80}.step(), {1, 3});
}
// A slot of 3 heads of 2 x 2 floats does not fill its 64 bytes.
TEST(CudaRecurrence, SlotsStartAtWholeLines) {
  expectMatches({.heads = 3, .size = 2}, {1, 12, 3});
}
TEST(CudaRecurrence, TakesAnyChunk) {
  expectMatches({.chunk = 16}, {15, 16, 50});
  expectMatches({.chunk = 5, .warps = 6}, {2, 12});
}
TEST(CudaRecurrence, GivesSumsOfSquaresAndWhatFollows) {
  expectMatches({.heads = 3, .sumColumns = 32}, kLengths);
  expectMatches(
      {.type = ElementType::BF16, .heads = 3, .size = 48, .sumColumns = 16},
      {1, 70});
  expectMatches(
      Shape{.type = ElementType::BF16, .size = 64, .sumColumns = 32}.step(),
      {1, 2});
}

//===-------------------------------- Bits --------------------------------===//

TEST(CudaRecurrence, StepsAndShortPiecesGiveTheSameBits) {
  for (ElementType type : {ElementType::F32, ElementType::BF16}) {
    Shape shape{.type = type, .size = 48};
    Lightning chunks(shape), steps(shape.step());
    const int64_t length = 64 + 11;
    Rows qkv = chunks.randomRows(length, 2);
    // A chunk, then the rest token by token or in short pieces.
    auto finish = [&](Lightning &kernel, std::vector<int64_t> ends,
                      Pool &pool) {
      Rows out = chunks.runInPieces(slice(qkv, 0, 64), {64}, pool);
      Rows all(type, length, shape.columns());
      std::memcpy(all.data(), out.data(), out.bytes.size());
      int64_t past = 64;
      for (int64_t end : ends) {
        Results part = kernel.run(Batch({{.past = past, .count = end - past}}),
                                  slice(qkv, past, end - past), pool);
        std::memcpy(all.rowData(past), part.out.data(), part.out.bytes.size());
        past = end;
      }
      return all;
    };
    std::vector<int64_t> each;
    for (int64_t end = 65; end <= length; ++end)
      each.push_back(end);
    Pool stepped(shape, 1), alone(shape, 1), pieces(shape, 1);
    Rows wanted = finish(steps, each, stepped);
    EXPECT_TRUE(wanted.bytes == finish(chunks, each, alone).bytes);
    EXPECT_TRUE(wanted.bytes == finish(chunks, {68, 71, length}, pieces).bytes);
    EXPECT_TRUE(stepped.bytes == alone.bytes && stepped.bytes == pieces.bytes);
  }
}

TEST(CudaRecurrence, CutsAtMultiplesOfTheChunkChangeNoBit) {
  Lightning lightning({.type = ElementType::BF16});
  for (int64_t tail : {1, 4, 5, 40}) {
    Rows qkv = lightning.randomRows(128 + tail, 3);
    Pool whole(lightning.shape, 1);
    Rows out = lightning.runInPieces(qkv, {128 + tail}, whole);
    for (std::vector<int64_t> ends : std::vector<std::vector<int64_t>>{
             {64, 128 + tail}, {64, 128, 128 + tail}}) {
      Pool cut(lightning.shape, 1);
      EXPECT_TRUE(out.bytes == lightning.runInPieces(qkv, ends, cut).bytes &&
                  cut.bytes == whole.bytes)
          << "tail of " << tail << " in " << ends.size() << " pieces";
    }
  }
}

TEST(CudaRecurrence, BitsDependNeitherOnTheScheduleNorOnTheBatch) {
  Shape shape{.size = 64, .sumColumns = 32};
  Batch batch({{.count = 77, .slot = 1},
               {.count = 0, .slot = 3},
               {.count = 1, .slot = 2},
               {.count = 5, .slot = 0}});
  Lightning lightning(shape);
  Rows qkv = lightning.randomRows(batch.tokens(), 4);
  Pool pool(shape, 4);
  Results results = lightning.run(batch, qkv, pool);
  Shape other = shape;
  other.blocks = 2, other.warps = 4, other.per = 3;
  Pool otherPool(shape, 4);
  Results again = Lightning(other).run(batch, qkv, otherPool);
  EXPECT_TRUE(again.out.bytes == results.out.bytes);
  EXPECT_TRUE(again.sums.bytes == results.sums.bytes);
  EXPECT_TRUE(otherPool.bytes == pool.bytes);

  Pool alone(shape, 4);
  Results last =
      lightning.run(Batch({{.count = 5, .slot = 0}}), slice(qkv, 78, 5), alone);
  for (int64_t t = 0; t < 5; ++t)
    EXPECT_TRUE(sameRow(last.out, t, results.out, 78 + t) &&
                sameRow(last.sums, t, results.sums, 78 + t));
}

//===-------------------------------- Non-finite ----------------------------===//

// 0 * NaN is NaN: what a token may not see must be left out.
TEST(CudaRecurrence, NonFiniteTokensReachNoEarlierOneAndNoNeighbour) {
  Lightning lightning({.type = ElementType::BF16});
  const int64_t length = 75, columns = lightning.shape.columns();
  Batch batch({{.count = length, .slot = 0}, {.count = length, .slot = 1}});
  for (int64_t bad : {0, 1, 37, 63, 64, 74})
    for (double value : {std::nan(""), double(INFINITY)}) {
      Rows qkv = lightning.randomRows(2 * length, 5);
      for (int64_t c = 0; c < 3 * columns; ++c)
        qkv.set(bad, c, value);
      Pool pool(lightning.shape, 2);
      Rows out = lightning.run(batch, qkv, pool).out;
      for (int64_t t = 0; t < 2 * length; ++t)
        for (int64_t c = 0; c < columns; ++c)
          ASSERT_EQ(std::isfinite(out.at(t, c)), t < bad || t >= length)
              << "token " << t << " of a sequence whose token " << bad << " is "
              << value;
    }
}

//===-------------------------------- Accesses -----------------------------===//

// Every barrier is needed, nothing is read that nobody wrote (fresh slots are),
// and no access leaves its buffer.
TEST(CudaRecurrence, AccessesAreOrderedAndInBounds) {
  std::string lines;
  emulation::Shadow shadow(
      [&](const std::string &line) { lines += line + "\n"; });
  Shape shape{.type = ElementType::BF16,
              .heads = 3,
              .size = 20,
              .per = 2,
              .sumColumns = 4};
  Pool pool(shape, 2);
  shadow.addBlock(pool.bytes.data(), pool.bytes.size(), /*isWritten=*/false);
  Lightning chunks(shape, &shadow), steps(shape.step(), &shadow);
  Batch prompt({{.count = 64 + 3, .slot = 1}, {.count = 9, .slot = 0}}),
      next({{.past = 67, .count = 1, .slot = 1},
            {.past = 9, .count = 1, .slot = 0}});
  chunks.run(prompt, chunks.randomRows(prompt.tokens(), 6), pool);
  steps.run(next, chunks.randomRows(next.tokens(), 7), pool);
  EXPECT_EQ(lines, "");
}

//===------------------------------ Refusals ------------------------------===//

TEST(CudaRecurrence, SaysWhatItCannotDo) {
  Shape shape{.size = 64};
  shape.blocks = 3;
  EXPECT_NE(
      emitText(textOf(shape))
          .error.find(
              "expects a schedule with tasks for each of 2 heads and each 32 "
              "or 64 of 64 channels"),
      std::string::npos);
  shape = {.size = 64, .chunk = 65};
  EXPECT_NE(emitText(textOf(shape)).error.find("'chunk' from 1 to 64"),
            std::string::npos);
  shape = {.size = 64, .warps = 1};
  EXPECT_NE(emitText(textOf(shape))
                .error.find("expects a schedule with a multiple of 64 threads"),
            std::string::npos);
  shape = {.size = 128, .blocks = 4, .sumColumns = 64};
  EXPECT_NE(
      emitText(textOf(shape))
          .error.find("sums stretches of 64 columns, which do not divide"),
      std::string::npos);
}

} // namespace
} // namespace mlir::mm1::cuda::test::batched
