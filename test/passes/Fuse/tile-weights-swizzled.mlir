// Which matrices are worth swizzled tiles: those whose rows fill more than half of them.
// RUN: mm1-opt %s --mm1-tile-weights=target=sm_90a --split-input-file | FileCheck %s

// 33 rows: 31 of padding.
// CHECK: mm1.weight @more_than_half : tensor<33x64xbf16, #mm1.swizzled<rows = 64, order = natural>>
mm1.weight @more_than_half : tensor<33x64xbf16> = #mm1.recipe<sources = [#mm1.source<"a" : tensor<33x64xbf16>>], steps = []>
// 32 rows, M1's router: as much padding as numbers.
// CHECK: mm1.weight @half : tensor<32x6144xf32, #mm1.padded<multiple = 32>>
// CHECK-SAME: steps = [#mm1.pad<multiple = 32>]
mm1.weight @half : tensor<32x6144xf32> = #mm1.recipe<sources = [#mm1.source<"b" : tensor<32x6144xf32>>], steps = []>
// 65 rows: two tiles, 63 rows of padding.
// CHECK: mm1.weight @second_tile : tensor<65x64xf32, #mm1.swizzled<rows = 64, order = natural>>
mm1.weight @second_tile : tensor<65x64xf32> = #mm1.recipe<sources = [#mm1.source<"c" : tensor<65x64xf32>>], steps = []>
// Columns do not count: a line of 128 bytes holds 8 k.
// CHECK: mm1.weight @few_columns : tensor<64x8xbf16, #mm1.swizzled<rows = 64, order = natural>>
mm1.weight @few_columns : tensor<64x8xbf16> = #mm1.recipe<sources = [#mm1.source<"d" : tensor<64x8xbf16>>], steps = []>
func.func @linears(%x: tensor<?x64xbf16>, %y: tensor<?x6144xbf16>, %z: tensor<?x8xbf16>)
    -> (tensor<?x33xbf16>, tensor<?x32xf32>, tensor<?x65xbf16>, tensor<?x64xbf16>) {
  %a = mm1.load_weight @more_than_half : tensor<33x64xbf16>
  %p = mm1.linear %x weights(%a) : (tensor<?x64xbf16>, tensor<33x64xbf16>) -> tensor<?x33xbf16>
  %b = mm1.load_weight @half : tensor<32x6144xf32>
  %q = mm1.linear %y weights(%b) : (tensor<?x6144xbf16>, tensor<32x6144xf32>) -> tensor<?x32xf32>
  %c = mm1.load_weight @second_tile : tensor<65x64xf32>
  %r = mm1.linear %x weights(%c) : (tensor<?x64xbf16>, tensor<65x64xf32>) -> tensor<?x65xbf16>
  %d = mm1.load_weight @few_columns : tensor<64x8xbf16>
  %s = mm1.linear %z weights(%d) : (tensor<?x8xbf16>, tensor<64x8xbf16>) -> tensor<?x64xbf16>
  return %p, %q, %r, %s : tensor<?x33xbf16>, tensor<?x32xf32>, tensor<?x65xbf16>, tensor<?x64xbf16>
}

// -----

// Experts count by the rows of one; through a cluster.
// CHECK: mm1.weight @experts : tensor<4x96x64xi8, #mm1.swizzled<rows = 64, order = fragment>>
mm1.weight @experts : tensor<4x96x64xi8> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4x96x64xbf16>>], steps = [#mm1.quantize<int8_rows>]>
// CHECK: mm1.weight @experts.scale : tensor<4x96xf32, #mm1.padded<multiple = 32>>
mm1.weight @experts.scale : tensor<4x96xf32> = #mm1.recipe<
    sources = [#mm1.source<"a" : tensor<4x96x64xbf16>>], steps = [#mm1.quantize_scales<int8_rows>]>
// CHECK: mm1.weight @small_experts : tensor<4x16x64xi8, #mm1.padded<multiple = 32>>
mm1.weight @small_experts : tensor<4x16x64xi8> = #mm1.recipe<
    sources = [#mm1.source<"b" : tensor<4x16x64xbf16>>], steps = [#mm1.quantize<int8_rows>]>
mm1.weight @small_experts.scale : tensor<4x16xf32> = #mm1.recipe<
    sources = [#mm1.source<"b" : tensor<4x16x64xbf16>>], steps = [#mm1.quantize_scales<int8_rows>]>
// CHECK-LABEL: func.func @decode
//       CHECK:   ^bb0(%{{.*}}, %[[W:.*]]: tensor<4x96x64xi8, #mm1.swizzled<rows = 64, order = fragment>>, %{{.*}}):
//       CHECK:     mm1.expert_linear %{{.*}} weights(%[[W]])
func.func @decode(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>) -> (tensor<?x2x96xf32>, tensor<?x2x16xf32>) {
  %w = mm1.load_weight @experts : tensor<4x96x64xi8>
  %s = mm1.load_weight @experts.scale : tensor<4x96xf32>
  %y = mm1.cluster grouped_matmul (%x, %ids, %w, %s)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xi8>, tensor<4x96xf32>) -> tensor<?x2x96xf32> {
  ^bb0(%a: tensor<?x64xf32>, %b: tensor<?x2xi32>, %d: tensor<4x96x64xi8>, %e: tensor<4x96xf32>):
    %0 = mm1.expert_linear %a, %b weights(%d) scales(%e)
        : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xi8>, tensor<4x96xf32>) -> tensor<?x2x96xf32>
    mm1.yield %0 : tensor<?x2x96xf32>
  }
  %v = mm1.load_weight @small_experts : tensor<4x16x64xi8>
  %t = mm1.load_weight @small_experts.scale : tensor<4x16xf32>
  %z = mm1.expert_linear %x, %ids weights(%v) scales(%t)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x16x64xi8>, tensor<4x16xf32>) -> tensor<?x2x16xf32>
  return %y, %z : tensor<?x2x96xf32>, tensor<?x2x16xf32>
}
