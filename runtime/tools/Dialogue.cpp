//===- Dialogue.cpp - A conversation that a session keeps -----------------===//
#include "runtime/tools/Dialogue.h"

#include <algorithm>
#include <chrono>

namespace mm1 {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

static Status checkUtf8(std::string_view text) {
  size_t end = endOfValidUtf8(text, 0);
  if (end == text.size())
    return Status::ok();
  return inputError(
      format("the message is not UTF-8: byte %zu is \\x%02x; convert it first",
             end, unsigned(static_cast<unsigned char>(text[end]))));
}

static Status checkUtf8(const std::vector<Message> &messages) {
  for (const Message &message : messages) {
    if (Status status = checkUtf8(message.text); !status)
      return status;
    for (const ToolResult &result : message.results)
      for (const std::string *text : {&result.name, &result.text})
        if (Status status = checkUtf8(*text); !status)
          return status;
  }
  return Status::ok();
}

Expected<Dialogue> Dialogue::create(Session &session, ChatTokenizer tokenizer,
                                    Options options) {
  auto sampler = makeSampler(options.sampling, tokenizer.tokenizer, session);
  if (!sampler)
    return sampler.takeError();
  auto slot = session.open();
  if (!slot)
    return slot.takeError();
  return Dialogue(session, std::move(tokenizer), std::move(options),
                  std::move(*sampler), *slot);
}

Expected<std::vector<int32_t>>
Dialogue::prepare(std::vector<Message> messages) const {
  std::vector<TextPiece> pieces;
  if (length() == 0) {
    Conversation whole = options.start;
    whole.messages.insert(whole.messages.end(), messages.begin(),
                          messages.end());
    messages = whole.messages;
    pieces = renderConversation(whole, options.wording);
  } else {
    pieces = renderContinuation(messages, options.wording);
  }
  if (Status status = checkUtf8(messages); !status)
    return status.takeError();
  auto ids = tokenizer.tokenizer.encode(pieces);
  if (!ids)
    return ids;
  uint64_t context = session->maxContext(),
           left = context - std::min(context, length()),
           room = session->room(slot);
  std::string needs =
      "the message needs " + std::to_string(ids->size()) + " tokens, and ";
  if (ids->size() > left)
    return refusal(Refusal::TooLong,
                   needs + std::to_string(left) +
                       " of the planned context of " + std::to_string(context) +
                       " are left; shorten it, begin a new conversation, or "
                       "recompile with a larger --context");
  if (ids->size() + owed.size() > room)
    return refusal(Refusal::NoPages,
                   needs + "the free pages have room for " +
                       std::to_string(room - std::min(room, owed.size())) +
                       "; shorten it, begin a new conversation, or ask for "
                       "more with --kv-tokens");
  return ids;
}

/// Feeds what the session has yet to read; false when it was stopped.
Expected<bool> Dialogue::readOwed(const std::function<bool()> &shouldStop) {
  size_t chunk = options.prefillChunk == 0
                     ? session->maxPrefill()
                     : std::min(options.prefillChunk, session->maxPrefill());
  size_t done = 0;
  Status status;
  while (status && done < owed.size() && !shouldStop()) {
    auto step =
        std::span(owed).subspan(done, std::min(chunk, owed.size() - done));
    status = session->prefill({{slot, step}});
    if (status)
      done += step.size();
  }
  owed.erase(owed.begin(), owed.begin() + ptrdiff_t(done));
  if (!status)
    return status.takeError();
  return owed.empty();
}

Expected<Answer>
Dialogue::reply(std::vector<int32_t> ids,
                const std::function<Status(const ReplyPiece &)> &onPiece,
                const std::function<bool()> &shouldStop) {
  auto start = Clock::now();
  owed.insert(owed.end(), ids.begin(), ids.end());
  Answer answer;
  answer.prefilled = owed.size();
  auto isRead = readOwed(shouldStop);
  if (!isRead)
    return isRead.takeError();
  answer.prefilled -= owed.size();
  answer.prefillSeconds = secondsSince(start);
  start = Clock::now();

  ReplyDecoder decoder(tokenizer.tokenizer);
  auto show = [&](const std::vector<ReplyPiece> &pieces) -> Status {
    for (const ReplyPiece &piece : pieces)
      if (Status status = onPiece(piece); !status)
        return status;
    return Status::ok();
  };
  auto onToken = [&](int32_t id) -> Expected<bool> {
    answer.ids.push_back(id);
    auto pieces = decoder.push(id);
    if (!pieces)
      return pieces.takeError();
    if (Status status = show(*pieces); !status)
      return status.takeError();
    return !shouldStop();
  };
  auto isEnd = [this](int32_t id) { return tokenizer.isEnd(id); };

  answer.stop = StopReason::Interrupted;
  if (*isRead) {
    auto reason = continueSequence(*session, slot, sampler, options.maxTokens,
                                   isEnd, onToken);
    if (!reason)
      return reason.takeError();
    answer.stop = *reason;
    if (answer.stop != StopReason::Stop)
      owed.push_back(answer.ids.back());
  }
  if (Status status = show(decoder.finish()); !status)
    return status.takeError();
  answer.reply = decoder.reply();
  answer.replySeconds = secondsSince(start);
  return answer;
}

Status Dialogue::reset() {
  session->close(slot);
  auto opened = session->open();
  if (!opened)
    return opened.takeError();
  slot = *opened;
  owed.clear();
  sampler.setDraws(0);
  return Status::ok();
}

} // namespace mm1
