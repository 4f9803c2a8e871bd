//===- Passes.td - The passes of the plan phase --------------*- tablegen -*-===//
// One pass a file: mm1-lower-to-plan is LowerToPlan in LowerToPlan.cpp, tested by test/passes/Plan/lower-to-plan.mlir.
//===------------------------------------------------------------------------===//
#ifndef PLAN_PASSES_TD
#define PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToPlan : Pass<"mm1-lower-to-plan", "::mlir::ModuleOp"> {
  let summary = "Tensors become bytes in an arena, clusters become launches, functions become buckets";
  let description = [{
    Equal clusters become one `plan.kernel`, except what the target leaves to the host, which becomes `plan.host_call`
    (HostCalls.h). Each function becomes one `plan.entry` per bucket: decode for 1, 2, 4, ...
    sequences, prefill for 16, 64, 256, ... tokens, head for 1, 2, 4, ... rows and one more bucket of up to 64. States are
    updated in place. Named buffers come first in the arena, at one place for all buckets; the others share what is
    behind by live range (PlaceBuffers.h). An entry of a GPU begins with the builtin `begin`, and ends with `publish` where
    it chooses candidates; its kernels are in modules of at most 16.
    ```mlir
    func.func @decode(%tokens: tensor<?xi32> {mm1.name = "tokens"}, ...) -> tensor<?x64xf32> attributes {mm1.entry = "decode"} {
      %t = mm1.load_weight @embed_tokens : tensor<512x64xf32>
      %x = mm1.cluster elementwise (%tokens, %t) schedule {...} : ... { ... mm1.embedding ... }
      return %x : tensor<?x64xf32>
    }
    // becomes
    plan.kernel_module @kernels cpu
    plan.kernel @embedding_0 in @kernels { ... }
    plan.entry @decode_1 decode tokens = 1 sequences = 1 stage = 0 {
      %tokens = plan.buffer input "tokens" at 0 bytes = 64 rows = 1 : tensor<?xi32>
      %hidden = plan.buffer output "hidden" at 512 bytes = 256 rows = 1 : tensor<?x64xf32>
      %t = plan.weight_ref @embed_tokens : tensor<512x64xf32>
      plan.launch @embedding_0 (read %tokens : ..., read %t : ..., write %hidden : ...) tasks = 1 unit = tokens per = 1
          label = "embed_tokens/embedding"
    }
    ```
    The module gets `plan.limits`, and `plan.metrics`: what a decoded token costs (PlanMetrics.h).
    Refuses: ops outside clusters other than loads, stores and the return; clusters without a schedule; a state that is
    read after its next value was made, or changed and not stored. Runs after: fuse. Cost: per bucket, quadratic in the
    buffers of one entry (80 layers: about a thousand).
  }];
  let options = [
    Option<"maxSequences", "max-sequences", "int64_t", "8", "Most sequences in a batch: slots of lightning state">,
    Option<"maxContext", "max-context", "int64_t", "4096", "Most tokens of one sequence">,
    Option<"kvTokens", "kv-tokens", "int64_t", "0",
           "Tokens that all sequences together have keys and values for; 0: a context for each, up to 1048576 or one context">,
    Option<"prefillTokens", "prefill-tokens", "int64_t", "256", "Most tokens of one prefill step">,
    Option<"device", "device", "std::string", "\"cpu\"", "cpu, the architecture of a GPU, or emulated:ARCHITECTURE">,
    Option<"pageImage", "page-image", "std::string", "\"cpu-1\"", "How keys and values lie in a page">,
    Option<"spareUnits", "spare-units", "int64_t", "0", "Slots, and pages, that belong to no sequence">,
    Option<"selectsOnHost", "selects-on-host", "bool", "true", "Whether the runtime chooses candidates, not a kernel">,
    Option<"startsEarly", "starts-early", "bool", "false", "Whether a launch may begin while the one before it ends">
  ];
  let dependentDialects = ["::mlir::plan::PlanDialect"];
}

def VerifyPlan : Pass<"mm1-verify-plan", "::mlir::ModuleOp"> {
  let summary = "Check what the plan phase promises";
  let description = [{
    Beside what `plan.entry` checks alone: only plan ops, weights and states are left; a name has one place in the
    arena; nothing without a name lies on it in another bucket; all pipeline stages have all buckets.
  }];
}

#endif // PLAN_PASSES_TD
