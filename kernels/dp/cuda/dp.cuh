//===- dp.cuh - The words that generated kernels are written in -----------===//
// Everything a generated kernel says that is not plain C++ is in here: who am
// I, load, sum over a warp or a block, round. No NVIDIA header is used, and the
// compiler carries this file in itself and hands it to NVRTC from memory.
//
//   DP_KERNEL(128) double_it(const dp::bf16 *x, dp::bf16 *y, const dp::i64 *dims) {
//     const int i = dp::block() * 128 + dp::thread();
//     if (i < dp::tokens(dims))
//       y[i] = dp::convert<dp::bf16>(2.0f * dp::to_float(x[i]));
//   }
//
// The file has two parts: primitives, which only CUDA has, and what is built from
// them. DP_PRIMITIVES names a file with other primitives (a CPU's).
//
// A program is compiled with --fmad=false: products and sums round as they are
// written and dp::fma is the only fused one, so that other primitives can give
// the same bits.
//===----------------------------------------------------------------------===//
#pragma once

/// Unrolls the loop behind it whole, so that arrays indexed in it stay in
/// registers.
#define DP_UNROLL _Pragma("unroll")

namespace dp {
using i8 = signed char;
using u8 = unsigned char;
using i32 = int;
using i64 = long long;
using u32 = unsigned;
} // namespace dp

//===------------------------------- Primitives -----------------------------===//

#ifdef DP_PRIMITIVES
#include DP_PRIMITIVES
#else
#define DP_DEVICE static __device__ __forceinline__
/// Starts a kernel whose blocks have `threads` threads. One block is named as
/// the fewest of a multiprocessor: without it ptxas spills to fit more of them.
#define DP_KERNEL(threads)                                                     \
  extern "C" __global__ void __launch_bounds__(threads, 1)
/// Declares a variable that the threads of a block share.
#define DP_SHARED __shared__

namespace dp {

/// Of this thread in its block, and of its block in the grid.
DP_DEVICE int thread() { return int(threadIdx.x); }
DP_DEVICE int block() { return int(blockIdx.x); }
DP_DEVICE int num_threads() { return int(blockDim.x); }

/// Waits for all threads of the block; what they wrote before is seen after.
DP_DEVICE void sync_block() { __syncthreads(); }
/// What the lane whose number differs in the bits of `mask` gives. All lanes
/// of the warp must call it.
DP_DEVICE float shuffle_xor(float x, int mask) {
  return __shfl_xor_sync(0xffffffffu, x, mask);
}

DP_DEVICE float from_bits(u32 bits) { return __uint_as_float(bits); }
DP_DEVICE u32 to_bits(float x) { return __float_as_uint(x); }

/// Two or four words from an address that is a multiple of their size.
DP_DEVICE void load_words2(u32 *to, const void *from) {
  asm("ld.global.v2.u32 {%0, %1}, [%2];"
      : "=r"(to[0]), "=r"(to[1])
      : "l"(from));
}
DP_DEVICE void load_words4(u32 *to, const void *from) {
  asm("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
      : "l"(from));
}
/// The same of what nobody writes while a kernel runs and this step reads once.
DP_DEVICE void stream_words4(u32 *to, const void *from) {
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
      : "l"(from));
}

} // namespace dp
#endif

namespace dp {

//===-------------------------------- Places --------------------------------===//

/// A warp is 32 threads; lane is the place in it.
DP_DEVICE int warp() { return thread() / 32; }
DP_DEVICE int lane() { return thread() % 32; }

/// T, the tokens of the step. Dims lie in device memory, so that a recorded
/// graph of launches serves every step (order: runtime/Artifact/KernelABI.h).
DP_DEVICE int tokens(const i64 *dims) { return int(dims[0]); }

DP_DEVICE int min(int a, int b) { return a < b ? a : b; }

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

/// a * b + c, rounded once.
DP_DEVICE float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
DP_DEVICE float exp(float x) { return ::expf(x); }
DP_DEVICE double sin(double x) { return ::sin(x); }
DP_DEVICE double cos(double x) { return ::cos(x); }
DP_DEVICE float sqrt(float x) { return ::sqrtf(x); }
/// Rounded twice, as 1 / sqrt(x).
DP_DEVICE float rsqrt(float x) { return 1.0f / ::sqrtf(x); }

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
    x.values[i] = columns % 64 == 0 || at < columns ? to_float(row[at]) : 0.0f;
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

//===--------------------------------- Sums ---------------------------------===//

/// The sum over the lanes of a warp, in every lane. All lanes must call it.
/// Order: lanes 16 apart, then 8, 4, 2, 1.
DP_DEVICE float warp_sum(float x) {
  DP_UNROLL
  for (int distance = 16; distance; distance /= 2)
    x = x + shuffle_xor(x, distance);
  return x;
}

/// The sum over the threads of a block, in every thread: each warp's, then the
/// warps' in order. All threads must call it.
DP_DEVICE float block_sum(float x) {
  DP_SHARED float partial[32];
  x = warp_sum(x);
  sync_block(); // an earlier sum has been read
  if (lane() == 0)
    partial[warp()] = x;
  sync_block();
  float sum = partial[0];
  for (int i = 1; i < num_threads() / 32; ++i)
    sum = sum + partial[i];
  return sum;
}

} // namespace dp
