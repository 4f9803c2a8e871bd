//===- CountAllocations.h - How often this program has allocated ---------------===//
#pragma once

#include <cstdint>

namespace mm1 {

/// Calls of operator new so far, by any thread. A program that links CountAllocations.cpp has its own operator new.
uint64_t allocationCount();

} // namespace mm1
