//===- RunKit.cpp - Everything a kit asks a GPU ---------------------------===//
#include "test/gpu/RunKit.h"
#include "runtime/Artifact/Manifest.h"
#include "test/gpu/Compare.h"
#include "test/gpu/Launcher.h"
#include "test/gpu/Measurements.h"
#include "test/gpu/Report.h"
#include "test/gpu/Timings.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>

namespace mm1::kit {

namespace {

std::string text(const char *format, auto... values) {
  char buffer[256];
  std::snprintf(buffer, sizeof(buffer), format, values...);
  return buffer;
}

/// "2026-11-22T01:02:03Z".
std::string now() {
  std::time_t seconds = std::time(nullptr);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char buffer[32];
  std::strftime(buffer, sizeof(buffer), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return buffer;
}

class KitRun {
public:
  KitRun(const RunOptions &options, const Kit &kit, Launcher &launcher,
         Report &report)
      : options(options), kit(kit), launcher(launcher), report(report) {}

  Status run() {
    for (const std::string &group : kGroups) {
      if (!options.only.empty() &&
          std::find(options.only.begin(), options.only.end(), group) ==
              options.only.end())
        continue;
      if (Status status = runGroup(group); !status)
        return status;
    }
    if (Status status = report.finish(); !status)
      return status;
    if (!report.allPassed())
      return inputError(options.kit + ": some answers are wrong");
    if (lacksKernels)
      return machineError(
          options.kit + ": the artifact's kernels are not for " +
          launcher.gpu().name() + " (" + launcher.architecture() +
          ") and were not run; make a kit of one that is compiled for it");
    return {};
  }

private:
  Status runGroup(const std::string &group) {
    if (group == "timings")
      return runTimings();
    if (group == "questions")
      return askQuestions();
    for (const Case &each : kit.cases())
      if (each.group == group)
        if (Status status = checkAnswers(each); !status)
          return status;
    if (group == "kernels")
      for (const LeftOut &each : kit.leftOut())
        if (Status status = report.note(group, each.name, "left out", each.why,
                                        {{"why", each.why}});
            !status)
          return status;
    return {};
  }

  /// One launch. Wrong kernels and damaged memory are results; a GPU that is
  /// lost is an error.
  Expected<std::vector<std::vector<std::byte>>> runOnce(const Case &what) {
    if (Status status = report.start(what.group, what.name); !status)
      return status.takeError();
    auto prepared = launcher.prepare(what);
    if (!prepared)
      return prepared.takeError();
    if (Status status = prepared->launch(); !status)
      return status.takeError();
    std::vector<std::vector<std::byte>> memory;
    for (size_t i = 0; i < what.arguments.size(); ++i) {
      auto bytes = prepared->read(i);
      if (!bytes)
        return bytes.takeError();
      memory.push_back(std::move(*bytes));
    }
    return memory;
  }

  /// Reports a case that could not be run, and goes on where the GPU can.
  Status notRun(const Case &what, const Error &error) {
    if (Status status = report.failed(what.group, what.name, error.message);
        !status)
      return status;
    return launcher.gpu().lost();
  }

  /// Not every word is there on every architecture.
  Status notBuilt(const Case &what) {
    lacksKernels |= what.group == "kernels";
    return report.note(what.group, what.name, "not built",
                       "not for " + launcher.architecture());
  }

  Status checkAnswers(const Case &what) {
    if (!launcher.isBuilt(what))
      return notBuilt(what);
    auto memory = runOnce(what);
    if (!memory)
      return notRun(what, memory.error());
    Difference all;
    for (size_t i = 0; i < what.arguments.size(); ++i) {
      Difference one = compare(what.arguments[i], (*memory)[i]);
      if (!what.arguments[i].expected.empty())
        all.compared += one.compared;
      all.wrong += one.wrong;
      all.worst = std::max(all.worst, one.worst);
      if (all.message.empty() && !one.message.empty())
        all.message = "argument " + std::to_string(i) + ": " + one.message;
    }
    nlohmann::ordered_json more = {
        {"compared", all.compared}, {"wrong", all.wrong}, {"worst", all.worst}};
    if (all.compared == 0)
      return report.failed(what.group, what.name,
                           "the kit has no answer to compare with",
                           std::move(more));
    if (all.wrong > 0)
      return report.failed(what.group, what.name,
                           all.message + " (" + std::to_string(all.wrong) +
                               " wrong)",
                           std::move(more));
    return report.passed(what.group, what.name,
                         text("%llu numbers; worst %.2f of tolerance (%s)",
                              (unsigned long long)all.compared, all.worst,
                              what.tolerance.c_str()),
                         std::move(more));
  }

  Status askQuestions() {
    std::optional<Stopwatch> watch;
    for (const Question &each : kit.questions()) {
      nlohmann::ordered_json more = {{"question", each.question},
                                     {"source", each.source}};
      Status status;
      if (!each.needs.empty()) {
        more["needs"] = each.needs;
        status = report.note("questions", each.name, "not asked",
                             "needs " + each.needs, std::move(more));
      } else if (each.launch) {
        status = ask(each, std::move(more));
      } else {
        if (!watch) {
          auto made = Stopwatch::create(launcher.gpu(), launcher.isEmulated());
          if (!made)
            return made.takeError();
          watch = std::move(*made);
        }
        status = answer(each, std::move(more), *watch);
      }
      if (!status)
        return status;
    }
    return {};
  }

  /// A question to a kernel's memory.
  Status ask(const Question &question, nlohmann::ordered_json more) {
    const Case &what = *question.launch;
    if (!launcher.isBuilt(what))
      return notBuilt(what);
    auto memory = runOnce(what);
    if (!memory)
      return notRun(what, memory.error());
    const std::vector<std::byte> &bytes = (*memory)[question.asked];
    auto says = [&](const Answer &answer) {
      return std::memcmp(bytes.data(), answer.words.data(),
                         4 * answer.words.size()) == 0;
    };
    auto known =
        std::find_if(question.answers.begin(), question.answers.end(), says);
    bool isAsEmulated = known == question.answers.begin();
    std::string said;
    if (known != question.answers.end()) {
      said = known->text;
    } else {
      // Nobody thought of it: then all bits are of interest.
      said = "something else:";
      std::vector<uint32_t> words(question.answers.front().words.size());
      std::memcpy(words.data(), bytes.data(), 4 * words.size());
      for (size_t i = 0; i < std::min<size_t>(4, words.size()); ++i)
        said += text(" %08x", words[i]);
      more["words"] = std::move(words);
    }
    more["answer"] = said;
    more["emulation"] = question.answers.front().text;
    // A GPU may say otherwise: that is what it is asked for. The emulation may
    // not.
    if (launcher.isEmulated() && !isAsEmulated)
      return report.failed("questions", question.name,
                           "says " + said + "; the kit expects " +
                               question.answers.front().text,
                           std::move(more));
    return report.note("questions", question.name,
                       isAsEmulated ? "as thought" : "OTHERWISE",
                       question.question + ": " + said, std::move(more));
  }

  /// A question whose answer is a number.
  Status answer(const Question &question, nlohmann::ordered_json more,
                Stopwatch &watch) {
    if (Status status = report.start("questions", question.name); !status)
      return status;
    Expected<Measured> found = measure(question.measure, launcher, watch);
    if (!found) {
      if (Status status = report.failed("questions", question.name,
                                        found.error().message, std::move(more));
          !status)
        return status;
      return launcher.gpu().lost();
    }
    if (launcher.isEmulated())
      return report.note("questions", question.name, "emulated",
                         "nothing of a GPU was measured", std::move(more));
    more["answer"] = found->text;
    more["numbers"] = std::move(found->numbers);
    return report.note("questions", question.name, "measured",
                       question.question + ": " + found->text, std::move(more));
  }

  Status runTimings() {
    auto watch = Stopwatch::create(launcher.gpu(), launcher.isEmulated());
    if (!watch)
      return watch.takeError();
    double rate = watch->bytesPerSecond();
    Expected<Measured> fma = measure("fma_rate", launcher, *watch);
    if (!fma)
      return fma.takeError();
    double flopRate = fma->numbers["flops_per_second"];
    if (Status status = reportTiming(
            "bounds",
            text("copy %.0f GB/s read and written, fma %s", rate * 1e-9,
                 fma->text.c_str()),
            {{"bytes_per_second", rate}, {"flops_per_second", flopRate}});
        !status)
      return status;
    for (const Case &each : kit.cases()) {
      if (each.group != "kernels" || !launcher.isBuilt(each))
        continue;
      if (Status status = report.start("timings", each.name); !status)
        return status;
      auto prepared = launcher.prepare(each);
      if (!prepared) {
        if (Status status = notRun(each, prepared.error()); !status)
          return status;
        continue;
      }
      Expected<Timing> timing = watch->time(*prepared);
      if (!timing)
        return timing.takeError();
      double byBytes = rate > 0 ? double(each.movedBytes) / rate : 0,
             byFlops = flopRate > 0 ? double(each.flops) / flopRate : 0,
             bound = std::max(byBytes, byFlops),
             ratio = bound > 0 ? timing->medianSeconds / bound : 0;
      const char *boundBy = byFlops > byBytes ? "flops" : "bytes";
      if (Status status = reportTiming(
              each.name,
              text("%.2f us +- %.0f %%  %.3f MB  %.3f GFLOP  bound %.2f us by "
                   "%s  ratio %.2f",
                   timing->medianSeconds * 1e6, timing->spread * 50,
                   double(each.movedBytes) * 1e-6, double(each.flops) * 1e-9,
                   bound * 1e6, boundBy, ratio),
              {{"median_seconds", timing->medianSeconds},
               {"spread", timing->spread},
               {"launches", timing->launches},
               {"moved_bytes", each.movedBytes},
               {"flops", each.flops},
               {"bound_seconds", bound},
               {"bound_by", boundBy},
               {"ratio", ratio}});
          !status)
        return status;
    }
    return {};
  }

  /// Seconds of an emulated GPU are nobody's result: that it was timed is all
  /// that is told.
  Status reportTiming(const std::string &name, const std::string &line,
                      nlohmann::ordered_json numbers) {
    if (launcher.isEmulated())
      return report.note("timings", name, "emulated",
                         "no time of a GPU was measured");
    return report.note("timings", name, "timed", line, std::move(numbers));
  }

  const RunOptions &options;
  const Kit &kit;
  Launcher &launcher;
  Report &report;
  bool lacksKernels = false; ///< of the artifact, for this GPU
};

} // namespace

Status runKit(const RunOptions &options) {
  Expected<Kit> kit = Kit::open(options.kit);
  if (!kit)
    return kit.takeError();
  auto launcher = Launcher::create(*kit, options.driver, options.gpu);
  if (!launcher)
    return launcher.takeError();
  nlohmann::ordered_json gpu = (*launcher)->describe();
  std::printf("%s\n%s for %s on %s\n", gpu.dump().c_str(),
              kit->origin().c_str(), (*launcher)->architecture().c_str(),
              (*launcher)->gpu().name().c_str());
  Report report(options.json, {{"kit", kit->origin()},
                               {"version", std::string(versionString())},
                               {"date", now()},
                               {"architecture", (*launcher)->architecture()},
                               {"gpu", std::move(gpu)}});
  return KitRun(options, *kit, **launcher, report).run();
}

} // namespace mm1::kit
