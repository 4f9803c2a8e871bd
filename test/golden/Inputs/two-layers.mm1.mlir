module attributes {mm1.compute = "bf16", mm1.model = {experts = 2 : i64, head_dim = 16 : i64, heads = 4 : i64, hidden = 32 : i64, intermediate = 48 : i64, kv_heads = 2 : i64, layers = 2 : i64, lightning_layers = 1 : i64, max_positions = 4096 : i64, model_type = "minimax_m1", rotary_dim = 8 : i64, softmax_layers = 1 : i64, top_k = 1 : i64, vocab = 96 : i64}, mm1.ranks = 1 : i64} {
  mm1.weight @embed_tokens : tensor<96x32xbf16> = <sources = [#mm1.source<"model.embed_tokens.weight" : tensor<96x32xbf16>>], steps = []>
  mm1.weight @rope.inv_freq : tensor<4xf32> = <sources = [], steps = [#mm1.rope_frequencies<theta = 1.000000e+07 : f64, width = 8>]>
  mm1.weight @layers.0.input_layernorm : tensor<32xbf16> = <sources = [#mm1.source<"model.layers.0.input_layernorm.weight" : tensor<32xbf16>>], steps = []>
  mm1.weight @layers.0.qkv : tensor<192x32xbf16> = <sources = [#mm1.source<"model.layers.0.self_attn.qkv_proj.weight" : tensor<192x32xbf16>>], steps = []>
  mm1.weight @layers.0.output_gate : tensor<64x32xbf16> = <sources = [#mm1.source<"model.layers.0.self_attn.output_gate.weight" : tensor<64x32xbf16>>], steps = []>
  mm1.weight @layers.0.slopes : tensor<4xf32> = <sources = [], steps = [#mm1.lightning_slopes<heads = 4, layer = 0, layers = 2, rule = interleaved, factor = published>]>
  mm1.state recurrent @layers.0.lightning : tensor<?x4x16x16xf32>
  mm1.weight @layers.0.norm : tensor<64xbf16> = <sources = [#mm1.source<"model.layers.0.self_attn.norm.weight" : tensor<64xbf16>>], steps = []>
  mm1.weight @layers.0.out_proj : tensor<32x64xbf16> = <sources = [#mm1.source<"model.layers.0.self_attn.out_proj.weight" : tensor<32x64xbf16>>], steps = []>
  mm1.weight @layers.0.post_attention_layernorm : tensor<32xbf16> = <sources = [#mm1.source<"model.layers.0.post_attention_layernorm.weight" : tensor<32xbf16>>], steps = []>
  mm1.weight @layers.0.router : tensor<2x32xf32> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.gate.weight" : tensor<2x32xf32>>], steps = []>
  mm1.weight @layers.0.experts.w1 : tensor<2x48x32xbf16> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w1.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w1.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack]>
  mm1.weight @layers.0.experts.w3 : tensor<2x48x32xbf16> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w3.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w3.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack]>
  mm1.weight @layers.0.experts.w2 : tensor<2x32x48xbf16> = <sources = [#mm1.source<"model.layers.0.block_sparse_moe.experts.0.w2.weight" : tensor<32x48xbf16>>, #mm1.source<"model.layers.0.block_sparse_moe.experts.1.w2.weight" : tensor<32x48xbf16>>], steps = [#mm1.stack]>
  mm1.weight @layers.1.input_layernorm : tensor<32xbf16> = <sources = [#mm1.source<"model.layers.1.input_layernorm.weight" : tensor<32xbf16>>], steps = []>
  mm1.weight @layers.1.q : tensor<64x32xbf16> = <sources = [#mm1.source<"model.layers.1.self_attn.q_proj.weight" : tensor<64x32xbf16>>], steps = []>
  mm1.weight @layers.1.k : tensor<32x32xbf16> = <sources = [#mm1.source<"model.layers.1.self_attn.k_proj.weight" : tensor<32x32xbf16>>], steps = []>
  mm1.weight @layers.1.v : tensor<32x32xbf16> = <sources = [#mm1.source<"model.layers.1.self_attn.v_proj.weight" : tensor<32x32xbf16>>], steps = []>
  mm1.state kv_pages @layers.1.kv : tensor<?x2x2x64x16xbf16>
  mm1.weight @layers.1.o : tensor<32x64xbf16> = <sources = [#mm1.source<"model.layers.1.self_attn.o_proj.weight" : tensor<32x64xbf16>>], steps = []>
  mm1.weight @layers.1.post_attention_layernorm : tensor<32xbf16> = <sources = [#mm1.source<"model.layers.1.post_attention_layernorm.weight" : tensor<32xbf16>>], steps = []>
  mm1.weight @layers.1.router : tensor<2x32xf32> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.gate.weight" : tensor<2x32xf32>>], steps = []>
  mm1.weight @layers.1.experts.w1 : tensor<2x48x32xbf16> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w1.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w1.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack]>
  mm1.weight @layers.1.experts.w3 : tensor<2x48x32xbf16> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w3.weight" : tensor<48x32xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w3.weight" : tensor<48x32xbf16>>], steps = [#mm1.stack]>
  mm1.weight @layers.1.experts.w2 : tensor<2x32x48xbf16> = <sources = [#mm1.source<"model.layers.1.block_sparse_moe.experts.0.w2.weight" : tensor<32x48xbf16>>, #mm1.source<"model.layers.1.block_sparse_moe.experts.1.w2.weight" : tensor<32x48xbf16>>], steps = [#mm1.stack]>
  mm1.weight @norm : tensor<32xbf16> = <sources = [#mm1.source<"model.norm.weight" : tensor<32xbf16>>], steps = []>
  mm1.weight @lm_head : tensor<96x32xbf16> = <sources = [#mm1.source<"lm_head.weight" : tensor<96x32xbf16>>], steps = []>
  func.func @decode(%arg0: tensor<?xi32> {mm1.name = "tokens"}, %arg1: tensor<?xi32> {mm1.name = "positions"}, %arg2: tensor<?xi32> {mm1.name = "starts"}, %arg3: tensor<?xi32> {mm1.name = "slots"}, %arg4: tensor<?x?xi32> {mm1.name = "pages"}) -> (tensor<?x32xbf16> {mm1.name = "hidden"}) attributes {mm1.entry = "decode"} {
    %0 = mm1.load_weight @embed_tokens : tensor<96x32xbf16>
    %1 = mm1.embedding %arg0, %0 : (tensor<?xi32>, tensor<96x32xbf16>) -> tensor<?x32xbf16>
    %2 = mm1.load_weight @rope.inv_freq : tensor<4xf32>
    %cos, %sin = mm1.rope_angles %arg1, %2 : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
    %3 = mm1.load_weight @layers.0.input_layernorm : tensor<32xbf16>
    %4 = mm1.rms_norm %1, %3 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16>) -> tensor<?x32xbf16>
    %5 = mm1.load_weight @layers.0.qkv : tensor<192x32xbf16>
    %6 = mm1.linear %4 weights(%5) : (tensor<?x32xbf16>, tensor<192x32xbf16>) -> tensor<?x192xbf16>
    %7 = mm1.silu %6 : tensor<?x192xbf16>
    %8 = mm1.load_weight @layers.0.output_gate : tensor<64x32xbf16>
    %9 = mm1.linear %4 weights(%8) : (tensor<?x32xbf16>, tensor<64x32xbf16>) -> tensor<?x64xbf16>
    %10 = mm1.load_weight @layers.0.slopes : tensor<4xf32>
    %11 = mm1.load_state @layers.0.lightning : tensor<?x4x16x16xf32>
    %out, %nextState = mm1.lightning_attention %7, %10, %11 batch(%arg3, %arg2, %arg1) : (tensor<?x192xbf16>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>)
    mm1.store_state %nextState, @layers.0.lightning : tensor<?x4x16x16xf32>
    %12 = mm1.load_weight @layers.0.norm : tensor<64xbf16>
    %13 = mm1.rms_norm %out, %12 eps = 9.9999999999999995E-7 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
    %14 = mm1.sigmoid_gate %13, %9 : tensor<?x64xbf16>
    %15 = mm1.load_weight @layers.0.out_proj : tensor<32x64xbf16>
    %16 = mm1.linear %14 weights(%15) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xbf16>
    %17 = mm1.residual %4, %16 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
    %18 = mm1.load_weight @layers.0.post_attention_layernorm : tensor<32xbf16>
    %19 = mm1.rms_norm %17, %18 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16>) -> tensor<?x32xbf16>
    %20 = mm1.load_weight @layers.0.router : tensor<2x32xf32>
    %21 = mm1.linear %19 weights(%20) : (tensor<?x32xbf16>, tensor<2x32xf32>) -> tensor<?x2xf32>
    %ids, %weights = mm1.router %21 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    %22 = mm1.load_weight @layers.0.experts.w1 : tensor<2x48x32xbf16>
    %23 = mm1.expert_linear %19, %ids weights(%22) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<2x48x32xbf16>) -> tensor<?x1x48xbf16>
    %24 = mm1.load_weight @layers.0.experts.w3 : tensor<2x48x32xbf16>
    %25 = mm1.expert_linear %19, %ids weights(%24) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<2x48x32xbf16>) -> tensor<?x1x48xbf16>
    %26 = mm1.silu %23 : tensor<?x1x48xbf16>
    %27 = mm1.mul %26, %25 : tensor<?x1x48xbf16>
    %28 = mm1.load_weight @layers.0.experts.w2 : tensor<2x32x48xbf16>
    %29 = mm1.expert_linear %27, %ids weights(%28) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<2x32x48xbf16>) -> tensor<?x1x32xbf16>
    %30 = mm1.combine %29, %weights : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xbf16>
    %31 = mm1.residual %19, %30 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
    %32 = mm1.load_weight @layers.1.input_layernorm : tensor<32xbf16>
    %33 = mm1.rms_norm %31, %32 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16>) -> tensor<?x32xbf16>
    %34 = mm1.load_weight @layers.1.q : tensor<64x32xbf16>
    %35 = mm1.linear %33 weights(%34) : (tensor<?x32xbf16>, tensor<64x32xbf16>) -> tensor<?x64xbf16>
    %36 = mm1.load_weight @layers.1.k : tensor<32x32xbf16>
    %37 = mm1.linear %33 weights(%36) : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xbf16>
    %38 = mm1.load_weight @layers.1.v : tensor<32x32xbf16>
    %39 = mm1.linear %33 weights(%38) : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xbf16>
    %40 = mm1.rope %35, %cos, %sin head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
    %41 = mm1.rope %37, %cos, %sin head_dim = 16 : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x32xbf16>
    %42 = mm1.load_state @layers.1.kv : tensor<?x2x2x64x16xbf16>
    %43 = mm1.cache_append %41, %39, %42 batch(%arg3, %arg2, %arg1, %arg4) : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16>
    mm1.store_state %43, @layers.1.kv : tensor<?x2x2x64x16xbf16>
    %44 = mm1.softmax_attention %40, %43 batch(%arg3, %arg2, %arg1, %arg4) scale = 2.500000e-01 : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
    %45 = mm1.load_weight @layers.1.o : tensor<32x64xbf16>
    %46 = mm1.linear %44 weights(%45) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xbf16>
    %47 = mm1.residual %33, %46 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
    %48 = mm1.load_weight @layers.1.post_attention_layernorm : tensor<32xbf16>
    %49 = mm1.rms_norm %47, %48 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16>) -> tensor<?x32xbf16>
    %50 = mm1.load_weight @layers.1.router : tensor<2x32xf32>
    %51 = mm1.linear %49 weights(%50) : (tensor<?x32xbf16>, tensor<2x32xf32>) -> tensor<?x2xf32>
    %ids_0, %weights_1 = mm1.router %51 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    %52 = mm1.load_weight @layers.1.experts.w1 : tensor<2x48x32xbf16>
    %53 = mm1.expert_linear %49, %ids_0 weights(%52) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<2x48x32xbf16>) -> tensor<?x1x48xbf16>
    %54 = mm1.load_weight @layers.1.experts.w3 : tensor<2x48x32xbf16>
    %55 = mm1.expert_linear %49, %ids_0 weights(%54) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<2x48x32xbf16>) -> tensor<?x1x48xbf16>
    %56 = mm1.silu %53 : tensor<?x1x48xbf16>
    %57 = mm1.mul %56, %55 : tensor<?x1x48xbf16>
    %58 = mm1.load_weight @layers.1.experts.w2 : tensor<2x32x48xbf16>
    %59 = mm1.expert_linear %57, %ids_0 weights(%58) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<2x32x48xbf16>) -> tensor<?x1x32xbf16>
    %60 = mm1.combine %59, %weights_1 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xbf16>
    %61 = mm1.residual %49, %60 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
    return %61 : tensor<?x32xbf16>
  }
  func.func @prefill(%arg0: tensor<?xi32> {mm1.name = "tokens"}, %arg1: tensor<?xi32> {mm1.name = "positions"}, %arg2: tensor<?xi32> {mm1.name = "starts"}, %arg3: tensor<?xi32> {mm1.name = "slots"}, %arg4: tensor<?x?xi32> {mm1.name = "pages"}) -> (tensor<?x32xbf16> {mm1.name = "hidden"}) attributes {mm1.entry = "prefill"} {
    %0 = mm1.load_weight @embed_tokens : tensor<96x32xbf16>
    %1 = mm1.embedding %arg0, %0 : (tensor<?xi32>, tensor<96x32xbf16>) -> tensor<?x32xbf16>
    %2 = mm1.load_weight @rope.inv_freq : tensor<4xf32>
    %cos, %sin = mm1.rope_angles %arg1, %2 : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
    %3 = mm1.load_weight @layers.0.input_layernorm : tensor<32xbf16>
    %4 = mm1.rms_norm %1, %3 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16>) -> tensor<?x32xbf16>
    %5 = mm1.load_weight @layers.0.qkv : tensor<192x32xbf16>
    %6 = mm1.linear %4 weights(%5) : (tensor<?x32xbf16>, tensor<192x32xbf16>) -> tensor<?x192xbf16>
    %7 = mm1.silu %6 : tensor<?x192xbf16>
    %8 = mm1.load_weight @layers.0.output_gate : tensor<64x32xbf16>
    %9 = mm1.linear %4 weights(%8) : (tensor<?x32xbf16>, tensor<64x32xbf16>) -> tensor<?x64xbf16>
    %10 = mm1.load_weight @layers.0.slopes : tensor<4xf32>
    %11 = mm1.load_state @layers.0.lightning : tensor<?x4x16x16xf32>
    %out, %nextState = mm1.lightning_attention %7, %10, %11 batch(%arg3, %arg2, %arg1) : (tensor<?x192xbf16>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>)
    mm1.store_state %nextState, @layers.0.lightning : tensor<?x4x16x16xf32>
    %12 = mm1.load_weight @layers.0.norm : tensor<64xbf16>
    %13 = mm1.rms_norm %out, %12 eps = 9.9999999999999995E-7 : (tensor<?x64xbf16>, tensor<64xbf16>) -> tensor<?x64xbf16>
    %14 = mm1.sigmoid_gate %13, %9 : tensor<?x64xbf16>
    %15 = mm1.load_weight @layers.0.out_proj : tensor<32x64xbf16>
    %16 = mm1.linear %14 weights(%15) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xbf16>
    %17 = mm1.residual %4, %16 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
    %18 = mm1.load_weight @layers.0.post_attention_layernorm : tensor<32xbf16>
    %19 = mm1.rms_norm %17, %18 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16>) -> tensor<?x32xbf16>
    %20 = mm1.load_weight @layers.0.router : tensor<2x32xf32>
    %21 = mm1.linear %19 weights(%20) : (tensor<?x32xbf16>, tensor<2x32xf32>) -> tensor<?x2xf32>
    %ids, %weights = mm1.router %21 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    %22 = mm1.load_weight @layers.0.experts.w1 : tensor<2x48x32xbf16>
    %23 = mm1.expert_linear %19, %ids weights(%22) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<2x48x32xbf16>) -> tensor<?x1x48xbf16>
    %24 = mm1.load_weight @layers.0.experts.w3 : tensor<2x48x32xbf16>
    %25 = mm1.expert_linear %19, %ids weights(%24) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<2x48x32xbf16>) -> tensor<?x1x48xbf16>
    %26 = mm1.silu %23 : tensor<?x1x48xbf16>
    %27 = mm1.mul %26, %25 : tensor<?x1x48xbf16>
    %28 = mm1.load_weight @layers.0.experts.w2 : tensor<2x32x48xbf16>
    %29 = mm1.expert_linear %27, %ids weights(%28) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<2x32x48xbf16>) -> tensor<?x1x32xbf16>
    %30 = mm1.combine %29, %weights : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xbf16>
    %31 = mm1.residual %19, %30 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
    %32 = mm1.load_weight @layers.1.input_layernorm : tensor<32xbf16>
    %33 = mm1.rms_norm %31, %32 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16>) -> tensor<?x32xbf16>
    %34 = mm1.load_weight @layers.1.q : tensor<64x32xbf16>
    %35 = mm1.linear %33 weights(%34) : (tensor<?x32xbf16>, tensor<64x32xbf16>) -> tensor<?x64xbf16>
    %36 = mm1.load_weight @layers.1.k : tensor<32x32xbf16>
    %37 = mm1.linear %33 weights(%36) : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xbf16>
    %38 = mm1.load_weight @layers.1.v : tensor<32x32xbf16>
    %39 = mm1.linear %33 weights(%38) : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xbf16>
    %40 = mm1.rope %35, %cos, %sin head_dim = 16 : (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x64xbf16>
    %41 = mm1.rope %37, %cos, %sin head_dim = 16 : (tensor<?x32xbf16>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x32xbf16>
    %42 = mm1.load_state @layers.1.kv : tensor<?x2x2x64x16xbf16>
    %43 = mm1.cache_append %41, %39, %42 batch(%arg3, %arg2, %arg1, %arg4) : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16>
    mm1.store_state %43, @layers.1.kv : tensor<?x2x2x64x16xbf16>
    %44 = mm1.softmax_attention %40, %43 batch(%arg3, %arg2, %arg1, %arg4) scale = 2.500000e-01 : (tensor<?x64xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x64xbf16>
    %45 = mm1.load_weight @layers.1.o : tensor<32x64xbf16>
    %46 = mm1.linear %44 weights(%45) : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xbf16>
    %47 = mm1.residual %33, %46 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
    %48 = mm1.load_weight @layers.1.post_attention_layernorm : tensor<32xbf16>
    %49 = mm1.rms_norm %47, %48 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16>) -> tensor<?x32xbf16>
    %50 = mm1.load_weight @layers.1.router : tensor<2x32xf32>
    %51 = mm1.linear %49 weights(%50) : (tensor<?x32xbf16>, tensor<2x32xf32>) -> tensor<?x2xf32>
    %ids_0, %weights_1 = mm1.router %51 : tensor<?x2xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    %52 = mm1.load_weight @layers.1.experts.w1 : tensor<2x48x32xbf16>
    %53 = mm1.expert_linear %49, %ids_0 weights(%52) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<2x48x32xbf16>) -> tensor<?x1x48xbf16>
    %54 = mm1.load_weight @layers.1.experts.w3 : tensor<2x48x32xbf16>
    %55 = mm1.expert_linear %49, %ids_0 weights(%54) : (tensor<?x32xbf16>, tensor<?x1xi32>, tensor<2x48x32xbf16>) -> tensor<?x1x48xbf16>
    %56 = mm1.silu %53 : tensor<?x1x48xbf16>
    %57 = mm1.mul %56, %55 : tensor<?x1x48xbf16>
    %58 = mm1.load_weight @layers.1.experts.w2 : tensor<2x32x48xbf16>
    %59 = mm1.expert_linear %57, %ids_0 weights(%58) : (tensor<?x1x48xbf16>, tensor<?x1xi32>, tensor<2x32x48xbf16>) -> tensor<?x1x32xbf16>
    %60 = mm1.combine %59, %weights_1 : (tensor<?x1x32xbf16>, tensor<?x1xf32>) -> tensor<?x32xbf16>
    %61 = mm1.residual %49, %60 alpha = 1.4142135623730951 beta = 1.000000e+00 : tensor<?x32xbf16>
    return %61 : tensor<?x32xbf16>
  }
  func.func @head(%arg0: tensor<?x32xbf16> {mm1.name = "hidden"}, %arg1: tensor<?xi32> {mm1.name = "rows"}) -> (tensor<?x96xf32> {mm1.name = "logits"}) attributes {mm1.entry = "head"} {
    %0 = mm1.gather_rows %arg0, %arg1 : (tensor<?x32xbf16>, tensor<?xi32>) -> tensor<?x32xbf16>
    %1 = mm1.load_weight @norm : tensor<32xbf16>
    %2 = mm1.rms_norm %0, %1 eps = 1.000000e-05 : (tensor<?x32xbf16>, tensor<32xbf16>) -> tensor<?x32xbf16>
    %3 = mm1.load_weight @lm_head : tensor<96x32xbf16>
    %4 = mm1.linear %2 weights(%3) : (tensor<?x32xbf16>, tensor<96x32xbf16>) -> tensor<?x96xf32>
    return %4 : tensor<?x96xf32>
  }
}
