//===- VerifyCommand.cpp - mm1c verify: an artifact against the reference -----===//
// Runs the artifact's prompt on this machine and compares each position's logits with the double-precision evaluator's. The error of
// a position is the root mean square difference over the standard deviation of the reference's logits: 0 is equal, 0.01 is the
// rounding of bf16, about 1.4 is unrelated.
//===--------------------------------------------------------------------------===//
#include "compiler/Reference/ReferenceCommand.h"
#include "compiler/tools/Commands.h"
#include "compiler/tools/Golden.h"
#include "runtime/Device/CreateDevice.h"
#include "runtime/Session/Session.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

namespace mm1 {

namespace {

struct Comparison {
  size_t positions = 0, agreeing = 0; ///< agreeing: the same most likely token
  double medianError = 0, worstError = 0, meanDivergence = 0, tolerance = 0;
  /// The median decides: a bf16 router may choose another expert at single positions.
  bool isRight() const { return medianError <= tolerance; }
};

double logSumExp(auto row, size_t size) {
  double most = row[0], sum = 0;
  for (size_t v = 1; v < size; ++v)
    most = std::max<double>(most, row[v]);
  for (size_t v = 0; v < size; ++v)
    sum += std::exp(row[v] - most);
  return most + std::log(sum);
}

/// \param found,wanted  [positions, vocab]
Comparison compare(std::span<const float> found, std::span<const double> wanted,
                   size_t vocab, double tolerance) {
  Comparison result;
  result.tolerance = tolerance;
  result.positions = wanted.size() / vocab;
  std::vector<double> errors;
  for (size_t i = 0; i < result.positions; ++i) {
    const float *f = &found[i * vocab];
    const double *w = &wanted[i * vocab];
    double mean = 0, variance = 0, difference = 0, divergence = 0;
    for (size_t v = 0; v < vocab; ++v)
      mean += w[v] / double(vocab);
    double foundSum = logSumExp(f, vocab), wantedSum = logSumExp(w, vocab);
    for (size_t v = 0; v < vocab; ++v) {
      variance += (w[v] - mean) * (w[v] - mean);
      difference += (f[v] - w[v]) * (f[v] - w[v]);
      divergence +=
          std::exp(w[v] - wantedSum) * ((w[v] - wantedSum) - (f[v] - foundSum));
    }
    double error = std::sqrt(difference / std::max(variance, 1e-300));
    errors.push_back(std::isnan(error) ? INFINITY : error);
    result.meanDivergence += divergence / double(result.positions);
    result.agreeing += std::max_element(f, f + vocab) - f ==
                       std::max_element(w, w + vocab) - w;
  }
  std::sort(errors.begin(), errors.end());
  result.medianError = errors[errors.size() / 2];
  result.worstError = errors.back();
  return result;
}

/// The artifact's logits for `ids`, [ids, vocab].
Expected<std::vector<float>> runArtifact(Session &session,
                                         std::span<const int32_t> ids) {
  auto slot = session.open();
  if (!slot)
    return slot.takeError();
  std::vector<float> all;
  Status status = prefillInChunks(
      session, *slot, ids, 0, [&](size_t, uint32_t count) -> Status {
        for (uint32_t done = 0; done < count;) {
          auto view = session.logits(
              done, std::min(count - done, session.maxLogitRows()));
          if (!view)
            return view.takeError();
          for (uint32_t row = 0; row < view->rows; ++row)
            all.insert(all.end(), view->row(row).begin(), view->row(row).end());
          done += view->rows;
        }
        return {};
      });
  session.close(*slot);
  if (!status)
    return status.takeError();
  return all;
}

/// The reference's logits: from the artifact, or computed from the checkpoint.
Expected<std::vector<double>> referenceLogits(const VerifyArguments &arguments,
                                              const Artifact &artifact,
                                              std::span<const int32_t> ids,
                                              size_t vocab) {
  if (arguments.checkpoint.empty()) {
    if (!artifact.has(kGoldenPrompts))
      return inputError(arguments.artifact +
                        ": holds no reference logits (the model was too large "
                        "to compute them "
                        "while compiling); give --checkpoint");
    auto file = SafeTensorsFile::open(artifact.path(kGoldenPrompts));
    if (!file)
      return file.takeError();
    const SafeTensor *logits = file->find("prompt.0.logits");
    if (!logits || logits->type != ElementType::F64 ||
        logits->shape !=
            std::vector<int64_t>{int64_t(ids.size()), int64_t(vocab)})
      return inputError(artifact.path(kGoldenPrompts) +
                        ": expected F64 'prompt.0.logits' of " +
                        std::to_string(ids.size()) + " x " +
                        std::to_string(vocab));
    auto values = logits->elements<double>();
    return std::vector<double>(values.begin(), values.end());
  }
  Expected<ModelConfig> config =
      ModelConfig::load(arguments.checkpoint + "/config.json");
  if (!config)
    return config.takeError();
  Expected<Checkpoint> checkpoint =
      Checkpoint::open(arguments.checkpoint, *config);
  if (!checkpoint)
    return checkpoint.takeError();
  if (size_t(config->vocabSize) != vocab)
    return inputError(arguments.checkpoint + ": has a vocabulary of " +
                      std::to_string(config->vocabSize) +
                      ", the artifact one of " + std::to_string(vocab));
  std::string scheme = artifact.manifest().fields.value("quant", "none");
  auto logits = runReference(*checkpoint, ids, scheme);
  if (!logits)
    return logits.takeError();
  return std::move(logits->values);
}

void print(const Comparison &result, bool json) {
  if (json) {
    nlohmann::ordered_json fields = {{"right", result.isRight()},
                                     {"positions", result.positions},
                                     {"same_top_token", result.agreeing},
                                     {"median_error", result.medianError},
                                     {"worst_error", result.worstError},
                                     {"mean_kl_nats", result.meanDivergence},
                                     {"tolerance", result.tolerance}};
    std::printf("%s\n", fields.dump(2).c_str());
    return;
  }
  std::printf(
      "%s\n"
      "  positions compared        %zu\n"
      "  same most likely token    %zu\n"
      "  error, median position    %.3g of the logits' spread (at most %.3g)\n"
      "  error, worst position     %.3g\n"
      "  KL divergence, mean       %.3g nats\n",
      result.isRight() ? "right: the artifact computes what the model means"
                       : "WRONG: the artifact does not compute what the model "
                         "means; do not use it",
      result.positions, result.agreeing, result.medianError, result.tolerance,
      result.worstError, result.meanDivergence);
}

} // namespace

Status verifyCommand(const VerifyArguments &arguments) {
  auto artifact = Artifact::open(arguments.artifact);
  if (!artifact)
    return artifact.takeError();
  if (!artifact->has(kGoldenIds))
    return inputError(arguments.artifact + ": has no " + kGoldenIds);
  auto ids = readTokenIds(artifact->path(kGoldenIds),
                          int64_t(artifact->plan().vocabSize),
                          int64_t(artifact->plan().maxContext));
  if (!ids)
    return ids.takeError();

  size_t vocab = artifact->plan().vocabSize;
  auto wanted = referenceLogits(arguments, *artifact, *ids, vocab);
  if (!wanted)
    return wanted.takeError();
  double tolerance =
      selfTestTolerance(artifact->manifest().fields.value("compute", "bf16"));

  DeviceOptions deviceOptions;
  deviceOptions.cpu.threads = arguments.threads;
  auto device = createDevice(deviceOptions, artifact->plan());
  if (!device)
    return device.takeError();
  auto session = Session::create(std::move(*artifact), std::move(*device));
  if (!session)
    return session.takeError();
  auto found = runArtifact(**session, *ids);
  if (!found)
    return found.takeError();

  Comparison result = compare(*found, *wanted, vocab, tolerance);
  print(result, arguments.json);
  if (!result.isRight())
    return inputError(arguments.artifact + ": differs from the reference");
  return {};
}

} // namespace mm1
