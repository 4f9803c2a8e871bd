//===- Pipeline.cpp - The order of everything ----------------------------------===//
// Read this file first. An imported module (compiler/Import) holds weights as recipes, state pools, and the functions
// decode, prefill and head; it leaves here as a plan.
//===---------------------------------------------------------------------------===//
#include "passes/Pipeline.h"
#include "passes/Fuse/Target.h"
#include "passes/Passes.h"
#include "passes/Plan/Passes.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

void addShard(OpPassManager &manager, const PipelineOptions &options) {
  manager.addPass(createShard({options.ranks}));
  manager.addPass(
      createCanonicalizerPass()); // collectives over one rank, and what nobody reads
  manager.addPass(createVerifySharded());
}

void addQuantize(OpPassManager &manager, const PipelineOptions &options) {
  manager.addPass(createQuantize({options.scheme}));
  manager.addPass(createVerifyQuantized());
}

void addFuse(OpPassManager &manager, const PipelineOptions &options) {
  manager.addPass(createInlineHead());
  manager.addNestedPass<func::FuncOp>(createMergeLinears());
  manager.addNestedPass<func::FuncOp>(createFormClusters());
  manager.addPass(createTileWeights({options.target}));
  manager.addNestedPass<func::FuncOp>(createScheduleClusters(
      {options.target, options.overrides, options.tuning}));
  manager.addPass(createVerifyFused());
}

void addPlan(OpPassManager &manager, const PipelineOptions &options) {
  plan::LowerToPlanOptions lower;
  lower.maxSequences = options.maxSequences;
  lower.maxContext = options.maxContext;
  lower.kvTokens = options.kvTokens;
  lower.prefillTokens = options.prefillTokens;
  if (const Target *target = findTarget(options.target)) {
    lower.device = target->name;
    lower.pageImage = target->pageImage;
    lower.spareUnits = target->spareUnits;
    lower.selectsOnHost = target->selectsOnHost;
  }
  manager.addPass(plan::createLowerToPlan(lower));
  manager.addPass(plan::createVerifyPlan());
}

constexpr std::pair<Stage, StringLiteral> kStages[] = {
    {Stage::Mm1, "mm1"},
    {Stage::Sharded, "sharded"},
    {Stage::Quantized, "quantized"},
    {Stage::Fused, "fused"},
    {Stage::Plan, "plan"}};

/// PipelineOptions as options of mm1-pipeline.
struct CommandLineOptions : PassPipelineOptions<CommandLineOptions> {
  template <typename T> struct Flag : Option<T> {
    Flag(CommandLineOptions &options, StringRef name, StringRef help, T value)
        : Option<T>(options, name, llvm::cl::desc(help),
                    llvm::cl::init(value)) {}
  };
  PipelineOptions defaults;
  Option<Stage> to{
      *this, "to", llvm::cl::desc("The last phase"),
      llvm::cl::init(Stage::Fused),
      llvm::cl::values(
          clEnumValN(Stage::Mm1, "mm1", "nothing: the imported module"),
          clEnumValN(Stage::Sharded, "sharded", "cut for ranks"),
          clEnumValN(Stage::Quantized, "quantized", "weights in fewer bits"),
          clEnumValN(Stage::Fused, "fused",
                     "one cluster per kernel, scheduled"),
          clEnumValN(Stage::Plan, "plan",
                     "buffers, launches and their order"))};
  Flag<int64_t> ranks{*this, "ranks", "Number of ranks", defaults.ranks};
  Flag<std::string> scheme{*this, "scheme", "none | int8-experts",
                           defaults.scheme};
  Flag<std::string> target{*this, "target", "cpu", defaults.target};
  Flag<std::string> overrides{*this, "overrides", "[entry.]kind.key=value,...",
                              defaults.overrides};
  Flag<std::string> tuning{*this, "tuning", "A tuning file", defaults.tuning};
  Flag<int64_t> maxSequences{*this, "max-sequences",
                             "Most sequences in a batch",
                             defaults.maxSequences};
  Flag<int64_t> maxContext{*this, "max-context", "Most tokens of one sequence",
                           defaults.maxContext};
  Flag<int64_t> kvTokens{*this, "kv-tokens",
                         "Tokens that all sequences together have keys and "
                         "values for",
                         defaults.kvTokens};
  Flag<int64_t> prefillTokens{*this, "prefill-tokens",
                              "Most tokens of one prefill step",
                              defaults.prefillTokens};

  PipelineOptions get() const {
    return {ranks,        scheme,     target,   overrides,    tuning,
            maxSequences, maxContext, kvTokens, prefillTokens};
  }
};

} // namespace

StringRef mm1::stageName(Stage stage) {
  for (auto &[each, name] : kStages)
    if (each == stage)
      return name;
  return {};
}

std::optional<Stage> mm1::parseStage(StringRef name) {
  for (auto &[stage, each] : kStages)
    if (each == name)
      return stage;
  return std::nullopt;
}

void mm1::buildPipeline(OpPassManager &manager, const PipelineOptions &options,
                        Stage last) {
  // Phase by phase; each ends with the pass that checks its promise.
  if (last >= Stage::Sharded)
    addShard(manager, options);
  if (last >= Stage::Quantized)
    addQuantize(manager, options);
  if (last >= Stage::Fused)
    addFuse(manager, options);
  if (last >= Stage::Plan)
    addPlan(manager, options);
}

void mm1::registerPipelines() {
  PassPipelineRegistration<CommandLineOptions>(
      "mm1-pipeline",
      "All phases of the compiler up to `to`, with their checks",
      [](OpPassManager &manager, const CommandLineOptions &line) {
        buildPipeline(manager, line.get(), line.to);
      });
}
