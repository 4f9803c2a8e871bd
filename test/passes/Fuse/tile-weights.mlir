// RUN: mm1-opt %s --mm1-tile-weights --split-input-file | FileCheck %s

// Matrices in tiles, by element type; vectors and tables padded; what nobody loads stays as it is.
// CHECK: mm1.weight @table : tensor<500x60xbf16, #mm1.padded<multiple = 32>>
// CHECK-SAME: steps = [#mm1.pad<multiple = 32>]
mm1.weight @table : tensor<500x60xbf16> = #mm1.recipe<sources = [#mm1.source<"t" : tensor<500x60xbf16>>], steps = []>
// CHECK: mm1.weight @bf16 : tensor<96x60xbf16, #mm1.tiled<panel = 32, depth = 2>>
// CHECK-SAME: steps = [#mm1.tile<panel = 32, depth = 2>]
mm1.weight @bf16 : tensor<96x60xbf16> = #mm1.recipe<sources = [#mm1.source<"a" : tensor<96x60xbf16>>], steps = []>
// CHECK: mm1.weight @f32 : tensor<96x60xf32, #mm1.tiled<panel = 32, depth = 1>>
mm1.weight @f32 : tensor<96x60xf32> = #mm1.recipe<sources = [#mm1.source<"b" : tensor<96x60xf32>>], steps = []>
// CHECK: mm1.weight @i8 : tensor<96x60xi8, #mm1.tiled<panel = 32, depth = 2>>
// CHECK-SAME: steps = [#mm1.quantize<int8_rows>, #mm1.tile<panel = 32, depth = 2>]
mm1.weight @i8 : tensor<96x60xi8> = #mm1.recipe<
    sources = [#mm1.source<"c" : tensor<96x60xbf16>>], steps = [#mm1.quantize<int8_rows>]>
// CHECK: mm1.weight @i8.scale : tensor<96xf32, #mm1.padded<multiple = 32>>
mm1.weight @i8.scale : tensor<96xf32> = #mm1.recipe<
    sources = [#mm1.source<"c" : tensor<96x60xbf16>>], steps = [#mm1.quantize_scales<int8_rows>]>
// CHECK: mm1.weight @unread : tensor<96x60xf32> =
mm1.weight @unread : tensor<96x60xf32> = #mm1.recipe<sources = [#mm1.source<"d" : tensor<96x60xf32>>], steps = []>
// CHECK: mm1.weight @loaded_for_nobody : tensor<96x60xf32> =
mm1.weight @loaded_for_nobody : tensor<96x60xf32> = #mm1.recipe<sources = [#mm1.source<"e" : tensor<96x60xf32>>], steps = []>
// CHECK-LABEL: func.func @layouts
//       CHECK:   mm1.load_weight @table : tensor<500x60xbf16, #mm1.padded<multiple = 32>>
//       CHECK:   mm1.embedding %{{.*}} : (tensor<?xi32>, tensor<500x60xbf16, #mm1.padded<multiple = 32>>) -> tensor<?x60xbf16>
//       CHECK:   mm1.linear %{{.*}} : (tensor<?x60xbf16>, tensor<96x60xi8, #mm1.tiled<panel = 32, depth = 2>>, tensor<96xf32, #mm1.padded<multiple = 32>>)
func.func @layouts(%tokens: tensor<?xi32>) -> (tensor<?x96xbf16>, tensor<?x96xbf16>, tensor<?x96xbf16>) {
  %t = mm1.load_weight @table : tensor<500x60xbf16>
  %x = mm1.embedding %tokens, %t : (tensor<?xi32>, tensor<500x60xbf16>) -> tensor<?x60xbf16>
  %a = mm1.load_weight @bf16 : tensor<96x60xbf16>
  %p = mm1.linear %x weights(%a) : (tensor<?x60xbf16>, tensor<96x60xbf16>) -> tensor<?x96xbf16>
  %b = mm1.load_weight @f32 : tensor<96x60xf32>
  %q = mm1.linear %x weights(%b) : (tensor<?x60xbf16>, tensor<96x60xf32>) -> tensor<?x96xbf16>
  %c = mm1.load_weight @i8 : tensor<96x60xi8>
  %s = mm1.load_weight @i8.scale : tensor<96xf32>
  %r = mm1.linear %x weights(%c) scales(%s) : (tensor<?x60xbf16>, tensor<96x60xi8>, tensor<96xf32>) -> tensor<?x96xbf16>
  %e = mm1.load_weight @loaded_for_nobody : tensor<96x60xf32>
  return %p, %q, %r : tensor<?x96xbf16>, tensor<?x96xbf16>, tensor<?x96xbf16>
}

// -----

// Through a cluster, in two functions.
// CHECK: mm1.weight @w1 : tensor<2x96x64xf32, #mm1.tiled<panel = 32, depth = 1>>
mm1.weight @w1 : tensor<2x96x64xf32> = #mm1.recipe<sources = [#mm1.source<"a" : tensor<2x96x64xf32>>], steps = []>
// CHECK-LABEL: func.func @decode
//       CHECK:   mm1.cluster grouped_matmul(%{{.*}}) : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xf32, #mm1.tiled<panel = 32, depth = 1>>)
//  CHECK-NEXT:   ^bb0(%{{.*}}, %[[W:.*]]: tensor<2x96x64xf32, #mm1.tiled<panel = 32, depth = 1>>):
//       CHECK:     mm1.expert_linear %{{.*}} weights(%[[W]])
func.func @decode(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>) -> tensor<?x2x96xf32> {
  %w = mm1.load_weight @w1 : tensor<2x96x64xf32>
  %y = mm1.cluster grouped_matmul (%x, %ids, %w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xf32>) -> tensor<?x2x96xf32> {
  ^bb0(%a: tensor<?x64xf32>, %b: tensor<?x2xi32>, %d: tensor<2x96x64xf32>):
    %0 = mm1.expert_linear %a, %b weights(%d)
        : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xf32>) -> tensor<?x2x96xf32>
    mm1.yield %0 : tensor<?x2x96xf32>
  }
  return %y : tensor<?x2x96xf32>
}
// CHECK-LABEL: func.func @prefill
//       CHECK:   mm1.load_weight @w1 : tensor<2x96x64xf32, #mm1.tiled<panel = 32, depth = 1>>
func.func @prefill(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>) -> tensor<?x2x96xf32> {
  %w = mm1.load_weight @w1 : tensor<2x96x64xf32>
  %y = mm1.expert_linear %x, %ids weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xf32>) -> tensor<?x2x96xf32>
  return %y : tensor<?x2x96xf32>
}

// -----

// A weight that has a layout keeps it.
// CHECK: mm1.weight @w : tensor<96x64xf32, #mm1.tiled<panel = 16, depth = 4>>
// CHECK-SAME: steps = [#mm1.tile<panel = 16, depth = 4>]
mm1.weight @w : tensor<96x64xf32, #mm1.tiled<panel = 16, depth = 4>> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<96x64xf32>>], steps = [#mm1.tile<panel = 16, depth = 4>]>
func.func @already(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  %w = mm1.load_weight @w : tensor<96x64xf32, #mm1.tiled<panel = 16, depth = 4>>
  %y = mm1.linear %x weights(%w) : (tensor<?x64xf32>, tensor<96x64xf32, #mm1.tiled<panel = 16, depth = 4>>) -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}
