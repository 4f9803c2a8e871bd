//===- Answers.cpp - What primitives.cu must answer -----------------------===//
#include "kernels/conformance/Answers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

using namespace mm1::conformance;

namespace {

constexpr int kThreads = kBlocks * kBlockThreads;

uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }
float number(uint32_t x) { return std::bit_cast<float>(x); }
uint32_t byteOf(const Words &words, int i) {
  return words[i / 4] >> (8 * (i % 4)) & 0xff;
}
uint32_t halfOf(const Words &words, int i) {
  return words[i / 2] >> (16 * (i % 2)) & 0xffff;
}
float bf16(const Words &words, int i) { return number(halfOf(words, i) << 16); }

/// Random words, or floats, or pairs of bf16.
enum class Fill { Words, Floats, HalfFloats };

Words fill(Fill kind, uint64_t seed) {
  Words words(kWords);
  uint64_t x = seed * 0x9e3779b97f4a7c15ull + 1;
  auto next = [&] {
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    return uint32_t((x * 0x2545f4914f6cdd1dull) >> 32);
  };
  auto real = [&] { return float(int32_t(next())) * 0x1p-29f; }; // -4 to 4
  for (uint32_t &word : words) {
    if (kind == Fill::Words)
      word = next();
    else if (kind == Fill::Floats)
      word = bits(real());
    else
      word = bits(real()) >> 16 | (bits(real()) & 0xffff0000u);
  }
  return words;
}

/// How a kernel's answer is made.
struct Rule {
  const char *name;
  Fill kind;
  /// Fills `out` as the kernel must.
  std::function<void(const Words &in, const Words &weights, Words &out)> answer;
  int ulps = 0;
};

/// The sum of a warp's 32 numbers in dp.h's order.
float warpSum(const Words &words, int first) {
  float x[32];
  for (int l = 0; l < 32; ++l)
    x[l] = number(words[first + l]);
  for (int d = 16; d; d /= 2)
    for (int l = 0; l < d; ++l)
      x[l] += x[l + d];
  return x[0];
}

float greatest(const Words &words, int first, int count) {
  float most = number(words[first]);
  for (int i = 1; i < count; ++i)
    most = std::max(most, number(words[first + i]));
  return most;
}

/// Row `row` of a matrix whose 8 rows of 8 halves begin at word `first`.
uint32_t element(const Words &in, int first, int row, int column) {
  return halfOf(in, 2 * (first + 4 * row) + column);
}
/// What a lane holds of a matrix: row l / 4, columns 2 (l % 4) and the next.
uint32_t fragment(const Words &in, int first, int lane, bool isTransposed,
                  bool isReversed = false) {
  int i = lane / 4, j = lane % 4 * 2;
  auto at = [&](int row, int column) {
    return element(in, first, isReversed ? 7 - row : row, column);
  };
  return isTransposed ? at(j, i) | at(j + 1, i) << 16
                      : at(i, j) | at(i, j + 1) << 16;
}

uint32_t roundToBf16(uint32_t x) {
  if ((x & 0x7fffffff) > 0x7f800000)
    return (x & 0xffff0000) | 0x400000;
  // Up to the next multiple of 2^16, down, or to the even one.
  uint32_t down = x & 0xffff0000, rest = x & 0xffff;
  bool isUp = rest > 0x8000 || (rest == 0x8000 && (down & 0x10000));
  return down + (isUp ? 0x10000 : 0);
}

const std::vector<Rule> kRules = {
    {"places", Fill::Words,
     [](const Words &, const Words &, Words &out) {
       for (uint32_t i = 0; i < kThreads; ++i) {
         uint32_t t = i % 64;
         out[i] =
             t + (i / 64 << 8) + (t % 32 << 12) + (t / 32 << 20) + (64u << 24);
       }
     }},
    {"shuffle", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kThreads; ++i) {
         out[i] = in[i / 32 * 32 + in[i] % 32];
         out[128 + i] = in[i / 32 * 32 + 31 - i % 32];
       }
     }},
    {"shuffle_xor", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       Words y(in.begin(), in.begin() + kThreads);
       for (int mask : {1, 3, 7, 15, 31}) {
         Words x = y;
         for (int i = 0; i < kThreads; ++i)
           y[i] = x[i] * 5 + x[i ^ mask];
       }
       std::copy(y.begin(), y.end(), out.begin());
     }},
    {"ballot", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kThreads; ++i) {
         uint32_t odd = 0, any = 0;
         for (int l = 0; l < 32; ++l) {
           odd |= (in[i / 32 * 32 + l] & 1) << l;
           any |= in[i / 32 * 32 + l] % 61 == 0;
         }
         out[i] = odd;
         out[128 + i] = any ? 1 : 2;
       }
     }},
    {"warp_sum", Fill::Floats,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < 3 * kThreads; ++i)
         out[i] = bits(warpSum(in, i / 32 * 32));
     }},
    {"warp_max", Fill::Floats,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kThreads; ++i)
         out[i] = bits(greatest(in, i / 32 * 32, 32));
     }},
    {"block_sum", Fill::Floats,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kThreads; ++i) {
         int first = i / 64 * 64;
         out[i] = bits(warpSum(in, first) + warpSum(in, first + 32));
         out[128 + i] = bits(greatest(in, first, 64));
       }
     }},
    {"sync_block", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < 4 * kThreads; ++i)
         out[i] = in[i / 64 * 64 + 63 - i % 64];
     }},
    {"sync_warp", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kThreads; ++i)
         out[i] = in[i ^ 31];
     }},
    {"wait_and_trigger", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       std::copy_n(in.begin(), kThreads, out.begin());
     }},
    {"load_and_store", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kThreads; ++i) {
         out[i] = byteOf(in, i);
         out[128 + i] = halfOf(in, i);
         out[256 + 2 * i] = in[2 * i];
         out[257 + 2 * i] = in[2 * i + 1];
       }
       std::copy_n(in.begin(), kThreads / 2, out.begin() + 512);
     }},
    {"load_weights", Fill::Words,
     [](const Words &, const Words &weights, Words &out) {
       for (int i = 0; i < kThreads; ++i) {
         out[i] = byteOf(weights, i);
         out[128 + i] = halfOf(weights, i);
         out[256 + i] = weights[i];
         out[384 + 2 * i] = weights[2 * i];
         out[385 + 2 * i] = weights[2 * i + 1];
       }
     }},
    {"load_vectors", Fill::Words,
     [](const Words &in, const Words &weights, Words &out) {
       std::copy_n(in.begin(), 512, out.begin());
       std::copy_n(weights.begin(), 512, out.begin() + 512);
       std::copy_n(in.begin(), 256, out.begin() + 1024);
     }},
    {"atomic_add", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       out[0] = kThreads;
       for (int i = 0; i < kThreads; ++i) {
         out[1 + i % 7] += in[i] % 9;
         out[64 + i] = 1;
       }
     }},
    {"acquire_release", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < 64; ++i) {
         out[i] = in[i];
         out[64 + i] = in[63 - i];
       }
       out[2048] = 1;
       out[2049] = 2;
       out[2052] = 3;
       out[2054] = 4;
     }},
    {"round_to_bf16", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kWords; ++i)
         out[i] = roundToBf16(in[i]);
     }},
    {"exact_math", Fill::Floats,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kThreads; ++i) {
         float a = number(in[i]), b = number(in[128 + i]),
               c = number(in[256 + i]);
         volatile float product = a * b; // rounded before it is added to
         out[i] = bits(std::fma(a, b, c));
         out[128 + i] = bits(product + c);
         out[256 + i] = bits(a / b);
         out[384 + i] = bits(std::sqrt(std::fabs(a)));
         out[512 + i] = bits(std::max(a, b));
         out[640 + i] = bits(std::min(a, b));
         out[768 + i] = bits(1.0f / std::sqrt(std::fabs(a)));
       }
     }},
    {"near_math", Fill::Floats,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kThreads; ++i) {
         double x = number(in[i]);
         out[i] = bits(float(std::exp(x)));
         out[128 + i] = bits(float(std::exp2(x)));
         out[256 + i] = bits(float(std::sin(x)));
         out[384 + i] = bits(float(std::cos(x)));
       }
     },
     2},
    {"cp_async", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < 2 * kThreads; ++i) {
         int from = i / 64 * 64 + 63 - i % 64;
         for (int j = 0; j < 4; ++j)
           out[4 * i + j] = from % kThreads % 5 ? in[4 * from + j] : 0;
       }
     }},
    {"cp_async_bulk", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < 3072; ++i)
         out[i] = in[i / 512 * 512 + 511 - i % 512];
     }},
    {"mbarrier", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < 320; ++i)
         out[i] = in[i / 32 * 32 + 31 - i % 32];
     }},
    {"ldmatrix", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kThreads; ++i) {
         int lane = i % 32, first = i / 32 * 128;
         for (int m = 0; m < 4; ++m) {
           // The rows' addresses went backward.
           out[4 * i + m] =
               fragment(in, first + 32 * (3 - m), lane, false, true);
           out[512 + 4 * i + m] = fragment(in, first + 32 * m, lane, true);
         }
         for (int m = 0; m < 2; ++m) {
           out[1024 + 2 * i + m] = fragment(in, first + 32 * m, lane, false);
           out[1280 + 2 * i + m] = fragment(in, first + 32 * m, lane, true);
         }
       }
     }},
    {"movmatrix", Fill::Words,
     [](const Words &in, const Words &, Words &out) {
       for (int i = 0; i < kThreads; ++i)
         out[i] = fragment(in, i / 32 * 32, i % 32, true);
     }},
};

/// d += a b of a warp, with each sum cut to a float and not rounded.
void multiply(const Words &in, Words &out) {
  for (int warp = 0; warp < 4; ++warp) {
    auto a = [&](int row, int k) { // registers: two halves of rows, then of k
      int lane = row % 8 * 4 + k % 8 / 2, word = row / 8 + k / 8 * 2;
      return double(bf16(in, 2 * (128 * warp + 4 * lane + word) + k % 2));
    };
    auto b = [&](int k, int column) {
      int lane = column * 4 + k % 8 / 2, word = k / 8;
      return double(bf16(in, 2 * (512 + 64 * warp + 2 * lane + word) + k % 2));
    };
    for (int row = 0; row < 16; ++row)
      for (int column = 0; column < 8; ++column) {
        int at = 128 * warp + 4 * (row % 8 * 4 + column / 2) + row / 8 * 2 +
                 column % 2;
        double sum = number(in[1024 + at]);
        for (int k = 0; k < 16; ++k)
          sum += a(row, k) * b(k, column);
        float cut = float(sum);
        if (std::fabs(cut) > std::fabs(sum))
          cut = std::nextafter(cut, 0.0f);
        out[at] = bits(cut);
      }
  }
}

/// A sum of 1 and `rest`, as an element of mma_bf16.
Case sumOfOneAnd(float rest, float expected) {
  Words in(kWords), out(kWords);
  in[0] = in[512] = 0x3f80; // a and b [0, 0] are 1
  in[1024] = bits(rest);    // d [0, 0]
  out[0] = bits(expected);
  return {"mma_bf16", in, Words(kWords), out, 0};
}

} // namespace

std::vector<Case> mm1::conformance::cases() {
  std::vector<Rule> rules = kRules;
  rules.push_back(
      {"mma_bf16", Fill::HalfFloats,
       [](const Words &in, const Words &, Words &out) { multiply(in, out); }});
  std::vector<Case> all;
  for (const Rule &rule : rules) {
    Case c = {rule.name, fill(rule.kind, 1), fill(rule.kind, 2), Words(kWords),
              rule.ulps};
    rule.answer(c.in, c.weights, c.out);
    all.push_back(std::move(c));
  }
  // One and a half units behind the last place of 1: rounding would go up.
  all.push_back(sumOfOneAnd(0x1.8p-24f, 1.0f));
  all.push_back(sumOfOneAnd(0x1.8p-23f, 1.0f + 0x1p-23f));
  return all;
}
