//===- EstimateReport.cpp - The estimate as a table and as JSON -----------===//
#include "compiler/Import/Estimate.h"

#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace mm1 {

namespace {

std::string format(const char *pattern, ...)
    __attribute__((format(printf, 1, 2)));
std::string format(const char *pattern, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

/// "106.2 GiB", "280.0 MiB", "40.0 KiB", "12 B"
std::string bytesText(uint64_t bytes) {
  const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024)
    return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1023.95 && unit < 5; ++unit)
    value /= 1024;
  return format("%.1f %s", value, units[unit]);
}

/// "456.1 billion", "820 thousand", "12"
std::string countText(uint64_t count) {
  double value = static_cast<double>(count);
  if (value >= 1e9)
    return format("%.1f billion", value / 1e9);
  if (value >= 1e6)
    return format("%.1f million", value / 1e6);
  if (value >= 1e3)
    return format("%.1f thousand", value / 1e3);
  return std::to_string(count);
}

std::string timeText(double seconds) {
  return seconds >= 100   ? format("%.0f s", seconds)
         : seconds >= 0.1 ? format("%.2f s", seconds)
                          : format("%.3g ms", seconds * 1e3);
}

std::string plural(int64_t count, const char *noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// "  label          first      second", values flush right.
void row(std::ostream &out, const std::string &label, const std::string &first,
         const std::string &second = "") {
  out << format("  %-28s %14s", label.c_str(), first.c_str());
  if (!second.empty())
    out << format(" %14s", second.c_str());
  out << "\n";
}

} // namespace

void Estimate::renderTable(std::ostream &out) const {
  const int64_t lightning = config.countLayers(AttentionKind::Lightning);
  out << config.modelType << ": " << plural(config.numLayers, "layer") << " ("
      << lightning << " lightning, " << config.numLayers - lightning
      << " softmax), " << countText(parameters) << " parameters, "
      << countText(parametersPerToken) << " used for a token\n";
  out << plural(request.gpus, "GPU");
  if (request.gpu)
    out << " " << request.gpu->title
        << format(" (%.2f TB/s, %.0f TFLOP/s bf16 each)",
                  request.gpu->bandwidth / 1e12, request.gpu->bf16Flops / 1e12);
  out << ", quant " << name(request.quant) << ", "
      << plural(request.sequences, "sequence") << " of "
      << plural(request.context, "token") << "\n\n";

  row(out, "weights", "total", "each GPU");
  for (const WeightClass &weight : weights)
    row(out, std::string(weight.name), bytesText(weight.bytes),
        bytesText(weight.bytesPerGpu));
  row(out, "all weights", bytesText(weightBytes()),
      bytesText(memory.weightsPerGpu));
  out << "\n";
  row(out, "state", "total", "each GPU");
  row(out, "lightning, one sequence",
      bytesText(memory.lightningStatePerSequence),
      bytesText(memory.lightningStatePerSequencePerGpu));
  row(out, "KV, one token", bytesText(memory.kvPerToken),
      bytesText(memory.kvPerTokenPerGpu));
  out << "\n";
  out << "  memory of each GPU\n";
  row(out, "weights", bytesText(memory.weightsPerGpu));
  row(out, "lightning state", bytesText(memory.lightningStatePerGpu));
  row(out, "KV pages", bytesText(memory.kvPerGpu));
  row(out, "workspace, about", bytesText(memory.workspacePerGpu));
  row(out, "needed", bytesText(memory.neededPerGpu));
  if (memory.availablePerGpu) {
    uint64_t available = *memory.availablePerGpu;
    row(out, "available", bytesText(available));
    out << (memory.fits()
                ? "  fits, " + bytesText(available - memory.neededPerGpu) +
                      " left\n"
                : "  does not fit, " +
                      bytesText(memory.neededPerGpu - available) + " short\n");
    bool atLimit = *memory.longestContext == config.maxPositionEmbeddings;
    out << "  longest context for " << plural(request.sequences, "sequence")
        << ": " << plural(*memory.longestContext, "token")
        << (atLimit ? " (the model's own limit)" : "") << "\n";
    out << "  most sequences of " << plural(request.context, "token") << ": "
        << *memory.mostSequences << "\n";
  }
  out << "\n";
  if (request.gpu) {
    out << "  speed at best: memory or arithmetic at the maker's figure, "
           "nothing "
           "else\n  ("
        << request.gpu->source << ")\n";
    for (const Decode &step : decode)
      out << format("  decode, batch %-6lld %8.2f GB read by each GPU, %8.3g "
                    "ms a step, %8.4g tokens/s\n",
                    static_cast<long long>(step.batch), step.bytesPerGpu / 1e9,
                    step.milliseconds, step.tokensPerSecond);
    out << "  prefill of " << plural(prefill.tokens, "token") << ": "
        << timeText(prefill.seconds) << "\n";
  } else {
    for (const Decode &step : decode)
      out << format("  decode, batch %-6lld %8.2f GB read by each GPU\n",
                    static_cast<long long>(step.batch), step.bytesPerGpu / 1e9);
    out << "  name a GPU with --gpu for a bound on speed: " << gpuNames()
        << "\n";
  }
}

std::string Estimate::toJson() const {
  using Json = nlohmann::ordered_json;
  Json json;
  json["model_type"] = config.modelType;
  json["layers"] = {{"lightning", config.countLayers(AttentionKind::Lightning)},
                    {"softmax", config.countLayers(AttentionKind::Softmax)}};
  json["parameters"] = parameters;
  json["parameters_per_token"] = parametersPerToken;
  json["gpus"] = request.gpus;
  json["gpu"] = nullptr;
  if (request.gpu)
    json["gpu"] = {{"name", request.gpu->name},
                   {"memory_bytes", request.gpu->memoryBytes},
                   {"bytes_per_second", request.gpu->bandwidth},
                   {"bf16_flops", request.gpu->bf16Flops},
                   {"source", request.gpu->source}};
  json["quant"] = name(request.quant);
  json["context"] = request.context;
  json["sequences"] = request.sequences;
  json["prefill_tokens"] = request.prefillTokens;
  for (const WeightClass &weight : weights)
    json["weights"].push_back({{"class", weight.name},
                               {"parameters", weight.parameters},
                               {"bytes", weight.bytes},
                               {"bytes_per_gpu", weight.bytesPerGpu}});
  json["weight_bytes"] = weightBytes();
  json["state"] = {
      {"lightning_bytes_per_sequence", memory.lightningStatePerSequence},
      {"lightning_bytes_per_sequence_per_gpu",
       memory.lightningStatePerSequencePerGpu},
      {"kv_bytes_per_token", memory.kvPerToken},
      {"kv_bytes_per_token_per_gpu", memory.kvPerTokenPerGpu}};
  json["memory_per_gpu"] = {{"weights", memory.weightsPerGpu},
                            {"lightning_state", memory.lightningStatePerGpu},
                            {"kv", memory.kvPerGpu},
                            {"workspace", memory.workspacePerGpu},
                            {"needed", memory.neededPerGpu},
                            {"available", nullptr},
                            {"fits", nullptr}};
  json["longest_context"] = json["most_sequences"] = nullptr;
  if (memory.availablePerGpu) {
    json["memory_per_gpu"]["available"] = *memory.availablePerGpu;
    json["memory_per_gpu"]["fits"] = memory.fits();
    json["longest_context"] = *memory.longestContext;
    json["most_sequences"] = *memory.mostSequences;
  }
  for (const Decode &step : decode) {
    Json entry{{"batch", step.batch},
               {"distinct_experts", step.distinctExperts},
               {"bytes_per_gpu", step.bytesPerGpu},
               {"flops_per_gpu", step.flopsPerGpu}};
    if (request.gpu) {
      entry["milliseconds"] = step.milliseconds;
      entry["tokens_per_second"] = step.tokensPerSecond;
    }
    json["decode"].push_back(std::move(entry));
  }
  json["prefill"] = {{"tokens", prefill.tokens}, {"flops", prefill.flops}};
  if (request.gpu)
    json["prefill"]["seconds"] = prefill.seconds;
  return json.dump(2) + "\n";
}

} // namespace mm1
