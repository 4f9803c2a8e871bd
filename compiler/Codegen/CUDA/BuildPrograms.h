//===- BuildPrograms.h - Printed programs become cubins -------------------===//
// The programs of a plan's modules, side by side, and none of them twice:
//
//   BuildOptions options;
//   options.cacheFolder = defaultCacheFolder();
//   auto built = buildPrograms({{"kernels_0", text}}, "sm_90a", *nvrtc, options);
//   (*built)[0].program.resources["linear_silu_0"].registers
//   checkResources((*built)[0].program, text, "sm_90a");  // good enough?
//
// The cache holds a file for each program, named for everything its bytes
// follow from: text, headers, architecture, options, NVRTC's version. A file
// that is damaged is built again. Equal inputs give equal bytes, cached or not.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CUDA/Nvrtc.h"

#include "llvm/ADT/ArrayRef.h"

#include <functional>
#include <string>
#include <vector>

namespace mlir::mm1::cuda {

/// The text of one module of kernels.
struct Program {
  std::string name, text;
};

struct BuildOptions {
  std::string cacheFolder; ///< empty: no cache
  unsigned threads = 0;    ///< 0: as many as processors
  /// Told after each program, by one thread at a time.
  std::function<void(size_t done, size_t total)> onProgress;
};

struct BuiltProgram {
  CompiledProgram program;
  bool wasCached = false;
};

/// ~/.cache/mm1c/kernels, or where the system keeps caches; empty when it does
/// not say.
std::string defaultCacheFolder();

/// Builds every program for `arch`, in the order given. An error names the
/// program that NVRTC refuses, with its log.
llvm::Expected<std::vector<BuiltProgram>>
buildPrograms(llvm::ArrayRef<Program> programs, llvm::StringRef arch,
              const Nvrtc &nvrtc, const BuildOptions &options);

/// An error that names the kernel when a program would run badly: it spills
/// registers, needs more of them than a multiprocessor has for a block, or
/// ptxas warned with a number of C75xx (a wgmma that is serialised, a setmaxnreg
/// that is ignored).
/// \param text  what was compiled: its launch bounds give blocks their threads
llvm::Error checkResources(const CompiledProgram &program, llvm::StringRef text,
                           llvm::StringRef arch);

} // namespace mlir::mm1::cuda
