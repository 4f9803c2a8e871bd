//===- RunKit.h - Everything a kit asks a GPU -----------------------------===//
// In the order of its worth, should the machine be taken away: questions, then
// conformance, kernels and timings. README.md says how it is used.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CudaDriver.h"

#include <string>
#include <vector>

namespace mm1::kit {

struct RunOptions {
  std::string kit;
  std::string driver = CudaDriver::kDefaultLibrary;
  int gpu = 0;
  std::string json; ///< file for the results; empty: none
  /// Of questions, conformance, kernels, timings; empty: all.
  std::vector<std::string> only;
};

/// What can be asked for alone, in order.
inline const std::vector<std::string> kGroups = {"questions", "conformance",
                                                 "kernels", "timings"};

/// Input error when the kit is damaged or an answer is wrong; machine error
/// when there is no GPU, or it was lost on the way.
Status runKit(const RunOptions &options);

} // namespace mm1::kit
