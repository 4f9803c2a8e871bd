//===- PlanReader.h - Numbers of plan.bin against what they may be --------===//
// What Plan.cpp and PlanSteps.cpp share; nobody else includes it. A Reader
// keeps the first problem, and each of its functions returns a value that is
// safe to go on with.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Plan.h"
#include "runtime/Support/Json.h" // inQuotes

#include "runtime/Artifact/plan_generated.h" // made from plan.fbs

#include <string>
#include <unordered_set>

namespace mm1 {

// No machine we know has more; below it sums of a few sizes cannot overflow.
inline constexpr uint64_t kMaxBytes = uint64_t(1) << 46;
inline constexpr uint64_t kMaxTokens = INT32_MAX; // positions are i32
inline constexpr uint64_t kMaxSequences = 65536;
inline constexpr uint64_t kMaxNameBytes = 256;

using FbString = flatbuffers::String;

class Reader {
public:
  Reader(std::string_view origin) : origin(origin) {}

  bool failed() const { return !status; }
  Error takeError() { return status.takeError(); }

  void fail(const std::string &field, const std::string &what) {
    if (status)
      status = inputError(origin + ": " + field + " " + what);
  }
  uint64_t number(const std::string &field, uint64_t value, uint64_t min,
                  uint64_t max) {
    if (value >= min && value <= max)
      return value;
    fail(field, "is " + std::to_string(value) + "; expected from " +
                    std::to_string(min) + " to " + std::to_string(max));
    return min;
  }
  uint64_t index(const std::string &field, uint64_t value, size_t count) {
    if (value < count)
      return value;
    fail(field, "is " + std::to_string(value) + "; expected below " +
                    std::to_string(count));
    return 0;
  }
  template <typename To, typename From>
  To choice(const std::string &field, From value, From last) {
    if (value > last)
      fail(field, "is " + std::to_string(int(value)) + "; expected at most " +
                      std::to_string(int(last)));
    return static_cast<To>(value > last ? From(0) : value);
  }
  std::string text(const std::string &field, const FbString *value) {
    if (!value)
      return {};
    if (value->size() > kMaxNameBytes)
      fail(field, "has " + std::to_string(value->size()) +
                      " bytes; expected at most " +
                      std::to_string(kMaxNameBytes));
    return value->str().substr(0, kMaxNameBytes);
  }
  std::string name(const std::string &field, const FbString *value,
                   std::unordered_set<std::string> &seen) {
    std::string result = text(field, value);
    if (result.empty())
      fail(field, "is empty");
    else if (!seen.insert(result).second)
      fail(field, inQuotes(result) + " is there twice");
    return result;
  }
  /// [offset, offset + bytes) lies in the arena and starts on a buffer
  /// boundary.
  void range(const std::string &field, uint64_t offset, uint64_t bytes,
             uint64_t arenaBytes) {
    if (offset > arenaBytes || bytes > arenaBytes - offset)
      fail(field, "takes " + std::to_string(bytes) + " bytes from " +
                      std::to_string(offset) +
                      ", past the end of the arena of " +
                      std::to_string(arenaBytes));
    else if (offset % kBufferAlignment != 0)
      fail(field, "starts at " + std::to_string(offset) +
                      ", not a multiple of " +
                      std::to_string(kBufferAlignment));
  }

private:
  std::string origin;
  Status status;
};

/// "entries[3]"
inline std::string item(std::string_view list, size_t i) {
  return std::string(list) + "[" + std::to_string(i) + "]";
}

/// Fills plan.entries; everything that steps name has been read.
/// (PlanSteps.cpp)
void readEntries(const fb::Plan &source, Plan &plan, Reader &reader);

} // namespace mm1
