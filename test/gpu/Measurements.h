//===- Measurements.h - Questions whose answers are numbers ---------------===//
// Each is a function by name that runs kernels of questions.cu with sizes that
// suit the GPU, and says what it found as text and as numbers:
//
//   auto found = measure("mma_rate", launcher, watch);
//   found->text     // 1 block: 310 TFLOP/s; 2 blocks: 330 TFLOP/s
//   found->numbers  // {"1": 3.1e14, "2": 3.3e14}
//
// On an emulated GPU they run once on next to nothing, so that they are known
// to work, and their numbers say nothing.
//===----------------------------------------------------------------------===//
#pragma once

#include "test/gpu/Timings.h"

namespace mm1::kit {

struct Measured {
  std::string text;
  nlohmann::ordered_json numbers;
};

/// Input error when there is no measurement of this name, or its kernel is not
/// in the kit; machine error when the GPU fails.
Expected<Measured> measure(const std::string &name, Launcher &launcher,
                           Stopwatch &watch);

} // namespace mm1::kit
