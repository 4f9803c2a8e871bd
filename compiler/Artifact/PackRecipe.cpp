//===- PackRecipe.cpp - Recipes as work for the packer --------------------===//
#include "compiler/Artifact/PackRecipe.h"
#include "compiler/Artifact/StoredTensor.h"
#include "compiler/Import/ModelConfig.h"
#include "dialects/Plan/Layout.h"
#include "runtime/Support/Json.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace mm1 {

namespace {

namespace ir = mlir::mm1;
namespace plan = mlir::plan;
using mlir::Attribute;
using mlir::cast;
using mlir::dyn_cast;
using mlir::isa;

std::string describe(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

class RecipeReader {
public:
  RecipeReader(ir::WeightOp weight, const Checkpoint &checkpoint)
      : weight(weight), checkpoint(checkpoint) {}

  /// What must be equal for two weights to share their rows.
  std::pair<Attribute, Attribute> groupKey() const {
    return {weight.getRecipe().getSources(),
            mlir::ArrayAttr::get(weight.getContext(),
                                 steps().take_front(numMovingSteps()))};
  }

  /// The rows, by the steps that only move bytes.
  Expected<PackGroup> readRows() const {
    PackGroup group;
    std::vector<RowViewPtr> views;
    for (auto source :
         weight.getRecipe().getSources().getAsRange<ir::SourceAttr>()) {
      auto view = openSource(source);
      if (!view)
        return view.takeError();
      views.push_back(std::move(*view));
    }
    for (Attribute step : steps().take_front(numMovingSteps())) {
      RowViewPtr made;
      if (isa<ir::StackAttr>(step)) {
        made = stackViews(std::move(views));
      } else if (auto concat = dyn_cast<ir::ConcatAttr>(step)) {
        made = concatViews(std::move(views), concat.getAxis());
      } else if (auto slice = dyn_cast<ir::SliceAttr>(step)) {
        made = sliceView(std::move(views.front()), slice.getAxis(),
                         slice.getOffset(), slice.getSize());
      } else {
        group.made = generate(step);
        made =
            viewOf(std::as_bytes(std::span(group.made)),
                   {static_cast<int64_t>(group.made.size())}, ElementType::F32);
      }
      views.clear();
      views.push_back(std::move(made));
    }
    group.rows = std::move(views.front());
    return group;
  }

  /// The tensor made of the rows, by the steps that follow.
  Expected<PackOutput> readOutput(size_t tensor) const {
    mlir::RankedTensorType type = weight.getWeightType();
    PackOutput output;
    output.tensor = tensor;
    output.element = storedElement(type.getElementType());
    output.storedColumns = plan::storedShape(type).back();
    if (std::optional<plan::TileExtent> tile = plan::tileExtent(type)) {
      output.tileRows = tile->rows;
      output.tileColumns = tile->columns;
      output.storedColumns =
          plan::roundUp(type.getShape().back(), tile->columns);
    }
    bool hasChanged = false;
    for (Attribute step : steps().drop_front(numMovingSteps())) {
      if (isa<ir::PadAttr>(step))
        continue; // storedColumns says it
      const bool isMatrix = output.kind != PackOutput::Kind::Scales;
      if (isMatrix && isa<ir::TileAttr>(step)) {
        output.layout = PackOutput::Layout::Panels;
        continue;
      }
      if (auto swizzle = dyn_cast<ir::SwizzleAttr>(step); isMatrix && swizzle) {
        output.layout = swizzle.getOrder() == ir::LineOrder::Natural
                            ? PackOutput::Layout::Lines
                            : PackOutput::Layout::Fragments;
        continue;
      }
      if (hasChanged ||
          !isa<ir::CastAttr, ir::QuantizeAttr, ir::QuantizeScalesAttr>(step))
        return internalError("weight " + inQuotes(weight.getSymName()) +
                             ": the packer has no step " + describe(step) +
                             " at this place of a recipe");
      hasChanged = true;
      if (isa<ir::QuantizeAttr>(step))
        output.kind = PackOutput::Kind::Integers;
      if (isa<ir::QuantizeScalesAttr>(step))
        output.kind = PackOutput::Kind::Scales;
    }
    return output;
  }

private:
  llvm::ArrayRef<Attribute> steps() const {
    return weight.getRecipe().getSteps().getValue();
  }

  size_t numMovingSteps() const {
    size_t count = 0;
    while (
        count < steps().size() &&
        isa<ir::StackAttr, ir::ConcatAttr, ir::SliceAttr,
            ir::RopeFrequenciesAttr, ir::LightningSlopesAttr>(steps()[count]))
      ++count;
    return count;
  }

  Expected<RowViewPtr> openSource(ir::SourceAttr source) const {
    std::string prefix = "weight " + inQuotes(weight.getSymName()) +
                         ": its source " + inQuotes(source.getName());
    const CheckpointTensor *tensor = checkpoint.tensor(source.getName());
    if (!tensor)
      return inputError(prefix + " is not in the checkpoint");
    llvm::ArrayRef<int64_t> shape = source.getType().getShape();
    if (tensor->type != storedElement(source.getType().getElementType()) ||
        !std::equal(shape.begin(), shape.end(), tensor->shape.begin(),
                    tensor->shape.end()))
      return inputError(prefix + " is " + std::string(name(tensor->type)) +
                        " " + describeShape(tensor->shape) +
                        " in the checkpoint; the recipe wants " +
                        describe(mlir::TypeAttr::get(source.getType())));
    if (tensor->bytes.empty())
      return inputError(prefix + " has no bytes: the checkpoint's folder has "
                                 "no weights, only their names");
    return viewOf(tensor->bytes, shape.vec(), tensor->type);
  }

  static std::vector<float> generate(Attribute step) {
    if (auto rope = dyn_cast<ir::RopeFrequenciesAttr>(step))
      return ropeFrequencies(rope.getWidth(),
                             rope.getTheta().getValueAsDouble());
    auto slopes = cast<ir::LightningSlopesAttr>(step);
    std::vector<double> exact = lightningSlopes(
        slopes.getHeads(), slopes.getLayer(), slopes.getLayers(),
        slopes.getRule() == ir::SlopeRule::Interleaved ? SlopeRule::Interleaved
                                                       : SlopeRule::Geometric,
        slopes.getFactor() == ir::LayerFactorRule::Native);
    return {exact.begin(), exact.end()};
  }

  mutable ir::WeightOp weight; // ops have no const methods
  const Checkpoint &checkpoint;
};

std::vector<Stretch> findMappings(const Checkpoint &checkpoint) {
  llvm::StringMap<Stretch> files;
  for (const CheckpointTensor &tensor : checkpoint.tensors()) {
    if (tensor.bytes.empty())
      continue;
    Stretch &whole = files[std::string(tensor.file)];
    const std::byte *begin = tensor.bytes.data(),
                    *end = begin + tensor.bytes.size();
    if (!whole.empty()) {
      begin = std::min(begin, whole.data());
      end = std::max(end, whole.data() + whole.size());
    }
    whole = {begin, end};
  }
  std::vector<Stretch> mappings;
  for (const auto &file : files)
    mappings.push_back(file.second);
  return mappings;
}

} // namespace

std::vector<TensorDecl> packedTensors(mlir::ModuleOp module) {
  std::vector<TensorDecl> tensors;
  for (auto weight : module.getOps<ir::WeightOp>()) {
    mlir::RankedTensorType type = weight.getWeightType();
    llvm::SmallVector<int64_t> shape = mlir::plan::storedShape(type);
    tensors.push_back({weight.getSymName().str(),
                       storedElement(type),
                       {shape.begin(), shape.end()}});
  }
  return tensors;
}

uint64_t packedAlignment(mlir::ModuleOp module) {
  int64_t alignment = plan::kAlignment;
  for (auto weight : module.getOps<ir::WeightOp>())
    alignment =
        std::max(alignment, plan::weightAlignment(weight.getWeightType()));
  return static_cast<uint64_t>(alignment);
}

Expected<PackWork> planPacking(mlir::ModuleOp module,
                               const Checkpoint &checkpoint) {
  PackWork work{packedTensors(module),
                packedAlignment(module),
                {},
                findMappings(checkpoint)};
  llvm::DenseMap<std::pair<Attribute, Attribute>, size_t> known;
  size_t tensor = 0;
  for (auto weight : module.getOps<ir::WeightOp>()) {
    RecipeReader reader(weight, checkpoint);
    auto [place, isNew] =
        known.try_emplace(reader.groupKey(), work.groups.size());
    if (isNew) {
      auto group = reader.readRows();
      if (!group)
        return group.takeError();
      work.groups.push_back(std::move(*group));
    }
    auto output = reader.readOutput(tensor++);
    if (!output)
      return output.takeError();
    work.groups[place->second].outputs.push_back(*output);
  }
  return work;
}

} // namespace mm1
