//===- FuzzSafeTensors.cpp - Any bytes as a safetensors file --------------===//
// Whatever the header says, parse() refuses it or every tensor it hands out
// lies inside the file, has the size of its shape, and is found by its name.
#include "runtime/Artifact/SafeTensors.h"

#include <cstdlib>

using namespace mm1;

static void require(bool condition) {
  if (!condition)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto bytes = std::as_bytes(std::span(data, size));
  auto file = SafeTensorsFile::parse(bytes, "input");
  if (!file) {
    require(file.error().message.find('\n') == std::string::npos);
    return 0;
  }
  uint64_t end = 0;
  for (const SafeTensor &tensor : file->tensors()) {
    require(tensor.offset >= end && tensor.offset <= size);
    require(tensor.bytes.size() <= size - tensor.offset);
    require(tensor.bytes.data() == bytes.data() + tensor.offset);
    require(tensor.offset % sizeBytes(tensor.type) == 0);
    require(tensorSizeBytes(tensor.type, tensor.shape) == tensor.bytes.size());
    require(file->find(tensor.name) == &tensor);
    end = tensor.offset + tensor.bytes.size();
  }
  return 0;
}
