//===- RandomModule.h - Modules that no model has, for property tests -----===//
// One entry function of random blocks: norms, linears of several widths, gates,
// experts, lightning and softmax attention, wired at random as far as widths
// allow. Rows that one block makes are read by any later one, by none, or
// returned, so that fusion meets more shapes of graphs than MiniMax-M1 has.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string>

namespace mlir::mm1 {

/// Text of a module with the function `entry` (decode or prefill); equal seeds
/// make equal modules. Weights are f32, recipes name a source like the weight.
std::string randomModule(uint64_t seed, const std::string &entry);

/// What a batch must look like to fit such a function.
inline constexpr int64_t kRandomVocabulary = 19, kRandomSlots = 4,
                         kRandomPageColumns = 18,
                         kRandomPages = kRandomSlots * kRandomPageColumns;

} // namespace mlir::mm1
