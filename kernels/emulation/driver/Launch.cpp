//===- Launch.cpp - cuLaunchKernelEx and what a launch may ask for --------===//
#include "kernels/emulation/driver/Launch.h"
#include "kernels/emulation/driver/Machine.h"
#include "kernels/emulation/driver/Schedule.h"

#include <cstring>

using namespace mm1::cuda;

namespace mm1::emulated {

namespace {

/// Copies packed arguments; false when they are not as many bytes as the
/// kernel's parameters.
Result copyPacked(Call &call, const KernelHandle &kernel, void **extra,
                  KernelWork &work) {
  const void *bytes = nullptr;
  size_t size = 0;
  constexpr int kMaxItems = 4;
  for (int i = 0; *extra != kArgumentEnd; ++i, extra += 2) {
    if (i == kMaxItems)
      return kInvalidValue;
    if (*extra == kArgumentBuffer)
      bytes = extra[1];
    else if (*extra == kArgumentSize)
      size = *static_cast<size_t *>(extra[1]);
    else
      return kInvalidValue;
  }
  if (size != kernel.info.parameterBytes || (size > 0 && !bytes)) {
    call.m.report("'" + kernel.name + "' is launched with " +
                  std::to_string(size) + " bytes of arguments; it takes " +
                  std::to_string(kernel.info.parameters.size()) +
                  " parameters, " + std::to_string(kernel.info.parameterBytes) +
                  " bytes");
    return kInvalidValue;
  }
  std::memcpy(work.arguments.data(), bytes, size);
  return kSuccess;
}

} // namespace

Result makeLaunch(Call &call, const LaunchRequest &request, KernelWork &work) {
  Machine &m = call.m;
  const KernelHandle &kernel = *request.kernel;
  auto refuse = [&](const std::string &why, Result code = kInvalidValue) {
    m.report("'" + kernel.name + "' is launched with " + why);
    return code;
  };
  const unsigned *grid = request.grid, *block = request.block;
  if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0 || grid[0] > INT32_MAX ||
      grid[1] > 65535 || grid[2] > 65535)
    return refuse("an empty or too large grid");
  uint64_t threads = uint64_t(block[0]) * block[1] * block[2];
  if (threads == 0 || threads > 1024)
    return refuse(std::to_string(threads) +
                  " threads in a block; from 1 to 1024 are possible");
  if (threads > kernel.info.maxThreads)
    return refuse(std::to_string(threads) +
                  " threads in a block; it was compiled for " +
                  std::to_string(kernel.info.maxThreads));
  if (grid[1] != 1 || grid[2] != 1 || block[1] != 1 || block[2] != 1)
    return refuse("more than one dimension, which is not emulated",
                  kNotSupported);

  auto asked = kernel.maxDynamicShared.find(call.context->device);
  uint32_t limit = asked == kernel.maxDynamicShared.end() ? kSharedWithoutAsking
                                                          : asked->second;
  if (request.dynamicShared > limit)
    return refuse(std::to_string(request.dynamicShared) +
                  " bytes of dynamic shared memory; " + std::to_string(limit) +
                  " are allowed" +
                  (limit == kSharedWithoutAsking
                       ? " without cuKernelSetAttribute("
                         "MAX_DYNAMIC_SHARED_SIZE_BYTES)"
                       : ""));
  if (request.dynamicShared + kernel.info.staticShared >
      std::max(uint32_t(m.maxSharedOptIn()), kSharedWithoutAsking))
    return refuse(std::to_string(kernel.info.staticShared) + " + " +
                  std::to_string(request.dynamicShared) +
                  " bytes of shared memory; the device has " +
                  std::to_string(m.maxSharedOptIn()));
  if (request.programmatic && m.config.arch < 90)
    return refuse("leave to overlap the kernel before it, which needs sm_90",
                  kNotSupported);
  if (!request.parameters == !request.extra && kernel.info.parameterBytes > 0)
    return refuse("no arguments, or with two lists of them");

  work = {request.kernel, grid[0], static_cast<uint32_t>(threads),
          std::vector<std::byte>(kernel.info.parameterBytes),
          request.programmatic};
  if (request.extra)
    return copyPacked(call, kernel, request.extra, work);
  for (size_t i = 0; i < kernel.info.parameters.size(); ++i)
    std::memcpy(work.arguments.data() + kernel.info.parameters[i].offset,
                request.parameters[i], kernel.info.parameters[i].size);
  return kSuccess;
}

} // namespace mm1::emulated

using namespace mm1::emulated;

MM1_DRIVER_CALL cuLaunchKernelEx(const LaunchConfig *config, Function function,
                                 void **parameters, void **extra) {
  MM1_ENTER(Context);
  if (!config)
    return kInvalidValue;
  if (!m.functions.isLive(function) || function->context != call.context)
    return kInvalidHandle;
  Stream stream = config->stream;
  if (!m.streams.isLive(stream)) {
    if (!stream)
      m.report("cuLaunchKernelEx uses the default stream");
    return kInvalidHandle;
  }
  if (stream->context != call.context)
    return kInvalidHandle;
  bool programmatic = false;
  for (unsigned i = 0; i < config->numAttributes; ++i) {
    const LaunchAttribute &attribute = config->attributes[i];
    constexpr int kIgnore = 0;
    if (int(attribute.id) == kIgnore)
      continue;
    if (attribute.id != kProgrammaticSerialization) {
      m.report("cuLaunchKernelEx: launch attribute " +
               std::to_string(int(attribute.id)) + " is not emulated");
      return kNotSupported;
    }
    programmatic = attribute.value.programmaticSerialization != 0;
  }
  KernelWork work;
  Result result = makeLaunch(call,
                             {function->kernel,
                              {config->gridX, config->gridY, config->gridZ},
                              {config->blockX, config->blockY, config->blockZ},
                              config->sharedBytes,
                              programmatic,
                              parameters,
                              extra},
                             work);
  if (result != kSuccess)
    return result;
  return give(call, *stream, {std::move(work), {}});
}
