//===- Evaluate.cpp - mm1-run evaluate ------------------------------------===//
// Asks questions with known answers, greedily, as many at once as the plan has
// sequences for: one that has its answer makes room for the next. Each step
// reads a piece of the prompts that wait, then writes a token of every reply in
// work. The pieces of a prompt do not depend on its neighbours, so a reply does
// not either, to the bit. Other pieces (--prefill-chunk) change no more than
// rounding.
#include "runtime/Support/MappedFile.h"
#include "runtime/Support/WriteFile.h"
#include "runtime/Text/ReplyDecoder.h"
#include "runtime/tools/Continue.h"
#include "runtime/tools/Questions.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <unistd.h>

namespace mm1 {

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

/// A question that a sequence works on.
struct Work {
  Work(const Question &question, const Tokenizer &tokenizer)
      : question(&question), reply(tokenizer) {}

  const Question *question;
  ReplyDecoder reply;
  uint32_t slot = 0;
  uint64_t pages = 0; ///< it may come to need
  std::vector<int32_t> prompt;
  size_t numRead = 0; ///< tokens of the prompt
  uint32_t numWritten = 0;
  int32_t next = 0; ///< the last token written, which the sequence is to read
  bool isDone = false;

  bool isReading() const { return numRead < prompt.size(); }
};

class Evaluation {
public:
  Evaluation(const EvaluateArguments &arguments, const QuestionFile &file,
             Session &session, const ChatTokenizer &tokenizer, Sampler sampler)
      : arguments(arguments), file(file), session(session),
        tokenizer(tokenizer), sampler(std::move(sampler)),
        freePages(session.freePages()), mostTokens(session.maxContext()) {
    if (hasPages())
      mostTokens = std::min(mostTokens, freePages * session.plan().pageTokens);
  }

  Status run() {
    choose();
    start = Clock::now();
    while (next < chosen.size() || !works.empty()) {
      if (Status status = admit(); !status)
        return status;
      if (Status status = readPrompts(); !status)
        return status;
      if (Status status = writeReplies(); !status)
        return status;
      retire();
      showProgress();
    }
    return Status::ok();
  }

  ScoreTable scores;
  Json wrong = Json::array();
  uint64_t numRead = 0, numWritten = 0;
  double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

private:
  /// Which questions to ask: those of the kind, not too far, and of each kind
  /// and distance the first ones.
  void choose() {
    std::map<std::pair<std::string, uint64_t>, uint32_t> counts;
    for (const Question &question : file.questions) {
      if (!arguments.kind.empty() && question.kind != arguments.kind)
        continue;
      if (arguments.maxDistance && question.distance > *arguments.maxDistance)
        continue;
      if (arguments.limit != 0 &&
          counts[{question.kind, question.distance}]++ >= arguments.limit)
        continue;
      chosen.push_back(&question);
    }
  }

  /// Begins questions while there are slots and pages.
  Status admit() {
    while (next < chosen.size() && works.size() < session.maxSequences()) {
      const Question &question = *chosen[next];
      auto work = std::make_unique<Work>(question, tokenizer.tokenizer);
      auto ids = tokenizer.tokenizer.encode(
          renderConversation(file.conversationOf(question), arguments.wording));
      if (!ids)
        return ids.takeError();
      if (ids->size() > mostTokens) {
        ++scores[question.kind][question.distance].skipped;
        ++next;
        continue;
      }
      work->prompt = std::move(*ids);
      uint64_t pageTokens = session.plan().pageTokens;
      uint64_t most =
          std::min(work->prompt.size() + arguments.maxTokens, mostTokens);
      work->pages = hasPages() ? (most + pageTokens - 1) / pageTokens : 0;
      if (work->pages > freePages)
        break; // when others have finished
      auto slot = session.open();
      if (!slot)
        return slot.takeError();
      work->slot = *slot;
      freePages -= work->pages;
      works.push_back(std::move(work));
      ++next;
    }
    return Status::ok();
  }

  Status readPrompts() {
    const size_t chunk =
        arguments.prefillChunk == 0
            ? session.maxPrefill()
            : std::min(arguments.prefillChunk, session.maxPrefill());
    size_t room = session.maxPrefill();
    pieces.clear();
    batch.clear();
    for (auto &work : works) {
      size_t count = std::min(chunk, work->prompt.size() - work->numRead);
      if (count == 0 || count > room)
        continue;
      pieces.push_back(
          {work->slot, std::span(work->prompt).subspan(work->numRead, count)});
      batch.push_back(work.get());
      work->numRead += count;
      numRead += count;
      room -= count;
    }
    if (batch.empty())
      return Status::ok();
    if (Status status = session.prefill(pieces); !status)
      return status;
    if (std::all_of(batch.begin(), batch.end(),
                    [](const Work *work) { return work->isReading(); }))
      return Status::ok();
    return takeTokens(session.lastChoices());
  }

  Status writeReplies() {
    tokens.clear();
    batch.clear();
    for (auto &work : works)
      if (!work->isReading() && !work->isDone) {
        tokens.push_back({work->slot, work->next});
        batch.push_back(work.get());
      }
    return batch.empty() ? Status::ok() : takeTokens(session.decode(tokens));
  }

  /// Row i of the choices is of batch[i].
  Status takeTokens(Expected<StepResult> choices) {
    if (!choices)
      return choices.takeError();
    for (uint32_t i = 0; i < batch.size(); ++i) {
      Work &work = *batch[i];
      if (work.isReading())
        continue;
      auto id = sampleRow(session, *choices, i, sampler);
      if (!id)
        return id.takeError();
      ++numWritten;
      if (tokenizer.isEnd(*id)) {
        work.isDone = true;
        continue;
      }
      if (auto pieces = work.reply.push(*id); !pieces)
        return pieces.takeError();
      work.next = *id;
      work.isDone = ++work.numWritten == arguments.maxTokens ||
                    session.length(work.slot) == mostTokens;
    }
    return Status::ok();
  }

  /// Scores what is done and gives its slot back.
  void retire() {
    for (auto &work : works) {
      if (!work->isDone)
        continue;
      work->reply.finish();
      const Question &question = *work->question;
      Verdict verdict = judge(question, work->reply.reply());
      scores[question.kind][question.distance].add(question, verdict);
      ++numAsked;
      numRight += verdict.isRight;
      if (!verdict.isRight)
        wrong.push_back(
            {{"question", &question - file.questions.data()},
             {"kind", question.kind},
             {"distance", question.distance},
             {"wanted", question.call
                            ? Json{{"name", question.call->name},
                                   {"arguments", question.call->arguments}}
                            : Json(question.answer)},
             {"reply", work->reply.text()}});
      session.close(work->slot);
      freePages += work->pages;
      work.reset();
    }
    std::erase(works, nullptr);
  }

  void showProgress() {
    bool isTerminal = ::isatty(STDERR_FILENO),
         isLast = next == chosen.size() && works.empty();
    double now = seconds();
    if (numAsked == 0 || (!isLast && now < shown + (isTerminal ? 0.2 : 10)))
      return;
    shown = now;
    double rate = double(numAsked) / (now + 1e-9);
    std::fprintf(stderr,
                 "%s%zu of %zu questions, %.1f/s, %.0f s left, %.1f %% right%s",
                 isTerminal ? "\r" : "", numAsked, chosen.size(), rate,
                 double(chosen.size() - next + works.size()) / rate,
                 100 * double(numRight) / double(numAsked),
                 isTerminal && !isLast ? "   " : "\n");
  }

  bool hasPages() const { return session.totalPages() != 0; }

  const EvaluateArguments &arguments;
  const QuestionFile &file;
  Session &session;
  const ChatTokenizer &tokenizer;
  Sampler sampler;
  uint64_t freePages;  ///< that no question in work may come to need
  uint64_t mostTokens; ///< of a question and its reply

  std::vector<const Question *> chosen;
  size_t next = 0; ///< of the chosen
  std::vector<std::unique_ptr<Work>> works;
  std::vector<Work *> batch; ///< of the step
  std::vector<Session::Piece> pieces;
  std::vector<Session::Next> tokens;
  size_t numAsked = 0, numRight = 0;
  Clock::time_point start;
  double shown = 0;
};

std::string tableRow(const std::string &kind, const std::string &distance,
                     const Score &score) {
  auto [low, high] = wilsonInterval(score.right, score.asked);
  std::string row =
      format("%8s %7zu %7zu %8.1f %%  %5.1f to %5.1f %%", distance.c_str(),
             score.asked, score.right, score.accuracy(), low, high);
  if (score.wantCall != 0)
    row += format("  %zu parse, %zu name the tool", score.parses,
                  score.namesTheTool);
  if (score.skipped != 0)
    row += format("  %zu skipped", score.skipped);
  return kind + std::string(14 - std::min<size_t>(kind.size(), 13), ' ') + row +
         "\n";
}

Score total(const std::map<uint64_t, Score> &byDistance) {
  Score sum;
  for (const auto &[distance, score] : byDistance)
    sum.add(score);
  return sum;
}

Status printTable(const ScoreTable &scores) {
  std::string text = "kind          distance   asked   right   accuracy  95 % "
                     "interval\n";
  size_t skipped = 0;
  for (const auto &[kind, byDistance] : scores) {
    for (const auto &[distance, score] : byDistance)
      text +=
          tableRow(kind, distance == 0 ? "-" : std::to_string(distance), score);
    Score all = total(byDistance);
    skipped += all.skipped;
    if (byDistance.size() > 1)
      text += tableRow(kind, "all", all);
  }
  if (skipped != 0)
    text += std::to_string(skipped) +
            " questions are longer than the planned context, or than there "
            "are pages for, and were not asked\n";
  return print(text);
}

Json asJson(const Score &score) {
  auto [low, high] = wilsonInterval(score.right, score.asked);
  Json json = {{"asked", score.asked},
               {"right", score.right},
               {"skipped", score.skipped},
               {"accuracy", score.accuracy()},
               {"interval", {low, high}}};
  if (score.wantCall != 0) {
    json["parses"] = score.parses;
    json["names_the_tool"] = score.namesTheTool;
  }
  return json;
}

Status writeResults(const EvaluateArguments &arguments,
                    const Evaluation &evaluation, double seconds) {
  if (!arguments.jsonFile.empty()) {
    Json kinds = Json::object();
    for (const auto &[kind, byDistance] : evaluation.scores) {
      Json distances = Json::object();
      for (const auto &[distance, score] : byDistance)
        distances[std::to_string(distance)] = asJson(score);
      kinds[kind] = asJson(total(byDistance));
      kinds[kind]["distances"] = distances;
    }
    Json json = {{"artifact", arguments.model.artifact},
                 {"questions", arguments.questionsFile},
                 {"seconds", seconds},
                 {"tokens_read", evaluation.numRead},
                 {"tokens_written", evaluation.numWritten},
                 {"kinds", kinds},
                 {"wrong", evaluation.wrong}};
    if (Status status = writeFile(
            arguments.jsonFile,
            json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
        !status)
      return status;
  }
  if (!arguments.svgFile.empty())
    return writeFile(arguments.svgFile, plotAccuracy(evaluation.scores));
  return Status::ok();
}

} // namespace

Status evaluateCommand(const EvaluateArguments &arguments) {
  auto mapped = MappedFile::open(arguments.questionsFile);
  if (!mapped)
    return mapped.takeError();
  auto file = parseQuestions(mapped->text(), arguments.questionsFile);
  if (!file)
    return file.takeError();
  auto model = loadModel(arguments.model, /*profiling=*/false);
  if (!model)
    return model.takeError();
  auto tokenizer = loadChatTokenizer(*model->session, arguments.model.artifact);
  if (!tokenizer)
    return tokenizer.takeError();
  auto sampler = makeSampler({}, tokenizer->tokenizer, *model->session);
  if (!sampler)
    return sampler.takeError();

  Evaluation evaluation(arguments, *file, *model->session, *tokenizer,
                        std::move(*sampler));
  if (Status status = evaluation.run(); !status)
    return status;
  double seconds = evaluation.seconds();
  if (Status status = printTable(evaluation.scores); !status)
    return status;
  if (Status status = writeResults(arguments, evaluation, seconds); !status)
    return status;
  std::fprintf(stderr, "%s; read %llu tokens and wrote %llu in %.1f s\n",
               model->device().describe().c_str(),
               (unsigned long long)evaluation.numRead,
               (unsigned long long)evaluation.numWritten, seconds);
  Score all;
  for (const auto &[kind, byDistance] : evaluation.scores)
    all.add(total(byDistance));
  if (all.asked == 0)
    return inputError(arguments.questionsFile +
                      ": no question was asked; look at --kind, "
                      "--max-distance, --kv-tokens and the planned context");
  if (arguments.failBelow && all.accuracy() < *arguments.failBelow)
    return inputError(format("%.2f %% of the answers are right; --fail-below "
                             "asks for %.2f %%",
                             all.accuracy(), *arguments.failBelow));
  return Status::ok();
}

} // namespace mm1
