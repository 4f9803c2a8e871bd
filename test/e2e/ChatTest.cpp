//===- ChatTest.cpp - mm1-run chat as a user meets it -------------------------===//
// The tiny example model answers nonsense, but always the same: so a conversation kept in the session's state can be
// held against one that is read anew.
//===--------------------------------------------------------------------------===//
#include "runtime/Text/Chat.h"
#include "runtime/Device/CreateDevice.h"
#include "runtime/Session/Session.h"
#include "test/e2e/Programs.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace mm1;
using namespace mm1::test;
using nlohmann::json;
using Ids = std::vector<int32_t>;
namespace fs = std::filesystem;

#define EXPECT_SAYS(TEXT, PART)                                                \
  EXPECT_NE((TEXT).find(PART), std::string::npos) << (TEXT)

namespace {

const std::string kTiny = MM1_SOURCE_DIR "/examples/01-tiny";

class ChatTest : public testing::Test {
protected:
  /// Compiles `checkpoint`: in f32, where rounding that differs with the pieces of a prompt is too small to change a token
  /// here.
  std::string compile(std::vector<std::string> options = {},
                      const std::string &checkpoint = kTiny) {
    std::string artifact = folder.path("a.mm1");
    options.insert(options.begin(),
                   {"compile", checkpoint, "--quiet", "--force", "--compute",
                    "f32", "-o", artifact});
    Outcome outcome = run("mm1c", options);
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    return artifact;
  }

  /// The replies of `mm1-run chat --json`, which must end well.
  std::vector<json> chat(std::vector<std::string> options,
                         const std::string &input = "") {
    options.insert(options.begin(), {"chat", folder.path("a.mm1"), "--json"});
    Outcome outcome = run("mm1-run", options, input);
    EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
    return repliesOf(outcome);
  }

  static std::vector<json> repliesOf(const Outcome &outcome) {
    std::vector<json> replies;
    std::istringstream lines(outcome.out);
    for (std::string line; std::getline(lines, line);)
      replies.push_back(json::parse(line, nullptr, false));
    return replies;
  }

  Tokenizer tokenizer() {
    auto loaded = Tokenizer::load(folder.path("a.mm1") + "/tokenizer");
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
    return *loaded;
  }

  /// The tiny checkpoint with another tokenizer.json.
  std::string withTokenizer(const json &file) {
    std::string model = folder.path("model");
    fs::copy(kTiny, model, fs::copy_options::recursive);
    if (file.is_null())
      fs::remove(model + "/tokenizer.json");
    else
      writeText(model + "/tokenizer.json", file.dump());
    return model;
  }

  TemporaryFolder folder;
};

Message user(std::string text) {
  return {.role = Role::User, .text = std::move(text)};
}

std::unique_ptr<Session> openSession(const std::string &path) {
  auto artifact = Artifact::open(path);
  EXPECT_TRUE(artifact) << (artifact ? "" : artifact.error().message);
  DeviceOptions options;
  options.cpu.threads = 2;
  auto device = createDevice(options, artifact->plan());
  EXPECT_TRUE(device);
  auto session = Session::create(std::move(*artifact), std::move(*device));
  EXPECT_TRUE(session) << (session ? "" : session.error().message);
  return std::move(*session);
}

Ids greedy(Session &session, uint32_t slot, size_t count) {
  Ids ids;
  auto choices = session.lastChoices();
  while (ids.size() < count) {
    EXPECT_TRUE(choices) << choices.error().message;
    ids.push_back(choices->token(0));
    choices = session.decode({{slot, ids.back()}});
  }
  return ids;
}

Status readAll(Session &session, uint32_t slot, const Ids &ids) {
  return prefillInChunks(session, slot, ids, 7,
                         [](size_t, uint32_t) { return Status::ok(); });
}

} // namespace

TEST_F(ChatTest, TurnsReadOnlyWhatIsNew) {
  std::string artifact = compile();
  const std::vector<std::string> options = {
      "--system",     "Be brief.", "--message", "The river",    "--message",
      "And the sea?", "--message", "Well?",     "--max-tokens", "9"};
  std::vector<json> replies = chat(options);
  ASSERT_EQ(replies.size(), 3u);

  // The same conversation, read anew for each reply by another command.
  Tokenizer tokens = tokenizer();
  Conversation start = {
      {}, {{.role = Role::System, .text = "Be brief."}, user("The river")}};
  Ids whole =
      *tokens.encode(renderConversation(start, ChatWording::Repository));
  EXPECT_EQ(replies[0]["prefilled"], whole.size());
  const char *questions[] = {"And the sea?", "Well?"};
  for (size_t i = 0; i < 3; ++i) {
    writeText(folder.path("ids.json"), jsonList(whole));
    Outcome anew =
        run("mm1-run", {"generate", artifact, "--ids", folder.path("ids.json"),
                        "--max-tokens", "9", "--json"});
    ASSERT_EQ(anew.exitCode, 0) << anew.err;
    EXPECT_EQ(json::parse(anew.out, nullptr, false)["ids"], replies[i]["ids"])
        << i;
    EXPECT_EQ(replies[i]["stop"], "length");
    if (i == 2)
      break;
    Ids reply = replies[i]["ids"].get<Ids>();
    const Message next[] = {user(questions[i])};
    Ids more =
        *tokens.encode(renderContinuation(next, ChatWording::Repository));
    whole.insert(whole.end(), reply.begin(), reply.end());
    whole.insert(whole.end(), more.begin(), more.end());
    // And the reply's last token, which was not read yet.
    EXPECT_EQ(replies[i + 1]["prefilled"], more.size() + 1);
  }

  for (std::vector<std::string> more :
       {std::vector<std::string>{"--threads", "1"}, {"--prefill-chunk", "3"}}) {
    more.insert(more.begin(), options.begin(), options.end());
    std::vector<json> again = chat(more);
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(again[i], replies[i]);
  }
  // Lines are the same as --message, and /reset begins anew.
  std::vector<json> lines =
      chat({"--system", "Be brief.", "--max-tokens", "9"},
           "The river\r\n\nAnd the sea?\n/reset\nThe river\n/exit\nnever\n");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], replies[0]);
  EXPECT_EQ(lines[1], replies[1]);
  EXPECT_EQ(lines[2], replies[0]);
}

TEST_F(ChatTest, SnapshotContinuesAConversation) {
  auto session = openSession(compile());
  Tokenizer tokens = tokenizer();
  Ids first = *tokens.encode(
      renderConversation({{}, {user("The river")}}, ChatWording::Repository));
  const Message question[] = {user("And the sea?")};
  Ids second =
      *tokens.encode(renderContinuation(question, ChatWording::Repository));

  uint32_t slot = *session->open();
  ASSERT_TRUE(readAll(*session, slot, first));
  Ids reply = greedy(*session, slot, 12);
  auto snapshot = session->snapshot(slot);
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  session->close(slot);

  uint32_t restored = *session->open();
  ASSERT_TRUE(session->restore(restored, *snapshot));
  ASSERT_TRUE(readAll(*session, restored, second));
  Ids continued = greedy(*session, restored, 12);

  Ids whole = first;
  whole.insert(whole.end(), reply.begin(), reply.end());
  whole.insert(whole.end(), second.begin(), second.end());
  uint32_t anew = *session->open();
  ASSERT_TRUE(readAll(*session, anew, whole));
  EXPECT_EQ(greedy(*session, anew, 12), continued);
}

TEST_F(ChatTest, MessageLongerThanTheContextIsRefused) {
  std::string artifact = compile({"--context", "192"});
  std::string line(400, 'x');
  Outcome outcome =
      run("mm1-run", {"chat", artifact, "--json", "--max-tokens", "5"},
          "Hi\n" + line + "\nHo\n");
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err, " of the planned context of 192 are left");
  EXPECT_SAYS(outcome.err, "1 line was refused");
  // The conversation is as if the line had not been.
  std::vector<json> replies = repliesOf(outcome);
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies, chat({"--max-tokens", "5"}, "Hi\nHo\n"));
  // Alone, it is an error.
  outcome = run("mm1-run", {"chat", artifact, "--message", line});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err, "of the planned context of 192 are left");
}

TEST_F(ChatTest, ReplyThatFillsTheContext) {
  std::string artifact = compile({"--context", "128"});
  Outcome outcome =
      run("mm1-run", {"chat", artifact, "--verbose"}, "Hi\nHo\n/reset\nHi\n");
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err, "the planned context of 128 tokens is full");
  EXPECT_SAYS(outcome.err, "and 0 of the planned context of 128 are left");
  size_t half = outcome.out.size() / 2;
  EXPECT_EQ(outcome.out.substr(0, half), outcome.out.substr(half));
  EXPECT_EQ(chat({}, "Hi\n")[0]["stop"], "context");
}

TEST_F(ChatTest, FewPagesAreLikeAShortContext) {
  std::string artifact = compile({"--context", "1024", "--kv-tokens", "128"});
  Outcome outcome = run("mm1-run", {"chat", artifact}, "Hi\nHo\n/reset\nHi\n");
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err, "all 2 pages of keys and values are full");
  EXPECT_SAYS(outcome.err, "the free pages have room for 0;");
  EXPECT_SAYS(outcome.err, "1 line was refused");
  size_t half = outcome.out.size() / 2;
  EXPECT_EQ(outcome.out.substr(0, half), outcome.out.substr(half));
  json reply = chat({}, "Hi\n").at(0);
  EXPECT_EQ(reply["stop"], "pages");
  // The last token written need not be read.
  EXPECT_EQ(reply["prefilled"].get<size_t>() + reply["ids"].size(), 128u + 1);

  // A message that there are too few pages for changes nothing.
  std::string line(400, 'x');
  outcome = run("mm1-run", {"chat", artifact, "--json", "--max-tokens", "5"},
                "Hi\n" + line + "\nHo\n");
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err, "ask for more with --kv-tokens");
  EXPECT_EQ(repliesOf(outcome), chat({"--max-tokens", "5"}, "Hi\nHo\n"));
  EXPECT_EQ(run("mm1-run", {"chat", artifact, "--message", line}).exitCode, 1);
  EXPECT_EQ(run("mm1-run", {"chat", artifact, "--message", line, "--max-tokens",
                            "1", "--kv-tokens", "1024"})
                .exitCode,
            0);
}

TEST_F(ChatTest, TokensSpelledByTheUserAreText) {
  compile();
  auto prefilled = [&](const std::string &text) {
    return chat({"--message", text, "--max-tokens", "1"})[0]["prefilled"]
        .get<size_t>();
  };
  Tokenizer tokens = tokenizer();
  for (const std::string &text :
       {std::string(kEndSentence), std::string(kThinkTag)}) {
    // As many tokens as the text in which no token can be found.
    const TextPiece harmless[] = {{"\n" + text, false}},
                    frame[] = {{"\n", false}};
    EXPECT_EQ(prefilled(text) - prefilled("x") + 1,
              tokens.encode(harmless)->size() - tokens.encode(frame)->size());
    EXPECT_GT(prefilled(text), prefilled("x"));
  }
}

TEST_F(ChatTest, HistoryAndToolsComeFirst) {
  compile();
  writeText(folder.path("history.json"),
            R"([{"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Ho"}])");
  writeText(folder.path("tools.json"), R"([{"name": "clock"}])");
  Tokenizer tokens = tokenizer();
  for (ChatWording wording : {ChatWording::Repository, ChatWording::Vllm}) {
    Conversation conversation = {{{{"name", "clock"}}},
                                 {{.role = Role::System, .text = "Help."},
                                  user("Hi"),
                                  {.role = Role::Assistant, .text = "Ho"},
                                  user("When?")}};
    auto replies = chat({"--history", folder.path("history.json"), "--tools",
                         folder.path("tools.json"), "--system", "Help.",
                         "--max-tokens", "1", "--wording",
                         wording == ChatWording::Vllm ? "vllm" : "repository"},
                        "When?\n");
    EXPECT_EQ(replies.at(0)["prefilled"],
              tokens.encode(renderConversation(conversation, wording))->size());
  }
}

TEST_F(ChatTest, BadInput) {
  std::string artifact = compile();
  writeText(folder.path("broken.json"), "[{\"name\": \"clock\"");
  writeText(folder.path("nameless.json"), "[{}]");
  struct Case {
    std::vector<std::string> options;
    std::string input;
    int exitCode;
    std::string message;
  };
  const Case cases[] = {
      {{"--message", ""}, "", 1, "a message is empty"},
      {{"--message", "ab\xff"}, "", 1, "not UTF-8: byte 2 is \\xff"},
      {{"--system", "\xc3", "--message", "a"}, "", 1, "byte 0 is \\xc3"},
      {{}, "ab\xff\n", 1, "not UTF-8: byte 2 is \\xff"},
      {{}, "/fly\n", 1, "there is no command '/fly'"},
      {{}, "/tool\n", 1, "/tool needs the tool's name and its result"},
      {{}, "/tool clock noon\n", 1, "no call of 'clock' waits"},
      {{}, "", 0, ""},
      {{}, "\n \n", 0, ""},
      {{}, "/help\n", 0, "/reset"},
      {{"--tools", "/nowhere.json"}, "", 1, "/nowhere.json: cannot open"},
      {{"--tools", folder.path("broken.json")}, "", 1, "broken.json: line 1"},
      {{"--tools", folder.path("nameless.json")},
       "",
       1,
       "nameless.json: tools[0]: 'name' is missing"},
      {{"--history", folder.path("nameless.json")},
       "",
       1,
       "nameless.json: messages[0]: 'role' is missing"},
      {{"--wording", "klingon"}, "", 2, "klingon"},
      {{"--top-p", "7"}, "", 2, "top"},
  };
  for (const Case &test : cases) {
    std::vector<std::string> arguments = test.options;
    arguments.insert(arguments.begin(), {"chat", artifact});
    Outcome outcome = run("mm1-run", arguments, test.input);
    EXPECT_EQ(outcome.exitCode, test.exitCode) << outcome.err;
    EXPECT_SAYS(outcome.err, test.message);
    EXPECT_EQ(outcome.out, "");
  }
  // A message may begin with a slash.
  EXPECT_EQ(chat({"--max-tokens", "2"}, "//x\n"),
            chat({"--max-tokens", "2", "--message", "/x"}));
}

TEST_F(ChatTest, ArtifactThatCannotChat) {
  compile({}, withTokenizer(nullptr));
  Outcome outcome = run("mm1-run", {"chat", folder.path("a.mm1")});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err, "has no tokenizer");
}

TEST_F(ChatTest, TokenizerThatCannotChat) {
  json file = json::parse(readText(kTiny + "/tokenizer.json"));
  for (json &token : file["added_tokens"])
    if (token["content"] == "<end_of_sentence>")
      token["content"] = "<other>";
  compile({}, withTokenizer(file));
  Outcome outcome = run("mm1-run", {"chat", folder.path("a.mm1")});
  EXPECT_EQ(outcome.exitCode, 1);
  EXPECT_SAYS(outcome.err, "has no added token <end_of_sentence>;");
}

TEST_F(ChatTest, InterruptStopsTheReplyAndKeepsTheConversation) {
  // A context that takes many seconds to fill.
  std::string artifact = compile({"--context", "524288", "--sequences", "1"});
  int input[2], output[2];
  ASSERT_EQ(pipe2(input, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(output, O_CLOEXEC), 0);
  std::string program = MM1_BIN_DIR "/mm1-run", errPath = folder.path("err");
  pid_t child = fork();
  if (child == 0) {
    dup2(input[0], 0);
    dup2(output[1], 1);
    dup2(open(errPath.c_str(), O_WRONLY | O_CREAT, 0600), 2);
    execl(program.c_str(), "mm1-run", "chat", artifact.c_str(), "--threads",
          "1", nullptr);
    _exit(127);
  }
  close(input[0]);
  close(output[1]);
  std::string out;
  auto readSome = [&] {
    char buffer[4096];
    ssize_t got = read(output[0], buffer, sizeof(buffer));
    if (got > 0)
      out.append(buffer, size_t(got));
    return got > 0;
  };
  for (const char *line : {"Hi\n", "Ho\n"}) {
    ASSERT_EQ(write(input[1], line, 3), 3);
    ASSERT_TRUE(readSome()); // the reply has begun
    kill(child, SIGINT);
    while (out.back() != '\n' && readSome())
      ;
    // The reply may hold a newline of its own: "(interrupted)" says that it has ended.
    size_t wanted = line[1] == 'i' ? 1 : 2;
    auto ended = [&] {
      std::string err = readText(errPath);
      size_t count = 0;
      for (size_t at = 0; (at = err.find("(interrupted)", at)) != err.npos;
           ++at)
        ++count;
      return count == wanted;
    };
    fcntl(output[0], F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 3000 && !ended(); ++i) {
      while (readSome())
        ;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    fcntl(output[0], F_SETFL, 0);
    EXPECT_TRUE(ended()) << readText(errPath);
  }
  close(input[1]);
  while (readSome())
    ;
  close(output[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << status << ": " << readText(errPath);
}
