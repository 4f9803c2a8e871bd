//===- MeaningTest.cpp - No pass of the fuse phase changes a number -------===//
// Random modules go through the fuse phase as mm1c runs it; after every pass
// each function is evaluated in double precision, on batches that its bucket
// holds, and gives what the module meant before: results, and states.
//===----------------------------------------------------------------------===//
#include "RandomModule.h"
#include "compiler/Reference/Evaluate.h"
#include "dialects/Plan/Plan.h"
#include "passes/Fuse/Bucket.h"
#include "passes/Pipeline.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/ADT/StringSet.h"

#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace mlir;
using namespace mlir::mm1;

namespace {

/// Normal numbers, the same for the same name.
class RandomWeights : public WeightSource {
public:
  FailureOr<Tensor> load(WeightOp weight) override {
    Tensor tensor{std::vector<int64_t>(weight.getWeightType().getShape())};
    std::mt19937_64 random(llvm::hash_value(weight.getSymName()));
    // Rows of all widths keep their size.
    double scale = 1.0 / std::sqrt(double(tensor.width()));
    std::normal_distribution<double> normal(0, scale);
    for (double &value : tensor.values)
      value = normal(random);
    return tensor;
  }
};

/// Sequences, each a piece of tokens at a position.
struct RandomBatch {
  int64_t tokens = 0, sequences;
  SmallVector<Tensor> inputs;

  RandomBatch(std::mt19937_64 &random, std::vector<int64_t> lengths)
      : sequences(int64_t(lengths.size())) {
    auto below = [&](int64_t end) {
      return std::uniform_int_distribution<int64_t>(0, end - 1)(random);
    };
    Tensor ids({0}), positions({0}), starts({1}), slots({sequences});
    for (int64_t length : lengths) {
      // Half of the sequences begin here, the others go on.
      int64_t position = below(2) ? 0 : below(kRandomPageColumns * 64 - length);
      for (int64_t i = 0; i < length; ++i) {
        ids.values.push_back(double(below(kRandomVocabulary)));
        positions.values.push_back(double(position + i));
      }
      tokens += length;
      starts.values.push_back(double(tokens));
    }
    ids.shape = positions.shape = {tokens};
    starts.shape = {sequences + 1};
    std::vector<double> free{0, 1, 2, 3};
    std::shuffle(free.begin(), free.end(), random);
    std::copy_n(free.begin(), sequences, slots.values.begin());
    Tensor pages({kRandomSlots, kRandomPageColumns});
    std::iota(pages.values.begin(), pages.values.end(), 0);
    std::shuffle(pages.values.begin(), pages.values.end(), random);
    inputs = {ids, positions, starts, slots, pages};
  }
};

/// What a function makes of a batch: its results, and all states after it.
struct Meaning {
  SmallVector<Tensor> results;
  StateStore states;
};

class Judge {
public:
  Judge(ModuleOp module, uint64_t seed) : random(seed) {
    for (std::vector<int64_t> lengths :
         {std::vector<int64_t>{1}, {1, 1}, {1, 1, 1}, {3}, {2, 5}, {9, 1, 12}})
      batches.emplace_back(random, lengths);
    initial = StateStore::zero(module, kRandomSlots, kRandomPages);
    for (StateOp state : module.getOps<StateOp>()) {
      Tensor pool = *initial.get(state.getSymName());
      std::normal_distribution<double> normal(0, 0.5);
      for (double &value : pool.values)
        value = normal(random);
      initial.set(state.getSymName(), std::make_shared<const Tensor>(pool));
    }
    for (auto function : module.getOps<func::FuncOp>())
      for (const RandomBatch &batch : batches)
        wanted.push_back(meaningOf(function, batch));
  }

  /// Checks all functions that have changed, on the batches that they hold.
  void check(ModuleOp module, StringRef behind) {
    for (auto function : module.getOps<func::FuncOp>()) {
      std::string text;
      llvm::raw_string_ostream(text) << function;
      if (!checked.insert(text).second)
        continue;
      FailureOr<Bucket> bucket = Bucket{"", INT64_MAX, INT64_MAX};
      if (function->hasAttr(kTokensAttr))
        bucket = Bucket::of(function);
      for (auto [batch, want] : llvm::zip(batches, wanted)) {
        if (batch.tokens > bucket->tokens ||
            batch.sequences > bucket->sequences ||
            (bucket->hasOneTokenEach() && function->hasAttr(kTokensAttr) &&
             batch.tokens != batch.sequences))
          continue;
        expectEqual(module, meaningOf(function, batch), want, behind);
        ++numChecks;
      }
    }
  }
  int64_t numChecks = 0;

private:
  Meaning meaningOf(func::FuncOp function, const RandomBatch &batch) {
    Meaning meaning{{}, initial};
    auto results = evaluate(function, batch.inputs, weights, meaning.states);
    EXPECT_TRUE(succeeded(results));
    if (succeeded(results))
      meaning.results = std::move(*results);
    return meaning;
  }

  void expectEqual(ModuleOp module, const Meaning &found, const Meaning &want,
                   StringRef behind) {
    ASSERT_EQ(found.results.size(), want.results.size()) << behind.str();
    for (auto [i, result] : llvm::enumerate(found.results))
      expectNear(result, want.results[i], behind);
    for (StateOp state : module.getOps<StateOp>())
      expectNear(*found.states.get(state.getSymName()),
                 *want.states.get(state.getSymName()), behind);
  }

  /// Sums in another order differ by the last bits of a double; a wrong number
  /// by much more.
  void expectNear(const Tensor &found, const Tensor &want, StringRef behind) {
    ASSERT_EQ(found.shape, want.shape) << behind.str();
    double largest = 1e-30, difference = 0;
    for (auto [a, b] : llvm::zip(found.values, want.values)) {
      largest = std::max(largest, std::fabs(b));
      difference = std::max(difference, a == b ? 0 : std::fabs(a - b));
    }
    ASSERT_LE(difference, 1e-10 * largest) << "behind " << behind.str();
  }

  std::mt19937_64 random;
  RandomWeights weights;
  std::vector<RandomBatch> batches;
  StateStore initial;
  std::vector<Meaning> wanted;
  llvm::StringSet<> checked;
};

/// Calls the judge behind each pass.
class AfterEachPass : public PassInstrumentation {
public:
  AfterEachPass(Judge &judge) : judge(judge) {}
  void runAfterPass(Pass *pass, Operation *op) override {
    if (isa<ModuleOp>(op) && !pass->getArgument().empty())
      judge.check(cast<ModuleOp>(op), pass->getArgument());
    else if (auto module = op->getParentOfType<ModuleOp>())
      judge.check(module, pass->getArgument());
  }

private:
  Judge &judge;
};

/// Evaluates a random module before and after each pass for a target.
void checkSeed(uint64_t seed, const std::string &target,
               const std::string &entry) {
  SCOPED_TRACE("seed " + std::to_string(seed) + ", " + entry + " for " +
               target);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<MM1Dialect, func::FuncDialect>();
  std::string text = randomModule(seed, entry);
  auto module = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(module) << text;
  Judge judge(*module, seed);
  PassManager passes(&context);
  PipelineOptions options;
  options.target = target;
  options.maxSequences = 3;
  options.decodeBuckets = "1,3";
  options.prefillTokens = 32;
  options.prefillBuckets = "8,32";
  buildPipeline(passes, options, Stage::Fused);
  passes.addInstrumentation(std::make_unique<AfterEachPass>(judge));
  EXPECT_TRUE(succeeded(passes.run(*module)));
  EXPECT_GT(judge.numChecks, 20);
  if (testing::Test::HasFailure())
    std::fprintf(stderr, "%s", text.c_str());
}

void checkSeeds(const std::string &target, const std::string &entry) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    checkSeed(seed, target, entry);
    if (testing::Test::HasFailure())
      return;
  }
}

TEST(Meaning, DecodeForCpu) { checkSeeds("cpu", "decode"); }
TEST(Meaning, PrefillForCpu) { checkSeeds("cpu", "prefill"); }
TEST(Meaning, DecodeForGpu) { checkSeeds("sm_90a", "decode"); }
TEST(Meaning, PrefillForGpu) { checkSeeds("sm_90a", "prefill"); }

} // namespace
