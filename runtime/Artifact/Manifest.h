//===- Manifest.h - manifest.json of an artifact --------------------------===//
// What was built, by which version, for whom, and the hash of every file. A
// person can read it:
//
//   { "format": "mm1-artifact",
//     "version": "0.2.0",              mm1c's; mm1-run takes its own and the
//                                      previous minor version, from 0.2 on
//     "kernel_abi": 2,                 kKernelABIVersion
//     "command": "mm1c compile ...",   optional: what builds it again
//     "target": {"device": "cpu", "levels": ["x86-64-v4-bf16", "x86-64-v3"]},
//     "ranks": 1,
//     "has_weights": true,             optional; false: none in "files"
//     "self_test": {"tolerance": 0.05},  optional, see Session/SelfTest.h
//     "files": [
//       {"path": "plan.bin", "bytes": 4096, "xxh3": "0123456789abcdef"},
//       {"path": "weights/rank-0.safetensors", "bytes": 81920,
//        "tensors": {"norm": "0123456789abcdef"}} ],
//     ...                              more for people: model, compute, quant,
//                                      limits, memory, metrics
//     "xxh3": "0123456789abcdef" }     of this text with these 16 digits as
//                                      zeros
//
// Hashes are XXH3-64 in hexadecimal: they find damage, they do not stop an
// attacker. A large file that is written piece by piece may have one hash per
// tensor instead of one for all.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mm1 {

/// This build's version, "0.2.0".
std::string_view versionString();

/// A hash as 16 hexadecimal digits.
std::string hexDigits(uint64_t hash);

/// XXH3-64 of `bytes` as 16 hexadecimal digits.
std::string hashHex(std::span<const std::byte> bytes);

/// The text of a manifest with `fields` and its own hash, ready to be written.
std::string sealManifest(nlohmann::ordered_json fields);

struct Manifest {
  struct File {
    std::string path; ///< relative to the artifact, no "..", '/' between parts
    uint64_t sizeBytes;
    std::string hash; ///< of all bytes, or empty when there are
    std::map<std::string, std::string>
        tensors; ///< hashes of a safetensors file's tensors
  };

  /// Checks `text`; `origin` (the file) opens every message. Input error: not
  /// JSON, another format or version, a field that is missing or of the wrong
  /// kind, a path that leaves the folder, a wrong hash.
  static Expected<Manifest> parse(std::string_view text,
                                  std::string_view origin);

  const File *find(std::string_view path) const;

  std::string version;
  std::string device;
  uint32_t ranks = 1;
  double selfTestTolerance = 0; ///< 0 when the manifest has none
  bool hasWeights = true;       ///< false: compiled with --no-weights
  std::vector<File> files;
  nlohmann::json fields; ///< everything, for people
};

} // namespace mm1
