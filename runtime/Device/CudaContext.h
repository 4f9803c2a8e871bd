//===- CudaContext.h - One GPU, and what to say when it fails -------------===//
// Every call to the driver goes through check(), which knows what was being
// done, so that a message has all that somebody needs who was not there:
//
//   auto gpu = CudaContext::create(*driver, 0);
//   if (Status status = gpu->check(cu.cuGraphLaunch(graph, stream),
//                                  "cuGraphLaunch"); !status)
//     return status;
//   // GPU 0 (NVIDIA H200): cuGraphLaunch: CUDA_ERROR_ILLEGAL_ADDRESS (700),
//   // an illegal memory access was encountered; at or before step 17 (decode,
//   // 4 tokens of 4 sequences); start again
//
// CUDA's errors stay: after a fault each call says the same, and a call may say
// what an earlier launch did. So after the first failure the GPU is lost, for
// good, with that one message.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/Plan.h"
#include "runtime/Device/CudaDriver.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace mm1 {

/// A handle or an address that goes back to the driver. A failure of giving it
/// back is of no use to anybody: it is an earlier one.
template <typename Handle> class CudaOwned {
public:
  using Release = cuda::Result (*)(Handle);

  CudaOwned() = default;
  CudaOwned(Handle handle, Release release)
      : handle(handle), release(release) {}
  CudaOwned(CudaOwned &&other) noexcept
      : handle(std::exchange(other.handle, Handle())), release(other.release) {}
  CudaOwned &operator=(CudaOwned &&other) noexcept {
    std::swap(handle, other.handle);
    std::swap(release, other.release);
    return *this;
  }
  ~CudaOwned() {
    if (handle)
      (void)release(handle);
  }

  Handle get() const { return handle; }
  explicit operator bool() const { return handle != Handle(); }

private:
  Handle handle = Handle();
  Release release = nullptr;
};

using CudaMemory = CudaOwned<cuda::Address>; ///< of the GPU
using CudaHostMemory = CudaOwned<void *>;    ///< pinned, the GPU writes to it
using CudaEvent = CudaOwned<cuda::Event>;

class CudaContext {
public:
  /// What is being done, for messages. Plain, because it changes every step.
  struct Place {
    const char *work = "";              ///< "loading weights"
    uint64_t step = 0;                  ///< its number; 0: none yet
    const Plan::Entry *entry = nullptr; ///< of the step
    uint32_t tokens = 0, sequences = 0; ///< of the step
    const Plan::Step *launch = nullptr; ///< when it is known
  };

  /// Takes GPU number `ordinal` of those that the process sees, and makes a
  /// stream. Machine error: there is none, nobody may use it, or somebody else
  /// has it to himself.
  static Expected<std::unique_ptr<CudaContext>> create(const CudaDriver &driver,
                                                       int ordinal);
  ~CudaContext();

  const CudaDriver &driver() const { return cu; }
  cuda::Device device() const { return number; }
  cuda::Context context() const { return primary; }
  cuda::Stream stream() const { return order.get(); }

  /// "GPU 0 (NVIDIA H200)".
  const std::string &name() const { return title; }
  int capabilityMajor() const { return major; }
  int capabilityMinor() const { return minor; }
  int multiprocessors() const { return processors; }
  /// Of a block, static and dynamic together, when a kernel asks for it.
  int maxSharedBytes() const { return sharedBytes; }
  /// Whether a launch can begin before the one in front of it has ended.
  bool hasEarlyStart() const { return major >= 9; }

  Place place;
  /// Ok, or a machine error naming `call`; the GPU is lost then.
  Status check(cuda::Result result, const char *call);
  /// The first failure, if there was one.
  Status lost() const { return health; }

  /// Memory of the GPU, at least a byte. Machine error: check()'s, with what
  /// `what` needed.
  Expected<CudaMemory> allocate(uint64_t sizeBytes, const std::string &what);
  /// Pinned memory of the host with the same address on the GPU.
  Expected<CudaHostMemory> allocateHost(uint64_t sizeBytes);
  Expected<CudaEvent> makeEvent(cuda::EventFlag flag);
  /// Waits until all work so far is done.
  Status synchronize();

private:
  CudaContext(const CudaDriver &driver, int ordinal)
      : cu(driver), ordinal(ordinal) {}
  Status open();
  Status readAttributes();
  Status makeCurrent();

  CudaDriver cu;
  int ordinal;
  cuda::Device number = 0;
  std::string title = "the CUDA driver";
  int major = 0, minor = 0, processors = 0, sharedBytes = 0;
  cuda::Context primary = nullptr; ///< retained
  CudaOwned<cuda::Stream> order;
  Status health; // the first failure
};

} // namespace mm1
