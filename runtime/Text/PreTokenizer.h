//===- PreTokenizer.h - Cutting text into the words that BPE works on ----===//
// Applies the tokenizer's own split patterns (Perl-style regular expressions)
// one after another: each match is a word, and so is each stretch between two
// matches; nothing is lost.
//
//   auto words = PreTokenizer::create("tokenizer.json", {{"[a-z]+", false}});
//   WordSplitter splitter(*words, 8);
//   std::vector<size_t> ends;
//   splitter.split("one, two"sv, ends);    // ends == {3, 5, 8}
//
// Bytes that are not UTF-8 are words of their own: patterns see the well-formed
// stretches between them, as if the text ended there.
//
// The work is linear in the text whatever text and pattern are: all matches of
// a splitter share a budget of backtracking steps. The patterns of real
// tokenizers never come near it.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mm1 {

/// The pattern of OpenAI's o200k vocabulary, which MiniMax-Text-01 and M1 use
/// too.
inline constexpr std::string_view kO200kPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The pattern of GPT-2, which a ByteLevel pre-tokenizer with use_regex stands
/// for.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// One cut: a regular expression, or a text to be found as it is.
struct SplitRule {
  std::string pattern;
  bool literal = false;
};

/// The compiled rules. Immutable; any number of splitters may use it.
class PreTokenizer {
public:
  /// Compiles the rules. Input error, opened by `origin`, for a pattern that
  /// PCRE2 does not take.
  static Expected<PreTokenizer> create(std::string_view origin,
                                       const std::vector<SplitRule> &rules);

  PreTokenizer(PreTokenizer &&) noexcept;
  PreTokenizer &operator=(PreTokenizer &&) noexcept;
  ~PreTokenizer();

private:
  friend class WordSplitter;
  struct Rule;
  explicit PreTokenizer(std::vector<Rule> rules);
  std::vector<Rule> rules;
};

/// Splits one text, in as many stretches as the caller likes. One per thread;
/// the PreTokenizer must outlive it.
class WordSplitter {
public:
  /// `textBytes`: size of the text in all, which sets the budget of steps.
  WordSplitter(const PreTokenizer &preTokenizer, size_t textBytes);
  ~WordSplitter();

  /// Appends the end of each word of `text`, in order; words are never empty.
  /// Input error when a pattern needs more steps than linear work allows;
  /// machine error when there is no memory.
  Status split(std::string_view text, std::vector<size_t> &ends);

private:
  class Matcher;
  const PreTokenizer &preTokenizer;
  std::unique_ptr<Matcher> matcher;
  std::vector<size_t> coarse, fine;
};

} // namespace mm1
