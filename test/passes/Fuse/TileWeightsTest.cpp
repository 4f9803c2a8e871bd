//===- TileWeightsTest.cpp - What padding costs, over shapes --------------===//
// Matrices of the family's models, as a rank multiplies with them, go through
// mm1-tile-weights for sm_90a. What is stored beyond N * K numbers is written
// here by hand: nothing for M1 on eight ranks but 16 rows of the head.
//===----------------------------------------------------------------------===//
#include "dialects/Plan/Layout.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"

#include <gtest/gtest.h>

using namespace mlir;

namespace {

class TileWeightsTest : public ::testing::Test {
protected:
  TileWeightsTest() {
    context.loadDialect<mm1::MM1Dialect, func::FuncDialect>();
  }

  /// Bytes beyond the numbers of a matrix [rows, columns], or nothing when it
  /// lies in rows.
  std::optional<int64_t> padding(int64_t rows, int64_t columns,
                                 StringRef element) {
    bool isInt8 = element == "i8";
    std::string text = llvm::formatv(
        R"(
      !w = tensor<{0}x{1}x{2}>
      !s = tensor<{0}xf32>
      !x = tensor<?x{1}xbf16>
      !y = tensor<?x{0}xbf16>
      mm1.weight @w : !w = #mm1.recipe<
          sources = [#mm1.source<"w" : tensor<{0}x{1}x{3}>>], steps = [{4}]>
      mm1.weight @s : !s = #mm1.recipe<
          sources = [#mm1.source<"s" : !s>], steps = []>
      func.func @f(%x: !x) -> !y {{
        %w = mm1.load_weight @w : !w
        %s = mm1.load_weight @s : !s
        %y = mm1.linear %x weights(%w) {5} -> !y
        return %y : !y
      })",
        rows, columns, element, isInt8 ? "bf16" : element,
        isInt8 ? "#mm1.quantize<int8_rows>" : "",
        isInt8 ? "scales(%s) : (!x, !w, !s)" : ": (!x, !w)");
    auto module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    PassManager passes(&context);
    passes.addPass(mm1::createTileWeights({"sm_90a"}));
    EXPECT_TRUE(succeeded(passes.run(*module)));
    auto type = module->lookupSymbol<mm1::WeightOp>("w").getWeightType();
    if (!isa<mm1::SwizzledAttr>(type.getEncoding()))
      return std::nullopt;
    return plan::weightBytes(type) -
           rows * columns * plan::elementBytes(type.getElementType());
  }

  struct Shape {
    const char *name;
    int64_t rows, columns;
  };
  void expectNoPadding(std::initializer_list<Shape> shapes) {
    for (const Shape &shape : shapes)
      for (const char *element : {"bf16", "i8"})
        EXPECT_EQ(padding(shape.rows, shape.columns, element), 0)
            << shape.name << " " << element;
  }

  MLIRContext context;
};

// Shapes of model-spec 5.5.
TEST_F(TileWeightsTest, M1OnEightRanks) {
  expectNoPadding({{"lightning qkv", 3072, 6144},
                   {"output gate", 1024, 6144},
                   {"qkv and gate", 4096, 6144},
                   {"softmax qkv", 1280, 6144},
                   {"softmax q", 1024, 6144},
                   {"softmax k or v", 128, 6144},
                   {"out_proj, o", 6144, 1024},
                   {"w1, w3", 1152, 6144},
                   {"w1 and w3", 2304, 6144},
                   {"w2", 6144, 1152}});
  // 25008 rows in 391 tiles of 64: 25024.
  EXPECT_EQ(padding(25008, 6144, "bf16"), 16 * 6144 * 2);
  // The router would double, and lies in rows.
  EXPECT_EQ(padding(32, 6144, "f32"), std::nullopt);
}

TEST_F(TileWeightsTest, M1OnOneDevice) {
  expectNoPadding({{"lightning qkv", 24576, 6144},
                   {"softmax k or v", 1024, 6144},
                   {"out_proj, o", 6144, 8192},
                   {"w1, w3", 9216, 6144},
                   {"w2", 6144, 9216},
                   {"head", 200064, 6144}});
}

// On sixteen ranks 576 k of w2 end in half a line of int8 (11 %), and the head
// is 40 rows short of a tile.
TEST_F(TileWeightsTest, M1OnSixteenRanks) {
  EXPECT_EQ(padding(6144, 576, "bf16"), 0);
  EXPECT_EQ(padding(6144, 576, "i8"), 6144 * 64);
  EXPECT_EQ(padding(12504, 6144, "bf16"), 40 * 6144 * 2);
}

// The small variants of model-spec 8.3: hidden 64, heads of 16 or 32. What a
// line or a tile lacks counts here; matrices of 32 rows and less lie in rows.
TEST_F(TileWeightsTest, SmallVariants) {
  struct Case {
    const char *name;
    int64_t rows, columns;
    std::optional<int64_t> bf16, int8;
  };
  constexpr std::nullopt_t kRows = std::nullopt;
  for (const Case &c : {
           // Base: one line of bf16 is 64 k, one of int8 128.
           Case{"qkv", 192, 64, 0, 192 * 64},
           {"gate, q, out, o", 64, 64, 0, 64 * 64},
           {"k, v", 32, 64, kRows, kRows},
           {"w1, w3", 96, 64, 32 * 64 * 2, 128 * 128 - 96 * 64},
           {"w2", 64, 96, 64 * 32 * 2, 64 * 32},
           {"head", 512, 64, 0, 512 * 64},
           // A: heads of 32.
           {"A qkv", 384, 64, 0, 384 * 64},
           {"A out", 64, 128, 0, 0},
           // C: a shared expert of 48.
           {"C shared w1", 48, 64, 16 * 64 * 2, 64 * 128 - 48 * 64},
           {"C shared w2", 64, 48, 64 * 16 * 2, 64 * 80},
           // E: six heads and three, twelve and four.
           {"E qkv", 288, 64, 32 * 64 * 2, 320 * 128 - 288 * 64},
           {"E k, v", 48, 64, 16 * 64 * 2, 64 * 128 - 48 * 64},
           {"E out", 64, 96, 64 * 32 * 2, 64 * 32},
           {"E qkv of twelve", 576, 64, 0, 576 * 64},
           {"E out of twelve", 64, 192, 0, 64 * 64},
           // K: an odd vocabulary. L: experts of 40.
           {"K head", 517, 64, 59 * 64 * 2, 576 * 128 - 517 * 64},
           {"L w1, w3", 40, 64, 24 * 64 * 2, 64 * 128 - 40 * 64},
           {"L w2", 64, 40, 64 * 24 * 2, 64 * 88},
       }) {
    EXPECT_EQ(padding(c.rows, c.columns, "bf16"), c.bf16) << c.name;
    EXPECT_EQ(padding(c.rows, c.columns, "i8"), c.int8) << c.name << " int8";
  }
  EXPECT_EQ(padding(4, 64, "f32"), std::nullopt); // router
}

} // namespace
