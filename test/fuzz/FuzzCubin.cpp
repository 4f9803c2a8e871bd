//===- FuzzCubin.cpp - Any bytes as a cubin -------------------------------===//
// Whatever the file says, readCubin() refuses it in one line or gives kernels
// whose parameters lie within their bytes.
#include "kernels/emulation/driver/Cubin.h"

#include <cstdlib>

using namespace mm1;

static void require(bool condition) {
  if (!condition)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto image = std::as_bytes(std::span(data, size));
  require(emulated::cubinBytes(image) <= uint64_t(1) << 30);
  auto cubin = emulated::readCubin(image);
  if (!cubin) {
    require(cubin.error().message.find('\n') == std::string::npos);
    return 0;
  }
  for (const auto &[name, kernel] : cubin->kernels) {
    require(kernel.staticShared <= 256u << 10);
    for (const emulated::CubinKernel::Parameter &parameter : kernel.parameters)
      require(parameter.size > 0 &&
              parameter.offset + parameter.size <= kernel.parameterBytes);
  }
  return 0;
}
