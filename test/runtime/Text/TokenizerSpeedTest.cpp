//===- TokenizerSpeedTest.cpp - A megabyte of any text in a second -------===//
// Bounds on processor time of this thread, so that a busy machine does not fail
// them. A tenth of the text where the build is not optimised.
//===----------------------------------------------------------------------===//
#include "test/runtime/Text/TextTestUtil.h"

#include <gtest/gtest.h>

#include <ctime>
#include <functional>
#include <random>

using namespace mm1;
using namespace mm1::test;

namespace {

#if defined(__has_feature)
#define MM1_HAS_FEATURE(name) __has_feature(name)
#else
#define MM1_HAS_FEATURE(name) 0
#endif
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) &&                       \
    !MM1_HAS_FEATURE(address_sanitizer)
constexpr size_t kBytes = 1'000'000;
#else
constexpr size_t kBytes = 100'000;
#endif
constexpr double kSeconds = 1;

double threadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

std::string repeated(std::string_view unit, size_t bytes = kBytes) {
  std::string text;
  while (text.size() < bytes)
    text += unit;
  return text;
}

std::string randomBytes() {
  std::mt19937 random(5);
  std::string text;
  for (size_t index = 0; index < kBytes; ++index)
    text.push_back(static_cast<char>(random()));
  return text;
}

std::string randomLetters(std::string_view letters) {
  std::mt19937 random(6);
  std::string text;
  for (size_t index = 0; index < kBytes; ++index)
    text.push_back(letters[random() % letters.size()]);
  return text;
}

struct Case {
  const char *name;
  std::string text;
};

std::vector<Case> cases() {
  std::string blanks(kBytes, ' ');
  return {{"oneLetter", repeated("a")},
          {"oneCapital", repeated("A")},
          {"capitalsThenDigits", repeated(std::string(5000, 'A') + "1")},
          {"randomLowerCase", randomLetters("abcdefghijklmnopqrstuvwxyz")},
          {"twoLetters", randomLetters("ab")},
          {"blanks", blanks},
          {"blanksThenLetter", blanks + "x"},
          {"newlineThenBlanks", "\n" + blanks},
          {"longBlankRuns", repeated(std::string(5000, ' ') + "x")},
          {"blanksAndTabs", randomLetters(" \t")},
          {"newlines", repeated("\n")},
          {"digits", repeated("1")},
          {"punctuation", repeated("!?")},
          {"slashes", repeated("/")},
          {"apostrophes", repeated("'")},
          {"emoji", repeated("\U0001f600")},
          {"joinedEmoji", repeated("\U0001f469\u200d\U0001f467")},
          {"chinese", repeated("\u4e2d\u6587")},
          {"marks", repeated("\u0301")},
          {"ideographicBlanks", repeated("\u3000")},
          {"prose", repeated("The quick brown fox's 12 jumps over 3456 lazy "
                             "dogs, and it'll do so again.\n")},
          {"code", repeated("    if (x[i] != y->z) {\n        return "
                            "foo_bar(baz, \"qux\");\n    }\n\n")},
          {"startsOfSpecialTokens", repeated("<")},
          {"halfSpecialTokens", repeated("<beginning_of_sentence")},
          {"specialTokens", repeated("<end_of_sentence>")},
          {"specialTokensInText", repeated("a<end_of_sentence>")},
          {"randomBytes", randomBytes()},
          {"nulBytes", std::string(kBytes, '\0')},
          {"highBytes", repeated("\xff")},
          {"halfCharacters", repeated("\xe4\xb8")}};
}

void expectFast(const Tokenizer &tokenizer) {
  for (const Case &one : cases()) {
    double start = threadSeconds();
    auto ids = tokenizer.encode(one.text, {.parseSpecial = true});
    double encoded = threadSeconds();
    ASSERT_TRUE(ids) << one.name << ": " << ids.error().message;
    auto bytes = tokenizer.decodeBytes(*ids);
    double decoded = threadSeconds();
    EXPECT_LT(encoded - start, kSeconds) << one.name;
    EXPECT_LT(decoded - encoded, kSeconds) << one.name;
    EXPECT_TRUE(bytes && *bytes == one.text) << one.name;
    ::testing::Test::RecordProperty(one.name, std::to_string(encoded - start));
  }
}

} // namespace

TEST(TokenizerSpeed, smallTokenizer) { expectFast(smallTokenizer()); }

TEST(TokenizerSpeed, publishedMerges) {
  auto tokenizer = publishedTokenizer();
  if (!tokenizer)
    GTEST_SKIP() << "the published merges.txt is not beside this tree";
  expectFast(*tokenizer);
}

TEST(TokenizerSpeed, longPatternsOfOtherFamilies) {
  TokenizerSource source = byteSource();
  source.rules = {{"\\p{N}{1,3}", false},
                  {"[一-龥぀-ゟ゠-ヿ]+", false},
                  {std::string(kGpt2Pattern), false}};
  auto tokenizer = Tokenizer::build(source);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  expectFast(*tokenizer);
}
