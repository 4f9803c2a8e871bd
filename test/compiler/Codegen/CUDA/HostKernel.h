//===- HostKernel.h - Generated kernels run on a CPU, and their buffers ---===//
// The text of a cluster is compiled by the host's compiler and run by
// kernels/emulation. Buffers lie as Layout.h says and are guarded; they start as
// NaN, so that what is not written is seen.
//
//   HostKernel kernel(R"(func.func @f(...) { ... mm1.cluster ... })");
//   Rows in(Element::BF16, 7, 64), out(Element::BF16, 7, 64);
//   kernel.run({in.randomise(1).buffer.data(), out.buffer.data()}, blocks, 7);
//   out.expectNear([&](int64_t row, int64_t column) { ... }, 1.0 / 256);
//===----------------------------------------------------------------------===//
#pragma once

#include "CudaHarness.h"

#include "dialects/Plan/Layout.h"
#include "kernels/emulation/Engine.h"
#include "runtime/Support/ElementType.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <unistd.h>
#include <utility>
#include <vector>

namespace mlir::mm1::cuda::test {

namespace emulation = ::mm1::emulation;
using llvm::formatv;

/// `text` with "$NAME" replaced, for each {NAME, value}.
inline std::string
fill(std::string text,
     const std::vector<std::pair<std::string, std::string>> &values) {
  for (const auto &[name, value] : values)
    for (size_t at; (at = text.find("$" + name)) != std::string::npos;)
      text.replace(at, name.size() + 1, value);
  return text;
}

enum class Element { F32, BF16, I8, I32 };

inline int64_t bytesOf(Element element) {
  return element == Element::I8 ? 1 : element == Element::BF16 ? 2 : 4;
}

/// Elements of one type, 64-byte aligned, with a guard of NaN behind them.
class Buffer {
public:
  Buffer(Element element, int64_t size) : element(element), size(size) {
    int64_t bytes = (size * bytesOf(element) + kGuard + 63) / 64 * 64;
    memory.reset(static_cast<uint8_t *>(std::aligned_alloc(64, bytes)));
    std::memset(memory.get(), 0xff, bytes);
  }
  void *data() const { return memory.get(); }
  double get(int64_t i) const {
    const uint8_t *at = memory.get() + i * bytesOf(element);
    switch (element) {
    case Element::I8:
      return *reinterpret_cast<const int8_t *>(at);
    case Element::BF16:
      return ::mm1::bf16ToFloat(*reinterpret_cast<const uint16_t *>(at));
    case Element::F32:
      return *reinterpret_cast<const float *>(at);
    case Element::I32:
      return *reinterpret_cast<const int32_t *>(at);
    }
    return 0;
  }
  void set(int64_t i, double value) {
    uint8_t *at = memory.get() + i * bytesOf(element);
    switch (element) {
    case Element::I8:
      *reinterpret_cast<int8_t *>(at) = int8_t(value);
      break;
    case Element::BF16:
      *reinterpret_cast<uint16_t *>(at) = ::mm1::floatToBf16(float(value));
      break;
    case Element::F32:
      *reinterpret_cast<float *>(at) = float(value);
      break;
    case Element::I32:
      *reinterpret_cast<int32_t *>(at) = int32_t(value);
      break;
    }
  }
  int64_t elements() const { return size; }
  bool guardIsIntact() const {
    for (int64_t i = 0; i < kGuard; ++i)
      if (memory.get()[size * bytesOf(element) + i] != 0xff)
        return false;
    return true;
  }
  bool operator==(const Buffer &other) const {
    return !std::memcmp(data(), other.data(), size * bytesOf(element));
  }

private:
  static constexpr int64_t kGuard = 64;
  struct Free {
    void operator()(uint8_t *pointer) const { std::free(pointer); }
  };
  Element element;
  int64_t size;
  std::unique_ptr<uint8_t, Free> memory;
};

/// An activation: `rows` padded rows (of integers: dense ones). [T, k, N] is one
/// of T * k rows.
struct Rows {
  Rows(Element element, int64_t rows, int64_t columns)
      : rows(rows), columns(columns),
        padded(element == Element::I32 ? columns
                                       : mlir::plan::roundUp(columns, 32)),
        stride(padded +
               (element == Element::I32 || padded * bytesOf(element) % 1024
                    ? 0
                    : 32)),
        buffer(element, rows * stride) {}
  double at(int64_t r, int64_t c) const { return buffer.get(r * stride + c); }
  void set(int64_t r, int64_t c, double value) {
    buffer.set(r * stride + c, value);
  }
  Rows &randomise(int seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < padded; ++c)
        buffer.set(r * stride + c, c < columns ? normal(generator) : 0.0);
    return *this;
  }
  /// Compares with `expected(r, c)`, and the padding with zero.
  void expectNear(const std::function<double(int64_t, int64_t)> &expected,
                  double tolerance) const {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c)
        ASSERT_NEAR(at(r, c), expected(r, c),
                    tolerance * (1 + std::abs(expected(r, c))))
            << "row " << r << ", column " << c;
      for (int64_t c = columns; c < padded; ++c)
        ASSERT_EQ(at(r, c), 0.0) << "row " << r << ", padding " << c;
    }
    EXPECT_TRUE(buffer.guardIsIntact());
  }

  int64_t rows, columns, padded, stride;
  Buffer buffer;
};

/// A matrix [N, K] of values as TileWeights lays it out for a GPU: in swizzled
/// tiles of 64 rows (int8 in fragment order), or row after row.
struct Matrix {
  enum Layout { Swizzled, Rows };

  Matrix(Element element, int64_t numRows, int64_t numColumns, int seed,
         Layout layout = Swizzled)
      : columns(numColumns), element(element), values(numRows * numColumns),
        line(128 / bytesOf(element)), lines((numColumns + line - 1) / line),
        buffer(element, layout == Swizzled
                            ? (numRows + 63) / 64 * 64 * lines * line
                            : numRows * mlir::plan::roundUp(numColumns, 32)) {
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal(0.0, element == Element::I8 ? 40.0
                                                                        : 0.25);
    bool isFragment = element == Element::I8 && layout == Swizzled;
    // Padding holds zeros: -128 as an i8 is the byte 128.
    for (int64_t i = 0; i < buffer.elements(); ++i)
      buffer.set(i, isFragment ? -128.0 : 0.0);
    for (int64_t n = 0; n < numRows; ++n)
      for (int64_t k = 0; k < columns; ++k) {
        int64_t at = layout == Swizzled
                         ? place(n, k)
                         : n * mlir::plan::roundUp(columns, 32) + k;
        double value = std::clamp(normal(generator), -127.0, 127.0);
        buffer.set(at, value);
        values[n * columns + k] = buffer.get(at);
        if (isFragment) // q + 128 modulo 256
          buffer.set(at, buffer.get(at) + (buffer.get(at) < 0 ? 128 : -128));
      }
  }
  double at(int64_t n, int64_t k) const { return values[n * columns + k]; }

  int64_t columns;
  Element element;
  std::vector<double> values;
  int64_t line, lines;
  Buffer buffer;

private:
  /// The element of the buffer that holds [n, k]: #mm1.swizzle's formula.
  int64_t place(int64_t n, int64_t k) const {
    int64_t byte = k % line * bytesOf(element);
    if (element == Element::I8)
      byte = 16 * (k / 64 % 2 * 4 + k / 2 % 4) + 4 * (k / 16 % 4) +
             2 * (k % 2) + k / 8 % 2;
    int64_t tile = n / 64 * lines + k / line;
    return (tile * 8192 + n % 64 * 128 + (byte ^ n % 8 * 16)) /
           bytesOf(element);
  }
};

/// A kernel of generated text, compiled by the host's compiler and run by the
/// engine with threads in any order.
class HostKernel {
public:
  /// \param shadow  told of all accesses; it must know the buffers
  explicit HostKernel(const std::string &cluster,
                      emulation::Shadow *shadow = nullptr)
      : isChecked(shadow),
        engine({.order = emulation::Order::Seeded, .shadow = shadow}) {
    Emitted emitted = emitText(cluster);
    EXPECT_EQ(emitted.error, "");
    open(emitted.program);
  }
  /// The first kernel of a program.
  static std::unique_ptr<HostKernel> ofProgram(const std::string &program) {
    std::unique_ptr<HostKernel> kernel(new HostKernel);
    kernel->open(program);
    return kernel;
  }
  HostKernel(const HostKernel &) = delete;

  /// \param buffers  what its parameters are but dims, which come last
  void run(std::vector<void *> buffers, int blocks, int64_t tokens) {
    int64_t dims[] = {tokens, 1, 1};
    buffers.push_back(dims);
    call(std::move(buffers), blocks);
  }
  /// \param arguments  all of them
  void call(std::vector<void *> arguments, int blocks) {
    ASSERT_TRUE(module);
    const emulation::Kernel &kernel = *module->begin();
    ASSERT_EQ(size_t(kernel.numParameters), arguments.size());
    std::vector<const void *> addresses;
    for (void *&argument : arguments)
      addresses.push_back(&argument);
    EXPECT_EQ(engine.run(kernel, {blocks, kernel.threads}, addresses.data()),
              "");
  }

private:
  HostKernel() = default;
  void open(const std::string &program) {
    static int count = 0;
    std::filesystem::path folder = testing::TempDir();
    std::string base =
        (folder / formatv("mm1-cuda-{0}-{1}", getpid(), count++).str())
            .string();
    std::ofstream(base + ".cu") << program;
    std::string command = formatv(
        "'{0}' -x c++ -std=c++20 -O1 -w -fPIC -shared -ffp-contract=off {3} "
        "-I'{1}/kernels' -o '{2}.so' '{2}.cu'",
        MM1_CXX_COMPILER, MM1_SOURCE_DIR, base,
        isChecked ? "-fsanitize=thread -nostdlib" : "");
    EXPECT_EQ(std::system(command.c_str()), 0) << program;
    auto opened = emulation::ModuleFile::open(base + ".so");
    EXPECT_TRUE(bool(opened)) << opened.error().message;
    if (opened)
      module = *opened;
    std::filesystem::remove(base + ".cu");
    std::filesystem::remove(base + ".so");
  }

  bool isChecked = false;
  std::optional<emulation::ModuleFile> module;
  emulation::Engine engine{{.order = emulation::Order::Seeded}};
};

} // namespace mlir::mm1::cuda::test
