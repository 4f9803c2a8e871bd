//===- CudaDriver.cpp - Find a CUDA driver and its functions --------------===//
#include "runtime/Device/CudaDriver.h"

#include <dlfcn.h>

namespace mm1 {

using namespace cuda;

namespace {

/// cuGetProcAddress_v2, the one function that is found by dlsym. An unknown
/// name is a success with a null pointer.
using GetProcAddress = Result (*)(const char *name, void **function,
                                  int version, uint64_t flags, int *status);

/// Nothing to do with a driver but to install another.
const std::string kInstall = std::string("; install NVIDIA driver ") +
                             kNeededDriver +
                             " or newer, or run an artifact that was compiled "
                             "with --target cpu";

/// 13010 as "13.1".
std::string versionText(int version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

} // namespace

Expected<CudaDriver> CudaDriver::open(const std::string &library) {
  CudaDriver driver;
  driver.handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!driver.handle)
    return machineError("no CUDA driver: " + std::string(::dlerror()) +
                        kInstall);
  auto get = reinterpret_cast<GetProcAddress>(
      ::dlsym(driver.handle, "cuGetProcAddress_v2"));
  if (!get)
    return machineError(library +
                        ": has no cuGetProcAddress_v2, so it is no "
                        "CUDA driver, or one from before CUDA 12.0" +
                        kInstall);
  auto find = [&]<typename Signature>(const char *name, int version,
                                      Signature *&function) {
    void *found = nullptr;
    if (get(name, &found, version, kLegacyStream, nullptr) != kSuccess)
      found = nullptr;
    function = reinterpret_cast<Signature *>(found);
    return found != nullptr;
  };
  // An old driver lacks functions too, but its age says more.
  if (find("cuDriverGetVersion", 2020, driver.cuDriverGetVersion)) {
    int version = 0;
    Result result = driver.cuDriverGetVersion(&version);
    if (result != kSuccess)
      return machineError(library + ": cuDriverGetVersion: code " +
                          std::to_string(result) + kInstall);
    if (version < kNeededVersion)
      return machineError(library + ": this driver knows CUDA " +
                          versionText(version) +
                          "; the GPU's kernels need CUDA " +
                          versionText(kNeededVersion) + kInstall);
  }
  std::string missing;
#define MM1_FIND(name, version, parameters)                                    \
  if (!find(#name, version, driver.name))                                      \
    missing += std::string(missing.empty() ? "" : ", ") + #name;
  MM1_CUDA_API(MM1_FIND)
#undef MM1_FIND
  if (!missing.empty())
    return machineError(library + ": lacks " + missing + kInstall);
  return driver;
}

std::string CudaDriver::describe(Result result) const {
  const char *name = nullptr, *text = nullptr;
  std::string number = std::to_string(int(result));
  if (cuGetErrorName(result, &name) != kSuccess || !name)
    return "code " + number;
  std::string line = std::string(name) + " (" + number + ")";
  if (cuGetErrorString(result, &text) == kSuccess && text)
    line += std::string(", ") + text;
  return line;
}

void *CudaDriver::symbol(const char *name) const {
  return ::dlsym(handle, name);
}

} // namespace mm1
