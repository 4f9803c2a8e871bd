//===- Utf8.cpp - Where characters begin and end in bytes ----------------===//
#include "runtime/Text/Utf8.h"

namespace mm1 {

namespace {

/// What the first byte says: the size of the character (0: it cannot start
/// one), and the range of the second byte (Unicode 15, table 3-7); later bytes
/// are 80..BF.
struct Lead {
  uint8_t size, low, high;
};

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

} // namespace

static Lead leadOf(uint8_t byte) {
  if (byte < 0x80)
    return {1, 0, 0};
  if (byte < 0xc2)
    return {0, 0, 0};
  if (byte < 0xe0)
    return {2, 0x80, 0xbf};
  if (byte < 0xf0)
    return {3, static_cast<uint8_t>(byte == 0xe0 ? 0xa0 : 0x80),
            static_cast<uint8_t>(byte == 0xed ? 0x9f : 0xbf)};
  if (byte < 0xf5)
    return {4, static_cast<uint8_t>(byte == 0xf0 ? 0x90 : 0x80),
            static_cast<uint8_t>(byte == 0xf4 ? 0x8f : 0xbf)};
  return {0, 0, 0};
}

/// Whether `byte` may stand at `index` (1, 2 or 3) of a character with this
/// lead.
static bool continues(Lead lead, size_t index, uint8_t byte) {
  return index == 1 ? byte >= lead.low && byte <= lead.high
                    : byte >= 0x80 && byte <= 0xbf;
}

size_t utf8CharacterSize(std::string_view text, size_t at) {
  Lead lead = leadOf(static_cast<uint8_t>(text[at]));
  if (lead.size == 0 || text.size() - at < lead.size)
    return 0;
  for (size_t index = 1; index < lead.size; ++index)
    if (!continues(lead, index, static_cast<uint8_t>(text[at + index])))
      return 0;
  return lead.size;
}

size_t endOfValidUtf8(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t size = utf8CharacterSize(text, at);
    if (size == 0)
      break;
    at += size;
  }
  return at;
}

std::string quoteForMessage(std::string_view bytes) {
  constexpr size_t kMax = 60;
  std::string result = "'";
  for (size_t at = 0; at < bytes.size();) {
    if (at >= kMax) {
      result += "...";
      break;
    }
    size_t size = utf8CharacterSize(bytes, at);
    auto byte = static_cast<uint8_t>(bytes[at]);
    if (size == 0 || byte < 0x20 || byte == 0x7f) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      result.append("\\x").append({kDigits[byte >> 4], kDigits[byte & 15]});
      ++at;
    } else {
      result += bytes.substr(at, size);
      at += size;
    }
  }
  return result + "'";
}

void Utf8Stream::push(std::string_view bytes, std::string &out) {
  for (char character : bytes) {
    auto byte = static_cast<uint8_t>(character);
    if (heldSize > 0) {
      Lead lead = leadOf(static_cast<uint8_t>(held[0]));
      if (continues(lead, heldSize, byte)) {
        if (heldSize + 1 == lead.size) {
          out.append(held.data(), heldSize).push_back(character);
          heldSize = 0;
        } else {
          held[heldSize++] = character;
        }
        continue;
      }
      out += kReplacement;
      heldSize = 0;
    }
    Lead lead = leadOf(byte);
    if (lead.size == 1)
      out.push_back(character);
    else if (lead.size == 0)
      out += kReplacement;
    else
      held[heldSize++] = character;
  }
}

void Utf8Stream::finish(std::string &out) {
  if (heldSize > 0)
    out += kReplacement;
  heldSize = 0;
}

} // namespace mm1
