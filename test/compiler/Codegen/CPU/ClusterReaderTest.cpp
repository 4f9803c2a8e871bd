//===- ClusterReaderTest.cpp - What is built for the values of a cluster -===//
#include "compiler/Codegen/CPU/ClusterReader.h"
#include "test/compiler/Codegen/CPU/KernelHarness.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::mm1::cpu;
using namespace mlir::mm1::cpu::test;

namespace {

/// Multiplications that the kernel of the first cluster of `text` has.
int64_t countMultiplications(const std::string &text) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadKernelDialects(context);
  auto module = parseSourceString<ModuleOp>(text, &context);
  OwningOpRef<ModuleOp> out = ModuleOp::create(UnknownLoc::get(&context));
  int64_t count = 0;
  module->walk([&](mlir::mm1::ClusterOp cluster) {
    EXPECT_TRUE(succeeded(
        emitKernel(cluster, "kernel", *findCPUTarget("x86-64-v3"), *out)));
  });
  out->walk([&](arith::MulFOp) { ++count; });
  return count;
}

/// A cluster that squares a number `times` times: every value is read twice.
std::string squares(int64_t times) {
  std::string text = R"(
    func.func @f(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
      %y = mm1.cluster elementwise (%x) schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64}
          : (tensor<?x32xf32>) -> tensor<?x32xf32> {
      ^bb0(%v0: tensor<?x32xf32>):
)";
  for (int64_t i = 0; i < times; ++i) {
    std::string v = "%v" + std::to_string(i);
    text += "%v" + std::to_string(i + 1) + " = mm1.mul " + v + ", " + v +
            " : tensor<?x32xf32>\n";
  }
  return text + "mm1.yield %v" + std::to_string(times) + R"( : tensor<?x32xf32>
      }
      return %y : tensor<?x32xf32>
    })";
}

TEST(ClusterReader, BuildsSharedValuesOnce) {
  EXPECT_EQ(countMultiplications(squares(1)), 1);
  EXPECT_EQ(countMultiplications(squares(12)), 12); // and not 2^12 - 1
}

TEST(ClusterReader, BuildsAnewWhatIsBoundAnew) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadKernelDialects(context);
  auto module = parseSourceString<ModuleOp>(squares(2), &context);
  mlir::mm1::ClusterOp cluster;
  module->walk([&](mlir::mm1::ClusterOp op) { cluster = op; });
  OwningOpRef<ModuleOp> out = ModuleOp::create(UnknownLoc::get(&context));
  KernelBuilder k(*out, "kernel", *findCPUTarget("x86-64-v3"),
                  cluster.getLoc());
  ClusterReader reader(k, cluster);
  Value input = cluster.getBody().getArgument(0);
  Value fourth = cluster.getYield().getOperand(0);
  Place place{k.index(0), Value(), k.index(0)};
  for (double number : {2.0, 3.0}) {
    Value bound = k.f32(number);
    reader.bind(input, bound);
    Value squared =
        reader.evaluate(fourth, place, 1).getDefiningOp()->getOperand(0);
    EXPECT_EQ(squared.getDefiningOp()->getOperand(0), bound) << number;
  }
}

} // namespace
