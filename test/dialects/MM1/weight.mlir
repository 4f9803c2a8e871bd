// RUN: mm1-opt %s --verify-roundtrip --split-input-file | FileCheck %s

// A tensor of the checkpoint as it is.
// CHECK: mm1.weight @layers.0.out_proj : tensor<64x128xbf16> = <sources = [#mm1.source<"model.layers.0.self_attn.out_proj.weight" : tensor<64x128xbf16>>], steps = []>
mm1.weight @layers.0.out_proj : tensor<64x128xbf16> = #mm1.recipe<
    sources = [#mm1.source<"model.layers.0.self_attn.out_proj.weight" : tensor<64x128xbf16>>], steps = []>

// -----

// Experts stacked, quantised and tiled; their scales.
// CHECK: mm1.weight @w1 : tensor<2x96x64xi8, #mm1.tiled<panel = 32, depth = 2>>
// CHECK-SAME: steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]
mm1.weight @w1 : tensor<2x96x64xi8, #mm1.tiled<panel = 32, depth = 2>> = #mm1.recipe<
    sources = [#mm1.source<"0.w1" : tensor<96x64xbf16>>, #mm1.source<"1.w1" : tensor<96x64xbf16>>],
    steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]>
// CHECK: mm1.weight @w1.scale : tensor<2x96xf32, #mm1.padded<multiple = 32>>
// CHECK-SAME: steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]
mm1.weight @w1.scale : tensor<2x96xf32, #mm1.padded<multiple = 32>> = #mm1.recipe<
    sources = [#mm1.source<"0.w1" : tensor<96x64xbf16>>, #mm1.source<"1.w1" : tensor<96x64xbf16>>],
    steps = [#mm1.stack, #mm1.quantize_scales<int8_rows>, #mm1.pad<multiple = 32>]>

// -----

// For a GPU: tiles of 64 rows by 128 bytes; int8 in the order of matrix instructions.
// CHECK: mm1.weight @tiles : tensor<96x64xbf16, #mm1.swizzled<rows = 64, order = natural>>
// CHECK-SAME: steps = [#mm1.swizzle<rows = 64, order = natural>]
mm1.weight @tiles : tensor<96x64xbf16, #mm1.swizzled<rows = 64, order = natural>> = #mm1.recipe<
    sources = [#mm1.source<"0.w1" : tensor<96x64xbf16>>], steps = [#mm1.swizzle<rows = 64, order = natural>]>
// CHECK: mm1.weight @fragments : tensor<2x96x64xi8, #mm1.swizzled<rows = 64, order = fragment>>
// CHECK-SAME: steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.swizzle<rows = 64, order = fragment>]
mm1.weight @fragments : tensor<2x96x64xi8, #mm1.swizzled<rows = 64, order = fragment>> = #mm1.recipe<
    sources = [#mm1.source<"0.w1" : tensor<96x64xbf16>>, #mm1.source<"1.w1" : tensor<96x64xbf16>>],
    steps = [#mm1.stack, #mm1.quantize<int8_rows>, #mm1.swizzle<rows = 64, order = fragment>]>

// -----

// Joined along a dimension, cut, cast.
// CHECK: mm1.weight @cut : tensor<16x64xf32>
// CHECK-SAME: steps = [#mm1.concat<axis = 0>, #mm1.slice<axis = 0, offset = 32, size = 16>, #mm1.cast<f32>]
mm1.weight @cut : tensor<16x64xf32> = #mm1.recipe<
    sources = [#mm1.source<"k" : tensor<32x64xbf16>>, #mm1.source<"v" : tensor<16x64xbf16>>],
    steps = [#mm1.concat<axis = 0>, #mm1.slice<axis = 0, offset = 32, size = 16>, #mm1.cast<f32>]>

// -----

// Made from nothing.
// CHECK: mm1.weight @rope.inv_freq : tensor<4xf32> = <sources = [], steps = [#mm1.rope_frequencies<theta = 1.000000e+07 : f64, width = 8>]>
mm1.weight @rope.inv_freq : tensor<4xf32> = #mm1.recipe<
    sources = [], steps = [#mm1.rope_frequencies<theta = 1.0e7 : f64, width = 8>]>
// CHECK: mm1.weight @slopes : tensor<12xf32>
// CHECK-SAME: #mm1.lightning_slopes<heads = 12, layer = 3, layers = 8, rule = interleaved, factor = published>
mm1.weight @slopes : tensor<12xf32> = #mm1.recipe<sources = [], steps = [
    #mm1.lightning_slopes<heads = 12, layer = 3, layers = 8, rule = interleaved, factor = published>]>
