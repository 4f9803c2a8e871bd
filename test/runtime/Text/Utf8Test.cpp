//===- Utf8Test.cpp - Character boundaries and the byte alphabet ---------===//
#include "runtime/Text/Utf8.h"
#include "runtime/Text/ByteAlphabet.h"

#include <gtest/gtest.h>

using namespace mm1;

namespace {

std::string encode(uint32_t point) {
  std::string out;
  if (point < 0x80)
    return {static_cast<char>(point)};
  if (point < 0x800)
    out = {static_cast<char>(0xc0 | (point >> 6))};
  else if (point < 0x10000)
    out = {static_cast<char>(0xe0 | (point >> 12)),
           static_cast<char>(0x80 | ((point >> 6) & 63))};
  else
    out = {static_cast<char>(0xf0 | (point >> 18)),
           static_cast<char>(0x80 | ((point >> 12) & 63)),
           static_cast<char>(0x80 | ((point >> 6) & 63))};
  out.push_back(static_cast<char>(0x80 | (point & 63)));
  return out;
}

std::string streamed(std::string_view bytes, size_t split) {
  Utf8Stream stream;
  std::string out;
  stream.push(bytes.substr(0, split), out);
  stream.push(bytes.substr(split), out);
  stream.finish(out);
  return out;
}

} // namespace

TEST(Utf8, everyCodePointIsOneCharacter) {
  for (uint32_t point = 0; point < 0x110000; ++point) {
    std::string bytes = encode(point);
    bool isSurrogate = point >= 0xd800 && point < 0xe000;
    ASSERT_EQ(utf8CharacterSize(bytes, 0), isSurrogate ? 0 : bytes.size())
        << point;
    for (size_t cut = 1; cut < bytes.size(); ++cut)
      ASSERT_EQ(utf8CharacterSize(bytes.substr(0, cut), 0), 0u) << point;
  }
}

TEST(Utf8, brokenBytesBecomeReplacements) {
  const std::string r = "\ufffd";
  // The table of Unicode 15, section 3.9.
  EXPECT_EQ(streamed("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64", 0),
            "a" + r + r + r + "b" + r + "c" + r + r + "d");
  EXPECT_EQ(streamed("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", 0),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(streamed("\xed\xa0\x80", 0), r + r + r);
  EXPECT_EQ(streamed("\xf4\x91\x92\x93\xff\x41", 0), r + r + r + r + r + "A");
  EXPECT_EQ(streamed("\xf5\x80", 0), r + r);
}

TEST(Utf8, streamGivesTheSameAtEverySplit) {
  std::string text =
      "a\u00e9\u4e2d\U0001f600\xf1\x80\x80\xe1\x80\xc2z\xff\xe4\xb8";
  std::string whole = streamed(text, 0);
  for (size_t split = 0; split <= text.size(); ++split)
    EXPECT_EQ(streamed(text, split), whole) << split;
  Utf8Stream stream;
  std::string bytewise;
  for (char byte : text)
    stream.push({&byte, 1}, bytewise);
  stream.finish(bytewise);
  EXPECT_EQ(bytewise, whole);
}

TEST(ByteAlphabet, everyByteHasItsOwnPrintableCharacter) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all.push_back(static_cast<char>(byte));
  EXPECT_EQ(unspellBytes(spellBytes(all)), all);
  EXPECT_EQ(spellBytes(" \n\tA\x7f\xad"), "\u0120\u010a\u0109A\u0121\u0143");
}

TEST(ByteAlphabet, otherCharactersSpellNoByte) {
  for (const char *text :
       {" ", "\n", "\u0144", "\u4e2d", "\xc4", "\xff", "\u00ad", "a b"})
    EXPECT_FALSE(unspellBytes(text)) << text;
}
