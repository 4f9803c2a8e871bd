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

Error checkKnob(StringRef knob) {
  if (llvm::is_contained(allKnobs(), knob))
    return Error::success();
  return error("unknown knob '", knob, "'; known are ",
               llvm::join(allKnobs(), ", "));
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
  if (Error bad = checkKnob(rule.knob))
    return bad;
  std::optional<int64_t> value;
  if (int64_t parsed; !number.getAsInteger(10, parsed))
    value = parsed;
  if (Error bad = checkValue(rule.knob, value))
    return bad;
  rule.value = *value;
  rule.text = text.str();
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
    if (Error bad = checkKnob(rule.knob))
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

/// How tuning files name a cluster's shape: that of the weights it multiplies
/// with, else of what it stores first.
static std::string shapeName(const ClusterView &cluster) {
  RankedTensorType type;
  if (!cluster.storedResults().empty())
    type = cast<RankedTensorType>(cluster.storedResults().front().getType());
  for (Operation *op : cluster.ops())
    if (auto matmul = dyn_cast<MatmulOpInterface>(op))
      type = matmul.getMatrixType();
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (type) {
    for (int64_t size : type.getShape())
      ShapedType::isDynamic(size) ? stream << "?x" : stream << size << "x";
    stream << type.getElementType();
  }
  return text;
}

bool TuningRule::matches(const Target &on, const ClusterView &cluster,
                         const ScheduleChoice &choice) const {
  SmallVector<AnchorKind> kinds = cluster.kinds();
  if (kinds.empty())
    kinds.push_back(AnchorKind::Elementwise);
  return (target.empty() || target == on.name()) &&
         (entry.empty() || entry == cluster.bucket().entry) &&
         (!kind || llvm::is_contained(kinds, *kind)) && choice.get(knob) &&
         (shape.empty() || shape == shapeName(cluster));
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
  for (const auto &[number, rule] : llvm::enumerate(*array)) {
    size_t before = rules.size();
    std::string place = (path + ": rule " + Twine(number)).str();
    if (Error bad = parseRule(rule, rules))
      return error(place, ": ", llvm::toString(std::move(bad)));
    for (TuningRule &read : MutableArrayRef(rules).drop_front(before))
      read.text = place + ": " + read.knob;
  }
  return rules;
}
