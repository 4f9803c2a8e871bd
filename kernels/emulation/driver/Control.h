//===- Control.h - What tests say to the emulated driver ------------------===//
// libcuda-emulated.so answers to the calls of runtime/Device/CudaDriver.h like
// libcuda.so.1. What a real driver cannot be told or asked is here, found by
// dlsym under these names:
//
//   mm1_emulated_config config = {};
//   mm1_emulated_default_config(&config);
//   config.late = 1;                       // work waits until somebody waits
//   mm1_emulated_reset(&config);           // forgets all of a test before
//   if (const char *wrong = mm1_emulated_add_module(cubin, bytes, "k.so"))
//     fail(wrong);
//   ... driver calls ...
//   EXPECT_STREQ(mm1_emulated_reports(), "");  // what a GPU would not notice
//
// Without a reset the environment may say the same to any program:
//   MM1_EMULATED="late=1,order=2,seed=7,fatal=1" mm1-run ...
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

/// The machine that is emulated, and the order in which it works. All orders
/// are allowed ones: a program that is right is right under each.
struct mm1_emulated_config {
  /// How many GPUs; 0: cuInit says that there is none.
  int32_t devices;
  /// Compute capability, 80 or 90. 0: that of the modules added before cuInit
  /// (the highest), and 90 when there is none.
  int32_t arch;
  /// As cuDriverGetVersion says it, 13000 for r580.
  int32_t driver_version;
  /// CUcomputemode: 2 lets no context be made.
  int32_t compute_mode;
  /// Of each GPU.
  uint64_t memory_bytes;
  /// Bit 8 * a + b: GPU a can reach the memory of GPU b.
  uint64_t peers;
  /// 0: work runs when it is given. 1: only when somebody waits or asks, and
  /// until then its results are poisoned.
  int32_t late;
  /// What goes first, of streams, nodes, blocks and threads: 0 the first, 1 the
  /// last, 2 by `seed`.
  int32_t order;
  uint64_t seed;
  /// 1: before its griddepcontrol.wait a kernel sees 0xFF where the kernels
  /// that it may overlap have written. For modules without instrumentation;
  /// costs a copy of the memory for each launch.
  int32_t poison;
  /// 1: each report is also a line on stderr.
  int32_t print;
  /// 1: with a report the context fails for good, as CUDA_ERROR_LAUNCH_FAILED.
  int32_t fatal;
  /// How long kernels may spin without any ending before they are stopped
  /// with CUDA_ERROR_LAUNCH_TIMEOUT.
  int32_t spin_milliseconds;
};

/// One GPU of 8 GiB and the modules' architecture, which works at once and
/// forward and prints reports.
void mm1_emulated_default_config(mm1_emulated_config *config);

/// Forgets devices, memory, handles, reports, counts and injected errors, but
/// not modules, and starts anew. Pointers of before are dead.
void mm1_emulated_reset(const mm1_emulated_config *config);

/// Says that the host build of the kernels of the cubin `image` is the shared
/// library `path`. \returns null, or why not: no cubin, no host module, or one
/// of another text. Valid until the next call.
const char *mm1_emulated_add_module(const void *image, size_t bytes,
                                    const char *path);

/// The `nth` call from now (1: the next) of `function` (null: of any) fails
/// with `code` and does nothing; sticky if CUDA's code is.
void mm1_emulated_inject(const char *function, int nth, int code);

/// What was wrong so far, a line each, in the order in which it was found.
const char *mm1_emulated_reports(void);

/// Driver calls since the reset, and the name of the `nth` (from 1).
uint64_t mm1_emulated_calls(void);
const char *mm1_emulated_call_name(uint64_t nth);
}
