//===- HostPrimitives.h - The primitives of dp.cuh on a CPU, for tests ----===//
// Included by dp.cuh through DP_PRIMITIVES when a test compiles generated text
// with the host's compiler. A block is a ring of fibers, one a thread; blocks
// run one after the other. In every round each fiber goes on to its next
// shuffle or barrier:
//
//   shuffle   round n: all lanes give, round n + 1: all lanes take
//   barrier   a fiber sleeps until all that are alive sleep
//
// It checks numbers and places, not races: lanes always run in order.
//===----------------------------------------------------------------------===//
#pragma once

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <ucontext.h>
#include <utility>
#include <vector>

#define DP_DEVICE static inline
#define DP_KERNEL(threads)                                                     \
  static constexpr int kBlockThreads = threads;                                \
  extern "C" void
#define DP_SHARED static

namespace dp::host {

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  bool isDone = false, sleeps = false;
  float given = 0.0f;
};
struct Engine {
  ucontext_t scheduler;
  std::vector<Fiber> fibers;
  int current = 0, block = 0;
  void (*kernel)(void *const *) = nullptr;
  void *const *buffers = nullptr;
};
inline Engine engine;

inline void yield() {
  Engine &e = engine;
  swapcontext(&e.fibers[e.current].context, &e.scheduler);
}
inline void runFiber() {
  engine.kernel(engine.buffers);
  engine.fibers[engine.current].isDone = true;
  yield();
}

inline void launch(void (*kernel)(void *const *), int blocks, int threads,
                   void *const *buffers) {
  constexpr size_t kStackBytes = 64 << 10;
  Engine &e = engine;
  e.kernel = kernel;
  e.buffers = buffers;
  for (e.block = 0; e.block < blocks; ++e.block) {
    e.fibers.clear();
    e.fibers.resize(threads);
    for (Fiber &fiber : e.fibers) {
      fiber.stack.reset(new char[kStackBytes]);
      getcontext(&fiber.context);
      fiber.context.uc_stack = {fiber.stack.get(), 0, kStackBytes};
      fiber.context.uc_link = nullptr;
      makecontext(&fiber.context, runFiber, 0);
    }
    for (bool isAlive = true; isAlive;) {
      isAlive = false;
      bool ran = false;
      for (e.current = 0; e.current < threads; ++e.current) {
        Fiber &fiber = e.fibers[e.current];
        isAlive |= !fiber.isDone;
        if (fiber.isDone || fiber.sleeps)
          continue;
        ran = true;
        swapcontext(&e.scheduler, &fiber.context);
      }
      if (!ran)
        for (Fiber &fiber : e.fibers)
          fiber.sleeps = false;
    }
  }
}

template <typename... Parameters, size_t... i>
void call(void (*kernel)(Parameters...), void *const *buffers,
          std::index_sequence<i...>) {
  kernel(static_cast<Parameters>(buffers[i])...);
}
template <typename... Parameters>
void call(void (*kernel)(Parameters...), void *const *buffers) {
  call(kernel, buffers, std::index_sequence_for<Parameters...>());
}

} // namespace dp::host

/// Exports `launch(blocks, buffers)` for the kernel of this name.
#define DP_HOST_LAUNCH(kernel)                                                 \
  extern "C" void launch(int blocks, void *const *buffers) {                   \
    dp::host::launch([](void *const *b) { dp::host::call(&kernel, b); },       \
                     blocks, kBlockThreads, buffers);                          \
  }

namespace dp {

DP_DEVICE int thread() { return host::engine.current; }
DP_DEVICE int block() { return host::engine.block; }
DP_DEVICE int num_threads() { return int(host::engine.fibers.size()); }

DP_DEVICE void sync_block() {
  host::engine.fibers[host::engine.current].sleeps = true;
  host::yield();
}
DP_DEVICE float shuffle_xor(float x, int mask) {
  int lane = host::engine.current;
  host::engine.fibers[lane].given = x;
  host::yield();
  float taken = host::engine.fibers[lane ^ mask].given;
  host::yield();
  return taken;
}

DP_DEVICE float from_bits(u32 bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
DP_DEVICE u32 to_bits(float x) {
  u32 bits;
  std::memcpy(&bits, &x, sizeof x);
  return bits;
}

/// Aborts where a GPU would fault.
DP_DEVICE void load_aligned(u32 *to, const void *from, size_t bytes) {
  if (reinterpret_cast<size_t>(from) % bytes)
    std::abort();
  std::memcpy(to, from, bytes);
}
DP_DEVICE void load_words2(u32 *to, const void *from) {
  load_aligned(to, from, 8);
}
DP_DEVICE void load_words4(u32 *to, const void *from) {
  load_aligned(to, from, 16);
}
DP_DEVICE void stream_words4(u32 *to, const void *from) {
  load_aligned(to, from, 16);
}

} // namespace dp
