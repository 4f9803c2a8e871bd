//===- PlanWriterTest.cpp - plan.bin against the plan dialect -------------===//
// What is written is read again by the runtime's reader, which believes nothing.
//===----------------------------------------------------------------------===//
#include "compiler/Artifact/PlanWriter.h"
#include "PackedModel.h"
#include "compiler/Artifact/PackRecipe.h"
#include "dialects/Plan/Layout.h"
#include "runtime/Artifact/Plan.h"

#include <set>

using namespace mm1;

namespace {

Expected<Plan> written(PackedModel &model) {
  auto bytes = writePlan(*model.module, 0, model.scratchBytes());
  EXPECT_TRUE(bytes) << (bytes ? "" : bytes.error().message);
  return Plan::parse(std::as_bytes(std::span(*bytes)), "plan.bin");
}

TEST(PlanWriter, TheRuntimeReadsIt) {
  PackedModel model(golden("base"));
  auto plan = written(model);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->vocabSize, 256u);
  EXPECT_EQ(plan->maxSequences, 2u);
  EXPECT_EQ(plan->maxContext, 100u);
  EXPECT_EQ(plan->maxPrefill, 20u);
  EXPECT_EQ(plan->pageTokens, 64u);
  // Three lightning layers with 4 heads of 16 x 16 floats, one softmax layer
  // with 2 KV heads: 64 rows of 32 bf16 for each of k and v.
  EXPECT_EQ(plan->unitBytes(StateKind::Recurrent), 3u * 4 * 16 * 16 * 4);
  EXPECT_EQ(plan->units(StateKind::Recurrent), 2u);
  EXPECT_EQ(plan->unitBytes(StateKind::KVPages), 2u * 2 * 64 * 32 * 2);
  EXPECT_EQ(plan->units(StateKind::KVPages), 2u * 2); // 100 tokens, 2 pages
  // decode 1 2, prefill 16 20, head 1 2 20.
  EXPECT_EQ(plan->entries.size(), 7u);
  const Plan::Port *pages = plan->input("pages");
  ASSERT_TRUE(pages);
  EXPECT_EQ(pages->rows, 2u);
  EXPECT_EQ(pages->columns, 2u);
  EXPECT_EQ(pages->rowBytes, 8u);
  const Plan::Port *hidden = plan->output("hidden");
  ASSERT_TRUE(hidden);
  EXPECT_EQ(hidden->rows, 20u);
  EXPECT_EQ(hidden->columns, 32u);
  EXPECT_FALSE(plan->input("hidden"));
  for (size_t i = 0; i < plan->kernels.size(); ++i)
    EXPECT_EQ(plan->kernels[i].scratchBytes, 64 * i);
}

// The runtime compares plan.bin with the weights' file before it maps a byte.
TEST(PlanWriter, NamesWeightsAsTheFileHasThem) {
  for (const char *target : {"cpu", "sm_90a"}) {
    PackedModel model(golden("base"), "int8-experts", target);
    auto plan = written(model);
    ASSERT_TRUE(plan) << plan.error().message;
    std::vector<TensorDecl> tensors = packedTensors(*model.module);
    ASSERT_EQ(plan->weights.size(), tensors.size());
    std::set<ElementType> types;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const Plan::Weight &weight = plan->weights[i];
      EXPECT_EQ(weight.name, tensors[i].name);
      EXPECT_EQ(weight.element, tensors[i].type) << weight.name;
      EXPECT_EQ(weight.sizeBytes,
                tensorSizeBytes(tensors[i].type, tensors[i].shape));
      types.insert(weight.element);
    }
    // q + 128, in swizzled tiles; q, in panels.
    EXPECT_EQ(types.count(ElementType::U8), target == std::string("sm_90a"));
  }
}

TEST(PlanWriter, SaysWhatTheDialectSays) {
  PackedModel model(golden("base"), "int8-experts");
  auto plan = written(model);
  ASSERT_TRUE(plan) << plan.error().message;
  size_t entryIndex = 0, checkedArgs = 0;
  for (auto entry : model.module->getOps<mlir::plan::EntryOp>()) {
    const Plan::Entry &found = plan->entries[entryIndex++];
    EXPECT_EQ(found.maxTokens, entry.getTokens());
    size_t launchIndex = 0;
    for (auto launch : entry.getBody().front().getOps<mlir::plan::LaunchOp>()) {
      const Plan::Launch &step = found.launches[launchIndex++];
      EXPECT_EQ(plan->kernels[step.kernel].symbol, launch.getKernel().str());
      EXPECT_EQ(step.grid.tasks, launch.getTasks());
      EXPECT_EQ(step.grid.per, launch.getPer());
      EXPECT_EQ(static_cast<int>(step.grid.unit),
                static_cast<int>(launch.getUnit()));
      EXPECT_EQ(step.label, launch.getLabel().value_or("").str());
      ASSERT_EQ(step.args.size(), launch.getArgs().size());
      for (auto [i, arg] : llvm::enumerate(launch.getArgs())) {
        const Plan::Arg &place = step.args[i];
        EXPECT_EQ(static_cast<int>(place.access), launch.getAccess()[i]);
        mlir::Operation *op = arg.getDefiningOp();
        if (auto buffer = llvm::dyn_cast<mlir::plan::BufferOp>(op)) {
          EXPECT_EQ(place.index, buffer.getOffset());
          EXPECT_EQ(place.sizeBytes, buffer.getBytes());
        } else if (auto weight = llvm::dyn_cast<mlir::plan::WeightRefOp>(op)) {
          EXPECT_EQ(plan->weights[place.index].name, weight.getWeight().str());
        } else {
          auto state = llvm::cast<mlir::plan::StateRefOp>(op);
          EXPECT_EQ(plan->states[place.index].name, state.getState().str());
        }
        ++checkedArgs;
      }
    }
    EXPECT_EQ(launchIndex, found.launches.size());
  }
  EXPECT_EQ(entryIndex, plan->entries.size());
  EXPECT_GT(checkedArgs, 100u);
}

TEST(PlanWriter, RefusesStepsTheFormatLacks) {
  PackedModel model(golden("h-one-layer"));
  auto entry = *model.module->getOps<mlir::plan::EntryOp>().begin();
  auto builder = mlir::OpBuilder::atBlockEnd(&entry.getBody().front());
  mlir::plan::SignalOp::create(builder, entry.getLoc(), 1, 0);
  auto bytes = writePlan(*model.module, 0, model.scratchBytes());
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().message, "plan.bin cannot say plan.signal yet, which "
                                   "'decode_1' needs");
}

TEST(PlanWriter, WantsOneScratchSizePerKernel) {
  PackedModel model(golden("h-one-layer"));
  EXPECT_FALSE(writePlan(*model.module, 0, {}));
}

} // namespace
