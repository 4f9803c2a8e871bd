//===- CudaContext.cpp - One GPU, and what to say when it fails -----------===//
#include "runtime/Device/CudaContext.h"
#include "runtime/Support/Json.h" // inQuotes

namespace mm1 {

using namespace cuda;

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

Expected<std::unique_ptr<CudaContext>>
CudaContext::create(const CudaDriver &driver, int ordinal) {
  std::unique_ptr<CudaContext> context(new CudaContext(driver, ordinal));
  context->place.work = "opening the GPU";
  if (Status status = context->open(); !status)
    return status.takeError();
  return context;
}

CudaContext::~CudaContext() {
  order = {};
  if (primary)
    (void)cu.cuDevicePrimaryCtxRelease(number);
}

Status CudaContext::open() {
  auto noGpu = [&] {
    return machineError(
        "the CUDA driver finds no GPU that this process may use; look at "
        "nvidia-smi and CUDA_VISIBLE_DEVICES (a GPU in MIG mode needs an "
        "instance)");
  };
  Result result = cu.cuInit(0);
  if (result == kNoDevice)
    return noGpu();
  if (Status status = check(result, "cuInit"); !status)
    return status;
  int count = 0;
  if (Status status = check(cu.cuDeviceGetCount(&count), "cuDeviceGetCount");
      !status)
    return status;
  if (count == 0)
    return noGpu();
  if (ordinal < 0 || ordinal >= count)
    return machineError("GPU " + std::to_string(ordinal) +
                        " asked for; this process sees " +
                        std::to_string(count) + ", from 0 on");
  if (Status status = check(cu.cuDeviceGet(&number, ordinal), "cuDeviceGet");
      !status)
    return status;
  if (Status status = readAttributes(); !status)
    return status;
  return makeCurrent();
}

Status CudaContext::readAttributes() {
  char text[256] = {};
  if (Status status = check(cu.cuDeviceGetName(text, sizeof(text), number),
                            "cuDeviceGetName");
      !status)
    return status;
  text[sizeof(text) - 1] = 0;
  title = "GPU " + std::to_string(ordinal) + " (" + text + ")";
  int mode = 0, hasOneAddressSpace = 0;
  struct {
    DeviceAttribute attribute;
    int *value;
  } wanted[] = {{kCapabilityMajor, &major},
                {kCapabilityMinor, &minor},
                {kMultiprocessors, &processors},
                {kMaxSharedOptIn, &sharedBytes},
                {kComputeMode, &mode},
                {kUnifiedAddressing, &hasOneAddressSpace}};
  for (auto [attribute, value] : wanted)
    if (Status status = check(cu.cuDeviceGetAttribute(value, attribute, number),
                              "cuDeviceGetAttribute");
        !status)
      return status;
  if (mode == kComputeProhibited)
    return machineError(title + ": its compute mode lets no process use it; "
                                "nvidia-smi -c DEFAULT changes that");
  if (!hasOneAddressSpace)
    return machineError(title + ": has addresses of its own, apart from the "
                                "host's; this program needs one space for "
                                "both");
  return Status::ok();
}

/// The primary context is shared with everybody in the process: it is retained
/// and released, never reset, and its flags are left alone.
Status CudaContext::makeCurrent() {
  Context context = nullptr;
  Result result = cu.cuDevicePrimaryCtxRetain(&context, number);
  if (result == kDeviceUnavailable)
    return machineError(title +
                        ": another process has it to itself "
                        "(cuDevicePrimaryCtxRetain: " +
                        cu.describe(result) +
                        "); wait until that ends, or see nvidia-smi -c");
  if (Status status = check(result, "cuDevicePrimaryCtxRetain"); !status)
    return status;
  primary = context;
  if (Status status = check(cu.cuCtxSetCurrent(context), "cuCtxSetCurrent");
      !status)
    return status;
  Stream made = nullptr;
  if (Status status =
          check(cu.cuStreamCreate(&made, kStreamNonBlocking), "cuStreamCreate");
      !status)
    return status;
  order = {made, cu.cuStreamDestroy};
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Failures
//===----------------------------------------------------------------------===//

static std::string describe(const CudaContext::Place &place) {
  if (place.step == 0)
    return std::string("; while ") + place.work;
  // Launches run on their own: a call may tell of any that was before it.
  std::string text = "; at or before step " + std::to_string(place.step);
  if (place.entry)
    text += " (" + std::string(name(place.entry->kind)) + ", " +
            std::to_string(place.tokens) + " tokens of " +
            std::to_string(place.sequences) + " sequences)";
  if (place.launch)
    text += ", at or before " + inQuotes(place.launch->label);
  return text + "; start again";
}

Status CudaContext::check(Result result, const char *call) {
  if (result == kSuccess)
    return Status::ok();
  if (health)
    health = machineError(title + ": " + call + ": " + cu.describe(result) +
                          describe(place));
  return health;
}

//===----------------------------------------------------------------------===//
// What it gives
//===----------------------------------------------------------------------===//

Expected<CudaMemory> CudaContext::allocate(uint64_t sizeBytes,
                                           const std::string &what) {
  Address address = 0;
  Result result = cu.cuMemAlloc(&address, std::max<uint64_t>(sizeBytes, 1));
  if (result == kOutOfMemory)
    return machineError(title + ": not enough memory: " + what + " needs " +
                        std::to_string(sizeBytes >> 20) +
                        " MiB (cuMemAlloc: " + cu.describe(result) + ")");
  if (Status status = check(result, "cuMemAlloc"); !status)
    return status.takeError();
  return CudaMemory(address, cu.cuMemFree);
}

Expected<CudaHostMemory> CudaContext::allocateHost(uint64_t sizeBytes) {
  void *memory = nullptr;
  Result result = cu.cuMemHostAlloc(&memory, std::max<uint64_t>(sizeBytes, 1),
                                    kHostPortable | kHostMapped);
  if (result == kOutOfMemory)
    return machineError(
        "not enough memory: " + std::to_string(sizeBytes >> 20) +
        " MiB of the host that stay in place, for copies "
        "(cuMemHostAlloc: " +
        cu.describe(result) + ")");
  if (Status status = check(result, "cuMemHostAlloc"); !status)
    return status.takeError();
  return CudaHostMemory(memory, cu.cuMemFreeHost);
}

Expected<CudaEvent> CudaContext::makeEvent(EventFlag flag) {
  Event event = nullptr;
  if (Status status = check(cu.cuEventCreate(&event, flag), "cuEventCreate");
      !status)
    return status.takeError();
  return CudaEvent(event, cu.cuEventDestroy);
}

Status CudaContext::synchronize() {
  return check(cu.cuStreamSynchronize(stream()), "cuStreamSynchronize");
}

} // namespace mm1
