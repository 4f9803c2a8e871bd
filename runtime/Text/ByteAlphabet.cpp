//===- ByteAlphabet.cpp - Bytes written as printable characters ----------===//
#include "runtime/Text/ByteAlphabet.h"

#include <array>
#include <cstdint>

namespace mm1 {

namespace {

constexpr unsigned kFirstExtra = 0x100, kExtraCount = 68;

constexpr bool standsForItself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
         byte >= 0xae;
}

struct Alphabet {
  std::array<uint16_t, 256> characterOf{};
  std::array<uint8_t, kExtraCount> byteOfExtra{};

  constexpr Alphabet() {
    unsigned extra = 0;
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (standsForItself(byte)) {
        characterOf[byte] = static_cast<uint16_t>(byte);
        continue;
      }
      byteOfExtra[extra] = static_cast<uint8_t>(byte);
      characterOf[byte] = static_cast<uint16_t>(kFirstExtra + extra++);
    }
  }
};

constexpr Alphabet kAlphabet;

} // namespace

std::string spellBytes(std::string_view bytes) {
  std::string spelling;
  for (char byte : bytes) {
    unsigned character = kAlphabet.characterOf[static_cast<uint8_t>(byte)];
    if (character < 0x80) {
      spelling.push_back(static_cast<char>(character));
    } else {
      spelling.push_back(static_cast<char>(0xc0 | (character >> 6)));
      spelling.push_back(static_cast<char>(0x80 | (character & 0x3f)));
    }
  }
  return spelling;
}

std::optional<std::string> unspellBytes(std::string_view spelling) {
  std::string bytes;
  for (size_t at = 0; at < spelling.size(); ++at) {
    unsigned character = static_cast<uint8_t>(spelling[at]);
    if (character >= 0x80) { // only two-byte characters spell bytes
      if (character < 0xc2 || character > 0xdf || at + 1 == spelling.size())
        return std::nullopt;
      unsigned next = static_cast<uint8_t>(spelling[++at]);
      if ((next & 0xc0) != 0x80)
        return std::nullopt;
      character = ((character & 0x1f) << 6) | (next & 0x3f);
    }
    if (character < 0x100 && standsForItself(character))
      bytes.push_back(static_cast<char>(character));
    else if (character >= kFirstExtra && character < kFirstExtra + kExtraCount)
      bytes.push_back(
          static_cast<char>(kAlphabet.byteOfExtra[character - kFirstExtra]));
    else
      return std::nullopt;
  }
  return bytes;
}

} // namespace mm1
