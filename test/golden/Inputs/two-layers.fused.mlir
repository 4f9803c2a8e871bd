#loc28 = loc(unknown)
module attributes {mm1.compute = "bf16", mm1.context = 128 : i64, mm1.decode_buckets = "2", mm1.model = {experts = 2 : i64, head_dim = 16 : i64, heads = 4 : i64, hidden = 32 : i64, intermediate = 48 : i64, kv_heads = 2 : i64, layers = 2 : i64, lightning_layers = 1 : i64, max_positions = 4096 : i64, model_type = "minimax_m1", rotary_dim = 8 : i64, softmax_layers = 1 : i64, top_k = 1 : i64, vocab = 96 : i64}, mm1.prefill_tokens = 16 : i64, mm1.ranks = 1 : i64, mm1.scheme = "int8-experts", mm1.sequences = 2 : i64, mm1.stage = "fused", mm1.target = "cpu"} {
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
  func.func @decode_2(%arg0: tensor<?xi32> {mm1.name = "tokens"}, %arg1: tensor<?xi32> {mm1.name = "positions"}, %arg2: tensor<?xi32> {mm1.name = "starts"}, %arg3: tensor<?xi32> {mm1.name = "slots"}, %arg4: tensor<?x?xi32> {mm1.name = "pages"}, %arg5: tensor<3xi32> {mm1.name = "vocabulary_mask"}, %arg6: tensor<?xi32> {mm1.name = "candidate_counts"}, %arg7: tensor<?xf32> {mm1.name = "inverse_temperatures"}) -> (tensor<?x96xf32> {mm1.name = "logits"}, tensor<?x64xf32> {mm1.name = "candidate_values"}, tensor<?x64xi32> {mm1.name = "candidate_ids"}, tensor<?x2xf32> {mm1.name = "candidate_sums"}) attributes {mm1.entry = "decode", mm1.sequences = 2 : i64, mm1.tokens = 2 : i64} {
    %0 = mm1.load_weight @embed_tokens : tensor<96x32xbf16, #mm1.padded<multiple = 32>> loc(#loc29)
    %1 = mm1.load_weight @rope.inv_freq : tensor<4xf32, #mm1.padded<multiple = 32>> loc(#loc2)
    %2:2 = mm1.cluster elementwise(%arg1, %1) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    ^bb0(%arg8: tensor<?xi32>, %arg9: tensor<4xf32, #mm1.padded<multiple = 32>>):
      %cos, %sin = mm1.rope_angles %arg8, %arg9 : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>) loc(#loc2)
      mm1.yield %cos, %sin : tensor<?x4xf32>, tensor<?x4xf32> loc(#loc2)
    } loc(#loc2)
    %3 = mm1.load_weight @layers.0.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc30)
    %4 = mm1.cluster row_reduction(%arg0, %0, %3) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?xi32>, %arg9: tensor<96x32xbf16, #mm1.padded<multiple = 32>>, %arg10: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %59 = mm1.embedding %arg8, %arg9 : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc29)
      %60 = mm1.rms_norm %59, %arg10 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc30)
      mm1.yield %60 : tensor<?x32xbf16> loc(#loc30)
    } loc(#loc30)
    %5 = mm1.load_weight @layers.0.qkv : tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %6 = mm1.load_weight @layers.0.output_gate : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %7:2 = mm1.cluster matmul(%4, %5, %6) schedule {panels = 4 : i64, per = 1 : i64, rows = 12 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x192xbf16>) {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %59:2 = mm1.linear %arg8 weights(%arg9, %arg10) : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x192xf32>, tensor<?x64xbf16>) loc(#loc6)
      %60 = mm1.silu %59#0 : (tensor<?x192xf32>) -> tensor<?x192xbf16> loc(#loc6)
      mm1.yield %59#1, %60 : tensor<?x64xbf16>, tensor<?x192xbf16> loc(#loc6)
    } loc(#loc6)
    %8 = mm1.load_weight @layers.0.slopes : tensor<4xf32, #mm1.padded<multiple = 32>> loc(#loc6)
    %9 = mm1.load_state @layers.0.lightning : tensor<?x4x16x16xf32> loc(#loc6)
    %10:2 = mm1.cluster recurrence(%7#1, %8, %9, %arg3, %arg2, %arg1) schedule {chunk = 64 : i64, per = 1 : i64, tasks = 4 : i64, unit = "sequences"} : (tensor<?x192xbf16>, tensor<4xf32, #mm1.padded<multiple = 32>>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>) {
    ^bb0(%arg8: tensor<?x192xbf16>, %arg9: tensor<4xf32, #mm1.padded<multiple = 32>>, %arg10: tensor<?x4x16x16xf32>, %arg11: tensor<?xi32>, %arg12: tensor<?xi32>, %arg13: tensor<?xi32>):
      %out, %nextState = mm1.lightning_attention %arg8, %arg9, %arg10 batch(%arg11, %arg12, %arg13) : (tensor<?x192xbf16>, tensor<4xf32, #mm1.padded<multiple = 32>>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>) loc(#loc6)
      mm1.yield %out, %nextState : tensor<?x64xbf16>, tensor<?x4x16x16xf32> loc(#loc6)
    } loc(#loc6)
    mm1.store_state %10#1, @layers.0.lightning : tensor<?x4x16x16xf32> loc(#loc6)
    %11 = mm1.load_weight @layers.0.norm : tensor<64xbf16, #mm1.padded<multiple = 32>> loc(#loc6)
    %12 = mm1.cluster row_reduction(%10#0, %11, %7#0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>, tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    ^bb0(%arg8: tensor<?x64xbf16>, %arg9: tensor<64xbf16, #mm1.padded<multiple = 32>>, %arg10: tensor<?x64xbf16>):
      %59 = mm1.rms_norm %arg8, %arg9 eps = 9.9999999999999995E-7 : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x64xf32> loc(#loc6)
      %60 = mm1.sigmoid_gate %59, %arg10 : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16> loc(#loc6)
      mm1.yield %60 : tensor<?x64xbf16> loc(#loc6)
    } loc(#loc6)
    %13 = mm1.load_weight @layers.0.out_proj : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %14 = mm1.cluster matmul(%12, %13, %4) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x64xbf16>, %arg9: tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<?x32xbf16>):
      %59 = mm1.linear %arg8 weights(%arg9) : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x32xf32> loc(#loc6)
      %60 = mm1.residual %arg10, %59 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xbf16> loc(#loc6)
      mm1.yield %60 : tensor<?x32xbf16> loc(#loc6)
    } loc(#loc6)
    %15 = mm1.load_weight @layers.0.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc31)
    %16 = mm1.cluster row_reduction(%14, %15) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %59 = mm1.rms_norm %arg8, %arg9 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc31)
      mm1.yield %59 : tensor<?x32xbf16> loc(#loc31)
    } loc(#loc31)
    %17 = mm1.load_weight @layers.0.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> loc(#loc32)
    %18 = mm1.cluster matmul(%16, %17) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>):
      %59 = mm1.linear %arg8 weights(%arg9) : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> loc(#loc32)
      mm1.yield %59 : tensor<?x2xf32> loc(#loc32)
    } loc(#loc32)
    %19:2 = mm1.cluster routing(%18) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
    ^bb0(%arg8: tensor<?x2xf32>):
      %ids, %weights = mm1.router %arg8 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32> loc(#loc32)
      mm1.yield %ids, %weights : tensor<?x1xi32>, tensor<?x1xf32> loc(#loc32)
    } loc(#loc32)
    %20:2 = mm1.cluster routing(%19#0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1xi32>) -> (tensor<?x1xi32>, tensor<3xi32>) {
    ^bb0(%arg8: tensor<?x1xi32>):
      %order, %offsets = mm1.group_tokens %arg8 : tensor<?x1xi32> -> tensor<?x1xi32>, tensor<3xi32> loc(#loc32)
      mm1.yield %order, %offsets : tensor<?x1xi32>, tensor<3xi32> loc(#loc32)
    } loc(#loc32)
    %21 = mm1.load_weight @layers.0.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc32)
    %22 = mm1.load_weight @layers.0.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc32)
    %23 = mm1.load_weight @layers.0.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc32)
    %24 = mm1.load_weight @layers.0.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc32)
    %25 = mm1.cluster grouped_matmul(%16, %19#0, %20#0, %20#1, %21, %23, %22, %24) schedule {panels = 2 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x48xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<?x1xi32>, %arg10: tensor<?x1xi32>, %arg11: tensor<3xi32>, %arg12: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg13: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg14: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg15: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
      %59:2 = mm1.expert_linear %arg8, %arg9 grouped(%arg10, %arg11) weights(%arg12, %arg13) scales(%arg14, %arg15) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x1x48xf32>, tensor<?x1x48xf32>) loc(#loc32)
      %60 = mm1.silu %59#0 : tensor<?x1x48xf32> loc(#loc32)
      %61 = mm1.mul %60, %59#1 : (tensor<?x1x48xf32>, tensor<?x1x48xf32>) -> tensor<?x1x48xbf16> loc(#loc32)
      mm1.yield %61 : tensor<?x1x48xbf16> loc(#loc32)
    } loc(#loc32)
    %26 = mm1.load_weight @layers.0.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc32)
    %27 = mm1.load_weight @layers.0.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> loc(#loc32)
    %28 = mm1.cluster grouped_matmul(%25, %19#0, %20#0, %20#1, %26, %27) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> {
    ^bb0(%arg8: tensor<?x1x48xbf16>, %arg9: tensor<?x1xi32>, %arg10: tensor<?x1xi32>, %arg11: tensor<3xi32>, %arg12: tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg13: tensor<2x32xf32, #mm1.padded<multiple = 32>>):
      %59 = mm1.expert_linear %arg8, %arg9 grouped(%arg10, %arg11) weights(%arg12) scales(%arg13) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> loc(#loc32)
      mm1.yield %59 : tensor<?x1x32xbf16> loc(#loc32)
    } loc(#loc32)
    %29 = mm1.load_weight @layers.1.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc33)
    %30 = mm1.cluster row_reduction(%28, %19#1, %16, %29) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x1x32xbf16>, %arg9: tensor<?x1xf32>, %arg10: tensor<?x32xbf16>, %arg11: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %59 = mm1.combine %arg8, %arg9 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xf32> loc(#loc32)
      %60 = mm1.residual %arg10, %59 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xf32> loc(#loc32)
      %61 = mm1.rms_norm %60, %arg11 eps = 1.000000e-05 : (tensor<?x32xf32>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc33)
      mm1.yield %61 : tensor<?x32xbf16> loc(#loc33)
    } loc(#loc33)
    %31 = mm1.load_weight @layers.1.q : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %32 = mm1.load_weight @layers.1.k : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %33 = mm1.load_weight @layers.1.v : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %34:3 = mm1.cluster matmul(%30, %31, %32, %33) schedule {panels = 2 : i64, per = 1 : i64, rows = 12 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16>) {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg11: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %59:3 = mm1.linear %arg8 weights(%arg9, %arg10, %arg11) : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16>) loc(#loc18)
      mm1.yield %59#0, %59#1, %59#2 : tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16> loc(#loc18)
    } loc(#loc18)
    %35 = mm1.load_state @layers.1.kv : tensor<?x2x2x64x16xbf16> loc(#loc18)
    %36 = mm1.cluster cache_append(%34#1, %2#0, %2#1, %34#2, %35, %arg3, %arg2, %arg1, %arg4) schedule {per = 1 : i64, tasks = 2 : i64, unit = "sequences"} : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<?x4xf32>, %arg10: tensor<?x4xf32>, %arg11: tensor<?x32xbf16>, %arg12: tensor<?x2x2x64x16xbf16>, %arg13: tensor<?xi32>, %arg14: tensor<?xi32>, %arg15: tensor<?xi32>, %arg16: tensor<?x?xi32>):
      %59 = mm1.rope %arg8, %arg9, %arg10 head_dim = 16 : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x32xbf16> loc(#loc18)
      %60 = mm1.cache_append %59, %arg11, %arg12 batch(%arg13, %arg14, %arg15, %arg16) : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16> loc(#loc18)
      mm1.yield %60 : tensor<?x2x2x64x16xbf16> loc(#loc18)
    } loc(#loc18)
    %37 = mm1.cluster attention(%34#0, %2#0, %2#1, %36, %arg3, %arg2, %arg1, %arg4) schedule {grain = 1 : i64, per = 1 : i64, tasks = 2 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16> {
    ^bb0(%arg8: tensor<?x64xbf16>, %arg9: tensor<?x4xf32>, %arg10: tensor<?x4xf32>, %arg11: tensor<?x2x2x64x16xbf16>, %arg12: tensor<?xi32>, %arg13: tensor<?xi32>, %arg14: tensor<?xi32>, %arg15: tensor<?x?xi32>):
      %59 = mm1.rope %arg8, %arg9, %arg10 head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16> loc(#loc18)
      %60 = mm1.softmax_attention %59, %arg11 batch(%arg12, %arg13, %arg14, %arg15) scale = 2.500000e-01 : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16> loc(#loc18)
      mm1.yield %60 : tensor<?x64xbf16> loc(#loc18)
    } loc(#loc18)
    mm1.store_state %36, @layers.1.kv : tensor<?x2x2x64x16xbf16> loc(#loc18)
    %38 = mm1.load_weight @layers.1.o : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %39 = mm1.cluster matmul(%37, %38, %30) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x64xbf16>, %arg9: tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<?x32xbf16>):
      %59 = mm1.linear %arg8 weights(%arg9) : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x32xf32> loc(#loc18)
      %60 = mm1.residual %arg10, %59 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xbf16> loc(#loc18)
      mm1.yield %60 : tensor<?x32xbf16> loc(#loc18)
    } loc(#loc18)
    %40 = mm1.load_weight @layers.1.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc34)
    %41 = mm1.cluster row_reduction(%39, %40) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %59 = mm1.rms_norm %arg8, %arg9 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc34)
      mm1.yield %59 : tensor<?x32xbf16> loc(#loc34)
    } loc(#loc34)
    %42 = mm1.load_weight @layers.1.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> loc(#loc35)
    %43 = mm1.cluster matmul(%41, %42) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>):
      %59 = mm1.linear %arg8 weights(%arg9) : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> loc(#loc35)
      mm1.yield %59 : tensor<?x2xf32> loc(#loc35)
    } loc(#loc35)
    %44:2 = mm1.cluster routing(%43) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
    ^bb0(%arg8: tensor<?x2xf32>):
      %ids, %weights = mm1.router %arg8 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32> loc(#loc35)
      mm1.yield %ids, %weights : tensor<?x1xi32>, tensor<?x1xf32> loc(#loc35)
    } loc(#loc35)
    %45:2 = mm1.cluster routing(%44#0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1xi32>) -> (tensor<?x1xi32>, tensor<3xi32>) {
    ^bb0(%arg8: tensor<?x1xi32>):
      %order, %offsets = mm1.group_tokens %arg8 : tensor<?x1xi32> -> tensor<?x1xi32>, tensor<3xi32> loc(#loc35)
      mm1.yield %order, %offsets : tensor<?x1xi32>, tensor<3xi32> loc(#loc35)
    } loc(#loc35)
    %46 = mm1.load_weight @layers.1.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc35)
    %47 = mm1.load_weight @layers.1.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc35)
    %48 = mm1.load_weight @layers.1.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc35)
    %49 = mm1.load_weight @layers.1.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc35)
    %50 = mm1.cluster grouped_matmul(%41, %44#0, %45#0, %45#1, %46, %48, %47, %49) schedule {panels = 2 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x48xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<?x1xi32>, %arg10: tensor<?x1xi32>, %arg11: tensor<3xi32>, %arg12: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg13: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg14: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg15: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
      %59:2 = mm1.expert_linear %arg8, %arg9 grouped(%arg10, %arg11) weights(%arg12, %arg13) scales(%arg14, %arg15) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x1x48xf32>, tensor<?x1x48xf32>) loc(#loc35)
      %60 = mm1.silu %59#0 : tensor<?x1x48xf32> loc(#loc35)
      %61 = mm1.mul %60, %59#1 : (tensor<?x1x48xf32>, tensor<?x1x48xf32>) -> tensor<?x1x48xbf16> loc(#loc35)
      mm1.yield %61 : tensor<?x1x48xbf16> loc(#loc35)
    } loc(#loc35)
    %51 = mm1.load_weight @layers.1.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc35)
    %52 = mm1.load_weight @layers.1.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> loc(#loc35)
    %53 = mm1.cluster grouped_matmul(%50, %44#0, %45#0, %45#1, %51, %52) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> {
    ^bb0(%arg8: tensor<?x1x48xbf16>, %arg9: tensor<?x1xi32>, %arg10: tensor<?x1xi32>, %arg11: tensor<3xi32>, %arg12: tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg13: tensor<2x32xf32, #mm1.padded<multiple = 32>>):
      %59 = mm1.expert_linear %arg8, %arg9 grouped(%arg10, %arg11) weights(%arg12) scales(%arg13) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> loc(#loc35)
      mm1.yield %59 : tensor<?x1x32xbf16> loc(#loc35)
    } loc(#loc35)
    %54 = mm1.load_weight @norm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc36)
    %55 = mm1.cluster row_reduction(%53, %44#1, %41, %54) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x1x32xbf16>, %arg9: tensor<?x1xf32>, %arg10: tensor<?x32xbf16>, %arg11: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %59 = mm1.combine %arg8, %arg9 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xf32> loc(#loc35)
      %60 = mm1.residual %arg10, %59 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xbf16> loc(#loc35)
      %61 = mm1.rms_norm %60, %arg11 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc36)
      mm1.yield %61 : tensor<?x32xbf16> loc(#loc36)
    } loc(#loc36)
    %56 = mm1.load_weight @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc37)
    %57 = mm1.cluster matmul(%55, %56) schedule {panels = 3 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %59 = mm1.linear %arg8 weights(%arg9) : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> loc(#loc37)
      mm1.yield %59 : tensor<?x96xf32> loc(#loc37)
    } loc(#loc37)
    %58:3 = mm1.cluster selection(%57, %arg5, %arg6, %arg7) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>) {
    ^bb0(%arg8: tensor<?x96xf32>, %arg9: tensor<3xi32>, %arg10: tensor<?xi32>, %arg11: tensor<?xf32>):
      %values, %ids, %sums = mm1.top_candidates %arg8, %arg9, %arg10, %arg11 k = 64 : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>) loc(#loc38)
      mm1.yield %values, %ids, %sums : tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32> loc(#loc38)
    } loc(#loc38)
    return %57, %58#0, %58#1, %58#2 : tensor<?x96xf32>, tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32> loc(#loc27)
  } loc(#loc27)
  func.func @prefill_16(%arg0: tensor<?xi32> {mm1.name = "tokens"}, %arg1: tensor<?xi32> {mm1.name = "positions"}, %arg2: tensor<?xi32> {mm1.name = "starts"}, %arg3: tensor<?xi32> {mm1.name = "slots"}, %arg4: tensor<?x?xi32> {mm1.name = "pages"}) -> (tensor<?x32xbf16> {mm1.name = "hidden"}) attributes {mm1.entry = "prefill", mm1.sequences = 2 : i64, mm1.tokens = 16 : i64} {
    %0 = mm1.load_weight @embed_tokens : tensor<96x32xbf16, #mm1.padded<multiple = 32>> loc(#loc29)
    %1 = mm1.load_weight @rope.inv_freq : tensor<4xf32, #mm1.padded<multiple = 32>> loc(#loc2)
    %2:2 = mm1.cluster elementwise(%arg1, %1) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    ^bb0(%arg5: tensor<?xi32>, %arg6: tensor<4xf32, #mm1.padded<multiple = 32>>):
      %cos, %sin = mm1.rope_angles %arg5, %arg6 : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>) loc(#loc2)
      mm1.yield %cos, %sin : tensor<?x4xf32>, tensor<?x4xf32> loc(#loc2)
    } loc(#loc2)
    %3 = mm1.load_weight @layers.0.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc30)
    %4 = mm1.cluster row_reduction(%arg0, %0, %3) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?xi32>, %arg6: tensor<96x32xbf16, #mm1.padded<multiple = 32>>, %arg7: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %55 = mm1.embedding %arg5, %arg6 : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc29)
      %56 = mm1.rms_norm %55, %arg7 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc30)
      mm1.yield %56 : tensor<?x32xbf16> loc(#loc30)
    } loc(#loc30)
    %5 = mm1.load_weight @layers.0.qkv : tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %6 = mm1.load_weight @layers.0.output_gate : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %7:2 = mm1.cluster matmul(%4, %5, %6) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 8 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x192xbf16>) {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg7: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %55:2 = mm1.linear %arg5 weights(%arg6, %arg7) : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x192xf32>, tensor<?x64xbf16>) loc(#loc6)
      %56 = mm1.silu %55#0 : (tensor<?x192xf32>) -> tensor<?x192xbf16> loc(#loc6)
      mm1.yield %55#1, %56 : tensor<?x64xbf16>, tensor<?x192xbf16> loc(#loc6)
    } loc(#loc6)
    %8 = mm1.load_weight @layers.0.slopes : tensor<4xf32, #mm1.padded<multiple = 32>> loc(#loc6)
    %9 = mm1.load_state @layers.0.lightning : tensor<?x4x16x16xf32> loc(#loc6)
    %10:2 = mm1.cluster recurrence(%7#1, %8, %9, %arg3, %arg2, %arg1) schedule {chunk = 64 : i64, per = 1 : i64, tasks = 4 : i64, unit = "sequences"} : (tensor<?x192xbf16>, tensor<4xf32, #mm1.padded<multiple = 32>>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>) {
    ^bb0(%arg5: tensor<?x192xbf16>, %arg6: tensor<4xf32, #mm1.padded<multiple = 32>>, %arg7: tensor<?x4x16x16xf32>, %arg8: tensor<?xi32>, %arg9: tensor<?xi32>, %arg10: tensor<?xi32>):
      %out, %nextState = mm1.lightning_attention %arg5, %arg6, %arg7 batch(%arg8, %arg9, %arg10) : (tensor<?x192xbf16>, tensor<4xf32, #mm1.padded<multiple = 32>>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>) loc(#loc6)
      mm1.yield %out, %nextState : tensor<?x64xbf16>, tensor<?x4x16x16xf32> loc(#loc6)
    } loc(#loc6)
    mm1.store_state %10#1, @layers.0.lightning : tensor<?x4x16x16xf32> loc(#loc6)
    %11 = mm1.load_weight @layers.0.norm : tensor<64xbf16, #mm1.padded<multiple = 32>> loc(#loc6)
    %12 = mm1.cluster row_reduction(%10#0, %11, %7#0) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>, tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    ^bb0(%arg5: tensor<?x64xbf16>, %arg6: tensor<64xbf16, #mm1.padded<multiple = 32>>, %arg7: tensor<?x64xbf16>):
      %55 = mm1.rms_norm %arg5, %arg6 eps = 9.9999999999999995E-7 : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x64xf32> loc(#loc6)
      %56 = mm1.sigmoid_gate %55, %arg7 : (tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16> loc(#loc6)
      mm1.yield %56 : tensor<?x64xbf16> loc(#loc6)
    } loc(#loc6)
    %13 = mm1.load_weight @layers.0.out_proj : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc6)
    %14 = mm1.cluster matmul(%12, %13, %4) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x64xbf16>, %arg6: tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg7: tensor<?x32xbf16>):
      %55 = mm1.linear %arg5 weights(%arg6) : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x32xf32> loc(#loc6)
      %56 = mm1.residual %arg7, %55 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xbf16> loc(#loc6)
      mm1.yield %56 : tensor<?x32xbf16> loc(#loc6)
    } loc(#loc6)
    %15 = mm1.load_weight @layers.0.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc31)
    %16 = mm1.cluster row_reduction(%14, %15) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %55 = mm1.rms_norm %arg5, %arg6 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc31)
      mm1.yield %55 : tensor<?x32xbf16> loc(#loc31)
    } loc(#loc31)
    %17 = mm1.load_weight @layers.0.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> loc(#loc32)
    %18 = mm1.cluster matmul(%16, %17) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>):
      %55 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> loc(#loc32)
      mm1.yield %55 : tensor<?x2xf32> loc(#loc32)
    } loc(#loc32)
    %19:2 = mm1.cluster routing(%18) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
    ^bb0(%arg5: tensor<?x2xf32>):
      %ids, %weights = mm1.router %arg5 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32> loc(#loc32)
      mm1.yield %ids, %weights : tensor<?x1xi32>, tensor<?x1xf32> loc(#loc32)
    } loc(#loc32)
    %20:2 = mm1.cluster routing(%19#0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1xi32>) -> (tensor<?x1xi32>, tensor<3xi32>) {
    ^bb0(%arg5: tensor<?x1xi32>):
      %order, %offsets = mm1.group_tokens %arg5 : tensor<?x1xi32> -> tensor<?x1xi32>, tensor<3xi32> loc(#loc32)
      mm1.yield %order, %offsets : tensor<?x1xi32>, tensor<3xi32> loc(#loc32)
    } loc(#loc32)
    %21 = mm1.load_weight @layers.0.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc32)
    %22 = mm1.load_weight @layers.0.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc32)
    %23 = mm1.load_weight @layers.0.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc32)
    %24 = mm1.load_weight @layers.0.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc32)
    %25 = mm1.cluster grouped_matmul(%16, %19#0, %20#0, %20#1, %21, %23, %22, %24) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x48xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<?x1xi32>, %arg7: tensor<?x1xi32>, %arg8: tensor<3xi32>, %arg9: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg11: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg12: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
      %55:2 = mm1.expert_linear %arg5, %arg6 grouped(%arg7, %arg8) weights(%arg9, %arg10) scales(%arg11, %arg12) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x1x48xf32>, tensor<?x1x48xf32>) loc(#loc32)
      %56 = mm1.silu %55#0 : tensor<?x1x48xf32> loc(#loc32)
      %57 = mm1.mul %56, %55#1 : (tensor<?x1x48xf32>, tensor<?x1x48xf32>) -> tensor<?x1x48xbf16> loc(#loc32)
      mm1.yield %57 : tensor<?x1x48xbf16> loc(#loc32)
    } loc(#loc32)
    %26 = mm1.load_weight @layers.0.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc32)
    %27 = mm1.load_weight @layers.0.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> loc(#loc32)
    %28 = mm1.cluster grouped_matmul(%25, %19#0, %20#0, %20#1, %26, %27) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> {
    ^bb0(%arg5: tensor<?x1x48xbf16>, %arg6: tensor<?x1xi32>, %arg7: tensor<?x1xi32>, %arg8: tensor<3xi32>, %arg9: tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<2x32xf32, #mm1.padded<multiple = 32>>):
      %55 = mm1.expert_linear %arg5, %arg6 grouped(%arg7, %arg8) weights(%arg9) scales(%arg10) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> loc(#loc32)
      mm1.yield %55 : tensor<?x1x32xbf16> loc(#loc32)
    } loc(#loc32)
    %29 = mm1.load_weight @layers.1.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc33)
    %30 = mm1.cluster row_reduction(%28, %19#1, %16, %29) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x1x32xbf16>, %arg6: tensor<?x1xf32>, %arg7: tensor<?x32xbf16>, %arg8: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %55 = mm1.combine %arg5, %arg6 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xf32> loc(#loc32)
      %56 = mm1.residual %arg7, %55 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xf32> loc(#loc32)
      %57 = mm1.rms_norm %56, %arg8 eps = 1.000000e-05 : (tensor<?x32xf32>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc33)
      mm1.yield %57 : tensor<?x32xbf16> loc(#loc33)
    } loc(#loc33)
    %31 = mm1.load_weight @layers.1.q : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %32 = mm1.load_weight @layers.1.k : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %33 = mm1.load_weight @layers.1.v : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %34:3 = mm1.cluster matmul(%30, %31, %32, %33) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 4 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16>) {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg7: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg8: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %55:3 = mm1.linear %arg5 weights(%arg6, %arg7, %arg8) : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16>) loc(#loc18)
      mm1.yield %55#0, %55#1, %55#2 : tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xbf16> loc(#loc18)
    } loc(#loc18)
    %35 = mm1.load_state @layers.1.kv : tensor<?x2x2x64x16xbf16> loc(#loc18)
    %36 = mm1.cluster cache_append(%34#1, %2#0, %2#1, %34#2, %35, %arg3, %arg2, %arg1, %arg4) schedule {per = 1 : i64, tasks = 2 : i64, unit = "sequences"} : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<?x4xf32>, %arg7: tensor<?x4xf32>, %arg8: tensor<?x32xbf16>, %arg9: tensor<?x2x2x64x16xbf16>, %arg10: tensor<?xi32>, %arg11: tensor<?xi32>, %arg12: tensor<?xi32>, %arg13: tensor<?x?xi32>):
      %55 = mm1.rope %arg5, %arg6, %arg7 head_dim = 16 : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x32xbf16> loc(#loc18)
      %56 = mm1.cache_append %55, %arg8, %arg9 batch(%arg10, %arg11, %arg12, %arg13) : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16> loc(#loc18)
      mm1.yield %56 : tensor<?x2x2x64x16xbf16> loc(#loc18)
    } loc(#loc18)
    %37 = mm1.cluster attention(%34#0, %2#0, %2#1, %36, %arg3, %arg2, %arg1, %arg4) schedule {grain = 1 : i64, per = 16 : i64, tasks = 2 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16> {
    ^bb0(%arg5: tensor<?x64xbf16>, %arg6: tensor<?x4xf32>, %arg7: tensor<?x4xf32>, %arg8: tensor<?x2x2x64x16xbf16>, %arg9: tensor<?xi32>, %arg10: tensor<?xi32>, %arg11: tensor<?xi32>, %arg12: tensor<?x?xi32>):
      %55 = mm1.rope %arg5, %arg6, %arg7 head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16> loc(#loc18)
      %56 = mm1.softmax_attention %55, %arg8 batch(%arg9, %arg10, %arg11, %arg12) scale = 2.500000e-01 : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16> loc(#loc18)
      mm1.yield %56 : tensor<?x64xbf16> loc(#loc18)
    } loc(#loc18)
    mm1.store_state %36, @layers.1.kv : tensor<?x2x2x64x16xbf16> loc(#loc18)
    %38 = mm1.load_weight @layers.1.o : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc18)
    %39 = mm1.cluster matmul(%37, %38, %30) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x64xbf16>, %arg6: tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg7: tensor<?x32xbf16>):
      %55 = mm1.linear %arg5 weights(%arg6) : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x32xf32> loc(#loc18)
      %56 = mm1.residual %arg7, %55 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xbf16> loc(#loc18)
      mm1.yield %56 : tensor<?x32xbf16> loc(#loc18)
    } loc(#loc18)
    %40 = mm1.load_weight @layers.1.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc34)
    %41 = mm1.cluster row_reduction(%39, %40) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %55 = mm1.rms_norm %arg5, %arg6 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc34)
      mm1.yield %55 : tensor<?x32xbf16> loc(#loc34)
    } loc(#loc34)
    %42 = mm1.load_weight @layers.1.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> loc(#loc35)
    %43 = mm1.cluster matmul(%41, %42) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>):
      %55 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> loc(#loc35)
      mm1.yield %55 : tensor<?x2xf32> loc(#loc35)
    } loc(#loc35)
    %44:2 = mm1.cluster routing(%43) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
    ^bb0(%arg5: tensor<?x2xf32>):
      %ids, %weights = mm1.router %arg5 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32> loc(#loc35)
      mm1.yield %ids, %weights : tensor<?x1xi32>, tensor<?x1xf32> loc(#loc35)
    } loc(#loc35)
    %45:2 = mm1.cluster routing(%44#0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1xi32>) -> (tensor<?x1xi32>, tensor<3xi32>) {
    ^bb0(%arg5: tensor<?x1xi32>):
      %order, %offsets = mm1.group_tokens %arg5 : tensor<?x1xi32> -> tensor<?x1xi32>, tensor<3xi32> loc(#loc35)
      mm1.yield %order, %offsets : tensor<?x1xi32>, tensor<3xi32> loc(#loc35)
    } loc(#loc35)
    %46 = mm1.load_weight @layers.1.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc35)
    %47 = mm1.load_weight @layers.1.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc35)
    %48 = mm1.load_weight @layers.1.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc35)
    %49 = mm1.load_weight @layers.1.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> loc(#loc35)
    %50 = mm1.cluster grouped_matmul(%41, %44#0, %45#0, %45#1, %46, %48, %47, %49) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x48xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<?x1xi32>, %arg7: tensor<?x1xi32>, %arg8: tensor<3xi32>, %arg9: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg11: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg12: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
      %55:2 = mm1.expert_linear %arg5, %arg6 grouped(%arg7, %arg8) weights(%arg9, %arg10) scales(%arg11, %arg12) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x1x48xf32>, tensor<?x1x48xf32>) loc(#loc35)
      %56 = mm1.silu %55#0 : tensor<?x1x48xf32> loc(#loc35)
      %57 = mm1.mul %56, %55#1 : (tensor<?x1x48xf32>, tensor<?x1x48xf32>) -> tensor<?x1x48xbf16> loc(#loc35)
      mm1.yield %57 : tensor<?x1x48xbf16> loc(#loc35)
    } loc(#loc35)
    %51 = mm1.load_weight @layers.1.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> loc(#loc35)
    %52 = mm1.load_weight @layers.1.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> loc(#loc35)
    %53 = mm1.cluster grouped_matmul(%50, %44#0, %45#0, %45#1, %51, %52) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> {
    ^bb0(%arg5: tensor<?x1x48xbf16>, %arg6: tensor<?x1xi32>, %arg7: tensor<?x1xi32>, %arg8: tensor<3xi32>, %arg9: tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<2x32xf32, #mm1.padded<multiple = 32>>):
      %55 = mm1.expert_linear %arg5, %arg6 grouped(%arg7, %arg8) weights(%arg9) scales(%arg10) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> loc(#loc35)
      mm1.yield %55 : tensor<?x1x32xbf16> loc(#loc35)
    } loc(#loc35)
    %54 = mm1.cluster elementwise(%53, %44#1, %41) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x1x32xbf16>, %arg6: tensor<?x1xf32>, %arg7: tensor<?x32xbf16>):
      %55 = mm1.combine %arg5, %arg6 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xf32> loc(#loc35)
      %56 = mm1.residual %arg7, %55 alpha = 1.4142135623730951 beta = 1.000000e+00 : (tensor<?x32xbf16>, tensor<?x32xf32>) -> tensor<?x32xbf16> loc(#loc35)
      mm1.yield %56 : tensor<?x32xbf16> loc(#loc35)
    } loc(#loc35)
    return %54 : tensor<?x32xbf16> loc(#loc39)
  } loc(#loc39)
  func.func @head_1(%arg0: tensor<?x32xbf16> {mm1.name = "hidden"}, %arg1: tensor<?xi32> {mm1.name = "rows"}, %arg2: tensor<3xi32> {mm1.name = "vocabulary_mask"}, %arg3: tensor<?xi32> {mm1.name = "candidate_counts"}, %arg4: tensor<?xf32> {mm1.name = "inverse_temperatures"}) -> (tensor<?x96xf32> {mm1.name = "logits"}, tensor<?x64xf32> {mm1.name = "candidate_values"}, tensor<?x64xi32> {mm1.name = "candidate_ids"}, tensor<?x2xf32> {mm1.name = "candidate_sums"}) attributes {mm1.entry = "head", mm1.sequences = 1 : i64, mm1.tokens = 1 : i64} {
    %0 = mm1.load_weight @norm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc36)
    %1 = mm1.cluster row_reduction(%arg0, %arg1, %0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<?xi32>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<?xi32>, %arg7: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %5 = mm1.gather_rows %arg5, %arg6 : (tensor<?x32xbf16>, tensor<?xi32>) -> tensor<?x32xbf16> loc(#loc36)
      %6 = mm1.rms_norm %5, %arg7 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc36)
      mm1.yield %6 : tensor<?x32xbf16> loc(#loc36)
    } loc(#loc36)
    %2 = mm1.load_weight @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc37)
    %3 = mm1.cluster matmul(%1, %2) schedule {panels = 3 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %5 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> loc(#loc37)
      mm1.yield %5 : tensor<?x96xf32> loc(#loc37)
    } loc(#loc37)
    %4:3 = mm1.cluster selection(%3, %arg2, %arg3, %arg4) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>) {
    ^bb0(%arg5: tensor<?x96xf32>, %arg6: tensor<3xi32>, %arg7: tensor<?xi32>, %arg8: tensor<?xf32>):
      %values, %ids, %sums = mm1.top_candidates %arg5, %arg6, %arg7, %arg8 k = 64 : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>) loc(#loc38)
      mm1.yield %values, %ids, %sums : tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32> loc(#loc38)
    } loc(#loc38)
    return %3, %4#0, %4#1, %4#2 : tensor<?x96xf32>, tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32> loc(#loc40)
  } loc(#loc40)
  func.func @head_2(%arg0: tensor<?x32xbf16> {mm1.name = "hidden"}, %arg1: tensor<?xi32> {mm1.name = "rows"}, %arg2: tensor<3xi32> {mm1.name = "vocabulary_mask"}, %arg3: tensor<?xi32> {mm1.name = "candidate_counts"}, %arg4: tensor<?xf32> {mm1.name = "inverse_temperatures"}) -> (tensor<?x96xf32> {mm1.name = "logits"}, tensor<?x64xf32> {mm1.name = "candidate_values"}, tensor<?x64xi32> {mm1.name = "candidate_ids"}, tensor<?x2xf32> {mm1.name = "candidate_sums"}) attributes {mm1.entry = "head", mm1.sequences = 2 : i64, mm1.tokens = 2 : i64} {
    %0 = mm1.load_weight @norm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc36)
    %1 = mm1.cluster row_reduction(%arg0, %arg1, %0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<?xi32>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<?xi32>, %arg7: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %5 = mm1.gather_rows %arg5, %arg6 : (tensor<?x32xbf16>, tensor<?xi32>) -> tensor<?x32xbf16> loc(#loc36)
      %6 = mm1.rms_norm %5, %arg7 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc36)
      mm1.yield %6 : tensor<?x32xbf16> loc(#loc36)
    } loc(#loc36)
    %2 = mm1.load_weight @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc37)
    %3 = mm1.cluster matmul(%1, %2) schedule {panels = 3 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %5 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> loc(#loc37)
      mm1.yield %5 : tensor<?x96xf32> loc(#loc37)
    } loc(#loc37)
    %4:3 = mm1.cluster selection(%3, %arg2, %arg3, %arg4) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>) {
    ^bb0(%arg5: tensor<?x96xf32>, %arg6: tensor<3xi32>, %arg7: tensor<?xi32>, %arg8: tensor<?xf32>):
      %values, %ids, %sums = mm1.top_candidates %arg5, %arg6, %arg7, %arg8 k = 64 : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>) loc(#loc38)
      mm1.yield %values, %ids, %sums : tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32> loc(#loc38)
    } loc(#loc38)
    return %3, %4#0, %4#1, %4#2 : tensor<?x96xf32>, tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32> loc(#loc40)
  } loc(#loc40)
  func.func @head_16(%arg0: tensor<?x32xbf16> {mm1.name = "hidden"}, %arg1: tensor<?xi32> {mm1.name = "rows"}, %arg2: tensor<3xi32> {mm1.name = "vocabulary_mask"}, %arg3: tensor<?xi32> {mm1.name = "candidate_counts"}, %arg4: tensor<?xf32> {mm1.name = "inverse_temperatures"}) -> (tensor<?x96xf32> {mm1.name = "logits"}, tensor<?x64xf32> {mm1.name = "candidate_values"}, tensor<?x64xi32> {mm1.name = "candidate_ids"}, tensor<?x2xf32> {mm1.name = "candidate_sums"}) attributes {mm1.entry = "head", mm1.sequences = 2 : i64, mm1.tokens = 16 : i64} {
    %0 = mm1.load_weight @norm : tensor<32xbf16, #mm1.padded<multiple = 32>> loc(#loc36)
    %1 = mm1.cluster row_reduction(%arg0, %arg1, %0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<?xi32>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<?xi32>, %arg7: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %5 = mm1.gather_rows %arg5, %arg6 : (tensor<?x32xbf16>, tensor<?xi32>) -> tensor<?x32xbf16> loc(#loc36)
      %6 = mm1.rms_norm %5, %arg7 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> loc(#loc36)
      mm1.yield %6 : tensor<?x32xbf16> loc(#loc36)
    } loc(#loc36)
    %2 = mm1.load_weight @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>> loc(#loc37)
    %3 = mm1.cluster matmul(%1, %2) schedule {panels = 3 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %5 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> loc(#loc37)
      mm1.yield %5 : tensor<?x96xf32> loc(#loc37)
    } loc(#loc37)
    %4:3 = mm1.cluster selection(%3, %arg2, %arg3, %arg4) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>) {
    ^bb0(%arg5: tensor<?x96xf32>, %arg6: tensor<3xi32>, %arg7: tensor<?xi32>, %arg8: tensor<?xf32>):
      %values, %ids, %sums = mm1.top_candidates %arg5, %arg6, %arg7, %arg8 k = 64 : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>) loc(#loc38)
      mm1.yield %values, %ids, %sums : tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32> loc(#loc38)
    } loc(#loc38)
    return %3, %4#0, %4#1, %4#2 : tensor<?x96xf32>, tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32> loc(#loc40)
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
#loc27 = loc("decode")
#loc29 = loc("model.embed_tokens")
#loc30 = loc("model.layers.0.input_layernorm")
#loc31 = loc("model.layers.0.post_attention_layernorm")
#loc32 = loc("model.layers.0.block_sparse_moe")
#loc33 = loc("model.layers.1.input_layernorm")
#loc34 = loc("model.layers.1.post_attention_layernorm")
#loc35 = loc("model.layers.1.block_sparse_moe")
#loc36 = loc("model.norm")
#loc37 = loc("lm_head")
#loc38 = loc("sampling")
#loc39 = loc("prefill")
#loc40 = loc("head")
