//===- SelfTest.cpp - Does this machine give the logits the compiler wanted? ---===//
#include "runtime/Session/SelfTest.h"

#include <cmath>
#include <cstring>
#include <optional>

namespace mm1 {

namespace {

constexpr std::string_view kFile = "golden/prompts.safetensors";

struct Prompt {
  std::vector<int32_t> ids;
  std::vector<uint64_t> positions; // ascending
  const SafeTensor *logits;

  double wanted(size_t row, size_t column, size_t vocab) const {
    size_t at = row * vocab + column;
    return logits->type == ElementType::F64 ? logits->elements<double>()[at]
                                            : logits->elements<float>()[at];
  }
};

Expected<std::vector<int64_t>> readIntegers(const SafeTensorsFile &file,
                                            const SafeTensor &tensor) {
  std::vector<int64_t> values;
  if (tensor.shape.size() != 1 ||
      (tensor.type != ElementType::I32 && tensor.type != ElementType::I64))
    return inputError(file.path() + ": tensor '" + tensor.name + "' is " +
                      std::string(name(tensor.type)) + " " +
                      describeShape(tensor.shape) +
                      "; expected I32 or I64 with one dimension");
  for (int64_t i = 0; i < tensor.shape[0]; ++i)
    values.push_back(tensor.type == ElementType::I64
                         ? tensor.elements<int64_t>()[size_t(i)]
                         : tensor.elements<int32_t>()[size_t(i)]);
  return values;
}

Expected<Prompt> readPrompt(const SafeTensorsFile &file,
                            const std::string &prefix, const Session &session) {
  Prompt prompt;
  auto ids = readIntegers(file, *file.find(prefix + "ids"));
  if (!ids)
    return ids.takeError();
  for (int64_t id : *ids)
    prompt.ids.push_back(
        id < 0 || id > INT32_MAX
            ? -1
            : int32_t(id)); // the session names what is no token
  if (const SafeTensor *tensor = file.find(prefix + "positions")) {
    auto positions = readIntegers(file, *tensor);
    if (!positions)
      return positions.takeError();
    for (int64_t position : *positions) {
      if (position < 0 || uint64_t(position) >= ids->size() ||
          (!prompt.positions.empty() &&
           uint64_t(position) <= prompt.positions.back()))
        return inputError(file.path() + ": '" + prefix + "positions' has " +
                          std::to_string(position) +
                          "; expected ascending positions below " +
                          std::to_string(ids->size()));
      prompt.positions.push_back(uint64_t(position));
    }
  } else {
    for (size_t i = 0; i < ids->size(); ++i)
      prompt.positions.push_back(i);
  }
  prompt.logits = file.find(prefix + "logits");
  std::vector<int64_t> shape = {int64_t(prompt.positions.size()),
                                int64_t(session.vocabSize())};
  if (!prompt.logits || prompt.logits->shape != shape ||
      (prompt.logits->type != ElementType::F32 &&
       prompt.logits->type != ElementType::F64))
    return inputError(file.path() + ": tensor '" + prefix + "logits' is " +
                      (prompt.logits
                           ? std::string(name(prompt.logits->type)) + " " +
                                 describeShape(prompt.logits->shape)
                           : std::string("missing")) +
                      "; expected F32 or F64 " + describeShape(shape));
  return prompt;
}

/// Sums over all logits of a prompt.
struct Sums {
  double difference2 = 0, wanted = 0, wanted2 = 0, count = 0;

  double error() const {
    double variance = wanted2 / count - (wanted / count) * (wanted / count);
    return std::sqrt(difference2 / count / std::max(variance, 1e-30));
  }
};

Expected<double> errorOf(Session &session, uint32_t slot,
                         const Prompt &prompt) {
  Sums sums;
  size_t row = 0;
  Status status = prefillInChunks(
      session, slot, prompt.ids, 0,
      [&](size_t first, uint32_t count) -> Status {
        for (; row < prompt.positions.size() &&
               prompt.positions[row] < first + count;
             ++row) {
          auto view =
              session.logits(uint32_t(prompt.positions[row] - first), 1);
          if (!view)
            return view.takeError();
          for (uint32_t v = 0; v < view->vocabSize; ++v) {
            double wanted = prompt.wanted(row, v, view->vocabSize);
            double difference = double(view->row(0)[v]) - wanted;
            sums.difference2 += difference * difference;
            sums.wanted += wanted;
            sums.wanted2 += wanted * wanted;
            ++sums.count;
          }
        }
        return Status::ok();
      });
  if (!status)
    return status.takeError();
  return sums.error();
}

} // namespace

Expected<SelfTestReport> runSelfTest(Session &session) {
  const Artifact &artifact = session.artifact();
  if (!artifact.has(kFile))
    return inputError(artifact.folder() + ": has no " + std::string(kFile) +
                      " to test itself with; compile it with golden prompts");
  auto file = SafeTensorsFile::open(artifact.path(kFile));
  if (!file)
    return file.takeError();
  SelfTestReport report;
  if (artifact.manifest().selfTestTolerance > 0)
    report.tolerance = artifact.manifest().selfTestTolerance;
  for (;; ++report.prompts) {
    std::string prefix = "prompt." + std::to_string(report.prompts) + ".";
    if (!file->find(prefix + "ids"))
      break;
    auto prompt = readPrompt(*file, prefix, session);
    if (!prompt)
      return prompt.takeError();
    auto slot = session.open();
    if (!slot)
      return slot.takeError();
    auto error = errorOf(session, *slot, *prompt);
    session.close(*slot);
    if (!error)
      return error.takeError();
    // Not "greater": a NaN must fail.
    if (!(*error <= report.tolerance))
      return inputError(artifact.folder() +
                        ": self-test failed: the logits of golden prompt " +
                        std::to_string(report.prompts) + " differ by " +
                        std::to_string(*error) + " of their spread; at most " +
                        std::to_string(report.tolerance) +
                        " expected; the kernels do not fit this machine or the "
                        "weights are damaged (try --check)");
    report.worst = std::max(report.worst, *error);
  }
  if (report.prompts == 0)
    return inputError(artifact.path(kFile) + ": has no tensor 'prompt.0.ids'");
  return report;
}

} // namespace mm1
