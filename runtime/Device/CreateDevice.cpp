//===- CreateDevice.cpp - The device a user asks for ----------------------===//
#include "runtime/Device/CreateDevice.h"

#include <algorithm>

namespace mm1 {

Expected<std::unique_ptr<Device>> createDevice(const DeviceOptions &options,
                                               const Plan &plan) {
  auto isForCpu = [](const Plan::Module &module) {
    return module.device == DeviceKind::CPU && !module.hostOf;
  };
  std::string name = options.name;
  if (name == "auto")
    name = std::any_of(plan.modules.begin(), plan.modules.end(), isForCpu)
               ? "cpu"
               : "cuda";
  if (name == "cuda" || name == "emulated")
    return machineError("this mm1-run has no device '" + name +
                        "' yet; compile with --target cpu and use --device "
                        "cpu");
  if (name != "cpu")
    return usageError("--device is '" + name +
                      "'; expected auto, cpu, cuda or emulated");
  auto device = CpuDevice::create(options.cpu);
  if (!device)
    return device.takeError();
  return std::unique_ptr<Device>(std::move(*device));
}

} // namespace mm1
