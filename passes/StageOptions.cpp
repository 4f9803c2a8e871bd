//===- StageOptions.cpp - Which stage uses which option up ----------------===//
#include "passes/StageOptions.h"
#include "dialects/MM1/MM1.h"
#include "dialects/Plan/Plan.h"
#include "passes/Fuse/Target.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

bool isCompute(StringRef name) { return name == "f32" || name == "bf16"; }
bool isScheme(StringRef name) {
  return name == "none" || name == "int8-experts";
}
bool isTarget(StringRef name) { return findTarget(name) != nullptr; }
bool isText(StringRef) { return true; }

template <auto Member, bool (*isValue)(StringRef) = isText>
StageOption option(StringLiteral flag, StringLiteral attribute,
                   Stage usedUpBy) {
  return {flag, attribute, usedUpBy,
          [](const PipelineOptions &options, Builder &builder) -> Attribute {
            if constexpr (std::is_same_v<decltype(Member),
                                         int64_t PipelineOptions::*>)
              return builder.getI64IntegerAttr(options.*Member);
            else
              return builder.getStringAttr(options.*Member);
          },
          [](PipelineOptions &options, Attribute value) {
            if constexpr (std::is_same_v<decltype(Member),
                                         int64_t PipelineOptions::*>) {
              auto number = dyn_cast<IntegerAttr>(value);
              if (!number || !number.getType().isSignlessInteger(64))
                return failure();
              options.*Member = number.getInt();
            } else {
              auto text = dyn_cast<StringAttr>(value);
              if (!text || !isValue(text.getValue()))
                return failure();
              options.*Member = text.str();
            }
            return success();
          }};
}

Attribute getFusions(const PipelineOptions &options, Builder &builder) {
  return builder.getStringAttr(fusionText(options));
}

LogicalResult setFusions(PipelineOptions &options, Attribute value) {
  auto text = dyn_cast<StringAttr>(value);
  options.with.clear();
  options.without.clear();
  return success(text && parseFusions(text.getValue(), options).empty());
}

} // namespace

ArrayRef<StageOption> mm1::stageOptions() {
  using P = PipelineOptions;
  static const StageOption all[] = {
      option<&P::compute, isCompute>("compute", "mm1.compute", Stage::Mm1),
      option<&P::ranks>("gpus", "mm1.ranks", Stage::Sharded),
      option<&P::scheme, isScheme>("quant", "mm1.scheme", Stage::Quantized),
      option<&P::target, isTarget>("target", "mm1.target", Stage::Fused),
      option<&P::maxSequences>("sequences", "mm1.sequences", Stage::Fused),
      option<&P::prefillTokens>("prefill-tokens", "mm1.prefill_tokens",
                                Stage::Fused),
      option<&P::decodeBuckets>("decode-buckets", "mm1.decode_buckets",
                                Stage::Fused),
      option<&P::prefillBuckets>("prefill-buckets", "mm1.prefill_buckets",
                                 Stage::Fused),
      {"fuse", "mm1.fuse", Stage::Fused, getFusions, setFusions},
      option<&P::overrides>("schedule", "mm1.schedule", Stage::Fused),
      option<&P::maxContext>("context", "mm1.context", Stage::Fused),
      option<&P::kvTokens>("kv-tokens", "mm1.kv_tokens", Stage::Plan)};
  return all;
}

void mm1::recordStage(ModuleOp module, Stage stage,
                      const PipelineOptions &options) {
  Builder builder(module.getContext());
  module->setAttr(kStageAttribute, builder.getStringAttr(stageName(stage)));
  for (const StageOption &option : stageOptions()) {
    Attribute value = option.get(options, builder);
    // What is empty or left to a rule by default need not be said.
    bool isUnset = value == builder.getStringAttr("") ||
                   value == builder.getI64IntegerAttr(0);
    if (option.usedUpBy == stage && !isUnset)
      module->setAttr(option.attribute, value);
    else if (option.usedUpBy == stage)
      module->removeAttr(option.attribute);
  }
}

/// An op that modules of the stage do not hold yet, or null.
static Operation *findLaterOp(ModuleOp module, Stage stage) {
  Operation *found = nullptr;
  module.walk([&](Operation *op) {
    bool isLater =
        (stage < Stage::Fused && isa<ClusterOp>(op)) ||
        (stage < Stage::Plan && isa<plan::PlanDialect>(op->getDialect()));
    if (!isLater)
      return WalkResult::advance();
    found = op;
    return WalkResult::interrupt();
  });
  return found;
}

FailureOr<Stage> mm1::readStage(ModuleOp module) {
  auto name = module->getAttrOfType<StringAttr>(kStageAttribute);
  std::optional<Stage> stage;
  if (name)
    stage = parseStage(name.getValue());
  if (!stage) {
    InFlightDiagnostic diag = module.emitOpError()
                              << "expects '" << kStageAttribute
                              << "' to say its stage: \"mm1\", \"sharded\", "
                                 "\"quantized\", \"fused\" or \"plan\"";
    if (name)
      return diag << ", found " << name;
    return diag << ", found none (mm1c compile --emit=STAGE and mm1-pipeline "
                   "write it)";
  }
  if (Operation *later = findLaterOp(module, *stage))
    return later->emitOpError() << "in a module of stage " << name
                                << ", where no such op is yet: correct '"
                                << kStageAttribute << "', or remove the op";
  for (const StageOption &option : stageOptions())
    if (option.usedUpBy > *stage && module->hasAttr(option.attribute))
      return module.emitOpError()
             << "has '" << option.attribute << "' at stage " << name
             << ", which has not used --" << option.flag
             << " up yet: remove it, and use the option";
  return *stage;
}

LogicalResult mm1::readOptions(ModuleOp module, Stage stage,
                               PipelineOptions &options) {
  for (const StageOption &option : stageOptions()) {
    if (option.usedUpBy > stage)
      continue;
    Builder builder(module.getContext());
    Attribute value = module->getAttr(option.attribute);
    if (!value)
      value = option.get(PipelineOptions(), builder);
    if (failed(option.set(options, value)))
      return module.emitOpError()
             << "expects '" << option.attribute << "' to be a value of --"
             << option.flag << ", found " << value;
  }
  return success();
}

std::string mm1::fusionText(const PipelineOptions &options) {
  std::string text;
  for (auto &[fusion, name] : allFusions()) {
    bool isOn = llvm::is_contained(options.with, fusion);
    if (!isOn && !llvm::is_contained(options.without, fusion))
      continue;
    text +=
        (text.empty() ? "" : ",") + std::string(isOn ? "" : "-") + name.str();
  }
  return text;
}

std::string mm1::parseFusions(StringRef text, PipelineOptions &options) {
  SmallVector<StringRef> names;
  text.split(names, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef word : names) {
    StringRef name = word.trim();
    bool isOff = name.consume_front("-");
    const auto *known = llvm::find_if(
        allFusions(), [&](const auto &each) { return each.second == name; });
    auto &others = isOff ? options.with : options.without;
    if (known == allFusions().end() || llvm::is_contained(others, known->first))
      return word.str();
    (isOff ? options.without : options.with).push_back(known->first);
  }
  return "";
}
