//===- Pipeline.cpp - The order of everything -----------------------------===//
// Read this file first. An imported module (compiler/Import) holds weights as
// recipes, state pools, and the functions decode, prefill and head; it leaves
// here as a plan.
//===----------------------------------------------------------------------===//
#include "passes/Pipeline.h"
#include "passes/Fuse/Target.h"
#include "passes/Passes.h"
#include "passes/Plan/Passes.h"
#include "passes/StageOptions.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::mm1;

namespace {

/// Begins: the module must be of the stage that the passes behind it take.
struct CheckStagePass : PassWrapper<CheckStagePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CheckStagePass)
  explicit CheckStagePass(Stage stage) : stage(stage) {}

  StringRef getArgument() const override { return "mm1-check-stage"; }
  StringRef getDescription() const override {
    return "Refuse a module of another stage than the pipeline starts at";
  }
  void runOnOperation() override {
    markAllAnalysesPreserved();
    ModuleOp module = getOperation();
    auto name = module->getAttrOfType<StringAttr>(kStageAttribute);
    if (name && name.getValue() != stageName(stage)) {
      module.emitOpError() << "is of stage " << name
                           << ", and this pipeline starts at \""
                           << stageName(stage) << "\" (from=STAGE)";
      return signalPassFailure();
    }
    auto ranks = module->getAttrOfType<IntegerAttr>("mm1.ranks");
    if (stage >= Stage::Sharded && ranks && ranks.getInt() != 1) {
      module.emitOpError() << "is for " << ranks.getInt()
                           << " ranks, which is not supported yet: this "
                              "version compiles for one rank";
      signalPassFailure();
    }
  }

  Stage stage;
};

/// Ends a phase: the module says that it has come so far.
struct RecordStagePass : PassWrapper<RecordStagePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RecordStagePass)
  RecordStagePass(Stage stage, const PipelineOptions &options)
      : stage(stage), options(options) {}

  StringRef getArgument() const override { return "mm1-record-stage"; }
  StringRef getDescription() const override {
    return "Write the stage and its options on the module";
  }
  void runOnOperation() override {
    recordStage(getOperation(), stage, options);
    markAllAnalysesPreserved();
  }

  Stage stage;
  PipelineOptions options;
};

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

/// Clusters that have a schedule keep it.
void addSchedules(OpPassManager &manager, const PipelineOptions &options) {
  manager.addPass(createScheduleClusters(
      {options.target, options.overrides, options.tuning}));
  manager.addPass(createVerifyFused({options.target}));
}

void addFuse(OpPassManager &manager, const PipelineOptions &options) {
  const std::string &target = options.target;
  bool explain = options.explainFusion;
  auto onFunctions = [&](std::unique_ptr<Pass> pass) {
    manager.addNestedPass<func::FuncOp>(std::move(pass));
  };
  // What all entries and buckets must have in common: which values are rounded
  // (the hidden rows between body and head are, also where decode takes the
  // head in), in which order sums are added.
  if (options.has(Fusion::DeferNorm))
    onFunctions(createDeferNorm({.explain = explain}));
  onFunctions(createWidenIntermediates());
  manager.addPass(createInlineHead());
  // From here on each size of batch is for itself.
  manager.addPass(
      createSpecializeBuckets({options.maxSequences, options.prefillTokens,
                               options.decodeBuckets, options.prefillBuckets}));
  if (options.has(Fusion::GroupTokens))
    onFunctions(createGroupTokens({target, explain}));
  // Always: it says in which order contexts are summed.
  onFunctions(createSplitAttention({target, explain, options.maxContext,
                                    options.has(Fusion::SplitAttention)}));
  if (options.has(Fusion::MergeLinears)) {
    MergeLinearsOptions merge;
    merge.target = target;
    merge.explain = explain;
    onFunctions(createMergeLinears(merge));
  }
  onFunctions(createFormClusters({target, explain}));
  if (options.has(Fusion::RecurrenceSums))
    onFunctions(createFuseRecurrenceSums({target, explain}));
  if (options.has(Fusion::NormLinears))
    onFunctions(createFuseNormLinears({target, explain}));
  if (options.has(Fusion::RoutingExperts))
    onFunctions(createFuseRoutingExperts({target, explain}));
  if (options.has(Fusion::AppendAttention))
    onFunctions(createFuseAppendAttention({target, explain}));
  manager.addPass(createTileWeights({target}));
  addSchedules(manager, options);
}

void addPlan(OpPassManager &manager, const PipelineOptions &options) {
  plan::LowerToPlanOptions lower;
  lower.maxSequences = options.maxSequences;
  lower.maxContext = options.maxContext;
  lower.kvTokens = options.kvTokens;
  lower.prefillTokens = options.prefillTokens;
  if (const Target *target = findTarget(options.target)) {
    const TargetFacts &facts = target->facts();
    lower.device =
        (isEmulated(options.target) ? "emulated:" : "") + facts.name.str();
    lower.pageImage = facts.pageImage;
    lower.spareUnits = facts.spareUnits;
    lower.selectsOnHost = facts.selectsOnHost;
    lower.startsEarly = facts.startsEarly;
  }
  manager.addPass(plan::createLowerToPlan(lower));
  manager.addPass(plan::createVerifyPlan());
}

constexpr std::pair<Fusion, StringRef> kFusions[] = {
    {Fusion::DeferNorm, "defer-norm"},
    {Fusion::GroupTokens, "group-tokens"},
    {Fusion::MergeLinears, "merge-linears"},
    {Fusion::NormLinears, "norm-linears"},
    {Fusion::RoutingExperts, "routing-experts"},
    {Fusion::AppendAttention, "append-attention"},
    {Fusion::RecurrenceSums, "recurrence-sums"},
    {Fusion::SplitAttention, "split-attention"}};

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
  Option<Stage> to{*this, "to", llvm::cl::desc("The last phase"),
                   llvm::cl::init(Stage::Fused), stageValues()};
  Option<Stage> from{*this, "from", llvm::cl::desc("The stage of the module"),
                     llvm::cl::init(Stage::Mm1), stageValues()};
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
  Flag<std::string> decodeBuckets{*this, "decode-buckets",
                                  "Sizes of decode entries: \"1,4\"",
                                  defaults.decodeBuckets};
  Flag<std::string> prefillBuckets{*this, "prefill-buckets",
                                   "Sizes of prefill entries",
                                   defaults.prefillBuckets};

  ListOption<Fusion> with{*this, "with",
                          llvm::cl::desc("Fusions to do in any case"),
                          fusionValues()};
  ListOption<Fusion> without{
      *this, "without", llvm::cl::desc("Fusions to leave out"), fusionValues()};
  Flag<bool> explain{*this, "explain",
                     "Say what was fused and what not, and why",
                     defaults.explainFusion};

  static llvm::cl::ValuesClass stageValues() {
    return llvm::cl::values(
        clEnumValN(Stage::Mm1, "mm1", "nothing: the imported module"),
        clEnumValN(Stage::Sharded, "sharded", "cut for ranks"),
        clEnumValN(Stage::Quantized, "quantized", "weights in fewer bits"),
        clEnumValN(Stage::Fused, "fused", "one cluster per kernel, scheduled"),
        clEnumValN(Stage::Plan, "plan", "buffers, launches and their order"));
  }
  static llvm::cl::ValuesClass fusionValues() {
    return llvm::cl::values(
        clEnumValN(Fusion::DeferNorm, "defer-norm", ""),
        clEnumValN(Fusion::GroupTokens, "group-tokens", ""),
        clEnumValN(Fusion::MergeLinears, "merge-linears", ""),
        clEnumValN(Fusion::NormLinears, "norm-linears", ""),
        clEnumValN(Fusion::RoutingExperts, "routing-experts", ""),
        clEnumValN(Fusion::AppendAttention, "append-attention", ""),
        clEnumValN(Fusion::RecurrenceSums, "recurrence-sums", ""),
        clEnumValN(Fusion::SplitAttention, "split-attention", ""));
  }

  PipelineOptions get() const {
    PipelineOptions options;
    options.ranks = ranks;
    options.scheme = scheme;
    options.target = target;
    options.overrides = overrides;
    options.tuning = tuning;
    options.maxSequences = maxSequences;
    options.maxContext = maxContext;
    options.kvTokens = kvTokens;
    options.prefillTokens = prefillTokens;
    options.decodeBuckets = decodeBuckets;
    options.prefillBuckets = prefillBuckets;
    options.with.assign(with.begin(), with.end());
    options.without.assign(without.begin(), without.end());
    options.explainFusion = explain;
    return options;
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

ArrayRef<std::pair<Fusion, StringRef>> mm1::allFusions() { return kFusions; }

bool PipelineOptions::has(Fusion fusion) const {
  if (llvm::is_contained(with, fusion))
    return true;
  if (llvm::is_contained(without, fusion))
    return false;
  const Target *machine = findTarget(target);
  return fusion != Fusion::DeferNorm ||
         (machine && machine->facts().defersNorms);
}

/// Checks what a module of that stage promises; clusters that somebody wrote
/// without a schedule get the target's own. (What overrides have set before is
/// in the schedules that are there.)
static void addResume(OpPassManager &manager, const PipelineOptions &options,
                      Stage stage) {
  switch (stage) {
  case Stage::Mm1:
    return;
  case Stage::Sharded:
    manager.addPass(createVerifySharded());
    return;
  case Stage::Quantized:
    manager.addPass(createVerifyQuantized());
    return;
  case Stage::Fused: {
    PipelineOptions written = options;
    written.overrides = written.tuning = "";
    return addSchedules(manager, written);
  }
  case Stage::Plan:
    manager.addPass(plan::createVerifyPlan());
    return;
  }
}

void mm1::buildPipeline(OpPassManager &manager, const PipelineOptions &options,
                        Stage last, Stage first) {
  manager.addPass(std::make_unique<CheckStagePass>(first));
  addResume(manager, options, first);
  using AddPhase = void (*)(OpPassManager &, const PipelineOptions &);
  constexpr std::pair<Stage, AddPhase> phases[] = {
      {Stage::Sharded, addShard},
      {Stage::Quantized, addQuantize},
      {Stage::Fused, addFuse},
      {Stage::Plan, addPlan}};
  for (auto [stage, addPhase] : phases) {
    if (stage <= first || stage > last)
      continue;
    addPhase(manager, options);
    manager.addPass(std::make_unique<RecordStagePass>(stage, options));
  }
}

void mm1::registerPipelines() {
  PassPipelineRegistration<CommandLineOptions>(
      "mm1-pipeline",
      "All phases of the compiler up to `to`, with their checks",
      [](OpPassManager &manager, const CommandLineOptions &line) {
        buildPipeline(manager, line.get(), line.to, line.from);
      });
}
