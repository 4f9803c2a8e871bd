//===- dp/host.h - The words of dp.h on a CPU -----------------------------===//
// A program compiled by a host compiler is a module for the engine of
// kernels/emulation: each word that concerns more than its own thread asks the
// engine, with the place in the text that its reports are to name. Included by
// dp.h only.
//===----------------------------------------------------------------------===//
#pragma once

#include "emulation/HostModule.h"

#define DP_DEVICE [[maybe_unused]] static inline
#define DP_METHOD inline
#define DP_UNROLL
#define DP_NO_UNROLL

#if defined(__SANITIZE_THREAD__)
#define DP_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DP_CHECKED 1
#endif
#endif
#ifndef DP_CHECKED
#define DP_CHECKED 0
#endif

#define DP_KERNEL(threads)                                                     \
  template <> constexpr int dp::host::kThreadsOfKernel<__COUNTER__> = threads; \
  extern "C" __attribute__((visibility("hidden"))) void

// The counter's last value is that of the kernel in front.
// The section is an array: without the alignment GCC would leave gaps in it.
#define DP_EXPORT(kernel)                                                      \
  __attribute__((                                                              \
      section("mm1_kernels"), used, retain,                                    \
      aligned(alignof(mm1::emulation::Kernel)))) static constinit const mm1::  \
      emulation::Kernel kernel##_entry = dp::host::describeKernel<             \
          &kernel, dp::host::kThreadsOfKernel<__COUNTER__ - 1>>(#kernel);

#define DP_SHARED_MEMORY(name, bytes)                                          \
  const dp::Shared name = dp::host::sharedMemory(bytes)

// Only mm1_open_host_module is seen from outside: modules must not share.
#pragma GCC visibility push(hidden)

//===-------------------------------- The module ----------------------------===//

namespace dp::host {
using mm1::emulation::Scope, mm1::emulation::Site, mm1::emulation::WarpOp;

inline const mm1::emulation::EngineFunctions *engine;

template <int place> constexpr int kThreadsOfKernel = 0;

#if __has_builtin(__make_integer_seq)
template <typename T, T... i> struct Sequence {};
template <int size> using Indices = __make_integer_seq<Sequence, int, size>;
#else
template <typename T, T... i> struct Sequence {};
template <int size> using Indices = Sequence<int, __integer_pack(size)...>;
#endif

template <auto kernel, typename... P, int... i>
void call(void (*)(P...), const void *const *arguments, Sequence<int, i...>) {
  kernel(*static_cast<P const *>(arguments[i])...);
}
template <typename... P> struct Parameters {
  static constexpr int kBytes[] = {int(sizeof(P))..., 0};
};
template <auto kernel, int threads, typename... P>
constexpr mm1::emulation::Kernel describe(const char *name, void (*)(P...)) {
  static_assert(threads > 0, "DP_EXPORT(kernel) stands behind its kernel");
  return {name,
          [](const void *const *arguments) {
            call<kernel>(kernel, arguments, Indices<sizeof...(P)>());
          },
          DP_CHECKED != 0,
          threads,
          int(sizeof...(P)),
          Parameters<P...>::kBytes};
}
template <auto kernel, int threads>
constexpr mm1::emulation::Kernel describeKernel(const char *name) {
  return describe<kernel, threads>(name, kernel);
}
} // namespace dp::host

// The linker names the ends of the section; a program may export nothing.
extern "C" __attribute__((visibility("hidden"), weak))
const mm1::emulation::Kernel __start_mm1_kernels[],
    __stop_mm1_kernels[];

static constinit const mm1::emulation::HostModule dp_host_module = {
    mm1::emulation::kHostModuleVersion, __start_mm1_kernels,
    __stop_mm1_kernels};

// Not watched: before it there is no engine to tell.
extern "C" __attribute__((visibility("default"), no_sanitize("thread")))
const mm1::emulation::HostModule *
mm1_open_host_module(const mm1::emulation::EngineFunctions *functions) {
  dp::host::engine = functions;
  return &dp_host_module;
}

//===------------------------------- Primitives -----------------------------===//

namespace dp {

DP_DEVICE int thread() { return mm1::emulation::currentPlace()->thread; }
DP_DEVICE int block() { return mm1::emulation::currentPlace()->block; }
DP_DEVICE int num_threads() {
  return mm1::emulation::currentPlace()->numThreads;
}

DP_DEVICE void sync_block(host::Site at = host::Site::here()) {
  host::engine->syncBlock(at);
}
DP_DEVICE void sync_warp(host::Site at = host::Site::here()) {
  host::engine->warpOp(host::WarpOp::Sync, nullptr, 0, at);
}

template <typename T>
DP_DEVICE T shuffle(T x, int lane, host::Site at = host::Site::here()) {
  static_assert(sizeof(T) == 4, "lanes give each other words");
  host::engine->warpOp(host::WarpOp::Shuffle, &x, lane, at);
  return x;
}
template <typename T>
DP_DEVICE T shuffle_xor(T x, int mask, host::Site at = host::Site::here()) {
  static_assert(sizeof(T) == 4, "lanes give each other words");
  host::engine->warpOp(host::WarpOp::ShuffleXor, &x, mask, at);
  return x;
}
DP_DEVICE u32 ballot(bool p, host::Site at = host::Site::here()) {
  u32 word = p;
  host::engine->warpOp(host::WarpOp::Ballot, &word, 0, at);
  return word;
}
DP_DEVICE bool any(bool p, host::Site at = host::Site::here()) {
  return ballot(p, at) != 0;
}
DP_DEVICE bool all(bool p, host::Site at = host::Site::here()) {
  return ballot(p, at) == 0xffffffffu;
}
template <int n>
DP_DEVICE void warp_sums(float (&x)[n], host::Site at = host::Site::here()) {
  host::engine->warpOp(host::WarpOp::Sum, x, n, at);
}
DP_DEVICE float warp_sum(float x, host::Site at = host::Site::here()) {
  host::engine->warpOp(host::WarpOp::Sum, &x, 1, at);
  return x;
}
DP_DEVICE float warp_max(float x, host::Site at = host::Site::here()) {
  host::engine->warpOp(host::WarpOp::Max, &x, 0, at);
  return x;
}

DP_DEVICE void wait_grid(host::Site at = host::Site::here()) {
  host::engine->waitGrid(at);
}
DP_DEVICE void trigger_grid(host::Site at = host::Site::here()) {
  host::engine->triggerGrid(at);
}

DP_DEVICE void fence_gpu(host::Site at = host::Site::here()) {
  host::engine->fence(host::Scope::Gpu, at);
}
DP_DEVICE void fence_system(host::Site at = host::Site::here()) {
  host::engine->fence(host::Scope::System, at);
}
template <typename T>
DP_DEVICE T load_acquire(const T *p, host::Site at = host::Site::here()) {
  return T(host::engine->loadAcquire(p, sizeof(T), host::Scope::Gpu, at));
}
template <typename T>
DP_DEVICE T load_acquire_system(const T *p,
                                host::Site at = host::Site::here()) {
  return T(host::engine->loadAcquire(p, sizeof(T), host::Scope::System, at));
}
template <typename T>
DP_DEVICE void store_release(T *p, Same<T> x,
                             host::Site at = host::Site::here()) {
  host::engine->storeRelease(p, (unsigned long long)x, sizeof(T),
                             host::Scope::Gpu, at);
}
template <typename T>
DP_DEVICE void store_release_system(T *p, Same<T> x,
                                    host::Site at = host::Site::here()) {
  host::engine->storeRelease(p, (unsigned long long)x, sizeof(T),
                             host::Scope::System, at);
}
DP_DEVICE int atomic_add(int *p, int x, host::Site at = host::Site::here()) {
  return host::engine->atomicAdd(p, x, at);
}
DP_DEVICE void spin_pause(host::Site at = host::Site::here()) {
  host::engine->spinPause(at);
}

DP_DEVICE float from_bits(u32 bits) { return __builtin_bit_cast(float, bits); }
DP_DEVICE u32 to_bits(float x) { return __builtin_bit_cast(u32, x); }

//===--------------------------------- Memory -------------------------------===//

namespace host {
DP_DEVICE dp::Shared sharedMemory(int bytes, Site at = Site::here()) {
  return {engine->sharedMemory(bytes, at)};
}
/// A GPU faults at an address that is not a multiple of the access's size.
template <int bytes> DP_DEVICE void expectAligned(const void *p, Site at) {
  if (reinterpret_cast<unsigned long>(p) % bytes)
    engine->fail(
        bytes == 16  ? "16 bytes at an address that is no multiple of 16"
        : bytes == 8 ? "8 bytes at an address that is no multiple of 8"
                     : "4 bytes at an address that is no multiple of 4",
        at);
}
template <int words>
DP_DEVICE void loadWords(u32 *to, const void *from, Site at) {
  expectAligned<4 * words>(from, at);
  for (int i = 0; i < words; ++i)
    to[i] = static_cast<const u32 *>(from)[i];
}
} // namespace host

template <typename T> DP_DEVICE T load(const T *p) { return *p; }
template <typename T> DP_DEVICE T load_weight(const T *p) { return *p; }

DP_DEVICE void load_words2(u32 *to, const void *from,
                           host::Site at = host::Site::here()) {
  host::loadWords<2>(to, from, at);
}
DP_DEVICE void load_words4(u32 *to, const void *from,
                           host::Site at = host::Site::here()) {
  host::loadWords<4>(to, from, at);
}
DP_DEVICE void stream_words4(u32 *to, const void *from,
                             host::Site at = host::Site::here()) {
  host::loadWords<4>(to, from, at);
}

//===---------------------------------- Math --------------------------------===//

DP_DEVICE float fma(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
DP_DEVICE float exp(float x) { return __builtin_expf(x); }
DP_DEVICE float exp2(float x) { return __builtin_exp2f(x); }
DP_DEVICE double sin(double x) { return __builtin_sin(x); }
DP_DEVICE double cos(double x) { return __builtin_cos(x); }
DP_DEVICE float sqrt(float x) { return __builtin_sqrtf(x); }

//===------------------------ Copies and matrix fragments -------------------===//

DP_DEVICE void cp_async16(void *shared, const void *global, bool isThere,
                          host::Site at = host::Site::here()) {
  host::engine->copyAsync(shared, global, isThere ? 16 : 0, at);
}
DP_DEVICE void cp_async_commit(host::Site at = host::Site::here()) {
  host::engine->commitCopies(at);
}
template <int pending>
DP_DEVICE void cp_async_wait(host::Site at = host::Site::here()) {
  host::engine->waitCopies(pending, at);
}

DP_DEVICE void mbarrier_init(u64 *barrier, int arrivals,
                             host::Site at = host::Site::here()) {
  host::engine->initBarrier(barrier, arrivals, at);
}
DP_DEVICE void mbarrier_arrive(u64 *barrier,
                               host::Site at = host::Site::here()) {
  host::engine->arriveBarrier(barrier, 0, at);
}
DP_DEVICE void mbarrier_arrive_expect(u64 *barrier, int bytes,
                                      host::Site at = host::Site::here()) {
  host::engine->arriveBarrier(barrier, bytes, at);
}
DP_DEVICE void mbarrier_wait(u64 *barrier, int parity,
                             host::Site at = host::Site::here()) {
  host::engine->waitBarrier(barrier, parity, at);
}
DP_DEVICE void cp_async_bulk(void *shared, const void *global, int bytes,
                             u64 *barrier, host::Site at = host::Site::here()) {
  host::engine->copyBulk(shared, global, bytes, barrier, at);
}

template <int count>
DP_DEVICE void ldmatrix(u32 (&words)[count], const void *row,
                        host::Site at = host::Site::here()) {
  mm1::emulation::LoadMatrixOperand operand = {row, words};
  host::engine->warpOp(host::WarpOp::LoadMatrix, &operand, count, at);
}
template <int count>
DP_DEVICE void ldmatrix_transposed(u32 (&words)[count], const void *row,
                                   host::Site at = host::Site::here()) {
  mm1::emulation::LoadMatrixOperand operand = {row, words};
  host::engine->warpOp(host::WarpOp::LoadMatrix, &operand, -count, at);
}
DP_DEVICE u32 movmatrix(u32 row, host::Site at = host::Site::here()) {
  host::engine->warpOp(host::WarpOp::MoveMatrix, &row, 0, at);
  return row;
}
DP_DEVICE void mma_bf16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2],
                        host::Site at = host::Site::here()) {
  mm1::emulation::MultiplyOperand operand = {d, a, b};
  host::engine->warpOp(host::WarpOp::MultiplyBf16, &operand, 0, at);
}

} // namespace dp

//===------------------------------ Checked modules -------------------------===//

#if DP_CHECKED
// What the compiler calls at accesses to memory.
#define DP_HOOK extern "C" __attribute__((used, no_sanitize("thread"))) inline
#define DP_ACCESS_HOOK(name, kind, bytes)                                      \
  DP_HOOK void __tsan_##name##bytes(const void *p) {                           \
    dp::host::engine->access(p, bytes, mm1::emulation::Access::kind,           \
                             __builtin_return_address(0));                     \
  }
#define DP_ACCESS_HOOKS(bytes)                                                 \
  DP_ACCESS_HOOK(read, Read, bytes)                                            \
  DP_ACCESS_HOOK(write, Write, bytes)                                          \
  DP_ACCESS_HOOK(unaligned_read, Read, bytes)                                  \
  DP_ACCESS_HOOK(unaligned_write, Write, bytes)                                \
  DP_ACCESS_HOOK(read_write, Write, bytes)                                     \
  DP_ACCESS_HOOK(unaligned_read_write, Write, bytes)
DP_ACCESS_HOOKS(1)
DP_ACCESS_HOOKS(2)
DP_ACCESS_HOOKS(4)
DP_ACCESS_HOOKS(8)
DP_ACCESS_HOOKS(16)
#undef DP_ACCESS_HOOKS
#undef DP_ACCESS_HOOK

// Of copies and fills that a compiler made out of loops and structs.
DP_HOOK void __tsan_read_range(const void *p, unsigned long bytes) {
  dp::host::engine->access(p, bytes, mm1::emulation::Access::Read,
                           __builtin_return_address(0));
}
DP_HOOK void __tsan_write_range(const void *p, unsigned long bytes) {
  dp::host::engine->access(p, bytes, mm1::emulation::Access::Write,
                           __builtin_return_address(0));
}

DP_HOOK void __tsan_init() {}
DP_HOOK void __tsan_func_entry(void *) {}
DP_HOOK void __tsan_func_exit() {}
DP_HOOK void *__tsan_memcpy(void *to, const void *from, unsigned long bytes) {
  const void *pc = __builtin_return_address(0);
  dp::host::engine->access(from, bytes, mm1::emulation::Access::Read, pc);
  dp::host::engine->access(to, bytes, mm1::emulation::Access::Write, pc);
  return __builtin_memcpy(to, from, bytes);
}
DP_HOOK void *__tsan_memmove(void *to, const void *from, unsigned long bytes) {
  const void *pc = __builtin_return_address(0);
  dp::host::engine->access(from, bytes, mm1::emulation::Access::Read, pc);
  dp::host::engine->access(to, bytes, mm1::emulation::Access::Write, pc);
  return __builtin_memmove(to, from, bytes);
}
DP_HOOK void *__tsan_memset(void *to, int byte, unsigned long bytes) {
  dp::host::engine->access(to, bytes, mm1::emulation::Access::Write,
                           __builtin_return_address(0));
  return __builtin_memset(to, byte, bytes);
}
#undef DP_HOOK
#endif

#pragma GCC visibility pop
