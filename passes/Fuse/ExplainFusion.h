//===- ExplainFusion.h - What was fused, what was not, and why ------------===//
// Passes say each decision, taken or declined, in a remark for people:
//
//   remark: norm-linears: {rms_norm} into {linear, silu}: taken, 3.61 us become
//   2.55 us: ...
//
// The remark carries the same as data, for who wants to count them: mm1c
// compile --explain-fusion prints a table, or JSON.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"

#include <optional>

namespace mlir::mm1 {

struct FusionDecision {
  std::string fusion; // "norm-linears"
  std::string entry;  // "decode_1"
  std::string what;   // "{rms_norm} into {linear, silu}"
  bool isTaken;
  std::string why;
};

/// Says the decisions of one pass in one function.
class FusionExplainer {
public:
  /// \param isOn  the pass was asked to explain; else nothing is said
  FusionExplainer(StringRef fusion, func::FuncOp function, bool isOn)
      : isOn(isOn), fusion(fusion), entry(function.getSymName()) {}

  /// Whether anybody listens: where telling costs time, ask first.
  const bool isOn;

  void take(Location at, const Twine &what, const Twine &why) const {
    say(at, what, /*isTaken=*/true, why);
  }
  void decline(Location at, const Twine &what, const Twine &why) const {
    say(at, what, /*isTaken=*/false, why);
  }

private:
  void say(Location at, const Twine &what, bool isTaken,
           const Twine &why) const;

  StringRef fusion, entry;
};

/// The decision that a remark carries, or nothing.
std::optional<FusionDecision> decisionOf(Diagnostic &diagnostic);

/// Ops for people: "{linear, silu}".
std::string describeOps(ArrayRef<Operation *> ops);

} // namespace mlir::mm1
