//===- Cubin.h - What a cubin says about its kernels ----------------------===//
// A cubin is an ELF file. The emulated driver runs no instruction of it, but
// everything that a launch is checked against comes from it, so that a test
// also proves that the cubin fits the plan. For
//
//   __launch_bounds__(128) scale(const float *x, const i64 *dims)
//
// compiled for sm_90a it holds
//
//   e_flags            bits 8-15: 90, the architecture
//   .symtab            `scale`, a function with the "entry" bit
//   .nv.info.scale     records {format, attribute, ...}: parameter 1 lies at
//                      byte 8 and has 8 bytes; all have 16; 128 threads
//   .nv.shared.scale   as long as its static shared memory (from sm_90 on
//                      with 1 KiB that belongs to the driver)
//   .nv.info           registers of each function, by symbol
//
// The format is not published; these facts were read off what nvcc and NVRTC
// 13.0 write for sm_80, sm_90a and sm_100 (ABI version 8). Older toolkits
// wrote the architecture into bits 0-7 (ABI version 7).
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace mm1::emulated {

/// One kernel, as its cubin describes it. Bytes throughout.
struct CubinKernel {
  struct Parameter {
    uint32_t offset;
    uint32_t size;
  };
  std::vector<Parameter> parameters;
  uint32_t parameterBytes = 0;
  uint32_t staticShared = 0;
  uint32_t registers = 0;
  /// Threads of a block that it was compiled for.
  uint32_t maxThreads = 1024;
};

struct Cubin {
  /// 90: compute capability 9.0.
  int architecture = 0;
  /// Made by a toolkit 13, so no driver before r580 loads it.
  bool needsCuda13 = false;
  std::map<std::string, CubinKernel> kernels;
};

/// The bytes of the file that starts with `image`: the driver API is given no
/// length. `image` may be cut anywhere, and 0 is the answer when it is too
/// short to say.
uint64_t cubinBytes(std::span<const std::byte> image);

/// Reads a whole cubin. What is not one, or is cut or contradicts itself, is
/// an input error that says what was wanted, what was found, and where.
Expected<Cubin> readCubin(std::span<const std::byte> image);

} // namespace mm1::emulated
