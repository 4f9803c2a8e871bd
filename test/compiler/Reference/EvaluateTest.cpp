//===- EvaluateTest.cpp - Batches, clusters, recipes, bad input, spans ---===//
#include "Goldens.h"
#include "passes/Passes.h"
#include "passes/Pipeline.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

Tensor vectorOf(std::vector<double> values) {
  auto size = static_cast<int64_t>(values.size());
  return Tensor({size}, std::move(values));
}

//===-------------------------------- Clusters ----------------------------===//

/// Puts `op` into a cluster of its own.
void wrap(Operation *op) {
  OpBuilder builder(op);
  SmallVector<Value> inputs(op->getOperands());
  auto cluster =
      ClusterOp::create(builder, op->getLoc(), op->getResultTypes(),
                        ClusterOp::kindsOf(op), inputs, DictionaryAttr());
  Block &block = cluster.getBody().emplaceBlock();
  IRMapping map;
  for (Value input : inputs)
    block.addArgument(input.getType(), op->getLoc());
  builder.setInsertionPointToStart(&block);
  Operation *inside = builder.clone(*op);
  inside->setOperands(block.getArguments());
  YieldOp::create(builder, op->getLoc(), inside->getResults());
  op->replaceAllUsesWith(cluster.getResults());
  op->erase();
}

TEST(Evaluate, ClustersChangeNothing) {
  Golden golden("c-shared-width");
  Tensor plain = prefillLogits(*golden.module, golden.weights, golden.ids(2));
  SmallVector<Operation *> ops;
  golden.module->walk([&](Operation *op) {
    if (isa<AnchorOpInterface, ScalarBodyOpInterface>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops)
    wrap(op);
  ASSERT_GT(ops.size(), 100u);
  ASSERT_TRUE(succeeded(verify(*golden.module)));
  Tensor clustered =
      prefillLogits(*golden.module, golden.weights, golden.ids(2));
  EXPECT_EQ(plain.values, clustered.values);
}

/// The same module taken to `stage` by the compiler's own passes.
std::vector<double> logitsAt(Stage stage, const std::string &name,
                             const std::string &scheme) {
  Golden golden(name);
  PassManager passes(&golden.context);
  PipelineOptions options;
  options.scheme = scheme;
  buildPipeline(passes, options, stage);
  EXPECT_TRUE(succeeded(passes.run(*golden.module)));
  bool hasClusters = false;
  golden.module->walk([&](ClusterOp) { hasClusters = true; });
  EXPECT_EQ(hasClusters, stage == Stage::Fused);
  return prefillLogits(*golden.module, golden.weights, golden.ids(2)).values;
}

TEST(Evaluate, FusedModulesMeanTheSame) {
  for (std::string name : {"base", "c-shared-width", "b-dense", "e-six-heads"})
    for (std::string scheme : {"none", "int8-experts"}) {
      SCOPED_TRACE(name + " " + scheme);
      EXPECT_EQ(logitsAt(Stage::Quantized, name, scheme),
                logitsAt(Stage::Fused, name, scheme));
    }
}

//===------------------------------ Ragged batches ------------------------===//

/// Two sequences and an empty one between them in one batch, with slots and
/// pages in no order, then each continued by another batch: the same rows as
/// each alone.
TEST(Evaluate, SequencesOfABatchDoNotMeet) {
  Golden golden("base");
  std::vector<int32_t> ids = golden.ids(4); // 257 tokens
  ArrayRef<int32_t> a = ArrayRef(ids).take_front(100);
  ArrayRef<int32_t> b = ArrayRef(ids).drop_front(100).take_front(70);
  auto hiddenOf = [&](ArrayRef<int32_t> sequence) {
    ReferenceSession session(*golden.module, golden.weights, sequence.size());
    return session.append("prefill", sequence)->lookup("hidden").values;
  };
  std::vector<double> wantedA = hiddenOf(a), wantedB = hiddenOf(b);

  StateStore states = StateStore::zero(*golden.module, /*slots=*/4,
                                       /*pages=*/6);
  Tensor slots = vectorOf({3, 1, 0});
  // By slot: the first sequence has pages 5 and 1, the last 0 and 3.
  Tensor pages({4, 2}, {0, 3, -1, -1, -1, -1, 5, 1});
  auto run = [&](ArrayRef<int32_t> pieceA, int64_t fromA,
                 ArrayRef<int32_t> pieceB, int64_t fromB) {
    std::vector<double> tokens, positions;
    for (auto [piece, from] :
         {std::pair(pieceA, fromA), std::pair(pieceB, fromB)})
      for (auto [i, id] : llvm::enumerate(piece)) {
        tokens.push_back(id);
        positions.push_back(from + static_cast<double>(i));
      }
    double endA = pieceA.size(), end = tokens.size();
    auto results =
        evaluate(golden.module->lookupSymbol<func::FuncOp>("prefill"),
                 {vectorOf(tokens), vectorOf(positions),
                  vectorOf({0, endA, endA, end}), slots, pages},
                 golden.weights, states);
    EXPECT_TRUE(succeeded(results));
    return results->front();
  };
  Tensor first = run(a.take_front(41), 0, b.take_front(66), 0);
  Tensor second = run(a.drop_front(41), 41, b.drop_front(66), 66);
  std::vector<double> gotA(first.row(0), first.row(41));
  gotA.insert(gotA.end(), second.row(0), second.row(59));
  std::vector<double> gotB(first.row(41), first.row(107));
  gotB.insert(gotB.end(), second.row(59), second.row(63));
  EXPECT_LE(relativeError(gotA, wantedA), 1e-12);
  EXPECT_LE(relativeError(gotB, wantedB), 1e-12);
}

TEST(Evaluate, PositionZeroForgetsWhatTheSlotHeld) {
  Golden golden("base");
  std::vector<int32_t> ids = golden.ids(2);
  StateStore states = StateStore::zero(*golden.module, 1, 1);
  auto run = [&] {
    double count = ids.size();
    Tensor positions({static_cast<int64_t>(ids.size())});
    std::iota(positions.values.begin(), positions.values.end(), 0);
    return evaluate(golden.module->lookupSymbol<func::FuncOp>("prefill"),
                    {vectorOf({ids.begin(), ids.end()}), positions,
                     vectorOf({0, count}), vectorOf({0}), Tensor({1, 1})},
                    golden.weights, states)
        ->front()
        .values;
  };
  std::vector<double> once = run();
  EXPECT_EQ(once, run());
}

//===-------------------------------- Recipes -----------------------------===//

/// Weights by name, for modules written here.
struct FewWeights : WeightSource {
  FailureOr<Tensor> load(WeightOp weight) override {
    return tensors.at(weight.getSymName().str());
  }
  std::map<std::string, Tensor> tensors;
};

/// Loads weight @w of recipe text `recipe` from the checkpoint "base".
FailureOr<Tensor> loadRecipe(Golden &golden, const std::string &type,
                             const std::string &recipe) {
  golden.context.loadDialect<MM1Dialect>();
  auto module = parseSourceString<ModuleOp>(
      "mm1.weight @w : " + type + " = " + recipe, &golden.context);
  if (!module)
    return failure();
  return golden.weights.load(module->lookupSymbol<WeightOp>("w"));
}

const std::string kK =
    R"(#mm1.source<"model.layers.3.self_attn.k_proj.weight" : tensor<32x32xbf16>>)";
const std::string kV =
    R"(#mm1.source<"model.layers.3.self_attn.v_proj.weight" : tensor<32x32xbf16>>)";

TEST(CheckpointWeights, StepsOfARecipe) {
  Golden golden("base");
  auto load = [&](const std::string &type, const std::string &sources,
                  const std::string &steps) {
    auto tensor = loadRecipe(golden, type,
                             "#mm1.recipe<sources = [" + sources +
                                 "], steps = [" + steps + "]>");
    EXPECT_TRUE(succeeded(tensor)) << steps;
    return *tensor;
  };
  Tensor k = load("tensor<32x32xbf16>", kK, "");
  Tensor v = load("tensor<32x32xbf16>", kV, "");
  ASSERT_NE(k.values, v.values);

  Tensor stacked = load("tensor<2x32x32xbf16>", kK + ", " + kV, "#mm1.stack");
  EXPECT_EQ(stacked.shape, (std::vector<int64_t>{2, 32, 32}));
  EXPECT_EQ(stacked[5], k[5]);
  EXPECT_EQ(stacked[1024 + 5], v[5]);

  Tensor columns =
      load("tensor<32x64xbf16>", kK + ", " + kV, "#mm1.concat<axis = 1>");
  EXPECT_EQ(columns.row(3)[7], k.row(3)[7]);
  EXPECT_EQ(columns.row(3)[32 + 7], v.row(3)[7]);

  Tensor part = load("tensor<32x8xbf16>", kK,
                     "#mm1.slice<axis = 1, offset = 16, size = 8>");
  EXPECT_EQ(part.row(9)[2], k.row(9)[18]);

  Tensor tiled = load("tensor<32x32xbf16, #mm1.tiled<panel = 16, depth = 2>>",
                      kK, "#mm1.tile<panel = 16, depth = 2>");
  EXPECT_EQ(tiled.values, k.values);
  // The + 128 of fragment order is the bytes', not the numbers'.
  Tensor fragments = load(
      "tensor<32x32xi8, #mm1.swizzled<rows = 64, order = fragment>>", kK,
      "#mm1.quantize<int8_rows>, #mm1.swizzle<rows = 64, order = fragment>");
  EXPECT_EQ(fragments.values,
            load("tensor<32x32xi8>", kK, "#mm1.quantize<int8_rows>").values);

  Tensor scales = load("tensor<32xf32>", kK, "#mm1.quantize_scales<int8_rows>");
  Tensor integers = load("tensor<32x32xi8>", kK, "#mm1.quantize<int8_rows>");
  for (int64_t r = 0; r < 32; ++r) {
    double largest = 0, largestInteger = 0;
    for (int64_t i = 0; i < 32; ++i) {
      largest = std::max(largest, std::fabs(k.row(r)[i]));
      largestInteger = std::max(largestInteger, std::fabs(integers.row(r)[i]));
      EXPECT_NEAR(integers.row(r)[i] * scales[r], k.row(r)[i],
                  0.5001 * scales[r]);
    }
    EXPECT_EQ(largestInteger, 127);
    EXPECT_EQ(scales[r], static_cast<float>(largest) / 127.0f);
  }
}

TEST(CheckpointWeights, CastRoundsToNearestEven) {
  Golden golden("base");
  const std::string gate =
      R"(#mm1.source<"model.layers.0.block_sparse_moe.gate.weight" : tensor<4x32xf32>>)";
  auto stored = loadRecipe(golden, "tensor<4x32xf32>",
                           "#mm1.recipe<sources = [" + gate + "], steps = []>");
  auto rounded = loadRecipe(golden, "tensor<4x32xbf16>",
                            "#mm1.recipe<sources = [" + gate +
                                "], steps = [#mm1.cast<bf16>]>");
  ASSERT_TRUE(succeeded(stored) && succeeded(rounded));
  EXPECT_NE(stored->values, rounded->values);
  for (auto [exact, near] : llvm::zip(stored->values, rounded->values))
    EXPECT_EQ(near, ::mm1::bf16ToFloat(
                        ::mm1::floatToBf16(static_cast<float>(exact))));
}

//===---------------------------- Choosing tokens -------------------------===//

const std::string kCandidates = R"(
  func.func @f(%l: tensor<?x5xf32>, %m: tensor<1xi32>, %c: tensor<?xi32>, %t: tensor<?xf32>)
      -> (tensor<?x3xf32>, tensor<?x3xi32>, tensor<?x2xf32>) {
    %v, %i, %s = mm1.top_candidates %l, %m, %c, %t k = 3
        : (tensor<?x5xf32>, tensor<1xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x3xf32>, tensor<?x3xi32>, tensor<?x2xf32>)
    return %v, %i, %s : tensor<?x3xf32>, tensor<?x3xi32>, tensor<?x2xf32>
  })";

TEST(Evaluate, TopCandidates) {
  MLIRContext context;
  context.loadDialect<MM1Dialect, func::FuncDialect>();
  auto module = parseSourceString<ModuleOp>(kCandidates, &context);
  FewWeights weights;
  StateStore states;
  const double inf = std::numeric_limits<double>::infinity(),
               nan = std::nan("");
  auto run = [&](std::vector<double> row, double mask, double count) {
    auto results = evaluate(module->lookupSymbol<func::FuncOp>("f"),
                            {Tensor({1, 5}, row), vectorOf({mask}),
                             vectorOf({count}), vectorOf({0.5})},
                            weights, states);
    EXPECT_TRUE(succeeded(results));
    return std::move(*results);
  };
  // Id 1 does not count (mask 0b11101); of the two fours the lower id is first.
  auto found = run({1, 9, 4, 2, 4}, 29, 3);
  EXPECT_EQ(found[0].values, (std::vector<double>{4, 4, 2}));
  EXPECT_EQ(found[1].values, (std::vector<double>{2, 4, 3}));
  EXPECT_EQ(found[2][0], 4);
  EXPECT_DOUBLE_EQ(found[2][1], 2 + std::exp(-1.0) + std::exp(-1.5));
  // One candidate: no sum.
  found = run({1, 9, 4, 2, 4}, 29, 1);
  EXPECT_EQ(found[0].values, (std::vector<double>{4, 0, 0}));
  EXPECT_EQ(found[1].values, (std::vector<double>{2, -1, -1}));
  EXPECT_EQ(found[2].values, (std::vector<double>{4, 0}));
  // Fewer ids than were asked for, NaN behind -inf, and in the sum.
  found = run({nan, 9, 9, 9, -inf}, 17, 3);
  EXPECT_EQ(found[1].values, (std::vector<double>{4, 0, -1}));
  EXPECT_TRUE(std::isnan(found[2][1]));
  EXPECT_TRUE(std::isnan(run({1, nan, 0, 0, 0}, 3, 1)[2][1]));
  EXPECT_EQ(run({1, nan, 0, 0, 0}, 1, 1)[2][1], 0);
  // No id counts.
  found = run({1, 2, 3, 4, 5}, 0, 2);
  EXPECT_EQ(found[1].values, (std::vector<double>{-1, -1, -1}));
  EXPECT_EQ(found[2].values, (std::vector<double>{-inf, 0}));
}

//===------------------------------- Bad input ----------------------------===//

/// Evaluates the only function of `text` and returns the first diagnostic.
std::string messageOf(const std::string &text, ArrayRef<Tensor> inputs,
                      int64_t slots = 1, int64_t pages = 1) {
  MLIRContext context;
  context.loadDialect<MM1Dialect, func::FuncDialect>();
  auto module = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(module);
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  FewWeights weights;
  StateStore states = StateStore::zero(*module, slots, pages);
  auto func = *module->getOps<func::FuncOp>().begin();
  auto results = evaluate(func, inputs, weights, states);
  EXPECT_TRUE(failed(results) || message.empty());
  return message;
}

const std::string kEmbedding = R"(
  func.func @f(%t: tensor<?xi32>, %w: tensor<4x2xf32>) -> tensor<?x2xf32> {
    %x = mm1.embedding %t, %w : (tensor<?xi32>, tensor<4x2xf32>) -> tensor<?x2xf32>
    return %x : tensor<?x2xf32>
  })";

TEST(EvaluateBadInput, Function) {
  EXPECT_EQ(messageOf(kEmbedding, {vectorOf({3}), Tensor({4, 2})}), "");
  EXPECT_EQ(messageOf(kEmbedding, {vectorOf({3})}),
            "'f' takes 2 inputs, found 1");
  EXPECT_EQ(messageOf(kEmbedding, {vectorOf({3}), Tensor({4, 3})}),
            "'f' takes 'tensor<4x2xf32>' as input 1, found [4, 3]");
}

TEST(EvaluateBadInput, Indices) {
  EXPECT_EQ(messageOf(kEmbedding, {vectorOf({0, 4}), Tensor({4, 2})}),
            "'mm1.embedding' op expects 'tokens' in 0..3, found 4");
  EXPECT_EQ(messageOf(kEmbedding, {vectorOf({-1}), Tensor({4, 2})}),
            "'mm1.embedding' op expects 'tokens' in 0..3, found -1");
}

TEST(EvaluateBadInput, Rows) {
  EXPECT_EQ(messageOf(R"(
    func.func @f(%a: tensor<?x2xf32>, %b: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %x = mm1.mul %a, %b : tensor<?x2xf32>
      return %x : tensor<?x2xf32>
    })",
                      {Tensor({3, 2}), Tensor({2, 2})}),
            "'mm1.mul' op expects values of one shape, found [3, 2] and "
            "[2, 2]");
}

const std::string kLightning = R"(
  mm1.state recurrent @s : tensor<?x1x2x2xf32>
  func.func @f(%qkv: tensor<?x6xf32>, %slopes: tensor<1xf32>, %slots: tensor<?xi32>,
               %starts: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x2xf32> {
    %s = mm1.load_state @s : tensor<?x1x2x2xf32>
    %o, %n = mm1.lightning_attention %qkv, %slopes, %s batch(%slots, %starts, %positions)
        : (tensor<?x6xf32>, tensor<1xf32>, tensor<?x1x2x2xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
          -> (tensor<?x2xf32>, tensor<?x1x2x2xf32>)
    mm1.store_state %n, @s : tensor<?x1x2x2xf32>
    return %o : tensor<?x2xf32>
  })";

TEST(EvaluateBadInput, Batch) {
  auto message = [](std::vector<double> slots, std::vector<double> starts,
                    std::vector<double> positions) {
    return messageOf(kLightning,
                     {Tensor({3, 6}), vectorOf({1}), vectorOf(slots),
                      vectorOf(starts), vectorOf(positions)});
  };
  EXPECT_EQ(message({0}, {0, 3}, {0, 1, 2}), "");
  EXPECT_EQ(message({1}, {0, 3}, {0, 1, 2}),
            "'mm1.lightning_attention' op expects 'slots' in 0..0, found 1");
  EXPECT_EQ(message({}, {0, 3}, {0, 1, 2}),
            "'mm1.lightning_attention' op has 1 sequences, but 0 slots");
  EXPECT_EQ(message({0}, {0, 4}, {0, 1, 2}),
            "'mm1.lightning_attention' op expects sequence 0 inside tokens "
            "0..3, found 0..4");
  EXPECT_EQ(message({0}, {2, 1}, {0, 1, 2}),
            "'mm1.lightning_attention' op expects sequence 0 inside tokens "
            "0..3, found 2..1");
  EXPECT_EQ(message({0}, {0, 3}, {0, 2, 3}),
            "'mm1.lightning_attention' op expects consecutive positions in "
            "sequence 0, found 2 at token 1");
  EXPECT_EQ(message({0}, {0, 3}, {0, 1}),
            "'mm1.lightning_attention' op has 3 tokens, but 2 positions");
}

TEST(EvaluateBadInput, Pages) {
  const std::string text = R"(
    func.func @f(%q: tensor<?x2xf32>, %c: tensor<?x2x1x4x2xf32>, %slots: tensor<?xi32>,
                 %starts: tensor<?xi32>, %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x2xf32> {
      %o = mm1.softmax_attention %q, %c batch(%slots, %starts, %positions, %pages) scale = 1.0
          : (tensor<?x2xf32>, tensor<?x2x1x4x2xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2xf32>
      return %o : tensor<?x2xf32>
    })";
  auto message = [&](double position, Tensor pages,
                     std::vector<double> slots = {0}) {
    return messageOf(text,
                     {Tensor({1, 2}), Tensor({3, 2, 1, 4, 2}), vectorOf(slots),
                      vectorOf({0, 1}), vectorOf({position}), pages});
  };
  EXPECT_EQ(message(5, Tensor({1, 2}, {2, 0})), "");
  EXPECT_EQ(message(8, Tensor({1, 2}, {2, 0})),
            "'mm1.softmax_attention' op has no page for position 8 of sequence "
            "0; 'pages' is [1, 2]");
  EXPECT_EQ(message(5, Tensor({1, 2}, {2, 3})),
            "'mm1.softmax_attention' op expects pages in 0..2, found 3 for "
            "sequence 0");
  EXPECT_EQ(message(5, Tensor({2, 2}, {9, 9, 2, 0}), {1}), "");
  EXPECT_EQ(message(5, Tensor({1, 2}, {2, 0}), {1}),
            "'mm1.softmax_attention' op expects 'slots' in 0..0, found 1");
  EXPECT_EQ(message(5, Tensor({1, 2}, {2, 0}), {}),
            "'mm1.softmax_attention' op has 1 sequences, but 0 slots");
}

TEST(EvaluateBadInput, Candidates) {
  auto message = [](std::vector<double> counts, std::vector<double> scales) {
    return messageOf(kCandidates, {Tensor({2, 5}), vectorOf({31}),
                                   vectorOf(counts), vectorOf(scales)});
  };
  EXPECT_EQ(message({1, 3}, {1, 1}), "");
  EXPECT_EQ(message({1, 4}, {1, 1}),
            "'mm1.top_candidates' op expects 'counts' from 1 to 3, found 4");
  EXPECT_EQ(message({0, 1}, {1, 1}),
            "'mm1.top_candidates' op expects 'counts' from 1 to 3, found 0");
  EXPECT_EQ(message({1}, {1, 1}), "'mm1.top_candidates' op expects values of "
                                  "as many tokens, found [2, 5] and [1]");
}

TEST(EvaluateBadInput, SeveralRanks) {
  EXPECT_EQ(messageOf(R"(
    func.func @f(%a: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %x = mm1.all_reduce %a ranks = 2 : tensor<?x2xf32>
      return %x : tensor<?x2xf32>
    })",
                      {Tensor({3, 2})}),
            "'mm1.all_reduce' op over 2 ranks cannot run here: the reference "
            "evaluator is one rank");
}

/// A norm in pieces is the norm, also with its factor behind a linear.
TEST(Evaluate, NormInPiecesIsTheNorm) {
  MLIRContext context;
  context.loadDialect<MM1Dialect, func::FuncDialect>();
  auto module = parseSourceString<ModuleOp>(R"(
    func.func @f(%x: tensor<?x4xf32>, %n: tensor<4xf32>, %w: tensor<2x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
      %u = mm1.rms_norm %x, %n eps = 1.0e-2 : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
      %a = mm1.linear %u weights(%w) : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      %s = mm1.sum_squares %x : tensor<?x4xf32> -> tensor<?x2xf32>
      %v = mm1.scale_columns %x, %n : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
      %b = mm1.linear %v weights(%w) : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
      %c = mm1.norm_rows %b, %s width = 4 eps = 1.0e-2 : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
      return %a, %c : tensor<?x2xf32>, tensor<?x2xf32>
    })",
                                            &context);
  FewWeights weights;
  StateStore states;
  auto results = evaluate(module->lookupSymbol<func::FuncOp>("f"),
                          {Tensor({2, 4}, {1, -2, 3, .5, 0, 0, 0, 4}),
                           vectorOf({1, .5, 2, -1}),
                           Tensor({2, 4}, {1, 2, 3, 4, -1, 0, 2, 1})},
                          weights, states);
  ASSERT_TRUE(succeeded(results));
  // u[0] = x / sqrt(14.25 / 4 + .01) * n; a[0][0] = u . (1, 2, 3, 4)
  double factor = 1 / std::sqrt(14.25 / 4 + .01);
  EXPECT_NEAR((*results)[0][0], factor * (1 - 2 + 18 - 2), 1e-14);
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_NEAR((*results)[0][i], (*results)[1][i], 1e-14);
}

/// A list of pairs that is not that of the choices would read wrong experts.
TEST(Evaluate, RefusesGroupsOfOtherChoices) {
  MLIRContext context;
  context.loadDialect<MM1Dialect, func::FuncDialect>();
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto module = parseSourceString<ModuleOp>(R"(
    func.func @f(%x: tensor<?x1xf32>, %i: tensor<?x1xi32>, %o: tensor<?x1xi32>, %n: tensor<3xi32>, %w: tensor<2x1x1xf32>) -> tensor<?x1x1xf32> {
      %y = mm1.expert_linear %x, %i grouped(%o, %n) weights(%w)
          : (tensor<?x1xf32>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x1x1xf32>) -> tensor<?x1x1xf32>
      return %y : tensor<?x1x1xf32>
    })",
                                            &context);
  FewWeights weights;
  StateStore states;
  auto run = [&](std::vector<double> order) {
    return evaluate(module->lookupSymbol<func::FuncOp>("f"),
                    {Tensor({2, 1}, {3, 4}), Tensor({2, 1}, {1, 0}),
                     Tensor({2, 1}, std::move(order)), vectorOf({0, 1, 2}),
                     Tensor({2, 1, 1}, {10, 100})},
                    weights, states);
  };
  auto right = run({1, 0});
  ASSERT_TRUE(succeeded(right));
  EXPECT_EQ((*right)[0].values, (std::vector<double>{300, 40}));
  EXPECT_TRUE(failed(run({0, 1})));
  EXPECT_EQ(message, "'mm1.expert_linear' op expects 'order' and 'offsets' to "
                     "group its 'ids' by expert");
}

/// Equal logits: the lower expert first.
TEST(Evaluate, RouterBreaksTiesByIndex) {
  MLIRContext context;
  context.loadDialect<MM1Dialect, func::FuncDialect>();
  auto module = parseSourceString<ModuleOp>(R"(
    func.func @f(%l: tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<5xi32>) {
      %ids, %w = mm1.router %l : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
      %order, %offsets = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5xi32>
      return %ids, %w, %order, %offsets : tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<5xi32>
    })",
                                            &context);
  FewWeights weights;
  StateStore states;
  auto results =
      evaluate(module->lookupSymbol<func::FuncOp>("f"),
               {Tensor({2, 4}, {0, 1, 1, 1, 5, 1, 1, 5})}, weights, states);
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0].values, (std::vector<double>{1, 2, 0, 3}));
  EXPECT_EQ((*results)[1].values, (std::vector<double>{.5, .5, .5, .5}));
  // Pairs 0..3 have experts 1, 2, 0, 3.
  EXPECT_EQ((*results)[2].values, (std::vector<double>{2, 0, 1, 3}));
  EXPECT_EQ((*results)[3].values, (std::vector<double>{0, 1, 2, 3, 4}));
}

//===-------------------------------- Attention ---------------------------===//

/// Attention over a context of `tokens` tokens on pages of four, whole or in
/// `spans` spans. With q = 0 all tokens weigh the same.
struct SpanCase {
  int64_t tokens, spans;
  std::string cut;
  Tensor q = Tensor({1, 2});

  SmallVector<Tensor> run() const {
    std::string text = R"(
      func.func @f(%q: tensor<?x2xf32>, %c: tensor<?x2x1x4x2xf32>, %i: tensor<?xi32>, %s: tensor<?xi32>,
                   %p: tensor<?xi32>, %t: tensor<?x?xi32>)
          -> (tensor<?x2xf32>, tensor<?x$Nx2xf32>, tensor<?x$Nx2xf32>, tensor<?x2xf32>) {
        %o = mm1.softmax_attention %q, %c batch(%i, %s, %p, %t) scale = 1.0
            : (tensor<?x2xf32>, tensor<?x2x1x4x2xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2xf32>
        %m, %w = mm1.attention_partials %q, %c batch(%i, %s, %p, %t) scale = 1.0 cut = $CUT
            : (tensor<?x2xf32>, tensor<?x2x1x4x2xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
              -> (tensor<?x$Nx2xf32>, tensor<?x$Nx2xf32>)
        %y = mm1.merge_partials %m, %w : (tensor<?x$Nx2xf32>, tensor<?x$Nx2xf32>) -> tensor<?x2xf32>
        return %o, %m, %w, %y : tensor<?x2xf32>, tensor<?x$Nx2xf32>, tensor<?x$Nx2xf32>, tensor<?x2xf32>
      })";
    auto replace = [&](const std::string &name, const std::string &value) {
      for (size_t at; (at = text.find(name)) != std::string::npos;)
        text.replace(at, name.size(), value);
    };
    replace("$N", std::to_string(spans));
    replace("$CUT", cut);
    MLIRContext context;
    context.loadDialect<MM1Dialect, func::FuncDialect>();
    auto module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    if (!module)
      return {};
    // Key and value of token u are (u mod 3, 1) and (u, 1).
    Tensor cache({8, 2, 1, 4, 2}), pages({1, 8}, {3, 1, 0, 2, 7, 5, 6, 4});
    for (int64_t u = 0; u < 32; ++u) {
      double *key = cache.row(int64_t(pages[u / 4]) * 8 + u % 4);
      double *value = key + 8;
      key[0] = double(u % 3);
      value[0] = double(u);
      key[1] = value[1] = 1;
    }
    StateStore states;
    FewWeights weights;
    auto results = evaluate(*module->getOps<func::FuncOp>().begin(),
                            {q, cache, vectorOf({0}), vectorOf({0, 1}),
                             vectorOf({double(tokens - 1)}), pages},
                            weights, states);
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? std::move(*results) : SmallVector<Tensor>();
  }

  /// Tokens of each span: with q = 0 the sum of exponentials counts them.
  std::vector<double> lengths() const {
    SmallVector<Tensor> results = run();
    std::vector<double> lengths;
    for (int64_t j = 0; j < spans && results.size() == 4; ++j)
      lengths.push_back(results[1].row(j)[1]);
    return lengths;
  }
};
using Lengths = std::vector<double>;

TEST(EvaluateAttention, CutsAtFixedPlaces) {
  std::string cut = "fixed span_tokens = 8";
  EXPECT_EQ((SpanCase{1, 3, cut}.lengths()), (Lengths{1, 0, 0}));
  EXPECT_EQ((SpanCase{8, 3, cut}.lengths()), (Lengths{8, 0, 0}));
  EXPECT_EQ((SpanCase{9, 3, cut}.lengths()), (Lengths{8, 1, 0}));
  // The last one has what is left.
  EXPECT_EQ((SpanCase{30, 3, cut}.lengths()), (Lengths{8, 8, 14}));
}

TEST(EvaluateAttention, CutsPagesEvenly) {
  EXPECT_EQ((SpanCase{1, 3, "even"}.lengths()), (Lengths{1, 0, 0}));
  // Five pages are two spans, of two pages and of three.
  EXPECT_EQ((SpanCase{18, 3, "even"}.lengths()), (Lengths{8, 10, 0}));
  // Eight would be four spans; there are three.
  EXPECT_EQ((SpanCase{31, 3, "even"}.lengths()), (Lengths{8, 12, 11}));
}

TEST(EvaluateAttention, MergedSpansAreTheWhole) {
  for (std::string cut : {"fixed span_tokens = 4", "even"})
    for (int64_t spans : {1, 2, 5, 9})
      for (int64_t tokens = 1; tokens <= 32; ++tokens) {
        auto results =
            SpanCase{tokens, spans, cut, Tensor({1, 2}, {2.5, -1})}.run();
        ASSERT_EQ(results.size(), 4u);
        for (int64_t i = 0; i < 2; ++i)
          ASSERT_NEAR(results[3][i], results[0][i], 1e-12 * tokens)
              << cut << ", " << spans << " spans of " << tokens << " tokens";
      }
}

} // namespace
