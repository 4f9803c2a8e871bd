//===- PythonJson.h - JSON as Python's json.dumps prints it --------------===//
// Chat templates print tools with Python's json.dumps(value, ensure_ascii=False),
// and a model has learnt that text, blanks and all:
//
//   pythonJson({{"city", "Malmö"}, {"days", {1, 2.0}}})
//   // {"city": "Malmö", "days": [1, 2.0]}
//===----------------------------------------------------------------------===//
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace mm1 {

/// One line: ", " and ": " between parts, members in their order, non-ASCII
/// characters as they are, floats with the fewest digits that read back.
std::string pythonJson(const nlohmann::ordered_json &value);

} // namespace mm1
