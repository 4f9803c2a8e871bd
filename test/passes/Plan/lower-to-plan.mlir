// RUN: mm1-opt %s --mm1-specialize-buckets="max-sequences=2 prefill-tokens=20" --mm1-lower-to-plan="max-sequences=2 max-context=100 prefill-tokens=20" --mm1-verify-plan | FileCheck %s
// RUN: mm1-opt %s --mm1-specialize-buckets="max-sequences=2 prefill-tokens=20" --mm1-lower-to-plan="max-sequences=2 max-context=100 prefill-tokens=20" > %t.1
// RUN: mm1-opt %s --mm1-specialize-buckets="max-sequences=2 prefill-tokens=20" --mm1-lower-to-plan="max-sequences=2 max-context=100 prefill-tokens=20" | diff %t.1 -

// Pages: 100 tokens are 2 pages of 64, times 2 sequences, unless others are asked for. 40 contexts of 60000 tokens, 938
// pages, would be 37520: there are pages for 1 Mi tokens. One context of 2000000 tokens is allowed more.
// RUN: mm1-opt %s --mm1-specialize-buckets=max-sequences=2 --mm1-lower-to-plan="max-sequences=2 max-context=100 kv-tokens=65" | FileCheck %s --check-prefix=SAID
// SAID: plan.limits {{.*}} pages = 2 arena_bytes
// RUN: mm1-opt %s --mm1-specialize-buckets=max-sequences=40 --mm1-lower-to-plan="max-sequences=40 max-context=60000" | FileCheck %s --check-prefix=MANY
// MANY: plan.limits {{.*}} pages = 16384 arena_bytes
// RUN: mm1-opt %s --mm1-specialize-buckets=max-sequences=2 --mm1-lower-to-plan="max-sequences=2 max-context=2000000" | FileCheck %s --check-prefix=LONG
// LONG: plan.limits {{.*}} pages = 31250 arena_bytes
// RUN: not mm1-opt %s --mm1-specialize-buckets=max-sequences=2 --mm1-lower-to-plan="kv-tokens=-1" 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: error: expects kv-tokens between 0 and 2147483647, found -1

// What a decoded token costs: @decode_1, 6 launches (the head is not inlined here). An embedding row: 32 * 4 = 128 bytes;
// qkv and out_proj: 12 * 32 * 4 + 32 * 4 * 4 = 2048; slopes: 4. A slot is 1 * 4 * 4 * 4 = 64 bytes,
// and there are two of them. All weights: 8 * 32 * 4 + 2048 + 5120 + 4 = 8196.
//      CHECK: plan.metrics = {arena_bytes = 10752 : i64, collectives_per_token = 0 : i64, copies_per_token = 0 : i64,
// CHECK-SAME: host_calls_per_token = 0 : i64, kernels = 8 : i64,
// CHECK-SAME: kv_bytes_per_token = 0 : i64, launches_per_token = 6 : i64, slot_bytes = 64 : i64, state_bytes = 128 : i64,
// CHECK-SAME: weight_bytes = 8196 : i64,
// CHECK-SAME: weight_bytes_per_token = {attention = 2048 : i64, embedding = 128 : i64, other = 4 : i64}

// Pages: 100 tokens are 2 pages of 64, times 2 sequences. Arena: the ports end at 8192 (see below), and @head_20 needs
// 20 * 128 bytes behind them: 10752.
// CHECK: plan.limits max_sequences = 2 max_context = 100 max_prefill = 20 page_tokens = 64 pages = 4 arena_bytes = 10752 candidates = 1 page_image = "cpu-1"{{$}}
// CHECK: plan.kernel_module @kernels cpu{{$}}

// The two silu clusters are one kernel; the embeddings of decode and prefill differ in their schedule.
//     CHECK: plan.kernel @embedding_0 in @kernels {
//     CHECK: plan.kernel @silu_0 in @kernels {
// CHECK-NOT: plan.kernel @silu_1
//     CHECK: plan.kernel @linear_silu_0 in @kernels {
//     CHECK: plan.kernel @lightning_attention_0 in @kernels {
//     CHECK: plan.kernel @linear_residual_0 in @kernels {
//     CHECK: plan.kernel @embedding_1 in @kernels {
//     CHECK: plan.kernel @gather_rows_0 in @kernels {
//     CHECK: plan.kernel @linear_0 in @kernels {

// Ports, for the largest bucket each: tokens 20 * 4 -> 128, positions (decode only) 64, starts 3 * 4 -> 64, slots 64,
// pages 2 slots * 2 * 4 -> 64 in every bucket, hidden 20 rows * 128 = 2560, rows 20 * 4 -> 128, logits 20 rows * 64 * 4 = 5120.
// 0, 128, 192, 256, 320, 384, 2944, 3072, end at 8192.
// CHECK-LABEL: plan.entry @decode_1 decode tokens = 1 sequences = 1 stage = 0 {
//       CHECK: [[TOKENS:%.*]] = plan.buffer input "tokens" at 0 bytes = 64 rows = 1 : tensor<?xi32>
//       CHECK: [[POSITIONS:%.*]] = plan.buffer input "positions" at 128 bytes = 64 rows = 1 : tensor<?xi32>
//       CHECK: [[STARTS:%.*]] = plan.buffer input "starts" at 192 bytes = 64 rows = 2 : tensor<?xi32>
//       CHECK: [[SLOTS:%.*]] = plan.buffer input "slots" at 256 bytes = 64 rows = 1 : tensor<?xi32>
//       CHECK: plan.buffer input "pages" at 320 bytes = 64 rows = 2 columns = 2 : tensor<?x?xi32>
//       CHECK: [[HIDDEN:%.*]] = plan.buffer output "hidden" at 384 bytes = 128 rows = 1 : tensor<?x32xf32>

// Five buffers of 128 bytes. x lives from launch 0 to 5, y 1-2, z 2-3, qkv 3-4, o 4-5. All are equally large, so the
// order of definition decides: x 8192; y keeps off x: 8320; z keeps off x and y: 8448; qkv keeps off x and z: 8320;
// o keeps off x and qkv: 8448.
//       CHECK: [[X:%.*]] = plan.buffer at 8192 bytes = 128
//       CHECK: plan.launch @embedding_0 (read [[TOKENS]] : {{.*}}, read %{{.*}}, write [[X]] : {{.*}}) tasks = 1 unit = tokens per = 1 label = "embed_tokens/embedding"
//       CHECK: [[Y:%.*]] = plan.buffer at 8320 bytes = 128
//       CHECK: plan.launch @silu_0 (read [[X]] : {{.*}}, write [[Y]] : {{.*}}) tasks = 1 unit = tokens per = 4 label = "layers.0.first/silu"
//       CHECK: [[Z:%.*]] = plan.buffer at 8448 bytes = 128
//       CHECK: plan.launch @silu_0 (read [[Y]] : {{.*}}, write [[Z]] : {{.*}}) {{.*}} label = "layers.0.second/silu"
//       CHECK: [[QKV:%.*]] = plan.buffer at 8320 bytes = 128
//       CHECK: plan.launch @linear_silu_0 (read [[Z]] : {{.*}} write [[QKV]] : {{.*}}) tasks = 1 unit = one per = 1 label = "layers.0.self_attn/linear_silu"
//       CHECK: [[STATE:%.*]] = plan.state_ref @layers.0.lightning
//       CHECK: [[O:%.*]] = plan.buffer at 8448 bytes = 128
//       CHECK: plan.launch @lightning_attention_0 (read [[QKV]] : {{.*}}, update [[STATE]] : tensor<?x1x4x4xf32>, read [[SLOTS]] : {{.*}}, read [[STARTS]] : {{.*}}, read [[POSITIONS]] : {{.*}}, write [[O]] : {{.*}}) tasks = 1 unit = sequences per = 1
//       CHECK: plan.launch @linear_residual_0 (read [[X]] : {{.*}}, read [[O]] : {{.*}}, write [[HIDDEN]] : {{.*}})

// Two rows: every buffer is 256 bytes.
// CHECK-LABEL: plan.entry @decode_2 decode tokens = 2 sequences = 2 stage = 0 {
//       CHECK: plan.buffer input "starts" at 192 bytes = 64 rows = 3
//       CHECK: plan.buffer output "hidden" at 384 bytes = 256 rows = 2
//       CHECK: plan.buffer at 8192 bytes = 256
//       CHECK: plan.buffer at 8448 bytes = 256
//       CHECK: plan.buffer at 8704 bytes = 256
//       CHECK: plan.buffer at 8448 bytes = 256
//       CHECK: plan.buffer at 8704 bytes = 256

// CHECK-LABEL: plan.entry @prefill_16 prefill tokens = 16 sequences = 2 stage = 0 {
//       CHECK: plan.buffer output "hidden" at 384 bytes = 2048 rows = 16
// CHECK-LABEL: plan.entry @prefill_20 prefill tokens = 20 sequences = 2 stage = 0 {

// The head reads any row that a decode or a prefill may have left: 20 of them.
// CHECK-LABEL: plan.entry @head_1 head tokens = 1 sequences = 1 stage = 0 {
//       CHECK: plan.buffer input "hidden" at 384 bytes = 2560 rows = 20
//       CHECK: plan.buffer input "rows" at 2944 bytes = 64 rows = 1
//       CHECK: plan.buffer output "logits" at 3072 bytes = 256 rows = 1
// CHECK-LABEL: plan.entry @head_2 head tokens = 2 sequences = 2 stage = 0 {
// CHECK-LABEL: plan.entry @head_20 head tokens = 20 sequences = 2 stage = 0 {
//   CHECK-NOT: func.func

module attributes {mm1.compute = "f32", mm1.ranks = 1 : i64} {
  mm1.weight @embed_tokens : tensor<8x32xf32> = #mm1.recipe<sources = [#mm1.source<"e" : tensor<8x32xf32>>], steps = []>
  mm1.weight @layers.0.qkv : tensor<12x32xf32> = #mm1.recipe<sources = [#mm1.source<"q" : tensor<12x32xf32>>], steps = []>
  mm1.weight @layers.0.slopes : tensor<1xf32> = #mm1.recipe<sources = [#mm1.source<"s" : tensor<1xf32>>], steps = []>
  mm1.weight @layers.0.out_proj : tensor<32x4xf32> = #mm1.recipe<sources = [#mm1.source<"o" : tensor<32x4xf32>>], steps = []>
  mm1.weight @lm_head : tensor<40x32xf32> = #mm1.recipe<sources = [#mm1.source<"h" : tensor<40x32xf32>>], steps = []>
  mm1.state recurrent @layers.0.lightning : tensor<?x1x4x4xf32>

  func.func @decode(%tokens: tensor<?xi32> {mm1.name = "tokens"}, %positions: tensor<?xi32> {mm1.name = "positions"},
      %starts: tensor<?xi32> {mm1.name = "starts"}, %slots: tensor<?xi32> {mm1.name = "slots"},
      %pages: tensor<?x?xi32> {mm1.name = "pages"}) -> (tensor<?x32xf32> {mm1.name = "hidden"}) attributes {mm1.entry = "decode"} {
    %table = mm1.load_weight @embed_tokens : tensor<8x32xf32>
    %x = mm1.cluster elementwise (%tokens, %table) schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64}
        : (tensor<?xi32>, tensor<8x32xf32>) -> tensor<?x32xf32> {
    ^bb0(%a: tensor<?xi32>, %b: tensor<8x32xf32>):
      %0 = mm1.embedding %a, %b : (tensor<?xi32>, tensor<8x32xf32>) -> tensor<?x32xf32> loc("model.embed_tokens")
      mm1.yield %0 : tensor<?x32xf32>
    }
    %y = mm1.cluster elementwise (%x) schedule {tasks = 1 : i64, unit = "tokens", per = 4 : i64} : (tensor<?x32xf32>) -> tensor<?x32xf32> {
    ^bb0(%a: tensor<?x32xf32>):
      %0 = mm1.silu %a : tensor<?x32xf32>
      mm1.yield %0 : tensor<?x32xf32>
    } loc("model.layers.0.first")
    %z = mm1.cluster elementwise (%y) schedule {tasks = 1 : i64, unit = "tokens", per = 4 : i64} : (tensor<?x32xf32>) -> tensor<?x32xf32> {
    ^bb0(%other: tensor<?x32xf32>):
      %0 = mm1.silu %other : tensor<?x32xf32>
      mm1.yield %0 : tensor<?x32xf32>
    } loc("model.layers.0.second")
    %wq = mm1.load_weight @layers.0.qkv : tensor<12x32xf32>
    %qkv = mm1.cluster matmul (%z, %wq) schedule {tasks = 1 : i64, unit = "one", per = 1 : i64, panels = 1 : i64}
        : (tensor<?x32xf32>, tensor<12x32xf32>) -> tensor<?x12xf32> {
    ^bb0(%a: tensor<?x32xf32>, %b: tensor<12x32xf32>):
      %0 = mm1.linear %a weights(%b) : (tensor<?x32xf32>, tensor<12x32xf32>) -> tensor<?x12xf32> loc("model.layers.0.self_attn")
      %1 = mm1.silu %0 : tensor<?x12xf32>
      mm1.yield %1 : tensor<?x12xf32>
    }
    %slopes = mm1.load_weight @layers.0.slopes : tensor<1xf32>
    %s0 = mm1.load_state @layers.0.lightning : tensor<?x1x4x4xf32>
    %o, %s1 = mm1.cluster recurrence (%qkv, %slopes, %s0, %slots, %starts, %positions)
        schedule {tasks = 1 : i64, unit = "sequences", per = 1 : i64}
        : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
          -> (tensor<?x4xf32>, tensor<?x1x4x4xf32>) {
    ^bb0(%a: tensor<?x12xf32>, %b: tensor<1xf32>, %c: tensor<?x1x4x4xf32>, %d: tensor<?xi32>, %e: tensor<?xi32>, %f: tensor<?xi32>):
      %0, %1 = mm1.lightning_attention %a, %b, %c batch(%d, %e, %f)
        : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
          -> (tensor<?x4xf32>, tensor<?x1x4x4xf32>)
      mm1.yield %0, %1 : tensor<?x4xf32>, tensor<?x1x4x4xf32>
    }
    mm1.store_state %s1, @layers.0.lightning : tensor<?x1x4x4xf32>
    %wo = mm1.load_weight @layers.0.out_proj : tensor<32x4xf32>
    %h = mm1.cluster matmul (%x, %o, %wo) schedule {tasks = 1 : i64, unit = "one", per = 1 : i64, panels = 1 : i64}
        : (tensor<?x32xf32>, tensor<?x4xf32>, tensor<32x4xf32>) -> tensor<?x32xf32> {
    ^bb0(%a: tensor<?x32xf32>, %b: tensor<?x4xf32>, %c: tensor<32x4xf32>):
      %0 = mm1.linear %b weights(%c) : (tensor<?x4xf32>, tensor<32x4xf32>) -> tensor<?x32xf32>
      %1 = mm1.residual %a, %0 alpha = 2.0 beta = 1.0 : tensor<?x32xf32>
      mm1.yield %1 : tensor<?x32xf32>
    }
    return %h : tensor<?x32xf32>
  }

  func.func @prefill(%tokens: tensor<?xi32> {mm1.name = "tokens"}) -> (tensor<?x32xf32> {mm1.name = "hidden"}) attributes {mm1.entry = "prefill"} {
    %table = mm1.load_weight @embed_tokens : tensor<8x32xf32>
    %x = mm1.cluster elementwise (%tokens, %table) schedule {tasks = 1 : i64, unit = "tokens", per = 8 : i64}
        : (tensor<?xi32>, tensor<8x32xf32>) -> tensor<?x32xf32> {
    ^bb0(%a: tensor<?xi32>, %b: tensor<8x32xf32>):
      %0 = mm1.embedding %a, %b : (tensor<?xi32>, tensor<8x32xf32>) -> tensor<?x32xf32>
      mm1.yield %0 : tensor<?x32xf32>
    }
    return %x : tensor<?x32xf32>
  }

  func.func @head(%hidden: tensor<?x32xf32> {mm1.name = "hidden"}, %rows: tensor<?xi32> {mm1.name = "rows"}) -> (tensor<?x40xf32> {mm1.name = "logits"})
      attributes {mm1.entry = "head"} {
    %x = mm1.cluster elementwise (%hidden, %rows) schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64}
        : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32> {
    ^bb0(%a: tensor<?x32xf32>, %b: tensor<?xi32>):
      %0 = mm1.gather_rows %a, %b : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
      mm1.yield %0 : tensor<?x32xf32>
    }
    %w = mm1.load_weight @lm_head : tensor<40x32xf32>
    %y = mm1.cluster matmul (%x, %w) schedule {tasks = 2 : i64, unit = "one", per = 1 : i64, panels = 1 : i64}
        : (tensor<?x32xf32>, tensor<40x32xf32>) -> tensor<?x40xf32> {
    ^bb0(%a: tensor<?x32xf32>, %b: tensor<40x32xf32>):
      %0 = mm1.linear %a weights(%b) : (tensor<?x32xf32>, tensor<40x32xf32>) -> tensor<?x40xf32>
      mm1.yield %0 : tensor<?x40xf32>
    }
    return %y : tensor<?x40xf32>
  }
}
