//===- Machine.cpp - See Machine.h ----------------------------------------===//
#include "kernels/emulation/driver/Machine.h"
#include "kernels/emulation/driver/Schedule.h"

#include <cstdio>
#include <cstdlib>
#include <sched.h>

namespace mm1::emulated {

using namespace cuda;

namespace {

constexpr size_t kMaxReports = 100;
constexpr size_t kMaxCallNames = 10'000;

std::unique_ptr<Machine> theMachine;
uint64_t generations = 0;

struct Current {
  ContextHandle *context = nullptr;
  uint64_t generation = 0;
};
thread_local Current current;

/// Sets what MM1_EMULATED names: "late=1,order=2". Unknown names are an error
/// that ends the program, since nothing else would notice them.
void readEnvironment(mm1_emulated_config &config) {
  const char *text = std::getenv("MM1_EMULATED");
  if (!text)
    return;
  std::string rest = text;
  while (!rest.empty()) {
    std::string item = rest.substr(0, rest.find(','));
    rest.erase(0, item.size() + 1);
    size_t equals = item.find('=');
    std::string name = item.substr(0, equals);
    char *end = nullptr;
    const char *number =
        equals == std::string::npos ? "" : item.c_str() + equals + 1;
    uint64_t value = std::strtoull(number, &end, 0);
    bool isNumber = end != number && *end == 0;
    auto set = [&](const char *field, auto &to) {
      if (name != field || !isNumber)
        return false;
      to = static_cast<std::remove_reference_t<decltype(to)>>(value);
      return true;
    };
    if (!(set("devices", config.devices) || set("arch", config.arch) ||
          set("driver", config.driver_version) ||
          set("compute_mode", config.compute_mode) ||
          set("memory", config.memory_bytes) || set("peers", config.peers) ||
          set("late", config.late) || set("order", config.order) ||
          set("seed", config.seed) || set("poison", config.poison) ||
          set("print", config.print) || set("fatal", config.fatal) ||
          set("spin_milliseconds", config.spin_milliseconds))) {
      std::fprintf(stderr,
                   "libcuda-emulated: MM1_EMULATED: expected NAME=NUMBER,..., "
                   "found '%s'; names are devices, arch, driver, compute_mode, "
                   "memory, peers, late, order, seed, poison, print, fatal, "
                   "spin_milliseconds\n",
                   item.c_str());
      std::exit(2);
    }
  }
}

} // namespace

Machine &machine() {
  if (!theMachine) {
    mm1_emulated_config config;
    mm1_emulated_default_config(&config);
    readEnvironment(config);
    resetMachine(config);
  }
  return *theMachine;
}

void resetMachine(const mm1_emulated_config &config) {
  theMachine.reset();
  theMachine = std::make_unique<Machine>();
  theMachine->config = config;
  emulation::EngineOptions options;
  options.order = config.order == 0   ? emulation::Order::Forward
                  : config.order == 1 ? emulation::Order::Reverse
                                      : emulation::Order::Seeded;
  options.seed = config.seed;
  options.lateCopies = config.late != 0;
  options.shadow = &theMachine->shadow;
  theMachine->engine = std::make_unique<emulation::Engine>(options);
  theMachine->generation = ++generations;
  for (int i = 0; i < kMaxDevices; ++i) {
    theMachine->contexts[i].device = i;
    theMachine->contexts[i].reach = uint64_t(1) << i;
  }
}

std::recursive_mutex &machineLock() {
  static std::recursive_mutex lock;
  return lock;
}

void Machine::report(const std::string &text) {
  if (reports.size() == kMaxReports || !known.insert(text).second)
    return;
  reports.push_back(text);
  if (config.print)
    std::fprintf(stderr, "libcuda-emulated: %s\n", text.c_str());
  if (config.fatal)
    for (ContextHandle &context : contexts)
      if (context.sticky == kSuccess)
        context.sticky = kLaunchFailed;
}

void Machine::startChecking() {
  if (isChecking || !isInitialized)
    return;
  isChecking = true;
  shadow.addRange(reinterpret_cast<void *>(memory.begin()),
                  memory.deviceBytes());
  // Who wrote to them was not seen.
  for (const auto &[address, block] : memory.all())
    if (block.live && block.region != kPinned)
      shadow.addBlock(reinterpret_cast<void *>(address), block.bytes, true);
}

size_t Machine::choose(size_t count) {
  if (config.order == 0 || count < 2)
    return 0;
  if (config.order == 1)
    return count - 1;
  // Knuth's linear congruential generator.
  random = (random + config.seed) * 6364136223846793005u + 1442695040888963407u;
  return (random >> 33) % count;
}

bool Machine::isContext(const ContextHandle *context) const {
  return context >= contexts && context < contexts + config.devices;
}

int Machine::maxSharedOptIn() const {
  constexpr int kKibibyte = 1024;
  switch (config.arch) {
  case 80:
    return 163 * kKibibyte;
  case 86:
  case 89:
  case 120:
    return 99 * kKibibyte;
  default:
    return 227 * kKibibyte;
  }
}

ContextHandle *currentContext() {
  return current.generation == machine().generation ? current.context : nullptr;
}

void setCurrentContext(ContextHandle *context) {
  current = {context, machine().generation};
}

Call::Call(const char *name, Needs needs)
    : lock(machineLock()), name(name), m(machine()), context(currentContext()) {
  ++m.numCalls;
  if (m.calls.size() < kMaxCallNames)
    m.calls.push_back(name);
  if (m.injectIn > 0 &&
      (m.injectFunction.empty() || m.injectFunction == name) &&
      --m.injectIn == 0) {
    result = m.injectCode;
    if (cuda::isFault(result) && context)
      context->sticky = result;
    return;
  }
  if (needs == Needs::Nothing)
    return;
  if (!m.isInitialized)
    result = kNotInitialized;
  else if (needs == Needs::Context && !context)
    result = kInvalidContext;
  else if (needs == Needs::Context)
    result = context->sticky;
}

void Call::pause() {
  lock.unlock();
  ::sched_yield();
  lock.lock();
}

Result Call::spoilsCapture() {
  Result spoilt = kSuccess;
  for (const auto &graph : m.graphs) {
    bool concernsUs = graph->mode == kCaptureGlobal ||
                      (graph->mode == kCaptureThreadLocal &&
                       graph->captor == std::this_thread::get_id());
    if (!graph->origin || !concernsUs)
      continue;
    graph->isSpoilt = true;
    m.report(std::string(name) +
             " while a stream captures: it spoils the capture");
    spoilt = kCaptureUnsupported;
  }
  return spoilt;
}

} // namespace mm1::emulated

using namespace mm1::emulated;

MM1_EXPORT void mm1_emulated_default_config(mm1_emulated_config *config) {
  *config = {};
  config->devices = 1;
  config->driver_version = mm1::cuda::kNeededVersion;
  config->memory_bytes = uint64_t(8) << 30;
  config->print = 1;
  config->spin_milliseconds = 10'000;
}

MM1_EXPORT void mm1_emulated_reset(const mm1_emulated_config *config) {
  std::unique_lock lock(machineLock());
  resetMachine(*config);
}

MM1_EXPORT void mm1_emulated_inject(const char *function, int nth, int code) {
  std::unique_lock lock(machineLock());
  Machine &m = machine();
  m.injectFunction = function ? function : "";
  m.injectIn = nth;
  m.injectCode = static_cast<mm1::cuda::Result>(code);
}

MM1_EXPORT const char *mm1_emulated_reports(void) {
  std::unique_lock lock(machineLock());
  static std::string text;
  Machine &m = machine();
  checkRedZones();
  text.clear();
  for (const std::string &report : m.reports)
    text += report + "\n";
  return text.c_str();
}

MM1_EXPORT uint64_t mm1_emulated_calls(void) {
  std::unique_lock lock(machineLock());
  return machine().numCalls;
}

MM1_EXPORT const char *mm1_emulated_call_name(uint64_t nth) {
  std::unique_lock lock(machineLock());
  const auto &calls = machine().calls;
  return nth >= 1 && nth <= calls.size() ? calls[nth - 1] : nullptr;
}
