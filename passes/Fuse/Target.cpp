//===- Target.cpp - The targets and their facts --------------------------------===//
#include "passes/Fuse/Target.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::mm1;

// A CPU's plan does not know how many threads will run it.
static constexpr int64_t kThreads[] = {1, 2, 8, 32};
static constexpr int64_t kA100Multiprocessors[] = {108};
static constexpr int64_t kH100Multiprocessors[] = {132};

static Target cpu() {
  return {
      .name = "cpu",
      .panel = 32,
      .depthF32 = 1,
      .depthBF16 = 2,
      .depthI8 = 2,
      .rowMultiple = 32,
      .tileRows = 12,
      .matmulWarps = 1,
      .rowWarps = 1,
      .workers = kThreads,
      .streamBytes = 256 << 10,
      .residentBytes = 512 << 10,
      .rowTaskBytes = 64 << 10,
      .minTasks = 8,
      .queryTokens = 16,
      .chunkTokens = 64,
      .streamBytesPerSecond = 15e9,
      .cacheBytesPerSecond = 50e9,
      .flopsPerSecond = 200e9,
      .taskSeconds = 0.5e-6,
      .manyTokens = 512,
      .pageImage = "cpu-1",
      .spareUnits = 0,
      .selectsOnHost = true,
  };
}

/// A warp reads a weight's row 16 bytes a lane: one depth is 512 bytes, and a panel is one stream of memory.
/// \param bytesPerSecond,flopsPerSecond  of the whole GPU, from memory and in float32
static Target gpu(StringRef name, ArrayRef<int64_t> multiprocessors,
                  double bytesPerSecond, double flopsPerSecond) {
  double share = 1.0 / double(multiprocessors.front());
  return {
      .name = name,
      .panel = 4,
      .depthF32 = 128,
      .depthBF16 = 256,
      .depthI8 = 512,
      .rowMultiple = 32,
      .tileRows = 8,
      .matmulWarps = 4,
      .rowWarps = 8,
      .workers = multiprocessors,
      .streamBytes = 256 << 10,
      .residentBytes = 512 << 10,
      .rowTaskBytes = 1, // a task is one row
      .minTasks = multiprocessors.front(),
      .queryTokens = 16,
      .chunkTokens = 64,
      .streamBytesPerSecond = bytesPerSecond * share,
      .cacheBytesPerSecond = 2 * bytesPerSecond * share,
      .flopsPerSecond = flopsPerSecond * share,
      .taskSeconds = 0.3e-6,
      .manyTokens = 512,
      .pageImage = "gpu-1",
      .spareUnits = 1,
      .selectsOnHost = false,
  };
}

ArrayRef<Target> mm1::allTargets() {
  // Vendor figures: A100 80 GB, and H200 (an H100 has its multiprocessors and less bandwidth).
  static const Target targets[] = {
      cpu(),
      gpu("sm_80", kA100Multiprocessors, 2.0e12, 19.5e12),
      gpu("sm_90a", kH100Multiprocessors, 4.8e12, 67e12),
  };
  return targets;
}

const Target *mm1::findTarget(StringRef name) {
  for (const Target &target : allTargets())
    if (target.name == name)
      return &target;
  return nullptr;
}

std::string mm1::targetNames() {
  return llvm::join(
      llvm::map_range(allTargets(),
                      [](const Target &target) { return target.name; }),
      ", ");
}
