//===- Tuning.h - Choices that a person makes instead of the cost model ---===//
// Two sources, one form: the option string `decode.matmul.panels=4,
// row_reduction.per=8`, and a JSON file
//
//   {"version": 1, "rules": [{"target": "cpu", "entry": "decode",
//     "kind": "matmul", "shape": "9216x6144xbf16", "set": {"panels": 2}}]}
//
// where target, entry, kind and shape may be left out. A rule sets a knob of
// every cluster it matches; later rules win. Rules that matched nothing are
// named when all is scheduled.
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/Fuse/Target.h"

#include "llvm/Support/Error.h"

namespace mlir::mm1 {

struct TuningRule {
  std::string target, entry, shape; // empty: any
  std::optional<AnchorKind> kind;   // none: any kind that has the knob
  std::string knob;                 // one of allKnobs()
  int64_t value;                    // >= 1
  std::string text;                 // for messages: as it was written, or where

  /// Whether the cluster is meant, and has such a knob.
  bool matches(const Target &on, const ClusterView &cluster,
               const ScheduleChoice &choice) const;
};

/// Reads `[entry.]kind.knob=value`, comma separated. Errors name the part and
/// what was expected.
llvm::Expected<SmallVector<TuningRule>> parseOverrides(StringRef text);

/// Reads a tuning file. Errors name the file and the rule's number.
llvm::Expected<SmallVector<TuningRule>> readTuningFile(StringRef path);

} // namespace mlir::mm1
