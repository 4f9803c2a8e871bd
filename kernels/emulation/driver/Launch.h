//===- Launch.h - Check what a launch asks for ----------------------------===//
#pragma once

#include "kernels/emulation/driver/Objects.h"

namespace mm1::emulated {

class Call;

/// Dynamic shared memory of a block without cuKernelSetAttribute.
inline constexpr uint32_t kSharedWithoutAsking = 48 << 10;

/// What cuLaunchKernelEx and a kernel node have in common.
struct LaunchRequest {
  cuda::KernelHandle *kernel;
  unsigned grid[3];
  unsigned block[3];
  unsigned dynamicShared;
  bool programmatic;
  void **parameters;
  void **extra;
};

/// Checks a launch as the driver does and copies its arguments to `work`.
cuda::Result makeLaunch(Call &call, const LaunchRequest &request,
                        KernelWork &work);

} // namespace mm1::emulated
