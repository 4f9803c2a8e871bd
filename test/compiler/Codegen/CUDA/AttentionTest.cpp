//===- AttentionTest.cpp - Generated append, attention and merge ---------===//
// Pages start as NaN and are handed out in a shuffled order, so that whatever
// attention reads without append having written it is seen. Numbers are
// compared with the reference's softmax_attention over the same keys and values.
//
// All forms of one attention must give the same bits: a task that walks over
// whole contexts with 1 token or with 16, and partials that any number of tasks
// make, with or without the append in the same kernel, and another one merges.
//===----------------------------------------------------------------------===//
#include "BatchedKernels.h"

#include <algorithm>
#include <numeric>

namespace mlir::mm1::cuda::test::batched {
namespace {

struct Shape {
  ElementType type = ElementType::F32;
  int64_t kvHeads = 2, group = 2, size = 32;
  /// Half of the rotated channels; 0 without rope.
  int64_t rotated = 0;
  int64_t page = 64;
  /// How contexts are cut: into so many even spans, or every so many tokens.
  int64_t evenSpans = 0, spanTokens = 0;

  int64_t heads() const { return kvHeads * group; }
  int64_t queryColumns() const { return heads() * size; }
  int64_t keyColumns() const { return kvHeads * size; }
  double scale() const { return 1.0 / std::sqrt(double(size)); }
};

/// How a kernel's tasks are.
struct Tasks {
  int64_t per = 1, warps = 2;
  /// Of partials: tasks that share the spans of a head.
  int64_t shares = 1;
};

/// Spans of partials.
constexpr int64_t kSpans = 3;

std::string number(int64_t n) { return std::to_string(n); }

std::string finish(std::string text, const Shape &shape) {
  char scale[32];
  snprintf(scale, sizeof scale, "%.17e", shape.scale());
  int64_t spans = shape.evenSpans ? shape.evenSpans : kSpans;
  text = fill(
      text,
      {{"ROPEQ", "%query = mm1.rope %q, %cos, %sin head_dim = $D : "
                 "(tensor<?x$QCx$T>, tensor<?x$Rxf32>, tensor<?x$Rxf32>) -> "
                 "tensor<?x$QCx$T>"},
       {"ROPEK", "%key = mm1.rope %k, %cos, %sin head_dim = $D : "
                 "(tensor<?x$KCx$T>, tensor<?x$Rxf32>, tensor<?x$Rxf32>) -> "
                 "tensor<?x$KCx$T>"},
       {"BATCH", "batch(%slots, %starts, %positions, %pages)"},
       {"BTYPES",
        "tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>"}});
  return fill(text,
              {{"QC", number(shape.queryColumns())},
               {"KC", number(shape.keyColumns())},
               {"POOL", "tensor<?x2x" + number(shape.kvHeads) + "x" +
                            number(shape.page) + "x" + number(shape.size) +
                            "x" + mlirName(shape.type) + ">"},
               {"STATS", "tensor<?x" + number(spans) + "x" +
                             number(2 * shape.heads()) + "xf32>"},
               {"WEIGHTED", "tensor<?x" + number(spans) + "x" +
                                number(shape.queryColumns()) + "xf32>"},
               {"D", number(shape.size)},
               {"R", number(std::max<int64_t>(shape.rotated, 1))},
               {"S", scale},
               {"T", mlirName(shape.type)}});
}

std::string scheduleText(int64_t tasks, const char *unit, const Tasks &sizes) {
  return "{tasks = " + number(tasks) + ", unit = \"" + unit +
         "\", per = " + number(sizes.per) + ", warps = " + number(sizes.warps) +
         "}";
}

/// A cluster over all that any of them reads.
/// \param ops      of its region, with %q, %k, %v, %cache
std::string clusterText(const Shape &shape, const std::string &kinds,
                        const std::string &schedule, const std::string &ops,
                        const std::string &results) {
  std::string text = R"(
    func.func @f(%0: tensor<?x$QCx$T>, %1: tensor<?x$KCx$T>, %2: $POOL, %3: tensor<?xi32>,
                 %4: tensor<?x?xi32>, %5: tensor<?x$Rxf32>) {
      %y:$COUNT = mm1.cluster $KINDS (%0, %1, %1, %2, %3, %3, %3, %4, %5, %5) schedule $SCHEDULE
          : (tensor<?x$QCx$T>, tensor<?x$KCx$T>, tensor<?x$KCx$T>, $POOL, $BTYPES,
             tensor<?x$Rxf32>, tensor<?x$Rxf32>) -> ($RESULTS) {
      ^bb0(%q: tensor<?x$QCx$T>, %k: tensor<?x$KCx$T>, %v: tensor<?x$KCx$T>, %cache: $POOL,
           %slots: tensor<?xi32>, %starts: tensor<?xi32>, %positions: tensor<?xi32>,
           %pages: tensor<?x?xi32>, %cos: tensor<?x$Rxf32>, %sin: tensor<?x$Rxf32>):
        $OPS
      }
      return
    })";
  int64_t count = 1 + std::count(results.begin(), results.end(), ',');
  return finish(fill(text, {{"KINDS", kinds},
                            {"SCHEDULE", schedule},
                            {"OPS", ops},
                            {"RESULTS", results},
                            {"COUNT", number(count)}}),
                shape);
}

std::string appendOps(const Shape &shape) {
  return std::string(shape.rotated ? "$ROPEK\n" : "") +
         "%next = mm1.cache_append " + (shape.rotated ? "%key" : "%k") +
         ", %v, %cache $BATCH : (tensor<?x$KCx$T>, tensor<?x$KCx$T>, $POOL, "
         "$BTYPES) -> $POOL\n";
}

std::string appendText(const Shape &shape, const Tasks &tasks = {}) {
  return clusterText(shape, "cache_append",
                     scheduleText(shape.kvHeads, "sequences", tasks),
                     appendOps(shape) + "mm1.yield %next : $POOL", "$POOL");
}

std::string attentionOps(const Shape &shape, const std::string &op,
                         const std::string &cache) {
  return std::string(shape.rotated ? "$ROPEQ\n" : "") + op + " " +
         (shape.rotated ? "%query" : "%q") + ", " + cache +
         " $BATCH scale = $S";
}

std::string wholeText(const Shape &shape, const Tasks &tasks,
                      bool appends = false, bool hasSilu = false) {
  std::string ops = appends ? appendOps(shape) : "";
  ops += attentionOps(shape, "%o = mm1.softmax_attention",
                      appends ? "%next" : "%cache");
  if (shape.evenSpans)
    ops += " even_spans = " + number(shape.evenSpans);
  if (shape.spanTokens)
    ops += " span_tokens = " + number(shape.spanTokens);
  ops += " : (tensor<?x$QCx$T>, $POOL, $BTYPES) -> tensor<?x$QCx$T>\n";
  if (hasSilu)
    ops += "%e = mm1.silu %o : (tensor<?x$QCx$T>) -> tensor<?x$QCx$T>\n";
  std::string out = hasSilu ? "%e" : "%o";
  return clusterText(
      shape, appends ? "cache_append, attention" : "attention",
      scheduleText(shape.kvHeads, "tokens", tasks),
      ops + (appends ? "mm1.yield %next, " + out + " : $POOL, tensor<?x$QCx$T>"
                     : "mm1.yield " + out + " : tensor<?x$QCx$T>"),
      appends ? "$POOL, tensor<?x$QCx$T>" : "tensor<?x$QCx$T>");
}

std::string partialsText(const Shape &shape, const Tasks &tasks,
                         bool appends = false) {
  std::string ops = appends ? appendOps(shape) : "";
  ops += attentionOps(shape, "%m, %w = mm1.attention_partials",
                      appends ? "%next" : "%cache");
  ops += shape.spanTokens
             ? " cut = fixed span_tokens = " + number(shape.spanTokens)
             : " cut = even";
  ops += " : (tensor<?x$QCx$T>, $POOL, $BTYPES) -> ($STATS, $WEIGHTED)\n";
  return clusterText(
      shape, appends ? "cache_append, attention" : "attention",
      scheduleText(shape.kvHeads * tasks.shares, "tokens", tasks),
      ops + (appends ? "mm1.yield %next, %m, %w : $POOL, $STATS, $WEIGHTED"
                     : "mm1.yield %m, %w : $STATS, $WEIGHTED"),
      appends ? "$POOL, $STATS, $WEIGHTED" : "$STATS, $WEIGHTED");
}

std::string mergeText(const Shape &shape, const Tasks &tasks) {
  std::string text = R"(
    func.func @f(%s: $STATS, %w: $WEIGHTED) -> tensor<?x$QCx$T> {
      %y = mm1.cluster span_merge (%s, %w) schedule $SCHEDULE : ($STATS, $WEIGHTED) -> tensor<?x$QCx$T> {
      ^bb0(%a: $STATS, %b: $WEIGHTED):
        %o = mm1.merge_partials %a, %b : ($STATS, $WEIGHTED) -> tensor<?x$QCx$T>
        mm1.yield %o : tensor<?x$QCx$T>
      }
      return %y : tensor<?x$QCx$T>
    })";
  return finish(
      fill(text, {{"SCHEDULE", scheduleText(shape.heads(), "tokens", tasks)}}),
      shape);
}

//===----------------------------- A context ------------------------------===//

/// Sequences with their tokens, pages and table.
struct Context {
  Context(const Shape &shape, const std::vector<int64_t> &lengths, int seed = 1)
      : shape(shape), lengths(lengths), first(startsOf(lengths)),
        q(shape.type, first.back(), shape.queryColumns()),
        k(shape.type, first.back(), shape.keyColumns()),
        v(shape.type, first.back(), shape.keyColumns()),
        cos(ElementType::F32, first.back(),
            std::max<int64_t>(shape.rotated, 1)),
        sin(cos.like()),
        columns(*std::max_element(lengths.begin(), lengths.end()) / shape.page +
                1),
        numPages(columns * int64_t(lengths.size())),
        table(ElementType::I32, numPages), pool(makePool()) {
    q.randomise(seed, 2.0); // some scores stand out
    k.randomise(seed + 1);
    v.randomise(seed + 2);
    cos.randomise(seed + 3);
    sin.randomise(seed + 4);
    std::vector<int64_t> order(numPages);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    for (int64_t i = 0; i < numPages; ++i)
      table.set(i, order[i]);
  }

  static std::vector<int64_t> startsOf(const std::vector<int64_t> &lengths) {
    std::vector<int64_t> starts = {0};
    for (int64_t length : lengths)
      starts.push_back(starts.back() + length);
    return starts;
  }
  Bytes makePool() const {
    int64_t block = shape.page * plan::roundUp(shape.size, 32) *
                    ::mm1::sizeBytes(shape.type);
    return Bytes(numPages * 2 * shape.kvHeads * block);
  }

  Shape shape;
  std::vector<int64_t> lengths, first;
  Rows q, k, v, cos, sin;
  int64_t columns, numPages;
  Vectors table;
  Bytes pool;
};

/// Tokens of a context that come in one step; sequence b has slot b.
struct Step {
  Step(const Context &context, std::vector<Sequence> sequences)
      : batch(std::move(sequences)), q(gather(context, context.q)),
        k(gather(context, context.k)), v(gather(context, context.v)),
        cos(gather(context, context.cos)), sin(gather(context, context.sin)) {}

  Rows gather(const Context &context, const Rows &all) const {
    Rows rows(all.type, batch.tokens(), all.columns());
    for (size_t b = 0; b < batch.sequences.size(); ++b) {
      const Sequence &sequence = batch.sequences[b];
      for (int64_t i = 0; i < sequence.count; ++i)
        std::memcpy(
            rows.rowData(batch.first(b) + i),
            all.rowData(context.first[sequence.slot] + sequence.past + i),
            all.stride * all.elementBytes);
    }
    return rows;
  }

  Batch batch;
  Rows q, k, v, cos, sin;
};

/// All tokens of all sequences.
Step wholeStep(const Context &context) {
  std::vector<Sequence> sequences;
  for (size_t b = 0; b < context.lengths.size(); ++b)
    sequences.push_back({.count = context.lengths[b], .slot = int64_t(b)});
  return Step(context, sequences);
}

/// Runs a kernel over a step.
void run(HostKernel &kernel, Context &context, const Step &step, int64_t blocks,
         std::vector<Rows *> results, emulation::Shadow *shadow = nullptr) {
  std::vector<Given> buffers = {step.q,
                                step.k,
                                step.v,
                                context.pool,
                                step.batch.slots,
                                step.batch.starts,
                                step.batch.positions,
                                context.table,
                                step.cos,
                                step.sin};
  for (Rows *result : results)
    buffers.push_back({*result, /*isWritten=*/false});
  batched::run(kernel, buffers, blocks, step.batch.dims(context.columns),
               shadow);
  for (Rows *result : results)
    EXPECT_TRUE(result->paddingIsZero() && result->bytes.guardIsIntact());
  EXPECT_TRUE(context.pool.guardIsIntact());
}

/// One block more than there are units for: graphs are for a bucket.
int64_t blocksFor(int64_t tasks, int64_t units, int64_t per) {
  return tasks * ((units + per - 1) / per + 1);
}

struct Append {
  explicit Append(const Shape &shape, const Tasks &tasks = {},
                  emulation::Shadow *shadow = nullptr)
      : shape(shape), tasks(tasks), shadow(shadow),
        kernel(appendText(shape, tasks), shadow) {}
  void operator()(Context &context, const Step &step) {
    run(kernel, context, step,
        blocksFor(shape.kvHeads, int64_t(step.batch.sequences.size()),
                  tasks.per),
        {}, shadow);
  }
  Shape shape;
  Tasks tasks;
  emulation::Shadow *shadow;
  HostKernel kernel;
};

struct Whole {
  Whole(const Shape &shape, const Tasks &tasks, bool appends = false,
        bool hasSilu = false, emulation::Shadow *shadow = nullptr)
      : shape(shape), tasks(tasks), shadow(shadow),
        kernel(wholeText(shape, tasks, appends, hasSilu), shadow) {}
  Rows operator()(Context &context, const Step &step) {
    Rows out(shape.type, step.batch.tokens(), shape.queryColumns());
    run(kernel, context, step,
        blocksFor(shape.kvHeads, step.batch.tokens(), tasks.per), {&out},
        shadow);
    return out;
  }
  Shape shape;
  Tasks tasks;
  emulation::Shadow *shadow;
  HostKernel kernel;
};

/// Partials and their merge.
struct Split {
  Split(const Shape &shape, const Tasks &tasks, bool appends = false,
        emulation::Shadow *shadow = nullptr)
      : shape(shape), tasks(tasks), shadow(shadow),
        partials(partialsText(shape, tasks, appends), shadow),
        merge(mergeText(shape, {.per = tasks.per, .warps = 1}), shadow) {}
  Rows operator()(Context &context, const Step &step) {
    int64_t tokens = step.batch.tokens(),
            spans = shape.evenSpans ? shape.evenSpans : kSpans;
    Rows out(shape.type, tokens, shape.queryColumns());
    Rows stats(ElementType::F32, tokens * spans, 2 * shape.heads()),
        weighted(ElementType::F32, tokens * spans, shape.queryColumns());
    run(partials, context, step,
        blocksFor(shape.kvHeads * tasks.shares, tokens, tasks.per),
        {&stats, &weighted}, shadow);
    batched::run(merge, {stats, weighted, {out, /*isWritten=*/false}},
                 blocksFor(shape.heads(), tokens, tasks.per),
                 {.tokens = tokens}, shadow);
    EXPECT_TRUE(out.paddingIsZero() && out.bytes.guardIsIntact());
    return out;
  }
  Shape shape;
  Tasks tasks;
  emulation::Shadow *shadow;
  HostKernel partials, merge;
};

/// What the reference gives for all tokens of a context.
Tensor reference(const Context &context) {
  const Shape &shape = context.shape;
  Step step = wholeStep(context);
  Tensor q = tensorOf(step.q), k = tensorOf(step.k);
  if (shape.rotated) {
    Tensor cos = tensorOf(step.cos), sin = tensorOf(step.sin);
    q = rounded(rope(q, cos, sin, shape.size), shape.type);
    k = rounded(rope(k, cos, sin, shape.size), shape.type);
  }
  Tensor pages({int64_t(context.lengths.size()), context.columns});
  for (int64_t i = 0; i < context.numPages; ++i)
    pages[i] = context.table.at(i);
  ::mlir::mm1::Batch batch = sequencesOf(step.batch);
  Tensor slots = tensorOf(step.batch.slots),
         positions = tensorOf(step.batch.positions);
  Tensor cache = cacheAppend(
      k, tensorOf(step.v),
      Tensor({context.numPages, 2, shape.kvHeads, shape.page, shape.size}),
      batch, slots, positions, pages);
  return softmaxAttention(q, cache, batch, slots, positions, pages,
                          shape.scale());
}

/// An output is a mean of values of size 1. Scores of size 10 are off by some
/// 1e-6, and what they weigh by as much.
constexpr double kTolerance = 2e-5;
/// A rotated number that lies between two of bf16 may become the other one: a
/// score moves by 2^-8 of one of its terms.
constexpr double kRoundedTolerance = 3e-3;

void expectNear(const Rows &found, const Tensor &wanted, const Shape &shape) {
  bool isRounded = shape.type == ElementType::BF16 && shape.rotated;
  double tolerance = isRounded ? kRoundedTolerance : kTolerance;
  for (int64_t t = 0; t < found.rows(); ++t)
    for (int64_t c = 0; c < found.columns(); ++c)
      ASSERT_NEAR(found.at(t, c), wanted.row(t)[c],
                  tolerance +
                      roundingOf(shape.type) * std::abs(wanted.row(t)[c]))
          << "token " << t << ", column " << c;
}

//===------------------------------ Numbers -------------------------------===//

void expectMatches(const Shape &shape, const std::vector<int64_t> &lengths) {
  Context context(shape, lengths);
  Step step = wholeStep(context);
  Append append(shape);
  append(context, step);
  Rows out = Whole(shape, {.per = 16, .warps = 4})(context, step);
  expectNear(out, reference(context), shape);
}

TEST(CudaAttention, MatchesTheReference) {
  for (ElementType type : {ElementType::F32, ElementType::BF16}) {
    expectMatches({.type = type, .rotated = 8, .evenSpans = 3},
                  {1, 63, 64, 65, 300});
    expectMatches({.type = type, .kvHeads = 3, .group = 1, .size = 20},
                  {5, 70});
    expectMatches(
        {.type = type, .kvHeads = 1, .group = 4, .size = 48, .rotated = 24},
        {130});
    expectMatches({.type = type,
                   .kvHeads = 1,
                   .group = 3,
                   .size = 128,
                   .rotated = 1,
                   .evenSpans = 2},
                  {1, 150});
  }
}
// 12 query heads on 4; pages of another size.
TEST(CudaAttention, TakesAnyGroupingAndPage) {
  expectMatches(
      {.kvHeads = 4, .group = 3, .size = 16, .page = 16, .evenSpans = 5},
      {3, 100});
  expectMatches({.type = ElementType::BF16,
                 .kvHeads = 1,
                 .group = 5,
                 .size = 32,
                 .page = 128},
                {140});
}

TEST(CudaAttention, StoresWhatFollows) {
  Shape shape{.type = ElementType::BF16};
  Context context(shape, {70});
  Step step = wholeStep(context);
  Append append(shape);
  append(context, step);
  Rows out = Whole(shape, {.per = 16}, false, /*hasSilu=*/true)(context, step);
  Tensor wanted = silu(rounded(reference(context), shape.type));
  for (int64_t t = 0; t < out.rows(); ++t)
    for (int64_t c = 0; c < out.columns(); ++c)
      ASSERT_NEAR(out.at(t, c), wanted.row(t)[c],
                  kTolerance +
                      2 * roundingOf(shape.type) * std::abs(wanted.row(t)[c]));
}

//===-------------------------------- Bits --------------------------------===//

/// The last token of each sequence, alone in a batch of all of them.
std::vector<Sequence> lastTokens(const Context &context) {
  std::vector<Sequence> sequences;
  for (size_t b = 0; b < context.lengths.size(); ++b)
    sequences.push_back(
        {.past = context.lengths[b] - 1, .count = 1, .slot = int64_t(b)});
  return sequences;
}

const std::vector<int64_t> kLengths = {1, 2, 64, 65, 128, 129, 256, 400, 577};

void expectAllFormsAgree(const Shape &shape) {
  Context context(shape, kLengths);
  Step step = wholeStep(context);
  Append append(shape);
  append(context, step);
  Rows whole = Whole(shape, {.per = 16, .warps = 4})(context, step);

  // Decode: one token of each sequence, which its own kernel appends.
  Step last(context, lastTokens(context));
  auto forgetLast = [&] { // the rows behind the end are NaN again
    Bytes pool = context.makePool();
    std::swap(context.pool, pool);
    std::vector<Sequence> past = lastTokens(context);
    for (Sequence &sequence : past)
      sequence = {.count = sequence.past, .slot = sequence.slot};
    append(context, Step(context, past));
  };
  auto expectSame = [&](const Rows &out, const Step &of, const char *what) {
    for (size_t b = 0; b < of.batch.sequences.size(); ++b) {
      const Sequence &sequence = of.batch.sequences[b];
      for (int64_t i = 0; i < sequence.count; ++i)
        EXPECT_TRUE(sameRow(out, of.batch.first(b) + i, whole,
                            context.first[sequence.slot] + sequence.past + i))
            << what << ": token " << sequence.past + i << " of "
            << kLengths[sequence.slot];
    }
  };
  Bytes appended = context.pool.clone();
  expectSame(Whole(shape, {.per = 1, .warps = 1})(context, last), last,
             "a token alone");
  expectSame(Split(shape, {.shares = kSpans})(context, last), last,
             "a task for each span");
  expectSame(Split(shape, {.per = 4, .warps = 1, .shares = 2})(context, last),
             last, "two tasks for all spans");
  forgetLast();
  expectSame(Split(shape, {.shares = kSpans}, true)(context, last), last,
             "append and a task for each span");
  EXPECT_TRUE(context.pool == appended);
  forgetLast();
  expectSame(Whole(shape, {.warps = 2}, true)(context, last), last,
             "append and attend");
  EXPECT_TRUE(context.pool == appended);

  // A piece of a prompt, cut anywhere, beside another.
  Step piece(context, {{.past = 37, .count = 100, .slot = 7},
                       {.past = 576, .count = 1, .slot = 8}});
  expectSame(Whole(shape, {.per = 16, .warps = 4})(context, piece), piece,
             "a piece");
}

TEST(CudaAttention, AllFormsGiveTheSameBits) {
  expectAllFormsAgree(
      {.type = ElementType::BF16, .rotated = 8, .evenSpans = kSpans});
  expectAllFormsAgree(
      {.kvHeads = 1, .group = 3, .size = 20, .evenSpans = kSpans});
}
// 577 tokens are 4.5 spans of 128: the last one of partials has what is left.
TEST(CudaAttention, FixedSpansGiveTheSameBits) {
  expectAllFormsAgree({.rotated = 8, .spanTokens = 256});
}

//===----------------------------- The pages ------------------------------===//

/// The byte of a page where the image "gpu-1" has a channel; 128 bytes of a row
/// are a line, lines lie behind each other, and pieces of 16 bytes change
/// places by the number of the 128 bytes they are in.
int64_t imageByte(const Shape &shape, int64_t head, bool isValue, int64_t token,
                  int64_t channel) {
  int64_t size = ::mm1::sizeBytes(shape.type),
          row = plan::roundUp(shape.size, 32) * size,
          line = channel * size / 128,
          width = std::min<int64_t>(128, row - 128 * line),
          byte = line * 128 * shape.page + token * width + channel * size % 128;
  byte ^= byte / 128 % 8 * 16;
  return (2 * head + isValue) * shape.page * row + byte;
}

TEST(CudaAttention, PagesHaveTheImageGpu1) {
  // Of 128 channels in bf16 a row is two lines: piece 9 of token 5 is piece 1
  // of the second half, and lies where piece 4 would.
  EXPECT_EQ(
      imageByte({.type = ElementType::BF16, .size = 128}, 0, false, 5, 9 * 8),
      64 * 128 + 5 * 128 + 4 * 16);
  for (Shape shape : {Shape{.type = ElementType::BF16, .size = 128},
                      Shape{.type = ElementType::F32, .size = 128},
                      Shape{.type = ElementType::BF16, .size = 32},
                      Shape{.type = ElementType::BF16, .size = 80},
                      Shape{.type = ElementType::F32, .size = 20}}) {
    Context context(shape, {70});
    Append append(shape);
    append(context, wholeStep(context));
    int64_t size = ::mm1::sizeBytes(shape.type),
            pageBytes = context.pool.size() / context.numPages;
    for (int64_t t = 0; t < 70; ++t)
      for (int64_t head = 0; head < shape.kvHeads; ++head)
        for (int64_t c = 0; c < plan::roundUp(shape.size, 32); ++c)
          for (bool isValue : {false, true}) {
            const Rows &from = isValue ? context.v : context.k;
            int64_t page = int64_t(context.table.at(t / 64)),
                    byte = imageByte(shape, head, isValue, t % 64, c);
            ASSERT_EQ(getElement(context.pool.data(), shape.type,
                                 (page * pageBytes + byte) / size),
                      c < shape.size ? from.at(t, head * shape.size + c) : 0.0)
                << "token " << t << ", channel " << c;
          }
  }
}

//===-------------------------------- Non-finite ----------------------------===//

TEST(CudaAttention, NonFiniteTokensReachNoEarlierOneAndNoNeighbour) {
  Shape shape{.type = ElementType::BF16, .evenSpans = kSpans};
  Append append(shape);
  Whole whole(shape, {.per = 16});
  for (int64_t bad : {0, 63, 64, 130}) {
    Context context(shape, {150, 150});
    for (int64_t c = 0; c < shape.keyColumns(); ++c)
      context.v.set(bad, c, std::nan(""));
    Step step = wholeStep(context);
    append(context, step);
    Rows out = whole(context, step);
    for (int64_t t = 0; t < 300; ++t)
      for (int64_t c = 0; c < out.columns(); ++c)
        ASSERT_EQ(std::isfinite(out.at(t, c)), t < bad || t >= 150)
            << "token " << t << " behind " << bad;
  }
}

//===-------------------------------- Accesses -----------------------------===//

// Every barrier is needed, no row behind a sequence's end is read, and no access
// leaves its buffer.
TEST(CudaAttention, AccessesAreOrderedAndInBounds) {
  std::string lines;
  emulation::Shadow shadow(
      [&](const std::string &line) { lines += line + "\n"; });
  Shape shape{.type = ElementType::BF16,
              .group = 3,
              .size = 48,
              .rotated = 8,
              .evenSpans = kSpans};
  Context context(shape, {70, 301, 1});
  shadow.addBlock(context.pool.data(), context.pool.size(),
                  /*isWritten=*/false);
  std::vector<Sequence> past = lastTokens(context);
  for (Sequence &sequence : past)
    sequence = {.count = sequence.past, .slot = sequence.slot};
  Step prompt(context, past), last(context, lastTokens(context));
  Append(shape, {.warps = 8}, &shadow)(context, prompt);
  Whole(shape, {.per = 16, .warps = 8}, false, false, &shadow)(context, prompt);
  Split(shape, {.warps = 2, .shares = kSpans}, true, &shadow)(context, last);
  EXPECT_EQ(lines, "");
}

//===------------------------------ Refusals ------------------------------===//

TEST(CudaAttention, SaysWhatItCannotDo) {
  auto expectError = [](const std::string &text, const char *wanted) {
    std::string error = emitText(text).error;
    EXPECT_NE(error.find(wanted), std::string::npos) << error;
  };
  Shape shape;
  expectError(wholeText({.size = 1024}, {.warps = 16}),
              "16 want 69632 bytes of shared memory, and a block has 49152");
  expectError(wholeText({.type = ElementType::BF16, .page = 1}, {}),
              "expects pages whose keys are a multiple of 128 bytes");
  std::string text = mergeText(shape, {});
  text.replace(text.find("tasks = 4"), 9, "tasks = 3");
  expectError(text, "expects a schedule with one task for each query head");
}

} // namespace
} // namespace mlir::mm1::cuda::test::batched
