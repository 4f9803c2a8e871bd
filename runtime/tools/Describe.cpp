//===- Describe.cpp - mm1-run describe ------------------------------------===//
#include "runtime/tools/Commands.h"

#include <cstdio>

namespace mm1 {

namespace {

using Json = nlohmann::ordered_json;

/// Manifest fields that are for people, in the order to show them.
constexpr const char *kShownFields[] = {"version", "command", "model",
                                        "target",  "ranks",   "compute",
                                        "quant",   "limits",  "metrics"};

Json memoryTable(const Plan &plan) {
  return {{"weights", plan.weightBytes()},
          {"recurrent_state", plan.units(StateKind::Recurrent) *
                                  plan.unitBytes(StateKind::Recurrent)},
          {"kv_pages",
           plan.units(StateKind::KVPages) * plan.unitBytes(StateKind::KVPages)},
          {"arena", plan.arenaBytes},
          {"scratch_per_thread", plan.maxScratchBytes()}};
}

Json entryTable(const Plan &plan) {
  Json entries = Json::array();
  for (const Plan::Entry &entry : plan.entries) {
    uint64_t weightBytes = 0;
    for (const Plan::Step &step : entry.steps)
      weightBytes += step.weightBytes();
    entries.push_back({{"kind", name(entry.kind)},
                       {"max_tokens", entry.maxTokens},
                       {"max_sequences", entry.maxSequences},
                       {"steps", entry.steps.size()},
                       {"weight_bytes_at_most", weightBytes}});
  }
  return entries;
}

Json describe(const Artifact &artifact) {
  const Plan &plan = artifact.plan();
  Json result;
  result["artifact"] = artifact.folder();
  for (const char *field : kShownFields)
    if (auto found = artifact.manifest().fields.find(field);
        found != artifact.manifest().fields.end())
      result[field] = *found;
  result["plan"] = {
      {"vocab_size", plan.vocabSize},
      {"sequences", plan.maxSequences},
      {"context", plan.maxContext},
      {"prefill", plan.maxPrefill},
      {"page_tokens", plan.pageTokens},
      {"pages", plan.units(StateKind::KVPages)},
      {"kv_tokens", plan.hasState(StateKind::KVPages)
                        ? (plan.units(StateKind::KVPages) - plan.sparePages) *
                              plan.pageTokens
                        : 0},
      {"kernels", plan.kernels.size()},
      {"weights", plan.weights.size()},
      {"states", plan.states.size()}};
  result["memory"] = memoryTable(plan);
  result["entries"] = entryTable(plan);
  return result;
}

/// Nested objects as "limits.context  4096"; strings without their quotes.
void printFields(const std::string &prefix, const Json &value) {
  if (!value.is_object()) {
    std::printf("  %-34s %s\n", prefix.c_str(),
                value.is_string() ? value.get<std::string>().c_str()
                                  : value.dump().c_str());
    return;
  }
  for (const auto &[key, field] : value.items())
    printFields(prefix.empty() ? key : prefix + "." + key, field);
}

void printText(const Json &description) {
  std::printf("%s\n", description["artifact"].get<std::string>().c_str());
  for (const auto &[key, field] : description.items())
    if (key != "artifact" && key != "memory" && key != "entries")
      printFields(key, field);
  std::printf("\nmemory\n");
  uint64_t total = 0;
  for (const auto &[key, bytes] : description["memory"].items()) {
    std::printf("  %-34s %s\n", key.c_str(),
                formatBytes(bytes.get<uint64_t>()).c_str());
    total += bytes.get<uint64_t>();
  }
  std::printf("  %-34s %s\n", "total with one thread",
              formatBytes(total).c_str());
  std::printf("\n  %-8s %10s %10s %9s  %s\n", "entry", "tokens", "sequences",
              "steps", "weights read at most");
  for (const Json &entry : description["entries"])
    std::printf(
        "  %-8s %10u %10u %9u  %s\n", entry["kind"].get<std::string>().c_str(),
        entry["max_tokens"].get<unsigned>(),
        entry["max_sequences"].get<unsigned>(), entry["steps"].get<unsigned>(),
        formatBytes(entry["weight_bytes_at_most"].get<uint64_t>()).c_str());
}

} // namespace

Status describeCommand(const DescribeArguments &arguments) {
  auto artifact = Artifact::open(arguments.artifact);
  if (!artifact)
    return artifact.takeError();
  if (arguments.check)
    if (Status status = verifyWithProgress(*artifact); !status)
      return status;
  Json description = describe(*artifact);
  if (arguments.json)
    std::printf(
        "%s\n",
        description.dump(2, ' ', true, Json::error_handler_t::replace).c_str());
  else
    printText(description);
  return Status::ok();
}

} // namespace mm1
