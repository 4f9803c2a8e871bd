//===- RecurrenceTest.cpp - Lightning attention against its definition ---===//
// The reference is the token recurrence in double precision. Outputs are sums of
// terms q[i] S[i][j] of either sign that may cancel, so errors are taken relative
// to the largest Euclidean norm of the terms of one output of the head.
//===---------------------------------------------------------------------===//
#include "test/compiler/Codegen/CPU/BatchHarness.h"

using namespace mlir;
using namespace mlir::mm1::cpu;
using namespace mlir::mm1::cpu::test;

namespace {

/// A chain of 500 roundings to 2^-25 on average, five deviations out.
constexpr double kTolerance = 3e-6;

struct Shape {
  ElementType type = ElementType::F32;
  int64_t heads = 2, size = 64, chunk = 64;
  std::vector<double> slopes = {1e-5, 0.917};
};

std::unique_ptr<CompiledKernel> compile(const Shape &shape,
                                        const CPUTarget &target) {
  const char *text = R"(
    func.func @f(%x: tensor<?x$QKVx$T>, %s: tensor<$Hxf32, #mm1.padded<multiple = 32>>,
                 %m: tensor<?x$Hx$Dx$Dxf32>, %i: tensor<?xi32>) -> tensor<?x$Ox$T> {
      %y, %n = mm1.cluster recurrence (%x, %s, %m, %i, %i, %i)
          schedule {tasks = $H : i64, unit = "sequences", per = 1 : i64, chunk = $C : i64}
          : (tensor<?x$QKVx$T>, tensor<$Hxf32, #mm1.padded<multiple = 32>>,
             tensor<?x$Hx$Dx$Dxf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
            -> (tensor<?x$Ox$T>, tensor<?x$Hx$Dx$Dxf32>) {
      ^bb0(%qkv: tensor<?x$QKVx$T>, %slopes: tensor<$Hxf32, #mm1.padded<multiple = 32>>,
           %state: tensor<?x$Hx$Dx$Dxf32>, %slots: tensor<?xi32>,
           %starts: tensor<?xi32>, %positions: tensor<?xi32>):
        %o, %next = mm1.lightning_attention %qkv, %slopes, %state
            batch(%slots, %starts, %positions)
            : (tensor<?x$QKVx$T>, tensor<$Hxf32, #mm1.padded<multiple = 32>>,
               tensor<?x$Hx$Dx$Dxf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
              -> (tensor<?x$Ox$T>, tensor<?x$Hx$Dx$Dxf32>)
        mm1.yield %o, %next : tensor<?x$Ox$T>, tensor<?x$Hx$Dx$Dxf32>
      }
      return %y : tensor<?x$Ox$T>
    })";
  return CompiledKernel::compile(
      fill(text, {{"QKV", std::to_string(3 * shape.heads * shape.size)},
                  {"O", std::to_string(shape.heads * shape.size)},
                  {"H", std::to_string(shape.heads)},
                  {"D", std::to_string(shape.size)},
                  {"C", std::to_string(shape.chunk)},
                  {"T", mlirName(shape.type)}}),
      target);
}

/// A pool of states; what no step has written is NaN.
struct Pool {
  Pool(const Shape &shape, int64_t slots)
      : shape(shape),
        slotBytes(plan::roundUp(shape.heads * shape.size * shape.size * 4, 64)),
        bytes(slots * slotBytes) {}
  double at(int64_t slot, int64_t head, int64_t i, int64_t j) const {
    return getElement(bytes.data() + slot * slotBytes, ElementType::F32,
                      (head * shape.size + i) * shape.size + j);
  }
  Shape shape;
  int64_t slotBytes;
  Bytes bytes;
};

Vectors slopesOf(const Shape &shape) {
  Vectors slopes(ElementType::F32, shape.heads);
  for (int64_t h = 0; h < shape.heads; ++h)
    slopes.set(h, shape.slopes[h % shape.slopes.size()]);
  return slopes;
}

Rows run(const CompiledKernel &kernel, const Shape &shape, const Batch &batch,
         const Rows &qkv, Pool &pool, int64_t calls = 1) {
  Rows out(shape.type, batch.tokens(), shape.heads * shape.size);
  Vectors slopes = slopesOf(shape);
  kernel.run({qkv.data(), slopes.data(), pool.bytes.data(), batch.slots.data(),
              batch.starts.data(), batch.positions.data(), out.data()},
             batch.dims(), calls);
  EXPECT_TRUE(out.paddingIsZero());
  EXPECT_TRUE(out.bytes.guardIsIntact());
  EXPECT_TRUE(pool.bytes.guardIsIntact());
  return out;
}

double largest(const std::vector<double> &values) {
  double result = 0;
  for (double value : values)
    result = std::max(result, std::abs(value));
  return result;
}

/// The recurrence of one head, in double.
struct Reference {
  Reference(const Shape &shape, int64_t head)
      : size(shape.size), head(head),
        lambda(std::exp(-slopesOf(shape).at(head))), state(size * size) {}
  /// Row `t` of qkv; returns o, and raises `scale` to the norm of its terms.
  std::vector<double> step(const Rows &qkv, int64_t t) {
    int64_t base = 3 * size * head;
    std::vector<double> out(size), squares(size);
    for (int64_t i = 0; i < size; ++i) {
      double query = qkv.at(t, base + i), key = qkv.at(t, base + size + i);
      for (int64_t j = 0; j < size; ++j) {
        double &s = state[i * size + j];
        s = lambda * s + key * qkv.at(t, base + 2 * size + j);
        out[j] += query * s;
        squares[j] += query * s * query * s;
      }
    }
    scale = std::max(scale, std::sqrt(largest(squares)));
    return out;
  }
  int64_t size, head;
  double lambda, scale = 0;
  std::vector<double> state;
};

/// Every sequence of a batch that starts from nothing, and its final state.
void expectMatches(const Shape &shape, const Batch &batch, const Rows &qkv,
                   const Rows &out, const Pool &pool) {
  double rounding = shape.type == ElementType::BF16 ? 1.0 / 256 : 0.0;
  for (size_t b = 0; b < batch.sequences.size(); ++b)
    for (int64_t h = 0; h < shape.heads; ++h) {
      const Sequence &sequence = batch.sequences[b];
      Reference reference(shape, h);
      std::vector<double> wanted, found;
      for (int64_t i = 0; i < sequence.count; ++i) {
        std::vector<double> o = reference.step(qkv, batch.first(b) + i);
        for (int64_t j = 0; j < shape.size; ++j) {
          wanted.push_back(o[j]);
          found.push_back(out.at(batch.first(b) + i, h * shape.size + j));
        }
      }
      double scale = reference.scale;
      for (size_t n = 0; n < wanted.size(); ++n)
        ASSERT_TRUE(isClose(found[n], wanted[n], rounding, kTolerance * scale))
            << "sequence of " << sequence.count << ", head " << h << ", token "
            << n / shape.size << ", column " << n % shape.size << ", scale "
            << scale;
      double stateScale = largest(reference.state);
      for (int64_t i = 0; i < shape.size; ++i)
        for (int64_t j = 0; j < shape.size; ++j)
          ASSERT_TRUE(isClose(pool.at(sequence.slot, h, i, j),
                              reference.state[i * shape.size + j], 0,
                              kTolerance * stateScale))
              << "state after " << sequence.count << ", head " << h;
    }
}

/// Sequences of these lengths in slots n-1, ..., 0.
Batch freshBatch(const std::vector<int64_t> &lengths) {
  std::vector<Sequence> sequences;
  for (size_t i = 0; i < lengths.size(); ++i)
    sequences.push_back({.past = 0,
                         .count = lengths[i],
                         .slot = int64_t(lengths.size() - 1 - i)});
  return Batch(sequences);
}

TEST(Recurrence, MatchesDefinitionAtEveryLengthAndChunk) {
  Batch batch = freshBatch(
      {1, 2, 3, 4, 5, 6, 7, 8, 31, 32, 33, 63, 64, 65, 128, 257, 513, 1000});
  for (const CPUTarget *target : targetsHere())
    for (int64_t chunk : {1, 16, 50, 64, 256}) {
      SCOPED_TRACE(target->name.str() + ", chunk " + std::to_string(chunk));
      Shape shape{.chunk = chunk, .slopes = {1e-5, 0.917}};
      auto kernel = compile(shape, *target);
      ASSERT_TRUE(kernel);
      Rows qkv(shape.type, batch.tokens(), 3 * shape.heads * shape.size);
      qkv.randomise(1);
      Pool pool(shape, batch.sequences.size());
      Rows out = run(*kernel, shape, batch, qkv, pool, 3);
      expectMatches(shape, batch, qkv, out, pool);
      if (HasFatalFailure())
        return;
    }
}

TEST(Recurrence, TakesAnyHeadSize) {
  Batch batch = freshBatch({1, 3, 9, 33, 70});
  for (const CPUTarget *target : targetsHere())
    for (int64_t size : {7, 8, 16, 32, 40, 96, 128, 256})
      for (ElementType type : {ElementType::F32, ElementType::BF16}) {
        if (type == ElementType::BF16 && size != 40 && size != 128)
          continue;
        SCOPED_TRACE(target->name.str() + ", D " + std::to_string(size));
        Shape shape{.type = type,
                    .heads = 3,
                    .size = size,
                    .chunk = 32,
                    .slopes = {0.5, 0.01, 1e-4}};
        auto kernel = compile(shape, *target);
        ASSERT_TRUE(kernel);
        Rows qkv(type, batch.tokens(), 3 * shape.heads * size);
        qkv.randomise(2);
        Pool pool(shape, batch.sequences.size());
        Rows out = run(*kernel, shape, batch, qkv, pool);
        expectMatches(shape, batch, qkv, out, pool);
        if (HasFatalFailure())
          return;
      }
}

TEST(Recurrence, ContinuesWhereAnEarlierStepEnded) {
  const int64_t length = 150;
  Batch whole({{.past = 0, .count = length, .slot = 0}});
  for (const CPUTarget *target : targetsHere()) {
    Shape shape{.slopes = {0.003, 0.4}};
    auto kernel = compile(shape, *target);
    ASSERT_TRUE(kernel);
    Rows qkv(shape.type, length, 3 * shape.heads * shape.size);
    qkv.randomise(3);
    for (std::vector<int64_t> ends :
         std::vector<std::vector<int64_t>>{{1, 150},
                                           {64, 150},
                                           {65, 66, 67, 150},
                                           {3, 7, 100, 130, 150},
                                           {149, 150}}) {
      // The last end is reached token by token.
      for (int64_t t = *(ends.end() - 2) + 1; t < length; ++t)
        ends.insert(ends.end() - 1, t);
      Pool pool(shape, 3);
      Rows out(shape.type, length, shape.heads * shape.size);
      int64_t past = 0;
      for (int64_t end : ends) {
        // A neighbour in the batch, of another sequence, starts afresh.
        Batch batch({{.past = 0, .count = 2, .slot = 2},
                     {.past = past, .count = end - past, .slot = 0}});
        Rows part(shape.type, batch.tokens(), qkv.columns());
        part.randomise(4);
        for (int64_t t = past; t < end; ++t)
          for (int64_t c = 0; c < qkv.columns(); ++c)
            part.set(2 + t - past, c, qkv.at(t, c));
        Rows partOut = run(*kernel, shape, batch, part, pool);
        for (int64_t t = past; t < end; ++t)
          for (int64_t c = 0; c < out.columns(); ++c)
            out.set(t, c, partOut.at(2 + t - past, c));
        past = end;
      }
      expectMatches(shape, whole, qkv, out, pool);
      if (HasFatalFailure())
        return;
    }
  }
}

TEST(Recurrence, BitsDependNeitherOnTasksNorOnTheBatch) {
  for (const CPUTarget *target : targetsHere()) {
    Shape shape{.heads = 4, .size = 32, .slopes = {0.1, 0.02, 0.5, 0.9}};
    auto kernel = compile(shape, *target);
    ASSERT_TRUE(kernel);
    Batch batch({{.past = 0, .count = 77, .slot = 1},
                 {.past = 0, .count = 1, .slot = 2},
                 {.past = 0, .count = 5, .slot = 0}});
    Rows qkv(shape.type, batch.tokens(), 3 * shape.heads * shape.size);
    qkv.randomise(5);
    Pool once(shape, 3), many(shape, 3), alone(shape, 3);
    Rows out = run(*kernel, shape, batch, qkv, once, 1);
    EXPECT_TRUE(out.bytes == run(*kernel, shape, batch, qkv, many, 12).bytes);
    EXPECT_TRUE(once.bytes == many.bytes);

    Batch first({{.past = 0, .count = 77, .slot = 2}});
    Rows firstQkv(shape.type, 77, qkv.columns());
    for (int64_t t = 0; t < 77; ++t)
      for (int64_t c = 0; c < firstQkv.stride; ++c)
        firstQkv.set(t, c, qkv.at(t, c));
    Rows firstOut = run(*kernel, shape, first, firstQkv, alone);
    EXPECT_EQ(std::memcmp(out.data(), firstOut.data(), firstOut.bytes.size()),
              0);
  }
}

/// Runs the rows of one sequence in pieces that end at `ends`, on a fresh pool.
Rows runInPieces(const CompiledKernel &kernel, const Shape &shape,
                 const Rows &qkv, const std::vector<int64_t> &ends,
                 Pool &pool) {
  Rows out(shape.type, qkv.rows(), shape.heads * shape.size);
  int64_t past = 0;
  for (int64_t end : ends) {
    Rows piece(shape.type, end - past, qkv.columns());
    std::memcpy(piece.data(), qkv.rowData(past), piece.bytes.size());
    Batch batch({{.past = past, .count = end - past}});
    Rows pieceOut = run(kernel, shape, batch, piece, pool);
    std::memcpy(out.rowData(past), pieceOut.data(), pieceOut.bytes.size());
    past = end;
  }
  return out;
}

// The form of a chunk is chosen by its own length, not by the piece's: else a
// tail of few tokens is taken one by one only when it comes as a piece.
TEST(Recurrence, CutsAtMultiplesOfTheChunkChangeNoBit) {
  for (const CPUTarget *target : targetsHere())
    for (ElementType type : {ElementType::F32, ElementType::BF16}) {
      Shape shape{.type = type, .size = 32, .slopes = {0.1, 0.002}};
      auto kernel = compile(shape, *target);
      ASSERT_TRUE(kernel);
      for (int64_t tail = 1; tail < 64; ++tail) {
        Rows qkv(type, 128 + tail, 3 * shape.heads * shape.size);
        qkv.randomise(8);
        Pool whole(shape, 1);
        Rows out = runInPieces(*kernel, shape, qkv, {128 + tail}, whole);
        for (std::vector<int64_t> ends : std::vector<std::vector<int64_t>>{
                 {64, 128 + tail}, {128, 128 + tail}, {64, 128, 128 + tail}}) {
          Pool cut(shape, 1);
          Rows outOfCut = runInPieces(*kernel, shape, qkv, ends, cut);
          EXPECT_TRUE(outOfCut.bytes == out.bytes && cut.bytes == whole.bytes)
              << target->name.str() << ", " << mlirName(type) << ", tail of "
              << tail << ", cut at " << ends.front() << " into " << ends.size()
              << " pieces";
        }
      }
    }
}

// 0 * NaN is NaN: what a token may not see must be left out, not multiplied by
// zero. Every token of two chunks has its turn.
TEST(Recurrence, NonFiniteTokensReachNoEarlierOne) {
  const int64_t length = 75;
  for (const CPUTarget *target : targetsHere())
    for (ElementType type : {ElementType::F32, ElementType::BF16}) {
      Shape shape{.type = type, .size = 32, .slopes = {0.1, 0.002}};
      auto kernel = compile(shape, *target);
      ASSERT_TRUE(kernel);
      Batch batch({{.past = 0, .count = length}});
      Rows qkv(type, length, 3 * shape.heads * shape.size);
      qkv.randomise(8);
      Pool pool(shape, 1);
      Rows out = run(*kernel, shape, batch, qkv, pool);
      for (double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL})
        for (int64_t t = 1; t < length; ++t) {
          Rows damaged = qkv.like();
          std::memcpy(damaged.data(), qkv.data(), qkv.bytes.size());
          for (int64_t c = 0; c < qkv.columns(); c += 3)
            damaged.set(t, c, bad);
          Rows found = run(*kernel, shape, batch, damaged, pool);
          ASSERT_EQ(std::memcmp(out.data(), found.data(),
                                t * out.stride * out.elementBytes),
                    0)
              << target->name.str() << ", " << mlirName(type) << ", " << bad
              << " in token " << t;
          ASSERT_FALSE(out.bytes == found.bytes)
              << "the bad token shows nowhere";
        }
    }
}

// exp(-1e-5) rounded to f32 decays at a rate 0.1 % off: 3e-5 after these steps.
TEST(Recurrence, ForgetsSlowlyAtTheRightRate) {
  for (const CPUTarget *target : targetsHere()) {
    Shape shape{.heads = 1, .size = 8, .slopes = {1.7e-5}};
    auto kernel = compile(shape, *target);
    ASSERT_TRUE(kernel);
    const int64_t steps = 2000;
    for (int64_t stride : {1, 50}) {
      Pool pool(shape, 1);
      Rows qkv(shape.type, stride, 24);
      qkv.randomise(6);
      Batch start({{.past = 0, .count = stride, .slot = 0}});
      run(*kernel, shape, start, qkv, pool);
      double before = pool.at(0, 0, 3, 5);
      for (int64_t t = 0; t < stride; ++t)
        for (int64_t c = 0; c < 24; ++c)
          qkv.set(t, c, 0.0);
      for (int64_t past = stride; past <= steps; past += stride)
        run(*kernel, shape, Batch({{.past = past, .count = stride}}), qkv,
            pool);
      double wanted = before * std::exp(-double(steps) * slopesOf(shape).at(0));
      EXPECT_TRUE(isClose(pool.at(0, 0, 3, 5), wanted, 4e-6, 0))
          << "in steps of " << stride;
    }
  }
}

TEST(Recurrence, RefusesASchedulePerToken) {
  std::string message = emitterMessage(R"(
    func.func @f(%x: tensor<?x24xf32>, %s: tensor<1xf32, #mm1.padded<multiple = 32>>,
                 %m: tensor<?x1x8x8xf32>, %i: tensor<?xi32>) -> tensor<?x8xf32> {
      %y = mm1.cluster recurrence (%x, %s, %m, %i)
          schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64}
          : (tensor<?x24xf32>, tensor<1xf32, #mm1.padded<multiple = 32>>,
             tensor<?x1x8x8xf32>, tensor<?xi32>) -> tensor<?x8xf32> {
      ^bb0(%a: tensor<?x24xf32>, %b: tensor<1xf32, #mm1.padded<multiple = 32>>,
           %c: tensor<?x1x8x8xf32>, %d: tensor<?xi32>):
        %o, %n = mm1.lightning_attention %a, %b, %c batch(%d, %d, %d)
            : (tensor<?x24xf32>, tensor<1xf32, #mm1.padded<multiple = 32>>,
               tensor<?x1x8x8xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
              -> (tensor<?x8xf32>, tensor<?x1x8x8xf32>)
        mm1.yield %o : tensor<?x8xf32>
      }
      return %y : tensor<?x8xf32>
    })");
  EXPECT_NE(message.find("expects one task per head and sequence"),
            std::string::npos)
      << message;
}

} // namespace
