//===- Estimate.cpp - Does it fit, and how fast at best? ------------------===//
#include "compiler/Import/Estimate.h"
#include "compiler/Import/TensorTable.h"

#include <algorithm>
#include <cmath>

namespace mm1 {

namespace {

constexpr int64_t kPageTokens = 64;
constexpr uint64_t kReserveBytes = uint64_t(1) << 30;
constexpr int64_t kLightningChunk = 256;

/// The classes of the table; experts come first because they dwarf the rest.
enum Class {
  Experts,
  Dense,
  Shared,
  LightningProjections,
  SoftmaxProjections,
  Embedding,
  Head,
  Routers,
  Norms,
  kNumClasses
};
constexpr std::string_view kClassNames[kNumClasses] = {"experts",
                                                       "dense MLP",
                                                       "shared experts",
                                                       "lightning projections",
                                                       "softmax projections",
                                                       "embedding",
                                                       "head",
                                                       "routers",
                                                       "norms"};

Class classOf(TensorRole role) {
  switch (role) {
  case TensorRole::Embedding:
    return Embedding;
  case TensorRole::Head:
    return Head;
  case TensorRole::FinalNorm:
  case TensorRole::InputNorm:
  case TensorRole::PostAttentionNorm:
  case TensorRole::LightningNorm:
    return Norms;
  case TensorRole::LightningQkv:
  case TensorRole::LightningGate:
  case TensorRole::LightningOut:
    return LightningProjections;
  case TensorRole::SoftmaxQ:
  case TensorRole::SoftmaxK:
  case TensorRole::SoftmaxV:
  case TensorRole::SoftmaxOut:
    return SoftmaxProjections;
  case TensorRole::Router:
    return Routers;
  case TensorRole::ExpertGate:
  case TensorRole::ExpertUp:
  case TensorRole::ExpertDown:
  case TensorRole::StackedGateUp:
  case TensorRole::StackedDown:
    return Experts;
  case TensorRole::DenseGate:
  case TensorRole::DenseUp:
  case TensorRole::DenseDown:
    return Dense;
  case TensorRole::SharedGate:
  case TensorRole::SharedUp:
  case TensorRole::SharedDown:
  case TensorRole::SharedCoefficient:
    return Shared;
  }
  return Norms;
}

/// How many parts a tensor is cut into when `gpus` share the model; the rest of
/// the GPUs hold copies.
int64_t partsOf(TensorRole role, const ModelConfig &config, int64_t gpus) {
  switch (role) {
  case TensorRole::FinalNorm:
  case TensorRole::InputNorm:
  case TensorRole::PostAttentionNorm:
  case TensorRole::Router:
  case TensorRole::SharedCoefficient:
    return 1;
  case TensorRole::SoftmaxK:
  case TensorRole::SoftmaxV:
    return std::min(gpus, config.numKVHeads);
  default:
    return gpus;
  }
}

uint64_t elementsOf(const ExpectedTensor &tensor) {
  uint64_t count = 1;
  for (int64_t extent : tensor.shape)
    count *= static_cast<uint64_t>(extent);
  return count;
}

/// Bytes of the whole tensor and of one GPU's part.
std::pair<uint64_t, uint64_t> storedBytes(const ExpectedTensor &tensor,
                                          const ModelConfig &config,
                                          const EstimateRequest &request) {
  uint64_t elements = elementsOf(tensor);
  uint64_t parts =
      static_cast<uint64_t>(partsOf(tensor.role, config, request.gpus));
  if (classOf(tensor.role) != Experts ||
      request.quant != WeightScheme::Int8Experts) {
    uint64_t bytes = elements * sizeBytes(tensor.type);
    return {bytes, bytes / parts};
  }
  // One f32 scale per output row. The down projection is cut by columns, so
  // every GPU has all of its rows.
  uint64_t scaleBytes = static_cast<uint64_t>(tensor.shape[0]) * 4;
  bool cutByRows = tensor.role != TensorRole::ExpertDown;
  return {elements + scaleBytes,
          elements / parts + (cutByRows ? scaleBytes / parts : scaleBytes)};
}

double distinctExperts(const ModelConfig &config, int64_t batch) {
  double total = static_cast<double>(config.numExperts);
  double missed = 1 - static_cast<double>(config.expertsPerToken) / total;
  return total * (1 - std::pow(missed, static_cast<double>(batch)));
}

Status checkRequest(const ModelConfig &config, const EstimateRequest &request) {
  auto inRange = [](const char *what, int64_t value, int64_t max) -> Status {
    if (value >= 1 && value <= max)
      return Status::ok();
    return usageError(std::string(what) + " is " + std::to_string(value) +
                      "; expected 1 to " + std::to_string(max));
  };
  for (Status status :
       {inRange("--gpus", request.gpus, 4096),
        inRange("--sequences", request.sequences, 1 << 20),
        inRange("--prefill-tokens", request.prefillTokens, 1 << 20),
        inRange("--context", request.context, config.maxPositionEmbeddings)})
    if (!status) {
      Error error = status.takeError();
      if (request.context > config.maxPositionEmbeddings)
        error.message += " ('max_position_embeddings' of the model)";
      return error;
    }
  std::vector<std::string> problems = shardingProblems(config, request.gpus);
  if (problems.empty())
    return Status::ok();
  std::string message = "cannot share the model among " +
                        std::to_string(request.gpus) + " GPUs: ";
  for (size_t i = 0; i < problems.size(); ++i)
    message += (i ? "; " : "") + problems[i];
  message += ". Possible are:";
  for (int64_t gpus = 1; gpus <= 64; ++gpus)
    if (shardingProblems(config, gpus).empty())
      message += " " + std::to_string(gpus);
  return inputError(message);
}

uint64_t workspaceBytes(const ModelConfig &config,
                        const EstimateRequest &request) {
  const int64_t T = request.prefillTokens, B = request.sequences,
                P = request.gpus;
  const int64_t H = config.hiddenSize, A = config.attentionWidth() / P;
  const int64_t K = config.kvWidth() / std::min(P, config.numKVHeads);
  int64_t widest = config.intermediateSize;
  for (int64_t width : config.sharedWidths)
    widest = std::max(widest, width);
  int64_t lightning = config.countLayers(AttentionKind::Lightning)
                          ? T * A * (3 * 4 + 2 + 4)
                          : 0;
  int64_t softmax =
      config.countLayers(AttentionKind::Softmax) ? T * (2 * A + 2 * K) * 2 : 0;
  int64_t experts = T * config.expertsPerToken * (3 * widest / P + H) * 2;
  int64_t logits = B * (config.vocabSize + config.vocabSize / P) * 4;
  return static_cast<uint64_t>(T * H * (3 + 1) * 2 +
                               std::max({lightning, softmax, experts}) +
                               logits) +
         kReserveBytes;
}

} // namespace

std::optional<WeightScheme> weightSchemeNamed(std::string_view wanted) {
  for (WeightScheme scheme : {WeightScheme::None, WeightScheme::Int8Experts})
    if (name(scheme) == wanted)
      return scheme;
  return std::nullopt;
}

std::string_view name(WeightScheme scheme) {
  return scheme == WeightScheme::None ? "none" : "int8-experts";
}

std::vector<std::string> shardingProblems(const ModelConfig &config,
                                          int64_t gpus) {
  std::vector<std::string> problems;
  auto mustDivide = [&](const char *field, int64_t value) {
    if (value % gpus != 0)
      problems.push_back(std::string("'") + field + "' (" +
                         std::to_string(value) + ") is not a multiple of it");
  };
  mustDivide("num_attention_heads", config.numHeads);
  if (config.countLayers(AttentionKind::Softmax) > 0 &&
      config.numKVHeads % gpus != 0 && gpus % config.numKVHeads != 0)
    problems.push_back("'num_key_value_heads' (" +
                       std::to_string(config.numKVHeads) +
                       ") is neither a multiple nor a divisor of it");
  mustDivide("intermediate_size", config.intermediateSize);
  int64_t widest =
      *std::max_element(config.sharedWidths.begin(), config.sharedWidths.end());
  for (int64_t width : config.sharedWidths)
    if (width % gpus != 0) {
      mustDivide("shared_intermediate_size", widest % gpus ? widest : width);
      break;
    }
  mustDivide("vocab_size", config.vocabSize);
  return problems;
}

Expected<Estimate> Estimate::make(const ModelConfig &config,
                                  const EstimateRequest &request) {
  if (Status status = checkRequest(config, request); !status)
    return status.takeError();
  Estimate result;
  result.config = config;
  result.request = request;

  std::vector<WeightClass> classes(kNumClasses);
  TensorTable table(config, ExpertLayout::PerExpert);
  uint64_t tableParameters = 0;
  for (const ExpectedTensor &tensor : table.tensors()) {
    auto [bytes, bytesPerGpu] = storedBytes(tensor, config, request);
    WeightClass &weight = classes[classOf(tensor.role)];
    weight.parameters += elementsOf(tensor);
    weight.bytes += bytes;
    weight.bytesPerGpu += bytesPerGpu;
    tableParameters += elementsOf(tensor);
  }
  result.parameters = tableParameters;
  uint64_t weightsPerGpu = 0;
  for (int i = 0; i < kNumClasses; ++i) {
    classes[i].name = kClassNames[i];
    weightsPerGpu += classes[i].bytesPerGpu;
    if (classes[i].parameters)
      result.weights.push_back(classes[i]);
  }
  // The matrices one token is multiplied with: its experts, and all else but
  // the norms and the embedding, unless that is the head too.
  const uint64_t embedding = classes[Embedding].parameters;
  result.parametersPerToken =
      result.parameters - (config.tieWordEmbeddings ? 0 : embedding) -
      classes[Norms].parameters - classes[Experts].parameters +
      classes[Experts].parameters / static_cast<uint64_t>(config.numExperts) *
          static_cast<uint64_t>(config.expertsPerToken);

  Memory &memory = result.memory;
  const uint64_t P = static_cast<uint64_t>(request.gpus),
                 B = static_cast<uint64_t>(request.sequences);
  const uint64_t d = static_cast<uint64_t>(config.headDim);
  memory.lightningStatePerSequence =
      static_cast<uint64_t>(config.countLayers(AttentionKind::Lightning)) *
      static_cast<uint64_t>(config.numHeads) * d * d * 4;
  memory.lightningStatePerSequencePerGpu = memory.lightningStatePerSequence / P;
  memory.kvPerToken =
      static_cast<uint64_t>(config.countLayers(AttentionKind::Softmax)) * 2 *
      static_cast<uint64_t>(config.kvWidth()) * 2;
  memory.kvPerTokenPerGpu =
      memory.kvPerToken /
      static_cast<uint64_t>(std::min(request.gpus, config.numKVHeads));
  const uint64_t pages =
      (static_cast<uint64_t>(request.context) + kPageTokens - 1) / kPageTokens;
  memory.weightsPerGpu = weightsPerGpu;
  const uint64_t pageBytes = kPageTokens * memory.kvPerTokenPerGpu;
  constexpr uint64_t kMostBytes = uint64_t(1) << 60;
  if (__builtin_mul_overflow(B, memory.lightningStatePerSequencePerGpu,
                             &memory.lightningStatePerGpu) ||
      __builtin_mul_overflow(B * pages, pageBytes, &memory.kvPerGpu) ||
      memory.kvPerGpu > kMostBytes || memory.lightningStatePerGpu > kMostBytes)
    return usageError(
        "--sequences times --context needs more memory than any machine has");
  memory.workspacePerGpu = workspaceBytes(config, request);
  memory.neededPerGpu = memory.weightsPerGpu + memory.lightningStatePerGpu +
                        memory.kvPerGpu + memory.workspacePerGpu;
  memory.availablePerGpu = request.memoryBytes ? request.memoryBytes
                           : request.gpu
                               ? std::optional(request.gpu->memoryBytes)
                               : std::nullopt;
  if (memory.availablePerGpu) {
    uint64_t fixed = memory.weightsPerGpu + memory.workspacePerGpu;
    uint64_t left =
        *memory.availablePerGpu > fixed ? *memory.availablePerGpu - fixed : 0;
    uint64_t afterState = left > memory.lightningStatePerGpu
                              ? left - memory.lightningStatePerGpu
                              : 0;
    const int64_t limit = config.maxPositionEmbeddings;
    uint64_t tokens = left < memory.lightningStatePerGpu ? 0
                      : pageBytes == 0
                          ? static_cast<uint64_t>(limit)
                          : afterState / B / pageBytes * kPageTokens;
    memory.longestContext =
        static_cast<int64_t>(std::min(tokens, static_cast<uint64_t>(limit)));
    // The workspace of one sequence more is left out: its logits are small.
    memory.mostSequences = static_cast<int64_t>(
        left / (memory.lightningStatePerSequencePerGpu + pages * pageBytes));
  }

  result.decode.push_back(result.decodeStep(1));
  if (request.sequences > 1)
    result.decode.push_back(result.decodeStep(request.sequences));

  // Prefill computes logits only for the last token, so the head is left out.
  const double N = static_cast<double>(request.context),
               A = static_cast<double>(config.attentionWidth());
  const double headDim = static_cast<double>(config.headDim);
  double matmuls = 2 * static_cast<double>(result.parametersPerToken -
                                           (config.tieWordEmbeddings
                                                ? embedding
                                                : classes[Head].parameters));
  // Per token: half a chunk of scores and of values, one read and one update of the state.
  double lightning =
      static_cast<double>(config.countLayers(AttentionKind::Lightning)) * A *
      (2 * kLightningChunk + 4 * headDim);
  double softmax =
      static_cast<double>(config.countLayers(AttentionKind::Softmax)) * 2 * A *
      N;
  result.prefill = {request.context, N * (matmuls + lightning + softmax), 0};
  if (request.gpu) {
    int64_t tokens = std::min(request.prefillTokens, request.context);
    double steps = std::ceil(N / static_cast<double>(tokens));
    result.prefill.seconds = std::max(
        result.prefill.flops /
            (request.gpu->bf16Flops * static_cast<double>(request.gpus)),
        steps * result.weightBytesRead(tokens) / request.gpu->bandwidth);
  }
  return result;
}

uint64_t Estimate::weightBytes() const {
  uint64_t total = 0;
  for (const WeightClass &weight : weights)
    total += weight.bytes;
  return total;
}

double Estimate::weightBytesRead(int64_t tokens) const {
  double total = 0;
  for (const WeightClass &weight : weights) {
    double bytes = static_cast<double>(weight.bytesPerGpu);
    if (weight.name == kClassNames[Experts])
      bytes *= distinctExperts(config, tokens) /
               static_cast<double>(config.numExperts);
    // One row of the embedding per token; a tied one is read whole, as the head.
    if (weight.name == kClassNames[Embedding] && !config.tieWordEmbeddings)
      bytes =
          std::min(bytes, static_cast<double>(tokens * config.hiddenSize * 2));
    total += bytes;
  }
  return total;
}

Estimate::Decode Estimate::decodeStep(int64_t batch) const {
  Decode step{};
  step.batch = batch;
  step.distinctExperts = distinctExperts(config, batch);
  step.bytesPerGpu = weightBytesRead(batch);
  const double B = static_cast<double>(batch),
               P = static_cast<double>(request.gpus);
  const double context = static_cast<double>(request.context);
  step.bytesPerGpu +=
      B * (2 * static_cast<double>(memory.lightningStatePerSequencePerGpu) +
           context * static_cast<double>(memory.kvPerTokenPerGpu));
  double stateElements =
      static_cast<double>(memory.lightningStatePerSequence) / 4;
  double attention =
      static_cast<double>(config.countLayers(AttentionKind::Softmax)) * 4 *
      static_cast<double>(config.attentionWidth()) * context;
  step.flopsPerGpu = B *
                     (2 * static_cast<double>(parametersPerToken) +
                      5 * stateElements + attention) /
                     P;
  if (request.gpu) {
    double seconds = std::max(step.bytesPerGpu / request.gpu->bandwidth,
                              step.flopsPerGpu / request.gpu->bf16Flops);
    step.milliseconds = seconds * 1e3;
    step.tokensPerSecond = B / seconds;
  }
  return step;
}

} // namespace mm1
