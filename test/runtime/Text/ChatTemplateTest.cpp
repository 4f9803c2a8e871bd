//===- ChatTemplateTest.cpp - Our rendering against the published template ===//
// Runs the template of the published tokenizer_config.json, which is not in this
// tree, through Python's jinja2 ($MM1_PYTHON, else python3) on random
// conversations. Skips where one of these is absent.
//===----------------------------------------------------------------------===//
#include "runtime/Support/Json.h"
#include "runtime/Text/ChatFile.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sys/wait.h>

using namespace mm1;
using nlohmann::ordered_json;

namespace {

class Random {
public:
  size_t below(size_t limit) { return engine() % limit; }
  std::string text() {
    static const std::string kBits[] = {
        "Oslo", " ", "\n", "é", "中", "😀", "\"", "\\", "<b>&'", "{{x}}", "\t"};
    std::string text = "x";
    for (size_t count = below(6); count > 0; --count)
      text += kBits[below(std::size(kBits))];
    return text;
  }
  ordered_json tool() {
    return {{"name", text()},
            {"description", text()},
            {"parameters",
             {{"zeta", text()},
              {"alpha",
               {1, -2, 0.5, 1e16, 1e-5, 100.0, true, nullptr,
                ordered_json::object()}}}}};
  }
  std::mt19937 engine{11};
};

/// A random conversation as the template wants it: content as lists of parts.
ordered_json randomConversation(Random &random) {
  ordered_json messages = ordered_json::array();
  auto part = [&] {
    return ordered_json{{"type", "text"}, {"text", random.text()}};
  };
  static const char *const kRoles[] = {"system", "user", "assistant", "tool"};
  for (size_t count = 1 + random.below(6); count > 0; --count) {
    std::string role = kRoles[random.below(4)];
    ordered_json content = ordered_json::array();
    // Of a system or user message, the template reads the first part only.
    size_t parts =
        role == "assistant" || role == "tool" ? 1 + random.below(3) : 1;
    for (; parts > 0; --parts) {
      content.push_back(part());
      if (role == "tool")
        content.back()["name"] = random.text();
    }
    messages.push_back({{"role", role}, {"content", content}});
  }
  ordered_json tools = ordered_json::array();
  for (size_t count = random.below(3); count > 0; --count)
    tools.push_back(random.tool());
  return {{"messages", messages}, {"tools", tools}};
}

/// The one difference that is meant. The template writes its example line with
/// doubled quotes inside of a quoted string, which to Jinja are two strings side
/// by side; we print what its author meant, in the words that vLLM prints.
std::string withQuotedExample(std::string text) {
  const std::string published =
      "\n{name: <tool-name-1>, arguments: <args-json-object-1>}\n";
  size_t at = text.find(published);
  if (at != text.npos)
    text.replace(
        at, published.size(),
        "\n{\"name\": <tool-name>, \"arguments\": <args-json-object>}\n");
  return text;
}

} // namespace

TEST(ChatTemplate, sameTextAsThePublishedTemplate) {
  std::string config =
      MM1_SOURCE_DIR "/../shared/data/minimax-m1/tokenizer_config.json";
  if (!std::filesystem::exists(config))
    GTEST_SKIP() << "needs the published tokenizer_config.json";
  auto published = readJson(config);
  ASSERT_TRUE(published) << published.error().message;

  Random random;
  ordered_json cases = ordered_json::array();
  for (int i = 0; i < 300; ++i) {
    cases.push_back(randomConversation(random));
    cases.back()["template"] = (*published)["chat_template"];
  }
  std::string folder =
      std::filesystem::temp_directory_path() / "mm1-template-XXXXXX";
  ASSERT_TRUE(mkdtemp(folder.data()));
  std::ofstream(folder + "/cases.json") << cases.dump();
  const char *python = std::getenv("MM1_PYTHON");
  std::string command =
      std::string(python ? python : "python3") +
      " " MM1_SOURCE_DIR "/test/runtime/Text/render-template.py " + folder +
      "/cases.json > " + folder + "/texts.json 2> " + folder + "/errors";
  int status = std::system(command.c_str());
  auto texts = readJson(folder + "/texts.json");
  std::filesystem::remove_all(folder);
  int exitCode = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  if (exitCode == 77 || exitCode == 127)
    GTEST_SKIP() << "needs python3 with jinja2; set MM1_PYTHON";
  ASSERT_EQ(exitCode, 0);
  ASSERT_TRUE(texts) << texts.error().message;

  ASSERT_EQ(texts->size(), cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    auto conversation = parseConversation(cases[i].dump(), "case");
    ASSERT_TRUE(conversation) << conversation.error().message;
    std::string text;
    for (const TextPiece &piece :
         renderConversation(*conversation, ChatWording::Repository))
      text += piece.text;
    ASSERT_EQ(text, withQuotedExample((*texts)[i].get<std::string>()))
        << cases[i];
  }
}
