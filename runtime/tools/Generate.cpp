//===- Generate.cpp - mm1-run generate ------------------------------------===//
// Text on stdout as it comes, figures on stderr. An artifact without a
// tokenizer takes and prints ids.
#include "runtime/Support/Json.h"
#include "runtime/tools/Continue.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace mm1 {

namespace {

using Clock = std::chrono::steady_clock;
double seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// One run of the command.
class Generation {
public:
  Generation(const GenerateArguments &arguments) : arguments(arguments) {}

  Status run() {
    auto loaded = loadModel(arguments.model, /*profiling=*/false);
    if (!loaded)
      return loaded.takeError();
    model = std::move(*loaded);
    auto ownTokenizer = loadTokenizer(*model->session);
    if (!ownTokenizer)
      return ownTokenizer.takeError();
    tokenizer = std::move(*ownTokenizer);
    if (Status status = makePrompt(); !status)
      return status;
    return generate();
  }

private:
  Status makePrompt() {
    if (!arguments.prompt && arguments.idsFile.empty())
      return usageError("generate needs --prompt or --ids");
    if (arguments.prompt && !tokenizer)
      return inputError(arguments.model.artifact +
                        ": has no tokenizer; give token ids with --ids");
    auto ids = arguments.prompt
                   ? tokenizer->encode(*arguments.prompt,
                                       {.parseSpecial = arguments.special})
                   : readIds(arguments.idsFile);
    if (!ids)
      return ids.takeError();
    if (ids->empty())
      return inputError("the prompt is empty; expected at least one token");
    uint64_t context = model->session->maxContext();
    if (ids->size() > context)
      return inputError("the prompt has " + std::to_string(ids->size()) +
                        " tokens; the plan's context is " +
                        std::to_string(context) +
                        "; recompile with a larger --context");
    prompt = std::move(*ids);
    return Status::ok();
  }

  /// What ends the text.
  std::vector<int32_t> endIds() const {
    std::vector<int32_t> ids = arguments.stopIds;
    std::optional<int32_t> eos = tokenizer ? tokenizer->eosId() : std::nullopt;
    if (!arguments.ignoreEos && eos)
      ids.push_back(*eos);
    return ids;
  }

  Status generate() {
    Session &session = *model->session;
    auto sampler = makeSampler(arguments.sampling, tokenizer, session);
    if (!sampler)
      return sampler.takeError();
    if (tokenizer)
      decoder.emplace(*tokenizer, DecodeOptions{.skipSpecial = true});
    auto slot = session.open();
    if (!slot)
      return slot.takeError();

    auto start = Clock::now();
    if (Status status =
            prefillInChunks(session, *slot, prompt, arguments.prefillChunk,
                            [](size_t, uint32_t) { return Status::ok(); });
        !status)
      return status;
    auto prefilled = Clock::now();
    Expected<StopReason> reason = StopReason::Length;
    auto onToken = [this](int32_t id) -> Expected<bool> {
      ids.push_back(id);
      if (Status status = emit(id); !status)
        return status.takeError();
      return true;
    };
    std::vector<int32_t> ends = endIds();
    bool isChosenByDevice = session.runAhead() > 0 &&
                            arguments.sampling.temperature == 0 &&
                            ends.size() <= kMostStopTokens;
    if (arguments.maxTokens != 0 && isChosenByDevice)
      reason =
          continueAhead(session, *slot, ends, arguments.maxTokens, onToken);
    else if (arguments.maxTokens != 0)
      reason = continueSequence(
          session, *slot, *sampler, arguments.maxTokens,
          [&](int32_t id) {
            return std::find(ends.begin(), ends.end(), id) != ends.end();
          },
          onToken);
    if (!reason)
      return reason.takeError();
    return finish(nameOf(*reason), seconds(start, prefilled),
                  seconds(prefilled, Clock::now()));
  }

  Status emit(int32_t id) {
    if (!tokenizer)
      return arguments.json
                 ? Status::ok()
                 : print((ids.size() == 1 ? "" : " ") + std::to_string(id));
    auto piece = decoder->push(id);
    if (!piece)
      return piece.takeError();
    text += *piece;
    return arguments.json ? Status::ok() : print(*piece);
  }

  Status finish(const char *reason, double prefillSeconds,
                double decodeSeconds) {
    std::string rest = decoder ? decoder->finish() : "";
    text += rest;
    // The first token comes from the prompt's own logits.
    size_t steps = ids.empty() ? 0 : ids.size() - 1;
    if (arguments.json) {
      nlohmann::ordered_json result = {
          {"prompt_ids", prompt},
          {"ids", ids},
          {"stop", reason},
          {"ready_seconds", model->readySeconds},
          {"prefill_seconds", prefillSeconds},
          {"decode_seconds", decodeSeconds},
          {"decode_steps", steps},
      };
      if (tokenizer)
        result["text"] = text;
      return print(result.dump() + "\n");
    }
    if (Status status = print(rest + "\n"); !status)
      return status;
    std::fprintf(
        stderr,
        "%s; ready in %.2f s; prompt: %zu tokens in %.3f s, %.1f tokens/s",
        model->device().describe().c_str(), model->readySeconds, prompt.size(),
        prefillSeconds, double(prompt.size()) / prefillSeconds);
    if (steps != 0)
      std::fprintf(stderr, "; decode: %zu steps in %.3f s, %.1f tokens/s",
                   steps, decodeSeconds, double(steps) / decodeSeconds);
    std::fprintf(stderr, "; stopped by %s\n", reason);
    return Status::ok();
  }

  const GenerateArguments &arguments;
  std::optional<LoadedModel> model;
  std::optional<Tokenizer> tokenizer;
  std::optional<Decoder> decoder;
  std::vector<int32_t> prompt, ids;
  std::string text;
};

} // namespace

Status generateCommand(const GenerateArguments &arguments) {
  return Generation(arguments).run();
}

} // namespace mm1
