//===- LowerMathTest.cpp - How exact exp, sin and cos are ----------------===//
// Kernels of one call each, swept over their range and compared with libm in
// the next wider type.
//===---------------------------------------------------------------------===//
#include "test/compiler/Codegen/CPU/KernelHarness.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir::mm1::cpu;
using namespace mlir::mm1::cpu::test;
using mlir::Type;
using mlir::Value;

namespace {

/// out[i] = op(in[i]) for `count` floats, by a kernel; `wide` computes in f64.
std::vector<float> apply(const CPUTarget &target,
                         llvm::function_ref<Value(KernelBuilder &, Value)> op,
                         const std::vector<float> &in, bool wide = false) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadKernelDialects(context);
  mlir::OwningOpRef<mlir::ModuleOp> out =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  int64_t lanes = target.lanes;
  int64_t count = mlir::plan::roundUp(in.size(), lanes);
  KernelBuilder k(*out, "kernel", target, out->getLoc());
  k.forTasks(Schedule(), [&](Value, Value, Value) {
    k.forLoop(k.index(0), k.index(count), lanes, [&](Value i) {
      Type f32 = k.b.getF32Type();
      Value x = k.loadFloats(k.at(k.arg(0), k.mul(i, 4)), f32, lanes);
      if (wide)
        x = mlir::arith::ExtFOp::create(k.b,
                                        k.vectorOf(k.b.getF64Type(), lanes), x);
      Value y = op(k, x);
      if (wide)
        y = mlir::arith::TruncFOp::create(k.b, k.vectorOf(f32, lanes), y);
      k.storeFloats(y, k.at(k.arg(1), k.mul(i, 4)), f32);
    });
  });
  k.finish();
  auto kernel = CompiledKernel::load(*out, target, "kernel");
  if (!kernel)
    return {};
  std::vector<float> from(in), to(count);
  from.resize(count);
  kernel->run({from.data(), to.data()}, {});
  to.resize(in.size());
  return to;
}

/// |found - wanted| in units of the last place of `wanted` as f32.
double ulps(float found, double wanted) {
  if (std::isnan(wanted))
    return std::isnan(found) ? 0 : 1e9;
  float rounded = static_cast<float>(wanted);
  if (std::isinf(rounded) || std::isinf(found))
    return rounded == found ? 0 : 1e9;
  float next =
      std::nextafter(std::abs(rounded), std::numeric_limits<float>::infinity());
  return std::abs(found - wanted) / (double(next) - std::abs(rounded));
}

TEST(LowerMath, ExpTo2UlpAndSaturates) {
  std::vector<float> in;
  for (double x = -110; x < 95; x += 1.37e-3)
    in.push_back(static_cast<float>(x));
  float inf = std::numeric_limits<float>::infinity();
  in.insert(in.end(), {0.0f, -0.0f, 88.7228394f, 88.7229f, 1e-30f, -87.5f,
                       -103.9f, 1000.0f, -1000.0f, inf, -inf, NAN});
  for (const CPUTarget *target : targetsHere()) {
    std::vector<float> out =
        apply(*target, [](KernelBuilder &k, Value x) { return k.exp(x); }, in);
    ASSERT_EQ(out.size(), in.size());
    for (size_t i = 0; i < in.size(); ++i)
      ASSERT_LE(ulps(out[i], std::exp(double(in[i]))), 2.0) << "exp " << in[i];
  }
}

TEST(LowerMath, SinAndCosOfLongContexts) {
  std::vector<float> in;
  std::mt19937 generator(3);
  for (double range : {1.0, 100.0, 1e4, 1.1e7, 2e9}) {
    std::uniform_real_distribution<double> angle(-range, range);
    for (int i = 0; i < 20000; ++i)
      in.push_back(static_cast<float>(angle(generator)));
  }
  in.insert(in.end(), {0.0f, 1e-20f, 10240000.0f, 1.5707964f, 3.1415927f});
  for (const CPUTarget *target : targetsHere())
    for (bool cosine : {false, true}) {
      std::vector<float> out = apply(
          *target,
          [&](KernelBuilder &k, Value x) -> Value {
            if (cosine)
              return mlir::math::CosOp::create(k.b, x);
            return mlir::math::SinOp::create(k.b, x);
          },
          in, true);
      ASSERT_EQ(out.size(), in.size());
      for (size_t i = 0; i < in.size(); ++i)
        ASSERT_LE(ulps(out[i], cosine ? std::cos(double(in[i]))
                                      : std::sin(double(in[i]))),
                  0.51)
            << (cosine ? "cos " : "sin ") << in[i];
    }
}

TEST(LowerMath, ReciprocalSquareRoot) {
  std::vector<float> in;
  for (double x = 1e-12; x < 1e12; x *= 1.001)
    in.push_back(static_cast<float>(x));
  for (const CPUTarget *target : targetsHere()) {
    std::vector<float> out = apply(
        *target, [](KernelBuilder &k, Value x) { return k.rsqrt(x); }, in);
    for (size_t i = 0; i < in.size(); ++i)
      ASSERT_LE(ulps(out[i], 1 / std::sqrt(double(in[i]))), 1.5) << in[i];
  }
}

} // namespace
