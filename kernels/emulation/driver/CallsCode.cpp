//===- CallsCode.cpp - Cubins, kernels, and what stands for their code ----===//
#include "kernels/emulation/driver/HostBuild.h"
#include "kernels/emulation/driver/Launch.h"
#include "kernels/emulation/driver/Machine.h"

using namespace mm1::emulated;
using namespace mm1::cuda;

MM1_DRIVER_CALL cuLibraryLoadData(Library *library, const void *code,
                                  int *jitOptions, void **jitValues,
                                  unsigned numJitOptions, int *options,
                                  void **values, unsigned numOptions) {
  MM1_ENTER(Init);
  MM1_NOT_WHILE_CAPTURING();
  if (!library || !code || numJitOptions != 0 || numOptions != 0)
    return kInvalidValue;
  std::vector<std::byte> image = readImage(code);
  auto cubin = readCubin(image);
  if (!cubin) {
    m.report("cuLibraryLoadData: " + cubin.error().message);
    return kInvalidImage;
  }
  if (cubin->needsCuda13 && m.config.driver_version < kNeededVersion) {
    m.report("cuLibraryLoadData: a cubin of CUDA 13 needs driver " +
             std::string(kNeededDriver) + ", this one speaks version " +
             std::to_string(m.config.driver_version));
    return kNoBinaryForGpu;
  }
  int built = cubin->architecture, have = m.config.arch;
  if (built / 10 != have / 10 || built > have) {
    m.report("cuLibraryLoadData: a cubin for sm_" + std::to_string(built) +
             " on a device of sm_" + std::to_string(have));
    return kNoBinaryForGpu;
  }
  const mm1::emulation::ModuleFile *module = hostBuildOf(image);
  if (!module) {
    m.report("cuLibraryLoadData: no host module was given for this cubin; "
             "compile for a target emulated:sm_NN");
    return kNoBinaryForGpu;
  }
  auto made = std::make_unique<LibraryHandle>();
  for (auto &[name, info] : cubin->kernels) {
    auto kernel = std::make_unique<KernelHandle>();
    kernel->name = name;
    kernel->library = made.get();
    kernel->info = std::move(info);
    kernel->code = module->find(name);
    made->kernels[name] = m.kernels.add(std::move(kernel));
  }
  *library = m.libraries.add(std::move(made));
  return kSuccess;
}

MM1_DRIVER_CALL cuLibraryUnload(Library library) {
  MM1_ENTER(Init);
  if (!m.libraries.isLive(library))
    return kInvalidHandle;
  for (auto &[name, kernel] : library->kernels) {
    for (auto &[device, function] : kernel->functions)
      m.functions.kill(function);
    m.kernels.kill(kernel);
  }
  m.libraries.kill(library);
  return kSuccess;
}

MM1_DRIVER_CALL cuLibraryGetKernel(Kernel *kernel, Library library,
                                   const char *name) {
  MM1_ENTER(Init);
  if (!kernel || !name)
    return kInvalidValue;
  if (!m.libraries.isLive(library))
    return kInvalidHandle;
  auto it = library->kernels.find(name);
  if (it == library->kernels.end())
    return kNotFound;
  *kernel = it->second;
  return kSuccess;
}

MM1_DRIVER_CALL cuKernelGetFunction(Function *function, Kernel kernel) {
  MM1_ENTER(Context);
  if (!function)
    return kInvalidValue;
  if (!m.kernels.isLive(kernel))
    return kInvalidHandle;
  FunctionHandle *&made = kernel->functions[call.context->device];
  if (!made)
    made = m.functions.add(
        std::make_unique<FunctionHandle>(FunctionHandle{kernel, call.context}));
  *function = made;
  return kSuccess;
}

MM1_DRIVER_CALL cuKernelGetAttribute(int *value, FunctionAttribute attribute,
                                     Kernel kernel, Device device) {
  MM1_ENTER(Init);
  if (!value)
    return kInvalidValue;
  if (!m.kernels.isLive(kernel))
    return kInvalidHandle;
  if (!m.isDevice(device))
    return kInvalidDevice;
  switch (attribute) {
  case kFunctionMaxThreads:
    *value = static_cast<int>(kernel->info.maxThreads);
    return kSuccess;
  case kFunctionSharedBytes:
    *value = static_cast<int>(kernel->info.staticShared);
    return kSuccess;
  case kFunctionRegisters:
    *value = static_cast<int>(kernel->info.registers);
    return kSuccess;
  case kFunctionMaxDynamicShared: {
    auto asked = kernel->maxDynamicShared.find(device);
    *value = asked == kernel->maxDynamicShared.end() ? int(kSharedWithoutAsking)
                                                     : int(asked->second);
    return kSuccess;
  }
  }
  m.report("cuKernelGetAttribute: attribute " + std::to_string(int(attribute)) +
           " is not emulated");
  return kInvalidValue;
}

MM1_DRIVER_CALL cuKernelSetAttribute(FunctionAttribute attribute, int value,
                                     Kernel kernel, Device device) {
  MM1_ENTER(Init);
  if (!m.kernels.isLive(kernel))
    return kInvalidHandle;
  if (!m.isDevice(device))
    return kInvalidDevice;
  if (attribute != kFunctionMaxDynamicShared || value < 0 ||
      value + int64_t(kernel->info.staticShared) > m.maxSharedOptIn())
    return kInvalidValue;
  kernel->maxDynamicShared[device] = static_cast<uint32_t>(value);
  return kSuccess;
}

MM1_DRIVER_CALL cuKernelGetParamInfo(Kernel kernel, size_t index,
                                     size_t *offset, size_t *sizeBytes) {
  MM1_ENTER(Init);
  if (!m.kernels.isLive(kernel))
    return kInvalidHandle;
  if (!offset || index >= kernel->info.parameters.size())
    return kInvalidValue;
  *offset = kernel->info.parameters[index].offset;
  if (sizeBytes)
    *sizeBytes = kernel->info.parameters[index].size;
  return kSuccess;
}

MM1_DRIVER_CALL cuFuncLoad(Function function) {
  MM1_ENTER(Context);
  MM1_NOT_WHILE_CAPTURING();
  return m.functions.isLive(function) ? kSuccess : kInvalidHandle;
}
