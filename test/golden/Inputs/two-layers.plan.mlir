#loc27 = loc(unknown)
module attributes {mm1.compute = "bf16", mm1.context = 128 : i64, mm1.decode_buckets = "2", mm1.model = {experts = 2 : i64, head_dim = 16 : i64, heads = 4 : i64, hidden = 32 : i64, intermediate = 48 : i64, kv_heads = 2 : i64, layers = 2 : i64, lightning_layers = 1 : i64, max_positions = 4096 : i64, model_type = "minimax_m1", rotary_dim = 8 : i64, softmax_layers = 1 : i64, top_k = 1 : i64, vocab = 96 : i64}, mm1.prefill_tokens = 16 : i64, mm1.ranks = 1 : i64, mm1.scheme = "int8-experts", mm1.sequences = 2 : i64, mm1.stage = "plan", mm1.target = "cpu", plan.metrics = {arena_bytes = 33344 : i64, collectives_per_token = 0 : i64, copies_per_token = 0 : i64, host_calls_per_token = 1 : i64, kernels = 30 : i64, kv_bytes_per_token = 256 : i64, launches_per_token = 25 : i64, slot_bytes = 4096 : i64, state_bytes = 73728 : i64, weight_bytes = 79040 : i64, weight_bytes_per_token = {attention = 32768 : i64, embedding = 64 : i64, experts = 12544 : i64, head = 6144 : i64, other = 704 : i64, router = 8192 : i64}}} {
  plan.limits max_sequences = 2 max_context = 128 max_prefill = 16 page_tokens = 64 pages = 4 arena_bytes = 33344 candidates = 64 page_image = "cpu-1" loc(#loc)
  plan.kernel_module @kernels cpu loc(#loc)
  mm1.weight @embed_tokens : tensor<96x32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.embed_tokens.weight" : tensor<96x32xbf16>>], steps = [#mm1.pad<multiple = 32>]> loc(#loc1)
  mm1.weight @rope.inv_freq : tensor<4xf32, #mm1.padded<multiple = 32>> = <sources = [], steps = [#mm1.rope_frequencies<theta = 1.000000e+07 : f64, width = 8>, #mm1.pad<multiple = 32>]> loc(#loc2)
  mm1.weight @layers.0.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.input_layernorm.weight" : tensor<32xbf16>>], steps = [#mm1.pad<multiple = 32>]> loc(#loc3)
  mm1.weight @layers.0.qkv : tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.self_attn.qkv_proj.weight" : tensor<192x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]> loc(#loc4)
  mm1.weight @layers.0.output_gate : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.self_attn.output_gate.weight" : tensor<64x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]> loc(#loc5)
  mm1.weight @layers.0.slopes : tensor<4xf32, #mm1.padded<multiple = 32>> = <sources = [], steps = [#mm1.lightning_slopes<heads = 4, layer = 0, layers = 2, rule = interleaved, factor = published>, #mm1.pad<multiple = 32>]> loc(#loc6)
  mm1.state recurrent @layers.0.lightning : tensor<?x4x16x16xf32> loc(#loc6)
  mm1.weight @layers.0.norm : tensor<64xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.self_attn.norm.weight" : tensor<64xbf16>>], steps = [#mm1.pad<multiple = 32>]> loc(#loc7)
  mm1.weight @layers.0.out_proj : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.self_attn.out_proj.weight" : tensor<32x64xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]> loc(#loc8)
  mm1.weight @layers.0.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.post_attention_layernorm.weight" : tensor<32xbf16>>], steps = [#mm1.pad<multiple = 32>]> loc(#loc9)
  mm1.weight @layers.0.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.gate.weight" : tensor<2x32xf32>>], steps = [#mm1.tile<panel = 32, depth = 1>]> loc(#loc10)
  mm1.weight @layers.0.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w1.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w1.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]> loc(#loc11)
  mm1.weight @layers.0.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w1.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w1.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]> loc(#loc11)
  mm1.weight @layers.0.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w3.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w3.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]> loc(#loc12)
  mm1.weight @layers.0.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w3.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w3.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]> loc(#loc12)
  mm1.weight @layers.0.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w2.weight" : tensor<32x48xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w2.weight" : tensor<32x48xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]> loc(#loc13)
  mm1.weight @layers.0.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w2.weight" : tensor<32x48xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w2.weight" : tensor<32x48xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]> loc(#loc13)
  mm1.weight @layers.1.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.1.input_layernorm.weight" : tensor<32xbf16>>], steps = [#mm1.pad<multiple = 32>]> loc(#loc14)
  mm1.weight @layers.1.q : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.self_attn.q_proj.weight" : tensor<64x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]> loc(#loc15)
  mm1.weight @layers.1.k : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.self_attn.k_proj.weight" : tensor<32x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]> loc(#loc16)
  mm1.weight @layers.1.v : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.self_attn.v_proj.weight" : tensor<32x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]> loc(#loc17)
  mm1.state kv_pages @layers.1.kv : tensor<?x2x2x64x16xbf16> loc(#loc18)
  mm1.weight @layers.1.o : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.self_attn.o_proj.weight" : tensor<32x64xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]> loc(#loc19)
  mm1.weight @layers.1.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.1.post_attention_layernorm.weight" : tensor<32xbf16>>], steps = [#mm1.pad<multiple = 32>]> loc(#loc20)
  mm1.weight @layers.1.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.gate.weight" : tensor<2x32xf32>>], steps = [#mm1.tile<panel = 32, depth = 1>]> loc(#loc21)
  mm1.weight @layers.1.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w1.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w1.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]> loc(#loc22)
  mm1.weight @layers.1.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w1.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w1.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]> loc(#loc22)
  mm1.weight @layers.1.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w3.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w3.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]> loc(#loc23)
  mm1.weight @layers.1.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w3.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w3.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]> loc(#loc23)
  mm1.weight @layers.1.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w2.weight" : tensor<32x48xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w2.weight" : tensor<32x48xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]> loc(#loc24)
  mm1.weight @layers.1.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w2.weight" : tensor<32x48xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w2.weight" : tensor<32x48xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]> loc(#loc24)
  mm1.weight @norm : tensor<32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.norm.weight" : tensor<32xbf16>>], steps = [#mm1.pad<multiple = 32>]> loc(#loc25)
  mm1.weight @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"lm_head.weight" : tensor<96x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]> loc(#loc26)
  plan.kernel @rope_angles_0 in @kernels {
  ^bb0(%arg0: tensor<?xi32>, %arg1: tensor<4xf32, #mm1.padded<multiple = 32>>):
    %0:2 = mm1.cluster elementwise(%arg0, %arg1) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    ^bb0(%arg2: tensor<?xi32>, %arg3: tensor<4xf32, #mm1.padded<multiple = 32>>):
      %cos, %sin = mm1.rope_angles %arg2, %arg3 : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>) loc(#loc2)
      mm1.yield %cos, %sin : tensor<?x4xf32>, tensor<?x4xf32> loc(#loc2)
    } loc(#loc2)
  } loc(#loc2)
  plan.kernel @embedding_rms_norm_0 in @kernels {
  ^bb0(%arg0: tensor<?xi32>, %arg1: tensor<96x32xbf16, #mm1.padded<multiple = 32>>, %arg2: tensor<32xbf16, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster row_reduction(%arg0, %arg1, %arg2) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg3: tensor<?xi32>, %arg4: tensor<96x32xbf16, #mm1.padded<multiple = 32>>, %arg5: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %1 = mm1.embedding %arg3, %arg4 : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc29)
      %2 = mm1.rms_norm %1, %arg5 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc28)
      mm1.yield %2 : tensor<?x32xbf16> loc(#loc28)
    } loc(#loc28)
  } loc(#loc28)
  plan.kernel @linear_silu_0 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg2: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
    %0:2 = mm1.cluster matmul(%arg0, %arg1, %arg2) schedule {panels = 4 : i64, per = 1 : i64, rows = 12 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x192xbf16>) {
    ^bb0(%arg3: tensor<?x32xbf16>, %arg4: tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg5: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %1:2 = mm1.linear %arg3 weights(%arg4, %arg5) : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x192xf32>, tensor<?x64xbf16>) loc(#loc6)
      %2 = mm1.silu %1#0 : (tensor<?x192xf32>) -> tensor<?x192xbf16> loc(#loc6)
      mm1.yield %1#1, %2 : tensor<?x64xbf16>, tensor<?x192xbf16> loc(#loc6)
    } loc(#loc6)
  } loc(#loc6)
  plan.kernel @lightning_attention_0 in @kernels {
  ^bb0(%arg0: tensor<?x192xbf16>, %arg1: tensor<4xf32, #mm1.padded<multiple = 32>>, %arg2: tensor<?x4x16x16xf32>, %arg3: tensor<?xi32>, %arg4: tensor<?xi32>, %arg5: tensor<?xi32>):
    %0:2 = mm1.cluster recurrence(%arg0, %arg1, %arg2, %arg3, %arg4, %arg5) schedule {chunk = 64 : i64, per = 1 : i64, tasks = 4 : i64, unit = "sequences"} : (tensor<?x192xbf16>, tensor<4xf32, #mm1.padded<multiple = 32>>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>) {
    ^bb0(%arg6: tensor<?x192xbf16>, %arg7: tensor<4xf32, #mm1.padded<multiple = 32>>, %arg8: tensor<?x4x16x16xf32>, %arg9: tensor<?xi32>, %arg10: tensor<?xi32>, %arg11: tensor<?xi32>):
      %out, %nextState = mm1.lightning_attention %arg6, %arg7, %arg8 batch(%arg9, %arg10, %arg11) : (tensor<?x192xbf16>, tensor<4xf32, #mm1.padded<multiple = 32>>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>) loc(#loc6)
      mm1.yield %out, %nextState : tensor<?x64xbf16>, tensor<?x4x16x16xf32> loc(#loc6)
    } loc(#loc6)
  } loc(#loc6)
  plan.kernel @rms_norm_sigmoid_gate_0 in @kernels {
  ^bb0(%arg0: tensor<?x64xbf16>, %arg1: tensor<64xbf16, #mm1.padded<multiple = 32>>, %arg2: tensor<?x64xbf16>):
    %0 = mm1.cluster row_reduction(%arg0, %arg1, %arg2) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>, tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    ^bb0(%arg3: tensor<?x64xbf16>, %arg4: tensor<64xbf16, #mm1.padded<multiple = 32>>, %arg5: tensor<?x64xbf16>):
      %1 = mm1.rms_norm %arg3, %arg4 eps = 9.9999999999999995E-7 : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x64xf32> loc(#loc6)
      %2 = mm1.sigmoid_gate %1, %arg5 : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16> loc(#loc6)
      mm1.yield %2 : tensor<?x64xbf16> loc(#loc6)
    } loc(#loc6)
  } loc(#loc6)
  plan.kernel @linear_residual_0 in @kernels {
  ^bb0(%arg0: tensor<?x64xbf16>, %arg1: tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg2: tensor<?x32xbf16>):
    %0 = mm1.cluster matmul(%arg0, %arg1, %arg2) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg3: tensor<?x64xbf16>, %arg4: tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg5: tensor<?x32xbf16>):
      %1 = mm1.linear %arg3 weights(%arg4) : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x32xf32> loc(#loc6)
      %2 = mm1.residual %arg5, %1 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xbf16> loc(#loc6)
      mm1.yield %2 : tensor<?x32xbf16> loc(#loc6)
    } loc(#loc6)
  } loc(#loc6)
  plan.kernel @rms_norm_0 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<32xbf16, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster row_reduction(%arg0, %arg1) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg2: tensor<?x32xbf16>, %arg3: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %1 = mm1.rms_norm %arg2, %arg3 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc30)
      mm1.yield %1 : tensor<?x32xbf16> loc(#loc30)
    } loc(#loc30)
  } loc(#loc30)
  plan.kernel @linear_0 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>):
    %0 = mm1.cluster matmul(%arg0, %arg1) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> {
    ^bb0(%arg2: tensor<?x32xbf16>, %arg3: tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>):
      %1 = mm1.linear %arg2 weights(%arg3) : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> loc(#loc31)
      mm1.yield %1 : tensor<?x2xf32> loc(#loc31)
    } loc(#loc31)
  } loc(#loc31)
  plan.kernel @router_0 in @kernels {
  ^bb0(%arg0: tensor<?x2xf32>):
    %0:2 = mm1.cluster routing(%arg0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
    ^bb0(%arg1: tensor<?x2xf32>):
      %ids, %weights = mm1.router %arg1 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32> loc(#loc31)
      mm1.yield %ids, %weights : tensor<?x1xi32>, tensor<?x1xf32> loc(#loc31)
    } loc(#loc31)
  } loc(#loc31)
  plan.kernel @group_tokens_0 in @kernels {
  ^bb0(%arg0: tensor<?x1xi32>):
    %0:2 = mm1.cluster routing(%arg0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1xi32>) -> (tensor<?x1xi32>, tensor<3xi32>) {
    ^bb0(%arg1: tensor<?x1xi32>):
      %order, %offsets = mm1.group_tokens %arg1 : tensor<?x1xi32> -> tensor<?x1xi32>, tensor<3xi32> loc(#loc31)
      mm1.yield %order, %offsets : tensor<?x1xi32>, tensor<3xi32> loc(#loc31)
    } loc(#loc31)
  } loc(#loc31)
  plan.kernel @expert_linear_silu_mul_0 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<?x1xi32>, %arg2: tensor<?x1xi32>, %arg3: tensor<3xi32>, %arg4: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg5: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg6: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg7: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster grouped_matmul(%arg0, %arg1, %arg2, %arg3, %arg4, %arg5, %arg6, %arg7) schedule {panels = 2 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x48xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<?x1xi32>, %arg10: tensor<?x1xi32>, %arg11: tensor<3xi32>, %arg12: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg13: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg14: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg15: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
      %1:2 = mm1.expert_linear %arg8, %arg9 grouped(%arg10, %arg11) weights(%arg12, %arg13) scales(%arg14, %arg15) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x1x48xf32>, tensor<?x1x48xf32>) loc(#loc31)
      %2 = mm1.silu %1#0 : tensor<?x1x48xf32> loc(#loc31)
      %3 = mm1.mul %2, %1#1 : (tensor<?x1x48xf32>, tensor<?x1x48xf32>) -> tensor<?x1x48xbf16> loc(#loc31)
      mm1.yield %3 : tensor<?x1x48xbf16> loc(#loc31)
    } loc(#loc31)
  } loc(#loc31)
  plan.kernel @expert_linear_0 in @kernels {
  ^bb0(%arg0: tensor<?x1x48xbf16>, %arg1: tensor<?x1xi32>, %arg2: tensor<?x1xi32>, %arg3: tensor<3xi32>, %arg4: tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg5: tensor<2x32xf32, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster grouped_matmul(%arg0, %arg1, %arg2, %arg3, %arg4, %arg5) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> {
    ^bb0(%arg6: tensor<?x1x48xbf16>, %arg7: tensor<?x1xi32>, %arg8: tensor<?x1xi32>, %arg9: tensor<3xi32>, %arg10: tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg11: tensor<2x32xf32, #mm1.padded<multiple = 32>>):
      %1 = mm1.expert_linear %arg6, %arg7 grouped(%arg8, %arg9) weights(%arg10) scales(%arg11) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> loc(#loc31)
      mm1.yield %1 : tensor<?x1x32xbf16> loc(#loc31)
    } loc(#loc31)
  } loc(#loc31)
  plan.kernel @combine_residual_rms_norm_0 in @kernels {
  ^bb0(%arg0: tensor<?x1x32xbf16>, %arg1: tensor<?x1xf32>, %arg2: tensor<?x32xbf16>, %arg3: tensor<32xbf16, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster row_reduction(%arg0, %arg1, %arg2, %arg3) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg4: tensor<?x1x32xbf16>, %arg5: tensor<?x1xf32>, %arg6: tensor<?x32xbf16>, %arg7: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %1 = mm1.combine %arg4, %arg5 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xf32> loc(#loc31)
      %2 = mm1.residual %arg6, %1 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xf32> loc(#loc31)
      %3 = mm1.rms_norm %2, %arg7 eps = 1.000000e-05 : (tensor<?x32xf32>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc32)
      mm1.yield %3 : tensor<?x32xbf16> loc(#loc32)
    } loc(#loc32)
  } loc(#loc32)
  plan.kernel @linear_1 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg2: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg3: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
    %0:3 = mm1.cluster matmul(%arg0, %arg1, %arg2, %arg3) schedule {panels = 2 : i64, per = 1 : i64, rows = 12 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16>) {
    ^bb0(%arg4: tensor<?x32xbf16>, %arg5: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg6: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg7: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %1:3 = mm1.linear %arg4 weights(%arg5, %arg6, %arg7) : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16>) loc(#loc18)
      mm1.yield %1#0, %1#1, %1#2 : tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16> loc(#loc18)
    } loc(#loc18)
  } loc(#loc18)
  plan.kernel @rope_cache_append_0 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<?x4xf32>, %arg2: tensor<?x4xf32>, %arg3: tensor<?x32xbf16>, %arg4: tensor<?x2x2x64x16xbf16>, %arg5: tensor<?xi32>, %arg6: tensor<?xi32>, %arg7: tensor<?xi32>, %arg8: tensor<?x?xi32>):
    %0 = mm1.cluster cache_append(%arg0, %arg1, %arg2, %arg3, %arg4, %arg5, %arg6, %arg7, %arg8) schedule {per = 1 : i64, tasks = 2 : i64, unit = "sequences"} : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16> {
    ^bb0(%arg9: tensor<?x32xbf16>, %arg10: tensor<?x4xf32>, %arg11: tensor<?x4xf32>, %arg12: tensor<?x32xbf16>, %arg13: tensor<?x2x2x64x16xbf16>, %arg14: tensor<?xi32>, %arg15: tensor<?xi32>, %arg16: tensor<?xi32>, %arg17: tensor<?x?xi32>):
      %1 = mm1.rope %arg9, %arg10, %arg11 head_dim = 16 : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x32xbf16> loc(#loc18)
      %2 = mm1.cache_append %1, %arg12, %arg13 batch(%arg14, %arg15, %arg16, %arg17) : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16> loc(#loc18)
      mm1.yield %2 : tensor<?x2x2x64x16xbf16> loc(#loc18)
    } loc(#loc18)
  } loc(#loc18)
  plan.kernel @rope_softmax_attention_0 in @kernels {
  ^bb0(%arg0: tensor<?x64xbf16>, %arg1: tensor<?x4xf32>, %arg2: tensor<?x4xf32>, %arg3: tensor<?x2x2x64x16xbf16>, %arg4: tensor<?xi32>, %arg5: tensor<?xi32>, %arg6: tensor<?xi32>, %arg7: tensor<?x?xi32>):
    %0 = mm1.cluster attention(%arg0, %arg1, %arg2, %arg3, %arg4, %arg5, %arg6, %arg7) schedule {grain = 1 : i64, per = 1 : i64, tasks = 2 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16> {
    ^bb0(%arg8: tensor<?x64xbf16>, %arg9: tensor<?x4xf32>, %arg10: tensor<?x4xf32>, %arg11: tensor<?x2x2x64x16xbf16>, %arg12: tensor<?xi32>, %arg13: tensor<?xi32>, %arg14: tensor<?xi32>, %arg15: tensor<?x?xi32>):
      %1 = mm1.rope %arg8, %arg9, %arg10 head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16> loc(#loc18)
      %2 = mm1.softmax_attention %1, %arg11 batch(%arg12, %arg13, %arg14, %arg15) scale = 2.500000e-01 : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16> loc(#loc18)
      mm1.yield %2 : tensor<?x64xbf16> loc(#loc18)
    } loc(#loc18)
  } loc(#loc18)
  plan.kernel @combine_residual_rms_norm_1 in @kernels {
  ^bb0(%arg0: tensor<?x1x32xbf16>, %arg1: tensor<?x1xf32>, %arg2: tensor<?x32xbf16>, %arg3: tensor<32xbf16, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster row_reduction(%arg0, %arg1, %arg2, %arg3) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg4: tensor<?x1x32xbf16>, %arg5: tensor<?x1xf32>, %arg6: tensor<?x32xbf16>, %arg7: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %1 = mm1.combine %arg4, %arg5 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xf32> loc(#loc34)
      %2 = mm1.residual %arg6, %1 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xbf16> loc(#loc34)
      %3 = mm1.rms_norm %2, %arg7 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc33)
      mm1.yield %3 : tensor<?x32xbf16> loc(#loc33)
    } loc(#loc33)
  } loc(#loc33)
  plan.kernel @linear_2 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
    %0 = mm1.cluster matmul(%arg0, %arg1) schedule {panels = 3 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> {
    ^bb0(%arg2: tensor<?x32xbf16>, %arg3: tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %1 = mm1.linear %arg2 weights(%arg3) : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> loc(#loc35)
      mm1.yield %1 : tensor<?x96xf32> loc(#loc35)
    } loc(#loc35)
  } loc(#loc35)
  plan.kernel @rope_angles_1 in @kernels {
  ^bb0(%arg0: tensor<?xi32>, %arg1: tensor<4xf32, #mm1.padded<multiple = 32>>):
    %0:2 = mm1.cluster elementwise(%arg0, %arg1) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    ^bb0(%arg2: tensor<?xi32>, %arg3: tensor<4xf32, #mm1.padded<multiple = 32>>):
      %cos, %sin = mm1.rope_angles %arg2, %arg3 : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>) loc(#loc2)
      mm1.yield %cos, %sin : tensor<?x4xf32>, tensor<?x4xf32> loc(#loc2)
    } loc(#loc2)
  } loc(#loc2)
  plan.kernel @embedding_rms_norm_1 in @kernels {
  ^bb0(%arg0: tensor<?xi32>, %arg1: tensor<96x32xbf16, #mm1.padded<multiple = 32>>, %arg2: tensor<32xbf16, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster row_reduction(%arg0, %arg1, %arg2) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg3: tensor<?xi32>, %arg4: tensor<96x32xbf16, #mm1.padded<multiple = 32>>, %arg5: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %1 = mm1.embedding %arg3, %arg4 : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc29)
      %2 = mm1.rms_norm %1, %arg5 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc28)
      mm1.yield %2 : tensor<?x32xbf16> loc(#loc28)
    } loc(#loc28)
  } loc(#loc28)
  plan.kernel @linear_silu_1 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg2: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
    %0:2 = mm1.cluster matmul(%arg0, %arg1, %arg2) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 8 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x192xbf16>) {
    ^bb0(%arg3: tensor<?x32xbf16>, %arg4: tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg5: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %1:2 = mm1.linear %arg3 weights(%arg4, %arg5) : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x192xf32>, tensor<?x64xbf16>) loc(#loc6)
      %2 = mm1.silu %1#0 : (tensor<?x192xf32>) -> tensor<?x192xbf16> loc(#loc6)
      mm1.yield %1#1, %2 : tensor<?x64xbf16>, tensor<?x192xbf16> loc(#loc6)
    } loc(#loc6)
  } loc(#loc6)
  plan.kernel @rms_norm_sigmoid_gate_1 in @kernels {
  ^bb0(%arg0: tensor<?x64xbf16>, %arg1: tensor<64xbf16, #mm1.padded<multiple = 32>>, %arg2: tensor<?x64xbf16>):
    %0 = mm1.cluster row_reduction(%arg0, %arg1, %arg2) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>, tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    ^bb0(%arg3: tensor<?x64xbf16>, %arg4: tensor<64xbf16, #mm1.padded<multiple = 32>>, %arg5: tensor<?x64xbf16>):
      %1 = mm1.rms_norm %arg3, %arg4 eps = 9.9999999999999995E-7 : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x64xf32> loc(#loc6)
      %2 = mm1.sigmoid_gate %1, %arg5 : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16> loc(#loc6)
      mm1.yield %2 : tensor<?x64xbf16> loc(#loc6)
    } loc(#loc6)
  } loc(#loc6)
  plan.kernel @rms_norm_1 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<32xbf16, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster row_reduction(%arg0, %arg1) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg2: tensor<?x32xbf16>, %arg3: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %1 = mm1.rms_norm %arg2, %arg3 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc30)
      mm1.yield %1 : tensor<?x32xbf16> loc(#loc30)
    } loc(#loc30)
  } loc(#loc30)
  plan.kernel @router_1 in @kernels {
  ^bb0(%arg0: tensor<?x2xf32>):
    %0:2 = mm1.cluster routing(%arg0) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
    ^bb0(%arg1: tensor<?x2xf32>):
      %ids, %weights = mm1.router %arg1 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32> loc(#loc31)
      mm1.yield %ids, %weights : tensor<?x1xi32>, tensor<?x1xf32> loc(#loc31)
    } loc(#loc31)
  } loc(#loc31)
  plan.kernel @expert_linear_silu_mul_1 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<?x1xi32>, %arg2: tensor<?x1xi32>, %arg3: tensor<3xi32>, %arg4: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg5: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg6: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg7: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster grouped_matmul(%arg0, %arg1, %arg2, %arg3, %arg4, %arg5, %arg6, %arg7) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x48xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<?x1xi32>, %arg10: tensor<?x1xi32>, %arg11: tensor<3xi32>, %arg12: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg13: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg14: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg15: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
      %1:2 = mm1.expert_linear %arg8, %arg9 grouped(%arg10, %arg11) weights(%arg12, %arg13) scales(%arg14, %arg15) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x1x48xf32>, tensor<?x1x48xf32>) loc(#loc31)
      %2 = mm1.silu %1#0 : tensor<?x1x48xf32> loc(#loc31)
      %3 = mm1.mul %2, %1#1 : (tensor<?x1x48xf32>, tensor<?x1x48xf32>) -> tensor<?x1x48xbf16> loc(#loc31)
      mm1.yield %3 : tensor<?x1x48xbf16> loc(#loc31)
    } loc(#loc31)
  } loc(#loc31)
  plan.kernel @combine_residual_rms_norm_2 in @kernels {
  ^bb0(%arg0: tensor<?x1x32xbf16>, %arg1: tensor<?x1xf32>, %arg2: tensor<?x32xbf16>, %arg3: tensor<32xbf16, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster row_reduction(%arg0, %arg1, %arg2, %arg3) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg4: tensor<?x1x32xbf16>, %arg5: tensor<?x1xf32>, %arg6: tensor<?x32xbf16>, %arg7: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %1 = mm1.combine %arg4, %arg5 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xf32> loc(#loc31)
      %2 = mm1.residual %arg6, %1 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xf32> loc(#loc31)
      %3 = mm1.rms_norm %2, %arg7 eps = 1.000000e-05 : (tensor<?x32xf32>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc32)
      mm1.yield %3 : tensor<?x32xbf16> loc(#loc32)
    } loc(#loc32)
  } loc(#loc32)
  plan.kernel @linear_3 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg2: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg3: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
    %0:3 = mm1.cluster matmul(%arg0, %arg1, %arg2, %arg3) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 4 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16>) {
    ^bb0(%arg4: tensor<?x32xbf16>, %arg5: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg6: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg7: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %1:3 = mm1.linear %arg4 weights(%arg5, %arg6, %arg7) : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16>) loc(#loc18)
      mm1.yield %1#0, %1#1, %1#2 : tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16> loc(#loc18)
    } loc(#loc18)
  } loc(#loc18)
  plan.kernel @rope_softmax_attention_1 in @kernels {
  ^bb0(%arg0: tensor<?x64xbf16>, %arg1: tensor<?x4xf32>, %arg2: tensor<?x4xf32>, %arg3: tensor<?x2x2x64x16xbf16>, %arg4: tensor<?xi32>, %arg5: tensor<?xi32>, %arg6: tensor<?xi32>, %arg7: tensor<?x?xi32>):
    %0 = mm1.cluster attention(%arg0, %arg1, %arg2, %arg3, %arg4, %arg5, %arg6, %arg7) schedule {grain = 1 : i64, per = 16 : i64, tasks = 2 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16> {
    ^bb0(%arg8: tensor<?x64xbf16>, %arg9: tensor<?x4xf32>, %arg10: tensor<?x4xf32>, %arg11: tensor<?x2x2x64x16xbf16>, %arg12: tensor<?xi32>, %arg13: tensor<?xi32>, %arg14: tensor<?xi32>, %arg15: tensor<?x?xi32>):
      %1 = mm1.rope %arg8, %arg9, %arg10 head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16> loc(#loc18)
      %2 = mm1.softmax_attention %1, %arg11 batch(%arg12, %arg13, %arg14, %arg15) scale = 2.500000e-01 : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16> loc(#loc18)
      mm1.yield %2 : tensor<?x64xbf16> loc(#loc18)
    } loc(#loc18)
  } loc(#loc18)
  plan.kernel @combine_residual_0 in @kernels {
  ^bb0(%arg0: tensor<?x1x32xbf16>, %arg1: tensor<?x1xf32>, %arg2: tensor<?x32xbf16>):
    %0 = mm1.cluster elementwise(%arg0, %arg1, %arg2) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg3: tensor<?x1x32xbf16>, %arg4: tensor<?x1xf32>, %arg5: tensor<?x32xbf16>):
      %1 = mm1.combine %arg3, %arg4 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xf32> loc(#loc34)
      %2 = mm1.residual %arg5, %1 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xbf16> loc(#loc34)
      mm1.yield %2 : tensor<?x32xbf16> loc(#loc34)
    } loc(#loc34)
  } loc(#loc34)
  plan.kernel @gather_rows_rms_norm_0 in @kernels {
  ^bb0(%arg0: tensor<?x32xbf16>, %arg1: tensor<?xi32>, %arg2: tensor<32xbf16, #mm1.padded<multiple = 32>>):
    %0 = mm1.cluster row_reduction(%arg0, %arg1, %arg2) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<?xi32>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg3: tensor<?x32xbf16>, %arg4: tensor<?xi32>, %arg5: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %1 = mm1.gather_rows %arg3, %arg4 : (tensor<?x32xbf16>, tensor<?xi32>) -> tensor<?x32xbf16> loc(#loc33)
      %2 = mm1.rms_norm %1, %arg5 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc33)
      mm1.yield %2 : tensor<?x32xbf16> loc(#loc33)
    } loc(#loc33)
  } loc(#loc33)
  plan.entry @decode_2 decode tokens = 2 sequences = 2 stage = 0 {
    %0 = plan.buffer input "tokens" at 0 bytes = 64 rows = 2 : tensor<?xi32> loc(#loc36)
    %1 = plan.buffer input "positions" at 64 bytes = 64 rows = 2 : tensor<?xi32> loc(#loc36)
    %2 = plan.buffer input "starts" at 128 bytes = 64 rows = 3 : tensor<?xi32> loc(#loc36)
    %3 = plan.buffer input "slots" at 192 bytes = 64 rows = 2 : tensor<?xi32> loc(#loc36)
    %4 = plan.buffer input "pages" at 256 bytes = 64 rows = 2 columns = 2 : tensor<?x?xi32> loc(#loc36)
    %5 = plan.buffer input "vocabulary_mask" at 320 bytes = 64 rows = 3 : tensor<3xi32> loc(#loc36)
    %6 = plan.buffer input "candidate_counts" at 384 bytes = 64 rows = 2 : tensor<?xi32> loc(#loc36)
    %7 = plan.buffer input "inverse_temperatures" at 448 bytes = 64 rows = 2 : tensor<?xf32> loc(#loc36)
    %8 = plan.buffer output "logits" at 512 bytes = 768 rows = 2 : tensor<?x96xf32> loc(#loc36)
    %9 = plan.buffer output "candidate_values" at 6656 bytes = 512 rows = 2 : tensor<?x64xf32> loc(#loc36)
    %10 = plan.buffer output "candidate_ids" at 10752 bytes = 512 rows = 2 : tensor<?x64xi32> loc(#loc36)
    %11 = plan.buffer output "candidate_sums" at 14848 bytes = 256 rows = 2 : tensor<?x2xf32> loc(#loc36)
    %12 = plan.weight_ref @rope.inv_freq : tensor<4xf32, #mm1.padded<multiple = 32>> loc(#loc2)
    %13 = plan.buffer at 18752 bytes = 256 rows = 2 : tensor<?x4xf32> loc(#loc2)
    %14 = plan.buffer at 19008 bytes = 256 rows = 2 : tensor<?x4xf32> loc(#loc2)
    plan.launch @rope_angles_0 (read %1 : tensor<?xi32>, read %12 : tensor<4xf32, #mm1.padded<multiple = 32>>, write %13 : tensor<?x4xf32>, write %14 : tensor<?x4xf32>) tasks = 1 unit = tokens per = 1 label = "rotary_emb/rope_angles" loc(#loc2)
    %15 = plan.weight_ref @embed_tokens : tensor<96x32xbf16, #mm1.padded<multiple = 32>> loc(#loc28)
    %16 = plan.weight_ref @layers.0.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc28)
    %17 = plan.buffer at 19776 bytes = 128 rows = 2 : tensor<?x32xbf16> loc(#loc28)
    plan.launch @embedding_rms_norm_0 (read %0 : tensor<?xi32>, read %15 : tensor<96x32xbf16, #mm1.padded<multiple = 32>>, read %16 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %17 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 1 label = "layers.0.input_layernorm/embedding_rms_norm" loc(#loc28)
    %18 = plan.weight_ref @layers.0.qkv : tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %19 = plan.weight_ref @layers.0.output_gate : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %20 = plan.buffer at 19264 bytes = 256 rows = 2 : tensor<?x64xbf16> loc(#loc6)
    %21 = plan.buffer at 17984 bytes = 768 rows = 2 : tensor<?x192xbf16> loc(#loc6)
    plan.launch @linear_silu_0 (read %17 : tensor<?x32xbf16>, read %18 : tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, read %19 : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, write %20 : tensor<?x64xbf16>, write %21 : tensor<?x192xbf16>) tasks = 2 unit = one per = 1 label = "layers.0.self_attn/linear_silu" loc(#loc6)
    %22 = plan.weight_ref @layers.0.slopes : tensor<4xf32, #mm1.padded<multiple = 32>> loc(#loc6)
    %23 = plan.state_ref @layers.0.lightning : tensor<?x4x16x16xf32> loc(#loc6)
    %24 = plan.buffer at 19520 bytes = 256 rows = 2 : tensor<?x64xbf16> loc(#loc6)
    plan.launch @lightning_attention_0 (read %21 : tensor<?x192xbf16>, read %22 : tensor<4xf32, #mm1.padded<multiple = 32>>, update %23 : tensor<?x4x16x16xf32>, read %3 : tensor<?xi32>, read %2 : tensor<?xi32>, read %1 : tensor<?xi32>, write %24 : tensor<?x64xbf16>) tasks = 4 unit = sequences per = 1 label = "layers.0.self_attn/lightning_attention" loc(#loc6)
    %25 = plan.weight_ref @layers.0.norm : tensor<64xbf16, #mm1.padded<multiple = 32>> loc(#loc6)
    %26 = plan.buffer at 17984 bytes = 256 rows = 2 : tensor<?x64xbf16> loc(#loc6)
    plan.launch @rms_norm_sigmoid_gate_0 (read %24 : tensor<?x64xbf16>, read %25 : tensor<64xbf16, #mm1.padded<multiple = 32>>, read %20 : tensor<?x64xbf16>, write %26 : tensor<?x64xbf16>) tasks = 1 unit = tokens per = 1 label = "layers.0.self_attn/rms_norm_sigmoid_gate" loc(#loc6)
    %27 = plan.weight_ref @layers.0.out_proj : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %28 = plan.buffer at 18240 bytes = 128 rows = 2 : tensor<?x32xbf16> loc(#loc6)
    plan.launch @linear_residual_0 (read %26 : tensor<?x64xbf16>, read %27 : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, read %17 : tensor<?x32xbf16>, write %28 : tensor<?x32xbf16>) tasks = 1 unit = one per = 1 label = "layers.0.self_attn/linear_residual" loc(#loc6)
    %29 = plan.weight_ref @layers.0.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc30)
    %30 = plan.buffer at 18496 bytes = 128 rows = 2 : tensor<?x32xbf16> loc(#loc30)
    plan.launch @rms_norm_0 (read %28 : tensor<?x32xbf16>, read %29 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %30 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 1 label = "layers.0.post_attention_layernorm/rms_norm" loc(#loc30)
    %31 = plan.weight_ref @layers.0.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> loc(#loc31)
    %32 = plan.buffer at 17984 bytes = 256 rows = 2 : tensor<?x2xf32> loc(#loc31)
    plan.launch @linear_0 (read %30 : tensor<?x32xbf16>, read %31 : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>, write %32 : tensor<?x2xf32>) tasks = 1 unit = one per = 1 label = "layers.0.block_sparse_moe/linear" loc(#loc31)
    %33 = plan.buffer at 19264 bytes = 64 rows = 2 : tensor<?x1xi32> loc(#loc31)
    %34 = plan.buffer at 18240 bytes = 256 rows = 2 : tensor<?x1xf32> loc(#loc31)
    plan.launch @router_0 (read %32 : tensor<?x2xf32>, write %33 : tensor<?x1xi32>, write %34 : tensor<?x1xf32>) tasks = 1 unit = tokens per = 1 label = "layers.0.block_sparse_moe/router" loc(#loc31)
    %35 = plan.buffer at 19328 bytes = 64 rows = 2 : tensor<?x1xi32> loc(#loc31)
    %36 = plan.buffer at 19392 bytes = 64 rows = 3 : tensor<3xi32> loc(#loc31)
    plan.launch @group_tokens_0 (read %33 : tensor<?x1xi32>, write %35 : tensor<?x1xi32>, write %36 : tensor<3xi32>) tasks = 1 unit = one per = 1 label = "layers.0.block_sparse_moe/group_tokens" loc(#loc31)
    %37 = plan.weight_ref @layers.0.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc31)
    %38 = plan.weight_ref @layers.0.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc31)
    %39 = plan.weight_ref @layers.0.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc31)
    %40 = plan.weight_ref @layers.0.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc31)
    %41 = plan.buffer at 17984 bytes = 256 rows = 2 : tensor<?x1x48xbf16> loc(#loc31)
    plan.launch @expert_linear_silu_mul_0 (read %30 : tensor<?x32xbf16>, read %33 : tensor<?x1xi32>, read %35 : tensor<?x1xi32>, read %36 : tensor<3xi32>, read %37 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, read %38 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, read %39 : tensor<2x48xf32, #mm1.padded<multiple = 32>>, read %40 : tensor<2x48xf32, #mm1.padded<multiple = 32>>, write %41 : tensor<?x1x48xbf16>) tasks = 1 unit = one per = 1 label = "layers.0.block_sparse_moe/expert_linear_silu_mul" loc(#loc31)
    %42 = plan.weight_ref @layers.0.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc31)
    %43 = plan.weight_ref @layers.0.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> loc(#loc31)
    %44 = plan.buffer at 18624 bytes = 128 rows = 2 : tensor<?x1x32xbf16> loc(#loc31)
    plan.launch @expert_linear_0 (read %41 : tensor<?x1x48xbf16>, read %33 : tensor<?x1xi32>, read %35 : tensor<?x1xi32>, read %36 : tensor<3xi32>, read %42 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, read %43 : tensor<2x32xf32, #mm1.padded<multiple = 32>>, write %44 : tensor<?x1x32xbf16>) tasks = 1 unit = one per = 1 label = "layers.0.block_sparse_moe/expert_linear" loc(#loc31)
    %45 = plan.weight_ref @layers.1.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc32)
    %46 = plan.buffer at 19264 bytes = 128 rows = 2 : tensor<?x32xbf16> loc(#loc32)
    plan.launch @combine_residual_rms_norm_0 (read %44 : tensor<?x1x32xbf16>, read %34 : tensor<?x1xf32>, read %30 : tensor<?x32xbf16>, read %45 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %46 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 1 label = "layers.1.input_layernorm/combine_residual_rms_norm" loc(#loc32)
    %47 = plan.weight_ref @layers.1.q : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %48 = plan.weight_ref @layers.1.k : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %49 = plan.weight_ref @layers.1.v : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %50 = plan.buffer at 17984 bytes = 256 rows = 2 : tensor<?x64xbf16> loc(#loc18)
    %51 = plan.buffer at 18240 bytes = 128 rows = 2 : tensor<?x32xbf16> loc(#loc18)
    %52 = plan.buffer at 18368 bytes = 128 rows = 2 : tensor<?x32xbf16> loc(#loc18)
    plan.launch @linear_1 (read %46 : tensor<?x32xbf16>, read %47 : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, read %48 : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, read %49 : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, write %50 : tensor<?x64xbf16>, write %51 : tensor<?x32xbf16>, write %52 : tensor<?x32xbf16>) tasks = 2 unit = one per = 1 label = "layers.1.self_attn/linear" loc(#loc18)
    %53 = plan.state_ref @layers.1.kv : tensor<?x2x2x64x16xbf16> loc(#loc18)
    plan.launch @rope_cache_append_0 (read %51 : tensor<?x32xbf16>, read %13 : tensor<?x4xf32>, read %14 : tensor<?x4xf32>, read %52 : tensor<?x32xbf16>, update %53 : tensor<?x2x2x64x16xbf16>, read %3 : tensor<?xi32>, read %2 : tensor<?xi32>, read %1 : tensor<?xi32>, read %4 : tensor<?x?xi32>) tasks = 2 unit = sequences per = 1 label = "layers.1.self_attn/rope_cache_append" loc(#loc18)
    %54 = plan.buffer at 18240 bytes = 256 rows = 2 : tensor<?x64xbf16> loc(#loc18)
    plan.launch @rope_softmax_attention_0 (read %50 : tensor<?x64xbf16>, read %13 : tensor<?x4xf32>, read %14 : tensor<?x4xf32>, read %53 : tensor<?x2x2x64x16xbf16>, read %3 : tensor<?xi32>, read %2 : tensor<?xi32>, read %1 : tensor<?xi32>, read %4 : tensor<?x?xi32>, write %54 : tensor<?x64xbf16>) tasks = 2 unit = tokens per = 1 grain = 1 label = "layers.1.self_attn/rope_softmax_attention" loc(#loc18)
    %55 = plan.weight_ref @layers.1.o : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %56 = plan.buffer at 17984 bytes = 128 rows = 2 : tensor<?x32xbf16> loc(#loc18)
    plan.launch @linear_residual_0 (read %54 : tensor<?x64xbf16>, read %55 : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, read %46 : tensor<?x32xbf16>, write %56 : tensor<?x32xbf16>) tasks = 1 unit = one per = 1 label = "layers.1.self_attn/linear_residual" loc(#loc18)
    %57 = plan.weight_ref @layers.1.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc37)
    %58 = plan.buffer at 18496 bytes = 128 rows = 2 : tensor<?x32xbf16> loc(#loc37)
    plan.launch @rms_norm_0 (read %56 : tensor<?x32xbf16>, read %57 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %58 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 1 label = "layers.1.post_attention_layernorm/rms_norm" loc(#loc37)
    %59 = plan.weight_ref @layers.1.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> loc(#loc34)
    %60 = plan.buffer at 17984 bytes = 256 rows = 2 : tensor<?x2xf32> loc(#loc34)
    plan.launch @linear_0 (read %58 : tensor<?x32xbf16>, read %59 : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>, write %60 : tensor<?x2xf32>) tasks = 1 unit = one per = 1 label = "layers.1.block_sparse_moe/linear" loc(#loc34)
    %61 = plan.buffer at 18752 bytes = 64 rows = 2 : tensor<?x1xi32> loc(#loc34)
    %62 = plan.buffer at 18240 bytes = 256 rows = 2 : tensor<?x1xf32> loc(#loc34)
    plan.launch @router_0 (read %60 : tensor<?x2xf32>, write %61 : tensor<?x1xi32>, write %62 : tensor<?x1xf32>) tasks = 1 unit = tokens per = 1 label = "layers.1.block_sparse_moe/router" loc(#loc34)
    %63 = plan.buffer at 18816 bytes = 64 rows = 2 : tensor<?x1xi32> loc(#loc34)
    %64 = plan.buffer at 18880 bytes = 64 rows = 3 : tensor<3xi32> loc(#loc34)
    plan.launch @group_tokens_0 (read %61 : tensor<?x1xi32>, write %63 : tensor<?x1xi32>, write %64 : tensor<3xi32>) tasks = 1 unit = one per = 1 label = "layers.1.block_sparse_moe/group_tokens" loc(#loc34)
    %65 = plan.weight_ref @layers.1.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc34)
    %66 = plan.weight_ref @layers.1.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc34)
    %67 = plan.weight_ref @layers.1.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc34)
    %68 = plan.weight_ref @layers.1.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc34)
    %69 = plan.buffer at 17984 bytes = 256 rows = 2 : tensor<?x1x48xbf16> loc(#loc34)
    plan.launch @expert_linear_silu_mul_0 (read %58 : tensor<?x32xbf16>, read %61 : tensor<?x1xi32>, read %63 : tensor<?x1xi32>, read %64 : tensor<3xi32>, read %65 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, read %66 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, read %67 : tensor<2x48xf32, #mm1.padded<multiple = 32>>, read %68 : tensor<2x48xf32, #mm1.padded<multiple = 32>>, write %69 : tensor<?x1x48xbf16>) tasks = 1 unit = one per = 1 label = "layers.1.block_sparse_moe/expert_linear_silu_mul" loc(#loc34)
    %70 = plan.weight_ref @layers.1.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc34)
    %71 = plan.weight_ref @layers.1.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> loc(#loc34)
    %72 = plan.buffer at 18624 bytes = 128 rows = 2 : tensor<?x1x32xbf16> loc(#loc34)
    plan.launch @expert_linear_0 (read %69 : tensor<?x1x48xbf16>, read %61 : tensor<?x1xi32>, read %63 : tensor<?x1xi32>, read %64 : tensor<3xi32>, read %70 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, read %71 : tensor<2x32xf32, #mm1.padded<multiple = 32>>, write %72 : tensor<?x1x32xbf16>) tasks = 1 unit = one per = 1 label = "layers.1.block_sparse_moe/expert_linear" loc(#loc34)
    %73 = plan.weight_ref @norm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc33)
    %74 = plan.buffer at 17984 bytes = 128 rows = 2 : tensor<?x32xbf16> loc(#loc33)
    plan.launch @combine_residual_rms_norm_1 (read %72 : tensor<?x1x32xbf16>, read %62 : tensor<?x1xf32>, read %58 : tensor<?x32xbf16>, read %73 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %74 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 1 label = "norm/combine_residual_rms_norm" loc(#loc33)
    %75 = plan.weight_ref @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc35)
    plan.launch @linear_2 (read %74 : tensor<?x32xbf16>, read %75 : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, write %8 : tensor<?x96xf32>) tasks = 1 unit = one per = 1 label = "lm_head/linear" loc(#loc35)
    plan.host_call "top_candidates" (read %8 : tensor<?x96xf32>, read %5 : tensor<3xi32>, read %6 : tensor<?xi32>, read %7 : tensor<?xf32>, write %9 : tensor<?x64xf32>, write %10 : tensor<?x64xi32>, write %11 : tensor<?x2xf32>) numbers = [96, 64, 96, 64, 64, 32] tasks = 1 unit = tokens per = 1 label = "sampling/top_candidates" loc(#loc38)
  } loc(#loc36)
  plan.entry @prefill_16 prefill tokens = 16 sequences = 2 stage = 0 {
    %0 = plan.buffer input "tokens" at 0 bytes = 64 rows = 16 : tensor<?xi32> loc(#loc39)
    %1 = plan.buffer input "positions" at 64 bytes = 64 rows = 16 : tensor<?xi32> loc(#loc39)
    %2 = plan.buffer input "starts" at 128 bytes = 64 rows = 3 : tensor<?xi32> loc(#loc39)
    %3 = plan.buffer input "slots" at 192 bytes = 64 rows = 2 : tensor<?xi32> loc(#loc39)
    %4 = plan.buffer input "pages" at 256 bytes = 64 rows = 2 columns = 2 : tensor<?x?xi32> loc(#loc39)
    %5 = plan.buffer output "hidden" at 16896 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc39)
    %6 = plan.weight_ref @rope.inv_freq : tensor<4xf32, #mm1.padded<multiple = 32>> loc(#loc2)
    %7 = plan.buffer at 24128 bytes = 2048 rows = 16 : tensor<?x4xf32> loc(#loc2)
    %8 = plan.buffer at 26176 bytes = 2048 rows = 16 : tensor<?x4xf32> loc(#loc2)
    plan.launch @rope_angles_1 (read %1 : tensor<?xi32>, read %6 : tensor<4xf32, #mm1.padded<multiple = 32>>, write %7 : tensor<?x4xf32>, write %8 : tensor<?x4xf32>) tasks = 1 unit = tokens per = 64 label = "rotary_emb/rope_angles" loc(#loc2)
    %9 = plan.weight_ref @embed_tokens : tensor<96x32xbf16, #mm1.padded<multiple = 32>> loc(#loc28)
    %10 = plan.weight_ref @layers.0.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc28)
    %11 = plan.buffer at 32320 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc28)
    plan.launch @embedding_rms_norm_1 (read %0 : tensor<?xi32>, read %9 : tensor<96x32xbf16, #mm1.padded<multiple = 32>>, read %10 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %11 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 64 label = "layers.0.input_layernorm/embedding_rms_norm" loc(#loc28)
    %12 = plan.weight_ref @layers.0.qkv : tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %13 = plan.weight_ref @layers.0.output_gate : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %14 = plan.buffer at 28224 bytes = 2048 rows = 16 : tensor<?x64xbf16> loc(#loc6)
    %15 = plan.buffer at 17984 bytes = 6144 rows = 16 : tensor<?x192xbf16> loc(#loc6)
    plan.launch @linear_silu_1 (read %11 : tensor<?x32xbf16>, read %12 : tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, read %13 : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, write %14 : tensor<?x64xbf16>, write %15 : tensor<?x192xbf16>) tasks = 8 unit = one per = 1 label = "layers.0.self_attn/linear_silu" loc(#loc6)
    %16 = plan.weight_ref @layers.0.slopes : tensor<4xf32, #mm1.padded<multiple = 32>> loc(#loc6)
    %17 = plan.state_ref @layers.0.lightning : tensor<?x4x16x16xf32> loc(#loc6)
    %18 = plan.buffer at 30272 bytes = 2048 rows = 16 : tensor<?x64xbf16> loc(#loc6)
    plan.launch @lightning_attention_0 (read %15 : tensor<?x192xbf16>, read %16 : tensor<4xf32, #mm1.padded<multiple = 32>>, update %17 : tensor<?x4x16x16xf32>, read %3 : tensor<?xi32>, read %2 : tensor<?xi32>, read %1 : tensor<?xi32>, write %18 : tensor<?x64xbf16>) tasks = 4 unit = sequences per = 1 label = "layers.0.self_attn/lightning_attention" loc(#loc6)
    %19 = plan.weight_ref @layers.0.norm : tensor<64xbf16, #mm1.padded<multiple = 32>> loc(#loc6)
    %20 = plan.buffer at 17984 bytes = 2048 rows = 16 : tensor<?x64xbf16> loc(#loc6)
    plan.launch @rms_norm_sigmoid_gate_1 (read %18 : tensor<?x64xbf16>, read %19 : tensor<64xbf16, #mm1.padded<multiple = 32>>, read %14 : tensor<?x64xbf16>, write %20 : tensor<?x64xbf16>) tasks = 1 unit = tokens per = 64 label = "layers.0.self_attn/rms_norm_sigmoid_gate" loc(#loc6)
    %21 = plan.weight_ref @layers.0.out_proj : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %22 = plan.buffer at 20032 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc6)
    plan.launch @linear_residual_0 (read %20 : tensor<?x64xbf16>, read %21 : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, read %11 : tensor<?x32xbf16>, write %22 : tensor<?x32xbf16>) tasks = 1 unit = one per = 1 label = "layers.0.self_attn/linear_residual" loc(#loc6)
    %23 = plan.weight_ref @layers.0.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc30)
    %24 = plan.buffer at 22080 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc30)
    plan.launch @rms_norm_1 (read %22 : tensor<?x32xbf16>, read %23 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %24 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 64 label = "layers.0.post_attention_layernorm/rms_norm" loc(#loc30)
    %25 = plan.weight_ref @layers.0.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> loc(#loc31)
    %26 = plan.buffer at 17984 bytes = 2048 rows = 16 : tensor<?x2xf32> loc(#loc31)
    plan.launch @linear_0 (read %24 : tensor<?x32xbf16>, read %25 : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>, write %26 : tensor<?x2xf32>) tasks = 1 unit = one per = 1 label = "layers.0.block_sparse_moe/linear" loc(#loc31)
    %27 = plan.buffer at 28224 bytes = 64 rows = 16 : tensor<?x1xi32> loc(#loc31)
    %28 = plan.buffer at 20032 bytes = 2048 rows = 16 : tensor<?x1xf32> loc(#loc31)
    plan.launch @router_1 (read %26 : tensor<?x2xf32>, write %27 : tensor<?x1xi32>, write %28 : tensor<?x1xf32>) tasks = 1 unit = tokens per = 64 label = "layers.0.block_sparse_moe/router" loc(#loc31)
    %29 = plan.buffer at 28288 bytes = 64 rows = 16 : tensor<?x1xi32> loc(#loc31)
    %30 = plan.buffer at 28352 bytes = 64 rows = 3 : tensor<3xi32> loc(#loc31)
    plan.launch @group_tokens_0 (read %27 : tensor<?x1xi32>, write %29 : tensor<?x1xi32>, write %30 : tensor<3xi32>) tasks = 1 unit = one per = 1 label = "layers.0.block_sparse_moe/group_tokens" loc(#loc31)
    %31 = plan.weight_ref @layers.0.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc31)
    %32 = plan.weight_ref @layers.0.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc31)
    %33 = plan.weight_ref @layers.0.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc31)
    %34 = plan.weight_ref @layers.0.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc31)
    %35 = plan.buffer at 17984 bytes = 2048 rows = 16 : tensor<?x1x48xbf16> loc(#loc31)
    plan.launch @expert_linear_silu_mul_1 (read %24 : tensor<?x32xbf16>, read %27 : tensor<?x1xi32>, read %29 : tensor<?x1xi32>, read %30 : tensor<3xi32>, read %31 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, read %32 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, read %33 : tensor<2x48xf32, #mm1.padded<multiple = 32>>, read %34 : tensor<2x48xf32, #mm1.padded<multiple = 32>>, write %35 : tensor<?x1x48xbf16>) tasks = 2 unit = one per = 1 label = "layers.0.block_sparse_moe/expert_linear_silu_mul" loc(#loc31)
    %36 = plan.weight_ref @layers.0.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc31)
    %37 = plan.weight_ref @layers.0.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> loc(#loc31)
    %38 = plan.buffer at 23104 bytes = 1024 rows = 16 : tensor<?x1x32xbf16> loc(#loc31)
    plan.launch @expert_linear_0 (read %35 : tensor<?x1x48xbf16>, read %27 : tensor<?x1xi32>, read %29 : tensor<?x1xi32>, read %30 : tensor<3xi32>, read %36 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, read %37 : tensor<2x32xf32, #mm1.padded<multiple = 32>>, write %38 : tensor<?x1x32xbf16>) tasks = 1 unit = one per = 1 label = "layers.0.block_sparse_moe/expert_linear" loc(#loc31)
    %39 = plan.weight_ref @layers.1.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc32)
    %40 = plan.buffer at 28224 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc32)
    plan.launch @combine_residual_rms_norm_2 (read %38 : tensor<?x1x32xbf16>, read %28 : tensor<?x1xf32>, read %24 : tensor<?x32xbf16>, read %39 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %40 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 64 label = "layers.1.input_layernorm/combine_residual_rms_norm" loc(#loc32)
    %41 = plan.weight_ref @layers.1.q : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %42 = plan.weight_ref @layers.1.k : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %43 = plan.weight_ref @layers.1.v : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %44 = plan.buffer at 17984 bytes = 2048 rows = 16 : tensor<?x64xbf16> loc(#loc18)
    %45 = plan.buffer at 20032 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc18)
    %46 = plan.buffer at 21056 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc18)
    plan.launch @linear_3 (read %40 : tensor<?x32xbf16>, read %41 : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, read %42 : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, read %43 : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, write %44 : tensor<?x64xbf16>, write %45 : tensor<?x32xbf16>, write %46 : tensor<?x32xbf16>) tasks = 4 unit = one per = 1 label = "layers.1.self_attn/linear" loc(#loc18)
    %47 = plan.state_ref @layers.1.kv : tensor<?x2x2x64x16xbf16> loc(#loc18)
    plan.launch @rope_cache_append_0 (read %45 : tensor<?x32xbf16>, read %7 : tensor<?x4xf32>, read %8 : tensor<?x4xf32>, read %46 : tensor<?x32xbf16>, update %47 : tensor<?x2x2x64x16xbf16>, read %3 : tensor<?xi32>, read %2 : tensor<?xi32>, read %1 : tensor<?xi32>, read %4 : tensor<?x?xi32>) tasks = 2 unit = sequences per = 1 label = "layers.1.self_attn/rope_cache_append" loc(#loc18)
    %48 = plan.buffer at 20032 bytes = 2048 rows = 16 : tensor<?x64xbf16> loc(#loc18)
    plan.launch @rope_softmax_attention_1 (read %44 : tensor<?x64xbf16>, read %7 : tensor<?x4xf32>, read %8 : tensor<?x4xf32>, read %47 : tensor<?x2x2x64x16xbf16>, read %3 : tensor<?xi32>, read %2 : tensor<?xi32>, read %1 : tensor<?xi32>, read %4 : tensor<?x?xi32>, write %48 : tensor<?x64xbf16>) tasks = 2 unit = tokens per = 16 grain = 1 label = "layers.1.self_attn/rope_softmax_attention" loc(#loc18)
    %49 = plan.weight_ref @layers.1.o : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %50 = plan.buffer at 17984 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc18)
    plan.launch @linear_residual_0 (read %48 : tensor<?x64xbf16>, read %49 : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, read %40 : tensor<?x32xbf16>, write %50 : tensor<?x32xbf16>) tasks = 1 unit = one per = 1 label = "layers.1.self_attn/linear_residual" loc(#loc18)
    %51 = plan.weight_ref @layers.1.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc37)
    %52 = plan.buffer at 22080 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc37)
    plan.launch @rms_norm_1 (read %50 : tensor<?x32xbf16>, read %51 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %52 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 64 label = "layers.1.post_attention_layernorm/rms_norm" loc(#loc37)
    %53 = plan.weight_ref @layers.1.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> loc(#loc34)
    %54 = plan.buffer at 17984 bytes = 2048 rows = 16 : tensor<?x2xf32> loc(#loc34)
    plan.launch @linear_0 (read %52 : tensor<?x32xbf16>, read %53 : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>, write %54 : tensor<?x2xf32>) tasks = 1 unit = one per = 1 label = "layers.1.block_sparse_moe/linear" loc(#loc34)
    %55 = plan.buffer at 24128 bytes = 64 rows = 16 : tensor<?x1xi32> loc(#loc34)
    %56 = plan.buffer at 20032 bytes = 2048 rows = 16 : tensor<?x1xf32> loc(#loc34)
    plan.launch @router_1 (read %54 : tensor<?x2xf32>, write %55 : tensor<?x1xi32>, write %56 : tensor<?x1xf32>) tasks = 1 unit = tokens per = 64 label = "layers.1.block_sparse_moe/router" loc(#loc34)
    %57 = plan.buffer at 24192 bytes = 64 rows = 16 : tensor<?x1xi32> loc(#loc34)
    %58 = plan.buffer at 24256 bytes = 64 rows = 3 : tensor<3xi32> loc(#loc34)
    plan.launch @group_tokens_0 (read %55 : tensor<?x1xi32>, write %57 : tensor<?x1xi32>, write %58 : tensor<3xi32>) tasks = 1 unit = one per = 1 label = "layers.1.block_sparse_moe/group_tokens" loc(#loc34)
    %59 = plan.weight_ref @layers.1.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc34)
    %60 = plan.weight_ref @layers.1.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc34)
    %61 = plan.weight_ref @layers.1.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc34)
    %62 = plan.weight_ref @layers.1.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc34)
    %63 = plan.buffer at 17984 bytes = 2048 rows = 16 : tensor<?x1x48xbf16> loc(#loc34)
    plan.launch @expert_linear_silu_mul_1 (read %52 : tensor<?x32xbf16>, read %55 : tensor<?x1xi32>, read %57 : tensor<?x1xi32>, read %58 : tensor<3xi32>, read %59 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, read %60 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, read %61 : tensor<2x48xf32, #mm1.padded<multiple = 32>>, read %62 : tensor<2x48xf32, #mm1.padded<multiple = 32>>, write %63 : tensor<?x1x48xbf16>) tasks = 2 unit = one per = 1 label = "layers.1.block_sparse_moe/expert_linear_silu_mul" loc(#loc34)
    %64 = plan.weight_ref @layers.1.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc34)
    %65 = plan.weight_ref @layers.1.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> loc(#loc34)
    %66 = plan.buffer at 23104 bytes = 1024 rows = 16 : tensor<?x1x32xbf16> loc(#loc34)
    plan.launch @expert_linear_0 (read %63 : tensor<?x1x48xbf16>, read %55 : tensor<?x1xi32>, read %57 : tensor<?x1xi32>, read %58 : tensor<3xi32>, read %64 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, read %65 : tensor<2x32xf32, #mm1.padded<multiple = 32>>, write %66 : tensor<?x1x32xbf16>) tasks = 1 unit = one per = 1 label = "layers.1.block_sparse_moe/expert_linear" loc(#loc34)
    plan.launch @combine_residual_0 (read %66 : tensor<?x1x32xbf16>, read %56 : tensor<?x1xf32>, read %52 : tensor<?x32xbf16>, write %5 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 64 label = "layers.1.block_sparse_moe/combine_residual" loc(#loc34)
  } loc(#loc39)
  plan.entry @head_1 head tokens = 1 sequences = 1 stage = 0 {
    %0 = plan.buffer input "hidden" at 16896 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc40)
    %1 = plan.buffer input "rows" at 17920 bytes = 64 rows = 1 : tensor<?xi32> loc(#loc40)
    %2 = plan.buffer input "vocabulary_mask" at 320 bytes = 64 rows = 3 : tensor<3xi32> loc(#loc40)
    %3 = plan.buffer input "candidate_counts" at 384 bytes = 64 rows = 1 : tensor<?xi32> loc(#loc40)
    %4 = plan.buffer input "inverse_temperatures" at 448 bytes = 64 rows = 1 : tensor<?xf32> loc(#loc40)
    %5 = plan.buffer output "logits" at 512 bytes = 384 rows = 1 : tensor<?x96xf32> loc(#loc40)
    %6 = plan.buffer output "candidate_values" at 6656 bytes = 256 rows = 1 : tensor<?x64xf32> loc(#loc40)
    %7 = plan.buffer output "candidate_ids" at 10752 bytes = 256 rows = 1 : tensor<?x64xi32> loc(#loc40)
    %8 = plan.buffer output "candidate_sums" at 14848 bytes = 128 rows = 1 : tensor<?x2xf32> loc(#loc40)
    %9 = plan.weight_ref @norm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc33)
    %10 = plan.buffer at 17984 bytes = 64 rows = 1 : tensor<?x32xbf16> loc(#loc33)
    plan.launch @gather_rows_rms_norm_0 (read %0 : tensor<?x32xbf16>, read %1 : tensor<?xi32>, read %9 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %10 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 1 label = "norm/gather_rows_rms_norm" loc(#loc33)
    %11 = plan.weight_ref @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc35)
    plan.launch @linear_2 (read %10 : tensor<?x32xbf16>, read %11 : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, write %5 : tensor<?x96xf32>) tasks = 1 unit = one per = 1 label = "lm_head/linear" loc(#loc35)
    plan.host_call "top_candidates" (read %5 : tensor<?x96xf32>, read %2 : tensor<3xi32>, read %3 : tensor<?xi32>, read %4 : tensor<?xf32>, write %6 : tensor<?x64xf32>, write %7 : tensor<?x64xi32>, write %8 : tensor<?x2xf32>) numbers = [96, 64, 96, 64, 64, 32] tasks = 1 unit = tokens per = 1 label = "sampling/top_candidates" loc(#loc38)
  } loc(#loc40)
  plan.entry @head_2 head tokens = 2 sequences = 2 stage = 0 {
    %0 = plan.buffer input "hidden" at 16896 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc40)
    %1 = plan.buffer input "rows" at 17920 bytes = 64 rows = 2 : tensor<?xi32> loc(#loc40)
    %2 = plan.buffer input "vocabulary_mask" at 320 bytes = 64 rows = 3 : tensor<3xi32> loc(#loc40)
    %3 = plan.buffer input "candidate_counts" at 384 bytes = 64 rows = 2 : tensor<?xi32> loc(#loc40)
    %4 = plan.buffer input "inverse_temperatures" at 448 bytes = 64 rows = 2 : tensor<?xf32> loc(#loc40)
    %5 = plan.buffer output "logits" at 512 bytes = 768 rows = 2 : tensor<?x96xf32> loc(#loc40)
    %6 = plan.buffer output "candidate_values" at 6656 bytes = 512 rows = 2 : tensor<?x64xf32> loc(#loc40)
    %7 = plan.buffer output "candidate_ids" at 10752 bytes = 512 rows = 2 : tensor<?x64xi32> loc(#loc40)
    %8 = plan.buffer output "candidate_sums" at 14848 bytes = 256 rows = 2 : tensor<?x2xf32> loc(#loc40)
    %9 = plan.weight_ref @norm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc33)
    %10 = plan.buffer at 17984 bytes = 128 rows = 2 : tensor<?x32xbf16> loc(#loc33)
    plan.launch @gather_rows_rms_norm_0 (read %0 : tensor<?x32xbf16>, read %1 : tensor<?xi32>, read %9 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %10 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 1 label = "norm/gather_rows_rms_norm" loc(#loc33)
    %11 = plan.weight_ref @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc35)
    plan.launch @linear_2 (read %10 : tensor<?x32xbf16>, read %11 : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, write %5 : tensor<?x96xf32>) tasks = 1 unit = one per = 1 label = "lm_head/linear" loc(#loc35)
    plan.host_call "top_candidates" (read %5 : tensor<?x96xf32>, read %2 : tensor<3xi32>, read %3 : tensor<?xi32>, read %4 : tensor<?xf32>, write %6 : tensor<?x64xf32>, write %7 : tensor<?x64xi32>, write %8 : tensor<?x2xf32>) numbers = [96, 64, 96, 64, 64, 32] tasks = 1 unit = tokens per = 1 label = "sampling/top_candidates" loc(#loc38)
  } loc(#loc40)
  plan.entry @head_16 head tokens = 16 sequences = 2 stage = 0 {
    %0 = plan.buffer input "hidden" at 16896 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc40)
    %1 = plan.buffer input "rows" at 17920 bytes = 64 rows = 16 : tensor<?xi32> loc(#loc40)
    %2 = plan.buffer input "vocabulary_mask" at 320 bytes = 64 rows = 3 : tensor<3xi32> loc(#loc40)
    %3 = plan.buffer input "candidate_counts" at 384 bytes = 64 rows = 16 : tensor<?xi32> loc(#loc40)
    %4 = plan.buffer input "inverse_temperatures" at 448 bytes = 64 rows = 16 : tensor<?xf32> loc(#loc40)
    %5 = plan.buffer output "logits" at 512 bytes = 6144 rows = 16 : tensor<?x96xf32> loc(#loc40)
    %6 = plan.buffer output "candidate_values" at 6656 bytes = 4096 rows = 16 : tensor<?x64xf32> loc(#loc40)
    %7 = plan.buffer output "candidate_ids" at 10752 bytes = 4096 rows = 16 : tensor<?x64xi32> loc(#loc40)
    %8 = plan.buffer output "candidate_sums" at 14848 bytes = 2048 rows = 16 : tensor<?x2xf32> loc(#loc40)
    %9 = plan.weight_ref @norm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc33)
    %10 = plan.buffer at 17984 bytes = 1024 rows = 16 : tensor<?x32xbf16> loc(#loc33)
    plan.launch @gather_rows_rms_norm_0 (read %0 : tensor<?x32xbf16>, read %1 : tensor<?xi32>, read %9 : tensor<32xbf16, #mm1.padded<multiple = 32>>, write %10 : tensor<?x32xbf16>) tasks = 1 unit = tokens per = 1 label = "norm/gather_rows_rms_norm" loc(#loc33)
    %11 = plan.weight_ref @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc35)
    plan.launch @linear_2 (read %10 : tensor<?x32xbf16>, read %11 : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, write %5 : tensor<?x96xf32>) tasks = 1 unit = one per = 1 label = "lm_head/linear" loc(#loc35)
    plan.host_call "top_candidates" (read %5 : tensor<?x96xf32>, read %2 : tensor<3xi32>, read %3 : tensor<?xi32>, read %4 : tensor<?xf32>, write %6 : tensor<?x64xf32>, write %7 : tensor<?x64xi32>, write %8 : tensor<?x2xf32>) numbers = [96, 64, 96, 64, 64, 32] tasks = 1 unit = tokens per = 1 label = "sampling/top_candidates" loc(#loc38)
  } loc(#loc40)
} loc(#loc)
#loc = loc("minimax_m1")
#loc1 = loc("model.embed_tokens.weight")
#loc2 = loc("model.rotary_emb")
#loc3 = loc("model.layers.0.input_layernorm.weight")
#loc4 = loc("model.layers.0.self_attn.qkv_proj.weight")
#loc5 = loc("model.layers.0.self_attn.output_gate.weight")
#loc6 = loc("model.layers.0.self_attn")
#loc7 = loc("model.layers.0.self_attn.norm.weight")
#loc8 = loc("model.layers.0.self_attn.out_proj.weight")
#loc9 = loc("model.layers.0.post_attention_layernorm.weight")
#loc10 = loc("model.layers.0.block_sparse_moe.gate.weight")
#loc11 = loc("model.layers.0.block_sparse_moe.experts.0.w1.weight")
#loc12 = loc("model.layers.0.block_sparse_moe.experts.0.w3.weight")
#loc13 = loc("model.layers.0.block_sparse_moe.experts.0.w2.weight")
#loc14 = loc("model.layers.1.input_layernorm.weight")
#loc15 = loc("model.layers.1.self_attn.q_proj.weight")
#loc16 = loc("model.layers.1.self_attn.k_proj.weight")
#loc17 = loc("model.layers.1.self_attn.v_proj.weight")
#loc18 = loc("model.layers.1.self_attn")
#loc19 = loc("model.layers.1.self_attn.o_proj.weight")
#loc20 = loc("model.layers.1.post_attention_layernorm.weight")
#loc21 = loc("model.layers.1.block_sparse_moe.gate.weight")
#loc22 = loc("model.layers.1.block_sparse_moe.experts.0.w1.weight")
#loc23 = loc("model.layers.1.block_sparse_moe.experts.0.w3.weight")
#loc24 = loc("model.layers.1.block_sparse_moe.experts.0.w2.weight")
#loc25 = loc("model.norm.weight")
#loc26 = loc("lm_head.weight")
#loc28 = loc("model.layers.0.input_layernorm")
#loc29 = loc("model.embed_tokens")
#loc30 = loc("model.layers.0.post_attention_layernorm")
#loc31 = loc("model.layers.0.block_sparse_moe")
#loc32 = loc("model.layers.1.input_layernorm")
#loc33 = loc("model.norm")
#loc34 = loc("model.layers.1.block_sparse_moe")
#loc35 = loc("lm_head")
#loc36 = loc("decode")
#loc37 = loc("model.layers.1.post_attention_layernorm")
#loc38 = loc("sampling")
#loc39 = loc("prefill")
#loc40 = loc("head")
