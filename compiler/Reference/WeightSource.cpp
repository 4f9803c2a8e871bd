//===- WeightSource.cpp - Weights for the reference evaluator -------------===//
// Walks the steps as RecipeAttr::inferType does, with data instead of types.
// The verifier of mm1.weight has made sure that every step fits.
//===----------------------------------------------------------------------===//
#include "compiler/Reference/WeightSource.h"
#include "compiler/Import/RecipeMath.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace mlir::mm1;
using ::mm1::Checkpoint;
using ::mm1::CheckpointTensor;

namespace {

FailureOr<Tensor> readSource(WeightOp weight, const Checkpoint &checkpoint,
                             SourceAttr source) {
  const CheckpointTensor *stored = checkpoint.tensor(source.getName());
  if (!stored)
    return weight.emitOpError() << "reads tensor '" << source.getName()
                                << "', which the checkpoint does not have";
  if (source.getType().getShape() != ArrayRef<int64_t>(stored->shape))
    return weight.emitOpError()
           << "reads tensor '" << source.getName() << "' as "
           << source.getType() << ", but the checkpoint holds "
           << ::mm1::describeShape(stored->shape);
  if (stored->bytes.empty())
    return weight.emitOpError() << "reads tensor '" << source.getName()
                                << "', but the checkpoint has no weights";
  Tensor tensor(
      std::vector<int64_t>(stored->shape.begin(), stored->shape.end()));
  std::vector<float> floats(tensor.values.size());
  ::mm1::toFloat(stored->type, stored->bytes, floats);
  std::copy(floats.begin(), floats.end(), tensor.values.begin());
  return tensor;
}

Tensor stack(ArrayRef<Tensor> tensors) {
  Tensor result;
  result.shape = tensors.front().shape;
  result.shape.insert(result.shape.begin(),
                      static_cast<int64_t>(tensors.size()));
  for (const Tensor &tensor : tensors)
    llvm::append_range(result.values, tensor.values);
  return result;
}

/// A tensor as [outer, shape[axis], inner].
struct AroundAxis {
  int64_t outer = 1, inner = 1;
  AroundAxis(const Tensor &tensor, int64_t axis) {
    for (int64_t i = 0; i < tensor.rank(); ++i)
      (i < axis ? outer : inner) *= i == axis ? 1 : tensor.dim(i);
  }
};

Tensor concat(ArrayRef<Tensor> tensors, int64_t axis) {
  Tensor result;
  result.shape = tensors.front().shape;
  for (const Tensor &tensor : tensors.drop_front())
    result.shape[axis] += tensor.dim(axis);
  AroundAxis around(result, axis);
  for (int64_t o = 0; o < around.outer; ++o)
    for (const Tensor &tensor : tensors) {
      int64_t count = tensor.dim(axis) * around.inner;
      auto from = tensor.values.begin() + o * count;
      result.values.insert(result.values.end(), from, from + count);
    }
  return result;
}

Tensor slice(const Tensor &tensor, SliceAttr step) {
  int64_t axis = step.getAxis();
  Tensor result;
  result.shape = tensor.shape;
  result.shape[axis] = step.getSize();
  AroundAxis around(tensor, axis);
  for (int64_t o = 0; o < around.outer; ++o) {
    auto from = tensor.values.begin() +
                (o * tensor.dim(axis) + step.getOffset()) * around.inner;
    result.values.insert(result.values.end(), from,
                         from + step.getSize() * around.inner);
  }
  return result;
}

Tensor castTo(Tensor tensor, Type elementType) {
  for (double &value : tensor.values) {
    float rounded = static_cast<float>(value);
    if (elementType.isBF16())
      rounded = ::mm1::bf16ToFloat(::mm1::floatToBf16(rounded));
    value = rounded;
  }
  return tensor;
}

/// Both halves of int8_rows: the integers, or one scale per row.
FailureOr<Tensor> quantize(WeightOp weight, const Tensor &tensor,
                           bool wantScales) {
  Tensor integers(tensor.shape);
  Tensor scales(
      std::vector<int64_t>(tensor.shape.begin(), tensor.shape.end() - 1));
  std::vector<float> row(tensor.width());
  std::vector<int8_t> rounded(tensor.width());
  for (int64_t r = 0; r < tensor.numRows(); ++r) {
    std::copy_n(tensor.row(r), row.size(), row.begin());
    float scale = ::mm1::int8RowScale(row);
    if (!std::isfinite(scale))
      return weight.emitOpError() << "cannot be quantised: row " << r
                                  << " holds a value that is not finite";
    ::mm1::quantizeInt8Row(row, scale, rounded);
    scales[r] = scale;
    std::copy(rounded.begin(), rounded.end(), integers.row(r));
  }
  return wantScales ? scales : integers;
}

Tensor makeSlopes(LightningSlopesAttr step) {
  auto rule = step.getRule() == SlopeRule::Geometric
                  ? ::mm1::SlopeRule::Geometric
                  : ::mm1::SlopeRule::Interleaved;
  std::vector<double> slopes =
      ::mm1::lightningSlopes(step.getHeads(), step.getLayer(), step.getLayers(),
                             rule, step.getFactor() == LayerFactorRule::Native);
  return Tensor({step.getHeads()}, std::move(slopes));
}

Tensor makeFrequencies(RopeFrequenciesAttr step) {
  std::vector<float> ladder = ::mm1::ropeFrequencies(
      step.getWidth(), step.getTheta().getValueAsDouble());
  return Tensor({step.getWidth() / 2},
                std::vector<double>(ladder.begin(), ladder.end()));
}

} // namespace

FailureOr<Tensor> CheckpointWeights::load(WeightOp weight) {
  SmallVector<Tensor> tensors;
  for (auto source : weight.getRecipe().getSources().getAsRange<SourceAttr>()) {
    FailureOr<Tensor> tensor = readSource(weight, checkpoint, source);
    if (failed(tensor))
      return failure();
    tensors.push_back(std::move(*tensor));
  }
  for (Attribute step : weight.getRecipe().getSteps()) {
    auto made =
        llvm::TypeSwitch<Attribute, FailureOr<Tensor>>(step)
            .Case([](LightningSlopesAttr s) { return makeSlopes(s); })
            .Case([](RopeFrequenciesAttr s) { return makeFrequencies(s); })
            .Case([&](StackAttr) { return stack(tensors); })
            .Case([&](ConcatAttr s) { return concat(tensors, s.getAxis()); })
            .Case([&](SliceAttr s) { return slice(tensors.front(), s); })
            .Case([&](CastAttr s) -> FailureOr<Tensor> {
              Type type = s.getElementType();
              if (!type.isF32() && !type.isBF16())
                return weight.emitOpError()
                       << "casts to " << type << "; expected f32 or bf16";
              return castTo(std::move(tensors.front()), type);
            })
            .Case([&](QuantizeAttr) {
              return quantize(weight, tensors.front(), false);
            })
            .Case([&](QuantizeScalesAttr) {
              return quantize(weight, tensors.front(), true);
            })
            .Case<TileAttr, SwizzleAttr, PadAttr>(
                [&](auto) { return std::move(tensors.front()); })
            .Default([&](Attribute) -> FailureOr<Tensor> {
              return weight.emitOpError()
                     << "has a recipe step that the reference evaluator does "
                        "not know: "
                     << step;
            });
    if (failed(made))
      return failure();
    tensors.clear();
    tensors.push_back(std::move(*made));
  }
  return std::move(tensors.front());
}
