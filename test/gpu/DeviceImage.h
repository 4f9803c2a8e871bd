//===- DeviceImage.h - A tensor's bytes in a GPU's memory -----------------===//
// Between the reference's doubles and the layouts of Layout.h and of the page
// image "gpu-1":
//
//   DeviceImage image(Storage::Activation, type, tensor.shape);
//   image.initial(tensor)   // [T, 40] bf16: rows of 64, zeros behind 40
//   image.expected(tensor)  // the same places as doubles, NaN where any
//                           // content is right
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Reference/Tensor.h"
#include "dialects/Plan/Layout.h"
#include "runtime/Support/ElementType.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <cstddef>
#include <vector>

namespace mm1::kit {

/// What holds a tensor; each has a layout of its own.
enum class Storage { Activation, Weight, State };

class DeviceImage {
public:
  /// \param shape      of the tensor: `type` without dynamic sizes
  /// \param sizeBytes  of the memory where it is larger than the tensor (a
  ///                   buffer of a bucket); 0: as large as it needs
  DeviceImage(Storage storage, mlir::RankedTensorType type,
              std::vector<int64_t> shape, int64_t sizeBytes = 0);

  int64_t sizeBytes() const { return size; }
  /// How a kernel reads the elements.
  ElementType element() const;

  /// The bytes, numbers rounded to the type's elements. What nobody may read is
  /// 0xFF.
  std::vector<std::byte> initial(const mlir::mm1::Tensor &tensor) const;
  /// A double for each element of the memory, NaN where the tensor's is.
  std::vector<double> expected(const mlir::mm1::Tensor &tensor) const;

private:
  /// Where each element is, in the order of the tensor's, and where zeros must
  /// be, behind each row: padding that readers rely on.
  void visit(llvm::function_ref<void(int64_t element, int64_t byte)> place,
             llvm::function_ref<void(int64_t byte)> zero) const;
  void visitState(llvm::function_ref<void(int64_t, int64_t)> place,
                  llvm::function_ref<void(int64_t)> zero) const;
  int64_t bytesNeeded() const;
  int64_t elementBytes() const {
    return mlir::plan::elementBytes(type.getElementType());
  }

  Storage storage;
  mlir::RankedTensorType type;
  std::vector<int64_t> shape;
  int64_t size;
};

/// The numbers of a type's elements that are nearest to those of `tensor`.
mlir::mm1::Tensor rounded(mlir::Type element, mlir::mm1::Tensor tensor);

} // namespace mm1::kit
