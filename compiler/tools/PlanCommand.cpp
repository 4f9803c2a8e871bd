//===- PlanCommand.cpp - mm1c plan: sizes and bounds from config.json ---------===//
// The figures are made in compiler/Import/Estimate.h.
//===--------------------------------------------------------------------------===//
#include "compiler/Import/Estimate.h"
#include "compiler/tools/Commands.h"

#include <filesystem>
#include <iostream>

namespace mm1 {

Status planCommand(const PlanArguments &arguments) {
  std::filesystem::path path = arguments.model;
  if (!std::filesystem::is_regular_file(path))
    path /= "config.json";
  Expected<ModelConfig> config = ModelConfig::load(path.string());
  if (!config)
    return config.takeError();

  EstimateRequest request;
  request.gpus = arguments.gpus;
  request.quant = *weightSchemeNamed(arguments.quant);
  request.context = arguments.context;
  request.sequences = arguments.sequences;
  request.prefillTokens = arguments.prefillTokens;
  request.memoryBytes = arguments.memoryBytes;
  if (!arguments.gpu.empty()) {
    request.gpu = findGpu(arguments.gpu);
    if (!request.gpu)
      return usageError("unknown GPU '" + arguments.gpu + "'; known are " +
                        gpuNames());
  }
  Expected<Estimate> estimate = Estimate::make(*config, request);
  if (!estimate)
    return estimate.takeError();
  if (arguments.json)
    std::cout << estimate->toJson();
  else
    estimate->renderTable(std::cout);
  return {};
}

} // namespace mm1
