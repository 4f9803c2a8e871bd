//===- Capture.h - Calls for capturing streams ----------------------------===//
// The runtime makes graphs of explicit nodes; libraries that it may call one
// day capture streams. So the emulated driver knows these calls and their
// rules, but CudaDriver.h does not ask for them.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CudaDriver.h"

namespace mm1::cuda {

/// CUstreamCaptureMode: whose other calls are refused meanwhile.
enum CaptureMode : int {
  kCaptureGlobal = 0,
  kCaptureThreadLocal = 1,
  kCaptureRelaxed = 2,
};
/// CUstreamCaptureStatus.
enum CaptureStatus : int {
  kCaptureNone = 0,
  kCaptureActive = 1,
  kCaptureSpoilt = 2,
};

inline constexpr Result kCaptureUnsupported = Result(900);
inline constexpr Result kCaptureInvalidated = Result(901);
inline constexpr Result kCaptureUnjoined = Result(904);
inline constexpr Result kCaptureIsolation = Result(905);
inline constexpr Result kCapturedEvent = Result(907);

} // namespace mm1::cuda

// As MM1_CUDA_API.
#define MM1_CUDA_MORE_CALLS(X)                                                 \
  X(cuCtxSynchronize, 2000, ())                                                \
  X(cuStreamBeginCapture, 10010, (Stream, CaptureMode))                        \
  X(cuStreamEndCapture, 10000, (Stream, Graph *))                              \
  X(cuStreamIsCapturing, 10000, (Stream, CaptureStatus *))

namespace mm1::cuda {

struct MoreFunctions {
#define MM1_DECLARE(name, version, parameters)                                 \
  Result(*name) parameters = nullptr;
  MM1_CUDA_MORE_CALLS(MM1_DECLARE)
#undef MM1_DECLARE
};

} // namespace mm1::cuda
