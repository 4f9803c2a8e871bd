//===- CreateDevice.h - The device a user asks for ------------------------===//
// `mm1-run --device NAME`:
//
//   auto       the one that the artifact was compiled for
//   cpu        CpuDevice.h
//   cuda       a GPU
//   emulated   a GPU's driver on the processor, for tests
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CpuDevice.h"

namespace mm1 {

struct DeviceOptions {
  std::string name = "auto";
  CpuDevice::Options cpu; ///< for a cpu
};

/// The device to load `plan` onto. Usage error: an unknown name; machine error:
/// a device that this program does not have.
Expected<std::unique_ptr<Device>> createDevice(const DeviceOptions &options,
                                               const Plan &plan);

} // namespace mm1
