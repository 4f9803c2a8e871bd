//===- TextTestUtil.h - Tokenizers that several tests use ----------------===//
#pragma once

#include "runtime/Text/ByteAlphabet.h"
#include "runtime/Text/Tokenizer.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace mm1::test {

inline const Tokenizer &smallTokenizer() {
  static const Tokenizer tokenizer = [] {
    auto loaded = Tokenizer::fromTokenizerJson(
        std::string(MM1_TEST_DATA) + "/goldens/tokenizer/small-tokenizer.json");
    if (!loaded) {
      std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
      std::abort();
    }
    return *loaded;
  }();
  return tokenizer;
}

/// The tokenizer over MiniMax's published merges.txt; nothing where that file
/// is not beside the tree.
inline std::optional<Tokenizer> publishedTokenizer() {
  static const std::optional<Tokenizer> tokenizer =
      []() -> std::optional<Tokenizer> {
    std::string folder =
        std::string(MM1_SOURCE_DIR) + "/../shared/data/minimax-m1";
    if (!std::filesystem::exists(folder + "/merges.txt"))
      return std::nullopt;
    auto loaded = Tokenizer::load(folder);
    if (!loaded) {
      std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
      std::abort();
    }
    return *loaded;
  }();
  return tokenizer;
}

/// The 256 bytes with their own values as ids, no merges, the o200k pattern.
inline TokenizerSource byteSource() {
  TokenizerSource source;
  source.origin = "source";
  for (int byte = 0; byte < 256; ++byte)
    source.vocab.push_back(
        {spellBytes(std::string(1, static_cast<char>(byte))), byte});
  source.rules.push_back({std::string(kO200kPattern), false});
  return source;
}

} // namespace mm1::test
