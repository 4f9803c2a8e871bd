//===- PreTokenizer.cpp - Cutting text into the words that BPE works on --===//
#include "runtime/Text/PreTokenizer.h"
#include "runtime/Text/Utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace mm1 {

namespace {

struct FreeCode {
  void operator()(pcre2_code *code) const { pcre2_code_free(code); }
};
struct FreeCompileContext {
  void operator()(pcre2_compile_context *context) const {
    pcre2_compile_context_free(context);
  }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context *context) const {
    pcre2_match_context_free(context);
  }
};
struct FreeMatchData {
  void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
};
struct FreeStack {
  void operator()(pcre2_jit_stack *stack) const { pcre2_jit_stack_free(stack); }
};

/// The first try of a match may take this many steps; nearly every word needs
/// fewer.
constexpr uint32_t kFirstLimit = 4096;
/// Longer matches share this much per byte of text, and a start for short
/// texts.
constexpr uint64_t kStepsPerByte = 256, kStepsAtLeast = 10'000'000;
constexpr size_t kMaxPatternBytes = 65536;
constexpr uint32_t kHeapKiB = 65536;
constexpr size_t kJitStackStart = 32 * 1024, kJitStackMax = 1024 * 1024;

} // namespace

struct PreTokenizer::Rule {
  std::unique_ptr<pcre2_code, FreeCode> code;
};

PreTokenizer::PreTokenizer(std::vector<Rule> rules) : rules(std::move(rules)) {}
PreTokenizer::PreTokenizer(PreTokenizer &&) noexcept = default;
PreTokenizer &PreTokenizer::operator=(PreTokenizer &&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

/// Tokenizer files mean Unicode's White_Space by \s; PCRE2 adds U+180E to it.
/// Writes the set out. A \S inside a class stays as it is: a class cannot hold
/// the complement of a list. Nothing for a class inside a class or an
/// intersection of classes, which PCRE2 would take for ordinary characters.
static std::optional<std::string> spellOutBlanks(std::string_view pattern) {
  constexpr std::string_view kBlanks = R"(\x09-\x0d\x{85}\p{Z})";
  std::string result;
  bool inClass = false;
  for (size_t at = 0; at < pattern.size(); ++at) {
    char character = pattern[at];
    if (character == '\\' && at + 1 < pattern.size()) {
      char next = pattern[++at];
      if (next == 's' && inClass)
        result += kBlanks;
      else if (next == 's')
        result.append("[").append(kBlanks).append("]");
      else if (next == 'S' && !inClass)
        result.append("[^").append(kBlanks).append("]");
      else
        result.append({character, next});
      continue;
    }
    std::string_view rest = pattern.substr(at);
    if (inClass && rest.starts_with("[:")) { // [:alpha:]
      size_t end = std::min(rest.find(":]"), rest.size() - 2) + 2;
      result += rest.substr(0, end);
      at += end - 1;
      continue;
    }
    if (inClass && (character == '[' || rest.starts_with("&&")))
      return std::nullopt;
    result.push_back(character);
    if (!inClass && character == '[') {
      inClass = true; // a ']' right after '[' or '[^' is an ordinary character
      if (at + 1 < pattern.size() && pattern[at + 1] == '^')
        result.push_back(pattern[++at]);
      if (at + 1 < pattern.size() && pattern[at + 1] == ']')
        result.push_back(pattern[++at]);
    } else if (inClass && character == ']') {
      inClass = false;
    }
  }
  return result;
}

static std::string pcreMessage(int code) {
  char buffer[256] = "";
  pcre2_get_error_message(code, reinterpret_cast<PCRE2_UCHAR *>(buffer),
                          sizeof buffer);
  return buffer;
}

Expected<PreTokenizer>
PreTokenizer::create(std::string_view origin,
                     const std::vector<SplitRule> &splitRules) {
  std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(
      pcre2_compile_context_create(nullptr));
  if (!context)
    return machineError(std::string(origin) +
                        ": no memory for the split pattern");
  pcre2_set_max_pattern_length(context.get(), kMaxPatternBytes);
  std::vector<Rule> rules;
  for (const SplitRule &rule : splitRules) {
    auto pattern = rule.literal ? std::optional(rule.pattern)
                                : spellOutBlanks(rule.pattern);
    std::string place = std::string(origin) + ": split pattern " +
                        quoteForMessage(rule.pattern);
    if (!pattern)
      return inputError(place + " has a character class within a class; "
                                "expected classes that list characters");
    uint32_t options =
        PCRE2_UTF |
        (rule.literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C);
    int error = 0;
    size_t errorAt = 0;
    pcre2_code *code = pcre2_compile(
        reinterpret_cast<PCRE2_SPTR>(pattern->data()), pattern->size(), options,
        &error, &errorAt, context.get());
    if (!code)
      return inputError(place + " is not a regular expression we can use: " +
                        pcreMessage(error) + " (at offset " +
                        std::to_string(errorAt) + ")");
    rules.push_back({std::unique_ptr<pcre2_code, FreeCode>(code)});
    // Where there is no JIT, the interpreter gives the same words.
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  }
  return PreTokenizer(std::move(rules));
}

/// What the matches of one text share.
class WordSplitter::Matcher {
public:
  explicit Matcher(size_t textBytes)
      : budget(kStepsAtLeast + kStepsPerByte * textBytes),
        context(pcre2_match_context_create(nullptr)),
        data(pcre2_match_data_create(1, nullptr)),
        stack(pcre2_jit_stack_create(kJitStackStart, kJitStackMax, nullptr)) {
    if (!context)
      return;
    pcre2_set_heap_limit(context.get(), kHeapKiB);
    // Without one (or without JIT) PCRE2 does with the machine's stack.
    if (stack)
      pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }

  bool isReady() const { return context && data; }

  /// Appends base + the end of each match in `text`, and of each stretch
  /// between matches.
  Status cut(const pcre2_code *code, std::string_view text, size_t base,
             std::vector<size_t> &ends) {
    size_t wordStart = 0, searchFrom = 0;
    while (searchFrom < text.size()) {
      int found = search(code, text, searchFrom);
      if (found == PCRE2_ERROR_NOMATCH)
        break;
      if (found < 0)
        return failure(found, base + searchFrom);
      const size_t *offsets = pcre2_get_ovector_pointer(data.get());
      size_t start = offsets[0], end = offsets[1];
      // An empty match cuts nothing, nor does an odd use of \K.
      if (start >= end || start < wordStart) {
        searchFrom += std::max<size_t>(utf8CharacterSize(text, searchFrom), 1);
        continue;
      }
      if (start > wordStart)
        ends.push_back(base + start);
      ends.push_back(base + end);
      wordStart = searchFrom = end;
    }
    if (wordStart < text.size())
      ends.push_back(base + text.size());
    return Status::ok();
  }

private:
  /// One match, first with few steps and then with more of the budget.
  int search(const pcre2_code *code, std::string_view text, size_t from) {
    for (uint64_t limit = kFirstLimit;; limit *= 8) {
      pcre2_set_match_limit(
          context.get(),
          static_cast<uint32_t>(std::min<uint64_t>(limit, UINT32_MAX)));
      int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                              text.size(), from, PCRE2_NO_UTF_CHECK, data.get(),
                              context.get());
      if (found != PCRE2_ERROR_MATCHLIMIT || limit > budget)
        return found;
      budget -= limit;
    }
  }

  static Status failure(int code, size_t at) {
    if (code == PCRE2_ERROR_NOMEMORY)
      return machineError("no memory to split text into words");
    return inputError("the tokenizer's split pattern gives up at byte " +
                      std::to_string(at) +
                      " of the text: " + pcreMessage(code) +
                      "; expected a pattern that needs linear work");
  }

  uint64_t budget;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context;
  std::unique_ptr<pcre2_match_data, FreeMatchData> data;
  std::unique_ptr<pcre2_jit_stack, FreeStack> stack;
};

WordSplitter::WordSplitter(const PreTokenizer &preTokenizer, size_t textBytes)
    : preTokenizer(preTokenizer),
      matcher(std::make_unique<Matcher>(textBytes)) {}
WordSplitter::~WordSplitter() = default;

Status WordSplitter::split(std::string_view text, std::vector<size_t> &ends) {
  if (!matcher->isReady())
    return machineError("no memory to split text into words");
  for (size_t at = 0; at < text.size();) {
    size_t validEnd = endOfValidUtf8(text, at);
    if (validEnd == at) {
      while (at < text.size() && utf8CharacterSize(text, at) == 0)
        ++at;
      ends.push_back(at);
      continue;
    }
    coarse.assign(1, validEnd);
    for (const PreTokenizer::Rule &rule : preTokenizer.rules) {
      fine.clear();
      size_t start = at;
      for (size_t end : coarse) {
        if (Status status = matcher->cut(
                rule.code.get(), text.substr(start, end - start), start, fine);
            !status)
          return status;
        start = end;
      }
      coarse.swap(fine);
    }
    ends.insert(ends.end(), coarse.begin(), coarse.end());
    at = validEnd;
  }
  return Status::ok();
}

} // namespace mm1
