//===- ScheduleChoice.cpp - A cluster's schedule, by names said once ------===//
#include "passes/Fuse/ScheduleChoice.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mm1;

ArrayRef<StringRef> mm1::allKnobs() {
  static const StringRef names[] = {
      knob::kPanels,    knob::kRows,  knob::kBlockPanels, knob::kBlockDepth,
      knob::kBlockRows, knob::kWarps, knob::kColumns,     knob::kChunk,
      knob::kGrain,     knob::kPer};
  return names;
}

void ScheduleChoice::set(StringRef knob, int64_t value) {
  if (knob == knob::kPer) {
    per = value;
    return;
  }
  for (auto &[name, old] : knobs)
    if (name == knob) {
      old = value;
      return;
    }
  knobs.push_back({knob, value});
}

std::optional<int64_t> ScheduleChoice::get(StringRef knob) const {
  if (knob == knob::kPer)
    return per;
  for (auto [name, value] : knobs)
    if (name == knob)
      return value;
  return std::nullopt;
}

int64_t ScheduleChoice::countTasks(int64_t tokens, int64_t sequences) const {
  int64_t count = unit == GridUnit::One      ? 1
                  : unit == GridUnit::Tokens ? tokens
                                             : sequences;
  return tasks * llvm::divideCeil(count, per);
}

DictionaryAttr ScheduleChoice::toAttribute(MLIRContext *context) const {
  Builder builder(context);
  SmallVector<NamedAttribute> attributes;
  auto add = [&](StringRef name, int64_t value) {
    attributes.push_back(
        builder.getNamedAttr(name, builder.getI64IntegerAttr(value)));
  };
  for (auto [name, value] : knobs)
    add(name, value);
  add("tasks", tasks);
  add(knob::kPer, per);
  attributes.push_back(builder.getNamedAttr(
      "unit", builder.getStringAttr(stringifyGridUnit(unit))));
  return builder.getDictionaryAttr(attributes);
}
