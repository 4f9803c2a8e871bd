module attributes {mm1.compute = "bf16", mm1.model = {experts = 2 : i64, head_dim = 16 : i64, heads = 4 : i64, hidden = 32 : i64, intermediate = 48 : i64, kv_heads = 2 : i64, layers = 2 : i64, lightning_layers = 1 : i64, max_positions = 4096 : i64, model_type = "minimax_m1", rotary_dim = 8 : i64, softmax_layers = 1 : i64, top_k = 1 : i64, vocab = 96 : i64}, mm1.ranks = 1 : i64, mm1.scheme = "int8-experts"} {
  mm1.weight @embed_tokens : tensor<96x32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.embed_tokens.weight" : tensor<96x32xbf16>>], steps = [#mm1.pad<multiple = 32>]>
  mm1.weight @rope.inv_freq : tensor<4xf32, #mm1.padded<multiple = 32>> = <sources = [], steps = [#mm1.rope_frequencies<theta = 1.000000e+07 : f64, width = 8>, #mm1.pad<multiple = 32>]>
  mm1.weight @layers.0.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.input_layernorm.weight" : tensor<32xbf16>>], steps = [#mm1.pad<multiple = 32>]>
  mm1.weight @layers.0.qkv : tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.self_attn.qkv_proj.weight" : tensor<192x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.0.output_gate : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.self_attn.output_gate.weight" : tensor<64x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.0.slopes : tensor<4xf32, #mm1.padded<multiple = 32>> = <sources = [], steps = [#mm1.lightning_slopes<heads = 4, layer = 0, layers = 2, rule = interleaved, factor = published>, #mm1.pad<multiple = 32>]>
  mm1.state recurrent @layers.0.lightning : tensor<?x4x16x16xf32>
  mm1.weight @layers.0.norm : tensor<64xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.self_attn.norm.weight" : tensor<64xbf16>>], steps = [#mm1.pad<multiple = 32>]>
  mm1.weight @layers.0.out_proj : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.self_attn.out_proj.weight" : tensor<32x64xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.0.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.post_attention_layernorm.weight" : tensor<32xbf16>>], steps = [#mm1.pad<multiple = 32>]>
  mm1.weight @layers.0.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.gate.weight" : tensor<2x32xf32>>], steps = [#mm1.tile<panel = 32, depth = 1>]>
  mm1.weight @layers.0.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w1.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w1.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.0.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w1.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w1.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]>
  mm1.weight @layers.0.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w3.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w3.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.0.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w3.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w3.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]>
  mm1.weight @layers.0.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w2.weight" : tensor<32x48xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w2.weight" : tensor<32x48xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.0.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w2.weight" : tensor<32x48xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w2.weight" : tensor<32x48xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]>
  mm1.weight @layers.1.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.1.input_layernorm.weight" : tensor<32xbf16>>], steps = [#mm1.pad<multiple = 32>]>
  mm1.weight @layers.1.q : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.self_attn.q_proj.weight" : tensor<64x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.1.k : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.self_attn.k_proj.weight" : tensor<32x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.1.v : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.self_attn.v_proj.weight" : tensor<32x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]>
  mm1.state kv_pages @layers.1.kv : tensor<?x2x2x64x16xbf16>
  mm1.weight @layers.1.o : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.self_attn.o_proj.weight" : tensor<32x64xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.1.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.1.post_attention_layernorm.weight" : tensor<32xbf16>>], steps = [#mm1.pad<multiple = 32>]>
  mm1.weight @layers.1.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.gate.weight" : tensor<2x32xf32>>], steps = [#mm1.tile<panel = 32, depth = 1>]>
  mm1.weight @layers.1.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w1.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w1.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.1.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w1.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w1.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]>
  mm1.weight @layers.1.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w3.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w3.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.1.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w3.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w3.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]>
  mm1.weight @layers.1.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w2.weight" : tensor<32x48xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w2.weight" : tensor<32x48xbf16>>], steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]>
  mm1.weight @layers.1.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w2.weight" : tensor<32x48xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w2.weight" : tensor<32x48xbf16>>], steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]>
  mm1.weight @norm : tensor<32xbf16, #mm1.padded<multiple = 32>> = <sources = [#mm1.source<"model.norm.weight" : tensor<32xbf16>>], steps = [#mm1.pad<multiple = 32>]>
  mm1.weight @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>> = <sources = [#mm1.source<"lm_head.weight" : tensor<96x32xbf16>>], steps = [#mm1.tile<panel = 32, depth = 2>]>
  func.func @decode(%arg0: tensor<?xi32> {mm1.name = "tokens"}, %arg1: tensor<?xi32> {mm1.name = "positions"}, %arg2: tensor<?xi32> {mm1.name = "starts"}, %arg3: tensor<?xi32> {mm1.name = "slots"}, %arg4: tensor<?x?xi32> {mm1.name = "pages"}, %arg5: tensor<3xi32> {mm1.name = "vocabulary_mask"}, %arg6: tensor<?xi32> {mm1.name = "candidate_counts"}, %arg7: tensor<?xf32> {mm1.name = "inverse_temperatures"}) -> (tensor<?x96xf32> {mm1.name = "logits"}, tensor<?x64xf32> {mm1.name = "candidate_values"}, tensor<?x64xi32> {mm1.name = "candidate_ids"}, tensor<?x2xf32> {mm1.name = "candidate_sums"}) attributes {mm1.entry = "decode"} {
    %0 = mm1.load_weight @embed_tokens : tensor<96x32xbf16, #mm1.padded<multiple = 32>>
    %1 = mm1.load_weight @rope.inv_freq : tensor<4xf32, #mm1.padded<multiple = 32>>
    %2:2 = mm1.cluster elementwise(%arg1, %1) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    ^bb0(%arg8: tensor<?xi32>, %arg9: tensor<4xf32, #mm1.padded<multiple = 32>>):
      %cos, %sin = mm1.rope_angles %arg8, %arg9 : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
      mm1.yield %cos, %sin : tensor<?x4xf32>, tensor<?x4xf32>
    }
    %3 = mm1.load_weight @layers.0.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>>
    %4 = mm1.cluster row_reduction(%arg0, %0, %3) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?xi32>, %arg9: tensor<96x32xbf16, #mm1.padded<multiple = 32>>, %arg10: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %61 = mm1.embedding %arg8, %arg9 : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      %62 = mm1.rms_norm %61, %arg10 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      mm1.yield %62 : tensor<?x32xbf16>
    }
    %5 = mm1.load_weight @layers.0.qkv : tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %6 = mm1.cluster matmul(%4, %5) schedule {panels = 3 : i64, per = 1 : i64, rows = 12 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x192xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %61 = mm1.linear %arg8 weights(%arg9) : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x192xbf16>
      %62 = mm1.silu %61 : tensor<?x192xbf16>
      mm1.yield %62 : tensor<?x192xbf16>
    }
    %7 = mm1.load_weight @layers.0.output_gate : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %8 = mm1.cluster matmul(%4, %7) schedule {panels = 2 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x64xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %61 = mm1.linear %arg8 weights(%arg9) : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x64xbf16>
      mm1.yield %61 : tensor<?x64xbf16>
    }
    %9 = mm1.load_weight @layers.0.slopes : tensor<4xf32, #mm1.padded<multiple = 32>>
    %10 = mm1.load_state @layers.0.lightning : tensor<?x4x16x16xf32>
    %11:2 = mm1.cluster recurrence(%6, %9, %10, %arg3, %arg2, %arg1) schedule {chunk = 64 : i64, per = 1 : i64, tasks = 4 : i64, unit = "sequences"} : (tensor<?x192xbf16>, tensor<4xf32, #mm1.padded<multiple = 32>>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>) {
    ^bb0(%arg8: tensor<?x192xbf16>, %arg9: tensor<4xf32, #mm1.padded<multiple = 32>>, %arg10: tensor<?x4x16x16xf32>, %arg11: tensor<?xi32>, %arg12: tensor<?xi32>, %arg13: tensor<?xi32>):
      %out, %nextState = mm1.lightning_attention %arg8, %arg9, %arg10 batch(%arg11, %arg12, %arg13) : (tensor<?x192xbf16>, tensor<4xf32, #mm1.padded<multiple = 32>>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>)
      mm1.yield %out, %nextState : tensor<?x64xbf16>, tensor<?x4x16x16xf32>
    }
    mm1.store_state %11#1, @layers.0.lightning : tensor<?x4x16x16xf32>
    %12 = mm1.load_weight @layers.0.norm : tensor<64xbf16, #mm1.padded<multiple = 32>>
    %13 = mm1.cluster row_reduction(%11#0, %12, %8) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>, tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    ^bb0(%arg8: tensor<?x64xbf16>, %arg9: tensor<64xbf16, #mm1.padded<multiple = 32>>, %arg10: tensor<?x64xbf16>):
      %61 = mm1.rms_norm %arg8, %arg9 eps = 9.9999999999999995E-7 : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x64xbf16>
      %62 = mm1.sigmoid_gate %61, %arg10 : tensor<?x64xbf16>
      mm1.yield %62 : tensor<?x64xbf16>
    }
    %14 = mm1.load_weight @layers.0.out_proj : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %15 = mm1.cluster matmul(%13, %14, %4) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x64xbf16>, %arg9: tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<?x32xbf16>):
      %61 = mm1.linear %arg8 weights(%arg9) : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x32xbf16>
      %62 = mm1.residual %arg10, %61 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
      mm1.yield %62 : tensor<?x32xbf16>
    }
    %16 = mm1.load_weight @layers.0.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>>
    %17 = mm1.cluster row_reduction(%15, %16) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %61 = mm1.rms_norm %arg8, %arg9 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      mm1.yield %61 : tensor<?x32xbf16>
    }
    %18 = mm1.load_weight @layers.0.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>
    %19 = mm1.cluster matmul(%17, %18) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>):
      %61 = mm1.linear %arg8 weights(%arg9) : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32>
      mm1.yield %61 : tensor<?x2xf32>
    }
    %20:2 = mm1.cluster routing(%19) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
    ^bb0(%arg8: tensor<?x2xf32>):
      %ids, %weights = mm1.router %arg8 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
      mm1.yield %ids, %weights : tensor<?x1xi32>, tensor<?x1xf32>
    }
    %21:2 = mm1.cluster routing(%20#0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1xi32>) -> (tensor<?x1xi32>, tensor<3xi32>) {
    ^bb0(%arg8: tensor<?x1xi32>):
      %order, %offsets = mm1.group_tokens %arg8 : tensor<?x1xi32> -> tensor<?x1xi32>, tensor<3xi32>
      mm1.yield %order, %offsets : tensor<?x1xi32>, tensor<3xi32>
    }
    %22 = mm1.load_weight @layers.0.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>
    %23 = mm1.load_weight @layers.0.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>>
    %24 = mm1.load_weight @layers.0.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>
    %25 = mm1.load_weight @layers.0.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>>
    %26 = mm1.cluster grouped_matmul(%17, %21#0, %21#1, %22, %24, %23, %25) schedule {panels = 2 : i64, per = 1 : i64, rows = 6 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x48xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<?x1xi32>, %arg10: tensor<3xi32>, %arg11: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg12: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg13: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg14: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
      %61:2 = mm1.expert_linear %arg8, %arg9, %arg10 weights(%arg11, %arg12) scales(%arg13, %arg14) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x1x48xbf16>, tensor<?x1x48xbf16>)
      %62 = mm1.silu %61#0 : tensor<?x1x48xbf16>
      %63 = mm1.mul %62, %61#1 : tensor<?x1x48xbf16>
      mm1.yield %63 : tensor<?x1x48xbf16>
    }
    %27 = mm1.load_weight @layers.0.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>
    %28 = mm1.load_weight @layers.0.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>>
    %29 = mm1.cluster grouped_matmul(%26, %21#0, %21#1, %27, %28) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> {
    ^bb0(%arg8: tensor<?x1x48xbf16>, %arg9: tensor<?x1xi32>, %arg10: tensor<3xi32>, %arg11: tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg12: tensor<2x32xf32, #mm1.padded<multiple = 32>>):
      %61 = mm1.expert_linear %arg8, %arg9, %arg10 weights(%arg11) scales(%arg12) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16>
      mm1.yield %61 : tensor<?x1x32xbf16>
    }
    %30 = mm1.load_weight @layers.1.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>>
    %31 = mm1.cluster row_reduction(%29, %20#1, %17, %30) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x1x32xbf16>, %arg9: tensor<?x1xf32>, %arg10: tensor<?x32xbf16>, %arg11: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %61 = mm1.combine %arg8, %arg9 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xbf16>
      %62 = mm1.residual %arg10, %61 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
      %63 = mm1.rms_norm %62, %arg11 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      mm1.yield %63 : tensor<?x32xbf16>
    }
    %32 = mm1.load_weight @layers.1.q : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %33 = mm1.cluster matmul(%31, %32) schedule {panels = 2 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x64xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %61 = mm1.linear %arg8 weights(%arg9) : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x64xbf16>
      mm1.yield %61 : tensor<?x64xbf16>
    }
    %34 = mm1.load_weight @layers.1.k : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %35 = mm1.load_weight @layers.1.v : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %36:2 = mm1.cluster matmul(%31, %34, %35) schedule {panels = 1 : i64, per = 1 : i64, rows = 6 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x32xbf16>, tensor<?x32xbf16>) {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %61:2 = mm1.linear %arg8 weights(%arg9, %arg10) : (tensor<?x32xbf16>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x32xbf16>, tensor<?x32xbf16>)
      mm1.yield %61#0, %61#1 : tensor<?x32xbf16>, tensor<?x32xbf16>
    }
    %37 = mm1.load_state @layers.1.kv : tensor<?x2x2x64x16xbf16>
    %38 = mm1.cluster cache_append(%36#0, %2#0, %2#1, %36#1, %37, %arg3, %arg2, %arg1, %arg4) schedule {per = 1 : i64, tasks = 2 : i64, unit = "sequences"} : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<?x4xf32>, %arg10: tensor<?x4xf32>, %arg11: tensor<?x32xbf16>, %arg12: tensor<?x2x2x64x16xbf16>, %arg13: tensor<?xi32>, %arg14: tensor<?xi32>, %arg15: tensor<?xi32>, %arg16: tensor<?x?xi32>):
      %61 = mm1.rope %arg8, %arg9, %arg10 head_dim = 16 : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x32xbf16>
      %62 = mm1.cache_append %61, %arg11, %arg12 batch(%arg13, %arg14, %arg15, %arg16) : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16>
      mm1.yield %62 : tensor<?x2x2x64x16xbf16>
    }
    mm1.store_state %38, @layers.1.kv : tensor<?x2x2x64x16xbf16>
    %39 = mm1.cluster attention(%33, %2#0, %2#1, %38, %arg3, %arg2, %arg1, %arg4) schedule {per = 1 : i64, tasks = 2 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16> {
    ^bb0(%arg8: tensor<?x64xbf16>, %arg9: tensor<?x4xf32>, %arg10: tensor<?x4xf32>, %arg11: tensor<?x2x2x64x16xbf16>, %arg12: tensor<?xi32>, %arg13: tensor<?xi32>, %arg14: tensor<?xi32>, %arg15: tensor<?x?xi32>):
      %61 = mm1.rope %arg8, %arg9, %arg10 head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
      %62 = mm1.softmax_attention %61, %arg11 batch(%arg12, %arg13, %arg14, %arg15) scale = 2.500000e-01 : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
      mm1.yield %62 : tensor<?x64xbf16>
    }
    %40 = mm1.load_weight @layers.1.o : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %41 = mm1.cluster matmul(%39, %40, %31) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x64xbf16>, %arg9: tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<?x32xbf16>):
      %61 = mm1.linear %arg8 weights(%arg9) : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x32xbf16>
      %62 = mm1.residual %arg10, %61 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
      mm1.yield %62 : tensor<?x32xbf16>
    }
    %42 = mm1.load_weight @layers.1.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>>
    %43 = mm1.cluster row_reduction(%41, %42) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %61 = mm1.rms_norm %arg8, %arg9 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      mm1.yield %61 : tensor<?x32xbf16>
    }
    %44 = mm1.load_weight @layers.1.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>
    %45 = mm1.cluster matmul(%43, %44) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>):
      %61 = mm1.linear %arg8 weights(%arg9) : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32>
      mm1.yield %61 : tensor<?x2xf32>
    }
    %46:2 = mm1.cluster routing(%45) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
    ^bb0(%arg8: tensor<?x2xf32>):
      %ids, %weights = mm1.router %arg8 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
      mm1.yield %ids, %weights : tensor<?x1xi32>, tensor<?x1xf32>
    }
    %47:2 = mm1.cluster routing(%46#0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1xi32>) -> (tensor<?x1xi32>, tensor<3xi32>) {
    ^bb0(%arg8: tensor<?x1xi32>):
      %order, %offsets = mm1.group_tokens %arg8 : tensor<?x1xi32> -> tensor<?x1xi32>, tensor<3xi32>
      mm1.yield %order, %offsets : tensor<?x1xi32>, tensor<3xi32>
    }
    %48 = mm1.load_weight @layers.1.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>
    %49 = mm1.load_weight @layers.1.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>>
    %50 = mm1.load_weight @layers.1.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>
    %51 = mm1.load_weight @layers.1.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>>
    %52 = mm1.cluster grouped_matmul(%43, %47#0, %47#1, %48, %50, %49, %51) schedule {panels = 2 : i64, per = 1 : i64, rows = 6 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x48xbf16> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<?x1xi32>, %arg10: tensor<3xi32>, %arg11: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg12: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg13: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg14: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
      %61:2 = mm1.expert_linear %arg8, %arg9, %arg10 weights(%arg11, %arg12) scales(%arg13, %arg14) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x1x48xbf16>, tensor<?x1x48xbf16>)
      %62 = mm1.silu %61#0 : tensor<?x1x48xbf16>
      %63 = mm1.mul %62, %61#1 : tensor<?x1x48xbf16>
      mm1.yield %63 : tensor<?x1x48xbf16>
    }
    %53 = mm1.load_weight @layers.1.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>
    %54 = mm1.load_weight @layers.1.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>>
    %55 = mm1.cluster grouped_matmul(%52, %47#0, %47#1, %53, %54) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> {
    ^bb0(%arg8: tensor<?x1x48xbf16>, %arg9: tensor<?x1xi32>, %arg10: tensor<3xi32>, %arg11: tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg12: tensor<2x32xf32, #mm1.padded<multiple = 32>>):
      %61 = mm1.expert_linear %arg8, %arg9, %arg10 weights(%arg11) scales(%arg12) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16>
      mm1.yield %61 : tensor<?x1x32xbf16>
    }
    %56 = mm1.load_weight @norm : tensor<32xbf16, #mm1.padded<multiple = 32>>
    %57 = mm1.cluster row_reduction(%55, %46#1, %43, %56) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg8: tensor<?x1x32xbf16>, %arg9: tensor<?x1xf32>, %arg10: tensor<?x32xbf16>, %arg11: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %61 = mm1.combine %arg8, %arg9 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xbf16>
      %62 = mm1.residual %arg10, %61 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
      %63 = mm1.rms_norm %62, %arg11 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      mm1.yield %63 : tensor<?x32xbf16>
    }
    %58 = mm1.load_weight @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %59 = mm1.cluster matmul(%57, %58) schedule {panels = 3 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> {
    ^bb0(%arg8: tensor<?x32xbf16>, %arg9: tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %61 = mm1.linear %arg8 weights(%arg9) : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32>
      mm1.yield %61 : tensor<?x96xf32>
    }
    %60:3 = mm1.cluster selection(%59, %arg5, %arg6, %arg7) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>) {
    ^bb0(%arg8: tensor<?x96xf32>, %arg9: tensor<3xi32>, %arg10: tensor<?xi32>, %arg11: tensor<?xf32>):
      %values, %ids, %sums = mm1.top_candidates %arg8, %arg9, %arg10, %arg11 k = 64 : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>)
      mm1.yield %values, %ids, %sums : tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>
    }
    return %59, %60#0, %60#1, %60#2 : tensor<?x96xf32>, tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>
  }
  func.func @prefill(%arg0: tensor<?xi32> {mm1.name = "tokens"}, %arg1: tensor<?xi32> {mm1.name = "positions"}, %arg2: tensor<?xi32> {mm1.name = "starts"}, %arg3: tensor<?xi32> {mm1.name = "slots"}, %arg4: tensor<?x?xi32> {mm1.name = "pages"}) -> (tensor<?x32xbf16> {mm1.name = "hidden"}) attributes {mm1.entry = "prefill"} {
    %0 = mm1.load_weight @embed_tokens : tensor<96x32xbf16, #mm1.padded<multiple = 32>>
    %1 = mm1.load_weight @rope.inv_freq : tensor<4xf32, #mm1.padded<multiple = 32>>
    %2:2 = mm1.cluster elementwise(%arg1, %1) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    ^bb0(%arg5: tensor<?xi32>, %arg6: tensor<4xf32, #mm1.padded<multiple = 32>>):
      %cos, %sin = mm1.rope_angles %arg5, %arg6 : (tensor<?xi32>, tensor<4xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
      mm1.yield %cos, %sin : tensor<?x4xf32>, tensor<?x4xf32>
    }
    %3 = mm1.load_weight @layers.0.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>>
    %4 = mm1.cluster row_reduction(%arg0, %0, %3) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?xi32>, %arg6: tensor<96x32xbf16, #mm1.padded<multiple = 32>>, %arg7: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %57 = mm1.embedding %arg5, %arg6 : (tensor<?xi32>, tensor<96x32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      %58 = mm1.rms_norm %57, %arg7 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      mm1.yield %58 : tensor<?x32xbf16>
    }
    %5 = mm1.load_weight @layers.0.qkv : tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %6 = mm1.cluster matmul(%4, %5) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 6 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x192xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %57 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<192x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x192xbf16>
      %58 = mm1.silu %57 : tensor<?x192xbf16>
      mm1.yield %58 : tensor<?x192xbf16>
    }
    %7 = mm1.load_weight @layers.0.output_gate : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %8 = mm1.cluster matmul(%4, %7) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x64xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %57 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x64xbf16>
      mm1.yield %57 : tensor<?x64xbf16>
    }
    %9 = mm1.load_weight @layers.0.slopes : tensor<4xf32, #mm1.padded<multiple = 32>>
    %10 = mm1.load_state @layers.0.lightning : tensor<?x4x16x16xf32>
    %11:2 = mm1.cluster recurrence(%6, %9, %10, %arg3, %arg2, %arg1) schedule {chunk = 64 : i64, per = 1 : i64, tasks = 4 : i64, unit = "sequences"} : (tensor<?x192xbf16>, tensor<4xf32, #mm1.padded<multiple = 32>>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>) {
    ^bb0(%arg5: tensor<?x192xbf16>, %arg6: tensor<4xf32, #mm1.padded<multiple = 32>>, %arg7: tensor<?x4x16x16xf32>, %arg8: tensor<?xi32>, %arg9: tensor<?xi32>, %arg10: tensor<?xi32>):
      %out, %nextState = mm1.lightning_attention %arg5, %arg6, %arg7 batch(%arg8, %arg9, %arg10) : (tensor<?x192xbf16>, tensor<4xf32, #mm1.padded<multiple = 32>>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>)
      mm1.yield %out, %nextState : tensor<?x64xbf16>, tensor<?x4x16x16xf32>
    }
    mm1.store_state %11#1, @layers.0.lightning : tensor<?x4x16x16xf32>
    %12 = mm1.load_weight @layers.0.norm : tensor<64xbf16, #mm1.padded<multiple = 32>>
    %13 = mm1.cluster row_reduction(%11#0, %12, %8) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>, tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    ^bb0(%arg5: tensor<?x64xbf16>, %arg6: tensor<64xbf16, #mm1.padded<multiple = 32>>, %arg7: tensor<?x64xbf16>):
      %57 = mm1.rms_norm %arg5, %arg6 eps = 9.9999999999999995E-7 : (tensor<?x64xbf16>, tensor<64xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x64xbf16>
      %58 = mm1.sigmoid_gate %57, %arg7 : tensor<?x64xbf16>
      mm1.yield %58 : tensor<?x64xbf16>
    }
    %14 = mm1.load_weight @layers.0.out_proj : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %15 = mm1.cluster matmul(%13, %14, %4) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x64xbf16>, %arg6: tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg7: tensor<?x32xbf16>):
      %57 = mm1.linear %arg5 weights(%arg6) : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x32xbf16>
      %58 = mm1.residual %arg7, %57 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
      mm1.yield %58 : tensor<?x32xbf16>
    }
    %16 = mm1.load_weight @layers.0.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>>
    %17 = mm1.cluster row_reduction(%15, %16) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %57 = mm1.rms_norm %arg5, %arg6 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      mm1.yield %57 : tensor<?x32xbf16>
    }
    %18 = mm1.load_weight @layers.0.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>
    %19 = mm1.cluster matmul(%17, %18) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>):
      %57 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32>
      mm1.yield %57 : tensor<?x2xf32>
    }
    %20:2 = mm1.cluster routing(%19) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
    ^bb0(%arg5: tensor<?x2xf32>):
      %ids, %weights = mm1.router %arg5 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
      mm1.yield %ids, %weights : tensor<?x1xi32>, tensor<?x1xf32>
    }
    %21:2 = mm1.cluster routing(%20#0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1xi32>) -> (tensor<?x1xi32>, tensor<3xi32>) {
    ^bb0(%arg5: tensor<?x1xi32>):
      %order, %offsets = mm1.group_tokens %arg5 : tensor<?x1xi32> -> tensor<?x1xi32>, tensor<3xi32>
      mm1.yield %order, %offsets : tensor<?x1xi32>, tensor<3xi32>
    }
    %22 = mm1.load_weight @layers.0.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>
    %23 = mm1.load_weight @layers.0.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>>
    %24 = mm1.load_weight @layers.0.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>
    %25 = mm1.load_weight @layers.0.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>>
    %26 = mm1.cluster grouped_matmul(%17, %21#0, %21#1, %22, %24, %23, %25) schedule {panels = 1 : i64, per = 1 : i64, rows = 6 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x48xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<?x1xi32>, %arg7: tensor<3xi32>, %arg8: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg9: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg11: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
      %57:2 = mm1.expert_linear %arg5, %arg6, %arg7 weights(%arg8, %arg9) scales(%arg10, %arg11) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x1x48xbf16>, tensor<?x1x48xbf16>)
      %58 = mm1.silu %57#0 : tensor<?x1x48xbf16>
      %59 = mm1.mul %58, %57#1 : tensor<?x1x48xbf16>
      mm1.yield %59 : tensor<?x1x48xbf16>
    }
    %27 = mm1.load_weight @layers.0.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>
    %28 = mm1.load_weight @layers.0.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>>
    %29 = mm1.cluster grouped_matmul(%26, %21#0, %21#1, %27, %28) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> {
    ^bb0(%arg5: tensor<?x1x48xbf16>, %arg6: tensor<?x1xi32>, %arg7: tensor<3xi32>, %arg8: tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg9: tensor<2x32xf32, #mm1.padded<multiple = 32>>):
      %57 = mm1.expert_linear %arg5, %arg6, %arg7 weights(%arg8) scales(%arg9) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16>
      mm1.yield %57 : tensor<?x1x32xbf16>
    }
    %30 = mm1.load_weight @layers.1.input_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>>
    %31 = mm1.cluster row_reduction(%29, %20#1, %17, %30) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x1x32xbf16>, %arg6: tensor<?x1xf32>, %arg7: tensor<?x32xbf16>, %arg8: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %57 = mm1.combine %arg5, %arg6 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xbf16>
      %58 = mm1.residual %arg7, %57 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
      %59 = mm1.rms_norm %58, %arg8 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      mm1.yield %59 : tensor<?x32xbf16>
    }
    %32 = mm1.load_weight @layers.1.q : tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %33 = mm1.cluster matmul(%31, %32) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x64xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %57 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<64x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x64xbf16>
      mm1.yield %57 : tensor<?x64xbf16>
    }
    %34 = mm1.load_weight @layers.1.k : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %35 = mm1.load_weight @layers.1.v : tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %36:2 = mm1.cluster matmul(%31, %34, %35) schedule {panels = 1 : i64, per = 1 : i64, rows = 6 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x32xbf16>, tensor<?x32xbf16>) {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg7: tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %57:2 = mm1.linear %arg5 weights(%arg6, %arg7) : (tensor<?x32xbf16>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<32x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> (tensor<?x32xbf16>, tensor<?x32xbf16>)
      mm1.yield %57#0, %57#1 : tensor<?x32xbf16>, tensor<?x32xbf16>
    }
    %37 = mm1.load_state @layers.1.kv : tensor<?x2x2x64x16xbf16>
    %38 = mm1.cluster cache_append(%36#0, %2#0, %2#1, %36#1, %37, %arg3, %arg2, %arg1, %arg4) schedule {per = 1 : i64, tasks = 2 : i64, unit = "sequences"} : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<?x4xf32>, %arg7: tensor<?x4xf32>, %arg8: tensor<?x32xbf16>, %arg9: tensor<?x2x2x64x16xbf16>, %arg10: tensor<?xi32>, %arg11: tensor<?xi32>, %arg12: tensor<?xi32>, %arg13: tensor<?x?xi32>):
      %57 = mm1.rope %arg5, %arg6, %arg7 head_dim = 16 : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x32xbf16>
      %58 = mm1.cache_append %57, %arg8, %arg9 batch(%arg10, %arg11, %arg12, %arg13) : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16>
      mm1.yield %58 : tensor<?x2x2x64x16xbf16>
    }
    mm1.store_state %38, @layers.1.kv : tensor<?x2x2x64x16xbf16>
    %39 = mm1.cluster attention(%33, %2#0, %2#1, %38, %arg3, %arg2, %arg1, %arg4) schedule {per = 16 : i64, tasks = 2 : i64, unit = "tokens"} : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16> {
    ^bb0(%arg5: tensor<?x64xbf16>, %arg6: tensor<?x4xf32>, %arg7: tensor<?x4xf32>, %arg8: tensor<?x2x2x64x16xbf16>, %arg9: tensor<?xi32>, %arg10: tensor<?xi32>, %arg11: tensor<?xi32>, %arg12: tensor<?x?xi32>):
      %57 = mm1.rope %arg5, %arg6, %arg7 head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
      %58 = mm1.softmax_attention %57, %arg8 batch(%arg9, %arg10, %arg11, %arg12) scale = 2.500000e-01 : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
      mm1.yield %58 : tensor<?x64xbf16>
    }
    %40 = mm1.load_weight @layers.1.o : tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %41 = mm1.cluster matmul(%39, %40, %31) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x64xbf16>, %arg6: tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>, %arg7: tensor<?x32xbf16>):
      %57 = mm1.linear %arg5 weights(%arg6) : (tensor<?x64xbf16>, tensor<32x64xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x32xbf16>
      %58 = mm1.residual %arg7, %57 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
      mm1.yield %58 : tensor<?x32xbf16>
    }
    %42 = mm1.load_weight @layers.1.post_attention_layernorm : tensor<32xbf16, #mm1.padded<multiple = 32>>
    %43 = mm1.cluster row_reduction(%41, %42) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %57 = mm1.rms_norm %arg5, %arg6 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      mm1.yield %57 : tensor<?x32xbf16>
    }
    %44 = mm1.load_weight @layers.1.router : tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>
    %45 = mm1.cluster matmul(%43, %44) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>):
      %57 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<2x32xf32, #mm1.tiled<panel = 32, depth = 1>>) -> tensor<?x2xf32>
      mm1.yield %57 : tensor<?x2xf32>
    }
    %46:2 = mm1.cluster routing(%45) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
    ^bb0(%arg5: tensor<?x2xf32>):
      %ids, %weights = mm1.router %arg5 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
      mm1.yield %ids, %weights : tensor<?x1xi32>, tensor<?x1xf32>
    }
    %47:2 = mm1.cluster routing(%46#0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1xi32>) -> (tensor<?x1xi32>, tensor<3xi32>) {
    ^bb0(%arg5: tensor<?x1xi32>):
      %order, %offsets = mm1.group_tokens %arg5 : tensor<?x1xi32> -> tensor<?x1xi32>, tensor<3xi32>
      mm1.yield %order, %offsets : tensor<?x1xi32>, tensor<3xi32>
    }
    %48 = mm1.load_weight @layers.1.experts.w1 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>
    %49 = mm1.load_weight @layers.1.experts.w1.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>>
    %50 = mm1.load_weight @layers.1.experts.w3 : tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>
    %51 = mm1.load_weight @layers.1.experts.w3.scale : tensor<2x48xf32, #mm1.padded<multiple = 32>>
    %52 = mm1.cluster grouped_matmul(%43, %47#0, %47#1, %48, %50, %49, %51) schedule {panels = 1 : i64, per = 1 : i64, rows = 6 : i64, tasks = 2 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x48xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<?x1xi32>, %arg7: tensor<3xi32>, %arg8: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg9: tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg10: tensor<2x48xf32, #mm1.padded<multiple = 32>>, %arg11: tensor<2x48xf32, #mm1.padded<multiple = 32>>):
      %57:2 = mm1.expert_linear %arg5, %arg6, %arg7 weights(%arg8, %arg9) scales(%arg10, %arg11) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48x32xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>, tensor<2x48xf32, #mm1.padded<multiple = 32>>) -> (tensor<?x1x48xbf16>, tensor<?x1x48xbf16>)
      %58 = mm1.silu %57#0 : tensor<?x1x48xbf16>
      %59 = mm1.mul %58, %57#1 : tensor<?x1x48xbf16>
      mm1.yield %59 : tensor<?x1x48xbf16>
    }
    %53 = mm1.load_weight @layers.1.experts.w2 : tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>
    %54 = mm1.load_weight @layers.1.experts.w2.scale : tensor<2x32xf32, #mm1.padded<multiple = 32>>
    %55 = mm1.cluster grouped_matmul(%52, %47#0, %47#1, %53, %54) schedule {panels = 1 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16> {
    ^bb0(%arg5: tensor<?x1x48xbf16>, %arg6: tensor<?x1xi32>, %arg7: tensor<3xi32>, %arg8: tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, %arg9: tensor<2x32xf32, #mm1.padded<multiple = 32>>):
      %57 = mm1.expert_linear %arg5, %arg6, %arg7 weights(%arg8) scales(%arg9) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<3xi32>, tensor<2x32x48xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<2x32xf32, #mm1.padded<multiple = 32>>) -> tensor<?x1x32xbf16>
      mm1.yield %57 : tensor<?x1x32xbf16>
    }
    %56 = mm1.cluster elementwise(%55, %46#1, %43) schedule {per = 64 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x1x32xbf16>, tensor<?x1xf32>, tensor<?x32xbf16>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x1x32xbf16>, %arg6: tensor<?x1xf32>, %arg7: tensor<?x32xbf16>):
      %57 = mm1.combine %arg5, %arg6 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xbf16>
      %58 = mm1.residual %arg7, %57 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
      mm1.yield %58 : tensor<?x32xbf16>
    }
    return %56 : tensor<?x32xbf16>
  }
  func.func @head(%arg0: tensor<?x32xbf16> {mm1.name = "hidden"}, %arg1: tensor<?xi32> {mm1.name = "rows"}, %arg2: tensor<3xi32> {mm1.name = "vocabulary_mask"}, %arg3: tensor<?xi32> {mm1.name = "candidate_counts"}, %arg4: tensor<?xf32> {mm1.name = "inverse_temperatures"}) -> (tensor<?x96xf32> {mm1.name = "logits"}, tensor<?x64xf32> {mm1.name = "candidate_values"}, tensor<?x64xi32> {mm1.name = "candidate_ids"}, tensor<?x2xf32> {mm1.name = "candidate_sums"}) attributes {mm1.entry = "head"} {
    %0 = mm1.load_weight @norm : tensor<32xbf16, #mm1.padded<multiple = 32>>
    %1 = mm1.cluster row_reduction(%arg0, %arg1, %0) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x32xbf16>, tensor<?xi32>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<?xi32>, %arg7: tensor<32xbf16, #mm1.padded<multiple = 32>>):
      %5 = mm1.gather_rows %arg5, %arg6 : (tensor<?x32xbf16>, tensor<?xi32>) -> tensor<?x32xbf16>
      %6 = mm1.rms_norm %5, %arg7 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x32xbf16>
      mm1.yield %6 : tensor<?x32xbf16>
    }
    %2 = mm1.load_weight @lm_head : tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>
    %3 = mm1.cluster matmul(%1, %2) schedule {panels = 3 : i64, per = 1 : i64, rows = 12 : i64, tasks = 1 : i64, unit = "one"} : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32> {
    ^bb0(%arg5: tensor<?x32xbf16>, %arg6: tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>):
      %5 = mm1.linear %arg5 weights(%arg6) : (tensor<?x32xbf16>, tensor<96x32xbf16, #mm1.tiled<panel = 32, depth = 2>>) -> tensor<?x96xf32>
      mm1.yield %5 : tensor<?x96xf32>
    }
    %4:3 = mm1.cluster selection(%3, %arg2, %arg3, %arg4) schedule {per = 1 : i64, tasks = 1 : i64, unit = "tokens"} : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>) {
    ^bb0(%arg5: tensor<?x96xf32>, %arg6: tensor<3xi32>, %arg7: tensor<?xi32>, %arg8: tensor<?xf32>):
      %values, %ids, %sums = mm1.top_candidates %arg5, %arg6, %arg7, %arg8 k = 64 : (tensor<?x96xf32>, tensor<3xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>)
      mm1.yield %values, %ids, %sums : tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>
    }
    return %3, %4#0, %4#1, %4#2 : tensor<?x96xf32>, tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x2xf32>
  }
}
