//===- TokenizerTest.cpp - Ids against the published tokenizers' ---------===//
// The golden ids were made with Hugging Face tokenizers
// (test/data/goldens/README.md). The published merges are not in this tree;
// tests that need them say so and skip.
//===----------------------------------------------------------------------===//
#include "runtime/Text/Tokenizer.h"
#include "runtime/Support/Json.h"
#include "test/runtime/Text/TextTestUtil.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

using namespace mm1;
using namespace mm1::test;

namespace {

struct Sample {
  std::string text;
  std::vector<int32_t> ids;
};

std::vector<Sample> readSamples(const std::string &name) {
  auto json =
      readJson(std::string(MM1_TEST_DATA) + "/goldens/tokenizer/" + name);
  EXPECT_TRUE(json) << (json ? "" : json.error().message);
  std::vector<Sample> samples;
  if (json)
    for (const auto &node : (*json)["samples"])
      samples.push_back({node["text"].get<std::string>(),
                         node["ids"].get<std::vector<int32_t>>()});
  return samples;
}

void expectSamples(const Tokenizer &tokenizer, const std::string &name) {
  auto samples = readSamples(name);
  EXPECT_GE(samples.size(), 40u);
  for (const Sample &sample : samples) {
    auto ids = tokenizer.encode(sample.text, {.parseSpecial = true});
    ASSERT_TRUE(ids) << ids.error().message;
    EXPECT_EQ(*ids, sample.ids) << sample.text;
    auto text = tokenizer.decode(*ids);
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(*text, sample.text);
  }
}

/// Random text: characters of 1 to 4 bytes, blanks, letters, digits, and pieces
/// of the special tokens.
std::string randomText(std::mt19937 &random, size_t characters) {
  const std::vector<std::string> pool = {
      "a",  "B",    "the",   " ",       "  ",
      "\n", "\r\n", "\t",    "7",       "'s",
      "é",  "中",   "。",    "😀",      "\u200d",
      "/",  "!",    "<",     "<think>", "<end_of_sentence>",
      "\0", "ǅ",    "\u180e"};
  std::string text;
  for (size_t index = 0; index < characters; ++index)
    text += pool[random() % pool.size()];
  return text;
}

} // namespace

TEST(Tokenizer, smallTokenizerGivesGoldenIds) {
  expectSamples(smallTokenizer(), "small-samples.json");
}

TEST(Tokenizer, publishedMergesGiveGoldenIds) {
  auto tokenizer = publishedTokenizer();
  if (!tokenizer)
    GTEST_SKIP() << "the published merges.txt is not beside this tree";
  expectSamples(*tokenizer, "real-merges.json");
  EXPECT_EQ(tokenizer->vocabSize(), 200026);
  EXPECT_EQ(tokenizer->bosId(), 200019);
  EXPECT_EQ(tokenizer->eosId(), 200020);
  EXPECT_EQ(tokenizer->idOf("<end_of_document>"), 200021);
  EXPECT_EQ(tokenizer->idOf("  "), 256);
  EXPECT_FALSE(tokenizer->idOf("<begin_of_document>"));
  EXPECT_TRUE(tokenizer->isSpecial(200019));
  EXPECT_FALSE(tokenizer->isSpecial(97));
  auto ranges = tokenizer->idRanges(200064);
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0].begin, 0);
  EXPECT_EQ(ranges[0].end, 200026);
}

TEST(Tokenizer, specialTokensAreTextUnlessAsked) {
  const Tokenizer &tokenizer = smallTokenizer();
  auto special =
      tokenizer.encode("a<end_of_sentence>b", {.parseSpecial = true});
  auto plain = tokenizer.encode("a<end_of_sentence>b");
  ASSERT_TRUE(special && plain);
  EXPECT_EQ(special->size(), 3u);
  EXPECT_EQ((*special)[1], 701);
  for (int32_t id : *plain)
    EXPECT_FALSE(tokenizer.isSpecial(id));
  EXPECT_EQ(*tokenizer.decode(*plain), "a<end_of_sentence>b");
  // An added token that is not special is part of ordinary text, as in the
  // publishers' tokenizer.
  auto think = tokenizer.encode("<think>");
  ASSERT_TRUE(think);
  EXPECT_EQ(*think, std::vector<int32_t>{702});
}

TEST(Tokenizer, addedTokensMayTouch) {
  const Tokenizer &tokenizer = smallTokenizer();
  auto ids = tokenizer.encode(
      "<end_of_sentence><beginning_of_sentence><think></think>",
      {.parseSpecial = true});
  ASSERT_TRUE(ids);
  EXPECT_EQ(*ids, (std::vector<int32_t>{701, 700, 702, 703}));
}

TEST(Tokenizer, tooLongTextIsRefused) {
  std::string text(Tokenizer::kMaxTextBytes + 1, ' ');
  auto ids = smallTokenizer().encode(text);
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().message,
            "text is 67108865 bytes; expected at most 67108864");
}

TEST(Tokenizer, longestAddedTokenWins) {
  TokenizerSource source = byteSource();
  source.added = {{300, "<a>", true},
                  {301, "<a><b>", true},
                  {302, "<a><b", true},
                  {303, "b>x", true}};
  auto tokenizer = Tokenizer::build(source);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  auto ids = [&](std::string_view text) {
    return *tokenizer->encode(text, {.parseSpecial = true});
  };
  EXPECT_EQ(ids("<a><b>"), (std::vector<int32_t>{301}));
  EXPECT_EQ(ids("<a><b>x"),
            (std::vector<int32_t>{301, 'x'})); // leftmost before longest
  EXPECT_EQ(ids("<a><c"), (std::vector<int32_t>{300, '<', 'c'}));
  EXPECT_EQ(ids("<a><b"), (std::vector<int32_t>{302}));
  EXPECT_EQ(ids("<<a"), (std::vector<int32_t>{'<', '<', 'a'}));
}

TEST(Tokenizer, decodeSkipsSpecialTokens) {
  const Tokenizer &tokenizer = smallTokenizer();
  auto ids = tokenizer.encode("<beginning_of_sentence>hi<end_of_sentence>",
                              {.parseSpecial = true});
  ASSERT_TRUE(ids);
  EXPECT_EQ(*tokenizer.decode(*ids, {.skipSpecial = true}), "hi");
}

TEST(Tokenizer, idsWithoutTokenAreRefused) {
  const Tokenizer &tokenizer = smallTokenizer();
  for (int32_t id : {-1, 704, 1 << 30, INT32_MIN}) {
    auto text = tokenizer.decode(std::vector<int32_t>{id});
    ASSERT_FALSE(text) << id;
    EXPECT_EQ(
        text.error().message,
        "id " + std::to_string(id) +
            " has no token; the vocabulary has 704 tokens with ids up to 703");
  }
}

TEST(Tokenizer, idRangesHaveHoles) {
  TokenizerSource source = byteSource();
  source.added = {{300, "<a>", true}, {301, "<b>", true}};
  auto tokenizer = Tokenizer::build(source);
  ASSERT_TRUE(tokenizer);
  auto ranges = tokenizer->idRanges(512);
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].end, 256);
  EXPECT_EQ(ranges[1].begin, 300);
  EXPECT_EQ(ranges[1].end, 302);
  EXPECT_EQ(tokenizer->idRanges(301)[1].end, 301);
  EXPECT_FALSE(tokenizer->hasToken(299));
}

TEST(Tokenizer, textComesBack) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::string text = randomText(random, 60);
    for (bool parseSpecial : {false, true}) {
      auto ids = smallTokenizer().encode(text, {.parseSpecial = parseSpecial});
      ASSERT_TRUE(ids) << ids.error().message;
      EXPECT_EQ(*smallTokenizer().decode(*ids), text);
    }
  }
}

TEST(Tokenizer, anyBytesComeBack) {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    std::string bytes;
    for (int index = 0; index < 100; ++index)
      bytes.push_back(static_cast<char>(random()));
    auto ids = smallTokenizer().encode(bytes);
    ASSERT_TRUE(ids) << ids.error().message;
    EXPECT_EQ(*smallTokenizer().decodeBytes(*ids), bytes);
  }
}

TEST(Tokenizer, streamedPiecesAreWholeCharacters) {
  std::mt19937 random(3);
  for (int round = 0; round < 100; ++round) {
    std::string text = randomText(random, 30);
    auto ids = smallTokenizer().encode(text);
    ASSERT_TRUE(ids);
    Decoder decoder(smallTokenizer());
    std::string all;
    for (int32_t id : *ids) {
      auto piece = decoder.push(id);
      ASSERT_TRUE(piece);
      EXPECT_EQ(endOfValidUtf8(*piece, 0), piece->size());
      all += *piece;
    }
    EXPECT_EQ(decoder.finish(), "");
    EXPECT_EQ(all, text);
  }
}

TEST(Tokenizer, streamEndsWithReplacementForHalfACharacter) {
  TokenizerSource source = byteSource();
  auto tokenizer = Tokenizer::build(source);
  ASSERT_TRUE(tokenizer);
  Decoder decoder(*tokenizer);
  EXPECT_EQ(*decoder.push(0xe4), "");
  EXPECT_EQ(*decoder.push(0xb8), "");
  EXPECT_EQ(decoder.finish(), "\ufffd");
  EXPECT_EQ(*decoder.push('a'), "a"); // as new
  EXPECT_EQ(*decoder.push(0xe4), "");
  EXPECT_EQ(*decoder.push('b'), "\ufffdb");
  EXPECT_FALSE(decoder.push(256));
}

TEST(Tokenizer, mergesFollowRankThenPlace) {
  // Against the definition: scan for the best pair, merge it, start again.
  std::mt19937 random(4);
  for (int round = 0; round < 200; ++round) {
    TokenizerSource source = byteSource();
    std::vector<std::string> pieces = {"a", "b", "c"};
    std::vector<std::pair<std::string, std::string>> seen;
    for (int merge = 0; merge < 12; ++merge) {
      std::string left = pieces[random() % pieces.size()],
                  right = pieces[random() % pieces.size()];
      if (left.size() + right.size() > 12 ||
          std::find(pieces.begin(), pieces.end(), left + right) != pieces.end())
        continue;
      pieces.push_back(left + right);
      source.vocab.push_back(
          {left + right, static_cast<int32_t>(source.vocab.size())});
      source.merges.push_back({left, right});
    }
    std::shuffle(source.merges.begin(), source.merges.end(),
                 random); // ranks need not follow creation
    std::string text;
    for (int index = 0; index < 40; ++index)
      text.push_back("abc"[random() % 3]);
    std::vector<std::string> expected;
    for (char letter : text)
      expected.push_back({letter});
    for (bool merged = true; merged;) {
      merged = false;
      for (const auto &merge : source.merges) {
        for (size_t at = 0; at + 1 < expected.size() && !merged; ++at)
          if (expected[at] == merge.left && expected[at + 1] == merge.right) {
            expected[at] += expected[at + 1];
            expected.erase(expected.begin() + static_cast<ptrdiff_t>(at) + 1);
            merged = true;
          }
        if (merged)
          break;
      }
    }
    auto tokenizer = Tokenizer::build(source);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    auto ids = tokenizer->encode(text);
    ASSERT_TRUE(ids);
    std::vector<std::string> found;
    for (int32_t id : *ids)
      found.emplace_back(tokenizer->bytesOf(id));
    EXPECT_EQ(found, expected) << text;
  }
}

TEST(Tokenizer, ignoreMergesKeepsWholeWords) {
  TokenizerSource source = byteSource();
  source.vocab.push_back({"Ġabc", 256}); // no merge leads to it
  auto plain = Tokenizer::build(source);
  source.ignoreMerges = true;
  auto whole = Tokenizer::build(source);
  ASSERT_TRUE(plain && whole);
  EXPECT_EQ(*plain->encode("x abc"),
            (std::vector<int32_t>{'x', ' ', 'a', 'b', 'c'}));
  EXPECT_EQ(*whole->encode("x abc"), (std::vector<int32_t>{'x', 256}));
}

TEST(Tokenizer, byteWithoutTokenIsAnError) {
  TokenizerSource source = byteSource();
  source.vocab.erase(source.vocab.begin() + 'q');
  auto tokenizer = Tokenizer::build(source);
  ASSERT_TRUE(tokenizer);
  auto ids = tokenizer->encode("no quiz");
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().kind, ErrorKind::Input);
  EXPECT_EQ(ids.error().message, "the word ' quiz' at byte 2 of the text has a "
                                 "byte that no token of the vocabulary spells");
}
