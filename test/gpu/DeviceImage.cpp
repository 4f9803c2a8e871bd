//===- DeviceImage.cpp - A tensor's bytes in a GPU's memory ---------------===//
#include "test/gpu/DeviceImage.h"
#include "compiler/Artifact/StoredTensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace mlir;
using mlir::mm1::Tensor;

namespace mm1::kit {

DeviceImage::DeviceImage(Storage storage, RankedTensorType type,
                         std::vector<int64_t> shape, int64_t sizeBytes)
    : storage(storage), type(type), shape(std::move(shape)) {
  size = std::max(sizeBytes, bytesNeeded());
}

ElementType DeviceImage::element() const {
  if (type.getElementType().isBF16())
    return ElementType::BF16;
  return type.getElementType().isF32() ? ElementType::F32 : ElementType::I32;
}

int64_t DeviceImage::bytesNeeded() const {
  if (storage == Storage::Weight)
    return plan::weightBytes(type);
  if (storage == Storage::State)
    return shape[0] * plan::stateUnitBytes(type);
  if (shape.size() < 2)
    return int64_t(Tensor::count(shape)) * elementBytes();
  int64_t rows =
      int64_t(Tensor::count(shape)) / std::max<int64_t>(shape.back(), 1);
  return rows * plan::rowStrideBytes(shape.back(), type.getElementType());
}

void DeviceImage::visit(llvm::function_ref<void(int64_t, int64_t)> place,
                        llvm::function_ref<void(int64_t)> zero) const {
  if (storage == Storage::State)
    return visitState(place, zero);
  int64_t count = int64_t(Tensor::count(shape)),
          columns = shape.empty() ? 1 : shape.back(),
          rows = columns ? count / columns : 0;
  if (storage == Storage::Weight) {
    // Matrices [N, K], one behind the other.
    int64_t matrixRows = shape.size() < 2 ? 1 : shape[shape.size() - 2],
            matrices = rows / matrixRows,
            matrixBytes =
                plan::weightBytes(type) / std::max<int64_t>(matrices, 1);
    for (int64_t i = 0; i < count; ++i)
      place(i, i / columns / matrixRows * matrixBytes +
                   plan::storedOffset(type, i / columns % matrixRows,
                                      i % columns));
    return;
  }
  Type element = type.getElementType();
  bool hasRows = shape.size() > 1;
  int64_t stride = hasRows ? plan::rowStrideBytes(columns, element)
                           : columns * elementBytes(),
          padded = hasRows && isa<FloatType>(element)
                       ? plan::roundUp(columns, plan::kRowMultiple)
                       : columns;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c)
      place(r * columns + c, r * stride + c * elementBytes());
    for (int64_t c = columns; c < padded; ++c)
      zero(r * stride + c * elementBytes());
  }
}

void DeviceImage::visitState(llvm::function_ref<void(int64_t, int64_t)> place,
                             llvm::function_ref<void(int64_t)> zero) const {
  int64_t count = int64_t(Tensor::count(shape)), unit = count / shape[0],
          unitBytes = plan::stateUnitBytes(type), bytes = elementBytes();
  if (shape.size() != 5) { // a slot is dense
    for (int64_t i = 0; i < count; ++i)
      place(i, i / unit * unitBytes + i % unit * bytes);
    return;
  }
  // Pages [2, heads, tokens, channels] of the image "gpu-1":
  // kernels/skeletons/kv_pages.h says it for kernels.
  int64_t heads = shape[2], tokens = shape[3], channels = shape[4],
          padded = plan::roundUp(channels, plan::kRowMultiple),
          rowBytes = padded * bytes,
          lineBytes = std::min<int64_t>(rowBytes, 128),
          blockBytes = tokens * rowBytes;
  for (int64_t block = 0; block < shape[0] * 2 * heads; ++block) {
    int64_t page = block / (2 * heads), isValue = block / heads % 2,
            head = block % heads,
            base = page * unitBytes + (head * 2 + isValue) * blockBytes;
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t c = 0; c < padded; ++c) {
        int64_t inRow = c * bytes, line = inRow / lineBytes,
                width = std::min(lineBytes, rowBytes - line * lineBytes),
                byte =
                    line * lineBytes * tokens + t * width + inRow % lineBytes,
                at = base + (byte ^ (byte / 128 % 8) * 16);
        if (c < channels)
          place((block * tokens + t) * channels + c, at);
        else
          zero(at);
      }
  }
}

std::vector<std::byte> DeviceImage::initial(const Tensor &tensor) const {
  std::vector<std::byte> bytes(size_t(size), std::byte(0xff));
  // In fragment order integers are stored as q + 128, zeros of padding too.
  bool isFragment =
      storage == Storage::Weight && storedElement(type) == ElementType::U8;
  if (storage == Storage::Weight)
    std::memset(bytes.data(), isFragment ? 128 : 0, bytes.size());
  Type element = type.getElementType();
  auto put = [&](int64_t at, auto number) {
    std::memcpy(bytes.data() + at, &number, sizeof(number));
  };
  auto store = [&](int64_t at, double value) {
    if (element.isBF16())
      put(at, floatToBf16(float(value)));
    else if (element.isF32())
      put(at, float(value));
    else if (element.isInteger(32))
      put(at, int32_t(value));
    else
      put(at, uint8_t(int(value) + (isFragment ? 128 : 0)));
  };
  visit([&](int64_t i, int64_t at) { store(at, tensor[i]); },
        [&](int64_t at) { store(at, 0); });
  return bytes;
}

std::vector<double> DeviceImage::expected(const Tensor &tensor) const {
  std::vector<double> numbers(size_t(size / elementBytes()),
                              std::numeric_limits<double>::quiet_NaN());
  auto store = [&](int64_t at, double value) {
    numbers[size_t(at / elementBytes())] = value;
  };
  // The padding of a row that need not be written need not be, either.
  bool isFree = false;
  visit(
      [&](int64_t i, int64_t at) {
        store(at, tensor[i]);
        isFree = std::isnan(tensor[i]);
      },
      [&](int64_t at) {
        if (!isFree)
          store(at, 0);
      });
  return numbers;
}

Tensor rounded(Type element, Tensor tensor) {
  for (double &value : tensor.values) {
    if (element.isBF16())
      value = bf16ToFloat(floatToBf16(float(value)));
    else if (element.isF32())
      value = float(value);
  }
  return tensor;
}

} // namespace mm1::kit
