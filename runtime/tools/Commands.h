//===- Commands.h - What each sub-command of mm1-run takes ----------------===//
// mm1-run.cpp reads the command line into these; one file a command does the
// work. A command prints its result on stdout, says how it went on stderr, and
// returns why it failed, if it did.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CreateDevice.h"
#include "runtime/Session/Session.h"
#include "runtime/Support/Expected.h"
#include "runtime/Text/Chat.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mm1 {

/// What every command that runs a model takes.
struct ModelArguments {
  std::string artifact;
  DeviceOptions device;
  uint64_t kvTokens = 0;                 ///< 0: as planned
  bool check = false;                    ///< read and hash all weights first
  bool selfTest = false;                 ///< run the golden prompts first
  std::optional<uint64_t> randomWeights; ///< a seed: do not read the weights
};

/// A session that is ready to run.
struct LoadedModel {
  std::unique_ptr<Session> session;
  double readySeconds;

  Device &device() const { return session->device(); }
};
Expected<LoadedModel> loadModel(const ModelArguments &arguments,
                                bool profiling);

/// Artifact::verifyWeights, with its progress on stderr.
Status verifyWithProgress(const Artifact &artifact);

/// How the next token is chosen.
struct SamplingArguments {
  float temperature = 0, topP = 1;
  int32_t topK = 0;
  uint64_t seed = 0;
};

/// mm1-run generate
struct GenerateArguments {
  ModelArguments model;
  std::optional<std::string> prompt;
  std::string idsFile; ///< instead of a prompt; "-" is stdin
  bool special = false;
  uint32_t maxTokens = 128;
  SamplingArguments sampling;
  std::vector<int32_t> stopIds;
  bool ignoreEos = false;
  uint32_t prefillChunk = 0;
  bool json = false;
};
Status generateCommand(const GenerateArguments &arguments);

/// mm1-run chat
struct ChatArguments {
  ModelArguments model;
  std::optional<std::string> system;
  std::string toolsFile;             ///< empty: no tools
  std::string historyFile;           ///< empty: a new conversation
  std::vector<std::string> messages; ///< instead of lines of stdin
  ChatWording wording = ChatWording::Repository;
  SamplingArguments sampling;
  uint32_t maxTokens = 0; ///< of a reply; 0: as many as there is room for
  uint32_t prefillChunk = 0;
  bool hideThinking = false;
  bool verbose = false;
  bool json = false;
};
Status chatCommand(const ChatArguments &arguments);

/// mm1-run evaluate
struct EvaluateArguments {
  ModelArguments model;
  std::string questionsFile;
  std::string kind;                    ///< empty: all
  uint32_t limit = 0;                  ///< of each kind and distance; 0: all
  std::optional<uint64_t> maxDistance; ///< in tokens
  ChatWording wording = ChatWording::Repository;
  uint32_t maxTokens = 256; ///< of a reply
  uint32_t prefillChunk = 0;
  std::string jsonFile, svgFile;   ///< empty: not written
  std::optional<double> failBelow; ///< percent
};
Status evaluateCommand(const EvaluateArguments &arguments);

/// mm1-run logits
struct LogitsArguments {
  ModelArguments model;
  std::string idsFile, output;
  uint32_t prefillChunk = 0;          ///< 0: the plan's largest
  std::optional<uint64_t> decodeFrom; ///< tokens from here on one by one
};
Status logitsCommand(const LogitsArguments &arguments);

/// mm1-run bench
struct BenchArguments {
  ModelArguments model;
  uint32_t promptTokens = 512;
  uint32_t decodeTokens = 64;
  uint32_t sequences = 1;
  uint32_t context = 0; ///< tokens in each sequence before decoding starts
  uint32_t repeats = 3;
  bool launches = false; ///< also a table of time by launch
  bool json = false;
};
Status benchCommand(const BenchArguments &arguments);

/// mm1-run describe
struct DescribeArguments {
  std::string artifact;
  bool check = false;
  bool json = false;
};
Status describeCommand(const DescribeArguments &arguments);

/// A list of token ids from a JSON file, or from stdin for "-". Input error
/// naming the file and the element.
Expected<std::vector<int32_t>> readIds(const std::string &path);

/// "1.50 GB", "640 B".
std::string formatBytes(uint64_t bytes);
/// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string format(const char *pattern, ...);

} // namespace mm1
