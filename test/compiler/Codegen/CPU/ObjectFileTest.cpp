//===- ObjectFileTest.cpp - The libraries themselves, and what is refused -===//
#include "test/compiler/Codegen/CPU/KernelHarness.h"

#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstdlib>

using namespace mlir::mm1::cpu;
using namespace mlir::mm1::cpu::test;
using mlir::ModuleOp;
using mlir::OwningOpRef;

namespace {

// Every function a kernel could be tempted to call: exp, sine, cosine, square
// root, zeroing and copying.
const char *gatedAngles = R"(
  func.func @f(%p: tensor<?xi32>, %f: tensor<40xf32, #mm1.padded<multiple = 32>>) -> tensor<?x40xf32> {
    %y = mm1.cluster row_reduction (%p, %f)
        schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64}
        : (tensor<?xi32>, tensor<40xf32, #mm1.padded<multiple = 32>>) -> tensor<?x40xf32> {
    ^bb0(%q: tensor<?xi32>, %g: tensor<40xf32, #mm1.padded<multiple = 32>>):
      %cos, %sin = mm1.rope_angles %q, %g
          : (tensor<?xi32>, tensor<40xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x40xf32>, tensor<?x40xf32>)
      %s = mm1.sigmoid_gate %cos, %sin : tensor<?x40xf32>
      %n = mm1.rms_norm %s, %g eps = 1.0e-5
          : (tensor<?x40xf32>, tensor<40xf32, #mm1.padded<multiple = 32>>) -> tensor<?x40xf32>
      mm1.yield %n : tensor<?x40xf32>
    }
    return %y : tensor<?x40xf32>
  })";

struct Emitted {
  Emitted() { loadKernelDialects(context); }
  /// Emits the first cluster of `text`.
  mlir::FailureOr<KernelInfo> emit(const std::string &text,
                                   const CPUTarget &target) {
    module = mlir::parseSourceString<ModuleOp>(text, &context);
    out = ModuleOp::create(mlir::UnknownLoc::get(&context));
    mlir::mm1::ClusterOp cluster;
    module->walk([&](mlir::mm1::ClusterOp op) { cluster = op; });
    mlir::ScopedDiagnosticHandler handler(
        &context,
        [&](mlir::Diagnostic &diagnostic) { message += diagnostic.str(); });
    return emitKernel(cluster, "kernel", target, *out);
  }
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module, out;
  std::string message;
};

std::string temporary(const std::string &name) {
  return (std::filesystem::temp_directory_path() /
          ("mm1-object-" + std::to_string(getpid()) + name))
      .string();
}

std::string contentOf(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

TEST(ObjectFile, NeedsNothingAndIsDeterministic) {
  for (const CPUTarget &target : cpuTargets()) {
    std::string content[2];
    for (int i = 0; i < 2; ++i) {
      Emitted emitted;
      ASSERT_TRUE(mlir::succeeded(emitted.emit(gatedAngles, target)));
      // Another name and folder must not show in the bytes.
      std::string path = temporary(i ? "-b-longer.so" : "-a.so");
      ASSERT_TRUE(
          mlir::succeeded(compileToSharedObject(*emitted.out, target, path)));
      content[i] = contentOf(path);
      std::filesystem::remove(path);
      EXPECT_FALSE(std::filesystem::exists(path + ".o"));
      EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
    }
    EXPECT_FALSE(content[0].empty());
    EXPECT_TRUE(content[0] == content[1]);
    EXPECT_EQ(content[0].find("/tmp"), std::string::npos);

    auto buffer = llvm::MemoryBuffer::getMemBuffer(content[0], "", false);
    auto object = llvm::object::ObjectFile::createELFObjectFile(*buffer);
    ASSERT_TRUE(bool(object));
    auto *elf = llvm::dyn_cast<llvm::object::ELFObjectFileBase>(object->get());
    int defined = 0;
    for (const llvm::object::ELFSymbolRef &symbol :
         elf->getDynamicSymbolIterators()) {
      std::string name = symbol.getName()->str();
      EXPECT_FALSE(*symbol.getFlags() & llvm::object::SymbolRef::SF_Undefined)
          << "calls " << name;
      defined += name == "kernel";
    }
    EXPECT_EQ(defined, 1);
  }
}

TEST(ObjectFile, WritesText) {
  const CPUTarget &target = *findCPUTarget("x86-64-v3");
  Emitted first, second;
  ASSERT_TRUE(mlir::succeeded(first.emit(gatedAngles, target)));
  ASSERT_TRUE(mlir::succeeded(second.emit(gatedAngles, target)));
  std::string ir = *compileToText(*first.out, target, TextKind::LLVM);
  EXPECT_NE(ir.find("define void @kernel(ptr"), std::string::npos);
  std::string code = *compileToText(*second.out, target, TextKind::Assembly);
  EXPECT_NE(code.find("kernel:"), std::string::npos);
  EXPECT_NE(code.find("vfmadd"), std::string::npos);
}

/// The region is what runs: a changed scalar body changes the code.
TEST(ObjectFile, RegionDecidesTheCode) {
  const CPUTarget &target = *findCPUTarget("x86-64-v3");
  std::string text[2];
  for (int i = 0; i < 2; ++i) {
    std::string module = gatedAngles;
    if (i == 1) {
      size_t at = module.find("sigmoid_gate");
      module.replace(at, 12, "mul");
    }
    Emitted emitted;
    ASSERT_TRUE(mlir::succeeded(emitted.emit(module, target)));
    llvm::raw_string_ostream stream(text[i]);
    emitted.out->print(stream);
  }
  EXPECT_NE(text[0], text[1]);
  EXPECT_NE(text[0].find("math.exp"), std::string::npos);
  EXPECT_EQ(text[1].find("math.exp"), std::string::npos);
}

TEST(ObjectFile, SaysThatNoLinkerIsThere) {
  const CPUTarget &target = *findCPUTarget("x86-64-v3");
  Emitted emitted;
  ASSERT_TRUE(mlir::succeeded(emitted.emit(gatedAngles, target)));
  std::string path = std::getenv("PATH"), library = temporary("-none.so");
  ASSERT_EQ(setenv("PATH", "/nonexistent", 1), 0);
  std::string message;
  {
    mlir::ScopedDiagnosticHandler handler(
        &emitted.context,
        [&](mlir::Diagnostic &diagnostic) { message += diagnostic.str(); });
    EXPECT_TRUE(
        mlir::failed(compileToSharedObject(*emitted.out, target, library)));
  }
  ASSERT_EQ(setenv("PATH", path.c_str(), 1), 0);
  EXPECT_NE(message.find("ld.lld"), std::string::npos) << message;
  EXPECT_FALSE(std::filesystem::exists(library + ".o"));
}

TEST(ObjectFile, SaysThatTheFolderIsMissing) {
  const CPUTarget &target = *findCPUTarget("x86-64-v3");
  Emitted emitted;
  ASSERT_TRUE(mlir::succeeded(emitted.emit(gatedAngles, target)));
  std::string message;
  mlir::ScopedDiagnosticHandler handler(
      &emitted.context,
      [&](mlir::Diagnostic &diagnostic) { message += diagnostic.str(); });
  EXPECT_TRUE(mlir::failed(
      compileToSharedObject(*emitted.out, target, "/nonexistent/k.so")));
  EXPECT_NE(message.find("/nonexistent/k.so"), std::string::npos) << message;
}

std::string linear(const std::string &encoding, const std::string &schedule) {
  std::string w = "tensor<40x16xbf16" + encoding + ">";
  return "func.func @f(%x: tensor<?x16xbf16>, %w: " + w +
         ") -> tensor<?x40xbf16> {\n%y = mm1.cluster matmul (%x, %w) " +
         schedule + " : (tensor<?x16xbf16>, " + w +
         ") -> tensor<?x40xbf16> {\n^bb0(%a: tensor<?x16xbf16>, %b: " + w +
         "):\n%0 = mm1.linear %a weights(%b) : (tensor<?x16xbf16>, " + w +
         ") -> tensor<?x40xbf16>\nmm1.yield %0 : tensor<?x40xbf16>\n}\n"
         "return %y : tensor<?x40xbf16>\n}\n";
}

TEST(EmitKernel, RefusesWhatItWouldMisread) {
  const CPUTarget &target = *findCPUTarget("x86-64-v3");
  std::string tiled = ", #mm1.tiled<panel = 32, depth = 2>";
  std::string good =
      "schedule {tasks = 2 : i64, unit = \"one\", per = 1 : i64}";
  auto messageOf = [&](const std::string &text) {
    Emitted emitted;
    return mlir::succeeded(emitted.emit(text, target)) ? "" : emitted.message;
  };
  EXPECT_EQ(messageOf(linear(tiled, good)), "");
  EXPECT_NE(messageOf(linear(tiled, "")).find("schedule"), std::string::npos);
  EXPECT_NE(messageOf(linear("", good)).find("tile"), std::string::npos);
  EXPECT_NE(messageOf(linear(", #mm1.tiled<panel = 16, depth = 2>", good))
                .find("panel = 32"),
            std::string::npos);
  EXPECT_NE(
      messageOf(
          linear(tiled,
                 "schedule {tasks = 3 : i64, unit = \"one\", per = 1 : i64}"))
          .find("panels"),
      std::string::npos);
  EXPECT_NE(messageOf(linear(tiled, "schedule {tasks = 2 : i64, unit = "
                                    "\"moons\", per = 1 : i64}"))
                .find("unit"),
            std::string::npos);
  EXPECT_NE(messageOf(linear(tiled, "schedule {tasks = 0 : i64, unit = "
                                    "\"one\", per = 1 : i64}"))
                .find("'tasks'"),
            std::string::npos);
}

} // namespace
