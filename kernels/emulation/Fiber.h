//===- Fiber.h - Stacks to run on, and changing between them --------------===//
// A fiber is a stack that a function runs on until it hands the processor to
// another one:
//
//   void *here, *there = startOf(stacks.take(), entry);
//   switchFiber(&here, there);    // entry runs until it switches to `here`
//
// On x86-64 that is a dozen instructions (about 20 ns with what they miss in
// the caches); elsewhere ucontext does it, ten times slower.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <vector>

namespace mm1::emulation {

/// Makes what switchFiber goes to for the first time on a stack: `entry`, which
/// must not return.
/// \param top  the stack's highest address, a multiple of 16
void *startOf(void *top, void (*entry)());

/// Leaves the current fiber, keeps in *from how to come back to it, and goes on
/// where `to` was left.
#if defined(__x86_64__)
extern "C" void mm1_switch_fiber(void **from, void *to);
inline void switchFiber(void **from, void *to) { mm1_switch_fiber(from, to); }
#else
void switchFiber(void **from, void *to);
#endif

/// Stacks of kStackBytes (HostModule.h), aligned to their size, each with a
/// guard page below; those given back are taken again first.
class StackPool {
public:
  StackPool() = default;
  ~StackPool();
  StackPool(const StackPool &) = delete;
  StackPool &operator=(const StackPool &) = delete;

  /// \returns the place of a thread in a stack (HostModule.h), which is also
  /// the stack's top; ends the process when there is no memory.
  void *take();
  void give(void *place) { free.push_back(place); }

private:
  void grow();

  std::vector<void *> free;
  struct Mapping {
    void *memory;
    size_t bytes;
  };
  std::vector<Mapping> mappings;
};

} // namespace mm1::emulation
