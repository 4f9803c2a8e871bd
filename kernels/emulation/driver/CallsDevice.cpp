//===- CallsDevice.cpp - Devices, contexts and errors ---------------------===//
#include "kernels/emulation/driver/HostBuild.h"
#include "kernels/emulation/driver/Machine.h"
#include "kernels/emulation/driver/Schedule.h"

#include <algorithm>
#include <cstdio>

using namespace mm1::emulated;
using namespace mm1::cuda;

namespace {

struct ErrorText {
  Result code;
  const char *name;
  const char *text;
};

// The names are CUDA's, the sentences ours.
constexpr ErrorText kErrors[] = {
    {kSuccess, "CUDA_SUCCESS", "no error"},
    {kInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "cuInit was not called"},
    {kDeinitialized, "CUDA_ERROR_DEINITIALIZED", "the driver is shut down"},
    {kStubLibrary, "CUDA_ERROR_STUB_LIBRARY", "a stub, not a driver"},
    {kDeviceUnavailable, "CUDA_ERROR_DEVICE_UNAVAILABLE", "the GPU is busy"},
    {kNoDevice, "CUDA_ERROR_NO_DEVICE", "no GPU was found"},
    {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "no such GPU"},
    {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE", "no cubin, or a damaged one"},
    {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "no context is current"},
    {kNoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no code for this architecture"},
    {kEccUncorrectable, "CUDA_ERROR_ECC_UNCORRECTABLE",
     "uncorrectable memory error"},
    {kPeerAccessUnsupported, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED",
     "the GPUs cannot reach each other's memory"},
    {kNvlinkUncorrectable, "CUDA_ERROR_NVLINK_UNCORRECTABLE",
     "uncorrectable NVLink error"},
    {kUnsupportedPtxVersion, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "PTX newer than the driver"},
    {kContained, "CUDA_ERROR_CONTAINED", "contained memory error"},
    {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid handle"},
    {kIllegalState, "CUDA_ERROR_ILLEGAL_STATE", "not in this state"},
    {kNotFound, "CUDA_ERROR_NOT_FOUND", "no such name"},
    {kNotReady, "CUDA_ERROR_NOT_READY", "not ready"},
    {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS",
     "a kernel touched an illegal address"},
    {kLaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources asked for"},
    {kLaunchTimeout, "CUDA_ERROR_LAUNCH_TIMEOUT", "a kernel took too long"},
    {kPeerAccessAlreadyEnabled, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED",
     "peer access was enabled before"},
    {kPeerAccessNotEnabled, "CUDA_ERROR_PEER_ACCESS_NOT_ENABLED",
     "peer access was not enabled"},
    {kContextIsDestroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED",
     "the context is destroyed"},
    {kAssert, "CUDA_ERROR_ASSERT", "an assertion in a kernel failed"},
    {kHardwareStackError, "CUDA_ERROR_HARDWARE_STACK_ERROR", "stack error"},
    {kIllegalInstruction, "CUDA_ERROR_ILLEGAL_INSTRUCTION",
     "illegal instruction"},
    {kMisalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {kInvalidAddressSpace, "CUDA_ERROR_INVALID_ADDRESS_SPACE",
     "address of another kind of memory"},
    {kInvalidPc, "CUDA_ERROR_INVALID_PC", "invalid program counter"},
    {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "a kernel failed"},
    {kTensorMemoryLeak, "CUDA_ERROR_TENSOR_MEMORY_LEAK",
     "tensor memory was not freed"},
    {kNotPermitted, "CUDA_ERROR_NOT_PERMITTED", "not permitted"},
    {kNotSupported, "CUDA_ERROR_NOT_SUPPORTED", "not supported"},
    {kMpsClientTerminated, "CUDA_ERROR_MPS_CLIENT_TERMINATED",
     "ended by the multi-process service"},
    {kExternalDevice, "CUDA_ERROR_EXTERNAL_DEVICE",
     "an error outside of the GPU"},
    {kUnknown, "CUDA_ERROR_UNKNOWN", "unknown error"},
    {Result(900), "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "not allowed while a stream captures"},
    {Result(901), "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "the capture was spoilt before"},
    {Result(904), "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
     "a captured stream was not joined back"},
    {Result(905), "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "a dependency crosses the bounds of a capture"},
    {Result(907), "CUDA_ERROR_CAPTURED_EVENT",
     "the event was recorded in a capture"},
};

Result errorText(Result code, const char **to, const char *ErrorText::*field) {
  for (const ErrorText &error : kErrors)
    if (error.code == code) {
      *to = error.*field;
      return kSuccess;
    }
  *to = nullptr;
  return kInvalidValue;
}

} // namespace

MM1_DRIVER_CALL cuGetErrorName(Result code, const char **name) {
  return name ? errorText(code, name, &ErrorText::name) : kInvalidValue;
}

MM1_DRIVER_CALL cuGetErrorString(Result code, const char **text) {
  return text ? errorText(code, text, &ErrorText::text) : kInvalidValue;
}

MM1_DRIVER_CALL cuDriverGetVersion(int *version) {
  MM1_ENTER(Nothing);
  if (!version)
    return kInvalidValue;
  *version = m.config.driver_version;
  return kSuccess;
}

MM1_DRIVER_CALL cuInit(unsigned flags) {
  MM1_ENTER(Nothing);
  if (flags != 0)
    return kInvalidValue;
  if (m.config.devices <= 0)
    return kNoDevice;
  if (m.isInitialized)
    return kSuccess;
  if (m.config.devices > kMaxDevices ||
      !m.memory.reserve(m.config.devices, m.config.memory_bytes))
    return kOutOfMemory;
  constexpr int kDefaultArchitecture = 90;
  if (m.config.arch == 0)
    m.config.arch =
        m.addedArchitecture ? m.addedArchitecture : kDefaultArchitecture;
  m.isInitialized = true;
  if (hasCheckedHostBuild())
    m.startChecking();
  return kSuccess;
}

MM1_DRIVER_CALL cuDeviceGetCount(int *count) {
  MM1_ENTER(Init);
  if (!count)
    return kInvalidValue;
  *count = m.config.devices;
  return kSuccess;
}

MM1_DRIVER_CALL cuDeviceGet(Device *device, int ordinal) {
  MM1_ENTER(Init);
  if (!device)
    return kInvalidValue;
  if (!m.isDevice(ordinal))
    return kInvalidDevice;
  *device = ordinal;
  return kSuccess;
}

MM1_DRIVER_CALL cuDeviceGetName(char *name, int sizeBytes, Device device) {
  MM1_ENTER(Init);
  if (!name || sizeBytes <= 0)
    return kInvalidValue;
  if (!m.isDevice(device))
    return kInvalidDevice;
  std::snprintf(name, static_cast<size_t>(sizeBytes), "Emulated sm_%d",
                m.config.arch);
  return kSuccess;
}

MM1_DRIVER_CALL cuDeviceGetAttribute(int *value, DeviceAttribute attribute,
                                     Device device) {
  MM1_ENTER(Init);
  if (!value)
    return kInvalidValue;
  if (!m.isDevice(device))
    return kInvalidDevice;
  switch (attribute) {
  case kMaxThreadsPerBlock:
    *value = 1024;
    return kSuccess;
  case kMaxGridX:
    *value = INT32_MAX;
    return kSuccess;
  case kMaxSharedPerBlock:
    *value = 48 << 10;
    return kSuccess;
  case kClockKilohertz:
    *value = 1'000'000;
    return kSuccess;
  case kMultiprocessors:
    *value = 2;
    return kSuccess;
  case kComputeMode:
    *value = m.config.compute_mode;
    return kSuccess;
  case kUnifiedAddressing:
    *value = 1;
    return kSuccess;
  case kCapabilityMajor:
    *value = m.config.arch / 10;
    return kSuccess;
  case kCapabilityMinor:
    *value = m.config.arch % 10;
    return kSuccess;
  case kMaxSharedOptIn:
    *value = m.maxSharedOptIn();
    return kSuccess;
  }
  m.report("cuDeviceGetAttribute: attribute " + std::to_string(int(attribute)) +
           " is not emulated");
  return kInvalidValue;
}

MM1_DRIVER_CALL cuDeviceTotalMem(size_t *bytes, Device device) {
  MM1_ENTER(Init);
  if (!bytes)
    return kInvalidValue;
  if (!m.isDevice(device))
    return kInvalidDevice;
  *bytes = m.config.memory_bytes;
  return kSuccess;
}

static bool canReach(const Machine &m, int device, int peer) {
  return m.config.peers >> (8 * device + peer) & 1;
}

MM1_DRIVER_CALL cuDeviceCanAccessPeer(int *can, Device device, Device peer) {
  MM1_ENTER(Init);
  if (!can)
    return kInvalidValue;
  if (!m.isDevice(device) || !m.isDevice(peer))
    return kInvalidDevice;
  *can = device != peer && canReach(m, device, peer);
  return kSuccess;
}

MM1_DRIVER_CALL cuDevicePrimaryCtxRetain(Context *context, Device device) {
  MM1_ENTER(Init);
  if (!context)
    return kInvalidValue;
  if (!m.isDevice(device))
    return kInvalidDevice;
  if (m.config.compute_mode == kComputeProhibited)
    return kUnknown;
  *context = &m.contexts[device];
  ++(*context)->retained;
  return (*context)->sticky;
}

MM1_DRIVER_CALL cuDevicePrimaryCtxRelease(Device device) {
  MM1_ENTER(Init);
  if (!m.isDevice(device))
    return kInvalidDevice;
  ContextHandle &context = m.contexts[device];
  if (context.retained == 0)
    return kInvalidContext;
  if (--context.retained > 0)
    return kSuccess;
  // What was forgotten goes with the context: a leak.
  for (const auto &[address, block] : m.memory.all())
    if (block.live && block.region == device) {
      m.report("device " + std::to_string(device) +
               "'s last context was released while memory of it was not freed");
      break;
    }
  return kSuccess;
}

MM1_DRIVER_CALL cuCtxSetCurrent(Context context) {
  MM1_ENTER(Init);
  if (context && (!m.isContext(context) || context->retained == 0))
    return kInvalidContext;
  setCurrentContext(context);
  return kSuccess;
}

MM1_DRIVER_CALL cuCtxEnablePeerAccess(Context peer, unsigned flags) {
  MM1_ENTER(Context);
  MM1_NOT_WHILE_CAPTURING();
  if (flags != 0)
    return kInvalidValue;
  if (!m.isContext(peer) || peer->retained == 0 || peer == call.context)
    return kInvalidContext;
  if (!canReach(m, call.context->device, peer->device))
    return kPeerAccessUnsupported;
  uint64_t bit = uint64_t(1) << peer->device;
  if (call.context->reach & bit)
    return kPeerAccessAlreadyEnabled;
  call.context->reach |= bit;
  return kSuccess;
}

MM1_DRIVER_CALL cuCtxSynchronize() {
  MM1_ENTER(Context);
  MM1_NOT_WHILE_CAPTURING();
  auto isIdle = [&] {
    return std::all_of(m.streams.begin(), m.streams.end(), [&](auto &stream) {
      return stream->context != call.context || stream->isIdle();
    });
  };
  Result result = workUntil(call, isIdle);
  for (const auto &stream : m.streams)
    if (stream->context == call.context)
      join(m.host, stream->all);
  return result;
}
