//===- Questions.cpp - What a kit asks besides the kernels of a plan ------===//
#include "test/gpu/Questions.h"
#include "kernels/conformance/Answers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>

namespace mm1::kit {

using conformance::Words;

namespace {

uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }

CaseArgument memory(const Words &words) {
  CaseArgument argument;
  argument.initial.resize(words.size() * sizeof(uint32_t));
  argument.sizeBytes = int64_t(argument.initial.size());
  std::memcpy(argument.initial.data(), words.data(), argument.initial.size());
  return argument;
}

//===------------------------------ Conformance ---------------------------===//

/// The answer in words; as floats where it need only be near.
void expect(CaseArgument &out, const Words &words, double ulps) {
  out.element = ulps > 0 ? ElementType::F32 : ElementType::I32;
  out.relative = ulps * 0x1p-23;
  for (uint32_t word : words)
    out.expected.push_back(ulps > 0 ? double(std::bit_cast<float>(word))
                                    : double(int32_t(word)));
}

KernelCase conformanceCase(const conformance::Case &what) {
  KernelCase made;
  made.module = kConformanceModule;
  made.name = made.kernel = what.kernel;
  made.blocks = conformance::kBlocks;
  made.threads = conformance::kBlockThreads;
  made.arguments = {memory(what.in), memory(what.weights),
                    memory(Words(conformance::kWords))};
  return made;
}

//===------------------------------- Questions ----------------------------===//

class QuestionList {
public:
  explicit QuestionList(KitWriter &kit) : kit(kit) {}

  void needs(const std::string &name, const std::string &source,
             const std::string &question, const std::string &what) {
    Question open = make(name, source, question);
    open.needs = what;
    kit.addQuestion(open);
  }

  void measure(const std::string &name, const std::string &source,
               const std::string &question) {
    Question open = make(name, source, question);
    open.measure = name;
    kit.addQuestion(open);
  }

  /// A kernel of questions.cu: words in, words out.
  void ask(const std::string &name, const std::string &source,
           const std::string &question, const std::string &kernel,
           const Words &in, size_t outWords, std::vector<Answer> answers) {
    KernelCase made;
    made.module = kQuestionsModule;
    made.name = name;
    made.kernel = kernel;
    made.blocks = 1;
    made.threads = 32;
    made.arguments = {memory(in), memory(Words(outWords))};
    made.arguments[1].expected.assign(outWords, std::nan(""));
    Question asked = make(name, source, question);
    asked.asked = 1;
    asked.answers = std::move(answers);
    kit.addQuestion(asked, std::move(made));
  }

  /// A kernel of the conformance program, looked at bit by bit.
  void ask(const std::string &name, const std::string &source,
           const std::string &question, const conformance::Case &what) {
    KernelCase made = conformanceCase(what);
    made.name = name;
    made.arguments[2].expected.assign(what.out.size(), std::nan(""));
    Question asked = make(name, source, question);
    asked.asked = 2;
    asked.answers = {{"as the emulation, bit by bit", what.out}};
    kit.addQuestion(asked, std::move(made));
  }

private:
  static Question make(const std::string &name, const std::string &source,
                       const std::string &question) {
    Question made;
    made.name = name;
    made.source = source;
    made.question = question;
    return made;
  }

  KitWriter &kit;
};

/// `value` cut toward zero to 24 bits.
float cut(double value) {
  float nearest = float(value);
  return std::fabs(nearest) > std::fabs(value) ? std::nextafter(nearest, 0.0f)
                                               : nearest;
}

/// The kernel's first case, which has random inputs.
conformance::Case find(const std::string &kernel) {
  std::vector<conformance::Case> all = conformance::cases();
  return *std::find_if(
      all.begin(), all.end(),
      [&](const conformance::Case &each) { return each.kernel == kernel; });
}

/// What a lane finds of 8 x 8 matrices read transposed from a 64 x 64 tile.
Words transposedTile(const Words &tile) {
  auto half = [&](int row, int column) {
    return tile[size_t(32 * row + column / 2)] >> (column % 2 * 16) & 0xffff;
  };
  Words out;
  for (int row = 0; row < 64; row += 16)
    for (int piece = 0; piece < 8; piece += 2)
      for (int lane = 0; lane < 32; ++lane)
        for (int matrix = 0; matrix < 4; ++matrix) {
          int r = row + matrix % 2 * 8 + lane % 4 * 2,
              c = (piece + matrix / 2) * 8 + lane / 4;
          out.push_back(half(r, c) | half(r + 1, c) << 16);
        }
  return out;
}

/// All lanes' sums, when all are the same.
Answer allLanes(const std::string &text, float value) {
  return {text, Words(128, bits(value))};
}

void askAboutSums(QuestionList &list) {
  // One product of 1.5 * 2^-24 behind a sum of 1.
  list.ask("cut_sums", "GPU attention 7.1",
           "mma.sync: 1 + 1.5 * 2^-24 is cut (1) or rounded (1 + 2^-23)",
           "mma_chain", {1, bits(1.5f), bits(0x1p-24f), 1, bits(1)}, 128,
           {allLanes("1", 1), allLanes("1 + 2^-23", 1 + 0x1p-23f)});
  // Sums need more bits than a float has from the start: 31 in the end.
  constexpr int kSteps = 1 << 16;
  const float x = 0x1.02p0f, y = 0x1.9ap-4f; // exact in bf16
  const double step = 16 * double(x) * double(y);
  float isCut = 0, isRounded = 0;
  for (int i = 0; i < kSteps; ++i) {
    isCut = cut(double(isCut) + step);
    isRounded = float(double(isRounded) + step);
  }
  list.ask("long_chain", "GPU attention 7.1",
           "mma.sync: a sum over 65536 steps of 16 products", "mma_chain",
           {kSteps, bits(x), bits(y), 16, bits(0)}, 128,
           {allLanes("cut once a step", isCut),
            allLanes("rounded once a step", isRounded)});
  list.needs("cut_sums_wgmma", "GPU attention 7.1",
             "wgmma: the same sum and the same chain", "a word for wgmma");
  list.needs("mma_against_wgmma", "GPU attention 7.2",
             "do mma.sync and wgmma give the same bits?", "a word for wgmma");
}

} // namespace

void addConformance(KitWriter &kit,
                    const std::function<bool(const std::string &)> &needsSm90) {
  std::map<std::string, int> seen;
  for (const conformance::Case &each : conformance::cases()) {
    KernelCase made = conformanceCase(each);
    if (int number = ++seen[each.kernel]; number > 1)
      made.name += "_" + std::to_string(number);
    CaseArgument &out = made.arguments[2];
    if (each.kernel == std::string("mma_bf16")) {
      // 16 products of numbers below 4: how they are added up is a question.
      expect(out, each.out, 16);
      out.absolute = 256 * 0x1p-22;
      made.tolerance = "f32, added up in any order";
    } else {
      expect(out, each.out, each.ulps);
      made.tolerance =
          each.ulps ? std::to_string(each.ulps) + " ulp" : "equal bits";
    }
    std::vector<std::string> architectures;
    if (needsSm90(each.kernel))
      architectures = {"sm_90a"};
    kit.addCase(std::move(made), "conformance", architectures);
  }
}

void addQuestions(KitWriter &kit) {
  QuestionList list(kit);
  askAboutSums(list);
  list.ask("movmatrix", "GPU attention 7.3",
           "movmatrix: which lane gets which element", find("movmatrix"));
  list.ask("ldmatrix", "GPU attention 7.3",
           "ldmatrix and ldmatrix.trans: which lane gets which element",
           find("ldmatrix"));
  Words tile(2048);
  for (size_t i = 0; i < tile.size(); ++i)
    tile[i] = uint32_t(2 * i) | uint32_t(2 * i + 1)
                                    << 16; // each half its number
  list.ask("swizzled_transpose", "GPU attention 7.3",
           "ldmatrix.trans of rows swizzled in 128 bytes", "swizzled_transpose",
           tile, 2048,
           {{"as the emulation, bit by bit", transposedTile(tile)}});
  list.needs("v_page_operand", "GPU attention 7.4",
             "can wgmma read a page of values as its MN-major operand?",
             "words for wgmma and its descriptors");
  list.measure("mma_rate", "GPU attention 7.5",
               "how fast is mma.sync with 1 and 2 blocks a multiprocessor?");
  list.needs("state_chain", "GPU attention 7.6",
             "how long is a chunk's chain through the lightning state?",
             "lightning attention on tensor cores");
  list.measure("bytes_in_flight", "GPU attention 7.7, GPU matmul 3",
               "how many bytes must be on their way for full bandwidth?");
  {
    Words in, exact;
    for (float x :
         {0.0f, -126.0f, -149.0f, -151.0f, -1000.0f, -1e30f, 1.0f, -1.0f})
      in.push_back(bits(x)), exact.push_back(bits(std::exp2(x)));
    Words flushed = exact;
    flushed[2] = 0; // 2^-149 is a subnormal
    in.resize(32);
    list.ask("exp2_of", "GPU attention 7.8",
             "exp2 (ex2.approx inside): exactly 1 at 0, 0 far below", "exp2_of",
             in, 32,
             {{"exact, subnormals too", exact},
              {"exact, subnormals become 0", flushed}});
  }
  list.ask("mma_fragments", "GPU matmul 1, CUDA without a GPU 3.4",
           "mma.sync m16n8k16: fragments, and sums cut once to 24 bits",
           find("mma_bf16"));
  list.needs("subnormal_weights", "GPU matmul 2",
             "does fma of bf16x2 keep subnormals?", "a word for fma.rn.bf16x2");
  list.measure("latency", "GPU matmul 3",
               "how long does one read from memory take?");
  list.measure("launches", "GPU matmul 3 and 4",
               "what does a kernel cost in a graph, with plain and with "
               "programmatic edges?");
  list.needs("grandparents", "GPU matmul 4.2",
             "is the kernel before the last one complete when a kernel starts?",
             "a kernel that reads before its wait, which no plan may have");
  list.needs("wgmma_rate", "GPU matmul 5",
             "what part of the peak do wgmma and mma.sync tiles reach?",
             "the fast prefill skeletons");
  list.needs("refill", "GPU matmul 5 (c)",
             "may a stage that was read be refilled by a bulk copy without a "
             "fence?",
             "the fast decode skeleton");
  list.measure("graph_memory", "CUDA runtime 1.9",
               "how much memory does a node of a graph take?");
}

} // namespace mm1::kit
