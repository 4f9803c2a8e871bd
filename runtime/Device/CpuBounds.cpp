//===- CpuBounds.cpp - What this processor can do at best -----------------===//
#include "runtime/Device/CpuBounds.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mm1 {

namespace {

constexpr uint64_t kBufferBytes = uint64_t(512) << 20;
constexpr uint64_t kPieceBytes = uint64_t(4) << 20;
constexpr int kReadRounds = 5;
constexpr int kPeakRounds = 5;
// Multiply-adds of one register in one task.
constexpr int64_t kPeakIterations = 200'000;
constexpr int kChains =
    12; // enough for two units with a latency of five cycles

/// Results go here so that the compiler keeps the work.
std::atomic<uint64_t> sink;

void readPieces(void *const *buffers, const int64_t *, int64_t begin,
                int64_t end, void *) {
  auto at =
      static_cast<const char *>(buffers[0]) + uint64_t(begin) * kPieceBytes;
  auto stop =
      static_cast<const char *>(buffers[0]) + uint64_t(end) * kPieceBytes;
  typedef uint64_t Vector __attribute__((vector_size(64), aligned(64)));
  Vector sums[4] = {};
  for (; at != stop; at += 4 * sizeof(Vector))
    for (int i = 0; i < 4; ++i)
      sums[i] ^= *reinterpret_cast<const Vector *>(at + i * sizeof(Vector));
  Vector sum = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
  sink.fetch_xor(sum[0] ^ sum[7], std::memory_order_relaxed);
}

#if defined(__x86_64__)
// An empty asm that "changes" the operand keeps the loop from being folded.
#define MM1_PEAK_KERNEL(NAME, TARGET, VECTOR, ZERO, STEP)                      \
  __attribute__((target(TARGET))) void NAME(                                   \
      void *const *, const int64_t *, int64_t begin, int64_t end, void *) {    \
    for (int64_t task = begin; task < end; ++task) {                           \
      VECTOR x[kChains], a = ZERO, b = ZERO;                                   \
      for (auto &chain : x)                                                    \
        chain = ZERO;                                                          \
      for (int64_t i = 0; i < kPeakIterations; ++i) {                          \
        asm volatile("" : "+v"(a), "+v"(b));                                   \
        for (auto &chain : x)                                                  \
          chain = STEP;                                                        \
      }                                                                        \
      uint64_t first;                                                          \
      for (auto &chain : x) {                                                  \
        std::memcpy(&first, &chain, sizeof(first));                            \
        sink.fetch_xor(first, std::memory_order_relaxed);                      \
      }                                                                        \
    }                                                                          \
  }
MM1_PEAK_KERNEL(f32Avx2, "avx2,fma", __m256, _mm256_setzero_ps(),
                _mm256_fmadd_ps(a, b, chain))
MM1_PEAK_KERNEL(f32Avx512, "avx512f", __m512, _mm512_setzero_ps(),
                _mm512_fmadd_ps(a, b, chain))
MM1_PEAK_KERNEL(bf16Avx512, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(),
                _mm512_dpbf16_ps(chain, (__m512bh)a, (__m512bh)b))
MM1_PEAK_KERNEL(int8Avx512, "avx512f,avx512vnni", __m512i,
                _mm512_setzero_si512(), _mm512_dpbusd_epi32(chain, a, b))
#undef MM1_PEAK_KERNEL
#endif

} // namespace

Expected<std::unique_ptr<CpuBounds>> CpuBounds::create(uint32_t threads,
                                                       std::string_view level) {
  std::unique_ptr<CpuBounds> bounds(new CpuBounds);
  bounds->hasAvx512Kernels = level == "x86-64-v4-bf16";
  auto memory = CpuMemory::allocate(kBufferBytes,
                                    "the buffer of the bandwidth measurement");
  if (!memory)
    return memory.takeError();
  bounds->buffer = std::move(*memory);
  std::memset(bounds->buffer.data(), 1, kBufferBytes);
  auto pool = ThreadPool::create(threads, 0, /*profiling=*/false);
  if (!pool)
    return pool.takeError();
  bounds->pool = std::move(*pool);
  return bounds;
}

/// Seconds for `tasks` tasks on all threads.
double CpuBounds::timeSteps(KernelFunction function, void *buffer,
                            uint32_t tasks) {
  void *buffers[] = {buffer};
  ThreadPool::Step step{function, buffers, tasks};
  auto start = std::chrono::steady_clock::now();
  pool->run({&step, 1}, nullptr);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

void CpuBounds::measureRead() {
  for (int round = 0; round < kReadRounds; ++round)
    readRates.push_back(double(kBufferBytes) /
                        timeSteps(readPieces, buffer.data(),
                                  uint32_t(kBufferBytes / kPieceBytes)));
}

void CpuBounds::measurePeaks() {
  [[maybe_unused]] auto measure = [&](KernelFunction function,
                                      double operations, double &best) {
    uint32_t tasks = 8 * pool->threads();
    for (int round = 0; round < kPeakRounds; ++round)
      best = std::max(best, operations * kChains * kPeakIterations * tasks /
                                timeSteps(function, nullptr, tasks));
  };
#if defined(__x86_64__)
  bool isV4 = hasAvx512Kernels && __builtin_cpu_supports("avx512f");
  if (isV4)
    measure(f32Avx512, 32, f32Peak);
  else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    measure(f32Avx2, 16, f32Peak);
  if (isV4 && __builtin_cpu_supports("avx512bf16"))
    measure(bf16Avx512, 64, bf16Peak);
  if (isV4 && __builtin_cpu_supports("avx512vnni"))
    measure(int8Avx512, 128, int8Peak);
#endif
}

double CpuBounds::bestRead() const {
  return *std::max_element(readRates.begin(), readRates.end());
}

double CpuBounds::medianRead() const {
  std::vector<double> sorted = readRates;
  std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2,
                   sorted.end());
  return sorted[sorted.size() / 2];
}

} // namespace mm1
