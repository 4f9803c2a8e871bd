//===- primitives.cu - A tiny kernel for each word of dp.h ----------------===//
// What a word does on a GPU and in the emulation must be the same bits; these
// kernels show it, one word each. They all look alike, so that one loop can run
// them: two blocks of 64 threads, `in` and `weights` 4096 words that are read,
// `out` 4096 words that are written, all 16-byte aligned.
//
//   Answers.h                             what each must answer
//   test/kernels/dp/ConformanceTest.cpp   that the emulation does
//   LintProgramTest.cpp                   that NVRTC makes of each the
//                                         instruction it is named for
//
// Inputs are words; a kernel that wants floats or bf16 reads the words as such.
//===----------------------------------------------------------------------===//
#include "dp/dp.h"

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
#define HAS_BULK_COPIES 1
#endif

#define CONFORMANCE_KERNEL(name)                                               \
  DP_KERNEL(64)                                                                \
  name(const dp::u32 *in, const dp::u32 *__restrict__ weights, dp::u32 *out)

namespace {
/// Of the thread in the grid.
DP_DEVICE int place() { return dp::block() * 64 + dp::thread(); }
DP_DEVICE float number(dp::u32 bits) { return dp::from_bits(bits); }
DP_DEVICE const float *floats(const dp::u32 *words) {
  return reinterpret_cast<const float *>(words);
}
} // namespace

//===--------------------------------- Threads ------------------------------===//

CONFORMANCE_KERNEL(places) {
  out[place()] = dp::thread() + (dp::block() << 8) + (dp::lane() << 12) +
                 (dp::warp() << 20) + (dp::num_threads() << 24);
}
DP_EXPORT(places)

CONFORMANCE_KERNEL(shuffle) {
  const dp::u32 x = dp::load(in + place());
  out[place()] = dp::shuffle(x, int(x % 32));
  out[128 + place()] = dp::to_bits(dp::shuffle(number(x), 31 - dp::lane()));
}
DP_EXPORT(shuffle)

CONFORMANCE_KERNEL(shuffle_xor) {
  const dp::u32 x = dp::load(in + place());
  dp::u32 y = x;
  for (int mask = 1; mask < 32; mask = 2 * mask + 1)
    y = y * 5 + dp::shuffle_xor(y, mask);
  out[place()] = y;
}
DP_EXPORT(shuffle_xor)

CONFORMANCE_KERNEL(ballot) {
  const dp::u32 x = dp::load(in + place());
  out[place()] = dp::ballot(x & 1);
  out[128 + place()] = dp::any(x % 61 == 0) + 2 * dp::all(x % 61 != 0);
}
DP_EXPORT(ballot)

CONFORMANCE_KERNEL(warp_sum) {
  out[place()] = dp::to_bits(dp::warp_sum(dp::load(floats(in) + place())));
  float two[2] = {dp::load(floats(in) + 128 + place()),
                  dp::load(floats(in) + 256 + place())};
  dp::warp_sums(two);
  out[128 + place()] = dp::to_bits(two[0]);
  out[256 + place()] = dp::to_bits(two[1]);
}
DP_EXPORT(warp_sum)

CONFORMANCE_KERNEL(warp_max) {
  out[place()] = dp::to_bits(dp::warp_max(dp::load(floats(in) + place())));
}
DP_EXPORT(warp_max)

CONFORMANCE_KERNEL(block_sum) {
  DP_SHARED_MEMORY(shared, 128);
  float *partial = reinterpret_cast<float *>(shared.bytes);
  const float x = dp::load(floats(in) + place());
  out[place()] = dp::to_bits(dp::block_sum(x, partial));
  out[128 + place()] = dp::to_bits(dp::block_max(x, partial));
}
DP_EXPORT(block_sum)

CONFORMANCE_KERNEL(sync_block) {
  DP_SHARED_MEMORY(shared, 256);
  dp::u32 *words = reinterpret_cast<dp::u32 *>(shared.bytes);
  for (int round = 0; round < 4; ++round) {
    words[dp::thread()] = dp::load(in + 128 * round + place());
    dp::sync_block();
    out[128 * round + place()] = words[63 - dp::thread()];
    dp::sync_block();
  }
}
DP_EXPORT(sync_block)

CONFORMANCE_KERNEL(sync_warp) {
  DP_SHARED_MEMORY(shared, 256);
  dp::u32 *words = reinterpret_cast<dp::u32 *>(shared.bytes);
  words[dp::thread()] = dp::load(in + place());
  dp::sync_warp();
  out[place()] = words[dp::thread() ^ 31];
}
DP_EXPORT(sync_warp)

CONFORMANCE_KERNEL(wait_and_trigger) {
  dp::wait_grid();
  dp::trigger_grid();
  out[place()] = dp::load(in + place());
}
DP_EXPORT(wait_and_trigger)

//===--------------------------------- Memory -------------------------------===//

CONFORMANCE_KERNEL(load_and_store) {
  const dp::u8 *bytes = reinterpret_cast<const dp::u8 *>(in);
  out[place()] = dp::load(bytes + place());
  out[128 + place()] =
      dp::load(reinterpret_cast<const dp::u16 *>(in) + place());
  const dp::u64 x = dp::load(reinterpret_cast<const dp::u64 *>(in) + place());
  dp::store(reinterpret_cast<dp::u64 *>(out + 256) + place(), x);
  dp::store(reinterpret_cast<dp::bf16 *>(out + 512) + place(),
            dp::load(reinterpret_cast<const dp::bf16 *>(in) + place()));
}
DP_EXPORT(load_and_store)

CONFORMANCE_KERNEL(load_weights) {
  const dp::u8 *bytes = reinterpret_cast<const dp::u8 *>(weights);
  out[place()] = dp::load_weight(bytes + place());
  out[128 + place()] =
      dp::load_weight(reinterpret_cast<const dp::u16 *>(weights) + place());
  out[256 + place()] = dp::load_weight(weights + place());
  const dp::u64 x =
      dp::load_weight(reinterpret_cast<const dp::u64 *>(weights) + place());
  dp::store(reinterpret_cast<dp::u64 *>(out + 384) + place(), x);
}
DP_EXPORT(load_weights)

CONFORMANCE_KERNEL(load_vectors) {
  const auto four = dp::load_vector<4>(in + 4 * place());
  const auto two = dp::load_vector<2>(in + 2 * place());
  const auto weight = dp::stream_vector<4>(weights + 4 * place());
  for (int i = 0; i < 4; ++i) {
    out[4 * place() + i] = four.words[i];
    out[512 + 4 * place() + i] = weight.words[i];
  }
  for (int i = 0; i < 2; ++i)
    out[1024 + 2 * place() + i] = two.words[i];
}
DP_EXPORT(load_vectors)

// Whichever thread is last takes the sum; which one that is, nobody knows.
CONFORMANCE_KERNEL(atomic_add) {
  int *count = reinterpret_cast<int *>(out);
  const int old = dp::atomic_add(count + 1 + place() % 7, int(in[place()] % 9));
  dp::atomic_add(count, 1);
  out[64 + place()] = old >= 0;
}
DP_EXPORT(atomic_add)

// Block 1 waits for block 0: with words of 4 and of 8 bytes, for the GPU and
// for the system.
CONFORMANCE_KERNEL(acquire_release) {
  dp::u32 *flag = out + 2048;
  dp::u64 *flags = reinterpret_cast<dp::u64 *>(out + 2052);
  if (dp::block() == 0) {
    dp::store(out + dp::thread(), dp::load(in + dp::thread()));
    dp::sync_block();
    if (dp::thread() == 0) {
      dp::fence_gpu();
      dp::store_release(flag, 1);
      dp::store_release_system(flag + 1, 2);
      dp::fence_system();
      dp::store_release(flags, 3);
      dp::store_release_system(flags + 1, 4);
    }
    return;
  }
  if (dp::thread() == 0) {
    while (
        dp::load_acquire(flag) != 1 || dp::load_acquire_system(flag + 1) != 2 ||
        dp::load_acquire(flags) != 3 || dp::load_acquire_system(flags + 1) != 4)
      dp::spin_pause();
  }
  dp::sync_block();
  out[64 + dp::thread()] = dp::load(out + 63 - dp::thread());
}
DP_EXPORT(acquire_release)

//===--------------------------------- Numbers ------------------------------===//

CONFORMANCE_KERNEL(round_to_bf16) {
  for (int i = place(); i < 4096; i += 128) {
    const dp::bf16 y = dp::convert<dp::bf16>(dp::load(floats(in) + i));
    out[i] = dp::to_bits(dp::to_float(y));
  }
}
DP_EXPORT(round_to_bf16)

// Each rounds once, so all bits are known.
CONFORMANCE_KERNEL(exact_math) {
  const float *x = floats(in) + place();
  const float a = dp::load(x), b = dp::load(x + 128), c = dp::load(x + 256);
  float *y = reinterpret_cast<float *>(out) + place();
  y[0] = dp::fma(a, b, c);
  y[128] = a * b + c;
  y[256] = a / b;
  y[384] = dp::sqrt(a < 0 ? -a : a);
  y[512] = dp::max(a, b);
  y[640] = dp::min(a, b);
  y[768] = dp::rsqrt(a < 0 ? -a : a);
}
DP_EXPORT(exact_math)

// These are near: within 2 ulp (CUDA Math API, "Single-Precision").
CONFORMANCE_KERNEL(near_math) {
  const float x = dp::load(floats(in) + place());
  float *y = reinterpret_cast<float *>(out) + place();
  y[0] = dp::exp(x);
  y[128] = dp::exp2(x);
  y[256] = float(dp::sin(double(x)));
  y[384] = float(dp::cos(double(x)));
}
DP_EXPORT(near_math)

//===------------------------ Copies and matrix fragments -------------------===//

// Each thread reads what its neighbour's copy brought; every fifth is zeros.
CONFORMANCE_KERNEL(cp_async) {
  DP_SHARED_MEMORY(shared, 2048);
  dp::u32 *words = reinterpret_cast<dp::u32 *>(shared.bytes);
  for (int group = 0; group < 2; ++group) {
    dp::cp_async16(words + 256 * group + 4 * dp::thread(),
                   in + 512 * group + 4 * place(), place() % 5 != 0);
    dp::cp_async_commit();
  }
  dp::cp_async_wait<1>();
  dp::sync_block();
  for (int i = 0; i < 4; ++i)
    out[4 * place() + i] = words[4 * (63 - dp::thread()) + i];
  dp::cp_async_wait<0>();
  dp::sync_block();
  for (int i = 0; i < 4; ++i)
    out[512 + 4 * place() + i] = words[256 + 4 * (63 - dp::thread()) + i];
}
DP_EXPORT(cp_async)

#if HAS_BULK_COPIES
CONFORMANCE_KERNEL(cp_async_bulk) {
  DP_SHARED_MEMORY(shared, 2064);
  dp::u32 *words = reinterpret_cast<dp::u32 *>(shared.bytes);
  dp::u64 *full = reinterpret_cast<dp::u64 *>(shared.bytes + 2048);
  if (dp::thread() == 0)
    dp::mbarrier_init(full, 1);
  dp::sync_block();
  for (int round = 0; round < 3; ++round) {
    if (dp::thread() == 0) {
      dp::mbarrier_arrive_expect(full, 2048);
      for (int half = 0; half < 2; ++half)
        dp::cp_async_bulk(words + 256 * half,
                          in + 1024 * round + 512 * dp::block() + 256 * half,
                          1024, full);
    }
    dp::mbarrier_wait(full, round % 2);
    for (int i = dp::thread(); i < 512; i += 64)
      out[1024 * round + 512 * dp::block() + i] = words[511 - i];
    dp::sync_block();
  }
}
DP_EXPORT(cp_async_bulk)

// A ring of one word: the second warp takes what the first one puts.
CONFORMANCE_KERNEL(mbarrier) {
  DP_SHARED_MEMORY(shared, 144);
  dp::u32 *words = reinterpret_cast<dp::u32 *>(shared.bytes);
  dp::u64 *full = reinterpret_cast<dp::u64 *>(shared.bytes + 128);
  dp::u64 *empty = full + 1;
  if (dp::thread() == 0) {
    dp::mbarrier_init(full, 32);
    dp::mbarrier_init(empty, 32);
  }
  dp::sync_block();
  for (int round = 0; round < 5; ++round) {
    if (dp::warp() == 0) {
      if (round > 0)
        dp::mbarrier_wait(empty, (round - 1) % 2);
      words[dp::lane()] =
          dp::load(in + 64 * round + 32 * dp::block() + dp::lane());
      dp::mbarrier_arrive(full);
    } else {
      dp::mbarrier_wait(full, round % 2);
      out[64 * round + 32 * dp::block() + dp::lane()] = words[31 - dp::lane()];
      dp::mbarrier_arrive(empty);
    }
  }
}
DP_EXPORT(mbarrier)
#endif

// A warp loads its 8 x 8 matrices from the 32 rows that it has put there.
CONFORMANCE_KERNEL(ldmatrix) {
  DP_SHARED_MEMORY(shared, 1024);
  dp::u32 *words = reinterpret_cast<dp::u32 *>(shared.bytes) + 128 * dp::warp();
  for (int i = 0; i < 4; ++i)
    words[4 * dp::lane() + i] = dp::load(in + 4 * place() + i);
  dp::sync_warp();
  dp::u32 four[4], two[2];
  dp::ldmatrix(four, words + 4 * (31 - dp::lane()));
  for (int i = 0; i < 4; ++i)
    out[4 * place() + i] = four[i];
  dp::ldmatrix_transposed(four, words + 4 * dp::lane());
  for (int i = 0; i < 4; ++i)
    out[512 + 4 * place() + i] = four[i];
  dp::ldmatrix(two, words + 4 * dp::lane());
  out[1024 + 2 * place()] = two[0];
  out[1025 + 2 * place()] = two[1];
  dp::ldmatrix_transposed(two, words + 4 * (dp::lane() % 16));
  out[1280 + 2 * place()] = two[0];
  out[1281 + 2 * place()] = two[1];
}
DP_EXPORT(ldmatrix)

CONFORMANCE_KERNEL(movmatrix) {
  out[place()] = dp::movmatrix(dp::load(in + place()));
}
DP_EXPORT(movmatrix)

// Fragments as they come: a 4 words a lane, b 2, d 4 floats.
CONFORMANCE_KERNEL(mma_bf16) {
  dp::u32 a[4], b[2];
  float d[4];
  for (int i = 0; i < 4; ++i) {
    a[i] = dp::load(in + 4 * place() + i);
    d[i] = dp::load(floats(in) + 1024 + 4 * place() + i);
  }
  for (int i = 0; i < 2; ++i)
    b[i] = dp::load(in + 512 + 2 * place() + i);
  dp::mma_bf16(d, a, b);
  for (int i = 0; i < 4; ++i)
    out[4 * place() + i] = dp::to_bits(d[i]);
}
DP_EXPORT(mma_bf16)
