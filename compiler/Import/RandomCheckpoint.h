//===- RandomCheckpoint.h - A checkpoint of any config, from a seed -------===//
// Writes random weights in the published layout, so that tests, examples and
// benchmarks need no download:
//
//   Status status = writeRandomCheckpoint(
//       "examples/bench-1g/config.json", "/tmp/bench-1g", {.seed = 1});
//
// The weights are scaled so that every activation keeps a size near one and
// logits have a standard deviation near two: text from such a model is noise,
// but its numbers behave. The same seed gives the same bytes on any machine,
// from any number of threads and in any number of files.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstdint>
#include <functional>
#include <string>

namespace mm1 {

struct RandomCheckpointOptions {
  uint64_t seed = 1;
  unsigned numShards = 1; ///< 1: a single file; more come with an index
  unsigned numThreads = 2;
  /// Told now and then how many bytes of how many are written; from one thread
  /// at a time.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
};

/// Creates `folder`, which must not exist, with a copy of the file `configPath`
/// as config.json and the weights. Whole or absent: it is built under a
/// temporary name beside it. Errors of ModelConfig::load; input error when the
/// folder exists or there are more shards than tensors; machine error of the
/// disk.
Status writeRandomCheckpoint(const std::string &configPath,
                             const std::string &folder,
                             const RandomCheckpointOptions &options);

} // namespace mm1
