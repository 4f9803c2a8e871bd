//===- RowKernelsTest.cpp - Norms and elementwise kernels ----------------===//
#include "test/compiler/Codegen/CPU/KernelHarness.h"

using namespace mlir::mm1::cpu;
using namespace mlir::mm1::cpu::test;

namespace {

double silu(double x) { return x / (1 + std::exp(-x)); }

TEST(Elementwise, GatesAndPadsOddWidths) {
  for (const CPUTarget *target : targetsHere()) {
    auto kernel = CompiledKernel::compile(R"(
      func.func @f(%x: tensor<?x45xf32>, %g: tensor<?x45xf32>) -> tensor<?x45xf32> {
        %y = mm1.cluster elementwise (%x, %g)
            schedule {tasks = 1 : i64, unit = "tokens", per = 3 : i64}
            : (tensor<?x45xf32>, tensor<?x45xf32>) -> tensor<?x45xf32> {
        ^bb0(%a: tensor<?x45xf32>, %b: tensor<?x45xf32>):
          %s = mm1.silu %a : tensor<?x45xf32>
          %m = mm1.mul %s, %b : tensor<?x45xf32>
          mm1.yield %m : tensor<?x45xf32>
        }
        return %y : tensor<?x45xf32>
      })",
                                          *target);
    ASSERT_TRUE(kernel);
    for (int64_t tokens : {1, 2, 7}) {
      Rows x(ElementType::F32, tokens, 45), g(ElementType::F32, tokens, 45);
      Rows y(ElementType::F32, tokens, 45);
      x.randomise(1, 3.0);
      g.randomise(2);
      kernel->run({x.data(), g.data(), y.data()}, {.tokens = tokens}, 2);
      for (int64_t r = 0; r < tokens; ++r)
        for (int64_t c = 0; c < 45; ++c)
          // exp to 2 ulp, then three roundings.
          ASSERT_TRUE(
              isClose(y.at(r, c), silu(x.at(r, c)) * g.at(r, c), 5e-7, 1e-30));
      EXPECT_TRUE(y.paddingIsZero());
      EXPECT_TRUE(y.bytes.guardIsIntact());
    }
  }
}

/// The pieces of a norm: sums of squares of stretches, which the other pieces
/// add in order.
TEST(RowReduction, SumsSquaresOfStretches) {
  for (const CPUTarget *target : targetsHere())
    for (auto [columns, parts] :
         {std::pair<int64_t, int64_t>{64, 4}, {45, 1}, {90, 9}, {512, 16}}) {
      std::string x = "tensor<?x" + std::to_string(columns) + "xbf16>";
      std::string y = "tensor<?x" + std::to_string(columns) + "xf32>";
      std::string sums = "tensor<?x" + std::to_string(parts) + "xf32>";
      std::string schedule =
          " schedule {tasks = 1 : i64, unit = \"tokens\", per = 2 : i64} : ";
      auto sum = CompiledKernel::compile(
          "func.func @f(%x: " + x + ") -> " + sums +
              " { %s = mm1.cluster row_reduction (%x)" + schedule + "(" + x +
              ") -> " + sums + " {\n^bb0(%a: " + x +
              "):\n%s = mm1.sum_squares %a : " + x + " -> " + sums +
              "\nmm1.yield %s : " + sums + "\n}\nreturn %s : " + sums + "\n}",
          *target);
      auto norm = CompiledKernel::compile(
          "func.func @f(%x: " + x + ", %s: " + sums + ") -> " + y +
              " { %y = mm1.cluster elementwise (%x, %s)" + schedule + "(" + x +
              ", " + sums + ") -> " + y + " {\n^bb0(%a: " + x +
              ", %b: " + sums + "):\n%y = mm1.norm_rows %a, %b width = " +
              std::to_string(columns) + " eps = 1.0e-6 : (" + x + ", " + sums +
              ") -> " + y + "\nmm1.yield %y : " + y + "\n}\nreturn %y : " + y +
              "\n}",
          *target);
      ASSERT_TRUE(sum && norm);
      int64_t tokens = 5;
      Rows in(ElementType::BF16, tokens, columns);
      Rows squares(ElementType::F32, tokens, parts);
      Rows out(ElementType::F32, tokens, columns);
      in.randomise(3, 2.0);
      sum->run({in.data(), squares.data()}, {.tokens = tokens}, 2);
      norm->run({in.data(), squares.data(), out.data()}, {.tokens = tokens}, 2);
      for (int64_t r = 0; r < tokens; ++r) {
        double all = 0;
        for (int64_t p = 0; p < parts; ++p) {
          double wanted = 0;
          for (int64_t c = 0; c < columns / parts; ++c)
            wanted += std::pow(in.at(r, p * (columns / parts) + c), 2);
          all += wanted;
          // At most 128 positive terms, each rounded once.
          ASSERT_TRUE(isClose(squares.at(r, p), wanted, 4e-6, 0))
              << columns << " columns, part " << p;
        }
        double factor = 1 / std::sqrt(all / double(columns) + 1e-6);
        for (int64_t c = 0; c < columns; ++c)
          ASSERT_TRUE(isClose(out.at(r, c), in.at(r, c) * factor, 4e-6, 1e-30));
      }
      EXPECT_TRUE(squares.paddingIsZero());
      EXPECT_TRUE(squares.bytes.guardIsIntact());
    }
}

/// Angles of a long context and the rotation of heads whose rotary part is not
/// a whole vector wide.
TEST(Elementwise, RotatesHeadsOfAnyWidth) {
  struct Sizes {
    int64_t heads, dim, half;
  };
  for (const CPUTarget *target : targetsHere())
    for (Sizes s : {Sizes{4, 16, 4}, {3, 20, 5}, {2, 64, 32}, {5, 6, 1}}) {
      int64_t width = s.heads * s.dim;
      std::string x = "tensor<?x" + std::to_string(width) + "xf32>";
      std::string a = "tensor<?x" + std::to_string(s.half) + "xf32>";
      std::string f = "tensor<" + std::to_string(s.half) +
                      "xf32, #mm1.padded<multiple = 32>>";
      std::string schedule =
          " schedule {tasks = 1 : i64, unit = \"tokens\", per = 2 : i64} : ";
      auto angles = CompiledKernel::compile(
          "func.func @f(%p: tensor<?xi32>, %f: " + f + ") -> (" + a + ", " + a +
              ") { %c:2 = mm1.cluster elementwise (%p, %f)" + schedule +
              "(tensor<?xi32>, " + f + ") -> (" + a + ", " + a +
              ") {\n^bb0(%q: tensor<?xi32>, %g: " + f +
              "):\n%cos, %sin = mm1.rope_angles %q, %g : (tensor<?xi32>, " + f +
              ") -> (" + a + ", " + a + ")\nmm1.yield %cos, %sin : " + a +
              ", " + a + "\n}\nreturn %c#0, %c#1 : " + a + ", " + a + "\n}",
          *target);
      auto rope = CompiledKernel::compile(
          "func.func @f(%x: " + x + ", %c: " + a + ", %s: " + a + ") -> " + x +
              " { %y = mm1.cluster elementwise (%x, %c, %s)" + schedule + "(" +
              x + ", " + a + ", " + a + ") -> " + x + " {\n^bb0(%a: " + x +
              ", %b: " + a + ", %d: " + a + "):\n" +
              "%y = mm1.rope %a, %b, %d head_dim = " + std::to_string(s.dim) +
              " : (" + x + ", " + a + ", " + a + ") -> " + x +
              "\nmm1.yield %y : " + x + "\n}\nreturn %y : " + x + "\n}",
          *target);
      ASSERT_TRUE(angles && rope);
      Vectors positions({0, 1, 77, 1000003, 10239999});
      int64_t tokens = 5;
      Vectors frequencies(ElementType::F32, s.half);
      for (int64_t i = 0; i < s.half; ++i)
        frequencies.set(i, std::pow(1e7, -double(i) / s.half));
      Rows in(ElementType::F32, tokens, width), out = in.like();
      Rows cos(ElementType::F32, tokens, s.half), sin = cos.like();
      in.randomise(4);
      angles->run(
          {positions.data(), frequencies.data(), cos.data(), sin.data()},
          {.tokens = tokens}, 2);
      EXPECT_TRUE(cos.paddingIsZero() && sin.paddingIsZero());
      rope->run({in.data(), cos.data(), sin.data(), out.data()},
                {.tokens = tokens}, 2);
      EXPECT_TRUE(out.paddingIsZero());
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t h = 0; h < s.heads; ++h)
          for (int64_t c = 0; c < s.dim; ++c) {
            int64_t column = h * s.dim + c, i = c % s.half;
            double wanted = in.at(t, column);
            if (c < 2 * s.half) {
              // The product is one f32: its rounding belongs to the model.
              float phi = float(positions.at(t)) * float(frequencies.at(i));
              double partner =
                  in.at(t, c < s.half ? column + s.half : column - s.half);
              wanted = wanted * std::cos(double(phi)) +
                       (c < s.half ? -1 : 1) * partner * std::sin(double(phi));
            }
            ASSERT_TRUE(isClose(out.at(t, column), wanted, 3e-7, 3e-7))
                << "token " << t << " head " << h << " column " << c;
          }
    }
}

TEST(Elementwise, MakesRank3AndSeveralWidths) {
  for (const CPUTarget *target : targetsHere()) {
    auto kernel = CompiledKernel::compile(R"(
      func.func @f(%x: tensor<?x3x40xbf16>, %z: tensor<?x33xf32>)
          -> (tensor<?x3x40xbf16>, tensor<?x33xf32>) {
        %y:2 = mm1.cluster elementwise (%x, %z)
            schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64}
            : (tensor<?x3x40xbf16>, tensor<?x33xf32>) -> (tensor<?x3x40xbf16>, tensor<?x33xf32>) {
        ^bb0(%a: tensor<?x3x40xbf16>, %b: tensor<?x33xf32>):
          %s = mm1.silu %a : tensor<?x3x40xbf16>
          %m = mm1.mul %b, %b : tensor<?x33xf32>
          mm1.yield %s, %m : tensor<?x3x40xbf16>, tensor<?x33xf32>
        }
        return %y#0, %y#1 : tensor<?x3x40xbf16>, tensor<?x33xf32>
      })",
                                          *target);
    ASSERT_TRUE(kernel);
    int64_t tokens = 5;
    Rows x(ElementType::BF16, 3 * tokens, 40), y = x.like();
    Rows z(ElementType::F32, tokens, 33), squares = z.like();
    x.randomise(1);
    z.randomise(2);
    kernel->run({x.data(), z.data(), y.data(), squares.data()},
                {.tokens = tokens}, 3);
    for (int64_t r = 0; r < 3 * tokens; ++r)
      for (int64_t c = 0; c < 40; ++c)
        // One rounding to bf16: half of 2^-7.
        ASSERT_TRUE(isClose(y.at(r, c), silu(x.at(r, c)), 3.95e-3, 1e-30));
    for (int64_t r = 0; r < tokens; ++r)
      for (int64_t c = 0; c < 33; ++c)
        ASSERT_EQ(squares.at(r, c), float(z.at(r, c)) * float(z.at(r, c)));
    EXPECT_TRUE(y.paddingIsZero() && squares.paddingIsZero());
    EXPECT_TRUE(y.bytes.guardIsIntact() && squares.bytes.guardIsIntact());
  }
}

/// x / sqrt(mean(x^2) + eps) * w
std::vector<double> rmsNorm(const std::vector<double> &x, const Vectors &weight,
                            double eps) {
  double sum = 0;
  for (double value : x)
    sum += value * value;
  std::vector<double> y;
  for (size_t i = 0; i < x.size(); ++i)
    y.push_back(x[i] / std::sqrt(sum / x.size() + eps) * weight.at(i));
  return y;
}

/// The front of a decoder layer's second half: the sum of the stream and the
/// experts' answers, kept, and its norm.
TEST(RowReduction, CombineResidualNorm) {
  for (const CPUTarget *target : targetsHere())
    for (int64_t width : {33, 64, 200}) {
      std::string n = std::to_string(width);
      std::string x = "tensor<?x" + n + "xf32>",
                  e = "tensor<?x2x" + n + "xf32>";
      std::string w = "tensor<" + n + "xbf16, #mm1.padded<multiple = 32>>";
      std::string inputs = "(" + x + ", " + e + ", tensor<?x2xf32>, " + w + ")";
      auto kernel = CompiledKernel::compile(
          "func.func @f(%x: " + x + ", %e: " + e +
              ", %c: tensor<?x2xf32>, %w: " + w + ") -> (" + x + ", " + x +
              ") {\n" +
              "%y:2 = mm1.cluster row_reduction (%x, %e, %c, %w) schedule "
              "{tasks = 1 : i64, unit = \"tokens\", per = 2 : i64} : " +
              inputs + " -> (" + x + ", " + x + ") {\n^bb0(%a: " + x +
              ", %b: " + e + ", %d: tensor<?x2xf32>, %g: " + w + "):\n" +
              "%f = mm1.combine %b, %d : (" + e + ", tensor<?x2xf32>) -> " + x +
              "\n%r = mm1.residual %a, %f alpha = 3.5 beta = 0.5 : " + x +
              "\n%m = mm1.rms_norm %r, %g eps = 1.0e-5 : (" + x + ", " + w +
              ") -> " + x + "\nmm1.yield %r, %m : " + x + ", " + x +
              "\n}\nreturn %y#0, %y#1 : " + x + ", " + x + "\n}",
          *target);
      ASSERT_TRUE(kernel);
      for (int64_t tokens : {1, 5}) {
        Rows stream(ElementType::F32, tokens, width), sum = stream.like(),
                                                      normed = stream.like();
        Rows answers(ElementType::F32, 2 * tokens, width);
        Rows shares(ElementType::F32, tokens, 2);
        Vectors weight(ElementType::BF16, width);
        stream.randomise(1);
        answers.randomise(2);
        shares.randomise(3);
        weight.randomise(4);
        kernel->run({stream.data(), answers.data(), shares.data(),
                     weight.data(), sum.data(), normed.data()},
                    {.tokens = tokens}, tokens > 1 ? 2 : 1);
        for (int64_t t = 0; t < tokens; ++t) {
          std::vector<double> row;
          for (int64_t c = 0; c < width; ++c)
            row.push_back(3.5 * stream.at(t, c) +
                          0.5 * (shares.at(t, 0) * answers.at(2 * t, c) +
                                 shares.at(t, 1) * answers.at(2 * t + 1, c)));
          std::vector<double> wanted = rmsNorm(row, weight, 1e-5);
          for (int64_t c = 0; c < width; ++c) {
            // A few roundings of terms of size 10.
            ASSERT_TRUE(isClose(sum.at(t, c), row[c], 2e-7, 2e-6));
            ASSERT_TRUE(isClose(normed.at(t, c), wanted[c], 1e-6, 1e-6));
          }
        }
        EXPECT_TRUE(sum.paddingIsZero() && normed.paddingIsZero());
        EXPECT_TRUE(sum.bytes.guardIsIntact() && normed.bytes.guardIsIntact());
      }
    }
}

/// A norm of the table's rows, gated; nothing else is kept.
TEST(RowReduction, EmbeddingNormGate) {
  for (const CPUTarget *target : targetsHere()) {
    auto kernel = CompiledKernel::compile(R"(
      func.func @f(%t: tensor<?xi32>, %e: tensor<9x48xbf16, #mm1.padded<multiple = 32>>,
                   %w: tensor<48xf32, #mm1.padded<multiple = 32>>, %g: tensor<?x48xbf16>) -> tensor<?x48xbf16> {
        %y = mm1.cluster row_reduction (%t, %e, %w, %g)
            schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64}
            : (tensor<?xi32>, tensor<9x48xbf16, #mm1.padded<multiple = 32>>,
               tensor<48xf32, #mm1.padded<multiple = 32>>, tensor<?x48xbf16>) -> tensor<?x48xbf16> {
        ^bb0(%a: tensor<?xi32>, %b: tensor<9x48xbf16, #mm1.padded<multiple = 32>>,
             %c: tensor<48xf32, #mm1.padded<multiple = 32>>, %d: tensor<?x48xbf16>):
          %x = mm1.embedding %a, %b : (tensor<?xi32>, tensor<9x48xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x48xbf16>
          %n = mm1.rms_norm %x, %c eps = 1.0e-6
              : (tensor<?x48xbf16>, tensor<48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x48xf32>
          %s = mm1.sigmoid_gate %n, %d : (tensor<?x48xf32>, tensor<?x48xbf16>) -> tensor<?x48xbf16>
          mm1.yield %s : tensor<?x48xbf16>
        }
        return %y : tensor<?x48xbf16>
      })",
                                          *target);
    ASSERT_TRUE(kernel);
    Vectors tokens({8, 0, 3}), weight(ElementType::F32, 48);
    Vectors table(ElementType::BF16, 48, 9);
    Rows gate(ElementType::BF16, 3, 48), y = gate.like();
    table.randomise(1, 0.0, 1.0);
    weight.randomise(2);
    gate.randomise(3);
    kernel->run(
        {tokens.data(), table.data(), weight.data(), gate.data(), y.data()},
        {.tokens = 3}, 3);
    for (int64_t t = 0; t < 3; ++t) {
      std::vector<double> row;
      for (int64_t c = 0; c < 48; ++c)
        row.push_back(table.at(c, int64_t(tokens.at(t))));
      std::vector<double> normed = rmsNorm(row, weight, 1e-6);
      for (int64_t c = 0; c < 48; ++c)
        ASSERT_TRUE(isClose(y.at(t, c),
                            normed[c] / (1 + std::exp(-gate.at(t, c))), 3.95e-3,
                            1e-30));
    }
    EXPECT_TRUE(y.paddingIsZero());
  }
}

/// The head: chosen rows only, in any order; and a row of zeros stays zero.
TEST(RowReduction, GatheredRows) {
  for (const CPUTarget *target : targetsHere()) {
    auto kernel = CompiledKernel::compile(R"(
      func.func @f(%x: tensor<?x65xf32>, %r: tensor<?xi32>, %w: tensor<65xf32, #mm1.padded<multiple = 32>>) -> tensor<?x65xf32> {
        %y = mm1.cluster row_reduction (%x, %r, %w)
            schedule {tasks = 1 : i64, unit = "tokens", per = 4 : i64}
            : (tensor<?x65xf32>, tensor<?xi32>, tensor<65xf32, #mm1.padded<multiple = 32>>) -> tensor<?x65xf32> {
        ^bb0(%a: tensor<?x65xf32>, %b: tensor<?xi32>, %c: tensor<65xf32, #mm1.padded<multiple = 32>>):
          %g = mm1.gather_rows %a, %b : (tensor<?x65xf32>, tensor<?xi32>) -> tensor<?x65xf32>
          %n = mm1.rms_norm %g, %c eps = 1.0e-5
              : (tensor<?x65xf32>, tensor<65xf32, #mm1.padded<multiple = 32>>) -> tensor<?x65xf32>
          mm1.yield %n : tensor<?x65xf32>
        }
        return %y : tensor<?x65xf32>
      })",
                                          *target);
    ASSERT_TRUE(kernel);
    Rows x(ElementType::F32, 7, 65), y(ElementType::F32, 3, 65);
    Vectors rows({6, 2, 0}), weight(ElementType::F32, 65);
    x.randomise(1);
    for (int64_t c = 0; c < 65; ++c)
      x.set(2, c, 0.0);
    weight.randomise(2);
    kernel->run({x.data(), rows.data(), weight.data(), y.data()},
                {.tokens = 3});
    for (int64_t r = 0; r < 3; ++r) {
      std::vector<double> row;
      for (int64_t c = 0; c < 65; ++c)
        row.push_back(x.at(int64_t(rows.at(r)), c));
      std::vector<double> wanted = rmsNorm(row, weight, 1e-5);
      for (int64_t c = 0; c < 65; ++c)
        ASSERT_TRUE(isClose(y.at(r, c), wanted[c], 1e-6, 0));
    }
  }
}

} // namespace
