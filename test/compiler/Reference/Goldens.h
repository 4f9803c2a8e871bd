//===- Goldens.h - The stored cases, for tests ----------------------------===//
// test/data/goldens/README.md says what is in a case and how it was made.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Import/Checkpoint.h"
#include "compiler/Import/ImportIR.h"
#include "compiler/Reference/ReferenceSession.h"

#include <filesystem>
#include <gtest/gtest.h>

namespace mlir::mm1 {

inline const std::string kGoldens = std::string(MM1_TEST_DATA) + "/goldens/";

inline std::vector<std::string> goldenCases() {
  std::vector<std::string> cases;
  for (const auto &entry : std::filesystem::directory_iterator(kGoldens))
    if (std::filesystem::exists(entry.path() / "golden.safetensors"))
      cases.push_back(entry.path().filename());
  std::sort(cases.begin(), cases.end());
  return cases;
}

/// One case: its checkpoint, its module in a context of its own, its file of
/// results.
struct Golden {
  explicit Golden(const std::string &name)
      : checkpoint(open(kGoldens + name)), weights(checkpoint),
        results(require(::mm1::SafeTensorsFile::open(kGoldens + name +
                                                     "/golden.safetensors"))) {
    auto imported = importModel(context, checkpoint, {ComputeType::F32});
    EXPECT_TRUE(succeeded(imported));
    module = std::move(*imported);
  }

  template <typename T> static T require(::mm1::Expected<T> value) {
    if (!value) {
      ADD_FAILURE() << value.error().message;
      std::abort();
    }
    return std::move(*value);
  }
  static ::mm1::Checkpoint open(const std::string &folder) {
    auto config = require(::mm1::ModelConfig::load(folder + "/config.json"));
    return require(::mm1::Checkpoint::open(folder, config));
  }

  std::vector<int32_t> integers(const std::string &name) const {
    auto values = results.find(name)->elements<int32_t>();
    return {values.begin(), values.end()};
  }
  std::vector<int32_t> ids(int64_t prompt) const {
    return integers("prompt." + std::to_string(prompt) + ".ids");
  }
  int64_t numPrompts() const {
    int64_t count = 0;
    while (results.find("prompt." + std::to_string(count) + ".ids"))
      ++count;
    return count;
  }

  MLIRContext context;
  ::mm1::Checkpoint checkpoint;
  CheckpointWeights weights;
  ::mm1::SafeTensorsFile results;
  OwningOpRef<ModuleOp> module;
};

/// The largest |a - b|, relative to the largest |b|.
inline double relativeError(ArrayRef<double> a, ArrayRef<double> b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0, largest = 0;
  for (auto [x, y] : llvm::zip(a, b)) {
    // Written so that a NaN counts as infinitely wrong.
    double d = std::fabs(x - y);
    difference = d <= difference ? difference : (d == d ? d : INFINITY);
    largest = std::max(largest, std::fabs(y));
  }
  return difference / largest;
}

/// The logits [T, V] of one prefill.
inline Tensor prefillLogits(ModuleOp module, WeightSource &weights,
                            ArrayRef<int32_t> ids) {
  ReferenceSession session(module, weights, ids.size());
  FailureOr<NamedTensors> outputs = session.append("prefill", ids);
  EXPECT_TRUE(succeeded(outputs));
  FailureOr<Tensor> logits = session.logits(*outputs);
  EXPECT_TRUE(succeeded(logits));
  return *logits;
}

} // namespace mlir::mm1
