//===- Machine.h - An emulated machine with the tests' kernels on it ------===//
// Speaks to libcuda-emulated.so through the runtime's own function table, as a
// Device does:
//
//   TEST_P(EveryOrder, CopiesBack) {
//     ASSERT_DRIVER(cu.cuMemcpyDtoHAsync(host, x, 64, a));
//     ASSERT_DRIVER(cu.cuStreamSynchronize(a));
//     EXPECT_REPORTS("");            // a bug's words, or nothing at all
//   }
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/driver/Capture.h"
#include "kernels/emulation/driver/Control.h"
#include "runtime/Device/CudaDriver.h"
#include "test/kernels/emulation/driver/MakeCubin.h"

#include <gtest/gtest.h>

#include <map>

namespace mm1::test {

/// The control functions and the calls that CudaDriver.h does not ask for.
struct Controls : cuda::MoreFunctions {
  decltype(&mm1_emulated_default_config) defaultConfig;
  decltype(&mm1_emulated_reset) reset;
  decltype(&mm1_emulated_add_module) addModule;
  decltype(&mm1_emulated_inject) inject;
  decltype(&mm1_emulated_reports) reports;
  decltype(&mm1_emulated_calls) calls;
  decltype(&mm1_emulated_call_name) callName;
};

/// Opens libcuda-emulated.so once.
const CudaDriver &driver();
const Controls &controls();

/// The kernels of kernels.cu as their cubin describes them.
std::vector<CubinKernelText> testKernels();

enum class Kernels { Plain, Checked };

/// Resets the machine, prints nothing, and adds the tests' kernels.
void startMachine(mm1_emulated_config config, Kernels kind = Kernels::Checked);
mm1_emulated_config defaultConfig();

/// All orders that a test runs under: at once and late; forward, reverse and
/// four seeds.
std::vector<mm1_emulated_config> everyOrder();
/// "LateSeed3".
std::string orderName(const testing::TestParamInfo<mm1_emulated_config> &info);

inline std::string describe(cuda::Result result) {
  return driver().describe(result) + "\n" + controls().reports();
}

#define ASSERT_DRIVER(...)                                                     \
  do {                                                                         \
    mm1::cuda::Result driverSaid = (__VA_ARGS__);                              \
    ASSERT_EQ(driverSaid, mm1::cuda::kSuccess)                                 \
        << mm1::test::describe(driverSaid);                                    \
  } while (0)

/// `words` are somewhere in the reports; "": there is none.
#define EXPECT_REPORTS(words)                                                  \
  do {                                                                         \
    std::string wanted = words, all = mm1::test::controls().reports();         \
    if (wanted.empty())                                                        \
      EXPECT_EQ(all, "");                                                      \
    else                                                                       \
      EXPECT_NE(all.find(wanted), std::string::npos)                           \
          << "wanted: " << wanted << "\nfound: " << all;                       \
  } while (0)

/// What a Device keeps of one GPU.
struct Gpu {
  cuda::Context context = nullptr;
  cuda::Library library = nullptr;
  cuda::Stream a = nullptr, b = nullptr;
  std::map<std::string, cuda::Kernel> kernels;
  std::map<std::string, cuda::Function> functions;

  /// Opens GPU `ordinal` with two streams and all kernels.
  cuda::Result open(int ordinal = 0);

  /// Launches with packed arguments, all addresses.
  cuda::Result launch(const std::string &name, unsigned blocks,
                      unsigned threads, std::vector<cuda::Address> arguments,
                      cuda::Stream stream, bool programmatic = false,
                      unsigned sharedBytes = 0) const;

  /// Adds a kernel node behind `after`, if that is not null.
  cuda::Result addNode(cuda::Graph graph, const std::string &name,
                       unsigned blocks, unsigned threads,
                       std::vector<cuda::Address> arguments,
                       std::vector<cuda::Node> after, bool programmatic,
                       cuda::Node *node) const;
};

/// One GPU, and numbers on it: x = 0, 1, 2 ..., w = 2; y and z are fresh.
class EveryOrder : public testing::TestWithParam<mm1_emulated_config> {
protected:
  static constexpr int kCount = 256;

  void SetUp() override { prepare(Kernels::Checked); }
  void prepare(Kernels kind) { prepare(kind, GetParam()); }
  void prepare(Kernels kind, const mm1_emulated_config &config);
  bool isLate() const { return GetParam().late != 0; }

  /// y = x w, z = y w by the kernel `second`, x = z w; then x goes to `out`.
  cuda::Result chain(bool programmatic, const std::string &second = "scale");
  /// The same as a graph.
  cuda::Result chainGraph(bool programmatic, const std::string &second,
                          cuda::GraphExec *exec);
  /// Tells the kernels that there are `count` numbers.
  void setCount(long long count);
  /// Whether out[i] is factor * i.
  bool isRight(float factor) const;

  const CudaDriver &cu = driver();
  Gpu gpu;
  cuda::Address x = 0, w = 0, y = 0, z = 0, dims = 0;
  /// Pinned.
  float *host = nullptr, *out = nullptr;
};

/// The same with kernels that do not tell of their accesses.
class EveryOrderPlain : public EveryOrder {
protected:
  void SetUp() override { prepare(Kernels::Plain); }
};

} // namespace mm1::test

/// What a failed test prints of its order.
inline void PrintTo(const mm1_emulated_config &config, std::ostream *to) {
  *to << "late " << config.late << ", order " << config.order << ", seed "
      << config.seed;
}
