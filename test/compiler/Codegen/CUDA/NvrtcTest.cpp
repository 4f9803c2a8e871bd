//===- NvrtcTest.cpp - Generated programs through NVIDIA's compiler -------===//
// Every kernel of small and of published models compiles for both targets,
// without spilled registers. Needs NVRTC, but no GPU; skipped where there is
// none. Nothing here says that a kernel computes the right numbers:
// NumbersTest.cpp does.
//===----------------------------------------------------------------------===//
#include "CudaHarness.h"

#include "compiler/Codegen/CUDA/LintProgram.h"

#include <cstdlib>

using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using namespace mlir::mm1::cuda::test;

namespace {

struct Model {
  const char *name, *folder;
  ComputeType compute;
  const char *scheme, *arch;
};

// The small models' kernels differ in types and odd widths, not in
// architecture: one of each is enough.
constexpr Model kModels[] = {
    {"base_f32", "/test/data/goldens/base", ComputeType::F32, "none", "sm_80"},
    {"base_bf16", "/test/data/goldens/base", ComputeType::BF16, "none",
     "sm_90a"},
    {"shared_expert", "/test/data/goldens/c-shared-expert", ComputeType::BF16,
     "int8-experts", "sm_80"},
    {"odd_vocab", "/test/data/goldens/k-odd-vocab", ComputeType::F32, "none",
     "sm_90a"},
    {"dense_int8", "/test/data/goldens/b-dense", ComputeType::BF16,
     "int8-experts", "sm_80"},
    {"minimax_m1", "/examples/minimax-m1", ComputeType::BF16, "int8-experts",
     "sm_80"},
    {"minimax_m1", "/examples/minimax-m1", ComputeType::BF16, "int8-experts",
     "sm_90a"},
};

class NvrtcTest : public testing::TestWithParam<Model> {};

void expectGood(const Nvrtc &nvrtc, const std::string &text, const char *arch) {
  ASSERT_NE(text.find("DP_KERNEL"), std::string::npos) << text;
  llvm::Expected<CompiledProgram> program = nvrtc.compile(text, arch);
  ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError()) << text;

  size_t kernels = 0;
  for (size_t at = text.find("DP_KERNEL("); at != std::string::npos;
       at = text.find("DP_KERNEL(", at + 1))
    ++kernels;
  EXPECT_EQ(program->resources.size(), kernels) << program->log;
  for (const auto &kernel : program->resources) {
    const KernelResources &needs = kernel.second;
    EXPECT_EQ(needs.spillBytes, 0) << kernel.first().str() << "\n"
                                   << program->log;
    EXPECT_GT(needs.registers, 0) << kernel.first().str();
    // Experts of int8 hold the floats of eight chunks of weights: as much as
    // a block of 256 threads may have.
    int64_t most = kernel.first().contains("expert_linear") ? 255 : 168;
    EXPECT_LE(needs.registers, most) << kernel.first().str() << "\n" << text;
  }
  if (llvm::Error error = lintProgram(text, program->ptx))
    ADD_FAILURE() << llvm::toString(std::move(error)) << text;
  EXPECT_EQ(llvm::StringRef(program->cubin).take_front(4), "\x7f"
                                                           "ELF");
}

TEST_P(NvrtcTest, CompilesEveryKernelWithoutSpills) {
  const Model &model = GetParam();
  PipelineOptions options;
  options.maxSequences = 16;
  options.prefillTokens = 4096;
  options.decodeBuckets = "1,2,4,8,16";
  options.prefillBuckets = "512,4096";
  std::vector<std::string> programs =
      emitModel(std::string(MM1_SOURCE_DIR) + model.folder, model.arch,
                model.compute, model.scheme, options);
  ASSERT_FALSE(programs.empty());
  llvm::Expected<Nvrtc> nvrtc = Nvrtc::load();
  if (!nvrtc)
    GTEST_SKIP() << llvm::toString(nvrtc.takeError());
  for (const std::string &text : programs)
    expectGood(*nvrtc, text, model.arch);
}

INSTANTIATE_TEST_SUITE_P(Models, NvrtcTest, testing::ValuesIn(kModels),
                         [](const auto &info) {
                           return std::string(info.param.name) + "_" +
                                  info.param.arch;
                         });

TEST(Nvrtc, ReadsResourcesOfTheLog) {
  auto resources = parseResources(
      "ptxas info    : 0 bytes gmem\n"
      "ptxas info    : Compiling entry function 'a_0' for 'sm_80'\n"
      "ptxas info    : Function properties for a_0\n"
      "    40 bytes stack frame, 16 bytes spill stores, 8 bytes spill loads\n"
      "ptxas info    : Used 38 registers, used 1 barriers, 128 bytes smem, 400 "
      "bytes cmem[0]\n"
      "ptxas info    : Compiling entry function 'b_0' for 'sm_80'\n"
      "ptxas info    : Used 6 registers, used 0 barriers\n");
  ASSERT_EQ(resources.size(), 2u);
  EXPECT_EQ(resources["a_0"].registers, 38);
  EXPECT_EQ(resources["a_0"].stackBytes, 40);
  EXPECT_EQ(resources["a_0"].spillBytes, 24);
  EXPECT_EQ(resources["a_0"].sharedBytes, 128);
  EXPECT_EQ(resources["b_0"].registers, 6);
  EXPECT_EQ(resources["b_0"].spillBytes, 0);
}

TEST(Nvrtc, ReportsWhatTheCompilerRefuses) {
  llvm::Expected<Nvrtc> nvrtc = Nvrtc::load();
  if (!nvrtc)
    GTEST_SKIP() << llvm::toString(nvrtc.takeError());
  auto program = nvrtc->compile(
      "#include \"dp/dp.h\"\nDP_KERNEL(32) k() { wrong; }", "sm_80");
  ASSERT_FALSE(bool(program));
  EXPECT_NE(llvm::toString(program.takeError()).find("wrong"),
            std::string::npos);
}

} // namespace
