//===- CreateDevice.h - The device a user asks for ------------------------===//
// `mm1-run --device NAME`:
//
//   auto       the one that the artifact was compiled for
//   cpu        CpuDevice.h
//   cuda       CudaDevice.h, on a GPU
//   emulated   the same on libcuda-emulated.so, which runs the kernels' text on
//              the processor: to try and to test
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Device/CpuDevice.h"
#include "runtime/Device/CudaDevice.h"

namespace mm1 {

struct DeviceOptions {
  std::string name = "auto";
  CpuDevice::Options cpu;   ///< for a cpu
  CudaDevice::Options cuda; ///< for a GPU; its library also for an emulated one
};

/// The device to load `plan` onto. Usage error: an unknown name; machine error:
/// the device is not there.
Expected<std::unique_ptr<Device>> createDevice(const DeviceOptions &options,
                                               const Plan &plan);

} // namespace mm1
