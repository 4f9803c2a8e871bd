//===- dp/cuda.h - The words of dp.h on a GPU -----------------------------===//
// One instruction of the PTX ISA a word, named with the section of its document
// ("PTX ISA", CUDA 13) that describes it. No NVIDIA header: NVRTC needs none
// for this. Included by dp.h only.
//
// What is ordered with other threads' accesses is `asm volatile` with a memory
// clobber: the compiler must move neither it nor the accesses around it.
//===----------------------------------------------------------------------===//
#pragma once

#define DP_DEVICE static __device__ __forceinline__
#define DP_METHOD __device__ __forceinline__
#define DP_UNROLL _Pragma("unroll")
#define DP_NO_UNROLL _Pragma("unroll 1")
// One block is named as the fewest of a multiprocessor: without it ptxas spills
// to fit more of them.
#define DP_KERNEL(threads)                                                     \
  extern "C" __global__ void __launch_bounds__(threads, 1)
#define DP_EXPORT(kernel)
#define DP_SHARED_MEMORY(name, bytes)                                          \
  __shared__ __align__(16) dp::u8 name##_memory[bytes];                        \
  const dp::Shared name = {name##_memory}

namespace dp {

//===--------------------------------- Threads ------------------------------===//

// "Special Registers": %tid, %ctaid, %ntid.
DP_DEVICE int thread() { return int(threadIdx.x); }
DP_DEVICE int block() { return int(blockIdx.x); }
DP_DEVICE int num_threads() { return int(blockDim.x); }

// "Parallel Synchronization and Communication Instructions": bar.sync,
// bar.warp.sync.
DP_DEVICE void sync_block() { asm volatile("bar.sync 0;" ::: "memory"); }
DP_DEVICE void sync_warp() {
  asm volatile("bar.warp.sync 0xffffffff;" ::: "memory");
}

DP_DEVICE float from_bits(u32 bits) { return __uint_as_float(bits); }
DP_DEVICE u32 to_bits(float x) { return __float_as_uint(x); }

// The same: shfl.sync, vote.sync. They exchange registers and order no memory,
// but all lanes must stand at the same one: volatile keeps it where it is.
DP_DEVICE u32 shuffle(u32 x, int lane) {
  u32 y;
  asm volatile("shfl.sync.idx.b32 %0, %1, %2, 31, 0xffffffff;"
               : "=r"(y)
               : "r"(x), "r"(lane));
  return y;
}
DP_DEVICE int shuffle(int x, int lane) { return int(shuffle(u32(x), lane)); }
DP_DEVICE float shuffle(float x, int lane) {
  return from_bits(shuffle(to_bits(x), lane));
}
DP_DEVICE u32 shuffle_xor(u32 x, int mask) {
  u32 y;
  asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, 0xffffffff;"
               : "=r"(y)
               : "r"(x), "r"(mask));
  return y;
}
DP_DEVICE int shuffle_xor(int x, int mask) {
  return int(shuffle_xor(u32(x), mask));
}
DP_DEVICE float shuffle_xor(float x, int mask) {
  return from_bits(shuffle_xor(to_bits(x), mask));
}
DP_DEVICE u32 ballot(bool p) {
  u32 lanes;
  asm volatile("{.reg .pred p; setp.ne.u32 p, %1, 0; "
               "vote.sync.ballot.b32 %0, p, 0xffffffff;}"
               : "=r"(lanes)
               : "r"(u32(p)));
  return lanes;
}
DP_DEVICE bool any(bool p) { return ballot(p) != 0; }
DP_DEVICE bool all(bool p) { return ballot(p) == 0xffffffffu; }

DP_DEVICE float warp_sum(float x) {
  DP_UNROLL
  for (int distance = 16; distance; distance /= 2)
    x = x + shuffle_xor(x, distance);
  return x;
}
template <int n> DP_DEVICE void warp_sums(float (&x)[n]) {
  DP_UNROLL
  for (int i = 0; i < n; ++i)
    x[i] = warp_sum(x[i]);
}
DP_DEVICE float warp_max(float x) {
  DP_UNROLL
  for (int distance = 16; distance; distance /= 2) {
    const float other = shuffle_xor(x, distance);
    x = x < other ? other : x;
  }
  return x;
}

// "Parallel Synchronization and Communication Instructions": griddepcontrol,
// of sm_90 and later. Before, a kernel starts when those in front have ended.
DP_DEVICE void wait_grid() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
DP_DEVICE void trigger_grid() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

//===--------------------------------- Memory -------------------------------===//

// "Data Movement and Conversion Instructions": ld, with .relaxed.gpu. An
// activation may have been written by a kernel that runs at the same time, so
// the incoherent path (.nc) is not for it.
DP_DEVICE void load_into(u8 &x, const void *p) {
  u32 word;
  asm volatile("ld.relaxed.gpu.global.u8 %0, [%1];"
               : "=r"(word)
               : "l"(p)
               : "memory");
  x = u8(word);
}
DP_DEVICE void load_into(u16 &x, const void *p) {
  asm volatile("ld.relaxed.gpu.global.u16 %0, [%1];"
               : "=h"(x)
               : "l"(p)
               : "memory");
}
DP_DEVICE void load_into(u32 &x, const void *p) {
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];"
               : "=r"(x)
               : "l"(p)
               : "memory");
}
DP_DEVICE void load_into(u64 &x, const void *p) {
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];"
               : "=l"(x)
               : "l"(p)
               : "memory");
}
DP_DEVICE void load_words2(u32 *to, const void *from) {
  asm volatile("ld.relaxed.gpu.global.v2.u32 {%0, %1}, [%2];"
               : "=r"(to[0]), "=r"(to[1])
               : "l"(from)
               : "memory");
}
DP_DEVICE void load_words4(u32 *to, const void *from) {
  asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "l"(from)
               : "memory");
}

// The same: ld.global.nc. Nobody writes a weight while a kernel runs, so these
// may move: over a wait too.
DP_DEVICE void load_weight_into(u8 &x, const void *p) {
  u32 word;
  asm("ld.global.nc.u8 %0, [%1];" : "=r"(word) : "l"(p));
  x = u8(word);
}
DP_DEVICE void load_weight_into(u16 &x, const void *p) {
  asm("ld.global.nc.u16 %0, [%1];" : "=h"(x) : "l"(p));
}
DP_DEVICE void load_weight_into(u32 &x, const void *p) {
  asm("ld.global.nc.u32 %0, [%1];" : "=r"(x) : "l"(p));
}
DP_DEVICE void load_weight_into(u64 &x, const void *p) {
  asm("ld.global.nc.u64 %0, [%1];" : "=l"(x) : "l"(p));
}
DP_DEVICE void stream_words4(u32 *to, const void *from) {
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
      : "l"(from));
}

/// An unsigned integer of so many bytes.
template <int bytes> struct Bits;
template <> struct Bits<1> {
  using Type = u8;
};
template <> struct Bits<2> {
  using Type = u16;
};
template <> struct Bits<4> {
  using Type = u32;
};
template <> struct Bits<8> {
  using Type = u64;
};

template <typename T> DP_DEVICE T load(const T *p) {
  typename Bits<sizeof(T)>::Type bits;
  load_into(bits, p);
  return __builtin_bit_cast(T, bits);
}
template <typename T> DP_DEVICE T load_weight(const T *p) {
  typename Bits<sizeof(T)>::Type bits;
  load_weight_into(bits, p);
  return __builtin_bit_cast(T, bits);
}

// "Memory Consistency Model"; "Parallel Synchronization and Communication
// Instructions": fence, atom.
DP_DEVICE void fence_gpu() { asm volatile("fence.acq_rel.gpu;" ::: "memory"); }
DP_DEVICE void fence_system() {
  asm volatile("fence.acq_rel.sys;" ::: "memory");
}
#define DP_ORDERED(name, scope, type, letter, Word)                            \
  DP_DEVICE void load_acquire##name(Word &x, const void *p) {                  \
    asm volatile("ld.acquire." scope ".global." type " %0, [%1];"              \
                 : "=" letter(x)                                               \
                 : "l"(p)                                                      \
                 : "memory");                                                  \
  }                                                                            \
  DP_DEVICE void store_release##name(void *p, Word x) {                        \
    asm volatile("st.release." scope ".global." type " [%0], %1;" ::"l"(p),    \
                 letter(x)                                                     \
                 : "memory");                                                  \
  }
DP_ORDERED(_bits, "gpu", "u32", "r", u32)
DP_ORDERED(_bits, "gpu", "u64", "l", u64)
DP_ORDERED(_system_bits, "sys", "u32", "r", u32)
DP_ORDERED(_system_bits, "sys", "u64", "l", u64)
#undef DP_ORDERED
template <typename T> DP_DEVICE T load_acquire(const T *p) {
  typename Bits<sizeof(T)>::Type bits;
  load_acquire_bits(bits, p);
  return T(bits);
}
template <typename T> DP_DEVICE T load_acquire_system(const T *p) {
  typename Bits<sizeof(T)>::Type bits;
  load_acquire_system_bits(bits, p);
  return T(bits);
}
template <typename T> DP_DEVICE void store_release(T *p, Same<T> x) {
  store_release_bits(p, typename Bits<sizeof(T)>::Type(x));
}
template <typename T> DP_DEVICE void store_release_system(T *p, Same<T> x) {
  store_release_system_bits(p, typename Bits<sizeof(T)>::Type(x));
}
DP_DEVICE int atomic_add(int *p, int x) {
  int old;
  asm volatile("atom.acq_rel.gpu.global.add.s32 %0, [%1], %2;"
               : "=r"(old)
               : "l"(p), "r"(x)
               : "memory");
  return old;
}
// "Miscellaneous Instructions": nanosleep.
DP_DEVICE void spin_pause() { asm volatile("nanosleep.u32 32;" ::: "memory"); }

//===---------------------------------- Math --------------------------------===//

DP_DEVICE float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
DP_DEVICE float exp(float x) { return ::expf(x); }
DP_DEVICE float exp2(float x) { return ::exp2f(x); }
DP_DEVICE double sin(double x) { return ::sin(x); }
DP_DEVICE double cos(double x) { return ::cos(x); }
DP_DEVICE float sqrt(float x) { return ::sqrtf(x); }

//===------------------------ Copies and matrix fragments -------------------===//

DP_DEVICE u32 shared_address(const void *p) {
  return u32(__cvta_generic_to_shared(p));
}

// "Data Movement and Conversion Instructions: Asynchronous copy": cp.async,
// cp.async.commit_group, cp.async.wait_group.
DP_DEVICE void cp_async16(void *shared, const void *global, bool isThere) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   shared_address(shared)),
               "l"(global), "r"(isThere ? 16 : 0)
               : "memory");
}
DP_DEVICE void cp_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int pending> DP_DEVICE void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

#if __CUDA_ARCH__ >= 900
// "Parallel Synchronization and Communication Instructions: mbarrier". The
// fence shows an initialised barrier to the copy engine.
DP_DEVICE void mbarrier_init(u64 *barrier, int arrivals) {
  asm volatile(
      "mbarrier.init.shared.b64 [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(arrivals)
      : "memory");
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
DP_DEVICE void mbarrier_arrive(u64 *barrier) {
  asm volatile("{.reg .b64 t; mbarrier.arrive.shared.b64 t, [%0];}" ::"r"(
                   shared_address(barrier))
               : "memory");
}
DP_DEVICE void mbarrier_arrive_expect(u64 *barrier, int bytes) {
  asm volatile(
      "{.reg .b64 t; mbarrier.arrive.expect_tx.shared.b64 t, [%0], %1;}" ::"r"(
          shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
DP_DEVICE void mbarrier_wait(u64 *barrier, int parity) {
  u32 isOver;
  do {
    asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared.b64 p, [%1], "
                 "%2; selp.u32 %0, 1, 0, p;}"
                 : "=r"(isOver)
                 : "r"(shared_address(barrier)), "r"(parity)
                 : "memory");
  } while (!isOver);
}
// "Data Movement and Conversion Instructions: Bulk copy": cp.async.bulk.
DP_DEVICE void cp_async_bulk(void *shared, const void *global, int bytes,
                             u64 *barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::"
               "bytes [%0], [%1], %2, [%3];" ::"r"(shared_address(shared)),
               "l"(global), "r"(bytes), "r"(shared_address(barrier))
               : "memory");
}
#endif

// "Warp Level Matrix Multiply-Accumulate Instructions": ldmatrix, movmatrix,
// mma.
DP_DEVICE void ldmatrix(u32 (&words)[4], const void *row) {
  asm volatile(
      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
      : "r"(shared_address(row))
      : "memory");
}
DP_DEVICE void ldmatrix(u32 (&words)[2], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(words[0]), "=r"(words[1])
               : "r"(shared_address(row))
               : "memory");
}
DP_DEVICE void ldmatrix_transposed(u32 (&words)[4], const void *row) {
  asm volatile(
      "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
      : "r"(shared_address(row))
      : "memory");
}
DP_DEVICE void ldmatrix_transposed(u32 (&words)[2], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(words[0]), "=r"(words[1])
               : "r"(shared_address(row))
               : "memory");
}
DP_DEVICE u32 movmatrix(u32 row) {
  u32 column;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;"
               : "=r"(column)
               : "r"(row));
  return column;
}
DP_DEVICE void mma_bf16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]),
                 "r"(b[1]));
}

} // namespace dp
