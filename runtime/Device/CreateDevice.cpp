//===- CreateDevice.cpp - The device a user asks for ----------------------===//
#include "runtime/Device/CreateDevice.h"

#include <algorithm>
#include <filesystem>

namespace mm1 {

namespace {

constexpr const char *kEmulatedDriver = "libcuda-emulated.so";

/// Where the emulated driver lies: beside this program, or in the folder of
/// libraries next to that, as installed and as built.
std::string findEmulatedDriver() {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const char *place : {".", "../lib"})
    if (fs::path path = folder / place / kEmulatedDriver;
        fs::exists(path, error))
      return path.lexically_normal().string();
  return kEmulatedDriver; // where the system looks
}

bool hasModule(const Plan &plan, DeviceKind device, bool isHostOfAnother) {
  return std::any_of(plan.modules.begin(), plan.modules.end(),
                     [&](const Plan::Module &module) {
                       return module.device == device &&
                              module.hostOf.has_value() == isHostOfAnother;
                     });
}

/// The device that the artifact was compiled for.
std::string nativeDevice(const Plan &plan) {
  if (hasModule(plan, DeviceKind::CPU, false))
    return "cpu";
  return hasModule(plan, DeviceKind::CPU, true) ? "emulated" : "cuda";
}

} // namespace

Expected<std::unique_ptr<Device>> createDevice(const DeviceOptions &options,
                                               const Plan &plan) {
  std::string name = options.name == "auto" ? nativeDevice(plan) : options.name;
  if (name == "cpu") {
    auto device = CpuDevice::create(options.cpu);
    if (!device)
      return device.takeError();
    return std::unique_ptr<Device>(std::move(*device));
  }
  if (name != "cuda" && name != "emulated")
    return usageError("--device is '" + name +
                      "'; expected auto, cpu, cuda or emulated");
  // Sooner than that there is no GPU.
  if (!hasModule(plan, DeviceKind::CUDA, false))
    return machineError("the artifact has no kernels for a GPU; recompile with "
                        "--target of the GPU, or use --device cpu");
  if (name == "emulated" && !hasModule(plan, DeviceKind::CPU, true))
    return machineError("the artifact has no kernels for an emulated GPU; "
                        "recompile with --target emulated:" +
                        architecturesOf(plan) + ", or use --device cuda");
  CudaDevice::Options cuda = options.cuda;
  if (name == "emulated" && cuda.library == CudaDriver::kDefaultLibrary)
    cuda.library = findEmulatedDriver();
  auto device = CudaDevice::create(cuda);
  if (!device)
    return device.takeError();
  return std::unique_ptr<Device>(std::move(*device));
}

} // namespace mm1
