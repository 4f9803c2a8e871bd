//===- KernelABI.h - How a CPU kernel is called ---------------------------===//
// The contract between the code that compiler/Codegen/CPU generates and the cpu
// device that runs it. A kernel module is a shared library that needs nothing;
// its kernels are C functions of this one type.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace mm1 {

/// Raised when the signature, the dims or a layout changes (of GPUs also
/// kernels/step/step_block.h and the page image); 2: the rows of the page table
/// belong to slots.
inline constexpr uint32_t kKernelABIVersion = 2;

/// The sizes of the step at hand, in this order.
enum KernelDim : uint32_t {
  kDimTokens = 0,      ///< T: tokens in this batch (rows, for the head entry)
  kDimSequences = 1,   ///< B: sequences in this batch
  kDimPageColumns = 2, ///< columns of the `pages` input: pages per slot
  kNumKernelDims = 3,
};

/// \param buffers  one pointer per argument: the cluster's inputs, then its
/// outputs (but not updated states), 64-byte aligned
/// \param dims     kNumKernelDims sizes
/// \param begin,end  the tasks to run: any partition of the grid gives the same
/// bytes
/// \param scratch  64-byte aligned memory of the calling thread,
/// Kernel.scratch_bytes long, content undefined
using KernelFunction = void (*)(void *const *buffers, const int64_t *dims,
                                int64_t begin, int64_t end, void *scratch);

} // namespace mm1
