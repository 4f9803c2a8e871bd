//===- Report.cpp - A table for people, JSON for the repository -----------===//
#include "test/gpu/Report.h"
#include "runtime/Support/WriteFile.h"

#include <cstdio>

namespace mm1::kit {

Report::Report(std::string path, nlohmann::ordered_json head)
    : path(std::move(path)), json(std::move(head)) {
  json["results"] = nlohmann::ordered_json::array();
  json["finished"] = false;
}

Status Report::start(const std::string &group, const std::string &name) {
  json["running"] = group + ": " + name;
  return write();
}

Status Report::passed(const std::string &group, const std::string &name,
                      const std::string &text, nlohmann::ordered_json more) {
  ++numPassed;
  return note(group, name, "passed", text, std::move(more));
}

Status Report::failed(const std::string &group, const std::string &name,
                      const std::string &text, nlohmann::ordered_json more) {
  ++numFailed;
  more["message"] = text;
  return note(group, name, "failed", text, std::move(more));
}

Status Report::note(const std::string &group, const std::string &name,
                    const std::string &verdict, const std::string &text,
                    nlohmann::ordered_json more) {
  std::printf("%-11s  %-10s  %-36s  %s\n", group.c_str(), verdict.c_str(),
              name.c_str(), text.c_str());
  std::fflush(stdout);
  nlohmann::ordered_json result = {
      {"group", group}, {"name", name}, {"verdict", verdict}};
  if (more.is_object())
    result.update(more);
  json["results"].push_back(std::move(result));
  json.erase("running");
  return write();
}

Status Report::finish() {
  json["finished"] = true;
  json["passed"] = numPassed;
  json["failed"] = numFailed;
  std::printf("%d passed, %d failed\n", numPassed, numFailed);
  return write();
}

Status Report::write() {
  if (path.empty())
    return {};
  return writeFile(
      path,
      json.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n");
}

} // namespace mm1::kit
