//===- Measurements.cpp - Questions whose answers are numbers -------------===//
#include "test/gpu/Measurements.h"
#include "runtime/Device/CudaGraph.h"
#include "runtime/Support/Json.h"

#include <cstdio>
#include <cstring>

namespace mm1::kit {

namespace {

std::string format(const char *text, auto... values) {
  char buffer[160];
  std::snprintf(buffer, sizeof(buffer), text, values...);
  return buffer;
}

/// A case of questions.cu, which owns what its arguments begin as.
class Probe {
public:
  Probe(const std::string &kernel, uint32_t blocks, uint32_t threads) {
    what.name = what.kernel = kernel;
    what.module = "questions";
    what.blocks = blocks;
    what.threads = threads;
  }
  Probe(const Probe &) = delete;

  Probe &words(std::vector<uint32_t> values) {
    auto &kept = initial.emplace_back(
        std::make_unique<std::vector<uint32_t>>(std::move(values)));
    Argument argument;
    argument.initial = std::as_bytes(std::span(*kept));
    argument.sizeBytes = argument.initial.size();
    what.arguments.push_back(argument);
    return *this;
  }
  Probe &unwritten(uint64_t sizeBytes) {
    Argument argument;
    argument.sizeBytes = sizeBytes;
    what.arguments.push_back(argument);
    return *this;
  }

  Case what;

private:
  std::vector<std::unique_ptr<std::vector<uint32_t>>> initial;
};

class Measurer {
public:
  Measurer(Launcher &launcher, Stopwatch &watch)
      : launcher(launcher), watch(watch),
        processors(uint32_t(launcher.gpu().multiprocessors())),
        isEmulated(launcher.isEmulated()) {}

  Expected<Measured> mmaRate() {
    Measured found;
    const uint32_t rounds = isEmulated ? 2 : 4096;
    for (uint32_t perProcessor : {1u, 2u}) {
      uint32_t blocks = perProcessor * processors;
      Probe probe("mma_rate", blocks, 256);
      probe.words({rounds, 0x3f803f80}).unwritten(blocks * 1024);
      Expected<double> seconds = time(probe);
      if (!seconds)
        return seconds.takeError();
      double rate =
          double(blocks) * 8 * rounds * 8 * (2 * 16 * 8 * 16) / *seconds;
      say(found, format("%u blocks: %.1f TFLOP/s", perProcessor, rate * 1e-12),
          format("flops_per_second_%u", perProcessor), rate);
    }
    return found;
  }

  Expected<Measured> fmaRate() {
    Measured found;
    const uint32_t rounds = isEmulated ? 2 : 4096, blocks = 8 * processors;
    Probe probe("fma_rate", blocks, 256);
    probe.words({rounds, 0x3f000000}).unwritten(blocks * 1024);
    Expected<double> seconds = time(probe);
    if (!seconds)
      return seconds.takeError();
    double rate = double(blocks) * 256 * rounds * 8 * 2 / *seconds;
    say(found, format("%.1f TFLOP/s", rate * 1e-12), "flops_per_second", rate);
    return found;
  }

  Expected<Measured> bytesInFlight() {
    Measured found;
    const uint32_t megabytes = isEmulated ? 1 : 1024;
    const uint32_t blocks = 2 * processors;
    for (uint32_t pieces : {2u, 4u, 6u, 8u, 12u}) {
      Probe probe("read_" + std::to_string(pieces), blocks, 256);
      probe.unwritten(uint64_t(megabytes) << 20)
          .words({megabytes << 18, blocks})
          .unwritten(blocks * 1024);
      Expected<double> seconds = time(probe);
      if (!seconds)
        return seconds.takeError();
      double rate = double(megabytes) * (1 << 20) / *seconds;
      // The piece that is added up is on its way no more.
      say(found, format("%u KiB: %.0f GB/s", 8 * (pieces - 1), rate * 1e-9),
          format("bytes_per_second_%u_kib", 8 * (pieces - 1)), rate);
    }
    return found;
  }

  Expected<Measured> latency() {
    Measured found;
    const uint32_t megabytes = isEmulated ? 1 : 256,
                   hops = isEmulated ? 10 : 20000;
    Probe probe("chase", 1, 32);
    probe.unwritten(uint64_t(megabytes) << 20)
        .words({megabytes << 13, hops})
        .unwritten(4);
    Expected<double> seconds = time(probe);
    if (!seconds)
      return seconds.takeError();
    say(found, format("%.0f ns", *seconds / hops * 1e9), "seconds",
        *seconds / hops);
    return found;
  }

  Expected<Measured> launches() {
    Measured found;
    for (bool isEarly : {false, true}) {
      if (isEarly && !launcher.gpu().hasEarlyStart())
        continue;
      constexpr uint32_t kNodes = 256;
      auto graph = buildChain(kNodes, isEarly);
      if (!graph)
        return graph.takeError();
      if (!graph->refusal.empty()) {
        found.text +=
            "; the driver takes no programmatic edges: " + graph->refusal;
        continue;
      }
      Expected<Timing> timing = watch.time([&] {
        CudaContext &gpu = launcher.gpu();
        return gpu.check(
            gpu.driver().cuGraphLaunch(graph->executable.get(), gpu.stream()),
            "cuGraphLaunch");
      });
      if (!timing)
        return timing.takeError();
      double seconds = timing->medianSeconds;
      const char *kind = isEarly ? "programmatic" : "plain";
      say(found, format("%s: %.2f us", kind, seconds / kNodes * 1e6),
          format("seconds_%s", kind), seconds / kNodes);
    }
    return found;
  }

  Expected<Measured> graphMemory() {
    Measured found;
    constexpr uint32_t kNodes = 512, kGraphs = 8;
    size_t before = 0, after = 0, total = 0;
    CudaContext &gpu = launcher.gpu();
    const CudaDriver &cu = gpu.driver();
    if (Status status =
            gpu.check(cu.cuMemGetInfo(&before, &total), "cuMemGetInfo");
        !status)
      return status.takeError();
    std::vector<CudaGraph> graphs;
    for (uint32_t i = 0; i < (isEmulated ? 1 : kGraphs); ++i) {
      auto graph = buildChain(kNodes, gpu.hasEarlyStart());
      if (!graph)
        return graph.takeError();
      graphs.push_back(std::move(*graph));
    }
    if (Status status = gpu.synchronize(); !status)
      return status.takeError();
    if (Status status =
            gpu.check(cu.cuMemGetInfo(&after, &total), "cuMemGetInfo");
        !status)
      return status.takeError();
    double bytes = double(before) - double(after);
    say(found,
        format("%.0f bytes a node, of %u graphs of %u nodes",
               bytes / (kNodes * kGraphs), kGraphs, kNodes),
        "bytes_per_node", bytes / (kNodes * kGraphs));
    return found;
  }

private:
  void say(Measured &found, const std::string &text, const std::string &name,
           double number) {
    found.text += (found.text.empty() ? "" : "; ") + text;
    found.numbers[name] = number;
  }

  Expected<double> time(Probe &probe) {
    auto prepared = launcher.prepare(probe.what);
    if (!prepared)
      return prepared.takeError();
    Expected<Timing> timing = watch.time(*prepared);
    if (!timing)
      return timing.takeError();
    return isEmulated ? 1 : timing->medianSeconds;
  }

  /// A graph of kernels that do nothing, one behind the other.
  Expected<CudaGraph> buildChain(uint32_t nodes, bool isEarly) {
    if (!empty) {
      empty = std::make_unique<Probe>("nothing", 1, 32);
      empty->words({0}).words({0});
      auto prepared = launcher.prepare(empty->what);
      if (!prepared)
        return prepared.takeError();
      nothing = std::make_unique<PreparedCase>(std::move(*prepared));
    }
    Plan::Entry entry{};
    entry.steps.resize(nodes);
    std::vector<CudaWork> works;
    std::vector<StepEdge> edges;
    for (uint32_t i = 0; i < nodes; ++i) {
      works.push_back(nothing->work(i));
      if (i > 0)
        edges.push_back({i - 1, i, isEarly});
    }
    return buildGraph(launcher.gpu(), entry, works, edges);
  }

  Launcher &launcher;
  Stopwatch &watch;
  uint32_t processors;
  bool isEmulated;
  std::unique_ptr<Probe> empty;
  std::unique_ptr<PreparedCase> nothing;
};

} // namespace

Expected<Measured> measure(const std::string &name, Launcher &launcher,
                           Stopwatch &watch) {
  Measurer measurer(launcher, watch);
  if (name == "mma_rate")
    return measurer.mmaRate();
  if (name == "fma_rate")
    return measurer.fmaRate();
  if (name == "bytes_in_flight")
    return measurer.bytesInFlight();
  if (name == "latency")
    return measurer.latency();
  if (name == "launches")
    return measurer.launches();
  if (name == "graph_memory")
    return measurer.graphMemory();
  return inputError("there is no measurement " + inQuotes(name) +
                    "; the kit is of another version");
}

} // namespace mm1::kit
