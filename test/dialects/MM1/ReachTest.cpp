//===- ReachTest.cpp - Ops read what they say they read -------------------===//
// Fusion believes the ops: that a place of a result needs no more of an operand
// than its reach says, and that an op is linear in the rows it says. Both are
// tried on the reference evaluator: everything out of reach is changed, and the
// place must stay; a row is doubled, and its results must double.
//===----------------------------------------------------------------------===//
#include "compiler/Reference/Evaluate.h"
#include "dialects/MM1/MM1.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace mlir::mm1;

namespace {

/// Functions of one op each. Integers are below 3, so that they may be ids.
const char *const kOps[] = {
    R"((%x: tensor<5xi32>, %w: tensor<3x8xf32>) -> tensor<5x8xf32> {
      %y = mm1.embedding %x, %w : (tensor<5xi32>, tensor<3x8xf32>) -> tensor<5x8xf32>)",
    R"((%x: tensor<5x8xf32>, %r: tensor<4xi32>) -> tensor<4x8xf32> {
      %y = mm1.gather_rows %x, %r : (tensor<5x8xf32>, tensor<4xi32>) -> tensor<4x8xf32>)",
    R"((%x: tensor<5x8xf32>, %w: tensor<8xf32>) -> tensor<5x8xf32> {
      %y = mm1.rms_norm %x, %w eps = 1.0e-5 : (tensor<5x8xf32>, tensor<8xf32>) -> tensor<5x8xf32>)",
    R"((%x: tensor<5x8xf32>) -> tensor<5x2xf32> {
      %y = mm1.sum_squares %x : tensor<5x8xf32> -> tensor<5x2xf32>)",
    R"((%x: tensor<5x8xf32>, %s: tensor<5x2xf32>) -> tensor<5x8xf32> {
      %y = mm1.norm_rows %x, %s width = 16 eps = 1.0e-5 : (tensor<5x8xf32>, tensor<5x2xf32>) -> tensor<5x8xf32>)",
    R"((%x: tensor<5x8xf32>, %w: tensor<8xf32>) -> tensor<5x8xf32> {
      %y = mm1.scale_columns %x, %w : (tensor<5x8xf32>, tensor<8xf32>) -> tensor<5x8xf32>)",
    R"((%x: tensor<5x8xf32>, %z: tensor<5x8xf32>) -> tensor<5x8xf32> {
      %y = mm1.residual %x, %z alpha = 3.5 beta = 0.5 : tensor<5x8xf32>)",
    R"((%x: tensor<5x8xf32>) -> tensor<5x8xf32> {
      %y = mm1.silu %x : tensor<5x8xf32>)",
    R"((%x: tensor<5x8xf32>, %z: tensor<5x8xf32>) -> tensor<5x8xf32> {
      %y = mm1.mul %x, %z : tensor<5x8xf32>)",
    R"((%x: tensor<5x8xf32>, %z: tensor<5x8xf32>) -> tensor<5x8xf32> {
      %y = mm1.sigmoid_gate %x, %z : tensor<5x8xf32>)",
    R"((%c: tensor<5x1xf32>, %x: tensor<5x8xf32>, %z: tensor<5x8xf32>) -> tensor<5x8xf32> {
      %y = mm1.blend %c, %x, %z : (tensor<5x1xf32>, tensor<5x8xf32>, tensor<5x8xf32>) -> tensor<5x8xf32>)",
    R"((%x: tensor<5x2x8xf32>, %w: tensor<5x2xf32>) -> tensor<5x8xf32> {
      %y = mm1.combine %x, %w : (tensor<5x2x8xf32>, tensor<5x2xf32>) -> tensor<5x8xf32>)",
    R"((%x: tensor<5x8xf32>, %w: tensor<6x8xf32>) -> tensor<5x6xf32> {
      %y = mm1.linear %x weights(%w) : (tensor<5x8xf32>, tensor<6x8xf32>) -> tensor<5x6xf32>)",
    R"((%x: tensor<5x8xf32>, %i: tensor<5x2xi32>, %w: tensor<3x6x8xf32>) -> tensor<5x2x6xf32> {
      %y = mm1.expert_linear %x, %i weights(%w) : (tensor<5x8xf32>, tensor<5x2xi32>, tensor<3x6x8xf32>) -> tensor<5x2x6xf32>)",
    R"((%x: tensor<5x2x8xf32>, %i: tensor<5x2xi32>, %w: tensor<3x6x8xf32>) -> tensor<5x2x6xf32> {
      %y = mm1.expert_linear %x, %i weights(%w) : (tensor<5x2x8xf32>, tensor<5x2xi32>, tensor<3x6x8xf32>) -> tensor<5x2x6xf32>)",
    R"((%x: tensor<5x16xf32>, %c: tensor<5x2xf32>, %s: tensor<5x2xf32>) -> tensor<5x16xf32> {
      %y = mm1.rope %x, %c, %s head_dim = 8 : (tensor<5x16xf32>, tensor<5x2xf32>, tensor<5x2xf32>) -> tensor<5x16xf32>)",
};

class OneOp {
public:
  explicit OneOp(const std::string &text) : random(text.size()) {
    context.loadDialect<MM1Dialect, func::FuncDialect>();
    size_t arrow = text.find(") -> ") + 5;
    std::string type = text.substr(arrow, text.find(" {") - arrow);
    module = parseSourceString<ModuleOp>(
        "func.func @f" + text + "\nreturn %y : " + type + "\n}", &context);
    EXPECT_TRUE(module) << text;
    for (BlockArgument argument : function().getArguments()) {
      auto type = cast<RankedTensorType>(argument.getType());
      Tensor tensor{std::vector<int64_t>(type.getShape())};
      for (double &value : tensor.values)
        value = draw(type);
      inputs.push_back(tensor);
    }
    wanted = run(inputs);
  }

  func::FuncOp function() { return *module->getOps<func::FuncOp>().begin(); }
  RowOpInterface op() {
    return cast<RowOpInterface>(function().getBody().front().front());
  }
  double draw(RankedTensorType type) {
    if (type.getElementType().isInteger(32))
      return double(random() % 3);
    return std::uniform_real_distribution<double>(0.5, 2)(random); // sums too
  }
  Tensor run(ArrayRef<Tensor> inputs) {
    StateStore states;
    auto results = evaluate(function(), inputs, weights, states);
    EXPECT_TRUE(succeeded(results));
    return results->front();
  }

  struct NoWeights : WeightSource {
    FailureOr<Tensor> load(WeightOp) override { return failure(); }
  };
  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::mt19937_64 random;
  NoWeights weights;
  std::vector<Tensor> inputs;
  Tensor wanted;
};

SmallVector<int64_t> indexOf(const Tensor &tensor, int64_t flat) {
  SmallVector<int64_t> index(tensor.shape.size());
  for (size_t i = tensor.shape.size(); i-- > 0; flat /= tensor.shape[i])
    index[i] = flat % tensor.shape[i];
  return index;
}

/// Whether `element` of an operand is in reach of a result's `place`.
bool isInReach(Reach reach, ArrayRef<int64_t> element,
               ArrayRef<int64_t> place) {
  switch (reach) {
  case Reach::Place:
    return element == place;
  case Reach::Choices:
    return element.front() == place.front() && element.back() == place.back();
  case Reach::Row:
    return element.front() == place.front();
  case Reach::Batch:
  case Reach::State:
  case Reach::Fixed:
    return true;
  }
  return true;
}

TEST(Reach, NothingBeyondItChangesAPlace) {
  for (const char *text : kOps) {
    SCOPED_TRACE(text);
    OneOp one(text);
    int64_t numChanged = 0;
    for (unsigned operand = 0; operand < one.inputs.size(); ++operand) {
      Reach reach = one.op().getReach(operand);
      auto type =
          cast<RankedTensorType>(one.function().getArgument(operand).getType());
      for (size_t flat = 0; flat < one.wanted.values.size(); ++flat) {
        SmallVector<int64_t> place = indexOf(one.wanted, int64_t(flat));
        std::vector<Tensor> changed = one.inputs;
        Tensor &tensor = changed[operand];
        for (size_t i = 0; i < tensor.values.size(); ++i)
          if (!isInReach(reach, indexOf(tensor, int64_t(i)), place)) {
            tensor.values[i] = one.draw(type);
            ++numChanged;
          }
        ASSERT_EQ(one.run(changed).values[flat], one.wanted.values[flat])
            << "operand " << operand << " reaches beyond "
            << stringifyReach(reach).str();
      }
    }
    EXPECT_GT(numChanged, 0);
  }
}

TEST(Reach, LinearInRowsIsLinear) {
  int64_t numLinear = 0;
  for (const char *text : kOps) {
    SCOPED_TRACE(text);
    OneOp one(text);
    auto linear = dyn_cast<RowLinearOpInterface>(one.op().getOperation());
    for (unsigned operand = 0; linear && operand < one.inputs.size();
         ++operand) {
      if (!linear.isRowLinearIn(operand))
        continue;
      ++numLinear;
      std::vector<Tensor> changed = one.inputs;
      Tensor want = one.wanted;
      for (Tensor *tensor : {&changed[operand], &want})
        for (size_t i = 0; i < tensor->values.size(); ++i)
          if (indexOf(*tensor, int64_t(i)).front() == 2)
            tensor->values[i] *= 2; // exact
      EXPECT_EQ(one.run(changed).values, want.values) << "operand " << operand;
    }
  }
  EXPECT_GE(numLinear, 7);
}

} // namespace
