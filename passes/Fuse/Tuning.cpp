//===- Tuning.cpp - Choices that a person makes instead of the cost model ------===//
#include "passes/Fuse/Tuning.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mlir::mm1;
using llvm::Error;
using llvm::Expected;

namespace {

constexpr int64_t kMaxValue = 1 << 20;
constexpr StringRef kEntries[] = {"decode", "prefill", "head"};

template <typename... Parts> Error error(const Parts &...parts) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  (stream << ... << parts);
  return llvm::createStringError(text);
}

Error checkEntry(StringRef entry) {
  if (llvm::is_contained(kEntries, entry))
    return Error::success();
  return error("unknown entry '", entry, "'; known are ",
               llvm::join(ArrayRef<StringRef>(kEntries), ", "));
}

Error checkKnob(std::optional<AnchorKind> kind, StringRef knob) {
  if (kind) {
    if (llvm::is_contained(knobsOf(*kind), knob))
      return Error::success();
    if (knobsOf(*kind).empty())
      return error("clusters of kind '", stringifyAnchorKind(*kind),
                   "' have nothing to set, found '", knob, "'");
    return error("clusters of kind '", stringifyAnchorKind(*kind), "' have ",
                 llvm::join(knobsOf(*kind), ", "), ", found '", knob, "'");
  }
  for (uint32_t each = 0; each <= getMaxEnumValForAnchorKind(); ++each)
    if (llvm::is_contained(knobsOf(AnchorKind(each)), knob))
      return Error::success();
  return error("no kind of cluster has '", knob, "'");
}

Expected<AnchorKind> parseKind(StringRef text) {
  if (std::optional<AnchorKind> kind = symbolizeAnchorKind(text))
    return *kind;
  return error("unknown kind of cluster '", text, "'");
}

Error checkValue(StringRef knob, std::optional<int64_t> value) {
  if (value && *value >= 1 && *value <= kMaxValue)
    return Error::success();
  return error("'", knob, "' expects a whole number from 1 to ", kMaxValue);
}

Expected<TuningRule> parseOverride(StringRef text) {
  auto [path, number] = text.split('=');
  SmallVector<StringRef> parts;
  path.split(parts, '.');
  if (number.empty() || parts.size() < 2 || parts.size() > 3)
    return error("override '", text, "' is not [entry.]kind.key=value");
  TuningRule rule;
  if (parts.size() == 3) {
    if (Error bad = checkEntry(parts[0]))
      return bad;
    rule.entry = parts[0].str();
  }
  Expected<AnchorKind> kind = parseKind(parts[parts.size() - 2]);
  if (!kind)
    return kind.takeError();
  rule.kind = *kind;
  rule.knob = parts.back().str();
  if (Error bad = checkKnob(rule.kind, rule.knob))
    return bad;
  std::optional<int64_t> value;
  if (int64_t parsed; !number.getAsInteger(10, parsed))
    value = parsed;
  if (Error bad = checkValue(rule.knob, value))
    return bad;
  rule.value = *value;
  return rule;
}

/// One object of "rules": as many TuningRules as its "set" has members.
Error parseRule(const llvm::json::Value &json, SmallVector<TuningRule> &rules) {
  const llvm::json::Object *object = json.getAsObject();
  if (!object)
    return error("is not an object");
  TuningRule rule;
  const llvm::json::Object *set = nullptr;
  for (const auto &[key, value] : *object) {
    StringRef name = key;
    std::optional<StringRef> text = value.getAsString();
    if (name == "set") {
      set = value.getAsObject();
      continue;
    }
    if (name != "target" && name != "entry" && name != "kind" &&
        name != "shape")
      return error("unknown field '", name, "'");
    if (!text)
      return error("field '", name, "' is not a string");
    if (name == "kind") {
      Expected<AnchorKind> kind = parseKind(*text);
      if (!kind)
        return kind.takeError();
      rule.kind = *kind;
    } else if (name == "entry") {
      if (Error bad = checkEntry(*text))
        return bad;
      rule.entry = text->str();
    } else {
      (name == "target" ? rule.target : rule.shape) = text->str();
    }
  }
  if (!set)
    return error("has no object 'set'");
  for (const auto &[key, value] : *set) {
    rule.knob = StringRef(key).str();
    if (Error bad = checkKnob(rule.kind, rule.knob))
      return bad;
    std::optional<int64_t> number = value.getAsInteger();
    if (Error bad = checkValue(rule.knob, number))
      return bad;
    rule.value = *number;
    rules.push_back(rule);
  }
  return Error::success();
}

} // namespace

ArrayRef<StringRef> mm1::knobsOf(AnchorKind kind) {
  static constexpr StringRef matmul[] = {"panels", "rows", "warps"},
                             rowWise[] = {"per", "warps"},
                             attention[] = {"per"}, recurrence[] = {"chunk"};
  switch (kind) {
  case AnchorKind::Matmul:
  case AnchorKind::GroupedMatmul:
    return matmul;
  case AnchorKind::Elementwise:
  case AnchorKind::RowReduction:
  case AnchorKind::Routing:
    return rowWise;
  case AnchorKind::Attention:
    return attention;
  case AnchorKind::Recurrence:
    return recurrence;
  case AnchorKind::CacheAppend:
  case AnchorKind::Collective:
  case AnchorKind::Selection:
    return {};
  }
  return {};
}

Expected<SmallVector<TuningRule>> mm1::parseOverrides(StringRef text) {
  SmallVector<TuningRule> rules;
  SmallVector<StringRef> parts;
  text.split(parts, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    Expected<TuningRule> rule = parseOverride(part.trim());
    if (!rule)
      return rule.takeError();
    rules.push_back(*rule);
  }
  return rules;
}

Expected<SmallVector<TuningRule>> mm1::readTuningFile(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return error(
        path, ": cannot read the tuning file: ", buffer.getError().message());
  Expected<llvm::json::Value> json = llvm::json::parse((*buffer)->getBuffer());
  if (!json)
    return error(path, ": is not JSON: ", llvm::toString(json.takeError()));
  const llvm::json::Object *object = json->getAsObject();
  const llvm::json::Array *array = object ? object->getArray("rules") : nullptr;
  if (!array)
    return error(path, ": expects an object with a list 'rules'");
  if (object->getInteger("version") != 1)
    return error(path, ": expects \"version\": 1");
  SmallVector<TuningRule> rules;
  for (const auto &[number, rule] : llvm::enumerate(*array))
    if (Error bad = parseRule(rule, rules))
      return error(path, ": rule ", number, ": ",
                   llvm::toString(std::move(bad)));
  return rules;
}
