//===- Questions.h - What a kit asks besides the kernels of a plan --------===//
// Two lists. Conformance: each word of kernels/dp with the answer that it must
// give (kernels/conformance/Answers.h). Questions: what the design notes on
// GPUs leave to hardware, in their order, each with the answers that are known
// (the first is what the emulation is built on), as a measurement, or with what
// is needed to ask it.
//===----------------------------------------------------------------------===//
#pragma once

#include "test/gpu/KitWriter.h"

namespace mm1::kit {

/// The modules that the questions and the conformance cases are kernels of.
inline constexpr char kQuestionsModule[] = "questions",
                      kConformanceModule[] = "primitives";

/// \param needsSm90  whether the conformance kernel is left out for sm_80
void addConformance(KitWriter &kit,
                    const std::function<bool(const std::string &)> &needsSm90);
void addQuestions(KitWriter &kit);

} // namespace mm1::kit
