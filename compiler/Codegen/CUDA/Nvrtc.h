//===- Nvrtc.h - NVIDIA's compiler for CUDA C++, where it is installed ---===//
//   Expected<Nvrtc> nvrtc = Nvrtc::load();
//   Expected<CompiledProgram> program = nvrtc->compile(text, "sm_90a");
//   program->resources["linear_silu_0"].registers
//
// The library is opened at run time, so mm1c builds and starts without it. It
// needs no driver and no GPU. A program sees the headers of kernels/ and no
// others.
//===---------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace mlir::mm1::cuda {

/// What one kernel needs of a multiprocessor.
struct KernelResources {
  int64_t registers = 0;   // of a thread
  int64_t stackBytes = 0;  // of a thread
  int64_t spillBytes = 0;  // stores and loads of registers that did not fit
  int64_t sharedBytes = 0; // of a block
};

struct CompiledProgram {
  std::string cubin, ptx;
  std::string log;
  llvm::StringMap<KernelResources> resources; // by kernel
};

class Nvrtc {
public:
  /// Opens libnvrtc 13 or 12: the file `path`, or the first that findNvrtc()
  /// names. An error names what was looked for.
  static llvm::Expected<Nvrtc> load(llvm::StringRef path = "");

  /// The file that was opened.
  const std::string &path() const { return opened; }

  /// What every program is compiled with, beside its architecture.
  static llvm::ArrayRef<const char *> options();

  /// "13.0"
  std::string version() const;

  /// Compiles a program of emitCUDAModule.
  /// \param arch  "sm_80", "sm_90a"
  /// \returns an error with the compiler's log when it refuses.
  llvm::Expected<CompiledProgram> compile(llvm::StringRef program,
                                          llvm::StringRef arch) const;

private:
  struct Library;
  Nvrtc(std::shared_ptr<Library> library, std::string opened)
      : library(std::move(library)), opened(std::move(opened)) {}
  std::shared_ptr<Library> library;
  std::string opened;
};

/// Where NVRTC may be, best first: the loader's path, CUDA toolkits, and the
/// wheels of PyPI (examples/install-dependencies.sh --cuda brings one).
std::vector<std::string> findNvrtc();

/// Reads what `--ptxas-options=-v` reports. Exposed for tests.
llvm::StringMap<KernelResources> parseResources(llvm::StringRef log);

} // namespace mlir::mm1::cuda
