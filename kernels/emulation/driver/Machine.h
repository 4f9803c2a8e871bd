//===- Machine.h - All that the emulated driver keeps ---------------------===//
// One machine a process, behind one lock that every call holds. It is made anew
// by mm1_emulated_reset().
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/Engine.h"
#include "kernels/emulation/driver/Control.h"
#include "kernels/emulation/driver/Memory.h"
#include "kernels/emulation/driver/Objects.h"
#include "kernels/emulation/driver/Prologue.h"

#include <chrono>
#include <mutex>
#include <unordered_set>

namespace mm1::emulated {

inline constexpr int kMaxDevices = 8;

struct Machine {
  mm1_emulated_config config;
  bool isInitialized = false;
  /// The highest of the cubins that host modules were added for.
  int addedArchitecture = 0;
  /// Differs from that of every machine before.
  uint64_t generation = 0;

  Memory memory;
  /// Who wrote and read what, when any kernel tells of its accesses.
  emulation::Shadow shadow{[this](const std::string &line) { report(line); }};
  bool isChecking = false;
  /// From now on the shadow knows all of device memory.
  void startChecking();
  /// When config.poison is set.
  Prologue prologue;
  std::unique_ptr<emulation::Engine> engine;
  Timeline timeline;
  /// What the host has waited for.
  Clock host;

  cuda::ContextHandle contexts[kMaxDevices];
  Table<cuda::LibraryHandle> libraries;
  Table<cuda::KernelHandle> kernels;
  Table<cuda::FunctionHandle> functions;
  Table<cuda::StreamHandle> streams;
  Table<cuda::EventHandle> events;
  Table<cuda::GraphHandle> graphs;
  Table<cuda::NodeHandle> nodes;
  Table<cuda::GraphExecHandle> execs;

  /// Notes a bug of the program that runs on us: what a GPU would not notice.
  void report(const std::string &text);
  std::vector<std::string> reports;

  /// When a piece was last given or run.
  std::chrono::steady_clock::time_point lastProgress;

  /// A number below `count` as config.order says.
  size_t choose(size_t count);

  uint64_t numCalls = 0;
  /// The names of the first ones.
  std::vector<const char *> calls;
  std::string injectFunction;
  int injectIn = 0;
  cuda::Result injectCode = cuda::kSuccess;

  /// False for a pointer that is no context of ours.
  bool isContext(const cuda::ContextHandle *context) const;
  bool isDevice(int device) const {
    return device >= 0 && device < config.devices;
  }
  /// Static and dynamic shared memory of a block, after asking for more.
  int maxSharedOptIn() const;

private:
  std::unordered_set<std::string> known;
  uint64_t random = 0;
};

/// The machine of now; made as the environment says when there is none.
Machine &machine();
void resetMachine(const mm1_emulated_config &config);
std::recursive_mutex &machineLock();

/// The context that is current in this thread, or null.
cuda::ContextHandle *currentContext();
void setCurrentContext(cuda::ContextHandle *context);

/// What a call needs before its own checks.
enum class Needs { Nothing, Init, Context };

/// Stands first in every entry point: takes the lock, counts, injects errors,
/// and says in `result` whether the call may go on.
class Call {
  std::unique_lock<std::recursive_mutex> lock;

public:
  Call(const char *name, Needs needs);

  const char *name;
  cuda::Result result = cuda::kSuccess;
  Machine &m;
  /// Not null after Needs::Context.
  cuda::ContextHandle *context;

  /// For calls that are no work of a stream: while a capture is under way that
  /// is not relaxed they spoil it.
  cuda::Result spoilsCapture();

  /// Lets other threads call for a moment.
  void pause();
};

} // namespace mm1::emulated

/// An entry point of the driver. They are found by cuGetProcAddress only, so
/// that a real driver in the process cannot get between.
#define MM1_DRIVER_CALL extern "C" mm1::cuda::Result
/// What dlsym finds.
#define MM1_EXPORT extern "C" __attribute__((visibility("default")))

/// Opens `call` and leaves when it may not go on.
#define MM1_ENTER(needs)                                                       \
  Call call(__func__, Needs::needs);                                           \
  if (call.result != kSuccess)                                                 \
    return call.result;                                                        \
  [[maybe_unused]] Machine &m = call.m

/// Leaves when a capture is under way.
#define MM1_NOT_WHILE_CAPTURING()                                              \
  if (Result spoilt = call.spoilsCapture(); spoilt != kSuccess)                \
  return spoilt
