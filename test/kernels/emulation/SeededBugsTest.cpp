//===- SeededBugsTest.cpp - Bugs of real kernels, each of them found ------===//
// Two kernels in the forms that fast ones take: a matmul on tensor cores over a
// ring of asynchronous copies, and chunked lightning attention whose float
// operands are split in two bf16. They are right and clean; then a bug at a time
// is put in, of those that such kernels are written with, and must be found: by
// the checker, by poison, or by the numbers against double.
//===----------------------------------------------------------------------===//
#include "HostProgram.h"

#include <bit>
#include <cmath>

using namespace mm1::emulation;
using namespace mm1::emulation::test;

namespace {

/// Replaces the first `from`, which must be there.
std::string with(std::string text, const std::string &from,
                 const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

uint16_t toBf16(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
float toFloat(uint16_t x) { return std::bit_cast<float>(uint32_t(x) << 16); }

/// Numbers of bf16 that are like normal ones; NaN from `size` on.
std::vector<uint16_t> numbers(size_t size, size_t room, uint64_t seed) {
  std::vector<uint16_t> all(room, 0xffff);
  uint64_t x = seed * 0x9e3779b97f4a7c15ull + 1;
  for (size_t i = 0; i < size; ++i) {
    float sum = 0;
    for (int j = 0; j < 4; ++j) {
      x ^= x >> 12;
      x ^= x << 25;
      x ^= x >> 27;
      sum += float(int32_t((x * 0x2545f4914f6cdd1dull) >> 32)) * 0x1p-31f;
    }
    all[i] = toBf16(sum);
  }
  return all;
}

struct Block {
  void *data;
  size_t bytes;
  size_t room = 0; ///< of addresses that are nobody else's
};

/// What is said of a run of `f`, whose first parameters are these blocks.
template <typename... Arguments>
std::string findings(const HostProgram &program, EngineOptions options,
                     LaunchShape shape, bool isChecked,
                     const std::vector<Block> &blocks, Arguments... arguments) {
  std::string lines;
  Shadow shadow([&](const std::string &line) { lines += line + "\n"; });
  for (const Block &block : blocks) {
    shadow.addRange(block.data, std::max(block.bytes, block.room));
    shadow.addBlock(block.data, block.bytes, /*isWritten=*/true);
  }
  options.shadow = isChecked ? &shadow : nullptr;
  Engine engine(options);
  return lines + program.run(engine, "f", shape, arguments...);
}

//===---------------------------------- Matmul ------------------------------===//

// c [m, n] = a [m, k] b [n, k]^T, n = 16, k a multiple of 16. A block makes 32
// rows: a warp 16 of them, in two tiles of 8 columns. A stage holds 16 of k.
const std::string kMatmul = R"(
DP_KERNEL(64) f(const dp::bf16 *a, const dp::bf16 *b, float *c, int m, int k) {
  DP_SHARED_MEMORY(shared, 4608);
  const int first = dp::block() * 32, lane = dp::lane();
  auto fetch = [&](int step) {
    dp::u8 *stage = shared.bytes + step % 3 * 1536;
    const int row = dp::thread() / 2, half = dp::thread() % 2;
    if (step * 16 < k) {
      const bool isThere = first + row < m;
      dp::cp_async16(stage + row * 32 + half * 16,
                     a + (isThere ? first + row : 0) * k + step * 16 + half * 8, isThere);
      if (row < 16)
        dp::cp_async16(stage + 1024 + row * 32 + half * 16,
                       b + row * k + step * 16 + half * 8, true);
    }
    dp::cp_async_commit();
  };
  float d[2][4] = {};
  fetch(0);
  fetch(1);
  for (int step = 0; step * 16 < k; ++step) {
    dp::cp_async_wait<1>();
    dp::sync_block();
    fetch(step + 2);
    const dp::u8 *stage = shared.bytes + step % 3 * 1536;
    dp::u32 left[4], right[4];
    dp::ldmatrix(left, stage + (16 * dp::warp() + lane % 16) * 32 + lane / 16 * 16);
    dp::ldmatrix(right, stage + 1024 + (lane % 8 + lane / 16 * 8) * 32 + lane / 8 % 2 * 16);
    dp::mma_bf16(d[0], left, {right[0], right[1]});
    dp::mma_bf16(d[1], left, {right[2], right[3]});
  }
  for (int tile = 0; tile < 2; ++tile)
    for (int i = 0; i < 4; ++i) {
      const int row = first + 16 * dp::warp() + lane / 4 + i / 2 * 8;
      if (row < m)
        dp::store(c + row * 16 + 8 * tile + lane % 4 * 2 + i % 2, d[tile][i]);
    }
}
DP_EXPORT(f)
)";

class Matmul {
public:
  static constexpr int kM = 45, kN = 16, kK = 96;
  Matmul() : a(numbers(kM * kK, kM * kK, 1)), b(numbers(kN * kK, kN * kK, 2)) {}

  /// In how many of the orders a bug is found, one way or the other.
  int found(const std::string &text, bool isChecked, bool late) {
    HostProgram program(text, isChecked);
    int count = 0;
    for (EngineOptions options : allOrders()) {
      if (options.lateCopies != late)
        continue;
      std::vector<float> c(64 * kN, std::nanf(""));
      std::string said = findings(program, options, {2, 64}, isChecked,
                                  {{a.data(), a.size() * 2},
                                   {b.data(), b.size() * 2},
                                   {c.data(), kM * kN * 4, c.size() * 4}},
                                  a.data(), b.data(), c.data(), kM, kK);
      sample = said.empty() ? sample : said;
      count += !said.empty() || !isRight(c);
    }
    return count;
  }
  std::string sample; ///< something that was said

private:
  bool isRight(const std::vector<float> &c) const {
    for (int row = 0; row < kM; ++row)
      for (int column = 0; column < kN; ++column) {
        double sum = 0, size = 0;
        for (int k = 0; k < kK; ++k) {
          double product =
              double(toFloat(a[row * kK + k])) * toFloat(b[column * kK + k]);
          sum += product;
          size += std::fabs(product);
        }
        if (!(std::fabs(c[row * kN + column] - sum) <= 1e-6 * size))
          return false;
      }
    return std::isnan(c[kM * kN]); // and nothing behind
  }
  std::vector<uint16_t> a, b;
};

TEST(SeededBugs, MatmulIsRight) {
  for (bool isChecked : {false, true})
    for (bool late : {true, false}) {
      Matmul matmul;
      EXPECT_EQ(matmul.found(kMatmul, isChecked, late), 0) << matmul.sample;
    }
}

// Only copies that land late show that nobody waited for them.
TEST(SeededBugs, MatmulWaitsForOneGroupTooFew) {
  std::string bug = with(kMatmul, "wait<1>", "wait<2>");
  for (bool isChecked : {false, true}) {
    EXPECT_EQ(Matmul().found(bug, isChecked, /*late=*/true), 4);
    EXPECT_EQ(Matmul().found(bug, isChecked, /*late=*/false), 0);
  }
}

TEST(SeededBugs, MatmulHasNoBarrierInItsRing) {
  std::string bug = with(kMatmul, "    dp::sync_block();\n", "");
  for (bool late : {true, false}) {
    Matmul matmul;
    EXPECT_EQ(matmul.found(bug, /*isChecked=*/true, late), 4);
    EXPECT_NE(matmul.sample.find("of shared memory"), std::string::npos)
        << matmul.sample;
  }
  EXPECT_GE(Matmul().found(bug, /*isChecked=*/false, /*late=*/true), 3);
}

TEST(SeededBugs, MatmulFetchesIntoTheStageThatItReads) {
  std::string bug =
      with(with(kMatmul, "step % 3", "step % 2"), "step % 3", "step % 2");
  for (bool late : {true, false})
    for (bool isChecked : {false, true})
      EXPECT_EQ(Matmul().found(bug, isChecked, late), 4);
}

TEST(SeededBugs, MatmulStoresRowsThatDoNotExist) {
  std::string bug = with(kMatmul, "if (row < m)\n", "");
  for (bool late : {true, false}) {
    Matmul matmul;
    EXPECT_EQ(matmul.found(bug, /*isChecked=*/true, late), 4);
    EXPECT_NE(matmul.sample.find("writes 4 bytes out of bounds, at byte "),
              std::string::npos)
        << matmul.sample;
  }
}

TEST(SeededBugs, MatmulGivesLdmatrixACrookedAddress) {
  Matmul matmul;
  EXPECT_EQ(matmul.found(with(kMatmul, "lane / 16 * 16);", "lane / 16 * 8);"),
                         /*isChecked=*/false, true),
            4);
  EXPECT_NE(matmul.sample.find("gives ldmatrix an address that is no multiple "
                               "of 16"),
            std::string::npos)
      << matmul.sample;
}

//===-------------------------------- Lightning -----------------------------===//

// One head of 16 channels, tokens in chunks of 16: state S [k, v] in shared
// memory, o = lam^(i+1) q S + (q k^T o lam^(i-j)) v, S = lam^m S + (lam^(m-1-j)
// k)^T v. A warp makes 8 of the v channels. What is float and becomes an operand
// is split in two bf16.
const std::string kLightning = R"(
static float power(float slope, int n) { return dp::exp(-slope * float(n)); }
/// Two floats as a word of bf16, and what is left of them as another.
static dp::u32 pair(float x, float y) {
  return dp::convert<dp::bf16>(x).bits | dp::u32(dp::convert<dp::bf16>(y).bits) << 16;
}
static float rest(float x) { return x - dp::to_float(dp::convert<dp::bf16>(x)); }
static float low(dp::u32 w) { return dp::from_bits(w << 16); }
static float high(dp::u32 w) { return dp::from_bits(w & 0xffff0000u); }

DP_KERNEL(64) f(const dp::bf16 *q, const dp::bf16 *k, const dp::bf16 *v, float *o,
                float *state, int tokens, float slope) {
  DP_SHARED_MEMORY(shared, 2560);
  float *S = reinterpret_cast<float *>(shared.bytes + 1536);
  const int lane = dp::lane(), g = lane / 4, t = lane % 4 * 2, channel = 8 * dp::warp() + g;
  for (int i = dp::thread(); i < 256; i += 64)
    S[i] = dp::load(state + i);
  for (int first = 0; first < tokens; first += 16) {
    const int m = dp::min(tokens - first, 16);
    for (int i = dp::thread(); i < 96; i += 64) {
      const int row = i / 2 % 16;
      const dp::bf16 *from = i < 32 ? q : i < 64 ? k : v;
      dp::cp_async16(shared.bytes + 16 * i, from + (first + row) * 16 + i % 2 * 8, row < m);
    }
    dp::cp_async_commit();
    dp::cp_async_wait<0>();
    dp::sync_block(); // loaded

    dp::u32 qs[4], ks[4], kt[4], vs[2];
    dp::ldmatrix(qs, shared.bytes + lane % 16 * 32 + lane / 16 * 16);
    dp::ldmatrix(ks, shared.bytes + 512 + (lane % 8 + lane / 16 * 8) * 32 + lane / 8 % 2 * 16);
    dp::ldmatrix_transposed(kt, shared.bytes + 512 + (lane % 8 + lane / 16 * 8) * 32 + lane / 8 % 2 * 16);
    dp::ldmatrix_transposed(vs, shared.bytes + 1024 + lane % 16 * 32 + dp::warp() * 16);
    float p[2][4] = {}, out[4] = {}, older[4] = {};
    dp::mma_bf16(p[0], qs, {ks[0], ks[1]});
    dp::mma_bf16(p[1], qs, {ks[2], ks[3]});
    dp::u32 ph[4], pl[4];
    for (int tile = 0; tile < 2; ++tile)
      for (int i = 0; i < 4; ++i) {
        const int row = g + i / 2 * 8, column = 8 * tile + t + i % 2;
        p[tile][i] = row < column ? 0.0f : p[tile][i] * power(slope, row - column);
      }
    for (int i = 0; i < 4; ++i) {
      const float x = p[i / 2][i % 2 * 2], y = p[i / 2][i % 2 * 2 + 1];
      ph[i] = pair(x, y);
      pl[i] = pair(rest(x), rest(y));
    }
    dp::mma_bf16(out, ph, vs);
    dp::mma_bf16(out, pl, vs); // the rest of p
    dp::u32 sh[2], sl[2];
    for (int i = 0; i < 2; ++i) {
      const float x = S[(t + 8 * i) * 16 + channel], y = S[(t + 8 * i + 1) * 16 + channel];
      sh[i] = pair(x, y);
      sl[i] = pair(rest(x), rest(y));
    }
    dp::mma_bf16(older, qs, sh);
    dp::mma_bf16(older, qs, sl); // the rest of S
    for (int i = 0; i < 4; ++i) {
      const int row = g + i / 2 * 8;
      if (row < m)
        dp::store(o + (first + row) * 16 + 8 * dp::warp() + t + i % 2,
                  dp::fma(older[i], power(slope, row + 1), out[i]));
    }
    dp::sync_block(); // S was read

    dp::u32 kh[4], kl[4];
    for (int i = 0; i < 4; ++i) { // rows are channels, columns tokens
      const int j = t + i / 2 * 8;
      const dp::u32 word = kt[i % 2 * 1 + i / 2 * 2];
      const float x = j < m ? low(word) * power(slope, m - 1 - j) : 0.0f;
      const float y = j + 1 < m ? high(word) * power(slope, m - 2 - j) : 0.0f;
      kh[i] = pair(x, y);
      kl[i] = pair(rest(x), rest(y));
    }
    float ds[4] = {};
    dp::mma_bf16(ds, kh, vs);
    dp::mma_bf16(ds, kl, vs); // the rest of k
    for (int i = 0; i < 4; ++i) {
      float &s = S[(g + i / 2 * 8) * 16 + 8 * dp::warp() + t + i % 2];
      s = dp::fma(s, power(slope, m), ds[i]);
    }
    dp::sync_block(); // S was written
  }
  for (int i = dp::thread(); i < 256; i += 64)
    dp::store(state + i, S[i]);
}
DP_EXPORT(f)
)";

class Lightning {
public:
  static constexpr int kTokens = 75, kRoom = 80, kD = 16;
  Lightning()
      : q(numbers(kTokens * kD, kRoom * kD, 3)),
        k(numbers(kTokens * kD, kRoom * kD, 4)),
        v(numbers(kTokens * kD, kRoom * kD, 5)) {}

  /// The largest error over all orders, of outputs and state, relative to their
  /// size; infinite when there is a NaN.
  double error(const std::string &text, float slope) {
    HostProgram program(text);
    double most = 0;
    for (EngineOptions options : allOrders())
      most = std::max(most, run(program, options, slope, false));
    return most;
  }
  /// In how many orders the checker speaks.
  int found(const std::string &text) {
    HostProgram program(text, /*isChecked=*/true);
    int count = 0;
    for (EngineOptions options : allOrders()) {
      run(program, options, 0.25f, true);
      sample = said.empty() ? sample : said;
      count += !said.empty();
    }
    return count;
  }
  std::string said, sample;

private:
  double run(const HostProgram &program, EngineOptions options, float slope,
             bool isChecked) {
    std::vector<float> o(kRoom * kD, std::nanf("")), state(kD * kD, 0.5f);
    said = findings(program, options, {1, 64}, isChecked,
                    {{q.data(), q.size() * 2},
                     {k.data(), k.size() * 2},
                     {v.data(), v.size() * 2},
                     {o.data(), o.size() * 4},
                     {state.data(), state.size() * 4}},
                    q.data(), k.data(), v.data(), o.data(), state.data(),
                    kTokens, slope);
    // Token by token, in double.
    std::vector<double> s(kD * kD, 0.5);
    double wrong = 0, size = 0, decay = std::exp(-double(slope));
    for (int i = 0; i < kTokens; ++i) {
      for (int a = 0; a < kD; ++a)
        for (int b = 0; b < kD; ++b)
          s[a * kD + b] =
              decay * s[a * kD + b] +
              double(toFloat(k[i * kD + a])) * toFloat(v[i * kD + b]);
      for (int b = 0; b < kD; ++b) {
        double sum = 0;
        for (int a = 0; a < kD; ++a)
          sum += toFloat(q[i * kD + a]) * s[a * kD + b];
        add(o[i * kD + b], sum, wrong, size);
      }
    }
    for (int i = 0; i < kD * kD; ++i)
      add(state[i], s[i], wrong, size);
    double relative = std::sqrt(wrong / size);
    return std::isnan(relative) ? INFINITY : relative;
  }
  static void add(double x, double expected, double &wrong, double &size) {
    wrong += (x - expected) * (x - expected);
    size += expected * expected;
  }
  std::vector<uint16_t> q, k, v;
};

constexpr float kSlopes[] = {0.917f, 0.25f, 0.0116f};

TEST(SeededBugs, LightningIsRight) {
  EXPECT_EQ(Lightning().found(kLightning), 0);
  for (float slope : kSlopes)
    EXPECT_LT(Lightning().error(kLightning, slope), 1e-5) << slope;
}

TEST(SeededBugs, LightningLacksABarrier) {
  for (const char *barrier : {"    dp::sync_block(); // loaded\n",
                              "    dp::sync_block(); // S was read\n",
                              "    dp::sync_block(); // S was written\n"}) {
    Lightning lightning;
    EXPECT_EQ(lightning.found(with(kLightning, barrier, "")), 8) << barrier;
    EXPECT_NE(lightning.sample.find("of shared memory"), std::string::npos)
        << lightning.sample;
  }
}

TEST(SeededBugs, LightningDecaysTheStateOnceTooFew) {
  std::string bug =
      with(kLightning, "power(slope, row + 1)", "power(slope, row)");
  for (float slope : kSlopes)
    EXPECT_GT(Lightning().error(bug, slope), 1e-3) << slope;
}

// A bf16 alone keeps 8 bits.
TEST(SeededBugs, LightningKeepsHalfOfItsOperands) {
  std::string noP =
                  with(kLightning,
                       "    dp::mma_bf16(out, pl, vs); // the rest of p\n", ""),
              noS = with(kLightning,
                         "    dp::mma_bf16(older, qs, sl); // the rest of S\n",
                         ""),
              noK =
                  with(kLightning,
                       "    dp::mma_bf16(ds, kl, vs); // the rest of k\n", "");
  EXPECT_GT(Lightning().error(noP, 0.25f), 1e-4);
  EXPECT_GT(Lightning().error(noS, 0.0116f), 1e-4);
  EXPECT_GT(Lightning().error(noK, 0.25f), 1e-4);
}

// 0 times what lies behind the sequence is no 0 when that is a NaN.
TEST(SeededBugs, LightningLoadsRowsBehindTheEnd) {
  EXPECT_EQ(Lightning().error(with(kLightning, "row < m);", "true);"), 0.25f),
            INFINITY);
}

} // namespace
