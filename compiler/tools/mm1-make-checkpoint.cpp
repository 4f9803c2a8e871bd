//===- mm1-make-checkpoint.cpp - Write a random checkpoint of a config ----===//
//   mm1-make-checkpoint examples/bench-1g/config.json -o /tmp/bench-1g
// See compiler/Import/RandomCheckpoint.h.
#include "compiler/Import/RandomCheckpoint.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <thread>
#include <unistd.h>

int main(int argc, char **argv) {
  std::string config, output;
  mm1::RandomCheckpointOptions options;
  options.numThreads = std::max(1u, std::thread::hardware_concurrency());

  CLI::App app(
      "Write random weights for a config.json, in the published layout");
  app.footer(
      "Examples:\n"
      "  mm1-make-checkpoint examples/bench-1g/config.json -o /tmp/bench-1g\n"
      "  mm1-make-checkpoint my/config.json --seed 7 --shards 3 -o my-random");
  app.add_option("config", config, "The config.json to follow")->required();
  app.add_option("-o,--output", output, "The folder to create")->required();
  app.add_option("--seed", options.seed, "Other seed, other weights")
      ->capture_default_str();
  app.add_option("--shards", options.numShards, "Number of safetensors files")
      ->capture_default_str();
  app.add_option("--threads", options.numThreads, "Threads that make numbers")
      ->check(CLI::Range(1, 1024));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(mm1::ErrorKind::Usage);
  }

  auto start = std::chrono::steady_clock::now();
  auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start)
        .count();
  };
  double lastShown = 0;
  bool terminal = ::isatty(STDERR_FILENO);
  options.progress = [&](uint64_t done, uint64_t total) {
    if (!terminal || (seconds() - lastShown < 0.2 && done != total))
      return;
    lastShown = seconds();
    double rate = static_cast<double>(done) / 1e9 / lastShown;
    std::fprintf(stderr, "\r%.1f of %.1f GB, %.2f GB/s, %.0f s left ",
                 static_cast<double>(done) / 1e9,
                 static_cast<double>(total) / 1e9, rate,
                 static_cast<double>(total - done) / 1e9 / rate);
    if (done == total)
      std::fputc('\n', stderr);
  };
  if (mm1::Status status = mm1::writeRandomCheckpoint(config, output, options);
      !status) {
    std::fprintf(stderr, "mm1-make-checkpoint: error: %s\n",
                 status.error().message.c_str());
    return status.error().exitCode();
  }
  std::printf("%s: written in %.1f s\n", output.c_str(), seconds());
  return 0;
}
