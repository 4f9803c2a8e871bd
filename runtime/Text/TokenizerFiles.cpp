//===- TokenizerFiles.cpp - What the files of a tokenizer say ------------===//
#include "runtime/Text/TokenizerFiles.h"
#include "runtime/Support/Json.h"
#include "runtime/Text/ByteAlphabet.h"
#include "runtime/Text/Utf8.h"

#include <charconv>

namespace mm1 {

using nlohmann::json;

static std::string indexed(std::string_view field, size_t index) {
  return std::string(field) + "[" + std::to_string(index) + "]";
}

//===----------------------------------------------------------------------===//
// Vocabulary, merges, added tokens
//===----------------------------------------------------------------------===//

static Status readVocab(const JsonObject &vocab,
                        std::vector<TokenizerSource::Token> &tokens) {
  tokens.reserve(vocab.raw().size());
  for (const auto &[spelling, value] : vocab.raw().items()) {
    auto id = vocab.integer(spelling, 0, kMaxTokenId);
    if (!id)
      return id.takeError();
    tokens.push_back({spelling, static_cast<int32_t>(*id)});
  }
  return Status::ok();
}

/// Splits "left right"; false unless there are two parts with one blank between
/// them.
static bool splitMerge(std::string_view text, std::string &left,
                       std::string &right) {
  size_t blank = text.find(' ');
  if (blank == 0 || blank == text.npos || blank + 1 == text.size() ||
      text.find(' ', blank + 1) != text.npos)
    return false;
  left = text.substr(0, blank);
  right = text.substr(blank + 1);
  return true;
}

static Status readJsonMerges(const JsonObject &model,
                             std::vector<TokenizerSource::Merge> &merges) {
  const json *list = model.find("merges");
  if (!list || !list->is_array())
    return model.mismatch("merges", "a list");
  merges.reserve(list->size());
  for (const json &element : *list) {
    TokenizerSource::Merge merge;
    bool good = false;
    if (element.is_string()) {
      good = splitMerge(element.get_ref<const std::string &>(), merge.left,
                        merge.right);
    } else if (element.is_array() && element.size() == 2 &&
               element[0].is_string() && element[1].is_string()) {
      merge.left = element[0].get_ref<const std::string &>();
      merge.right = element[1].get_ref<const std::string &>();
      good = !merge.left.empty() && !merge.right.empty();
    }
    if (!good)
      return model.error(
          indexed("merges", merges.size()),
          "is " + describeJson(element) +
              "; expected \"left right\" or [\"left\", \"right\"]");
    merges.push_back(std::move(merge));
  }
  return Status::ok();
}

static Status readMergesText(std::string_view text, const std::string &origin,
                             std::vector<TokenizerSource::Merge> &merges) {
  size_t number = 0;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if ((number == 1 && line.starts_with("#version")) ||
        (line.empty() && text.empty()))
      continue;
    TokenizerSource::Merge merge;
    if (!splitMerge(line, merge.left, merge.right))
      return inputError(origin + ": line " + std::to_string(number) + " is " +
                        quoteForMessage(line) +
                        "; expected two tokens with one blank between them");
    if (merges.size() >= static_cast<size_t>(kMaxTokenId))
      return inputError(origin + ": has more than " +
                        std::to_string(kMaxTokenId) + " merges");
    merge.line = number;
    merges.push_back(std::move(merge));
  }
  return Status::ok();
}

static Expected<AddedToken> readAddedToken(const JsonObject &node, int64_t id) {
  auto content = node.string("content");
  if (!content)
    return content.takeError();
  if (content->empty())
    return node.mismatch("content", "at least one character");
  auto special = node.booleanOr("special", false);
  if (!special)
    return special.takeError();
  for (const char *flag : {"single_word", "lstrip", "rstrip"}) {
    auto value = node.booleanOr(flag, false);
    if (!value)
      return value.takeError();
    if (*value)
      return node.mismatch(
          flag, "false: added tokens are matched exactly as written");
  }
  return AddedToken{static_cast<int32_t>(id), std::move(*content), *special};
}

//===----------------------------------------------------------------------===//
// The other nodes of tokenizer.json
//===----------------------------------------------------------------------===//

static bool isEmptySequence(const json &node, std::string_view listKey) {
  auto type = node.find("type"), list = node.find(listKey);
  return type != node.end() && *type == "Sequence" && list != node.end() &&
         list->is_array() && list->empty();
}

static Status checkModel(const JsonObject &model) {
  auto type = model.stringOr("type", "BPE");
  if (!type)
    return type.takeError();
  if (*type != "BPE")
    return model.mismatch("type", "\"BPE\": only byte-level BPE is supported");
  auto byteFallback = model.booleanOr("byte_fallback", false);
  if (!byteFallback)
    return byteFallback.takeError();
  if (*byteFallback)
    return model.mismatch("byte_fallback",
                          "false: only byte-level BPE is supported");
  auto dropout = model.numberOr("dropout", 0, 0, 1);
  if (!dropout)
    return dropout.takeError();
  if (*dropout != 0)
    return model.mismatch("dropout",
                          "null or 0: encoding must not depend on chance");
  for (const char *affix :
       {"continuing_subword_prefix", "end_of_word_suffix"}) {
    auto value = model.stringOr(affix, "");
    if (!value)
      return value.takeError();
    if (!value->empty())
      return model.mismatch(affix,
                            "null or \"\": only byte-level BPE is supported");
  }
  return Status::ok();
}

static Status readSplit(const JsonObject &node, std::vector<SplitRule> &rules) {
  auto behavior = node.stringOr("behavior", "Isolated");
  if (!behavior)
    return behavior.takeError();
  if (*behavior != "Isolated")
    return node.mismatch("behavior", "\"Isolated\"");
  auto pattern = node.object("pattern");
  if (!pattern)
    return pattern.takeError();
  bool literal = !pattern->has("Regex") && pattern->has("String");
  auto text = pattern->string(literal ? "String" : "Regex");
  if (!text)
    return text.takeError();
  rules.push_back({std::move(*text), literal});
  return Status::ok();
}

static Status readByteLevel(const JsonObject &node,
                            std::vector<SplitRule> &rules) {
  auto prefixSpace =
      node.booleanOr("add_prefix_space", true); // the default of the format
  if (!prefixSpace)
    return prefixSpace.takeError();
  if (*prefixSpace)
    return node.mismatch("add_prefix_space",
                         "false: text must come back as it went in");
  auto useRegex = node.booleanOr("use_regex", true);
  if (!useRegex)
    return useRegex.takeError();
  if (*useRegex)
    rules.push_back({std::string(kGpt2Pattern), false});
  return Status::ok();
}

/// ByteLevel, or a Sequence of Splits that ends in ByteLevel.
static Status readPreTokenizer(const JsonObject &root,
                               std::vector<SplitRule> &rules) {
  auto node = root.object("pre_tokenizer");
  if (!node)
    return root.mismatch(
        "pre_tokenizer",
        "ByteLevel, or a Sequence of Splits that ends in ByteLevel");
  auto type = node->string("type");
  if (!type)
    return type.takeError();
  if (*type == "ByteLevel")
    return readByteLevel(*node, rules);
  if (*type != "Sequence")
    return node->mismatch("type", "\"ByteLevel\" or \"Sequence\"");
  const json *list = node->find("pretokenizers");
  if (!list || !list->is_array() || list->empty())
    return node->mismatch("pretokenizers", "a list that ends in ByteLevel");
  for (size_t index = 0; index < list->size(); ++index) {
    auto step =
        JsonObject::root((*list)[index], root.origin() + ": pre_tokenizer." +
                                             indexed("pretokenizers", index));
    if (!step)
      return step.takeError();
    auto stepType = step->string("type");
    if (!stepType)
      return stepType.takeError();
    bool last = index + 1 == list->size();
    if (*stepType != (last ? "ByteLevel" : "Split"))
      return step->mismatch("type", last ? "\"ByteLevel\" at the end"
                                         : "\"Split\" before the end");
    if (Status status =
            last ? readByteLevel(*step, rules) : readSplit(*step, rules);
        !status)
      return status;
  }
  return Status::ok();
}

static Status checkNormalizerAndDecoder(const JsonObject &root) {
  const json *normalizer = root.find("normalizer");
  if (normalizer &&
      !(normalizer->is_object() && isEmptySequence(*normalizer, "normalizers")))
    return root.mismatch(
        "normalizer",
        "null: text is encoded as it is, no normalizer is supported");
  if (!root.has("decoder"))
    return Status::ok();
  auto decoder = root.object("decoder");
  if (!decoder)
    return decoder.takeError();
  auto type = decoder->string("type");
  if (!type)
    return type.takeError();
  return *type == "ByteLevel"
             ? Status::ok()
             : Status(decoder->mismatch("type", "\"ByteLevel\""));
}

static Status readAddedTokenList(const JsonObject &root,
                                 std::vector<AddedToken> &added) {
  const json *list = root.find("added_tokens");
  if (!list)
    return Status::ok();
  if (!list->is_array())
    return root.mismatch("added_tokens", "a list");
  for (size_t index = 0; index < list->size(); ++index) {
    auto node = JsonObject::root(
        (*list)[index], root.origin() + ": " + indexed("added_tokens", index));
    if (!node)
      return node.takeError();
    auto id = node->integer("id", 0, kMaxTokenId);
    if (!id)
      return id.takeError();
    auto token = readAddedToken(*node, *id);
    if (!token)
      return token.takeError();
    added.push_back(std::move(*token));
  }
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Whole files
//===----------------------------------------------------------------------===//

Expected<TokenizerSource> parseTokenizerJson(std::string_view text,
                                             const std::string &origin) {
  auto parsed = parseJson(text, origin);
  if (!parsed)
    return parsed.takeError();
  auto root = JsonObject::root(*parsed, origin);
  if (!root)
    return root.takeError();
  auto model = root->object("model");
  if (!model)
    return model.takeError();
  if (Status status = checkModel(*model); !status)
    return status.takeError();
  if (Status status = checkNormalizerAndDecoder(*root); !status)
    return status.takeError();

  TokenizerSource source;
  source.origin = origin;
  auto ignoreMerges = model->booleanOr("ignore_merges", false);
  if (!ignoreMerges)
    return ignoreMerges.takeError();
  source.ignoreMerges = *ignoreMerges;
  auto vocab = model->object("vocab");
  if (!vocab)
    return vocab.takeError();
  if (Status status = readVocab(*vocab, source.vocab); !status)
    return status.takeError();
  if (Status status = readJsonMerges(*model, source.merges); !status)
    return status.takeError();
  if (Status status = readAddedTokenList(*root, source.added); !status)
    return status.takeError();
  if (Status status = readPreTokenizer(*root, source.rules); !status)
    return status.takeError();
  return source;
}

Expected<TokenizerSource> parseMergesOnly(std::string_view text,
                                          const std::string &origin) {
  TokenizerSource source;
  source.origin = source.mergesOrigin = origin;
  if (Status status = readMergesText(text, origin, source.merges); !status)
    return status.takeError();
  for (int byte = 0; byte < 256; ++byte)
    source.vocab.push_back(
        {spellBytes(std::string(1, static_cast<char>(byte))), byte});
  for (const auto &merge : source.merges)
    source.vocab.push_back(
        {merge.left + merge.right, static_cast<int32_t>(source.vocab.size())});
  source.rules.push_back({std::string(kO200kPattern), false});
  return source;
}

Expected<TokenizerSource> parseVocabAndMerges(std::string_view vocabText,
                                              const std::string &vocabOrigin,
                                              std::string_view mergesText,
                                              const std::string &mergesOrigin) {
  TokenizerSource source;
  source.origin = vocabOrigin;
  source.mergesOrigin = mergesOrigin;
  auto parsed = parseJson(vocabText, vocabOrigin);
  if (!parsed)
    return parsed.takeError();
  auto root = JsonObject::root(*parsed, vocabOrigin);
  if (!root)
    return root.takeError();
  if (Status status = readVocab(*root, source.vocab); !status)
    return status.takeError();
  if (Status status = readMergesText(mergesText, mergesOrigin, source.merges);
      !status)
    return status.takeError();
  source.rules.push_back({std::string(kO200kPattern), false});
  return source;
}

/// bos_token and the like: a string, or an added token written out.
static Expected<std::optional<std::string>>
readTokenName(const JsonObject &root, const char *key) {
  const json *field = root.find(key);
  if (!field)
    return std::optional<std::string>();
  if (field->is_object()) {
    auto content = root.object(key)->string("content");
    if (!content)
      return content.takeError();
    return std::optional(std::move(*content));
  }
  auto name = root.string(key);
  if (!name)
    return name.takeError();
  return std::optional(std::move(*name));
}

Expected<TokenizerConfig> parseTokenizerConfig(std::string_view text,
                                               const std::string &origin) {
  auto parsed = parseJson(text, origin);
  if (!parsed)
    return parsed.takeError();
  auto root = JsonObject::root(*parsed, origin);
  if (!root)
    return root.takeError();
  TokenizerConfig config;
  auto bos = readTokenName(*root, "bos_token");
  if (!bos)
    return bos.takeError();
  auto eos = readTokenName(*root, "eos_token");
  if (!eos)
    return eos.takeError();
  config.bosToken = std::move(*bos);
  config.eosToken = std::move(*eos);
  if (!root->has("added_tokens_decoder"))
    return config;
  auto decoder = root->object("added_tokens_decoder");
  if (!decoder)
    return decoder.takeError();
  for (const auto &[key, value] : decoder->raw().items()) {
    int64_t id = -1;
    auto [end, problem] =
        std::from_chars(key.data(), key.data() + key.size(), id);
    if (problem != std::errc() || end != key.data() + key.size() || id < 0 ||
        id > kMaxTokenId)
      return root->error("added_tokens_decoder",
                         "has the key " + quoteForMessage(key) +
                             "; expected a token id from 0 to " +
                             std::to_string(kMaxTokenId));
    auto node =
        JsonObject::root(value, origin + ": added_tokens_decoder." + key);
    if (!node)
      return node.takeError();
    auto token = readAddedToken(*node, id);
    if (!token)
      return token.takeError();
    config.added.push_back(std::move(*token));
  }
  return config;
}

std::vector<AddedToken> minimaxAddedTokens() {
  std::vector<AddedToken> tokens;
  for (const char *content : {"<pad>",
                              "<fim_prefix>",
                              "<fim_middle>",
                              "<fim_suffix>",
                              "<fim_pad>",
                              "<reponame>",
                              "<filename>",
                              "<gh_stars>",
                              "<issue_start>",
                              "<issue_comment>",
                              "<issue_closed>",
                              "<jupyter_start>",
                              "<jupyter_text>",
                              "<jupyter_code>",
                              "<jupyter_output>",
                              "<empty_output>",
                              "<commit_before>",
                              "<commit_msg>",
                              "<commit_after>",
                              "<beginning_of_sentence>",
                              "<end_of_sentence>",
                              "<end_of_document>",
                              "<function_call>",
                              "<code_interpreter>",
                              "<speech>",
                              "<image>"})
    tokens.push_back({static_cast<int32_t>(kMinimaxBaseTokens + tokens.size()),
                      content, true});
  return tokens;
}

} // namespace mm1
