//===- PythonJson.cpp - JSON as Python's json.dumps prints it ------------===//
#include "runtime/Text/PythonJson.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace mm1 {

using nlohmann::ordered_json;

/// As Python's repr: scientific from 1e16 up and below 1e-4, else with a point.
static void appendFloat(double value, std::string &out) {
  char buffer[32]; // "-1.2345678901234567e-308" has 24
  auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value,
                                    std::chars_format::scientific);
  std::string text(buffer, end);
  int exponent = std::atoi(text.c_str() + text.find('e') + 1);
  bool isPlain = exponent >= -4 && exponent < 16;
  if (isPlain) {
    auto plain = std::to_chars(buffer, buffer + sizeof(buffer), value,
                               std::chars_format::fixed);
    text.assign(buffer, plain.ptr);
    if (text.find('.') == text.npos)
      text += ".0";
  }
  out += text;
}

static void append(const ordered_json &value, std::string &out) {
  if (value.is_object()) {
    out += '{';
    const char *separator = "";
    for (const auto &[key, member] : value.items()) {
      out += separator;
      append(key, out);
      out += ": ";
      append(member, out);
      separator = ", ";
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    const char *separator = "";
    for (const ordered_json &element : value) {
      out += separator;
      append(element, out);
      separator = ", ";
    }
    out += ']';
  } else if (value.is_number_float()) {
    appendFloat(value.get<double>(), out);
  } else {
    // The library escapes the same characters in the same way.
    out += value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  }
}

std::string pythonJson(const ordered_json &value) {
  std::string text;
  append(value, text);
  return text;
}

} // namespace mm1
