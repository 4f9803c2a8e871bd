//===- BuildProgramsTest.cpp - Programs, their cache and their budget -----===//
// Needs NVRTC where a program is built; skipped where there is none.
//===----------------------------------------------------------------------===//
#include "compiler/Codegen/CUDA/BuildPrograms.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace mlir::mm1::cuda;

namespace {

/// A program without a header: what follows from it follows from it alone.
const char *const kTwice =
    "extern \"C\" __global__ void twice(float *x) { x[threadIdx.x] *= 2; }\n";

struct TemporaryFolder {
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string path =
      testing::TempDir() + "mm1-programs-" + std::to_string(getpid());
};

std::string errorOf(llvm::Error error) {
  return error ? llvm::toString(std::move(error)) : "";
}

TEST(BuildPrograms, KeepsWhatItBuilt) {
  auto nvrtc = Nvrtc::load();
  if (!nvrtc)
    GTEST_SKIP() << llvm::toString(nvrtc.takeError());
  TemporaryFolder folder;
  BuildOptions options;
  options.cacheFolder = folder.path + "/cache";
  std::vector<Program> programs = {{"a", kTwice},
                                   {"b", std::string(kTwice) + "// b\n"}};
  auto first = buildPrograms(programs, "sm_80", *nvrtc, options);
  ASSERT_TRUE(bool(first)) << llvm::toString(first.takeError());
  EXPECT_FALSE((*first)[0].wasCached);
  EXPECT_NE((*first)[0].program.ptx.find(".target sm_80"), std::string::npos);
  auto second = buildPrograms(programs, "sm_80", *nvrtc, options);
  ASSERT_TRUE(bool(second)) << llvm::toString(second.takeError());
  for (size_t i : {0, 1}) {
    EXPECT_TRUE((*second)[i].wasCached);
    EXPECT_EQ((*second)[i].program.cubin, (*first)[i].program.cubin);
    EXPECT_EQ((*second)[i].program.resources.lookup("twice").registers,
              (*first)[i].program.resources.lookup("twice").registers);
  }
  auto other = buildPrograms(programs, "sm_90a", *nvrtc, options);
  ASSERT_TRUE(bool(other)) << llvm::toString(other.takeError());
  EXPECT_FALSE((*other)[0].wasCached);

  // Damage is no reason to believe a file, nor to fail.
  for (const auto &file :
       std::filesystem::directory_iterator(options.cacheFolder)) {
    std::fstream stream(file.path(),
                        std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(-1, std::ios::end);
    stream.put('!');
  }
  auto third = buildPrograms(programs, "sm_80", *nvrtc, options);
  ASSERT_TRUE(bool(third)) << llvm::toString(third.takeError());
  EXPECT_FALSE((*third)[0].wasCached);
  EXPECT_EQ((*third)[0].program.cubin, (*first)[0].program.cubin);
}

TEST(BuildPrograms, GivesTheSameBytesForAnyNumberOfThreads) {
  auto nvrtc = Nvrtc::load();
  if (!nvrtc)
    GTEST_SKIP() << llvm::toString(nvrtc.takeError());
  std::vector<Program> programs;
  for (int i = 0; i < 6; ++i)
    programs.push_back(
        {"p" + std::to_string(i), std::string(kTwice) + std::string(i, '\n')});
  BuildOptions one, four;
  one.threads = 1;
  four.threads = 4;
  auto alone = buildPrograms(programs, "sm_90a", *nvrtc, one);
  auto together = buildPrograms(programs, "sm_90a", *nvrtc, four);
  ASSERT_TRUE(bool(alone)) << llvm::toString(alone.takeError());
  ASSERT_TRUE(bool(together)) << llvm::toString(together.takeError());
  for (size_t i = 0; i < programs.size(); ++i)
    EXPECT_EQ((*alone)[i].program.cubin, (*together)[i].program.cubin);
}

TEST(BuildPrograms, NamesTheProgramThatIsRefused) {
  auto nvrtc = Nvrtc::load();
  if (!nvrtc)
    GTEST_SKIP() << llvm::toString(nvrtc.takeError());
  auto built = buildPrograms({{"kernels_7", "wrong;"}}, "sm_80", *nvrtc, {});
  ASSERT_FALSE(bool(built));
  std::string message = llvm::toString(built.takeError());
  EXPECT_NE(message.find("kernels_7: NVRTC"), std::string::npos) << message;
}

TEST(BuildPrograms, SaysWhatIsMissing) {
  auto nvrtc = Nvrtc::load("/no/such/libnvrtc.so");
  ASSERT_FALSE(bool(nvrtc));
  std::string message = llvm::toString(nvrtc.takeError());
  EXPECT_NE(message.find("--nvrtc: cannot open /no/such/libnvrtc.so"),
            std::string::npos)
      << message;
}

TEST(BuildPrograms, RefusesWhatWouldBeSlow) {
  CompiledProgram program;
  const char *text = "DP_KERNEL(512)\nk_1(int)\nDP_KERNEL(256)\nk_10(int)\n";
  program.resources["k_10"] = {255, 0, 0, 0};
  EXPECT_EQ(errorOf(checkResources(program, text, "sm_80")), "");
  program.resources["k_1"] = {129, 0, 0, 0};
  EXPECT_EQ(errorOf(checkResources(program, text, "sm_80")),
            "kernel 'k_1' for sm_80 needs 129 registers for each of 512 "
            "threads; a multiprocessor has 65536");
  program.resources["k_1"] = {64, 16, 8, 0};
  EXPECT_NE(errorOf(checkResources(program, text, "sm_80"))
                .find("kernel 'k_1' for sm_80 spills 8 bytes"),
            std::string::npos);
  program.resources["k_1"] = {64, 0, 0, 0};
  program.log = "ptxas info : x\nptxas warning : (C7508) setmaxnreg ignored\n";
  EXPECT_NE(errorOf(checkResources(program, text, "sm_90a")).find("(C7508)"),
            std::string::npos);
}

} // namespace
