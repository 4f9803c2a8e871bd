//===- EntryPoint.cpp - The one door: cuGetProcAddress --------------------===//
#include "kernels/emulation/driver/Capture.h"
#include "kernels/emulation/driver/Machine.h"

#include <cstring>

using namespace mm1::cuda;

#define MM1_DECLARE(name, version, parameters)                                 \
  extern "C" Result name parameters;
MM1_CUDA_API(MM1_DECLARE)
MM1_CUDA_MORE_CALLS(MM1_DECLARE)
#undef MM1_DECLARE

namespace {

struct EntryPoint {
  const char *name;
  int version;
  void *function;
};

const EntryPoint kEntryPoints[] = {
#define MM1_ENTRY(name, version, parameters)                                   \
  {#name, version, reinterpret_cast<void *>(&name)},
    MM1_CUDA_API(MM1_ENTRY) MM1_CUDA_MORE_CALLS(MM1_ENTRY)
#undef MM1_ENTRY
};

/// CUdriverProcAddressQueryResult.
enum QueryStatus : int { kFound = 0, kUnknownName = 1, kTooOld = 2 };

} // namespace

/// Gives the function that `name` meant in CUDA `version`. An unknown name is a
/// success with a null pointer, as with the real one.
MM1_EXPORT Result cuGetProcAddress_v2(const char *name, void **function,
                                      int version, uint64_t flags,
                                      int *status) {
  mm1::emulated::Call call(__func__, mm1::emulated::Needs::Nothing);
  if (call.result != kSuccess)
    return call.result;
  if (!name || !function || version > call.m.config.driver_version)
    return kInvalidValue;
  QueryStatus found = kUnknownName;
  *function = nullptr;
  for (const EntryPoint &entry : kEntryPoints) {
    if (std::strcmp(name, entry.name) != 0)
      continue;
    found = version >= entry.version ? kFound : kTooOld;
    if (found == kFound)
      *function = entry.function;
  }
  if (status)
    *status = found;
  return kSuccess;
}
