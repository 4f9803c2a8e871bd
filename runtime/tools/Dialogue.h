//===- Dialogue.h - A conversation that a session keeps -------------------===//
// The model's state is the history: a turn reads only what is new, however long
// the conversation is.
//
//   auto dialogue = Dialogue::create(session, tokenizer, {});
//   auto ids = dialogue->prepare(
//       {{.role = Role::User, .text = "What is 2 + 2?"}});
//   auto answer = dialogue->reply(std::move(*ids), show, [] { return false; });
//   answer->reply.content   // "4"
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Text/ReplyDecoder.h"
#include "runtime/tools/Continue.h"

#include <functional>
#include <memory>

namespace mm1 {

/// What one turn gave.
struct Answer {
  Reply reply;
  std::vector<int32_t> ids; ///< of the reply, without its end
  size_t prefilled = 0;     ///< tokens read before the reply
  StopReason stop = StopReason::Stop;
  double prefillSeconds = 0, replySeconds = 0;
};

class Dialogue {
public:
  struct Options {
    Conversation start; ///< what comes before the first turn
    ChatWording wording = ChatWording::Repository;
    SamplingArguments sampling;
    uint32_t maxTokens = 0;    ///< of a reply; 0: as many as there is room for
    uint32_t prefillChunk = 0; ///< tokens a step; 0: the plan's largest
  };

  /// Takes a slot of the session, which must outlive the dialogue.
  static Expected<Dialogue> create(Session &session, ChatTokenizer tokenizer,
                                   Options options);

  /// The ids that the next turn would read. TooLong or NoPages when they are
  /// more than there is room for, input error when a text is not UTF-8; nothing
  /// has changed after either.
  Expected<std::vector<int32_t>> prepare(std::vector<Message> messages) const;

  /// Reads the ids of prepare() and lets the model reply. Each piece of the
  /// reply goes to `onPiece`; `shouldStop` is asked between steps, and a
  /// dialogue that was stopped, even in the midst of reading, can go on.
  Expected<Answer>
  reply(std::vector<int32_t> ids,
        const std::function<Status(const ReplyPiece &)> &onPiece,
        const std::function<bool()> &shouldStop);

  /// Forgets all turns and begins anew, with the same random numbers.
  Status reset();

  /// Tokens of the conversation so far.
  uint64_t length() const { return session->length(slot) + owed.size(); }

private:
  Dialogue(Session &session, ChatTokenizer tokenizer, Options options,
           Sampler sampler, uint32_t slot)
      : session(&session), tokenizer(std::move(tokenizer)),
        options(std::move(options)), sampler(std::move(sampler)), slot(slot) {}
  Expected<bool> readOwed(const std::function<bool()> &shouldStop);

  Session *session;
  ChatTokenizer tokenizer;
  Options options;
  Sampler sampler;
  uint32_t slot;
  /// Tokens of the conversation that the session has yet to read: the last of a
  /// reply that was cut off, the rest of a message whose reading was stopped.
  std::vector<int32_t> owed;
};

} // namespace mm1
