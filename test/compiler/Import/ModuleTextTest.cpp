//===- ModuleTextTest.cpp - Text that people have edited ------------------===//
// Names survive printing and reading, lines are known to who reads, and text
// that is damaged at random is refused with a reason, or goes through: it never
// ends the program.
//===----------------------------------------------------------------------===//
#include "compiler/Import/ModuleText.h"
#include "compiler/Import/FirstError.h"
#include "dialects/MM1/MM1.h"
#include "dialects/Plan/Plan.h"
#include "passes/StageOptions.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sstream>
#include <unistd.h>

using namespace mlir;
using namespace mlir::mm1;

namespace {

std::string goldenPath(const std::string &stage) {
  return std::string(MM1_SOURCE_DIR) + "/test/golden/Inputs/two-layers." +
         stage + ".mlir";
}

std::string readFile(const std::string &path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class ModuleText : public testing::Test {
protected:
  ModuleText() {
    context.loadDialect<MM1Dialect, plan::PlanDialect, func::FuncDialect>();
    path = (std::filesystem::temp_directory_path() /
            ("module-text-" + std::to_string(::getpid()) + ".mlir"))
               .string();
  }
  ~ModuleText() override { std::filesystem::remove(path); }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::string path;
};

TEST_F(ModuleText, KeepsNamesAndAddsLines) {
  for (const char *stage : {"mm1", "quantized", "fused", "plan"}) {
    auto module = readModule(context, goldenPath(stage));
    ASSERT_TRUE(succeeded(module)) << stage;
    EXPECT_EQ(printModule(**module), readFile(goldenPath(stage)));
    // Every op of a layer knows it, and its line.
    int64_t named = 0;
    (*module)->walk([&](Operation *op) {
      std::string place = describePlace(op->getLoc());
      EXPECT_EQ(place.find(goldenPath(stage) + ":"), 0u) << place;
      named += nameOfPlace(op->getLoc()).find("model.layers.") == 0;
    });
    EXPECT_GT(named, 50) << stage;
  }
}

/// Goes from the text at `path` to a plan, and says why not.
std::string compile(MLIRContext &context, const std::string &path) {
  ::mm1::FirstError error(&context);
  auto module = readModule(context, path);
  if (failed(module))
    return error.take("read").message;
  FailureOr<Stage> stage = readStage(**module);
  PipelineOptions options;
  if (failed(stage) || failed(readOptions(**module, *stage, options)))
    return error.take("stage").message;
  PassManager passes(&context);
  buildPipeline(passes, options, Stage::Plan, *stage);
  return failed(passes.run(**module)) ? error.take("passes").message : "";
}

/// What a slip of a hand does to a text.
std::string damaged(std::string text, std::mt19937_64 &random) {
  auto below = [&](size_t end) { return size_t(random() % end); };
  size_t at = below(text.size()), line = text.rfind('\n', at) + 1,
         end = text.find('\n', at);
  switch (below(6)) {
  case 0: // the rest is missing
    return text.substr(0, at);
  case 1: // a line is missing
    return text.erase(line, end - line + 1);
  case 2: // a line is there twice
    return text.insert(line, text.substr(line, end - line + 1));
  case 3: // a number is another
    at = text.find_first_of("0123456789", at);
    if (at != std::string::npos)
      text[at] = char('0' + below(10));
    return text;
  case 4: // a number is absurd
    at = text.find_first_of("0123456789", at);
    return at == std::string::npos ? text
                                   : text.insert(at, "92233720368547758");
  default: // a word is somewhere else
    return text.insert(below(text.size()), text.substr(at, 1 + below(12)));
  }
}

TEST_F(ModuleText, DamageNeverEndsTheProgram) {
  int64_t refused = 0, tried = 0;
  for (const char *stage : {"mm1", "quantized", "fused", "plan"}) {
    std::string text = readFile(goldenPath(stage));
    std::mt19937_64 random(tried);
    for (int i = 0; i < 400; ++i, ++tried) {
      std::string damage = damaged(text, random);
      std::ofstream(path) << damage;
      std::string why = compile(context, path);
      refused += !why.empty();
      EXPECT_EQ(why.find("failed without a reason"), std::string::npos)
          << stage << " " << i << ": " << why;
    }
  }
  EXPECT_GT(refused, tried / 2);
}

} // namespace
