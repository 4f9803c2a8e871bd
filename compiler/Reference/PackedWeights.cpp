//===- PackedWeights.cpp - The weights of an artifact, for the evaluator --===//
// One element after the other, each from where Layout.h says it is: nothing of
// the packer's code is used, and nothing here is fast.
//===----------------------------------------------------------------------===//
#include "compiler/Reference/PackedWeights.h"
#include "compiler/Artifact/StoredTensor.h"
#include "dialects/Plan/Layout.h"

#include <cstring>

using namespace mlir;
using namespace mlir::mm1;
using ::mm1::ElementType;

template <typename T> static T read(const std::byte *from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

static double readElement(ElementType type, const std::byte *from) {
  switch (type) {
  case ElementType::F32:
    return read<float>(from);
  case ElementType::BF16:
    return ::mm1::bf16ToFloat(read<uint16_t>(from));
  case ElementType::I8:
    return read<int8_t>(from);
  case ElementType::U8: // fragment order: q + 128
    return read<uint8_t>(from) - 128;
  default:
    llvm_unreachable("weights are f32, bf16 or i8");
  }
}

FailureOr<Tensor> PackedWeights::load(WeightOp weight) {
  RankedTensorType type = weight.getWeightType();
  ElementType element = ::mm1::storedElement(type);
  SmallVector<int64_t> stored = plan::storedShape(type);
  const ::mm1::SafeTensor *found = file.find(weight.getSymName().str());
  if (!found)
    return weight.emitOpError()
           << "is not among the tensors of " << file.path();
  if (found->type != element ||
      ArrayRef<int64_t>(found->shape) != ArrayRef(stored))
    return weight.emitOpError()
           << "is stored as " << ::mm1::name(element) << " "
           << ::mm1::describeShape(stored) << " when its type is " << type
           << ", but " << file.path() << " holds " << ::mm1::name(found->type)
           << " " << ::mm1::describeShape(found->shape)
           << ": it was packed from another module";

  Tensor tensor(std::vector<int64_t>(type.getShape()));
  int64_t columns = tensor.width(),
          rows = type.getRank() < 2 ? 1 : tensor.dim(tensor.rank() - 2),
          matrices = tensor.size() / (rows * columns);
  for (int64_t matrix = 0; matrix < matrices; ++matrix) {
    const std::byte *from = found->bytes.data() + found->bytes.size() /
                                                      size_t(matrices) *
                                                      size_t(matrix);
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t k = 0; k < columns; ++k)
        tensor[(matrix * rows + n) * columns + k] =
            readElement(element, from + plan::storedOffset(type, n, k));
  }
  return tensor;
}
