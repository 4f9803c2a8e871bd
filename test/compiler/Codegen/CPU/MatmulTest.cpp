//===- MatmulTest.cpp - linear and expert_linear kernels -----------------===//
// Every pair of activation and weight types, odd sizes, several weights,
// epilogues, experts without rows; each against plain loops in double
// precision, and against itself: the bits of a row must not depend on how many
// rows there are, nor on how the tasks are cut, nor on the blocks of the loops.
// What the loops read is counted, and held against the cost model.
//===---------------------------------------------------------------------===//
#include "passes/Fuse/Schedule.h"
#include "passes/Fuse/Target.h"
#include "test/compiler/Codegen/CPU/KernelHarness.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <list>
#include <map>

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;
using namespace mlir::mm1::cpu::test;

namespace plan = mlir::plan;

namespace {

std::string nameOf(ElementType type) {
  return type == ElementType::F32    ? "f32"
         : type == ElementType::BF16 ? "bf16"
         : type == ElementType::I8   ? "i8"
                                     : "i32";
}
std::string number(int64_t value) { return std::to_string(value); }

double silu(double x) { return x / (1 + std::exp(-x)); }

/// A matmul cluster to be written as text.
struct Problem {
  ElementType activation = ElementType::F32, weight = ElementType::F32;
  ElementType result = ElementType::F32;
  int64_t n = 64, k = 64, weights = 1, panels = 1, rows = 12;
  /// Of the schedule; 0: not named there.
  int64_t blockPanels = 0, blockDepth = 0, blockRows = 0;
  /// Columns that each weight has more than the one before it.
  int64_t widening = 0;
  /// 0: linear; else expert_linear.
  int64_t experts = 0, choices = 1;
  /// The pairs come expert by expert, as group_tokens lists them.
  bool grouped = true;
  bool inputPerPair = false;
  /// silu(y0) for one weight, silu(y0) * y1 for two.
  bool epilogue = false;

  int64_t depth() const { return weight == ElementType::F32 ? 1 : 2; }
  /// Products that no epilogue joins have panels of their own.
  int64_t tasks() const {
    int64_t all = 0;
    for (int64_t i = 0; i < results(); ++i)
      all += plan::ceilDiv(widthOf(i), 32);
    return plan::ceilDiv(all, panels);
  }
  int64_t widthOf(int64_t weight) const { return n + weight * widening; }
  bool hasScales() const { return weight == ElementType::I8; }
  int64_t results() const { return epilogue ? 1 : weights; }
  std::string blocks() const {
    std::string text;
    for (auto [name, value] : {std::pair("block_panels", blockPanels),
                               std::pair("block_depth", blockDepth),
                               std::pair("block_rows", blockRows)})
      if (value)
        text += std::string(", ") + name + " = " + number(value) + " : i64";
    return text;
  }

  std::string text() const {
    std::string e = experts ? number(experts) + "x" : "";
    std::string pairs = experts ? number(choices) + "x" : "";
    std::string x = "tensor<?x" + (inputPerPair ? pairs : "") + number(k) +
                    "x" + nameOf(activation) + ">";
    auto y = [&](int64_t i) {
      return "tensor<?x" + pairs + number(widthOf(i)) + "x" + nameOf(result) +
             ">";
    };
    // What the epilogue reads is not rounded.
    auto sum = [&](int64_t i) {
      return epilogue ? "tensor<?x" + pairs + number(widthOf(i)) + "xf32>"
                      : y(i);
    };
    auto w = [&](int64_t i) {
      return "tensor<" + e + number(widthOf(i)) + "x" + number(k) + "x" +
             nameOf(weight) +
             ", #mm1.tiled<panel = 32, depth = " + number(depth()) + ">>";
    };
    auto s = [&](int64_t i) {
      return "tensor<" + e + number(widthOf(i)) +
             "xf32, #mm1.padded<multiple = 32>>";
    };
    std::vector<std::pair<std::string, std::string>> args{{"x", x}};
    if (experts) {
      args.push_back({"ids", "tensor<?x" + number(choices) + "xi32>"});
      if (grouped) {
        args.push_back({"order", "tensor<?x" + number(choices) + "xi32>"});
        args.push_back({"offsets", "tensor<" + number(experts + 1) + "xi32>"});
      }
    }
    for (int64_t i = 0; i < weights; ++i)
      args.push_back({"w" + number(i), w(i)});
    for (int64_t i = 0; hasScales() && i < weights; ++i)
      args.push_back({"s" + number(i), s(i)});

    auto list = [&](auto make, auto &&range) {
      std::string joined;
      for (auto &entry : range)
        joined += (joined.empty() ? "" : ", ") + make(entry);
      return joined;
    };
    auto outer = [](auto &a) { return "%" + a.first + ": " + a.second; };
    auto inner = [](auto &a) { return "%b" + a.first + ": " + a.second; };
    auto types = [](auto &a) { return a.second; };
    auto names = [](auto &a) { return "%" + a.first; };
    auto counted = [&](std::string prefix, int64_t count) {
      std::string joined;
      for (int64_t i = 0; i < count; ++i)
        joined += (i ? ", " : "") + prefix + number(i);
      return joined;
    };
    auto results = [&](auto &&type, int64_t count) {
      std::string joined;
      for (int64_t i = 0; i < count; ++i)
        joined += (i ? ", " : "") + type(i);
      return "(" + joined + ")";
    };
    std::string op =
        experts ? "mm1.expert_linear %bx, %bids" : "mm1.linear %bx";
    if (experts && grouped)
      op += " grouped(%border, %boffsets)";
    std::string scales =
        hasScales() ? " scales(" + counted("%bs", weights) + ")" : "";
    std::string body = counted("%y", weights) + " = " + op + " weights(" +
                       counted("%bw", weights) + ")" + scales + " : (" +
                       list(types, args) + ") -> " + results(sum, weights) +
                       "\n";
    std::string yields = counted("%y", weights);
    if (epilogue && weights == 1) {
      body += "%a = mm1.silu %y0 : (" + sum(0) + ") -> " + y(0) + "\n";
      yields = "%a";
    } else if (epilogue) {
      body += "%a = mm1.silu %y0 : " + sum(0) + "\n";
      body += "%m = mm1.mul %a, %y1 : (" + sum(0) + ", " + sum(0) + ") -> " +
              y(0) + "\n";
      yields = "%m";
    }
    std::string kind = experts ? "grouped_matmul" : "matmul";
    std::string outputs = results(y, this->results());
    return "func.func @f(" + list(outer, args) + ") -> " + outputs + " {\n" +
           counted("%r", this->results()) + " = mm1.cluster " + kind + " (" +
           list(names, args) + ") schedule {tasks = " + number(tasks()) +
           " : i64, unit = \"one\", per = 1 : i64, panels = " + number(panels) +
           " : i64, rows = " + number(rows) + " : i64" + blocks() + "} : (" +
           list(types, args) + ") -> " + outputs + " {\n^bb0(" +
           list(inner, args) + "):\n" + body + "mm1.yield " + yields + " : " +
           outputs.substr(1, outputs.size() - 2) + "\n}\nreturn " +
           counted("%r", this->results()) + " : " +
           outputs.substr(1, outputs.size() - 2) + "\n}\n";
  }
};

/// Buffers of a problem for T tokens, its run and its check.
struct Trial {
  Trial(const Problem &p, int64_t tokens, int seed = 1)
      : p(p), tokens(tokens),
        x(p.activation, tokens * (p.inputPerPair ? p.choices : 1), p.k) {
    x.randomise(seed);
    int64_t experts = std::max<int64_t>(p.experts, 1);
    for (int64_t i = 0; i < p.weights; ++i) {
      weights.emplace_back(p.weight, experts, p.widthOf(i), p.k);
      weights.back().randomise(100 + i, 1 / std::sqrt(double(p.k)));
      scales.emplace_back(ElementType::F32, p.widthOf(i), experts);
      scales.back().randomise(200 + i, 0.01, 0.003);
    }
    for (int64_t i = 0; i < p.results(); ++i)
      results.emplace_back(p.result, tokens * pairsOfToken(), p.widthOf(i));
    if (p.experts)
      group();
  }

  int64_t pairsOfToken() const { return p.experts ? p.choices : 1; }

  /// Distinct experts for each token; expert 1 gets none when there are more
  /// than two.
  void group() {
    std::mt19937 generator(7);
    expertOf.assign(tokens * p.choices, 0);
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t j = 0; j < p.choices; ++j) {
        int64_t e = (generator() % p.experts + j) % p.experts;
        expertOf[t * p.choices + j] = p.experts > 2 && e == 1 ? 0 : e;
      }
    std::vector<int32_t> sorted, starts{0};
    for (int64_t e = 0; e < p.experts; ++e) {
      for (size_t r = 0; r < expertOf.size(); ++r)
        if (expertOf[r] == e)
          sorted.push_back(r);
      starts.push_back(sorted.size());
    }
    ids = std::make_unique<Vectors>(expertOf);
    order = std::make_unique<Vectors>(sorted);
    offsets = std::make_unique<Vectors>(starts);
  }

  void execute(const CompiledKernel &kernel, int64_t calls) {
    std::vector<void *> buffers{x.data()};
    if (p.experts) {
      buffers.push_back(ids->data());
      if (p.grouped) {
        buffers.push_back(order->data());
        buffers.push_back(offsets->data());
      }
    }
    for (Panels &weight : weights)
      buffers.push_back(weight.data());
    if (p.hasScales())
      for (Vectors &scale : scales)
        buffers.push_back(scale.data());
    for (Rows &result : results)
      buffers.push_back(result.data());
    kernel.run(buffers, {.tokens = tokens}, calls);
  }

  double sum(int64_t weight, int64_t pair, int64_t o) const {
    int64_t e = p.experts ? expertOf[pair] : 0;
    int64_t row = p.inputPerPair ? pair : pair / pairsOfToken();
    double total = 0;
    for (int64_t i = 0; i < p.k; ++i)
      total += x.at(row, i) * weights[weight].at(e, o, i);
    return p.hasScales() ? total * scales[weight].at(o, e) : total;
  }

  void check() const {
    // Sums of K products of random sign: the error of a chain of f32 sums
    // grows with sqrt(K), relative to the size of the terms. bf16 results
    // round once: 2^-9.
    double relative = p.result == ElementType::BF16 ? 4e-3 : 2e-6;
    double size = p.hasScales() ? 127 * 0.02 : 1 / std::sqrt(double(p.k));
    double absolute = 4e-7 * size * p.k;
    for (int64_t pair = 0; pair < tokens * pairsOfToken(); ++pair)
      for (int64_t i = 0; i < p.results(); ++i)
        for (int64_t o = 0; o < p.widthOf(i); ++o) {
          double wanted = sum(i, pair, o);
          if (p.epilogue)
            wanted = silu(wanted) * (p.weights == 2 ? sum(1, pair, o) : 1);
          ASSERT_TRUE(isClose(results[i].at(pair, o), wanted,
                              relative * (p.epilogue ? 2 : 1),
                              absolute * (p.epilogue ? 10 : 1)))
              << "result " << i << " pair " << pair << " column " << o << "\n"
              << p.text();
        }
    for (const Rows &result : results) {
      ASSERT_TRUE(result.paddingIsZero());
      ASSERT_TRUE(result.bytes.guardIsIntact());
    }
  }

  Problem p;
  int64_t tokens;
  Rows x;
  std::vector<Panels> weights;
  std::vector<Vectors> scales;
  std::vector<Rows> results;
  std::vector<int32_t> expertOf;
  std::unique_ptr<Vectors> ids, order, offsets;
};

/// Checks values for several T, with the tasks cut differently each time.
void expectRight(const Problem &p, std::vector<int64_t> tokens) {
  for (const CPUTarget *target : targetsHere()) {
    SCOPED_TRACE(target->name.str());
    auto kernel = CompiledKernel::compile(p.text(), *target);
    ASSERT_TRUE(kernel);
    for (int64_t count : tokens) {
      Trial run(p, count);
      run.execute(*kernel, 1 + count % 3);
      run.check();
      if (::testing::Test::HasFatalFailure())
        return;
    }
  }
}

TEST(Matmul, AllTypesAndOddSizes) {
  for (ElementType activation : {ElementType::F32, ElementType::BF16})
    for (ElementType weight :
         {ElementType::F32, ElementType::BF16, ElementType::I8})
      for (auto [n, k] : {std::pair<int64_t, int64_t>{33, 13}, {80, 130}})
        expectRight({.activation = activation,
                     .weight = weight,
                     .result = activation,
                     .n = n,
                     .k = k},
                    {1, 2, 5, 12, 13, 33});
}

TEST(Matmul, SmallestSizes) {
  for (ElementType weight :
       {ElementType::F32, ElementType::BF16, ElementType::I8})
    for (int64_t size : {1, 2, 5})
      expectRight({.activation = ElementType::BF16,
                   .weight = weight,
                   .n = size,
                   .k = size},
                  {1, 3});
}

TEST(Matmul, SeveralWeightsAndEpilogue) {
  for (ElementType weight : {ElementType::BF16, ElementType::I8}) {
    expectRight({.activation = ElementType::BF16,
                 .weight = weight,
                 .result = ElementType::BF16,
                 .n = 96,
                 .k = 64,
                 .weights = 3,
                 .panels = 2},
                {1, 14});
    expectRight({.activation = ElementType::F32,
                 .weight = weight,
                 .n = 96,
                 .k = 40,
                 .weights = 2,
                 .epilogue = true},
                {1, 14});
  }
}

TEST(Matmul, WeightsOfDifferentWidths) {
  for (ElementType weight :
       {ElementType::F32, ElementType::BF16, ElementType::I8})
    for (int64_t panels : {1, 3})
      expectRight({.activation = ElementType::BF16,
                   .weight = weight,
                   .result = ElementType::BF16,
                   .n = 40,
                   .k = 48,
                   .weights = 3,
                   .panels = panels,
                   .widening = 30},
                  {1, 2, 14});
}

TEST(GroupedMatmul, ExpertsWithAndWithoutRows) {
  for (ElementType weight :
       {ElementType::F32, ElementType::BF16, ElementType::I8})
    for (bool perPair : {false, true})
      for (bool grouped : {false, true})
        expectRight({.activation = ElementType::BF16,
                     .weight = weight,
                     .result = ElementType::BF16,
                     .n = 70,
                     .k = 48,
                     .weights = 2,
                     .panels = 2,
                     .experts = 4,
                     .choices = 2,
                     .grouped = grouped,
                     .inputPerPair = perPair,
                     .epilogue = true},
                    {1, 2, 5, 33});
}

/// Which pairs share a pass over an expert's weights changes no bit.
TEST(GroupedMatmul, GroupingChangesNoBit) {
  for (const CPUTarget *target : targetsHere()) {
    Problem grouped{.activation = ElementType::BF16,
                    .weight = ElementType::I8,
                    .result = ElementType::F32,
                    .n = 70,
                    .k = 48,
                    .experts = 4,
                    .choices = 2};
    Problem alone = grouped;
    alone.grouped = false;
    auto first = CompiledKernel::compile(grouped.text(), *target);
    auto second = CompiledKernel::compile(alone.text(), *target);
    ASSERT_TRUE(first && second);
    Trial a(grouped, 33), b(alone, 33);
    a.execute(*first, 1);
    b.execute(*second, 2);
    EXPECT_TRUE(a.results[0].bytes == b.results[0].bytes) << target->name.str();
  }
}

/// Row r of T rows has the bits that it has alone.
TEST(Matmul, BitsDoNotDependOnRowsOrTasks) {
  for (const CPUTarget *target : targetsHere())
    for (ElementType activation : {ElementType::F32, ElementType::BF16})
      for (ElementType weight :
           {ElementType::F32, ElementType::BF16, ElementType::I8}) {
        Problem p{.activation = activation,
                  .weight = weight,
                  .n = 100,
                  .k = 301,
                  .epilogue = true};
        auto kernel = CompiledKernel::compile(p.text(), *target);
        ASSERT_TRUE(kernel);
        Trial all(p, 31), cut(p, 31);
        all.execute(*kernel, 1);
        cut.execute(*kernel, 4);
        ASSERT_TRUE(all.results[0].bytes == cut.results[0].bytes);
        for (int64_t r : {0, 11, 12, 23, 24, 30}) {
          Trial one(p, 1);
          for (int64_t c = 0; c < p.k; ++c)
            one.x.set(0, c, all.x.at(r, c));
          one.execute(*kernel, 1);
          for (int64_t c = 0; c < p.n; ++c)
            ASSERT_EQ(one.results[0].at(0, c), all.results[0].at(r, c))
                << target->name.str() << " row " << r << " column " << c;
        }
      }
}

/// Scales whose rows are longer than panels would be read at the wrong places.
TEST(GroupedMatmul, RefusesScalesInOtherRows) {
  Problem p{.activation = ElementType::BF16,
            .weight = ElementType::I8,
            .n = 33,
            .experts = 2};
  for (auto [encoding, isRight] :
       {std::pair<std::string, bool>{"#mm1.padded<multiple = 32>", true},
        {"#mm1.padded<multiple = 64>", true},
        {"#mm1.padded<multiple = 128>", false},
        {"#mm1.padded<multiple = 1>", false}}) {
    std::string text = p.text(), old = "#mm1.padded<multiple = 32>";
    for (size_t at = 0; (at = text.find(old, at)) != std::string::npos;
         at += encoding.size())
      text.replace(at, old.size(), encoding);
    std::string message = emitterMessage(text);
    if (isRight)
      EXPECT_EQ(message, "") << encoding;
    else
      EXPECT_NE(message.find("expects scales in rows of 64 columns"),
                std::string::npos)
          << encoding << ": " << message;
  }
}

/// Sums that rest between blocks of k, and rows that pass by several panels at
/// once, are the same chains of sums as those of whole panels.
TEST(Matmul, BlocksChangeNoBit) {
  for (const CPUTarget *target : targetsHere())
    for (auto [activation, weight] :
         {std::pair(ElementType::F32, ElementType::F32),
          std::pair(ElementType::F32, ElementType::BF16),
          std::pair(ElementType::BF16, ElementType::BF16),
          std::pair(ElementType::BF16, ElementType::I8)})
      for (bool isGrouped : {false, true}) {
        Problem whole{.activation = activation,
                      .weight = weight,
                      .result = activation,
                      .n = 150,
                      .k = 301,
                      .weights = 2,
                      .panels = 3,
                      .widening = isGrouped ? 0 : 70,
                      .experts = isGrouped ? 3 : 0,
                      .choices = 2,
                      .epilogue = isGrouped};
        auto one = CompiledKernel::compile(whole.text(), *target);
        ASSERT_TRUE(one);
        Problem together = whole, cut = whole;
        together.blockPanels = cut.blockPanels = 3;
        cut.blockDepth = 64; // and 45 in the last of five
        cut.blockRows = 24;
        for (const Problem &blocked : {together, cut}) {
          auto other = CompiledKernel::compile(blocked.text(), *target);
          ASSERT_TRUE(other);
          for (int64_t tokens : {1, 6, 12, 13, 25, 61}) {
            Trial a(whole, tokens), b(blocked, tokens);
            a.execute(*one, 1);
            b.execute(*other, 2);
            for (int64_t i = 0; i < whole.results(); ++i)
              ASSERT_TRUE(a.results[i].bytes == b.results[i].bytes)
                  << target->name.str() << ", " << tokens << " tokens\n"
                  << blocked.text();
          }
        }
      }
}

TEST(Matmul, RefusesBlocksThatDoNotFit) {
  struct {
    int64_t panels, depth, rows;
    bool isRight;
  } cases[] = {{2, 0, 0, true},    {2, 64, 24, true}, {1, 100, 12, true},
               {3, 0, 0, false},   {2, 64, 0, false}, {2, 65, 24, false},
               {2, 128, 24, false}};
  for (auto [panels, depth, rows, isRight] : cases) {
    std::string message = emitterMessage(Problem{.n = 96,
                                                 .k = 100,
                                                 .panels = 2,
                                                 .blockPanels = panels,
                                                 .blockDepth = depth,
                                                 .blockRows = rows}
                                             .text());
    if (isRight)
      EXPECT_EQ(message, "");
    else
      EXPECT_NE(message.find("at most 2 'block_panels', and all 100 k or a "
                             "multiple of 32 in 'block_depth', with "
                             "'block_rows'"),
                std::string::npos)
          << message;
  }
}

//===---------------------- What the loops read ----------------------===//

/// A cache that holds the most recently used stretches of memory.
class CacheModel {
public:
  explicit CacheModel(int64_t bytes) : bytesLeft(bytes) {}

  /// True when the stretch was there.
  bool use(const void *address, int64_t bytes) {
    auto [entry, isNew] = places.try_emplace(address);
    if (!isNew)
      order.erase(entry->second);
    else
      bytesLeft -= bytes;
    order.push_front({address, bytes});
    entry->second = order.begin();
    for (; bytesLeft < 0; order.pop_back()) {
      bytesLeft += order.back().second;
      places.erase(order.back().first);
    }
    return !isNew;
  }

private:
  using Order = std::list<std::pair<const void *, int64_t>>;
  int64_t bytesLeft;
  Order order;
  std::map<const void *, Order::iterator> places;
};

/// Stands in for the loops of bf16 x bf16 and one panel, and counts bytes of
/// activations that come from outside of the cache.
struct Counter {
  CacheModel cache;
  int64_t activationBytes = 0;

  static void multiply(Counter *self, const uint8_t **rows, int64_t count,
                       int64_t steps, const uint8_t *panel,
                       const uint8_t *sums) {
    for (int64_t r = 0; r < count; ++r)
      if (!self->cache.use(rows[r], steps * 4))
        self->activationBytes += steps * 4;
    self->cache.use(panel, steps * 128);
    self->cache.use(sums, count * 128);
  }

  /// Has a kernel call `multiply` instead of the loops.
  void replaceLoops(ModuleOp kernels) {
    auto loops = kernels.lookupSymbol<func::FuncOp>("multiply_bf16_bf16_1");
    ASSERT_TRUE(loops);
    Block &body = loops.getBody().front();
    while (!body.empty())
      body.back().erase();
    ImplicitLocOpBuilder b(loops.getLoc(), loops.getContext());
    b.setInsertionPointToEnd(&body);
    auto pointer = LLVM::LLVMPointerType::get(b.getContext());
    auto constant = [&](auto *address) -> Value {
      Value number = LLVM::ConstantOp::create(
          b, b.getI64Type(),
          b.getI64IntegerAttr(reinterpret_cast<intptr_t>(address)));
      return LLVM::IntToPtrOp::create(b, pointer, number);
    };
    SmallVector<Value> arguments{constant(&multiply), constant(this)};
    for (Value argument : body.getArguments())
      arguments.push_back(
          argument.getType().isIndex()
              ? Value(arith::IndexCastOp::create(b, b.getI64Type(), argument))
              : argument);
    SmallVector<Type> types(ValueRange(arguments).drop_front().getTypes());
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(b.getContext()), types);
    LLVM::CallOp::create(b, type, arguments);
    func::ReturnOp::create(b);
  }
};

/// A task reads as many bytes of activations as its schedule was chosen for.
TEST(MatmulNest, ReadsWhatTheModelCharges) {
  const CPUTarget *target = findCPUTarget("x86-64-v4-bf16");
  if (!runsHere(*target))
    GTEST_SKIP() << "needs bf16 products";
  static constexpr int64_t workers[] = {1, 8};
  // The cpu's model with caches so small that all cases are met.
  mlir::mm1::TargetFacts facts = mlir::mm1::findTarget("cpu")->facts();
  facts.workers = workers;
  facts.streamBytes = facts.residentBytes = 64 << 10;
  facts.tileRowBytes = 256;
  facts.restingBytes = 16 << 10;
  facts.minTasks = 1;
  facts.manyTokens = 240;
  // Rows stay in the cache, all and cut in two; do not, whole and cut.
  int64_t numNests = 0;
  for (auto [k, tokens] : {std::pair<int64_t, int64_t>{64, 240},
                           {192, 61},
                           {128, 480},
                           {480, 240},
                           {1024, 239}}) {
    facts.manyTokens = tokens;
    MatmulShape shape{.columns = 256,
                      .depth = k,
                      .weights = 1,
                      .experts = 1,
                      .choices = 1,
                      .elementBytes = 2,
                      .inputBytes = 2};
    for (const NestChoice &choice : rankNests(facts, shape, true)) {
      const MatmulNest &nest = choice.nest;
      Problem p{.activation = ElementType::BF16,
                .weight = ElementType::BF16,
                .n = 32 * nest.panels,
                .k = k,
                .panels = nest.panels,
                .rows = nest.tileRows,
                .blockPanels = nest.blockPanels,
                .blockDepth = nest.blockDepth,
                .blockRows = nest.blockRows};
      // Weights, sums, and a tile of rows that comes and one that goes.
      Counter counter{CacheModel(facts.residentBytes + facts.restingBytes +
                                 2 * 12 * facts.tileRowBytes)};
      auto kernel = CompiledKernel::compile(
          p.text(), *target, [&](ModuleOp m) { counter.replaceLoops(m); });
      ASSERT_TRUE(kernel);
      Trial trial(p, tokens);
      trial.execute(*kernel, 1);
      EXPECT_EQ(counter.activationBytes,
                activationBytes(facts, shape, nest, tokens))
          << p.text();
      ++numNests;
    }
  }
  EXPECT_GT(numNests, 20);
}

/// Kernels of any sizes call the same loops, which are compiled once.
TEST(Matmul, KernelsOfAModuleShareTheirLoops) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadKernelDialects(context);
  OwningOpRef<ModuleOp> out = ModuleOp::create(UnknownLoc::get(&context));
  auto emit = [&](const Problem &p, StringRef symbol) {
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>(p.text(), &context);
    ASSERT_TRUE(module);
    module->walk([&](ClusterOp cluster) {
      EXPECT_TRUE(
          succeeded(emitKernel(cluster, symbol, *targetsHere().front(), *out)));
    });
  };
  auto functions = [&] {
    return std::distance(out->getOps<func::FuncOp>().begin(),
                         out->getOps<func::FuncOp>().end());
  };
  emit({.n = 64, .k = 32}, "a");
  EXPECT_EQ(functions(), 2);
  emit({.n = 96, .k = 48, .experts = 2, .choices = 2}, "b");
  EXPECT_EQ(functions(), 3);
  // Two products at once are another loop.
  emit({.weights = 2, .epilogue = true}, "c");
  EXPECT_EQ(functions(), 5);
}

/// What is fused is what runs: another region gives another result.
TEST(Matmul, RegionDecides) {
  Problem plain{.n = 32, .k = 32}, gated = plain;
  gated.epilogue = true;
  const CPUTarget &target = *targetsHere().front();
  auto first = CompiledKernel::compile(plain.text(), target);
  auto second = CompiledKernel::compile(gated.text(), target);
  ASSERT_TRUE(first && second);
  Trial a(plain, 2), b(gated, 2);
  a.execute(*first, 1);
  b.execute(*second, 1);
  EXPECT_FALSE(a.results[0].bytes == b.results[0].bytes);
}

} // namespace
