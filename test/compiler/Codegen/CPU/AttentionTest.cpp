//===- AttentionTest.cpp - KV pages: append, then attend -----------------===//
// Pages start as NaN and are handed out in a shuffled order, so that whatever
// attention reads without append having written it is seen. The reference is
// plain softmax attention in double precision over the same k and v.
// With spans, three forms of one attention must give the same bits: a task that
// walks over all of them with one token, one with 16, and partials that any
// number of tasks make and another kernel merges.
//===---------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/KVPages.h"
#include "test/compiler/Codegen/CPU/BatchHarness.h"

#include <algorithm>
#include <numeric>
#include <optional>

using namespace mlir;
using namespace mlir::mm1::cpu;
using namespace mlir::mm1::cpu::test;

namespace {

constexpr int64_t kPage = 64;

struct Shape {
  ElementType type = ElementType::F32;
  int64_t kvHeads = 2, group = 4, size = 64;
  /// Half of the rotated channels; 0 without rope.
  int64_t rotated = 0;

  int64_t heads() const { return kvHeads * group; }
  double scale() const { return 1.0 / std::sqrt(double(size)); }
};

std::map<std::string, std::string> namesOf(const Shape &shape) {
  char scale[32];
  snprintf(scale, sizeof scale, "%.17e", shape.scale());
  return {{"QC", std::to_string(shape.heads() * shape.size)},
          {"KC", std::to_string(shape.kvHeads * shape.size)},
          {"KV", std::to_string(shape.kvHeads)},
          {"D", std::to_string(shape.size)},
          {"R", std::to_string(std::max<int64_t>(shape.rotated, 1))},
          {"S", scale},
          {"T", mlirName(shape.type)}};
}

std::unique_ptr<CompiledKernel> compileAppend(const Shape &shape,
                                              const CPUTarget &target) {
  std::string text = R"(
    func.func @f(%k: tensor<?x$KCx$T>, %v: tensor<?x$KCx$T>, %c: tensor<?x2x$KVx64x$Dx$T>,
                 %i: tensor<?xi32>, %p: tensor<?x?xi32>, %a: tensor<?x$Rxf32>) -> tensor<?x2x$KVx64x$Dx$T> {
      %y = mm1.cluster cache_append (%k, %v, %c, %i, %i, %i, %p, %a, %a)
          schedule {tasks = $KV : i64, unit = "sequences", per = 1 : i64}
          : (tensor<?x$KCx$T>, tensor<?x$KCx$T>, tensor<?x2x$KVx64x$Dx$T>, tensor<?xi32>, tensor<?xi32>,
             tensor<?xi32>, tensor<?x?xi32>, tensor<?x$Rxf32>, tensor<?x$Rxf32>) -> tensor<?x2x$KVx64x$Dx$T> {
      ^bb0(%key: tensor<?x$KCx$T>, %value: tensor<?x$KCx$T>, %cache: tensor<?x2x$KVx64x$Dx$T>,
           %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>,
           %cos: tensor<?x$Rxf32>, %sin: tensor<?x$Rxf32>):
        $ROPE
        %next = mm1.cache_append $USED, %value, %cache batch(%slots, %starts, %positions, %pages)
            : (tensor<?x$KCx$T>, tensor<?x$KCx$T>, tensor<?x2x$KVx64x$Dx$T>, tensor<?xi32>, tensor<?xi32>,
               tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x$KVx64x$Dx$T>
        mm1.yield %next : tensor<?x2x$KVx64x$Dx$T>
      }
      return %y : tensor<?x2x$KVx64x$Dx$T>
    })";
  auto names = namesOf(shape);
  names["USED"] = shape.rotated ? "%rotated" : "%key";
  std::string rope =
      fill("%rotated = mm1.rope %key, %cos, %sin head_dim = $D : "
           "(tensor<?x$KCx$T>, tensor<?x$Rxf32>, "
           "tensor<?x$Rxf32>) -> tensor<?x$KCx$T>",
           names);
  names["ROPE"] = shape.rotated ? rope : "";
  return CompiledKernel::compile(fill(text, names), target);
}

/// The text of a cluster around an op that attends, with `$USED` for its queries
/// and `%cache batch(...)` behind them.
/// \param op       "%o = mm1.softmax_attention $USED, $BATCH ... : $TYPES -> ..."
/// \param results  types of what it yields
/// \param names    what else stands for what in them
std::string attentionText(const Shape &shape,
                          std::map<std::string, std::string> names,
                          const std::string &schedule, const std::string &op,
                          const std::string &yielded,
                          const std::string &results) {
  std::string text = R"(
    func.func @f(%q: tensor<?x$QCx$T>, %c: tensor<?x2x$KVx64x$Dx$T>,
                 %i: tensor<?xi32>, %p: tensor<?x?xi32>, %a: tensor<?x$Rxf32>) {
      %y:$COUNT = mm1.cluster attention (%q, %c, %i, %i, %i, %p, %a, %a) schedule {$SCHEDULE}
          : (tensor<?x$QCx$T>, tensor<?x2x$KVx64x$Dx$T>, tensor<?xi32>, tensor<?xi32>,
             tensor<?xi32>, tensor<?x?xi32>, tensor<?x$Rxf32>, tensor<?x$Rxf32>) -> ($RESULTS) {
      ^bb0(%query: tensor<?x$QCx$T>, %cache: tensor<?x2x$KVx64x$Dx$T>, %slots: tensor<?xi32>,
           %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>,
           %cos: tensor<?x$Rxf32>, %sin: tensor<?x$Rxf32>):
        $ROPE
        $OP
        mm1.yield $YIELDED : $RESULTS
      }
      return
    })";
  std::string rope = "%rotated = mm1.rope %query, %cos, %sin head_dim = $D : "
                     "(tensor<?x$QCx$T>, tensor<?x$Rxf32>, tensor<?x$Rxf32>) "
                     "-> tensor<?x$QCx$T>";
  auto count = std::count(yielded.begin(), yielded.end(), '%');
  text = fill(text, {{"SCHEDULE", schedule},
                     {"OP", op},
                     {"YIELDED", yielded},
                     {"RESULTS", results},
                     {"COUNT", std::to_string(count)},
                     {"ROPE", shape.rotated ? rope : ""}});
  names["USED"] = shape.rotated ? "%rotated" : "%query";
  names["BATCH"] = "%cache batch(%slots, %starts, %positions, %pages)";
  names["TYPES"] =
      "(tensor<?x$QCx$T>, tensor<?x2x$KVx64x$Dx$T>, tensor<?xi32>, "
      "tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)";
  return fill(fill(text, names), names);
}

/// `span_tokens` of an op, when there are any.
std::string spanText(int64_t spanTokens) {
  return spanTokens ? " span_tokens = " + std::to_string(spanTokens) : "";
}

std::unique_ptr<CompiledKernel> compileAttention(const Shape &shape,
                                                 int64_t per,
                                                 const CPUTarget &target,
                                                 int64_t spanTokens = 0) {
  return CompiledKernel::compile(
      attentionText(shape, namesOf(shape),
                    "tasks = $KV : i64, unit = \"tokens\", per = " +
                        std::to_string(per) + " : i64",
                    "%o = mm1.softmax_attention $USED, $BATCH scale = $S" +
                        spanText(spanTokens) + " : $TYPES -> tensor<?x$QCx$T>",
                    "%o", "tensor<?x$QCx$T>"),
      target);
}

/// How partials are made: `shares` tasks share a head.
struct Split {
  int64_t spanTokens, spans, shares, per = 1;
};

std::map<std::string, std::string> namesOf(const Shape &shape,
                                           const Split &split) {
  auto names = namesOf(shape);
  names["STATS"] = "tensor<?x" + std::to_string(split.spans) + "x" +
                   std::to_string(2 * shape.heads()) + "xf32>";
  names["WEIGHTED"] = "tensor<?x" + std::to_string(split.spans) + "x" +
                      std::to_string(shape.heads() * shape.size) + "xf32>";
  return names;
}

std::string partialsText(const Shape &shape, const Split &split,
                         const std::string &cut = "fixed") {
  std::string tokens = cut == "fixed" ? spanText(split.spanTokens) : "";
  return attentionText(
      shape, namesOf(shape, split),
      "tasks = " + std::to_string(split.shares * shape.kvHeads) +
          " : i64, unit = \"tokens\", per = " + std::to_string(split.per) +
          " : i64",
      "%m, %o = mm1.attention_partials $USED, $BATCH scale = $S cut = " + cut +
          tokens + " : $TYPES -> ($STATS, $WEIGHTED)",
      "%m, %o", "$STATS, $WEIGHTED");
}

std::unique_ptr<CompiledKernel>
compileMerge(const Shape &shape, const Split &split, const CPUTarget &target) {
  auto names = namesOf(shape, split);
  names["H"] = std::to_string(shape.heads());
  names["PER"] = std::to_string(split.per);
  return CompiledKernel::compile(fill(R"(
    func.func @f(%s: $STATS, %w: $WEIGHTED) -> tensor<?x$QCx$T> {
      %y = mm1.cluster span_merge (%s, %w)
          schedule {tasks = $H : i64, unit = "tokens", per = $PER : i64}
          : ($STATS, $WEIGHTED) -> tensor<?x$QCx$T> {
      ^bb0(%a: $STATS, %b: $WEIGHTED):
        %o = mm1.merge_partials %a, %b : ($STATS, $WEIGHTED) -> tensor<?x$QCx$T>
        mm1.yield %o : tensor<?x$QCx$T>
      }
      return %y : tensor<?x$QCx$T>
    })",
                                      names),
                                 target);
}

/// What a batch's tokens have.
struct Inputs {
  Inputs(const Shape &shape, int64_t tokens, int seed)
      : q(shape.type, tokens, shape.heads() * shape.size),
        k(shape.type, tokens, shape.kvHeads * shape.size),
        v(shape.type, tokens, shape.kvHeads * shape.size),
        cos(ElementType::F32, tokens, std::max<int64_t>(shape.rotated, 1)),
        sin(ElementType::F32, tokens, std::max<int64_t>(shape.rotated, 1)) {
    q.randomise(seed);
    k.randomise(seed + 1);
    v.randomise(seed + 2);
    cos.randomise(seed + 3);
    sin.randomise(seed + 4);
  }
  Rows q, k, v, cos, sin;
};

/// Column c of row t of x, rotated like mm1.rope does.
double rotated(const Shape &shape, const Inputs &in, const Rows &x, int64_t t,
               int64_t c) {
  int64_t i = c % shape.size, half = shape.rotated;
  if (i >= 2 * half)
    return x.at(t, c);
  if (i < half)
    return x.at(t, c) * in.cos.at(t, i) - x.at(t, c + half) * in.sin.at(t, i);
  return x.at(t, c) * in.cos.at(t, i - half) +
         x.at(t, c - half) * in.sin.at(t, i - half);
}

/// The slots 2, 3, ..., 0, 1: no sequence has the slot of its own number.
Vectors rotatedSlots(int64_t sequences) {
  std::vector<int32_t> slots(sequences + 2);
  std::iota(slots.begin(), slots.end(), 0);
  std::rotate(slots.begin(), slots.begin() + 2, slots.end());
  return Vectors(slots);
}

/// Pools, page tables and the history of each sequence.
class Cache {
public:
  /// Pages for `sequences` sequences of up to `columns` pages each.
  Cache(const Shape &shape, int64_t sequences, int64_t columns)
      : shape(shape), columns(columns),
        blockElements(kPage * plan::roundUp(shape.size, 32)),
        slots(rotatedSlots(sequences)),
        table(ElementType::I32, sequences + 2, columns),
        pool(sequences * columns * 2 * shape.kvHeads * blockElements *
             int64_t(::mm1::sizeBytes(shape.type))),
        keys(sequences), values(sequences) {
    std::vector<int32_t> order(sequences * columns);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937(7));
    for (size_t i = 0; i < order.size(); ++i)
      table.set(slotOf(i / columns), i % columns, order[i]);
  }

  void append(const CompiledKernel &kernel, const Batch &batch,
              const Inputs &in, int64_t calls = 1) {
    kernel.run({in.k.data(), in.v.data(), pool.data(), slots.data(),
                batch.starts.data(), batch.positions.data(), table.data(),
                in.cos.data(), in.sin.data()},
               batch.dims(columns), calls);
    EXPECT_TRUE(pool.guardIsIntact());
    for (size_t b = 0; b < batch.sequences.size(); ++b)
      for (int64_t t = batch.first(b); t < batch.first(b + 1); ++t)
        for (int64_t c = 0; c < in.k.columns(); ++c) {
          double key = rotated(shape, in, in.k, t, c);
          if (shape.rotated && shape.type == ElementType::BF16)
            key = ::mm1::bf16ToFloat(::mm1::floatToBf16(float(key)));
          keys[b].push_back(key);
          values[b].push_back(in.v.at(t, c));
        }
  }

  Rows attend(const CompiledKernel &kernel, const Batch &batch,
              const Inputs &in, int64_t calls = 1) {
    Rows out(shape.type, batch.tokens(), in.q.columns());
    kernel.run({in.q.data(), pool.data(), slots.data(), batch.starts.data(),
                batch.positions.data(), table.data(), in.cos.data(),
                in.sin.data(), out.data()},
               batch.dims(columns), calls);
    EXPECT_TRUE(out.paddingIsZero());
    EXPECT_TRUE(out.bytes.guardIsIntact());
    return out;
  }

  /// The same in two launches.
  Rows attendInSpans(const Split &split, const CPUTarget &target,
                     const Batch &batch, const Inputs &in, int64_t calls = 1) {
    auto partials = CompiledKernel::compile(partialsText(shape, split), target);
    auto merge = compileMerge(shape, split, target);
    Rows out(shape.type, batch.tokens(), in.q.columns());
    EXPECT_TRUE(partials && merge);
    if (!partials || !merge)
      return out;
    Rows stats(ElementType::F32, batch.tokens() * split.spans,
               2 * shape.heads()),
        weighted(ElementType::F32, batch.tokens() * split.spans,
                 in.q.columns());
    partials->run({in.q.data(), pool.data(), slots.data(), batch.starts.data(),
                   batch.positions.data(), table.data(), in.cos.data(),
                   in.sin.data(), stats.data(), weighted.data()},
                  batch.dims(columns), calls);
    expectEmptyBehind(split, batch, stats);
    EXPECT_TRUE(stats.paddingIsZero() && weighted.paddingIsZero());
    EXPECT_TRUE(stats.bytes.guardIsIntact() && weighted.bytes.guardIsIntact());
    merge->run({stats.data(), weighted.data(), out.data()}, batch.dims(columns),
               calls);
    EXPECT_TRUE(out.paddingIsZero());
    EXPECT_TRUE(out.bytes.guardIsIntact());
    return out;
  }

  /// Spans that begin behind a token say that they have none, others have.
  void expectEmptyBehind(const Split &split, const Batch &batch,
                         const Rows &stats) {
    for (int64_t t = 0; t < batch.tokens(); ++t)
      for (int64_t j = 0; j < split.spans; ++j)
        for (int64_t h = 0; h < shape.heads(); ++h) {
          bool isEmpty = j * split.spanTokens > batch.positions.at(t);
          double m = stats.at(t * split.spans + j, 2 * h),
                 l = stats.at(t * split.spans + j, 2 * h + 1);
          ASSERT_EQ(m, isEmpty ? double(-1e30f) : m);
          ASSERT_TRUE(isEmpty ? l == 0 : l >= 1) << l;
        }
  }

  void expectMatches(const Batch &batch, const Inputs &in, const Rows &out) {
    // bf16: q, p and o are rounded to 2^-9 each; errors of p average out. f32:
    // a score is a chain of D roundings, and its error becomes p's.
    double tolerance = shape.type == ElementType::BF16 ? 1.0 / 100 : 3e-6;
    int64_t width = in.k.columns();
    for (size_t b = 0; b < batch.sequences.size(); ++b)
      for (int64_t i = 0; i < batch.sequences[b].count; ++i)
        for (int64_t h = 0; h < shape.heads(); ++h) {
          int64_t t = batch.first(b) + i, head = h / shape.group;
          std::vector<double> p, o(shape.size);
          double top = -1e300, sum = 0, largest = 0;
          for (int64_t u = 0; u <= batch.sequences[b].past + i; ++u) {
            double score = 0;
            for (int64_t c = 0; c < shape.size; ++c)
              score += rotated(shape, in, in.q, t, h * shape.size + c) *
                       keys[b][u * width + head * shape.size + c];
            p.push_back(score * shape.scale());
            top = std::max(top, p.back());
          }
          for (double &x : p)
            sum += x = std::exp(x - top);
          for (size_t u = 0; u < p.size(); ++u)
            for (int64_t c = 0; c < shape.size; ++c)
              o[c] += p[u] / sum * values[b][u * width + head * shape.size + c];
          for (double x : o)
            largest = std::max(largest, std::abs(x));
          for (int64_t c = 0; c < shape.size; ++c)
            ASSERT_TRUE(isClose(out.at(t, h * shape.size + c), o[c], 0,
                                tolerance * largest))
                << "sequence " << b << " with " << batch.sequences[b].past
                << " tokens before, token " << i << ", head " << h
                << ", column " << c << ", largest " << largest;
        }
  }

  int64_t slotOf(int64_t sequence) const { return int64_t(slots.at(sequence)); }

  Shape shape;
  int64_t columns, blockElements;
  Vectors slots; ///< of the sequences
  Rows table;    ///< by slot
  Bytes pool;
  std::vector<std::vector<double>> keys, values;
};

/// Elements of the pool, as KVPages.h has them.
struct KVPlaces {
  explicit KVPlaces(const Shape &shape)
      : kvHeads(shape.kvHeads), depth(shape.type == ElementType::BF16 ? 2 : 1),
        channels(plan::roundUp(shape.size, 32)) {}
  int64_t key(int64_t page, int64_t head, int64_t row, int64_t c) const {
    return block(page, 0, head) + (c / depth * kPage + row) * depth + c % depth;
  }
  int64_t value(int64_t page, int64_t head, int64_t row, int64_t c) const {
    return block(page, 1, head) + (row / depth * channels + c) * depth +
           row % depth;
  }
  int64_t block(int64_t page, int64_t isValue, int64_t head) const {
    return ((page * 2 + isValue) * kvHeads + head) * kPage * channels;
  }
  int64_t kvHeads, depth, channels;
};

/// The tokens that come before those of `batch`.
Batch pastOf(const Batch &batch) {
  std::vector<Sequence> past;
  for (const Sequence &sequence : batch.sequences)
    past.push_back({.past = 0, .count = sequence.past});
  return Batch(past);
}

/// Attends in spans of one page and of two: whole and split, by 1 and by 16
/// tokens, the bits must be the same.
void checkSpans(Cache &cache, const Batch &batch, const Inputs &in,
                const CPUTarget &target) {
  std::optional<Rows> inPages;
  for (Split split : {Split{.spanTokens = kPage, .spans = 6, .shares = 4},
                      {.spanTokens = kPage, .spans = 6, .shares = 6, .per = 16},
                      {.spanTokens = 2 * kPage, .spans = 3, .shares = 1}}) {
    SCOPED_TRACE("spans of " + std::to_string(split.spanTokens) + ", by " +
                 std::to_string(split.per));
    auto whole =
        compileAttention(cache.shape, split.per, target, split.spanTokens);
    ASSERT_TRUE(whole);
    Rows out = cache.attend(*whole, batch, in, 2);
    cache.expectMatches(batch, in, out);
    EXPECT_TRUE(out.bytes ==
                cache.attendInSpans(split, target, batch, in, 7).bytes);
    if (split.spanTokens != kPage)
      continue;
    if (inPages)
      EXPECT_TRUE(out.bytes == inPages->bytes);
    else
      inPages = std::move(out);
  }
}

/// Runs a batch over its history; with 1 and with 16 tokens a task and any cut
/// of the tasks the bits must be the same.
void checkBatch(const Shape &shape, const Batch &batch,
                const CPUTarget &target) {
  SCOPED_TRACE(target.name.str() + ", " + mlirName(shape.type) + ", D " +
               std::to_string(shape.size) + ", group " +
               std::to_string(shape.group));
  auto append = compileAppend(shape, target);
  auto decode = compileAttention(shape, 1, target);
  auto prefill = compileAttention(shape, 16, target);
  ASSERT_TRUE(append && decode && prefill);
  Cache cache(shape, batch.sequences.size(), 6);
  Batch past = pastOf(batch);
  cache.append(*append, past, Inputs(shape, past.tokens(), 10), 2);
  Inputs in(shape, batch.tokens(), 20);
  cache.append(*append, batch, in);
  Rows out = cache.attend(*decode, batch, in);
  cache.expectMatches(batch, in, out);
  EXPECT_TRUE(out.bytes == cache.attend(*decode, batch, in, 5).bytes);
  EXPECT_TRUE(out.bytes == cache.attend(*prefill, batch, in).bytes);
  EXPECT_TRUE(out.bytes == cache.attend(*prefill, batch, in, 3).bytes);
  checkSpans(cache, batch, in, target);
}

TEST(Attention, EveryContextByOneToken) {
  std::vector<Sequence> sequences;
  for (int64_t past : {0,  1,  2,  14,  15,  16,  30,  31,  32,  62,
                       63, 64, 65, 126, 127, 128, 191, 192, 255, 299})
    sequences.push_back({.past = past, .count = 1});
  for (const CPUTarget *target : targetsHere())
    for (ElementType type : {ElementType::F32, ElementType::BF16})
      checkBatch({.type = type}, Batch(sequences), *target);
}

TEST(Attention, RaggedBatchesOfEveryShape) {
  Batch batch({{.past = 0, .count = 1},
               {.past = 5, .count = 2},
               {.past = 63, .count = 1},
               {.past = 0, .count = 70},
               {.past = 64, .count = 1},
               {.past = 100, .count = 33},
               {.past = 60, .count = 9},
               {.past = 299, .count = 1}});
  for (const CPUTarget *target : targetsHere())
    for (ElementType type : {ElementType::F32, ElementType::BF16})
      for (Shape shape : {Shape{.kvHeads = 2, .group = 1, .size = 16},
                          Shape{.kvHeads = 1, .group = 2, .size = 32},
                          Shape{.kvHeads = 2, .group = 3, .size = 40},
                          Shape{.kvHeads = 1, .group = 8, .size = 128},
                          Shape{.kvHeads = 3, .group = 5, .size = 7},
                          Shape{.kvHeads = 2, .group = 4, .size = 96}}) {
        shape.type = type;
        checkBatch(shape, batch, *target);
        if (HasFatalFailure())
          return;
      }
}

TEST(Attention, RotatesQueriesAndKeys) {
  Batch batch({{.past = 3, .count = 20}, {.past = 80, .count = 1}});
  for (const CPUTarget *target : targetsHere())
    for (ElementType type : {ElementType::F32, ElementType::BF16})
      for (int64_t rotated : {4, 16, 24})
        checkBatch({.type = type, .group = 2, .size = 48, .rotated = rotated},
                   batch, *target);
}

// Fewer spans than the context would have: the last one has what is left.
TEST(Attention, LastSpanHasWhatIsLeft) {
  Batch batch({{.past = 299, .count = 1}, {.past = 40, .count = 1}});
  for (const CPUTarget *target : targetsHere())
    for (ElementType type : {ElementType::F32, ElementType::BF16}) {
      Shape shape{.type = type, .group = 2};
      auto append = compileAppend(shape, *target);
      ASSERT_TRUE(append);
      Cache cache(shape, 2, 6);
      Batch past = pastOf(batch);
      cache.append(*append, past, Inputs(shape, past.tokens(), 1));
      Inputs in(shape, batch.tokens(), 2);
      cache.append(*append, batch, in);
      for (int64_t spans : {1, 2, 3})
        cache.expectMatches(
            batch, in,
            cache.attendInSpans({kPage, spans, 2}, *target, batch, in));
    }
}

TEST(Attention, RefusesEvenCutsAndOddGrids) {
  Shape shape;
  EXPECT_EQ(emitterMessage(partialsText(shape, {kPage, 4, 2}, "even")),
            "'mm1.cluster' op cuts its context at places that are 'even'; "
            "kernels of the cpu target cut at 'fixed' ones");
  std::string text = partialsText(shape, {kPage, 4, 2});
  text.replace(text.find("tasks = 4"), 9, "tasks = 3");
  EXPECT_EQ(emitterMessage(text),
            "'mm1.cluster' op expects one task, or several, per KV head and "
            "block of tokens, found {per = 1 : i64, tasks = 3 : i64, unit = "
            "\"tokens\"}");
}

// Large scores: the maximum moves by hundreds from page to page.
TEST(Attention, SurvivesLargeScores) {
  Batch batch({{.past = 180, .count = 20}});
  for (const CPUTarget *target : targetsHere()) {
    Shape shape{.group = 2};
    auto append = compileAppend(shape, *target);
    auto attention = compileAttention(shape, 16, *target);
    ASSERT_TRUE(append && attention);
    Cache cache(shape, 1, 6);
    Batch past = pastOf(batch);
    cache.append(*append, past, Inputs(shape, past.tokens(), 1));
    Inputs in(shape, batch.tokens(), 2);
    in.q.randomise(3, 100.0);
    cache.append(*append, batch, in);
    Rows out = cache.attend(*attention, batch, in);
    for (int64_t t = 0; t < batch.tokens(); ++t)
      for (int64_t c = 0; c < out.columns(); ++c)
        ASSERT_LT(std::abs(out.at(t, c)), 6.0);
  }
}

// 0 * NaN is NaN: what a token may not see must be left out, not multiplied by
// p = 0.
TEST(Attention, NonFiniteTokensReachNoEarlierOne) {
  Batch batch({{.past = 50, .count = 40}});
  for (const CPUTarget *target : targetsHere())
    for (ElementType type : {ElementType::F32, ElementType::BF16})
      for (auto [group, size] :
           {std::pair<int64_t, int64_t>{1, 16}, {3, 40}, {4, 64}}) {
        Shape shape{.type = type, .group = group, .size = size};
        auto append = compileAppend(shape, *target);
        auto attention = compileAttention(shape, 16, *target);
        ASSERT_TRUE(append && attention);
        Batch past = pastOf(batch);
        auto outOf = [&](const Inputs &in) {
          Cache cache(shape, 1, 2);
          cache.append(*append, past, Inputs(shape, past.tokens(), 1));
          cache.append(*append, batch, in);
          return cache.attend(*attention, batch, in);
        };
        Rows out = outOf(Inputs(shape, batch.tokens(), 2));
        for (double bad : {std::nan(""), HUGE_VAL})
          for (int64_t t = 1; t < batch.tokens(); ++t) {
            Inputs in(shape, batch.tokens(), 2);
            for (Rows *rows : {&in.q, &in.k, &in.v})
              for (int64_t c = 0; c < rows->columns(); c += 3)
                rows->set(t, c, bad);
            Rows found = outOf(in);
            ASSERT_EQ(std::memcmp(out.data(), found.data(),
                                  t * out.stride * out.elementBytes),
                      0)
                << target->name.str() << ", " << mlirName(type) << ", group of "
                << group << ", " << bad << " in token " << t;
            ASSERT_FALSE(out.bytes == found.bytes) << "it shows nowhere";
          }
      }
}

TEST(Attention, IgnoresWhatLiesBehindTheEnd) {
  for (const CPUTarget *target : targetsHere())
    for (ElementType type : {ElementType::F32, ElementType::BF16}) {
      Shape shape{.type = type, .size = 32};
      auto append = compileAppend(shape, *target);
      auto attention = compileAttention(shape, 1, *target);
      ASSERT_TRUE(append && attention);
      for (int64_t length : {1, 2, 33, 63, 64, 65, 101}) {
        Cache cache(shape, 1, 2);
        Batch batch({{.past = length - 1, .count = 1}}), past = pastOf(batch);
        Inputs in(shape, 1, 2);
        cache.append(*append, past, Inputs(shape, past.tokens(), 1));
        cache.append(*append, batch, in);
        Rows out = cache.attend(*attention, batch, in);
        KVPlaces places(shape);
        for (int64_t u = length; u < 2 * kPage; ++u)
          for (int64_t h = 0; h < shape.kvHeads; ++h)
            for (int64_t c = 0; c < shape.size; ++c) {
              int64_t page = cache.table.at(cache.slotOf(0), u / kPage);
              for (int64_t place : {places.key(page, h, u % kPage, c),
                                    places.value(page, h, u % kPage, c)})
                setElement(cache.pool.data(), type, place, std::nan(""));
            }
        EXPECT_TRUE(out.bytes == cache.attend(*attention, batch, in).bytes)
            << target->name.str() << ", " << mlirName(type) << ", " << length
            << " tokens";
      }
    }
}

// The bytes of KVPages.h, and nothing but them.
TEST(CacheAppend, WritesItsPlacesOnly) {
  for (const CPUTarget *target : targetsHere())
    for (ElementType type : {ElementType::F32, ElementType::BF16})
      for (int64_t size : {16, 7}) {
        SCOPED_TRACE(std::string(mlirName(type)) + ", D " +
                     std::to_string(size));
        Shape shape{.type = type, .size = size};
        auto append = compileAppend(shape, *target);
        ASSERT_TRUE(append);
        // Over the border of a page, from an odd token.
        Batch batch({{.past = 0, .count = 0}, {.past = 61, .count = 6}});
        Inputs in(shape, batch.tokens(), 1);
        Cache cache(shape, 2, 2);
        KVPlaces places(shape);
        Bytes wanted = cache.pool.clone();
        auto set = [&](int64_t place, double value) {
          setElement(wanted.data(), type, place, value);
        };
        for (int64_t t = 0; t < 6; ++t)
          for (int64_t h = 0; h < shape.kvHeads; ++h) {
            int64_t page = cache.table.at(cache.slotOf(1), (61 + t) / kPage);
            int64_t row = (61 + t) % kPage;
            for (int64_t c = 0; c < plan::roundUp(size, places.depth); ++c)
              set(places.key(page, h, row, c),
                  c < size ? in.k.at(t, h * size + c) : 0);
            for (int64_t c = 0; c < places.channels; ++c) {
              int64_t place = places.value(page, h, row, c);
              bool isFirst = row % places.depth == 0;
              if (isFirst && places.depth == 2)
                set(place + 1, 0);
              // An odd token leaves padding as the even one wrote it.
              if (c < size || isFirst)
                set(place, c < size ? in.v.at(t, h * size + c) : 0);
            }
          }
        cache.append(*append, batch, in, 4);
        EXPECT_TRUE(cache.pool == wanted);
      }
}

} // namespace
