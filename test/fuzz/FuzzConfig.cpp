//===- FuzzConfig.cpp - Any text as a config.json -------------------------===//
// Whatever the text says, fromJson() refuses it in one line, or the model it
// describes can be listed, planned and given its constants.
#include "compiler/Import/Estimate.h"
#include "compiler/Import/TensorTable.h"
#include "runtime/Support/Json.h"

#include <cmath>
#include <cstdlib>
#include <sstream>

using namespace mm1;

static void require(bool condition) {
  if (!condition)
    std::abort();
}

static void use(const ModelConfig &config) {
  require(config.attention.size() == static_cast<size_t>(config.numLayers));
  require(config.sharedWidths.size() == config.attention.size());
  for (double slope : lightningSlopes(config, config.numLayers - 1))
    require(std::isfinite(slope) && slope > 0);
  for (float frequency : ropeFrequencies(config.rotaryDim, config.ropeTheta))
    require(std::isfinite(frequency) && frequency > 0);
  // Large tables are only slow: skip them, as there are many inputs.
  if (config.numLayers * config.numExperts > 1000)
    return;
  for (int64_t gpus : {1, 2, 3}) {
    auto estimate = Estimate::make(
        config, {.gpus = gpus, .context = 1, .gpu = findGpu("h200")});
    if (!estimate) {
      require(estimate.error().message.find('\n') == std::string::npos);
      continue;
    }
    std::ostringstream out;
    estimate->renderTable(out);
    require(!estimate->toJson().empty());
    require(estimate->weightBytes() >= estimate->parameters);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  auto json = parseJson(text, "config.json");
  auto config = json ? ModelConfig::fromJson(*json, "config.json")
                     : Expected<ModelConfig>(json.takeError());
  if (config)
    use(*config);
  else
    require(config.error().message.find('\n') == std::string::npos);
  return 0;
}
