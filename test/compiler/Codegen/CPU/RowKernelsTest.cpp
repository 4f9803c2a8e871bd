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

} // namespace
