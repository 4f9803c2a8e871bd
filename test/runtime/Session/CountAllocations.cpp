//===- CountAllocations.cpp - How often this program has allocated -------------===//
#include "test/runtime/Session/CountAllocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

static std::atomic<uint64_t> count;

uint64_t mm1::allocationCount() { return count; }

void *operator new(size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  std::abort();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
