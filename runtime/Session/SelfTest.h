//===- SelfTest.h - Does this machine give the logits the compiler wanted? -----===//
// mm1c may put prompts and their reference logits into an artifact, golden/prompts.safetensors:
//
//   prompt.0.ids        I32 or I64 [T]      the tokens
//   prompt.0.positions  I32 or I64 [P]      of which tokens there are logits; absent: of all, P = T
//   prompt.0.logits     F32 or F64 [P, V]
//   prompt.1.ids ...
//
// The error of a prompt is the root mean square difference of its logits over their standard deviation: 0.01 is the
// rounding of bf16, 1 is noise. The manifest's 'self_test.tolerance' says how much is fine, kDefaultTolerance without it.
//===---------------------------------------------------------------------------===//
#pragma once

#include "runtime/Session/Session.h"

namespace mm1 {

struct SelfTestReport {
  static constexpr double kDefaultTolerance = 0.1;

  uint32_t prompts = 0;
  double worst = 0; ///< error of the worst prompt
  double tolerance = kDefaultTolerance;
};

/// Runs the golden prompts one after the other in a slot of their own. Input error: no golden prompts, a malformed file,
/// or logits outside of the tolerance, with the figures; also the errors of Session.
Expected<SelfTestReport> runSelfTest(Session &session);

} // namespace mm1
