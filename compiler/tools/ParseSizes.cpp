//===- ParseSizes.cpp - "1M" tokens and "2GiB" of memory ----------------------===//
#include "compiler/tools/Commands.h"

#include <cctype>
#include <charconv>

namespace mm1 {

namespace {

/// The number in front and the unit behind it, in lower case.
Expected<std::pair<uint64_t, std::string>> split(const std::string &text,
                                                 const char *wanted) {
  uint64_t number = 0;
  auto [rest, code] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || number == 0)
    return usageError(std::string("expected ") + wanted + ", found '" + text +
                      "'");
  std::string unit(rest, text.data() + text.size());
  for (char &c : unit)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::pair(number, unit);
}

Expected<uint64_t> times(uint64_t number, uint64_t factor,
                         const std::string &text) {
  uint64_t result = 0;
  if (__builtin_mul_overflow(number, factor, &result))
    return usageError("'" + text + "' is more than 64 bits hold");
  return result;
}

/// 1024 (or 1000) to the power that k, m, g or t stands for; 0 for none.
uint64_t scale(char letter, uint64_t base) {
  switch (letter) {
  case 'k':
    return base;
  case 'm':
    return base * base;
  case 'g':
    return base * base * base;
  case 't':
    return base * base * base * base;
  }
  return 0;
}

} // namespace

Expected<uint64_t> parseCount(const std::string &text) {
  const char *wanted = "a count such as 4096, 128K or 1M";
  auto parts = split(text, wanted);
  if (!parts)
    return parts.takeError();
  auto [number, unit] = *parts;
  uint64_t factor = unit.empty()       ? 1
                    : unit.size() == 1 ? scale(unit[0], 1024)
                                       : 0;
  if (factor == 0)
    return usageError(std::string("expected ") + wanted + ", found '" + text +
                      "'");
  return times(number, factor, text);
}

Expected<uint64_t> parseBytes(const std::string &text) {
  const char *wanted = "a size such as 512M, 2GiB or 80GB";
  auto parts = split(text, wanted);
  if (!parts)
    return parts.takeError();
  auto [number, unit] = *parts;
  uint64_t factor = 0;
  if (unit.empty() || unit == "b")
    factor = 1;
  else if (unit.size() == 1 || unit.substr(1) == "ib")
    factor = scale(unit[0], 1024);
  else if (unit.substr(1) == "b")
    factor = scale(unit[0], 1000);
  if (factor == 0)
    return usageError(std::string("expected ") + wanted + ", found '" + text +
                      "'");
  return times(number, factor, text);
}

} // namespace mm1
