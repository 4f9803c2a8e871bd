//===- Fiber.cpp - Stacks to run on, and changing between them ------------===//
#include "kernels/emulation/Fiber.h"
#include "kernels/emulation/HostModule.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

using namespace mm1::emulation;

//===--------------------------------- Switch -------------------------------===//

#if defined(__x86_64__)
// What a call must keep (System V ABI) goes onto the stack that is left.
asm(R"(
.text
.globl mm1_switch_fiber
.hidden mm1_switch_fiber
.type mm1_switch_fiber,@function
mm1_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size mm1_switch_fiber,.-mm1_switch_fiber
)");

void *mm1::emulation::startOf(void *top, void (*entry)()) {
  auto *at = static_cast<uintptr_t *>(top);
  *--at = 0; // where entry would return to; keeps its stack aligned too
  *--at = reinterpret_cast<uintptr_t>(entry);
  for (int i = 0; i < 6; ++i)
    *--at = 0;
  return at;
}
#else
#include <ucontext.h>

// What comes back is a ucontext_t at the top of the stack that was left.
void *mm1::emulation::startOf(void *top, void (*entry)()) {
  uintptr_t at =
      (reinterpret_cast<uintptr_t>(top) - sizeof(ucontext_t)) & ~63ul;
  auto *context = reinterpret_cast<ucontext_t *>(at);
  uintptr_t bottom = (at & ~(kStackBytes - 1)) + kPlacePage;
  getcontext(context);
  context->uc_stack.ss_sp = reinterpret_cast<void *>(bottom);
  context->uc_stack.ss_size = at - bottom;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}

void mm1::emulation::switchFiber(void **from, void *to) {
  ucontext_t context;
  *from = &context;
  swapcontext(&context, static_cast<ucontext_t *>(to));
}
#endif

//===--------------------------------- Stacks -------------------------------===//

StackPool::~StackPool() {
  for (Mapping mapping : mappings)
    munmap(mapping.memory, mapping.bytes);
}

void *StackPool::take() {
  if (free.empty())
    grow();
  void *place = free.back();
  free.pop_back();
  return place;
}

void StackPool::grow() {
  constexpr int kStacks = 64;
  Mapping mapping = {nullptr, (kStacks + 1) * kStackBytes};
  mapping.memory =
      mmap(nullptr, mapping.bytes, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping.memory == MAP_FAILED) {
    std::perror("the emulation cannot map stacks for its threads");
    std::abort();
  }
  mappings.push_back(mapping);
  uintptr_t first =
      (reinterpret_cast<uintptr_t>(mapping.memory) + kStackBytes - 1) &
      ~(kStackBytes - 1);
  for (int i = kStacks; i--;) {
    uintptr_t stack = first + i * kStackBytes;
    mprotect(reinterpret_cast<void *>(stack), kPlacePage, PROT_NONE);
    uintptr_t number = stack / kStackBytes;
    free.push_back(reinterpret_cast<void *>(stack + kStackBytes - kPlacePage +
                                            number % (kPlacePage / kPlaceStep) *
                                                kPlaceStep));
  }
}
