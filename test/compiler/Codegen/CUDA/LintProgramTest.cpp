//===- LintProgramTest.cpp - Programs that break a rule are named ---------===//
// Each text is one slip away from a right one. Those that NVRTC compiles are
// skipped where it is missing; the PTX written out here is not.
//===----------------------------------------------------------------------===//
#include "CudaHarness.h"

#include "compiler/Codegen/CUDA/LintProgram.h"

#include "llvm/Support/MemoryBuffer.h"

#include <map>

using namespace mlir::mm1;
using namespace mlir::mm1::cuda;
using namespace mlir::mm1::cuda::test;

namespace {

std::string message(llvm::Error error) {
  return error ? llvm::toString(std::move(error)) : "";
}

void expectPart(const std::string &said, const std::string &part) {
  EXPECT_NE(said.find(part), std::string::npos) << "'" << said << "'";
}

//===---------------------------------- Text --------------------------------===//

/// A program with a kernel of this body.
std::string program(const std::string &body,
                    const std::string &parameters =
                        "const float *in0, const float *__restrict__ in1, "
                        "float *out0, const dp::i64 *dims") {
  return "#include \"dp/dp.h\"\nDP_KERNEL(32) kernel(\n    " + parameters +
         ") {\n" + body + "}\nDP_EXPORT(kernel)\n";
}

constexpr const char *kRight = "  DP_SHARED_MEMORY(shared, 64);\n"
                               "  dp::wait_grid();\n"
                               "  dp::trigger_grid();\n";

TEST(LintProgram, TextSpeaksDpAlone) {
  EXPECT_EQ(message(lintText(program(kRight))), "");
  EXPECT_EQ(message(lintText("// asm in a comment, threadIdx too\n")), "");
  for (const char *word :
       {"asm(\"exit;\");", "int i = threadIdx.x;", "__shared__ int x;",
        "__syncthreads();", "atomicAdd(out0, 1.0f);", "__ldg(in0);"})
    expectPart(message(lintText(program(std::string(kRight) + word + "\n"))),
               "a program speaks dp");
  expectPart(message(lintText("#include <cuda_bf16.h>\n")),
             "is no header of kernels/");
  EXPECT_EQ(message(lintText("#include \"skeletons/matmul.h\"\n")), "");
}

TEST(LintProgram, KernelsBeginWithTheirWait) {
  expectPart(message(lintText(program("  out0[0] = in0[0];\n"
                                      "  dp::wait_grid();\n"))),
             "kernel 'kernel' begins with 'out0[0] = in0[0];'");
}

TEST(LintProgram, WeightsAreWhatHasRestrict) {
  auto weights = weightsOf(program(kRight));
  ASSERT_EQ(weights.count("kernel"), 1u);
  EXPECT_EQ(weights["kernel"],
            (llvm::SmallVector<bool>{false, true, false, false}));
}

//===---------------------------------- PTX ---------------------------------===//

/// An entry with these instructions; parameter 1 is its weight.
std::string entry(const std::string &instructions,
                  const std::string &target = "sm_90a") {
  return ".version 9.0\n.target " + target +
         "\n.address_size 64\n\n\t// .globl\tkernel\n.visible .entry "
         "kernel(\n\t.param .u64 kernel_param_0,\n\t.param .u64 "
         "kernel_param_1\n)\n{\n\t.reg .b64 \t%rd<9>;\n"
         "\tld.param.u64 \t%rd1, [kernel_param_0];\n"
         "\tld.param.u64 \t%rd2, [kernel_param_1];\n"
         "\tcvta.to.global.u64 \t%rd3, %rd1;\n" +
         instructions + "\tret;\n\n}\n";
}
bool isOne(llvm::StringRef, unsigned parameter) { return parameter == 1; }

constexpr const char *kWait = "\t// begin inline asm\n\tgriddepcontrol.wait;\n"
                              "\t// end inline asm\n";

TEST(LintProgram, OnlyWeightsAreReadPastTheCaches) {
  EXPECT_EQ(message(lintWeightLoads(
                entry("\tadd.s64 \t%rd4, %rd2, %rd7;\n"
                      "\tld.global.nc.v4.u32 {%r1, %r2, %r3, %r4}, [%rd4+16];\n"
                      "\tld.global.f32 \t%f1, [%rd3];\n"),
                isOne)),
            "");
  // Behind a wait, and with an address that goes around a loop.
  std::string said = message(lintWeightLoads(
      entry(std::string(kWait) + "$L__BB0_1:\n"
                                 "\tld.global.nc.f32 \t%f1, [%rd6+4];\n"
                                 "\tadd.s64 \t%rd6, %rd5, 16;\n"
                                 "\tmov.u64 \t%rd5, %rd3;\n"
                                 "\t@%p1 bra \t$L__BB0_1;\n"),
      isOne));
  EXPECT_EQ(said, "kernel 'kernel': 'ld.global.nc.f32 \t%f1, [%rd6+4]' reads "
                  "parameter 0, which is no weight");
  expectPart(
      message(lintWeightLoads(entry("\tselp.b64 \t%rd4, %rd2, %rd3, %p1;\n"
                                    "\tld.global.nc.f32 \t%f1, [%rd4];\n"),
                              isOne)),
      "parameter 0");
  expectPart(
      message(lintWeightLoads(entry("\tld.global.u64 \t%rd4, [%rd3];\n"
                                    "\tld.global.nc.f32 \t%f1, [%rd4];\n"),
                              isOne)),
      "reads what is no parameter");
}

TEST(LintProgram, WaitsStandInFront) {
  std::string load = "\tld.relaxed.gpu.global.u32 %r1, [%rd3];\n",
              weight = "\tld.global.nc.u32 %r2, [%rd2];\n",
              trigger = "\tgriddepcontrol.launch_dependents;\n";
  EXPECT_EQ(message(lintWaits(entry(weight + kWait + trigger + load), isOne)),
            "");
  expectPart(message(lintWaits(entry(load + kWait), isOne)),
             "touches parameter 0, which is no weight, before the wait");
  expectPart(message(lintWaits(
                 entry("\tst.global.u32 \t[%rd3], %r1;\n" + std::string(kWait)),
                 isOne)),
             "before the wait");
  expectPart(message(lintWaits(entry(load), isOne)),
             "touches parameter 0, which is no weight, before the wait");
  expectPart(message(lintWaits(entry(weight), isOne)), "before the wait");
  expectPart(message(lintWaits(entry(trigger + kWait), isOne)),
             "stands in front of the wait");
  expectPart(message(lintWaits(entry("\t@%p1 bra \t$L__BB0_2;\n" +
                                     std::string(kWait) + "$L__BB0_2:\n"),
                               isOne)),
             "goes past the wait");
  EXPECT_EQ(message(lintWaits(entry(load, "sm_80"), isOne)), "");
}

//===--------------------------------- NVRTC --------------------------------===//

class LintNvrtc : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    llvm::Expected<Nvrtc> loaded = Nvrtc::load();
    if (!loaded)
      GTEST_SKIP() << llvm::toString(loaded.takeError());
    nvrtc = *loaded;
  }
  std::string ptx(const std::string &text) {
    llvm::Expected<CompiledProgram> compiled = nvrtc->compile(text, GetParam());
    EXPECT_TRUE(bool(compiled)) << llvm::toString(compiled.takeError());
    return compiled ? compiled->ptx : "";
  }
  std::optional<Nvrtc> nvrtc;
};

// dp.h's loads of activations are never .nc, whatever else is asked for.
TEST_P(LintNvrtc, LoadsKeepToTheirKind) {
  std::string body = std::string(kRight) +
                     "  const int i = dp::thread();\n"
                     "  dp::store(out0 + i, dp::load(in0 + i) * "
                     "dp::load_weight(in1 + i));\n";
  std::string text = program(body);
  EXPECT_EQ(message(lintProgram(text, ptx(text))), "");
  // The same promise given for an activation that is read without a word.
  std::string wrong =
      program(std::string(kRight) + "  const int i = dp::thread();\n"
                                    "  dp::store(out0 + i, in0[i]);\n",
              "const float *__restrict__ in0, const float *__restrict__ in1, "
              "float *__restrict__ out0, const dp::i64 *dims");
  std::string made = ptx(wrong);
  expectPart(message(lintWeightLoads(
                 made, [](llvm::StringRef, unsigned i) { return i == 1; })),
             "reads parameter 0, which is no weight");
}

// Nothing of dp.h may move over a wait but loads of weights.
TEST_P(LintNvrtc, NothingMovesOverTheWait) {
  std::string text =
      program(std::string(kRight) +
              "  const int i = dp::thread();\n"
              "  float x = dp::load(in0 + i);\n"
              "  const auto v = dp::load_vector<4>(in0 + 4 * i);\n"
              "  x = x + out0[7];\n"
              "  dp::store(out0 + i, x + dp::element(v, 2));\n");
  std::string made = ptx(text);
  EXPECT_EQ(message(lintProgram(text, made)), "");
  bool hasWait = made.find("griddepcontrol.wait") != std::string::npos;
  EXPECT_EQ(hasWait, std::string(GetParam()) != "sm_80");
}

/// What each conformance kernel must be made of.
const std::map<std::string, std::vector<std::string>> kInstructions = {
    {"places", {"%tid.x", "%ctaid.x", "%ntid.x"}},
    {"shuffle", {"shfl.sync.idx.b32"}},
    {"shuffle_xor", {"shfl.sync.bfly.b32"}},
    {"ballot", {"vote.sync.ballot.b32"}},
    {"warp_sum", {"shfl.sync.bfly.b32"}},
    {"warp_max", {"shfl.sync.bfly.b32"}},
    {"block_sum", {"bar.sync"}},
    {"sync_block", {"bar.sync"}},
    {"sync_warp", {"bar.warp.sync"}},
    {"load_and_store",
     {"ld.relaxed.gpu.global.u8", "ld.relaxed.gpu.global.u16",
      "ld.relaxed.gpu.global.u64"}},
    {"load_weights",
     {"ld.global.nc.u8", "ld.global.nc.u16", "ld.global.nc.u32",
      "ld.global.nc.u64"}},
    {"load_vectors",
     {"ld.relaxed.gpu.global.v4.u32", "ld.relaxed.gpu.global.v2.u32",
      "ld.global.nc.L1::no_allocate.v4.u32"}},
    {"atomic_add", {"atom.acq_rel.gpu.global.add.s32"}},
    {"acquire_release",
     {"ld.acquire.gpu.global.u32", "ld.acquire.sys.global.u32",
      "ld.acquire.gpu.global.u64", "ld.acquire.sys.global.u64",
      "st.release.gpu.global.u32", "st.release.sys.global.u32",
      "st.release.gpu.global.u64", "st.release.sys.global.u64",
      "fence.acq_rel.gpu", "fence.acq_rel.sys", "nanosleep.u32"}},
    {"exact_math", {"fma.rn.f32", "sqrt.rn.f32", "div.rn.f32"}},
    {"near_math", {"ex2.approx"}},
    {"cp_async",
     {"cp.async.cg.shared.global", "cp.async.commit_group",
      "cp.async.wait_group"}},
    {"ldmatrix",
     {"ldmatrix.sync.aligned.m8n8.x4.shared.b16",
      "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16",
      "ldmatrix.sync.aligned.m8n8.x2.shared.b16",
      "ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16"}},
    {"movmatrix", {"movmatrix.sync.aligned.m8n8.trans.b16"}},
    {"mma_bf16", {"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"}},
};
const std::map<std::string, std::vector<std::string>> kInstructions90 = {
    {"wait_and_trigger",
     {"griddepcontrol.wait", "griddepcontrol.launch_dependents"}},
    {"cp_async_bulk",
     {"cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes",
      "mbarrier.arrive.expect_tx", "mbarrier.try_wait.parity"}},
    {"mbarrier", {"mbarrier.init", "mbarrier.arrive.shared"}},
};

TEST_P(LintNvrtc, WordsAreTheInstructionsTheyName) {
  auto file = llvm::MemoryBuffer::getFile(MM1_SOURCE_DIR
                                          "/kernels/conformance/primitives.cu");
  ASSERT_TRUE(bool(file));
  std::string made = ptx((*file)->getBuffer().str());
  auto check = [&](const std::string &kernel,
                   const std::vector<std::string> &instructions) {
    size_t begin = made.find(".entry " + kernel + "(");
    ASSERT_NE(begin, std::string::npos) << kernel;
    std::string body = made.substr(begin, made.find("\n}\n", begin) - begin);
    for (const std::string &instruction : instructions)
      EXPECT_NE(body.find(instruction), std::string::npos)
          << kernel << " lacks " << instruction;
  };
  for (const auto &[kernel, instructions] : kInstructions)
    check(kernel, instructions);
  if (std::string(GetParam()) != "sm_80")
    for (const auto &[kernel, instructions] : kInstructions90)
      check(kernel, instructions);
  EXPECT_EQ(message(lintWeightLoads(
                made, [](llvm::StringRef, unsigned i) { return i == 1; })),
            "");
}

INSTANTIATE_TEST_SUITE_P(Targets, LintNvrtc, testing::Values("sm_80", "sm_90a"),
                         [](const auto &info) {
                           return std::string(info.param);
                         });

} // namespace
