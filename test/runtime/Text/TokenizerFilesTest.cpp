//===- TokenizerFilesTest.cpp - Files of tokenizers, good and hostile ----===//
// Bad files are made from a good one by one change each; each must give one
// message that names the place.
//===----------------------------------------------------------------------===//
#include "runtime/Support/Json.h"
#include "test/runtime/Text/TextTestUtil.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <unistd.h>

using namespace mm1;
using namespace mm1::test;
using nlohmann::json;

namespace {

/// A complete small tokenizer.json: bytes, and "ab" from one merge.
json goodTokenizer() {
  json vocab = json::object();
  for (int byte = 0; byte < 256; ++byte)
    vocab[spellBytes(std::string(1, static_cast<char>(byte)))] = byte;
  vocab["ab"] = 256;
  return {
      {"added_tokens",
       json::array({{{"id", 300}, {"content", "<s>"}, {"special", true}}})},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "ByteLevel"},
        {"add_prefix_space", false},
        {"use_regex", true}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model",
       {{"type", "BPE"}, {"vocab", vocab}, {"merges", json::array({"a b"})}}}};
}

Expected<Tokenizer> fromText(std::string_view text) {
  auto source = parseTokenizerJson(text, "t.json");
  return source ? Tokenizer::build(std::move(*source))
                : Expected<Tokenizer>(source.takeError());
}

Expected<Tokenizer> fromMergesText(std::string_view text) {
  auto source = parseMergesOnly(text, "m.txt");
  return source ? Tokenizer::build(std::move(*source))
                : Expected<Tokenizer>(source.takeError());
}

std::string messageOf(const Expected<Tokenizer> &result) {
  if (result)
    return "no error";
  EXPECT_EQ(result.error().kind, ErrorKind::Input);
  EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
  return result.error().message;
}

/// Changes the good file and returns the message it then gives.
std::string withChange(const std::function<void(json &)> &change) {
  json file = goodTokenizer();
  change(file);
  return messageOf(fromText(file.dump()));
}

class Folder {
public:
  Folder() {
    std::string pattern =
        std::filesystem::temp_directory_path() / "mm1-text-XXXXXX";
    path = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string &name, std::string_view text) const {
    std::ofstream(path + "/" + name) << text;
  }
  std::string path;
};

} // namespace

TEST(TokenizerFiles, goodFileLoads) {
  auto tokenizer = fromText(goodTokenizer().dump());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(*tokenizer->encode("cab<s>", {.parseSpecial = true}),
            (std::vector<int32_t>{'c', 256, 300}));
}

TEST(TokenizerFiles, mergesMayBePairs) {
  json file = goodTokenizer();
  file["model"]["merges"] = json::array({json::array({"a", "b"})});
  auto tokenizer = fromText(file.dump());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(*tokenizer->encode("ab"), std::vector<int32_t>{256});
}

TEST(TokenizerFiles, addedTokenMayBeInTheVocabularyToo) {
  json file = goodTokenizer();
  file["model"]["vocab"]["<s>"] = 300;
  EXPECT_TRUE(fromText(file.dump()));
}

TEST(TokenizerFiles, everyTruncationIsAnError) {
  std::string text = goodTokenizer().dump();
  for (size_t size = 0; size < text.size(); size += 7)
    EXPECT_FALSE(fromText(text.substr(0, size))) << size;
}

TEST(TokenizerFiles, badVocabulary) {
  EXPECT_EQ(withChange([](json &f) { f["model"]["vocab"]["x y"] = -1; }),
            "t.json: 'model.vocab.x y' is -1; expected an integer from 0 to "
            "16777215");
  EXPECT_EQ(withChange([](json &f) { f["model"]["vocab"]["zz"] = 1e300; }),
            "t.json: 'model.vocab.zz' is 1e+300; expected an integer from 0 to "
            "16777215");
  EXPECT_EQ(withChange([](json &f) { f["model"]["vocab"]["zz"] = "7"; }),
            "t.json: 'model.vocab.zz' is \"7\"; expected an integer from 0 to "
            "16777215");
  EXPECT_EQ(withChange([](json &f) { f["model"]["vocab"]["zz"] = 16777215; }),
            "t.json: token 'zz' has id 16777215; expected 0 to 69679 for a "
            "vocabulary of 259 tokens");
  EXPECT_EQ(withChange([](json &f) { f["model"]["vocab"]["zz"] = 256; }),
            "t.json: id 256 belongs to two tokens, 'ab' and 'zz'");
  EXPECT_EQ(withChange([](json &f) { f["model"]["vocab"] = 3; }),
            "t.json: 'model.vocab' is 3; expected an object");
  EXPECT_EQ(withChange([](json &f) { f["model"].erase("vocab"); }),
            "t.json: 'model.vocab' is missing; expected an object");
}

TEST(TokenizerFiles, badMerges) {
  auto withMerges = [](const json &merges) {
    return withChange([&](json &f) { f["model"]["merges"] = merges; });
  };
  EXPECT_EQ(withMerges({"a b", "a zz"}),
            "t.json: 'model.merges[1]' merges 'a' and 'zz', but 'zz' is not in "
            "the vocabulary");
  EXPECT_EQ(withMerges({"b a"}), "t.json: 'model.merges[0]' merges 'b' and "
                                 "'a', but 'ba' is not in the vocabulary");
  EXPECT_EQ(withMerges({"a b", "a b"}),
            "t.json: 'model.merges[1]' merges 'a' and 'b' a second time");
  for (const json &merge :
       std::vector<json>{"ab", "a b c", " a", "a ", "", 3, nullptr,
                         json::array({"a"}), json::array({"a", "b", "c"}),
                         json::array({"", "ab"}), json::object()}) {
    std::string message = withMerges(json::array({merge}));
    EXPECT_EQ(message.rfind("t.json: 'model.merges[0]' is ", 0), 0u) << message;
  }
  EXPECT_EQ(withMerges("a b"),
            "t.json: 'model.merges' is \"a b\"; expected a list");
}

TEST(TokenizerFiles, badAddedTokens) {
  auto withToken = [](const json &token) {
    return withChange([&](json &f) { f["added_tokens"].push_back(token); });
  };
  EXPECT_EQ(withToken({{"id", 300}, {"content", "<t>"}}),
            "t.json: id 300 belongs to two tokens, '<s>' and '<t>'");
  EXPECT_EQ(withToken({{"id", 301}, {"content", "<s>"}}),
            "t.json: token '<s>' has two ids, 300 and 301");
  EXPECT_EQ(withToken({{"id", 97}, {"content", "<t>"}}),
            "t.json: id 97 belongs to two tokens, '<t>' and 'a'");
  EXPECT_EQ(withToken({{"id", -4}, {"content", "<t>"}}),
            "t.json: added_tokens[1]: 'id' is -4; expected an integer from 0 "
            "to 16777215");
  EXPECT_EQ(withToken({{"id", 301}, {"content", ""}}),
            "t.json: added_tokens[1]: 'content' is \"\"; expected at least one "
            "character");
  EXPECT_EQ(withToken({{"id", 301}}),
            "t.json: added_tokens[1]: 'content' is missing; expected a string");
  EXPECT_EQ(withToken({{"id", 301}, {"content", "<t>"}, {"lstrip", true}}),
            "t.json: added_tokens[1]: 'lstrip' is true; expected false: added "
            "tokens are matched exactly as written");
  EXPECT_EQ(withToken(7), "t.json: added_tokens[1]: is 7; expected an object");
  EXPECT_EQ(withChange([](json &f) { f["added_tokens"] = "x"; }),
            "t.json: 'added_tokens' is \"x\"; expected a list");
}

TEST(TokenizerFiles, otherTokenizersAreRefusedByName) {
  EXPECT_EQ(withChange([](json &f) { f["model"]["type"] = "WordPiece"; }),
            "t.json: 'model.type' is \"WordPiece\"; expected \"BPE\": only "
            "byte-level BPE is supported");
  EXPECT_EQ(withChange([](json &f) { f["model"]["byte_fallback"] = true; }),
            "t.json: 'model.byte_fallback' is true; expected false: only "
            "byte-level BPE is supported");
  EXPECT_EQ(withChange([](json &f) { f["model"]["dropout"] = 0.1; }),
            "t.json: 'model.dropout' is 0.1; expected null or 0: encoding must "
            "not depend on chance");
  EXPECT_EQ(
      withChange([](json &f) { f["model"]["end_of_word_suffix"] = "</w>"; }),
      "t.json: 'model.end_of_word_suffix' is \"</w>\"; expected null or \"\": "
      "only byte-level BPE is supported");
  EXPECT_EQ(withChange([](json &f) { f["normalizer"] = {{"type", "NFC"}}; }),
            "t.json: 'normalizer' is {\"type\":\"NFC\"}; expected null: text "
            "is encoded as it is, no normalizer is "
            "supported");
  EXPECT_EQ(withChange([](json &f) { f["decoder"] = {{"type", "WordPiece"}}; }),
            "t.json: 'decoder.type' is \"WordPiece\"; expected \"ByteLevel\"");
  EXPECT_EQ(
      withChange([](json &f) { f["pre_tokenizer"] = {{"type", "Metaspace"}}; }),
      "t.json: 'pre_tokenizer.type' is \"Metaspace\"; expected \"ByteLevel\" "
      "or \"Sequence\"");
  EXPECT_EQ(withChange([](json &f) { f["pre_tokenizer"] = nullptr; }),
            "t.json: 'pre_tokenizer' is null; expected ByteLevel, or a "
            "Sequence of Splits that ends in ByteLevel");
  EXPECT_EQ(withChange(
                [](json &f) { f["pre_tokenizer"]["add_prefix_space"] = true; }),
            "t.json: 'pre_tokenizer.add_prefix_space' is true; expected false: "
            "text must come back as it went in");
  EXPECT_EQ(withChange([](json &f) { f.erase("model"); }),
            "t.json: 'model' is missing; expected an object");
}

TEST(TokenizerFiles, badSequences) {
  json byteLevel = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  auto withSteps = [](const json &steps) {
    return withChange([&](json &f) {
      f["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", steps}};
    });
  };
  json split = {{"type", "Split"},
                {"pattern", {{"Regex", "a+"}}},
                {"behavior", "Isolated"}};
  EXPECT_EQ(withSteps({split, byteLevel}), "no error");
  EXPECT_EQ(withSteps(json::array({split})),
            "t.json: pre_tokenizer.pretokenizers[0]: 'type' is \"Split\"; "
            "expected \"ByteLevel\" at the end");
  EXPECT_EQ(withSteps(json::array()),
            "t.json: 'pre_tokenizer.pretokenizers' is []; expected a list that "
            "ends in ByteLevel");
  json broken = split;
  broken["pattern"]["Regex"] = "(";
  EXPECT_EQ(withSteps({broken, byteLevel}),
            "t.json: split pattern '(' is not a regular expression we can use: "
            "missing closing parenthesis (at offset 1)");
  json removed = split;
  removed["behavior"] = "Removed";
  EXPECT_EQ(withSteps({removed, byteLevel}),
            "t.json: pre_tokenizer.pretokenizers[0]: 'behavior' is "
            "\"Removed\"; expected \"Isolated\"");
  json noPattern = split;
  noPattern["pattern"] = json::object();
  EXPECT_EQ(withSteps({noPattern, byteLevel}),
            "t.json: pre_tokenizer.pretokenizers[0]: 'pattern.Regex' is "
            "missing; expected a string");
}

TEST(TokenizerFiles, badJson) {
  EXPECT_NE(messageOf(fromText("")).find("t.json: "), std::string::npos);
  EXPECT_EQ(messageOf(fromText("[]")), "t.json: is []; expected an object");
  EXPECT_NE(messageOf(fromText(std::string(100000, '['))).find("nested deeper"),
            std::string::npos);
  EXPECT_NE(messageOf(fromText("{\"model\": \"\xff\"}")).find("t.json: line 1"),
            std::string::npos);
  EXPECT_NE(
      messageOf(fromText("{\"model\": {\"vocab\": {\"a\": 1, \"a\": 2}}}"))
          .find("twice"),
      std::string::npos);
}

TEST(TokenizerFiles, mergesAlone) {
  auto tokenizer = fromMergesText("#version: 0.2\r\na b\r\nab c\r\n");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->vocabSize(), 258);
  EXPECT_EQ(*tokenizer->encode("ab abc"),
            (std::vector<int32_t>{256, ' ', 257}));
  EXPECT_EQ(fromMergesText("")->vocabSize(), 256);
  EXPECT_EQ(messageOf(fromMergesText("a b\nabc\n")),
            "m.txt: line 2 is 'abc'; expected two tokens with one blank "
            "between them");
  EXPECT_EQ(
      messageOf(fromMergesText("a b\n\na c")),
      "m.txt: line 2 is ''; expected two tokens with one blank between them");
  EXPECT_EQ(
      messageOf(fromMergesText("a b\nxy c\n")),
      "m.txt: line 2 merges 'xy' and 'c', but 'xy' is not in the vocabulary");
  EXPECT_EQ(messageOf(fromMergesText("a b\nb c\na bc\nab c\n")),
            "m.txt: token 'abc' has two ids, 258 and 259");
  EXPECT_EQ(messageOf(fromMergesText("\xff b\n")),
            "m.txt: line 1 merges '\\xff' and 'b', but '\\xff' is not in the "
            "vocabulary");
}

TEST(TokenizerFiles, loadPrefersTokenizerJson) {
  Folder folder;
  auto message = messageOf(Tokenizer::load(folder.path));
  EXPECT_EQ(message, folder.path +
                         ": has no tokenizer; expected tokenizer.json, "
                         "vocab.json and merges.txt, or merges.txt");

  folder.write("merges.txt", "#version: 0.2\na b\n");
  EXPECT_EQ(Tokenizer::load(folder.path)->vocabSize(), 257);

  folder.write("tokenizer_config.json",
               R"({"bos_token": "<b>", "eos_token": {"content": "<e>"},
      "added_tokens_decoder": {"400": {"content": "<e>", "special": true}}})");
  auto withConfig = Tokenizer::load(folder.path);
  ASSERT_TRUE(withConfig) << withConfig.error().message;
  EXPECT_EQ(withConfig->eosId(), 400);
  EXPECT_EQ(withConfig->bosId(), std::nullopt);
  EXPECT_EQ(*withConfig->encode("<e>", {.parseSpecial = true}),
            std::vector<int32_t>{400});

  json vocab = goodTokenizer()["model"]["vocab"];
  vocab["ab"] = 333;
  folder.write("vocab.json", vocab.dump());
  EXPECT_EQ(*Tokenizer::load(folder.path)->encode("ab"),
            std::vector<int32_t>{333});

  folder.write("tokenizer.json", goodTokenizer().dump());
  auto whole = Tokenizer::load(folder.path);
  ASSERT_TRUE(whole);
  EXPECT_EQ(*whole->encode("ab"), std::vector<int32_t>{256});
  EXPECT_EQ(whole->eosId(), std::nullopt); // tokenizer.json has no <e>

  folder.write("tokenizer_config.json",
               R"({"added_tokens_decoder": {"4x": {"content": "<e>"}}})");
  EXPECT_EQ(messageOf(Tokenizer::load(folder.path)),
            folder.path + "/tokenizer_config.json: 'added_tokens_decoder' has "
                          "the key '4x'; expected a token id from 0 "
                          "to 16777215");
}

TEST(TokenizerFiles, absentFiles) {
  EXPECT_FALSE(Tokenizer::fromTokenizerJson("/nonexistent/tokenizer.json"));
  EXPECT_FALSE(Tokenizer::fromMerges("/nonexistent/merges.txt"));
  EXPECT_FALSE(Tokenizer::fromTokenizerJson("/"));
}
