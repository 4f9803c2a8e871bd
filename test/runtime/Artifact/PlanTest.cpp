//===- PlanTest.cpp - plan.bin as foreign bytes ---------------------------===//
#include "runtime/Artifact/Plan.h"
#include "test/runtime/Tiny/TinyArtifact.h"
#include "test/runtime/Tiny/TinyModel.h"

#include <functional>
#include <gtest/gtest.h>

using namespace mm1;
using namespace mm1::tiny;

TEST(Plan, ReadsWhatWasWritten) {
  auto plan = Plan::parse(TinyArtifact().planBytes(), "plan.bin");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->vocabSize, uint64_t(kVocab));
  EXPECT_EQ(plan->maxContext, uint64_t(kContext));
  EXPECT_EQ(plan->candidates, uint32_t(kCandidates));
  EXPECT_EQ(plan->ranks(), 1u);
  EXPECT_EQ(plan->pageImage, "tiny-1");
  EXPECT_EQ(plan->pageColumns(), uint64_t(kPageColumns));
  ASSERT_EQ(plan->modules.size(), 1u);
  EXPECT_EQ(plan->modules[0].device, DeviceKind::CPU);
  EXPECT_EQ(plan->modules[0].variant("x86-64-v3")->path,
            "kernels/cpu-x86-64-v3.so");
  EXPECT_EQ(plan->modules[0].variant("x86-64-v4"), nullptr);
  EXPECT_EQ(plan->kernels[1].symbol, "decay");
  EXPECT_EQ(plan->maxScratchBytes(), 64u);
  EXPECT_EQ(plan->weights[0].element, ElementType::F32);
  EXPECT_EQ(plan->states[1].kind, StateKind::KVPages);
  EXPECT_EQ(plan->units(StateKind::KVPages), uint64_t(kPages));
  EXPECT_EQ(plan->stateBytes(), 64u * (kSequences + kPages));
  const Plan::Step &attend = plan->entries[0].steps[3];
  EXPECT_EQ(attend.label, "step 3");
  EXPECT_EQ(attend.args[5].kind, ArgKind::State);
  EXPECT_EQ(attend.args[6].access, Access::Write);
  ASSERT_TRUE(attend.as<Plan::Launch>());
  EXPECT_EQ(attend.as<Plan::Launch>()->grid.count(7, 1), 3u); // ceil(7 / 3)
  const auto *call = plan->entries[0].steps[5].as<Plan::HostCall>();
  ASSERT_TRUE(call);
  EXPECT_EQ(call->callee, "top_candidates");
  EXPECT_EQ(call->numbers[1], kCandidates);
  EXPECT_EQ(plan->input("pages")->columns, uint64_t(kPageColumns));
  EXPECT_EQ(plan->output("pages"), nullptr);
}

TEST(Plan, PicksTheSmallestBucket) {
  auto plan = Plan::parse(TinyArtifact().planBytes(), "plan.bin");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->bucket(EntryKind::Decode, 1, 1), &plan->entries[0]);
  EXPECT_EQ(plan->bucket(EntryKind::Decode, 2, 2), &plan->entries[1]);
  EXPECT_EQ(plan->bucket(EntryKind::Prefill, 4, 1), &plan->entries[2]);
  EXPECT_EQ(plan->bucket(EntryKind::Prefill, 5, 1), &plan->entries[3]);
  EXPECT_EQ(plan->bucket(EntryKind::Prefill, 9, 1), nullptr);
  EXPECT_EQ(plan->bucket(EntryKind::Prefill, 4, 4), nullptr);
}

TEST(Plan, RefusesEveryTruncation) {
  std::vector<std::byte> bytes = TinyArtifact().planBytes();
  // The last string may end in up to three bytes of padding, which nobody
  // reads.
  for (size_t size = 0; size + 3 < bytes.size(); ++size) {
    // A copy of its own, so that a read past the end meets the sanitizer.
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + ptrdiff_t(size));
    auto plan = Plan::parse(cut, "plan.bin");
    ASSERT_FALSE(plan) << size;
    EXPECT_EQ(plan.error().kind, ErrorKind::Input);
    EXPECT_EQ(plan.error().message.find("plan.bin: "), 0u);
  }
}

/// What may follow from a plan that was accepted: nothing it names is outside
/// of what it has.
static void expectConsistent(const Plan &plan) {
  for (const Plan::Entry &entry : plan.entries)
    for (const Plan::Step &step : entry.steps) {
      if (auto *launch = step.as<Plan::Launch>()) {
        ASSERT_LT(launch->kernel, plan.kernels.size());
        ASSERT_LT(plan.kernels[launch->kernel].module, plan.modules.size());
        ASSERT_GE(launch->grid.per, 1u);
        ASSERT_LE(launch->grid.count(entry.maxTokens, entry.maxSequences),
                  UINT32_MAX);
      }
      for (const Plan::Arg &arg : step.args) {
        if (arg.kind == ArgKind::Arena) {
          ASSERT_LE(arg.sizeBytes, plan.arenaBytes);
          ASSERT_LE(arg.index, plan.arenaBytes - arg.sizeBytes);
        } else {
          ASSERT_LT(arg.index, arg.kind == ArgKind::Weight
                                   ? plan.weights.size()
                                   : plan.states.size());
        }
      }
    }
  for (const Plan::Port &port : plan.inputs)
    ASSERT_LE(port.offset + port.sizeBytes(), plan.arenaBytes);
}

TEST(Plan, SurvivesEveryFlippedByte) {
  std::vector<std::byte> bytes = TinyArtifact().planBytes();
  size_t refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    for (std::byte mask : {std::byte(0xff), std::byte(0x01), std::byte(0x80)}) {
      bytes[i] ^= mask;
      if (auto plan = Plan::parse(bytes, "plan.bin"))
        expectConsistent(*plan);
      else
        ++refused;
      bytes[i] ^= mask;
    }
  EXPECT_GT(refused, bytes.size() / 2);
}

TEST(Plan, SaysWhatIsWrong) {
  struct Case {
    std::function<void(fb::PlanT &)> spoil;
    std::string message;
  };
  auto arg = [](fb::PlanT &plan, size_t step, size_t i) -> fb::ArgT & {
    return *stepOf(plan, 0, step).args[i];
  };
  /// Makes the first step of a decode another one.
  auto act = [](fb::PlanT &plan, auto action) {
    stepOf(plan, 0, 0).action.Set(std::move(action));
  };
  auto collective = [&](fb::PlanT &plan, std::vector<fb::GridAxis> axes) {
    fb::CollectiveT action;
    action.axes = std::move(axes);
    act(plan, std::move(action));
  };
  /// A second module, for a GPU, whose kernel is the first step's.
  auto onGpu = [](fb::PlanT &plan) {
    plan.modules.push_back(std::make_unique<fb::ModuleT>());
    plan.modules[1]->device = fb::DeviceKind::CUDA;
    plan.modules[1]->variants.push_back(std::make_unique<fb::VariantT>());
    plan.modules[1]->variants[0]->name = "sm_90a";
    plan.modules[1]->variants[0]->path = "kernels/a.cubin";
    plan.kernels[0]->module_index = 1;
    for (size_t entry = 0; entry < 4; ++entry)
      launchOf(plan, entry, 0).threads = 128;
  };
  const Case cases[] = {
      {[](auto &p) { p.version = 1; },
       "plan.bin: made by mm1c 0.1 (plan version 1); compile again"},
      {[](auto &p) { p.version = 3; },
       "has plan version 3; this runtime reads 2; use a newer one"},
      {[](auto &p) { p.pp = 0; }, "pp is 0; expected from 1"},
      {[](auto &p) { p.ep = 1025; }, "ep is 1025; expected from 1"},
      {[](auto &p) { p.pp = p.ep = p.tp = 100; },
       "pp * ep * tp is 1000000; expected from 1 to 1024"},
      {[](auto &p) { p.candidates = 0; }, "candidates is 0; expected from 1"},
      {[](auto &p) { p.candidates = 8; },
       "candidates is 8; expected from 1 to 7"},
      {[](auto &p) { p.page_image = ""; }, "page_image is empty"},
      {[](auto &p) { p.spare_slots = 1; },
       "states have 3 slots; max_sequences and spare_slots are 4"},
      {[](auto &p) { p.spare_pages = 9; },
       "states have 9 pages, of which 9 are spare"},
      {[](auto &p) { p.modules.clear(); },
       "kernels[0].module_index is 0; expected below 0"},
      {[](auto &p) { p.modules[0]->device = fb::DeviceKind(2); },
       "modules[0].device is 2; expected at most 1"},
      {[](auto &p) { p.modules[0]->variants.clear(); },
       "modules[0].variants are empty"},
      {[](auto &p) { p.modules[0]->host_of = 0; },
       "modules[0].host_of is 0; expected of a cpu module, to name a cuda"},
      {[](auto &p) { p.modules[0]->host_of = 1; },
       "modules[0].host_of is 1; expected below 1"},
      {[](auto &p) { p.modules[0]->host_of = -2; },
       "modules[0].host_of is 18446744073709551614; expected below 1"},
      {[&](auto &p) { onGpu(p), p.modules[1]->variants[0]->path = "/etc/x"; },
       "modules[1].variants[0].path '/etc/x' is no path inside an artifact"},
      {[&](auto &p) { onGpu(p), p.modules[1]->variants[0]->path = "a/../x"; },
       "modules[1].variants[0].path 'a/../x' is no path inside an artifact"},
      {[&](auto &p) { onGpu(p), p.modules[1]->variants[0]->name = ""; },
       "modules[1].variants[0].name is empty"},
      {[](auto &p) { p.kernels[2]->module_index = 1; },
       "kernels[2].module_index is 1; expected below 1"},
      {[](auto &p) { p.kernels[2]->waits = true; },
       "kernels[2] waits, but is a cpu's"},
      {[](auto &p) { p.kernels[2]->builtin = fb::Builtin::Begin; },
       "kernels[2] is a builtin, but a cpu's"},
      {[](auto &p) { p.vocab_size = 0; }, "vocab_size is 0"},
      {[](auto &p) { p.vocab_size = 99; },
       "port 'vocabulary_mask' has 1 rows; this plan's limits need 4"},
      {[](auto &p) { p.vocab_size = 8; },
       "port 'logits' has 7 columns; this plan's limits need 8"},
      {[](auto &p) { p.max_context = uint64_t(1) << 40; },
       "max_context is 1099511627776"},
      {[](auto &p) { p.max_context = 100; },
       "port 'pages' has 6 columns; this plan's limits need 25"},
      {[](auto &p) { p.max_sequences = 4; },
       "states have 3 slots; max_sequences and spare_slots are 4"},
      {[](auto &p) { p.max_prefill = 9; },
       "no prefill bucket for 9 tokens of 1 sequences"},
      {[](auto &p) { p.page_tokens = 0; }, "page_tokens is 0"},
      {[](auto &p) { p.arena_bytes = 1024; },
       "past the end of the arena of 1024"},
      {[](auto &p) { p.arena_bytes = UINT64_MAX; },
       "arena_bytes is 18446744073709551615"},
      {[](auto &p) { p.kernels[1]->symbol = ""; },
       "kernels[1].symbol is empty"},
      {[](auto &p) { p.kernels[1]->symbol = "embed"; },
       "kernels[1].symbol 'embed' is there twice"},
      {[](auto &p) { p.kernels[1]->symbol.assign(300, 'x'); },
       "kernels[1].symbol has 300 bytes"},
      {[](auto &p) { p.kernels[0]->scratch_bytes = uint64_t(1) << 40; },
       "kernels[0].scratch_bytes"},
      {[](auto &p) { p.weights[0]->element = fb::Element(77); },
       "weights[0].element is 77; expected at most 9"},
      {[](auto &p) { p.weights[0]->bytes = UINT64_MAX; }, "weights[0].bytes"},
      {[](auto &p) { p.states[0]->unit_bytes = 65; },
       "states[0].unit_bytes is 65, not a multiple of 64"},
      {[](auto &p) { p.states[1]->unit_bytes = uint64_t(1) << 44; },
       "takes the states over"},
      {[](auto &p) { p.states[1]->units = uint64_t(1) << 40; },
       "states[1].units"},
      {[](auto &p) { p.inputs[0]->name = "ids"; }, "port 'tokens' is missing"},
      {[](auto &p) {
         p.inputs[0]->element = fb::Element::I64, p.inputs[0]->row_bytes = 8;
       },
       "port 'tokens' is I64; expected I32"},
      {[](auto &p) { p.inputs[0]->row_bytes = 8; },
       "port 'tokens' is not dense"},
      {[](auto &p) { p.inputs[0]->rows = 7; },
       "port 'tokens' has 7 rows; this plan's limits need 8"},
      {[](auto &p) { p.inputs[0]->rows = uint64_t(1) << 40; },
       "inputs[0].rows"},
      {[](auto &p) { p.inputs[2]->rows = 3; },
       "port 'starts' has 3 rows; this plan's limits need 4"},
      {[](auto &p) { p.inputs[4]->rows = 2; },
       "port 'pages' has 2 rows; this plan's limits need 3"},
      {[](auto &p) { p.inputs[1]->offset = 0; },
       "'tokens' and 'positions' share bytes"},
      {[](auto &p) { p.inputs[1]->offset = 68; },
       "inputs[1] ('positions') starts at 68, not a multiple of 64"},
      {[](auto &p) { p.inputs[1]->offset = UINT64_MAX - 63; },
       "inputs[1] ('positions') takes 32 bytes from"},
      {[](auto &p) { p.inputs.erase(p.inputs.begin() + 4); },
       "port 'pages' is missing"},
      {[](auto &p) { p.outputs[1]->row_bytes = 4; },
       "outputs[1] ('logits') has row_bytes 4 for 7 columns of F32"},
      {[](auto &p) { p.outputs[1]->element = fb::Element::BF16; },
       "port 'logits' is BF16; expected F32"},
      {[](auto &p) { p.entries.erase(p.entries.begin() + 1); },
       "no decode bucket for 3 tokens of 3 sequences"},
      {[](auto &p) { p.entries.resize(4); }, "no head bucket"},
      {[](auto &p) { p.entries[0]->kind = fb::EntryKind(3); },
       "entries[0].kind is 3; expected at most 2"},
      {[](auto &p) { p.entries[0]->max_tokens = 0; },
       "entries[0].max_tokens is 0"},
      {[](auto &p) { p.entries[0]->stage = 1; },
       "entries[0].stage is 1; expected from 0 to 0"},
      {[](auto &p) { launchOf(p, 0, 2).kernel = 6; },
       "entries[0].steps[2].kernel is 6; expected below 6"},
      {[](auto &p) { launchOf(p, 0, 2).grid->tasks = 0; },
       "entries[0].steps[2].tasks is 0"},
      {[](auto &p) { launchOf(p, 3, 0).grid->tasks = 1u << 30; },
       "entries[3].steps[0]: its task count is"},
      {[](auto &p) { launchOf(p, 0, 2).grid->per = 0; },
       "entries[0].steps[2].per is 0"},
      {[](auto &p) { launchOf(p, 0, 2).grid->unit = fb::GridUnit(9); },
       "entries[0].steps[2].unit is 9"},
      {[](auto &p) { launchOf(p, 0, 2).threads = 32; },
       "entries[0].steps[2].threads is 32; expected from 0 to 0"},
      {[](auto &p) { launchOf(p, 0, 2).shared_bytes = 1; },
       "entries[0].steps[2].shared_bytes is 1; expected from 0 to 0"},
      {[](auto &p) { launchOf(p, 0, 2).workspace_bytes = 64; },
       "entries[0].steps[2].workspace_bytes is 64; expected 0 on a cpu"},
      {[](auto &p) { launchOf(p, 0, 2).workspace_bytes = UINT64_MAX; },
       "entries[0].steps[2].workspace_bytes is 18446744073709551615"},
      {[](auto &p) { launchOf(p, 0, 2).early_start = true; },
       "entries[0].steps[2].early_start is set, but kernel 'append' does not "
       "wait"},
      {[&](auto &p) { onGpu(p), launchOf(p, 0, 0).threads = 0; },
       "entries[0].steps[0].threads is 0; expected from 1 to 1024"},
      {[&](auto &p) { onGpu(p), launchOf(p, 0, 0).threads = 1025; },
       "entries[0].steps[0].threads is 1025"},
      {[&](auto &p) { onGpu(p), launchOf(p, 0, 0).shared_bytes = 1 << 20; },
       "entries[0].steps[0].shared_bytes is 1048576"},
      {[&](auto &p) { onGpu(p), launchOf(p, 0, 0).early_start = true; },
       "entries[0].steps[0].early_start is set, but kernel 'embed' does not"},
      {[](auto &p) { stepOf(p, 0, 1).stream = 64; },
       "entries[0].steps[1].stream is 64; expected from 0 to 63"},
      {[](auto &p) { stepOf(p, 0, 1).action.Reset(); },
       "its tables point outside"}, // an action is required
      {[&](auto &p) { act(p, fb::WaitT{}); },
       "entries[0].steps[0] waits for signal 0, which no step before it gives"},
      {[&](auto &p) {
         act(p, fb::SignalT{}), stepOf(p, 0, 1).action.Set(fb::SignalT{});
       },
       "entries[0].steps[1] repeats signal 0"},
      {[&](auto &p) { act(p, fb::CopyT{}); },
       "entries[0].steps[0].args are not one buffer to read and one to write"},
      {[&](auto &p) {
         act(p, fb::CopyT{}),
             stepOf(p, 0, 0).args.erase(stepOf(p, 0, 0).args.begin() + 1);
       },
       "entries[0].steps[0].args have 4 and 128 bytes; expected as many"},
      {[&](auto &p) { collective(p, {fb::GridAxis::PP}); },
       "entries[0].steps[0].axes are not ep, tp, or both in this order"},
      {[&](auto &p) { collective(p, {}); }, "axes are not ep, tp, or both"},
      {[&](auto &p) { collective(p, {fb::GridAxis::TP, fb::GridAxis::EP}); },
       "axes are not ep, tp, or both"},
      {[&](auto &p) { collective(p, {fb::GridAxis(7)}); },
       "entries[0].steps[0].axes[0] is 7; expected at most 2"},
      {[&](auto &p) { collective(p, {fb::GridAxis::TP}); },
       "entries[0].steps[0].args are not one buffer to read"},
      {[](auto &p) { stepOf(p, 0, 5).action.AsHostCall()->callee = ""; },
       "entries[0].steps[5].callee is empty"},
      {[](auto &p) { stepOf(p, 0, 5).action.AsHostCall()->grid->tasks = 0; },
       "entries[0].steps[5].tasks is 0"},
      {[&](auto &p) { arg(p, 0, 0).bytes = 1 << 20; },
       "entries[0].steps[0].args[0] takes 1048576 bytes from 0"},
      {[&](auto &p) {
         arg(p, 0, 0).index = 64, arg(p, 0, 0).bytes = UINT64_MAX - 32;
       }, // their sum is 31
       "args[0] takes 18446744073709551583 bytes from 64"},
      {[&](auto &p) { arg(p, 0, 0).index = 4; },
       "entries[0].steps[0].args[0] starts at 4"},
      {[&](auto &p) { arg(p, 0, 1).index = 1; },
       "entries[0].steps[0].args[1].index is 1; expected below 1"},
      {[&](auto &p) { arg(p, 0, 1).access = fb::Access::Update; },
       "args[1].access writes a weight"},
      {[&](auto &p) { arg(p, 1, 4).index = 2; },
       "entries[0].steps[1].args[4].index is 2; expected below 2"},
      {[&](auto &p) { arg(p, 1, 4).kind = fb::ArgKind(7); },
       "args[4].kind is 7"},
      {[](auto &p) { p.inputs[6]->name = "mask"; },
       "port 'vocabulary_mask' is missing"},
      {[](auto &p) { p.inputs[7]->rows = 3; },
       "port 'candidate_counts' has 3 rows; this plan's limits need 4"},
      {[](auto &p) { p.inputs[8]->element = fb::Element::I32; },
       "port 'inverse_temperatures' is I32; expected F32"},
      {[](auto &p) { p.outputs[3]->columns = 4; },
       "port 'candidate_ids' has 4 columns; this plan's limits need 5"},
      {[](auto &p) { p.outputs.pop_back(); },
       "port 'candidate_sums' is missing"},
  };
  for (const Case &test : cases) {
    TinyArtifact tiny;
    test.spoil(tiny.plan);
    auto plan = Plan::parse(tiny.planBytes(), "plan.bin");
    if (plan) {
      ADD_FAILURE() << "accepted; expected: " << test.message;
      continue;
    }
    EXPECT_NE(plan.error().message.find(test.message), std::string::npos)
        << "expected: " << test.message << "\nfound: " << plan.error().message;
    EXPECT_EQ(plan.error().kind, ErrorKind::Input);
  }
}

TEST(Plan, NamesWhatVersion1Was) {
  std::string bytes =
      readAll(MM1_SOURCE_DIR "/test/fuzz/seeds/FuzzPlan/version-1");
  ASSERT_FALSE(bytes.empty());
  auto plan = Plan::parse(std::as_bytes(std::span(bytes)), "plan.bin");
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message,
            "plan.bin: made by mm1c 0.1 (plan version 1); compile again");
}

TEST(Plan, RefusesAnotherFileOfTheFormat) {
  std::vector<std::byte> bytes = TinyArtifact().planBytes();
  bytes[4] = std::byte('X'); // the identifier "MM1P"
  auto plan = Plan::parse(bytes, "plan.bin");
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message.find("does not start as a plan does"),
            std::string::npos);
}
