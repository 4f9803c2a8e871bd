//===- Continue.cpp - What commands that write text share ----------------------===//
#include "runtime/tools/Continue.h"

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
                              const Session &session) {
  int32_t vocab = int32_t(session.vocabSize());
  return Sampler::create(
      {arguments.temperature, arguments.topK, arguments.topP, arguments.seed},
      tokenizer ? tokenizer->idRanges(vocab) : std::vector<IdRange>{{0, vocab}},
      vocab);
}

const char *nameOf(StopReason reason) {
  switch (reason) {
  case StopReason::Stop:
    return "stop";
  case StopReason::Length:
    return "length";
  case StopReason::Context:
    return "context";
  case StopReason::Interrupted:
    break;
  }
  return "interrupted";
}

Expected<StopReason>
continueSequence(Session &session, uint32_t slot, Sampler &sampler,
                 uint32_t maxTokens, const std::function<bool(int32_t)> &isEnd,
                 const std::function<Expected<bool>(int32_t)> &onToken) {
  auto logits = session.lastLogits();
  for (uint32_t count = 1;; ++count) {
    if (!logits)
      return logits.takeError();
    auto next = sampler.sample(logits->row(0));
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
    logits = session.decode({{slot, *next}});
  }
}

} // namespace mm1
