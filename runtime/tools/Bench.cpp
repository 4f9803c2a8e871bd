//===- Bench.cpp - mm1-run bench ------------------------------------------===//
// Rates of prefill and decode, each beside its bound: operations over the
// measured peak, bytes over the measured read bandwidth. What a step reads and
// computes is taken from the plan:
//
//   bytes       Launch.weight_bytes of the bucket's launches; for experts that
//               counts every expert the batch could choose. Where several
//               sequences share a step the number of distinct experts depends
//               on the data, so the expectation for independent, uniform
//               choices is given as well and called an estimate.
//   operations  two per weight that a token meets (from the bucket of one
//               token); attention and recurrence not counted
#include "runtime/tools/Commands.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <unistd.h>

namespace mm1 {

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

/// Memory of this process in RAM, in bytes.
uint64_t residentBytes() {
  unsigned long long size = 0, resident = 0;
  if (std::FILE *file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%llu %llu", &size, &resident) != 2)
      resident = 0;
    std::fclose(file);
  }
  return resident * uint64_t(::sysconf(_SC_PAGESIZE));
}

/// Ids that look like nothing in particular, the same in every run.
class RandomIds {
public:
  RandomIds(uint32_t vocab) : vocab(vocab) {}
  int32_t next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return int32_t((state >> 33) % vocab);
  }
  std::vector<int32_t> many(size_t count) {
    std::vector<int32_t> ids(count);
    for (int32_t &id : ids)
      id = next();
    return ids;
  }

private:
  uint64_t state = 1;
  uint32_t vocab;
};

/// What one step of an entry reads and computes.
struct Work {
  double bytesAtMost = 0, bytesExpected = 0; // of weights
  double operations = 0;                     // of one token
};

/// Bytes and elements of the weights among a step's arguments.
std::pair<double, double> wholeWeights(const Plan &plan,
                                       const Plan::Step &step) {
  double bytes = 0, elements = 0;
  for (const Plan::Arg &arg : step.args)
    if (arg.kind == ArgKind::Weight) {
      const Plan::Weight &weight = plan.weights[arg.index];
      bytes += double(weight.sizeBytes);
      elements += double(weight.sizeBytes) / double(sizeBytes(weight.element));
    }
  return {bytes, elements};
}

/// `one` is the bucket of a single token with the same steps, `entry` the one
/// that takes `tokens`.
Work workOf(const Plan &plan, const Plan::Entry &one, const Plan::Entry &entry,
            uint32_t tokens) {
  Work work;
  for (size_t i = 0; i < entry.steps.size(); ++i) {
    double most = double(entry.steps[i].weightBytes());
    auto [bytes, elements] = wholeWeights(plan, entry.steps[i]);
    if (most == 0 || bytes == 0)
      continue;
    double single =
        i < one.steps.size() ? double(one.steps[i].weightBytes()) : most;
    work.bytesAtMost += most;
    // A token meets the share `single / bytes` of the experts; the others'
    // choices are taken as independent.
    work.bytesExpected +=
        single < bytes
            ? std::min(most, bytes * (1 - std::pow(1 - single / bytes,
                                                   double(tokens))))
            : most;
    work.operations += 2 * std::min(single, bytes) * (elements / bytes);
  }
  return work;
}

class Bench {
public:
  Bench(const BenchArguments &arguments) : arguments(arguments) {}

  Status run() {
    // A GPU's launches have times of their own only one by one.
    ModelArguments options = arguments.model;
    options.device.cuda.stepByStep = arguments.launches;
    auto loaded = loadModel(options, /*profiling=*/true);
    if (!loaded)
      return loaded.takeError();
    model = std::move(*loaded);
    residentAfterLoad = residentBytes();
    ids = RandomIds(session().vocabSize());
    if (Status status = checkArguments(); !status)
      return status;
    auto created = device().bounds();
    if (!created)
      return created.takeError();
    bounds = std::move(*created);
    bufferBytes = residentBytes() - residentAfterLoad;
    bounds->measureRead();
    bounds->measurePeaks();
    if (arguments.promptTokens != 0)
      if (Status status = prefill(); !status)
        return status;
    if (arguments.decodeTokens != 0)
      if (Status status = decode(); !status)
        return status;
    bounds->measureRead();
    bounds->measurePeaks();
    addReport();
    if (arguments.json)
      std::printf("%s\n", report.dump(2).c_str());
    else
      printReport();
    return Status::ok();
  }

private:
  Session &session() { return *model->session; }
  Device &device() { return model->device(); }
  const Plan &plan() { return session().plan(); }

  Status checkArguments() {
    uint64_t longest = std::max<uint64_t>(
        arguments.promptTokens,
        uint64_t(arguments.context) + arguments.decodeTokens + kWarmUpSteps);
    if (longest > session().maxContext())
      return inputError("the benchmark needs sequences of " +
                        std::to_string(longest) +
                        " tokens, the plan's context is " +
                        std::to_string(session().maxContext()) +
                        "; ask for fewer with --prompt-tokens, --context and "
                        "--decode-tokens");
    if (arguments.sequences > session().maxSequences())
      return inputError(
          "--sequences is " + std::to_string(arguments.sequences) +
          ", the plan has " + std::to_string(session().maxSequences()) +
          "; recompile with a larger --sequences");
    return Status::ok();
  }

  Status feed(uint32_t slot, size_t tokens) {
    return prefillInChunks(session(), slot, ids.many(tokens), 0,
                           [](size_t, uint32_t) { return Status::ok(); });
  }

  Status prefill() {
    std::vector<double> times;
    for (uint32_t repeat = 0; repeat <= arguments.repeats; ++repeat) {
      auto slot = session().open();
      if (!slot)
        return slot.takeError();
      if (repeat == 1)
        device().resetTimes(); // the first was for warming up
      auto start = Clock::now();
      if (Status status = feed(*slot, arguments.promptTokens); !status)
        return status;
      if (auto choices = session().lastChoices(); !choices)
        return choices.takeError();
      if (repeat != 0)
        times.push_back(secondsSince(start));
      session().close(*slot);
    }
    double seconds = median(times), total = 0;
    for (double time : times)
      total += time;
    // A decode step is one token of the layers, and the head.
    const Plan::Entry &one = *plan().bucket(EntryKind::Decode, 1, 1),
                      &head = *plan().bucket(EntryKind::Head, 1, 1);
    double headOperations = workOf(plan(), head, head, 1).operations;
    double operations =
        (workOf(plan(), one, one, 1).operations - headOperations) *
            arguments.promptTokens +
        headOperations;
    prefillOperations = operations / seconds;
    report["prefill"] = {
        {"tokens", arguments.promptTokens},
        {"seconds", seconds},
        {"tokens_per_second", arguments.promptTokens / seconds},
        {"operations_per_second", prefillOperations},
        {"time", profile(total)}};
    if (arguments.launches)
      report["prefill"]["launches"] = launchTable();
    return Status::ok();
  }

  Status decode() {
    std::vector<Session::Next> batch(arguments.sequences);
    for (Session::Next &next : batch) {
      auto slot = session().open();
      if (!slot)
        return slot.takeError();
      next.slot = *slot;
      if (Status status = feed(*slot, arguments.context); !status)
        return status;
    }
    std::vector<double> times;
    double total = 0;
    for (uint32_t step = 0; step < arguments.decodeTokens + kWarmUpSteps;
         ++step) {
      for (Session::Next &next : batch)
        next.token = ids.next();
      if (step == kWarmUpSteps)
        device().resetTimes();
      auto start = Clock::now();
      if (auto choices = session().decode(batch); !choices)
        return choices.takeError();
      if (step >= kWarmUpSteps) {
        times.push_back(secondsSince(start));
        total += times.back();
      }
    }
    uint32_t tokens = arguments.sequences;
    Work work =
        workOf(plan(), *plan().bucket(EntryKind::Decode, 1, 1),
               *plan().bucket(EntryKind::Decode, tokens, tokens), tokens);
    double states =
        double(tokens) * 2 * double(plan().unitBytes(StateKind::Recurrent));
    double pages =
        double(tokens) * double(plan().unitBytes(StateKind::KVPages)) *
        (arguments.context + arguments.decodeTokens / 2.0) / plan().pageTokens;
    double seconds = median(times);
    weightRate = work.bytesExpected / seconds;
    report["decode"] = {
        {"sequences", tokens},
        {"context", arguments.context},
        {"steps", times.size()},
        {"seconds_per_step", seconds},
        {"tokens_per_second", tokens / seconds},
        {"weight_bytes_per_step_at_most", work.bytesAtMost},
        {"weight_bytes_per_step_estimate", work.bytesExpected},
        {"state_bytes_per_step", states},
        {"kv_bytes_per_step", pages},
        {"weight_bytes_per_second", weightRate},
        {"bytes_per_second", weightRate + (states + pages) / seconds},
        {"time", profile(total)}};
    if (arguments.launches)
      report["decode"]["launches"] = launchTable();
    for (const Session::Next &next : batch)
      session().close(next.slot);
    return Status::ok();
  }

  /// Where `seconds` of wall time on all threads went, as shares of 1.
  Json profile(double seconds) {
    Device::Times times = device().times();
    double wall = seconds * 1e9,
           kernels = double(times.busyNs) / device().workers() / wall;
    return {{"kernels", kernels},
            {"waiting_for_threads", double(times.runNs) / wall - kernels},
            {"session", 1 - double(times.runNs) / wall}};
  }

  /// The launches of one kind, as a person thinks of them.
  struct LaunchRow {
    double seconds = 0, weightBytes = 0;
    uint64_t launches = 0, runs = 0, tasks = 0;
  };

  /// Time of all launches since the last reset, by label with stars for
  /// numbers.
  Json launchTable() {
    std::map<std::string, LaunchRow> rows;
    double total = 0;
    for (const Session::Program &program : session().programs()) {
      auto steps = device().stepTimes(program.number);
      for (size_t i = 0; i < steps.size(); ++i) {
        if (steps[i].runs == 0)
          continue;
        const Plan::Step &launch = program.entry->steps[i];
        std::string label = std::string(name(program.entry->kind)) + " ";
        for (char c : launch.label)
          if (c < '0' || c > '9')
            label += c;
          else if (!label.ends_with('*'))
            label += '*';
        LaunchRow &row = rows[label];
        row.seconds += double(steps[i].wallNs) * 1e-9;
        row.weightBytes += double(launch.weightBytes()) * double(steps[i].runs);
        row.launches += 1;
        row.runs += steps[i].runs;
        row.tasks = std::max<uint64_t>(row.tasks, steps[i].tasks);
        total += double(steps[i].wallNs) * 1e-9;
      }
    }
    std::vector<std::pair<double, std::string>> order;
    for (const auto &[label, row] : rows)
      order.push_back({-row.seconds, label});
    std::sort(order.begin(), order.end());
    Json table = Json::array();
    for (const auto &[seconds, label] : order) {
      const LaunchRow &row = rows[label];
      table.push_back(
          {{"launch", label},
           {"count", row.launches},
           {"tasks", row.tasks},
           {"microseconds", row.seconds / double(row.runs) * 1e6},
           {"share", row.seconds / total},
           {"weight_bytes_per_second", row.weightBytes / row.seconds}});
    }
    return table;
  }

  void addReport() {
    Device::MemoryUse use = device().memory();
    uint64_t planned = use.weights + use.states + use.arena + use.scratch;
    report["device"] = device().describe();
    report["weight_bytes_copied"] = use.copiedWeights;
    report["ready_seconds"] = model->readySeconds;
    report["memory"] = {{"planned", planned},
                        {"resident_after_load", residentAfterLoad},
                        {"resident_at_end", residentBytes() - bufferBytes}};
    report["bounds"] = {{"read_best", bounds->bestRead()},
                        {"read_median", bounds->medianRead()},
                        {"f32_peak", bounds->f32Peak},
                        {"bf16_dot_peak", bounds->bf16Peak},
                        {"int8_dot_peak", bounds->int8Peak}};
    if (report.contains("decode"))
      report["decode"]["weights_of_bound"] = weightRate / bounds->bestRead();
    if (report.contains("prefill") && prefillPeak() > 0)
      report["prefill"]["of_bound"] = prefillOperations / prefillPeak();
  }

  double prefillPeak() {
    const auto &fields = session().artifact().manifest().fields;
    auto compute = fields.find("compute");
    bool isBf16 = compute != fields.end() && *compute == "bf16";
    return isBf16 && bounds->bf16Peak > 0 ? bounds->bf16Peak : bounds->f32Peak;
  }

  void printTime(const Json &time) {
    std::printf("           time: %.1f %% in kernels, %.1f %% waiting for "
                "threads, %.1f %% session\n",
                100 * time["kernels"].get<double>(),
                100 * time["waiting_for_threads"].get<double>(),
                100 * time["session"].get<double>());
  }
  void printLaunches(const Json &part) {
    if (!part.contains("launches"))
      return;
    std::printf("           %7s %6s %7s %9s %7s  launch\n", "time", "count",
                "tasks", "us each", "GB/s");
    for (const Json &row : part["launches"])
      std::printf("           %5.1f %% %6u %7u %9.1f %7.1f  %s\n",
                  100 * row["share"].get<double>(),
                  row["count"].get<unsigned>(), row["tasks"].get<unsigned>(),
                  row["microseconds"].get<double>(),
                  row["weight_bytes_per_second"].get<double>() / 1e9,
                  row["launch"].get<std::string>().c_str());
  }

  void printReport() {
    auto number = [&](const char *part, const char *field) {
      return report[part][field].get<double>();
    };
    std::printf(
        "device     %s, ready in %.2f s, %s of %s weights copied to memory of "
        "its own\n",
        report["device"].get<std::string>().c_str(), model->readySeconds,
        formatBytes(device().memory().copiedWeights).c_str(),
        formatBytes(plan().weightBytes()).c_str());
    std::printf(
        "memory     %s planned, %s resident after load, %s at the end\n",
        formatBytes(report["memory"]["planned"].get<uint64_t>()).c_str(),
        formatBytes(residentAfterLoad).c_str(),
        formatBytes(report["memory"]["resident_at_end"].get<uint64_t>())
            .c_str());
    std::printf("bounds     read %.1f GB/s (median %.1f); f32 %.0f, bf16 dot "
                "%.0f, int8 dot %.0f Gop/s\n",
                bounds->bestRead() / 1e9, bounds->medianRead() / 1e9,
                bounds->f32Peak / 1e9, bounds->bf16Peak / 1e9,
                bounds->int8Peak / 1e9);
    if (report.contains("prefill")) {
      std::printf("prefill    %u tokens: %.1f tokens/s; %.1f Gop/s in matmuls",
                  arguments.promptTokens,
                  number("prefill", "tokens_per_second"),
                  prefillOperations / 1e9);
      if (prefillPeak() > 0)
        std::printf(", %.1f %% of the %s peak",
                    100 * prefillOperations / prefillPeak(),
                    prefillPeak() == bounds->f32Peak ? "f32" : "bf16 dot");
      std::printf("\n");
      printTime(report["prefill"]["time"]);
      printLaunches(report["prefill"]);
    }
    if (report.contains("decode")) {
      std::printf("decode     %u x %u tokens, context %u: %.1f tokens/s, %.3f "
                  "ms a step\n",
                  arguments.sequences, arguments.decodeTokens,
                  arguments.context, number("decode", "tokens_per_second"),
                  1000 * number("decode", "seconds_per_step"));
      std::printf(
          "           weights %s a step%s: %.2f GB/s, %.1f %% of the best "
          "read; state %s, KV %s a step\n",
          formatBytes(
              uint64_t(number("decode", "weight_bytes_per_step_estimate")))
              .c_str(),
          arguments.sequences > 1
              ? (" (estimate of distinct experts; at most " +
                 formatBytes(uint64_t(
                     number("decode", "weight_bytes_per_step_at_most"))) +
                 ")")
                    .c_str()
              : "",
          weightRate / 1e9, 100 * weightRate / bounds->bestRead(),
          formatBytes(uint64_t(number("decode", "state_bytes_per_step")))
              .c_str(),
          formatBytes(uint64_t(number("decode", "kv_bytes_per_step"))).c_str());
      printTime(report["decode"]["time"]);
      printLaunches(report["decode"]);
    }
  }

  static constexpr uint32_t kWarmUpSteps = 3;

  const BenchArguments &arguments;
  std::optional<LoadedModel> model;
  std::unique_ptr<Bounds> bounds;
  RandomIds ids{1}; // until the vocabulary is known
  Json report;
  double weightRate = 0, prefillOperations = 0;
  uint64_t residentAfterLoad = 0, bufferBytes = 0;
};

} // namespace

Status benchCommand(const BenchArguments &arguments) {
  return Bench(arguments).run();
}

} // namespace mm1
