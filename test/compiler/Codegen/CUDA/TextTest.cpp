//===- TextTest.cpp - The text of generated CUDA C++ ----------------------===//
// Each case emits a cluster and compares with test/golden/cuda/NAME.cu. When the
// text is meant to change, run the test with MM1_UPDATE_GOLDENS=1 and read the
// difference. Then: the region decides the text, and what is refused.
//===----------------------------------------------------------------------===//
#include "CudaHarness.h"

#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

using namespace mlir::mm1;
using namespace mlir::mm1::cuda::test;

namespace {

void expectGolden(const std::string &name, const std::string &source) {
  Emitted emitted = emitText(source);
  ASSERT_EQ(emitted.error, "");
  std::string path =
      std::string(MM1_SOURCE_DIR) + "/test/golden/cuda/" + name + ".cu";
  if (std::getenv("MM1_UPDATE_GOLDENS")) {
    std::ofstream(path) << emitted.text;
    return;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << ": cannot read; MM1_UPDATE_GOLDENS=1 writes it";
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(emitted.text, golden.str());
}

std::string matmul(
    const std::string &schedule, const std::string &epilogue,
    const std::string &encoding = "#mm1.swizzled<rows = 64, order = natural>") {
  std::string w =
      "tensor<192x64xbf16" + (encoding.empty() ? "" : ", " + encoding) + ">";
  return R"(
    func.func @f(%x: tensor<?x64xbf16>, %w: )" +
         w + R"() -> tensor<?x192xbf16> {
      %y = mm1.cluster matmul (%x, %w) )" +
         schedule + " : (tensor<?x64xbf16>, " + w + R"() -> tensor<?x192xbf16> {
      ^bb0(%a: tensor<?x64xbf16>, %b: )" +
         w + R"():
        %0 = mm1.linear %a weights(%b) : (tensor<?x64xbf16>, )" +
         w + R"() -> tensor<?x192xf32>
        %1 = )" +
         epilogue + R"( -> tensor<?x192xbf16>
        mm1.yield %1 : tensor<?x192xbf16>
      }
      return %y : tensor<?x192xbf16>
    })";
}

constexpr const char *kSilu = "mm1.silu %0 : (tensor<?x192xf32>)";
constexpr const char *kMatmulSchedule =
    R"(schedule {columns = 32, per = 1, rows = 8, tasks = 6, unit = "one", warps = 4})";

TEST(CudaText, LinearSilu) {
  expectGolden("linear_silu", matmul(kMatmulSchedule, kSilu));
}

TEST(CudaText, LinearInt8Residual) {
  expectGolden("linear_int8_residual", R"(
    func.func @f(%x: tensor<?x96xbf16>, %w: tensor<70x96xi8, #mm1.swizzled<rows = 64, order = fragment>>, %s: tensor<70xf32, #mm1.padded<multiple = 32>>, %r: tensor<?x70xbf16>) -> tensor<?x70xbf16> {
      %y = mm1.cluster matmul (%x, %w, %s, %r) schedule {columns = 16, per = 1, rows = 8, tasks = 5, unit = "one", warps = 4}
          : (tensor<?x96xbf16>, tensor<70x96xi8, #mm1.swizzled<rows = 64, order = fragment>>, tensor<70xf32, #mm1.padded<multiple = 32>>, tensor<?x70xbf16>) -> tensor<?x70xbf16> {
      ^bb0(%a: tensor<?x96xbf16>, %b: tensor<70x96xi8, #mm1.swizzled<rows = 64, order = fragment>>, %c: tensor<70xf32, #mm1.padded<multiple = 32>>, %d: tensor<?x70xbf16>):
        %0 = mm1.linear %a weights(%b) scales(%c) : (tensor<?x96xbf16>, tensor<70x96xi8, #mm1.swizzled<rows = 64, order = fragment>>, tensor<70xf32, #mm1.padded<multiple = 32>>) -> tensor<?x70xf32>
        %1 = mm1.residual %d, %0 alpha = 3.5565588200778455 beta = 1.0 : (tensor<?x70xbf16>, tensor<?x70xf32>) -> tensor<?x70xbf16>
        mm1.yield %1 : tensor<?x70xbf16>
      }
      return %y : tensor<?x70xbf16>
    })");
}

TEST(CudaText, ResidualRmsNorm) {
  expectGolden("residual_rms_norm", R"(
    func.func @f(%x: tensor<?x512xbf16>, %w: tensor<512xbf16>) -> (tensor<?x512xbf16>, tensor<?x512xbf16>) {
      %y:2 = mm1.cluster row_reduction (%x, %x, %w) schedule {per = 1, tasks = 1, unit = "tokens", warps = 8}
          : (tensor<?x512xbf16>, tensor<?x512xbf16>, tensor<512xbf16>) -> (tensor<?x512xbf16>, tensor<?x512xbf16>) {
      ^bb0(%a: tensor<?x512xbf16>, %b: tensor<?x512xbf16>, %c: tensor<512xbf16>):
        %0 = mm1.residual %a, %b alpha = 3.5565588200778455 beta = 1.0 : tensor<?x512xbf16>
        %1 = mm1.rms_norm %0, %c eps = 1.0e-5 : (tensor<?x512xbf16>, tensor<512xbf16>) -> tensor<?x512xbf16>
        mm1.yield %0, %1 : tensor<?x512xbf16>, tensor<?x512xbf16>
      }
      return %y#0, %y#1 : tensor<?x512xbf16>, tensor<?x512xbf16>
    })");
}

TEST(CudaText, Rope) {
  expectGolden("rope", R"(
    func.func @f(%x: tensor<?x64xbf16>, %c: tensor<?x4xf32>) -> tensor<?x64xbf16> {
      %y = mm1.cluster elementwise (%x, %c, %c) schedule {per = 4, tasks = 1, unit = "tokens", warps = 2}
          : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16> {
      ^bb0(%a: tensor<?x64xbf16>, %b: tensor<?x4xf32>, %d: tensor<?x4xf32>):
        %0 = mm1.rope %a, %b, %d head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
        mm1.yield %0 : tensor<?x64xbf16>
      }
      return %y : tensor<?x64xbf16>
    })");
}

// A norm that every block makes again, and two widths behind it.
TEST(CudaText, RmsNormTwoLinears) {
  expectGolden("rms_norm_two_linears", R"(
    !x = tensor<?x96xf32>
    !u = tensor<?x96xbf16>
    !n = tensor<96xbf16, #mm1.padded<multiple = 32>>
    !w = tensor<192x96xbf16, #mm1.swizzled<rows = 64, order = natural>>
    !v = tensor<64x96xbf16, #mm1.swizzled<rows = 64, order = natural>>
    !h = tensor<?x192xf32>
    !p = tensor<?x192xbf16>
    !q = tensor<?x64xbf16>
    func.func @f(%x: !x, %n: !n, %w: !w, %v: !v) -> (!u, !p, !q) {
      %y:3 = mm1.cluster row_reduction, matmul (%x, %n, %w, %v) schedule {columns = 32, per = 1, rows = 8, tasks = 8, unit = "one", warps = 8}
          : (!x, !n, !w, !v) -> (!u, !p, !q) {
      ^bb0(%0: !x, %1: !n, %2: !w, %3: !v):
        %4 = mm1.rms_norm %0, %1 eps = 1.0e-5 : (!x, !n) -> !u
        %5:2 = mm1.linear %4 weights(%2, %3) : (!u, !w, !v) -> (!h, !q)
        %6 = mm1.silu %5#0 : (!h) -> !p
        mm1.yield %4, %6, %5#1 : !u, !p, !q
      }
      return %y#0, %y#1, %y#2 : !u, !p, !q
    })");
}

// A gate in front, a factor of the row behind.
TEST(CudaText, GateLinearNormRows) {
  expectGolden("gate_linear_norm_rows", R"(
    !x = tensor<?x64xbf16>
    !w = tensor<96x64xbf16, #mm1.swizzled<rows = 64, order = natural>>
    !s = tensor<?x4xf32>
    !h = tensor<?x96xf32>
    !y = tensor<?x96xbf16>
    func.func @f(%x: !x, %g: !x, %w: !w, %s: !s, %r: !y) -> !y {
      %y = mm1.cluster matmul (%x, %g, %w, %s, %r) schedule {columns = 16, per = 1, rows = 8, tasks = 6, unit = "one", warps = 8}
          : (!x, !x, !w, !s, !y) -> !y {
      ^bb0(%0: !x, %1: !x, %2: !w, %3: !s, %4: !y):
        %5 = mm1.sigmoid_gate %0, %1 : !x
        %6 = mm1.linear %5 weights(%2) : (!x, !w) -> !h
        %7 = mm1.norm_rows %6, %3 width = 64 eps = 1.0e-6 : (!h, !s) -> !h
        %8 = mm1.residual %4, %7 alpha = 3.5 beta = 1.0 : (!y, !h) -> !y
        mm1.yield %8 : !y
      }
      return %y : !y
    })");
}

// Results of two shapes, one with padding.
TEST(CudaText, CombineAndSilu) {
  expectGolden("combine_and_silu", R"(
    !x = tensor<?x2x40xbf16>
    !w = tensor<?x2xf32>
    !y = tensor<?x40xf32>
    func.func @f(%x: !x, %w: !w) -> (!y, !x) {
      %y:2 = mm1.cluster elementwise (%x, %w) schedule {per = 1, tasks = 1, unit = "tokens", warps = 8}
          : (!x, !w) -> (!y, !x) {
      ^bb0(%0: !x, %1: !w):
        %2 = mm1.combine %0, %1 : (!x, !w) -> !y
        %3 = mm1.silu %0 : !x
        mm1.yield %2, %3 : !y, !x
      }
      return %y#0, %y#1 : !y, !x
    })");
}

// What another op reads is rounded to its type first; what is only stored is
// rounded by the store.
TEST(CudaText, Router) {
  expectGolden("router", R"(
    func.func @f(%x: tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
      %i, %w = mm1.cluster routing (%x) schedule {per = 1, tasks = 1, unit = "tokens", warps = 8}
          : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
      ^bb0(%logits: tensor<?x4xf32>):
        %ids, %weights = mm1.router %logits : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
        mm1.yield %ids, %weights : tensor<?x2xi32>, tensor<?x2xf32>
      }
      return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
    })");
}

TEST(CudaText, GroupTokens) {
  expectGolden("group_tokens", R"(
    func.func @f(%x: tensor<?x2xi32>) -> (tensor<?x2xi32>, tensor<5xi32>) {
      %o, %f = mm1.cluster routing (%x) schedule {per = 1, tasks = 1, unit = "one", warps = 8}
          : (tensor<?x2xi32>) -> (tensor<?x2xi32>, tensor<5xi32>) {
      ^bb0(%ids: tensor<?x2xi32>):
        %order, %offsets = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5xi32>
        mm1.yield %order, %offsets : tensor<?x2xi32>, tensor<5xi32>
      }
      return %o, %f : tensor<?x2xi32>, tensor<5xi32>
    })");
}

/// silu(g) * u of int8 experts, rows sorted by expert or not.
std::string experts(bool isGrouped, const std::string &schedule) {
  std::string w = "tensor<4x96x64xi8, #mm1.swizzled<rows = 64, order = "
                  "fragment>>, ",
              s = "tensor<4x96xf32, #mm1.padded<multiple = 32>>",
              types = "(!x, !i, " + std::string(isGrouped ? "!i, !o, " : "") +
                      w + w + s + ", " + s + ")";
  auto parameters = [&](const std::string &prefix) {
    auto name = [&](const char *each) { return "%" + prefix + each + ": "; };
    return name("x") + "!x, " + name("i") + "!i, " +
           (isGrouped ? name("o") + "!i, " + name("f") + "!o, " : "") +
           name("w") + w + name("v") + w + name("s") + s + ", " + name("t") + s;
  };
  return R"(
    !x = tensor<?x64xbf16>
    !i = tensor<?x2xi32>
    !o = tensor<5xi32>
    !y = tensor<?x2x96xf32>
    !h = tensor<?x2x96xbf16>
    func.func @f()" +
         parameters("") + R"() -> !h {
      %r = mm1.cluster grouped_matmul ()" +
         (isGrouped ? "%x, %i, %o, %f, " : "%x, %i, ") + "%w, %v, %s, %t) " +
         schedule + " : " + types + R"( -> !h {
      ^bb0()" +
         parameters("a") + R"():
        %y:2 = mm1.expert_linear %ax, %ai )" +
         (isGrouped ? "grouped(%ao, %af) " : "") +
         "weights(%aw, %av) scales(%as, %at) : " + types + R"( -> (!y, !y)
        %1 = mm1.silu %y#0 : !y
        %2 = mm1.mul %1, %y#1 : (!y, !y) -> !h
        mm1.yield %2 : !h
      }
      return %r : !h
    })";
}

TEST(CudaText, GroupedExperts) {
  expectGolden(
      "grouped_experts",
      experts(
          true,
          R"(schedule {columns = 32, per = 1, tasks = 132, unit = "one", warps = 8})"));
}

TEST(CudaText, TypesSayWhatIsRounded) {
  auto silus = [](const char *between) {
    return emitText(std::string("!y = tensor<?x64xf32>\n!x = ") + between + R"(
    func.func @f(%x: !x) -> !y {
      %y = mm1.cluster elementwise (%x) schedule {per = 1, tasks = 1, unit = "tokens", warps = 2}
          : (!x) -> !y {
      ^bb0(%0: !x):
        %1 = mm1.silu %0 : !x
        %2 = mm1.silu %1 : (!x) -> !y
        mm1.yield %2 : !y
      }
      return %y : !y
    })")
        .text;
  };
  EXPECT_NE(silus("tensor<?x64xbf16>")
                .find("const float rounded = "
                      "dp::to_float(dp::convert<dp::bf16>(silu));"),
            std::string::npos);
  EXPECT_EQ(silus("tensor<?x64xf32>").find("rounded"), std::string::npos);
}

// The epilogue is what the region says: no silu, no exponential.
TEST(CudaText, RegionDecidesTheText) {
  std::string silu = emitText(matmul(kMatmulSchedule, kSilu)).text;
  std::string square =
      emitText(
          matmul(kMatmulSchedule,
                 "mm1.mul %0, %0 : (tensor<?x192xf32>, tensor<?x192xf32>)"))
          .text;
  EXPECT_NE(silu.find("dp::exp("), std::string::npos);
  EXPECT_EQ(square.find("dp::exp("), std::string::npos);
  EXPECT_NE(square.find("const float mul = sums[0] * sums[0];"),
            std::string::npos)
      << square;
}

TEST(CudaText, SpeaksOnlyDp) {
  auto programs =
      emitModel(std::string(MM1_SOURCE_DIR) + "/test/data/goldens/base",
                "sm_80", ComputeType::BF16, "none");
  ASSERT_FALSE(programs.empty());
  for (const std::string &text : programs) {
    EXPECT_NE(text.find("DP_KERNEL("), std::string::npos);
    EXPECT_FALSE(std::regex_search(
        text,
        std::regex(
            "threadIdx|blockIdx|__shared__|__global__|__shfl|asm|__sync")))
        << text;
  }
}

// No cluster that plans form is without a skeleton for long: one that nothing
// forms is refused by name.
TEST(CudaText, NamesWhatNoSkeletonAccepts) {
  Emitted emitted = emitText(R"(
    func.func @f(%x: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
      %y = mm1.cluster collective (%x) schedule {per = 1, tasks = 1, unit = "tokens"} : (tensor<?x64xbf16>) -> tensor<?x64xbf16> {
      ^bb0(%a: tensor<?x64xbf16>):
        %0 = mm1.all_reduce %a ranks = 2 : tensor<?x64xbf16>
        mm1.yield %0 : tensor<?x64xbf16>
      }
      return %y : tensor<?x64xbf16>
    })");
  EXPECT_NE(emitted.error.find("has no CUDA skeleton that accepts it"),
            std::string::npos)
      << emitted.error;
}

//===-------------------------------- Refusals ------------------------------===//

void expectError(const std::string &source, const std::string &part) {
  Emitted emitted = emitText(source);
  EXPECT_EQ(emitted.text, "");
  EXPECT_NE(emitted.error.find(part), std::string::npos) << emitted.error;
}

TEST(CudaText, RefusesWhatItCannotRead) {
  expectError(matmul("", kSilu), "expects a schedule: run schedule-clusters");
  expectError(
      matmul(kMatmulSchedule, kSilu, "#mm1.tiled<panel = 32, depth = 2>"),
      "expects weights with encoding #mm1.swizzled, or #mm1.padded to a "
      "multiple of 8, found");
  expectError( // rows of 100: not every one starts at a multiple of 16 bytes
      matmul(kMatmulSchedule, kSilu, "#mm1.padded<multiple = 50>"),
      "#mm1.padded to a multiple of 8, found");
  expectError(matmul(kMatmulSchedule, kSilu, ""),
              "run tile-weights for a CUDA target");
  expectError(
      matmul(
          R"(schedule {columns = 32, per = 1, rows = 12, tasks = 6, unit = "one", warps = 4})",
          kSilu),
      "'rows' from 1 to 8");
  expectError(
      matmul(
          R"(schedule {columns = 32, per = 1, rows = 8, tasks = 5, unit = "one", warps = 4})",
          kSilu),
      "one task for each 'columns' of each width, 6, found");
  expectError(
      matmul(
          R"(schedule {columns = 32, per = 1, rows = 8, tasks = 6, unit = "one"})",
          kSilu),
      "'warps' from 1 to 32");
}

TEST(CudaText, RefusesExpertsOfAnotherGrid) {
  expectError(
      experts(
          false,
          R"(schedule {columns = 32, per = 1, tasks = 3, unit = "tokens", warps = 8})"),
      "one task for each 'columns' of each width and choice, 6, found");
  expectError(
      experts(
          false,
          R"(schedule {columns = 30, per = 1, tasks = 8, unit = "tokens", warps = 8})"),
      "'columns' a multiple of 4, found");
  expectError(
      experts(
          true,
          R"(schedule {columns = 32, per = 1, tasks = 132, unit = "tokens", warps = 8})"),
      "unit = \"one\", found");
}

TEST(CudaText, RefusesWarpsThatWouldChangeTheOrderOfSums) {
  expectError(R"(
    !x = tensor<?x64xf32>
    !n = tensor<64xf32, #mm1.padded<multiple = 32>>
    func.func @f(%x: !x, %n: !n) -> !x {
      %y = mm1.cluster row_reduction (%x, %n) schedule {per = 1, tasks = 1, unit = "tokens", warps = 3}
          : (!x, !n) -> !x {
      ^bb0(%0: !x, %1: !n):
        %2 = mm1.rms_norm %0, %1 eps = 1.0e-5 : (!x, !n) -> !x
        mm1.yield %2 : !x
      }
      return %y : !x
    })",
              "expects a schedule with 1, 2, 4 or 8 warps, found");
}

} // namespace
