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

//===------------------------------ Rounding points -------------------------===//
// A chain of ops as one kernel and as one kernel for each op, with the values
// between them in memory: the same bits, whether their type is bf16 or f32.

constexpr int64_t kTokens = 5, kColumns = 64;

/// A value of a chain: `?x64` of bf16, or of what is between the ops.
std::string rows(const std::string &element) {
  return "tensor<?x64x" + element + ">";
}

struct Argument {
  std::string name, type;
};

/// A cluster of `kind` around `body`, which reads `inputs` and makes `outputs`.
std::unique_ptr<CompiledKernel>
compileCluster(const std::string &kind, const std::vector<Argument> &inputs,
               const std::string &body, const std::vector<Argument> &outputs,
               const CPUTarget &target) {
  auto list = [](const std::vector<Argument> &all, auto spell) {
    std::string text;
    for (const Argument &each : all)
      text += (text.empty() ? "" : ", ") + spell(each);
    return text;
  };
  auto name = [](const Argument &a) { return "%" + a.name; };
  auto type = [](const Argument &a) { return a.type; };
  auto typed = [](const Argument &a) { return "%" + a.name + ": " + a.type; };
  auto outer = [](const Argument &a) { return "%outer_" + a.name; };
  auto outerTyped = [](const Argument &a) {
    return "%outer_" + a.name + ": " + a.type;
  };
  std::string types =
      "(" + list(inputs, type) + ") -> (" + list(outputs, type) + ")";
  // Products that nothing joins are made one after the other.
  std::string schedule =
      kind == "matmul"
          ? "unit = \"one\", panels = " + std::to_string(2 * outputs.size()) +
                " : i64"
          : "unit = \"tokens\"";
  return CompiledKernel::compile(
      "func.func @f(" + list(inputs, outerTyped) + ") {\n%r:" +
          std::to_string(outputs.size()) + " = mm1.cluster " + kind + " (" +
          list(inputs, outer) + ") schedule {tasks = 1 : i64, per = 2 : i64, " +
          schedule + "} : " + types + " {\n^bb0(" + list(inputs, typed) +
          "):\n" + body + "\nmm1.yield " + list(outputs, name) + " : " +
          list(outputs, type) + "\n}\nreturn\n}",
      target);
}

ElementType elementOf(const std::string &name) {
  return name == "bf16" ? ElementType::BF16 : ElementType::F32;
}

Rows activations(const std::string &element, int seed = 0) {
  Rows made(elementOf(element), kTokens, kColumns);
  if (seed)
    made.randomise(seed);
  return made;
}

/// Runs `check(between, target)` for both types of what is between the ops.
template <typename Check> void forEachRounding(Check check) {
  for (const CPUTarget *target : targetsHere())
    for (const char *between : {"bf16", "f32"}) {
      SCOPED_TRACE(target->name.str() + ", " + between);
      check(std::string(between), *target);
    }
}

TEST(RoundingPoints, LinearSiluMul) {
  forEachRounding([](const std::string &between, const CPUTarget &target) {
    std::string x = rows("bf16"), t = rows(between);
    std::string w = "tensor<64x64xbf16, #mm1.tiled<panel = 32, depth = 2>>";
    std::string linear = "%g, %u = mm1.linear %x weights(%w1, %w3) : (" + x +
                         ", " + w + ", " + w + ") -> (" + t + ", " + t + ")\n";
    std::string silu = "%s = mm1.silu %g : " + t + "\n";
    std::string mul =
        "%y = mm1.mul %s, %u : (" + t + ", " + t + ") -> " + x + "\n";
    std::vector<Argument> inputs{{"x", x}, {"w1", w}, {"w3", w}};
    auto fused = compileCluster("matmul", inputs, linear + silu + mul,
                                {{"y", x}}, target);
    auto first =
        compileCluster("matmul", inputs, linear, {{"g", t}, {"u", t}}, target);
    auto second =
        compileCluster("elementwise", {{"g", t}}, silu, {{"s", t}}, target);
    auto third = compileCluster("elementwise", {{"s", t}, {"u", t}}, mul,
                                {{"y", x}}, target);
    ASSERT_TRUE(fused && first && second && third);
    Rows input = activations("bf16", 1), y = activations("bf16"),
         whole = y.like();
    Rows g = activations(between), u = g.like(), s = g.like();
    Panels w1(ElementType::BF16, 1, 64, 64),
        w3 = Panels(ElementType::BF16, 1, 64, 64);
    w1.randomise(2, 0.2);
    w3.randomise(3, 0.2);
    RunDims dims{.tokens = kTokens};
    fused->run({input.data(), w1.data(), w3.data(), whole.data()}, dims);
    first->run({input.data(), w1.data(), w3.data(), g.data(), u.data()}, dims);
    second->run({g.data(), s.data()}, dims);
    third->run({s.data(), u.data(), y.data()}, dims);
    EXPECT_TRUE(y.bytes == whole.bytes);
  });
}

TEST(RoundingPoints, CombineResidualNorm) {
  forEachRounding([](const std::string &between, const CPUTarget &target) {
    std::string x = rows("bf16"), t = rows(between);
    std::string e = "tensor<?x2x64xbf16>", c = "tensor<?x2xf32>";
    std::string w = "tensor<64xbf16, #mm1.padded<multiple = 32>>";
    std::string combine =
        "%f = mm1.combine %e, %c : (" + e + ", " + c + ") -> " + t + "\n";
    std::string residual =
        "%r = mm1.residual %x, %f alpha = 3.5 beta = 0.5 : (" + x + ", " + t +
        ") -> " + t + "\n";
    std::string norm = "%y = mm1.rms_norm %r, %w eps = 1.0e-5 : (" + t + ", " +
                       w + ") -> " + x + "\n";
    auto fused = compileCluster(
        "row_reduction", {{"x", x}, {"e", e}, {"c", c}, {"w", w}},
        combine + residual + norm, {{"r", t}, {"y", x}}, target);
    auto first = compileCluster("elementwise", {{"e", e}, {"c", c}}, combine,
                                {{"f", t}}, target);
    auto second = compileCluster("elementwise", {{"x", x}, {"f", t}}, residual,
                                 {{"r", t}}, target);
    auto third = compileCluster("row_reduction", {{"r", t}, {"w", w}}, norm,
                                {{"y", x}}, target);
    ASSERT_TRUE(fused && first && second && third);
    Rows stream = activations("bf16", 1), y = activations("bf16"),
         whole = y.like();
    Rows f = activations(between), r = f.like(), kept = f.like();
    Rows answers(ElementType::BF16, 2 * kTokens, kColumns);
    Rows shares(ElementType::F32, kTokens, 2);
    Vectors weight(ElementType::BF16, kColumns);
    answers.randomise(2);
    shares.randomise(3);
    weight.randomise(4);
    RunDims dims{.tokens = kTokens};
    fused->run({stream.data(), answers.data(), shares.data(), weight.data(),
                kept.data(), whole.data()},
               dims);
    first->run({answers.data(), shares.data(), f.data()}, dims);
    second->run({stream.data(), f.data(), r.data()}, dims);
    third->run({r.data(), weight.data(), y.data()}, dims);
    EXPECT_TRUE(r.bytes == kept.bytes);
    EXPECT_TRUE(y.bytes == whole.bytes);
  });
}

TEST(RoundingPoints, NormGate) {
  forEachRounding([](const std::string &between, const CPUTarget &target) {
    std::string x = rows("bf16"), t = rows(between);
    std::string w = "tensor<64xbf16, #mm1.padded<multiple = 32>>";
    std::string norm = "%n = mm1.rms_norm %x, %w eps = 1.0e-5 : (" + x + ", " +
                       w + ") -> " + t + "\n";
    std::string gate =
        "%y = mm1.sigmoid_gate %n, %g : (" + t + ", " + x + ") -> " + x + "\n";
    auto fused = compileCluster("row_reduction", {{"x", x}, {"w", w}, {"g", x}},
                                norm + gate, {{"y", x}}, target);
    auto first = compileCluster("row_reduction", {{"x", x}, {"w", w}}, norm,
                                {{"n", t}}, target);
    auto second = compileCluster("elementwise", {{"n", t}, {"g", x}}, gate,
                                 {{"y", x}}, target);
    ASSERT_TRUE(fused && first && second);
    Rows input = activations("bf16", 1), g = activations("bf16", 2);
    Rows n = activations(between), y = activations("bf16"), whole = y.like();
    Vectors weight(ElementType::BF16, kColumns);
    weight.randomise(3);
    RunDims dims{.tokens = kTokens};
    fused->run({input.data(), weight.data(), g.data(), whole.data()}, dims);
    first->run({input.data(), weight.data(), n.data()}, dims);
    second->run({n.data(), g.data(), y.data()}, dims);
    EXPECT_TRUE(y.bytes == whole.bytes);
  });
}

} // namespace
