//===- Engine.h - Runs kernels of host modules on a CPU -------------------===//
// Each thread of a block is a fiber. It runs until a word of dp.h makes it wait
// for others; then the next one runs. What a GPU would leave undefined is an
// error with a place in the kernel's text:
//
//   Expected<ModuleFile> module = ModuleFile::open("program.so");
//   Engine engine({.order = Order::Seeded, .seed = 7});
//   const void *arguments[] = {&in, &out, &dims};      // addresses of values
//   std::string error = engine.run(*module->find("double_it"), {4, 128},
//                                  arguments);
//   // "double_it, block 0: thread 3 returned while 5 threads wait at
//   //  sync_block, double_it.cu:12"
//
// Operations of a warp are rendezvous: every lane leaves its operands and
// waits; the last one to come finds all 32 at the same place of the text,
// computes for all, and lets them go. A thread that never waits costs a
// function call and no stack of its own.
//
// A launch is an object, so that a driver keeps several going: advance() runs
// it as far as it goes by itself, to its end, to wait_grid, or until its
// threads do nothing but spin on what another launch has to write.
//
// One engine is for one thread of the process; several engines may run at once.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/Fiber.h"
#include "kernels/emulation/HostModule.h"
#include "kernels/emulation/Shadow.h"
#include "runtime/Support/Expected.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mm1::emulation {

/// A host module that was opened.
class ModuleFile {
public:
  /// Opens the shared library and hands it the engine's functions. Errors: it
  /// cannot be loaded, is no host module, or is one of another version.
  static Expected<ModuleFile> open(const std::string &path);

  /// Whether the kernels tell of their accesses.
  bool isChecked() const { return begin() != end() && begin()->isChecked; }
  const Kernel *begin() const { return module->kernels; }
  const Kernel *end() const { return module->endKernels; }
  /// \returns null when the module has no kernel of this name.
  const Kernel *find(std::string_view name) const;

private:
  ModuleFile(std::shared_ptr<void> library, const HostModule *module)
      : library(std::move(library)), module(module) {}
  std::shared_ptr<void> library;
  const HostModule *module;
};

/// Which of the threads that could go on does: the first, the last, or any.
/// Results must not depend on it.
enum class Order { Forward, Reverse, Seeded };

struct EngineOptions {
  Order order = Order::Forward;
  uint64_t seed = 1;
  /// When asynchronous copies land: when they are waited for (until then their
  /// place holds bytes of 0xff), or at once. A GPU may do either.
  bool lateCopies = true;
  /// How many blocks of a launch run at the same time when they wait for each
  /// other.
  int residentBlocks = 128;
  /// Told of all accesses of checked modules; may be null.
  Shadow *shadow = nullptr;
};

struct LaunchShape {
  int blocks, threads;
  /// Whether wait_grid waits for releaseGrid(). When not, the kernels in front
  /// have ended already.
  bool startsEarly = false;
  /// What the launch is to the shadow; 0: a piece of work behind all others.
  PieceId piece = 0;
};

/// How far a launch came.
enum class Progress {
  Waits,  ///< at wait_grid, for releaseGrid()
  Spins,  ///< on memory that somebody else has to write
  Ended,  ///< all threads returned
  Failed, ///< error() says why; it is not to be advanced again
};

/// A launch in flight.
class Launch {
public:
  ~Launch();
  Launch(const Launch &) = delete;

  /// Runs the launch as far as it goes.
  Progress advance();
  /// From now on wait_grid does not wait.
  void releaseGrid();
  /// True when all threads have called trigger_grid or returned.
  bool hasTriggered() const;
  /// True when all threads have come to wait_grid.
  bool hasWaited() const;
  /// Counts whatever could let others go on: two equal answers around an
  /// advance() that Spins say that nothing happened.
  uint64_t numEvents() const;

  /// What happened, where and to whom, in a line.
  const std::string &error() const;
  /// "[64 threads at spin_pause, a.cu:12] [64 threads returned]"
  std::string describe() const;

private:
  friend class Engine;
  struct State;
  explicit Launch(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

class Engine {
public:
  explicit Engine(EngineOptions options = {});
  ~Engine();
  Engine(const Engine &) = delete;

  /// Starts a launch; nothing has run yet. The engine must outlive it.
  /// \param arguments  addresses of the parameters' values, which are copied
  std::unique_ptr<Launch> start(const Kernel &kernel, LaunchShape shape,
                                const void *const *arguments);

  /// Runs a launch to its end.
  /// \returns what was wrong, or nothing
  std::string run(const Kernel &kernel, LaunchShape shape,
                  const void *const *arguments);

private:
  friend class Launch;
  struct State;
  std::unique_ptr<State> state;
};

} // namespace mm1::emulation
