//===- ExplainFusion.cpp - What was fused, what was not, and why ----------===//
#include "passes/Fuse/ExplainFusion.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::mm1;

void FusionExplainer::say(Location at, const Twine &what, bool isTaken,
                          const Twine &why) const {
  if (!isOn)
    return;
  std::string whatText = what.str(), whyText = why.str();
  InFlightDiagnostic remark = emitRemark(at);
  remark << fusion << ": " << whatText << ": "
         << (isTaken ? "taken, " : "declined, ") << whyText;
  Builder builder(at.getContext());
  auto text = [&](StringRef name, StringRef value) {
    return builder.getNamedAttr(name, builder.getStringAttr(value));
  };
  remark.getUnderlyingDiagnostic()->getMetadata().push_back(
      DiagnosticArgument(builder.getDictionaryAttr(
          {text("fusion", fusion), text("entry", entry), text("what", whatText),
           builder.getNamedAttr("taken", builder.getBoolAttr(isTaken)),
           text("why", whyText)})));
}

std::optional<FusionDecision> mm1::decisionOf(Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() != DiagnosticSeverity::Remark)
    return std::nullopt;
  for (DiagnosticArgument &argument : diagnostic.getMetadata()) {
    if (argument.getKind() !=
        DiagnosticArgument::DiagnosticArgumentKind::Attribute)
      continue;
    auto fields = dyn_cast<DictionaryAttr>(argument.getAsAttribute());
    if (!fields || !fields.get("fusion"))
      continue;
    auto text = [&](StringRef name) {
      return fields.getAs<StringAttr>(name).str();
    };
    return FusionDecision{text("fusion"), text("entry"), text("what"),
                          fields.getAs<BoolAttr>("taken").getValue(),
                          text("why")};
  }
  return std::nullopt;
}

std::string mm1::describeOps(ArrayRef<Operation *> ops) {
  std::string text;
  llvm::StringSet<> seen;
  for (Operation *op : ops)
    if (seen.insert(op->getName().stripDialect()).second)
      text += (text.empty() ? "" : ", ") + op->getName().stripDialect().str();
  return "{" + text + "}";
}
