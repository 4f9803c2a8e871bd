//===- Utf8.h - Where characters begin and end in bytes ------------------===//
// Token texts are bytes: one character may be cut into several tokens, and a
// model may produce bytes that are no character at all. These helpers find
// whole characters and hold back the rest.
//
//   Utf8Stream stream;
//   std::string out;
//   stream.push("\xe4\xb8", out);   // out == "": the character is not complete
//   stream.push("\xad!", out);      // out == "中!"
//
// Broken bytes become U+FFFD, one for each maximal prefix of a character
// (Unicode 15, section 3.9, "U+FFFD Substitution of Maximal Subparts"), as in
// Python and in browsers.
//===----------------------------------------------------------------------===//
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mm1 {

/// Bytes of the well-formed character that starts at text[at]: 1 to 4, or 0 if
/// none does.
size_t utf8CharacterSize(std::string_view text, size_t at);

/// The end of the longest run of well-formed characters that starts at
/// text[at].
size_t endOfValidUtf8(std::string_view text, size_t at);

/// `bytes` for a message: quoted, at most 60 characters, control and broken
/// bytes as \xNN.
std::string quoteForMessage(std::string_view bytes);

/// Turns pieces of bytes into pieces of well-formed text.
class Utf8Stream {
public:
  /// Appends to `out` every character that is complete after `bytes`; holds at
  /// most three bytes back.
  void push(std::string_view bytes, std::string &out);
  /// Appends U+FFFD if an unfinished character was held back; the stream is
  /// then as new.
  void finish(std::string &out);

private:
  std::array<char, 3> held{};
  size_t heldSize = 0;
};

} // namespace mm1
