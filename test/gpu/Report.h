//===- Report.h - A table for people, JSON for the repository -------------===//
// Each result is a line on stdout and an object in the JSON file, which is
// written anew after each, whole or not at all: whatever ends the program, what
// is known so far is on the disk.
//
//   {"kit": "...", "date": "2026-11-22T01:00:00Z", "gpu": {...},
//    "results": [{"group": "kernels", "name": "linear_silu_0",
//                 "verdict": "passed", "worst": 0.12, ...}, ...],
//    "finished": true, "passed": 40, "failed": 0}
//
// While something runs, "running" names it.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <nlohmann/json.hpp>

#include <string>

namespace mm1::kit {

class Report {
public:
  /// \param path  of the JSON; empty: none
  Report(std::string path, nlohmann::ordered_json head);

  /// Says on the disk what is run next: should it hang, this is who did.
  Status start(const std::string &group, const std::string &name);
  /// A right or a wrong one, counted.
  Status passed(const std::string &group, const std::string &name,
                const std::string &text, nlohmann::ordered_json more = {});
  Status failed(const std::string &group, const std::string &name,
                const std::string &text, nlohmann::ordered_json more = {});
  /// What is neither: a number, or a question that nobody asked.
  Status note(const std::string &group, const std::string &name,
              const std::string &verdict, const std::string &text,
              nlohmann::ordered_json more = {});
  /// The last line.
  Status finish();

  bool allPassed() const { return numFailed == 0; }

private:
  Status write();

  std::string path;
  nlohmann::ordered_json json;
  int numPassed = 0, numFailed = 0;
};

} // namespace mm1::kit
