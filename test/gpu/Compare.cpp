//===- Compare.cpp - What a GPU left in memory, against the answer --------===//
#include "test/gpu/Compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace mm1::kit {

static double readElement(ElementType type, const std::byte *from) {
  auto read = [&](auto value) {
    std::memcpy(&value, from, sizeof(value));
    return value;
  };
  switch (type) {
  case ElementType::BF16:
    return bf16ToFloat(read(uint16_t()));
  case ElementType::I32:
    return read(int32_t());
  default:
    return read(float());
  }
}

static std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

/// Memory that a kernel may only read.
static Difference compareBytes(const Argument &argument,
                               std::span<const std::byte> found) {
  Difference result;
  result.compared = found.size();
  for (size_t i = 0; i < found.size(); ++i) {
    std::byte before =
        argument.initial.empty() ? std::byte(0xff) : argument.initial[i];
    if (found[i] == before)
      continue;
    if (++result.wrong == 1)
      result.message =
          "byte " + std::to_string(i) + " was changed, but is only to be read";
  }
  return result;
}

Difference compare(const Argument &argument, std::span<const std::byte> found) {
  if (argument.expected.empty())
    return compareBytes(argument, found);
  Difference result;
  bool isInteger = argument.element == ElementType::I32;
  for (size_t i = 0; i < argument.expected.size(); ++i) {
    double wanted = argument.expected[i];
    if (std::isnan(wanted))
      continue;
    ++result.compared;
    double value = readElement(argument.element,
                               found.data() + i * sizeBytes(argument.element));
    double allowed = 0; // integers and infinities are equal or wrong
    if (!isInteger && std::isfinite(wanted))
      allowed = argument.absolute + argument.relative * std::fabs(wanted);
    double error = value == wanted ? 0 : std::fabs(value - wanted);
    // Whatever is no number is wrong.
    bool isRight = error <= allowed;
    if (allowed > 0 && isRight)
      result.worst = std::max(result.worst, error / allowed);
    if (isRight)
      continue;
    if (++result.wrong == 1)
      result.message = "element " + std::to_string(i) + " is " + number(value) +
                       "; expected " + number(wanted) +
                       (allowed > 0 ? " within " + number(allowed) : "");
  }
  return result;
}

} // namespace mm1::kit
