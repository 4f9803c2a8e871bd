//===- ByteAlphabet.h - Bytes written as printable characters ------------===//
// Files of byte-level tokenizers spell every byte as one printable character:
// the printable Latin-1 bytes stand for themselves, the other 68 are U+0100,
// U+0101, ... in byte order. A blank is "Ġ", a newline "Ċ".
//
//   spellBytes(" a\n")      == "ĠaĊ"
//   unspellBytes("ĠaĊ")     == " a\n"
//   unspellBytes("a b")     == nullopt: a bare blank spells no byte
//
// From GPT-2's byte-level BPE (Radford et al. 2019).
//===----------------------------------------------------------------------===//
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mm1 {

/// The spelling of `bytes`, as UTF-8.
std::string spellBytes(std::string_view bytes);

/// The bytes that `spelling` stands for; nothing when a character of it spells
/// no byte.
std::optional<std::string> unspellBytes(std::string_view spelling);

} // namespace mm1
