// Compiles only where CudaDriver.h says what cuda.h says. CTest compiles it,
// nothing links it, and nothing else of the project sees NVIDIA's headers.

// First: it renames functions by macros, ours with them.
#include <cuda.h>

#include "runtime/Device/CudaDriver.h"

#include <cudaTypedefs.h>
#include <type_traits>

using namespace mm1::cuda;

#define SAME(ours, theirs)                                                     \
  static_assert((long long)(ours) == (long long)(theirs), #ours)
SAME(kSuccess, CUDA_SUCCESS);
SAME(kInvalidValue, CUDA_ERROR_INVALID_VALUE);
SAME(kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
SAME(kNotInitialized, CUDA_ERROR_NOT_INITIALIZED);
SAME(kDeinitialized, CUDA_ERROR_DEINITIALIZED);
SAME(kStubLibrary, CUDA_ERROR_STUB_LIBRARY);
SAME(kDeviceUnavailable, CUDA_ERROR_DEVICE_UNAVAILABLE);
SAME(kNoDevice, CUDA_ERROR_NO_DEVICE);
SAME(kInvalidDevice, CUDA_ERROR_INVALID_DEVICE);
SAME(kInvalidImage, CUDA_ERROR_INVALID_IMAGE);
SAME(kInvalidContext, CUDA_ERROR_INVALID_CONTEXT);
SAME(kNoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
SAME(kEccUncorrectable, CUDA_ERROR_ECC_UNCORRECTABLE);
SAME(kPeerAccessUnsupported, CUDA_ERROR_PEER_ACCESS_UNSUPPORTED);
SAME(kNvlinkUncorrectable, CUDA_ERROR_NVLINK_UNCORRECTABLE);
SAME(kUnsupportedPtxVersion, CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
SAME(kContained, CUDA_ERROR_CONTAINED);
SAME(kInvalidHandle, CUDA_ERROR_INVALID_HANDLE);
SAME(kIllegalState, CUDA_ERROR_ILLEGAL_STATE);
SAME(kNotFound, CUDA_ERROR_NOT_FOUND);
SAME(kNotReady, CUDA_ERROR_NOT_READY);
SAME(kIllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS);
SAME(kLaunchOutOfResources, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
SAME(kLaunchTimeout, CUDA_ERROR_LAUNCH_TIMEOUT);
SAME(kPeerAccessAlreadyEnabled, CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
SAME(kPeerAccessNotEnabled, CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
SAME(kContextIsDestroyed, CUDA_ERROR_CONTEXT_IS_DESTROYED);
SAME(kAssert, CUDA_ERROR_ASSERT);
SAME(kHardwareStackError, CUDA_ERROR_HARDWARE_STACK_ERROR);
SAME(kIllegalInstruction, CUDA_ERROR_ILLEGAL_INSTRUCTION);
SAME(kMisalignedAddress, CUDA_ERROR_MISALIGNED_ADDRESS);
SAME(kInvalidAddressSpace, CUDA_ERROR_INVALID_ADDRESS_SPACE);
SAME(kInvalidPc, CUDA_ERROR_INVALID_PC);
SAME(kLaunchFailed, CUDA_ERROR_LAUNCH_FAILED);
SAME(kTensorMemoryLeak, CUDA_ERROR_TENSOR_MEMORY_LEAK);
SAME(kNotPermitted, CUDA_ERROR_NOT_PERMITTED);
SAME(kNotSupported, CUDA_ERROR_NOT_SUPPORTED);
SAME(kMpsClientTerminated, CUDA_ERROR_MPS_CLIENT_TERMINATED);
SAME(kExternalDevice, CUDA_ERROR_EXTERNAL_DEVICE);
SAME(kUnknown, CUDA_ERROR_UNKNOWN);

SAME(kMaxThreadsPerBlock, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
SAME(kMaxGridX, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X);
SAME(kMaxSharedPerBlock, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK);
SAME(kClockKilohertz, CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
SAME(kMultiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME(kComputeMode, CU_DEVICE_ATTRIBUTE_COMPUTE_MODE);
SAME(kUnifiedAddressing, CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING);
SAME(kCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME(kCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
SAME(kMaxSharedOptIn, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
SAME(kComputeDefault, CU_COMPUTEMODE_DEFAULT);
SAME(kComputeProhibited, CU_COMPUTEMODE_PROHIBITED);
SAME(kFunctionMaxThreads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
SAME(kFunctionSharedBytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
SAME(kFunctionRegisters, CU_FUNC_ATTRIBUTE_NUM_REGS);
SAME(kFunctionMaxDynamicShared,
     CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
SAME(kHostPortable, CU_MEMHOSTALLOC_PORTABLE);
SAME(kHostMapped, CU_MEMHOSTALLOC_DEVICEMAP);
SAME(kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
SAME(kEventDefault, CU_EVENT_DEFAULT);
SAME(kEventNoTiming, CU_EVENT_DISABLE_TIMING);
SAME(kProgrammaticSerialization,
     CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
SAME(kMemoryHost, CU_MEMORYTYPE_HOST);
SAME(kMemoryDevice, CU_MEMORYTYPE_DEVICE);
SAME(kKernelNode, CU_GRAPH_NODE_TYPE_KERNEL);
SAME(kCopyNode, CU_GRAPH_NODE_TYPE_MEMCPY);
SAME(kProgrammaticEdge.fromPort, CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC);
SAME(kProgrammaticEdge.type, CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC);
SAME(kInstantiateUpload, CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD);
SAME(kLegacyStream, CU_GET_PROC_ADDRESS_LEGACY_STREAM);
// Of kArgumentEnd, kArgumentBuffer and kArgumentSize, which are pointers.
SAME(0, CU_LAUNCH_PARAM_END_AS_INT);
SAME(1, CU_LAUNCH_PARAM_BUFFER_POINTER_AS_INT);
SAME(2, CU_LAUNCH_PARAM_BUFFER_SIZE_AS_INT);

#define FIELD(ours, field, theirs, theirField)                                 \
  static_assert(sizeof(ours) == sizeof(theirs) &&                              \
                    offsetof(ours, field) == offsetof(theirs, theirField),     \
                #ours "." #field)
FIELD(LaunchAttribute, value, CUlaunchAttribute, value);
FIELD(LaunchConfig, gridX, CUlaunchConfig, gridDimX);
FIELD(LaunchConfig, blockX, CUlaunchConfig, blockDimX);
FIELD(LaunchConfig, sharedBytes, CUlaunchConfig, sharedMemBytes);
FIELD(LaunchConfig, stream, CUlaunchConfig, hStream);
FIELD(LaunchConfig, attributes, CUlaunchConfig, attrs);
FIELD(LaunchConfig, numAttributes, CUlaunchConfig, numAttrs);
FIELD(KernelNode, gridX, CUDA_KERNEL_NODE_PARAMS_v3, gridDimX);
FIELD(KernelNode, sharedBytes, CUDA_KERNEL_NODE_PARAMS_v3, sharedMemBytes);
FIELD(KernelNode, parameters, CUDA_KERNEL_NODE_PARAMS_v3, kernelParams);
FIELD(KernelNode, extra, CUDA_KERNEL_NODE_PARAMS_v3, extra);
FIELD(KernelNode, kernel, CUDA_KERNEL_NODE_PARAMS_v3, kern);
FIELD(KernelNode, context, CUDA_KERNEL_NODE_PARAMS_v3, ctx);
FIELD(Copy3D, from.type, CUDA_MEMCPY3D_v2, srcMemoryType);
FIELD(Copy3D, from.host, CUDA_MEMCPY3D_v2, srcHost);
FIELD(Copy3D, from.device, CUDA_MEMCPY3D_v2, srcDevice);
FIELD(Copy3D, from.pitch, CUDA_MEMCPY3D_v2, srcPitch);
FIELD(Copy3D, to.x, CUDA_MEMCPY3D_v2, dstXInBytes);
FIELD(Copy3D, to.type, CUDA_MEMCPY3D_v2, dstMemoryType);
FIELD(Copy3D, to.device, CUDA_MEMCPY3D_v2, dstDevice);
FIELD(Copy3D, widthBytes, CUDA_MEMCPY3D_v2, WidthInBytes);
FIELD(Copy3D, depth, CUDA_MEMCPY3D_v2, Depth);
FIELD(CopyNode, context, CUDA_MEMCPY_NODE_PARAMS, copyCtx);
FIELD(CopyNode, copy, CUDA_MEMCPY_NODE_PARAMS, copyParams);
FIELD(NodeParams, type, CUgraphNodeParams, type);
FIELD(NodeParams, kernel, CUgraphNodeParams, kernel);
FIELD(NodeParams, copy, CUgraphNodeParams, memcpy);
FIELD(NodeParams, reserved2, CUgraphNodeParams, reserved2);
FIELD(InstantiateParams, uploadStream, CUDA_GRAPH_INSTANTIATE_PARAMS,
      hUploadStream);
FIELD(InstantiateParams, failedNode, CUDA_GRAPH_INSTANTIATE_PARAMS,
      hErrNode_out);
FIELD(InstantiateParams, failureReason, CUDA_GRAPH_INSTANTIATE_PARAMS,
      result_out);
FIELD(Edge, fromPort, CUgraphEdgeData, from_port);
FIELD(Edge, toPort, CUgraphEdgeData, to_port);
FIELD(Edge, type, CUgraphEdgeData, type);
static_assert(sizeof(Result) == sizeof(CUresult));
static_assert(sizeof(Address) == sizeof(CUdeviceptr));

// NVIDIA's typedef of each name and version takes as many parameters, of the
// same sizes, and pointers where ours are pointers.
template <typename A, typename B>
constexpr bool kAreAlike =
    sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B>;
template <typename A, typename B> constexpr bool kSameCall = false;
template <typename... A, typename... B>
  requires(sizeof...(A) == sizeof...(B))
constexpr bool kSameCall<Result (*)(A...), CUresult (*)(B...)> =
    (kAreAlike<A, B> && ...);
#define CALL(name, version, parameters)                                        \
  static_assert(kSameCall<decltype(Functions::name), PFN_##name##_v##version>, \
                #name);
MM1_CUDA_API(CALL)
