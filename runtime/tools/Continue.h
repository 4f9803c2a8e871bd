//===- Continue.h - What commands that write text share -------------------===//
// The tokenizer of an artifact, its sampler, and the loop that goes on with a
// sequence one token at a time:
//
//   auto reason = continueSequence(session, slot, sampler, 64, isEnd,
//                                  [&](int32_t id) { return show(id); });
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Session/Session.h"
#include "runtime/Text/Sampler.h"
#include "runtime/Text/Tokenizer.h"
#include "runtime/tools/Commands.h"

#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace mm1 {

/// Writes to stdout and flushes; machine error when that fails.
Status print(std::string_view text);

/// The artifact's tokenizer; nothing when it has none.
Expected<std::optional<Tokenizer>> loadTokenizer(const Session &session);

/// A tokenizer that conversations can be written with.
struct ChatTokenizer {
  Tokenizer tokenizer;
  int32_t endId; ///< of <end_of_sentence>

  /// Whether a reply ends with this token.
  bool isEnd(int32_t id) const {
    return id == endId || tokenizer.eosId() == id;
  }
};
/// The artifact's; input error when it has none or that lacks the tokens of
/// conversations.
Expected<ChatTokenizer> loadChatTokenizer(const Session &session,
                                          const std::string &artifact);

/// A sampler over the ids of the tokenizer, or over all ids; from now on the
/// session gives candidates of these ids only.
Expected<Sampler> makeSampler(const SamplingArguments &arguments,
                              const std::optional<Tokenizer> &tokenizer,
                              Session &session);

/// Lets steps give what `sampler` needs of this sequence's rows.
Status useSampler(Session &session, uint32_t slot, const Sampler &sampler);
/// The next token behind row `row` of the last step: from its candidates, or
/// from the whole row where they do not decide.
Expected<int32_t> sampleRow(Session &session, const StepResult &choices,
                            uint32_t row, Sampler &sampler);

/// Why a text ended: the model ended it, it has as many tokens as were asked
/// for, the planned context is full, no KV pages are left, or the user stopped
/// it.
enum class StopReason { Stop, Length, Context, Pages, Interrupted };
/// "stop", "length", "context", "pages", "interrupted".
const char *nameOf(StopReason reason);

/// Samples tokens after what `slot` has read, at least one, and hands each but
/// the one that ends the text to `onToken`, which says whether to go on (no is
/// Interrupted). `maxTokens` 0 has no limit. Every token is read by the slot
/// but the last, if the reason is not Stop.
Expected<StopReason>
continueSequence(Session &session, uint32_t slot, Sampler &sampler,
                 uint32_t maxTokens, const std::function<bool(int32_t)> &isEnd,
                 const std::function<Expected<bool>(int32_t)> &onToken);

/// The same for the likeliest tokens of a device that runs ahead: it chooses and
/// feeds back, so that the host never stands between two steps. `endIds`, at
/// most kMostStopTokens, end the text. The slot may have read up to
/// session.runAhead() tokens more than onToken() was given when the reason is
/// Interrupted.
Expected<StopReason>
continueAhead(Session &session, uint32_t slot, std::span<const int32_t> endIds,
              uint32_t maxTokens,
              const std::function<Expected<bool>(int32_t)> &onToken);

} // namespace mm1
