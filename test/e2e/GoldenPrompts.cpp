//===- GoldenPrompts.cpp - Prompts with the logits they must give ---------===//
#include "test/e2e/GoldenPrompts.h"
#include "runtime/Artifact/SafeTensors.h"
#include "test/e2e/Programs.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mm1::test {

std::vector<Prompt> readPrompts(const std::string &name,
                                const std::string &logitsKey) {
  auto file = SafeTensorsFile::open(goldenFolder(name) + "/golden.safetensors");
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  std::vector<Prompt> prompts;
  for (int k = 0; file; ++k) {
    std::string prefix = "prompt." + std::to_string(k) + ".";
    const SafeTensor *ids = file->find(prefix + "ids");
    if (!ids)
      break;
    const SafeTensor *logits = file->find(prefix + logitsKey);
    if (!logits)
      continue;
    Prompt prompt;
    auto idValues = ids->elements<int32_t>();
    prompt.ids.assign(idValues.begin(), idValues.end());
    auto positions = file->find(prefix + "positions")->elements<int32_t>();
    prompt.positions.assign(positions.begin(), positions.end());
    auto values = logits->elements<double>();
    prompt.logits.assign(values.begin(), values.end());
    prompt.vocab = logits->shape[1];
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

std::vector<float> runLogits(const std::string &artifact, const Prompt &prompt,
                             const std::vector<std::string> &options) {
  TemporaryFolder folder;
  writeText(folder.path("ids.json"), jsonList(prompt.ids));
  std::vector<std::string> arguments{
      "logits",   artifact,
      "--ids",    folder.path("ids.json"),
      "--output", folder.path("logits.safetensors")};
  arguments.insert(arguments.end(), options.begin(), options.end());
  Outcome outcome = run("mm1-run", arguments);
  EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
  auto file = SafeTensorsFile::open(folder.path("logits.safetensors"));
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  const SafeTensor *logits = file ? file->find("logits") : nullptr;
  if (!logits || logits->type != ElementType::F32) {
    ADD_FAILURE() << "no F32 tensor 'logits'";
    return {};
  }
  EXPECT_EQ(logits->shape,
            (std::vector<int64_t>{int64_t(prompt.ids.size()), prompt.vocab}));
  auto values = logits->elements<float>();
  return {values.begin(), values.end()};
}

double maxError(const Prompt &prompt, const std::vector<float> &logits) {
  if (logits.empty()) // the run failed, and said so
    return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < prompt.positions.size(); ++i)
    for (int64_t v = 0; v < prompt.vocab; ++v) {
      double found = logits[prompt.positions[i] * prompt.vocab + v];
      double error = std::abs(found - prompt.logits[i * prompt.vocab + v]);
      worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    }
  return worst;
}

double divergence(const Prompt &prompt, const std::vector<float> &logits,
                  size_t i) {
  const double *p = &prompt.logits[i * prompt.vocab];
  const float *q = &logits[prompt.positions[i] * prompt.vocab];
  double maxP = -INFINITY, maxQ = -INFINITY, sumP = 0, sumQ = 0, kl = 0;
  for (int64_t v = 0; v < prompt.vocab; ++v) {
    maxP = std::max(maxP, p[v]);
    maxQ = std::max(maxQ, double(q[v]));
  }
  for (int64_t v = 0; v < prompt.vocab; ++v) {
    sumP += std::exp(p[v] - maxP);
    sumQ += std::exp(q[v] - maxQ);
  }
  for (int64_t v = 0; v < prompt.vocab; ++v) {
    double logP = p[v] - maxP - std::log(sumP);
    kl += std::exp(logP) * (logP - (q[v] - maxQ - std::log(sumQ)));
  }
  return kl;
}

} // namespace mm1::test
