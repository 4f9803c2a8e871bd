// Libraries that are no driver we can use. One text makes three: an old driver,
// one without one of our functions, and one that is no driver at all.
#include "runtime/Device/CudaDriver.h"

#include <cstring>

#ifndef MM1_DRIVER_none

static mm1::cuda::Result version(int *value) {
#ifdef MM1_DRIVER_old
  *value = 12080;
#else
  *value = 13010;
#endif
  return mm1::cuda::kSuccess;
}

static mm1::cuda::Result other() { return mm1::cuda::kNotInitialized; }

extern "C" mm1::cuda::Result cuGetProcAddress_v2(const char *name, void **found,
                                                 int, uint64_t, int *) {
  *found = reinterpret_cast<void *>(other);
  if (std::strcmp(name, "cuDriverGetVersion") == 0)
    *found = reinterpret_cast<void *>(version);
  else if (std::strcmp(name, "cuGraphUpload") == 0)
    *found = nullptr;
  else if (std::strcmp(name, "cuFuncLoad") == 0)
    return mm1::cuda::kInvalidValue; // the signature is newer than the driver
  return mm1::cuda::kSuccess;
}

#endif
