//===- Nvrtc.h - NVIDIA's compiler for CUDA C++, where it is installed ---===//
//   Expected<Nvrtc> nvrtc = Nvrtc::load();
//   Expected<CompiledProgram> program = nvrtc->compile(text, "sm_90a");
//   program->resources["linear_silu_0"].registers
//
// The library is opened at run time, so mm1c builds and starts without it. It
// needs no driver and no GPU. A program sees the headers of kernels/ and no others.
//===---------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace mlir::mm1::cuda {

/// What one kernel needs of a multiprocessor.
struct KernelResources {
  int64_t registers = 0;   // of a thread
  int64_t stackBytes = 0;  // of a thread
  int64_t spillBytes = 0;  // stores and loads of registers that did not fit
  int64_t sharedBytes = 0; // of a block
};

struct CompiledProgram {
  std::string cubin;
  std::string log;
  llvm::StringMap<KernelResources> resources; // by kernel
};

class Nvrtc {
public:
  /// Opens libnvrtc 13 or 12, from the loader's path or from /usr/local/cuda.
  /// An error names what was looked for.
  static llvm::Expected<Nvrtc> load();

  /// "13.0"
  std::string version() const;

  /// Compiles a program of emitCUDAModule.
  /// \param arch  "sm_80", "sm_90a"
  /// \returns an error with the compiler's log when it refuses.
  llvm::Expected<CompiledProgram> compile(llvm::StringRef program,
                                          llvm::StringRef arch) const;

private:
  struct Library;
  explicit Nvrtc(std::shared_ptr<Library> library)
      : library(std::move(library)) {}
  std::shared_ptr<Library> library;
};

/// Reads what `--ptxas-options=-v` reports. Exposed for tests.
llvm::StringMap<KernelResources> parseResources(llvm::StringRef log);

} // namespace mlir::mm1::cuda
