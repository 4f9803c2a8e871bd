//===- GoldensTest.cpp - The reference evaluator gives the stored logits --===//
// The goldens were made from the formulas in double, and hold the published
// code to float32 rounding. 1e-9 relative leaves room for another order of
// sums.
//===----------------------------------------------------------------------===//
#include "Goldens.h"
#include "compiler/Import/RecipeMath.h"
#include "passes/Passes.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

constexpr double kBound = 1e-9;

class Goldens : public ::testing::TestWithParam<std::string> {};

/// Compares the stored logits `suffix` of every prompt that has them with those
/// of `module`; returns how many.
int64_t compareLogits(Golden &golden, ModuleOp module, WeightSource &weights,
                      const std::string &suffix, double bound) {
  int64_t compared = 0;
  for (int64_t prompt = 0; prompt < golden.numPrompts(); ++prompt) {
    std::string name = "prompt." + std::to_string(prompt) + ".";
    const ::mm1::SafeTensor *stored = golden.results.find(name + suffix);
    if (!stored)
      continue;
    SCOPED_TRACE(name + suffix);
    Tensor logits = prefillLogits(module, weights, golden.ids(prompt));
    std::vector<double> rows;
    for (int32_t position : golden.integers(name + "positions"))
      rows.insert(rows.end(), logits.row(position),
                  logits.row(position) + logits.width());
    auto wanted = stored->elements<double>();
    EXPECT_LE(relativeError(rows, ArrayRef(wanted.data(), wanted.size())),
              bound);
    ++compared;
  }
  return compared;
}

TEST_P(Goldens, Logits) {
  Golden golden(GetParam());
  EXPECT_EQ(
      compareLogits(golden, *golden.module, golden.weights, "logits", kBound),
      golden.numPrompts());
}

/// The checkpoint's weights, but expert matrices quantised and brought back to
/// float32 element by element. That is how the int8 goldens were made, so that
/// the published code could run them.
class DequantisedExperts : public CheckpointWeights {
public:
  using CheckpointWeights::CheckpointWeights;
  FailureOr<Tensor> load(WeightOp weight) override {
    FailureOr<Tensor> tensor = CheckpointWeights::load(weight);
    if (failed(tensor) || !weight.getSymName().contains(".experts."))
      return tensor;
    std::vector<float> row(tensor->width());
    std::vector<int8_t> integers(tensor->width());
    for (int64_t r = 0; r < tensor->numRows(); ++r) {
      std::copy_n(tensor->row(r), row.size(), row.begin());
      float scale = ::mm1::int8RowScale(row);
      ::mm1::quantizeInt8Row(row, scale, integers);
      for (int64_t i = 0; i < tensor->width(); ++i)
        tensor->row(r)[i] = static_cast<float>(integers[i]) * scale;
    }
    return tensor;
  }
};

/// One wrong integer anywhere would be far off; and the quantized module may
/// differ by the goldens' rounding of each product to float32, 6e-8, only.
TEST_P(Goldens, LogitsWithInt8Experts) {
  // Made by another program than the others, and without int8.
  if (GetParam() == "native-naming")
    GTEST_SKIP() << "this case stores no int8 logits";
  const std::string suffix = "logits_int8_experts";
  Golden golden(GetParam());
  DequantisedExperts dequantised(golden.checkpoint);
  EXPECT_EQ(compareLogits(golden, *golden.module, dequantised, suffix, kBound),
            3);
  PassManager passes(&golden.context);
  passes.addPass(createQuantize({"int8-experts"}));
  ASSERT_TRUE(succeeded(passes.run(*golden.module)));
  EXPECT_EQ(compareLogits(golden, *golden.module, golden.weights, suffix, 1e-6),
            3);
}

/// After layer l: the rows of its last residual; the state of its pool.
TEST_P(Goldens, HiddenRowsAndStates) {
  Golden golden(GetParam());
  int64_t compared = 0;
  for (int64_t prompt = 0; prompt < golden.numPrompts(); ++prompt) {
    std::string name = "prompt." + std::to_string(prompt) + ".";
    if (!golden.results.find(name + "hidden.0"))
      continue;
    std::vector<int32_t> ids = golden.ids(prompt);
    ReferenceSession session(*golden.module, golden.weights, ids.size());
    std::vector<Tensor> residuals; // two per layer
    session.observer = [&](Operation *op, ArrayRef<const Tensor *> results) {
      if (isa<ResidualOp>(op))
        residuals.push_back(*results.front());
    };
    ASSERT_TRUE(succeeded(session.append("prefill", ids)));
    int64_t layers = golden.checkpoint.config().numLayers;
    ASSERT_EQ(residuals.size(), static_cast<size_t>(2 * layers));
    for (int64_t layer = 0; layer < layers; ++layer) {
      SCOPED_TRACE(name + std::to_string(layer));
      std::string number = std::to_string(layer);
      auto hidden =
          golden.results.find(name + "hidden." + number)->elements<double>();
      EXPECT_LE(relativeError(residuals[2 * layer + 1].values,
                              ArrayRef(hidden.data(), hidden.size())),
                kBound);
      ++compared;
      if (auto *stored = golden.results.find(name + "state." + number)) {
        auto state = stored->elements<double>();
        auto pool = session.states().get("layers." + number + ".lightning");
        EXPECT_LE(
            relativeError(pool->values, ArrayRef(state.data(), state.size())),
            kBound);
        ++compared;
      }
    }
  }
  if (compared == 0)
    GTEST_SKIP() << "this case stores no hidden rows";
}

/// The same tokens through @decode one by one, at several splits.
TEST_P(Goldens, DecodeAgreesWithPrefill) {
  Golden golden(GetParam());
  std::vector<int32_t> ids = golden.ids(std::min<int64_t>(
      2, golden.numPrompts() - 1)); // 37 tokens, and 70 to cross a page
  while (ids.size() < 70)
    ids.push_back(ids[ids.size() % 37]);
  Tensor whole = prefillLogits(*golden.module, golden.weights, ids);
  for (size_t split : {0, 1, 63, 64, 69}) {
    SCOPED_TRACE(split);
    ReferenceSession session(*golden.module, golden.weights, ids.size());
    std::vector<double> rows;
    auto append = [&](StringRef entry, ArrayRef<int32_t> piece) {
      FailureOr<NamedTensors> outputs = session.append(entry, piece);
      ASSERT_TRUE(succeeded(outputs));
      FailureOr<Tensor> logits = session.logits(*outputs);
      ASSERT_TRUE(succeeded(logits));
      llvm::append_range(rows, logits->values);
    };
    if (split > 0)
      append("prefill", ArrayRef(ids).take_front(split));
    for (int32_t id : ArrayRef(ids).drop_front(split))
      append("decode", id);
    EXPECT_LE(relativeError(rows, whole.values), 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Goldens, ::testing::ValuesIn(goldenCases()),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(GoldensFolder, HoldsEveryVariant) { EXPECT_EQ(goldenCases().size(), 21u); }

} // namespace
