// RUN: mm1-opt %s --mm1-pipeline=to=mm1 | FileCheck %s --check-prefix=MM1
// RUN: mm1-opt %s --mm1-pipeline=to=sharded | FileCheck %s --check-prefix=SHARDED
// RUN: mm1-opt %s --mm1-pipeline='to=quantized scheme=int8-experts' | FileCheck %s --check-prefix=QUANTIZED
// RUN: mm1-opt %s --mm1-pipeline='to=fused scheme=int8-experts max-sequences=2 overrides=grouped_matmul.rows=5' | FileCheck %s --check-prefix=FUSED
// RUN: mm1-opt %s --mm1-pipeline='to=plan scheme=int8-experts max-sequences=2 max-context=128 prefill-tokens=16' \
// RUN:   | FileCheck %s --check-prefix=PLAN
// The default is to=fused, nothing quantised.
// RUN: mm1-opt %s --mm1-pipeline | FileCheck %s --check-prefix=DEFAULT
// RUN: not mm1-opt %s --mm1-pipeline=ranks=2 2>&1 | FileCheck %s --check-prefix=RANKS
// RUN: not mm1-opt %s --mm1-pipeline=to=cubin 2>&1 | FileCheck %s --check-prefix=STAGE

// One layer of experts on top of an embedding, through all phases.

// Nothing has happened.
// MM1: module {
// MM1: mm1.all_reduce

// Collectives over one rank fold away, and what nobody reads goes.
// SHARDED: module attributes {mm1.ranks = 1 : i64, mm1.stage = "sharded"}
// SHARDED-LABEL: func.func @decode
// SHARDED-NOT: mm1.all_reduce
// SHARDED-NOT: mm1.silu %{{.*}} : tensor<?x4xf32>
// SHARDED: return

// QUANTIZED: module attributes {mm1.ranks = 1 : i64, mm1.scheme = "int8-experts", mm1.stage = "quantized"}
// QUANTIZED: mm1.weight @w1.scale
// QUANTIZED: func.func @decode
// QUANTIZED: mm1.expert_linear {{.*}} scales

// FUSED: mm1.weight @w1 : tensor<4x96x64xi8, #mm1.tiled<panel = 32, depth = 2>>
// FUSED: mm1.weight @w1.scale : tensor<4x96xf32, #mm1.padded<multiple = 32>>
// A single token needs no grouping of pairs by expert, two do.
// FUSED-LABEL: func.func @decode_1
// FUSED: mm1.cluster row_reduction
// FUSED: mm1.cluster matmul
// FUSED: mm1.cluster routing
// FUSED-NOT: mm1.group_tokens
// FUSED-LABEL: func.func @decode_2
// FUSED: mm1.cluster row_reduction
// FUSED: mm1.cluster matmul
// FUSED: mm1.cluster routing
// FUSED: mm1.cluster routing
// Merged, with its gate in the epilogue.
// FUSED: mm1.cluster grouped_matmul{{.*}} schedule {{{.*}}rows = 5 : i64
// FUSED: %{{.*}}:2 = mm1.expert_linear
// FUSED: mm1.silu
// FUSED: mm1.mul
// FUSED-NOT: mm1.cluster
// FUSED: return

// DEFAULT: mm1.scheme = "none"
// DEFAULT: mm1.cluster grouped_matmul{{.*}} schedule

// PLAN: plan.limits
// PLAN: plan.kernel
// PLAN: plan.entry @decode_2
// PLAN-NOT: func.func

// RANKS: error: sharding over 2 ranks is not supported yet: this version compiles for one rank
// STAGE: Cannot find option named 'cubin'
mm1.weight @table : tensor<512x64xbf16> = #mm1.recipe<sources = [#mm1.source<"table" : tensor<512x64xbf16>>], steps = []>
mm1.weight @norm : tensor<64xbf16> = #mm1.recipe<sources = [#mm1.source<"norm" : tensor<64xbf16>>], steps = []>
mm1.weight @router : tensor<4x64xf32> = #mm1.recipe<sources = [#mm1.source<"router" : tensor<4x64xf32>>], steps = []>
mm1.weight @w1 : tensor<4x96x64xbf16> = #mm1.recipe<sources = [#mm1.source<"w1" : tensor<4x96x64xbf16>>], steps = []>
mm1.weight @w3 : tensor<4x96x64xbf16> = #mm1.recipe<sources = [#mm1.source<"w3" : tensor<4x96x64xbf16>>], steps = []>
func.func @decode(%tokens: tensor<?xi32> {mm1.name = "tokens"}) -> (tensor<?x2x96xbf16> {mm1.name = "hidden"})
    attributes {mm1.entry = "decode"} {
  %t = mm1.load_weight @table : tensor<512x64xbf16>
  %x = mm1.embedding %tokens, %t : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xbf16>
  %wn = mm1.load_weight @norm : tensor<64xbf16>
  %n = mm1.rms_norm %x, %wn eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
  %m = mm1.all_reduce %n ranks = 1 : tensor<?x64xbf16>
  %wr = mm1.load_weight @router : tensor<4x64xf32>
  %logits = mm1.linear %m weights(%wr) : (tensor<?x64xbf16>, tensor<4x64xf32>) -> tensor<?x4xf32>
  %nobody = mm1.silu %logits : tensor<?x4xf32>
  %ids, %rw = mm1.router %logits : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %w1 = mm1.load_weight @w1 : tensor<4x96x64xbf16>
  %g = mm1.expert_linear %m, %ids weights(%w1)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<4x96x64xbf16>) -> tensor<?x2x96xbf16>
  %w3 = mm1.load_weight @w3 : tensor<4x96x64xbf16>
  %u = mm1.expert_linear %m, %ids weights(%w3)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<4x96x64xbf16>) -> tensor<?x2x96xbf16>
  %s = mm1.silu %g : tensor<?x2x96xbf16>
  %h = mm1.mul %s, %u : tensor<?x2x96xbf16>
  return %h : tensor<?x2x96xbf16>
}
