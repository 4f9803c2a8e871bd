//===- ConformanceTest.cpp - Words give the bits that they must -----------===//
// kernels/conformance/primitives.cu in the emulation, in eight orders, plain and
// checked, against the answers beside it. That GPUs answer the same is for a
// machine with one to show.
//===----------------------------------------------------------------------===//
#include "kernels/conformance/Answers.h"
#include "test/kernels/emulation/HostProgram.h"

#include <cstdlib>
#include <set>
#include <sstream>

using namespace mm1::conformance;
using namespace mm1::emulation;
using namespace mm1::emulation::test;

namespace {

std::string readText() {
  std::ifstream file(MM1_SOURCE_DIR "/kernels/conformance/primitives.cu");
  EXPECT_TRUE(file);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void expectAnswer(const HostProgram &program, bool isChecked,
                  EngineOptions options, const Case &c) {
  std::string lines;
  Shadow shadow([&](const std::string &line) { lines += line + "\n"; });
  Words out(kWords);
  for (const Words *words :
       std::initializer_list<const Words *>{&c.in, &c.weights, &out})
    shadow.addBlock(words->data(), 4 * kWords, /*isWritten=*/true);
  options.shadow = isChecked ? &shadow : nullptr;
  Engine engine(options);
  lines += program.run(engine, c.kernel, {kBlocks, kBlockThreads}, c.in.data(),
                       c.weights.data(), out.data());
  ASSERT_EQ(lines, "") << c.kernel;
  for (int i = 0; i < kWords; ++i)
    ASSERT_LE(std::abs(int64_t(out[i]) - int64_t(c.out[i])), c.ulps)
        << c.kernel << ", word " << i << ": " << out[i] << ", wanted "
        << c.out[i];
}

TEST(Conformance, WordsGiveTheBitsTheyMust) {
  for (bool isChecked : {false, true}) {
    HostProgram program(readText(), isChecked);
    for (EngineOptions options : allOrders())
      for (const Case &c : cases())
        expectAnswer(program, isChecked, options, c);
  }
}

// A kernel without an answer would show nothing.
TEST(Conformance, EveryKernelHasItsAnswer) {
  std::set<std::string> known, kernels;
  for (const Case &c : cases())
    known.insert(c.kernel);
  std::string text = readText();
  constexpr std::string_view kWord = "\nDP_EXPORT(";
  for (size_t at = text.find(kWord); at != std::string::npos;
       at = text.find(kWord, at + 1)) {
    size_t begin = at + kWord.size();
    kernels.insert(text.substr(begin, text.find(')', begin) - begin));
  }
  EXPECT_EQ(known, kernels);
}

} // namespace
