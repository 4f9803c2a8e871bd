//===- Json.cpp - JSON from files we did not write ------------------------===//
#include "runtime/Support/Json.h"
#include "runtime/Support/MappedFile.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

namespace mm1 {

using nlohmann::json;

namespace {

/// Walks the text and remembers how far the lexer has read: SAX callbacks are
/// not told where they are.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char *;
  using reference = const char &;

  const char *at;
  const char **furthest;

  reference operator*() const { return *at; }
  CountingIterator &operator++() {
    *furthest = ++at;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const CountingIterator &other) const {
    return at == other.at;
  }
};

/// Builds the value, a json or an ordered_json, and stops at the first repeated
/// key or too deep nesting.
template <typename Json> class TreeBuilder {
public:
  explicit TreeBuilder(unsigned maxDepth) : maxDepth(maxDepth) {}

  Json result;
  std::string problem;

  bool null() { return add(Json()); }
  bool boolean(bool value) { return add(Json(value)); }
  bool number_integer(int64_t value) { return add(Json(value)); }
  bool number_unsigned(uint64_t value) { return add(Json(value)); }
  bool number_float(double value, const std::string &text) {
    if (kIsOrdered && text.find_first_of(".eE") == text.npos) {
      problem = "integer " + text + " has more than 64 bits";
      return false;
    }
    return add(Json(value));
  }
  bool string(std::string &value) { return add(Json(std::move(value))); }
  bool binary(typename Json::binary_t &) {
    return false;
  } // no binary format is parsed here
  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string &name) {
    auto &object = stack.back()->template get_ref<typename Json::object_t &>();
    bool isNew;
    if constexpr (kIsOrdered) {
      // Its own emplace() would look through all members each time.
      isNew = keys.back().insert(name).second;
      if (isNew)
        member = &object.Json::object_t::Container::emplace_back(name, nullptr)
                      .second;
    } else {
      auto [slot, inserted] = object.emplace(name, nullptr);
      isNew = inserted;
      member = &slot->second;
    }
    if (!isNew)
      problem = "key " + describeJson(name) + " appears twice in one object";
    return isNew;
  }

  bool parse_error(size_t, const std::string &,
                   const nlohmann::detail::exception &exception) {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax
    // error ..." -> the last part.
    std::string_view text = exception.what();
    size_t start = text.find("] ");
    if (start != text.npos)
      text.remove_prefix(start + 2);
    if (text.starts_with("parse error"))
      if (size_t colon = text.find(": "); colon != text.npos)
        text.remove_prefix(colon + 2);
    problem = "is not JSON: " + std::string(text);
    return false;
  }

private:
  static constexpr bool kIsOrdered =
      std::is_same_v<Json, nlohmann::ordered_json>;

  Json *place(Json value) {
    if (stack.empty())
      return &(result = std::move(value));
    if (stack.back()->is_array()) {
      stack.back()->push_back(std::move(value));
      return &stack.back()->back();
    }
    *member = std::move(value);
    return member;
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (stack.size() == maxDepth) {
      problem = "is nested deeper than " + std::to_string(maxDepth) + " levels";
      return false;
    }
    // The pointers on the stack stay good: a container grows only when its
    // children are closed.
    stack.push_back(place(std::move(value)));
    if constexpr (kIsOrdered)
      keys.emplace_back();
    return true;
  }
  bool close() {
    stack.pop_back();
    if constexpr (kIsOrdered)
      keys.pop_back();
    return true;
  }

  unsigned maxDepth;
  std::vector<Json *> stack;
  Json *member = nullptr;
  std::vector<std::unordered_set<std::string>> keys; // of each open object
};

} // namespace

std::string describePosition(std::string_view text, size_t offset) {
  std::string_view before = text.substr(0, std::min(offset, text.size()));
  size_t line =
      1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  size_t lineStart = before.rfind('\n');
  size_t column =
      lineStart == before.npos ? before.size() : before.size() - lineStart - 1;
  return "line " + std::to_string(line) + ", column " +
         std::to_string(std::max<size_t>(column, 1));
}

std::string describeJson(const json &value) {
  constexpr size_t kMax = 60;
  if (value.is_object() && value.size() > 4)
    return "an object of " + std::to_string(value.size()) + " fields";
  if (value.is_array() && value.size() > 16)
    return "a list of " + std::to_string(value.size()) + " values";
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kMax)
    text = text.substr(0, kMax - 3) + "...";
  return text;
}

std::string inQuotes(std::string_view name) {
  constexpr size_t kMax = 160;
  std::string text = "'";
  for (char c : name.substr(0, kMax))
    text += static_cast<unsigned char>(c) < 0x20 ||
                    static_cast<unsigned char>(c) >= 0x7f
                ? '?'
                : c;
  return text + (name.size() > kMax ? "...'" : "'");
}

template <typename Json>
static Expected<Json> parse(std::string_view text, std::string_view origin,
                            JsonLimits limits) {
  std::string prefix(origin);
  if (text.size() > limits.maxBytes)
    return inputError(prefix + ": is " + std::to_string(text.size()) +
                      " bytes; expected at most " +
                      std::to_string(limits.maxBytes));
  TreeBuilder<Json> builder(limits.maxDepth);
  const char *furthest = text.data();
  CountingIterator begin{text.data(), &furthest},
      end{text.data() + text.size(), &furthest};
  if (!Json::sax_parse(begin, end, &builder))
    return inputError(
        prefix + ": " +
        describePosition(text, static_cast<size_t>(furthest - text.data())) +
        ": " + builder.problem);
  return std::move(builder.result);
}

Expected<json> parseJson(std::string_view text, std::string_view origin,
                         JsonLimits limits) {
  return parse<json>(text, origin, limits);
}

Expected<nlohmann::ordered_json> parseOrderedJson(std::string_view text,
                                                  std::string_view origin,
                                                  JsonLimits limits) {
  return parse<nlohmann::ordered_json>(text, origin, limits);
}

Expected<json> readJson(const std::string &path, JsonLimits limits) {
  auto file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return parseJson(file->text(), path, limits);
}

//===----------------------------------------------------------------------===//
// JsonObject
//===----------------------------------------------------------------------===//

Expected<JsonObject> JsonObject::root(const json &value, std::string origin) {
  if (!value.is_object())
    return inputError(origin + ": is " + describeJson(value) +
                      "; expected an object");
  return JsonObject(&value, std::move(origin), "");
}

const json *JsonObject::find(std::string_view key) const {
  auto field = value->find(key);
  return field == value->end() || field->is_null() ? nullptr : &*field;
}

Error JsonObject::error(std::string_view key, std::string_view what) const {
  return inputError(file + ": '" + path + std::string(key) + "' " +
                    std::string(what));
}

Error JsonObject::mismatch(std::string_view key,
                           std::string_view wanted) const {
  const json *field = find(key);
  std::string found = field                  ? "is " + describeJson(*field)
                      : value->contains(key) ? "is null"
                                             : "is missing";
  return error(key, found + "; expected " + std::string(wanted));
}

static std::optional<int64_t> asInteger(const json &field, int64_t min,
                                        int64_t max) {
  if (!field.is_number_integer())
    return std::nullopt;
  if (field.is_number_unsigned() &&
      field.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return std::nullopt;
  int64_t number = field.get<int64_t>();
  if (number < min || number > max)
    return std::nullopt;
  return number;
}

static std::string integerRange(int64_t min, int64_t max) {
  return "from " + std::to_string(min) + " to " + std::to_string(max);
}

Expected<int64_t> JsonObject::integer(std::string_view key, int64_t min,
                                      int64_t max) const {
  const json *field = find(key);
  auto number = field ? asInteger(*field, min, max) : std::nullopt;
  if (!number)
    return mismatch(key, "an integer " + integerRange(min, max));
  return *number;
}

Expected<double> JsonObject::number(std::string_view key, double min,
                                    double max) const {
  const json *field = find(key);
  if (!field || !field->is_number() ||
      !(field->get<double>() >= min && field->get<double>() <= max))
    return mismatch(key, "a number from " + json(min).dump() + " to " +
                             json(max).dump());
  return field->get<double>();
}

Expected<bool> JsonObject::boolean(std::string_view key) const {
  const json *field = find(key);
  if (!field || !field->is_boolean())
    return mismatch(key, "true or false");
  return field->get<bool>();
}

Expected<std::string> JsonObject::string(std::string_view key) const {
  const json *field = find(key);
  if (!field || !field->is_string())
    return mismatch(key, "a string");
  return field->get<std::string>();
}

Expected<JsonObject> JsonObject::object(std::string_view key) const {
  const json *field = find(key);
  if (!field || !field->is_object())
    return mismatch(key, "an object");
  return JsonObject(field, file, path + std::string(key) + ".");
}

Expected<std::vector<int64_t>>
JsonObject::integers(std::string_view key, int64_t min, int64_t max) const {
  const json *field = find(key);
  if (!field || !field->is_array())
    return mismatch(key, "a list of integers");
  std::vector<int64_t> result;
  for (const json &element : *field) {
    auto number = asInteger(element, min, max);
    if (!number)
      return error(std::string(key) + "[" + std::to_string(result.size()) + "]",
                   "is " + describeJson(element) + "; expected an integer " +
                       integerRange(min, max));
    result.push_back(*number);
  }
  return result;
}

Expected<std::vector<std::string>>
JsonObject::strings(std::string_view key) const {
  const json *field = find(key);
  if (!field || !field->is_array())
    return mismatch(key, "a list of strings");
  std::vector<std::string> result;
  for (const json &element : *field) {
    if (!element.is_string())
      return error(std::string(key) + "[" + std::to_string(result.size()) + "]",
                   "is " + describeJson(element) + "; expected a string");
    result.push_back(element.get<std::string>());
  }
  return result;
}

Expected<int64_t> JsonObject::integerOr(std::string_view key, int64_t absent,
                                        int64_t min, int64_t max) const {
  return has(key) ? integer(key, min, max) : Expected<int64_t>(absent);
}

Expected<double> JsonObject::numberOr(std::string_view key, double absent,
                                      double min, double max) const {
  return has(key) ? number(key, min, max) : Expected<double>(absent);
}

Expected<bool> JsonObject::booleanOr(std::string_view key, bool absent) const {
  return has(key) ? boolean(key) : Expected<bool>(absent);
}

Expected<std::string> JsonObject::stringOr(std::string_view key,
                                           std::string_view absent) const {
  return has(key) ? string(key) : Expected<std::string>(std::string(absent));
}

} // namespace mm1
