//===- NumbersTest.cpp - What generated CUDA C++ computes -----------------===//
// The text runs on a CPU (HostKernel.h); results are compared with plain loops
// in double.
//===----------------------------------------------------------------------===//
#include "HostKernel.h"

using namespace mlir::mm1::cuda::test;
using llvm::formatv;

namespace {

double silu(double x) { return x / (1 + std::exp(-x)); }

//===---------------------------------- Matmul ------------------------------===//

/// silu(linear(x)) with a schedule; `w` is the weight's element type and layout.
std::string linearSilu(const char *x, const std::string &w, int64_t n,
                       int64_t k, int panels, int rows, int warps) {
  return formatv(R"(
    func.func @f(%x: tensor<?x{3}x{0}>, %w: tensor<{2}x{3}x{1}>) -> tensor<?x{2}x{0}> {{
      %y = mm1.cluster matmul (%x, %w) schedule {{columns = {4}, per = 1, rows = {5}, tasks = {7}, unit = "one", warps = {6}}
          : (tensor<?x{3}x{0}>, tensor<{2}x{3}x{1}>) -> tensor<?x{2}x{0}> {{
      ^bb0(%a: tensor<?x{3}x{0}>, %b: tensor<{2}x{3}x{1}>):
        %0 = mm1.linear %a weights(%b) : (tensor<?x{3}x{0}>, tensor<{2}x{3}x{1}>) -> tensor<?x{2}xf32>
        %1 = mm1.silu %0 : (tensor<?x{2}xf32>) -> tensor<?x{2}x{0}>
        mm1.yield %1 : tensor<?x{2}x{0}>
      }
      return %y : tensor<?x{2}x{0}>
    })",
                 x, w, n, k, 4 * panels, rows, warps,
                 ((n + 3) / 4 + panels - 1) / panels);
}

constexpr const char *kSwizzled = ", #mm1.swizzled<rows = 64, order = natural>",
                     *kRows = ", #mm1.padded<multiple = 32>";

void checkLinearSilu(Element x, const char *xName, Element w, const char *wName,
                     int64_t n, int64_t k, double tolerance,
                     Matrix::Layout layout = Matrix::Swizzled) {
  std::string type =
      std::string(wName) + (layout == Matrix::Swizzled ? kSwizzled : kRows);
  HostKernel kernel(linearSilu(xName, type, n, k, 3, 4, 2));
  int blocks = int(((n + 3) / 4 + 2) / 3);
  for (int64_t tokens : {1, 4, 11}) {
    Rows in(x, tokens, k), out(x, tokens, n);
    in.randomise(1);
    Matrix weight(w, n, k, 2, layout);
    kernel.run({in.buffer.data(), weight.buffer.data(), out.buffer.data()},
               blocks, tokens);
    out.expectNear(
        [&](int64_t r, int64_t c) {
          double sum = 0;
          for (int64_t i = 0; i < k; ++i)
            sum += in.at(r, i) * weight.at(c, i);
          return silu(sum);
        },
        tolerance);
  }
}

// Float32 sums of some hundred products: 1e-5. A bf16 result has 8 bits: 2^-8.
TEST(Numbers, LinearF32) {
  checkLinearSilu(Element::F32, "f32", Element::F32, "f32", 50, 300, 1e-5);
}
TEST(Numbers, LinearBF16) {
  checkLinearSilu(Element::BF16, "bf16", Element::BF16, "bf16", 64, 512,
                  1.0 / 256);
}
TEST(Numbers, LinearOfBF16WeightsAndF32Rows) {
  checkLinearSilu(Element::F32, "f32", Element::BF16, "bf16", 13, 40, 1e-5);
}
TEST(Numbers, LinearOfF32WeightsAndBF16Rows) {
  checkLinearSilu(Element::BF16, "bf16", Element::F32, "f32", 16, 200,
                  1.0 / 256);
}

// More than one tile of rows and of k, and half a tile.
TEST(Numbers, LinearOverManyTiles) {
  checkLinearSilu(Element::BF16, "bf16", Element::BF16, "bf16", 200, 328,
                  1.0 / 256);
}
// A router: row after row, and no row behind the last.
TEST(Numbers, LinearOfRows) {
  checkLinearSilu(Element::F32, "f32", Element::F32, "f32", 10, 300, 1e-5,
                  Matrix::Rows);
  checkLinearSilu(Element::BF16, "bf16", Element::BF16, "bf16", 32, 520,
                  1.0 / 256, Matrix::Rows);
}

TEST(Numbers, LinearBitsDependOnNoScheduleAndNoBatch) {
  const int64_t n = 50, k = 700, tokens = 9;
  Rows in(Element::F32, tokens, k), first(Element::F32, tokens, n);
  in.randomise(3);
  Matrix weight(Element::BF16, n, k, 4);
  std::string type = std::string("bf16") + kSwizzled;
  HostKernel one(linearSilu("f32", type, n, k, 1, 1, 1));
  one.run({in.buffer.data(), weight.buffer.data(), first.buffer.data()}, 13,
          tokens);
  for (auto [panels, rows, warps] :
       {std::tuple{4, 8, 4}, {5, 3, 2}, {13, 8, 8}}) {
    HostKernel other(linearSilu("f32", type, n, k, panels, rows, warps));
    Rows again(Element::F32, tokens, n), alone(Element::F32, 1, n);
    int blocks = (13 + panels - 1) / panels;
    other.run({in.buffer.data(), weight.buffer.data(), again.buffer.data()},
              blocks, tokens);
    other.run({in.buffer.data(), weight.buffer.data(), alone.buffer.data()},
              blocks, 1);
    for (int64_t c = 0; c < n; ++c) {
      EXPECT_EQ(alone.at(0, c), first.at(0, c));
      for (int64_t r = 0; r < tokens; ++r)
        EXPECT_EQ(again.at(r, c), first.at(r, c));
    }
  }
}

void checkInt8(int64_t n, int64_t k, Matrix::Layout layout) {
  const int64_t tokens = 3;
  const char *encoding = layout == Matrix::Swizzled
                             ? "#mm1.swizzled<rows = 64, order = fragment>"
                             : "#mm1.padded<multiple = 32>";
  int blocks = int(((n + 3) / 4 + 3) / 4);
  HostKernel kernel(formatv(R"(
    !x = tensor<?x{1}xbf16>
    !w = tensor<{0}x{1}xi8, {2}>
    !s = tensor<{0}xf32>
    !y = tensor<?x{0}xf32>
    func.func @f(%x: !x, %w: !w, %s: !s) -> !y {{
      %y = mm1.cluster matmul (%x, %w, %w, %s, %s) schedule {{columns = 16, per = 1, rows = 4, tasks = {3}, unit = "one", warps = 4}
          : (!x, !w, !w, !s, !s) -> !y {{
      ^bb0(%a: !x, %b: !w, %c: !w, %p: !s, %q: !s):
        %0:2 = mm1.linear %a weights(%b, %c) scales(%p, %q) : (!x, !w, !w, !s, !s) -> (!y, !y)
        %1 = mm1.silu %0#0 : !y
        %2 = mm1.mul %1, %0#1 : !y
        mm1.yield %2 : !y
      }
      return %y : !y
    })",
                            n, k, encoding, blocks));
  Rows in(Element::BF16, tokens, k), out(Element::F32, tokens, n);
  in.randomise(5);
  Matrix gate(Element::I8, n, k, 6, layout), up(Element::I8, n, k, 7, layout);
  Buffer gateScales(Element::F32, n), upScales(Element::F32, n);
  for (int64_t i = 0; i < n; ++i) {
    gateScales.set(i, 0.001 * double(i + 1) / 4);
    upScales.set(i, 0.002 / double(i + 1));
  }
  kernel.run({in.buffer.data(), gate.buffer.data(), up.buffer.data(),
              gateScales.data(), upScales.data(), out.buffer.data()},
             blocks, tokens);
  out.expectNear(
      [&](int64_t r, int64_t c) {
        double g = 0, u = 0;
        for (int64_t i = 0; i < k; ++i) {
          g += in.at(r, i) * gate.at(c, i);
          u += in.at(r, i) * up.at(c, i);
        }
        return silu(g * gateScales.get(c)) * (u * upScales.get(c));
      },
      1e-5);
}

TEST(Numbers, Int8WeightsWithScalesAndTwoResults) {
  checkInt8(64, 640, Matrix::Swizzled);
}
// Lines and rows of k that end inside a chunk: what lies behind a row of
// activations is multiplied with nothing.
TEST(Numbers, Int8WeightsThatDoNotFillTheirTiles) {
  for (int64_t k : {1, 7, 9, 65, 96, 600})
    checkInt8(70, k, Matrix::Swizzled);
}
TEST(Numbers, Int8WeightsInRows) { checkInt8(30, 600, Matrix::Rows); }

//===------------------------ Norm and linears in one kernel ----------------===//

// y = gate(norm(x), g) and two linears of it, of widths of their own: in one
// kernel, whose blocks all make y again, and in two. Everything has the same
// bits, also where 24 rows are more than a block's tile.
TEST(Numbers, WhatIsMadeInFrontHasTheBitsOfAKernelOfItsOwn) {
  constexpr const char *kTypes = R"(
    !x = tensor<?x300xbf16>
    !n = tensor<300xbf16, #mm1.padded<multiple = 32>>
    !u = tensor<70x300xbf16, #mm1.swizzled<rows = 64, order = natural>>
    !v = tensor<30x300xbf16, #mm1.swizzled<rows = 64, order = natural>>
    !a = tensor<?x70xf32>
    !b = tensor<?x30xf32>)";
  HostKernel together(kTypes + std::string(R"(
    func.func @f(%x: !x, %g: !x, %n: !n, %u: !u, %v: !v) -> (!x, !a, !b) {
      %y:3 = mm1.cluster row_reduction, matmul (%x, %g, %n, %u, %v) schedule {columns = 16, per = 1, rows = 8, tasks = 7, unit = "one", warps = 4}
          : (!x, !x, !n, !u, !v) -> (!x, !a, !b) {
      ^bb0(%0: !x, %1: !x, %2: !n, %3: !u, %4: !v):
        %5 = mm1.rms_norm %0, %2 eps = 1.0e-5 : (!x, !n) -> !x
        %6 = mm1.sigmoid_gate %5, %1 : !x
        %7:2 = mm1.linear %6 weights(%3, %4) : (!x, !u, !v) -> (!a, !b)
        mm1.yield %6, %7#0, %7#1 : !x, !a, !b
      }
      return %y#0, %y#1, %y#2 : !x, !a, !b
    })"));
  HostKernel front(kTypes + std::string(R"(
    func.func @f(%x: !x, %g: !x, %n: !n) -> !x {
      %y = mm1.cluster row_reduction (%x, %g, %n) schedule {per = 1, tasks = 1, unit = "tokens", warps = 8}
          : (!x, !x, !n) -> !x {
      ^bb0(%0: !x, %1: !x, %2: !n):
        %3 = mm1.rms_norm %0, %2 eps = 1.0e-5 : (!x, !n) -> !x
        %4 = mm1.sigmoid_gate %3, %1 : !x
        mm1.yield %4 : !x
      }
      return %y : !x
    })"));
  HostKernel linears(kTypes + std::string(R"(
    func.func @f(%x: !x, %u: !u, %v: !v) -> (!a, !b) {
      %y:2 = mm1.cluster matmul (%x, %u, %v) schedule {columns = 128, per = 1, rows = 5, tasks = 2, unit = "one", warps = 3}
          : (!x, !u, !v) -> (!a, !b) {
      ^bb0(%0: !x, %1: !u, %2: !v):
        %3:2 = mm1.linear %0 weights(%1, %2) : (!x, !u, !v) -> (!a, !b)
        mm1.yield %3#0, %3#1 : !a, !b
      }
      return %y#0, %y#1 : !a, !b
    })"));
  const int64_t tokens = 24;
  Rows x(Element::BF16, tokens, 300), gate(Element::BF16, tokens, 300);
  x.randomise(21);
  gate.randomise(22);
  Buffer norm(Element::BF16, 320);
  for (int64_t i = 0; i < 320; ++i)
    norm.set(i, i < 300 ? 1.0 + 0.01 * double(i % 50) : 0.0);
  Matrix u(Element::BF16, 70, 300, 23), v(Element::BF16, 30, 300, 24);
  auto outputs = [&](int64_t columns, Element element) {
    return Rows(element, tokens, columns);
  };
  Rows y = outputs(300, Element::BF16), a = outputs(70, Element::F32),
       b = outputs(30, Element::F32), y2 = outputs(300, Element::BF16),
       a2 = outputs(70, Element::F32), b2 = outputs(30, Element::F32);
  together.run({x.buffer.data(), gate.buffer.data(), norm.data(),
                u.buffer.data(), v.buffer.data(), y.buffer.data(),
                a.buffer.data(), b.buffer.data()},
               7, tokens);
  front.run(
      {x.buffer.data(), gate.buffer.data(), norm.data(), y2.buffer.data()},
      tokens, tokens);
  linears.run({y2.buffer.data(), u.buffer.data(), v.buffer.data(),
               a2.buffer.data(), b2.buffer.data()},
              2, tokens);
  auto same = [](const Rows &one, const Rows &other) {
    one.expectNear([&](int64_t r, int64_t c) { return other.at(r, c); }, 0.0);
  };
  same(y, y2);
  same(a, a2);
  same(b, b2);
  a.expectNear(
      [&](int64_t r, int64_t c) {
        double sum = 0;
        for (int64_t k = 0; k < 300; ++k)
          sum += y.at(r, k) * u.at(c, k);
        return sum;
      },
      1e-5);
}

//===------------------------- Row reductions, elementwise ------------------===//

TEST(Numbers, NormWithPrologueAndTwoResults) {
  const int64_t columns = 300, tokens = 5;
  HostKernel kernel(R"(
    func.func @f(%x: tensor<?x300xf32>, %w: tensor<300xbf16, #mm1.padded<multiple = 32>>) -> (tensor<?x300xf32>, tensor<?x300xf32>) {
      %y:2 = mm1.cluster row_reduction (%x, %x, %w) schedule {per = 2, tasks = 1, unit = "tokens", warps = 4}
          : (tensor<?x300xf32>, tensor<?x300xf32>, tensor<300xbf16, #mm1.padded<multiple = 32>>) -> (tensor<?x300xf32>, tensor<?x300xf32>) {
      ^bb0(%a: tensor<?x300xf32>, %b: tensor<?x300xf32>, %c: tensor<300xbf16, #mm1.padded<multiple = 32>>):
        %0 = mm1.residual %a, %b alpha = 3.5565588200778455 beta = 0.5 : tensor<?x300xf32>
        %1 = mm1.rms_norm %0, %c eps = 1.0e-5 : (tensor<?x300xf32>, tensor<300xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x300xf32>
        %2 = mm1.sigmoid_gate %1, %b : tensor<?x300xf32>
        mm1.yield %0, %2 : tensor<?x300xf32>, tensor<?x300xf32>
      }
      return %y#0, %y#1 : tensor<?x300xf32>, tensor<?x300xf32>
    })");
  Rows a(Element::F32, tokens, columns), b(Element::F32, tokens, columns),
      sum(Element::F32, tokens, columns), out(Element::F32, tokens, columns);
  a.randomise(8);
  b.randomise(9);
  Buffer weight(Element::BF16, 320);
  for (int64_t i = 0; i < 320; ++i)
    weight.set(i, i < columns ? 1.0 + 0.01 * double(i) : 0.0);
  kernel.run({a.buffer.data(), b.buffer.data(), weight.data(),
              sum.buffer.data(), out.buffer.data()},
             3, tokens);
  auto x = [&](int64_t r, int64_t c) {
    return 3.5565588200778455 * a.at(r, c) + 0.5 * b.at(r, c);
  };
  sum.expectNear(x, 1e-6);
  out.expectNear(
      [&](int64_t r, int64_t c) {
        double squares = 0;
        for (int64_t i = 0; i < columns; ++i)
          squares += x(r, i) * x(r, i);
        double y =
            x(r, c) / std::sqrt(squares / columns + 1e-5) * weight.get(c);
        return y / (1 + std::exp(-b.at(r, c)));
      },
      1e-5);
}

TEST(Numbers, NormBitsDependOnNoWarps) {
  const int64_t columns = 1000, tokens = 3;
  Rows x(Element::F32, tokens, columns), first(Element::F32, tokens, columns);
  x.randomise(41);
  Buffer weight(Element::F32, 1024);
  for (int64_t i = 0; i < 1024; ++i)
    weight.set(i, i < columns ? 1.0 : 0.0);
  for (int warps : {8, 4, 2, 1}) {
    HostKernel kernel(formatv(R"(
    !x = tensor<?x1000xf32>
    !n = tensor<1000xf32, #mm1.padded<multiple = 32>>
    func.func @f(%x: !x, %n: !n) -> !x {{
      %y = mm1.cluster row_reduction (%x, %n) schedule {{per = 1, tasks = 1, unit = "tokens", warps = {0}}
          : (!x, !n) -> !x {{
      ^bb0(%0: !x, %1: !n):
        %2 = mm1.rms_norm %0, %1 eps = 1.0e-5 : (!x, !n) -> !x
        mm1.yield %2 : !x
      }
      return %y : !x
    })",
                              warps));
    Rows y(Element::F32, tokens, columns);
    kernel.run({x.buffer.data(), weight.data(),
                warps == 8 ? first.buffer.data() : y.buffer.data()},
               tokens, tokens);
    if (warps < 8)
      y.expectNear([&](int64_t r, int64_t c) { return first.at(r, c); }, 0.0);
  }
}

TEST(Numbers, RopeWithItsAngles) {
  const int64_t tokens = 3, headDim = 12, half = 4, columns = 36;
  HostKernel angles(R"(
    func.func @f(%p: tensor<?xi32>, %q: tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
      %y:2 = mm1.cluster elementwise (%p, %q) schedule {per = 1, tasks = 1, unit = "tokens", warps = 1}
          : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
      ^bb0(%a: tensor<?xi32>, %b: tensor<4xf32>):
        %0:2 = mm1.rope_angles %a, %b : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
        mm1.yield %0#0, %0#1 : tensor<?x4xf32>, tensor<?x4xf32>
      }
      return %y#0, %y#1 : tensor<?x4xf32>, tensor<?x4xf32>
    })");
  HostKernel rope(R"(
    func.func @f(%x: tensor<?x36xf32>, %c: tensor<?x4xf32>) -> tensor<?x36xf32> {
      %y = mm1.cluster elementwise (%x, %c, %c) schedule {per = 2, tasks = 1, unit = "tokens", warps = 1}
          : (tensor<?x36xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x36xf32> {
      ^bb0(%a: tensor<?x36xf32>, %b: tensor<?x4xf32>, %d: tensor<?x4xf32>):
        %0 = mm1.rope %a, %b, %d head_dim = 12 : (tensor<?x36xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x36xf32>
        mm1.yield %0 : tensor<?x36xf32>
      }
      return %y : tensor<?x36xf32>
    })");
  Buffer positions(Element::I32, tokens), frequencies(Element::F32, half);
  for (int64_t t = 0; t < tokens; ++t)
    positions.set(t, double(t * 1000003));
  for (int64_t i = 0; i < half; ++i)
    frequencies.set(i, std::pow(10.0, -double(i)));
  Rows x(Element::F32, tokens, columns), y(Element::F32, tokens, columns),
      cos(Element::F32, tokens, half), sin(Element::F32, tokens, half);
  x.randomise(10);
  angles.run({positions.data(), frequencies.data(), cos.buffer.data(),
              sin.buffer.data()},
             tokens, tokens);
  auto angle = [&](int64_t t, int64_t i) {
    return double(float(positions.get(t)) * float(frequencies.get(i)));
  };
  cos.expectNear([&](int64_t t, int64_t i) { return std::cos(angle(t, i)); },
                 2e-7);
  sin.expectNear([&](int64_t t, int64_t i) { return std::sin(angle(t, i)); },
                 2e-7);
  rope.run(
      {x.buffer.data(), cos.buffer.data(), sin.buffer.data(), y.buffer.data()},
      2, tokens);
  y.expectNear(
      [&](int64_t t, int64_t c) {
        int64_t i = c % headDim;
        if (i >= 2 * half)
          return x.at(t, c);
        if (i < half)
          return x.at(t, c) * cos.at(t, i) - x.at(t, c + half) * sin.at(t, i);
        return x.at(t, c) * cos.at(t, i - half) +
               x.at(t, c - half) * sin.at(t, i - half);
      },
      1e-6);
}

TEST(Numbers, CombineOfEmbeddedRows) {
  const int64_t tokens = 2;
  HostKernel kernel(R"(
    func.func @f(%x: tensor<?x3x40xbf16>, %w: tensor<?x3xf32>, %t: tensor<?xi32>, %e: tensor<7x40xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x40xbf16> {
      %y = mm1.cluster elementwise (%x, %w, %t, %e) schedule {per = 1, tasks = 1, unit = "tokens", warps = 2}
          : (tensor<?x3x40xbf16>, tensor<?x3xf32>, tensor<?xi32>, tensor<7x40xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x40xbf16> {
      ^bb0(%a: tensor<?x3x40xbf16>, %b: tensor<?x3xf32>, %c: tensor<?xi32>, %d: tensor<7x40xbf16, #mm1.padded<multiple = 32>>):
        %0 = mm1.combine %a, %b : (tensor<?x3x40xbf16>, tensor<?x3xf32>) -> tensor<?x40xf32>
        %1 = mm1.embedding %c, %d : (tensor<?xi32>, tensor<7x40xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x40xbf16>
        %2 = mm1.residual %1, %0 alpha = 1.0 beta = 1.0 : (tensor<?x40xbf16>, tensor<?x40xf32>) -> tensor<?x40xbf16>
        mm1.yield %2 : tensor<?x40xbf16>
      }
      return %y : tensor<?x40xbf16>
    })");
  Rows x(Element::BF16, tokens * 3, 40), w(Element::F32, tokens, 3),
      y(Element::BF16, tokens, 40);
  Buffer table(Element::BF16, 7 * 64), ids(Element::I32, tokens);
  x.randomise(11);
  w.randomise(12);
  for (int64_t i = 0; i < 7 * 64; ++i)
    table.set(i, i % 64 < 40 ? 0.125 * double(i % 37) : 0.0);
  ids.set(0, 6);
  ids.set(1, 2);
  kernel.run({x.buffer.data(), w.buffer.data(), ids.data(), table.data(),
              y.buffer.data()},
             tokens, tokens);
  y.expectNear(
      [&](int64_t t, int64_t c) {
        double sum = table.get(int64_t(ids.get(t)) * 64 + c);
        for (int64_t j = 0; j < 3; ++j)
          sum += w.at(t, j) * x.at(t * 3 + j, c);
        return sum;
      },
      1.0 / 256);
}

// A warp a stretch; each other result is stored too.
TEST(Numbers, SumsOfSquaresOfStretches) {
  const int64_t tokens = 4;
  HostKernel kernel(R"(
    !x = tensor<?x120xf32>
    !s = tensor<?x3xf32>
    func.func @f(%x: !x) -> (!x, !s) {
      %y:2 = mm1.cluster row_reduction (%x) schedule {per = 2, tasks = 1, unit = "tokens", warps = 2}
          : (!x) -> (!x, !s) {
      ^bb0(%a: !x):
        %0 = mm1.silu %a : !x
        %1 = mm1.sum_squares %0 : !x -> !s
        mm1.yield %0, %1 : !x, !s
      }
      return %y#0, %y#1 : !x, !s
    })");
  Rows x(Element::F32, tokens, 120), y(Element::F32, tokens, 120),
      sums(Element::F32, tokens, 3);
  x.randomise(31);
  kernel.run({x.buffer.data(), y.buffer.data(), sums.buffer.data()}, 2, tokens);
  y.expectNear([&](int64_t r, int64_t c) { return silu(x.at(r, c)); }, 1e-6);
  sums.expectNear(
      [&](int64_t r, int64_t p) {
        double sum = 0;
        for (int64_t i = 0; i < 40; ++i)
          sum += std::pow(silu(x.at(r, 40 * p + i)), 2);
        return sum;
      },
      1e-5);
}

} // namespace
