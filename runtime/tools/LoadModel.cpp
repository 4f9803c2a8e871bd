//===- LoadModel.cpp - What the commands of mm1-run share -----------------===//
#include "runtime/Session/SelfTest.h"
#include "runtime/Support/Json.h"
#include "runtime/tools/Commands.h"

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <unistd.h>

namespace mm1 {

static double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

/// One line on stderr while weights are loaded, when that takes a while.
static bool showLoading(std::chrono::steady_clock::time_point start,
                        const Device::Progress &progress, double &shown) {
  bool isTerminal = ::isatty(STDERR_FILENO),
       isLast = progress.doneBytes == progress.totalBytes;
  double seconds = secondsSince(start);
  if (seconds < shown + (isTerminal ? 1 : 10) && !(isLast && shown != 0))
    return true;
  shown = seconds;
  std::fprintf(stderr, "%sloading weights: %s of %s, %s/s%s",
               isTerminal ? "\r" : "", formatBytes(progress.doneBytes).c_str(),
               formatBytes(progress.totalBytes).c_str(),
               formatBytes(uint64_t(progress.bytesPerSecond)).c_str(),
               isTerminal && !isLast ? "  " : "\n");
  return true;
}

Expected<LoadedModel> loadModel(const ModelArguments &arguments,
                                bool profiling) {
  auto start = std::chrono::steady_clock::now();
  auto artifact = Artifact::open(arguments.artifact);
  if (!artifact)
    return artifact.takeError();
  if (arguments.check)
    if (Status status = verifyWithProgress(*artifact); !status)
      return status.takeError();
  DeviceOptions options = arguments.device;
  options.cpu.profiling = options.cuda.profiling = profiling;
  auto device = createDevice(options, artifact->plan());
  if (!device)
    return device.takeError();
  double shown = 0;
  auto session = Session::create(std::move(*artifact), std::move(*device),
                                 {arguments.kvTokens,
                                  [&](const Device::Progress &progress) {
                                    return showLoading(start, progress, shown);
                                  },
                                  arguments.randomWeights});
  if (!session)
    return session.takeError();
  LoadedModel model{std::move(*session), secondsSince(start)};
  if (arguments.selfTest) {
    auto report = runSelfTest(*model.session);
    if (!report)
      return report.takeError();
    std::fprintf(stderr,
                 "self-test: %u prompts, error %.3g of the logits' spread; at "
                 "most %.3g expected\n",
                 report->prompts, report->worst, report->tolerance);
  }
  return model;
}

Status verifyWithProgress(const Artifact &artifact) {
  auto start = std::chrono::steady_clock::now();
  bool isTerminal = ::isatty(STDERR_FILENO);
  double shown = 0;
  Status status = artifact.verifyWeights([&](uint64_t done, uint64_t total) {
    double seconds = secondsSince(start);
    if (done != total && seconds < shown + (isTerminal ? 0.2 : 10))
      return;
    shown = seconds;
    std::fprintf(stderr, "%schecked %s of %s, %s/s%s", isTerminal ? "\r" : "",
                 formatBytes(done).c_str(), formatBytes(total).c_str(),
                 formatBytes(uint64_t(double(done) / (seconds + 1e-9))).c_str(),
                 isTerminal && done != total ? "  " : "\n");
  });
  if (!status && isTerminal && shown != 0)
    std::fputc('\n', stderr);
  return status;
}

Expected<std::vector<int32_t>> readIds(const std::string &path) {
  Expected<nlohmann::json> json = nlohmann::json();
  std::string origin = path;
  if (path == "-") {
    origin = "stdin";
    std::string text;
    char buffer[65536];
    while (size_t got = std::fread(buffer, 1, sizeof(buffer), stdin)) {
      text.append(buffer, got);
      if (text.size() > JsonLimits().maxBytes)
        break; // parseJson says so
    }
    json = parseJson(text, origin);
  } else {
    json = readJson(path);
  }
  if (!json)
    return json.takeError();
  if (!json->is_array())
    return inputError(origin + ": is " + describeJson(*json) +
                      "; expected a list of token ids");
  std::vector<int32_t> ids;
  for (const nlohmann::json &element : *json) {
    if (!element.is_number_integer() || element < 0 || element > INT32_MAX)
      return inputError(origin + ": element " + std::to_string(ids.size()) +
                        " is " + describeJson(element) +
                        "; expected a token id");
    ids.push_back(element.get<int32_t>());
  }
  if (ids.empty())
    return inputError(origin +
                      ": is an empty list; expected at least one token id");
  return ids;
}

std::string formatBytes(uint64_t bytes) {
  static constexpr const char *kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  double value = double(bytes);
  size_t unit = 0;
  for (; value >= 999.5 && unit < 5; ++unit)
    value /= 1000;
  return unit == 0 ? format("%.0f B", value)
                   : format(value < 99.95 ? "%.2f %s" : "%.0f %s", value,
                            kUnits[unit]);
}

std::string format(const char *pattern, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, pattern);
  int length = std::vsnprintf(buffer, sizeof(buffer), pattern, arguments);
  va_end(arguments);
  return std::string(buffer, size_t(std::min<int>(length, sizeof(buffer) - 1)));
}

} // namespace mm1
