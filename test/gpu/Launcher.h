//===- Launcher.h - The kernels of a kit on a GPU -------------------------===//
// A GPU, the modules of a kit that are built for it, and one case at a time:
//
//   auto launcher = Launcher::create(kit, "libcuda.so.1", 0);
//   auto run = launcher->prepare(kit.cases()[0]);
//   run->launch();
//   auto bytes = run->read(2);       // what argument 2 holds now
//
// Linked with the runtime alone: a machine that has a driver has all it needs.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CudaContext.h"
#include "runtime/Device/CudaGraph.h"
#include "test/gpu/Kit.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mm1::kit {

class Launcher;

/// A case whose memory is on the GPU.
class PreparedCase {
public:
  /// Copies the initial bytes of all arguments, which takes what a kernel left
  /// there away.
  Status reset();
  /// Launches the kernel once, behind what was launched before.
  Status launch();
  /// The launch as step `step` of a graph.
  CudaWork work(uint32_t step) const;
  /// All bytes of an argument once everything before has ended. Input error: a
  /// kernel wrote behind its end; machine error: a launch failed.
  Expected<std::vector<std::byte>> read(size_t argument);

private:
  friend class Launcher;
  PreparedCase(Launcher &launcher, const Case &what)
      : launcher(&launcher), what(&what) {}

  Launcher *launcher;
  const Case *what;
  cuda::Function function = nullptr;
  std::vector<CudaMemory> memory;
  std::vector<cuda::Address> addresses;
};

class Launcher {
public:
  /// Opens the driver `library` and takes GPU `ordinal`. Machine error: there
  /// is no driver or no GPU, or the kit has no kernels for it.
  static Expected<std::unique_ptr<Launcher>>
  create(const Kit &kit, const std::string &library, int ordinal);

  /// Whether the case's kernel is built for this GPU.
  bool isBuilt(const Case &what) const;
  /// Input error when the kit's module has no such kernel, or one of other
  /// parameters.
  Expected<PreparedCase> prepare(const Case &what);

  CudaContext &gpu() { return *context; }
  /// Which builds of the kit this GPU runs: "sm_90a".
  const std::string &architecture() const { return builds; }
  /// Whether the driver is the one of kernels/emulation: its times say nothing.
  bool isEmulated() const { return emulated; }
  /// For reports: name, capability, driver's version, clock, memory.
  nlohmann::ordered_json describe();

private:
  friend class PreparedCase;
  Status loadModule(const Module &module);
  /// Pinned memory for copies, of this size at least.
  Expected<std::byte *> staging(uint64_t sizeBytes);

  std::unique_ptr<CudaContext> context;
  std::string builds;
  bool emulated = false;
  std::map<std::string, CudaOwned<cuda::Library>> libraries; ///< by module
  std::map<std::string, std::string> paths;                  ///< of the cubins
  CudaHostMemory stagingMemory;
  uint64_t stagingBytes = 0;
};

} // namespace mm1::kit
