//===- CudaDriver.h - The part of CUDA's driver API that we speak ---------===//
// Declared in our own words, so that nothing needs NVIDIA's headers, and found
// when the program runs, so that it starts where no GPU is:
//
//   auto cu = CudaDriver::open("libcuda.so.1");   // or libcuda-emulated.so
//   if (!cu)
//     return cu.takeError();     // no driver, or one that is too old
//   if (cuda::Result result = cu->cuInit(0); result != cuda::kSuccess)
//     return machineError("cuInit: " + cu->describe(result));
//
// Each function is asked for with the version of the signature that stands
// here, never "the newest": a later driver may give the name another one. The
// functions and their types are described in the "CUDA Driver API" manual under
// their names; test/runtime/Device/cuda-abi.cpp compares every line here with
// cuda.h where that is installed.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Support/Expected.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace mm1::cuda {

// Handles. The driver's own structs have no names here.
using Device = int;
using Address = unsigned long long; ///< CUdeviceptr
using Context = struct ContextHandle *;
using Library = struct LibraryHandle *;
using Kernel = struct KernelHandle *;
using Function = struct FunctionHandle *;
using Stream = struct StreamHandle *;
using Event = struct EventHandle *;
using Graph = struct GraphHandle *;
using Node = struct NodeHandle *;
using GraphExec = struct GraphExecHandle *;

/// CUresult, as far as code tells them apart; describe() knows all.
enum Result : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kDeinitialized = 4,
  kStubLibrary = 34,
  kDeviceUnavailable = 46,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kNoBinaryForGpu = 209,
  kEccUncorrectable = 214,
  kPeerAccessUnsupported = 217,
  kNvlinkUncorrectable = 220,
  kUnsupportedPtxVersion = 222,
  kContained = 226,
  kInvalidHandle = 400,
  kIllegalState = 401,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kLaunchOutOfResources = 701,
  kLaunchTimeout = 702,
  kPeerAccessAlreadyEnabled = 704,
  kPeerAccessNotEnabled = 705,
  kContextIsDestroyed = 709,
  kAssert = 710,
  kHardwareStackError = 714,
  kIllegalInstruction = 715,
  kMisalignedAddress = 716,
  kInvalidAddressSpace = 717,
  kInvalidPc = 718,
  kLaunchFailed = 719,
  kTensorMemoryLeak = 721,
  kNotPermitted = 800,
  kNotSupported = 801,
  kMpsClientTerminated = 810,
  kExternalDevice = 911,
  kUnknown = 999,
};

/// Whether all work on the GPU has ended with this, and every later call of the
/// process says so.
constexpr bool isFault(Result result) {
  return (result >= kIllegalAddress && result <= kLaunchTimeout &&
          result != kLaunchOutOfResources) ||
         (result >= kContextIsDestroyed && result <= kTensorMemoryLeak) ||
         result == kEccUncorrectable || result == kNvlinkUncorrectable ||
         result == kContained || result == kMpsClientTerminated ||
         result == kExternalDevice;
}

/// CUdevice_attribute.
enum DeviceAttribute : int {
  kMaxThreadsPerBlock = 1,
  kMaxGridX = 5,
  kMaxSharedPerBlock = 8, ///< without asking for more
  kClockKilohertz = 13,
  kMultiprocessors = 16,
  kComputeMode = 20,
  kUnifiedAddressing = 41,
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
  kMaxSharedOptIn = 97, ///< static and dynamic, when asked for
};
/// CUcomputemode.
enum ComputeMode : int { kComputeDefault = 0, kComputeProhibited = 2 };

/// CUfunction_attribute.
enum FunctionAttribute : int {
  kFunctionMaxThreads = 0,
  kFunctionSharedBytes = 1, ///< static
  kFunctionRegisters = 4,
  kFunctionMaxDynamicShared = 8, ///< the only one that is set
};

enum HostAllocFlag : unsigned { kHostPortable = 1, kHostMapped = 2 };
enum StreamFlag : unsigned { kStreamNonBlocking = 1 };
enum EventFlag : unsigned { kEventDefault = 0, kEventNoTiming = 2 };

/// What `extra` of a launch lists: {kArgumentBuffer, bytes, kArgumentSize,
/// &size, kArgumentEnd}. Packed like this, a wrong number of arguments is an
/// error, not a read past an array.
inline void *const kArgumentEnd = nullptr;
inline void *const kArgumentBuffer = reinterpret_cast<void *>(1);
inline void *const kArgumentSize = reinterpret_cast<void *>(2);

/// CUlaunchAttributeID: the launch may begin before the one in front of it in
/// the stream has ended. In graphs an edge says so.
enum LaunchAttributeId : int { kProgrammaticSerialization = 6 };
struct LaunchAttribute {
  LaunchAttributeId id;
  char padding[4];
  union {
    char bytes[64];
    int programmaticSerialization;
  } value;
};
/// CUlaunchConfig.
struct LaunchConfig {
  unsigned gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes;
  Stream stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};

/// CUDA_KERNEL_NODE_PARAMS_v3.
struct KernelNode {
  Function function;
  unsigned gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes;
  void **parameters; ///< null: packed in `extra`
  void **extra;
  Kernel kernel; ///< read when there is no function
  Context context;
};
/// CUmemorytype.
enum MemoryType : int { kMemoryHost = 1, kMemoryDevice = 2 };
/// CUDA_MEMCPY3D_v2. A plain copy has width n, height 1, depth 1.
struct Copy3D {
  struct End {
    size_t x, y, z, level;
    MemoryType type;
    void *host;
    Address device;
    void *array, *reserved;
    size_t pitch, height;
  };
  End from, to;
  size_t widthBytes, height, depth;
};
/// CUDA_MEMCPY_NODE_PARAMS.
struct CopyNode {
  int flags, reserved; ///< zero
  Context context;
  Copy3D copy;
};
/// CUgraphNodeType.
enum NodeType : int { kKernelNode = 0, kCopyNode = 1 };
/// CUgraphNodeParams: zero what is not named.
struct NodeParams {
  NodeType type;
  int reserved0[3];
  union {
    long long reserved1[29];
    KernelNode kernel;
    CopyNode copy;
  };
  long long reserved2;
};
/// CUgraphEdgeData. {} says: after all of the earlier node; kProgrammaticEdge:
/// when all its blocks have let go or ended, to a kernel that waits itself.
struct Edge {
  unsigned char fromPort, toPort, type, reserved[5];
};
inline constexpr Edge kProgrammaticEdge = {1, 0, 1, {}};

/// CUDA_GRAPH_INSTANTIATE_PARAMS.
enum InstantiateFlag : uint64_t { kInstantiateUpload = 2 };
struct InstantiateParams {
  uint64_t flags;
  Stream uploadStream;
  Node failedNode;   ///< told
  int failureReason; ///< told: CUgraphInstantiateResult
};

/// Flags of cuGetProcAddress: null streams mean the old default stream, which
/// we never use.
inline constexpr uint64_t kLegacyStream = 1;

/// CUDA's version in cuDriverGetVersion()'s digits that our cubins and calls
/// need, and the driver that first had it.
inline constexpr int kNeededVersion = 13000;
inline constexpr const char *kNeededDriver = "r580";

} // namespace mm1::cuda

// MM1_CUDA_API(X): X(name, version of the signature, parameters) for each
// function, in the order in which a load first calls them.
#define MM1_CUDA_API(X)                                                        \
  X(cuDriverGetVersion, 2020, (int *version))                                  \
  X(cuGetErrorName, 6000, (Result, const char **name))                         \
  X(cuGetErrorString, 6000, (Result, const char **text))                       \
  X(cuInit, 2000, (unsigned flags))                                            \
  X(cuDeviceGetCount, 2000, (int *count))                                      \
  X(cuDeviceGet, 2000, (Device *, int ordinal))                                \
  X(cuDeviceGetName, 2000, (char *name, int sizeBytes, Device))                \
  X(cuDeviceGetAttribute, 2000, (int *value, DeviceAttribute, Device))         \
  X(cuDeviceTotalMem, 3020, (size_t *bytes, Device))                           \
  X(cuDeviceCanAccessPeer, 4000, (int *can, Device, Device peer))              \
  X(cuDevicePrimaryCtxRetain, 7000, (Context *, Device))                       \
  X(cuDevicePrimaryCtxRelease, 11000, (Device))                                \
  X(cuCtxSetCurrent, 4000, (Context))                                          \
  X(cuCtxEnablePeerAccess, 4000, (Context peer, unsigned flags))               \
  X(cuLibraryLoadData, 12000,                                                  \
    (Library *, const void *code, int *jitOptions, void **jitValues,           \
     unsigned numJitOptions, int *options, void **values,                      \
     unsigned numOptions))                                                     \
  X(cuLibraryUnload, 12000, (Library))                                         \
  X(cuLibraryGetKernel, 12000, (Kernel *, Library, const char *name))          \
  X(cuKernelGetFunction, 12000, (Function *, Kernel))                          \
  X(cuKernelGetAttribute, 12000,                                               \
    (int *value, FunctionAttribute, Kernel, Device))                           \
  X(cuKernelSetAttribute, 12000,                                               \
    (FunctionAttribute, int value, Kernel, Device))                            \
  X(cuKernelGetParamInfo, 12040,                                               \
    (Kernel, size_t index, size_t *offset, size_t *sizeBytes))                 \
  X(cuFuncLoad, 12040, (Function))                                             \
  X(cuMemGetInfo, 3020, (size_t *free, size_t *total))                         \
  X(cuMemAlloc, 3020, (Address *, size_t sizeBytes))                           \
  X(cuMemFree, 3020, (Address))                                                \
  X(cuMemHostAlloc, 2020, (void **, size_t sizeBytes, unsigned flags))         \
  X(cuMemFreeHost, 2000, (void *))                                             \
  X(cuMemcpyHtoDAsync, 3020,                                                   \
    (Address, const void *, size_t sizeBytes, Stream))                         \
  X(cuMemcpyDtoHAsync, 3020, (void *, Address, size_t sizeBytes, Stream))      \
  X(cuMemcpyDtoDAsync, 3020,                                                   \
    (Address to, Address from, size_t sizeBytes, Stream))                      \
  X(cuMemsetD8Async, 3020,                                                     \
    (Address, unsigned char value, size_t sizeBytes, Stream))                  \
  X(cuStreamCreate, 2000, (Stream *, unsigned flags))                          \
  X(cuStreamDestroy, 4000, (Stream))                                           \
  X(cuStreamSynchronize, 2000, (Stream))                                       \
  X(cuStreamQuery, 2000, (Stream))                                             \
  X(cuStreamWaitEvent, 3020, (Stream, Event, unsigned flags))                  \
  X(cuEventCreate, 2000, (Event *, unsigned flags))                            \
  X(cuEventDestroy, 4000, (Event))                                             \
  X(cuEventRecord, 2000, (Event, Stream))                                      \
  X(cuEventQuery, 2000, (Event))                                               \
  X(cuEventSynchronize, 2000, (Event))                                         \
  X(cuEventElapsedTime, 2000, (float *milliseconds, Event from, Event to))     \
  X(cuLaunchKernelEx, 11060,                                                   \
    (const LaunchConfig *, Function, void **parameters, void **extra))         \
  X(cuGraphCreate, 10000, (Graph *, unsigned flags))                           \
  X(cuGraphDestroy, 10000, (Graph))                                            \
  X(cuGraphAddNode, 12030,                                                     \
    (Node *, Graph, const Node *after, const Edge *, size_t numEdges,          \
     NodeParams *))                                                            \
  X(cuGraphInstantiateWithParams, 12000,                                       \
    (GraphExec *, Graph, InstantiateParams *))                                 \
  X(cuGraphUpload, 11010, (GraphExec, Stream))                                 \
  X(cuGraphLaunch, 10000, (GraphExec, Stream))                                 \
  X(cuGraphExecDestroy, 10000, (GraphExec))

namespace mm1 {

namespace cuda {

/// The functions themselves.
struct Functions {
#define MM1_DECLARE(name, version, parameters)                                 \
  Result(*name) parameters = nullptr;
  MM1_CUDA_API(MM1_DECLARE)
#undef MM1_DECLARE
};

} // namespace cuda

/// An open driver. Its library stays loaded to the end of the process, as
/// NVIDIA's must.
class CudaDriver : public cuda::Functions {
public:
  static constexpr const char *kDefaultLibrary = "libcuda.so.1";

  /// Loads `library`, a path or a name to search for. Machine error: there is
  /// none, it is older than r580, or it lacks a function.
  static Expected<CudaDriver> open(const std::string &library);

  /// "CUDA_ERROR_ILLEGAL_ADDRESS (700), an illegal memory access was
  /// encountered".
  std::string describe(cuda::Result result) const;

  /// A symbol of the library besides the API, or null.
  void *symbol(const char *name) const;

private:
  void *handle = nullptr;
};

} // namespace mm1
