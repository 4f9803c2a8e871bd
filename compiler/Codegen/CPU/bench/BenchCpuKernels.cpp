//===- BenchCpuKernels.cpp - Generated matmuls beside the machine's bounds ===//
//   bench-cpu-kernels [--threads 2] [--level x86-64-v4-bf16] [--filter decode]
//                     [--repeats 15] [--small-pages] [--json] [--busy]
//                     [--overrides prefill.matmul.panels=2] [--keep-assembly]
//                     [--versus prefill.matmul.panels=4]
//
// A case is a few mm1 ops; the passes of the fuse phase make the cluster and its
// schedule of them, so what is timed is what ships. --overrides are theirs.
// Decode cases have few rows and more weights than the caches hold: their bound
// is reading the same number of bytes. Prefill cases have many: their bound is
// multiply-adds in registers. Kernel and bound take turns, and the best time of
// each counts: on a shared machine only the ratio means something. With --busy
// one thread runs and its best millisecond counts, for a machine whose cores
// have other work as well.
//===----------------------------------------------------------------------===//
#include "compiler/Codegen/CPU/EmitKernel.h"
#include "compiler/Codegen/CPU/ObjectFile.h"
#include "compiler/Codegen/CPU/bench/Bounds.h"
#include "dialects/Plan/Layout.h"
#include "passes/Passes.h"
#include "runtime/Support/ElementType.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

using namespace mlir;
using namespace mlir::mm1;
using namespace mlir::mm1::cpu;

namespace {

struct Options {
  int threads = 2, repeats = 15;
  std::string level = "x86-64-v4-bf16", filter, overrides;
  std::optional<std::string> versus;
  bool hugePages = true, json = false, keepAssembly = false, busy = false;
};

double seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Of this thread: what others run on its core does not count.
double ownSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

/// Pages of our own, touched.
struct Memory {
  Memory(int64_t bytes, bool huge) : bytes(bytes + (4 << 20)) {
    data = static_cast<uint8_t *>(mmap(nullptr, this->bytes,
                                       PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (data == MAP_FAILED) {
      std::perror("mmap");
      std::exit(1);
    }
    base = data;
    data = reinterpret_cast<uint8_t *>(
        (reinterpret_cast<uintptr_t>(data) + (2 << 20) - 1) &
        ~uintptr_t((2 << 20) - 1));
    madvise(data, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  }
  ~Memory() { munmap(base, bytes); }
  /// Small numbers of any type: bytes of bf16 or f32 around 1, small integers.
  void fill(int64_t count, Type element) {
    uint32_t state = 1;
    for (int64_t i = 0; i < count;) {
      state = state * 1664525 + 1013904223;
      float value = static_cast<int32_t>(state) * 0x1p-31f;
      if (element.isF32()) {
        std::memcpy(data + i, &value, 4);
        i += 4;
      } else if (element.isBF16()) {
        uint16_t bits = ::mm1::floatToBf16(value);
        std::memcpy(data + i, &bits, 2);
        i += 2;
      } else {
        data[i++] = static_cast<uint8_t>(int8_t(value * 127));
      }
    }
  }
  uint8_t *data, *base;
  int64_t bytes;
};

struct Kernel {
  ::mm1::KernelFunction function = nullptr;
  int64_t scratchBytes = 0, tasks = 0;
};

/// Compiles `out` and loads its symbols; the library stays loaded.
void *load(ModuleOp out, const CPUTarget &target) {
  static int count = 0;
  std::string path = (std::filesystem::temp_directory_path() /
                      ("mm1-bench-" + std::to_string(getpid()) + "-" +
                       std::to_string(count++) + ".so"))
                         .string();
  if (failed(compileToSharedObject(out, target, path)))
    std::exit(1);
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  std::filesystem::remove(path);
  if (!library) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::exit(1);
  }
  return library;
}

::mm1::KernelFunction symbol(void *library, const char *name) {
  return reinterpret_cast<::mm1::KernelFunction>(dlsym(library, name));
}

/// Runs tasks of a kernel on all threads, one task at a time.
struct Pool {
  Pool(int threads, bool busy) : threads(threads), busy(busy) {}
  /// Seconds for all tasks.
  template <typename Body> double run(int64_t tasks, Body body) {
    if (busy)
      return bestWindow(tasks, body);
    std::atomic<int64_t> next{0};
    auto work = [&](int thread) {
      for (int64_t t; (t = next.fetch_add(1)) < tasks;)
        body(thread, t);
    };
    double start = seconds();
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i)
      others.emplace_back(work, i);
    work(0);
    for (std::thread &other : others)
      other.join();
    return seconds() - start;
  }
  /// On a machine that others use, too: one thread, and all tasks are taken to
  /// be as fast as the best consecutive ones of about a millisecond.
  template <typename Body> double bestWindow(int64_t tasks, Body body) {
    std::vector<double> stamps{seconds()};
    for (int64_t t = 0; t < tasks; ++t) {
      body(0, t);
      stamps.push_back(seconds());
    }
    double best = stamps.back() - stamps.front();
    for (int64_t first = 0, last = 0; last <= tasks; ++last) {
      while (stamps[last] - stamps[first] > 1e-3 && first + 1 < last)
        ++first;
      if (stamps[last] - stamps[first] > 0.3e-3)
        best = std::min(best, (stamps[last] - stamps[first]) / (last - first) *
                                  tasks);
    }
    return best;
  }
  int threads;
  bool busy;
};

/// Experts of a token.
constexpr int64_t kChoices = 2;

struct Case {
  /// decode/... or prefill/...
  std::string name;
  const char *activation, *weight;
  int64_t tokens, n, k, weights = 1, experts = 0;

  std::string entry() const { return name.substr(0, name.find('/')); }
  bool readsPairs() const { return experts && weights == 1; }
};

const Case cases[] = {
    {"decode/bf16/qkv-1", "bf16", "bf16", 1, 3072, 1024},
    {"decode/bf16/out-1", "bf16", "bf16", 1, 1024, 1024},
    {"decode/bf16/big-1", "bf16", "bf16", 1, 6144, 6144},
    {"decode/bf16/qkv-8", "bf16", "bf16", 8, 3072, 1024},
    {"decode/bf16/experts-1", "bf16", "bf16", 1, 1536, 1024, 2, 8},
    {"decode/i8/qkv-1", "bf16", "i8", 1, 3072, 1024},
    {"decode/i8/qkv-8", "bf16", "i8", 8, 3072, 1024},
    {"decode/i8/experts-1", "bf16", "i8", 1, 1536, 1024, 2, 8},
    {"decode/i8/down-1", "bf16", "i8", 1, 1024, 1536, 1, 8},
    {"decode/i8/big-1", "bf16", "i8", 1, 6144, 6144},
    {"decode/f32-i8/qkv-1", "f32", "i8", 1, 3072, 1024},
    {"decode/f32-bf16/qkv-1", "f32", "bf16", 1, 3072, 1024},
    {"decode/f32/qkv-1", "f32", "f32", 1, 3072, 1024},
    {"prefill/bf16/qkv-512", "bf16", "bf16", 512, 3072, 1024},
    {"prefill/bf16/big-512", "bf16", "bf16", 512, 3072, 6144},
    {"prefill/bf16/experts-512", "bf16", "bf16", 512, 1536, 1024, 2, 8},
    {"prefill/bf16/down-512", "bf16", "bf16", 512, 1024, 1536, 1, 8},
    {"prefill/bf16/experts-3072-512", "bf16", "bf16", 512, 3072, 1024, 2, 8},
    {"prefill/bf16/experts-big-128", "bf16", "bf16", 128, 1536, 6144, 2, 8},
    {"prefill/i8/experts-big-128", "bf16", "i8", 128, 1536, 6144, 2, 8},
    {"prefill/i8/big-512", "bf16", "i8", 512, 3072, 6144},
    {"prefill/i8/qkv-512", "bf16", "i8", 512, 3072, 1024},
    {"prefill/i8/experts-512", "bf16", "i8", 512, 1536, 1024, 2, 8},
    {"prefill/i8/down-512", "bf16", "i8", 512, 1024, 1536, 1, 8},
    {"prefill/i8/experts-3072-512", "bf16", "i8", 512, 3072, 1024, 2, 8},
    {"prefill/f32/qkv-512", "f32", "f32", 512, 3072, 1024},
    {"prefill/f32-bf16/qkv-512", "f32", "bf16", 512, 3072, 1024},
};

std::string number(int64_t value) { return std::to_string(value); }

/// The function of a case; two weights are gated, silu(y0) * y1, and the single
/// weight of experts reads a row for each pair, as their second matmul does.
std::string textOf(const Case &c) {
  bool isF32 = !std::strcmp(c.weight, "f32"),
       isI8 = !std::strcmp(c.weight, "i8");
  std::string e = c.experts ? number(c.experts) + "x" : "";
  std::string pairs = c.experts ? number(kChoices) + "x" : "";
  std::string x = "tensor<?x" + (c.readsPairs() ? pairs : "") + number(c.k) +
                  "x" + c.activation + ">";
  std::string y = "tensor<?x" + pairs + number(c.n) + "x" + c.activation + ">";
  std::string w =
      "tensor<" + e + number(c.n) + "x" + number(c.k) + "x" + c.weight +
      ", #mm1.tiled<panel = 32, depth = " + (isF32 ? "1" : "2") + ">>";
  std::string s =
      "tensor<" + e + number(c.n) + "xf32, #mm1.padded<multiple = 32>>";
  std::string types = x, arguments = "%x: " + x;
  auto argument = [&](const std::string &name, const std::string &type) {
    types += ", " + type;
    arguments += ", " + name + ": " + type;
    return name;
  };
  std::string op = "mm1.linear %x";
  if (c.experts) {
    op = "mm1.expert_linear %x, ";
    op += argument("%ids", "tensor<?x" + pairs + "i32>");
    op += " grouped(" + argument("%order", "tensor<?x" + pairs + "i32>");
    op += ", " +
          argument("%offsets", "tensor<" + number(c.experts + 1) + "xi32>") +
          ")";
  }
  std::string weights, scales, results, resultTypes;
  for (int64_t i = 0; i < c.weights; ++i) {
    std::string comma = i ? ", " : "";
    weights += comma + argument("%w" + number(i), w);
    results += comma + "%y" + number(i);
    resultTypes += comma + y;
  }
  for (int64_t i = 0; isI8 && i < c.weights; ++i)
    scales += (i ? ", " : "") + argument("%s" + number(i), s);
  std::string text =
      "func.func @f(" + arguments + ") -> " + y +
      " attributes {mm1.entry = \"" + c.entry() +
      "\", mm1.sequences = 1 : i64, mm1.tokens = " + number(c.tokens) +
      " : i64} {\n" + results + " = " + op + " weights(" + weights + ")" +
      (isI8 ? " scales(" + scales + ")" : "") + " : (" + types + ") -> (" +
      resultTypes + ")\n";
  std::string last = "%y0";
  if (c.weights == 2) {
    text += "%a = mm1.silu %y0 : " + y + "\n%m = mm1.mul %a, %y1 : " + y + "\n";
    last = "%m";
  }
  return text + "return " + last + " : " + y + "\n}\n";
}

/// The module of a case as the fuse phase leaves it.
OwningOpRef<ModuleOp> fuse(const Case &c, const std::string &overrides,
                           MLIRContext &context) {
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(textOf(c), &context);
  PassManager manager(&context);
  manager.addNestedPass<func::FuncOp>(createWidenIntermediates());
  manager.addNestedPass<func::FuncOp>(createFormClusters());
  manager.addPass(createScheduleClusters({"cpu", overrides, ""}));
  if (failed(manager.run(*module)))
    std::exit(2);
  return module;
}

class Bench {
public:
  Bench(const Options &options, const CPUTarget &target)
      : options(options), target(target), pool(options.threads, options.busy),
        reading(kReadBytes, options.hugePages), sink(1 << 16, false) {
    loadKernelDialects(context);
    OwningOpRef<ModuleOp> out = ModuleOp::create(UnknownLoc::get(&context));
    emitRead(*out, "read", target);
    emitPeak(*out, "fma", target, false);
    if (target.hasDotBF16)
      emitPeak(*out, "dot", target, true);
    void *library = load(*out, target);
    readKernel = symbol(library, "read");
    fmaKernel = symbol(library, "fma");
    dotKernel = symbol(library, "dot");
    reading.fill(kReadBytes, Builder(&context).getBF16Type());
    std::memset(sink.data, 0, 1 << 16);
  }

  /// Seconds to read kReadBytes.
  double timeRead() {
    void *buffers[] = {reading.data, sink.data};
    return pool.run(kReadBytes / kReadTaskBytes, [&](int thread, int64_t task) {
      // The first page stays zero: peak() multiplies what is there.
      void *own[] = {buffers[0], sink.data + 4096 * (1 + thread)};
      readKernel(own, nullptr, task, task + 1, nullptr);
    });
  }
  /// Operations per second.
  double peak(bool dot) {
    double time =
        pool.run(kPeakTasks * options.threads, [&](int thread, int64_t) {
          void *own[] = {sink.data, sink.data + 4096 * (1 + thread)};
          (dot ? dotKernel : fmaKernel)(own, nullptr, 0, 1, nullptr);
        });
    return kPeakTasks * options.threads * peakOperations(target, dot) / time;
  }

  void run(const Case &c);

private:
  Kernel compile(const Case &c, const std::string &overrides);

  static constexpr int64_t kReadBytes = 256 << 20, kPeakTasks = 32;

  Options options;
  const CPUTarget &target;
  Pool pool;
  MLIRContext context{MLIRContext::Threading::DISABLED};
  Memory reading, sink;
  ::mm1::KernelFunction readKernel, fmaKernel, dotKernel;
};

Kernel Bench::compile(const Case &c, const std::string &overrides) {
  OwningOpRef<ModuleOp> module = fuse(c, overrides, context);
  ClusterOp cluster;
  module->walk([&](ClusterOp op) { cluster = op; });
  OwningOpRef<ModuleOp> out = ModuleOp::create(UnknownLoc::get(&context));
  FailureOr<KernelInfo> info = emitKernel(cluster, "kernel", target, *out);
  if (failed(info))
    std::exit(1);
  if (options.keepAssembly) {
    OwningOpRef<ModuleOp> copy = out->clone();
    std::string name = c.name;
    std::replace(name.begin(), name.end(), '/', '-');
    FILE *file = std::fopen((name + ".s").c_str(), "w");
    std::fputs(compileToText(*copy, target, TextKind::Assembly)->c_str(), file);
    std::fclose(file);
  }
  return {symbol(load(*out, target), "kernel"),
          (info->scratchBytes + 64) / 64 * 64, Schedule::read(cluster)->tasks};
}

void Bench::run(const Case &c) {
  bool isDecode = c.entry() == "decode";
  int64_t numPanels = plan::ceilDiv(c.n, 32);
  double start = seconds();
  Kernel kernel = compile(c, options.overrides);
  double compileTime = seconds() - start;

  Builder b(&context);
  auto typeOf = [&](const char *name) -> Type {
    return !std::strcmp(name, "f32")    ? Type(b.getF32Type())
           : !std::strcmp(name, "bf16") ? Type(b.getBF16Type())
                                        : Type(b.getI8Type());
  };
  Type activation = typeOf(c.activation), weight = typeOf(c.weight);
  int64_t depth = weight.isF32() ? 1 : 2;
  int64_t experts = std::max<int64_t>(1, c.experts),
          choices = c.experts ? kChoices : 1;
  int64_t matrixBytes = numPanels * plan::ceilDiv(c.k, depth) * 32 * depth *
                        plan::elementBytes(weight);
  int64_t weightBytes = experts * matrixBytes;
  int64_t copies =
      isDecode ? plan::ceilDiv(kReadBytes, weightBytes * c.weights) : 1;
  Memory weights(copies * c.weights * weightBytes, options.hugePages);
  weights.fill(copies * c.weights * weightBytes, weight);
  int64_t inputBytes = c.tokens * (c.readsPairs() ? choices : 1) *
                       plan::rowStrideBytes(c.k, activation);
  Memory x(inputBytes, false);
  x.fill(inputBytes, activation);
  Memory y(c.tokens * choices * plan::rowStrideBytes(c.n, activation), false);
  Memory scales(experts * numPanels * 32 * 4 * c.weights, false);
  scales.fill(experts * numPanels * 32 * 4 * c.weights, b.getF32Type());
  Kernel other = options.versus ? compile(c, *options.versus) : kernel;
  int64_t scratchBytes = std::max(kernel.scratchBytes, other.scratchBytes);
  Memory scratch(options.threads * scratchBytes, options.hugePages);
  // Token t takes experts 3 t and 3 t + 1.
  std::vector<int32_t> ids, order, offsets{0};
  for (int64_t r = 0; c.experts && r < 2 * c.tokens; ++r)
    ids.push_back((r / 2 * 3 + r % 2) % c.experts);
  for (int64_t e = 0; e < c.experts; ++e) {
    for (int64_t r = 0; r < 2 * c.tokens; ++r)
      if (ids[r] == e)
        order.push_back(r);
    offsets.push_back(order.size());
  }
  int64_t used = 0;
  for (int64_t e = 0; e < c.experts; ++e)
    used += offsets[e + 1] > offsets[e];

  auto buffersOf = [&](int64_t copy) {
    std::vector<void *> buffers{x.data};
    if (c.experts) {
      buffers.push_back(ids.data());
      buffers.push_back(order.data());
      buffers.push_back(offsets.data());
    }
    for (int64_t i = 0; i < c.weights; ++i)
      buffers.push_back(weights.data + (copy * c.weights + i) * weightBytes);
    for (int64_t i = 0; weight.isInteger(8) && i < c.weights; ++i)
      buffers.push_back(scales.data + i * experts * numPanels * 32 * 4);
    buffers.push_back(y.data);
    return buffers;
  };
  std::vector<std::vector<void *>> buffers;
  for (int64_t copy = 0; copy < copies; ++copy)
    buffers.push_back(buffersOf(copy));
  int64_t dims[::mm1::kNumKernelDims] = {c.tokens, 1, 1};
  // In decode one call for each thread: every jump to other weights costs
  // about as much as reading 20 KB.
  auto callsOf = [&](const Kernel &of) {
    return isDecode ? std::min<int64_t>(of.tasks, options.threads) : of.tasks;
  };
  auto call = [&](const Kernel &of, int thread, int64_t t) {
    int64_t calls = callsOf(of), i = t % calls;
    of.function(buffers[t / calls].data(), dims, of.tasks * i / calls,
                of.tasks * (i + 1) / calls,
                scratch.data + thread * scratchBytes);
  };
  auto timeKernel = [&] {
    return pool.run(copies * callsOf(kernel),
                    [&](int thread, int64_t t) { call(kernel, thread, t); });
  };
  if (options.versus) {
    std::vector<double> ratios;
    for (int i = 0; i < options.repeats; ++i) {
      double times[2];
      for (int turn : {i % 2, 1 - i % 2}) {
        const Kernel &of = turn ? other : kernel;
        times[turn] = ownSeconds();
        for (int64_t t = 0; t < copies * callsOf(of); ++t)
          call(of, 0, t);
        times[turn] = ownSeconds() - times[turn];
      }
      ratios.push_back(times[1] / times[0]);
    }
    llvm::sort(ratios);
    size_t n = ratios.size();
    std::printf("%-26s as fast as the other: median %.3f, quartiles %.3f "
                "%.3f, %zu turns\n",
                c.name.c_str(), ratios[n / 2], ratios[n / 4], ratios[n * 3 / 4],
                n);
    std::fflush(stdout);
    return;
  }

  double best = 1e9, bound = isDecode ? 1e9 : 0;
  bool dot = target.hasDotBF16 && activation.isBF16() && !weight.isF32();
  for (int i = 0; i < options.repeats; ++i) {
    best = std::min(best, timeKernel());
    bound = isDecode ? std::min(bound, timeRead()) : std::max(bound, peak(dot));
  }
  double rate, limit;
  if (isDecode) {
    int64_t bytes = copies * c.weights * matrixBytes * (c.experts ? used : 1);
    rate = bytes / best / 1e9;
    limit = kReadBytes / bound / 1e9;
  } else {
    rate = 2.0 * c.tokens * choices * c.n * c.k * c.weights / best / 1e9;
    limit = bound / 1e9;
  }
  const char *unit = isDecode ? "GB/s" : "GFLOP/s";
  if (options.json)
    std::printf("{\"case\": \"%s\", \"level\": \"%s\", \"threads\": %d, "
                "\"rate\": %.2f, \"bound\": %.2f, \"unit\": \"%s\"}\n",
                c.name.c_str(), target.name.str().c_str(), options.threads,
                rate, limit, unit);
  else
    std::printf("%-26s %8.1f of %7.1f %-8s %5.1f %%   (compiled in %.2f s)\n",
                c.name.c_str(), rate, limit, unit, 100 * rate / limit,
                compileTime);
  std::fflush(stdout);
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i];
    auto value = [&]() -> std::string {
      if (i + 1 == argc) {
        std::fprintf(stderr, "%s: expects a value\n", flag.c_str());
        std::exit(2);
      }
      return argv[++i];
    };
    if (flag == "--threads")
      options.threads = std::max(1, std::atoi(value().c_str()));
    else if (flag == "--repeats")
      options.repeats = std::max(1, std::atoi(value().c_str()));
    else if (flag == "--level")
      options.level = value();
    else if (flag == "--filter")
      options.filter = value();
    else if (flag == "--overrides")
      options.overrides = value();
    else if (flag == "--versus")
      options.versus = value();
    else if (flag == "--small-pages")
      options.hugePages = false;
    else if (flag == "--keep-assembly")
      options.keepAssembly = true;
    else if (flag == "--busy")
      options.busy = true, options.threads = 1;
    else if (flag == "--json")
      options.json = true;
    else {
      std::fprintf(stderr,
                   "unknown option '%s'; see the head of "
                   "BenchCpuKernels.cpp\n",
                   flag.c_str());
      return 2;
    }
  }
  const CPUTarget *target = findCPUTarget(options.level);
  if (!target) {
    std::fprintf(stderr, "--level: no cpu level '%s'\n", options.level.c_str());
    return 2;
  }
  Bench bench(options, *target);
  for (const Case &c : cases)
    if (c.name.find(options.filter) != std::string::npos)
      bench.run(c);
}
