//===- Questions.cpp - Questions with known answers, and who got them right ----===//
#include "runtime/tools/Questions.h"
#include "runtime/Support/Json.h"
#include "runtime/Text/ChatFile.h"

#include <algorithm>
#include <cmath>

namespace mm1 {

using nlohmann::json;
using nlohmann::ordered_json;

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

namespace {

class QuestionReader {
public:
  QuestionReader(const std::vector<std::string> &sentences)
      : sentences(sentences) {
    // With one blank behind each.
    for (const std::string &sentence : sentences)
      bytesBefore.push_back(bytesBefore.back() + sentence.size() + 1);
  }

  Expected<Question> read(const ordered_json &source,
                          const std::string &place) const {
    json plain = source;
    auto object = JsonObject::root(plain, place);
    if (!object)
      return object.takeError();
    Question question;
    auto kind = object->string("kind");
    if (!kind)
      return kind.takeError();
    question.kind = std::move(*kind);
    auto distance = object->integer("distance", 0, int64_t(1) << 40);
    if (!distance)
      return distance.takeError();
    question.distance = uint64_t(*distance);
    auto system = object->stringOr("system", "");
    if (!system)
      return system.takeError();
    question.system = std::move(*system);
    if (object->has("tools")) {
      auto tools = readTools(source["tools"], place + ": 'tools'");
      if (!tools)
        return tools.takeError();
      question.tools = std::move(*tools);
    }
    if (Status status = readUser(*object, question); !status)
      return status.takeError();

    if (object->has("answer") == object->has("call"))
      return inputError(place +
                        (object->has("answer")
                             ? ": has both 'answer' and 'call'"
                             : ": has neither 'answer' nor 'call'") +
                        "; expected one of them");
    if (object->has("call")) {
      auto call = readToolCall(source["call"], place + ": 'call'");
      if (!call)
        return call.takeError();
      question.call = std::move(*call);
      return question;
    }
    auto answer = object->string("answer");
    if (!answer)
      return answer.takeError();
    question.answer = std::move(*answer);
    return question;
  }

private:
  Status readUser(const JsonObject &object, Question &question) const {
    const json *user = object.find("user");
    if (!user || !user->is_array() || user->empty())
      return object.mismatch("user", "a list of texts and ranges of sentences");
    size_t bytes = 0;
    for (size_t i = 0; i < user->size(); ++i) {
      const json &part = (*user)[i];
      if (part.is_string()) {
        question.user.push_back(part.get<std::string>());
        bytes += part.get_ref<const std::string &>().size() + 1;
      } else {
        auto isIndex = [&](const json &value) {
          return value.is_number_unsigned() &&
                 value.get<uint64_t>() <= sentences.size();
        };
        if (!part.is_array() || part.size() != 2 || !isIndex(part[0]) ||
            !isIndex(part[1]) || part[0] > part[1])
          return object.error("user[" + std::to_string(i) + "]",
                              "is " + describeJson(part) +
                                  "; expected a text, or [first, last) of " +
                                  std::to_string(sentences.size()) +
                                  " sentences");
        Question::Range range{part[0].get<size_t>(), part[1].get<size_t>()};
        question.user.push_back(range);
        bytes += bytesBefore[range.end] - bytesBefore[range.begin];
      }
      if (bytes > Tokenizer::kMaxTextBytes)
        return object.error("user",
                            "makes a text of more than " +
                                std::to_string(Tokenizer::kMaxTextBytes) +
                                " bytes; no tokenizer takes it");
    }
    return Status::ok();
  }

  const std::vector<std::string> &sentences;
  std::vector<size_t> bytesBefore = {0};
};

} // namespace

Expected<QuestionFile> parseQuestions(std::string_view text,
                                      const std::string &origin) {
  auto parsed = parseOrderedJson(text, origin);
  if (!parsed)
    return parsed.takeError();
  json plain = *parsed;
  auto root = JsonObject::root(plain, origin);
  if (!root)
    return root.takeError();
  QuestionFile file;
  if (root->has("sentences")) {
    auto sentences = root->strings("sentences");
    if (!sentences)
      return sentences.takeError();
    file.sentences = std::move(*sentences);
  }
  const json *questions = root->find("questions");
  if (!questions || !questions->is_array() || questions->empty())
    return root->mismatch("questions", "a list of questions");
  QuestionReader reader(file.sentences);
  for (const ordered_json &source : (*parsed)["questions"]) {
    auto question =
        reader.read(source, origin + ": questions[" +
                                std::to_string(file.questions.size()) + "]");
    if (!question)
      return question.takeError();
    file.questions.push_back(std::move(*question));
  }
  return file;
}

Conversation QuestionFile::conversationOf(const Question &question) const {
  std::string text;
  auto add = [&](const std::string &part) {
    if (!text.empty())
      text += ' ';
    text += part;
  };
  for (const auto &part : question.user)
    if (const auto *range = std::get_if<Question::Range>(&part))
      for (size_t i = range->begin; i < range->end; ++i)
        add(sentences[i]);
    else
      add(*std::get_if<std::string>(&part));
  Conversation conversation;
  conversation.tools = question.tools;
  if (!question.system.empty())
    conversation.messages.push_back(
        {.role = Role::System, .text = question.system});
  conversation.messages.push_back(
      {.role = Role::User, .text = std::move(text)});
  return conversation;
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

Verdict judge(const Question &question, const Reply &reply) {
  Verdict verdict;
  if (!question.call) {
    verdict.isRight = reply.content == question.answer &&
                      reply.toolCalls.empty() && reply.malformedCalls == 0;
    return verdict;
  }
  verdict.parses = !reply.toolCalls.empty() && reply.malformedCalls == 0;
  verdict.namesTheTool = reply.toolCalls.size() == 1 &&
                         reply.toolCalls[0].name == question.call->name;
  // The order of arguments means nothing.
  verdict.isRight =
      verdict.parses && verdict.namesTheTool &&
      json(reply.toolCalls[0].arguments) == json(question.call->arguments);
  return verdict;
}

void Score::add(const Question &question, const Verdict &verdict) {
  ++asked;
  right += verdict.isRight;
  wantCall += question.call.has_value();
  parses += verdict.parses;
  namesTheTool += verdict.namesTheTool;
}

void Score::add(const Score &other) {
  asked += other.asked;
  right += other.right;
  skipped += other.skipped;
  wantCall += other.wantCall;
  parses += other.parses;
  namesTheTool += other.namesTheTool;
}

double Score::accuracy() const {
  return asked == 0 ? 0 : 100 * double(right) / double(asked);
}

std::pair<double, double> wilsonInterval(size_t right, size_t asked) {
  if (asked == 0)
    return {0, 100};
  constexpr double kZ = 1.959963984540054; // 97.5 % of the normal distribution
  double n = double(asked), share = double(right) / n;
  double centre = (share + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  double half = kZ / (1 + kZ * kZ / n) *
                std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  return {100 * std::max(0.0, centre - half),
          100 * std::min(1.0, centre + half)};
}

} // namespace mm1
