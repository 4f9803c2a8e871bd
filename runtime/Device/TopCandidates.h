//===- TopCandidates.h - mm1.top_candidates on the processor --------------===//
// The cpu device's part of choosing tokens, called as kernels are
// (KernelABI.h), so that the thread pool runs it: one task is one row.
//
// Rows are read 32 logits at a time, a word of the mask. Only a group whose
// maximum can still enter the list is looked at one by one; of 200,000 logits
// in no order these are some hundreds.
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/Artifact/HostCalls.h"
#include "runtime/Artifact/KernelABI.h"
#include "runtime/Device/HostFunctions.h"

namespace mm1 {

/// \param buffers  those of HostCalls.h, and then its numbers as int64_t
/// \param begin,end  rows
void topCandidates(void *const *buffers, const int64_t *dims, int64_t begin,
                   int64_t end, void *scratch);

/// Whether the numbers and the buffers' sizes fit `rows` rows; else what is
/// wrong.
Status checkTopCandidates(std::span<const uint64_t> bufferBytes,
                          std::span<const int64_t> numbers, uint64_t rows);

} // namespace mm1
