//===- PlanWriterTest.cpp - plan.bin against the plan dialect -------------===//
// What is written is read again by the runtime's reader, which believes nothing.
//===----------------------------------------------------------------------===//
#include "compiler/Artifact/PlanWriter.h"
#include "PackedModel.h"
#include "compiler/Artifact/PackRecipe.h"
#include "dialects/Plan/Layout.h"
#include "runtime/Artifact/Plan.h"
#include "runtime/Artifact/plan_generated.h"

#include <set>

using namespace mm1;

namespace {

Expected<Plan> written(PackedModel &model) {
  auto bytes = writePlan(*model.module, 0, model.built());
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
      const Plan::Step &step = found.steps[launchIndex++];
      const auto *action = step.as<Plan::Launch>();
      ASSERT_TRUE(action);
      EXPECT_EQ(plan->kernels[action->kernel].symbol, launch.getKernel().str());
      EXPECT_EQ(action->grid.tasks, launch.getTasks());
      EXPECT_EQ(action->grid.per, launch.getPer());
      EXPECT_EQ(static_cast<int>(action->grid.unit),
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
    // Candidates are chosen on the host, behind all launches.
    if (entry.getKind() != mlir::plan::EntryKind::Prefill) {
      const auto *call = found.steps[launchIndex++].as<Plan::HostCall>();
      ASSERT_TRUE(call);
      EXPECT_EQ(call->callee, "top_candidates");
      EXPECT_EQ(call->numbers,
                (std::vector<int64_t>{256, 64, 288, 64, 64, 32}));
      EXPECT_EQ(call->grid.unit, GridUnit::Tokens);
    }
    EXPECT_EQ(launchIndex, found.steps.size());
  }
  EXPECT_EQ(entryIndex, plan->entries.size());
  EXPECT_GT(checkedArgs, 100u);
}

// Steps that no pass makes for a cpu of one rank yet.
TEST(PlanWriter, WritesEveryKindOfStep) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::mm1::MM1Dialect, mlir::plan::PlanDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
module attributes {mm1.ranks = 4 : i64} {
  plan.limits max_sequences = 2 max_context = 100 max_prefill = 4 page_tokens = 64 pages = 4 arena_bytes = 4096
      candidates = 1 page_image = "gpu-1" spare_slots = 1 spare_pages = 2 grid = [1, 2, 2]
  plan.kernel_module @gpu cuda arch = "sm_90a"
  plan.kernel_module @host cpu host_of = @gpu
  plan.kernel @begin in @gpu builtin begin (read "pages" tensor<?xi32>, write "tokens" tensor<?xi32>) waits
  plan.entry @decode_2 decode tokens = 2 sequences = 2 stage = 0 {
    %x = plan.buffer input "slots" at 0 bytes = 64 rows = 2 : tensor<?xi32>
    %y = plan.buffer at 64 bytes = 64 rows = 2 : tensor<?xi32>
    %z = plan.buffer at 128 bytes = 64 rows = 2 : tensor<?xi32>
    %u = plan.buffer at 192 bytes = 64 rows = 2 : tensor<?xi32>
    %l = plan.buffer output "logits" at 256 bytes = 256 rows = 2 : tensor<?x5xf32>
    plan.launch @begin (read %x : tensor<?xi32>, write %y : tensor<?xi32>) tasks = 3 unit = one per = 1 grain = 2
        threads = 128 shared_bytes = 1024 workspace_bytes = 64 early_start label = "begin"
    plan.signal 7
    plan.wait 7 stream = 1
    plan.collective all_reduce [ep, tp] (read %y : tensor<?xi32>, write %z : tensor<?xi32>) stream = 1
    plan.copy (read %z : tensor<?xi32>, write %u : tensor<?xi32>) stream = 1
    plan.host_call "f" (read %u : tensor<?xi32>, write %l : tensor<?x5xf32>) numbers = [5] tasks = 1 unit = tokens per = 4
        label = "f" stream = 1
  }
})",
                                                        &context);
  ASSERT_TRUE(module);
  BuiltKernels built{{{{"sm_90a", "kernels/a.cubin"}}, {{"x86-64", "a.so"}}},
                     {0}};
  auto bytes = writePlan(*module, 0, built);
  ASSERT_TRUE(bytes) << bytes.error().message;
  fb::PlanT plan;
  fb::GetPlan(bytes->data())->UnPackTo(&plan);
  EXPECT_EQ(plan.ep, 2u);
  EXPECT_EQ(plan.tp, 2u);
  EXPECT_EQ(plan.page_image, "gpu-1");
  EXPECT_EQ(plan.spare_slots, 1u);
  EXPECT_EQ(plan.spare_pages, 2u);
  ASSERT_EQ(plan.modules.size(), 2u);
  EXPECT_EQ(plan.modules[0]->device, fb::DeviceKind::CUDA);
  EXPECT_EQ(plan.modules[0]->variants[0]->path, "kernels/a.cubin");
  EXPECT_EQ(plan.modules[0]->host_of, -1);
  EXPECT_EQ(plan.modules[1]->host_of, 0);
  EXPECT_TRUE(plan.kernels[0]->waits);
  EXPECT_EQ(plan.kernels[0]->builtin, fb::Builtin::Begin);
  auto &steps = plan.entries[0]->steps;
  ASSERT_EQ(steps.size(), 6u);
  const fb::LaunchT &launch = *steps[0]->action.AsLaunch();
  EXPECT_EQ(launch.grain, 2u);
  EXPECT_EQ(launch.threads, 128u);
  EXPECT_EQ(launch.shared_bytes, 1024u);
  EXPECT_EQ(launch.workspace_bytes, 64u);
  EXPECT_TRUE(launch.early_start);
  EXPECT_EQ(steps[0]->label, "begin");
  EXPECT_EQ(steps[1]->action.AsSignal()->event, 7u);
  EXPECT_EQ(steps[2]->action.AsWait()->event, 7u);
  EXPECT_EQ(steps[2]->stream, 1u);
  EXPECT_EQ(steps[3]->action.AsCollective()->axes,
            (std::vector<fb::GridAxis>{fb::GridAxis::EP, fb::GridAxis::TP}));
  EXPECT_EQ(steps[3]->args[1]->index, 128u);
  EXPECT_TRUE(steps[4]->action.AsCopy());
  EXPECT_EQ(steps[5]->action.AsHostCall()->numbers, std::vector<int64_t>{5});
  EXPECT_EQ(steps[5]->action.AsHostCall()->grid->per, 4u);
}

TEST(PlanWriter, WantsWhatCodegenMadeOfItsKernels) {
  PackedModel model(golden("h-one-layer"));
  BuiltKernels built = model.built();
  built.scratchBytes.pop_back();
  EXPECT_FALSE(writePlan(*model.module, 0, built));
  built = model.built();
  built.variants.clear();
  EXPECT_FALSE(writePlan(*model.module, 0, built));
}

} // namespace
