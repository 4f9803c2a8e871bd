//===- Continue.cpp - What commands that write text share -----------------===//
#include "runtime/tools/Continue.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <sys/stat.h>

namespace mm1 {

Status print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return fileError("stdout", "cannot write", errno);
  return Status::ok();
}

Expected<std::optional<Tokenizer>> loadTokenizer(const Session &session) {
  std::string folder = session.artifact().path("tokenizer");
  struct stat info;
  if (::stat(folder.c_str(), &info) != 0)
    return std::optional<Tokenizer>();
  auto loaded = Tokenizer::load(folder);
  if (!loaded)
    return loaded.takeError();
  return std::optional(std::move(*loaded));
}

Expected<ChatTokenizer> loadChatTokenizer(const Session &session,
                                          const std::string &artifact) {
  auto tokenizer = loadTokenizer(session);
  if (!tokenizer)
    return tokenizer.takeError();
  if (!*tokenizer)
    return inputError(artifact +
                      ": has no tokenizer; compile a checkpoint that has one");
  auto endId = findChatTokens(**tokenizer, artifact);
  if (!endId)
    return endId.takeError();
  return ChatTokenizer{std::move(**tokenizer), *endId};
}

Expected<Sampler> makeSampler(const SamplingArguments &arguments,
                              const std::optional<Tokenizer> &tokenizer,
                              Session &session) {
  int32_t vocab = int32_t(session.vocabSize());
  auto sampler = Sampler::create(
      {arguments.temperature, arguments.topK, arguments.topP, arguments.seed},
      tokenizer ? tokenizer->idRanges(vocab) : std::vector<IdRange>{{0, vocab}},
      vocab);
  if (sampler)
    if (Status status = session.allowOnly(sampler->allowedMask()); !status)
      return status.takeError();
  return sampler;
}

Status useSampler(Session &session, uint32_t slot, const Sampler &sampler) {
  uint32_t needed = sampler.neededCandidates(session.maxCandidates());
  return session.sampleBy(slot, std::max(needed, 1u),
                          sampler.inverseTemperature());
}

Expected<int32_t> sampleRow(Session &session, const StepResult &choices,
                            uint32_t row, Sampler &sampler) {
  auto token = sampler.sample(choices.candidates(row));
  if (!token)
    return token.takeError();
  if (*token)
    return **token;
  auto logits = session.lastLogits();
  if (!logits)
    return logits.takeError();
  return sampler.sample(logits->row(row));
}

const char *nameOf(StopReason reason) {
  switch (reason) {
  case StopReason::Stop:
    return "stop";
  case StopReason::Length:
    return "length";
  case StopReason::Context:
    return "context";
  case StopReason::Pages:
    return "pages";
  case StopReason::Interrupted:
    break;
  }
  return "interrupted";
}

Expected<StopReason>
continueSequence(Session &session, uint32_t slot, Sampler &sampler,
                 uint32_t maxTokens, const std::function<bool(int32_t)> &isEnd,
                 const std::function<Expected<bool>(int32_t)> &onToken) {
  if (Status status = useSampler(session, slot, sampler); !status)
    return status.takeError();
  auto choices = session.lastChoices();
  for (uint32_t count = 1;; ++count) {
    if (!choices && choices.error().why == Refusal::NoPages)
      return StopReason::Pages;
    if (!choices)
      return choices.takeError();
    auto next = sampleRow(session, *choices, 0, sampler);
    if (!next)
      return next.takeError();
    if (isEnd(*next))
      return StopReason::Stop;
    auto goesOn = onToken(*next);
    if (!goesOn)
      return goesOn.takeError();
    if (!*goesOn)
      return StopReason::Interrupted;
    if (count == maxTokens)
      return StopReason::Length;
    if (session.length(slot) == session.maxContext())
      return StopReason::Context;
    choices = session.decode({{slot, *next}});
  }
}

Expected<StopReason>
continueAhead(Session &session, uint32_t slot, std::span<const int32_t> endIds,
              uint32_t maxTokens,
              const std::function<Expected<bool>(int32_t)> &onToken) {
  SlotUpdate rule{.slot = int(slot), .chooses = 1};
  std::copy(endIds.begin(), endIds.end(), rule.stopTokens);
  if (Status status = session.chooseBy(slot, rule); !status)
    return status.takeError();
  auto choices = session.lastChoices();
  if (!choices)
    return choices.takeError();
  int32_t next = choices->token(0);

  // A step for each token but the last, as far as the context goes.
  uint64_t room = session.maxContext() - session.length(slot);
  uint64_t wanted =
      maxTokens == 0 ? room : std::min<uint64_t>(maxTokens - 1, room);
  uint64_t given = 0, taken = 0;
  Expected<StopReason> reason = maxTokens != 0 && wanted == maxTokens - 1
                                    ? StopReason::Length
                                    : StopReason::Context;
  bool isOpen = true; // steps may still be given
  for (;;) {
    if (std::find(endIds.begin(), endIds.end(), next) != endIds.end()) {
      reason = StopReason::Stop;
      break;
    }
    auto goesOn = onToken(next);
    if (!goesOn || !*goesOn) {
      reason = goesOn ? Expected<StopReason>(StopReason::Interrupted)
                      : Expected<StopReason>(goesOn.takeError());
      break;
    }
    while (isOpen && given < wanted && given - taken <= session.runAhead()) {
      Status status = session.decodeAhead({slot});
      if (!status && status.error().why != Refusal::NoPages) {
        reason = status.takeError();
        isOpen = false;
      } else if (!status) {
        reason = StopReason::Pages;
        isOpen = false;
      } else {
        ++given;
      }
    }
    if (taken == given)
      break;
    auto result = session.takeAhead();
    if (!result)
      return result.takeError();
    ++taken;
    next = result->token(0);
  }
  // What was given beyond the end; the device has stopped the slot there.
  for (; taken < given; ++taken)
    if (auto rest = session.takeAhead(); !rest)
      return rest.takeError();
  return reason;
}

} // namespace mm1
