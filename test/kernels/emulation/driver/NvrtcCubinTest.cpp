//===- NvrtcCubinTest.cpp - Cubins as NVIDIA's compiler writes them -------===//
// The other tests make their cubins by hand; this one proves that they are like
// real ones: NVRTC compiles the tests' kernels, and the driver reads the same.
//===----------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/Nvrtc.h"
#include "kernels/emulation/driver/Cubin.h"
#include "test/kernels/emulation/driver/Machine.h"

#include <fstream>
#include <iterator>

using namespace mm1;
using namespace mm1::test;

namespace {

class NvrtcCubin : public testing::TestWithParam<int> {};

TEST_P(NvrtcCubin, IsReadLikeOurs) {
  auto nvrtc = mlir::mm1::cuda::Nvrtc::load();
  if (!nvrtc)
    GTEST_SKIP() << llvm::toString(nvrtc.takeError());
  std::ifstream file(MM1_SOURCE_DIR
                     "/test/kernels/emulation/driver/kernels.cu");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  int arch = GetParam();
  auto program = nvrtc->compile(text, arch == 90 ? "sm_90a" : "sm_80");
  ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
  auto image = std::as_bytes(std::span(program->cubin));

  EXPECT_EQ(emulated::cubinBytes(image), image.size());
  auto cubin = emulated::readCubin(image);
  ASSERT_TRUE(cubin) << cubin.error().message;
  EXPECT_EQ(cubin->architecture, arch);
  EXPECT_TRUE(cubin->needsCuda13);
  ASSERT_EQ(cubin->kernels.size(), testKernels().size());
  for (const CubinKernelText &wanted : testKernels()) {
    const emulated::CubinKernel &found = cubin->kernels[wanted.name];
    ASSERT_EQ(found.parameters.size(), wanted.parameterBytes.size())
        << wanted.name;
    for (size_t i = 0; i < found.parameters.size(); ++i)
      EXPECT_EQ(found.parameters[i].size, wanted.parameterBytes[i]);
    EXPECT_EQ(found.maxThreads, wanted.threads) << wanted.name;
    EXPECT_EQ(found.staticShared, wanted.staticShared) << wanted.name;
    EXPECT_EQ(int64_t(found.registers),
              program->resources[wanted.name].registers)
        << wanted.name;
  }

  // The driver takes it with the host module of the same text.
  mm1_emulated_config config = defaultConfig();
  config.arch = arch;
  controls().reset(&config);
  const char *problem =
      controls().addModule(image.data(), image.size(), MM1_CHECKED_KERNELS);
  ASSERT_EQ(problem, nullptr) << problem;
  ASSERT_DRIVER(driver().cuInit(0));
  cuda::Library library;
  ASSERT_DRIVER(driver().cuLibraryLoadData(&library, image.data(), nullptr,
                                           nullptr, 0, nullptr, nullptr, 0));
  EXPECT_REPORTS("");
}

INSTANTIATE_TEST_SUITE_P(Architectures, NvrtcCubin, testing::Values(80, 90));

} // namespace
