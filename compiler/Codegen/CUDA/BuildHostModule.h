//===- BuildHostModule.h - A GPU's program built for the processor --------===//
// The text that NVRTC gets, built by the C++ compiler of this machine over
// kernels/dp/host.h instead of kernels/dp/cuda.h, so that an emulated driver
// can run it (kernels/emulation). It is for checking, not for speed.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CUDA/BuildPrograms.h"

namespace mlir::mm1::cuda {

struct HostBuildOptions {
  std::string compiler; ///< its program; empty: c++, g++ or clang++
  bool isInstrumented =
      false;            ///< reports each access to the emulation's shadow
  unsigned threads = 0; ///< 0: as many as processors
};

/// The bytes of a shared library for each program, in order. An error when
/// there is no compiler, or when it refuses a text.
llvm::Expected<std::vector<std::string>>
buildHostModules(llvm::ArrayRef<Program> programs,
                 const HostBuildOptions &options);

} // namespace mlir::mm1::cuda
