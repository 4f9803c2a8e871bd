//===- dp.h - The words that kernels are written in -----------------------===//
// Everything a kernel says that is not plain C++ is in here: who am I, load,
// sum over a warp or a block, wait, round. The same text becomes code for a GPU
// (dp/cuda.h: PTX, no NVIDIA header; NVRTC gets these files from memory) and
// for a CPU (dp/host.h: kernels/emulation runs it and watches).
//
//   #include "dp/dp.h"
//
//   DP_KERNEL(128) double_it(const dp::bf16 *x, dp::bf16 *y,
//                            const dp::i64 *dims) {
//     dp::wait_grid();
//     dp::trigger_grid();
//     const int i = dp::block() * 128 + dp::thread();
//     if (i < dp::tokens(dims)) {
//       const float two = 2.0f * dp::to_float(dp::load(x + i));
//       dp::store(y + i, dp::convert<dp::bf16>(two));
//     }
//   }
//   DP_EXPORT(double_it)
//
// A program is compiled with --fmad=false or -ffp-contract=off: products and
// sums round as they are written and dp::fma is the only fused one, so that
// both give the same bits wherever the functions are exact.
//
// Who it takes       to call
//   one thread       load ... store, atomic_add, fences, acquire and release,
//                    trigger_grid, cp_async16, mbarrier words but the wait
//   all 32 lanes     shuffle, ballot, warp_sum, ..., sync_warp, ldmatrix, ...
//   the whole block  sync_block, block_sum, block_max, DP_SHARED_MEMORY
// and no thread of those may have returned.
//===----------------------------------------------------------------------===//
#pragma once

namespace dp {
using i8 = signed char;
using u8 = unsigned char;
using u16 = unsigned short;
using i32 = int;
using u32 = unsigned;
using i64 = long long;
using u64 = unsigned long long;

/// T, where it is not to be deduced.
template <typename T> struct SameType {
  using Type = T;
};
template <typename T> using Same = typename SameType<T>::Type;

/// Memory that the threads of a block share, 16-byte aligned; what it holds at
/// first is undefined (on the host: bytes of 0xff).
struct Shared {
  u8 *bytes;
};
} // namespace dp

//===------------------------------- Primitives -----------------------------===//
// Both halves define, beside the words of one line whose name says it:
//
//   DP_KERNEL(threads)     starts a kernel whose blocks have so many threads
//   DP_EXPORT(kernel)      behind a kernel: host modules list it
//   DP_SHARED_MEMORY(name, bytes)  at the top of a kernel, once: dp::Shared
//                          name. At most 48 KiB. Functions are given it
//   DP_DEVICE, DP_METHOD   starts a function; a member function
//   DP_UNROLL              unrolls the loop behind it whole, so that arrays
//                          indexed in it stay in registers
//   DP_NO_UNROLL           leaves the loop behind it as it is, where copies of
//                          its body would only take registers
//
//   thread(), block()      of this thread in its block, of it in the grid
//   num_threads()          of the block
//   sync_block()           waits for all threads of the block; what they wrote
//                          before is seen after
//   sync_warp()            the same for the lanes of the warp
//   shuffle(x, lane)       the x of that lane; 4 bytes
//   shuffle_xor(x, mask)   of the lane whose number differs in mask's bits
//   ballot(p), any(p), all(p)  a bit for each lane with p; p of any, of all
//   warp_sum(x)            the sum over the lanes, in every lane. Order: lanes
//                          16 apart, then 8, 4, 2, 1
//   warp_sums(x)           of each element of an array (on the host: at once)
//   warp_max(x)            the largest; of zeros, either one's sign
//
//   wait_grid()            until the kernels in front have ended. Every thread
//                          of every kernel waits before it touches anything
//                          but weights
//   trigger_grid()         lets the next kernel start, which will wait; behind
//                          the wait
//
//   load(p), load_words2, load_words4  of an activation or a state
//   load_weight(p), stream_words4      of what nobody writes while kernels run
//   fence_gpu(), fence_system()
//   load_acquire(p), store_release(p, x), ..._system   4 or 8 bytes
//   atomic_add(p, x)       int; gives what was there; acquires and releases
//   spin_pause()           in every loop around a load_acquire
//
//   fma(a, b, c)           rounded once; exp, exp2, sqrt of float; sin, cos of
//                          double
//
// No kernel of the plain tier uses these yet; their conformance kernels do:
//
//   cp_async16(shared, global, isThere)  16 bytes (zeros), cp_async_commit(),
//   cp_async_wait<pending>()
//   mbarrier_init(b, arrivals), mbarrier_arrive(b),
//   mbarrier_arrive_expect(b, bytes), mbarrier_wait(b, parity)      sm_90
//   cp_async_bulk(shared, global, bytes, b)    a multiple of 16    sm_90
//   ldmatrix(words, row), ldmatrix_transposed  2 or 4 matrices of 8 x 8
//   movmatrix(row)                             transposes one
//   mma_bf16(d, a, b)      m16n8k16: d += a b

#if defined(__CUDACC_RTC__) || defined(__CUDACC__)
#include "dp/cuda.h"
#else
#include "dp/host.h"
#endif

namespace dp {

//===-------------------------------- Places --------------------------------===//

/// A warp is 32 threads; lane is the place in it.
DP_DEVICE int warp() { return thread() / 32; }
DP_DEVICE int lane() { return thread() % 32; }

/// T, the tokens of the step. Dims lie in device memory, so that a recorded
/// graph of launches serves every step (order: runtime/Artifact/KernelABI.h).
DP_DEVICE int tokens(const i64 *dims) { return int(load(dims)); }
/// B, its sequences.
DP_DEVICE int sequences(const i64 *dims) { return int(load(dims + 1)); }
/// Columns of the page table.
DP_DEVICE int page_columns(const i64 *dims) { return int(load(dims + 2)); }

template <typename T> DP_DEVICE void store(T *p, Same<T> x) { *p = x; }

//===-------------------------------- Numbers -------------------------------===//

/// The upper half of a float.
struct bf16 {
  unsigned short bits;
};

DP_DEVICE float to_float(float x) { return x; }
DP_DEVICE float to_float(bf16 x) { return from_bits(u32(x.bits) << 16); }

template <typename T> struct Convert;
template <> struct Convert<float> {
  DP_DEVICE float from(float x) { return x; }
};
template <> struct Convert<bf16> {
  DP_DEVICE bf16 from(float x) {
    u32 bits = to_bits(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) // keep a NaN one
      return {static_cast<unsigned short>((bits >> 16) | 0x40u)};
    return {static_cast<unsigned short>(
        (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
  }
};
/// Rounds to nearest, ties to even.
template <typename T> DP_DEVICE T convert(float x) {
  return Convert<T>::from(x);
}

DP_DEVICE int min(int a, int b) { return a < b ? a : b; }
DP_DEVICE int max(int a, int b) { return a < b ? b : a; }
/// Not a NaN's.
DP_DEVICE float min(float a, float b) { return b < a ? b : a; }
DP_DEVICE float max(float a, float b) { return a < b ? b : a; }
/// Rounded twice, as 1 / sqrt(x).
DP_DEVICE float rsqrt(float x) { return 1.0f / sqrt(x); }

//===-------------------------------- Vectors -------------------------------===//

/// `size` consecutive elements as they lie in memory; 8 bytes or a multiple of
/// 16.
template <typename T, int size> struct Vector {
  static constexpr int kWords = size * int(sizeof(T)) / 4;
  static_assert(kWords == 2 || kWords % 4 == 0,
                "a vector is loaded in pieces of 8 or 16 bytes");
  u32 words[kWords];
};

/// Loads a vector from an address that is a multiple of its size or of 16.
template <int size, typename T>
DP_DEVICE Vector<T, size> load_vector(const T *from) {
  Vector<T, size> v;
  const u32 *words = reinterpret_cast<const u32 *>(from);
  if constexpr (v.kWords == 2) {
    load_words2(v.words, words);
  } else {
    DP_UNROLL
    for (int i = 0; i < v.kWords; i += 4)
      load_words4(v.words + i, words + i);
  }
  return v;
}

/// The same for 16 bytes of a weight.
template <int size, typename T>
DP_DEVICE Vector<T, size> stream_vector(const T *from) {
  Vector<T, size> v;
  static_assert(v.kWords == 4, "weights are streamed 16 bytes a lane");
  stream_words4(v.words, from);
  return v;
}

/// The 16 bytes of column n of a weight in swizzled tiles (#mm1.swizzle) that
/// hold k, in natural order. `rows` columns make a tile, `lines` tiles hold all
/// of k. In fragment order: those whose place is that of k.
template <int rows, int lines, typename T>
DP_DEVICE const T *swizzled_chunk(const T *weight, int n, int k) {
  constexpr int size = 16 / int(sizeof(T));
  const i64 tile = i64(n / rows) * lines + k / (8 * size);
  const int chunk = k / size % 8 ^ n % 8;
  return weight + ((tile * rows + n % rows) * 8 + chunk) * size;
}

/// Numbers of a row in the order of a weight's chunk.
template <int size> struct Values {
  float values[size];
};
template <int size> DP_DEVICE float element(const Values<size> &v, int i) {
  return v.values[i];
}

/// What the chunk at place k of a weight in fragment order is multiplied with:
/// byte 4 j + 2 c + b of chunk 4 h + t holds k = 64 h + 16 j + 8 b + 2 t + c. A
/// row has `columns`; behind them lies anything, and zeros are given.
template <int columns, typename T>
DP_DEVICE Values<16> load_fragment(const T *row, int k) {
  Values<16> x;
  const int first = k / 64 * 64 + k % 64 / 16 * 2;
  DP_UNROLL
  for (int i = 0; i < 16; ++i) {
    const int at = first + i / 4 * 16 + i % 2 * 8 + i % 4 / 2;
    x.values[i] =
        columns % 64 == 0 || at < columns ? to_float(load(row + at)) : 0.0f;
  }
  return x;
}

template <int size>
DP_DEVICE float element(const Vector<float, size> &v, int i) {
  return from_bits(v.words[i]);
}
template <int size>
DP_DEVICE float element(const Vector<bf16, size> &v, int i) {
  u32 word = v.words[i / 2];
  return from_bits(i % 2 ? word & 0xffff0000u : word << 16);
}
template <int size> DP_DEVICE float element(const Vector<i8, size> &v, int i) {
  return float(i32(v.words[i / 4] << (24 - 8 * (i % 4))) >> 24);
}

/// An integer in fragment order: stored as q + 128.
template <int size> DP_DEVICE float element(const Vector<u8, size> &v, int i) {
  return float(i32(v.words[i / 4] >> (8 * (i % 4)) & 0xffu) - 128);
}

/// sum + x . w, one product after the other.
template <typename X, typename W, int size>
DP_DEVICE float dot(const X &x, const Vector<W, size> &w, float sum) {
  DP_UNROLL
  for (int i = 0; i < size; ++i)
    sum = fma(element(x, i), element(w, i), sum);
  return sum;
}

//===--------------------------------- Blocks -------------------------------===//

/// The sum over the threads of a block, in every thread: each warp's, then the
/// warps' in order. `partial`: 32 floats of shared memory.
DP_DEVICE float block_sum(float x, float *partial) {
  x = warp_sum(x);
  sync_block(); // what lay there has been read
  if (lane() == 0)
    partial[warp()] = x;
  sync_block();
  float sum = partial[0];
  for (int i = 1; i < num_threads() / 32; ++i)
    sum = sum + partial[i];
  return sum;
}
/// The same for the largest.
DP_DEVICE float block_max(float x, float *partial) {
  x = warp_max(x);
  sync_block();
  if (lane() == 0)
    partial[warp()] = x;
  sync_block();
  float most = partial[0];
  for (int i = 1; i < num_threads() / 32; ++i)
    most = max(most, partial[i]);
  return most;
}

} // namespace dp
