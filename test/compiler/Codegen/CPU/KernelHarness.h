//===- KernelHarness.h - Compile a cluster and run it --------------------===//
// Tests write a cluster as text, fill buffers in the layouts of Layout.h, run
// the kernel with its grid cut in several ways, and compare with plain loops:
//
//   Rows x(ElementType::F32, T, 64), y(ElementType::F32, T, 64);
//   x.randomise(1);
//   auto kernel = CompiledKernel::compile(R"(
//     func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
//       %y = mm1.cluster elementwise (%x) schedule {...} : ... { ... }
//       return %y : tensor<?x64xf32>
//     })", target);
//   kernel->run({x.data(), y.data()}, {.tokens = T});
//   y.at(r, c)
//
// Outputs start as NaN, so that what a kernel forgets to write is seen.
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/CPUTarget.h"
#include "compiler/Codegen/CPU/EmitKernel.h"
#include "compiler/Codegen/CPU/KernelBuilder.h"
#include "compiler/Codegen/CPU/ObjectFile.h"
#include "dialects/MM1/MM1.h"
#include "dialects/Plan/Layout.h"
#include "runtime/Artifact/KernelABI.h"
#include "runtime/Support/ElementType.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

namespace mlir::mm1::cpu::test {

using ::mm1::ElementType;

/// Whether this machine can run code of the level.
inline bool runsHere(const CPUTarget &target) {
#if defined(__x86_64__)
  if (target.name == "x86-64-v3")
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (target.name == "x86-64-v4-bf16")
    return __builtin_cpu_supports("avx512bf16") &&
           __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#endif
  return false;
}

/// The levels that tests go through.
inline std::vector<const CPUTarget *> targetsHere() {
  std::vector<const CPUTarget *> targets;
  for (const CPUTarget &target : cpuTargets())
    if (runsHere(target))
      targets.push_back(&target);
  return targets;
}

/// 64-byte aligned bytes, followed by a guard that `run` checks.
class Bytes {
public:
  Bytes() = default;
  explicit Bytes(int64_t size, uint8_t fill = 0xff) : sizeBytes(size) {
    int64_t total = (size + kGuard + 63) / 64 * 64;
    memory.reset(static_cast<uint8_t *>(std::aligned_alloc(64, total)));
    std::memset(memory.get(), fill, size);
    std::memset(memory.get() + size, 0xa5, total - size);
  }
  uint8_t *data() const { return memory.get(); }
  int64_t size() const { return sizeBytes; }
  bool guardIsIntact() const {
    for (int64_t i = 0; i < kGuard; ++i)
      if (memory.get()[sizeBytes + i] != 0xa5)
        return false;
    return true;
  }
  bool operator==(const Bytes &other) const {
    return size() == other.size() && !std::memcmp(data(), other.data(), size());
  }
  Bytes clone() const {
    Bytes copy(sizeBytes);
    std::memcpy(copy.data(), data(), sizeBytes);
    return copy;
  }

private:
  static constexpr int64_t kGuard = 64;
  struct Free {
    void operator()(uint8_t *pointer) const { std::free(pointer); }
  };
  std::unique_ptr<uint8_t, Free> memory;
  int64_t sizeBytes = 0;
};

inline double getElement(const uint8_t *data, ElementType type, int64_t i) {
  switch (type) {
  case ElementType::F32: {
    float value;
    std::memcpy(&value, data + 4 * i, 4);
    return value;
  }
  case ElementType::BF16: {
    uint16_t bits;
    std::memcpy(&bits, data + 2 * i, 2);
    return ::mm1::bf16ToFloat(bits);
  }
  case ElementType::I8:
    return static_cast<int8_t>(data[i]);
  default: {
    int32_t value;
    std::memcpy(&value, data + 4 * i, 4);
    return value;
  }
  }
}

inline void setElement(uint8_t *data, ElementType type, int64_t i,
                       double value) {
  switch (type) {
  case ElementType::F32: {
    float x = static_cast<float>(value);
    std::memcpy(data + 4 * i, &x, 4);
    return;
  }
  case ElementType::BF16: {
    uint16_t bits = ::mm1::floatToBf16(static_cast<float>(value));
    std::memcpy(data + 2 * i, &bits, 2);
    return;
  }
  case ElementType::I8:
    data[i] = static_cast<uint8_t>(static_cast<int8_t>(value));
    return;
  default: {
    int32_t x = static_cast<int32_t>(value);
    std::memcpy(data + 4 * i, &x, 4);
  }
  }
}

/// An activation [rows, columns] (or [T, k, N] with rows = T * k), or with
/// I32 a dense matrix.
class Rows {
public:
  Rows(ElementType type, int64_t rows, int64_t columns)
      : type(type), numRows(rows), numColumns(columns) {
    elementBytes = ::mm1::sizeBytes(type);
    stride = columns;
    if (type != ElementType::I32) {
      stride = plan::roundUp(columns, plan::kRowMultiple);
      if (stride * elementBytes % 1024 == 0)
        stride += plan::kRowMultiple;
    }
    bytes = Bytes(std::max<int64_t>(rows, 1) * stride * elementBytes);
  }
  /// Another of the same shape, full of NaN.
  Rows like() const { return Rows(type, numRows, numColumns); }
  void *data() const { return bytes.data(); }
  void *rowData(int64_t row) const {
    return bytes.data() + row * stride * elementBytes;
  }
  int64_t rows() const { return numRows; }
  int64_t columns() const { return numColumns; }
  double at(int64_t row, int64_t column) const {
    return getElement(bytes.data(), type, row * stride + column);
  }
  void set(int64_t row, int64_t column, double value) {
    setElement(bytes.data(), type, row * stride + column, value);
  }
  /// Normal values of deviation `scale`, and zeros in the padding.
  void randomise(int seed, double scale = 1.0) {
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal(0.0, scale);
    for (int64_t r = 0; r < numRows; ++r)
      for (int64_t c = 0; c < stride; ++c)
        set(r, c, c < numColumns ? normal(generator) : 0.0);
  }
  /// True when columns up to the next multiple of 32 are zero.
  bool paddingIsZero() const {
    for (int64_t r = 0; r < numRows; ++r)
      for (int64_t c = numColumns; c < plan::roundUp(numColumns, 32); ++c)
        if (at(r, c) != 0.0)
          return false;
    return true;
  }

  ElementType type;
  int64_t numRows, numColumns, stride, elementBytes;
  Bytes bytes;
};

/// A weight [experts, N, K] in panels of 32 rows: f32 one k deep, bf16 and i8
/// two.
class Panels {
public:
  Panels(ElementType type, int64_t experts, int64_t n, int64_t k)
      : type(type), experts(experts), n(n), k(k) {
    depth = type == ElementType::F32 ? 1 : 2;
    bytes = Bytes(experts * plan::ceilDiv(n, 32) * plan::ceilDiv(k, depth) *
                      32 * depth * ::mm1::sizeBytes(type),
                  0);
  }
  void *data() const { return bytes.data(); }
  int64_t place(int64_t e, int64_t o, int64_t i) const {
    int64_t panels = plan::ceilDiv(n, 32), steps = plan::ceilDiv(k, depth);
    return (((e * panels + o / 32) * steps + i / depth) * 32 + o % 32) * depth +
           i % depth;
  }
  double at(int64_t e, int64_t o, int64_t i) const {
    return getElement(bytes.data(), type, place(e, o, i));
  }
  void randomise(int seed, double scale = 1.0) {
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal(0.0, scale);
    std::uniform_int_distribution<int> integer(-127, 127);
    for (int64_t e = 0; e < experts; ++e)
      for (int64_t o = 0; o < n; ++o)
        for (int64_t i = 0; i < k; ++i)
          setElement(bytes.data(), type, place(e, o, i),
                     type == ElementType::I8 ? integer(generator)
                                             : normal(generator));
  }

  ElementType type;
  int64_t experts, n, k, depth;
  Bytes bytes;
};

/// A vector [columns] padded with zeros to 32, or `count` of them (scales
/// [experts, N]); with I32, dense.
class Vectors {
public:
  Vectors(ElementType type, int64_t columns, int64_t count = 1)
      : type(type), numColumns(columns), count(count),
        stride(type == ElementType::I32 ? columns
                                        : plan::roundUp(columns, 32)) {
    bytes = Bytes(count * stride * ::mm1::sizeBytes(type), 0);
  }
  Vectors(std::vector<int32_t> values)
      : Vectors(ElementType::I32, values.size()) {
    for (size_t i = 0; i < values.size(); ++i)
      set(i, values[i]);
  }
  void *data() const { return bytes.data(); }
  double at(int64_t i, int64_t row = 0) const {
    return getElement(bytes.data(), type, row * stride + i);
  }
  void set(int64_t i, double value, int64_t row = 0) {
    setElement(bytes.data(), type, row * stride + i, value);
  }
  void randomise(int seed, double mean = 1.0, double scale = 0.25) {
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal(mean, scale);
    for (int64_t row = 0; row < count; ++row)
      for (int64_t i = 0; i < numColumns; ++i)
        set(i, normal(generator), row);
  }

  ElementType type;
  int64_t numColumns, count, stride;
  Bytes bytes;
};

/// Sizes of a run.
struct RunDims {
  int64_t tokens = 1, sequences = 1, pageColumns = 1;
};

class CompiledKernel {
public:
  /// Emits the first cluster of the module and loads it, after `change` if
  /// given. Null, with a test failure, when that fails.
  static std::unique_ptr<CompiledKernel>
  compile(const std::string &text, const CPUTarget &target,
          llvm::function_ref<void(ModuleOp)> change = nullptr) {
    MLIRContext context(MLIRContext::Threading::DISABLED);
    loadKernelDialects(context);
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module) {
      ADD_FAILURE() << "the test's IR does not parse:\n" << text;
      return nullptr;
    }
    ClusterOp cluster;
    module->walk([&](ClusterOp op) { cluster = cluster ? cluster : op; });
    OwningOpRef<ModuleOp> out = ModuleOp::create(UnknownLoc::get(&context));
    FailureOr<KernelInfo> info = emitKernel(cluster, "kernel", target, *out);
    if (failed(info)) {
      ADD_FAILURE() << "emitKernel failed for\n" << text;
      return nullptr;
    }
    if (change)
      change(*out);
    auto kernel = load(*out, target, "kernel");
    if (kernel) {
      kernel->scratchBytes = info->scratchBytes;
      kernel->schedule = *Schedule::read(cluster);
      kernel->schedule.attributes = {};
    }
    return kernel;
  }

  /// Compiles a module of kernel functions and loads one of them, to be run as
  /// one task without scratch memory.
  static std::unique_ptr<CompiledKernel>
  load(ModuleOp kernels, const CPUTarget &target, const char *symbol) {
    auto kernel = std::make_unique<CompiledKernel>();
    std::filesystem::path path = std::filesystem::temp_directory_path() /
                                 ("mm1-kernel-" + std::to_string(getpid()) +
                                  "-" + std::to_string(counter()++) + ".so");
    if (failed(compileToSharedObject(kernels, target, path.string()))) {
      ADD_FAILURE() << "compileToSharedObject failed";
      return nullptr;
    }
    kernel->library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    std::filesystem::remove(path);
    if (!kernel->library) {
      ADD_FAILURE() << dlerror();
      return nullptr;
    }
    kernel->function =
        reinterpret_cast<::mm1::KernelFunction>(dlsym(kernel->library, symbol));
    if (!kernel->function) {
      ADD_FAILURE() << "no symbol '" << symbol << "'";
      return nullptr;
    }
    return kernel;
  }

  ~CompiledKernel() {
    if (library)
      dlclose(library);
  }

  int64_t numTasks(const RunDims &dims) const {
    int64_t units = schedule.unit == GridUnit::One      ? 1
                    : schedule.unit == GridUnit::Tokens ? dims.tokens
                                                        : dims.sequences;
    return schedule.tasks * plan::ceilDiv(units, schedule.per);
  }

  /// Runs all tasks in `calls` calls (each with a scratch memory of its own,
  /// full of NaN), the last tasks first.
  void run(std::vector<void *> buffers, const RunDims &dims,
           int64_t calls = 1) const {
    int64_t sizes[::mm1::kNumKernelDims] = {dims.tokens, dims.sequences,
                                            dims.pageColumns};
    int64_t tasks = numTasks(dims);
    for (int64_t i = calls; i-- > 0;) {
      Bytes scratch(scratchBytes);
      function(buffers.data(), sizes, tasks * i / calls,
               tasks * (i + 1) / calls, scratch.data());
      EXPECT_TRUE(scratch.guardIsIntact()) << "wrote beyond its scratch";
    }
  }

  void *library = nullptr;
  ::mm1::KernelFunction function = nullptr;
  int64_t scratchBytes = 0;
  Schedule schedule;

private:
  static int &counter() {
    static int count = 0;
    return count;
  }
};

/// What the emitter says about the first cluster of a module that it refuses;
/// nothing when it takes it.
inline std::string
emitterMessage(const std::string &text,
               const CPUTarget &target = *findCPUTarget("x86-64-v3")) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadKernelDialects(context);
  auto module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return "the test's IR does not parse";
  ClusterOp cluster;
  module->walk([&](ClusterOp op) { cluster = cluster ? cluster : op; });
  std::string message;
  ScopedDiagnosticHandler handler(
      &context, [&](Diagnostic &diagnostic) { message += diagnostic.str(); });
  OwningOpRef<ModuleOp> out = ModuleOp::create(UnknownLoc::get(&context));
  bool isRefused = failed(emitKernel(cluster, "kernel", target, *out));
  EXPECT_EQ(isRefused, !message.empty()) << message;
  return message;
}

/// |found - wanted| <= absolute + relative * |wanted|, and no NaN.
inline ::testing::AssertionResult isClose(double found, double wanted,
                                          double relative, double absolute) {
  if (std::abs(found - wanted) <= absolute + relative * std::abs(wanted))
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "found " << found << ", wanted " << wanted;
}

} // namespace mlir::mm1::cpu::test
