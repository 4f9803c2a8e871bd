//===- DeviceTensor.h - Tensors as they lie in a device's memory ----------===//
// Between the reference's doubles and the layouts of Layout.h:
//
//   DeviceMemory memory;
//   DeviceTensor x(memory, type, tensor);  // [T, 40] bf16: rows of 64, zeros
//                                          // behind 40
//   run(x.data(), y.data());
//   Tensor result = y.read();       // and expects y's padding and guard intact
//
// What nobody may read (the end of a row that is longer than its padding) and
// what nobody has written yet is NaN.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Reference/Tensor.h"
#include "dialects/Plan/Layout.h"
#include "runtime/Support/ElementType.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace mlir::mm1::cuda::test {

/// A piece of address space that holds tensors and nothing else, so that any
/// other access to it is an error.
class DeviceMemory {
public:
  static constexpr size_t kBytes = size_t(64) << 20;

  DeviceMemory()
      : base(static_cast<uint8_t *>(std::aligned_alloc(1024, kBytes))) {}
  void *data() const { return base.get(); }
  uint8_t *allocate(size_t bytes) {
    uint8_t *piece = base.get() + used;
    used += ::mlir::plan::roundUp(int64_t(bytes), 1024);
    if (used > kBytes)
      std::abort();
    return piece;
  }
  /// Forgets all pieces.
  void reset() { used = 0; }

private:
  struct Free {
    void operator()(uint8_t *pointer) const { std::free(pointer); }
  };
  std::unique_ptr<uint8_t, Free> base;
  size_t used = 0;
};

class DeviceTensor {
public:
  /// Not written yet.
  DeviceTensor(DeviceMemory &device, RankedTensorType type,
               std::vector<int64_t> shape)
      : type(type), shape(std::move(shape)) {
    size = (type.getEncoding() ? ::mlir::plan::weightBytes(type)
                               : numRows() * strideBytes());
    memory = device.allocate(size + kGuard);
    std::memset(memory, 0xff, size + kGuard);
  }
  /// Holds `tensor`, rounded to the type's elements.
  DeviceTensor(DeviceMemory &device, RankedTensorType type,
               const Tensor &tensor)
      : DeviceTensor(device, type, tensor.shape) {
    // Padding of integers in fragment order is a stored zero too: q + 128.
    if (type.getEncoding())
      std::memset(memory, isFragment() ? 128 : 0, size);
    for (int64_t r = 0; r < numRows(); ++r) {
      for (int64_t c = 0; c < columns(); ++c)
        set(offset(r, c), tensor[r * columns() + c]);
      if (!type.getEncoding() && isa<FloatType>(type.getElementType()))
        for (int64_t c = columns(); c < paddedColumns(); ++c)
          set(offset(r, c), 0.0);
    }
  }

  void *data() const { return memory; }
  /// What the plan would give it.
  int64_t numBytes() const {
    return ::mlir::plan::roundUp(size, ::mlir::plan::kAlignment);
  }

  /// What lies there; expects zeros in the padding of rows.
  Tensor read() const {
    Tensor tensor(shape);
    for (int64_t r = 0; r < numRows(); ++r) {
      for (int64_t c = 0; c < columns(); ++c)
        tensor[r * columns() + c] = get(offset(r, c));
      for (int64_t c = columns(); c < paddedColumns(); ++c)
        EXPECT_EQ(get(offset(r, c)), 0.0) << "row " << r << ", padding " << c;
    }
    for (int64_t i = 0; i < kGuard; ++i)
      EXPECT_EQ(memory[size + i], 0xff) << "behind the last row";
    return tensor;
  }

private:
  static constexpr int64_t kGuard = 64;
  int64_t columns() const { return shape.back(); }
  int64_t numRows() const {
    return Tensor::count(shape) / std::max<int64_t>(columns(), 1);
  }
  int64_t paddedColumns() const {
    return shape.size() > 1 && isa<FloatType>(type.getElementType())
               ? ::mlir::plan::roundUp(columns(), ::mlir::plan::kRowMultiple)
               : columns();
  }
  int64_t strideBytes() const {
    Type element = type.getElementType();
    return shape.size() > 1 ? ::mlir::plan::rowStrideBytes(columns(), element)
                            : columns() * ::mlir::plan::elementBytes(element);
  }
  bool isFragment() const {
    auto swizzled = dyn_cast_or_null<SwizzledAttr>(type.getEncoding());
    return swizzled && swizzled.getOrder() == LineOrder::Fragment;
  }
  int64_t offset(int64_t row, int64_t column) const {
    if (!type.getEncoding())
      return row * strideBytes() +
             column * ::mlir::plan::elementBytes(type.getElementType());
    return ::mlir::plan::storedOffset(type, row, column);
  }

  void set(int64_t at, double value) {
    uint8_t *to = memory + at;
    Type element = type.getElementType();
    auto put = [&](auto number) { std::memcpy(to, &number, sizeof number); };
    if (element.isBF16())
      put(::mm1::floatToBf16(float(value)));
    else if (element.isF32())
      put(float(value));
    else if (element.isInteger(32))
      put(int32_t(value));
    else
      put(uint8_t(int(value) + (isFragment() ? 128 : 0)));
  }
  double get(int64_t at) const {
    const uint8_t *from = memory + at;
    auto take = [&](auto number) {
      std::memcpy(&number, from, sizeof number);
      return number;
    };
    if (type.getElementType().isBF16())
      return ::mm1::bf16ToFloat(take(uint16_t()));
    if (type.getElementType().isF32())
      return take(float());
    return take(int32_t());
  }

  RankedTensorType type;
  std::vector<int64_t> shape;
  int64_t size = 0;
  uint8_t *memory;
};

/// The numbers of a type's elements that are nearest to those of `tensor`.
inline Tensor roundedTo(Type element, Tensor tensor) {
  for (double &value : tensor.values) {
    if (element.isBF16())
      value = ::mm1::bf16ToFloat(::mm1::floatToBf16(float(value)));
    else if (element.isF32())
      value = float(value);
  }
  return tensor;
}

} // namespace mlir::mm1::cuda::test
