//===- PreTokenizerTest.cpp - Cutting text into words --------------------===//
#include "runtime/Text/PreTokenizer.h"

#include <gtest/gtest.h>

#include <ctime>

using namespace mm1;

namespace {

using Words = std::vector<std::string>;

Expected<Words> trySplit(const std::vector<SplitRule> &rules,
                         std::string_view text) {
  auto preTokenizer = PreTokenizer::create("test", rules);
  if (!preTokenizer)
    return preTokenizer.takeError();
  WordSplitter splitter(*preTokenizer, text.size());
  std::vector<size_t> ends;
  if (Status status = splitter.split(text, ends); !status)
    return status.takeError();
  Words words;
  size_t start = 0;
  for (size_t end : ends) {
    words.emplace_back(text.substr(start, end - start));
    start = end;
  }
  EXPECT_EQ(start, text.size());
  return words;
}

Words split(const std::vector<SplitRule> &rules, std::string_view text) {
  auto words = trySplit(rules, text);
  EXPECT_TRUE(words) << (words ? "" : words.error().message);
  return words ? *words : Words();
}

const std::vector<SplitRule> kO200k = {{std::string(kO200kPattern), false}};

} // namespace

TEST(PreTokenizer, o200kWords) {
  EXPECT_EQ(split(kO200k, "Hello world's  end1234"),
            (Words{"Hello", " world's", " ", " end", "123", "4"}));
  EXPECT_EQ(split(kO200k, "camelCase \n x"),
            (Words{"camel", "Case", " \n", " x"}));
  EXPECT_EQ(split(kO200k, ""), Words{});
}

TEST(PreTokenizer, gpt2Words) {
  EXPECT_EQ(
      split({{std::string(kGpt2Pattern), false}}, "It's camelCase 1234  x"),
      (Words{"It", "'s", " camelCase", " 1234", " ", " x"}));
}

TEST(PreTokenizer, stretchesBetweenMatchesAreWords) {
  EXPECT_EQ(split({{"[0-9]", false}}, "ab12c"), (Words{"ab", "1", "2", "c"}));
  EXPECT_EQ(split({{"x*", false}}, "axxb\u00e9"),
            (Words{"a", "xx", "b\u00e9"})); // empty matches cut nothing
  EXPECT_EQ(split({{"(?=b)", false}}, "abc"), (Words{"abc"}));
  EXPECT_EQ(split({{"a\\Kb", false}}, "xabx"), (Words{"xa", "b", "x"}));
}

TEST(PreTokenizer, rulesApplyOneAfterAnother) {
  EXPECT_EQ(
      split({{"[0-9]+", false}, {"5", true}, {"(?<=a)b", false}}, "ab1525ab"),
      (Words{"a", "b", "1", "5", "2", "5", "a", "b"}));
  EXPECT_EQ(split({{".", true}}, "a.b"), (Words{"a", ".", "b"}));
  EXPECT_EQ(split({}, "a b"), (Words{"a b"}));
}

TEST(PreTokenizer, brokenUtf8StandsAlone) {
  EXPECT_EQ(split(kO200k, "ab\xff\xfe cd\xe4\xb8"),
            (Words{"ab", "\xff\xfe", " cd", "\xe4\xb8"}));
}

TEST(PreTokenizer, blanksAreUnicodeWhiteSpace) {
  // U+180E is blank to Perl and not to Unicode.
  EXPECT_EQ(split({{"\\s+", false}}, "a\u180eb\u00a0\u3000c"),
            (Words{"a\u180eb", "\u00a0\u3000", "c"}));
  EXPECT_EQ(split({{"[^\\s]+", false}}, "a\u180eb c"),
            (Words{"a\u180eb", " ", "c"}));
  EXPECT_EQ(split({{"\\S+", false}}, "a\u180eb c"),
            (Words{"a\u180eb", " ", "c"}));
  EXPECT_EQ(split({{"[]\\s]+|\\\\s", false}}, "a ]b\\s"),
            (Words{"a", " ]", "b", "\\s"}));
}

TEST(PreTokenizer, brokenPatternsAreRefused) {
  for (const char *pattern :
       {"(", "[a", "\\p{Nonsense}", "\\C", "a{2,1}", "(?<=a+)b"}) {
    auto words = trySplit({{pattern, false}}, "text");
    ASSERT_FALSE(words) << pattern;
    EXPECT_EQ(words.error().kind, ErrorKind::Input);
    EXPECT_NE(words.error().message.find(std::string("test: split pattern '") +
                                         pattern),
              std::string::npos)
        << words.error().message;
  }
  EXPECT_FALSE(trySplit({{std::string(100000, 'a'), false}}, "text"));
}

TEST(PreTokenizer, exponentialPatternGivesUp) {
  std::clock_t start = std::clock();
  auto words =
      trySplit({{"(a|aa|aaa)+$", false}}, std::string(5000, 'a') + "b");
  ASSERT_FALSE(words);
  EXPECT_EQ(words.error().kind, ErrorKind::Input);
  EXPECT_NE(words.error().message.find("gives up at byte 0 of the text"),
            std::string::npos)
      << words.error().message;
  EXPECT_LT(double(std::clock() - start) / CLOCKS_PER_SEC, 1);
}

TEST(PreTokenizer, classesOfOtherDialectsAreRefused) {
  for (const char *pattern : {"[a[bc]]", "[\\w&&\\d]"}) {
    auto words = trySplit({{pattern, false}}, "text");
    ASSERT_FALSE(words) << pattern;
    EXPECT_EQ(words.error().message,
              std::string("test: split pattern '") + pattern +
                  "' has a character class within a class; expected classes "
                  "that list characters");
  }
  EXPECT_EQ(split({{"[[:digit:]\\s]+", false}}, "a1 2b"),
            (Words{"a", "1 2", "b"}));
  EXPECT_EQ(split({{"[\\[&]", false}}, "a[&"), (Words{"a", "[", "&"}));
}
