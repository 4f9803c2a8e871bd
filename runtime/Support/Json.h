//===- Json.h - JSON from files we did not write --------------------------===//
// Parses with limits (size, depth, no duplicate keys, no text after the value)
// and reads fields by type, so that each complaint names file, field, what was
// wanted and what was found:
//
//   auto json = readJson("config.json");
//   auto root = JsonObject::root(*json, "config.json");
//   auto layers = root->integer("num_hidden_layers", 1, 65536);
//   // config.json: 'num_hidden_layers' is -3; expected an integer from 1 to 65536
//
// The parser is nlohmann-json driven through its SAX interface, which needs no
// exceptions.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace mm1 {

/// What a JSON text may cost us.
struct JsonLimits {
  uint64_t maxBytes = 64u << 20;
  unsigned maxDepth = 64;
};

/// Parses `text`; `origin` (a file name) opens every message. Input error with
/// line and column on a syntax error, a repeated key, too deep nesting or too
/// many bytes.
Expected<nlohmann::json> parseJson(std::string_view text,
                                   std::string_view origin,
                                   JsonLimits limits = {});

/// The same with the members of objects in the order of the file. An integer of
/// more than 64 bits is an error here, not a rounded number: this is for JSON
/// that is printed again.
Expected<nlohmann::ordered_json> parseOrderedJson(std::string_view text,
                                                  std::string_view origin,
                                                  JsonLimits limits = {});

/// Reads and parses the file `path`. Also the errors of MappedFile::open.
Expected<nlohmann::json> readJson(const std::string &path,
                                  JsonLimits limits = {});

/// The place in a text, for messages: "line 3, column 14".
std::string describePosition(std::string_view text, size_t offset);

/// A JSON value as it should appear in a message: at most 60 bytes, whole
/// characters.
std::string describeJson(const nlohmann::json &value);

/// A name from a foreign file for use in a one-line message: in single quotes,
/// everything but printable ASCII replaced by '?', at most 160 bytes.
std::string inQuotes(std::string_view name);

/// One object of a parsed file and the path that led to it. The JSON must
/// outlive it. A field that is null counts as absent, as it does for the
/// programs that write these files.
class JsonObject {
public:
  /// The whole file as an object; input error when it is something else.
  static Expected<JsonObject> root(const nlohmann::json &json,
                                   std::string origin);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// The raw value, or null when absent.
  const nlohmann::json *find(std::string_view key) const;
  const nlohmann::json &raw() const { return *value; }

  /// Required fields: input error when absent, of another type, or out of [min,
  /// max].
  Expected<int64_t> integer(std::string_view key, int64_t min,
                            int64_t max) const;
  Expected<double> number(std::string_view key, double min, double max) const;
  Expected<bool> boolean(std::string_view key) const;
  Expected<std::string> string(std::string_view key) const;
  Expected<JsonObject> object(std::string_view key) const;
  Expected<std::vector<int64_t>> integers(std::string_view key, int64_t min,
                                          int64_t max) const;
  Expected<std::vector<std::string>> strings(std::string_view key) const;

  /// The same with a value for an absent field.
  Expected<int64_t> integerOr(std::string_view key, int64_t absent, int64_t min,
                              int64_t max) const;
  Expected<double> numberOr(std::string_view key, double absent, double min,
                            double max) const;
  Expected<bool> booleanOr(std::string_view key, bool absent) const;
  Expected<std::string> stringOr(std::string_view key,
                                 std::string_view absent) const;

  /// "ORIGIN: 'path.key' WHAT", an input error.
  Error error(std::string_view key, std::string_view what) const;
  /// "ORIGIN: 'path.key' is FOUND; expected WANTED", or "is missing; expected
  /// WANTED".
  Error mismatch(std::string_view key, std::string_view wanted) const;
  const std::string &origin() const { return file; }

private:
  JsonObject(const nlohmann::json *value, std::string file, std::string path)
      : value(value), file(std::move(file)), path(std::move(path)) {}

  const nlohmann::json *value;
  std::string file, path;
};

} // namespace mm1
