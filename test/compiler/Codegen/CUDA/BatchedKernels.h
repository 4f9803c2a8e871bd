//===- BatchedKernels.h - What tests of kernels with state share ----------===//
// Ragged batches and buffers are those of the CPU's tests; numbers are compared
// with the reference evaluator's.
//===----------------------------------------------------------------------===//
#pragma once

#include "HostKernel.h"
#include "compiler/Reference/ReferenceOps.h"
#include "test/compiler/Codegen/CPU/BatchHarness.h"

/// Beside the names of HostKernel.h, whose buffers are others.
namespace mlir::mm1::cuda::test::batched {

using ::mlir::mm1::cpu::test::Batch;
using ::mlir::mm1::cpu::test::Bytes;
using ::mlir::mm1::cpu::test::fill;
using ::mlir::mm1::cpu::test::getElement;
using ::mlir::mm1::cpu::test::mlirName;
using ::mlir::mm1::cpu::test::Rows;
using ::mlir::mm1::cpu::test::RunDims;
using ::mlir::mm1::cpu::test::Sequence;
using ::mlir::mm1::cpu::test::Vectors;
using ::mm1::ElementType;

inline Tensor tensorOf(const Rows &rows) {
  Tensor tensor({rows.rows(), rows.columns()});
  for (int64_t r = 0; r < rows.rows(); ++r)
    for (int64_t c = 0; c < rows.columns(); ++c)
      tensor.row(r)[c] = rows.at(r, c);
  return tensor;
}
inline Tensor tensorOf(const Vectors &vector) {
  Tensor tensor({vector.numColumns});
  for (int64_t i = 0; i < vector.numColumns; ++i)
    tensor[i] = vector.at(i);
  return tensor;
}
/// The sequences of a batch as the reference has them.
inline ::mlir::mm1::Batch sequencesOf(const Batch &batch) {
  ::mlir::mm1::Batch sequences;
  for (size_t b = 0; b < batch.sequences.size(); ++b)
    if (batch.sequences[b].count)
      sequences.push_back({batch.first(b),
                           batch.first(b) + batch.sequences[b].count,
                           int64_t(b)});
  return sequences;
}
/// A buffer that a kernel gets.
struct Given {
  Given(const Rows &rows, bool isWritten = true)
      : data(rows.data()), bytes(rows.bytes.size()), isWritten(isWritten) {}
  Given(const Vectors &vector)
      : data(vector.data()), bytes(vector.bytes.size()) {}
  /// A pool, which a shadow knows from the start.
  Given(const Bytes &pool) : data(pool.data()) {}

  void *data;
  int64_t bytes = 0; ///< 0: a pool
  bool isWritten = true;
};

/// Runs a kernel over a step.
/// \param buffers  what its parameters are but dims
/// \param shadow   the kernel's, or null
inline void run(HostKernel &kernel, const std::vector<Given> &buffers,
                int64_t blocks, const RunDims &sizes,
                emulation::Shadow *shadow) {
  int64_t dims[] = {sizes.tokens, sizes.sequences, sizes.pageColumns};
  std::vector<void *> arguments;
  for (const Given &given : buffers) {
    arguments.push_back(given.data);
    if (shadow && given.bytes)
      shadow->addBlock(given.data, given.bytes, given.isWritten);
  }
  arguments.push_back(dims);
  kernel.call(std::move(arguments), int(blocks));
  for (const Given &given : buffers)
    if (shadow && given.bytes)
      shadow->removeBlock(given.data);
}

/// Rounds as a value of this type is stored.
inline Tensor rounded(Tensor tensor, ElementType type) {
  if (type == ElementType::BF16)
    for (double &x : tensor.values)
      x = ::mm1::bf16ToFloat(::mm1::floatToBf16(float(x)));
  return tensor;
}
/// What storing a number as this type may change of it.
inline double roundingOf(ElementType type) {
  return type == ElementType::BF16 ? 1.0 / 256 : 0.0;
}

/// Rows [first, first + count) alone.
inline Rows slice(const Rows &rows, int64_t first, int64_t count) {
  Rows part(rows.type, count, rows.columns());
  std::memcpy(part.data(), rows.rowData(first),
              count * rows.stride * rows.elementBytes);
  return part;
}
inline bool sameRow(const Rows &a, int64_t i, const Rows &b, int64_t j) {
  return !std::memcmp(a.rowData(i), b.rowData(j),
                      ::mlir::plan::roundUp(a.columns(), 32) * a.elementBytes);
}

} // namespace mlir::mm1::cuda::test::batched
