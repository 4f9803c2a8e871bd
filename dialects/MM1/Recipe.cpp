//===- Recipe.cpp - What type a recipe makes -----------------------------------===//
// Walks the steps with the types of the tensors at hand: sources [96, 64] x 4, stack -> [4, 96, 64],
// slice<axis = 1, offset = 0, size = 48> -> [4, 48, 64]. The packer (compiler/Artifact) walks them with data.
//===---------------------------------------------------------------------------===//
#include "dialects/MM1/MM1.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

using Emit = llvm::function_ref<InFlightDiagnostic()>;

RankedTensorType withShape(RankedTensorType type, ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, type.getElementType());
}

/// The only tensor at hand, or an error that names who needs it: a step, or (null) the recipe's end.
FailureOr<RankedTensorType> single(ArrayRef<RankedTensorType> tensors,
                                   Attribute step, Emit emit) {
  if (tensors.size() == 1)
    return tensors.front();
  InFlightDiagnostic diag = emit() << "recipe ";
  if (step)
    diag << "step '" << step << "' expects one tensor";
  else
    diag << "expects one tensor at its end";
  return diag << ", found " << tensors.size()
              << (tensors.empty() ? "" : " (join them with stack or concat)");
}

FailureOr<RankedTensorType> join(ArrayRef<RankedTensorType> tensors,
                                 std::optional<int64_t> concatAxis, Emit emit) {
  StringRef step = concatAxis ? "concat" : "stack";
  if (tensors.empty())
    return emit() << "recipe step '" << step << "' expects tensors, found none";
  RankedTensorType first = tensors.front();
  if (!concatAxis) {
    for (RankedTensorType type : tensors)
      if (type != first)
        return emit() << "recipe step 'stack' expects equal tensors, found "
                      << first << " and " << type;
    SmallVector<int64_t> shape{static_cast<int64_t>(tensors.size())};
    llvm::append_range(shape, first.getShape());
    return withShape(first, shape);
  }
  int64_t axis = *concatAxis;
  if (axis < 0 || axis >= first.getRank())
    return emit() << "recipe step 'concat' has axis " << axis
                  << ", but the tensors have rank " << first.getRank();
  SmallVector<int64_t> shape(first.getShape());
  for (RankedTensorType type : tensors.drop_front()) {
    if (type.getRank() != first.getRank() ||
        type.getElementType() != first.getElementType())
      return emit() << "recipe step 'concat' cannot join " << first << " and "
                    << type;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (dim != axis && type.getDimSize(dim) != first.getDimSize(dim))
        return emit() << "recipe step 'concat' along " << axis
                      << " cannot join " << first << " and " << type;
    shape[axis] += type.getDimSize(axis);
  }
  return withShape(first, shape);
}

/// The type after one step that works on one tensor.
FailureOr<RankedTensorType> apply(Attribute step, RankedTensorType type,
                                  Emit emit) {
  int64_t rank = type.getRank();
  if (type.getEncoding())
    return emit() << "recipe step '" << step
                  << "' follows one that fixed the layout; layout comes last";
  return llvm::TypeSwitch<Attribute, FailureOr<RankedTensorType>>(step)
      .Case([&](SliceAttr slice) -> FailureOr<RankedTensorType> {
        int64_t axis = slice.getAxis();
        if (axis < 0 || axis >= rank || slice.getOffset() < 0 ||
            slice.getSize() <= 0 ||
            slice.getOffset() > type.getDimSize(axis) - slice.getSize())
          return emit() << "recipe step '" << step << "' does not fit " << type;
        SmallVector<int64_t> shape(type.getShape());
        shape[axis] = slice.getSize();
        return withShape(type, shape);
      })
      .Case([&](CastAttr cast) -> FailureOr<RankedTensorType> {
        if (!isa<FloatType>(cast.getElementType()) ||
            !isa<FloatType>(type.getElementType()))
          return emit() << "recipe step '" << step
                        << "' expects a float type, and a float tensor, found "
                        << type;
        return RankedTensorType::get(type.getShape(), cast.getElementType());
      })
      .Case(
          [&](QuantizeAttr) -> FailureOr<RankedTensorType> {
            if (rank < 2 || !isa<FloatType>(type.getElementType()))
              return emit()
                     << "recipe step 'quantize' expects a float matrix, found "
                     << type;
            return RankedTensorType::get(
                type.getShape(), IntegerType::get(type.getContext(), 8));
          })
      .Case([&](QuantizeScalesAttr) -> FailureOr<RankedTensorType> {
        if (rank < 2 || !isa<FloatType>(type.getElementType()))
          return emit() << "recipe step 'quantize_scales' expects a float "
                           "matrix, found "
                        << type;
        return RankedTensorType::get(type.getShape().drop_back(),
                                     Float32Type::get(type.getContext()));
      })
      .Case([&](TileAttr tile) -> FailureOr<RankedTensorType> {
        if (rank < 2 || tile.getPanel() <= 0 || tile.getDepth() <= 0)
          return emit() << "recipe step '" << step << "' does not fit " << type;
        return RankedTensorType::get(type.getShape(), type.getElementType(),
                                     TiledAttr::get(type.getContext(),
                                                    tile.getPanel(),
                                                    tile.getDepth()));
      })
      .Case([&](SwizzleAttr swizzle) -> FailureOr<RankedTensorType> {
        auto emitOnStep = [&] {
          InFlightDiagnostic diag = emit();
          diag << "recipe step '" << step << "': ";
          return diag;
        };
        auto tiles = RankedTensorType::getChecked(
            emitOnStep, type.getShape(), type.getElementType(),
            SwizzledAttr::get(type.getContext(), swizzle.getRows(),
                              swizzle.getOrder()));
        if (!tiles)
          return failure();
        return tiles;
      })
      .Case([&](PadAttr pad) -> FailureOr<RankedTensorType> {
        if (rank < 1 || pad.getMultiple() <= 0)
          return emit() << "recipe step '" << step << "' does not fit " << type;
        return RankedTensorType::get(
            type.getShape(), type.getElementType(),
            PaddedAttr::get(type.getContext(), pad.getMultiple()));
      })
      .Default([&](Attribute) -> FailureOr<RankedTensorType> {
        return emit() << "recipe step '" << step
                      << "' is none that recipes have";
      });
}

/// The tensor a first step makes out of nothing, or null when the step is not such a one.
FailureOr<RankedTensorType> generate(Attribute step, Emit emit) {
  auto vector = [&](int64_t size) -> FailureOr<RankedTensorType> {
    if (size <= 0)
      return emit() << "recipe step '" << step << "' makes nothing";
    return RankedTensorType::get({size}, Float32Type::get(step.getContext()));
  };
  if (auto rope = dyn_cast<RopeFrequenciesAttr>(step))
    return vector(rope.getWidth() / 2);
  if (auto slopes = dyn_cast<LightningSlopesAttr>(step))
    return vector(slopes.getHeads());
  return RankedTensorType();
}

} // namespace

FailureOr<RankedTensorType> RecipeAttr::inferType(Emit emitError) const {
  SmallVector<RankedTensorType> tensors;
  for (SourceAttr source : getSources().getAsRange<SourceAttr>()) {
    if (!source.getType().hasStaticShape())
      return emitError() << "recipe source '" << source.getName()
                         << "' has a dimension of unknown size, "
                         << source.getType();
    tensors.push_back(source.getType());
  }
  for (Attribute step : getSteps()) {
    FailureOr<RankedTensorType> made = generate(step, emitError);
    if (failed(made))
      return failure();
    if (*made) {
      if (!tensors.empty())
        return emitError() << "recipe step '" << step
                           << "' makes its own tensor, but others are at hand";
    } else if (isa<StackAttr>(step)) {
      made = join(tensors, std::nullopt, emitError);
    } else if (auto concat = dyn_cast<ConcatAttr>(step)) {
      made = join(tensors, concat.getAxis(), emitError);
    } else {
      FailureOr<RankedTensorType> input = single(tensors, step, emitError);
      made = failed(input) ? input : apply(step, *input, emitError);
    }
    if (failed(made))
      return failure();
    tensors = {*made};
  }
  return single(tensors, /*step=*/{}, emitError);
}

LogicalResult RecipeAttr::verify(Emit emitError, ArrayAttr sources, ArrayAttr) {
  for (Attribute source : sources)
    if (!isa<SourceAttr>(source))
      return emitError() << "recipe sources are #mm1.source, found " << source;
  return success();
}

RecipeAttr RecipeAttr::withStep(Attribute step) const {
  SmallVector<Attribute> steps(getSteps().getValue());
  steps.push_back(step);
  return get(getContext(), getSources(), ArrayAttr::get(getContext(), steps));
}
